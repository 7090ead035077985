package itest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// countedWorld is a world whose statements are counted.
func countedWorld(t *testing.T, d database) (*world.World, *faultdriver.Control) {
	t.Helper()
	store, control, _ := counted(t, d)
	return world.New(t, store, func(c *orgusers.Config) {
		c.Policy.MaxSelected = 1000
		c.Policy.InvitesPerActorHour, c.Policy.InvitesPerOrgDay, c.Policy.InvitesPerMailboxDay = -1, -1, -1
	}), control
}

// cost is what a call took.
type cost struct{ reads, writes int }

func costOf(control *faultdriver.Control, call func()) cost {
	control.Reset()
	call()
	var c cost
	for _, s := range control.Statements() {
		if strings.HasPrefix(strings.TrimSpace(s), "SELECT") {
			c.reads++
		} else {
			c.writes++
		}
	}
	return c
}

// crowd puts n people on a roster who give every operation something to do: with a second factor,
// locked, with a role on each of two stacks; every seventh owns a stack of his own, and every fifth
// belongs to a second organization.
func crowd(t *testing.T, w *world.World, org, other world.Org, stacks []orgusers.StackID, n int, status orgusers.Status, tag string) []orgusers.MemberID {
	t.Helper()
	people := make([]suite.Person, n)
	for i := range people {
		people[i] = suite.Person{
			Email: fmt.Sprintf("%s%d@crowd.example", tag, i), Status: status,
			Grants:  []orgusers.Grant{{Stack: stacks[0], Role: orgusers.RoleDeveloper}, {Stack: stacks[1], Role: orgusers.RoleContentManager}},
			Subject: fmt.Sprintf("%s%d", tag, i),
			Change: func(u *orgusers.User) {
				u.MFA = orgusers.MFA{Secret: "sealed", EnrolledAt: w.Clock.Now()}
				u.LockedUntil = w.Clock.Now().Add(1000 * time.Hour)
			},
		}
	}
	rows := suite.Add(t, w, org.ID, people...)
	ids := make([]orgusers.MemberID, n)
	v, err := w.Store.View(world.Ctx(), orgusers.ViewQuery{Org: org.ID})
	require.NoError(t, err)
	c := orgusers.Changes{Org: &v.Org}
	var shared []suite.Person
	for i, m := range rows {
		ids[i] = m.ID
		if m.User == "" {
			continue
		}
		if i%7 == 0 {
			c.NewStacks = append(c.NewStacks, orgusers.Stack{ID: orgusers.StackID(fmt.Sprintf("stack-%s-%d", tag, i)), Org: org.ID, Name: fmt.Sprint(tag, i), Owner: m.User, CreatedAt: w.Clock.Now()})
			c.Org.Tally.Stacks++
		}
		if i%5 == 0 && other.ID != "" {
			shared = append(shared, suite.Person{Email: people[i].Email})
		}
	}
	require.NoError(t, w.Store.Commit(world.Ctx(), c))
	if len(shared) > 0 {
		suite.Add(t, w, other.ID, shared...)
	}
	return ids
}

// TestP3_BulkStatements: bar P3. A bulk of 1, 10, 100 and 500 people costs the same statements, at
// most 4 reads and 8 writes, a request id included; with people of several organizations, stack
// owners and stack roles among them. BEGIN and COMMIT are not statements.
func TestP3_BulkStatements(t *testing.T) { // not parallel: one counter of statements
	t.Parallel()
	onEach(t, bulkStatements)
}

