package ownstore

import (
	"context"
	"slices"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// View is all reading of one decision.
func (s *Store) View(ctx context.Context, q orgusers.ViewQuery) (v orgusers.View, err error) {
	st, err := s.read(ctx)
	if err != nil {
		return v, err
	}
	users, keys := slices.Clone(q.Users), slices.Clone(q.UserKeys)
	q.Counters = slices.Clone(q.Counters)
	if o := st.Orgs[q.Org]; o != nil {
		u, k := o.view(&q, &v)
		users, keys = append(users, u...), append(keys, k...)
		v.Live = st.live(&q, v.Members)
	} else if q.Org != "" {
		return v, orgusers.ErrNotFound
	}
	if r := st.Requests[requestKey{q.Org, q.Request}]; r != nil && q.Request != "" {
		c := *r
		c.Report = slices.Clone(r.Report)
		v.Request = &c
	}
	v.Person = st.person(q.Person)
	v.Counters = map[string]int64{}
	for _, key := range q.Counters {
		if c := st.Counters[key]; c != nil {
			v.Counters[key] = c.Add
		}
	}
	v.Users = pick(st.Users, func(u *orgusers.User) bool {
		return slices.Contains(users, u.ID) || slices.Contains(keys, u.Address.Key)
	})
	return v, nil
}

// view fills in what the organization has, and returns which accounts go with it.
func (o *org) view(q *orgusers.ViewQuery, v *orgusers.View) (users []orgusers.UserID, keys []orgusers.AddressKey) {
	var owning, inviters []orgusers.UserID
	for _, m := range o.Members {
		if slices.Contains(q.Members, m.ID) || slices.Contains(q.Keys, m.Address.Key) {
			inviters = append(inviters, m.InvitedBy)
		}
		for _, prefix := range q.PerUser {
			if m.User != "" && slices.Contains(q.Members, m.ID) {
				q.Counters = append(q.Counters, prefix+string(m.User))
			}
		}
	}
	for _, m := range o.Members {
		is := func(ids []orgusers.UserID) bool { return m.User != "" && slices.Contains(ids, m.User) } // "" is nobody
		asked, joined := slices.Contains(q.Members, m.ID), is(q.Joined)
		owner := q.Owner && is([]orgusers.UserID{o.Row.OwnerID})
		if asked {
			keys = append(keys, m.Address.Key)
		}
		if joined || owner {
			users = append(users, m.User)
		}
		if q.Owned && (asked || joined) && m.User != "" {
			owning = append(owning, m.User)
		}
		vouched := m.Subject != "" && slices.Contains(q.Subjects, m.Subject)
		if asked || joined || owner || vouched || slices.Contains(q.Keys, m.Address.Key) || q.Inviters && is(inviters) {
			v.Members = append(v.Members, copied(m, q.Grants))
		}
	}
	v.Org = o.Row.Clone()
	v.Stacks = pick(o.Stacks, func(s *orgusers.Stack) bool {
		return q.AllStack || slices.Contains(q.Stacks, s.ID) || slices.Contains(owning, s.Owner)
	})
	v.Roles = pick(o.Roles, func(*orgusers.StackRole) bool { return q.Roles })
	for i := range v.Roles {
		v.Roles[i] = v.Roles[i].Clone()
	}
	return users, keys
}

// Access is what each request of the host asks: worth one good statement where there is a database.
func (s *Store) Access(ctx context.Context, user orgusers.UserID, org orgusers.OrgID) (a orgusers.AccessView, err error) {
	q := orgusers.ViewQuery{Org: org, Joined: []orgusers.UserID{user}, Grants: true, Owned: true, Roles: true}
	v, err := s.View(ctx, q)
	if err != nil {
		return a, err
	}
	if len(v.Members) == 0 || len(v.Users) == 0 {
		return a, orgusers.ErrNotFound
	}
	a.OrgDisabled, a.OwnerID, a.Settings, a.Member = v.Org.Disabled, v.Org.OwnerID, v.Org.Settings, v.Members[0]
	a.SessionsValidFrom, a.MFA = v.Users[0].SessionsValidFrom, v.Users[0].MFA.Enrolled()
	for _, st := range v.Stacks {
		a.Owned = append(a.Owned, st.ID)
	}
	a.Roles = slices.DeleteFunc(v.Roles, func(r orgusers.StackRole) bool {
		return !slices.ContainsFunc(a.Member.Grants, func(g orgusers.Grant) bool { return g.Role == r.ID })
	})
	return a, nil
}

// Commit is all writing of one decision: the guards, then the rest.
func (s *Store) Commit(ctx context.Context, c orgusers.Changes) error {
	return s.write(ctx, func(s *state) error {
		if !s.guard(&c) || !s.register(&c) || c.Org != nil && !s.Orgs[c.Org.ID].apply(&c) ||
			!add(s.Effects, c.Effects, func(e *orgusers.Effect) orgusers.EffectID { return e.ID }) {
			return orgusers.ErrConflict
		}
		for _, p := range c.Profiles {
			s.rows(p.User, func(m *orgusers.Member) {
				m.Name, m.MFA = p.Name, p.MFA
				later(&m.LastLogin, p.LastLogin)
			})
		}
		for i, total := range s.count(c.Counters) {
			if most := c.Counters[i].Most; most > 0 && total > most {
				return orgusers.ErrConflict
			}
		}
		return s.record(c.Audit, c.Request)
	})
}

// guard writes the organization and the accounts, if all are as they were read.
func (s *state) guard(c *orgusers.Changes) bool {
	if c.Org != nil {
		o, row := s.Orgs[c.Org.ID], c.Org.Clone()
		switch {
		case c.NewOrg && o == nil:
			o = (&org{}).next()
			s.Orgs[row.ID] = o
		case c.NewOrg, o == nil, o.Row.Version != row.Version:
			return false
		default:
			row.Version++
		}
		o.Row = row
	}
	for _, up := range slices.Concat(c.Users, c.DeleteUsers) {
		if u := s.Users[up.ID]; u == nil || u.Version != up.Version {
			return false
		}
		edit(s.Users, up.ID, func(u *orgusers.User) {
			up.Patch.Apply(u)
			u.Version++
		})
	}
	for _, up := range c.DeleteUsers {
		delete(s.Users, up.ID)
	}
	return add(s.Users, c.NewUsers, func(u *orgusers.User) orgusers.UserID { return u.ID }) &&
		unique(s.Users, func(u *orgusers.User) orgusers.AddressKey { return u.Address.Key })
}

// apply writes what belongs to the organization.
func (o *org) apply(c *orgusers.Changes) bool {
	ok := drop(o.Members, c.DeleteMembers) && drop(o.Stacks, c.DeleteStacks) && drop(o.Roles, c.DeleteRoles) &&
		add(o.Members, c.NewMembers, func(m *orgusers.Member) orgusers.MemberID { return m.ID }) &&
		add(o.Stacks, c.NewStacks, func(s *orgusers.Stack) orgusers.StackID { return s.ID }) &&
		add(o.Roles, c.NewRoles, func(r *orgusers.StackRole) orgusers.RoleID { return r.ID })
	for _, m := range c.NewMembers {
		ok = ok && edit(o.Members, m.ID, func(m *orgusers.Member) { m.Grants = nil }) // they come as Granted
	}
	for _, up := range c.Members {
		ok = ok && edit(o.Members, up.ID, up.Patch.Apply)
	}
	for _, s := range c.Stacks {
		ok = ok && edit(o.Stacks, s.ID, func(old *orgusers.Stack) { *old = s })
	}
	for _, r := range slices.Concat(c.NewRoles, c.Roles) { // the new ones again: their slices are the caller's
		ok = ok && edit(o.Roles, r.ID, func(old *orgusers.StackRole) { *old = r.Clone() })
	}
	for _, r := range c.Revoked {
		o.revoke(r)
	}
	for _, g := range c.Granted {
		ok = ok && edit(o.Members, g.Member, func(m *orgusers.Member) {
			m.Grants = orgusers.SortGrants(append(slices.Clone(m.Grants), g.Grant))
		})
	}
	return ok && unique(o.Members, func(m *orgusers.Member) orgusers.AddressKey { return m.Address.Key }) &&
		unique(o.Stacks, func(s *orgusers.Stack) string { return s.Name }) &&
		unique(o.Roles, func(r *orgusers.StackRole) string { return r.Name })
}

func (o *org) revoke(r orgusers.Revoke) {
	for id := range o.Members {
		if r.Member == "" || r.Member == id {
			edit(o.Members, id, func(m *orgusers.Member) {
				m.Grants = slices.DeleteFunc(slices.Clone(m.Grants), func(g orgusers.Grant) bool {
					return r.Stack != "" && g.Stack == r.Stack || r.Stack == "" && g.Role == r.Role && slices.Contains(r.On, g.Stack)
				})
			})
		}
	}
}

// rows changes every row of an account, in whatever organization.
func (s *state) rows(user orgusers.UserID, change func(m *orgusers.Member)) {
	for _, o := range s.Orgs {
		for id, m := range o.Members {
			if m.User == user && user != "" {
				edit(o.Members, id, change)
			}
		}
	}
}

// Record writes beside the audit chain, without a guard.
func (s *Store) Record(ctx context.Context, entries []orgusers.AuditEntry, r *orgusers.Request) error {
	return s.write(ctx, func(s *state) error { return s.record(entries, r) })
}

func (s *state) record(entries []orgusers.AuditEntry, r *orgusers.Request) error {
	ok := add(s.Audit, entries, func(e *orgusers.AuditEntry) orgusers.EntryID { return e.ID })
	if r != nil {
		c := *r
		c.Report = slices.Clone(r.Report)
		ok = ok && add(s.Requests, []orgusers.Request{c}, func(r *orgusers.Request) requestKey { return requestKey{r.Org, r.ID} })
	}
	if !ok {
		return orgusers.ErrConflict
	}
	return nil
}

// later raises a time.
func later(t *time.Time, at time.Time) {
	if t.Before(at) {
		*t = at
	}
}

// Touch has no guard and raises no version, so that signing in disturbs no decision.
func (s *Store) Touch(ctx context.Context, user orgusers.UserID, at time.Time) error {
	return s.write(ctx, func(s *state) error {
		edit(s.Users, user, func(u *orgusers.User) { later(&u.LastLogin, at) })
		s.rows(user, func(m *orgusers.Member) { later(&m.LastLogin, at) })
		return nil
	})
}
