package itest

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
	"github.com/orgusers/go-orgusers/orgusers"
)

// S-226, S-228: whichever call to the database fails, and however, a write happened wholly or not at
// all, its error says which, and the next one works: the next failing one as far as it gets, and at each
// call, after another kind of failure, a whole one.
func TestS228_FaultSweep(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		db, control := faultdriver.Open(d.driver, d.dsn)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		s := d.store(t, db)
		plain := d.open(t, 2)

		points, unknown := 0, 0
		for name, operation := range map[string]func(ctx context.Context, o orgusers.Organization) error{
			"commit": func(ctx context.Context, o orgusers.Organization) error { return s.Commit(ctx, everything(o)) },
			"record": func(ctx context.Context, _ orgusers.Organization) error {
				return s.Record(ctx, []orgusers.AuditEntry{{ID: "a1", Org: "o"}}, &orgusers.Request{Org: "o", ID: "q"})
			},
			"bump": func(ctx context.Context, _ orgusers.Organization) error {
				_, err := s.Bump(ctx, []orgusers.Counter{{Key: "k", Add: 1, ExpiresAt: at(9)}, {Key: "l", Add: 2, ExpiresAt: at(9)}})
				return err
			},
		} {
			fresh := func() orgusers.Organization {
				control.Reset()
				for _, table := range tables {
					_, err := plain.Exec("DELETE FROM orgusers_" + table)
					require.NoError(t, err)
				}
				o := prepared(t, s)
				control.Reset()
				return o
			}
			o := fresh()
			before := dump(t, plain)
			require.NoError(t, operation(t.Context(), o))
			after := dump(t, plain)
			require.NotEqual(t, before, after)
			last := len(control.Calls())

			now := after
			for n := 1; n <= last; n++ {
				for i, mode := range faultdriver.Modes() {
					point := fmt.Sprintf("%s, call %d of %d, %s", name, n, last, mode)
					if now != before {
						o = fresh()
					}
					ctx, cancel := context.WithCancel(t.Context())
					control.FailAt(n, mode)
					control.CancelWith(cancel)
					err := operation(ctx, o)
					cancel()
					require.True(t, control.Fired(), point)
					control.Reset()

					now = dump(t, plain)
					switch {
					case err == nil:
						require.Equal(t, after, now, point)
					case mode.Cancels():
						require.Less(t, n, last, "%s: a COMMIT is not cancelled: %v", point, err)
						require.ErrorIs(t, err, context.Canceled, point)
						require.NotErrorIs(t, err, orgusers.ErrUnknownOutcome, point)
						require.Equal(t, before, now, point)
					case n < last:
						require.NotErrorIs(t, err, orgusers.ErrUnknownOutcome, point)
						require.Equal(t, before, now, point)
					default: // COMMIT itself: only the next look can tell
						require.ErrorIs(t, err, orgusers.ErrUnknownOutcome, point)
						require.Contains(t, []string{before, after}, now, point)
						unknown++
					}
					if now == before && (n+i)%len(faultdriver.Modes()) == 0 {
						require.NoError(t, operation(t.Context(), organization(t, s, "o")), point)
						now = dump(t, plain)
						require.Equal(t, after, now, point)
					}
					points++
				}
			}
		}
		t.Logf("%d points survived, %d of them with an unknown outcome", points, unknown)
		bump := 3 // BEGIN, COMMIT, and what adds and tells
		if d.mysql {
			bump++ // telling is one more
		}
		require.Equal(t, (calls+4+bump)*len(faultdriver.Modes()), points)
		require.Equal(t, 3*(len(faultdriver.Modes())-3), unknown)
		idle(t, db)
	})
}

// A database that fails and goes on failing, ROLLBACK included, leaves nothing half done behind and is
// used again as soon as it works again, on the one connection there is.
func TestS228_PersistentFaults(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		db, control := faultdriver.Open(d.driver, d.dsn)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		s := d.store(t, db)
		db.SetMaxOpenConns(1)
		plain := d.open(t, 2)
		o := prepared(t, s)
		before := dump(t, plain)
		for n := 1; n <= calls; n++ {
			for _, mode := range []faultdriver.Mode{faultdriver.FailBefore, faultdriver.FailAfter, faultdriver.LostBefore, faultdriver.BadConn} {
				if n == calls && mode == faultdriver.FailAfter {
					continue // that commits
				}
				point := fmt.Sprintf("call %d, %s", n, mode)
				control.FailFrom(n, mode)
				require.Error(t, s.Commit(t.Context(), everything(o)), point)
				require.True(t, control.Fired(), point)
				control.Reset()
				require.Equal(t, before, dump(t, plain), point)
				require.Equal(t, o, organization(t, s, "o"), point)
			}
		}
		control.Reset()
		require.NoError(t, s.Commit(t.Context(), everything(o)))
		require.Len(t, control.Calls(), calls)
	})
}

