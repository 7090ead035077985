package storetest

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func ipRuleChecks() []check {
	return []check{
		{"Kept/IPRule", keptIPRule},
		{"IPRules/PagesOfAnAccountAndOfAPlace", ipRulesPages},
		{"IPRules/WithWhatTheyHangOn", ipRulesHang},
		{"IPRules/OutliveTheAccount", ipRulesOfNobody},
		{"Prune/IPRulesThatExpired", pruneIPRules},
	}
}

// newIPRule makes a rule on the session's address.
func (w *world) newIPRule(org orgusers.OrgID, s orgusers.Session, resource string) orgusers.IPRule {
	return orgusers.IPRule{
		ID: orgusers.IPRuleID(w.id()), Org: org, User: s.User, Session: s.ID, IP: s.IP, Resource: resource,
		OpenedAt: moment(3), ExpiresAt: moment(1000),
	}
}

// open writes IP rules.
func (w *world) open(rules ...orgusers.IPRule) {
	w.Helper()
	var users []orgusers.UserID
	for _, r := range rules {
		users = append(users, r.User)
	}
	slices.Sort(users)
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
		Users: w.updates(slices.Compact(users), orgusers.UserPatch{}), NewIPRules: rules,
	}))
}

func (w *world) ipRules(q orgusers.IPRuleQuery) []orgusers.IPRuleView {
	w.Helper()
	q.Limit = math.MaxInt32
	page, err := w.IPRules(w.ctx, q)
	require.NoError(w, err)
	return page
}

// rulesOnly are the rules of a page without what they hang on.
func rulesOnly(page []orgusers.IPRuleView) []orgusers.IPRule {
	var rules []orgusers.IPRule
	for i := range page {
		rules = append(rules, page[i].IPRule)
	}
	return rules
}

func sortedRules(rules ...orgusers.IPRule) []orgusers.IPRule {
	return sorted(rules, func(r *orgusers.IPRule) orgusers.IPRuleID { return r.ID })
}

func keptIPRule(w *world) {
	ann := w.account("ann").ID
	rules := []orgusers.IPRule{{ID: orgusers.IPRuleID(w.id()), User: ann}}
	for _, ip := range []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "::"} {
		r := filled[orgusers.IPRule](w)
		r.User, r.IP = ann, netip.MustParseAddr(ip)
		rules = append(rules, r)
	}
	w.open(rules...)
	w.same(sortedRules(rules...), rulesOnly(w.ipRules(orgusers.IPRuleQuery{User: ann})))
	for _, r := range rules[1:] {
		w.same([]orgusers.IPRule{r}, rulesOnly(w.ipRules(orgusers.IPRuleQuery{Org: r.Org, IP: r.IP, Resource: r.Resource})))
	}
}

func ipRulesPages(w *world) {
	k, other := w.cast(), w.cast()
	ann, owner := w.signIn("ann"), w.signIn("owner")
	ann.IP = owner.IP // one address for both
	mapped := ann
	mapped.IP = netip.AddrFrom16(ann.IP.As16())
	require.NotEqual(w, ann.IP, mapped.IP)
	var ofAnn, place []orgusers.IPRule
	for range 3 {
		ofAnn = append(ofAnn, w.newIPRule(k.org, ann, "db"))
	}
	theirs := w.newIPRule(k.org, owner, "db")
	place = append(slices.Clone(ofAnn), theirs)
	ofAnn = append(ofAnn,
		w.newIPRule(other.org, ann, "db"), w.newIPRule(k.org, ann, "DB"), w.newIPRule(k.org, ann, "db "), w.newIPRule(k.org, mapped, "db"))
	w.open(append(slices.Clone(ofAnn), theirs)...)

	for _, c := range []struct {
		q    orgusers.IPRuleQuery
		want []orgusers.IPRule
	}{
		{orgusers.IPRuleQuery{User: ann.User}, ofAnn},
		{orgusers.IPRuleQuery{User: owner.User}, []orgusers.IPRule{theirs}},
		{orgusers.IPRuleQuery{Org: k.org, IP: ann.IP, Resource: "db"}, place},
		{orgusers.IPRuleQuery{Org: k.org, IP: ann.IP, Resource: "DB"}, ofAnn[4:5]},
		{orgusers.IPRuleQuery{Org: k.org, IP: mapped.IP, Resource: "db"}, ofAnn[6:7]},
		{orgusers.IPRuleQuery{Org: other.org, IP: ann.IP, Resource: "db"}, ofAnn[3:4]},
		{orgusers.IPRuleQuery{Org: k.org}, append(slices.Clone(place), ofAnn[4:]...)},
		{orgusers.IPRuleQuery{Org: other.org}, ofAnn[3:4]},
		{orgusers.IPRuleQuery{Org: orgusers.OrgID(w.id())}, nil},
		{orgusers.IPRuleQuery{}, nil},
		{orgusers.IPRuleQuery{Org: k.org, Resource: "db"}, nil},
		{orgusers.IPRuleQuery{User: orgusers.UserID(w.id())}, nil},
		{orgusers.IPRuleQuery{Org: k.org, IP: ann.IP, Resource: "%"}, nil},
	} {
		for _, limit := range []int{1, 2, 100} {
			c.q.Limit, c.q.After = limit, ""
			var got []orgusers.IPRule
			for {
				page, err := w.IPRules(w.ctx, c.q)
				require.NoError(w, err)
				require.LessOrEqual(w, len(page), limit)
				got = append(got, rulesOnly(page)...)
				if len(page) < limit || len(got) > len(c.want) {
					break
				}
				c.q.After = page[len(page)-1].ID
			}
			w.same(sortedRules(c.want...), got)
		}
	}
}

