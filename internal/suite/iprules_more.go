package suite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// endsUnused: a session that nobody uses is over, and the firewall is told then, not at the end of the rule;
// nobody has to prune. While the session is used, looking after it bothers the firewall with nothing.
func endsUnused(t *testing.T, s *site) {
	s.credentials("member")
	a := s.w.SignedIn(s.email("member")) // for 24 hours, and an hour unused
	in, err := s.w.Visitor().SignIn(world.Ctx(), s.email("member"), world.Password)
	require.NoError(t, err)
	used := s.w.Session(in)
	s.opens(a, "db", 10*time.Hour)
	s.opens(used, "cache", 11*time.Hour)
	s.settled(true, "db")
	calls := s.firewall.calls
	for range 3 {
		s.w.Clock.Tick(20*time.Minute - time.Second)
		_, err := s.w.Svc.Authenticate(world.Ctx(), in.Token, orgusers.Actor{})
		require.NoError(t, err)
		s.settled(true, "db")
	}
	require.Equal(t, calls, s.firewall.calls)
	s.w.Clock.Tick(3 * time.Second) // an hour since a was used
	s.settled(false, "db")
	s.settled(true, "cache")
	require.Equal(t, []orgusers.IPRuleState{orgusers.IPRuleInForce}, s.listed())
	require.Len(t, s.w.Outbox(false), 1, "one watch for each rule")
	s.w.Clock.Tick(59 * time.Minute)
	s.settled(true, "cache")
	s.w.Clock.Tick(time.Minute)
	s.settled(false, "cache")
	require.Empty(t, s.w.Outbox(false))

	// A rule never outlives its session, however long it was to be, and whatever the watch finds.
	s.w.Clock.Tick(time.Second)
	in, err = s.w.Visitor().SignIn(world.Ctx(), s.email("member"), world.Password)
	require.NoError(t, err)
	r := s.opens(s.w.Session(in), "db", 1000*time.Hour)
	require.Equal(t, in.ExpiresAt, r.ExpiresAt)
	for s.w.Clock.Now().Before(in.ExpiresAt.Add(-time.Hour)) {
		s.w.Clock.Tick(50 * time.Minute)
		_, err := s.w.Svc.Authenticate(world.Ctx(), in.Token, orgusers.Actor{})
		require.NoError(t, err)
		s.settled(true, "db")
	}
	s.w.Clock.Tick(in.ExpiresAt.Sub(s.w.Clock.Now()))
	s.settled(false, "db")
	require.Empty(t, s.w.Outbox(false))
}

// whatTheSessionLacks: a rule is no better than the session it was opened in. What an organization demands
// from now on, Access and Allowed ask for alike, and the firewall is told.
func whatTheSessionLacks(t *testing.T, s *site) {
	ctx := world.Ctx()
	owner := func() orgusers.Admin {
		a := s.w.Actor(s.owner.User)
		a.MFAAt = a.SignedInAt
		return s.w.Svc.Admin(a, s.ID)
	}
	s.w.Enrol(s.w.Actor(s.owner.User))
	s.w.Clock.Tick(time.Second)
	s.credentials("member")
	demands := []struct {
		name          string
		before        func() error
		demand, relax func() error
	}{
		{
			"a second factor", nil,
			func() error { return owner().SetSecurity(ctx, orgusers.Security{RequireMFA: true}) },
			func() error { return owner().SetSecurity(ctx, orgusers.Security{}) },
		},
		{
			"single sign-on", nil,
			func() error { return owner().SetSSO(ctx, orgusers.SSO{Enabled: true}) },
			func() error { return owner().SetSSO(ctx, orgusers.SSO{}) },
		},
		{
			"strict single sign-on",
			func() error {
				s.w.PatchMember(s.ID, s.member.ID, orgusers.MemberPatch{WithoutSSO: orgusers.Some(true)})
				return owner().SetSSO(ctx, orgusers.SSO{Enabled: true})
			},
			func() error { return owner().SetSSO(ctx, orgusers.SSO{Enabled: true, Strict: true}) },
			func() error { return owner().SetSSO(ctx, orgusers.SSO{Enabled: true}) },
		},
		{
			"single sign-on of this person", nil,
			func() error { return owner().Do(ctx, orgusers.SetWithoutSSO{}, s.member.ID) },
			func() error { return owner().Do(ctx, orgusers.SetWithoutSSO{Allow: true}, s.member.ID) },
		},
	}
	for _, d := range demands {
		if d.before != nil {
			require.NoError(t, d.before(), d.name)
		}
		a := s.session(s.member)
		r := s.opens(a, "db", time.Hour)
		s.settled(true, "db")
		require.NoError(t, d.demand(), d.name)
		require.NotEmpty(t, s.access(a), d.name)
		s.is(false, "db")
		require.NoError(t, d.relax(), d.name)
		require.Empty(t, s.access(a), d.name)
		s.is(true, "db") // nobody was told in between
		require.NoError(t, d.demand(), d.name)
		s.settled(false, "db")
		require.NoError(t, d.relax(), d.name)
		s.settled(false, "db") // what is over is over
		fails(t, s.w.Svc.Account(a).CloseIPRule(ctx, r.ID), orgusers.ErrNotFound, "")
		require.Empty(t, s.listed(), d.name)
	}

	// A session by the provider is good until the organization takes its word no longer.
	a := s.by(s.says("member"))
	a.IP = s.Owner.IP
	s.opens(a, "db", time.Hour)
	s.settled(true, "db")
	require.NoError(t, owner().SetSSO(ctx, orgusers.SSO{}))
	s.settled(false, "db")

	// So is one by own credentials of who was the owner.
	require.NoError(t, owner().SetSSO(ctx, orgusers.SSO{Enabled: true, Strict: true}))
	was := s.session(s.owner)
	s.opens(was, "db", time.Hour)
	s.settled(true, "db")
	require.NoError(t, s.w.Operator().RestoreOwner(ctx, s.ID, s.member.ID))
	s.settled(false, "db")
}
