package ownstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Session is what each request of the host asks first. The account is read with it, because a session
// that began before the account's epoch is over, and the memberships, because one that is good nowhere is.
func (s *Store) Session(ctx context.Context, token string) (v orgusers.SessionView, err error) {
	st, err := s.read(ctx)
	if err != nil {
		return v, err
	}
	for _, n := range st.Sessions {
		if n.Token == token {
			v.Session, v.ValidFrom = *n, st.Users[n.User].SessionsValidFrom
			for _, o := range st.Orgs {
				for _, m := range pick(o.Members, func(m *orgusers.Member) bool { return m.User == n.User }) {
					if m.Status == orgusers.StatusActive && (n.SSO == "" || n.SSO == m.Org) && (!v.Active || m.ValidFrom.Before(v.MemberFrom)) {
						v.Active, v.MemberFrom = true, m.ValidFrom
					}
				}
			}
			return v, nil
		}
	}
	return v, orgusers.ErrNotFound
}

// Seen is the one change of a session without a guard.
func (s *Store) Seen(ctx context.Context, session orgusers.SessionID, at time.Time) error {
	return s.write(ctx, func(s *state) error {
		edit(s.Sessions, session, func(n *orgusers.Session) { later(&n.SeenAt, at) })
		return nil
	})
}

// person is what a sign-in looks at.
func (s *state) person(q orgusers.PersonQuery) *orgusers.Person {
	found := pick(s.Users, func(u *orgusers.User) bool {
		return q.User == u.ID || q.Key != "" && q.Key == u.Address.Key || q.Token != "" &&
			len(pick(s.Sessions, func(n *orgusers.Session) bool { return n.User == u.ID && n.Token == q.Token })) > 0
	})
	if len(found) == 0 {
		return nil
	}
	p := orgusers.Person{User: found[0]}
	for _, o := range s.Orgs {
		for _, m := range pick(o.Members, func(m *orgusers.Member) bool { return m.User == p.User.ID }) {
			row := o.Row.Clone()
			p.Memberships = append(p.Memberships, orgusers.Membership{
				Member: copied(&m, false), OrgName: row.Name, Disabled: row.Disabled, OwnerID: row.OwnerID, Settings: row.Settings,
			})
		}
	}
	slices.SortFunc(p.Memberships, func(a, b orgusers.Membership) int { return cmp.Compare(a.Member.Org, b.Member.Org) })
	p.Sessions = pick(s.Sessions, func(n *orgusers.Session) bool { return n.User == p.User.ID })
	slices.SortFunc(p.Sessions, func(a, b orgusers.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return &p
}

// live counts the live sessions of who is on some rows.
func (s *state) live(q *orgusers.ViewQuery, rows []orgusers.Member) map[orgusers.UserID]int {
	live := map[orgusers.UserID]int{}
	for _, n := range s.Sessions {
		asked := slices.ContainsFunc(rows, func(m orgusers.Member) bool {
			return m.User == n.User && (slices.Contains(q.Members, m.ID) || slices.Contains(q.Joined, m.User))
		})
		if asked && !q.Live.IsZero() && n.Step == orgusers.StepDone && n.Live(q.Live, s.Users[n.User].SessionsValidFrom) {
			live[n.User]++
		}
	}
	return live
}

// register writes sessions and IP rules. An account takes its sessions with it.
func (s *state) register(c *orgusers.Changes) bool {
	for _, up := range c.DeleteUsers {
		maps.DeleteFunc(s.Sessions, func(_ orgusers.SessionID, n *orgusers.Session) bool { return n.User == up.ID })
	}
	for _, id := range c.DeleteIPRules {
		delete(s.Rules, id)
	}
	return drop(s.Sessions, c.DeleteSessions) &&
		add(s.Sessions, c.NewSessions, func(n *orgusers.Session) orgusers.SessionID { return n.ID }) &&
		unique(s.Sessions, func(n *orgusers.Session) string { return n.Token }) &&
		add(s.Rules, c.NewIPRules, func(r *orgusers.IPRule) orgusers.IPRuleID { return r.ID })
}

// IPRules is a page of rules with what they hang on.
func (s *Store) IPRules(ctx context.Context, q orgusers.IPRuleQuery) (list []orgusers.IPRuleView, err error) {
	st, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	rules := pick(st.Rules, func(r *orgusers.IPRule) bool {
		switch {
		case q.User != "":
			return q.User == r.User
		case !q.IP.IsValid() && q.Resource == "":
			return q.Org == r.Org
		}
		return q.Org == r.Org && q.IP == r.IP && q.Resource == r.Resource
	})
	id := func(r *orgusers.IPRule) orgusers.IPRuleID { return r.ID }
	for _, r := range page(rules, id, cmp.Compare[orgusers.IPRuleID], &q.After, false, q.Limit) {
		v := orgusers.IPRuleView{IPRule: r}
		if u := st.Users[r.User]; u != nil {
			v.ValidFrom, v.MFA = u.SessionsValidFrom, u.MFA.Enrolled()
		}
		if n := st.Sessions[r.Session]; n != nil {
			v.Session = *n
		}
		if o := st.Orgs[r.Org]; o != nil {
			v.Disabled, v.OwnerID, v.SSO, v.Security = o.Row.Disabled, o.Row.OwnerID, o.Row.Settings.SSO, o.Row.Settings.Security
			for _, m := range pick(o.Members, func(m *orgusers.Member) bool { return m.User == r.User }) {
				v.Status, v.WithoutSSO, v.MemberFrom = m.Status, m.WithoutSSO, m.ValidFrom
			}
		}
		list = append(list, v)
	}
	return list, nil
}
