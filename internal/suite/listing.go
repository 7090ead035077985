package suite

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Listing checks what administrators see of a roster: orders, filters, search, and pages that hold
// while people come and go.
func Listing(t *testing.T, open Opener) {
	for name, f := range map[string]func(*testing.T, Opener){
		"S168_CursorIsBoundToItsList":      cursorIsBound,
		"S168_AuditCursorIsBoundToItsList": auditCursorIsBound,
		"S170_SortIsAnEnum":                sortIsAnEnum,
		"S171_SearchIsLiteral":             searchIsLiteral,
		"S173_LimitsAreClamped":            limitsAreClamped,
		"S166_FiltersAddUp":                filtersAddUp,
		"R8_Orders":                        ordersAreTotal,
		"R84_PagesHoldWhilePeopleMove":     pagesHold,
		"R85_LastLogin":                    lastLoginFilters,
		"Search":                           searchFolds,
		"Walking":                          walking,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, open)
		})
	}
}

// crowd makes an organization of 24 people whose values differ in every order, some of them only by
// what breaks ties.
func crowd(t testing.TB, w *world.World, domain string) world.Org {
	t.Helper()
	at := w.Clock.Now()
	org := NewOrg(t, w, domain, "owner@"+domain)
	for i := range 23 {
		p := Person{
			Email: fmt.Sprintf("p%02d@%s", (i*7)%23, domain),
			Change: func(u *orgusers.User) {
				u.Name = orgusers.Name{First: []string{"Ann", "bob", "Émile", "zoë"}[i%4], Last: []string{"Lee", "lee", "Åberg"}[i%3]}
				if i%3 == 0 {
					u.LastLogin = at.Add(time.Duration(i%4) * time.Hour)
				}
			},
		}
		switch i % 5 {
		case 0:
			p.Status = orgusers.StatusPending
		case 1:
			p.Status = orgusers.StatusInactive
		}
		if i%4 == 0 {
			p.Role = orgusers.RoleAdmin
		}
		Add(t, w, org.ID, p)
		if i%2 == 0 {
			w.Clock.Tick(time.Hour)
		}
	}
	return org
}

// everybody reads a whole roster from the store.
func everybody(t testing.TB, w *world.World, org world.Org) []orgusers.Member {
	t.Helper()
	all, err := w.Store.Members(world.Ctx(), orgusers.MemberQuery{Org: org.ID, Sort: orgusers.SortEmail, Limit: 1000, Grants: true})
	require.NoError(t, err)
	return all
}

func sorts() []orgusers.MemberSort {
	return []orgusers.MemberSort{orgusers.SortEmail, orgusers.SortName, orgusers.SortInvitedAt, orgusers.SortLastLogin, orgusers.SortRole}
}

// inOrder is an independent statement of the orders.
func inOrder(s orgusers.MemberSort) func(a, b orgusers.Member) int {
	name := func(m *orgusers.Member) string { return strings.ToLower(m.Name.First + " " + m.Name.Last) }
	return func(a, b orgusers.Member) int {
		byID := strings.Compare(string(a.ID), string(b.ID))
		byKey := strings.Compare(strings.ToLower(a.Address.Email), strings.ToLower(b.Address.Email))
		switch s {
		case orgusers.SortName:
			return cmp.Or(strings.Compare(name(&a), name(&b)), byID)
		case orgusers.SortInvitedAt:
			return cmp.Or(a.InvitedAt.Compare(b.InvitedAt), byID)
		case orgusers.SortLastLogin:
			return cmp.Or(a.LastLogin.Compare(b.LastLogin), byID)
		case orgusers.SortRole:
			return cmp.Or(strings.Compare(string(a.Role), string(b.Role)), byKey)
		}
		return byKey
	}
}