func ipRulesHang(w *world) {
	k, elsewhere := w.cast(), w.organization("Elsewhere")
	ann, dan := w.signIn("ann"), w.signIn("dan")
	gone := w.newSession(ann.User)
	rules := []orgusers.IPRule{
		w.newIPRule(k.org, ann, "active"), w.newIPRule(k.org, gone, "no session"), w.newIPRule(elsewhere, ann, "not there"), w.newIPRule(k.org, dan, "inactive"),
	}
	w.open(rules...)
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
		Users: w.updates([]orgusers.UserID{ann.User}, orgusers.UserPatch{SessionsValidFrom: orgusers.Some(moment(7))}),
	}))
	w.edit(elsewhere, func(c *orgusers.Changes) { c.Org.Disabled = true })
	w.invite(elsewhere, "ann") // invited is not in it
	demands := orgusers.Settings{
		Closed: []orgusers.Action{orgusers.ActionRemove}, SSO: filled[orgusers.SSO](w), Security: filled[orgusers.Security](w),
	}
	w.edit(k.org, func(c *orgusers.Changes) {
		c.Org.OwnerID, c.Org.Settings = dan.User, demands
		c.Members = []orgusers.MemberUpdate{{ID: k.ann.ID, Patch: orgusers.MemberPatch{WithoutSSO: orgusers.Some(true), ValidFrom: orgusers.Some(moment(8))}}}
		c.Users = w.updates([]orgusers.UserID{dan.User}, orgusers.UserPatch{MFA: orgusers.Some(orgusers.MFA{Secret: "x", EnrolledAt: moment(2)})})
	})
	view := func(i int, s orgusers.Session, more orgusers.IPRuleView) orgusers.IPRuleView {
		more.IPRule, more.Session = rules[i], s
		if more.ValidFrom = moment(7); rules[i].User == dan.User {
			more.ValidFrom, more.MFA = time.Time{}, true
		}
		if rules[i].Org == k.org {
			more.OwnerID, more.SSO, more.Security = dan.User, demands.SSO, demands.Security
		}
		return more
	}
	views := func() []orgusers.IPRuleView {
		return []orgusers.IPRuleView{
			view(0, ann, orgusers.IPRuleView{Status: orgusers.StatusActive, WithoutSSO: true, MemberFrom: moment(8)}),
			view(1, orgusers.Session{}, orgusers.IPRuleView{Status: orgusers.StatusActive, WithoutSSO: true, MemberFrom: moment(8)}),
			view(2, ann, orgusers.IPRuleView{Disabled: true}),
			view(3, dan, orgusers.IPRuleView{Status: orgusers.StatusInactive}),
		}
	}
	shown := func(want []orgusers.IPRuleView) {
		w.Helper()
		byID := func(v *orgusers.IPRuleView) orgusers.IPRuleID { return v.ID }
		w.same(sorted(want[:3], byID), w.ipRules(orgusers.IPRuleQuery{User: ann.User}))
		w.same(want[3:], w.ipRules(orgusers.IPRuleQuery{User: dan.User}))
		w.same(want[:1], w.ipRules(orgusers.IPRuleQuery{Org: k.org, IP: ann.IP, Resource: "active"}))
	}
	shown(views())

	require.NoError(w, w.Seen(w.ctx, ann.ID, moment(40)))
	ann.SeenAt = moment(40)
	shown(views())
	w.edit(k.org, func(c *orgusers.Changes) {
		c.Org.Disabled = true
		c.Members = []orgusers.MemberUpdate{{ID: k.dan.ID, Patch: orgusers.MemberPatch{Status: orgusers.Some(orgusers.StatusActive)}}}
		c.DeleteMembers = []orgusers.MemberID{k.ann.ID}
		c.Users = w.updates([]orgusers.UserID{ann.User}, orgusers.UserPatch{})
		c.DeleteSessions = []orgusers.SessionID{ann.ID}
	})
	want := views()
	for i := range want {
		want[i].Disabled = true
		if want[i].User == ann.User {
			want[i].Session, want[i].Status, want[i].WithoutSSO, want[i].MemberFrom = orgusers.Session{}, "", false, time.Time{}
		}
	}
	want[3].Status = orgusers.StatusActive
	shown(want)

	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{DeleteIPRules: []orgusers.IPRuleID{rules[0].ID, orgusers.IPRuleID(w.id()), rules[3].ID}}))
	w.same(sortedRules(rules[1], rules[2]), rulesOnly(w.ipRules(orgusers.IPRuleQuery{User: ann.User})))
	require.Empty(w, w.ipRules(orgusers.IPRuleQuery{User: dan.User}))
}

