package storetest

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func sessionChecks() []check {
	return []check{
		{"Kept/Session", keptSession},
		{"Session/ByItsTokenWithTheEpoch", sessionByToken},
		{"Session/WithWhereItIsGood", sessionActive},
		{"Session/ReplacedUnderItsID", sessionReplaced},
		{"Session/InThePlaceOfAnother", sessionInPlace},
		{"Session/NotFoundWithoutItsAccount", sessionOfNobody},
		{"View/LiveSessions", viewLive},
		{"Seen/RaisesAndTouchesNoVersion", seenRaises},
		{"Seen/OtherSessionsStay", seenOthers},
		{"Person/ByIDByAddressAndByToken", personThreeWays},
		{"Person/NobodyIsNoError", personNobody},
		{"Person/BesideWhatElseIsAsked", personBeside},
		{"Patch/ProfilesRaiseTheLastLogin", patchProfilesLogin},
		{"Prune/SessionsThatExpired", pruneSessions},
	}
}

// session reads one session, which must be there.
func (w *world) session(token string) orgusers.SessionView {
	w.Helper()
	v, err := w.Session(w.ctx, token)
	require.NoError(w, err)
	return v
}

func (w *world) noSession(token, about string) {
	w.Helper()
	v, err := w.Session(w.ctx, token)
	require.ErrorIs(w, err, orgusers.ErrNotFound, about)
	w.same(orgusers.SessionView{}, v, about)
}

func keptSession(w *world) {
	ann := w.account("ann").ID
	blank := orgusers.Session{ID: orgusers.SessionID(w.id()), User: ann, Token: "blank"}
	sessions := []orgusers.Session{blank}
	for _, ip := range []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0", "::"} {
		s := filled[orgusers.Session](w)
		s.User, s.IP = ann, netip.MustParseAddr(ip)
		sessions = append(sessions, s)
	}
	w.keep(sessions...)
	for _, s := range sessions {
		w.same(s, w.session(s.Token).Session)
	}
	person := w.read(orgusers.ViewQuery{Person: orgusers.PersonQuery{User: ann}}).Person
	w.same(sortedSessions(sessions...), person.Sessions)
}

func sessionByToken(w *world) {
	w.cast()
	s, other := w.signIn("ann"), w.signIn("owner")
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
		Users: w.updates([]orgusers.UserID{s.User}, orgusers.UserPatch{SessionsValidFrom: orgusers.Some(moment(7))}),
	}))
	w.same(orgusers.SessionView{Session: s, ValidFrom: moment(7), Active: true}, w.session(s.Token), "the epoch as it is now")
	w.same(orgusers.SessionView{Session: other, Active: true}, w.session(other.Token))
	for _, token := range []string{
		"", "unknown", string(s.ID), string(s.User), strings.ToUpper(s.Token), s.Token + " ", " " + s.Token, s.Token[1:], s.Token + "0",
		"%", "_", "' OR 1=1 --",
	} {
		w.noSession(token, token)
	}
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
		Users: w.updates([]orgusers.UserID{s.User}, orgusers.UserPatch{}), DeleteSessions: []orgusers.SessionID{s.ID},
	}))
	w.noSession(s.Token, "deleted")
	w.same(orgusers.SessionView{Session: other, Active: true}, w.session(other.Token))
}