// pages walks a list and returns everybody on it, page by page.
func pages(t testing.TB, admin orgusers.Admin, l orgusers.List) []orgusers.Member {
	t.Helper()
	var got []orgusers.Member
	for range 1000 {
		page, err := admin.Members(world.Ctx(), l)
		require.NoError(t, err)
		got = append(got, page.Members...)
		if page.Next == "" {
			return got
		}
		require.Len(t, page.Members, l.Limit, "a page with a next one is full")
		l.Cursor = page.Next
	}
	require.Fail(t, "a list has no end")
	return nil
}

func ids(members []orgusers.Member) []orgusers.MemberID {
	out := make([]orgusers.MemberID, len(members))
	for i := range members {
		out[i] = members[i].ID
	}
	return out
}

func emails(members []orgusers.Member) []string {
	out := make([]string, len(members))
	for i := range members {
		out[i] = members[i].Address.Email
	}
	return out
}

// field returns the reason an error gives for one field.
func field(t testing.TB, err error, name string) orgusers.Reason {
	t.Helper()
	require.ErrorIs(t, err, orgusers.ErrInvalid)
	var e *orgusers.Error
	require.ErrorAs(t, err, &e)
	for _, f := range e.Fields {
		if f.Field == name {
			return f.Reason
		}
	}
	require.Fail(t, "no such field", "%s in %v", name, err)
	return ""
}

func cursorIsBound(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	org := crowd(t, w, "acme.example")
	twin := crowd(t, w, "acme.example") // the same addresses: only the organization differs
	ctx := world.Ctx()
	list := orgusers.List{MemberFilter: orgusers.MemberFilter{Search: "p"}, Limit: 3}
	first, err := org.Admin().Members(ctx, list)
	require.NoError(t, err)
	require.NotEmpty(t, first.Next)

	more := list
	more.Cursor, more.Limit = first.Next, 7
	second, err := org.Admin().Members(ctx, more)
	require.NoError(t, err, "the size of the page is free")
	require.Len(t, second.Members, 7)

	when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, change := range map[string]func(*orgusers.List){
		"search":         func(l *orgusers.List) { l.Search = "q" },
		"no search":      func(l *orgusers.List) { l.Search = "" },
		"status":         func(l *orgusers.List) { l.Status = orgusers.StatusActive },
		"role":           func(l *orgusers.List) { l.Role = orgusers.RoleAdmin },
		"stack":          func(l *orgusers.List) { l.Stack = "a-stack" },
		"never":          func(l *orgusers.List) { l.NeverLoggedIn = true },
		"inactive since": func(l *orgusers.List) { l.InactiveSince = when },
		"sort":           func(l *orgusers.List) { l.Sort = orgusers.SortName },
		"direction":      func(l *orgusers.List) { l.Descending = true },
	} {
		l := list
		l.Cursor = first.Next
		change(&l)
		_, err := org.Admin().Members(ctx, l)
		require.Equal(t, orgusers.ReasonSyntax, field(t, err, "cursor"), name)
	}
	list.Cursor = first.Next
	_, err = twin.Admin().Members(ctx, list)
	require.Equal(t, orgusers.ReasonSyntax, field(t, err, "cursor"), "another organization's cursor")
	_, err = org.Admin().Audit(ctx, orgusers.AuditList{Cursor: first.Next})
	require.Equal(t, orgusers.ReasonSyntax, field(t, err, "cursor"), "another kind of list")

	for i := range len(first.Next) {
		forged := []byte(first.Next)
		forged[i] = "AB"[b2i(forged[i] == 'A')]
		list.Cursor = string(forged)
		_, err := org.Admin().Members(ctx, list)
		require.Equal(t, orgusers.ReasonSyntax, field(t, err, "cursor"), "character %d", i)
	}
	for _, forged := range []string{first.Next + "A", first.Next[1:], first.Next[:len(first.Next)-1], " " + first.Next, first.Next + "=", "0", strings.Repeat("A", 1<<20)} {
		list.Cursor = forged
		_, err := org.Admin().Members(ctx, list)
		require.Equal(t, orgusers.ReasonSyntax, field(t, err, "cursor"), "%.80q", forged)
	}

	// A service with other keys takes none of ours; one that rotated takes them still.
	key := slices.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 4)
	foreign := world.New(t, w.Store, func(c *orgusers.Config) { c.Keys, c.Now = []orgusers.Key{key}, w.Clock.Now })
	list.Cursor = first.Next
	_, err = foreign.Svc.Admin(org.Owner, org.ID).Members(ctx, list)
	require.Equal(t, orgusers.ReasonSyntax, field(t, err, "cursor"))
	rotated := world.New(t, w.Store, func(c *orgusers.Config) {
		c.Keys, c.Now = append([]orgusers.Key{key}, w.Conf.Keys...), w.Clock.Now
	})
	_, err = rotated.Svc.Admin(org.Owner, org.ID).Members(ctx, list)
	require.NoError(t, err)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func auditCursorIsBound(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	org, twin := NewOrg(t, w, "Acme", "o@acme.example"), NewOrg(t, w, "Twin", "o@twin.example")
	ctx := world.Ctx()
	for i := range 5 {
		for _, o := range []world.Org{org, twin} {
			_, err := o.Admin().CreateStack(ctx, fmt.Sprint("stack ", i))
			require.NoError(t, err)
		}
	}
	l := orgusers.AuditList{Limit: 2}
	page, err := org.Admin().Audit(ctx, l)
	require.NoError(t, err)
	require.NotEmpty(t, page.Next)
	l.Cursor = page.Next
	for name, change := range map[string]func(*orgusers.AuditList){
		"action":    func(l *orgusers.AuditList) { l.Action = orgusers.ActionCreateStack },
		"actor":     func(l *orgusers.AuditList) { l.Actor = org.Owner.User },
		"member":    func(l *orgusers.AuditList) { l.Member = "m" },
		"from":      func(l *orgusers.AuditList) { l.From = w.Clock.Now() },
		"to":        func(l *orgusers.AuditList) { l.To = w.Clock.Now() },
		"direction": func(l *orgusers.AuditList) { l.OldestFirst = true },
	} {
		l := l
		change(&l)
		_, err := org.Admin().Audit(ctx, l)
		require.Equal(t, orgusers.ReasonSyntax, field(t, err, "cursor"), name)
	}
	_, err = twin.Admin().Audit(ctx, l)
	require.Equal(t, orgusers.ReasonSyntax, field(t, err, "cursor"))
	_, err = org.Admin().Audit(ctx, l)
	require.NoError(t, err)
}

