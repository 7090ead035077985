package storetest

import (
	"reflect"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// everything returns changes of every kind that fit the cast, with more people put in for them.
func (w *world) everything(k cast) orgusers.Changes {
	w.Helper()
	gone, extra := w.join(k.org, "gone"), w.role(k.org, "extra")
	first, second, theirs := w.signIn("ann"), w.signIn("ann"), w.signIn("owner")
	kept, closed := w.newIPRule(k.org, first, "db"), w.newIPRule(k.org, theirs, "db")
	w.signIn("gone")
	w.open(kept, closed)
	w.people["ann"], w.people["owner"] = w.user(k.ann.User), w.user(k.owner.User)
	replaced := second
	replaced.Token, replaced.Step = w.newSession(second.User).Token, orgusers.StepPassword
	app := k.app
	app.Name, app.Owner = "app 2", k.owner.User
	edit := k.edit
	edit.Name, edit.Permissions = "editor 2", []orgusers.Permission{"entries:all"}
	eve := w.newAccount("eve")
	joining := w.newMembership(k.org, eve)
	org := w.org(k.org)
	org.Name, org.Tally.Members = "Acme 2", 4
	return orgusers.Changes{
		Org:         &org,
		NewUsers:    []orgusers.User{eve},
		Users:       w.updates([]orgusers.UserID{k.ann.User, k.owner.User}, orgusers.UserPatch{Name: orgusers.Some(name("renamed"))}),
		DeleteUsers: w.updates([]orgusers.UserID{gone.User}, orgusers.UserPatch{}),
		Profiles:    []orgusers.Profile{{User: k.ann.User, Name: name("renamed"), MFA: true, LastLogin: moment(30)}},

		DeleteSessions: []orgusers.SessionID{second.ID, theirs.ID},
		NewSessions:    []orgusers.Session{replaced, w.newSession(eve.ID), w.newSession(k.ann.User)},
		NewIPRules:     []orgusers.IPRule{w.newIPRule(k.org, replaced, "cache"), w.newIPRule(k.org, first, "db")},
		DeleteIPRules:  []orgusers.IPRuleID{closed.ID, orgusers.IPRuleID(w.id())},

		NewMembers: []orgusers.Member{joining, w.newInvitation(k.org, "fay")},
		Members: []orgusers.MemberUpdate{
			{ID: k.bob.ID, Patch: orgusers.MemberPatch{Role: orgusers.Some(orgusers.RoleAdmin)}},
			{ID: k.cat.ID, Patch: orgusers.MemberPatch{Sends: orgusers.Some(2)}},
		},
		DeleteMembers: []orgusers.MemberID{gone.ID, k.dan.ID},
		Revoked:       []orgusers.Revoke{{Member: k.ann.ID, Stack: k.web.ID}, {Stack: k.lost.ID}},
		Granted: []orgusers.MemberGrant{
			{Member: k.ann.ID, Grant: orgusers.Grant{Stack: k.web.ID, Role: k.spare.ID}},
			{Member: joining.ID, Grant: orgusers.Grant{Stack: k.app.ID, Role: orgusers.RoleDeveloper}},
		},
		NewStacks:    []orgusers.Stack{w.newStack(k.org, "shop", k.ann.User), w.newStack(k.org, "blog", k.ann.User)},
		Stacks:       []orgusers.Stack{app},
		DeleteStacks: []orgusers.StackID{k.lost.ID},
		NewRoles:     []orgusers.StackRole{w.newRole(k.org, "reader"), w.newRole(k.org, "writer")},
		Roles:        []orgusers.StackRole{edit},
		DeleteRoles:  []orgusers.RoleID{extra.ID},
		Audit:        []orgusers.AuditEntry{w.newEntry(k.org, 1, true), w.newEntry(k.org, 2, true)},
		Effects:      []orgusers.Effect{w.newEffect(k.org, moment(10)), w.newEffect(k.org, moment(11))},
		Counters:     []orgusers.Counter{{Key: dumpedCounters()[0], Add: 2, ExpiresAt: moment(100)}, {Key: dumpedCounters()[1], Add: 3, ExpiresAt: moment(100), Most: 43}},
		Request:      &orgusers.Request{Org: k.org, ID: "everything", Digest: "d", Report: []byte("{}"), At: moment(10)},
	}
}

// updates makes guarded updates at the versions that now stand, sorted by id.
func (w *world) updates(users []orgusers.UserID, p orgusers.UserPatch) []orgusers.UserUpdate {
	w.Helper()
	var up []orgusers.UserUpdate
	for _, u := range w.read(orgusers.ViewQuery{Users: users}).Users {
		up = append(up, orgusers.UserUpdate{ID: u.ID, Version: u.Version, Patch: p})
	}
	require.Len(w, up, len(users))
	return up
}

func commitEverything(w *world) {
	k := w.cast()
	c := w.everything(k)
	for i := range reflect.TypeFor[orgusers.Changes]().NumField() {
		if f := reflect.TypeFor[orgusers.Changes]().Field(i); f.Name != "NewOrg" {
			require.False(w, reflect.ValueOf(c).Field(i).IsZero(), "the suite commits no %s", f.Name)
		}
	}
	require.Equal(w, []int64{40}, w.bump(orgusers.Counter{Key: c.Counters[1].Key, Add: 40, ExpiresAt: moment(100)}))
	want := w.dump()
	require.NoError(w, w.Commit(w.ctx, c))

	want.Orgs[0] = c.Org.Clone()
	want.Orgs[0].Version++
	want.Users = nil
	for _, u := range []orgusers.User{w.account("owner"), w.account("ann"), w.account("bob"), w.account("dan"), c.NewUsers[0]} {
		for _, up := range c.Users {
			if up.ID == u.ID {
				up.Patch.Apply(&u)
				u.Version++
			}
		}
		want.Users = append(want.Users, u)
	}
	ann, bob, cat := k.ann, k.bob, k.cat
	ann.Name, ann.MFA, ann.LastLogin = name("renamed"), true, moment(30)
	ann.Grants = orgusers.SortGrants([]orgusers.Grant{{Stack: k.web.ID, Role: k.spare.ID}, {Stack: k.app.ID, Role: k.edit.ID}})
	bob.Role, cat.Sends = orgusers.RoleAdmin, 2
	joining := c.NewMembers[0]
	joining.Grants = []orgusers.Grant{c.Granted[1].Grant}
	want.Members = []orgusers.Member{k.owner, ann, bob, cat, joining, c.NewMembers[1]}
	want.Stacks = []orgusers.Stack{k.web, c.Stacks[0], c.NewStacks[0], c.NewStacks[1]}
	want.Roles = []orgusers.StackRole{c.Roles[0], k.spare, c.NewRoles[0], c.NewRoles[1]}
	want.Sessions = append(slices.DeleteFunc(want.Sessions, func(s orgusers.Session) bool {
		return slices.Contains(c.DeleteSessions, s.ID) || s.User == c.DeleteUsers[0].ID
	}), c.NewSessions...)
	want.IPRules = append(slices.DeleteFunc(want.IPRules, func(r orgusers.IPRule) bool { return slices.Contains(c.DeleteIPRules, r.ID) }), c.NewIPRules...)
	want.Counters = map[string]int64{c.Counters[0].Key: 2, c.Counters[1].Key: 43}
	want.Audit, want.Effects, want.Requests = c.Audit, c.Effects, []orgusers.Request{*c.Request}
	w.same(want.inOrder(), w.dump("everything").inOrder())
}

// inOrder sorts what a check listed by hand.
func (d dump) inOrder() dump {
	v := sortedView(orgusers.View{Members: d.Members, Users: d.Users, Stacks: d.Stacks, Roles: d.Roles})
	d.Members, d.Users, d.Stacks, d.Roles = v.Members, v.Users, v.Stacks, v.Roles
	d.Sessions, d.IPRules = sortedSessions(d.Sessions...), sortedRules(d.IPRules...)
	d.Effects = sorted(d.Effects, func(e *orgusers.Effect) orgusers.EffectID { return e.ID })
	return d
}
