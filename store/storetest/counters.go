package storetest

import (
	"slices"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func counterChecks() []check {
	return []check{
		{"Bump/AddsInOrder", bumpAdds},
		{"Bump/KeysCompareByteByByte", bumpKeys},
		{"Bump/ThirtyTwoAtOnceLoseNothing", bumpRace},
		{"Prune/CountersThatExpired", pruneCounters},
		{"Prune/RequestsMadeBefore", pruneRequests},
	}
}

func (w *world) bump(counters ...orgusers.Counter) []int64 {
	w.Helper()
	values, err := w.Bump(w.ctx, counters)
	require.NoError(w, err)
	return values
}

func bumpAdds(w *world) {
	count := func(key string, n int64) orgusers.Counter {
		return orgusers.Counter{Key: key, Add: n, ExpiresAt: moment(100)}
	}
	require.Equal(w, []int64{1}, w.bump(count("a", 1)))
	require.Equal(w, []int64{5, 3, 2}, w.bump(count("c", 5), count("a", 2), count("b", 2)), "in the order asked, new and old")
	require.Equal(w, []int64{1 << 40, 3}, w.bump(count("b", 1<<40-2), count("a", 0)))
	require.Equal(w, []int64{3, 5, 1 << 40}, w.bump(count("a", 0), count("c", 0), count("b", 0)))

	var many []orgusers.Counter
	want := make([]int64, 500)
	for i := range want {
		many = append(many, count("many-"+w.id(), int64(i)))
		want[i] = int64(i)
	}
	require.Equal(w, want, w.bump(many...))
	slices.Reverse(many)
	for i := range want {
		want[i] = 2 * int64(499-i)
	}
	require.Equal(w, want, w.bump(many...))
}

func bumpKeys(w *world) {
	keys := []string{"key", "Key", "KEY", "key%", "key_", "key'", `key"`, `key\`, "$1", "?", ":x", strings.Repeat("k", 127), strings.Repeat("k", 128)}
	for i, k := range keys {
		require.Equal(w, []int64{int64(i) + 1}, w.bump(orgusers.Counter{Key: k, Add: int64(i) + 1, ExpiresAt: moment(100)}))
	}
	for i, k := range keys {
		require.Equal(w, []int64{int64(i) + 1}, w.bump(orgusers.Counter{Key: k, ExpiresAt: moment(100)}), k)
	}
}

// bumpRace: half the callers name the keys in the other order, which deadlocks a store that locks
// them as they come; that is a conflict, and the caller tries again.
func bumpRace(w *world) {
	rounds := max(w.rounds(40), 5)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			keys := []string{"shared-1", "shared-2", "shared-3"}
			if i%2 == 1 {
				slices.Reverse(keys)
			}
			var last []int64
			for range rounds {
				counters := make([]orgusers.Counter, len(keys))
				for j, k := range keys {
					counters[j] = orgusers.Counter{Key: k, Add: 1, ExpiresAt: moment(100)}
				}
				values, err := w.Bump(w.ctx, counters)
				for w.gaveWay(err) {
					values, err = w.Bump(w.ctx, counters)
				}
				if !w.works(err, "bump") {
					return
				}
				for j := range last {
					if values[j] <= last[j] {
						w.Errorf("a counter went from %d to %d", last[j], values[j])
					}
				}
				last = values
			}
		})
	}
	wg.Wait()
	sum := int64(32 * rounds)
	require.Equal(w, []int64{sum, sum, sum}, w.bump(
		orgusers.Counter{Key: "shared-1", ExpiresAt: moment(100)},
		orgusers.Counter{Key: "shared-2", ExpiresAt: moment(100)},
		orgusers.Counter{Key: "shared-3", ExpiresAt: moment(100)}))
}

func pruneCounters(w *world) {
	old, fresh := orgusers.Counter{Key: "old", Add: 7, ExpiresAt: moment(10)}, orgusers.Counter{Key: "fresh", Add: 7, ExpiresAt: moment(12)}
	w.bump(old, fresh)
	require.NoError(w, w.Prune(w.ctx, moment(9), moment(0), moment(0)))
	require.Equal(w, []int64{14, 14}, w.bump(old, fresh), "neither has expired")
	require.NoError(w, w.Prune(w.ctx, moment(11), moment(0), moment(0)))
	require.Equal(w, []int64{7, 21}, w.bump(old, fresh))
	require.NoError(w, w.Prune(w.ctx, moment(1000), moment(0), moment(0)))
	require.Equal(w, []int64{7, 7}, w.bump(old, fresh))
}

func pruneRequests(w *world) {
	k, other := w.cast(), w.cast()
	for _, org := range []orgusers.OrgID{k.org, other.org} {
		for i, id := range []string{"r1", "r2", "r3"} {
			require.NoError(w, w.Record(w.ctx, nil, &orgusers.Request{Org: org, ID: id, Digest: "d", Report: []byte("{}"), At: moment(i + 1)}))
		}
	}
	before := w.dump("r1", "r2", "r3")
	require.Len(w, before.Requests, 6)
	require.NoError(w, w.Prune(w.ctx, moment(1000), moment(0), moment(1)))
	w.unchanged(before, "r1", "r2", "r3")
	require.NoError(w, w.Prune(w.ctx, moment(0), moment(0), moment(2)))
	before.Requests = slices.DeleteFunc(before.Requests, func(r orgusers.Request) bool { return r.ID == "r1" })
	w.unchanged(before, "r1", "r2", "r3")
	require.NoError(w, w.Record(w.ctx, nil, &orgusers.Request{Org: k.org, ID: "r1", Digest: "d", Report: []byte("{}"), At: moment(9)}),
		"a forgotten request can be made again")
}