func bulkStatements(t *testing.T, d database) {
	w, control := countedWorld(t, d)
	org, other := suite.NewOrg(t, w, "acme", "owner@acme.example"), suite.NewOrg(t, w, "other", "owner@other.example")
	var stacks []orgusers.StackID
	for _, name := range []string{"Website", "App"} {
		id, err := org.Admin().CreateStack(world.Ctx(), name)
		require.NoError(t, err)
		stacks = append(stacks, id)
	}
	for _, c := range []struct {
		op     orgusers.Operation
		status orgusers.Status
		before orgusers.Operation // done to the people first
		alone  bool               // only people who belong to one organization
	}{
		{op: orgusers.Remove{}},
		{op: orgusers.SetRole{Role: orgusers.RoleAdmin}},
		{op: orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: stacks[0], Roles: []orgusers.RoleID{orgusers.RoleContentManager}}, {Stack: stacks[1]}}}},
		{op: orgusers.Deactivate{}},
		{op: orgusers.Reactivate{}, before: orgusers.Deactivate{}},
		{op: orgusers.Delete{}},
		{op: orgusers.Rename{Name: orgusers.Name{First: "New"}}},
		{op: orgusers.ForcePasswordReset{}},
		{op: orgusers.ResetMFA{}},
		{op: orgusers.EndSessions{}},
		{op: orgusers.ResendInvitation{}, status: orgusers.StatusPending},
		{op: orgusers.Unlock{}, alone: true},
		{op: orgusers.SetWithoutSSO{Allow: true}},
		{op: orgusers.UnlinkSSO{}, alone: true},
	} {
		t.Run(string(c.op.Action()), func(t *testing.T) {
			var first cost
			for _, n := range []int{1, 10, 100, 500} {
				elsewhere := other
				if c.alone || n == 1 {
					elsewhere = world.Org{}
				}
				ids := crowd(t, w, org, elsewhere, stacks, n, c.status, fmt.Sprintf("%s-%d-", strings.ReplaceAll(string(c.op.Action()), ".", "-"), n))
				if c.before != nil {
					_, err := org.Admin().Apply(world.Ctx(), c.before, ids...)
					require.NoError(t, err)
				}
				w.Clock.Tick(time.Hour)
				actor := org.Owner
				actor.SignedInAt = w.Clock.Now()
				actor.Request = fmt.Sprintf("%s/%d", c.op.Action(), n)
				var rep orgusers.Report
				var err error
				got := costOf(control, func() { rep, err = w.Svc.Admin(actor, org.ID).Apply(world.Ctx(), c.op, ids...) })
				require.NoError(t, err)
				require.Positive(t, rep.Count(orgusers.Applied), &rep)
				if n == 1 {
					require.NoError(t, rep.Err())
					first = got
					t.Logf("%s: %d reads, %d writes", c.op.Action(), got.reads, got.writes)
				}
				require.LessOrEqual(t, got.reads, 4)
				require.LessOrEqual(t, got.writes, 8)
				require.Equal(t, first, got, "%d people", n)
			}
		})
	}
}

// TestP3_InviteStatements: an invitation of 1,000 addresses costs at most 12 statements per 500.
func TestP3_InviteStatements(t *testing.T) {
	t.Parallel()
	onEach(t, inviteStatements)
}

func inviteStatements(t *testing.T, d database) {
	w, control := countedWorld(t, d)
	org := suite.NewOrg(t, w, "acme", "owner@acme.example")
	stack, err := org.Admin().CreateStack(world.Ctx(), "Website")
	require.NoError(t, err)
	for _, n := range []int{1, 500, 1000} {
		var to strings.Builder
		for i := range n {
			fmt.Fprintf(&to, "Name %d <i%d.%d@crowd.example>\n", i, n, i)
		}
		actor := org.Owner
		actor.Request = fmt.Sprintf("invite-%d", n)
		var rep orgusers.Report
		got := costOf(control, func() {
			rep, err = w.Svc.Admin(actor, org.ID).Invite(world.Ctx(), orgusers.Invitation{
				To: to.String(), Stacks: []orgusers.StackAccess{{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}},
			})
		})
		require.NoError(t, err)
		require.Equal(t, n, rep.Count(orgusers.Applied))
		t.Logf("%d addresses: %d reads, %d writes", n, got.reads, got.writes)
		require.LessOrEqual(t, got.reads+got.writes, 12*((n+499)/500))
	}
}

// TestP7_AccessIsOneStatement: bar P7, and what a page, an accept and a sign-in mark cost.
func TestP7_AccessIsOneStatement(t *testing.T) { // not parallel: it counts allocations
	for _, kind := range kinds() {
		t.Run(kind.name, func(t *testing.T) { accessStatements(t, kind.make(t)) })
	}
}

