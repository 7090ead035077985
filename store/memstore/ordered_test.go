package memstore

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrderedKeepsOrderThroughSplitsAndMerges(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]int{
		"ascending":  sequence(5000, func(i int) int { return i }),
		"descending": sequence(5000, func(i int) int { return -i }),
		"shuffled":   rand.New(rand.NewPCG(1, 2)).Perm(5000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrdered(cmp.Compare[int])
			for _, k := range keys {
				require.True(t, o.insert(k))
				require.False(t, o.insert(k), "an equal element is there already")
			}
			want := slices.Sorted(slices.Values(keys))
			same(t, want, o)
			for i, k := range keys[:4900] {
				require.True(t, o.has(k))
				require.True(t, o.remove(k))
				require.False(t, o.has(k))
				require.False(t, o.remove(k), "it is gone already")
				if i%700 == 0 {
					sound(t, o)
				}
			}
			same(t, slices.Sorted(slices.Values(keys[4900:])), o)
			require.LessOrEqual(t, len(o.chunks), 3, "100 elements left, in chunks that were made for 5,000")
		})
	}
}

func TestOrderedLogsFillTheirChunks(t *testing.T) {
	t.Parallel()
	o := newOrdered(cmp.Compare[int])
	for i := range 10 * chunkLen {
		o.insert(i)
	}
	require.Len(t, o.chunks, 10, "elements that come in order do not leave chunks half empty")
}

func TestOrderedWalksFromAnyPlace(t *testing.T) {
	t.Parallel()
	o := newOrdered(cmp.Compare[int])
	for i := range 2000 {
		o.insert(2 * i) // the odd ones are places between elements
	}
	for _, at := range []int{-1, 0, 1, 2, 1021, 1022, 1023, 1024, 1025, 3997, 3998, 3999, 4000} {
		up := slices.Collect(o.ascend(func(v int) bool { return v > at }))
		down := slices.Collect(o.descend(func(v int) bool { return v >= at }))
		for i, v := range up {
			require.Equal(t, 2*(max(at, -1)/2)+2*i+2*b2i(at >= 0), v)
		}
		slices.Reverse(down)
		for i, v := range down {
			require.Equal(t, 2*i, v)
		}
		equal := b2i(o.has(at))
		require.Equal(t, 2000, len(up)+len(down)+equal)
	}
	for v := range o.ascend(all) {
		require.Equal(t, 0, v)
		break // leaving a walk early must not run on
	}
	for v := range o.descend(none) {
		require.Equal(t, 3998, v)
		break
	}
}

// FuzzOrdered drives the set, with chunks so short that they split and merge all the time, and a
// plain sorted slice with the same calls: one byte each, 7 bits for the element and one for whether
// to insert or to remove it.
func FuzzOrdered(f *testing.F) {
	f.Add([]byte{1, 2, 3, 129, 130})
	r := rand.New(rand.NewPCG(3, 4))
	many := make([]byte, 600)
	for i := range many {
		many[i] = byte(r.Uint32())&127 | byte(i/400)<<7
	}
	f.Add(many)
	f.Fuzz(func(t *testing.T, calls []byte) {
		o := newOrdered(cmp.Compare[int])
		o.most = 8
		var plain []int
		for _, call := range calls {
			v := int(call & 127)
			at, found := slices.BinarySearch(plain, v)
			if call < 128 {
				if o.insert(v) == found {
					t.Fatalf("insert %d: it was there: %v", v, found)
				}
				if !found {
					plain = slices.Insert(plain, at, v)
				}
				continue
			}
			if o.remove(v) != found {
				t.Fatalf("remove %d: it was there: %v", v, found)
			}
			if found {
				plain = slices.Delete(plain, at, at+1)
			}
		}
		same(t, plain, o)
		for _, v := range []int{0, 50, 127} {
			at, found := slices.BinarySearch(plain, v)
			down := slices.Collect(o.descend(func(e int) bool { return e >= v }))
			slices.Reverse(down)
			require.True(t, slices.Equal(plain[:at], down))
			require.True(t, slices.Equal(plain[at+b2i(found):], slices.Collect(o.ascend(func(e int) bool { return e > v }))))
		}
	})
}

func sequence(n int, f func(int) int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = f(i)
	}
	return s
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sound checks the promises on the inside: no empty chunk, none too long, order throughout.
func sound(t *testing.T, o *ordered[int]) {
	t.Helper()
	last, first := 0, true
	for _, c := range o.chunks {
		require.NotEmpty(t, c)
		require.LessOrEqual(t, len(c), o.most)
		for _, v := range c {
			require.True(t, first || last < v)
			last, first = v, false
		}
	}
}

func same(t *testing.T, want []int, o *ordered[int]) {
	t.Helper()
	sound(t, o)
	require.True(t, slices.Equal(want, slices.Collect(o.ascend(all[int]))))
	down := slices.Collect(o.descend(none[int]))
	slices.Reverse(down)
	require.True(t, slices.Equal(want, down))
}
