package suite

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// IPRules checks that an address is open as long as a session holds it open, and that the firewall
// agrees in the end, whatever fails meanwhile.
func IPRules(t *testing.T, open Opener) {
	for name, f := range map[string]func(*testing.T, *site){
		"R12.2_EveryCutCloses":                     everyCutCloses,
		"R12.2_WhatGoesOnStaysOpen":                whatGoesOnStaysOpen,
		"R12.2_ReactivationOpensNothing":           reactivationOpensNothing,
		"R12.2_NotWhileTheFirewallIsToldEither":    reactivatedMeanwhile,
		"R12.3_ClosingUntilConfirmed":              closingUntilConfirmed,
		"R12.3_EndsByItself":                       endsByItself,
		"R12.2_EndsWithASessionThatNobodyUses":     endsUnused,
		"R12.2_WhatTheSessionLacks":                whatTheSessionLacks,
		"R12.4_SharedUntilTheLastEnds":             sharedUntilTheLast,
		"R12.4_OpenedAgainWhileItIsRevoked":        openedWhileRevoked,
		"R12.4_OpenRacesClose":                     openRacesClose,
		"Q25_FirewallDownForAnHour":                firewallDown,
		"Q25_GivenUpIsReported":                    firewallGivenUp,
		"Q25_DiedBetweenRevokeAndSettle":           diedAfterRevoke,
		"Q26_NothingOpensAfterADeactivation":       nothingOpensAfter,
		"OneFailingDoesNotHoldUpTheOther":          revokeFailsAlone,
		"WhoMayOpenWhat":                           whoMayOpen,
		"ADisabledOrganizationIsClosedPageByPage":  manyRules,
		"WithoutAFirewallThereIsNothingToBeTold":   withoutFirewall,
		"OnlyOnesOwnIsClosedAndOnlyTheirOwnListed": onesOwnRules,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{firewall: firewall{open: map[string]bool{}}, faulty: newFaulty(open(t))}
			s.team = newTeam(t, world.New(t, s.faulty, func(c *orgusers.Config) { c.Firewall = &s.firewall }), "acme")
			f(t, s)
		})
	}
}

func everyCutCloses(t *testing.T, s *site) {
	mine := func(a orgusers.Actor) orgusers.Account { return s.w.Svc.Account(a) }
	cuts := []struct {
		name  string
		setup func()
		cut   func(a orgusers.Actor) error
		undo  func() error
	}{
		{"end sessions", nil, func(orgusers.Actor) error { return s.does(orgusers.EndSessions{}) }, nil},
		{"sign out", nil, func(a orgusers.Actor) error { return mine(a).SignOut(world.Ctx()) }, nil},
		{"end one session", nil, func(a orgusers.Actor) error {
			return mine(s.session(s.member)).EndSession(world.Ctx(), orgusers.SessionID(a.Session))
		}, nil},
		{"end the other sessions", nil, func(orgusers.Actor) error {
			_, err := mine(s.session(s.member)).EndOtherSessions(world.Ctx())
			return err
		}, nil},
		{"deactivate", nil, func(orgusers.Actor) error { return s.does(orgusers.Deactivate{}) }, func() error { return s.does(orgusers.Reactivate{}) }},
		{
			"disable the organization", nil,
			func(orgusers.Actor) error { return s.w.Operator().DisableOrganization(world.Ctx(), s.ID) },
			func() error { return s.w.Operator().EnableOrganization(world.Ctx(), s.ID) },
		},
		{"deactivate one of several", s.several, func(orgusers.Actor) error { return s.does(orgusers.Deactivate{}) }, func() error { return s.does(orgusers.Reactivate{}) }},
		{"remove", nil, func(orgusers.Actor) error { return s.does(orgusers.Remove{}) }, func() error {
			s.member = s.add("member", orgusers.RoleMember)
			return nil
		}},
		{"leave", nil, func(a orgusers.Actor) error { return mine(a).Leave(world.Ctx(), s.ID) }, func() error {
			s.member = s.add("again", orgusers.RoleMember)
			return nil
		}},
		{"delete the account", nil, func(orgusers.Actor) error { return s.does(orgusers.Delete{}) }, nil},
	}
	for _, c := range cuts {
		if c.setup != nil {
			c.setup()
		}
		a := s.session(s.member)
		s.opens(a, "db", time.Hour)
		s.settled(true, "db")
		s.w.Clock.Tick(time.Second)
		require.NoError(t, c.cut(a), c.name)
		s.is(false, "db") // on every node, before anything was revoked
		s.settled(false, "db")
		if c.undo != nil {
			require.NoError(t, c.undo(), c.name)
			s.settled(false, "db")
		}
		require.Empty(t, s.listed(), c.name)
		s.w.Clock.Tick(time.Second)
	}
}

