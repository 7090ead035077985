package suite

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Roles are the cases about who may do what (B2). Those that are races are in [Races].
func Roles(t *testing.T, open Opener) {
	t.Helper()
	c := cases{t, open}
	c.run("S-036 who may do what to whom", roleTable)
	c.run("S-037 admin acts on the owner", roleOwner)
	c.run("S-038 owner made by role", roleNeverOwner)
	c.run("S-040 identities do not mix", roleIdentities)
	c.run("S-045 roles that are none", roleUnknown)
	c.run("S-047 authorized here, acting there", roleElsewhere)
	c.run("S-049 nothing is remembered", roleRemembered)
	c.run("S-051 only active people act", roleStatus)
	c.run("S-053 stacks and organization are apart", roleStacks)
	c.run("R6.5 who has no session is skipped", roleNoSession)
}

// everyOperation is one of each, such that it would change a plain member.
func everyOperation(stack orgusers.StackID) []orgusers.Operation {
	return []orgusers.Operation{
		orgusers.Remove{},
		orgusers.SetRole{Role: orgusers.RoleAdmin},
		orgusers.SetRole{Role: orgusers.RoleMember},
		orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}},
		orgusers.Deactivate{},
		orgusers.Reactivate{},
		orgusers.Delete{},
		orgusers.Rename{Name: orgusers.Name{First: "Other"}},
		orgusers.ForcePasswordReset{},
		orgusers.ResetMFA{},
		orgusers.EndSessions{},
		orgusers.ResendInvitation{},
		orgusers.Unlock{},
		orgusers.SetWithoutSSO{Allow: true},
		orgusers.UnlinkSSO{},
	}
}