func sortIsAnEnum(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	org := crowd(t, w, "acme.example")
	for _, s := range []string{
		"id", "Email", "EMAIL", " email", "email ", "email desc", "email; DROP TABLE members", "email`", `email"`, "1", "password",
		"email\x00", "(SELECT 1)", "last_login,email", "user_id", strings.Repeat("email", 1<<16),
	} {
		_, err := org.Admin().Members(world.Ctx(), orgusers.List{Sort: orgusers.MemberSort(s)})
		require.Equal(t, orgusers.ReasonUnknown, field(t, err, "sort"), "%.40q", s)
	}
	// All that is wrong is named at once.
	_, err := org.Admin().Members(world.Ctx(), orgusers.List{
		Sort: "x", MemberFilter: orgusers.MemberFilter{Status: "Active", Role: "owner", Search: strings.Repeat("x", 101)},
	})
	for name, reason := range map[string]orgusers.Reason{
		"sort": orgusers.ReasonUnknown, "status": orgusers.ReasonUnknown, "role": orgusers.ReasonUnknown, "search": orgusers.ReasonTooLong,
	} {
		require.Equal(t, reason, field(t, err, name))
	}
	for _, s := range sorts() {
		_, err := org.Admin().Members(world.Ctx(), orgusers.List{Sort: s})
		require.NoError(t, err, s)
	}
}