// sessionActive: of the rows of its person that are active, and with SSO of that one, the earliest ValidFrom.
func sessionActive(w *world) {
	k, there := w.cast(), w.organization("There")
	own, bob, dan, stranger := w.signIn("ann"), w.signIn("bob"), w.signIn("dan"), w.signIn("stranger")
	here, elsewhere := w.newSession(own.User), w.newSession(own.User)
	here.SSO, elsewhere.SSO = k.org, there
	w.keep(here, elsewhere)
	is := func(s orgusers.Session, active bool, from time.Time, about string) {
		w.Helper()
		w.same(orgusers.SessionView{Session: s, Active: active, MemberFrom: from}, w.session(s.Token), about)
	}
	row := func(org orgusers.OrgID, m orgusers.Member, patch orgusers.MemberPatch) {
		w.edit(org, func(c *orgusers.Changes) { c.Members = []orgusers.MemberUpdate{{ID: m.ID, Patch: patch}} })
	}
	for _, s := range []orgusers.Session{own, here} {
		is(s, true, time.Time{}, "active, never cut off")
	}
	for _, s := range []orgusers.Session{bob, dan, stranger, elsewhere} {
		is(s, false, time.Time{}, "pending, inactive or not there")
	}
	row(k.org, k.ann, orgusers.MemberPatch{ValidFrom: orgusers.Some(moment(9))})
	is(own, true, moment(9), "cut off")
	other := w.join(there, "ann")
	w.join(there, "dan")
	is(own, true, time.Time{}, "not there")
	is(here, true, moment(9), "which is another organization's affair")
	is(elsewhere, true, time.Time{}, "good there")
	is(dan, true, time.Time{}, "active in one of two")
	row(there, other, orgusers.MemberPatch{ValidFrom: orgusers.Some(moment(8))})
	is(own, true, moment(8), "the earlier one")
	row(there, other, orgusers.MemberPatch{Status: orgusers.Some(orgusers.StatusInactive)})
	is(own, true, moment(9), "of those in which she is active")
	is(elsewhere, false, time.Time{}, "inactive there")
	w.edit(k.org, func(c *orgusers.Changes) { c.DeleteMembers = []orgusers.MemberID{k.ann.ID} })
	is(own, false, time.Time{}, "removed")
	is(here, false, time.Time{}, "removed")
}

// sessionReplaced: a session may go and come back in one commit, changed, with its token or another,
// and so may two that exchange what they have.
func sessionReplaced(w *world) {
	was, other := w.signIn("ann"), w.signIn("ann")
	replace := func(with ...orgusers.Session) {
		w.Helper()
		c := orgusers.Changes{Users: w.updates([]orgusers.UserID{was.User}, orgusers.UserPatch{}), NewSessions: with}
		for _, s := range with {
			c.DeleteSessions = append(c.DeleteSessions, s.ID)
		}
		require.NoError(w, w.Commit(w.ctx, c))
	}
	is := was
	is.Token, is.Step, is.ExpiresAt, is.MFAAt = "another", orgusers.StepEnrol, moment(500), moment(3)
	replace(is)
	w.noSession(was.Token, "the token of before")
	w.same(is, w.session(is.Token).Session)
	is.Agent = "changed"
	replace(is)
	w.same(is, w.session(is.Token).Session)
	is.Token, other.Token = other.Token, is.Token
	replace(is, other)
	w.same(is, w.session(is.Token).Session)
	w.same(other, w.session(other.Token).Session)
	w.same(sortedSessions(is, other), w.read(orgusers.ViewQuery{Person: orgusers.PersonQuery{User: was.User}}).Person.Sessions)
}

// sessionInPlace: one session may take the place of another, or of several, with a token that was theirs.
func sessionInPlace(w *world) {
	one, two, three := w.signIn("ann"), w.signIn("ann"), w.signIn("ann")
	theirs := w.signIn("owner")
	place := func(n orgusers.Session, gone ...orgusers.SessionID) error {
		return w.Commit(w.ctx, orgusers.Changes{
			Users: w.updates([]orgusers.UserID{n.User}, orgusers.UserPatch{}), DeleteSessions: gone, NewSessions: []orgusers.Session{n},
		})
	}
	shows := func(want ...orgusers.Session) {
		w.Helper()
		w.same(sortedSessions(want...), w.read(orgusers.ViewQuery{Person: orgusers.PersonQuery{User: one.User}}).Person.Sessions)
		w.same(theirs, w.session(theirs.Token).Session)
	}
	n := w.newSession(one.User)
	n.Step, n.Agent, n.IP, n.MFAAt, n.Idle = orgusers.StepCode, "another", netip.MustParseAddr("2001:db8::9"), moment(4), 7*time.Second
	require.NoError(w, place(n, one.ID))
	w.noSession(one.Token, "its place is another's")
	shows(n, two, three)
	for name, spoil := range map[string]func(n *orgusers.Session){
		"an id that is there":         func(n *orgusers.Session) { n.ID = theirs.ID },
		"a token that is there":       func(n *orgusers.Session) { n.Token = theirs.Token },
		"a token of who stays":        func(n *orgusers.Session) { n.Token = three.Token },
		"the id of the one who stays": func(n *orgusers.Session) { n.ID = three.ID },
	} {
		other := w.newSession(one.User)
		spoil(&other)
		require.ErrorIs(w, place(other, two.ID), orgusers.ErrConflict, name)
		shows(n, two, three)
	}
	require.ErrorIs(w, place(w.newSession(one.User), one.ID), orgusers.ErrConflict, "the place is gone")
	require.ErrorIs(w, place(w.newSession(one.User), two.ID, one.ID), orgusers.ErrConflict, "and so are both, then")
	shows(n, two, three)
	last := w.newSession(one.User)
	last.ID, last.Token = n.ID, three.Token
	require.NoError(w, place(last, n.ID, two.ID, three.ID), "with an id and a token that go")
	shows(last)
}

