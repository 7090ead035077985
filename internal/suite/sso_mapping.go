package suite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// ssoElsewhere: one organization's provider opens nothing of another, whatever account it names.
func ssoElsewhere(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "evil"), world.Ctx()
	x.credentials("admin")
	own := w.SignedIn(x.email("admin"))
	mapped(y, orgusers.GroupRole{Group: "all", Role: orgusers.RoleAdmin})
	before := stateOf(t, w, x.ID)
	said := orgusers.Assertion{Org: y.ID, Subject: "victim", Email: x.email("admin"), Name: orgusers.Name{First: "Mallory"}, Groups: []string{"all"}}
	// The account is not the provider's to take along: its owner is asked by mail.
	y.turnsAway(orgusers.ErrDenied, orgusers.ReasonInvitationNeeded, said)
	y.Invite(said.Email, orgusers.RoleMember)
	y.turnsAway(orgusers.ErrDenied, orgusers.ReasonInvitationNeeded, said)
	require.Equal(t, before, stateOf(t, w, x.ID))
	require.Equal(t, 1, w.User(x.admin.User).Orgs)
	w.Dispatch()
	_, err := w.Visitor().AcceptInvitation(ctx, w.Token(said.Email), orgusers.NewAccount{})
	require.NoError(t, err)
	session := y.by(said)
	require.Equal(t, x.admin.User, session.User)
	require.Empty(t, y.access(session))

	require.Equal(t, orgusers.ReasonSSOElsewhere, x.access(session))
	fails(t, w.Svc.Admin(session, x.ID).Do(ctx, orgusers.Remove{}, x.member.ID), orgusers.ErrDenied, orgusers.ReasonSSOElsewhere)
	fails(t, w.Svc.Account(session).Leave(ctx, x.ID), orgusers.ErrDenied, orgusers.ReasonSSOElsewhere)
	fails(t, w.Svc.Account(session).Rename(ctx, said.Name), orgusers.ErrDenied, orgusers.ReasonSSOSession)
	orgs, err := w.Svc.Account(session).Organizations(ctx, "", 1)
	require.NoError(t, err)
	require.Equal(t, []orgusers.OrganizationInfo{{ID: y.ID, Name: y.Record().Name}}, orgs, "whatever comes before it")
	orgs, err = w.Svc.Account(session).Organizations(ctx, y.ID, 1)
	require.NoError(t, err)
	require.Empty(t, orgs)
	require.Equal(t, x.admin.Name, w.User(session.User).Name)

	// However often it signs in: no session from elsewhere ends, no lock is lifted, no device is known.
	for range 25 {
		session = y.by(said)
	}
	require.Empty(t, x.access(own))
	all, err := w.Svc.Account(own).Sessions(ctx)
	require.NoError(t, err)
	require.Len(t, all, 21)
	here, err := w.Svc.Account(session).Sessions(ctx)
	require.NoError(t, err)
	require.Len(t, here, 20, "Policy.MaxSessions of its own")

	// Nor when single sign-on ends: the provider's word is no reason to reach for credentials.
	require.NoError(t, y.As(y.owner).SetSSO(ctx, orgusers.SSO{}))
	row, _ := rowOf(t, w, y.ID, x.email("admin"))
	for _, op := range []orgusers.Operation{
		orgusers.ForcePasswordReset{}, orgusers.ResetMFA{}, orgusers.EndSessions{}, orgusers.Delete{}, orgusers.Rename{Name: said.Name},
	} {
		y.refuses(orgusers.ErrDenied, orgusers.ReasonSeveralOrgs, func() error { return y.As(y.owner).Do(ctx, op, row.ID) })
	}
	require.Equal(t, before.Org, stateOf(t, w, x.ID).Org)
	require.NoError(t, w.Operator().DisableOrganization(ctx, x.ID))
	require.Equal(t, orgusers.ReasonSSOElsewhere, x.access(session), "nor is it told how the other one stands")
}

