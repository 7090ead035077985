package storetest

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func grantChecks() []check {
	return []check{
		{"Grants/SortedByStackAndRole", grantsSorted},
		{"Grants/TravelApartFromTheRow", grantsApart},
		{"Grants/RevokeOfAMemberOnAStack", revokeMember},
		{"Grants/RevokeOfAStackFromEverybody", revokeStack},
		{"Grants/RevokeOfARoleOnNamedStacks", revokeRole},
		{"Grants/RevokedBeforeGranted", revokeThenGrant},
		{"Grants/S070_GoWithTheMember", grantsGoWithMember},
	}
}

// grantWorld is one organization in which ann, bob and cat have every role on every stack, beside
// another that is alike.
type grantWorld struct {
	org    orgusers.OrgID
	people []orgusers.MemberID
	stacks []orgusers.StackID
	roles  []orgusers.RoleID
}

func (w *world) grantWorld() grantWorld {
	w.Helper()
	g := grantWorld{org: w.organization("Acme"), roles: []orgusers.RoleID{orgusers.RoleDeveloper, orgusers.RoleContentManager}}
	g.people = []orgusers.MemberID{w.join(g.org, "ann").ID, w.invite(g.org, "bob").ID, w.join(g.org, "cat").ID}
	g.stacks = []orgusers.StackID{w.stack(g.org, "web", "").ID, w.stack(g.org, "app", "").ID}
	g.roles = append(g.roles, w.role(g.org, "editor").ID)
	for _, m := range g.people {
		for _, s := range g.stacks {
			w.grant(g.org, m, s, g.roles...)
		}
	}
	return g
}

// allBut are all roles a person has at first but those that gone says yes to.
func (g grantWorld) allBut(gone func(orgusers.Grant) bool) []orgusers.Grant {
	var list []orgusers.Grant
	for _, s := range g.stacks {
		for _, r := range g.roles {
			if grant := (orgusers.Grant{Stack: s, Role: r}); gone == nil || !gone(grant) {
				list = append(list, grant)
			}
		}
	}
	return orgusers.SortGrants(list)
}

// has requires the roles of everybody, in every way there is to read them.
func (g grantWorld) has(w *world, want func(i int) []orgusers.Grant) {
	w.Helper()
	for i, id := range g.people {
		m := w.member(g.org, id)
		w.same(want(i), m.Grants)
		page, err := w.Members(w.ctx, orgusers.MemberQuery{Org: g.org, Sort: orgusers.SortEmail, Limit: 9, Grants: true})
		require.NoError(w, err)
		require.Len(w, page, len(g.people))
		w.same(want(i), page[i].Grants)
		if m.User != "" {
			w.same(want(i), w.access(m.User, g.org).Member.Grants)
		}
		for _, s := range g.stacks {
			page, err := w.Members(w.ctx, orgusers.MemberQuery{
				Org: g.org, Sort: orgusers.SortEmail, Limit: 9, MemberFilter: orgusers.MemberFilter{Stack: s},
			})
			require.NoError(w, err)
			onStack := slices.ContainsFunc(want(i), func(g orgusers.Grant) bool { return g.Stack == s })
			require.Equal(w, onStack, slices.ContainsFunc(page, func(m orgusers.Member) bool { return m.ID == id }))
		}
	}
}

func (g grantWorld) hasAll(w *world) {
	w.Helper()
	g.has(w, func(int) []orgusers.Grant { return g.allBut(nil) })
}

func grantsSorted(w *world) {
	w.grantWorld().hasAll(w)
}

// grantsApart: a new row's Grants say what it will have, as do Changes.Granted, which are what a
// store writes. Both are filled, so a store that writes both meets a duplicate.
func grantsApart(w *world) {
	k := w.cast()
	with, without := w.newInvitation(k.org, "with"), w.newInvitation(k.org, "without")
	grant := orgusers.Grant{Stack: k.web.ID, Role: k.edit.ID}
	with.Grants, without.Grants = []orgusers.Grant{grant}, []orgusers.Grant{grant}
	w.edit(k.org, func(c *orgusers.Changes) {
		c.NewMembers = []orgusers.Member{with, without}
		c.Granted = []orgusers.MemberGrant{{Member: with.ID, Grant: grant}}
	})
	w.same([]orgusers.Grant{grant}, w.member(k.org, with.ID).Grants)
	require.Empty(w, w.member(k.org, without.ID).Grants)
}

