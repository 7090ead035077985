package suite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Races are the cases in which several people do at the same moment what may not both happen. Each
// is run many times by two services on one store; see [round.run]. ORGUSERS_SOAK=1 makes it a
// thousand times. One in so many of the rounds is run.
func Races(t *testing.T, share int, open Opener) {
	t.Helper()
	most := max(rounds()/share, 4) // the ways in which a round is run
	races(newTrack(t, twice(open), min(10, most), most))
}

// RacesAcross are the same between services on different nodes of a database: 200 times those that
// only the database can decide, which are the last administrators, the last seat, one invitation, and
// the outbox; the others once for each way in which a round is run, or 200 times too when soaking.
func RacesAcross(t *testing.T, open ClusterOpener) {
	t.Helper()
	many, few := 200, 4
	switch {
	case soaking():
		few = many
	case testing.Short():
		many = 10
	}
	t.Run("Hard", func(t *testing.T) {
		c := newTrack(t, open, many, 0)
		defer c.done.Wait()
		c.race("S-041 demote each other", raceDemotion)
		c.race("S-028 invite x invite, one seat", raceLastSeat)
		c.race("S-028 accept x accept, one seat", raceSeats)
		c.race("S-007 concurrent accept", raceAccept)
		c.race("S-223 outbox", raceOutbox)
	})
	t.Run("All", func(t *testing.T) { races(newTrack(t, open, few, 0)) })
}

func races(c *track) {
	c.t.Helper()
	defer c.done.Wait()
	c.race("S-007 concurrent accept", raceAccept)
	c.race("S-013 revoke x accept", raceRevoke)
	invitationRaces(c)
	c.race("S-023 duplicate invitations", raceDuplicates)
	c.race("S-028 accept x accept, one seat", raceSeats)
	seatRaces(c)
	administratorRaces(c)
	ownershipRaces(c)
	stackRaces(c)
	sharedRaces(c)
	c.race("S-223 outbox", raceOutbox)
	signInRaces(c)
	ssoRaces(c)
}

// contenders is how many take part where many do.
func contenders(soak int) int {
	if soaking() {
		return soak
	}
	return soak / 4
}