// ssoUnproved: an account that a provider made in advance is taken over with nothing in it.
func ssoUnproved(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "evil"), world.Ctx()
	mapped(y, orgusers.GroupRole{Group: "all", Role: orgusers.RoleMember})
	session := y.by(orgusers.Assertion{Org: y.ID, Subject: "victim", Email: x.email("pat"), Name: orgusers.Name{First: "Pat"}, Groups: []string{"all"}})
	require.False(t, w.User(session.User).Verified)
	require.NoError(t, x.As(x.owner).OfferOwnership(ctx, x.email("pat")))
	w.Dispatch()
	fails(t, w.Visitor().AcceptOwnership(ctx, w.Token(x.email("pat"))), orgusers.ErrDenied, orgusers.ReasonAccountRequired)

	x.Invite(x.email("pat"), orgusers.RoleMember)
	w.Dispatch()
	info, err := w.Visitor().InspectInvitation(ctx, w.Token(x.email("pat")))
	require.NoError(t, err)
	require.True(t, info.NeedsPassword, "as if there were no account")
	joined, err := w.Visitor().AcceptInvitation(ctx, w.Token(x.email("pat")), world.NewAccount(x.email("pat")))
	require.NoError(t, err)
	require.Equal(t, session.User, joined.User)
	require.Equal(t, orgusers.ReasonSessionEnded, y.access(session))
	require.Empty(t, x.access(w.Actor(joined.User)))
}

func mapped(x team, groups ...orgusers.GroupRole) {
	x.t.Helper()
	x.sso(orgusers.SSO{RoleMapping: true})
	require.NoError(x.t, x.As(x.owner).SetGroups(world.Ctx(), groups...))
}

func mapJoins(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	stack := newStack(t, x.Org, "Website")
	mapped(x, orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember, Grants: []orgusers.Grant{{Stack: stack, Role: orgusers.RoleDeveloper}}})
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonSSOGroups, x.says("pat"))
	require.NoError(t, x.As(x.owner).SetAllowedDomains(ctx, "other.example"))
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonDomain, x.says("pat", "staff"))
	require.NoError(t, x.As(x.owner).SetAllowedDomains(ctx))
	w.PatchOrg(x.ID, func(o *orgusers.Organization) { o.Plan = seats(4) })
	session := x.by(x.says("pat", "staff"))
	row := x.row("pat")
	require.Equal(t, []any{orgusers.RoleMember, orgusers.StatusActive, orgusers.UserID(""), "s-pat", []orgusers.Grant{{Stack: stack, Role: orgusers.RoleDeveloper}}, row.LastLogin},
		[]any{row.Role, row.Status, row.InvitedBy, row.Subject, row.Grants, session.SignedInAt})
	x.turnsAway(orgusers.ErrSeats, "", x.says("sam", "staff"))
	w.PatchOrg(x.ID, func(o *orgusers.Organization) { o.Plan.Limits = nil })

	// An invitation is of no weight then: neither that it is over, nor what it offered.
	x.Invite(x.email("sam"), orgusers.RoleAdmin)
	w.Clock.Tick(8 * 24 * time.Hour)
	x.by(x.says("sam", "staff"))
	require.Equal(t, orgusers.RoleMember, x.row("sam").Role)
	for _, op := range []orgusers.Operation{orgusers.Remove{}, orgusers.SetRole{Role: orgusers.RoleAdmin}, orgusers.Delete{}} { // R2.28
		x.refuses(orgusers.ErrDenied, orgusers.ReasonIdPManaged, func() error { return x.As(x.owner).Do(ctx, op, row.ID) })
	}
}