// whatGoesOnStaysOpen: a session that goes on under a new token is the same.
func whatGoesOnStaysOpen(t *testing.T, s *site) {
	a, other := s.session(s.member), s.session(s.member)
	s.opens(a, "db", time.Hour)
	s.opens(other, "cache", time.Hour)
	s.settled(true, "db")
	s.w.Clock.Tick(time.Second)
	_, err := s.w.Svc.Account(a).EndOtherSessions(world.Ctx())
	require.NoError(t, err)
	s.settled(false, "cache")
	s.settled(true, "db")
	require.Equal(t, []orgusers.IPRuleState{orgusers.IPRuleInForce}, s.listed())
}

func reactivationOpensNothing(t *testing.T, s *site) {
	s.several() // the session outlives a deactivation, elsewhere
	a := s.session(s.member)
	s.opens(a, "db", time.Hour)
	require.NoError(t, s.does(orgusers.Deactivate{}))
	s.settled(false, "db")
	require.NoError(t, s.does(orgusers.Reactivate{}))
	s.settled(false, "db")
	_, err := s.w.Svc.Account(a).OpenIPRule(world.Ctx(), s.ID, "db", time.Hour)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded) // S-069
	s.w.Clock.Tick(time.Second)
	s.opens(s.session(s.member), "db", time.Hour)
	s.settled(true, "db")
}

// reactivatedMeanwhile: a worker that died while it revoked, and one that comes after a reactivation, must
// not leave the firewall open for a rule that is forgotten.
func reactivatedMeanwhile(t *testing.T, s *site) {
	s.several()
	a := s.session(s.member)
	s.opens(a, "db", 2*time.Hour)
	s.settled(true, "db")
	require.NoError(t, s.does(orgusers.Deactivate{}))
	second := s.w.Second()
	once := false
	s.firewall.meet(func(call string) error {
		if call == "revoke" && !once {
			once = true
			require.NoError(t, s.does(orgusers.Reactivate{}))
			// Something else that has the firewall told of the person, by another worker.
			require.NoError(t, s.w.Svc.Account(s.session(s.member)).SignOut(world.Ctx()))
			second.Dispatch()
		}
		return nil
	})
	s.w.Dispatch()
	require.True(t, once)
	s.firewall.meet(nil)
	s.settled(false, "db")
	require.Empty(t, s.listed())
}

func closingUntilConfirmed(t *testing.T, s *site) {
	a := s.session(s.member)
	r := s.opens(a, "db", time.Hour)
	require.Equal(t, []orgusers.IPRuleState{orgusers.IPRuleInForce}, s.listed())
	s.settled(true, "db")
	require.NoError(t, s.w.Svc.Account(a).CloseIPRule(world.Ctx(), r.ID))
	require.Equal(t, []orgusers.IPRuleState{orgusers.IPRuleClosing}, s.listed())
	own, err := s.w.Svc.Account(a).IPRules(world.Ctx())
	require.NoError(t, err)
	require.Len(t, own, 1)
	require.Equal(t, orgusers.IPRuleClosing, own[0].State)
	fails(t, s.w.Svc.Account(a).CloseIPRule(world.Ctx(), own[0].ID), orgusers.ErrNotFound, "")
	s.settled(false, "db")
	require.Empty(t, s.listed())
}

