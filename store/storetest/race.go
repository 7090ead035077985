package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func raceChecks() []check {
	return []check{
		{"Race/ThirtyTwoWritersOfOneOrganization", raceOrganization},
		{"Race/ThirtyTwoWritersOfOneAccount", raceAccount},
		{"Race/TwoOrganizationsShareAnAccount", raceShared},
		{"Race/SameAddressAtOnce", raceAddress},
		{"Race/SameOrganizationAtOnce", raceNewOrganization},
		{"Race/SameRequestAtOnce", raceRequest},
		{"Race/TwoDemoteEachOther", raceDemotion},
		{"Race/SignInsAndDecisions", raceTouch},
		{"Race/S132_EveryMethodAtOnce", raceEverything},
	}
}

// gaveWay reports whether a call lost against another one, and lets others run if it did. Whoever
// gave way tries again; any other failure is the store's.
func (w *world) gaveWay(err error) bool {
	if errors.Is(err, orgusers.ErrConflict) {
		runtime.Gosched()
		return true
	}
	return false
}

// works reports a failure from a goroutine, which must not end the check, and whether there was none.
func (w *world) works(err error, what string) bool {
	if err != nil {
		w.Errorf("%s: %s", what, err.Error())
	}
	return err == nil
}

// crowd has 32 goroutines read and then, when all have, write at once what they made of it, so many
// times. It returns how many writes succeeded; those that did not must have been in conflict.
func (w *world) crowd(rounds int, read func(goroutine int) (write func() error, err error)) int64 {
	w.Helper()
	var done atomic.Int64
	for range rounds {
		var all, reading sync.WaitGroup
		reading.Add(32)
		before := done.Load()
		for g := range 32 {
			all.Go(func() {
				write, err := read(g)
				reading.Done()
				reading.Wait()
				if err == nil {
					err = write()
				}
				switch {
				case err == nil:
					done.Add(1)
				case !w.gaveWay(err):
					w.works(err, "a failure that is no conflict")
				}
			})
		}
		all.Wait()
		require.Greater(w, done.Load(), before, "in every crowd somebody comes through")
	}
	return done.Load()
}

// blind is for crowds that write without reading.
func blind(write func(goroutine int) error) func(int) (func() error, error) {
	return func(g int) (func() error, error) { return func() error { return write(g) }, nil }
}

// decide reads the organization and returns the commit of what change makes of it.
func (w *world) decide(org orgusers.OrgID, change func(c *orgusers.Changes)) (func() error, error) {
	v, err := w.View(w.ctx, orgusers.ViewQuery{Org: org})
	if err != nil {
		return nil, err
	}
	c := orgusers.Changes{Org: &v.Org}
	change(&c)
	return func() error { return w.Commit(w.ctx, c) }, nil
}

func raceOrganization(w *world) {
	k := w.cast()
	before, rounds := w.org(k.org), max(w.rounds(60), 3)
	done := w.crowd(rounds, func(int) (func() error, error) {
		return w.decide(k.org, func(c *orgusers.Changes) {
			c.Org.Tally.Pending++
			c.NewMembers = []orgusers.Member{w.newInvitation(k.org, "p"+w.id())}
			c.Audit = []orgusers.AuditEntry{w.newEntry(k.org, c.Org.Version, true)}
		})
	})
	after, d := w.org(k.org), w.dump()
	require.EqualValues(w, rounds, done, "one of those who read the same version")
	require.Equal(w, before.Version+done, after.Version)
	require.Equal(w, before.Tally.Pending+done, after.Tally.Pending, "no update was lost")
	require.Len(w, d.Members, 5+int(done))
	require.Len(w, d.Audit, int(done))
}