func searchIsLiteral(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	named := func(email, first string) Person {
		return Person{Email: email, Change: func(u *orgusers.User) { u.Name = orgusers.Name{First: first} }}
	}
	org := NewOrg(t, w, "Acme", "owner@acme.example",
		named("a%b@acme.example", "plain"), named("a_c@acme.example", "plain"),
		named("d@acme.example", `back\slash`), named("e@acme.example", "[a-z]"), named("f@acme.example", "star*"),
		named("g@acme.example", "ques?tion"), named("h@acme.example", "quo'te"), named("i@acme.example", `dou"ble`),
		named("j@acme.example", "hat^"), named("k@acme.example", "dollar$1"), named("l@acme.example", "!bang"))
	for search, want := range map[string][]string{
		"%": {"a%b@acme.example"}, "_": {"a_c@acme.example"}, "a%b": {"a%b@acme.example"}, "a_c": {"a_c@acme.example"},
		`\`: {"d@acme.example"}, `\%`: nil, "[": {"e@acme.example"}, "[a-z]": {"e@acme.example"}, "*": {"f@acme.example"},
		"?": {"g@acme.example"}, "'": {"h@acme.example"}, `"`: {"i@acme.example"}, "^": {"j@acme.example"}, "$1": {"k@acme.example"},
		"!": {"l@acme.example"}, "!%": nil, "' OR '1'='1": nil, "%%": nil, "__": nil, "@acme.example' --": nil,
	} {
		got := pages(t, org.Admin(), orgusers.List{MemberFilter: orgusers.MemberFilter{Search: search}, Limit: 5})
		require.Equal(t, want, nilIfEmpty(emails(got)), "%q", search)
	}
}

func nilIfEmpty(s []string) []string {
	if len(s) == 0 {
		return nil
	}
	return s
}

func limitsAreClamped(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	var people []Person
	for i := range 204 {
		people = append(people, Person{Email: fmt.Sprintf("p%03d@acme.example", i), Status: orgusers.StatusPending})
	}
	org := NewOrg(t, w, "Acme", "owner@acme.example", people...)
	ctx := world.Ctx()
	for limit, want := range map[int]int{
		0: 30, -1: 30, math.MinInt: 30, 1: 1, 200: 200, 201: 200, math.MaxInt: 200, math.MaxInt32 + 1: 200,
	} {
		page, err := org.Admin().Members(ctx, orgusers.List{Limit: limit})
		require.NoError(t, err)
		require.Len(t, page.Members, want, "limit %d", limit)
		require.NotEmpty(t, page.Next)
	}
	for i := range 30 {
		_, err := org.Admin().CreateStack(ctx, fmt.Sprint("stack ", i))
		require.NoError(t, err)
	}
	for limit, want := range map[int]int{0: 25, -1: 25, math.MinInt: 25, math.MaxInt: 30} {
		page, err := org.Admin().Audit(ctx, orgusers.AuditList{Limit: limit})
		require.NoError(t, err)
		require.Len(t, page.Entries, want, "limit %d", limit)
	}
	for _, limit := range []int{math.MinInt, -1, 0, 1, math.MaxInt} {
		orgs, err := w.Operator().Organizations(ctx, "", limit)
		require.NoError(t, err)
		require.Len(t, orgs, 1, "limit %d", limit)
		mine, err := w.Svc.Account(org.Owner).Organizations(ctx, "", limit)
		require.NoError(t, err)
		require.Len(t, mine, 1)
		_, err = w.Operator().DeadLetters(ctx, "", limit)
		require.NoError(t, err)
		_, err = w.Operator().Backlog(ctx, "", limit)
		require.NoError(t, err)
	}
}

