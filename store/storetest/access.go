package storetest

import (
	"cmp"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func accessChecks() []check {
	return []check{
		{"Access/WhatACheckNeeds", accessFields},
		{"Access/NotFoundWithoutARow", accessNotFound},
		{"Access/SeesACommitAtOnce", accessAtOnce},
	}
}

func (w *world) access(user orgusers.UserID, org orgusers.OrgID) orgusers.AccessView {
	w.Helper()
	v, err := w.Access(w.ctx, user, org)
	require.NoError(w, err)
	slices.Sort(v.Owned)
	v.Roles = sorted(v.Roles, func(r *orgusers.StackRole) orgusers.RoleID { return r.ID })
	v.Member = checkedOf(&v.Member)
	return v
}

// checkedOf is what of a row a permission check looks at.
func checkedOf(m *orgusers.Member) orgusers.Member {
	return orgusers.Member{ID: m.ID, Org: m.Org, User: m.User, Role: m.Role, Status: m.Status, WithoutSSO: m.WithoutSSO, ValidFrom: m.ValidFrom, Grants: m.Grants}
}

func accessFields(w *world) {
	k := w.cast()
	w.cast()
	settings := filled[orgusers.Settings](w)
	secrets := orgusers.MFA{Secret: "sealed", EnrolledAt: moment(7)}
	more := w.newStack(k.org, "more", k.ann.User)
	w.edit(k.org, func(c *orgusers.Changes) {
		c.Org.Settings, c.Org.Disabled = settings, true
		c.NewStacks = []orgusers.Stack{more}
		c.Users = []orgusers.UserUpdate{{ID: k.ann.User, Version: 1, Patch: orgusers.UserPatch{
			MFA: orgusers.Some(secrets), SessionsValidFrom: orgusers.Some(moment(8)),
		}}}
		c.Profiles = []orgusers.Profile{{User: k.ann.User, Name: k.ann.Name, MFA: true}}
	})
	w.same(orgusers.AccessView{
		OrgDisabled: true, OwnerID: k.owner.User, Settings: settings,
		Member: checkedOf(&k.ann), SessionsValidFrom: moment(8), MFA: true,
		Owned: sortedIDs(k.app.ID, more.ID),
		Roles: []orgusers.StackRole{k.edit}, // once, though she has it on two stacks; not the built-in one
	}, w.access(k.ann.User, k.org))

	w.same(orgusers.AccessView{
		OrgDisabled: true, OwnerID: k.owner.User, Settings: settings, Member: checkedOf(&k.dan),
	}, w.access(k.dan.User, k.org), "an inactive row is a row; the stack of nobody is not his")
}

func sortedIDs[ID cmp.Ordered](ids ...ID) []ID {
	slices.Sort(ids)
	return ids
}

func accessNotFound(w *world) {
	k, other := w.cast(), w.cast()
	w.edit(other.org, func(c *orgusers.Changes) { c.DeleteMembers = []orgusers.MemberID{other.ann.ID} })
	for what, ask := range map[string]struct {
		user orgusers.UserID
		org  orgusers.OrgID
	}{
		"an unknown organization":      {k.ann.User, orgusers.OrgID(w.id())},
		"an unknown account":           {orgusers.UserID(w.id()), k.org},
		"nobody, as pending rows have": {"", k.org},
		"an account that is invited":   {w.account("bob").ID, k.org},
		"a user id that is none":       {"operator-7", k.org},
		"an organization id of none":   {k.ann.User, "1"},
		"a stranger":                   {w.account("stranger").ID, k.org},
		"removed here, though there":   {k.ann.User, other.org},
	} {
		v, err := w.Access(w.ctx, ask.user, ask.org)
		require.ErrorIs(w, err, orgusers.ErrNotFound, what)
		w.same(orgusers.AccessView{}, v, what)
	}
	require.Equal(w, k.ann.ID, w.access(k.ann.User, k.org).Member.ID)
}

func accessAtOnce(w *world) {
	k := w.cast()
	for _, patch := range []orgusers.MemberPatch{
		{Role: orgusers.Some(orgusers.RoleAdmin)},
		{Role: orgusers.Some(orgusers.RoleMember)},
		{WithoutSSO: orgusers.Some(true)},
		{ValidFrom: orgusers.Some(moment(9))},
		{Status: orgusers.Some(orgusers.StatusInactive)},
	} {
		w.edit(k.org, func(c *orgusers.Changes) { c.Members = []orgusers.MemberUpdate{{ID: k.ann.ID, Patch: patch}} })
		patch.Apply(&k.ann)
		w.same(checkedOf(&k.ann), w.access(k.ann.User, k.org).Member)
	}
	w.edit(k.org, func(c *orgusers.Changes) {
		c.Revoked = []orgusers.Revoke{{Stack: k.web.ID}, {Stack: k.app.ID}}
		c.DeleteRoles = []orgusers.RoleID{k.edit.ID}
		c.DeleteStacks = []orgusers.StackID{k.app.ID}
	})
	v := w.access(k.ann.User, k.org)
	require.Empty(w, v.Owned)
	require.Empty(w, v.Member.Grants)
	require.Empty(w, v.Roles)
	w.edit(k.org, func(c *orgusers.Changes) { c.DeleteMembers = []orgusers.MemberID{k.ann.ID} })
	_, err := w.Access(w.ctx, k.ann.User, k.org)
	require.ErrorIs(w, err, orgusers.ErrNotFound)
}
