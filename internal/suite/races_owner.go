package suite

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// takeOver is a call that accepts the ownership.
func (r *round) takeOver(i int, token string) func(context.Context) error {
	v := r.on(i).Visitor()
	return func(ctx context.Context) error { return v.AcceptOwnership(second(ctx), token) }
}

// offerTo is a call by which the owner offers the ownership.
func (r *round) offerTo(i int, x team, local string) func(context.Context) error {
	door := r.by(i, x.ID, x.owner.User)
	return func(ctx context.Context) error { return door.OfferOwnership(ctx, x.email(local)) }
}

// ownedBy demands that this person owns the organization, whichever way it came.
func (r *round) ownedBy(x team, local string) {
	r.t.Helper()
	require.Equal(r.t, x.row(local).User, x.Record().OwnerID)
	CheckOrg(r.t, r.a, x.ID)
}

// ownershipRaces are those by which an organization could have no owner, or two.
func ownershipRaces(c *track) {
	c.t.Helper()
	c.race("S-055 concurrent accept", func(r *round) {
		x := r.team("acme")
		token := x.offer("admin")
		calls := make([]func(context.Context) error, contenders(64))
		for i := range calls {
			calls[i] = r.takeOver(i, token)
		}
		_, losers := r.one(r.run(calls...))
		for _, err := range losers {
			fails(r.t, err, orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
		}
		require.Len(r.t, trail(r.t, r.a, orgusers.AuditQuery{Org: x.ID, Chained: true, Action: orgusers.ActionAcceptOwnership}), 2, "who got it and who gave it")
		r.ownedBy(x, "admin")
	})
	c.race("S-056 two offers, both accepted", func(r *round) {
		x := r.team("acme")
		errs := r.run(r.offerTo(0, x, "admin"), r.offerTo(1, x, "member"))
		require.Equal(r.t, []error{nil, nil}, errs, "the later replaces the earlier")
		r.a.Dispatch()
		mails := r.a.Inbox.All()
		require.Len(r.t, mails, 1, "only the offer that stands is mailed")
		first := world.Token(mails[0])
		other := map[string]string{x.email("admin"): "member", x.email("member"): "admin"}[mails[0].To]
		r.a.Clock.Tick(time.Hour)
		later := x.offer(other)
		_, losers := r.one(r.run(r.takeOver(0, first), r.takeOver(1, later)))
		fails(r.t, losers[0], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
		r.ownedBy(x, other)
	})
	c.race("S-056 offer to another x accept", func(r *round) {
		x := r.team("acme")
		token := x.offer("admin")
		winner, losers := r.one(r.run(r.takeOver(0, token), r.offerTo(1, x, "member")))
		if winner == 0 {
			fails(r.t, losers[0], orgusers.ErrDenied, orgusers.ReasonNotOwner)
			r.ownedBy(x, "admin")
			return
		}
		fails(r.t, losers[0], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
		r.ownedBy(x, "owner")
	})
	for name, withdraw := range map[string]func(r *round, x team, token string) func(context.Context) error{
		"cancel": func(r *round, x team, _ string) func(context.Context) error {
			return r.by(1, x.ID, x.owner.User).CancelOwnership
		},
		"resend": func(r *round, x team, _ string) func(context.Context) error {
			return r.by(1, x.ID, x.owner.User).ResendOwnership
		},
		"decline": func(r *round, _ team, token string) func(context.Context) error {
			v := r.b.Visitor()
			return func(ctx context.Context) error { return v.DeclineOwnership(second(ctx), token) }
		},
	} {
		c.race(fmt.Sprintf("S-060 %s x accept", name), func(r *round) {
			x := r.team("acme")
			token := x.offer("member")
			r.a.Clock.Tick(time.Hour)
			winner, losers := r.one(r.run(r.takeOver(0, token), withdraw(r, x, token)))
			if winner == 0 {
				require.Contains(r.t, []orgusers.Reason{orgusers.ReasonNotOwner, orgusers.ReasonLinkReplaced}, kindOf(r.t, losers[0]).Reason)
				r.ownedBy(x, "member")
				return
			}
			fails(r.t, losers[0], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
			r.ownedBy(x, "owner")
		})
	}
	for _, end := range endings() {
		for _, by := range []string{"admin", "owner"} {
			c.race(fmt.Sprintf("S-058 the %s %ss the recipient x accept", by, end.name), func(r *round) {
				x := r.team("acme")
				to := x.add("ann", orgusers.RoleAdmin)
				token := x.offer("ann")
				errs := r.run(r.takeOver(0, token), r.do(1, x, x.row(by), end.op, to))
				if end.name == "demote" && errs[0] == nil && errs[1] == nil {
					r.ownedBy(x, "ann") // demoted first; the ownership lifts everybody up
					return
				}
				winner, losers := r.one(errs)
				if winner == 1 {
					fails(r.t, losers[0], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
					r.ownedBy(x, "owner")
					return
				}
				want := map[string]orgusers.Reason{"admin": orgusers.ReasonOwner, "owner": orgusers.ReasonNotAdministrator}[by]
				fails(r.t, losers[0], orgusers.ErrDenied, want)
				r.ownedBy(x, "ann")
			})
		}
		c.race(fmt.Sprintf("R1.1 support restores x %s", end.name), func(r *round) {
			x := r.team("acme")
			to := x.add("ann", orgusers.RoleAdmin)
			support := r.a.Operator()
			errs := r.run(func(ctx context.Context) error { return support.RestoreOwner(ctx, x.ID, to.ID) }, r.do(1, x, x.admin, end.op, to))
			switch {
			case errs[0] == nil:
				if errs[1] != nil {
					fails(r.t, errs[1], orgusers.ErrDenied, orgusers.ReasonOwner)
				} else {
					require.Equal(r.t, "demote", end.name)
				}
				r.ownedBy(x, "ann")
			case end.name == "deactivate":
				wrong(r.t, errs[0], "member: not_joined")
				r.ownedBy(x, "owner")
			default:
				fails(r.t, errs[0], orgusers.ErrNotFound, "")
				r.ownedBy(x, "owner")
			}
		})
	}
	c.race("S-058 the recipient leaves x accept", func(r *round) {
		x := r.team("acme")
		token := x.offer("member")
		winner, losers := r.one(r.run(r.takeOver(0, token), r.leave(1, x, x.member)))
		if winner == 0 {
			fails(r.t, losers[0], orgusers.ErrDenied, orgusers.ReasonOwnerMustTransfer)
			r.ownedBy(x, "member")
			return
		}
		fails(r.t, losers[0], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
		x.gone("member")
		r.ownedBy(x, "owner")
	})
	c.race("R1.13 the owner leaves x accept", func(r *round) {
		x := r.team("acme")
		token := x.offer("member")
		errs := r.run(r.takeOver(0, token), r.leave(1, x, x.owner))
		require.NoError(r.t, errs[0])
		if errs[1] != nil {
			fails(r.t, errs[1], orgusers.ErrDenied, orgusers.ReasonOwnerMustTransfer)
		}
		r.ownedBy(x, "member")
	})
	c.race("R1.1 support restores x accept", func(r *round) {
		x := r.team("acme")
		token := x.offer("member")
		support := r.b.Operator()
		errs := r.run(r.takeOver(0, token), func(ctx context.Context) error { return support.RestoreOwner(ctx, x.ID, x.admin.ID) })
		require.NoError(r.t, errs[1])
		if errs[0] != nil {
			fails(r.t, errs[0], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
		}
		r.ownedBy(x, "admin")
	})
	c.race("R1.1 support restores two", func(r *round) {
		x := r.team("acme")
		restore := func(i int, m orgusers.Member) func(context.Context) error {
			support := r.on(i).Operator()
			return func(ctx context.Context) error { return support.RestoreOwner(ctx, x.ID, m.ID) }
		}
		require.Equal(r.t, []error{nil, nil}, r.run(restore(0, x.admin), restore(1, x.member)))
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("S-002 invitation x ownership, both accepted", func(r *round) {
		x := r.team("acme")
		_, invitation := x.link("ann", orgusers.RoleMember)
		token := x.offer("ann")
		errs := r.run(r.takeOver(0, token), r.accept(1, invitation))
		require.NoError(r.t, errs[0])
		if errs[1] != nil {
			fails(r.t, errs[1], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
		}
		r.ownedBy(x, "ann")
	})
}
