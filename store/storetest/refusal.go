package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// spoiler is one thing that makes a commit impossible. It is applied to changes of every kind that
// would otherwise fit; the answer must be ErrConflict, and of all the rest nothing may be written.
type spoiler struct {
	name  string
	spoil func(w *world, k cast, c *orgusers.Changes)
}

func refusalChecks() []check {
	var list []check
	for _, s := range spoilers() {
		list = append(list, check{"Refused/" + s.name, func(w *world) { refused(w, s) }})
	}
	return append(list, check{"Refused/RequestRecordedBefore", refusedRecordedRequest})
}

func refused(w *world, s spoiler) {
	k := w.cast()
	w.cast() // so that a row in every table belongs elsewhere
	w.edit(k.org, func(c *orgusers.Changes) {
		c.Audit = []orgusers.AuditEntry{w.newEntry(k.org, 9, false)}
		c.Effects = []orgusers.Effect{w.newEffect(k.org, moment(9))}
		c.Request = &orgusers.Request{Org: k.org, ID: "before", Digest: "d", Report: []byte(`"first"`), At: moment(9)}
	})
	c := w.everything(k)
	s.spoil(w, k, &c)
	before := w.dump("before", "everything")
	require.ErrorIs(w, w.Commit(w.ctx, c), orgusers.ErrConflict)
	w.unchanged(before, "before", "everything")

	// It was the spoiler alone, and the store goes on.
	w.edit(k.org, func(c *orgusers.Changes) { c.Org.Name = "still at work" })
	require.Equal(w, "still at work", w.org(k.org).Name)
}

