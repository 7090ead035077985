package modeltest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Run drives the stores and the model in lock-step. See the package documentation for what it
// compares, and for the flags.
func Run(t *testing.T, opens map[string]func(testing.TB) orgusers.Store) {
	t.Helper()
	Share(t, 1, opens)
}

// Share does one in so many of the runs of Run, for stores of which there are many.
func Share(t *testing.T, share int, opens map[string]func(testing.TB) orgusers.Store) {
	t.Helper()
	require.NotEmpty(t, opens)
	lengthSet.Do(func() { length(t) })
	n, failed := -1, false
	rapid.Check(t, func(rt *rapid.T) {
		if n++; n%share != 0 && !failed {
			return
		}
		failed = true // should it panic: what rapid tries to make it shorter is all run
		r := newRun(rt, t, opens)
		rt.Repeat(map[string]func(*rapid.T){"step": r.step, "": func(*rapid.T) { r.compare() }})
		r.verify()
		failed = false
	})
}

var lengthSet sync.Once

// length sets how many runs there are, and of how many steps, unless they are given.
func length(t testing.TB) {
	checks := "60"
	if os.Getenv("ORGUSERS_SOAK") != "" {
		checks = "500"
	}
	unlessGiven(t, "rapid.checks", "RAPID_CHECKS", checks)
	unlessGiven(t, "rapid.steps", "RAPID_STEPS", "50")
}

// unlessGiven sets a flag of rapid, behind the flag set's back: flag.Set would make it a given one.
func unlessGiven(t testing.TB, name, env, value string) {
	given := os.Getenv(env) != ""
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if !given {
		require.NoError(t, flag.Lookup(name).Value.Set(value))
	}
}

// run is one run: a fresh model, fresh stores, and what connects them.
type run struct {
	rt    *rapid.T
	tb    testing.TB
	model *model
	sides []*side
	orgs  []orgusers.OrgID
	keys  []orgusers.AddressKey

	users  book[orgusers.UserID]
	rows   book[orgusers.MemberID]
	stacks book[orgusers.StackID]
	roles  book[orgusers.RoleID]

	known   []int             // the accounts there are or were
	session map[int]time.Time // when each one's own session began
	mailed  []mailed          // every link there ever was, oldest first
	made    map[int]string    // ids of stacks and roles as the call returned them
	hashes  int               // how many passwords may still be hashed in this run
}

// mailed is a link and the secret that opens it.
type mailed struct {
	link  link
	token string
}

// addresses are all people there are. The last two have no account at first; two share a mailbox.
func addresses() []string {
	return []string{
		"ann@acme.example", "bob@acme.example", "cat@acme.example", "dan@other.example",
		"eve@other.example", "e.ve+x@other.example", "fay@other.example", "gus@acme.example",
	}
}

func newRun(rt *rapid.T, t *testing.T, opens map[string]func(testing.TB) orgusers.Store) *run {
	t.Helper()
	r := &run{
		rt: rt, tb: scope{t, rt}, session: map[int]time.Time{}, made: map[int]string{},
		users: newBook[orgusers.UserID](), rows: newBook[orgusers.MemberID](), stacks: newBook[orgusers.StackID](), roles: newBook[orgusers.RoleID](),
	}
	r.roles.learn(developer, orgusers.RoleDeveloper)
	r.roles.learn(contentManager, orgusers.RoleContentManager)
	p := policy{
		PerHour: 2000, PerMailbox: 5, MaxSends: 6, Resets: 3, ImmediateMFA: r.chance("immediate MFA reset", 30), PeersProtected: r.chance("peers protected", 20),
		EndOnReset: r.chance("forced reset ends sessions", 20), UnlockSkips: r.chance("unlock skips", 30),
		NeverExpire: r.chance("invitations never expire", 10), HostSessions: r.chance("host keeps sessions", 40),
	}
	if r.chance("few invitations an hour", 20) {
		p.PerHour = 6
	}
	if r.chance("few invitations to a mailbox", 30) {
		p.PerMailbox = 2
	}
	if r.chance("few mails", 50) {
		p.MaxSends = 2
	}
	if r.chance("few reset mails", 50) {
		p.Resets = 1
	}
	if r.chance("passwords", 10) {
		r.hashes = 2
	}
	r.model = &model{
		policy: p, now: world.NewClock().Now(), accounts: map[string]*account{}, quota: map[string]int{},
		answers: map[string]answer{}, sessions: map[int]time.Time{}, registry: map[int]time.Time{},
	}
	for _, name := range slices.Sorted(maps.Keys(opens)) {
		r.sides = append(r.sides, newSide(r.tb, name, opens[name](r.tb), p))
	}
	for _, a := range addresses() {
		r.keys = append(r.keys, orgusers.AddressKey(a))
	}
	r.populate()
	return r
}