func accessStatements(t *testing.T, d database) {
	w, control := countedWorld(t, d)
	org := suite.NewOrg(t, w, "acme", "owner@acme.example")
	stack, err := org.Admin().CreateStack(world.Ctx(), "Website")
	require.NoError(t, err)
	role, err := org.Admin().CreateRole(world.Ctx(), "Custom", "a:b", "c:d")
	require.NoError(t, err)
	m := suite.Add(t, w, org.ID, suite.Person{Email: "m@acme.example", Grants: []orgusers.Grant{{Stack: stack, Role: role}, {Stack: stack, Role: orgusers.RoleDeveloper}}})[0]
	actor := w.Actor(m.User)
	var access orgusers.Access
	require.Equal(t, cost{reads: 1}, costOf(control, func() { access, err = w.Svc.Access(world.Ctx(), actor, org.ID) }))
	require.NoError(t, err)
	require.True(t, access.Can(stack, "c:d"))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if !access.Can(stack, "c:d") || access.Can(stack, "e:f") || access.Can("other", "c:d") {
			panic("wrong")
		}
	}))
	require.Equal(t, cost{reads: 2}, costOf(control, func() { _, err = org.Admin().Members(world.Ctx(), orgusers.List{Limit: 50}) }), "organization with actor, page")
	require.NoError(t, err)
	require.Equal(t, cost{writes: 2}, costOf(control, func() { err = w.Svc.SignedIn(world.Ctx(), m.User) }))
	require.NoError(t, err)

	session := orgusers.Session{
		ID: "7f000000-0000-7000-8000-000000000001", User: m.User, Token: "token of m", Step: orgusers.StepDone, IP: actor.IP,
		CreatedAt: actor.SignedInAt, SeenAt: actor.SignedInAt, ExpiresAt: actor.SignedInAt.Add(time.Hour), Idle: time.Hour,
	}
	require.NoError(t, w.Store.Commit(world.Ctx(), orgusers.Changes{NewSessions: []orgusers.Session{session}}))
	actor.Session = string(session.ID)
	_, err = w.Svc.Account(actor).OpenIPRule(world.Ctx(), org.ID, "db", time.Hour)
	require.NoError(t, err)
	for _, demanded := range []bool{false, true} { // whatever the session is asked for, as Access asks
		w.PatchOrg(org.ID, func(o *orgusers.Organization) { o.Settings.SSO = orgusers.SSO{Enabled: demanded, Strict: demanded} })
		var open bool
		require.Equal(t, cost{reads: 1}, costOf(control, func() { open, err = w.Svc.Allowed(world.Ctx(), org.ID, actor.IP, "db") }))
		require.NoError(t, err)
		require.Equal(t, !demanded, open)
	}
	w.PatchOrg(org.ID, func(o *orgusers.Organization) { o.Settings.SSO = orgusers.SSO{} })

	suite.Account(t, w, "known@acme.example")
	require.Equal(t, cost{reads: 1, writes: 5}, costOf(control, func() {
		_, err = org.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "known@acme.example"})
	}), "the quotas come with the people")
	require.NoError(t, err)
	w.Dispatch()
	known := w.Token("known@acme.example")
	require.Equal(t, cost{reads: 1, writes: 4}, costOf(control, func() {
		_, err = w.Visitor().AcceptInvitation(world.Ctx(), known, orgusers.NewAccount{})
	}))
	require.NoError(t, err)

	suite.Account(t, w, "beyond@acme.example")
	for to, expected := range map[string]cost{
		"beyond@acme.example": {reads: 2, writes: 6}, // beyond the roster: first it is read who it is, and there are a row and an account more to write
		"m@acme.example":      {reads: 1, writes: 4},
	} {
		owner := w.Existing(org.ID).Admin()
		require.Equal(t, cost{reads: 1, writes: 4}, costOf(control, func() { err = owner.OfferOwnership(world.Ctx(), to) }))
		require.NoError(t, err)
		w.Dispatch()
		offered := w.Token(to)
		require.Equal(t, expected, costOf(control, func() { err = w.Visitor().AcceptOwnership(world.Ctx(), offered) }), to)
		require.NoError(t, err)
	}
}

// TestP8_SignInStatements: what the check of a session costs on every request, and the store's part
// of a sign-in, four statements: the account with its memberships, sessions and throttles; its guard;
// its rows on rosters; the new session.
func TestP8_SignInStatements(t *testing.T) {
	t.Parallel()
	s, control, _ := counted(t, sqliteDatabase(t))
	prepared(t, s)
	small(t, s, "p", 2)
	ctx := t.Context()
	one := func(want cost, call func() error) {
		t.Helper()
		require.Equal(t, want, costOf(control, func() { require.NoError(t, call()) }))
	}
	one(cost{reads: 1}, func() error { _, err := s.Session(ctx, "token of n1"); return err })
	one(cost{writes: 1}, func() error { return s.Seen(ctx, "n1", at(1000)) })
	one(cost{reads: 1}, func() error { _, err := s.IPRules(ctx, orgusers.IPRuleQuery{User: "o-u1", Limit: 9}); return err })
	for _, q := range []orgusers.PersonQuery{{User: "o-u1"}, {Key: "u0001@o.example"}, {Token: "token of n1"}} {
		one(cost{reads: 1}, func() error {
			v, err := s.View(ctx, orgusers.ViewQuery{Person: q, Counters: []string{"by address", "by IP"}})
			require.NotNil(t, v.Person)
			require.Len(t, v.Person.Sessions, 1)
			return err
		})
	}
	u := view(t, s, orgusers.ViewQuery{Users: []orgusers.UserID{"o-u1"}}).Users[0]
	one(cost{writes: 3}, func() error {
		return s.Commit(ctx, orgusers.Changes{
			Users: []orgusers.UserUpdate{{ID: u.ID, Version: u.Version, Patch: orgusers.UserPatch{
				Failures: orgusers.Some(0), LockedUntil: orgusers.Some(time.Time{}), LastLogin: orgusers.Some(at(2000)),
			}}},
			Profiles:    []orgusers.Profile{{User: u.ID, Name: u.Name, LastLogin: at(2000)}},
			NewSessions: []orgusers.Session{filledSession("n9", "o-u1")},
		})
	})
	one(cost{writes: 2}, func() error { // a step of it: a ticket gives its row to a session
		return s.Commit(ctx, orgusers.Changes{
			Users:          []orgusers.UserUpdate{{ID: u.ID, Version: u.Version + 1}},
			DeleteSessions: []orgusers.SessionID{"n9"}, NewSessions: []orgusers.Session{filledSession("n9", "o-u1")},
		})
	})
}