func raceAccept(r *round) {
	x := r.team("acme")
	m, token := x.link("ann", orgusers.RoleMember)
	calls := make([]func(context.Context) error, contenders(64))
	for i := range calls {
		calls[i] = r.accept(i, token)
	}
	_, losers := r.one(r.run(calls...))
	for _, err := range losers {
		fails(r.t, err, orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
	}
	row := x.row("ann")
	require.Equal(r.t, m.ID, row.ID)
	require.Equal(r.t, orgusers.StatusActive, row.Status)
	require.Len(r.t, trail(r.t, r.a, orgusers.AuditQuery{Org: x.ID, Chained: true, Action: orgusers.ActionAcceptInvitation}), 1)
	require.Equal(r.t, int64(4), x.Record().Tally.Seats())
	CheckOrg(r.t, r.a, x.ID)
}

// accept is a call that accepts an invitation.
func (r *round) accept(i int, token string) func(context.Context) error {
	v := r.on(i).Visitor()
	return func(ctx context.Context) error {
		_, err := v.AcceptInvitation(ctx, token, orgusers.NewAccount{})
		return err
	}
}

// do is a call of an operation by somebody on somebody.
func (r *round) do(i int, x team, by orgusers.Member, op orgusers.Operation, on orgusers.Member) func(context.Context) error {
	door := r.by(i, x.ID, by.User)
	return func(ctx context.Context) error { return door.Do(ctx, op, on.ID) }
}

// Whatever comes first, who was revoked is not on the roster.
func raceRevoke(r *round) {
	x := r.team("acme")
	m, token := x.link("ann", orgusers.RoleAdmin)
	errs := r.run(r.accept(0, token), r.do(1, x, x.admin, orgusers.Remove{}, m))
	require.NoError(r.t, errs[1], "an invitation can be revoked, and a member removed")
	if errs[0] != nil {
		fails(r.t, errs[0], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
	}
	x.gone("ann")
	u, _ := accountOf(r.t, r.a, x.email("ann"))
	require.Zero(r.t, u.Orgs)
	CheckOrg(r.t, r.a, x.ID)
}

// invitationRaces are accepting against everything else that can happen to an invitation.
func invitationRaces(c *track) {
	c.t.Helper()
	c.race("S-013 decline x accept", func(r *round) {
		x := r.team("acme")
		_, token := x.link("ann", orgusers.RoleMember)
		v := r.b.Visitor()
		winner, losers := r.one(r.run(r.accept(0, token), func(ctx context.Context) error { return v.DeclineInvitation(ctx, token) }))
		fails(r.t, losers[0], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
		_, there := rowOf(r.t, r.a, x.ID, x.email("ann"))
		require.Equal(r.t, winner == 0, there)
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("S-014 resend x accept", func(r *round) {
		x := r.team("acme")
		m, token := x.link("ann", orgusers.RoleMember)
		r.a.Clock.Tick(time.Hour)
		winner, losers := r.one(r.run(r.accept(0, token), r.do(1, x, x.admin, orgusers.ResendInvitation{}, m)))
		if winner == 0 {
			fails(r.t, losers[0], orgusers.ErrDenied, orgusers.ReasonNotPending)
		} else {
			fails(r.t, losers[0], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
			r.a.Dispatch()
			require.NoError(r.t, accept(r.a, r.a.Token(x.email("ann"))), "the new link works")
		}
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("S-014 invited again x accept", func(r *round) {
		x := r.team("acme")
		_, token := x.link("ann", orgusers.RoleMember)
		r.a.Clock.Tick(time.Hour)
		door := r.by(1, x.ID, x.admin.User)
		errs := r.run(r.accept(0, token), func(ctx context.Context) error {
			rep, err := door.Invite(ctx, orgusers.Invitation{To: x.email("ann"), Role: orgusers.RoleAdmin})
			if err != nil {
				return err
			}
			return rep.Err()
		})
		if winner, losers := r.one(errs); winner == 0 {
			fails(r.t, losers[0], orgusers.ErrDenied, orgusers.ReasonAlreadyMember)
			require.Equal(r.t, orgusers.RoleMember, x.row("ann").Role)
		} else {
			fails(r.t, losers[0], orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
			require.Equal(r.t, orgusers.StatusPending, x.row("ann").Status)
		}
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("Q13 role of the invitation x accept", func(r *round) {
		x := r.team("acme")
		m, token := x.link("ann", orgusers.RoleAdmin)
		errs := r.run(r.accept(0, token), r.do(1, x, x.admin, orgusers.SetRole{Role: orgusers.RoleMember}, m))
		require.Equal(r.t, []error{nil, nil}, errs)
		require.Equal(r.t, orgusers.RoleMember, x.row("ann").Role)
		require.Equal(r.t, orgusers.StatusActive, x.row("ann").Status)
		CheckOrg(r.t, r.a, x.ID)
	})
	for name, end := range map[string]orgusers.Operation{
		"demote": orgusers.SetRole{Role: orgusers.RoleMember}, "remove": orgusers.Remove{}, "deactivate": orgusers.Deactivate{}, "delete": orgusers.Delete{},
	} {
		c.race(fmt.Sprintf("R2.7 %s the inviter x accept", name), func(r *round) {
			x := r.team("acme")
			Account(r.t, r.a, x.email("ann"))
			_, err := x.As(x.admin).Invite(world.Ctx(), orgusers.Invitation{To: x.email("ann"), Role: orgusers.RoleAdmin})
			require.NoError(r.t, err)
			r.a.Dispatch()
			errs := r.run(r.accept(0, r.a.Token(x.email("ann"))), r.do(1, x, x.owner, end, x.admin))
			require.NoError(r.t, errs[1])
			order := x.order(orgusers.ActionAcceptInvitation, end.Action())
			if errs[0] != nil {
				fails(r.t, errs[0], orgusers.ErrExpired, orgusers.ReasonInviterGone)
				require.Equal(r.t, []orgusers.Action{end.Action()}, order)
			} else {
				require.Equal(r.t, []orgusers.Action{orgusers.ActionAcceptInvitation, end.Action()}, order, "joined while it was valid")
			}
			CheckOrg(r.t, r.a, x.ID)
		})
	}
	c.race("S-030 disable x accept", func(r *round) {
		x := r.team("acme")
		_, token := x.link("ann", orgusers.RoleMember)
		support := r.b.Operator()
		errs := r.run(r.accept(0, token), func(ctx context.Context) error { return support.DisableOrganization(ctx, x.ID) })
		require.NoError(r.t, errs[1])
		if errs[0] != nil {
			fails(r.t, errs[0], orgusers.ErrDenied, orgusers.ReasonOrgDisabled)
		} else {
			require.Equal(r.t, []orgusers.Action{orgusers.ActionAcceptInvitation, orgusers.ActionDisableOrganization},
				x.order(orgusers.ActionAcceptInvitation, orgusers.ActionDisableOrganization))
		}
		CheckOrg(r.t, r.a, x.ID)
	})
}

// order is in which order these actions went into the chain.
func (x team) order(actions ...orgusers.Action) []orgusers.Action {
	x.t.Helper()
	var out []orgusers.Action
	for _, e := range trail(x.t, x.w, orgusers.AuditQuery{Org: x.ID, Chained: true}) {
		for _, a := range actions {
			if e.Action == a && (len(out) == 0 || out[len(out)-1] != a) {
				out = append(out, a)
			}
		}
	}
	return out
}

func raceDuplicates(r *round) {
	x := r.team("acme")
	spelled := []string{"Ann@%s", "ann@%s", "ANN@%s ", " ann@%s,"}
	ids := make([]orgusers.MemberID, contenders(32))
	calls := make([]func(context.Context) error, len(ids))
	for i := range calls {
		door := r.by(i, x.ID, []orgusers.UserID{x.owner.User, x.admin.User}[i/2%2])
		to := fmt.Sprintf(spelled[i%len(spelled)], x.domain)
		calls[i] = func(ctx context.Context) error {
			rep, err := door.Invite(ctx, orgusers.Invitation{To: to})
			if err == nil {
				ids[i] = rep.Outcomes[0].Member
				err = rep.Err()
			}
			return err
		}
	}
	_, losers := r.one(r.run(calls...))
	for _, err := range losers {
		fails(r.t, err, orgusers.ErrDenied, orgusers.ReasonCooldown)
	}
	m := x.row("ann")
	for _, id := range ids {
		require.Equal(r.t, m.ID, id, "everybody learns which one it is")
	}
	r.a.Dispatch()
	require.Len(r.t, r.a.Inbox.All(), 1, "one mail")
	CheckOrg(r.t, r.a, x.ID)
}

// raceSeats: the plan has shrunk to one more seat than is taken, and all who are invited come.
func raceSeats(r *round) {
	x := r.team("acme")
	n := contenders(50)
	var to string
	var c orgusers.Changes
	for i := range n {
		u := newUser(r.t, r.a, x.email(fmt.Sprint("p", i)))
		c.NewUsers = append(c.NewUsers, u)
		to += u.Address.Email + "\n"
	}
	require.NoError(r.t, r.a.Store.Commit(world.Ctx(), c))
	rep, err := x.Admin().Invite(world.Ctx(), orgusers.Invitation{To: to})
	require.NoError(r.t, err)
	require.Equal(r.t, n, rep.Count(orgusers.Applied))
	r.a.Dispatch()
	plan := func(n int64) { require.NoError(r.t, r.a.Operator().SetPlan(world.Ctx(), x.ID, seats(n))) }
	plan(4)
	tokens := make([]string, n)
	calls := make([]func(context.Context) error, n)
	for i := range calls {
		tokens[i] = r.a.Token(x.email(fmt.Sprint("p", i)))
		calls[i] = r.accept(i, tokens[i])
	}
	winner, losers := r.one(r.run(calls...))
	for _, err := range losers {
		fails(r.t, err, orgusers.ErrSeats, "")
		require.Equal(r.t, &orgusers.LimitError{Resource: orgusers.ResourceUsers, Used: 4, Asked: 1, Allowed: 4}, kindOf(r.t, err).Limit)
	}
	require.Equal(r.t, int64(4), x.Record().Tally.Members)
	CheckShrunk(r.t, r.a, x.ID)
	plan(5)
	require.NoError(r.t, accept(r.a, tokens[(winner+1)%n]), "the others' links still work")
}
