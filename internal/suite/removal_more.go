package suite

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// An account that also belongs elsewhere is not one organization's to touch.
func severalOrgs(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	here := Add(t, w, x.ID, Person{Email: "both@people.example", Role: orgusers.RoleAdmin})[0]
	there := Add(t, w, y.ID, Person{Email: "both@people.example", Role: orgusers.RoleAdmin})[0]
	session := w.Actor(here.User)
	before := stateOf(t, w, y.ID)
	for _, op := range []orgusers.Operation{
		orgusers.Delete{}, orgusers.EndSessions{}, orgusers.Rename{Name: orgusers.Name{First: "Taken"}}, orgusers.Unlock{},
	} {
		x.refuses(orgusers.ErrDenied, orgusers.ReasonSeveralOrgs, func() error { return x.Admin().Do(ctx, op, here.ID) })
	}
	y.same(before)
	require.NoError(t, x.Admin().Do(ctx, orgusers.Deactivate{}, here.ID))
	y.same(before)
	_, err := w.Svc.Access(ctx, session, x.ID)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonNotJoined)
	_, err = w.Svc.Access(ctx, session, y.ID)
	require.NoError(t, err, "the session goes on there")
	require.NoError(t, x.Admin().Do(ctx, orgusers.Reactivate{}, here.ID))
	require.NoError(t, x.Admin().Do(ctx, orgusers.Remove{}, here.ID))
	_, err = w.Svc.Access(ctx, session, x.ID)
	fails(t, err, orgusers.ErrNotFound, "")
	access, err := w.Svc.Access(ctx, session, y.ID)
	require.NoError(t, err)
	require.True(t, access.Administers())
	after := stateOf(t, w, y.ID)
	require.Equal(t, before.Members, after.Members)
	require.Equal(t, before.Org, after.Org)
	u, _ := accountOf(t, w, "both@people.example")
	require.Equal(t, 1, u.Orgs)
	require.Zero(t, u.SessionsValidFrom)

	// Now it is the other one's alone.
	w.Clock.Tick(time.Second)
	require.NoError(t, y.Admin().Do(ctx, orgusers.Delete{}, there.ID))
	_, known := accountOf(t, w, "both@people.example")
	require.False(t, known)
	CheckOrg(t, w, x.ID)
	CheckOrg(t, w, y.ID)
}

func severalMFA(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	enrolled := func(u *orgusers.User) { u.MFA = orgusers.MFA{Secret: "sealed", EnrolledAt: w.Clock.Now()} }
	both := Add(t, w, x.ID, Person{Email: "both@people.example", Change: enrolled})[0]
	Add(t, w, y.ID, Person{Email: "both@people.example"})
	alone := Add(t, w, x.ID, Person{Email: "alone@people.example", Change: enrolled})[0]
	x.refuses(orgusers.ErrDenied, orgusers.ReasonSeveralOrgs, func() error { return x.Admin().Do(ctx, orgusers.ResetMFA{}, both.ID) })
	require.NoError(t, x.Admin().Do(ctx, orgusers.ResetMFA{}, alone.ID))
	u, _ := accountOf(t, w, "alone@people.example")
	require.Zero(t, u.MFA)
	CheckOrg(t, w, x.ID)
}

