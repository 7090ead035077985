package suite

import (
	"cmp"
	"fmt"
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
		"S180_WhatCannotBeAnID":            whatCannotBeAnID,
		"S171_SearchIsLiteral":             searchIsLiteral,
		"S173_LimitsAreClamped":            limitsAreClamped,
		"S166_FiltersAddUp":                filtersAddUp,
		"R8_Orders":                        ordersAreTotal,
		"R84_PagesHoldWhilePeopleMove":     pagesHold,
		"R85_LastLogin":                    lastLoginFilters,
		"R85_WithoutMFA":                   withoutMFA,
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
				if i%7 < 3 {
					u.MFA = orgusers.MFA{Secret: "v1.x", EnrolledAt: at}
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
	n := 0
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
					f.WithoutMFA = n%3 == 0
					n++
					var want []string
					for i := range all {
						m := &all[i]
						text := strings.ToLower(m.Address.Email + " " + m.Name.First + " " + m.Name.Last)
						joined := m.Status != orgusers.StatusPending
						if strings.Contains(text, search) && (status == "" || m.Status == status) && (role == "" || m.Role == role) &&
							(f.Stack == "" || slices.Contains(some, m.ID)) && (!f.NeverLoggedIn || joined && m.LastLogin.IsZero()) &&
							(f.InactiveSince.IsZero() || joined && m.LastLogin.Before(since)) && (!f.WithoutMFA || joined && !m.MFA) {
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

func withoutMFA(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	has := func(email string, status orgusers.Status) Person {
		return Person{Email: email, Status: status, Change: func(u *orgusers.User) { u.MFA = orgusers.MFA{Secret: "v1.x", EnrolledAt: w.Clock.Now()} }}
	}
	org := NewOrg(t, w, "Acme", "owner@acme.example", has("has@acme.example", ""), has("away@acme.example", orgusers.StatusInactive),
		Person{Email: "idle@acme.example", Status: orgusers.StatusInactive}, Person{Email: "new@acme.example"}, Person{Email: "pending@acme.example", Status: orgusers.StatusPending})
	list := func(f orgusers.MemberFilter) []string {
		return emails(pages(t, org.Admin(), orgusers.List{MemberFilter: f, Limit: 1}))
	}
	require.Equal(t, []string{"idle@acme.example", "new@acme.example", "owner@acme.example"}, list(orgusers.MemberFilter{WithoutMFA: true}), "who has not joined has no account to protect")
	require.Equal(t, []string{"idle@acme.example"}, list(orgusers.MemberFilter{WithoutMFA: true, Status: orgusers.StatusInactive}))
	require.Equal(t, []string{}, list(orgusers.MemberFilter{WithoutMFA: true, Status: orgusers.StatusPending}))

	// Setting one up takes somebody off the list.
	w.Enrol(w.Actor(org.Member("new@acme.example").User))
	require.Equal(t, []string{"idle@acme.example", "owner@acme.example"}, list(orgusers.MemberFilter{WithoutMFA: true}))
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
