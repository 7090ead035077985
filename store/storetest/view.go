package storetest

import (
	"context"
	"runtime"
	"strconv"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func viewChecks() []check {
	return []check{
		{"Level", level},
		{"View/UnknownOrganizationIsNotFound", viewUnknownOrganization},
		{"View/NothingAskedIsTheOrganizationAlone", viewNothing},
		{"View/MembersWithTheAccountsOfTheirAddresses", viewMembers},
		{"View/JoinedWithTheirAccounts", viewJoined},
		{"View/KeysWithoutAccounts", viewKeys},
		{"View/Subjects", viewSubjects},
		{"View/Inviters", viewInviters},
		{"View/OwnerWithAccount", viewOwner},
		{"View/GrantsOnlyWhereAsked", viewGrants},
		{"View/OwnedStacks", viewOwned},
		{"View/Stacks", viewStacks},
		{"View/Roles", viewRoles},
		{"View/AccountsByIDAndByKey", viewUsers},
		{"View/RequestOfThisOrganization", viewRequest},
		{"View/EachOnce", viewEachOnce},
		{"View/S156_DropsWhatIsUnknownOrBelongsElsewhere", viewForeign},
		{"View/WithoutOrganizationOnlyAccountsAndTheRequest", viewWithoutOrganization},
		{"View/CountersAskedFor", viewCounters},
		{"View/CountersOfPeople", viewCountersOfPeople},
		{"View/NothingOlderThanTheVersion", viewNotOlder},
	}
}

func level(w *world) {
	require.Equal(w, orgusers.StoreLevel, w.Level())
}

// looks requires that a view shows exactly this beside the organization.
func (w *world) looks(q orgusers.ViewQuery, want orgusers.View) {
	w.Helper()
	if q.Org != "" {
		want.Org = w.org(q.Org)
	}
	w.same(sortedView(want), w.read(q))
}

// bare returns rows without their roles, as they come where roles were not asked for.
func bare(rows ...orgusers.Member) []orgusers.Member {
	for i := range rows {
		rows[i].Grants = nil
	}
	return rows
}

func viewUnknownOrganization(w *world) {
	k := w.cast()
	for _, q := range []orgusers.ViewQuery{
		{Org: orgusers.OrgID(w.id())},
		{Org: orgusers.OrgID(w.id()), Members: []orgusers.MemberID{k.ann.ID}, AllStack: true, Roles: true, Request: "r"},
		{Org: orgusers.OrgID(w.id()), Users: []orgusers.UserID{k.ann.User}, UserKeys: []orgusers.AddressKey{k.ann.Address.Key}},
	} {
		_, err := w.View(w.ctx, q)
		require.ErrorIs(w, err, orgusers.ErrNotFound)
	}
}

func viewNothing(w *world) {
	k := w.cast()
	v := w.read(orgusers.ViewQuery{Org: k.org})
	w.same(orgusers.View{Org: v.Org}, v)
	require.Equal(w, k.org, v.Org.ID)
	require.Equal(w, k.owner.User, v.Org.OwnerID)
}

func viewMembers(w *world) {
	k := w.cast()
	w.cast() // its rows have the same addresses
	w.looks(orgusers.ViewQuery{Org: k.org, Members: []orgusers.MemberID{k.ann.ID, k.bob.ID, k.cat.ID, k.dan.ID}}, orgusers.View{
		Members: bare(k.ann, k.bob, k.cat, k.dan),
		// Bob has an account that the pending row does not name; cat has none.
		Users: []orgusers.User{w.account("ann"), w.account("bob"), w.account("dan")},
	})
}

func viewJoined(w *world) {
	k, other := w.cast(), w.cast()
	stranger := w.account("stranger")
	w.join(w.organization("Elsewhere"), "stranger")
	w.looks(orgusers.ViewQuery{Org: k.org, Joined: []orgusers.UserID{k.ann.User, k.dan.User, w.account("bob").ID, stranger.ID, ""}}, orgusers.View{
		Members: bare(k.ann, k.dan), // neither the pending bob nor a stranger, nor those of no account
		Users:   []orgusers.User{w.account("ann"), w.account("dan")},
	})
	w.looks(orgusers.ViewQuery{Org: other.org, Joined: []orgusers.UserID{k.ann.User}}, orgusers.View{
		Members: bare(other.ann), Users: []orgusers.User{w.account("ann")},
	})
}

func viewKeys(w *world) {
	k := w.cast()
	w.cast()
	w.looks(orgusers.ViewQuery{Org: k.org, Keys: []orgusers.AddressKey{k.bob.Address.Key, k.ann.Address.Key, "nobody@example.com"}},
		orgusers.View{Members: bare(k.ann, k.bob)})
}

func viewSubjects(w *world) {
	k, other := w.cast(), w.cast()
	bind := func(c cast, m *orgusers.Member, subject string) {
		w.edit(c.org, func(c *orgusers.Changes) {
			c.Members = []orgusers.MemberUpdate{{ID: m.ID, Patch: orgusers.MemberPatch{Subject: orgusers.Some(subject)}}}
		})
		m.Subject = subject
	}
	bind(k, &k.ann, "s1")
	bind(k, &k.dan, "S1")
	bind(other, &other.ann, "s1")
	q := orgusers.ViewQuery{Org: k.org, Subjects: []string{"s1", "s1", "s2", ""}} // "" is nobody's
	w.looks(q, orgusers.View{Members: bare(k.ann)})
	bind(k, &k.ann, "s3")
	bind(k, &k.bob, "s2")
	w.looks(q, orgusers.View{Members: bare(k.bob)})
	w.edit(k.org, func(c *orgusers.Changes) { c.DeleteMembers = []orgusers.MemberID{k.bob.ID} })
	w.looks(q, orgusers.View{})
}

func viewInviters(w *world) {
	k := w.cast()
	w.cast()
	q := orgusers.ViewQuery{Org: k.org, Members: []orgusers.MemberID{k.bob.ID, k.cat.ID}, Inviters: true}
	want := orgusers.View{Members: bare(k.bob, k.cat, k.owner, k.ann), Users: []orgusers.User{w.account("bob")}}
	w.looks(q, want)

	w.looks(orgusers.ViewQuery{Org: k.org, Keys: []orgusers.AddressKey{k.bob.Address.Key}, Inviters: true}, orgusers.View{Members: bare(k.bob, k.owner)})

	// Nobody invited the owner: that does not mean the pending rows, which have no account either.
	w.looks(orgusers.ViewQuery{Org: k.org, Members: []orgusers.MemberID{k.owner.ID}, Inviters: true},
		orgusers.View{Members: bare(k.owner), Users: []orgusers.User{w.account("owner")}})

	// An inviter who is not in the organization any more is left out.
	w.edit(k.org, func(c *orgusers.Changes) { c.DeleteMembers = []orgusers.MemberID{k.ann.ID} })
	want.Members = bare(k.bob, k.cat, k.owner)
	w.looks(q, want)
}

func viewOwner(w *world) {
	k, other := w.cast(), w.cast()
	w.looks(orgusers.ViewQuery{Org: k.org, Owner: true}, orgusers.View{Members: bare(k.owner), Users: []orgusers.User{w.account("owner")}})
	w.looks(orgusers.ViewQuery{Org: k.org, Owner: true, Joined: []orgusers.UserID{k.owner.User}, Members: []orgusers.MemberID{k.owner.ID}, Grants: true},
		orgusers.View{Members: []orgusers.Member{k.owner}, Users: []orgusers.User{w.account("owner")}})
	w.edit(k.org, func(c *orgusers.Changes) { c.Org.OwnerID = k.ann.User })
	w.looks(orgusers.ViewQuery{Org: k.org, Owner: true, Grants: true}, orgusers.View{Members: []orgusers.Member{k.ann}, Users: []orgusers.User{w.account("ann")}})
	// Without an owner the pending rows, which have no account either, are not the owner's.
	w.edit(other.org, func(c *orgusers.Changes) { c.Org.OwnerID = "" })
	w.looks(orgusers.ViewQuery{Org: other.org, Owner: true}, orgusers.View{})
}

func viewGrants(w *world) {
	k := w.cast()
	w.cast()
	q := orgusers.ViewQuery{Org: k.org, Members: []orgusers.MemberID{k.ann.ID, k.dan.ID}, Keys: []orgusers.AddressKey{k.bob.Address.Key}}
	v := w.read(q)
	for _, m := range v.Members {
		require.Empty(w, m.Grants, "roles that were not asked for")
	}
	q.Grants = true
	v = w.read(q)
	w.same(sorted([]orgusers.Member{k.ann, k.bob, k.dan}, func(m *orgusers.Member) orgusers.MemberID { return m.ID }), v.Members,
		"every row has its roles, sorted by stack and role")
}

func viewOwned(w *world) {
	k := w.cast()
	w.cast()
	w.looks(orgusers.ViewQuery{Org: k.org, Members: []orgusers.MemberID{k.ann.ID}, Joined: []orgusers.UserID{k.owner.User}, Owned: true}, orgusers.View{
		Members: bare(k.ann, k.owner), Users: []orgusers.User{w.account("ann"), w.account("owner")},
		Stacks: []orgusers.Stack{k.web, k.app},
	})
	// The stack of nobody does not belong to the pending rows.
	w.looks(orgusers.ViewQuery{Org: k.org, Members: []orgusers.MemberID{k.cat.ID, k.dan.ID}, Owned: true}, orgusers.View{
		Members: bare(k.cat, k.dan), Users: []orgusers.User{w.account("dan")},
	})
}

func viewStacks(w *world) {
	k, other := w.cast(), w.cast()
	w.looks(orgusers.ViewQuery{Org: k.org, Stacks: []orgusers.StackID{k.lost.ID, k.web.ID, other.app.ID, orgusers.StackID(w.id())}},
		orgusers.View{Stacks: []orgusers.Stack{k.web, k.lost}})
	w.looks(orgusers.ViewQuery{Org: k.org, AllStack: true}, orgusers.View{Stacks: []orgusers.Stack{k.web, k.app, k.lost}})
}

func viewRoles(w *world) {
	k := w.cast()
	w.cast()
	w.looks(orgusers.ViewQuery{Org: k.org, Roles: true}, orgusers.View{Roles: []orgusers.StackRole{k.edit, k.spare}})
}

func viewUsers(w *world) {
	k := w.cast()
	ann, bob := w.account("ann"), w.account("bob")
	stranger := w.account("stranger") // accounts belong to no organization
	q := orgusers.ViewQuery{
		Users:    []orgusers.UserID{ann.ID, stranger.ID, orgusers.UserID(w.id()), ""},
		UserKeys: []orgusers.AddressKey{bob.Address.Key, "nobody@example.com"},
	}
	want := orgusers.View{Users: []orgusers.User{ann, bob, stranger}}
	w.looks(q, want)
	q.Org = k.org
	w.looks(q, want)
}

func viewRequest(w *world) {
	k, other := w.cast(), w.cast()
	r := orgusers.Request{Org: k.org, ID: "r-1", Digest: "d", Report: []byte(`{"outcomes":[]}`), At: moment(5)}
	w.edit(k.org, func(c *orgusers.Changes) { c.Request = &r })
	w.looks(orgusers.ViewQuery{Org: k.org, Request: "r-1"}, orgusers.View{Request: &r})
	w.looks(orgusers.ViewQuery{Org: k.org, Request: "R-1"}, orgusers.View{})
	w.looks(orgusers.ViewQuery{Org: k.org}, orgusers.View{})
	w.looks(orgusers.ViewQuery{Org: other.org, Request: "r-1"}, orgusers.View{})
}

func viewEachOnce(w *world) {
	k := w.cast()
	w.cast()
	ann, owner := w.account("ann"), w.account("owner")
	w.looks(orgusers.ViewQuery{
		Org:     k.org,
		Members: []orgusers.MemberID{k.ann.ID, k.owner.ID, k.ann.ID}, Joined: []orgusers.UserID{ann.ID, owner.ID, ann.ID},
		Keys: []orgusers.AddressKey{k.ann.Address.Key, k.ann.Address.Key}, Inviters: true, Grants: true,
		Owned: true, Stacks: []orgusers.StackID{k.app.ID, k.app.ID, k.web.ID}, AllStack: true,
		Users: []orgusers.UserID{ann.ID, ann.ID}, UserKeys: []orgusers.AddressKey{ann.Address.Key, owner.Address.Key},
	}, orgusers.View{
		Members: []orgusers.Member{k.ann, k.owner}, Users: []orgusers.User{ann, owner},
		Stacks: []orgusers.Stack{k.web, k.app, k.lost},
	})
}

// everythingOf asks for all that a cast has, by name.
func everythingOf(k cast) orgusers.ViewQuery {
	return orgusers.ViewQuery{
		Members: []orgusers.MemberID{k.owner.ID, k.ann.ID, k.bob.ID, k.cat.ID, k.dan.ID},
		Stacks:  []orgusers.StackID{k.web.ID, k.app.ID, k.lost.ID},
		Owned:   true, Inviters: true, Grants: true,
	}
}

func viewForeign(w *world) {
	k, other := w.cast(), w.cast()
	q := everythingOf(other)
	q.Org = k.org
	w.looks(q, orgusers.View{})
	random := everythingOf(cast{
		owner: w.newInvitation(k.org, "x"), ann: w.newInvitation(k.org, "x"), bob: w.newInvitation(k.org, "x"),
		web: w.newStack(k.org, "x", ""), app: w.newStack(k.org, "x", ""),
	})
	random.Org = k.org
	w.looks(random, orgusers.View{})

	// Ids of members come from a client's input, so anything may stand there.
	const odd = "' OR 1=1 --"
	w.looks(orgusers.ViewQuery{
		Org: k.org, Members: []orgusers.MemberID{odd, "1"}, Joined: []orgusers.UserID{odd, "*"}, Keys: []orgusers.AddressKey{odd, "%"},
		Stacks: []orgusers.StackID{odd}, Users: []orgusers.UserID{odd, "1"}, UserKeys: []orgusers.AddressKey{odd, "_"}, Request: odd,
	}, orgusers.View{})
}

func viewWithoutOrganization(w *world) {
	k := w.cast()
	q := everythingOf(k)
	q.Joined, q.Keys = []orgusers.UserID{k.ann.User}, []orgusers.AddressKey{k.bob.Address.Key}
	q.AllStack, q.Roles = true, true
	q.Owner = true
	w.looks(q, orgusers.View{})
	q.Users, q.UserKeys = []orgusers.UserID{k.dan.User}, []orgusers.AddressKey{k.bob.Address.Key}
	w.looks(q, orgusers.View{Users: []orgusers.User{w.account("dan"), w.account("bob")}})

	// Calls about an account have requests, too, which belong to no organization.
	of := orgusers.Request{ID: "r", Digest: "of the account", Report: []byte("{}"), At: moment(1)}
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{Request: &of}))
	require.ErrorIs(w, w.Record(w.ctx, nil, &of), orgusers.ErrConflict)
	in := of
	in.Org, in.Digest = k.org, "of the organization"
	require.NoError(w, w.Record(w.ctx, nil, &in))
	q.Request = "r"
	w.looks(q, orgusers.View{Users: []orgusers.User{w.account("dan"), w.account("bob")}, Request: &of})
	w.looks(orgusers.ViewQuery{Org: k.org, Request: "r"}, orgusers.View{Request: &in})
	w.looks(orgusers.ViewQuery{Request: "other"}, orgusers.View{})
}

