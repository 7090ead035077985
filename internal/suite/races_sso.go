package suite

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// provided is a team whose provider maps a group.
func (r *round) provided() team {
	r.t.Helper()
	x := r.team("acme")
	mapped(x, orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember})
	return x
}

// comes is a call by which the provider says something of somebody; in is what came of it.
func (r *round) comes(i int, a orgusers.Assertion, in *orgusers.SignIn) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		*in, err = r.door(i).SignInSSO(ctx, a)
		return err
	}
}

// ssoRaces are those of what an identity provider says with what happens here.
func ssoRaces(c *track) {
	c.t.Helper()
	c.race("S-006 one new subject, many sign-ins", func(r *round) {
		x := r.provided()
		calls := make([]func(context.Context) error, contenders(32))
		ins := make([]orgusers.SignIn, len(calls))
		for i := range calls {
			calls[i] = r.comes(i, x.says("pat", "staff"), &ins[i])
		}
		for i, err := range r.run(calls...) {
			require.NoError(r.t, err)
			require.Equal(r.t, x.row("pat").User, ins[i].User, "one account")
		}
		require.Equal(r.t, []any{1, int64(4)}, []any{r.a.User(x.row("pat").User).Orgs, x.Record().Tally.Members})
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("S-001 two subjects, one address", func(r *round) {
		x := r.provided()
		calls := make([]func(context.Context) error, 4)
		for i := range calls {
			a := x.says("pat", "staff")
			a.Subject = fmt.Sprint("s", i)
			calls[i] = r.comes(i, a, new(orgusers.SignIn))
		}
		winner, losers := r.one(r.run(calls...))
		for _, err := range losers {
			fails(r.t, err, orgusers.ErrDenied, orgusers.ReasonSSOSubject)
		}
		require.Equal(r.t, fmt.Sprint("s", winner), x.row("pat").Subject)
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("S-028 single sign-on x single sign-on, one seat", func(r *round) {
		x := r.provided()
		require.NoError(r.t, r.a.Operator().SetPlan(world.Ctx(), x.ID, seats(4)))
		calls := make([]func(context.Context) error, 4)
		for i := range calls {
			calls[i] = r.comes(i, x.says(fmt.Sprint("p", i), "staff"), new(orgusers.SignIn))
		}
		_, losers := r.one(r.run(calls...))
		for _, err := range losers {
			fails(r.t, err, orgusers.ErrSeats, "")
		}
		require.EqualValues(r.t, 4, x.Record().Tally.Seats())
		CheckOrg(r.t, r.a, x.ID)
	})
	for name, op := range map[string]orgusers.Operation{
		"deactivate": orgusers.Deactivate{}, "remove": orgusers.Remove{}, "unlink": orgusers.UnlinkSSO{},
	} {
		c.race("S-141 single sign-on x "+name, func(r *round) { ssoRacesCut(r, op) })
	}
	c.race("R2.23 a new keeper x the end of this one", func(r *round) {
		x, rows := r.coop(false, 3)
		for _, m := range rows {
			r.a.PatchUser(m.User, orgusers.UserPatch{Password: orgusers.Some(orgusers.PasswordHash("some"))})
		}
		sso := func(m orgusers.Member) orgusers.SSO { return orgusers.SSO{Enabled: true, Strict: true, Keeper: m.User} }
		as := func(i int, m orgusers.Member) orgusers.Admin {
			a := r.on(i).Actor(m.User)
			a.SSO = x.ID // whoever is the keeper now
			return r.on(i).Svc.Admin(a, x.ID)
		}
		require.NoError(r.t, x.As(rows[0]).SetSSO(world.Ctx(), sso(rows[0])))
		errs := r.run(func(ctx context.Context) error { return as(0, rows[0]).SetSSO(ctx, sso(rows[1])) },
			func(ctx context.Context) error { return as(1, rows[2]).Do(ctx, orgusers.Remove{}, rows[1].ID) },
			func(ctx context.Context) error { return as(0, rows[2]).Do(ctx, orgusers.Deactivate{}, rows[0].ID) })
		for _, err := range errs[1:] {
			if err != nil {
				fails(r.t, err, orgusers.ErrDenied, orgusers.ReasonSSOKeeper)
			}
		}
		CheckOrg(r.t, r.a, x.ID) // and with it that the keeper is there
	})
}

// ssoRacesCut: who is cut off has no way in left from a sign-in that was under way; in every other round a
// person of several organizations, whose epoch stays as it is.
func ssoRacesCut(r *round, op orgusers.Operation) {
	x := r.team("acme")
	x.sso(orgusers.SSO{})
	x.by(x.says("member"))
	_, unlinks := op.(orgusers.UnlinkSSO)
	if r.n%4 > 1 && !unlinks {
		other := NewOrg(r.t, r.a, "Other", r.name("boss")+"@other.example")
		Add(r.t, r.a, other.ID, Person{Email: x.email("member")})
	}
	r.a.Clock.Tick(1)
	var in orgusers.SignIn
	errs := r.run(r.comes(0, x.says("member"), &in), r.do(1, x, x.owner, op, x.member))
	require.NoError(r.t, errs[1])
	if errs[0] != nil {
		reason := map[bool]orgusers.Reason{true: orgusers.ReasonInactive, false: orgusers.ReasonNotJoined}[op.Action() == orgusers.ActionDeactivate]
		fails(r.t, errs[0], orgusers.ErrDenied, reason)
		require.False(r.t, unlinks)
		return
	}
	_, err := r.b.Svc.Authenticate(world.Ctx(), in.Token, orgusers.Actor{})
	if unlinks { // before it, or linked anew after it
		require.Equal(r.t, x.row("member").Subject == "", err != nil)
		return
	}
	fails(r.t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
}