func ipRulesOfNobody(w *world) {
	k := w.cast()
	gone, ann := w.signIn("gone"), w.signIn("ann")
	theirs := w.newIPRule(k.org, gone, "db")
	w.open(theirs, w.newIPRule(k.org, ann, "db"))
	place := orgusers.IPRuleQuery{Org: k.org, IP: ann.IP, Resource: "db"}
	require.Len(w, w.ipRules(place), 2)
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{DeleteUsers: w.updates([]orgusers.UserID{gone.User}, orgusers.UserPatch{})}))
	w.edit(k.org, func(c *orgusers.Changes) { c.Org.OwnerID, c.Org.Settings = "", orgusers.Settings{} })
	bare := []orgusers.IPRuleView{{IPRule: theirs}} // whatever the store has kept of the session
	w.same(bare, w.ipRules(orgusers.IPRuleQuery{User: gone.User}))
	require.Len(w, w.ipRules(place), 2)
	require.Len(w, w.ipRules(orgusers.IPRuleQuery{Org: k.org}), 2)

	over := theirs // one that is over needs no account
	over.ID, over.ExpiresAt = orgusers.IPRuleID(w.id()), moment(4)
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{DeleteIPRules: []orgusers.IPRuleID{theirs.ID}, NewIPRules: []orgusers.IPRule{over}}))
	w.same([]orgusers.IPRuleView{{IPRule: over}}, w.ipRules(orgusers.IPRuleQuery{User: gone.User}))
}

func pruneIPRules(w *world) {
	k := w.cast()
	s := w.signIn("ann")
	old, fresh := w.newIPRule(k.org, s, "db"), w.newIPRule(k.org, s, "db")
	old.ExpiresAt, fresh.ExpiresAt = moment(10), moment(12)
	w.open(old, fresh)
	before := w.dump()
	require.Len(w, before.IPRules, 2)
	require.NoError(w, w.Prune(w.ctx, moment(9), moment(9), moment(0)))
	require.NoError(w, w.Prune(w.ctx, moment(11), moment(9), moment(0)))
	require.NoError(w, w.Prune(w.ctx, moment(11), time.Time{}, moment(0)))
	w.unchanged(before)
	require.NoError(w, w.Prune(w.ctx, moment(0), moment(11), moment(0)))
	before.IPRules = []orgusers.IPRule{fresh}
	w.unchanged(before)
	w.same([]orgusers.IPRule{fresh}, rulesOnly(w.ipRules(orgusers.IPRuleQuery{Org: k.org, IP: s.IP, Resource: "db"})))
	w.open(old) // its id is free again
}