func filtersAddUp(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	org := crowd(t, w, "acme.example")
	crowd(t, w, "acme.example") // identical people, whom no filter may let in
	ctx := world.Ctx()
	stack, err := org.Admin().CreateStack(ctx, "Website")
	require.NoError(t, err)
	all := pages(t, org.Admin(), orgusers.List{Limit: 200})
	require.Len(t, all, 24)
	var some []orgusers.MemberID
	for i := range all {
		if i%3 == 0 {
			some = append(some, all[i].ID)
		}
	}
	_, err = org.Admin().Apply(ctx, orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}}, some...)
	require.NoError(t, err)

	since := world.NewClock().Now().Add(90 * time.Minute)
	for _, search := range []string{"", "p1", "lee"} {
		for _, status := range []orgusers.Status{"", orgusers.StatusPending, orgusers.StatusActive, orgusers.StatusInactive} {
			for _, role := range []orgusers.Role{"", orgusers.RoleAdmin, orgusers.RoleMember} {
				for bits := range 8 {
					f := orgusers.MemberFilter{Search: search, Status: status, Role: role}
					if bits&1 != 0 {
						f.Stack = stack
					}
					if bits&2 != 0 {
						f.NeverLoggedIn = true
					}
					if bits&4 != 0 {
						f.InactiveSince = since
					}
					var want []string
					for i := range all {
						m := &all[i]
						text := strings.ToLower(m.Address.Email + " " + m.Name.First + " " + m.Name.Last)
						joined := m.Status != orgusers.StatusPending
						if strings.Contains(text, search) && (status == "" || m.Status == status) && (role == "" || m.Role == role) &&
							(f.Stack == "" || slices.Contains(some, m.ID)) && (!f.NeverLoggedIn || joined && m.LastLogin.IsZero()) &&
							(f.InactiveSince.IsZero() || joined && m.LastLogin.Before(since)) {
							want = append(want, string(m.ID))
						}
					}
					var got []string
					for _, m := range pages(t, org.Admin(), orgusers.List{MemberFilter: f, Limit: 4}) {
						require.Equal(t, org.ID, m.Org)
						got = append(got, string(m.ID))
					}
					require.Equal(t, want, got, "%+v", f)
				}
			}
		}
	}
}

func ordersAreTotal(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	org := crowd(t, w, "acme.example")
	people := everybody(t, w, org)
	page, err := org.Admin().Members(world.Ctx(), orgusers.List{Limit: 2, MemberFilter: orgusers.MemberFilter{Status: orgusers.StatusInactive}})
	require.NoError(t, err)
	require.Equal(t, int64(24), page.Tally.Seats(), "the tally is the organization's, whatever the filter")
	for _, s := range sorts() {
		want := slices.Clone(people)
		slices.SortFunc(want, inOrder(s))
		for _, limit := range []int{1, 5, 24, 200} {
			got := pages(t, org.Admin(), orgusers.List{Sort: s, Limit: limit})
			require.Equal(t, ids(want), ids(got), "%s by %d", s, limit)
		}
		slices.Reverse(want)
		require.Equal(t, ids(want), ids(pages(t, org.Admin(), orgusers.List{Sort: s, Descending: true, Limit: 5})), "%s backwards", s)
	}
	owners := 0
	for _, m := range pages(t, org.Admin(), orgusers.List{Limit: 200}) {
		owners += b2i(m.Owner)
	}
	require.Equal(t, 1, owners)
}

