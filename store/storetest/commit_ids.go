package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// commitForeign: whether a commit that names another organization's ids fails or does nothing, that
// organization stays as it is.
func commitForeign(w *world) {
	k, other := w.cast(), w.cast()
	web, edit := other.web, other.edit
	web.Name, edit.Name = "stolen", "stolen"
	for what, change := range map[string]func(c *orgusers.Changes){
		"a member updated": func(c *orgusers.Changes) {
			c.Members = []orgusers.MemberUpdate{{ID: other.ann.ID, Patch: orgusers.MemberPatch{Role: orgusers.Some(orgusers.RoleAdmin)}}}
		},
		"a member deleted":         func(c *orgusers.Changes) { c.DeleteMembers = []orgusers.MemberID{other.ann.ID} },
		"a member's roles revoked": func(c *orgusers.Changes) { c.Revoked = []orgusers.Revoke{{Member: other.ann.ID, Stack: other.web.ID}} },
		"a stack's roles revoked":  func(c *orgusers.Changes) { c.Revoked = []orgusers.Revoke{{Stack: other.web.ID}} },
		"a role revoked from all": func(c *orgusers.Changes) {
			c.Revoked = []orgusers.Revoke{{Role: other.edit.ID, On: []orgusers.StackID{other.web.ID}}}
		},
		"a stack replaced":          func(c *orgusers.Changes) { c.Stacks = []orgusers.Stack{web} },
		"a stack deleted":           func(c *orgusers.Changes) { c.DeleteStacks = []orgusers.StackID{other.web.ID} },
		"a role of stacks replaced": func(c *orgusers.Changes) { c.Roles = []orgusers.StackRole{edit} },
		"a role of stacks deleted":  func(c *orgusers.Changes) { c.DeleteRoles = []orgusers.RoleID{other.edit.ID} },
	} {
		before := w.dump()
		_ = w.try(k.org, change)
		after := w.dump()
		for i := range after.Orgs {
			if after.Orgs[i].ID == k.org {
				after.Orgs[i].Version = before.Orgs[i].Version
			}
		}
		w.same(before, after, what)
	}
}

// commitThousands passes more values in one call than one statement of any engine takes.
func commitThousands(w *world) {
	org := w.organization("Acme")
	people := 3000
	if w.share > 1 {
		people = 1500
	}
	var users []orgusers.User
	var rows []orgusers.Member
	stack, role := w.stack(org, "web", ""), w.role(org, "editor")
	c := orgusers.Changes{}
	var members []orgusers.MemberID
	var keys []orgusers.AddressKey
	var accounts []orgusers.UserID
	var sessions []orgusers.SessionID
	for range people {
		u := w.newAccount("p" + w.id())
		m := w.newMembership(org, u)
		users, rows = append(users, u), append(rows, m)
		members, keys, accounts = append(members, m.ID), append(keys, u.Address.Key), append(accounts, u.ID)
		c.Granted = append(c.Granted, orgusers.MemberGrant{Member: m.ID, Grant: orgusers.Grant{Stack: stack.ID, Role: role.ID}})
		c.Audit = append(c.Audit, w.newEntry(org, int64(len(rows)), true))
		c.Effects = append(c.Effects, w.newEffect(org, moment(len(rows))))
		session := orgusers.Session{ID: orgusers.SessionID(w.id()), User: u.ID, Token: w.id()}
		sessions = append(sessions, session.ID)
		c.NewSessions = append(c.NewSessions, session)
	}
	w.edit(org, func(e *orgusers.Changes) {
		c.Org, c.NewUsers, c.NewMembers = e.Org, users, rows
		*e = c
	})
	everybody := orgusers.ViewQuery{Org: org, Members: members, Joined: accounts, Keys: keys, Users: accounts, UserKeys: keys, Grants: true, Owned: true, Inviters: true}
	v := w.read(everybody)
	require.Len(w, v.Members, people)
	require.Len(w, v.Users, people)
	require.Len(w, w.dump().Effects, people)

	w.edit(org, func(c *orgusers.Changes) {
		for i := range v.Members {
			v.Members[i].Message = w.id() // each another, so that no two patches are equal
			v.Members[i].MFA, v.Members[i].Grants = true, nil
			c.Members = append(c.Members, orgusers.MemberUpdate{ID: v.Members[i].ID, Patch: orgusers.MemberPatch{Message: orgusers.Some(v.Members[i].Message)}})
			c.Revoked = append(c.Revoked, orgusers.Revoke{Member: v.Members[i].ID, Stack: stack.ID})
		}
		c.Users = w.updates(accounts, orgusers.UserPatch{Orgs: orgusers.Some(2)})
		c.DeleteSessions = sessions // all found
		logins := make(map[orgusers.UserID]time.Time)
		for i := range v.Users {
			v.Users[i].Orgs = 2
			v.Users[i].Version++
			logins[v.Users[i].ID] = moment(i + 1)
			c.Profiles = append(c.Profiles, orgusers.Profile{User: v.Users[i].ID, Name: v.Users[i].Name, MFA: true, LastLogin: moment(i + 1)})
		}
		for i := range v.Members {
			v.Members[i].LastLogin = logins[v.Members[i].User]
		}
	})
	got := w.read(everybody)
	w.same(v.Members, got.Members)
	w.same(v.Users, got.Users)

	before := w.dump()
	require.ErrorIs(w, w.try(org, func(c *orgusers.Changes) {
		c.Users = w.updates(accounts, orgusers.UserPatch{Orgs: orgusers.Some(3)})
		c.Users[people-1].Version-- // one stale version among thousands
	}), orgusers.ErrConflict)
	w.unchanged(before)

	w.edit(org, func(c *orgusers.Changes) {
		c.DeleteMembers = members
		c.DeleteUsers = w.updates(accounts, orgusers.UserPatch{})
	})
	d := w.dump()
	require.Empty(w, d.Members)
	require.Empty(w, d.Users)
}