func mapGives(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	web := newStack(t, x.Org, "Website")
	grant := func(s orgusers.StackID, r orgusers.RoleID) orgusers.Grant { return orgusers.Grant{Stack: s, Role: r} }
	mapped(
		x, orgusers.GroupRole{Group: "a", Role: orgusers.RoleMember, Grants: []orgusers.Grant{grant(web, orgusers.RoleDeveloper)}},
		orgusers.GroupRole{Group: "b", Role: orgusers.RoleAdmin, Grants: []orgusers.Grant{grant(web, orgusers.RoleContentManager), grant(web, orgusers.RoleDeveloper)}},
		orgusers.GroupRole{Group: "c", Role: orgusers.RoleMember},
	)
	x.by(x.says("member", "unknown", "c", "b", "a"))
	row := x.row("member")
	require.Equal(t, orgusers.RoleAdmin, row.Role, "R11.5 the highest role")
	require.Equal(t, orgusers.SortGrants([]orgusers.Grant{grant(web, orgusers.RoleDeveloper), grant(web, orgusers.RoleContentManager)}), row.Grants, "R11.5 all grants")
	before := x.Record()
	x.by(x.says("member", "a", "b"))
	require.Equal(t, before, x.Record(), "the same groups change nothing")
	x.by(x.says("member", "c"))
	row = x.row("member")
	require.Equal(t, []any{orgusers.RoleMember, 0}, []any{row.Role, len(row.Grants)}, "what was stored is gone")
	e := trail(t, w, orgusers.AuditQuery{Org: x.ID, Action: orgusers.ActionSSOSignIn, Chained: true})
	require.Len(t, e, 2)
	require.Contains(t, e[1].Before, "role=admin status=active subject=s-member stacks="+string(web))
	require.Equal(t, "role=member status=active subject=s-member", e[1].After)

	x.by(x.says("member", "b"))
	x.sso(orgusers.SSO{})
	x.by(x.says("member"))
	require.Equal(t, orgusers.RoleAdmin, x.row("member").Role, "switching it off keeps the last roles")
}

// mapLeaves: the owner and who may come without the provider keep what they have, in a group or not.
func mapLeaves(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	mapped(x, orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember})
	require.NoError(t, x.As(x.owner).Do(ctx, orgusers.SetWithoutSSO{Allow: true}, x.admin.ID))
	for _, local := range []string{"owner", "admin"} {
		x.by(x.says(local, "staff"))
		require.Empty(t, x.access(x.by(x.says(local))))
		require.Equal(t, orgusers.RoleAdmin, x.row(local).Role)
	}
	x.sso(orgusers.SSO{RoleMapping: true, Strict: true}) // which ignores the flag (R2.22)
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonSSOGroups, x.says("admin"))
	x.by(x.says("admin", "staff"))
	require.Equal(t, orgusers.RoleMember, x.row("admin").Role)
	x.by(x.says("owner"))
}

func mapExact(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	mapped(x, orgusers.GroupRole{Group: "Staff ", Role: orgusers.RoleMember})
	for _, group := range []string{"staff ", "Staff", " Staff ", "", "Staff\u00a0", "Staff  "} {
		x.turnsAway(orgusers.ErrDenied, orgusers.ReasonSSOGroups, x.says("member", group))
	}
	x.by(x.says("member", "Staff "))
}

// mapLast: an owner-less organization keeps its last administrator, whatever the groups say.
func mapLast(t *testing.T, w *world.World) {
	x := club(t, w)
	w.PatchOrg(x.ID, func(o *orgusers.Organization) {
		o.Settings.SSO = orgusers.SSO{Enabled: true, RoleMapping: true}
		o.Settings.Groups = []orgusers.GroupRole{{Group: "staff", Role: orgusers.RoleMember}}
	})
	x.by(x.says("ada", "staff"))
	x.by(x.says("bo", "staff"))
	require.Equal(t, []orgusers.Role{orgusers.RoleMember, orgusers.RoleAdmin}, []orgusers.Role{x.row("ada").Role, x.row("bo").Role})
	before := x.Record()
	x.by(x.says("bo", "staff"))
	require.Equal(t, before, x.Record(), "with nothing to change")
	var refused []orgusers.AuditEntry
	for _, e := range trail(t, w, orgusers.AuditQuery{Org: x.ID, Action: orgusers.ActionSSOSignIn}) {
		if e.Result == orgusers.Refused {
			refused = append(refused, e)
		}
	}
	require.Len(t, refused, 2, "what the groups were refused is recorded")
	require.Equal(t, []any{true, before.AuditSeq - 1, false, before.AuditSeq}, []any{refused[0].Chained, refused[0].Seq, refused[1].Chained, refused[1].Seq},
		"in the chain with a change, else beside it")
	for _, e := range refused {
		require.Equal(t, []any{orgusers.ReasonLastAdmin, x.row("bo").ID, "role=admin", "role=member", "provider"}, []any{e.Reason, e.Member, e.Before, e.After, e.ActorRole})
	}
	CheckOrg(t, w, x.ID)
}

