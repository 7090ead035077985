package storetest

import (
	"cmp"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func collationChecks() []check {
	return []check{
		{"Collation/S175_AddressKeys", collationKeys},
		{"Collation/S175_Names", collationNames},
		{"Collation/S175_OrderIsByBytes", collationOrder},
	}
}

// keyPairs are address keys that one engine or another takes for equal, or sorts as if punctuation
// were not there. Keys are ASCII by the time a store sees them.
func keyPairs() [][2]string {
	return [][2]string{
		{"a@x.io", "A@x.io"},
		{"ab@x.io", "aB@x.io"},
		{"i@x.io", "I@x.io"},
		{"z@x.io", "z@X.io"},
		{"a@x.io", "a@x.io "},
		{"a@x.io", " a@x.io"},
		{"a@x.io", "a@x.io\t"},
		{"a@x.io", "a@x.io\n"},
		{"a.b@x.io", "ab@x.io"},
		{"a-b@x.io", "ab@x.io"},
		{"a_b@x.io", "ab@x.io"},
		{"a'b@x.io", "ab@x.io"},
		{"a+1@x.io", "a@x.io"},
		{"a@x.io", "a@x.i"},
		{"a%@x.io", "a_@x.io"},
		{"1@x.io", "01@x.io"},
		{"a\\b@x.io", "ab@x.io"},
		{"a@x.io", "a@xn--io"},
		{"1e1@x.io", "10@x.io"},
		{"a@x.io", "a@x.io."},
	}
}

// namePairs are names that differ in bytes alone.
func namePairs() [][2]string {
	return [][2]string{
		{"jose", "jos\u00e9"},
		{"Jos\u00e9", "Jose\u0301"},
		{"na\u00efve", "naive"},
		{"\ufb01", "fi"},
		{"\u00e6", "ae"},
		{"\u0153", "oe"},
		{"stra\u00dfe", "strasse"},
		{"\u1e9e", "\u00df"},
		{"\u017f", "s"},
		{"\u212a", "K"},
		{"\u212b", "\u00c5"},
		{"\u0131", "i"},
		{"\u0130", "I"},
		{"\u0130", "i\u0307"},
		{"\uff21", "A"},
		{"\u2460", "1"},
		{"\u00b2", "2"},
		{"\u03a3", "\u03c2"},
		{"\u03c3", "\u03c2"},
		{"\u00e9", "\u00e8"},
		{"\u0451", "\u0435"},
		{"\u0430", "a"},
		{"web", "web "},
		{"web", " web"},
		{"web", "web\u00a0"},
		{"web", "web\u200b"},
		{"web", "\ufeffweb"},
		{"a b", "ab"},
		{"a-b", "ab"},
		{"\u304b", "\u304c"},
		{"\u30ab", "\u304b"},
		{"\U0001f642", "\U0001f643"},
		{"\U0001f600", "\ufffd"},
		{"\u00e4", "a"},
		{"\u00f8", "o"},
		{"\u0142", "l"},
	}
}

func collationKeys(w *world) {
	for _, pair := range keyPairs() {
		org := w.organization("Acme")
		for _, key := range pair {
			u := w.newAccount(w.id())
			u.Address = orgusers.Address{Email: key, Key: orgusers.AddressKey(key)}
			w.collideOnlyWithItself(org, u, pair)
		}
		for i, key := range pair {
			v := w.read(orgusers.ViewQuery{Org: org, Keys: []orgusers.AddressKey{orgusers.AddressKey(key)}, UserKeys: []orgusers.AddressKey{orgusers.AddressKey(key)}})
			require.Len(w, v.Members, 1, "%q of %q", key, pair)
			require.Len(w, v.Users, 1, "%q of %q", key, pair)
			require.Equal(w, key, string(v.Members[0].Address.Key))
			require.Equal(w, key, string(v.Users[0].Address.Key))
			v = w.read(orgusers.ViewQuery{Org: org, Members: []orgusers.MemberID{v.Members[0].ID}})
			require.Len(w, v.Users, 1, "the account of %q and not of %q", key, pair[1-i])
			require.Equal(w, key, string(v.Users[0].Address.Key))
		}
	}
}

// collideOnlyWithItself writes an account and its invitation, which the other of the pair does not
// keep out, and then cannot write them again. Accounts are shared by the pairs of a run.
func (w *world) collideOnlyWithItself(org orgusers.OrgID, u orgusers.User, pair [2]string) {
	w.Helper()
	again := u
	again.ID = orgusers.UserID(w.id())
	if len(w.read(orgusers.ViewQuery{UserKeys: []orgusers.AddressKey{u.Address.Key}}).Users) == 0 {
		require.NoError(w, w.Commit(w.ctx, orgusers.Changes{NewUsers: []orgusers.User{u}}), "%q", pair)
	}
	require.ErrorIs(w, w.Commit(w.ctx, orgusers.Changes{NewUsers: []orgusers.User{again}}), orgusers.ErrConflict, "%q", pair)
	for i := range 2 {
		m := w.newInvitation(org, "x")
		m.Address = u.Address
		err := w.try(org, func(c *orgusers.Changes) { c.NewMembers = []orgusers.Member{m} })
		if i == 0 {
			require.NoError(w, err, "%q", pair)
		} else {
			require.ErrorIs(w, err, orgusers.ErrConflict, "%q", pair)
		}
	}
}

func collationNames(w *world) {
	require.GreaterOrEqual(w, len(keyPairs())+len(namePairs()), 40)
	for _, pair := range namePairs() {
		org := w.organization("Acme")
		for _, s := range pair {
			add := func(c *orgusers.Changes) {
				c.NewStacks = []orgusers.Stack{w.newStack(org, s, "")}
				c.NewRoles = []orgusers.StackRole{w.newRole(org, s)}
				c.Request = &orgusers.Request{Org: org, ID: "r" + w.id()}
			}
			require.NoError(w, w.try(org, add), "%q of %q", s, pair)
			require.ErrorIs(w, w.try(org, add), orgusers.ErrConflict, "%q of %q", s, pair)
		}
		v := w.read(orgusers.ViewQuery{Org: org, AllStack: true, Roles: true})
		require.Len(w, v.Stacks, 2)
		require.Len(w, v.Roles, 2)
	}
}

// collationOrder: the order of a page is that of bytes, whatever the language of the engine.
func collationOrder(w *world) {
	r := roster{org: w.organization("Acme")}
	var keys []string
	for _, pair := range keyPairs() {
		keys = append(keys, pair[:]...)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for i, key := range keys {
		m := w.newInvitation(r.org, "x")
		m.Address = orgusers.Address{Email: key, Key: orgusers.AddressKey(key)}
		m.Name = orgusers.Name{First: namePairs()[i%len(namePairs())][i%2]}
		m.Role = []orgusers.Role{orgusers.RoleAdmin, orgusers.RoleMember}[i%2]
		r.rows = append(r.rows, m)
	}
	w.edit(r.org, func(c *orgusers.Changes) { c.NewMembers = r.rows })
	for _, sort := range []orgusers.MemberSort{orgusers.SortEmail, orgusers.SortName, orgusers.SortRole} {
		for _, descending := range []bool{false, true} {
			r.shows(w, orgusers.MemberQuery{Sort: sort, Descending: descending, Limit: 4})
		}
	}
	page, err := w.Members(w.ctx, orgusers.MemberQuery{Org: r.org, Sort: orgusers.SortEmail, Limit: 1000})
	require.NoError(w, err)
	require.True(w, slices.IsSortedFunc(page, func(a, b orgusers.Member) int { return cmp.Compare(a.Address.Key, b.Address.Key) }))
}