// TestP8_SignIn: through the doors, a sign-in and each of its steps is four statements beside its
// hash, and the check of a session one, and once a minute another.
func TestP8_SignIn(t *testing.T) {
	t.Parallel()
	w, control := countedWorld(t, sqliteDatabase(t))
	suite.NewOrg(t, w, "acme", "owner@acme.example", suite.Person{Email: "m@acme.example", Change: func(u *orgusers.User) { u.Password = world.CheapHash() }})
	visitor := w.Svc.Visitor(w.Actor(""))
	w.SignIn("m@acme.example") // hashes anew
	var in orgusers.SignIn
	step := func(want cost, call func() error) {
		t.Helper()
		require.Equal(t, want, costOf(control, func() { require.NoError(t, call()) }))
	}
	w.Clock.Tick(time.Second)
	step(cost{reads: 1, writes: 3}, func() (err error) {
		in, err = visitor.SignIn(world.Ctx(), "m@acme.example", world.Password)
		return err
	})
	require.Equal(t, orgusers.StepDone, in.Step)
	authenticate := func() error { _, err := w.Svc.Authenticate(world.Ctx(), in.Token, orgusers.Actor{}); return err }
	step(cost{reads: 1}, authenticate)
	w.Clock.Tick(59 * time.Second)
	step(cost{reads: 1}, authenticate)
	w.Clock.Tick(time.Second)
	step(cost{reads: 1, writes: 1}, authenticate)
	step(cost{reads: 1}, authenticate)

	factor, _ := w.Enrol(w.Session(in))
	step(cost{reads: 1, writes: 2}, func() (err error) { // nobody's roster changes
		in, err = visitor.SignIn(world.Ctx(), "m@acme.example", world.Password)
		return err
	})
	code := factor.Code()
	step(cost{reads: 1, writes: 3}, func() (err error) { // the ticket's row is the session's
		in, err = visitor.EnterCode(world.Ctx(), in.Token, code)
		return err
	})
	require.Equal(t, orgusers.StepDone, in.Step)
	w.Clock.Tick(2 * time.Hour)
	step(cost{reads: 1, writes: 2}, func() (err error) { // and what is over gives its own
		in, err = visitor.SignIn(world.Ctx(), "m@acme.example", world.Password)
		return err
	})
	step(cost{reads: 1, writes: 2}, func() error { // the ticket's count is written with the sender's
		_, err := visitor.EnterCode(world.Ctx(), in.Token, "000000")
		require.ErrorIs(t, err, orgusers.ErrDenied)
		return nil
	})
	for _, visitor := range []orgusers.Visitor{visitor, w.Svc.Visitor(orgusers.Actor{})} { // S-142: with an address and without
		step(cost{reads: 1, writes: 2}, func() error { // the account and the sender's count, which is bounded
			_, err := visitor.SignIn(world.Ctx(), "m@acme.example", "wrong")
			require.ErrorIs(t, err, orgusers.ErrDenied)
			return nil
		})
		step(cost{reads: 1, writes: 1}, func() error {
			_, err := visitor.SignIn(world.Ctx(), "nobody@acme.example", "wrong")
			require.ErrorIs(t, err, orgusers.ErrDenied)
			return nil
		})
	}
}