func viewCounters(w *world) {
	k := w.cast()
	w.bump(orgusers.Counter{Key: "a", Add: 3, ExpiresAt: moment(100)}, orgusers.Counter{Key: "b", Add: 5, ExpiresAt: moment(100)}, orgusers.Counter{Key: "B", Add: 7, ExpiresAt: moment(100)})
	w.looks(orgusers.ViewQuery{Org: k.org, Counters: []string{"b", "missing", "a"}}, orgusers.View{Counters: map[string]int64{"a": 3, "b": 5}})
	w.looks(orgusers.ViewQuery{Counters: []string{"B"}}, orgusers.View{Counters: map[string]int64{"B": 7}})
	w.looks(orgusers.ViewQuery{Org: k.org, Counters: []string{"missing"}}, orgusers.View{})
	require.Equal(w, []int64{3}, w.bump(orgusers.Counter{Key: "a", ExpiresAt: moment(100)}), "reading adds nothing")
}

// viewCountersOfPeople: who is behind a row is known to the store alone, so the counters of people are
// asked for by their beginning; those of people who are in the view for another reason are not meant.
func viewCountersOfPeople(w *world) {
	k := w.cast()
	owner, ann, dan := string(k.owner.User), string(k.ann.User), string(k.dan.User)
	for i, key := range []string{"plain", "h/" + ann, "d/" + ann, "h/" + dan, "other/" + ann, "h/", "d/", "h/" + owner} {
		w.bump(orgusers.Counter{Key: key, Add: int64(i + 1), ExpiresAt: moment(100)})
	}
	v := w.read(orgusers.ViewQuery{
		Org: k.org, Members: []orgusers.MemberID{k.ann.ID, k.dan.ID, k.bob.ID, "nobody"}, Joined: []orgusers.UserID{k.owner.User},
		Counters: []string{"plain"}, PerUser: []string{"h/", "d/"},
	})
	require.Equal(w, map[string]int64{"plain": 1, "h/" + ann: 2, "d/" + ann: 3, "h/" + dan: 4}, v.Counters)
	v = w.read(orgusers.ViewQuery{
		Org: k.org, Joined: []orgusers.UserID{k.ann.User}, Keys: []orgusers.AddressKey{k.dan.Address.Key}, PerUser: []string{"h/", "d/"},
	})
	require.Empty(w, v.Counters)
}

