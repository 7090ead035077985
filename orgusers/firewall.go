package orgusers

import (
	"context"
	"errors"
	"time"
)

// Firewall is the host's own, if it has one that is told which addresses are open. Without it, hosts ask
// [Service.Allowed]. Both methods are called by [Service.Dispatch], after the change has committed, and
// again until they succeed, or answer [ErrPermanent]: opening what is open and revoking what is closed is no
// error. Whatever they do, the change stands, and Allowed says no at once (Q25).
//
// A rule is told as its organization, address and resource, which are what to open or close: several
// sessions may hold the same, and Revoke comes when the last of them has ended (R12.4). Calls for the
// same address and resource may come at the same time, from several workers; the last word is right.
//
// How soon it is told: with the next Dispatch after a change, after a rule's end, and after the moment at
// which a session that nobody uses is over, so with [Service.Run] within its interval. [Operator.Prune] is
// not needed for it.
type Firewall interface {
	Open(ctx context.Context, rules []IPRule) error
	Revoke(ctx context.Context, rules []IPRule) error
}

const (
	firewallPage   = 200 // rules looked after at once
	firewallRounds = 10  // how often the answer may change meanwhile
)

// firewallEffects has the firewall told of everybody whose rules may have come or gone: all that can open
// or end one passes here. A rule is watched until its end, too ([Service.watch]), when nothing else ends it.
func (d *draft) firewallEffects(c *Changes) {
	if !d.env.Firewall {
		return
	}
	told := make(map[UserID]bool)
	tell := func(u UserID) {
		if u != "" && !told[u] {
			told[u] = true
			c.Effects = append(c.Effects, d.effect(EffectFirewall, "", u))
		}
	}
	for _, r := range d.rules {
		if r.was != nil {
			tell(r.was.User)
		}
		if r.now != nil {
			tell(r.now.User)
			e := d.effect(EffectFirewall, "", r.now.User)
			e.Before, e.DueAt = r.now.ExpiresAt, r.now.ExpiresAt
			if s := d.current(); s != nil {
				e.DueAt = earlier(e.DueAt, s.was.SeenAt.Add(s.was.Idle))
			}
			c.Effects = append(c.Effects, e)
		}
	}
	goesOn := make(map[SessionID]bool)
	for _, r := range d.registry {
		if r.now != nil {
			goesOn[r.now.ID] = true
		}
	}
	for _, r := range d.registry {
		if r.was != nil && r.was.Step == StepDone && !goesOn[r.was.ID] {
			tell(r.was.User)
		}
	}
	for _, r := range d.users {
		if r.was != nil && (r.now == nil || !r.now.SessionsValidFrom.Equal(r.was.SessionsValidFrom)) {
			tell(r.was.ID)
		}
	}
	for _, r := range d.members {
		if r.was != nil && r.was.Status == StatusActive && (r.now == nil || r.now.Status != StatusActive || r.was.WithoutSSO && !r.now.WithoutSSO) {
			tell(r.was.User)
		}
	}
	if d.org.was != nil && demandsMore(d.org.was, d.org.now) {
		c.Effects = append(c.Effects, d.effect(EffectFirewall, "", "")) // all of its rules
	}
}

// demandsMore reports whether rules of an organization may have ended because of what it is now.
func demandsMore(was, now *Organization) bool {
	return !was.Disabled && now.Disabled || was.OwnerID != now.OwnerID || was.Settings.SSO != now.Settings.SSO ||
		!was.Settings.Security.RequireMFA && now.Settings.Security.RequireMFA
}

// watch has the firewall told when a rule has ended by itself: at its end, or before that because nobody used
// its session, which writes nothing that would tell. While the rule is in force it comes again later; a look
// at which nothing has ended is one read. Each rule has one watch, which knows it by its end.
func (s *Service) watch(ctx context.Context, e *Effect) error {
	if s.firewall == nil {
		return nil // there was one when it was written
	}
	page, err := s.store.IPRules(ctx, IPRuleQuery{User: e.User, Limit: personIPRules})
	if err != nil {
		return err
	}
	now, ended := s.now(), false
	var again time.Time
	for i := range page {
		v := &page[i]
		switch {
		case !v.InForce(now):
			ended = true
		case v.ExpiresAt.Equal(e.Before) && (again.IsZero() || v.ends().Before(again)):
			again = v.ends()
		}
	}
	if ended {
		if err := s.tellFirewall(ctx, e); err != nil {
			return err
		}
	}
	if again.IsZero() {
		return nil
	}
	return laterError{again}
}

// tellFirewall makes the firewall agree with the rules of a person, or of an organization, as they are
// now, whatever the effect was for.
func (s *Service) tellFirewall(ctx context.Context, e *Effect) error {
	if s.firewall == nil {
		return nil // there was one when it was written
	}
	q := IPRuleQuery{User: e.User, Limit: firewallPage}
	if e.User == "" {
		q.Org = e.Org
	}
	for {
		page, err := s.store.IPRules(ctx, q)
		if err != nil {
			return err
		}
		if err := s.reconcile(ctx, page); err != nil {
			return err
		}
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1].ID
	}
}

// reconcile has three steps, each safe to repeat after a crash. What is not in force is ended for good
// first, so that a reactivation cannot bring it back while the firewall is being told. Rows go last:
// what the firewall has not confirmed is still there to be tried again.
func (s *Service) reconcile(ctx context.Context, page []IPRuleView) error {
	env := s.env()
	var end, forget Changes
	places := make(map[place]*IPRule)
	for i := range page {
		v := &page[i]
		places[v.place()] = &v.IPRule
		if v.InForce(env.Now) {
			continue
		}
		r := v.IPRule
		if env.Now.Before(r.ExpiresAt) {
			end.DeleteIPRules = append(end.DeleteIPRules, r.ID)
			r = r.ended(env)
			end.NewIPRules = append(end.NewIPRules, r)
		}
		forget.DeleteIPRules = append(forget.DeleteIPRules, r.ID)
	}
	if err := s.persist(ctx, end); err != nil {
		return err
	}
	if err := s.agree(ctx, places); err != nil {
		return err
	}
	return s.persist(ctx, forget)
}

// agree tells the firewall what is open and what is not, and looks again afterwards, until nothing has
// changed meanwhile: whoever tells it last has read last.
func (s *Service) agree(ctx context.Context, places map[place]*IPRule) error {
	told := make(map[place]bool, len(places))
	for range firewallRounds {
		var open, revoke []IPRule
		for p, r := range places {
			is, err := s.open(ctx, p)
			if err != nil {
				return err
			}
			if was, ok := told[p]; ok && was == is {
				delete(places, p)
				continue
			}
			told[p] = is
			if is {
				open = append(open, *r)
			} else {
				revoke = append(revoke, *r)
			}
		}
		if len(places) == 0 {
			return nil
		}
		// One of the two failing does not hold up the other.
		if err := errors.Join(telling(ctx, s.firewall.Revoke, revoke), telling(ctx, s.firewall.Open, open)); err != nil {
			return err
		}
	}
	return errors.New("the rules changed all the time while the firewall was told")
}

func telling(ctx context.Context, call func(context.Context, []IPRule) error, rules []IPRule) error {
	if len(rules) == 0 {
		return nil
	}
	return call(ctx, rules)
}

// persist commits changes to IP rules that need no guard.
func (s *Service) persist(ctx context.Context, c Changes) error {
	if len(c.DeleteIPRules) == 0 {
		return nil
	}
	return s.insist(ctx, func() error { return s.store.Commit(ctx, c) })
}