// populate makes six proved accounts, which need no password to accept, and three organizations, the
// last one owner-less, with people and stacks in them.
func (r *run) populate() {
	for i, email := range addresses()[:6] {
		u := &account{id: r.model.number(), email: email, name: name{First: strings.ToUpper(email[:1]) + email[1:3]}, verified: true, password: true}
		u.mfa = i > 1
		if i > 0 && i < 3 {
			u.lockedUntil = r.model.now.Add(30 * 24 * time.Hour)
		}
		r.model.accounts[email] = u
	}
	for _, s := range r.sides {
		var c orgusers.Changes
		for _, email := range addresses()[:6] {
			u := r.model.accounts[email]
			nu := orgusers.User{
				ID: orgusers.UserID(s.world.Conf.NewID()), Address: orgusers.Address{Email: email, Key: orgusers.AddressKey(email)},
				Name: orgusers.Name(u.name), Verified: true, Password: "unusable", CreatedAt: r.model.now,
				LockedUntil: u.lockedUntil,
			}
			if u.mfa {
				nu.MFA = factor(r.model.now)
			}
			c.NewUsers = append(c.NewUsers, nu)
		}
		require.NoError(r.tb, s.world.Store.Commit(world.Ctx(), c), s.name)
	}
	r.found("Acme", false, "ann@acme.example", "bob@acme.example", "gus@acme.example")
	r.found("Beta", false, "eve@other.example")
	r.found("Gamma", true, "cat@acme.example", "ann@acme.example")
	r.compare()
	for i, in := range [][]string{
		{"dan@other.example", "e.ve+x@other.example", "fay@other.example"},
		{"ann@acme.example", "dan@other.example", "bob@acme.example"},
		{"eve@other.example", "e.ve+x@other.example"},
	} {
		o := r.model.orgs[i]
		a := actor{user: o.admins()[0].user, signedIn: r.model.now}
		r.createStack(a, o, []string{"Site", "Shop", "Blog"}[i])
		r.saveRole(a, o, 0, "Editor", []string{"a:b", "content:read"})
		r.compare()
		inv := invitation{role: "member", access: []access{{o.stacks[0].id, []int{developer, o.roles[0].id}}}}
		for _, email := range in {
			inv.to = append(inv.to, piece{email: email})
		}
		r.invite(a, o, inv, false)
		r.compare()
		r.dispatch(false)
		for _, l := range r.mailed {
			if l.link.purpose != "invitation" {
				continue
			}
			if w, err := r.model.invited(l.link); err == "" && w.key[0] < 'e' {
				r.accept(l, name{}, false)
			}
		}
		r.tick(time.Minute)
	}
}

func factor(now time.Time) orgusers.MFA {
	return orgusers.MFA{Secret: "sealed", EnrolledAt: now, LastStep: 7, Recovery: "one two"}
}

// found makes an organization.
func (r *run) found(title string, ownerless bool, emails ...string) {
	r.model.createOrganization(title, ownerless, emails...)
	n := orgusers.NewOrganization{Name: title, Owner: emails[0], Admins: emails[1:]}
	if ownerless {
		n.Owner, n.Admins = "", emails
	}
	for i, s := range r.sides {
		id, err := s.world.Operator().CreateOrganization(world.Ctx(), n)
		require.NoError(r.tb, err, s.name)
		if i == 0 {
			r.orgs = append(r.orgs, id)
		}
		require.Equal(r.tb, r.orgs[len(r.orgs)-1], id, s.name)
	}
	r.tick(time.Second)
}

func (r *run) tick(d time.Duration) {
	r.model.now = r.model.now.Add(d)
	for _, s := range r.sides {
		s.world.Clock.Tick(d)
	}
}

