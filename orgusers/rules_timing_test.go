package orgusers_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestS142_Timing: an unknown address takes as long as a wrong password. Samples are taken by turns, so
// that a busy machine is as busy for both, and a difference must show three times.
func TestS142_Timing(t *testing.T) { // not parallel: it measures
	if os.Getenv("ORGUSERS_SOAK") != "1" {
		t.Skip("a long run: ORGUSERS_SOAK=1")
	}
	x := newFront(t, func(c *orgusers.Config) { c.Policy.FailuresPerPrefix = -1 })
	measure := func(email string) time.Duration {
		x.PatchUser(x.mia.User, orgusers.UserPatch{Failures: orgusers.Some(0)})
		begin := time.Now()
		_, err := x.Visitor().SignIn(world.Ctx(), email, "not "+world.Password)
		took := time.Since(begin)
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		return took
	}
	median := func(samples []time.Duration) float64 {
		slices.Sort(samples)
		return samples[len(samples)/2].Seconds()
	}
	ratio := 0.0
	for range 3 {
		var known, unknown []time.Duration
		for range 300 {
			known = append(known, measure("mia@acme.example"))
			unknown = append(unknown, measure("nobody@acme.example"))
		}
		ratio = median(known) / median(unknown)
		t.Logf("known to unknown: %.3f", ratio)
		if ratio > 0.95 && ratio < 1.05 {
			return
		}
	}
	require.InDelta(t, 1, ratio, 0.05)
}