// viewNotOlder: what a decision builds on may be newer than the version it is guarded by, which
// costs a conflict; were it older, the guard would let a decision on stale rows through. It may be
// that a store shows one moment throughout, but a store that reads statement by statement must read
// the organization first.
func viewNotOlder(w *world) {
	org := w.organization("0")
	m := w.join(org, "ann")
	rounds := w.rounds(400)
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	wg.Go(func() {
		defer stop()
		for n := 1; n <= rounds && ctx.Err() == nil; n++ {
			text := strconv.Itoa(n)
			err := w.try(org, func(c *orgusers.Changes) {
				c.Org.Name = text
				c.Members = []orgusers.MemberUpdate{{ID: m.ID, Patch: orgusers.MemberPatch{Message: orgusers.Some(text)}}}
			})
			if !w.works(err, "the only writer") {
				return
			}
			runtime.Gosched()
		}
	})
	seen := 0
	for ; ctx.Err() == nil; seen++ {
		v, err := w.View(w.ctx, orgusers.ViewQuery{Org: org, Members: []orgusers.MemberID{m.ID}})
		if err != nil {
			require.ErrorIs(w, err, orgusers.ErrConflict)
			continue
		}
		version, _ := strconv.Atoi(v.Org.Name)
		require.Len(w, v.Members, 1)
		row, _ := strconv.Atoi(v.Members[0].Message)
		if row < version {
			w.Errorf("a row of commit %d beside the organization of commit %d", row, version)
			break
		}
	}
	require.Positive(w, seen)
}
