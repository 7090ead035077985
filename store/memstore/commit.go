package memstore

import (
	"context"
	"slices"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Commit writes a decision: all that can fail is in check, all that writes is below it.
func (s *Store) Commit(ctx context.Context, c orgusers.Changes) error {
	unlock, err := s.write(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.check(&c); err != nil {
		return err
	}
	s.applyOrganization(&c)
	s.applyUsers(&c)
	s.registry.apply(&c)
	if c.Org != nil {
		o := s.orgs[c.Org.ID]
		s.applyMembers(o, &c)
		applyGrants(o, &c)
		applyCatalogs(o, &c)
	}
	// After the roster, so that whoever joined just now has the account's profile too.
	for _, p := range c.Profiles {
		for org, m := range s.joined[p.User] {
			s.orgs[org].change(m, func(m *orgusers.Member) {
				m.Name, m.MFA = p.Name, p.MFA
				if m.LastLogin.Before(p.LastLogin) {
					m.LastLogin = p.LastLogin
				}
			})
		}
	}
	s.append(c.Audit)
	s.outbox.put(c.Effects)
	s.counters.add(c.Counters)
	s.answer(c.Request)
	return nil
}

func (s *Store) applyOrganization(c *orgusers.Changes) {
	if c.Org == nil {
		return
	}
	row := c.Org.Clone()
	if c.NewOrg {
		s.orgs[row.ID] = newOrganization()
		s.orgIDs.insert(row.ID)
	} else {
		row.Version++
	}
	s.orgs[row.ID].row = row
}

func (s *Store) applyUsers(c *orgusers.Changes) {
	for _, d := range c.DeleteUsers {
		delete(s.userKeys, s.users[d.ID].Address.Key)
		delete(s.users, d.ID)
	}
	for _, u := range c.NewUsers {
		s.users[u.ID], s.userKeys[u.Address.Key] = &u, &u
	}
	for _, up := range c.Users {
		u := s.users[up.ID]
		up.Patch.Apply(u)
		u.Version++
	}
}

func (s *Store) applyMembers(o *organization, c *orgusers.Changes) {
	for _, id := range c.DeleteMembers {
		m := o.members[id]
		s.unlink(o, m)
		o.drop(m)
	}
	for _, row := range c.NewMembers {
		s.link(o, o.add(row))
	}
	for _, up := range c.Members {
		m := o.members[up.ID]
		s.unlink(o, m)
		o.change(m, up.Patch.Apply)
		s.link(o, m)
	}
}

// link finds the row by its account from now on, unlink no longer.
func (s *Store) link(o *organization, m *member) {
	if m.User == "" {
		return
	}
	o.byUser[m.User] = m
	orgs := s.joined[m.User]
	if orgs == nil {
		orgs = make(map[orgusers.OrgID]*member)
		s.joined[m.User] = orgs
	}
	orgs[o.row.ID] = m
}

func (s *Store) unlink(o *organization, m *member) {
	if o.byUser[m.User] != m {
		return
	}
	delete(o.byUser, m.User)
	delete(s.joined[m.User], o.row.ID)
	if len(s.joined[m.User]) == 0 {
		delete(s.joined, m.User)
	}
}

func applyGrants(o *organization, c *orgusers.Changes) {
	for _, r := range c.Revoked {
		switch {
		case r.Member != "":
			if m := o.members[r.Member]; m != nil {
				o.revoke(m, r.Stack, "")
			}
		case r.Stack != "":
			for m := range o.holders[r.Stack] {
				o.revoke(m, r.Stack, "")
			}
		default:
			for _, stack := range r.On {
				for m := range o.holders[stack] {
					o.revoke(m, stack, r.Role)
				}
			}
		}
	}
	for _, g := range c.Granted {
		if m := o.members[g.Member]; m != nil { // nil: deleted in this commit
			o.grant(m, g.Grant)
		}
	}
}

func applyCatalogs(o *organization, c *orgusers.Changes) {
	for _, id := range c.DeleteStacks {
		o.owned.remove(o.stacks.byID[id].Owner, id)
		o.stacks.drop(id)
	}
	for _, stack := range slices.Concat(c.NewStacks, c.Stacks) {
		o.owned.remove(o.stacks.byID[stack.ID].Owner, stack.ID)
		o.stacks.put(stack)
		o.owned.add(stack.Owner, stack.ID)
	}
	for _, id := range c.DeleteRoles {
		o.roles.drop(id)
	}
	for _, role := range slices.Concat(c.NewRoles, c.Roles) {
		o.roles.put(role.Clone())
	}
}

// answer keeps the answer to a request.
func (s *Store) answer(r *orgusers.Request) {
	if r == nil {
		return
	}
	kept := *r
	kept.Report = slices.Clone(r.Report)
	s.requests[requestKey{r.Org, r.ID}] = kept
}