// oneself is what an administrator may do to himself, alone and among others (R1.16, R6.5).
func oneself(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	stack := newStack(t, x.Org, "Website")
	locked := func(u *orgusers.User) {
		u.LockedUntil = w.Clock.Now().Add(time.Hour)
		u.MFA = orgusers.MFA{Secret: "sealed", EnrolledAt: w.Clock.Now()}
	}
	me := Add(t, w, x.ID, Person{Email: x.email("me"), Role: orgusers.RoleAdmin, Change: locked})[0]
	other := Add(t, w, x.ID, Person{Email: x.email("other"), Role: orgusers.RoleAdmin, Change: locked})[0]
	for _, c := range []struct {
		op          orgusers.Operation
		alone, bulk string
	}{
		{orgusers.Remove{}, "refused self", "skipped self"},
		{orgusers.Deactivate{}, "refused self", "skipped self"},
		{orgusers.Reactivate{}, "refused self", "skipped self"},
		{orgusers.Delete{}, "refused self", "skipped self"},
		{orgusers.EndSessions{}, "refused self", "refused self"},
		{orgusers.SetRole{Role: orgusers.RoleMember}, "applied", "skipped self"},
		{orgusers.ForcePasswordReset{}, "applied", "applied"},
		{orgusers.ResetMFA{}, "applied", "applied"},
		{orgusers.Rename{Name: orgusers.Name{First: "New"}}, "applied", "applied"},
		{orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}}, "applied", "applied"},
	} {
		alone, err := x.As(me).Preview(ctx, c.op, me.ID)
		require.NoError(t, err)
		require.Equal(t, []string{c.alone}, outcomes(alone), "%s alone", c.op.Action())
		twice, err := x.As(me).Preview(ctx, c.op, me.ID, me.ID)
		require.NoError(t, err)
		require.Equal(t, []string{c.alone}, outcomes(twice), "%s, selected twice", c.op.Action())
		bulk, err := x.As(me).Preview(ctx, c.op, other.ID, me.ID)
		require.NoError(t, err)
		require.Equal(t, c.bulk, outcomes(bulk)[1], "%s in a bulk", c.op.Action())
		if strings.HasPrefix(c.alone, "refused") {
			x.refuses(orgusers.ErrDenied, orgusers.ReasonSelf, func() error { return x.As(me).Do(ctx, c.op, me.ID) })
		}
	}
	// All or nothing: oneself in the list spoils it (R6.10).
	before := stateOf(t, w, x.ID)
	rep, err := x.As(me).Apply(ctx, orgusers.Unlock{}, other.ID, me.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"refused others_not_unlockable", "refused self"}, outcomes(rep))
	x.same(before)
	rep, err = x.As(me).Apply(ctx, orgusers.Remove{}, me.ID, other.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"skipped self", "applied"}, outcomes(rep))
	CheckOrg(t, w, x.ID)
}

func oneselfMFA(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	enrolled := func(u *orgusers.User) { u.MFA = orgusers.MFA{Secret: "sealed", EnrolledAt: w.Clock.Now()} }
	me := Add(t, w, x.ID, Person{Email: x.email("me"), Role: orgusers.RoleAdmin, Change: enrolled})[0]
	other := Add(t, w, x.ID, Person{Email: x.email("other"), Change: enrolled})[0]
	x.refuses(orgusers.ErrDenied, orgusers.ReasonSelf, func() error { return x.As(me).Do(ctx, orgusers.ResetMFA{}, me.ID) })
	rep, err := x.As(me).Apply(ctx, orgusers.ResetMFA{}, me.ID, other.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"refused self", "applied"}, outcomes(rep))
	u, _ := accountOf(t, w, x.email("me"))
	require.True(t, u.MFA.Enrolled())
	CheckOrg(t, w, x.ID)
}

func endSessions(t *testing.T, w *world.World, host *devices) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	both := Add(t, w, x.ID, Person{Email: "both@people.example"})[0]
	Add(t, w, y.ID, Person{Email: "both@people.example"})
	idle := x.add("idle", orgusers.RoleMember)
	ann, bob := x.add("ann", orgusers.RoleMember), x.add("bob", orgusers.RoleAdmin)
	inactive := Add(t, w, x.ID, Person{Email: x.email("inactive"), Status: orgusers.StatusInactive})[0]
	pending := x.Invite(x.email("pending"), orgusers.RoleMember)
	for _, m := range []orgusers.Member{x.owner, x.admin, both, ann, bob, inactive} {
		host.active[m.User] = 3
	}
	w.Clock.Tick(time.Second)
	rep, err := x.As(x.admin).Apply(ctx, orgusers.EndSessions{},
		ann.ID, both.ID, idle.ID, x.owner.ID, x.admin.ID, bob.ID, inactive.ID, pending.ID, "nobody", ann.ID)
	require.NoError(t, err)
	require.Equal(t, []string{
		"applied", "skipped several_organizations", "skipped no_active_session", "skipped owner", "refused self", "applied",
		"skipped inactive", "skipped pending", "refused not_found",
	}, outcomes(rep))
	require.Equal(t, []int{2, 5, 2}, []int{rep.Count(orgusers.Applied), rep.Count(orgusers.Skipped), rep.Count(orgusers.Refused)})
	w.Dispatch()
	require.ElementsMatch(t, []orgusers.UserID{ann.User, bob.User}, host.ended)
	require.Len(t, trail(t, w, orgusers.AuditQuery{Org: x.ID, Action: orgusers.ActionEndSessions}), 9, "one entry for each person")
	for _, m := range []orgusers.Member{both, idle, x.owner, x.admin} {
		v, err := w.Store.View(ctx, orgusers.ViewQuery{Users: []orgusers.UserID{m.User}})
		require.NoError(t, err)
		require.Zero(t, v.Users[0].SessionsValidFrom)
	}
	CheckOrg(t, w, x.ID)
}

