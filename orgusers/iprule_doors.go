package orgusers

import (
	"context"
	"net/netip"
	"time"
)

// OpenIPRule opens the actor's own IP on a resource of an organization, for the actor's session of the
// registry, for ttl: a minute or more, and no longer than the session. It ends with the session, unused or
// ended, with the membership, and when the organization is disabled or demands what the session lacks,
// whichever comes first (R12.2). Opening the
// same again replaces its end. ErrLimit: the session has 50 open.
func (a Account) OpenIPRule(ctx context.Context, org OrgID, resource string, ttl time.Duration) (IPRule, error) {
	const op = "Account.OpenIPRule"
	if !wellFormed(org) {
		return IPRule{}, named(op, notFound())
	}
	c := &OpenIPRule{org: org, ip: a.actor.IP.Unmap().WithZone(""), resource: resource, ttl: ttl}
	if _, err := a.run(ctx, op, c, &c.own); err != nil {
		return IPRule{}, err
	}
	return c.made, nil
}

// CloseIPRule closes a rule of one's own before its end. ErrNotFound: there is none in force with this
// id, or it is somebody else's.
func (a Account) CloseIPRule(ctx context.Context, id IPRuleID) error {
	const op = "Account.CloseIPRule"
	if !wellFormed(id) {
		return named(op, notFound())
	}
	c := &CloseIPRule{rule: id}
	_, err := a.run(ctx, op, c, &c.own)
	return err
}

// IPRules lists the person's own rules in the order of their ids, with those that are closing.
func (a Account) IPRules(ctx context.Context) ([]IPRuleInfo, error) {
	const op = "Account.IPRules"
	d, err := a.look(ctx, ActionListIPRules)
	if err != nil {
		return nil, named(op, err)
	}
	page, err := a.s.store.IPRules(ctx, IPRuleQuery{User: d.actor.User, Limit: personIPRules})
	if err != nil {
		return nil, named(op, stored(err))
	}
	shown := page[:0]
	for _, v := range page {
		if d.mayKnow(v.Org) {
			shown = append(shown, v)
		}
	}
	return a.s.stand(shown), nil
}

// IPRules returns up to limit (1 to 1,000) IP rules of the organization whose ids follow after, in the
// order of their ids: those in force, and those that are over until the [Firewall] has confirmed, of
// people who are gone, too (Q25).
func (a Admin) IPRules(ctx context.Context, after IPRuleID, limit int) ([]IPRuleInfo, error) {
	const op = "Admin.IPRules"
	if _, err := a.enter(ctx, ActionListIPRules, ViewQuery{}, (*draft).byAdministrator); err != nil {
		return nil, named(op, err)
	}
	if bad := idField("after", after); bad != nil {
		return nil, named(op, invalid(bad...))
	}
	page, err := a.s.store.IPRules(ctx, IPRuleQuery{Org: a.org, After: after, Limit: clamp(limit, 100, 1000)})
	if err != nil {
		return nil, named(op, stored(err))
	}
	return a.s.stand(page), nil
}

// Allowed reports whether an address is open on a resource of an organization: whether an [IPRule] for it
// is in force, whoever's. Hosts without a [Firewall] ask it on each connection: one statement. After a
// kill, deactivation, removal or disabling has committed, or what the session lacks is demanded, it says no,
// on every node.
func (s *Service) Allowed(ctx context.Context, org OrgID, ip netip.Addr, resource string) (bool, error) {
	const op = "Allowed"
	ip = ip.Unmap().WithZone("")
	if bad := checkPlace("ip", ip, resource); bad != nil {
		return false, named(op, invalid(bad...))
	}
	if !wellFormed(org) {
		return false, nil
	}
	open, err := s.open(ctx, place{org, ip, resource})
	return open, named(op, stored(err))
}

// place is what IP rules of several sessions can have in common.
type place struct {
	org      OrgID
	ip       netip.Addr
	resource string
}

func (r *IPRule) place() place { return place{r.Org, r.IP, r.Resource} }

// open reports whether anybody's rule for the place is in force (R12.4).
func (s *Service) open(ctx context.Context, p place) (bool, error) {
	q := IPRuleQuery{Org: p.org, IP: p.ip, Resource: p.resource, Limit: 200}
	for {
		page, err := s.store.IPRules(ctx, q)
		if err != nil {
			return false, err
		}
		now := s.now()
		for i := range page {
			if page[i].InForce(now) {
				return true, nil
			}
		}
		if len(page) < q.Limit {
			return false, nil
		}
		q.After = page[len(page)-1].ID
	}
}
