package suite

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Removal are the cases about removal, deactivation and deletion (B4). Those that are races are in
// [Races].
func Removal(t *testing.T, open Opener) {
	t.Helper()
	c := cases{t, open}
	host := func() (*devices, func(*orgusers.Config)) {
		d := &devices{active: map[orgusers.UserID]int{}}
		return d, func(conf *orgusers.Config) { conf.Sessions = d }
	}
	d, change := host()
	c.with("S-066 cut at once", change, func(t *testing.T, w *world.World) { cutAtOnce(t, w, d) })
	c.run("S-069 only Reactivate reactivates", stayInactive)
	c.run("S-070 nothing is left behind", leftBehind)
	c.run("S-070 owner-less organization", leftOwnerless)
	c.run("S-073 people of several organizations", severalOrgs)
	c.with("S-073 immediate reset", func(conf *orgusers.Config) { conf.Policy.ImmediateMFAReset = true }, severalMFA)
	c.run("S-074 oneself", oneself)
	c.with("S-074 oneself, immediate reset", func(conf *orgusers.Config) { conf.Policy.ImmediateMFAReset = true }, oneselfMFA)
	d2, change := host()
	c.with("S-075 ending sessions", change, func(t *testing.T, w *world.World) { endSessions(t, w, d2) })
	c.run("S-076 nothing comes back by itself", noDefaults)
	c.run("S-077 identity is not for others to edit", identityEdits)
}

// devices is a host's session store.
type devices struct {
	mu     sync.Mutex
	active map[orgusers.UserID]int
	ended  []orgusers.UserID
	before []time.Time
}

func (d *devices) Active(_ context.Context, users []orgusers.UserID) (map[orgusers.UserID]int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[orgusers.UserID]int{}
	for _, u := range users {
		if n := d.active[u]; n > 0 {
			out[u] = n
		}
	}
	return out, nil
}

func (d *devices) End(_ context.Context, users []orgusers.UserID, before time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range users {
		delete(d.active, u)
		d.ended, d.before = append(d.ended, u), append(d.before, before)
	}
	return nil
}

// cutAtOnce: after the commit no service lets a session in that began before, and what was mailed is
// void.
func cutAtOnce(t *testing.T, w *world.World, host *devices) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	second := w.Second()
	for _, cut := range []struct {
		local  string
		op     orgusers.Operation
		kind   error
		reason orgusers.Reason
		fresh  orgusers.Reason // for a session that begins afterwards; "": lets in
		link   orgusers.Reason // of a password link mailed before; "": works
	}{
		{"removed", orgusers.Remove{}, orgusers.ErrNotFound, "", orgusers.ReasonNotFound, ""},
		{"deleted", orgusers.Delete{}, orgusers.ErrNotFound, "", orgusers.ReasonNotFound, orgusers.ReasonLinkReplaced},
		{"deactivated", orgusers.Deactivate{}, orgusers.ErrDenied, orgusers.ReasonSessionEnded, orgusers.ReasonNotJoined, orgusers.ReasonLinkReplaced},
		{"ended", orgusers.EndSessions{}, orgusers.ErrDenied, orgusers.ReasonSessionEnded, "", ""},
	} {
		m := x.add(cut.local, orgusers.RoleAdmin)
		host.active[m.User] = 2
		require.NoError(t, x.Admin().Do(ctx, orgusers.ForcePasswordReset{}, m.ID))
		w.Dispatch()
		token := w.Token(x.email(cut.local))
		session := w.Actor(m.User)
		services := []*world.World{w, second}
		for _, on := range services {
			_, err := on.Svc.Access(ctx, session, x.ID)
			require.NoError(t, err)
			_, err = on.Svc.Admin(session, x.ID).Members(ctx, orgusers.List{})
			require.NoError(t, err)
		}
		session.SignedInAt = w.Clock.Now() // even one that begins in the very moment
		require.NoError(t, x.Admin().Do(ctx, cut.op, m.ID))
		for _, on := range services {
			_, err := on.Svc.Access(ctx, session, x.ID)
			fails(t, err, cut.kind, cut.reason)
			_, err = on.Svc.Admin(session, x.ID).Members(ctx, orgusers.List{})
			fails(t, err, cut.kind, cut.reason)
			require.Error(t, on.Svc.Account(session).Leave(ctx, x.ID))
			_, err = on.Svc.Account(session).Organizations(ctx, "", 0)
			require.Error(t, err, "%s: the account's own door", cut.local)
		}
		session.SignedInAt = session.SignedInAt.Add(time.Microsecond)
		w.Clock.Tick(time.Microsecond)
		_, err := w.Svc.Access(ctx, session, x.ID)
		switch cut.fresh {
		case "":
			require.NoError(t, err)
		case orgusers.ReasonNotFound:
			fails(t, err, orgusers.ErrNotFound, "")
		default:
			fails(t, err, orgusers.ErrDenied, cut.fresh)
		}
		if cut.link != "" {
			fails(t, w.Reset(token, world.Password), orgusers.ErrExpired, cut.link)
		}
		w.Dispatch()
		require.Equal(t, m.User, host.ended[len(host.ended)-1], "the host's sessions end too")
		require.Zero(t, host.active[m.User])
		require.False(t, host.before[len(host.before)-1].Before(session.SignedInAt.Add(-time.Microsecond)))
	}
	CheckOrg(t, w, x.ID)
}

