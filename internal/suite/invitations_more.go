package suite

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

func inviteForeign(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	m, token := y.link("ann", orgusers.RoleMember)
	w.Clock.Tick(time.Hour)
	before := stateOf(t, w, y.ID)
	answers := func(id orgusers.MemberID) []any {
		a := x.Admin()
		_, get := a.Member(ctx, id)
		fails(t, get, orgusers.ErrNotFound, "")
		revoke, resend := a.Do(ctx, orgusers.Remove{}, id), a.Do(ctx, orgusers.ResendInvitation{}, id)
		require.ErrorIs(t, revoke, orgusers.ErrNotFound)
		require.ErrorIs(t, resend, orgusers.ErrNotFound)
		role := a.Do(ctx, orgusers.SetRole{Role: orgusers.RoleAdmin}, id)
		permit, err := a.Permit(ctx, orgusers.Remove{}, id)
		require.NoError(t, err)
		menu, err := a.Allowed(ctx, id)
		require.NoError(t, err)
		return []any{get.Error(), revoke.Error(), resend.Error(), role.Error(), permit, len(menu)}
	}
	require.Equal(t, answers(orgusers.MemberID(uuid.NewString())), answers(m.ID))
	_, err := x.Admin().MemberByEmail(ctx, y.email("ann"))
	fails(t, err, orgusers.ErrNotFound, "")
	y.same(before)
	require.NoError(t, accept(w, token))
}

func inviteListed(t *testing.T, w *world.World) {
	x, stranger, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	ann := x.Invite(x.email("ann"), orgusers.RoleMember)
	for _, read := range []func(a orgusers.Admin) error{
		func(a orgusers.Admin) error { _, err := a.Members(ctx, orgusers.List{}); return err },
		func(a orgusers.Admin) error {
			_, err := a.Members(ctx, orgusers.List{MemberFilter: orgusers.MemberFilter{Status: orgusers.StatusPending}})
			return err
		},
		func(a orgusers.Admin) error { _, err := a.Member(ctx, ann.ID); return err },
		func(a orgusers.Admin) error { _, err := a.MemberByEmail(ctx, x.email("ann")); return err },
		func(a orgusers.Admin) error { _, err := a.Allowed(ctx, ann.ID); return err },
		func(a orgusers.Admin) error { _, err := a.Audit(ctx, orgusers.AuditList{}); return err },
		func(a orgusers.Admin) error { _, err := a.Organization(ctx); return err },
		func(a orgusers.Admin) error {
			for _, err := range a.All(ctx, orgusers.List{}) {
				return err
			}
			return nil
		},
	} {
		x.refuses(orgusers.ErrDenied, orgusers.ReasonNotAdministrator, func() error { return read(x.As(x.member)) })
		x.refuses(orgusers.ErrNotFound, "", func() error { return read(x.As(stranger.owner)) })
		require.NoError(t, read(x.As(x.admin)))
	}
}

func inviteDisabled(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	ann, token := x.link("ann", orgusers.RoleMember)
	_, late := x.link("late", orgusers.RoleMember)
	w.Clock.Tick(time.Hour)
	require.NoError(t, w.Operator().DisableOrganization(ctx, x.ID))
	for _, call := range []func() error{
		func() error { return accept(w, token) },
		func() error { return w.Visitor().DeclineInvitation(ctx, token) },
		func() error { return x.As(x.admin).Do(ctx, orgusers.ResendInvitation{}, ann.ID) },
		func() error { _, err := x.As(x.owner).Members(ctx, orgusers.List{}); return err },
		func() error {
			_, err := x.As(x.owner).Invite(ctx, orgusers.Invitation{To: x.email("new")})
			return err
		},
		func() error { return w.Svc.Account(w.Actor(x.member.User)).Leave(ctx, x.ID) },
	} {
		x.refuses(orgusers.ErrDenied, orgusers.ReasonOrgDisabled, call)
	}
	_, err := w.Visitor().InspectInvitation(ctx, token)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonOrgDisabled)
	_, err = w.Svc.Access(ctx, w.Actor(x.owner.User), x.ID)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonOrgDisabled)

	require.NoError(t, w.Operator().EnableOrganization(ctx, x.ID))
	require.NoError(t, accept(w, token), "what was in time still is")
	require.NoError(t, w.Operator().DisableOrganization(ctx, x.ID))
	w.Clock.Tick(8 * 24 * time.Hour)
	require.NoError(t, w.Operator().EnableOrganization(ctx, x.ID))
	x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkExpired, func() error { return accept(w, late) })
}

// Scanners open every link in a mail, often and from many places.
func inviteScanned(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	_, token := x.link("ann", orgusers.RoleMember)
	require.NoError(t, x.Admin().OfferOwnership(ctx, x.admin.Address.Email))
	w.Dispatch()
	offer := w.Token(x.admin.Address.Email)
	before, beside := stateOf(t, w, x.ID), len(trail(t, w, orgusers.AuditQuery{Org: x.ID}))
	for range 100 {
		info, err := w.Visitor().InspectInvitation(ctx, token)
		require.NoError(t, err)
		require.Equal(t, x.email("ann"), info.Email)
		owner, err := w.Visitor().InspectOwnership(ctx, offer)
		require.NoError(t, err)
		require.Equal(t, x.admin.Address.Email, owner.Email)
	}
	x.same(before)
	require.Len(t, trail(t, w, orgusers.AuditQuery{Org: x.ID}), beside)
	require.NoError(t, accept(w, token))
	require.NoError(t, w.Visitor().AcceptOwnership(ctx, offer))
}

func inviteDomain(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	_, token := x.link("ann", orgusers.RoleMember)
	require.NoError(t, x.Admin().SetAllowedDomains(ctx, "elsewhere.example"))
	x.refuses(orgusers.ErrDenied, orgusers.ReasonDomain, func() error { return accept(w, token) })
	require.NoError(t, x.Admin().SetAllowedDomains(ctx))
	require.NoError(t, accept(w, token))
}

// An invitation is void while who sent it could not send it.
func inviterGone(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	for i, lose := range []orgusers.Operation{orgusers.SetRole{Role: orgusers.RoleMember}, orgusers.Deactivate{}, orgusers.Remove{}, orgusers.Delete{}} {
		local := []string{"a", "b", "c", "d"}[i]
		boss := x.add("boss-"+local, orgusers.RoleAdmin)
		Account(t, w, x.email(local))
		_, err := x.As(boss).Invite(ctx, orgusers.Invitation{To: x.email(local), Role: orgusers.RoleAdmin})
		require.NoError(t, err)
		w.Dispatch()
		token := w.Token(x.email(local))
		require.NoError(t, x.Admin().Do(ctx, lose, boss.ID))
		x.refuses(orgusers.ErrExpired, orgusers.ReasonInviterGone, func() error { return accept(w, token) })
		w.Clock.Tick(time.Hour)
		require.NoError(t, x.As(x.admin).Do(ctx, orgusers.ResendInvitation{}, x.row(local).ID))
		w.Dispatch()
		require.NoError(t, accept(w, w.Token(x.email(local))), "somebody else answers for it now")
	}
	CheckOrg(t, w, x.ID)
}
