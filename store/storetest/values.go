package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func valueChecks() []check {
	return []check{
		{"Values/S178_TimesToTheMicrosecond", valuesTimes},
		{"Values/S178_TimesInConditions", valuesTimeConditions},
		{"Values/S185_StringsByteForByte", valuesStrings},
		{"Values/Large", valuesLarge},
	}
}

// times are moments that stores lose: none, the beginning of Unix time, which is not none, the one
// before it, halves that are rounded up or to even, and the ends.
func times() []time.Time {
	return []time.Time{
		{},
		time.Unix(0, 0).UTC(),
		time.Unix(0, -1000).UTC(),
		time.Date(2031, 1, 2, 3, 4, 5, 1000, time.UTC),
		time.Date(2031, 1, 2, 3, 4, 5, 999_999_000, time.UTC),
		time.Date(2031, 1, 2, 3, 4, 5, 500_000_000, time.UTC),
		time.Date(2031, 1, 2, 3, 4, 5, 500_500_000, time.UTC),
		time.Date(2031, 3, 30, 2, 30, 0, 123_457_000, time.UTC), // skipped where clocks go forward
		time.Date(2031, 10, 26, 2, 30, 0, 654_321_000, time.UTC),
		time.Date(2024, 2, 29, 23, 59, 59, 1000, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	}
}

func valuesTimes(w *world) {
	k := w.cast()
	session := w.signIn("ann")
	for _, at := range times() {
		session.CreatedAt, session.SeenAt, session.ExpiresAt, session.MFAAt, session.ProvedAt = at, at, at, at, at
		rule := w.newIPRule(k.org, session, "db")
		rule.OpenedAt, rule.ExpiresAt = at, at
		w.edit(k.org, func(c *orgusers.Changes) {
			c.DeleteSessions, c.NewSessions, c.NewIPRules = []orgusers.SessionID{session.ID}, []orgusers.Session{session}, []orgusers.IPRule{rule}
			c.Org.CreatedAt, c.Org.LeftAt, c.Org.Transfer = at, at, orgusers.Transfer{To: address("heir"), OfferedAt: at, ExpiresAt: at, SentAt: at}
			c.Users = w.updates([]orgusers.UserID{k.ann.User}, orgusers.UserPatch{
				SessionsValidFrom: orgusers.Some(at), LockedUntil: orgusers.Some(at), LastLogin: orgusers.Some(at), MFA: orgusers.Some(orgusers.MFA{EnrolledAt: at}),
			})
			c.Members = []orgusers.MemberUpdate{{ID: k.ann.ID, Patch: orgusers.MemberPatch{
				InvitedAt: orgusers.Some(at), ExpiresAt: orgusers.Some(at), LastLogin: orgusers.Some(at), JoinedAt: orgusers.Some(at),
				ValidFrom: orgusers.Some(at),
			}}}
		})
		// Compared whole, as the rules compare them: the location counts.
		o, u, m, a := w.org(k.org), w.user(k.ann.User), w.member(k.org, k.ann.ID), w.access(k.ann.User, k.org)
		s := w.session(session.Token)
		rules := w.ipRules(orgusers.IPRuleQuery{User: k.ann.User})
		last := rules[slices.IndexFunc(rules, func(r orgusers.IPRuleView) bool { return r.ID == rule.ID })]
		for i, got := range []time.Time{
			s.Session.CreatedAt, s.Session.SeenAt, s.Session.ExpiresAt, s.Session.MFAAt, s.Session.ProvedAt, s.ValidFrom, s.MemberFrom,
			last.OpenedAt, last.ExpiresAt, last.Session.SeenAt, last.ValidFrom, last.MemberFrom, u.LastLogin,
			o.CreatedAt, o.LeftAt, o.Transfer.OfferedAt, o.Transfer.ExpiresAt, o.Transfer.SentAt,
			u.SessionsValidFrom, u.LockedUntil, u.MFA.EnrolledAt, m.InvitedAt, m.ExpiresAt, m.LastLogin, m.JoinedAt,
			a.SessionsValidFrom, a.Member.ValidFrom, m.ValidFrom,
		} {
			require.Equal(w, at, got, "time %d", i)
		}
	}
}

// valuesTimeConditions: one microsecond is a difference where times are sorted, bounded and due.
func valuesTimeConditions(w *world) {
	org := w.organization("Acme")
	at, tick := moment(5), time.Microsecond
	var rows []orgusers.Member
	var entries []orgusers.AuditEntry
	var effects []orgusers.Effect
	for i := range 4 {
		m := w.newMembership(org, w.account(fmt.Sprintf("p%d", i)))
		m.LastLogin = at.Add(time.Duration(3-i) * tick)
		rows = append(rows, m)
		e := w.newEntry(org, int64(i), true)
		e.At = at.Add(time.Duration(i) * tick)
		entries = append(entries, e)
		effects = append(effects, w.newEffect(org, at.Add(time.Duration(3-i)*tick)))
	}
	w.edit(org, func(c *orgusers.Changes) { c.NewMembers, c.Audit, c.Effects = rows, entries, effects })
	page, err := w.Members(w.ctx, orgusers.MemberQuery{
		Org: org, Sort: orgusers.SortLastLogin, Limit: 2, MemberFilter: orgusers.MemberFilter{InactiveSince: at.Add(3 * tick)},
		After: &orgusers.MemberKey{Time: at, ID: rows[3].ID},
	})
	require.NoError(w, err)
	w.same([]orgusers.Member{rows[2], rows[1]}, page)
	trail, err := w.Audit(w.ctx, orgusers.AuditQuery{Org: org, From: at.Add(tick), To: at.Add(3 * tick), Limit: 5})
	require.NoError(w, err)
	w.same(entries[1:3], trail)
	claimed, err := w.Claim(w.ctx, orgusers.ClaimQuery{Now: at.Add(tick), Until: at.Add(2 * tick), Lease: w.id(), Limit: 5})
	require.NoError(w, err)
	require.Equal(w, []orgusers.EffectID{effects[3].ID, effects[2].ID}, effectIDs(claimed))
	require.NoError(w, w.Touch(w.ctx, rows[3].User, at.Add(tick)))
	require.Equal(w, at.Add(tick), w.member(org, rows[3].ID).LastLogin)
}

// texts are strings that drivers, protocols, engines and encoders have each been known to change.
func texts() []string {
	return []string{
		"", " ", "  two  ", "trailing ", " leading", "tab\tand\nnewline\r\n", "\x01\x1f\x7f",
		"O'Neil", `"quoted"`, `back\slash\`, `\n \x00 \u0000`, "$1 $2", "? ??", ":name @name #{x} %s %d %%", "%", "_", "`tick`",
		"'; DROP TABLE members; --", "/* comment */", "NULL", "null", "0", "00", "-1", "1e3", "true", "{}", "[1]", "2031-01-02",
		"é", "e\u0301", "ﬁ", "𝔘𝔫𝔦", "👩\u200d👩\u200d👧", "\U0010FFFF", "\u2028", "\ufeffbom", "\u202eltr", "İıſK", "日本語", "שלום", "<b>&amp;</b>",
	}
}

func valuesStrings(w *world) {
	k := w.cast()
	for i, s := range texts() {
		entry, effect := w.newEntry(k.org, int64(i), true), w.newEffect(k.org, moment(i))
		entry.Agent, entry.Session, entry.Object, entry.Before, entry.After, entry.ActorEmail = s, s, s, s, s, s
		effect.LastError = s
		effect.Mail = orgusers.MailData{Kind: orgusers.MailInvitation, To: s, ToName: s, OrgName: s, ActorName: s, Message: s}
		stack, role := k.web, k.edit
		stack.Name, role.Name, role.Description = s, s, s
		fullName := orgusers.Name{First: s, Last: s}
		session := w.newSession(k.ann.User)
		session.Agent = s
		groups := []orgusers.GroupRole{{Group: s, Role: orgusers.RoleAdmin}, {Group: "x", Grants: []orgusers.Grant{{Stack: k.web.ID, Role: orgusers.RoleDeveloper}}}}
		w.edit(k.org, func(c *orgusers.Changes) {
			c.Org.Name, c.Org.Settings.AllowedDomains, c.Org.Plan.Name, c.Org.AuditHead = s, []string{s, "x"}, s, s
			c.Org.Settings.Groups, c.NewSessions = groups, []orgusers.Session{session}
			c.Org.Transfer.To = orgusers.Address{Email: s + "@Example.com", Key: "a@example.com"}
			c.Stacks, c.Roles = []orgusers.Stack{stack}, []orgusers.StackRole{role}
			c.Users = w.updates([]orgusers.UserID{k.ann.User}, orgusers.UserPatch{
				Name: orgusers.Some(fullName), Password: orgusers.Some(orgusers.PasswordHash(s)),
				MFA: orgusers.Some(orgusers.MFA{Secret: s, Recovery: s, EnrolledAt: moment(1)}),
			})
			c.Profiles = []orgusers.Profile{{User: k.ann.User, Name: fullName, MFA: true}}
			c.Members = []orgusers.MemberUpdate{{ID: k.bob.ID, Patch: orgusers.MemberPatch{
				Name: orgusers.Some(fullName), Message: orgusers.Some(s), InvitedByEmail: orgusers.Some(s), Subject: orgusers.Some(s),
			}}}
			c.Audit, c.Effects = []orgusers.AuditEntry{entry}, []orgusers.Effect{effect}
		})
		o, u, m := w.org(k.org), w.user(k.ann.User), w.member(k.org, k.bob.ID)
		v := w.read(orgusers.ViewQuery{Org: k.org, Stacks: []orgusers.StackID{stack.ID}, Roles: true})
		require.Contains(w, v.Roles, role)
		w.same([]orgusers.Stack{stack}, v.Stacks)
		w.same([]string{s, "x"}, o.Settings.AllowedDomains)
		w.same(groups, o.Settings.Groups)
		for j, got := range []string{
			o.Name, o.Plan.Name, o.AuditHead, strings.TrimSuffix(o.Transfer.To.Email, "@Example.com"), u.Name.First, u.Name.Last,
			string(u.Password), u.MFA.Secret, u.MFA.Recovery, m.Name.First, m.Name.Last, m.Message, m.InvitedByEmail, m.Subject, w.session(session.Token).Session.Agent,
			w.member(k.org, k.ann.ID).Name.Last,
		} {
			require.Equal(w, s, got, "string %d", j)
		}
		trail, err := w.Audit(w.ctx, orgusers.AuditQuery{Org: k.org, Descending: true, Limit: 1})
		require.NoError(w, err)
		w.same([]orgusers.AuditEntry{entry}, trail)
		w.same(effect, w.effect(effect.ID))
	}
}

// valuesLarge are the largest values that the rules let through, and a report of a thousand people.
func valuesLarge(w *world) {
	k := w.cast()
	wide := strings.Repeat("\U0001F600", 100) // 100 code points in 400 bytes
	local := strings.Repeat("l", 64)
	long := orgusers.Address{
		Email: local + "@" + strings.Repeat("d", 185) + ".com",
		Key:   orgusers.AddressKey(local + "@" + strings.Repeat("d", 185) + ".com"),
	}
	require.Len(w, string(long.Key), 254)
	u := w.newAccount("long")
	u.Address, u.Name, u.Password = long, orgusers.Name{First: wide, Last: wide}, orgusers.PasswordHash(strings.Repeat("h", 512))
	u.MFA = orgusers.MFA{Secret: strings.Repeat("s", 255), Recovery: strings.Repeat(strings.Repeat("r", 64)+" ", 16), EnrolledAt: moment(1), LastStep: 1 << 60}
	m := w.newMembership(k.org, u)
	m.Message, m.Subject = strings.Repeat("ж", 2000), strings.Repeat("s", 255)
	session := w.newSession(u.ID)
	session.Agent, session.Token = strings.Repeat("ü", 512), strings.Repeat("f", 64)
	rule := w.newIPRule(k.org, session, strings.Repeat("r", 128))
	stack, role := w.newStack(k.org, wide, u.ID), w.newRole(k.org, strings.Repeat("名", 160))
	role.Description, role.Permissions = strings.Repeat("\U0001F600", 320), nil
	for i := range 100 {
		role.Permissions = append(role.Permissions, orgusers.Permission(fmt.Sprintf("%03d:%s", i, strings.Repeat("p", 60))))
	}
	request := orgusers.Request{
		Org: k.org, ID: strings.Repeat("r", 128), Digest: strings.Repeat("d", 64), At: moment(1),
		Report: []byte(`{"outcomes":["` + strings.Repeat("é", 1<<19) + `"]}`),
	}
	entry := w.newEntry(k.org, 1<<40, true)
	entry.At = moment(1) // not that far
	entry.Agent, entry.Request, entry.Before = strings.Repeat("ü", 128), request.ID, strings.Repeat("b", 4000)
	effect := w.newEffect(k.org, moment(1))
	effect.Mail.Message, effect.Mail.ToName, effect.LastError = m.Message, wide+" "+wide, strings.Repeat("e", 512)
	want := w.org(k.org)
	want.Name = wide
	for i := range 30 {
		want.Settings.AllowedDomains = append(want.Settings.AllowedDomains, fmt.Sprintf("%02d%s", i, strings.Repeat("d", 251)))
	}
	for i := range 200 {
		want.Settings.Groups = append(want.Settings.Groups, orgusers.GroupRole{
			Group: fmt.Sprintf("%03d%s", i, wide), Role: orgusers.RoleMember, Grants: []orgusers.Grant{{Stack: k.web.ID, Role: k.edit.ID}, {Stack: k.app.ID, Role: k.edit.ID}},
		})
	}
	want.Plan.Limits = []orgusers.Limit{{Resource: orgusers.ResourceAPICalls, Max: 1 << 62}}
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
		Org: &want, NewUsers: []orgusers.User{u}, NewMembers: []orgusers.Member{m}, NewStacks: []orgusers.Stack{stack},
		NewSessions: []orgusers.Session{session}, NewIPRules: []orgusers.IPRule{rule},
		NewRoles: []orgusers.StackRole{role}, Request: &request, Audit: []orgusers.AuditEntry{entry}, Effects: []orgusers.Effect{effect},
	}))
	want.Version++
	got := w.read(orgusers.ViewQuery{Org: k.org, Request: request.ID, Keys: []orgusers.AddressKey{long.Key}, UserKeys: []orgusers.AddressKey{long.Key}, Stacks: []orgusers.StackID{stack.ID}})
	w.same(orgusers.View{Org: want, Request: &request, Members: []orgusers.Member{m}, Users: []orgusers.User{u}, Stacks: []orgusers.Stack{stack}}, got)
	require.Contains(w, w.read(orgusers.ViewQuery{Org: k.org, Roles: true}).Roles, role)
	d := w.dump()
	w.same([]orgusers.AuditEntry{entry}, d.Audit)
	w.same([]orgusers.Effect{effect}, d.Effects)
	w.same([]orgusers.Session{session}, d.Sessions)
	w.same([]orgusers.IPRule{rule}, rulesOnly(w.ipRules(orgusers.IPRuleQuery{Org: k.org, IP: rule.IP, Resource: rule.Resource})))
}
