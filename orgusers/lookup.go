package orgusers

// few is how many keys of a lookup are looked through one by one.
const few = 4

// lookup is a map that does without one while it is small. Nearly all decisions concern a few people, and maps for
// those would cost more than the decision. The zero value is empty.
type lookup[K comparable, V any] struct {
	keys   [few]K
	values [few]V
	n      int     // of keys
	rest   map[K]V // behind those
}

// get returns the value of k; the zero value if there is none.
func (l *lookup[K, V]) get(k K) V {
	for i := range l.n {
		if l.keys[i] == k {
			return l.values[i]
		}
	}
	return l.rest[k]
}

// put sets the value of k.
func (l *lookup[K, V]) put(k K, v V) {
	for i := range l.n {
		if l.keys[i] == k {
			l.values[i] = v
			return
		}
	}
	switch {
	case l.n < few:
		l.keys[l.n], l.values[l.n] = k, v
		l.n++
	case l.rest == nil:
		l.rest = map[K]V{k: v}
	default:
		l.rest[k] = v
	}
}
