package memstore

import (
	"errors"
	"fmt"

	"github.com/orgusers/go-orgusers/orgusers"
)

// conflict says what did not fit.
func conflict(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{orgusers.ErrConflict}, args...)...)
}

// check answers ErrConflict if the changes cannot be made as they are. It writes nothing.
func (s *Store) check(c *orgusers.Changes) error {
	o, err := s.checkOrganization(c)
	if err != nil {
		return err
	}
	if err := s.checkUsers(c); err != nil {
		return err
	}
	if err := s.registry.check(c); err != nil {
		return err
	}
	if err := checkMembers(o, c); err != nil {
		return err
	}
	if err := o.stacks.check(c.NewStacks, c.Stacks, c.DeleteStacks); err != nil {
		return err
	}
	if err := o.roles.check(c.NewRoles, c.Roles, c.DeleteRoles); err != nil {
		return err
	}
	if err := s.checkRecord(c.Audit, c.Request); err != nil {
		return err
	}
	if !s.counters.room(c.Counters) {
		return conflict("a counter has reached its bound")
	}
	return s.outbox.check(c.Effects)
}

// checkOrganization is the guard. It returns the organization to check the rest against; for a new
// one, and where none is involved, an empty one.
func (s *Store) checkOrganization(c *orgusers.Changes) (*organization, error) {
	if c.Org == nil {
		if len(c.NewMembers)+len(c.Members)+len(c.DeleteMembers)+len(c.Revoked)+len(c.Granted)+
			len(c.NewStacks)+len(c.Stacks)+len(c.DeleteStacks)+len(c.NewRoles)+len(c.Roles)+len(c.DeleteRoles) > 0 {
			return nil, errors.New("memstore: changes to an organization without the organization")
		}
		return newOrganization(), nil
	}
	o := s.orgs[c.Org.ID]
	if c.NewOrg {
		if o != nil {
			return nil, conflict("organization %s exists", c.Org.ID)
		}
		return newOrganization(), nil
	}
	if o == nil || o.row.Version != c.Org.Version {
		return nil, conflict("organization %s is not at version %d", c.Org.ID, c.Org.Version)
	}
	return o, nil
}

func (s *Store) checkUsers(c *orgusers.Changes) error {
	var ids set[orgusers.UserID]
	var keys set[orgusers.AddressKey]
	for _, updates := range [][]orgusers.UserUpdate{c.Users, c.DeleteUsers} {
		for i := range updates {
			up := &updates[i]
			if u := s.users[up.ID]; u == nil || u.Version != up.Version || !ids.add(up.ID) {
				return conflict("user %s is not at version %d", up.ID, up.Version)
			}
		}
	}
	for i := range c.NewUsers {
		u := &c.NewUsers[i]
		if s.users[u.ID] != nil || s.userKeys[u.Address.Key] != nil || !ids.add(u.ID) || !keys.add(u.Address.Key) {
			return conflict("user %s, or one with that address, exists", u.ID)
		}
	}
	return nil
}

func checkMembers(o *organization, c *orgusers.Changes) error {
	// One set for each kind: a row may be changed and given roles by the same commit.
	var added, changed set[orgusers.MemberID]
	var keys set[orgusers.AddressKey]
	for i := range c.NewMembers {
		m := &c.NewMembers[i]
		if o.members[m.ID] != nil || o.byKey[m.Address.Key] != nil || !added.add(m.ID) || !keys.add(m.Address.Key) {
			return conflict("member %s, or one with that address, exists", m.ID)
		}
	}
	for i := range c.Members {
		if id := c.Members[i].ID; o.members[id] == nil || !changed.add(id) {
			return conflict("no member %s", id)
		}
	}
	for _, id := range c.DeleteMembers {
		if o.members[id] == nil || !changed.add(id) {
			return conflict("no member %s", id)
		}
	}
	for _, g := range c.Granted {
		if !added.has(g.Member) && o.members[g.Member] == nil {
			return conflict("no member %s", g.Member)
		}
	}
	return nil
}

// checkRecord is what [Store.Commit] and [Store.Record] have in common.
func (s *Store) checkRecord(entries []orgusers.AuditEntry, r *orgusers.Request) error {
	var ids set[orgusers.EntryID]
	for i := range entries {
		e := &entries[i]
		if t := s.trails[e.Org]; t != nil && t.has(e) || !ids.add(e.ID) {
			return conflict("audit entry %s exists", e.ID)
		}
	}
	if r != nil {
		if _, exists := s.requests[requestKey{r.Org, r.ID}]; exists {
			return conflict("request %q was answered", r.ID)
		}
	}
	return nil
}