// viewLive: tickets do not count, nor what is over by age, disuse or the account's epoch, to the
// microsecond; nor anybody on another row.
func viewLive(w *world) {
	k, other := w.cast(), w.cast()
	stranger := w.account("stranger")
	now := moment(50)
	tick := time.Microsecond
	for _, u := range []orgusers.UserID{k.ann.User, k.dan.User} {
		require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
			Users: w.updates([]orgusers.UserID{u}, orgusers.UserPatch{SessionsValidFrom: orgusers.Some(moment(10))}),
		}))
	}
	add := func(u orgusers.UserID, change func(n *orgusers.Session)) {
		n := w.newSession(u)
		n.CreatedAt, n.SeenAt, n.ExpiresAt, n.Idle = moment(11), moment(40), moment(100), time.Hour
		change(&n)
		w.keep(n)
	}
	add(k.ann.User, func(*orgusers.Session) {})
	add(k.ann.User, func(n *orgusers.Session) { n.CreatedAt = moment(10).Add(tick) })
	add(k.ann.User, func(n *orgusers.Session) { n.ExpiresAt = now.Add(tick) })
	add(k.ann.User, func(n *orgusers.Session) { n.Idle = now.Sub(n.SeenAt) + tick })
	for _, change := range []func(n *orgusers.Session){
		func(n *orgusers.Session) { n.CreatedAt = moment(10) },
		func(n *orgusers.Session) { n.ExpiresAt = now },
		func(n *orgusers.Session) { n.Idle = now.Sub(n.SeenAt) },
		func(n *orgusers.Session) { n.Step = orgusers.StepCode },
		func(n *orgusers.Session) { n.Step = orgusers.StepEnrol },
	} {
		add(k.ann.User, change)
		add(k.dan.User, change)
	}
	add(k.owner.User, func(n *orgusers.Session) { n.CreatedAt = moment(1) }) // whose account has no epoch
	add(stranger.ID, func(*orgusers.Session) {})
	add(w.account("bob").ID, func(*orgusers.Session) {}) // whose row is pending

	members := []orgusers.MemberID{k.ann.ID, k.dan.ID, k.bob.ID, k.cat.ID, "nobody"}
	require.Equal(w, map[orgusers.UserID]int{k.ann.User: 4},
		w.read(orgusers.ViewQuery{Org: k.org, Members: members, Live: now}).Live)
	require.Equal(w, map[orgusers.UserID]int{k.ann.User: 4, k.owner.User: 1}, w.read(orgusers.ViewQuery{
		Org: k.org, Members: members, Joined: []orgusers.UserID{k.owner.User, stranger.ID, k.ann.User}, Owner: true, Live: now,
	}).Live)
	require.Empty(w, w.read(orgusers.ViewQuery{Org: k.org, Members: []orgusers.MemberID{k.dan.ID}, Live: now}).Live)
	require.Empty(w, w.read(orgusers.ViewQuery{Org: k.org, Members: members, Owner: true}).Live, "nobody asks")
	require.Empty(w, w.read(orgusers.ViewQuery{Org: other.org, Members: members, Live: now}).Live, "their rows are elsewhere")
	require.Equal(w, map[orgusers.UserID]int{k.ann.User: 2}, // beside all else that is asked with it
		w.read(orgusers.ViewQuery{
			Org: k.org, Members: members, Live: moment(99), AllStack: true, Roles: true, Owned: true, PerUser: []string{"h/"}, Counters: []string{"c"},
		}).Live)
}