func spoilers() []spoiler {
	last := func(s []orgusers.UserUpdate) *orgusers.UserUpdate { return &s[len(s)-1] }
	return []spoiler{
		{"OrganizationAtOlderVersion", func(_ *world, _ cast, c *orgusers.Changes) { c.Org.Version-- }},
		{"OrganizationAtNewerVersion", func(_ *world, _ cast, c *orgusers.Changes) { c.Org.Version++ }},
		{"OrganizationUnknown", func(w *world, _ cast, c *orgusers.Changes) { c.Org.ID = orgusers.OrgID(w.id()) }},
		{"NewOrganizationIDTaken", func(_ *world, _ cast, c *orgusers.Changes) { c.NewOrg = true }},

		{"UserAtOlderVersion", func(_ *world, _ cast, c *orgusers.Changes) { c.Users[0].Version-- }},
		{"UserAtNewerVersion", func(_ *world, _ cast, c *orgusers.Changes) { c.Users[0].Version++ }},
		{"LastOfUsersAtOlderVersion", func(_ *world, _ cast, c *orgusers.Changes) { last(c.Users).Version-- }},
		{"UserUnknown", func(w *world, _ cast, c *orgusers.Changes) { last(c.Users).ID = orgusers.UserID("ffff" + w.id()[4:]) }},
		{"DeletedUserAtOlderVersion", func(_ *world, _ cast, c *orgusers.Changes) { last(c.DeleteUsers).Version-- }},
		{"DeletedUserAtNewerVersion", func(_ *world, _ cast, c *orgusers.Changes) { last(c.DeleteUsers).Version++ }},
		{"DeletedUserUnknown", func(w *world, _ cast, c *orgusers.Changes) { last(c.DeleteUsers).ID = orgusers.UserID(w.id()) }},
		{"NewUserIDTaken", func(_ *world, k cast, c *orgusers.Changes) { c.NewUsers[0].ID = k.dan.User }},
		{"NewUserAddressTaken", func(_ *world, k cast, c *orgusers.Changes) { c.NewUsers[0].Address = k.dan.Address }},
		{"NewUserAddressTwice", func(w *world, _ cast, c *orgusers.Changes) {
			c.NewUsers = append(c.NewUsers, w.newAccount("eve"))
		}},

		{"DeletedSessionUnknown", func(w *world, _ cast, c *orgusers.Changes) { c.DeleteSessions[1] = orgusers.SessionID(w.id()) }},
		{"NewSessionIDTaken", func(w *world, _ cast, c *orgusers.Changes) { c.NewSessions[2].ID = w.signIn("dan").ID }},
		{"NewSessionIDTwice", func(_ *world, _ cast, c *orgusers.Changes) { c.NewSessions[2].ID = c.NewSessions[1].ID }},
		{"NewSessionTokenTaken", func(w *world, _ cast, c *orgusers.Changes) { c.NewSessions[2].Token = w.signIn("dan").Token }},
		{"NewSessionTokenTwice", func(_ *world, _ cast, c *orgusers.Changes) { c.NewSessions[2].Token = c.NewSessions[1].Token }},
		{"ReplacedSessionStays", func(_ *world, _ cast, c *orgusers.Changes) { c.DeleteSessions = c.DeleteSessions[1:] }},
		{"NewIPRuleIDTaken", func(w *world, k cast, c *orgusers.Changes) {
			r := w.newIPRule(k.org, w.signIn("dan"), "db")
			w.open(r)
			c.NewIPRules[1].ID = r.ID
		}},
		{"NewIPRuleIDTwice", func(_ *world, _ cast, c *orgusers.Changes) { c.NewIPRules[1].ID = c.NewIPRules[0].ID }},

		{"MemberUnknown", func(w *world, _ cast, c *orgusers.Changes) { c.Members[1].ID = orgusers.MemberID(w.id()) }},
		{"S156_MemberElsewhere", func(w *world, _ cast, c *orgusers.Changes) { c.Members[1].ID = w.cast().ann.ID }},
		{"DeletedMemberUnknown", func(w *world, _ cast, c *orgusers.Changes) { c.DeleteMembers[1] = orgusers.MemberID(w.id()) }},
		{"S156_DeletedMemberElsewhere", func(w *world, _ cast, c *orgusers.Changes) { c.DeleteMembers[1] = w.cast().ann.ID }},
		{"NewMemberIDTaken", func(_ *world, k cast, c *orgusers.Changes) { c.NewMembers[1].ID = k.owner.ID }},
		{"NewMemberAddressTaken", func(_ *world, k cast, c *orgusers.Changes) { c.NewMembers[1].Address = k.owner.Address }},
		{"NewMemberAddressTwice", func(_ *world, _ cast, c *orgusers.Changes) { c.NewMembers[1].Address = c.NewMembers[0].Address }},

		{"CounterAboveItsBound", func(w *world, _ cast, c *orgusers.Changes) {
			w.bump(orgusers.Counter{Key: c.Counters[1].Key, Add: 4, ExpiresAt: moment(100)})
			c.Counters[1].Most = 4 + c.Counters[1].Add - 1
		}},

		{"NewStackIDTaken", func(_ *world, k cast, c *orgusers.Changes) { c.NewStacks[1].ID = k.web.ID }},
		{"NewStackNameTaken", func(_ *world, k cast, c *orgusers.Changes) { c.NewStacks[1].Name = k.web.Name }},
		{"NewStackNameTwice", func(_ *world, _ cast, c *orgusers.Changes) { c.NewStacks[1].Name = c.NewStacks[0].Name }},
		{"StackNameTaken", func(_ *world, k cast, c *orgusers.Changes) { c.Stacks[0].Name = k.web.Name }},
		{"NewRoleIDTaken", func(_ *world, k cast, c *orgusers.Changes) { c.NewRoles[1].ID = k.spare.ID }},
		{"NewRoleNameTaken", func(_ *world, k cast, c *orgusers.Changes) { c.NewRoles[1].Name = k.spare.Name }},
		{"NewRoleNameTwice", func(_ *world, _ cast, c *orgusers.Changes) { c.NewRoles[1].Name = c.NewRoles[0].Name }},
		{"RoleNameTaken", func(_ *world, k cast, c *orgusers.Changes) { c.Roles[0].Name = k.spare.Name }},

		{"EntryTwice", func(_ *world, _ cast, c *orgusers.Changes) { c.Audit[1] = c.Audit[0] }},
		{"EffectTwice", func(_ *world, _ cast, c *orgusers.Changes) { c.Effects[1].ID = c.Effects[0].ID }},
		{"RequestAnsweredBefore", func(_ *world, _ cast, c *orgusers.Changes) { c.Request.ID = "before" }},
	}
}

func refusedRecordedRequest(w *world) {
	k := w.cast()
	r := orgusers.Request{Org: k.org, ID: "r", Digest: "d", Report: []byte("{}"), At: moment(1)}
	require.NoError(w, w.Record(w.ctx, nil, &r))
	before := w.dump("r")
	require.ErrorIs(w, w.try(k.org, func(c *orgusers.Changes) { c.Org.Name, c.Request = "changed", &r }), orgusers.ErrConflict)
	w.unchanged(before, "r")
}
