package suite

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// The door is of one organization; what is named through it must be there.
func roleElsewhere(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	shared := Add(t, w, x.ID, Person{Email: "both@people.example", Role: orgusers.RoleAdmin})[0]
	there := Add(t, w, y.ID, Person{Email: "both@people.example"})[0]
	stack := newStack(t, y.Org, "Theirs")
	before := stateOf(t, w, y.ID)
	require.Equal(t, shared.User, there.User)
	for _, op := range everyOperation(newStack(t, x.Org, "Ours")) {
		for _, target := range []orgusers.Member{y.member, y.owner, there} { // an admin here, a member there
			rep, err := x.As(shared).Apply(ctx, op, target.ID)
			require.NoError(t, err)
			require.Equal(t, []string{"refused not_found"}, outcomes(rep))
		}
	}
	fails(t, x.As(shared).RenameStack(ctx, stack, "Mine"), orgusers.ErrNotFound, "")
	fails(t, w.Operator().RestoreOwner(ctx, x.ID, y.member.ID), orgusers.ErrNotFound, "")
	y.same(before)
	CheckOrg(t, w, x.ID)

	// Who decides without a service gives the organization twice, in the view and in the command.
	actor := w.Actor(shared.User)
	env := orgusers.Env{Now: w.Clock.Now(), NewID: uuid.NewString}
	for _, c := range []func(org orgusers.OrgID) orgusers.Command{
		func(org orgusers.OrgID) orgusers.Command { return orgusers.CreateStack{Org: org, Name: "Website"} },
		func(org orgusers.OrgID) orgusers.Command {
			return orgusers.Bulk{Org: org, Operation: orgusers.Remove{}, Members: []orgusers.MemberID{x.member.ID}}
		},
	} {
		v, err := w.Store.View(ctx, orgusers.Query(actor, c(x.ID), w.Clock.Now()))
		require.NoError(t, err)
		changes, _, err := orgusers.Decide(v, actor, c(y.ID), orgusers.Policy{}, env)
		fails(t, err, orgusers.ErrNotFound, "")
		require.Nil(t, changes.Org)
		changes, _, err = orgusers.Decide(v, actor, c(x.ID), orgusers.Policy{}, env)
		require.NoError(t, err)
		require.Equal(t, x.ID, changes.Org.ID)
	}
}

// What one service changes, the other one knows at once.
func roleRemembered(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	stack := newStack(t, x.Org, "Website")
	second := w.Second()
	actor := w.Actor(x.admin.User)
	there := second.Svc.Admin(actor, x.ID)
	allowed := func() error { _, err := there.Members(ctx, orgusers.List{Limit: 1}); return err }
	can := func() bool {
		access, err := second.Svc.Access(ctx, actor, x.ID)
		return err == nil && access.Can(stack, orgusers.PermissionWrite)
	}
	do := func(op orgusers.Operation) { require.NoError(t, x.Admin().Do(ctx, op, x.admin.ID)) }
	access := func(roles ...orgusers.RoleID) orgusers.Operation {
		return orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: stack, Roles: roles}}}
	}
	for range rounds() {
		require.NoError(t, allowed())
		do(orgusers.SetRole{Role: orgusers.RoleMember})
		fails(t, allowed(), orgusers.ErrDenied, orgusers.ReasonNotAdministrator)
		do(orgusers.SetRole{Role: orgusers.RoleAdmin})
		require.NoError(t, allowed())
		require.NoError(t, w.Operator().DisableOrganization(ctx, x.ID))
		fails(t, allowed(), orgusers.ErrDenied, orgusers.ReasonOrgDisabled)
		require.NoError(t, w.Operator().EnableOrganization(ctx, x.ID))
		require.NoError(t, allowed())
		require.False(t, can())
		do(access(orgusers.RoleDeveloper))
		require.True(t, can())
		do(access())
		require.False(t, can())
	}
	do(orgusers.Deactivate{})
	require.Error(t, allowed())
}

