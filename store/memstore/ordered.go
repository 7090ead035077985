package memstore

import (
	"iter"
	"slices"
	"sort"
)

// chunkLen is the most elements of one chunk. Inserting moves half a chunk of pointers on average,
// and 100,000 elements make a table of a few hundred chunks: both stay well under a microsecond.
const chunkLen = 512

// ordered is a sorted set: slices of bounded length, one behind the other. Finding takes two binary
// searches, inserting and removing move elements of one chunk only, and a page is read from memory
// that lies in a row. Elements are equal when they compare as 0; what an element compares by must
// not change while it is in the set.
type ordered[T any] struct {
	compare func(a, b T) int
	chunks  [][]T // none is empty, and all of one comes before all of the next
	most    int   // elements of one chunk
}

func newOrdered[T any](compare func(a, b T) int) *ordered[T] {
	return &ordered[T]{compare: compare, most: chunkLen}
}

// find returns the place of the first element for which behind is true; behind must be false up to
// some element and true from there on. If it is true for none, chunk is len(o.chunks).
func (o *ordered[T]) find(behind func(T) bool) (chunk, at int) {
	chunk = sort.Search(len(o.chunks), func(i int) bool {
		c := o.chunks[i]
		return behind(c[len(c)-1])
	})
	if chunk == len(o.chunks) {
		return chunk, 0
	}
	c := o.chunks[chunk]
	return chunk, sort.Search(len(c), func(i int) bool { return behind(c[i]) })
}

// place returns where v is, or where it would be inserted.
func (o *ordered[T]) place(v T) (chunk, at int, found bool) {
	chunk, at = o.find(func(e T) bool { return o.compare(e, v) >= 0 })
	return chunk, at, chunk < len(o.chunks) && o.compare(o.chunks[chunk][at], v) == 0
}

// has reports whether an equal element is in the set.
func (o *ordered[T]) has(v T) bool {
	_, _, found := o.place(v)
	return found
}

// insert adds v and reports whether it did; an equal element stays as it is.
func (o *ordered[T]) insert(v T) bool {
	chunk, at, found := o.place(v)
	if found {
		return false
	}
	if chunk == len(o.chunks) {
		// Behind everything: logs grow here, so a full last chunk is left full.
		if chunk == 0 || len(o.chunks[chunk-1]) == o.most {
			o.chunks = append(o.chunks, []T{v})
			return true
		}
		chunk--
		at = len(o.chunks[chunk])
	}
	if len(o.chunks[chunk]) == o.most {
		half := o.most / 2
		tail := slices.Clone(o.chunks[chunk][half:])
		o.chunks[chunk] = slices.Delete(o.chunks[chunk], half, o.most)
		o.chunks = slices.Insert(o.chunks, chunk+1, tail)
		if at > half {
			chunk, at = chunk+1, at-half
		}
	}
	o.chunks[chunk] = slices.Insert(o.chunks[chunk], at, v)
	return true
}

// remove takes the element equal to v out and reports whether there was one.
func (o *ordered[T]) remove(v T) bool {
	chunk, at, found := o.place(v)
	if !found {
		return false
	}
	c := slices.Delete(o.chunks[chunk], at, at+1)
	o.chunks[chunk] = c
	if len(c) == 0 {
		o.chunks = slices.Delete(o.chunks, chunk, chunk+1)
		return true
	}
	// Sparse neighbors become one, so that the table does not stay long after much was removed.
	if next := chunk + 1; next < len(o.chunks) && len(c)+len(o.chunks[next]) <= o.most/4 {
		o.chunks[chunk] = append(c, o.chunks[next]...)
		o.chunks = slices.Delete(o.chunks, next, next+1)
	}
	return true
}

// ascend yields the elements in order, beginning with the first for which behind is true. The set
// must not change meanwhile.
func (o *ordered[T]) ascend(behind func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		chunk, at := o.find(behind)
		for ; chunk < len(o.chunks); chunk, at = chunk+1, 0 {
			for _, v := range o.chunks[chunk][at:] {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// descend yields the elements in reverse order, beginning with the last for which beyond is false;
// beyond must be false up to some element and true from there on.
func (o *ordered[T]) descend(beyond func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		chunk, at := o.find(beyond)
		for {
			if at == 0 {
				if chunk == 0 {
					return
				}
				chunk--
				at = len(o.chunks[chunk])
			}
			at--
			if !yield(o.chunks[chunk][at]) {
				return
			}
		}
	}
}

// all and none are the bounds of walks over the whole set: from the first up, from the last down.
func all[T any](T) bool  { return true }
func none[T any](T) bool { return false }
