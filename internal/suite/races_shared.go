package suite

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// stackRaces are those that could leave roles on what is gone, or stacks to nobody.
func stackRaces(c *track) {
	c.t.Helper()
	for _, end := range endings()[1:] {
		c.race(fmt.Sprintf("S-070 make a stack x %s", end.name), func(r *round) {
			x := r.team("acme")
			door := r.by(0, x.ID, x.admin.User)
			errs := r.run(func(ctx context.Context) error {
				_, err := door.CreateStack(ctx, "Website")
				return err
			}, r.do(1, x, x.owner, end.op, x.admin))
			require.NoError(r.t, errs[1])
			if errs[0] != nil {
				r.powerless(errs[0])
			}
			CheckOrg(r.t, r.a, x.ID)
		})
	}
	c.race("S-070 delete a stack x give a role on it", func(r *round) {
		x := r.team("acme")
		stack := newStack(r.t, x.Org, "Website")
		access := []orgusers.StackAccess{{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}
		door := r.by(0, x.ID, x.owner.User)
		errs := r.run(func(ctx context.Context) error { return door.DeleteStack(ctx, stack) },
			r.do(1, x, x.admin, orgusers.SetStacks{Stacks: access}, x.member))
		require.NoError(r.t, errs[0])
		if errs[1] != nil {
			wrong(r.t, errs[1], "stacks[0]: unknown")
		}
		require.Empty(r.t, x.row("member").Grants)
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("S-070 delete a role x invite with it", func(r *round) {
		x := r.team("acme")
		stack := newStack(r.t, x.Org, "Website")
		role, err := x.Admin().CreateRole(world.Ctx(), "Editor", orgusers.PermissionWrite)
		require.NoError(r.t, err)
		access := []orgusers.StackAccess{{Stack: stack, Roles: []orgusers.RoleID{role}}}
		owner, admin := r.by(0, x.ID, x.owner.User), r.by(1, x.ID, x.admin.User)
		errs := r.run(func(ctx context.Context) error { return owner.DeleteRole(ctx, role) }, func(ctx context.Context) error {
			_, err := admin.Invite(ctx, orgusers.Invitation{To: x.email("ann"), Stacks: access})
			return err
		})
		require.NoError(r.t, errs[0])
		if errs[1] != nil {
			wrong(r.t, errs[1], "stacks[0].roles[0]: unknown")
		} else {
			require.Empty(r.t, x.row("ann").Grants)
		}
		CheckOrg(r.t, r.a, x.ID)
	})
	c.race("S-070 delete a stack x make another", func(r *round) {
		x := r.team("acme")
		stack := newStack(r.t, x.Org, "Website")
		owner, admin := r.by(0, x.ID, x.owner.User), r.by(1, x.ID, x.admin.User)
		errs := r.run(func(ctx context.Context) error { return owner.DeleteStack(ctx, stack) }, func(ctx context.Context) error {
			_, err := admin.CreateStack(ctx, "website")
			return err
		})
		require.NoError(r.t, errs[0])
		if errs[1] != nil {
			wrong(r.t, errs[1], "name: duplicate")
		}
		CheckOrg(r.t, r.a, x.ID)
	})
}

// couple is two organizations and somebody of the first, who is invited to the second, has joined it
// too, or neither.
func (r *round) couple(joined bool) (x, y team, here, there orgusers.Member, token string) {
	x, y = r.team("acme"), r.team("other")
	here = x.add("both", orgusers.RoleMember)
	if joined {
		there = Add(r.t, r.a, y.ID, Person{Email: x.email("both")})[0]
		return x, y, here, there, ""
	}
	there = y.Invite(x.email("both"), orgusers.RoleMember)
	r.a.Dispatch()
	return x, y, here, there, r.a.Token(x.email("both"))
}

// sharedRaces are those of two organizations about one person: nothing but the account's own version
// stands between them.
func sharedRaces(c *track) {
	c.t.Helper()
	check := func(r *round, x, y team) {
		r.t.Helper()
		CheckOrg(r.t, r.a, x.ID)
		CheckOrg(r.t, r.a, y.ID)
	}
	c.race("S-073 delete x accept elsewhere", func(r *round) {
		x, y, here, _, token := r.couple(false)
		winner, losers := r.one(r.run(r.do(0, x, x.admin, orgusers.Delete{}, here), r.accept(1, token)))
		_, known := accountOf(r.t, r.a, x.email("both"))
		if winner == 0 {
			wrong(r.t, losers[0], "name.first: required", "password: required")
			require.False(r.t, known)
		} else {
			fails(r.t, losers[0], orgusers.ErrDenied, orgusers.ReasonSeveralOrgs)
			require.True(r.t, known)
		}
		check(r, x, y)
	})
	for name, op := range map[string]orgusers.Operation{
		"end sessions": orgusers.EndSessions{}, "rename": orgusers.Rename{Name: orgusers.Name{First: "Other"}},
	} {
		c.race(fmt.Sprintf("S-073 %s x accept elsewhere", name), func(r *round) {
			x, y, here, _, token := r.couple(false)
			errs := r.run(r.do(0, x, x.admin, op, here), r.accept(1, token))
			require.NoError(r.t, errs[1])
			u, _ := accountOf(r.t, r.a, x.email("both"))
			require.Equal(r.t, 2, u.Orgs)
			done := !u.SessionsValidFrom.IsZero() || u.Name.First == "Other"
			require.Equal(r.t, errs[0] == nil, done)
			if errs[0] != nil {
				fails(r.t, errs[0], orgusers.ErrDenied, orgusers.ReasonSeveralOrgs)
			}
			check(r, x, y)
		})
	}
	c.race("S-073 remove x accept elsewhere", func(r *round) {
		x, y, here, _, token := r.couple(false)
		require.Equal(r.t, []error{nil, nil}, r.run(r.do(0, x, x.admin, orgusers.Remove{}, here), r.accept(1, token)))
		u, _ := accountOf(r.t, r.a, x.email("both"))
		require.Equal(r.t, 1, u.Orgs)
		check(r, x, y)
	})
	c.race("S-073 deactivate x remove elsewhere", func(r *round) {
		x, y, here, there, _ := r.couple(true)
		session := r.a.Actor(here.User)
		require.Equal(r.t, []error{nil, nil}, r.run(r.do(0, x, x.admin, orgusers.Deactivate{}, here), r.do(1, y, y.admin, orgusers.Remove{}, there)))
		require.Equal(r.t, orgusers.StatusInactive, x.row("both").Status)
		for _, org := range []orgusers.OrgID{x.ID, y.ID} {
			_, err := r.b.Svc.Access(world.Ctx(), session, org)
			require.Error(r.t, err)
		}
		check(r, x, y)
	})
	c.race("S-073 remove x remove elsewhere", func(r *round) {
		x, y, here, there, _ := r.couple(true)
		r.a.Clock.Tick(1000)
		require.Equal(r.t, []error{nil, nil}, r.run(r.do(0, x, x.admin, orgusers.Remove{}, here), r.do(1, y, y.admin, orgusers.Remove{}, there)))
		u, _ := accountOf(r.t, r.a, x.email("both"))
		require.Zero(r.t, u.Orgs)
		require.NotZero(r.t, u.SessionsValidFrom, "the last one out ends the sessions (R5.6)")
		check(r, x, y)
	})
	c.race("S-073 delete x remove elsewhere", func(r *round) {
		x, y, here, there, _ := r.couple(true)
		errs := r.run(r.do(0, x, x.admin, orgusers.Delete{}, here), r.do(1, y, y.admin, orgusers.Remove{}, there))
		require.NoError(r.t, errs[1])
		_, known := accountOf(r.t, r.a, x.email("both"))
		require.Equal(r.t, errs[0] != nil, known)
		if errs[0] != nil {
			fails(r.t, errs[0], orgusers.ErrDenied, orgusers.ReasonSeveralOrgs)
		}
		check(r, x, y)
	})
	c.race("S-073 delete x leave elsewhere", func(r *round) {
		x, y, here, there, _ := r.couple(true)
		errs := r.run(r.do(0, x, x.admin, orgusers.Delete{}, here), r.leave(1, y, there))
		require.NoError(r.t, errs[1])
		check(r, x, y)
	})
	c.race("S-055 delete x become owner elsewhere", func(r *round) {
		x, y, here, _, _ := r.couple(false)
		require.NoError(r.t, y.Admin().OfferOwnership(world.Ctx(), here.Address.Email))
		r.a.Dispatch()
		token := r.a.Token(here.Address.Email)
		winner, losers := r.one(r.run(r.do(0, x, x.admin, orgusers.Delete{}, here), r.takeOver(1, token)))
		if winner == 0 {
			fails(r.t, losers[0], orgusers.ErrDenied, orgusers.ReasonAccountRequired)
			require.Equal(r.t, y.owner.User, y.Record().OwnerID)
		} else {
			fails(r.t, losers[0], orgusers.ErrDenied, orgusers.ReasonSeveralOrgs)
			require.Equal(r.t, here.User, y.Record().OwnerID)
		}
		check(r, x, y)
	})
	c.race("R1.11 rename oneself x accept elsewhere", func(r *round) {
		x, y, here, _, token := r.couple(false)
		mine := r.a.Svc.Account(r.a.Actor(here.User))
		errs := r.run(func(ctx context.Context) error { return mine.Rename(ctx, orgusers.Name{First: "New", Last: "Name"}) }, r.accept(1, token))
		require.Equal(r.t, []error{nil, nil}, errs)
		require.Equal(r.t, "New Name", y.memberOf(here.Address.Email).Name.String(), "every roster shows it")
		check(r, x, y)
	})
	c.race("S-002 new account, joins two at once", func(r *round) {
		x, y := r.team("acme"), r.team("other")
		var tokens []string
		for _, o := range []team{x, y} { // sign in by single sign-on, so no password is needed
			require.NoError(r.t, o.Admin().SetSSO(world.Ctx(), orgusers.SSO{Enabled: true}))
			o.Invite(x.email("new"), orgusers.RoleMember)
			r.a.Dispatch()
			tokens = append(tokens, r.a.Token(x.email("new")))
		}
		joined := make([]orgusers.Joined, 2)
		join := func(i int) func(context.Context) error {
			v := r.on(i).Visitor()
			return func(ctx context.Context) (err error) {
				joined[i], err = v.AcceptInvitation(ctx, tokens[i], orgusers.NewAccount{Name: orgusers.Name{First: fmt.Sprint("By ", i)}})
				return err
			}
		}
		require.Equal(r.t, []error{nil, nil}, r.run(join(0), join(1)))
		require.Equal(r.t, joined[0].User, joined[1].User, "one address, one account")
		require.NotEqual(r.t, joined[0].NewAccount, joined[1].NewAccount, "made once")
		u, _ := accountOf(r.t, r.a, x.email("new"))
		require.Equal(r.t, 2, u.Orgs)
		require.Equal(r.t, fmt.Sprint("By ", map[bool]int{true: 0, false: 1}[joined[0].NewAccount]), u.Name.First)
		check(r, x, y)
	})
}