// roleTable is the permission matrix of R1 and the table of R6, written down here once more and by
// hand. Everybody has what each operation needs: a second factor, a lock.
func roleTable(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	ready := func(u *orgusers.User) {
		u.MFA = orgusers.MFA{Secret: "sealed", EnrolledAt: w.Clock.Now()}
		u.LockedUntil = w.Clock.Now().Add(24 * time.Hour)
	}
	org := NewOrg(t, w, "Table", "the-owner@table.example",
		Person{Email: "admin@table.example", Role: orgusers.RoleAdmin, Subject: "s-admin", Change: ready},
		Person{Email: "peer@table.example", Role: orgusers.RoleAdmin, Subject: "s-peer", Change: ready},
		Person{Email: "member@table.example", Subject: "s-member", Change: ready},
		Person{Email: "shared@table.example", Change: ready},
		Person{Email: "inactive@table.example", Status: orgusers.StatusInactive, Subject: "s-inactive", Change: ready},
		Person{Email: "pending@table.example", Status: orgusers.StatusPending})
	Add(t, w, x.ID, Person{Email: "shared@table.example"})
	w.Clock.Tick(time.Hour)
	stack := newStack(t, org, "Website")
	row := func(local string) orgusers.Member {
		m, ok := rowOf(t, w, org.ID, local+"@table.example")
		require.True(t, ok)
		return m
	}

	const table = `
		operation             the-owner        admin(self)      peer             member           shared                        inactive         pending
		member.remove         skipped_owner    refused_self     applied          applied          applied                       applied          applied
		set_role_admin        skipped_owner    unchanged        unchanged        applied          applied                       applied          applied
		set_role_member       skipped_owner    applied          applied          unchanged        unchanged                     unchanged        unchanged
		member.set_stacks     applied          applied          applied          applied          applied                       applied          applied
		member.deactivate     skipped_owner    refused_self     applied          applied          applied                       unchanged        skipped_pending
		member.reactivate     skipped_owner    refused_self     unchanged        unchanged        unchanged                     applied          skipped_pending
		member.delete         skipped_owner    refused_self     applied          applied          skipped_several_organizations applied          skipped_pending
		member.rename         skipped_owner    applied          applied          applied          skipped_several_organizations applied          skipped_pending
		force_password_reset  skipped_owner    applied          applied          applied          applied                       skipped_inactive skipped_pending
		member.reset_mfa      skipped_owner    applied          applied          applied          applied                       skipped_inactive skipped_pending
		member.end_sessions   skipped_owner    refused_self     applied          applied          skipped_several_organizations skipped_inactive skipped_pending
		invitation.resend     skipped_not_pending skipped_not_pending skipped_not_pending skipped_not_pending skipped_not_pending skipped_not_pending applied
		member.unlock         refused_owner    refused_self     applied          applied          refused_several_organizations applied          refused_pending
		member.set_without_sso skipped_owner   refused_self     applied          applied          applied                       applied          applied
		member.unlink_sso     skipped_owner    applied          applied          applied          skipped_several_organizations applied          skipped_pending
	`
	lines := strings.Split(strings.TrimSpace(table), "\n")
	columns := strings.Fields(lines[0])[1:]
	operations := everyOperation(stack)
	require.Len(t, lines, len(operations)+1)
	show := func(rep orgusers.Report, err error) string {
		if err != nil {
			e := kindOf(t, err)
			return strings.TrimSuffix(fmt.Sprintf("%v/%s", e.Kind, e.Reason), "/")
		}
		require.Len(t, rep.Outcomes, 1)
		o := rep.Outcomes[0]
		if o.Reason == orgusers.ReasonUnchanged && o.Result == orgusers.Applied {
			return "unchanged"
		}
		return strings.TrimSuffix(string(o.Result)+"_"+string(o.Reason), "_")
	}
	before := stateOf(t, w, org.ID)
	for i, line := range lines[1:] {
		cells := strings.Fields(line)
		for k, want := range cells[1:] {
			local := strings.TrimSuffix(columns[k], "(self)")
			target, op := row(local), operations[i]
			name := cells[0] + " on " + local
			preview := func(by orgusers.Member) string { return show(org.As(by).Preview(world.Ctx(), op, target.ID)) }

			require.Equal(t, want, preview(row("admin")), name)
			require.Equal(t, ownersRight(want, cells[0], local), preview(row("the-owner")), "%s, by the owner", name)
			for by, refusal := range map[string]string{
				"member": "denied/not_administrator", "inactive": "denied/not_joined", "pending": "not found", "stranger": "not found", "nobody": "not found",
			} {
				actor := orgusers.Member{}
				switch by {
				case "stranger":
					actor = x.owner
				case "nobody":
				default:
					actor = row(by)
				}
				require.Equal(t, refusal, preview(actor), "%s, by a %s", name, by)
			}
		}
	}
	require.Equal(t, before, stateOf(t, w, org.ID), "a preview does nothing")
}

// ownersRight is what an admin's right becomes if the owner asks: the admin is a peer then, and the
// owner may do to itself what is about its own credentials.
func ownersRight(want, operation, target string) string {
	switch target {
	case "admin":
		if want == "refused_self" {
			return map[bool]string{true: "unchanged", false: "applied"}[operation == "member.reactivate"]
		}
	case "the-owner":
		switch operation {
		case "member.remove", "member.deactivate", "member.reactivate", "member.delete", "member.end_sessions", "member.unlock", "member.set_without_sso":
			return "refused_self"
		case "member.rename", "force_password_reset":
			return "applied"
		case "member.unlink_sso":
			return "unchanged"
		case "member.reset_mfa":
			return "skipped_mfa_not_enabled"
		}
	}
	return want
}