func mapInput(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	stack, theirs := newStack(t, x.Org, "Website"), newStack(t, y.Org, "Website")
	custom, err := y.Admin().CreateRole(ctx, "Editor", orgusers.PermissionRead)
	require.NoError(t, err)
	group := func(name string, grants ...orgusers.Grant) orgusers.GroupRole {
		return orgusers.GroupRole{Group: name, Role: orgusers.RoleMember, Grants: grants}
	}
	many, grants := make([]orgusers.GroupRole, 101), make([]orgusers.Grant, 1001)
	for i := range many {
		many[i] = group(fmt.Sprint(i))
	}
	for i := range grants {
		grants[i] = orgusers.Grant{Stack: stack, Role: orgusers.RoleDeveloper}
	}
	before := stateOf(t, w, x.ID)
	for _, bad := range []struct {
		groups []orgusers.GroupRole
		want   []string
	}{
		{[]orgusers.GroupRole{{Group: "a"}, {Group: "b", Role: "owner"}}, []string{"groups[0].role: role", "groups[1].role: role"}},
		{[]orgusers.GroupRole{group(""), group(strings.Repeat("x", 257)), group("a\x00")}, []string{"groups[0].group: required", "groups[1].group: too_long", "groups[2].group: character"}},
		{[]orgusers.GroupRole{group("a"), group("A"), group("a")}, []string{"groups[2].group: duplicate"}},
		{many, []string{"groups: too_many"}},
		{[]orgusers.GroupRole{group("a", grants...)}, []string{"groups: too_many"}},
		{[]orgusers.GroupRole{group("a", orgusers.Grant{Stack: theirs, Role: orgusers.RoleDeveloper})}, []string{"groups[0].grants[0].stack: unknown"}},
		{[]orgusers.GroupRole{group("a", orgusers.Grant{Stack: stack, Role: custom})}, []string{"groups[0].grants[0].role: unknown"}},
		{[]orgusers.GroupRole{group("a", orgusers.Grant{})}, []string{"groups[0].grants[0].stack: unknown", "groups[0].grants[0].role: unknown"}},
	} {
		wrong(t, x.Admin().SetGroups(ctx, bad.groups...), bad.want...)
	}
	x.same(before)
	x.refuses(orgusers.ErrDenied, orgusers.ReasonNotOwner, func() error { return x.As(x.admin).SetGroups(ctx) })
	require.NoError(t, x.Admin().SetGroups(ctx, many[:100]...))
	require.Len(t, x.Record().Settings.Groups, 100)
	version := x.Record().Version
	require.NoError(t, x.Admin().SetGroups(ctx, many[:100]...))
	require.Equal(t, version, x.Record().Version, "nothing to do")
	require.NoError(t, x.Admin().SetGroups(ctx))
	require.Empty(t, x.Record().Settings.Groups)
}

// mapDeleted: a mapping never gives what is gone.
func mapDeleted(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	web, app := newStack(t, x.Org, "Website"), newStack(t, x.Org, "App")
	custom, err := x.Admin().CreateRole(ctx, "Editor", orgusers.PermissionRead)
	require.NoError(t, err)
	mapped(x, orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember, Grants: []orgusers.Grant{
		{Stack: web, Role: orgusers.RoleDeveloper}, {Stack: app, Role: custom}, {Stack: app, Role: orgusers.RoleDeveloper},
	}}, orgusers.GroupRole{Group: "other", Role: orgusers.RoleMember})
	require.NoError(t, x.Admin().DeleteStack(ctx, web))
	require.NoError(t, x.Admin().DeleteRole(ctx, custom))
	left := []orgusers.Grant{{Stack: app, Role: orgusers.RoleDeveloper}}
	for _, g := range x.Record().Settings.Groups {
		if g.Group == "staff" {
			require.Equal(t, left, g.Grants)
		}
	}
	e := trail(t, w, orgusers.AuditQuery{Org: x.ID, Action: orgusers.ActionSetGroups, Chained: true})
	require.Len(t, e, 4, "two groups made, one changed twice")
	x.by(x.says("member", "staff"))
	require.Equal(t, left, x.row("member").Grants)
}
