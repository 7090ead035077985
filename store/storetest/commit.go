package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func commitChecks() []check {
	return []check{
		{"Commit/EverythingAtOnce", commitEverything},
		{"Commit/NothingIsNoError", commitNothing},
		{"Commit/RaisesVersionsByOne", commitVersions},
		{"Commit/S177_SameValuesAreAWrite", commitSameValues},
		{"Commit/NewOrganizationWithItsPeople", commitNewOrganization},
		{"Commit/AccountsWithoutAnOrganization", commitAccounts},
		{"Commit/SameNamesInAnotherOrganization", commitElsewhere},
		{"Commit/WhatWasDeletedIsFreeAgain", commitFreed},
		{"Commit/AcceptingTiesTheRowToItsAccount", commitAccept},
		{"Commit/StacksAndRolesAreReplacedWhole", commitReplaced},
		{"Commit/S156_ForeignIDsTouchNothing", commitForeign},
		{"Commit/ThousandsOfPeople", commitThousands},
	}
}

func commitNothing(w *world) {
	k := w.cast()
	before := w.dump()
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{}))
	require.NoError(w, w.Record(w.ctx, nil, nil))
	require.NoError(w, w.Settle(w.ctx, nil))
	require.NoError(w, w.Touch(w.ctx, orgusers.UserID(w.id()), moment(1)))
	n, err := w.Requeue(w.ctx, nil, moment(1))
	require.NoError(w, err)
	require.Zero(w, n)
	values, err := w.Bump(w.ctx, nil)
	require.NoError(w, err)
	require.Empty(w, values)
	w.unchanged(before)

	w.edit(k.org, func(*orgusers.Changes) {}) // the organization alone
	require.Equal(w, before.Orgs[0].Version+1, w.org(k.org).Version)
}

func commitVersions(w *world) {
	k, other := w.cast(), w.cast()
	org, elsewhere := w.org(k.org), w.org(other.org)
	for range 3 {
		w.edit(k.org, func(c *orgusers.Changes) {
			c.Users = w.updates([]orgusers.UserID{k.ann.User, k.owner.User}, orgusers.UserPatch{Verified: orgusers.Some(true)})
		})
	}
	require.Equal(w, org.Version+3, w.org(k.org).Version)
	require.Equal(w, int64(4), w.user(k.ann.User).Version)
	require.Equal(w, int64(4), w.user(k.owner.User).Version)
	require.Equal(w, int64(1), w.user(k.dan.User).Version)
	w.same(elsewhere, w.org(other.org))
}

// commitSameValues: an engine may answer "0 rows changed" to an update that changes no value, and
// that is neither a conflict nor a missing row.
func commitSameValues(w *world) {
	k := w.cast()
	before := w.dump()
	w.edit(k.org, func(c *orgusers.Changes) {
		c.Users = []orgusers.UserUpdate{{ID: k.ann.User, Version: 1, Patch: orgusers.UserPatch{Name: orgusers.Some(k.ann.Name)}}}
		c.Profiles = []orgusers.Profile{{User: k.ann.User, Name: k.ann.Name}}
		c.Members = []orgusers.MemberUpdate{
			{ID: k.bob.ID, Patch: orgusers.MemberPatch{Role: orgusers.Some(k.bob.Role)}},
			{ID: k.cat.ID},
		}
		c.Stacks, c.Roles = []orgusers.Stack{k.web}, []orgusers.StackRole{k.edit}
		c.Revoked = []orgusers.Revoke{{Stack: k.lost.ID}, {Member: k.dan.ID, Stack: k.web.ID}, {Role: k.spare.ID, On: []orgusers.StackID{k.web.ID}}}
	})
	before.Orgs[0].Version++
	for i := range before.Users {
		if before.Users[i].ID == k.ann.User {
			before.Users[i].Version++
		}
	}
	w.unchanged(before)
}

