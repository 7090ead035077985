package suite

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Ownership are the cases about handing an organization over (B3). Those that are races are in
// [Races].
func Ownership(t *testing.T, open Opener) {
	t.Helper()
	c := cases{t, open}
	c.run("S-054 only the owner offers", ownerOffers)
	c.run("S-055 accepted by whom", ownerAccepts)
	c.run("S-055 accepted twice", ownerReuse)
	c.run("S-056 one offer at a time", ownerOneOffer)
	c.run("S-058 recipient gone", ownerRecipient)
	c.run("S-065 offers to nobody new", ownerOdd)
	c.run("R4.6 not a member yet", ownerOutsider)
	c.run("R4.7 offerer no longer owner", ownerOfferer)
}

// offer offers the ownership and returns the token that was mailed.
func (x team) offer(local string) string {
	x.t.Helper()
	require.NoError(x.t, x.As(x.owner).OfferOwnership(world.Ctx(), x.email(local)))
	x.w.Dispatch()
	mail, ok := x.w.Inbox.LastLink(x.email(local))
	require.True(x.t, ok && mail.Kind == orgusers.MailOwnershipOffer)
	return world.Token(mail)
}

// owned demands that this person is the owner, with all that belongs to it.
func (x team) owned(local string) {
	x.t.Helper()
	m := x.row(local)
	require.Equal(x.t, m.User, x.Record().OwnerID)
	access, err := x.w.Svc.Access(world.Ctx(), x.w.Actor(m.User), x.ID)
	require.NoError(x.t, err)
	require.True(x.t, access.Owner && access.Administers())
	CheckOrg(x.t, x.w, x.ID)
}

func ownerOffers(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	stack := newStack(t, x.Org, "Website")
	steps := []func(a orgusers.Admin) error{
		func(a orgusers.Admin) error { return a.OfferOwnership(ctx, x.admin.Address.Email) },
		func(a orgusers.Admin) error { w.Clock.Tick(time.Minute); return a.ResendOwnership(ctx) },
		func(a orgusers.Admin) error { return a.CancelOwnership(ctx) },
	}
	for _, step := range steps {
		for _, by := range []orgusers.Member{x.admin, x.member} {
			x.refuses(orgusers.ErrDenied, orgusers.ReasonNotOwner, func() error { return step(x.As(by)) })
		}
		require.NoError(t, step(x.Admin()))
	}
	require.Zero(t, x.Record().Transfer)

	token := x.offer("member")
	x.owned("owner") // R4.5: until then nothing changes
	require.NoError(t, w.Visitor().AcceptOwnership(ctx, token))
	x.owned("member")
	old := x.row("owner")
	require.Equal(t, orgusers.RoleMember, old.Role)
	for _, step := range steps {
		x.refuses(orgusers.ErrDenied, orgusers.ReasonNotOwner, func() error { return step(x.As(old)) })
	}
	x.refuses(orgusers.ErrDenied, orgusers.ReasonNotAdministrator, func() error {
		_, err := x.As(old).Members(ctx, orgusers.List{})
		return err
	})
	access, err := w.Svc.Access(ctx, w.Actor(old.User), x.ID)
	require.NoError(t, err)
	require.True(t, access.Stack(stack), "stacks stay with who had them (Q21)")
	require.NoError(t, x.As(x.row("member")).Do(ctx, orgusers.Remove{}, old.ID), "the old owner is a Member like any other")
	CheckOrg(t, w, x.ID)
}

// The offer goes to an address; the account with that address gets it, if its mailbox is proved.
func ownerAccepts(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	token := x.offer("ann")
	take := func() error { return w.Visitor().AcceptOwnership(ctx, token) }
	for _, id := range []string{string(x.ID), string(x.Record().Transfer.Link), string(x.owner.User), token[:86], token + "A", uuid.NewString()} {
		x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkMalformed, func() error { return w.Visitor().AcceptOwnership(ctx, id) })
	}
	x.refuses(orgusers.ErrDenied, orgusers.ReasonAccountRequired, take)
	u := Account(t, w, x.email("ann"), func(u *orgusers.User) { u.Verified = false })
	x.refuses(orgusers.ErrDenied, orgusers.ReasonAccountRequired, take)
	require.NoError(t, w.Store.Commit(ctx, orgusers.Changes{Users: []orgusers.UserUpdate{
		{ID: u.ID, Version: u.Version, Patch: orgusers.UserPatch{Verified: orgusers.Some(true)}},
	}}))
	require.NoError(t, take(), "the refusals have not used it up")
	x.owned("ann")

	y := newTeam(t, w, "late")
	token = y.offer("admin")
	w.Clock.Tick(72*time.Hour - time.Second)
	_, err := w.Visitor().InspectOwnership(ctx, token)
	require.NoError(t, err)
	w.Clock.Tick(time.Second)
	y.refuses(orgusers.ErrExpired, orgusers.ReasonLinkExpired, take)
	y.owned("owner")
}

