package storetest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func rosterChecks() []check {
	list := []check{
		{"Members/UnknownOrganizationIsEmpty", rosterUnknown},
		{"Members/GrantsOnlyWhereAsked", rosterGrants},
		{"Members/SheetHasWhatAnExportShows", rosterSheet},
		{"Members/S166_FiltersAddUp", rosterFilters},
		{"Members/S171_SearchIsLiteral", rosterSearch},
		{"Members/PositionOfADeletedRow", rosterDeletedPosition},
		{"Members/OrdersFollowChanges", rosterFollows},
		{"Members/LimitIsNotAnAllocation", rosterLimit},
	}
	for _, sort := range memberSorts() {
		list = append(list, check{"Members/SortedBy_" + string(sort), func(w *world) { rosterSorted(w, sort) }})
	}
	return list
}

func memberSorts() []orgusers.MemberSort {
	return []orgusers.MemberSort{
		orgusers.SortEmail, orgusers.SortName, orgusers.SortInvitedAt, orgusers.SortLastLogin, orgusers.SortRole,
	}
}

// roster is what an organization's listing must show, worked out in Go.
type roster struct {
	org  orgusers.OrgID
	rows []orgusers.Member
}

// rosters writes two organizations with the same 48 people, who tie in everything but their
// addresses, and returns them.
func (w *world) rosters() (roster, roster) {
	w.Helper()
	return w.roster(), w.roster()
}

func (w *world) roster() roster {
	w.Helper()
	r := roster{org: w.organization("Acme")}
	stacks := []orgusers.StackID{w.stack(r.org, "web", "").ID, w.stack(r.org, "app", "").ID}
	first := []string{"Zoe", "anna", "Émile", "Anna", "", "Ян", "anna-lena", "Ann A"}
	var granted []orgusers.MemberGrant
	for i := range 48 {
		// Addresses whose order differs between bytes and any natural language.
		local := fmt.Sprintf("%c%c%d", "baz"[i%3], "-_.+z0"[i%6], (i*29)%48)
		var m orgusers.Member
		if i%4 == 3 {
			m = w.newInvitation(r.org, local)
		} else {
			m = w.newMembership(r.org, w.account(local))
			m.MFA = i%3 == 0
			m.LastLogin = []time.Time{{}, moment(3), moment(3).Add(time.Microsecond), moment(40)}[(i/4)%4]
		}
		if i%8 == 1 {
			m.Status = orgusers.StatusInactive
		}
		if i%5 < 2 {
			m.Role = orgusers.RoleAdmin
		}
		m.Name = orgusers.Name{First: first[(i*5)%len(first)], Last: []string{"Doe", "doe", "Öz", ""}[(i/2)%4]}
		m.InvitedAt = []time.Time{moment(1), moment(2), {}, moment(1).Add(time.Microsecond)}[(i/3)%4]
		for j, s := range stacks {
			if i%7 == j || i%11 == 0 {
				m.Grants = append(m.Grants, orgusers.Grant{Stack: s, Role: orgusers.RoleDeveloper}, orgusers.Grant{Stack: s, Role: orgusers.RoleContentManager})
			}
		}
		orgusers.SortGrants(m.Grants)
		for _, g := range m.Grants {
			granted = append(granted, orgusers.MemberGrant{Member: m.ID, Grant: g})
		}
		r.rows = append(r.rows, m)
	}
	w.edit(r.org, func(c *orgusers.Changes) { c.NewMembers, c.Granted = r.rows, granted })
	return r
}

// list is the answer to a query, without its limit and position.
func (r roster) list(q orgusers.MemberQuery) []orgusers.Member {
	var rows []orgusers.Member
	for i := range r.rows {
		if m := r.rows[i].Clone(); q.Matches(&m) {
			if !q.Grants {
				m.Grants = nil
			}
			rows = append(rows, m)
		}
	}
	slices.SortFunc(rows, func(a, b orgusers.Member) int { return q.Sort.Compare(q.Sort.Key(&a), q.Sort.Key(&b)) })
	if q.Descending {
		slices.Reverse(rows)
	}
	return rows
}

// shows walks a query page by page and requires what the roster has.
func (r roster) shows(w *world, q orgusers.MemberQuery) {
	w.Helper()
	q.Org = r.org
	var got []orgusers.Member
	for {
		page, err := w.Members(w.ctx, q)
		require.NoError(w, err)
		require.LessOrEqual(w, len(page), q.Limit)
		got = append(got, page...)
		if len(page) < q.Limit {
			break
		}
		key := q.Sort.Key(&page[len(page)-1])
		q.After = &key
		require.LessOrEqual(w, len(got), len(r.rows), "the walk goes on and on")
	}
	want := r.list(q)
	memberID := func(m *orgusers.Member) orgusers.MemberID { return m.ID }
	require.Equal(w, ids(want, memberID), ids(got, memberID), "%+v", q)
	w.same(want, got)
}

