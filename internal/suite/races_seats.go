package suite

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

func seats(n int64) orgusers.Plan {
	return orgusers.Plan{Limits: []orgusers.Limit{{Resource: orgusers.ResourceUsers, Max: n}}}
}

// full makes a team of three with a plan of this many seats.
func (r *round) full(n int64) team {
	x := r.team("acme")
	require.NoError(r.t, r.a.Operator().SetPlan(world.Ctx(), x.ID, seats(n)))
	return x
}

// invite is a call that invites one person.
func (r *round) invite(i int, x team, by orgusers.Member, local string) func(context.Context) error {
	door := r.by(i, x.ID, by.User)
	return func(ctx context.Context) error {
		rep, err := door.Invite(ctx, orgusers.Invitation{To: x.email(local)})
		if err != nil {
			return err
		}
		return rep.Err()
	}
}

func raceLastSeat(r *round) {
	x := r.full(4)
	_, losers := r.one(r.run(r.invite(0, x, x.owner, "a"), r.invite(1, x, x.admin, "b"), r.invite(2, x, x.owner, "c"), r.invite(3, x, x.admin, "d")))
	for _, err := range losers {
		fails(r.t, err, orgusers.ErrSeats, "")
	}
	require.Equal(r.t, int64(4), x.Record().Tally.Seats())
	CheckOrg(r.t, r.a, x.ID)
}

// seatRaces are those for the last seat.
func seatRaces(c *track) {
	c.t.Helper()
	c.race("S-028 invite x invite, one seat", raceLastSeat)
	c.race("S-028 invite x new owner from outside, one seat", func(r *round) {
		x := r.full(4)
		Account(r.t, r.a, x.email("ann"))
		token := x.offer("ann")
		winner, losers := r.one(r.run(r.invite(0, x, x.admin, "bob"), r.takeOver(1, token)))
		fails(r.t, losers[0], orgusers.ErrSeats, "")
		owner := map[bool]string{true: "owner", false: "ann"}[winner == 0]
		require.Equal(r.t, x.row(owner).User, x.Record().OwnerID)
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("SetPlan x invite", func(r *round) {
		x := r.full(10)
		support := r.b.Operator()
		errs := r.run(r.invite(0, x, x.admin, "ann"), func(ctx context.Context) error { return support.SetPlan(ctx, x.ID, seats(3)) })
		require.NoError(r.t, errs[1])
		if errs[0] != nil {
			fails(r.t, errs[0], orgusers.ErrSeats, "")
			x.gone("ann")
			CheckOrg(r.t, r.a, x.ID)
			return
		}
		require.Equal(r.t, []orgusers.Action{orgusers.ActionSetPlan, orgusers.ActionInvite, orgusers.ActionSetPlan},
			x.order(orgusers.ActionInvite, orgusers.ActionSetPlan), "invited while there was a seat")
		CheckShrunk(r.t, r.a, x.ID)
	})
	c.race("SetPlan x accept", func(r *round) {
		x := r.full(10)
		_, token := x.link("ann", orgusers.RoleMember)
		support := r.b.Operator()
		errs := r.run(r.accept(0, token), func(ctx context.Context) error { return support.SetPlan(ctx, x.ID, seats(3)) })
		require.NoError(r.t, errs[1])
		if errs[0] != nil {
			fails(r.t, errs[0], orgusers.ErrSeats, "")
			require.Equal(r.t, orgusers.StatusPending, x.row("ann").Status)
		}
		CheckShrunk(r.t, r.a, x.ID)
	})
	c.race("S-028 remove x invite, plan full", func(r *round) {
		x := r.full(3)
		errs := r.run(r.invite(0, x, x.owner, "ann"), r.do(1, x, x.admin, orgusers.Remove{}, x.member))
		require.NoError(r.t, errs[1])
		if errs[0] != nil {
			fails(r.t, errs[0], orgusers.ErrSeats, "")
		}
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("stacks x stacks, one left", func(r *round) {
		x := r.team("acme")
		require.NoError(r.t, r.a.Operator().SetPlan(world.Ctx(), x.ID, orgusers.Plan{Limits: []orgusers.Limit{{Resource: orgusers.ResourceStacks, Max: 1}}}))
		create := func(i int, by orgusers.Member) func(context.Context) error {
			door := r.by(i, x.ID, by.User)
			return func(ctx context.Context) error {
				_, err := door.CreateStack(ctx, fmt.Sprint("Stack ", i))
				return err
			}
		}
		_, losers := r.one(r.run(create(0, x.owner), create(1, x.admin)))
		fails(r.t, losers[0], orgusers.ErrLimit, "")
		require.Equal(r.t, int64(1), x.Record().Tally.Stacks)
		CheckOrg(r.t, r.a, x.ID)
	})
}