func commitNewOrganization(w *world) {
	o := filled[orgusers.Organization](w)
	eve := w.newAccount("eve")
	owner := w.newMembership(o.ID, eve)
	stack, role := w.newStack(o.ID, "web", eve.ID), w.newRole(o.ID, "editor")
	grant := orgusers.Grant{Stack: stack.ID, Role: role.ID}
	entry := w.newEntry(o.ID, 1, true)
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
		Org: &o, NewOrg: true,
		NewUsers: []orgusers.User{eve}, NewMembers: []orgusers.Member{owner},
		NewStacks: []orgusers.Stack{stack}, NewRoles: []orgusers.StackRole{role},
		Granted: []orgusers.MemberGrant{{Member: owner.ID, Grant: grant}},
		Audit:   []orgusers.AuditEntry{entry},
	}))
	owner.Grants = []orgusers.Grant{grant}
	w.same(dump{
		Orgs: []orgusers.Organization{o}, Users: []orgusers.User{eve}, Members: []orgusers.Member{owner},
		Stacks: []orgusers.Stack{stack}, Roles: []orgusers.StackRole{role}, Audit: []orgusers.AuditEntry{entry},
	}, w.dump(), "new records are kept as given, their versions included")
}

func commitAccounts(w *world) {
	k := w.cast()
	before := w.org(k.org)
	entry, effect := w.newEntry("", 0, false), w.newEffect("", moment(1))
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
		Users:    w.updates([]orgusers.UserID{k.ann.User}, orgusers.UserPatch{Name: orgusers.Some(name("renamed"))}),
		Profiles: []orgusers.Profile{{User: k.ann.User, Name: name("renamed")}},
		Audit:    []orgusers.AuditEntry{entry}, Effects: []orgusers.Effect{effect},
	}))
	w.same(before, w.org(k.org), "no organization was involved")
	require.Equal(w, name("renamed"), w.user(k.ann.User).Name)
	require.Equal(w, name("renamed"), w.member(k.org, k.ann.ID).Name)
	d := w.dump()
	w.same([]orgusers.AuditEntry{entry}, d.Audit)
	w.same([]orgusers.Effect{effect}, d.Effects)
}

func commitElsewhere(w *world) {
	k := w.cast()
	org := w.organization("Acme") // of the same name, too
	w.edit(org, func(c *orgusers.Changes) {
		c.NewMembers = []orgusers.Member{w.newInvitation(org, "ann"), w.newInvitation(org, "bob")}
		c.NewStacks = []orgusers.Stack{w.newStack(org, "web", "")}
		c.NewRoles = []orgusers.StackRole{w.newRole(org, "editor")}
		c.Request = &orgusers.Request{Org: org, ID: "r", Report: []byte(`{"at":"there"}`), At: moment(1)}
	})
	w.edit(k.org, func(c *orgusers.Changes) {
		c.Request = &orgusers.Request{Org: k.org, ID: "r", Report: []byte(`{"at":"here"}`), At: moment(1)}
	})
	requests := w.dump("r").Requests
	require.Len(w, requests, 2)
	for _, r := range requests {
		want := `{"at":"here"}`
		if r.Org == org {
			want = `{"at":"there"}`
		}
		require.Equal(w, want, string(r.Report))
	}
}

func commitFreed(w *world) {
	k := w.cast()
	w.edit(k.org, func(c *orgusers.Changes) {
		c.DeleteMembers = []orgusers.MemberID{k.dan.ID}
		c.DeleteUsers = w.updates([]orgusers.UserID{k.dan.User}, orgusers.UserPatch{})
		c.DeleteStacks = []orgusers.StackID{k.lost.ID}
		c.DeleteRoles = []orgusers.RoleID{k.spare.ID}
		c.Stacks = []orgusers.Stack{{ID: k.app.ID, Org: k.org, Name: "renamed", Owner: k.ann.User, CreatedAt: k.app.CreatedAt}}
	})
	require.Empty(w, w.read(orgusers.ViewQuery{Users: []orgusers.UserID{k.dan.User}, UserKeys: []orgusers.AddressKey{k.dan.Address.Key}}).Users)
	dan := w.newAccount("dan")
	w.edit(k.org, func(c *orgusers.Changes) {
		c.NewUsers = []orgusers.User{dan}
		c.NewMembers = []orgusers.Member{w.newMembership(k.org, dan)}
		c.NewStacks = []orgusers.Stack{w.newStack(k.org, "lost", ""), w.newStack(k.org, "app", "")}
		c.NewRoles = []orgusers.StackRole{w.newRole(k.org, "spare")}
	})
	w.looks(orgusers.ViewQuery{UserKeys: []orgusers.AddressKey{dan.Address.Key}}, orgusers.View{Users: []orgusers.User{dan}})
}