func pagesHold(t *testing.T, open Opener) {
	for _, s := range sorts() {
		for _, descending := range []bool{false, true} {
			w := world.New(t, open(t))
			org := crowd(t, w, "acme.example")
			ctx := world.Ctx()
			stayers := map[orgusers.MemberID]bool{}
			all := pages(t, org.Admin(), orgusers.List{Sort: s, Descending: descending, Limit: 200})
			for i := range all {
				stayers[all[i].ID] = true
			}
			seen := map[orgusers.MemberID]int{}
			var order []orgusers.Member
			l := orgusers.List{Sort: s, Descending: descending, Limit: 4}
			for n := 0; ; n++ {
				page, err := org.Admin().Members(ctx, l)
				require.NoError(t, err)
				for _, m := range page.Members {
					seen[m.ID]++
					order = append(order, m)
				}
				if page.Next == "" {
					break
				}
				l.Cursor = page.Next
				// One who was seen, the last of the page on whom the cursor stands, and one still to come go;
				// people come on both sides.
				gone := []orgusers.MemberID{page.Members[0].ID, page.Members[len(page.Members)-1].ID}
				for i := range all {
					if seen[all[i].ID] == 0 && stayers[all[i].ID] && !all[i].Owner {
						gone = append(gone, all[i].ID)
						break
					}
				}
				rep, err := org.Admin().Apply(ctx, orgusers.Remove{}, gone...)
				require.NoError(t, err)
				for _, o := range rep.Outcomes {
					if o.Result == orgusers.Applied {
						delete(stayers, o.Member)
					}
				}
				_, err = org.Admin().Invite(ctx, orgusers.Invitation{To: fmt.Sprintf("Aaron Aa <a%d@acme.example>, Zz Zz <zz%d@acme.example>, Mia M <p0%d-x@acme.example>", n, n, n)})
				require.NoError(t, err)
			}
			for id, n := range seen {
				require.Equal(t, 1, n, "%s %t: %s was shown twice", s, descending, id)
			}
			require.NotEmpty(t, stayers)
			for id := range stayers {
				require.Equal(t, 1, seen[id], "%s %t: %s was there all the time", s, descending, id)
			}
			require.True(t, slices.IsSortedFunc(order, func(a, b orgusers.Member) int {
				if descending {
					a, b = b, a
				}
				return inOrder(s)(a, b)
			}), "%s %t", s, descending)
		}
	}
}

func lastLoginFilters(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	at := w.Clock.Now().Add(-time.Hour)
	login := func(email string, when time.Time) Person {
		return Person{Email: email, Change: func(u *orgusers.User) { u.LastLogin = when }}
	}
	org := NewOrg(t, w, "Acme", "owner@acme.example", login("before@acme.example", at.Add(-time.Microsecond)),
		login("at@acme.example", at), login("never@acme.example", time.Time{}),
		Person{Email: "pending@acme.example", Status: orgusers.StatusPending})
	require.NoError(t, w.Store.Touch(world.Ctx(), org.Owner.User, at.Add(time.Second)))
	list := func(f orgusers.MemberFilter) []string {
		return emails(pages(t, org.Admin(), orgusers.List{MemberFilter: f, Limit: 2}))
	}
	require.Equal(t, []string{"never@acme.example"}, list(orgusers.MemberFilter{NeverLoggedIn: true}), "who has not joined could not")
	require.Equal(t, []string{"before@acme.example", "never@acme.example"}, list(orgusers.MemberFilter{InactiveSince: at}))
	require.Equal(t, []string{"never@acme.example"}, list(orgusers.MemberFilter{InactiveSince: at, NeverLoggedIn: true}))
	require.Equal(t, []string{"before@acme.example", "never@acme.example"}, list(orgusers.MemberFilter{InactiveSince: at.Add(999 * time.Nanosecond)}), "times are whole microseconds")

	// Signing in takes somebody off both lists at once, without touching the organization.
	version := org.Record().Version
	require.NoError(t, w.Svc.SignedIn(world.Ctx(), org.Member("never@acme.example").User))
	require.Empty(t, list(orgusers.MemberFilter{NeverLoggedIn: true}))
	require.Equal(t, []string{"before@acme.example"}, list(orgusers.MemberFilter{InactiveSince: at}))
	require.Equal(t, version, org.Record().Version)
	require.Equal(t, w.Clock.Now(), org.Member("never@acme.example").LastLogin)

	// A clock that steps back does not take a sign-in back.
	w.Clock.Tick(-time.Minute)
	require.NoError(t, w.Svc.SignedIn(world.Ctx(), org.Member("never@acme.example").User))
	require.Equal(t, w.Clock.Now().Add(time.Minute), org.Member("never@acme.example").LastLogin)

	got := emails(pages(t, org.Admin(), orgusers.List{Sort: orgusers.SortLastLogin, Limit: 2}))
	require.Equal(t, "pending@acme.example", got[0], "never comes first")
	require.Equal(t, []string{"before@acme.example", "at@acme.example", "owner@acme.example", "never@acme.example"}, got[1:])
}

