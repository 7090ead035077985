package memstore

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// registry holds the sessions and tickets, and the addresses opened for them.
type registry struct {
	sessions map[orgusers.SessionID]*orgusers.Session
	tokens   map[string]*orgusers.Session
	byUser   index[orgusers.UserID, *orgusers.Session]

	rules   map[orgusers.IPRuleID]*orgusers.IPRule
	ofUser  index[orgusers.UserID, *orgusers.IPRule]
	ofOrg   index[orgusers.OrgID, *orgusers.IPRule]
	ofPlace index[place, *orgusers.IPRule]
}

// place is an address on a resource of an organization.
type place struct {
	org      orgusers.OrgID
	ip       netip.Addr
	resource string
}

func newRegistry() registry {
	return registry{
		sessions: make(map[orgusers.SessionID]*orgusers.Session),
		tokens:   make(map[string]*orgusers.Session),
		byUser:   make(index[orgusers.UserID, *orgusers.Session]),
		rules:    make(map[orgusers.IPRuleID]*orgusers.IPRule),
		ofUser:   make(index[orgusers.UserID, *orgusers.IPRule]),
		ofOrg:    make(index[orgusers.OrgID, *orgusers.IPRule]),
		ofPlace:  make(index[place, *orgusers.IPRule]),
	}
}

// check answers ErrConflict if the changes to the registry cannot be made. A session that goes makes
// room for a new one with its id or token.
func (r *registry) check(c *orgusers.Changes) error {
	if len(c.DeleteSessions)+len(c.NewSessions)+len(c.NewIPRules) == 0 {
		return nil
	}
	var gone, added set[orgusers.SessionID]
	for _, id := range c.DeleteSessions {
		if r.sessions[id] == nil || !gone.add(id) {
			return conflict("no session %s", id)
		}
	}
	var tokens set[string]
	for i := range c.NewSessions {
		n := &c.NewSessions[i]
		if r.sessions[n.ID] != nil && !gone.has(n.ID) || !added.add(n.ID) {
			return conflict("session %s exists", n.ID)
		}
		if holder := r.tokens[n.Token]; holder != nil && !gone.has(holder.ID) || !tokens.add(n.Token) {
			return conflict("session %s: the token is taken", n.ID)
		}
	}
	var rules set[orgusers.IPRuleID]
	for i := range c.NewIPRules {
		if id := c.NewIPRules[i].ID; r.rules[id] != nil || !rules.add(id) {
			return conflict("IP rule %s exists", id)
		}
	}
	return nil
}

func (r *registry) apply(c *orgusers.Changes) {
	for _, d := range c.DeleteUsers {
		for n := range r.byUser[d.ID] {
			r.drop(n)
		}
	}
	for _, id := range c.DeleteSessions {
		r.drop(r.sessions[id])
	}
	for _, n := range c.NewSessions {
		r.sessions[n.ID], r.tokens[n.Token] = &n, &n
		r.byUser.add(n.User, &n)
	}
	for _, id := range c.DeleteIPRules {
		r.close(r.rules[id])
	}
	for _, rule := range c.NewIPRules {
		r.rules[rule.ID] = &rule
		r.ofUser.add(rule.User, &rule)
		r.ofOrg.add(rule.Org, &rule)
		r.ofPlace.add(place{rule.Org, rule.IP, rule.Resource}, &rule)
	}
}

// drop takes a session out. One that is gone already, with its account, may be nil.
func (r *registry) drop(n *orgusers.Session) {
	if n == nil {
		return
	}
	delete(r.sessions, n.ID)
	delete(r.tokens, n.Token)
	r.byUser.remove(n.User, n)
}

// close takes an IP rule out, if there is one.
func (r *registry) close(rule *orgusers.IPRule) {
	if rule == nil {
		return
	}
	delete(r.rules, rule.ID)
	r.ofUser.remove(rule.User, rule)
	r.ofOrg.remove(rule.Org, rule)
	r.ofPlace.remove(place{rule.Org, rule.IP, rule.Resource}, rule)
}

// prune forgets expired sessions and IP rules.
func (r *registry) prune(now, rules time.Time) {
	for _, n := range r.sessions {
		if !n.ExpiresAt.After(now) {
			r.drop(n)
		}
	}
	for _, rule := range r.rules {
		if !rule.ExpiresAt.After(rules) {
			r.close(rule)
		}
	}
}