func sessionOfNobody(w *world) {
	w.cast()
	s, stays := w.signIn("gone"), w.signIn("ann")
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{DeleteUsers: w.updates([]orgusers.UserID{s.User}, orgusers.UserPatch{})}))
	w.noSession(s.Token, "of a deleted account")
	for _, q := range []orgusers.PersonQuery{{User: s.User}, {Token: s.Token}, {Key: w.people["gone"].Address.Key}} {
		w.looks(orgusers.ViewQuery{Person: q}, orgusers.View{})
	}
	again := w.newAccount("gone")
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{NewUsers: []orgusers.User{again}}))
	w.looks(orgusers.ViewQuery{Person: orgusers.PersonQuery{Key: again.Address.Key}}, orgusers.View{Person: &orgusers.Person{User: again}})
	w.noSession(s.Token, "whoever comes back has none")
	w.same(stays, w.session(stays.Token).Session)
}

func seenRaises(w *world) {
	w.cast()
	s := w.signIn("ann")
	w.signIn("ann")
	before := w.dump()
	for _, step := range []struct{ at, want int }{{10, 10}, {10, 10}, {9, 10}, {0, 10}, {11, 11}} {
		require.NoError(w, w.Seen(w.ctx, s.ID, moment(step.at)))
		for i := range before.Sessions {
			if before.Sessions[i].ID == s.ID {
				before.Sessions[i].SeenAt = moment(step.want)
			}
		}
		w.unchanged(before) // no version rose
		require.Equal(w, moment(step.want), w.session(s.Token).Session.SeenAt)
	}
}

func seenOthers(w *world) {
	w.cast()
	s := w.signIn("ann")
	before := w.dump()
	for _, id := range []orgusers.SessionID{orgusers.SessionID(w.id()), "", orgusers.SessionID(s.Token), orgusers.SessionID(s.User)} {
		require.NoError(w, w.Seen(w.ctx, id, moment(10)))
		w.unchanged(before)
	}
}

// personOf is what a view must say of a person: the rows with their organizations, sorted.
func (w *world) personOf(u orgusers.User, rows []orgusers.Member, sessions ...orgusers.Session) *orgusers.Person {
	w.Helper()
	p := orgusers.Person{User: u, Sessions: sortedSessions(sessions...)}
	for _, m := range sorted(bare(rows...), func(m *orgusers.Member) orgusers.OrgID { return m.Org }) {
		o := w.org(m.Org)
		p.Memberships = append(p.Memberships, orgusers.Membership{
			Member: m, OrgName: o.Name, Disabled: o.Disabled, OwnerID: o.OwnerID, Settings: o.Settings,
		})
	}
	return &p
}

