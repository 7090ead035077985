package suite

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
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

// site is a team behind a firewall.
type site struct {
	team
	faulty   *faulty
	firewall firewall
}

// firewall is the host's.
type firewall struct {
	mu    sync.Mutex
	open  map[string]bool
	calls int
	// before is asked before each call, with its name; its error is the call's.
	before func(call string) error
}

func (f *firewall) Open(_ context.Context, rules []orgusers.IPRule) error {
	return f.set("open", rules, true)
}

func (f *firewall) Revoke(_ context.Context, rules []orgusers.IPRule) error {
	return f.set("revoke", rules, false)
}

func (f *firewall) set(call string, rules []orgusers.IPRule, open bool) error {
	f.mu.Lock()
	f.calls++
	before := f.before
	f.mu.Unlock()
	if before != nil {
		if err := before(call); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rules {
		f.open[hole(r.Org, r.IP, r.Resource)] = open
	}
	return nil
}

// meet sets what is asked before each call.
func (f *firewall) meet(before func(call string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = before
}

func hole(org orgusers.OrgID, ip netip.Addr, resource string) string {
	return fmt.Sprint(org, "|", ip, "|", resource)
}

func (f *firewall) has(org orgusers.OrgID, ip netip.Addr, resource string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open[hole(org, ip, resource)]
}

// session is somebody signed in, with a session of the registry for eight hours.
func (s *site) session(m orgusers.Member) orgusers.Actor {
	s.t.Helper()
	a := s.w.Actor(m.User)
	n := orgusers.Session{
		ID: orgusers.SessionID(uuid.NewString()), User: m.User, Token: uuid.NewString(), Step: orgusers.StepDone, IP: a.IP,
		CreatedAt: a.SignedInAt, SeenAt: a.SignedInAt, ExpiresAt: a.SignedInAt.Add(8 * time.Hour), Idle: 8 * time.Hour,
	}
	require.NoError(s.t, s.w.Store.Commit(world.Ctx(), orgusers.Changes{NewSessions: []orgusers.Session{n}}))
	a.Session = string(n.ID)
	return a
}

func (s *site) opens(a orgusers.Actor, resource string, ttl time.Duration) orgusers.IPRule {
	s.t.Helper()
	r, err := s.w.Svc.Account(a).OpenIPRule(world.Ctx(), s.ID, resource, ttl)
	require.NoError(s.t, err)
	return r
}

// is demands what Allowed says of the address where everybody is.
func (s *site) is(open bool, resource string) {
	s.t.Helper()
	got, err := s.w.Second().Svc.Allowed(world.Ctx(), s.ID, s.Owner.IP, resource)
	require.NoError(s.t, err)
	require.Equal(s.t, open, got, "Allowed, on another node")
}

// settled demands it of the firewall, too, once the outbox has been worked off.
func (s *site) settled(open bool, resource string) {
	s.t.Helper()
	s.is(open, resource)
	s.w.Dispatch()
	require.Equal(s.t, open, s.firewall.has(s.ID, s.Owner.IP, resource), "the firewall")
	s.is(open, resource)
}

// listed is how the organization's rules stand, as its owner sees them.
func (s *site) listed() []orgusers.IPRuleState {
	s.t.Helper()
	rules, err := s.w.Svc.Admin(s.w.Actor(s.owner.User), s.ID).IPRules(world.Ctx(), "", 0)
	require.NoError(s.t, err)
	var states []orgusers.IPRuleState
	for _, r := range rules {
		states = append(states, r.State)
	}
	return states
}

func (s *site) does(op orgusers.Operation) error { return s.Admin().Do(world.Ctx(), op, s.member.ID) }

// several makes the member one of another organization, too.
func (s *site) several() {
	other := NewOrg(s.t, s.w, "Other", "boss@other.example")
	Add(s.t, s.w, other.ID, Person{Email: s.email("member")})
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

func sharedUntilTheLast(t *testing.T, s *site) {
	one, two, admin := s.session(s.member), s.session(s.member), s.session(s.admin) // one address for all
	for _, a := range []orgusers.Actor{one, two, admin} {
		s.opens(a, "db", time.Hour)
	}
	s.opens(two, "cache", time.Hour)
	s.settled(true, "db")
	require.NoError(t, s.w.Svc.Account(one).SignOut(world.Ctx()))
	s.settled(true, "db")
	s.w.Clock.Tick(time.Second)
	require.NoError(t, s.does(orgusers.EndSessions{}))
	s.settled(true, "db")
	s.settled(false, "cache")
	require.Len(t, s.listed(), 1)
	require.NoError(t, s.w.Svc.Account(admin).SignOut(world.Ctx()))
	s.settled(false, "db")
	require.Empty(t, s.listed())
}

// openedWhileRevoked: the answer changes between the look and the telling, both ways.
func openedWhileRevoked(t *testing.T, s *site) {
	a, b := s.session(s.member), s.session(s.admin)
	s.opens(a, "db", time.Hour)
	s.settled(true, "db")
	require.NoError(t, s.w.Svc.Account(a).SignOut(world.Ctx()))
	second := s.w.Second()
	once := sync.Once{}
	s.firewall.meet(func(call string) error {
		if call == "revoke" {
			once.Do(func() { s.opens(b, "db", time.Hour); second.Dispatch() })
		}
		return nil
	})
	s.settled2(true)

	s.opens(b, "db", time.Hour)
	again := sync.Once{}
	s.firewall.meet(func(call string) error {
		if call == "open" {
			again.Do(func() { require.NoError(t, s.w.Svc.Account(b).SignOut(world.Ctx())); second.Dispatch() })
		}
		return nil
	})
	s.settled2(false)
}

// settled2 is settled where what Allowed says changes while the outbox is worked off.
func (s *site) settled2(open bool) {
	s.t.Helper()
	s.w.Dispatch()
	s.firewall.meet(nil)
	s.is(open, "db")
	require.Equal(s.t, open, s.firewall.has(s.ID, s.Owner.IP, "db"), "the firewall")
}

func openRacesClose(t *testing.T, s *site) {
	people := []orgusers.Member{s.member, s.admin}
	nodes := []*world.World{s.w, s.w.Second()}
	begin := time.Now()
	for i := 0; i < 1000 && (soaking() || i < 30 || time.Since(begin) < 2*raceTime); i++ {
		var wg sync.WaitGroup
		for k, node := range nodes {
			a := s.session(people[k])
			wg.Go(func() {
				r, err := node.Svc.Account(a).OpenIPRule(world.Ctx(), s.ID, "db", time.Hour)
				if err == nil && (i+k)%3 == 0 {
					err = node.Svc.Account(a).CloseIPRule(world.Ctx(), r.ID)
				} else if err == nil && (i+k)%3 == 1 {
					err = node.Svc.Account(a).SignOut(world.Ctx())
				}
				if err != nil {
					t.Errorf("round %d: %v", i, err)
				}
			})
			wg.Go(func() {
				if _, err := node.Svc.Dispatch(world.Ctx(), 500); err != nil {
					t.Errorf("round %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		s.w.Clock.Tick(2 * time.Minute) // what gave way is due again
		s.w.Dispatch()
		open := i%3 != 0 // in one round of three both end theirs
		got, err := s.w.Svc.Allowed(world.Ctx(), s.ID, s.Owner.IP, "db")
		require.NoError(t, err)
		require.Equal(t, open, got, "round %d", i)
		require.Equal(t, got, s.firewall.has(s.ID, s.Owner.IP, "db"), "round %d", i)
		for _, m := range people {
			_, err := s.w.Svc.Account(s.session(m)).EndOtherSessions(world.Ctx())
			require.NoError(t, err)
		}
		s.w.Dispatch()
		require.False(t, s.firewall.has(s.ID, s.Owner.IP, "db"), "round %d", i)
	}
	require.Empty(t, s.listed())
}

func firewallDown(t *testing.T, s *site) {
	a := s.session(s.member)
	s.opens(a, "db", 30*time.Minute)
	s.settled(true, "db")
	s.firewall.meet(func(string) error { return errors.New("the firewall is down") })
	s.w.Clock.Tick(time.Second)
	require.NoError(t, s.does(orgusers.Deactivate{}))
	for range 60 {
		s.is(false, "db")
		s.w.Dispatch()
		require.Equal(t, orgusers.StatusInactive, s.row("member").Status, "never rolled back")
		require.Equal(t, []orgusers.IPRuleState{orgusers.IPRuleClosing}, s.listed(), "reported until done")
		s.w.Clock.Tick(time.Minute)
		require.NoError(t, s.w.Operator().Prune(world.Ctx(), 0))
	}
	for range 14 { // more often than a mail is tried
		s.w.Clock.Tick(6 * time.Hour)
		s.w.Dispatch()
		require.Equal(t, []orgusers.IPRuleState{orgusers.IPRuleClosing}, s.listed())
	}
	require.Empty(t, s.w.Outbox(true), "never given up")
	for _, e := range s.w.Outbox(false) {
		require.Equal(t, "the firewall is down", e.LastError)
		require.Greater(t, e.Attempts, 12)
	}
	require.True(t, s.firewall.has(s.ID, s.Owner.IP, "db"))
	s.firewall.meet(nil)
	s.w.Clock.Tick(6 * time.Hour)
	s.settled(false, "db")
	require.Empty(t, s.listed())
	require.Empty(t, s.w.Outbox(false))
}

func firewallGivenUp(t *testing.T, s *site) {
	a := s.session(s.member)
	s.opens(a, "db", time.Hour)
	s.settled(true, "db")
	s.w.Clock.Tick(time.Second)
	s.firewall.meet(func(string) error { return fmt.Errorf("%w: no such zone", orgusers.ErrPermanent) })
	require.NoError(t, s.does(orgusers.Delete{}))
	s.w.Dispatch()
	dead, err := s.w.Operator().DeadLetters(world.Ctx(), "", 0)
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.Equal(t, orgusers.EffectFirewall, dead[0].Kind)
	require.Contains(t, dead[0].LastError, "no such zone")
	require.Equal(t, []orgusers.IPRuleState{orgusers.IPRuleClosing}, s.listed(), "although the account is gone")
	s.w.Clock.Tick(48 * time.Hour)
	require.NoError(t, s.w.Operator().Prune(world.Ctx(), 0))
	s.w.Dispatch() // the rule's own end fails, too
	s.firewall.meet(nil)
	_, err = s.w.Operator().Requeue(world.Ctx(), dead[0].ID)
	require.NoError(t, err)
	s.settled(false, "db")
	require.Empty(t, s.listed())
}

// diedAfterRevoke: at every step of the work the process dies, and another one takes over.
func diedAfterRevoke(t *testing.T, s *site) {
	for _, method := range []string{"Commit", "IPRules", "Settle"} {
		for step := range 6 {
			a := s.session(s.member)
			s.opens(a, "db", time.Hour)
			s.settled(true, "db")
			require.NoError(t, s.w.Svc.Account(a).SignOut(world.Ctx()))
			n := 0
			s.faulty.with(func(f *faulty) {
				f.before = func(m string) error {
					if m != method {
						return nil
					}
					if n++; n > step {
						return errors.New("the process is dead")
					}
					return nil
				}
			})
			_, _ = s.w.Svc.Dispatch(world.Ctx(), 1)
			s.faulty.heal()
			s.w.Clock.Tick(3 * time.Minute) // the lease is over
			s.settled(false, "db")
			require.Empty(t, s.listed())
		}
	}
}

func nothingOpensAfter(t *testing.T, s *site) {
	s.password()
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

// password gives the member the password that everybody has.
func (s *site) password() {
	s.w.PatchUser(s.member.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
}

func revokeFailsAlone(t *testing.T, s *site) {
	a := s.session(s.member)
	r := s.opens(a, "db", time.Hour)
	s.settled(true, "db")
	s.firewall.meet(func(call string) error {
		if call == "revoke" {
			return errors.New("cannot revoke")
		}
		return nil
	})
	require.NoError(t, s.w.Svc.Account(a).CloseIPRule(world.Ctx(), r.ID))
	s.opens(a, "cache", time.Hour)
	s.settled(true, "cache")
	require.True(t, s.firewall.has(s.ID, s.Owner.IP, "db"))
	s.firewall.meet(nil)
	s.w.Clock.Tick(2 * time.Minute)
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

func withoutFirewall(t *testing.T, s *site) {
	s.w.Conf.Firewall = nil
	s.team = newTeam(t, s.w.Second(), "plain")
	s.several()
	a := s.session(s.member)
	first := s.opens(a, "db", time.Hour)
	s.is(true, "db")
	require.NoError(t, s.w.Svc.Account(a).CloseIPRule(world.Ctx(), first.ID))
	require.Empty(t, s.listed(), "there is nobody to wait for")
	s.opens(a, "db", time.Hour)
	s.w.Clock.Tick(time.Second)
	require.NoError(t, s.does(orgusers.Deactivate{}))
	s.is(false, "db")
	require.NoError(t, s.does(orgusers.Reactivate{}))
	s.is(false, "db")
	require.Empty(t, s.w.Outbox(false), "the sessions go on elsewhere")
	require.Equal(t, []orgusers.IPRuleState{orgusers.IPRuleOver}, s.listed())
	s.w.Clock.Tick(time.Hour)
	require.NoError(t, s.w.Operator().Prune(world.Ctx(), 0))
	s.Owner = s.w.Actor(s.owner.User)
	require.Empty(t, s.listed())
	require.Zero(t, s.firewall.calls)
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