func revokeMember(w *world) {
	g, other := w.grantWorld(), w.grantWorld()
	w.edit(g.org, func(c *orgusers.Changes) {
		c.Revoked = []orgusers.Revoke{{Member: g.people[0], Stack: g.stacks[0]}, {Member: g.people[1], Stack: g.stacks[1]}}
	})
	g.has(w, func(i int) []orgusers.Grant {
		return g.allBut(func(x orgusers.Grant) bool { return i < 2 && x.Stack == g.stacks[i] })
	})
	other.hasAll(w)
}

func revokeStack(w *world) {
	g, other := w.grantWorld(), w.grantWorld()
	w.edit(g.org, func(c *orgusers.Changes) { c.Revoked = []orgusers.Revoke{{Stack: g.stacks[0]}} })
	left := g.allBut(func(x orgusers.Grant) bool { return x.Stack == g.stacks[0] })
	g.has(w, func(int) []orgusers.Grant { return left })
	// As the last of a stack goes: its roles, then itself.
	w.edit(g.org, func(c *orgusers.Changes) {
		c.Revoked, c.DeleteStacks = []orgusers.Revoke{{Stack: g.stacks[1]}}, []orgusers.StackID{g.stacks[1]}
	})
	g.has(w, func(int) []orgusers.Grant { return nil })
	other.hasAll(w)
}

func revokeRole(w *world) {
	g, other := w.grantWorld(), w.grantWorld()
	gone := g.roles[2]
	w.edit(g.org, func(c *orgusers.Changes) { c.Revoked = []orgusers.Revoke{{Role: gone, On: g.stacks[1:]}} })
	left := g.allBut(func(x orgusers.Grant) bool { return x.Role == gone && x.Stack == g.stacks[1] })
	g.has(w, func(int) []orgusers.Grant { return left })
	// A built-in role's id is the same in every organization.
	w.edit(g.org, func(c *orgusers.Changes) {
		c.Revoked = []orgusers.Revoke{{Role: gone, On: g.stacks}, {Role: orgusers.RoleDeveloper, On: g.stacks}}
		c.DeleteRoles = []orgusers.RoleID{gone}
	})
	left = g.allBut(func(x orgusers.Grant) bool { return x.Role != orgusers.RoleContentManager })
	g.has(w, func(int) []orgusers.Grant { return left })
	other.hasAll(w)
}

func revokeThenGrant(w *world) {
	g, other := w.grantWorld(), w.grantWorld()
	kept := orgusers.Grant{Stack: g.stacks[0], Role: g.roles[1]}
	w.edit(g.org, func(c *orgusers.Changes) {
		c.Granted = []orgusers.MemberGrant{{Member: g.people[0], Grant: kept}, {Member: g.people[2], Grant: kept}}
		c.Revoked = []orgusers.Revoke{{Member: g.people[0], Stack: g.stacks[0]}, {Member: g.people[2], Stack: g.stacks[0]}, {Stack: g.stacks[1]}}
	})
	g.has(w, func(i int) []orgusers.Grant {
		if i == 1 {
			return g.allBut(func(x orgusers.Grant) bool { return x.Stack == g.stacks[1] })
		}
		return []orgusers.Grant{kept}
	})
	other.hasAll(w)
}

// grantsGoWithMember: a person who comes back, even under the same id, has nothing.
func grantsGoWithMember(w *world) {
	g, other := w.grantWorld(), w.grantWorld()
	row := w.member(g.org, g.people[1])
	row.Grants = nil
	w.edit(g.org, func(c *orgusers.Changes) { c.DeleteMembers = []orgusers.MemberID{row.ID} })
	again := w.invite(g.org, "bob")
	require.Empty(w, w.member(g.org, again.ID).Grants)
	w.edit(g.org, func(c *orgusers.Changes) { c.DeleteMembers = []orgusers.MemberID{again.ID} })
	w.edit(g.org, func(c *orgusers.Changes) { c.NewMembers = []orgusers.Member{row} })
	g.has(w, func(i int) []orgusers.Grant {
		if i == 1 {
			return nil
		}
		return g.allBut(nil)
	})
	other.hasAll(w)
}