func personThreeWays(w *world) {
	k, other, left, invited := w.cast(), w.cast(), w.cast(), w.organization("Invited")
	w.invite(invited, "ann")
	w.invite(invited, "dan")
	require.Equal(w, other.ann.User, k.ann.User)
	w.edit(left.org, func(c *orgusers.Changes) { c.DeleteMembers = []orgusers.MemberID{left.ann.ID} })
	w.edit(other.org, func(c *orgusers.Changes) {
		c.Org.Name, c.Org.Disabled, c.Org.Settings = "Other", true, filled[orgusers.Settings](w)
	})
	first, last := w.signIn("ann"), w.signIn("ann")
	tie := w.newSession(first.User)
	tie.CreatedAt, tie.Step = moment(0), orgusers.StepCode
	same := w.newSession(first.User)
	same.CreatedAt, same.ExpiresAt = moment(0), moment(0) // over, and still there
	w.keep(tie, same)
	theirs := w.signIn("owner")

	ann := w.personOf(w.user(first.User), []orgusers.Member{k.ann, other.ann}, first, last, tie, same)
	require.Len(w, ann.Memberships, 2)
	for _, q := range []orgusers.PersonQuery{
		{User: first.User}, {Key: k.ann.Address.Key}, {Token: first.Token}, {Token: last.Token}, {Token: same.Token},
	} {
		w.looks(orgusers.ViewQuery{Person: q}, orgusers.View{Person: ann})
	}
	w.looks(orgusers.ViewQuery{Person: orgusers.PersonQuery{Token: theirs.Token}},
		orgusers.View{Person: w.personOf(w.user(theirs.User), []orgusers.Member{k.owner, other.owner, left.owner}, theirs)})
	dan := w.account("dan") // inactive everywhere, without a session
	w.looks(orgusers.ViewQuery{Person: orgusers.PersonQuery{User: dan.ID}},
		orgusers.View{Person: w.personOf(dan, []orgusers.Member{k.dan, other.dan, left.dan})})
	bob := w.account("bob") // invited is not joined
	w.looks(orgusers.ViewQuery{Person: orgusers.PersonQuery{Key: bob.Address.Key}}, orgusers.View{Person: &orgusers.Person{User: bob}})
}

func personNobody(w *world) {
	k := w.cast()
	s := w.signIn("ann")
	for _, q := range []orgusers.PersonQuery{
		{},
		{User: orgusers.UserID(w.id())},
		{User: "' OR 1=1 --"},
		{User: orgusers.UserID(s.ID)},
		{User: orgusers.UserID(k.ann.ID)},
		{Key: k.cat.Address.Key},
		{Key: "nobody@example.com"},
		{Key: orgusers.AddressKey(k.ann.Address.Email)},
		{Key: "%"},
		{Token: "unknown"},
		{Token: string(s.ID)},
		{Token: strings.ToUpper(s.Token)},
		{Token: s.Token + " "},
		{Token: string(s.User)},
	} {
		w.looks(orgusers.ViewQuery{Person: q}, orgusers.View{})
		w.looks(orgusers.ViewQuery{Org: k.org, Person: q, Owner: true}, orgusers.View{
			Members: bare(k.owner), Users: []orgusers.User{w.account("owner")},
		})
	}
}

func personBeside(w *world) {
	k := w.cast()
	s := w.signIn("ann")
	count := func(key string, n int64) orgusers.Counter {
		return orgusers.Counter{Key: key, Add: n, ExpiresAt: moment(100)}
	}
	w.bump(count("a", 3), count("b", 5), count("c", 7))
	ann := w.personOf(w.user(s.User), []orgusers.Member{k.ann}, s)
	ask := orgusers.PersonQuery{Token: s.Token}
	w.looks(orgusers.ViewQuery{Person: ask, Counters: []string{"b", "missing", "a"}},
		orgusers.View{Person: ann, Counters: map[string]int64{"a": 3, "b": 5}})
	w.looks(orgusers.ViewQuery{Person: orgusers.PersonQuery{Token: "unknown"}, Counters: []string{"c"}},
		orgusers.View{Counters: map[string]int64{"c": 7}})
	w.looks(orgusers.ViewQuery{
		Org: k.org, Person: ask, Counters: []string{"c"}, Members: []orgusers.MemberID{k.ann.ID}, Users: []orgusers.UserID{k.dan.User},
		AllStack: true, Grants: true,
	}, orgusers.View{
		Person: ann, Counters: map[string]int64{"c": 7}, Members: []orgusers.Member{k.ann},
		Users: []orgusers.User{ann.User, w.account("dan")}, Stacks: []orgusers.Stack{k.web, k.app, k.lost},
	})

	many := []string{"a", "c"} // more than one statement of any engine takes
	for range 3000 {
		many = append(many, w.id())
	}
	w.looks(orgusers.ViewQuery{Person: ask, Counters: many}, orgusers.View{Person: ann, Counters: map[string]int64{"a": 3, "c": 7}})
	_, err := w.View(w.ctx, orgusers.ViewQuery{Org: orgusers.OrgID(w.id()), Person: ask})
	require.ErrorIs(w, err, orgusers.ErrNotFound)
}

