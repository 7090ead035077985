package orgusers_test

import (
	"math"
	"os"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestS142_Timing: an unknown address takes as long as a wrong password, by Welch's t-test over 5,000 samples
// each, and by their medians. Samples are taken by turns, so that a busy machine is as busy for both; what was
// interrupted, the slowest hundredth of all, tells nothing of either.
func TestS142_Timing(t *testing.T) { // not parallel: it measures
	if os.Getenv("ORGUSERS_SOAK") != "1" {
		t.Skip("a long run: ORGUSERS_SOAK=1")
	}
	x := newFront(t, func(c *orgusers.Config) { c.Policy.FailuresPerPrefix = -1 })
	who := []string{"mia@acme.example", "nobody@acme.example"}
	measure := func(email string) float64 {
		x.PatchUser(x.mia.User, orgusers.UserPatch{Failures: orgusers.Some(0)})
		begin := time.Now()
		_, err := x.Visitor().SignIn(world.Ctx(), email, "not "+world.Password)
		took := time.Since(begin)
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		return took.Seconds()
	}
	var took [2][]float64
	for i := range 5000 {
		for j := range 2 {
			k := (i + j) % 2 // neither is always the first
			took[k] = append(took[k], measure(who[k]))
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(took[0], took[1])))
	slowest := all[len(all)*99/100]
	var n, mean, variance, median [2]float64
	for k := range took {
		slices.Sort(took[k])
		median[k] = took[k][len(took[k])/2]
		kept := took[k][:sort.SearchFloat64s(took[k], slowest)]
		n[k] = float64(len(kept))
		for _, s := range kept {
			mean[k] += s / n[k]
		}
		for _, s := range kept {
			variance[k] += (s - mean[k]) * (s - mean[k]) / (n[k] - 1)
		}
	}
	welch := (mean[0] - mean[1]) / math.Sqrt(variance[0]/n[0]+variance[1]/n[1])
	t.Logf("known %.3f ms, unknown %.3f ms, t %.2f; medians %.3f and %.3f ms", mean[0]*1e3, mean[1]*1e3, welch, median[0]*1e3, median[1]*1e3)
	require.Less(t, math.Abs(welch), 4.5)
	require.InDelta(t, 1, median[0]/median[1], 0.05)
}
