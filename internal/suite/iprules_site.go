package suite

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

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

// workedOff is settled where what Allowed says changes while the outbox is worked off.
func (s *site) workedOff(open bool) {
	s.t.Helper()
	s.w.Dispatch()
	s.firewall.meet(nil)
	s.is(open, "db")
	require.Equal(s.t, open, s.firewall.has(s.ID, s.Owner.IP, "db"), "the firewall")
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