// patchProfilesLogin: a profile brings the last login to all rows of its account, and lowers none,
// neither what a later sign-in has left there nor what another organization has.
func patchProfilesLogin(w *world) {
	k, other, invited := w.cast(), w.cast(), w.organization("Invited")
	w.invite(invited, "ann")
	require.NoError(w, w.Touch(w.ctx, k.owner.User, moment(20)))
	before := w.dump()
	for _, step := range []struct{ ann, wantAnn, owner, wantOwner int }{{10, 10, 15, 20}, {10, 10, 21, 21}, {9, 10, 21, 21}, {-1, 10, -1, 21}, {30, 30, 25, 25}} {
		at := func(n int) (t orgusers.Profile) {
			if n >= 0 { // else no login at all
				t.LastLogin = moment(n)
			}
			return t
		}
		ann, owner := at(step.ann), at(step.owner)
		ann.User, ann.Name, owner.User, owner.Name = k.ann.User, k.ann.Name, k.owner.User, k.owner.Name
		require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
			Users: w.updates([]orgusers.UserID{k.ann.User, k.owner.User}, orgusers.UserPatch{}), Profiles: []orgusers.Profile{ann, owner},
		}))
		for i := range before.Members {
			switch m := &before.Members[i]; m.User {
			case k.ann.User:
				m.LastLogin = moment(step.wantAnn)
			case k.owner.User:
				m.LastLogin = moment(step.wantOwner)
			}
		}
		for i := range before.Users {
			if u := &before.Users[i]; u.ID == k.ann.User || u.ID == k.owner.User {
				u.Version++
			}
		}
		w.unchanged(before) // the accounts' own last login is the patch's, and the pending row is nobody's
	}
	one := orgusers.Profile{User: k.ann.User, Name: k.ann.Name, LastLogin: moment(29)} // alone, as at a sign-in
	for _, want := range []int{30, 31} {
		require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
			Users: w.updates([]orgusers.UserID{one.User}, orgusers.UserPatch{}), Profiles: []orgusers.Profile{one},
		}))
		require.Equal(w, moment(want), w.member(other.org, other.ann.ID).LastLogin)
		one.LastLogin = moment(31)
	}
	page, err := w.Members(w.ctx, orgusers.MemberQuery{Org: k.org, Sort: orgusers.SortLastLogin, Descending: true, Limit: 2})
	require.NoError(w, err)
	require.Equal(w, []orgusers.MemberID{k.ann.ID, k.owner.ID}, []orgusers.MemberID{page[0].ID, page[1].ID}, "in the order of the new logins")
}

func pruneSessions(w *world) {
	w.cast()
	old, fresh := w.newSession(w.account("ann").ID), w.newSession(w.account("owner").ID)
	old.ExpiresAt, old.Idle, fresh.ExpiresAt = moment(10), 0, moment(12) // idle or not is the rules' to know
	w.keep(old, fresh)
	before := w.dump()
	require.Len(w, before.Sessions, 2)
	require.NoError(w, w.Prune(w.ctx, moment(9), moment(9), moment(0)))
	w.unchanged(before)
	require.NoError(w, w.Prune(w.ctx, moment(11), moment(11), moment(0)))
	before.Sessions = slices.DeleteFunc(before.Sessions, func(s orgusers.Session) bool { return s.ID == old.ID })
	w.unchanged(before)
	w.noSession(old.Token, "expired")
	require.ErrorIs(w, w.Commit(w.ctx, orgusers.Changes{DeleteSessions: []orgusers.SessionID{old.ID}}), orgusers.ErrConflict)
	w.keep(old) // its id and token are free again
	w.same(old, w.session(old.Token).Session)

	var many []orgusers.Session // more than a store may want to delete at once
	for range w.rounds(5000) {
		many = append(many, w.newSession(old.User))
	}
	w.keep(many...)
	require.NoError(w, w.Prune(w.ctx, moment(2000), moment(2000), moment(0)))
	require.Empty(w, w.dump().Sessions)
}
