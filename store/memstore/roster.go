package memstore

import (
	"slices"

	"github.com/orgusers/go-orgusers/orgusers"
)

// sortCount is the number of orders of a roster.
const sortCount = 5

// sorts are the orders of a roster; each has an index.
func sorts() [sortCount]orgusers.MemberSort {
	return [sortCount]orgusers.MemberSort{
		orgusers.SortEmail, orgusers.SortName, orgusers.SortInvitedAt, orgusers.SortLastLogin, orgusers.SortRole,
	}
}

// organization is one organization and everything that belongs to it.
type organization struct {
	row     orgusers.Organization
	members map[orgusers.MemberID]*member
	byKey   map[orgusers.AddressKey]*member
	byUser  map[orgusers.UserID]*member
	bound   index[string, *member]       // by subject
	sorted  [sortCount]*ordered[*member] // in the order of sorts

	stacks  catalog[orgusers.StackID, orgusers.Stack]
	roles   catalog[orgusers.RoleID, orgusers.StackRole]
	owned   index[orgusers.UserID, orgusers.StackID]
	holders index[orgusers.StackID, *member] // who has a role on a stack
}

func newOrganization() *organization {
	o := &organization{
		members: make(map[orgusers.MemberID]*member),
		byKey:   make(map[orgusers.AddressKey]*member),
		byUser:  make(map[orgusers.UserID]*member),
		bound:   make(index[string, *member]),
		stacks:  newCatalog(func(s *orgusers.Stack) (orgusers.StackID, string) { return s.ID, s.Name }),
		roles:   newCatalog(func(r *orgusers.StackRole) (orgusers.RoleID, string) { return r.ID, r.Name }),
		owned:   make(index[orgusers.UserID, orgusers.StackID]),
		holders: make(index[orgusers.StackID, *member]),
	}
	for i, s := range sorts() {
		o.sorted[i] = newOrdered(func(a, b *member) int { return s.Compare(a.key(s), b.key(s)) })
	}
	return o
}

// member is one row of a roster, with what sorting and searching would otherwise compute at every
// comparison.
type member struct {
	orgusers.Member
	name   string // Name.SortKey
	search string // SearchText
}

func newMember(m orgusers.Member) *member {
	return &member{Member: m, name: m.Name.SortKey(), search: m.SearchText()}
}

// key is [orgusers.MemberSort.Key] without folding the name again.
func (m *member) key(s orgusers.MemberSort) orgusers.MemberKey {
	if s == orgusers.SortName {
		return orgusers.MemberKey{Name: m.name, ID: m.ID}
	}
	return s.Key(&m.Member)
}

// read returns a copy to hand out.
func (m *member) read(grants bool) orgusers.Member {
	c := m.Member
	c.Grants = nil
	if grants {
		c.Grants = slices.Clone(m.Grants)
	}
	return c
}

// add puts a new row on the roster. Its roles on stacks come apart, by grant; [Store.link] says whose
// it is.
func (o *organization) add(row orgusers.Member) *member {
	row.Grants = nil
	m := newMember(row)
	o.members[m.ID] = m
	o.byKey[m.Address.Key] = m
	o.bind(m)
	for _, index := range o.sorted {
		index.insert(m)
	}
	return m
}

// bind finds the row by its subject from now on, unbind no longer.
func (o *organization) bind(m *member) {
	if m.Subject != "" {
		o.bound.add(m.Subject, m)
	}
}

func (o *organization) unbind(m *member) { o.bound.remove(m.Subject, m) }

// drop takes a row off the roster, and its roles on stacks with it (S-070).
func (o *organization) drop(m *member) {
	for _, g := range m.Grants {
		o.holders.remove(g.Stack, m)
	}
	delete(o.members, m.ID)
	delete(o.byKey, m.Address.Key)
	o.unbind(m)
	for _, index := range o.sorted {
		index.remove(m)
	}
}

// change edits a row and moves it in the orders in which its place changed. The id, the address and
// the grants are not for edit to touch, because they have indexes of their own.
func (o *organization) change(m *member, edit func(*orgusers.Member)) {
	next := *m
	edit(&next.Member)
	if next.Name != m.Name {
		next.name, next.search = next.Name.SortKey(), next.SearchText()
	}
	var moved [sortCount]bool
	for i, s := range sorts() {
		if moved[i] = s.Compare(m.key(s), next.key(s)) != 0; moved[i] {
			o.sorted[i].remove(m)
		}
	}
	o.unbind(m)
	*m = next
	o.bind(m)
	for i, index := range o.sorted {
		if moved[i] {
			index.insert(m)
		}
	}
}

// grant gives a role on a stack. A role the person has already stays given once.
func (o *organization) grant(m *member, g orgusers.Grant) {
	m.Grants = orgusers.SortGrants(append(m.Grants, g))
	o.holders.add(g.Stack, m)
}

// revoke takes from m the roles on one stack: all, or the one named.
func (o *organization) revoke(m *member, stack orgusers.StackID, role orgusers.RoleID) {
	m.Grants = slices.DeleteFunc(m.Grants, func(g orgusers.Grant) bool {
		return g.Stack == stack && (role == "" || g.Role == role)
	})
	if !slices.ContainsFunc(m.Grants, func(g orgusers.Grant) bool { return g.Stack == stack }) {
		o.holders.remove(stack, m)
	}
}