// TestS145_ForgottenStatements: whether somebody has the address changes nothing of what is done while the
// caller waits, nor of the row that is left behind.
func TestS145_ForgottenStatements(t *testing.T) {
	t.Parallel()
	w, control := countedWorld(t, sqliteDatabase(t))
	suite.NewOrg(t, w, "acme", "owner@acme.example", suite.Person{Email: "m@acme.example", Change: func(u *orgusers.User) { u.Password = world.CheapHash() }})
	visitor := w.Svc.Visitor(w.Actor(""))
	var rows []orgusers.Effect
	for n, who := range []string{"m", "n"} {
		require.Equal(t, cost{writes: 4}, costOf(control, func() { require.NoError(t, visitor.ForgotPassword(world.Ctx(), who+"@acme.example")) }), who)
		rows = append(rows, w.Outbox(false)[n])
		e := &rows[n]
		require.Equal(t, who+"@acme.example", e.Mail.To)
		e.ID, e.Operation, e.Mail.To = "", "", ""
	}
	require.Equal(t, rows[0], rows[1])
	w.Dispatch()
	require.Len(t, w.Inbox.All(), 1)
}

// TestP8_SignInTakesAHashAnd3Milliseconds on SQLite, and so hashes once: decided by the quickest of each,
// taken by turns, which a busy machine leaves alone.
func TestP8_SignInTakesAHashAnd3Milliseconds(t *testing.T) { //nolint:paralleltest // it measures
	if raced {
		t.Skip("the race detector makes SQLite in Go ten times slower")
	}
	d := sqliteDatabase(t)
	w := world.New(t, d.store(t, d.open(t, 4)))
	suite.NewOrg(t, w, "acme", "owner@acme.example", suite.Person{Email: "m@acme.example", Change: func(u *orgusers.User) { u.Password = world.GoodHash() }})
	hash, signIn := time.Hour, time.Hour
	for n := 0; n < 10 || n < 100 && signIn > hash+3*time.Millisecond; n++ {
		quickest(&hash, func() { world.Hash(19<<10, 2) })
		quickest(&signIn, func() { require.Equal(t, orgusers.StepDone, w.SignIn("m@acme.example").Step) })
		w.Clock.Tick(time.Second)
	}
	t.Logf("a hash %s, a sign-in %s", hash, signIn)
	require.LessOrEqual(t, signIn, hash+3*time.Millisecond)
}

// TestP8_ACodeTakes50Microseconds at the most, with all that is decided on it: a code is checked, found right
// and written down, in memory.
func TestP8_ACodeTakes50Microseconds(t *testing.T) { //nolint:paralleltest // it measures
	if raced {
		t.Skip("the race detector makes it ten times slower")
	}
	w := world.New(t, memstore.New())
	org := suite.NewOrg(t, w, "acme", "owner@acme.example")
	factor, actor := w.Enrol(org.Owner)
	took := time.Hour
	for n := 0; n < 20 || n < 1000 && took > 50*time.Microsecond; n++ {
		code := factor.Code()
		quickest(&took, func() {
			renewed, err := w.Svc.Account(actor).Prove(world.Ctx(), "", code)
			require.NoError(t, err)
			actor.SignedInAt, actor.ProvedAt = renewed.SignedInAt, renewed.ProvedAt
		})
	}
	t.Log(took)
	require.LessOrEqual(t, took, 50*time.Microsecond)
}

// quickest keeps the shortest time that a call took: what a busy machine adds, it adds to the others.
func quickest(best *time.Duration, call func()) {
	begin := time.Now()
	call()
	*best = min(*best, time.Since(begin))
}

// TestP8_SSOStatements: a sign-in by single sign-on reads the organization with the rows and their
// inviters, their roles, and the person, and writes what any sign-in does; the organization only if the
// person's row changes.
func TestP8_SSOStatements(t *testing.T) {
	t.Parallel()
	w, control := countedWorld(t, sqliteDatabase(t))
	org := suite.NewOrg(t, w, "acme", "owner@acme.example", suite.Person{Email: "mia@acme.example"})
	require.NoError(t, org.Admin().SetSSO(world.Ctx(), orgusers.SSO{Enabled: true, RoleMapping: true}))
	require.NoError(t, org.Admin().SetGroups(world.Ctx(), orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember}))
	for _, c := range []struct {
		who  string
		want cost
	}{
		{"mia", cost{reads: 3, writes: 6}}, // the first time: her row, the organization and an entry
		{"mia", cost{reads: 3, writes: 3}},
		{"new", cost{reads: 2, writes: 5}}, // nobody, whose roles there are to read
		{"new", cost{reads: 3, writes: 3}},
	} {
		w.Clock.Tick(time.Second)
		var err error
		got := costOf(control, func() {
			_, err = w.Visitor().SignInSSO(world.Ctx(), orgusers.Assertion{Org: org.ID, Subject: c.who, Email: c.who + "@acme.example", Groups: []string{"staff"}})
		})
		require.NoError(t, err)
		require.Equal(t, c.want, got, c.who)
	}
}
