package orgusers

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// ownRules is what the commands on one's own IP rules share.
type ownRules struct {
	own
	held []IPRuleView // all of the person's
}

// prove reads the person's rules. They change under the account's version, which is older here.
func (c *ownRules) prove(ctx context.Context, s *Service, d *draft) (err error) {
	c.held = nil
	if d.theUser() != nil {
		c.held, err = s.store.IPRules(ctx, IPRuleQuery{User: c.user, Limit: personIPRules})
	}
	return stored(err)
}

// OpenIPRule is the command behind [Account.OpenIPRule].
type OpenIPRule struct {
	ownRules
	org      OrgID
	ip       netip.Addr
	resource string
	ttl      time.Duration
	made     IPRule
}

// Action is [ActionOpenIPRule].
func (*OpenIPRule) Action() Action { return ActionOpenIPRule }

func (c *OpenIPRule) validate(*Policy) []FieldError {
	bad := checkPlace("actor.ip", c.ip, c.resource)
	if c.ttl < minIPRule {
		bad = append(bad, FieldError{Field: "ttl", Reason: ReasonRange, Message: "must be a minute or more"})
	}
	return bad
}

// authorize: an active member of the enabled organization, in a live session of the registry that is
// of the kind that the organization demands.
func (c *OpenIPRule) authorize(d *draft) *Error {
	if err := c.own.authorize(d); err != nil {
		return err
	}
	m := d.membership(c.org)
	if m == nil {
		return notFound()
	}
	o, u := m.organization(), d.theUser()
	if err := attending(o, &m.Member, &d.actor); err != nil {
		return err
	}
	if err := fitting(o, &m.Member, &d.actor, u.MFA.Enrolled()); err != nil {
		return err
	}
	r := d.current()
	if r == nil {
		return denied(ReasonHostSession)
	}
	if !r.was.Live(d.env.Now, u.SessionsValidFrom) {
		return denied(ReasonSessionEnded)
	}
	return nil
}

func (c *OpenIPRule) decide(d *draft) error {
	u, session := d.theUser(), d.current().was
	c.made = IPRule{
		ID: IPRuleID(d.env.NewID()), Org: c.org, User: u.ID, Session: session.ID, IP: c.ip, Resource: c.resource,
		OpenedAt: later(d.env.Now, d.membership(c.org).Member.ValidFrom.Add(time.Microsecond)), ExpiresAt: session.ExpiresAt,
	}
	if c.ttl < session.ExpiresAt.Sub(d.env.Now) {
		c.made.ExpiresAt = d.env.Now.Add(c.ttl)
	}
	fresh := &row[IPRule]{now: &c.made}
	ofSession, kept := int64(0), int64(0)
	for i := range c.held {
		v := &c.held[i]
		switch {
		case v.IPRule.Session == session.ID && v.Org == c.org && v.IP == c.ip && v.Resource == c.resource && d.env.Now.Before(v.ExpiresAt):
			if fresh.was != nil {
				d.rules = append(d.rules, &row[IPRule]{was: fresh.was})
			}
			fresh.was = &v.IPRule
			continue
		case v.InForce(d.env.Now):
			if v.IPRule.Session == session.ID {
				ofSession++
			}
		case !d.env.Firewall: // there is nobody to wait for
			d.rules = append(d.rules, &row[IPRule]{was: &v.IPRule})
			continue
		}
		kept++
	}
	if ofSession >= sessionIPRules {
		return &Error{Kind: ErrLimit, Limit: &LimitError{Resource: ResourceIPRules, Used: ofSession, Asked: 1, Allowed: sessionIPRules}}
	}
	if fresh.was == nil && len(c.held) >= personIPRules {
		return &Error{Kind: ErrLimit, Limit: &LimitError{Resource: ResourceIPRules, Used: kept, Asked: 1, Allowed: personIPRules}}
	}
	d.rules = append(d.rules, fresh)
	d.record(c.made.note(u, "open"))
	return nil
}

// membership is the person's row in an organization; nil: none.
func (d *draft) membership(org OrgID) *Membership {
	for i := range d.person.Memberships {
		if d.person.Memberships[i].Member.Org == org {
			return &d.person.Memberships[i]
		}
	}
	return nil
}

func (r *IPRule) note(u *User, after string) note {
	return note{
		user: u.ID, email: u.Address.Email, object: r.Resource,
		after: fmt.Sprintf("%s org=%s ip=%s until=%s", after, r.Org, r.IP, r.ExpiresAt.Format(time.RFC3339)),
	}
}

// CloseIPRule is the command behind [Account.CloseIPRule].
type CloseIPRule struct {
	ownRules
	rule IPRuleID
}

// Action is [ActionCloseIPRule].
func (*CloseIPRule) Action() Action { return ActionCloseIPRule }

func (c *CloseIPRule) decide(d *draft) error {
	for i := range c.held {
		v := &c.held[i]
		if v.ID == c.rule && v.InForce(d.env.Now) && d.mayKnow(v.Org) {
			d.rules = append(d.rules, &row[IPRule]{was: &v.IPRule})
			d.record(v.note(d.theUser(), "closed"))
			return nil
		}
	}
	return notFound()
}

// mayKnow: who came by an identity provider is told nothing of other organizations.
func (d *draft) mayKnow(org OrgID) bool { return d.actor.SSO == "" || d.actor.SSO == org }

// ruleChanges writes IP rules under the account's version. One that a firewall has to be told of stays,
// as one that is over, until the firewall has confirmed.
func (d *draft) ruleChanges(c *Changes) {
	for _, r := range d.rules {
		if r.was != nil {
			c.DeleteIPRules = append(c.DeleteIPRules, r.was.ID)
			d.guard(r.was.User)
		}
		switch {
		case r.now != nil:
			c.NewIPRules = append(c.NewIPRules, *r.now)
			d.guard(r.now.User)
		case d.env.Firewall:
			c.NewIPRules = append(c.NewIPRules, r.was.ended(d.env))
		}
	}
}