// raise counts an organization of an account, and the account in the organization, if there is one.
func (w *world) raise(user orgusers.UserID, org orgusers.OrgID) (func() error, error) {
	v, err := w.View(w.ctx, orgusers.ViewQuery{Org: org, Users: []orgusers.UserID{user}})
	if err != nil {
		return nil, err
	}
	if len(v.Users) != 1 {
		return nil, fmt.Errorf("%d accounts with one id", len(v.Users))
	}
	u := v.Users[0]
	c := orgusers.Changes{Users: []orgusers.UserUpdate{{ID: user, Version: u.Version, Patch: orgusers.UserPatch{Orgs: orgusers.Some(u.Orgs + 1)}}}}
	if org != "" {
		v.Org.Tally.Members++
		c.Org = &v.Org
	}
	return func() error { return w.Commit(w.ctx, c) }, nil
}

func raceAccount(w *world) {
	ann, rounds := w.account("ann"), max(w.rounds(60), 3)
	done := w.crowd(rounds, func(int) (func() error, error) { return w.raise(ann.ID, "") })
	u := w.user(ann.ID)
	require.EqualValues(w, rounds, done, "one of those who read the same version")
	require.Equal(w, int(done), u.Orgs)
	require.Equal(w, 1+done, u.Version)
}

// raceShared: the version of each organization guards its own decisions alone, so what they share is
// guarded by the account's.
func raceShared(w *world) {
	ann, rounds := w.account("ann"), max(w.rounds(60), 3)
	orgs := []orgusers.OrgID{w.organization("a"), w.organization("b"), w.organization("c")}
	done := w.crowd(rounds, func(g int) (func() error, error) { return w.raise(ann.ID, orgs[g%3]) })
	require.EqualValues(w, rounds, done, "one of those who read the same version")
	require.Equal(w, int(done), w.user(ann.ID).Orgs)
	var members int64
	for _, org := range orgs {
		members += w.org(org).Tally.Members
	}
	require.Equal(w, done, members)
}

func raceAddress(w *world) {
	org := w.organization("Acme")
	rounds := w.rounds(40)
	for round := range rounds {
		local := fmt.Sprintf("p%d", round)
		require.EqualValues(w, 1, w.crowd(1, blind(func(int) error {
			return w.Commit(w.ctx, orgusers.Changes{NewUsers: []orgusers.User{w.newAccount(local)}})
		})), "one address, one account")
		require.EqualValues(w, 1, w.crowd(1, blind(func(int) error {
			return w.try(org, func(c *orgusers.Changes) { c.NewMembers = []orgusers.Member{w.newInvitation(org, local)} })
		})), "one address, one row")
		w.accounts = nil // the losers' too: a dump need not ask for them
	}
	require.Len(w, w.dump().Members, rounds)
}

func raceNewOrganization(w *world) {
	for range w.rounds(40) {
		o := w.newOrganization("Acme")
		require.EqualValues(w, 1, w.crowd(1, blind(func(g int) error {
			mine := o
			mine.Tally.Members = int64(g)
			m := w.newInvitation(o.ID, fmt.Sprintf("p%d", g))
			return w.Commit(w.ctx, orgusers.Changes{Org: &mine, NewOrg: true, NewMembers: []orgusers.Member{m}})
		})))
		page, err := w.Members(w.ctx, orgusers.MemberQuery{Org: o.ID, Sort: orgusers.SortEmail, Limit: 99})
		require.NoError(w, err)
		require.Len(w, page, 1, "the winner's alone")
		require.Equal(w, fmt.Sprintf("p%d@example.com", w.org(o.ID).Tally.Members), string(page[0].Address.Key))
	}
}

func raceRequest(w *world) {
	k := w.cast()
	rounds := w.rounds(40)
	for round := range rounds {
		id := fmt.Sprintf("r%d", round)
		require.EqualValues(w, 1, w.crowd(1, blind(func(g int) error {
			r := orgusers.Request{Org: k.org, ID: id, Digest: "d", Report: []byte("{}"), At: moment(1)}
			entries := []orgusers.AuditEntry{w.newEntry(k.org, 1, false)}
			if g%2 == 0 {
				return w.Record(w.ctx, entries, &r)
			}
			return w.try(k.org, func(c *orgusers.Changes) { c.Request, c.Audit = &r, entries })
		})), "one request, one answer")
	}
	require.Len(w, w.dump().Audit, rounds)
}