// Every method of the door, by somebody in every state.
func roleStatus(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	stack := newStack(t, x.Org, "Website")
	role, err := x.Admin().CreateRole(ctx, "Editor")
	require.NoError(t, err)
	named := targets{x.member.ID, stack, role, "somebody@people.example"}
	person := func(local string) (orgusers.Member, orgusers.Actor) {
		m := x.add(local, orgusers.RoleAdmin)
		return m, w.Actor(m.User)
	}
	removed, removedActor := person("removed")
	deleted, deletedActor := person("deleted")
	ended, endedActor := person("ended")
	inactive, _ := person("inactive")
	left, leftActor := person("left")
	w.Clock.Tick(time.Second)
	require.NoError(t, x.Admin().Do(ctx, orgusers.Remove{}, removed.ID))
	require.NoError(t, x.Admin().Do(ctx, orgusers.Delete{}, deleted.ID))
	require.NoError(t, x.Admin().Do(ctx, orgusers.EndSessions{}, ended.ID))
	require.NoError(t, x.Admin().Do(ctx, orgusers.Deactivate{}, inactive.ID))
	require.NoError(t, w.Svc.Account(w.Actor(left.User)).Leave(ctx, x.ID))
	invited, _ := x.link("invited", orgusers.RoleAdmin)
	waiting, _ := accountOf(t, w, invited.Address.Email)
	require.NoError(t, x.Admin().Do(ctx, orgusers.SetRole{Role: orgusers.RoleMember}, x.admin.ID))

	before := stateOf(t, w, x.ID)
	refuse := func(by string, actor orgusers.Actor, kind error, reason orgusers.Reason) {
		for _, c := range everyMethod(t, w.Svc.Admin(actor, x.ID), named) {
			err := c.do()
			require.ErrorIs(t, err, kind, "%s, %s", by, c.name)
			require.Equal(t, reason, kindOf(t, err).Reason, "%s, %s", by, c.name)
		}
		x.same(before)
	}
	gone := func(by string, actor orgusers.Actor) {
		refuse(by, actor, orgusers.ErrNotFound, "")
		_, err := w.Svc.Access(ctx, actor, x.ID)
		fails(t, err, orgusers.ErrNotFound, "")
		fails(t, w.Svc.Account(actor).Leave(ctx, x.ID), orgusers.ErrNotFound, "")
	}
	gone("invited", w.Actor(waiting.ID))
	gone("removed", removedActor)
	gone("left", leftActor)
	gone("deleted", deletedActor)
	gone("nobody", orgusers.Actor{SignedInAt: w.Clock.Now()})
	gone("unknown", w.Actor(orgusers.UserID(uuid.NewString())))
	refuse("deactivated", w.Actor(inactive.User), orgusers.ErrDenied, orgusers.ReasonNotJoined)
	refuse("signed out", endedActor, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	refuse("without a session", orgusers.Actor{User: x.owner.User}, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	for _, c := range everyMethod(t, x.As(x.admin), named) {
		require.ErrorIs(t, c.do(), orgusers.ErrDenied, "demoted, %s", c.name)
	}
	x.same(before)
	require.NoError(t, w.Operator().DisableOrganization(ctx, x.ID))
	before = stateOf(t, w, x.ID)
	refuse("disabled", w.Actor(x.owner.User), orgusers.ErrDenied, orgusers.ReasonOrgDisabled)
}

// Who owns or administers a stack has no say in the organization, and who administers the
// organization none on its stacks (R1.10).
func roleStacks(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	ours := newStack(t, x.Org, "Website")
	role, err := x.Admin().CreateRole(ctx, "Everything", orgusers.PermissionRead, orgusers.PermissionWrite, orgusers.PermissionDeploy)
	require.NoError(t, err)
	dev := x.add("dev", orgusers.RoleAdmin, orgusers.Grant{Stack: ours, Role: orgusers.RoleDeveloper}, orgusers.Grant{Stack: ours, Role: role})
	his, err := x.As(dev).CreateStack(ctx, "His")
	require.NoError(t, err)
	require.NoError(t, x.Admin().Do(ctx, orgusers.SetRole{Role: orgusers.RoleMember}, dev.ID))
	before := stateOf(t, w, x.ID)
	for _, stack := range []orgusers.StackID{ours, his} {
		for _, c := range everyMethod(t, x.As(dev), targets{x.member.ID, stack, role, "somebody@people.example"}) {
			if stack == his && slices.Contains([]string{"RenameStack", "DeleteStack"}, c.name) {
				continue // one's own stack is one's own
			}
			err := c.do()
			require.ErrorIs(t, err, orgusers.ErrDenied, c.name)
			x.same(before)
		}
	}
	require.NoError(t, x.As(dev).RenameStack(ctx, his, "Still his"))

	everything := []orgusers.Permission{
		orgusers.PermissionRead, orgusers.PermissionWrite, orgusers.PermissionPublish, orgusers.PermissionSchema, orgusers.PermissionDeploy,
	}
	for _, m := range []orgusers.Member{x.owner, x.admin, x.member, dev} {
		access, err := w.Svc.Access(ctx, w.Actor(m.User), x.ID)
		require.NoError(t, err)
		for _, p := range everything {
			require.Equal(t, m.ID == dev.ID, access.Can(his, p), "%s on %s's stack", m.Address.Email, dev.Address.Email)
			require.Equal(t, m.ID == dev.ID || m.ID == x.owner.ID, access.Can(ours, p), "%s on the owner's stack", m.Address.Email)
		}
	}
	require.NoError(t, x.As(dev).DeleteStack(ctx, his))
	CheckOrg(t, w, x.ID)
}