func ownerReuse(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	token := x.offer("admin")
	require.NoError(t, w.Visitor().AcceptOwnership(ctx, token))
	for _, again := range []func(token string) error{
		func(token string) error { return w.Visitor().AcceptOwnership(ctx, token) },
		func(token string) error { return w.Visitor().DeclineOwnership(ctx, token) },
		func(token string) error { _, err := w.Visitor().InspectOwnership(ctx, token); return err },
	} {
		fails(t, again(token), orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
	}
	require.NoError(t, x.As(x.row("admin")).OfferOwnership(ctx, x.owner.Address.Email))
	fails(t, w.Visitor().AcceptOwnership(ctx, token), orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
	x.owned("admin")

	y := newTeam(t, w, "no")
	token = y.offer("admin")
	require.NoError(t, w.Visitor().DeclineOwnership(ctx, token))
	require.Zero(t, y.Record().Transfer)
	fails(t, w.Visitor().AcceptOwnership(ctx, token), orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
	y.owned("owner")
}

func ownerOneOffer(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	first := x.offer("admin")
	second := x.offer("member")
	x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkReplaced, func() error { return w.Visitor().AcceptOwnership(ctx, first) })
	w.Clock.Tick(time.Minute)
	require.NoError(t, x.Admin().ResendOwnership(ctx))
	w.Dispatch()
	third := w.Token(x.email("member"))
	require.NotEqual(t, second, third)
	x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkReplaced, func() error { return w.Visitor().AcceptOwnership(ctx, second) })
	require.NoError(t, w.Visitor().AcceptOwnership(ctx, third))
	x.owned("member")
}

func ownerRecipient(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	void := func(local, token string) {
		require.Zero(t, x.Record().Transfer, "%s: the offer is void", local)
		x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkReplaced, func() error { return w.Visitor().AcceptOwnership(ctx, token) })
		x.owned("owner")
	}
	for local, end := range map[string]orgusers.Operation{
		"removed": orgusers.Remove{}, "deactivated": orgusers.Deactivate{}, "deleted": orgusers.Delete{},
	} {
		m := x.add(local, orgusers.RoleAdmin)
		token := x.offer(local)
		require.NoError(t, x.As(x.admin).Do(ctx, end, m.ID))
		void(local, token)
		if local == "deactivated" {
			require.NoError(t, x.Admin().Do(ctx, orgusers.Reactivate{}, m.ID))
			void(local, token)
			require.NoError(t, x.Admin().Do(ctx, orgusers.Deactivate{}, m.ID))
			x.refuses(orgusers.ErrInvalid, "", func() error {
				err := x.Admin().OfferOwnership(ctx, x.email(local))
				wrong(t, err, "email: inactive")
				return err
			})
		}
	}
	left := x.add("left", orgusers.RoleAdmin)
	token := x.offer("left")
	require.NoError(t, w.Svc.Account(w.Actor(left.User)).Leave(ctx, x.ID))
	void("left", token)

	m := x.Invite(x.email("cancelled"), orgusers.RoleMember)
	token = x.offer("cancelled")
	require.NoError(t, x.Admin().Do(ctx, orgusers.Remove{}, m.ID))
	void("cancelled", token)

	// Somebody of another organization whose account is deleted there is no account any more.
	y := newTeam(t, w, "other")
	require.NoError(t, x.Admin().OfferOwnership(ctx, y.member.Address.Email))
	w.Dispatch()
	require.NoError(t, y.Admin().Do(ctx, orgusers.Delete{}, y.member.ID))
	x.refuses(orgusers.ErrDenied, orgusers.ReasonAccountRequired, func() error {
		return w.Visitor().AcceptOwnership(ctx, w.Token(y.member.Address.Email))
	})
}

func ownerOdd(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	for _, self := range []string{"owner@acme.example", "OWNER@acme.example", " Owner@ACME.Example\t"} {
		x.refuses(orgusers.ErrInvalid, "", func() error {
			err := x.Admin().OfferOwnership(ctx, self)
			wrong(t, err, "email: self")
			return err
		})
	}
	for _, bad := range []string{"", "nobody", "a@b@c", "Ann <ann@acme.example>", "a@acme.example,b@acme.example", "а@acme.example"} {
		x.refuses(orgusers.ErrInvalid, "", func() error { return x.Admin().OfferOwnership(ctx, bad) })
	}
	require.NoError(t, x.Admin().SetAllowedDomains(ctx, "acme.example"))
	x.refuses(orgusers.ErrInvalid, "", func() error {
		err := x.Admin().OfferOwnership(ctx, "ann@elsewhere.example")
		wrong(t, err, "email: domain_not_allowed")
		return err
	})

	// A new owner from outside takes a seat.
	Account(t, w, x.email("ann"))
	token := x.offer("ann")
	require.NoError(t, w.Operator().SetPlan(ctx, x.ID, seats(3)))
	x.refuses(orgusers.ErrSeats, "", func() error { return w.Visitor().AcceptOwnership(ctx, token) })
	require.NoError(t, w.Operator().SetPlan(ctx, x.ID, seats(4)))
	require.NoError(t, w.Visitor().AcceptOwnership(ctx, token))
	x.owned("ann")
}

// From outside, or invited: member and owner in one step.
func ownerOutsider(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	Account(t, w, x.email("ann"))
	require.NoError(t, w.Visitor().AcceptOwnership(ctx, x.offer("ann")))
	x.owned("ann")

	y := newTeam(t, w, "other")
	stack := newStack(t, y.Org, "Website")
	access := orgusers.StackAccess{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}
	m, invitation := y.link("bob", orgusers.RoleMember, access)
	require.NoError(t, w.Visitor().AcceptOwnership(ctx, y.offer("bob")))
	y.owned("bob")
	require.Equal(t, m.ID, y.row("bob").ID)
	require.Equal(t, []orgusers.Grant{{Stack: stack, Role: orgusers.RoleDeveloper}}, y.row("bob").Grants, "any stack roles stay (R4.6)")
	y.refuses(orgusers.ErrExpired, orgusers.ReasonLinkReplaced, func() error { return accept(w, invitation) })
	y.owned("bob")
}

// Support has made somebody else the owner meanwhile.
func ownerOfferer(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	token := x.offer("member")
	require.NoError(t, w.Operator().RestoreOwner(ctx, x.ID, x.admin.ID))
	require.Zero(t, x.Record().Transfer)
	x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkReplaced, func() error { return w.Visitor().AcceptOwnership(ctx, token) })
	x.owned("admin")
	require.Equal(t, orgusers.RoleMember, x.row("owner").Role)
}
