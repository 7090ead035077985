package ownstore

import (
	"github.com/orgusers/go-orgusers/orgusers"
)

// pick returns copies of the records that are wanted.
func pick[K comparable, V any](m map[K]*V, wanted func(*V) bool) (list []V) {
	for _, v := range m {
		if wanted(v) {
			list = append(list, *v)
		}
	}
	return list
}

// add puts records in, unless one has an id that is taken.
func add[K comparable, V any](m map[K]*V, records []V, id func(*V) K) bool {
	for _, r := range records {
		if m[id(&r)] != nil {
			return false
		}
		m[id(&r)] = &r
	}
	return true
}

// drop takes records out, unless one is not there.
func drop[K comparable, V any](m map[K]*V, ids []K) bool {
	for _, id := range ids {
		if m[id] == nil {
			return false
		}
		delete(m, id)
	}
	return true
}

// edit replaces a record by a changed copy, if there is one.
func edit[K comparable, V any](m map[K]*V, id K, change func(*V)) bool {
	if m[id] == nil {
		return false
	}
	v := *m[id]
	change(&v)
	m[id] = &v
	return true
}

// unique is what a database has a unique index for. It compares byte by byte.
func unique[K, N comparable, V any](m map[K]*V, name func(*V) N) bool {
	seen := make(map[N]bool, len(m))
	for _, v := range m {
		seen[name(v)] = true
	}
	return len(seen) == len(m)
}

// copied is a row to hand out.
func copied(m *orgusers.Member, grants bool) orgusers.Member {
	c := m.Clone()
	if !grants {
		c.Grants = nil
	}
	return c
}