func stayInactive(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	stack := newStack(t, x.Org, "Website")
	offer := x.offer("member")
	_, invitation := x.link("ann", orgusers.RoleMember)
	require.NoError(t, accept(w, invitation))
	Add(t, w, y.ID, Person{Email: x.email("ann")})
	session := w.Actor(x.member.User)
	w.Clock.Tick(time.Hour)
	for _, local := range []string{"ann", "member"} {
		require.NoError(t, x.Admin().Do(ctx, orgusers.Deactivate{}, x.row(local).ID))
	}
	inactive := func(after string) {
		t.Helper()
		for _, local := range []string{"ann", "member"} {
			require.Equal(t, orgusers.StatusInactive, x.row(local).Status, after)
			_, err := w.Svc.Access(ctx, w.Actor(x.row(local).User), x.ID)
			fails(t, err, orgusers.ErrDenied, orgusers.ReasonNotJoined)
		}
	}
	inactive("deactivation")
	require.Error(t, accept(w, invitation))
	out, err := x.inviteTo(x.owner, x.email("ann")+", "+x.email("member"))
	require.NoError(t, err)
	require.Equal(t, []string{"skipped already_member", "skipped already_member"}, out)
	inactive("being invited again")
	require.Error(t, w.Visitor().AcceptOwnership(ctx, offer))
	inactive("accepting the ownership")
	for _, op := range []orgusers.Operation{
		orgusers.SetRole{Role: orgusers.RoleAdmin},
		orgusers.ForcePasswordReset{},
		orgusers.EndSessions{},
		orgusers.ResendInvitation{},
		orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}},
	} {
		_, err := x.Admin().Apply(ctx, op, x.row("ann").ID, x.row("member").ID)
		require.NoError(t, err)
		inactive(string(op.Action()))
	}
	wrong(t, w.Operator().RestoreOwner(ctx, x.ID, x.row("member").ID), "member: not_joined")
	require.NoError(t, w.Svc.SignedIn(ctx, x.member.User))
	inactive("signing in")
	require.NoError(t, y.Admin().Do(ctx, orgusers.ForcePasswordReset{}, y.memberOf(x.email("ann")).ID))
	w.Dispatch()
	require.NoError(t, w.Reset(w.Token(x.email("ann")), world.Password))
	inactive("setting a password")
	CheckOrg(t, w, x.ID)

	w.Clock.Tick(time.Hour)
	require.NoError(t, x.Admin().Do(ctx, orgusers.Reactivate{}, x.member.ID))
	_, err = w.Svc.Access(ctx, session, x.ID)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	access, err := w.Svc.Access(ctx, w.Actor(x.member.User), x.ID)
	require.NoError(t, err)
	require.True(t, access.Administers(), "the role is kept (Q23)")
	CheckOrg(t, w, x.ID)
}

// memberOf is the row with any address.
func (x team) memberOf(email string) orgusers.Member {
	x.t.Helper()
	m, ok := rowOf(x.t, x.w, x.ID, email)
	require.True(x.t, ok)
	return m
}

// rowsOn is who has a role on a stack.
func (x team) rowsOn(stack orgusers.StackID) int {
	x.t.Helper()
	rows, err := x.w.Store.Members(world.Ctx(), orgusers.MemberQuery{
		Org: x.ID, MemberFilter: orgusers.MemberFilter{Stack: stack}, Sort: orgusers.SortEmail, Limit: 100,
	})
	require.NoError(x.t, err)
	return len(rows)
}