// commitAccept: once a row names an account, everything that goes by account finds it.
func commitAccept(w *world) {
	k := w.cast()
	bob := w.account("bob")
	w.edit(k.org, func(c *orgusers.Changes) {
		c.Users = w.updates([]orgusers.UserID{bob.ID}, orgusers.UserPatch{Orgs: orgusers.Some(1)})
		c.Members = []orgusers.MemberUpdate{{ID: k.bob.ID, Patch: orgusers.MemberPatch{
			User: orgusers.Some(bob.ID), Status: orgusers.Some(orgusers.StatusActive), JoinedAt: orgusers.Some(moment(50)),
		}}}
		c.Profiles = []orgusers.Profile{{User: bob.ID, Name: name("Robert"), MFA: true}}
	})
	k.bob.User, k.bob.Status, k.bob.JoinedAt = bob.ID, orgusers.StatusActive, moment(50)
	k.bob.Name, k.bob.MFA = name("Robert"), true
	w.same([]orgusers.Member{k.bob}, w.read(orgusers.ViewQuery{Org: k.org, Joined: []orgusers.UserID{bob.ID}, Grants: true}).Members)
	w.same(checkedOf(&k.bob), w.access(bob.ID, k.org).Member)
	require.NoError(w, w.Touch(w.ctx, bob.ID, moment(60)))
	k.bob.LastLogin = moment(60)
	w.same([]orgusers.Member{k.bob}, w.read(orgusers.ViewQuery{Org: k.org, Joined: []orgusers.UserID{bob.ID}, Grants: true}).Members)
	w.walkOrganizations(bob.ID, k.org)

	// And the other way round.
	w.edit(k.org, func(c *orgusers.Changes) {
		c.Members = []orgusers.MemberUpdate{{ID: k.bob.ID, Patch: orgusers.MemberPatch{User: orgusers.Some(w.account("robert").ID)}}}
	})
	w.walkOrganizations(bob.ID)
	_, err := w.Access(w.ctx, bob.ID, k.org)
	require.ErrorIs(w, err, orgusers.ErrNotFound)
	require.Equal(w, k.bob.ID, w.access(w.account("robert").ID, k.org).Member.ID)
}

func commitReplaced(w *world) {
	k := w.cast()
	web, edit := k.web, k.edit
	web.Name, web.Owner = "site", k.dan.User
	edit.Name, edit.Permissions = "reviewer", []orgusers.Permission{"a:b", "c:d", "e:f"}
	w.edit(k.org, func(c *orgusers.Changes) { c.Stacks, c.Roles = []orgusers.Stack{web}, []orgusers.StackRole{edit} })
	w.looks(orgusers.ViewQuery{Org: k.org, Stacks: []orgusers.StackID{web.ID}, Roles: true},
		orgusers.View{Stacks: []orgusers.Stack{web}, Roles: []orgusers.StackRole{edit, k.spare}})
	v := w.access(k.dan.User, k.org)
	require.Equal(w, []orgusers.StackID{web.ID}, v.Owned)
	require.Empty(w, w.access(k.owner.User, k.org).Owned)
	w.same([]orgusers.StackRole{edit}, w.access(k.ann.User, k.org).Roles)

	edit.Permissions, web.Owner = nil, ""
	w.edit(k.org, func(c *orgusers.Changes) { c.Stacks, c.Roles = []orgusers.Stack{web}, []orgusers.StackRole{edit} })
	w.same([]orgusers.StackRole{edit}, w.access(k.ann.User, k.org).Roles)
	require.Empty(w, w.access(k.dan.User, k.org).Owned)
}