func rosterSorted(w *world, sort orgusers.MemberSort) {
	a, b := w.rosters()
	for _, descending := range []bool{false, true} {
		for _, limit := range []int{1, 3, 7, 48, 1000} {
			a.shows(w, orgusers.MemberQuery{Sort: sort, Descending: descending, Limit: limit, Grants: limit == 7})
		}
		b.shows(w, orgusers.MemberQuery{Sort: sort, Descending: descending, Limit: 7})
	}
}

func rosterFilters(w *world) {
	a, b := w.rosters()
	stack := a.rows[0].Grants[0].Stack
	n, found := 0, 0
	for _, search := range []string{"", "ann", "doe", "com ann"} { // the last across address and name
		for _, status := range []orgusers.Status{"", orgusers.StatusPending, orgusers.StatusActive, orgusers.StatusInactive} {
			for _, role := range []orgusers.Role{"", orgusers.RoleAdmin, orgusers.RoleMember} {
				for _, on := range []orgusers.StackID{"", stack} {
					for _, never := range []bool{false, true} {
						for _, since := range []time.Time{{}, moment(3).Add(time.Microsecond)} {
							q := orgusers.MemberQuery{
								MemberFilter: orgusers.MemberFilter{
									Search: search, Status: status, Role: role, Stack: on, NeverLoggedIn: never, InactiveSince: since,
									WithoutMFA: n%7 < 3,
								},
								Sort: memberSorts()[n%5], Descending: n%2 == 1, Limit: []int{3, 7, 100}[n%3], Grants: n%4 == 0,
							}
							n++
							found += len(a.list(q))
							a.shows(w, q)
						}
					}
				}
			}
		}
	}
	require.Greater(w, found, n, "the filters let somebody through")
	b.shows(w, orgusers.MemberQuery{Limit: 7, Sort: orgusers.SortEmail})
	q := orgusers.MemberQuery{Limit: 7, Sort: orgusers.SortEmail, MemberFilter: orgusers.MemberFilter{Stack: stack}}
	b.shows(w, q) // a stack of the other organization: nobody here has a role on it
}

func rosterSearch(w *world) {
	r := roster{org: w.organization("Acme")}
	for i, odd := range []string{"%", "_", `\`, "[", "]", "^", "*", "?", "'", `"`, "!", "$1", ":a", "--", ";", "é", "ß", "a%b", "a_b", "a\\%b", "100%", "İ"} {
		m := w.newInvitation(r.org, fmt.Sprintf("p%d", i))
		m.Name = orgusers.Name{First: "x" + odd + "x", Last: "Plain"}
		r.rows = append(r.rows, m)
	}
	plain := w.newInvitation(r.org, "plain")
	plain.Name = orgusers.Name{First: "aab", Last: "Ünal"}
	r.rows = append(r.rows, plain)
	w.edit(r.org, func(c *orgusers.Changes) { c.NewMembers = r.rows })
	for _, m := range r.rows {
		folded := m.Name.SortKey()
		for _, search := range []string{folded, folded[1 : len(folded)-len("x plain")], string(m.Address.Key)} {
			q := orgusers.MemberQuery{Sort: orgusers.SortEmail, Limit: 5, MemberFilter: orgusers.MemberFilter{Search: search}}
			require.NotEmpty(w, r.list(q), search)
			r.shows(w, q)
		}
	}
	for _, search := range []string{"%%", "__", "x%x", "ünal", "unal", "UNAL", "%plain", "e", "aab", "a b", "  "} {
		r.shows(w, orgusers.MemberQuery{Sort: orgusers.SortName, Limit: 5, MemberFilter: orgusers.MemberFilter{Search: search}})
	}
}

func rosterUnknown(w *world) {
	w.rosters()
	for _, org := range []orgusers.OrgID{orgusers.OrgID(w.id()), ""} {
		page, err := w.Members(w.ctx, orgusers.MemberQuery{Org: org, Sort: orgusers.SortEmail, Limit: 10})
		require.NoError(w, err)
		require.Empty(w, page)
	}
}

func rosterGrants(w *world) {
	a, _ := w.rosters()
	for _, grants := range []bool{false, true} {
		a.shows(w, orgusers.MemberQuery{Sort: orgusers.SortName, Limit: 9, Grants: grants})
		a.shows(w, orgusers.MemberQuery{
			Sort: orgusers.SortName, Limit: 9, Grants: grants,
			// Whoever has a role on this stack is shown with the roles on all.
			MemberFilter: orgusers.MemberFilter{Stack: a.rows[0].Grants[0].Stack},
		})
	}
}