func roleOwner(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	stack := newStack(t, x.Org, "Website")
	for _, op := range everyOperation(stack) {
		switch op.Action() {
		case orgusers.ActionSetStacks, orgusers.ActionResendInvitation:
			continue // R6: roles on stacks are no power over the owner; there is nothing to resend
		}
		x.refuses(orgusers.ErrDenied, orgusers.ReasonOwner, func() error { return x.As(x.admin).Do(ctx, op, x.owner.ID) })
		rep, err := x.As(x.admin).Preview(ctx, op, x.owner.ID, x.member.ID)
		require.NoError(t, err)
		require.Equal(t, orgusers.ReasonOwner, rep.Outcomes[0].Reason, "in a bulk too")
		require.NotEqual(t, orgusers.Applied, rep.Outcomes[0].Result)
	}
	x.refuses(orgusers.ErrDenied, orgusers.ReasonNotOwner, func() error { return x.As(x.admin).SetSSO(ctx, orgusers.SSO{Enabled: true}) })
	x.refuses(orgusers.ErrDenied, orgusers.ReasonNotOwner, func() error { return x.As(x.admin).DeleteStack(ctx, stack) })
	CheckOrg(t, w, x.ID)
}

// Only a transfer makes an owner.
func roleNeverOwner(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	owner := x.Record().OwnerID
	for _, by := range []orgusers.Member{x.owner, x.admin, x.member} {
		x.refuses(orgusers.ErrInvalid, "", func() error { return x.As(by).Do(ctx, orgusers.SetRole{Role: "owner"}, x.member.ID) })
		x.refuses(orgusers.ErrInvalid, "", func() error {
			_, err := x.As(by).Apply(ctx, orgusers.SetRole{Role: "owner"}, x.member.ID, x.admin.ID, x.owner.ID)
			return err
		})
	}
	for _, m := range []orgusers.Member{x.admin, x.member} {
		require.NoError(t, x.Admin().Do(ctx, orgusers.Deactivate{}, m.ID))
		require.NoError(t, x.Admin().Do(ctx, orgusers.Reactivate{}, m.ID))
		require.NoError(t, x.Admin().Do(ctx, orgusers.SetRole{Role: orgusers.RoleAdmin}, m.ID))
	}
	_, token := x.link("ann", orgusers.RoleAdmin)
	require.NoError(t, accept(w, token))
	require.Equal(t, owner, x.Record().OwnerID)
	for _, local := range []string{"admin", "member", "ann"} {
		access, err := w.Svc.Access(ctx, w.Actor(x.row(local).User), x.ID)
		require.NoError(t, err)
		require.False(t, access.Owner)
	}
	CheckOrg(t, w, x.ID)
}

// One service serves many people of many organizations at once.
func roleIdentities(t *testing.T, w *world.World) {
	each := 20
	if soaking() {
		each = 1500 // 10^5 calls in all
	}
	var wg sync.WaitGroup
	failed := make(chan error, 64)
	teams := make([]team, 8)
	for i := range teams {
		teams[i] = newTeam(t, w, fmt.Sprint("org", i))
	}
	for g := range 64 {
		x := teams[g%len(teams)]
		who, admin := x.member, false
		if g%2 == 0 {
			who, admin = x.admin, true
		}
		actor := w.Actor(who.User)
		actor.Session = fmt.Sprint("session-", g)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				if err := identity(w, x, actor, admin); err != nil {
					failed <- fmt.Errorf("%s: %w", who.Address.Email, err)
					return
				}
			}
		}()
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	for _, x := range teams {
		CheckOrg(t, w, x.ID)
		for _, e := range trail(t, w, orgusers.AuditQuery{Org: x.ID}) {
			who, role := x.admin, "admin"
			if e.Result == orgusers.Refused {
				who, role = x.member, "member"
			}
			require.Equal(t, []any{who.User, who.Address.Email, role}, []any{e.Actor, e.ActorEmail, e.ActorRole})
			var g int
			_, err := fmt.Sscanf(e.Session, "session-%d", &g)
			require.NoError(t, err)
			require.Equal(t, x.ID, teams[g%len(teams)].ID)
			require.Equal(t, role == "admin", g%2 == 0)
		}
	}
}