// Reads and the statements that stand alone: a failure is an error, the context's own if it ended, and
// never a connection that is not given back.
func TestS228_ReadFaults(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		db, control := faultdriver.Open(d.driver, d.dsn)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		s := d.store(t, db)
		prepared(t, s)
		require.NoError(t, s.Commit(t.Context(), everything(organization(t, s, "o"))))
		for name, operation := range map[string]func(ctx context.Context) error{
			"view": func(ctx context.Context) error {
				_, err := s.View(ctx, orgusers.ViewQuery{
					Org: "o", Members: []orgusers.MemberID{"o-m0003"}, Grants: true, Roles: true, Users: []orgusers.UserID{"o-u1"},
				})
				return err
			},
			"access": func(ctx context.Context) error { _, err := s.Access(ctx, "o-u3", "o"); return err },
			"person": func(ctx context.Context) error {
				_, err := s.View(ctx, orgusers.ViewQuery{Person: orgusers.PersonQuery{Token: "token of n3"}, Counters: []string{"c1"}})
				return err
			},
			"session": func(ctx context.Context) error { _, err := s.Session(ctx, "token of n3"); return err },
			"seen":    func(ctx context.Context) error { return s.Seen(ctx, "n3", at(100)) },
			"IP rules": func(ctx context.Context) error {
				_, err := s.IPRules(ctx, orgusers.IPRuleQuery{User: "o-u1", Limit: 9})
				return err
			},
			"members": func(ctx context.Context) error {
				_, err := s.Members(ctx, orgusers.MemberQuery{Org: "o", Grants: true, Limit: 9})
				return err
			},
			"audit": func(ctx context.Context) error {
				_, err := s.Audit(ctx, orgusers.AuditQuery{Org: "o", Limit: 9})
				return err
			},
			"organizations": func(ctx context.Context) error {
				_, err := s.Organizations(ctx, orgusers.OrgQuery{User: "o-u1", Limit: 9})
				return err
			},
			"effects": func(ctx context.Context) error {
				_, err := s.Effects(ctx, orgusers.EffectQuery{Limit: 9})
				return err
			},
			"settle": func(ctx context.Context) error {
				return s.Settle(ctx, []orgusers.Settlement{{ID: "e1", Lease: "m", Done: true}, {ID: "e1", Lease: "n", DueAt: at(1)}})
			},
			"requeue": func(ctx context.Context) error {
				_, err := s.Requeue(ctx, []orgusers.EffectID{"e1"}, at(1))
				return err
			},
			"touch": func(ctx context.Context) error { return s.Touch(ctx, "o-u3", at(100)) },
			"prune": func(ctx context.Context) error { return s.Prune(ctx, at(0), at(0), at(0)) },
			"claim": func(ctx context.Context) error {
				_, err := s.Claim(ctx, orgusers.ClaimQuery{Now: at(1), Until: at(1), Lease: "l", Limit: 1})
				return err
			},
		} {
			control.Reset()
			require.NoError(t, operation(t.Context()), name)
			last := len(control.Calls())
			for n := 1; n <= last; n++ {
				for _, mode := range faultdriver.Modes() {
					ctx, cancel := context.WithCancel(t.Context())
					control.FailAt(n, mode)
					control.CancelWith(cancel)
					err := operation(ctx)
					cancel()
					require.True(t, control.Fired(), name)
					switch {
					case mode.Cancels():
						if err != nil { // the last call may have been done already
							require.Equal(t, context.Canceled, err, "%s, call %d, %s", name, n, mode)
						}
					case mode == faultdriver.BadConn: // database/sql tries another connection
						require.NoError(t, err, "%s, call %d, %s", name, n, mode)
					default:
						require.Error(t, err, "%s, call %d, %s", name, n, mode)
					}
					control.Reset()
					require.NoError(t, operation(t.Context()), "%s, call %d, %s", name, n, mode)
				}
			}
		}
		idle(t, db)
	})
}