// rosterSheet: a row that is read for an export may lack fields, but none that an export shows, nor one
// that its position needs. Each row is handed over or returned, once.
func rosterSheet(w *world) {
	a, _ := w.rosters()
	sort := orgusers.SortEmail
	var got []orgusers.Member
	q := orgusers.MemberQuery{
		Org: a.org, Sort: sort, Limit: len(a.rows) + 1, Sheet: true,
		Each: func(m *orgusers.Member) { got = append(got, *m) },
	}
	page, err := w.Members(w.ctx, q)
	require.NoError(w, err)
	got = append(got, page...)
	want := a.list(q)
	require.Len(w, got, len(want))
	for i := range want {
		m := &want[i]
		require.Equal(w, sort.Key(m), sort.Key(&got[i]))
		shown := func(m *orgusers.Member) orgusers.Member {
			return orgusers.Member{
				Org: m.Org, User: m.User, Address: m.Address, Name: m.Name, Role: m.Role, Status: m.Status, MFA: m.MFA,
				InvitedByEmail: m.InvitedByEmail, InvitedAt: m.InvitedAt, LastLogin: m.LastLogin,
			}
		}
		require.Equal(w, shown(m), shown(&got[i]))
	}
}

// rosterDeletedPosition: a position is a place in the order, not a row, and stays one when the row
// is deleted between two pages.
func rosterDeletedPosition(w *world) {
	a, b := w.rosters()
	for i, sort := range memberSorts() {
		q := orgusers.MemberQuery{Org: a.org, Sort: sort, Descending: i%2 == 1, Limit: 4}
		all := a.list(q)
		key := sort.Key(&all[3])
		gone := all[3].ID
		w.edit(a.org, func(c *orgusers.Changes) { c.DeleteMembers = []orgusers.MemberID{gone} })
		a.rows = slices.DeleteFunc(a.rows, func(m orgusers.Member) bool { return m.ID == gone })
		q.After = &key
		page, err := w.Members(w.ctx, q)
		require.NoError(w, err)
		w.same(all[4:8], page)
	}
	b.shows(w, orgusers.MemberQuery{Sort: orgusers.SortEmail, Limit: 7})
}

// rosterFollows: whatever changes what a row is sorted or searched by, in whichever way, moves it.
func rosterFollows(w *world) {
	a, b := w.rosters()
	look := func() {
		w.Helper()
		for i, sort := range memberSorts() {
			a.shows(w, orgusers.MemberQuery{Sort: sort, Descending: i%2 == 0, Limit: 7})
		}
		a.shows(w, orgusers.MemberQuery{Sort: orgusers.SortName, Limit: 7, MemberFilter: orgusers.MemberFilter{Search: "moved"}})
		for _, role := range []orgusers.Role{orgusers.RoleAdmin, orgusers.RoleMember} {
			a.shows(w, orgusers.MemberQuery{Sort: orgusers.SortRole, Limit: 7, MemberFilter: orgusers.MemberFilter{Role: role}})
		}
	}
	for i := range 40 {
		m := &a.rows[(i*11)%len(a.rows)]
		var p orgusers.MemberPatch
		switch i % 6 {
		case 0:
			p.Name = orgusers.Some(orgusers.Name{First: fmt.Sprintf("%c moved", 'z'-rune(i%26)), Last: "Doe"})
		case 1:
			p.InvitedAt = orgusers.Some(moment(i * 7 % 5))
		case 2:
			p.LastLogin = orgusers.Some(moment(i * 7 % 5))
		case 3:
			role := orgusers.RoleAdmin
			if m.Role == role {
				role = orgusers.RoleMember
			}
			p.Role = orgusers.Some(role)
		case 4: // by the account's name, which moves the row in the other organization too
			if m.User == "" {
				continue
			}
			moved := orgusers.Name{First: fmt.Sprintf("%c moved", 'a'+rune(i%26)), Last: "Profile"}
			w.edit(a.org, func(c *orgusers.Changes) {
				c.Users = w.updates([]orgusers.UserID{m.User}, orgusers.UserPatch{Name: orgusers.Some(moved)})
				c.Profiles = []orgusers.Profile{{User: m.User, Name: moved, MFA: true}}
			})
			for _, r := range [][]orgusers.Member{a.rows, b.rows} {
				for j := range r {
					if r[j].User == m.User {
						r[j].Name, r[j].MFA = moved, true
					}
				}
			}
			continue
		case 5:
			if m.User == "" {
				continue
			}
			at := moment(30 + i)
			require.NoError(w, w.Touch(w.ctx, m.User, at))
			for _, r := range [][]orgusers.Member{a.rows, b.rows} {
				for j := range r {
					if r[j].User == m.User && r[j].LastLogin.Before(at) {
						r[j].LastLogin = at
					}
				}
			}
			continue
		}
		w.edit(a.org, func(c *orgusers.Changes) { c.Members = []orgusers.MemberUpdate{{ID: m.ID, Patch: p}} })
		p.Apply(m)
		if i%8 == 0 {
			look()
		}
	}
	look()
	for _, sort := range memberSorts() {
		b.shows(w, orgusers.MemberQuery{Sort: sort, Limit: 7})
	}
}

func rosterLimit(w *world) {
	a, _ := w.rosters()
	page, err := w.Members(w.ctx, orgusers.MemberQuery{Org: a.org, Sort: orgusers.SortEmail, Limit: math.MaxInt32})
	require.NoError(w, err)
	require.Len(w, page, len(a.rows))
}