// compare holds the state of the stores against each other, to the last byte, and against the model.
func (r *run) compare() {
	for _, s := range r.sides {
		s.before, s.seen = s.seen, s.look(r.tb, r)
	}
	r.learn(&r.sides[0].seen)
	for _, s := range r.sides {
		s.ask(r)
		r.same("state", s, r.sides[0].seen, s.seen)
	}
	if diff := r.model.facts(r).differ(r.sides[0].seen.facts(r)); diff != "" {
		r.rt.Fatalf("the state is not what the rules say:%s", diff)
	}
	for n, id := range r.made {
		if string(r.stacks.ids[n]) != id && string(r.roles.ids[n]) != id {
			r.rt.Fatalf("the id that was returned, %s, is not that of %d", id, n)
		}
	}
	clear(r.made)
}

// same fails unless both are the same to the last byte.
func (r *run) same(what string, s *side, want, got any) {
	require.Equal(r.tb, want, got, "%s: %s, beside %s", what, s.name, r.sides[0].name)
}

// learn finds out which id is what.
func (r *run) learn(seen *snapshot) {
	for i := range seen.Users {
		u := &seen.Users[i]
		if known := r.model.accounts[string(u.Address.Key)]; known != nil {
			r.users.learn(known.id, u.ID)
			if !slices.Contains(r.known, known.id) {
				r.known = append(r.known, known.id)
			}
		}
	}
	for i := range seen.Orgs {
		o := r.model.orgs[i]
		for j := range seen.Orgs[i].Members {
			w := &seen.Orgs[i].Members[j]
			if known := o.rows[string(w.Address.Key)]; known != nil {
				r.rows.learn(known.id, w.ID)
			}
		}
		for _, s := range o.stacks {
			for _, there := range seen.Orgs[i].Stacks {
				if there.Name == s.name {
					r.stacks.learn(s.id, there.ID)
				}
			}
		}
		for _, w := range o.roles {
			for _, there := range seen.Orgs[i].Roles {
				if there.Name == w.name {
					r.roles.learn(w.id, there.ID)
				}
			}
		}
	}
}

// verify checks every audit trail: whole, and as long as what was done and refused makes it.
func (r *run) verify() {
	for _, s := range r.sides {
		for i, o := range r.model.orgs {
			v, err := s.world.Operator().Verify(world.Ctx(), r.orgs[i])
			require.NoError(r.tb, err, s.name)
			require.Empty(r.tb, v.Broken, s.name)
			require.Equal(r.tb, fmt.Sprint(o.chain, "+", o.beside), fmt.Sprint(v.Entries, "+", v.Beside), "audit entries of %s in %s", o.name, s.name)
		}
	}
}

// reply is what a side answered. rep and made where the call has them.
type reply struct {
	rep  *orgusers.Report
	made string
	err  error
}

// expect asks every side and holds the answers against the model's.
func (r *run) expect(what string, want result, ask func(*side) reply) {
	var first reply
	for i, s := range r.sides {
		got := ask(s)
		if i == 0 {
			first = got
			r.rt.Logf("%s: %s", what, shown(got))
		}
		if class(got.err) != want.err {
			r.rt.Fatalf("%s: %s answers %q, the rules say %q\n%v", what, s.name, class(got.err), want.err, got.err)
		}
		if got.err != nil {
			continue
		}
		if got.rep != nil {
			if got.rep.Replayed != want.replayed {
				r.rt.Fatalf("%s: %s replayed %t, the rules say %t", what, s.name, got.rep.Replayed, want.replayed)
			}
			if p := people(got.rep); !slices.Equal(p, want.people) {
				r.rt.Fatalf("%s: %s ends with\n\t%s\nthe rules say\n\t%s", what, s.name, strings.Join(p, "\n\t"), strings.Join(want.people, "\n\t"))
			}
		}
		if want.made != 0 && got.made != "" {
			r.made[want.made] = got.made
		}
		r.same(what, s, first, got)
	}
}

func shown(got reply) string {
	switch {
	case got.err != nil:
		return class(got.err)
	case got.rep != nil && got.rep.Replayed:
		return "as before"
	case got.rep != nil:
		return strings.Join(people(got.rep), ", ")
	}
	return "done"
}

// number draws one of n numbers, each as likely; it shrinks to 0.
func (r *run) number(label string, n int) int {
	return rapid.Custom(func(t *rapid.T) int {
		v := 0
		for range 10 {
			v *= 2
			if rapid.Bool().Draw(t, "bit") {
				v++
			}
		}
		return v * n >> 10
	}).Draw(r.rt, label)
}

// chance is true in so many of a hundred cases; it shrinks to false.
func (r *run) chance(label string, percent int) bool { return r.number(label, 100) >= 100-percent }

func pick[T any](r *run, label string, of ...T) T { return of[r.number(label, len(of))] }
