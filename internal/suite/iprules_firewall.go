package suite

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

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
	s.workedOff(true)

	s.opens(b, "db", time.Hour)
	again := sync.Once{}
	s.firewall.meet(func(call string) error {
		if call == "open" {
			again.Do(func() { require.NoError(t, s.w.Svc.Account(b).SignOut(world.Ctx())); second.Dispatch() })
		}
		return nil
	})
	s.workedOff(false)
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