// raceDemotion: two administrators each see the other one and take away the other's rights. It is
// why Commit begins with a guarded write: on stores that began with a read, both were gone.
func raceDemotion(w *world) {
	k := w.cast()
	both := [2]orgusers.MemberID{k.owner.ID, k.ann.ID}
	for range w.rounds(1000) {
		w.edit(k.org, func(c *orgusers.Changes) {
			c.Org.Tally.Admins = 2
			for _, id := range both {
				c.Members = append(c.Members, orgusers.MemberUpdate{ID: id, Patch: orgusers.MemberPatch{Role: orgusers.Some(orgusers.RoleAdmin)}})
			}
		})
		v := w.read(orgusers.ViewQuery{Org: k.org})
		v.Org.Tally.Admins--
		var wg sync.WaitGroup
		for _, id := range both {
			wg.Go(func() {
				org := v.Org.Clone()
				err := w.Commit(w.ctx, orgusers.Changes{Org: &org, Members: []orgusers.MemberUpdate{
					{ID: id, Patch: orgusers.MemberPatch{Role: orgusers.Some(orgusers.RoleMember)}},
				}})
				if !w.gaveWay(err) {
					w.works(err, "a failure that is no conflict")
				}
			})
		}
		wg.Wait()
		admins := 0
		for _, m := range w.read(orgusers.ViewQuery{Org: k.org, Members: both[:]}).Members {
			if m.Role == orgusers.RoleAdmin {
				admins++
			}
		}
		require.Positive(w, admins, "nobody is left to administer the organization")
		require.EqualValues(w, admins, w.org(k.org).Tally.Admins)
	}
}

// raceTouch: sign-ins wait for no decision and disturb none.
func raceTouch(w *world) {
	k, other := w.cast(), w.cast()
	before := w.org(k.org)
	var latest atomic.Int64
	done := w.crowd(max(w.rounds(60), 3), func(g int) (func() error, error) {
		if g%2 == 1 {
			return w.decide(k.org, func(c *orgusers.Changes) {
				c.Members = []orgusers.MemberUpdate{{ID: k.ann.ID, Patch: orgusers.MemberPatch{Message: orgusers.Some(w.id())}}}
			})
		}
		return func() error {
			n := latest.Add(1)
			err := w.Touch(w.ctx, k.ann.User, moment(int(n)))
			for w.gaveWay(err) {
				err = w.Touch(w.ctx, k.ann.User, moment(int(n)))
			}
			return err
		}, nil
	})
	at := moment(int(latest.Load()))
	require.Equal(w, at, w.user(k.ann.User).LastLogin)
	require.Equal(w, at, w.member(k.org, k.ann.ID).LastLogin)
	require.Equal(w, at, w.member(other.org, other.ann.ID).LastLogin)
	require.Equal(w, int64(1), w.user(k.ann.User).Version)
	require.Equal(w, before.Version+done-latest.Load(), w.org(k.org).Version)
}

// raceEverything: every method beside every other one, on the same records, and decisions beside them. Of a
// store in memory the race detector has the last word.
func raceEverything(w *world) {
	k := w.cast()
	calls := w.calls(k)
	before, committed := w.org(k.org), false
	var decided int64
	rounds := max(w.rounds(10), 3)
	var all sync.WaitGroup
	for method, call := range calls {
		for range 2 {
			all.Go(func() {
				for range rounds {
					err := call(w.ctx)
					switch {
					case w.gaveWay(err), errors.Is(err, orgusers.ErrNotFound): // others were first, or have cleared it away
					case method == "Commit" && err == nil:
						committed = true // once: its version is then taken
					default:
						w.works(err, method)
					}
				}
			})
		}
	}
	all.Go(func() {
		for range rounds {
			write, err := w.raise(k.dan.User, k.org)
			if err == nil {
				err = write()
			}
			if !w.gaveWay(err) && w.works(err, "a decision") {
				decided++
			}
		}
	})
	all.Wait()
	if committed {
		decided++
	}
	require.Positive(w, decided)
	require.Equal(w, before.Version+decided, w.org(k.org).Version, "each of those who wrote, once")
}