// There is nobody in a fresh store, nobody is made with a password, and who was deleted stays so.
func noDefaults(t *testing.T, w *world.World) {
	ctx := world.Ctx()
	orgs, err := w.Operator().Organizations(ctx, "", 0)
	require.NoError(t, err)
	require.Empty(t, orgs)
	for _, email := range []string{"admin@app.example.com", "admin@example.com", "root@localhost.example"} {
		_, known := accountOf(t, w, email)
		require.False(t, known)
	}
	made := orgusers.NewOrganization{Name: "Acme", Owner: "owner@acme.example", Admins: []string{"admin@acme.example"}}
	id, err := w.Operator().CreateOrganization(ctx, made)
	require.NoError(t, err)
	for _, email := range []string{"owner@acme.example", "admin@acme.example"} {
		u, known := accountOf(t, w, email)
		require.True(t, known)
		require.Empty(t, u.Password)
		require.False(t, u.Verified)
	}
	org := w.Existing(id)
	admin := org.Member("admin@acme.example")
	w.Dispatch()
	token := w.Token("admin@acme.example")
	require.NoError(t, org.Admin().Do(ctx, orgusers.Delete{}, admin.ID))
	fails(t, w.Reset(token, world.Password), orgusers.ErrExpired, orgusers.ReasonLinkReplaced)

	w.Second().Dispatch() // starting again makes nobody
	_, known := accountOf(t, w, "admin@acme.example")
	require.False(t, known)
	made.Admins = nil
	second, err := w.Operator().CreateOrganization(ctx, made)
	require.NoError(t, err)
	require.NotEqual(t, id, second, "the same once more is another organization, with the same account")
	u, _ := accountOf(t, w, "owner@acme.example")
	require.Equal(t, 2, u.Orgs)
	require.Empty(t, u.Password)
	CheckOrg(t, w, id)
	CheckOrg(t, w, second)
}

func identityEdits(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	// No operation has a field for an address.
	for _, op := range everyOperation("stack") {
		typ := reflect.TypeOf(op)
		for i := range typ.NumField() {
			require.NotRegexp(t, "(?i)mail|address|user", typ.Field(i).Name, typ.Name())
			require.NotEqual(t, reflect.TypeFor[orgusers.Address](), typ.Field(i).Type)
		}
	}
	// The same name as somebody else's is a name, no identity.
	require.NoError(t, x.Admin().Do(ctx, orgusers.Rename{Name: x.owner.Name}, x.member.ID))
	require.Equal(t, "member@acme.example", x.row("member").Address.Email)
	access, err := w.Svc.Access(ctx, w.Actor(x.member.User), x.ID)
	require.NoError(t, err)
	require.False(t, access.Owner)
	wrong(t, x.Admin().Do(ctx, orgusers.Rename{}, x.member.ID), "name.first: required")

	// One key, one person, however it is spelled.
	out, err := x.inviteTo(x.admin, "OWNER@ACME.example, Member@acme.EXAMPLE, new@acme.example, NEW@acme.example")
	require.NoError(t, err)
	require.Equal(t, []string{"skipped already_member", "skipped already_member", "applied", "skipped duplicate"}, out)
	_, err = w.Operator().CreateOrganization(ctx, orgusers.NewOrganization{Name: "Two", Owner: "a@two.example", Admins: []string{"A@TWO.example"}})
	wrong(t, err, "admins[0]: duplicate")
	id, err := w.Operator().CreateOrganization(ctx, orgusers.NewOrganization{Name: "Two", Owner: "MEMBER@acme.example"})
	require.NoError(t, err)
	require.Equal(t, x.member.User, w.Existing(id).Owner.User)
	require.Equal(t, "member@acme.example", w.Existing(id).Member("member@acme.example").Address.Email, "as first spelled")
	CheckOrg(t, w, x.ID)
	CheckOrg(t, w, id)
}
