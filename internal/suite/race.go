package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// soaking reports whether there is time for long runs.
func soaking() bool { return os.Getenv("ORGUSERS_SOAK") == "1" }

// rounds is how often each race is run.
func rounds() int {
	switch {
	case soaking():
		return 1000
	case testing.Short():
		return 10
	}
	return 100
}

// raceTime is when a race stops short of its rounds, on a store that waits for a disk, unless soaking.
const raceTime = time.Second

// round is one run of a race: two services or more on one store, or each on another node of it, which
// know of each other no more than processes do, and addresses that no other round uses.
type round struct {
	t      testing.TB
	a, b   *world.World // the first two
	worlds []*world.World
	settle func(testing.TB)
	n      int
}

// abreast is how many races are run at a time. They wait for one another more than they compute, so
// it is more than there are processors.
const abreast = 8

// track is where races are run.
type track struct {
	t     *testing.T
	open  ClusterOpener
	least int // rounds to run however long they take
	most  int // rounds to run while there is time
	lanes chan struct{}
	done  sync.WaitGroup
}

func newTrack(t *testing.T, open ClusterOpener, least, most int) *track {
	return &track{t: t, open: open, least: least, most: most, lanes: make(chan struct{}, abreast)}
}

// race runs f in many rounds on one database, when there is a free lane.
func (c *track) race(name string, f func(r *round)) {
	c.t.Helper()
	c.done.Go(func() {
		c.lanes <- struct{}{}
		defer func() { <-c.lanes }()
		c.t.Run(name, func(t *testing.T) {
			cluster := c.open(t)
			meeting := &meeting{}
			n := 0
			defer func() {
				if t.Failed() {
					t.Logf("in round %d", n)
				}
			}()
			for begin := time.Now(); n < c.least || n < c.most && (soaking() || time.Since(begin) < raceTime); n++ {
				r := &round{t: t, n: n, settle: cluster.Settle}
				for i, node := range cluster.Nodes {
					if store := (&tables{node, meeting}); i == 0 {
						r.worlds = append(r.worlds, world.New(t, store))
					} else {
						r.worlds = append(r.worlds, r.worlds[0].On(store))
					}
				}
				r.a, r.b = r.worlds[0], r.worlds[1]
				f(r)
			}
		})
	})
}

// team is a fresh organization.
func (r *round) team(name string) team { return newTeam(r.t, r.a, r.name(name)) }

// name makes something that no other round has.
func (r *round) name(s string) string { return fmt.Sprintf("%s-%d", s, r.n) }

// by is somebody's door, by turns in one process and in another.
func (r *round) by(i int, org orgusers.OrgID, user orgusers.UserID) orgusers.Admin {
	w := r.on(i)
	return w.Svc.Admin(w.Actor(user), org)
}

func (r *round) on(i int) *world.World { return r.worlds[i%len(r.worlds)] }

// caughtUp waits until every node has everything: what a round makes, and looks at, is not raced.
func (r *round) caughtUp() {
	r.t.Helper()
	if r.settle != nil {
		r.settle(r.t)
	}
}

// run makes the calls at the same moment and returns their errors, each of which must be one that
// tells the caller what happened. Calls with an even number should go to one service and those with
// an odd number to the other. In every second round two of them are held until both have looked, so
// that each decides on what it saw before the other wrote.
func (r *round) run(calls ...func(ctx context.Context) error) []error {
	r.t.Helper()
	r.caughtUp()
	errs := make([]error, len(calls))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range calls {
		i = (i + r.n/2) % len(calls) // who comes first, where the machine decides by that
		ctx := world.Ctx()
		if r.n%2 == 0 {
			ctx = context.WithValue(ctx, seatKey{}, &seat{})
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-start
			errs[i] = calls[i](ctx)
		}()
	}
	close(start)
	wg.Wait()
	r.caughtUp()
	for i, err := range errs {
		if err == nil {
			continue
		}
		e := kindOf(r.t, err)
		for _, bad := range []error{orgusers.ErrConflict, orgusers.ErrStore, orgusers.ErrUnknownOutcome, orgusers.ErrBusy} {
			require.NotErrorIs(r.t, e, bad, "call %d of %d: %v", i, len(calls), errors.Unwrap(e))
		}
	}
	return errs
}

// one demands that exactly one call won, and returns which and why the others lost.
func (r *round) one(errs []error) (winner int, losers []error) {
	r.t.Helper()
	winner = -1
	for i, err := range errs {
		switch {
		case err != nil:
			losers = append(losers, err)
		case winner >= 0:
			require.Fail(r.t, "two winners", "calls %d and %d", winner, i)
		default:
			winner = i
		}
	}
	require.GreaterOrEqual(r.t, winner, 0, "nobody won: %v", errs)
	return winner, losers
}

// seat is in the context of a caller who meets another one at a table, once.
type seat struct {
	skip int // looks that come before the one decided on
	met  bool
}

type seatKey struct{}

// second is for calls that look twice, and decide on the second look.
func second(ctx context.Context) context.Context {
	if me, ok := ctx.Value(seatKey{}).(*seat); ok {
		me.skip = 1
	}
	return ctx
}

// tables is a store at which callers meet: whoever has looked waits, for a moment, until another one
// has looked too, there or at another node.
type tables struct {
	orgusers.Store
	*meeting
}

// View reads, and then lets the callers meet.
func (s *tables) View(ctx context.Context, q orgusers.ViewQuery) (orgusers.View, error) {
	v, err := s.Store.View(ctx, q)
	if me, ok := ctx.Value(seatKey{}).(*seat); ok && !me.met {
		if me.skip--; me.skip < 0 {
			me.met = true
			s.meet()
		}
	}
	return v, err
}

// meeting is where they wait.
type meeting struct {
	mu      sync.Mutex
	waiting chan struct{}
}

func (s *meeting) meet() {
	s.mu.Lock()
	if other := s.waiting; other != nil {
		s.waiting = nil
		close(other)
		s.mu.Unlock()
		return
	}
	me := make(chan struct{})
	s.waiting = me
	s.mu.Unlock()
	timer := time.NewTimer(2 * time.Millisecond) // the other one may be queueing, or have failed
	defer timer.Stop()
	select {
	case <-me:
	case <-timer.C:
		s.mu.Lock()
		if s.waiting == me {
			s.waiting = nil
		}
		s.mu.Unlock()
	}
}
