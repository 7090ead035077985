package suite

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// raceOutbox: what many workers take from one outbox is delivered once each, and nothing is left.
func raceOutbox(r *round) {
	x := r.team("acme")
	const mails = 10
	var to strings.Builder
	for i := range mails {
		fmt.Fprintln(&to, x.email(fmt.Sprint("p", i)))
	}
	invite(r.t, x.Org, to.String())
	var settled atomic.Int64
	calls := make([]func(context.Context) error, max(3, len(r.worlds)))
	for i := range calls {
		w := r.on(i)
		calls[i] = func(ctx context.Context) error {
			for {
				n, err := w.Svc.Dispatch(ctx, 2)
				settled.Add(int64(n))
				if n == 0 || err != nil {
					return err
				}
			}
		}
	}
	for i, err := range r.run(calls...) {
		require.NoError(r.t, err, "worker %d", i)
	}
	require.Equal(r.t, int64(mails), settled.Load(), "each is noted by who delivered it")
	sent := map[string]int{}
	for _, m := range r.a.Inbox.All() {
		sent[m.To]++
		require.Equal(r.t, 1, sent[m.To], "%s got it twice", m.To)
	}
	require.Len(r.t, sent, mails)
	for _, w := range []*world.World{r.a, r.b} {
		require.Empty(r.t, w.Outbox(false))
		require.Empty(r.t, w.Outbox(true))
	}
}

// givingWay: a conflict with a worker elsewhere, as a cluster reports it, is nothing a host sees, and
// what was delivered before one is not delivered again.
func givingWay(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, b@acme.example")
	calls := map[string]int{}
	store.with(func(f *faulty) {
		f.before = func(m string) error {
			if calls[m]++; (m == "Claim" || m == "Settle") && calls[m] < 4 {
				return fmt.Errorf("deadlock: %w", orgusers.ErrConflict)
			}
			return nil
		}
	})
	require.Equal(t, 2, dispatch(t, w))
	require.Len(t, w.Inbox.All(), 2)
	require.Equal(t, 5, calls["Settle"])
	require.Empty(t, w.Outbox(false))
}