// Session reads the session with a token.
func (s *Store) Session(ctx context.Context, token string) (orgusers.SessionView, error) {
	unlock, err := s.read(ctx)
	if err != nil {
		return orgusers.SessionView{}, err
	}
	defer unlock()
	n := s.registry.tokens[token]
	if n == nil || s.users[n.User] == nil {
		return orgusers.SessionView{}, orgusers.ErrNotFound
	}
	v := orgusers.SessionView{Session: *n, ValidFrom: s.users[n.User].SessionsValidFrom}
	for org, m := range s.joined[n.User] {
		if m.Status == orgusers.StatusActive && (n.SSO == "" || n.SSO == org) && (!v.Active || m.ValidFrom.Before(v.MemberFrom)) {
			v.Active, v.MemberFrom = true, m.ValidFrom
		}
	}
	return v, nil
}

// Seen raises the time at which a session was last used.
func (s *Store) Seen(ctx context.Context, session orgusers.SessionID, at time.Time) error {
	unlock, err := s.write(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if n := s.registry.sessions[session]; n != nil && n.SeenAt.Before(at) {
		n.SeenAt = at
	}
	return nil
}

// person returns the account asked for with its memberships and sessions; nil if there is none.
func (s *Store) person(q orgusers.PersonQuery) *orgusers.Person {
	u := s.users[q.User]
	switch {
	case q.User != "":
	case q.Key != "":
		u = s.userKeys[q.Key]
	case q.Token != "" && s.registry.tokens[q.Token] != nil:
		u = s.users[s.registry.tokens[q.Token].User]
	}
	if u == nil {
		return nil
	}
	p := orgusers.Person{User: *u}
	for org, m := range s.joined[u.ID] {
		row := s.orgs[org].row.Clone()
		p.Memberships = append(p.Memberships, orgusers.Membership{
			Member: m.read(false), OrgName: row.Name, Disabled: row.Disabled, OwnerID: row.OwnerID, Settings: row.Settings,
		})
	}
	slices.SortFunc(p.Memberships, func(a, b orgusers.Membership) int { return cmp.Compare(a.Member.Org, b.Member.Org) })
	for n := range s.registry.byUser[u.ID] {
		p.Sessions = append(p.Sessions, *n)
	}
	slices.SortFunc(p.Sessions, func(a, b orgusers.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(string(a.ID), string(b.ID)))
	})
	return &p
}

// live counts an account's sessions, without tickets, that are live at this time; none where the time is zero.
func (s *Store) live(user orgusers.UserID, at time.Time) (n int) {
	u := s.users[user]
	if u == nil || at.IsZero() {
		return 0
	}
	for session := range s.registry.byUser[user] {
		if session.Step == orgusers.StepDone && session.Live(at, u.SessionsValidFrom) {
			n++
		}
	}
	return n
}

// IPRules returns one page of IP rules. An account, a place and an organization have few, so they are sorted here.
func (s *Store) IPRules(ctx context.Context, q orgusers.IPRuleQuery) ([]orgusers.IPRuleView, error) {
	unlock, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	asked := s.registry.ofUser[q.User]
	switch {
	case q.User != "":
	case !q.IP.IsValid() && q.Resource == "":
		asked = s.registry.ofOrg[q.Org]
	default:
		asked = s.registry.ofPlace[place{q.Org, q.IP, q.Resource}]
	}
	var page []orgusers.IPRuleView
	for rule := range asked {
		if rule.ID > q.After {
			page = append(page, orgusers.IPRuleView{IPRule: *rule})
		}
	}
	slices.SortFunc(page, func(a, b orgusers.IPRuleView) int { return cmp.Compare(a.ID, b.ID) })
	page = page[:min(len(page), max(q.Limit, 0))]
	for i := range page {
		v := &page[i]
		if u := s.users[v.User]; u != nil {
			v.ValidFrom, v.MFA = u.SessionsValidFrom, u.MFA.Enrolled()
		}
		if n := s.registry.sessions[v.IPRule.Session]; n != nil {
			v.Session = *n
		}
		if o := s.orgs[v.Org]; o != nil {
			v.Disabled, v.OwnerID, v.SSO, v.Security = o.row.Disabled, o.row.OwnerID, o.row.Settings.SSO, o.row.Settings.Security
		}
		if m := s.joined[v.User][v.Org]; m != nil {
			v.Status, v.WithoutSSO, v.MemberFrom = m.Status, m.WithoutSSO, m.ValidFrom
		}
	}
	return page, nil
}