func endsByItself(t *testing.T, s *site) {
	a := s.session(s.member)
	s.opens(a, "db", time.Hour)
	longer := s.opens(a, "db", 3*time.Hour) // replaces the end
	s.opens(a, "cache", time.Hour)
	require.Len(t, s.listed(), 2)
	s.settled(true, "db")
	s.w.Clock.Tick(time.Hour)
	s.settled(false, "cache")
	s.settled(true, "db")
	shorter := s.opens(a, "db", time.Minute)
	require.NotEqual(t, longer.ID, shorter.ID)
	s.w.Clock.Tick(time.Minute)
	s.settled(false, "db")

	session := s.opens(a, "db", 100*time.Hour) // cut to the session's end
	require.Equal(t, a.SignedInAt.Add(8*time.Hour), session.ExpiresAt)
	s.w.Clock.Tick(10 * time.Hour)
	s.settled(false, "db")
	require.Empty(t, s.listed())
	require.Empty(t, s.w.Outbox(false))
	require.Empty(t, s.w.Outbox(true))
}

func nothingOpensAfter(t *testing.T, s *site) {
	s.credentials("member")
	a := s.session(s.member)
	s.w.Clock.Tick(time.Second)
	require.NoError(t, s.does(orgusers.Deactivate{}))
	_, err := s.w.Svc.Account(a).OpenIPRule(world.Ctx(), s.ID, "db", time.Hour)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	_, err = s.w.Visitor().SignIn(world.Ctx(), s.email("member"), world.Password)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	_, err = s.w.Svc.Account(s.session(s.member)).OpenIPRule(world.Ctx(), s.ID, "db", time.Hour)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	s.settled(false, "db")
}

func whoMayOpen(t *testing.T, s *site) {
	ctx := world.Ctx()
	try := func(a orgusers.Actor, org orgusers.OrgID, resource string, ttl time.Duration) error {
		_, err := s.w.Svc.Account(a).OpenIPRule(ctx, org, resource, ttl)
		return err
	}
	a := s.session(s.member)
	other := NewOrg(t, s.w, "Other", "boss@other.example")
	fails(t, try(a, other.ID, "db", time.Hour), orgusers.ErrNotFound, "")
	fails(t, try(a, "nowhere", "db", time.Hour), orgusers.ErrNotFound, "")
	fails(t, try(s.w.Actor(s.member.User), s.ID, "db", time.Hour), orgusers.ErrDenied, orgusers.ReasonHostSession)
	theirs := a
	theirs.Session = s.session(s.admin).Session
	fails(t, try(theirs, s.ID, "db", time.Hour), orgusers.ErrDenied, orgusers.ReasonHostSession)

	wrong(t, try(a, s.ID, "", time.Minute-1), "resource: required", "ttl: range")
	wrong(t, try(a, s.ID, string(make([]byte, 129)), time.Minute), "resource: too_long")
	wrong(t, try(a, s.ID, "d b", -1), "resource: character", "ttl: range")
	for _, ip := range []string{"0.0.0.0", "::", "224.0.0.1", "::ffff:0.0.0.0"} {
		b := a
		b.IP = netip.MustParseAddr(ip)
		wrong(t, try(b, s.ID, "db", time.Hour), "actor.ip: range")
		_, err := s.w.Svc.Allowed(ctx, s.ID, b.IP, "db")
		wrong(t, err, "ip: range")
	}
	b := a
	b.IP = netip.Addr{}
	wrong(t, try(b, s.ID, "db", time.Hour), "actor.ip: required")
	b.IP = netip.MustParseAddr("::ffff:203.0.113.5") // one address, however it is spelled
	require.NoError(t, try(b, s.ID, "db", 1<<63-1))
	s.settled(true, "db")
	s.is(false, "DB")
	got, err := s.w.Svc.Allowed(ctx, other.ID, a.IP, "db")
	require.NoError(t, err)
	require.False(t, got)

	s.w.PatchOrg(s.ID, func(o *orgusers.Organization) { o.Settings.Security.RequireMFA = true })
	fails(t, try(a, s.ID, "db", time.Hour), orgusers.ErrDenied, orgusers.ReasonMFARequired)
	s.w.PatchOrg(s.ID, func(o *orgusers.Organization) { o.Settings.Security.RequireMFA = false })
	other.Join(s.email("member"), orgusers.RoleMember)
	b = a
	b.SSO = other.ID
	fails(t, try(b, s.ID, "db", time.Hour), orgusers.ErrDenied, orgusers.ReasonSSOElsewhere)

	for i := range 49 {
		require.NoError(t, try(a, s.ID, fmt.Sprint("db", i), time.Hour))
	}
	err = try(a, s.ID, "one-more", time.Hour)
	require.ErrorIs(t, err, orgusers.ErrLimit)
	require.Equal(t, &orgusers.LimitError{Resource: orgusers.ResourceIPRules, Used: 50, Asked: 1, Allowed: 50}, kindOf(t, err).Limit)
	require.NoError(t, try(a, s.ID, "db1", time.Hour), "the same again")
	require.NoError(t, try(s.session(s.member), s.ID, "one-more", time.Hour), "another session")
	s.w.Clock.Tick(9 * time.Hour)
	fails(t, try(a, s.ID, "db", time.Hour), orgusers.ErrDenied, orgusers.ReasonSessionEnded)
}