// identity makes a few calls as one person and compares each answer with who asked.
func identity(w *world.World, x team, actor orgusers.Actor, admin bool) error {
	ctx := context.Background()
	access, err := w.Svc.Access(ctx, actor, x.ID)
	if err != nil || access.User != actor.User || access.Org != x.ID || access.Administers() != admin {
		return fmt.Errorf("access %+v, %w", access, err)
	}
	mine, err := w.Svc.Account(actor).Organizations(ctx, "", 0)
	if err != nil || len(mine) != 1 || mine[0].ID != x.ID {
		return fmt.Errorf("organizations %+v, %w", mine, err)
	}
	page, err := w.Svc.Admin(actor, x.ID).Members(ctx, orgusers.List{Limit: 1})
	switch {
	case admin && (err != nil || page.Members[0].Org != x.ID):
		return fmt.Errorf("list %+v, %w", page, err)
	case !admin && err == nil:
		return fmt.Errorf("a member saw the list")
	}
	err = w.Svc.Admin(actor, x.ID).SetAllowedDomains(ctx, x.domain, actor.Session+".example")
	if admin != (err == nil) {
		return fmt.Errorf("domains: %w", err)
	}
	return nil
}

// What a database might hold that is no role permits nothing, and says so when it is touched.
func roleUnknown(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	stack := newStack(t, x.Org, "Website")
	for i, role := range []orgusers.Role{"superadmin", "Admin", "owner", "-1", "99", "aaa"} {
		m, ok := addOdd(t, w, x.ID, Person{Email: x.email(fmt.Sprint("odd", i)), Role: role})
		if !ok {
			continue // a store that cannot hold it is as good
		}
		access, err := w.Svc.Access(ctx, w.Actor(m.User), x.ID)
		require.NoError(t, err)
		require.False(t, access.Administers() || access.Owner || access.Stack(stack), role)
		x.refuses(orgusers.ErrDenied, orgusers.ReasonNotAdministrator, func() error {
			_, err := x.As(m).Members(ctx, orgusers.List{})
			return err
		})
		before := stateOf(t, w, x.ID)
		err = x.Admin().Do(ctx, orgusers.Deactivate{}, m.ID)
		require.ErrorIs(t, err, orgusers.ErrDenied, "the defect is shown, not carried on")
		x.same(before)
		require.NoError(t, x.Admin().Do(ctx, orgusers.SetRole{Role: orgusers.RoleMember}, m.ID), "and can be mended")
	}
	if m, ok := addOdd(t, w, x.ID, Person{Email: x.email("status"), Role: orgusers.RoleAdmin, Status: "root"}); ok {
		_, err := w.Svc.Access(ctx, w.Actor(m.User), x.ID)
		fails(t, err, orgusers.ErrDenied, orgusers.ReasonNotJoined)
		x.refuses(orgusers.ErrDenied, orgusers.ReasonNotJoined, func() error {
			_, err := x.As(m).Members(ctx, orgusers.List{})
			return err
		})
	}
	if m, ok := addOdd(t, w, x.ID, Person{Email: x.email("ghost"), Grants: []orgusers.Grant{{Stack: stack, Role: orgusers.RoleID(uuid.NewString())}}}); ok {
		access, err := w.Svc.Access(ctx, w.Actor(m.User), x.ID)
		require.NoError(t, err)
		require.False(t, access.Can(stack, orgusers.PermissionRead))
	}
}

// addOdd is [Add] for rows that a store may refuse to hold.
func addOdd(t *testing.T, w *world.World, org orgusers.OrgID, p Person) (orgusers.Member, bool) {
	t.Helper()
	v, err := w.Store.View(world.Ctx(), orgusers.ViewQuery{Org: org})
	require.NoError(t, err)
	c := orgusers.Changes{Org: &v.Org}
	rows := seed(t, w, &c, []Person{p})
	return rows[0], w.Store.Commit(world.Ctx(), c) == nil
}