func searchFolds(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	named := func(email, first, last string) Person {
		return Person{Email: email, Change: func(u *orgusers.User) { u.Name = orgusers.Name{First: first, Last: last} }}
	}
	org := NewOrg(t, w, "Acme", "Owner@Acme.example", named("j1@acme.example", "José", "Ñandú"),
		named("j2@acme.example", "Jose", "Nandu"), named("x@other.example", "Anna Maria", "van der Berg"))
	for search, want := range map[string][]string{
		"OWNER":            {"Owner@Acme.example"},
		"acme":             {"j1@acme.example", "j2@acme.example", "Owner@Acme.example"},
		"JOSÉ":             {"j1@acme.example"}, // accents tell people apart
		"jose\u0301":       {"j1@acme.example"}, // however they are written
		"jose":             {"j2@acme.example"},
		"ñandú":            {"j1@acme.example"},
		"maria van":        {"x@other.example"}, // across first and last name
		"  anna  ":         {"x@other.example"},
		"other.example":    {"x@other.example"},
		"@":                {"j1@acme.example", "j2@acme.example", "Owner@Acme.example", "x@other.example"},
		"   ":              {"j1@acme.example", "j2@acme.example", "Owner@Acme.example", "x@other.example"},
		"nobody":           nil,
		"member":           nil, // the role is not searched
		string(org.ID[:8]): nil, // nor are ids
	} {
		require.Equal(t, want, nilIfEmpty(emails(pages(t, org.Admin(), orgusers.List{MemberFilter: orgusers.MemberFilter{Search: search}, Limit: 3}))), "%q", search)
	}
	for search, reason := range map[string]orgusers.Reason{
		strings.Repeat("é", 101): orgusers.ReasonTooLong, "a\x00b": orgusers.ReasonCharacter, "a\xffb": orgusers.ReasonCharacter,
		"a\u202eb": orgusers.ReasonCharacter, strings.Repeat("x", 1<<20): orgusers.ReasonTooLong,
	} {
		_, err := org.Admin().Members(world.Ctx(), orgusers.List{MemberFilter: orgusers.MemberFilter{Search: search}})
		require.Equal(t, reason, field(t, err, "search"), "%.20q", search)
	}
	require.Empty(t, pages(t, org.Admin(), orgusers.List{MemberFilter: orgusers.MemberFilter{Search: strings.Repeat("é", 100)}, Limit: 3}))
}

func walking(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	org := crowd(t, w, "acme.example")
	n := 0
	for m, err := range org.Admin().All(world.Ctx(), orgusers.List{Limit: 5}) {
		require.NoError(t, err)
		require.NotEmpty(t, m.ID)
		n++
	}
	require.Equal(t, 24, n)

	before := store.count("Members")
	for _, err := range org.Admin().All(world.Ctx(), orgusers.List{Limit: 5}) {
		require.NoError(t, err)
		break
	}
	require.Equal(t, before+1, store.count("Members"), "who stops walking reads no further")

	broken := errors.New("gone")
	store.with(func(f *faulty) {
		f.before = func(m string) error {
			if m == "Members" && store.calls[m] > before+2 {
				return broken
			}
			return nil
		}
	})
	n = 0
	var last error
	for _, err := range org.Admin().All(world.Ctx(), orgusers.List{Limit: 5}) {
		n++
		require.NoError(t, last, "the walk ends with the first error")
		last = err
	}
	require.Equal(t, 6, n)
	require.ErrorIs(t, last, orgusers.ErrStore)
	require.ErrorIs(t, last, broken)
}