func manyRules(t *testing.T, s *site) {
	var rules []orgusers.IPRule // more than one page
	for range 5 {
		a := s.session(s.member)
		for i := range 50 {
			rules = append(rules, orgusers.IPRule{
				ID: orgusers.IPRuleID(uuid.NewString()), Org: s.ID, User: a.User, Session: orgusers.SessionID(a.Session), IP: a.IP,
				Resource: fmt.Sprint("db", i), OpenedAt: a.SignedInAt, ExpiresAt: a.SignedInAt.Add(time.Hour),
			})
		}
	}
	require.NoError(t, s.w.Store.Commit(world.Ctx(), orgusers.Changes{NewIPRules: rules}))
	require.NoError(t, s.firewall.Open(world.Ctx(), rules))
	s.is(true, "db49")
	require.NoError(t, s.w.Operator().DisableOrganization(world.Ctx(), s.ID))
	for i := range 50 {
		s.settled(false, fmt.Sprint("db", i))
	}
	left, err := s.w.Store.IPRules(world.Ctx(), orgusers.IPRuleQuery{Org: s.ID, Limit: 1})
	require.NoError(t, err)
	require.Empty(t, left)
}

func onesOwnRules(t *testing.T, s *site) {
	a, admin := s.session(s.member), s.session(s.admin)
	r := s.opens(a, "db", time.Hour)
	fails(t, s.w.Svc.Account(admin).CloseIPRule(world.Ctx(), r.ID), orgusers.ErrNotFound, "")
	theirs, err := s.w.Svc.Account(admin).IPRules(world.Ctx())
	require.NoError(t, err)
	require.Empty(t, theirs)
	other := NewOrg(t, s.w, "Other", "boss@other.example")
	other.Join(s.email("member"), orgusers.RoleMember)
	sso := a
	sso.SSO = other.ID
	mine, err := s.w.Svc.Account(sso).IPRules(world.Ctx())
	require.NoError(t, err)
	require.Empty(t, mine, "an identity provider is told nothing of the others")
	fails(t, s.w.Svc.Account(sso).CloseIPRule(world.Ctx(), r.ID), orgusers.ErrNotFound, "")
	mine, err = s.w.Svc.Account(a).IPRules(world.Ctx())
	require.NoError(t, err)
	require.Equal(t, []orgusers.IPRuleInfo{{IPRule: r, State: orgusers.IPRuleInForce}}, mine)
}
