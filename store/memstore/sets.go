package memstore

// few is how many members of a set are looked for one by one. Nearly all decisions concern fewer
// things, and a map would cost more than the decision.
const few = 16

// set remembers what has been seen. The zero value is empty.
type set[K comparable] struct {
	first [few]K
	n     int            // of first
	rest  map[K]struct{} // the ones behind first
}

// add reports whether k is seen for the first time.
func (s *set[K]) add(k K) bool {
	for i := range s.n {
		if s.first[i] == k {
			return false
		}
	}
	if s.n < few {
		s.first[s.n] = k
		s.n++
		return true
	}
	if _, seen := s.rest[k]; seen {
		return false
	}
	if s.rest == nil {
		s.rest = make(map[K]struct{})
	}
	s.rest[k] = struct{}{}
	return true
}

// has reports whether k has been seen.
func (s *set[K]) has(k K) bool {
	for i := range s.n {
		if s.first[i] == k {
			return true
		}
	}
	_, seen := s.rest[k]
	return seen
}

// index lists, for one thing, the others that go with it.
type index[K, V comparable] map[K]map[V]struct{}

func (x index[K, V]) add(k K, v V) {
	set := x[k]
	if set == nil {
		set = make(map[V]struct{})
		x[k] = set
	}
	set[v] = struct{}{}
}

func (x index[K, V]) remove(k K, v V) {
	delete(x[k], v)
	if len(x[k]) == 0 {
		delete(x, k)
	}
}