func leftBehind(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	website, shop := newStack(t, x.Org, "Website"), newStack(t, x.Org, "Shop")
	role, err := x.Admin().CreateRole(ctx, "Editor", orgusers.PermissionWrite)
	require.NoError(t, err)
	has := []orgusers.Grant{{Stack: website, Role: role}, {Stack: website, Role: orgusers.RoleDeveloper}, {Stack: shop, Role: role}}
	for local, end := range map[string]orgusers.Operation{"removed": orgusers.Remove{}, "deleted": orgusers.Delete{}, "left": nil} {
		m := x.add(local, orgusers.RoleAdmin, has...)
		own, err := x.As(m).CreateStack(ctx, "Of "+local)
		require.NoError(t, err)
		require.Equal(t, 1, x.rowsOn(website))
		if end != nil {
			require.NoError(t, x.Admin().Do(ctx, end, m.ID))
		} else {
			require.NoError(t, w.Svc.Account(w.Actor(m.User)).Leave(ctx, x.ID))
		}
		x.gone(local)
		require.Zero(t, x.rowsOn(website)+x.rowsOn(shop))
		v, err := w.Store.View(ctx, orgusers.ViewQuery{Org: x.ID, Stacks: []orgusers.StackID{own}})
		require.NoError(t, err)
		require.Equal(t, x.owner.User, v.Stacks[0].Owner, "the owner inherits (R3.7)")
		CheckOrg(t, w, x.ID)

		_, token := x.link(local, orgusers.RoleMember)
		require.Empty(t, x.row(local).Grants)
		require.NoError(t, accept(w, token))
		access, err := w.Svc.Access(ctx, w.Actor(x.row(local).User), x.ID)
		require.NoError(t, err)
		require.False(t, access.Stack(website) || access.Stack(shop) || access.Stack(own) || access.Administers())
	}
	// A cancelled invitation leaves nothing either, nor does a role or a stack that goes.
	access := []orgusers.StackAccess{{Stack: website, Roles: []orgusers.RoleID{role, orgusers.RoleDeveloper}}, {Stack: shop, Roles: []orgusers.RoleID{role}}}
	m := x.Invite(x.email("pat"), orgusers.RoleMember, access...)
	require.Equal(t, 1, x.rowsOn(shop))
	require.NoError(t, x.Admin().Do(ctx, orgusers.Remove{}, m.ID))
	require.Zero(t, x.rowsOn(website)+x.rowsOn(shop))
	require.NoError(t, x.Admin().Do(ctx, orgusers.SetStacks{Stacks: access}, x.member.ID))
	require.NoError(t, x.Admin().DeleteRole(ctx, role))
	require.Equal(t, []orgusers.Grant{{Stack: website, Role: orgusers.RoleDeveloper}}, x.row("member").Grants)
	require.NoError(t, x.Admin().DeleteStack(ctx, website))
	require.Empty(t, x.row("member").Grants)
	CheckOrg(t, w, x.ID)
}

func leftOwnerless(t *testing.T, w *world.World) {
	org := NewOrg(t, w, "Coop", "", Person{Email: "a@coop.example", Role: orgusers.RoleAdmin}, Person{Email: "b@coop.example", Role: orgusers.RoleAdmin})
	a, _ := rowOf(t, w, org.ID, "a@coop.example")
	b, _ := rowOf(t, w, org.ID, "b@coop.example")
	ctx := world.Ctx()
	stack, err := org.As(a).CreateStack(ctx, "Website")
	require.NoError(t, err)
	require.NoError(t, org.As(b).Do(ctx, orgusers.Remove{}, a.ID))
	CheckOrg(t, w, org.ID)
	access, err := w.Svc.Access(ctx, w.Actor(b.User), org.ID)
	require.NoError(t, err)
	require.False(t, access.Stack(stack), "nobody inherits it")
	fails(t, w.Svc.Account(w.Actor(b.User)).Leave(ctx, org.ID), orgusers.ErrDenied, orgusers.ReasonLastAdmin)
	fails(t, org.As(b).Do(ctx, orgusers.SetRole{Role: orgusers.RoleMember}, b.ID), orgusers.ErrDenied, orgusers.ReasonLastAdmin)
	require.NoError(t, org.As(b).DeleteStack(ctx, stack), "so an administrator may delete it")
	CheckOrg(t, w, org.ID)
}
