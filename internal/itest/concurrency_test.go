package itest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// S-181: 32 writers of 32 organizations, however the host's transactions begin: nobody sees a lock.
func TestS181_Writers(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]database{
		"immediate": sqliteDatabase(t),
		"deferred":  sqliteWith(t, "_pragma=journal_mode(wal)&_pragma=busy_timeout(10000)&_pragma=synchronous(normal)"),
	} {
		t.Run("SQLite/"+name, func(t *testing.T) { // by which scripts/test.sh finds it
			t.Parallel()
			s := d.store(t, d.open(t, 32))
			const writers, rounds = 32, 8
			var wg sync.WaitGroup
			errs := make(chan error, writers*rounds)
			for w := range writers {
				o := small(t, s, fmt.Sprint("o", w), 1)
				wg.Go(func() {
					for i := range rounds {
						m := filledMember(string(o.ID), fmt.Sprint(o.ID, "-", i), "", fmt.Sprintf("%s-%d@x.example", o.ID, i))
						c := orgusers.Changes{
							Org: &o, NewMembers: []orgusers.Member{m}, Audit: []orgusers.AuditEntry{{ID: orgusers.EntryID(m.ID), Org: o.ID, Seq: int64(i)}},
						}
						errs <- s.Commit(t.Context(), c)
						o.Version++
						_, err := s.Bump(t.Context(), []orgusers.Counter{{Key: "shared", Add: 1}})
						errs <- err
					}
				})
			}
			go func() { wg.Wait(); close(errs) }()
			for err := range errs {
				require.NoError(t, err)
			}
			n, err := s.Bump(t.Context(), []orgusers.Counter{{Key: "shared"}})
			require.NoError(t, err)
			require.Equal(t, []int64{writers * rounds}, n)
		})
	}
}

// S-182, S-226: while half of the callers give up at random moments, in reads and in commits, the
// others get their own answers and no error; of those who gave up, each has either its whole commit or
// none of it.
func TestS182_CancelStorm(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		db := d.open(t, 8)
		s := d.store(t, db)
		const people = 16
		small(t, s, "o", people)
		for w := range people {
			small(t, s, fmt.Sprint("w", w), 1)
		}
		deadline := time.Now().Add(1500 * time.Millisecond)
		var wg sync.WaitGroup
		var mu sync.Mutex
		var bad []error
		complain := func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			bad = append(bad, fmt.Errorf(format, args...))
		}
		var given, done atomic.Int64
		for w := range people {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(w)))
				org, user := orgusers.OrgID(fmt.Sprint("w", w)), orgusers.UserID(fmt.Sprintf("o-u%d", w))
				members := int64(0)
				for i := 0; time.Now().Before(deadline); i++ {
					ctx, cancel := context.WithCancel(t.Context())
					if w%2 == 0 {
						time.AfterFunc(time.Duration(random.IntN(2000))*time.Microsecond, cancel)
					}
					ended := func(err error) bool {
						if w%2 != 0 || !errors.Is(err, context.Canceled) && !errors.Is(err, orgusers.ErrUnknownOutcome) {
							return false
						}
						given.Add(1)
						return true
					}
					a, err := s.Access(ctx, user, "o")
					if err == nil && a.Member.User != user {
						complain("%s was answered %s", user, a.Member.User)
					} else if err != nil && !ended(err) {
						complain("access of %s: %w", user, err)
					}
					v, err := s.View(ctx, orgusers.ViewQuery{Org: org, Joined: []orgusers.UserID{orgusers.UserID(fmt.Sprintf("w%d-u0", w))}})
					if err != nil && !ended(err) {
						complain("view of %s: %w", org, err)
					}
					if err == nil {
						if v.Org.ID != org || v.Org.AuditSeq != members || len(v.Users) != 1 {
							complain("%s has %d rows for %d", v.Org.ID, v.Org.AuditSeq, members)
						}
						id := fmt.Sprintf("%s-%d", org, i)
						v.Org.AuditSeq++
						err = s.Commit(ctx, orgusers.Changes{
							Org: &v.Org, NewMembers: []orgusers.Member{filledMember(string(org), id, "", id+"@x.example")},
							Audit: []orgusers.AuditEntry{{ID: orgusers.EntryID(id), Org: org, Seq: v.Org.AuditSeq, Chained: true}},
						})
						if err == nil {
							done.Add(1)
						} else if !ended(err) && !errors.Is(err, orgusers.ErrConflict) { // which SQLite says, too, when the queue was longer than its patience
							complain("commit of %s: %w", org, err)
						}
						// What the database says is what happened.
						now := view(t, s, orgusers.ViewQuery{Org: org, Keys: []orgusers.AddressKey{orgusers.AddressKey(id + "@x.example")}})
						if now.Org.AuditSeq != members+int64(len(now.Members)) {
							complain("%s: half a commit", org)
						}
						if err == nil != (len(now.Members) == 1) && !errors.Is(err, orgusers.ErrUnknownOutcome) {
							complain("%s: %w, but the row is there %d times", org, err, len(now.Members))
						}
						members = now.Org.AuditSeq
					}
					cancel()
				}
			})
		}
		wg.Wait()
		require.Empty(t, bad)
		t.Logf("%d commits, %d calls given up", done.Load(), given.Load())
		require.Positive(t, done.Load())
		require.Positive(t, given.Load())
		idle(t, db)
	})
}
