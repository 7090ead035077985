package suite

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

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
		"without MFA":    func(l *orgusers.List) { l.WithoutMFA = true },
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

// whatCannotBeAnID: a listing by what no store could keep, or on from it, is refused by the name of the field, and
// no store is asked (S-180).
func whatCannotBeAnID(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	org, ctx := NewOrg(t, w, "Acme", "o@acme.example"), world.Ctx()
	account := w.Svc.Account(org.Owner)
	audit := func(f orgusers.AuditFilter) error {
		_, err := org.Admin().Audit(ctx, orgusers.AuditList{AuditFilter: f})
		return err
	}
	for _, bad := range []string{"a\x00b", "\xff\xfe", strings.Repeat("x", 65), strings.Repeat("x", 1<<20), "ü", "a\nb"} {
		for name, call := range map[string]func() error{
			"stack": func() error {
				_, err := org.Admin().Members(ctx, orgusers.List{MemberFilter: orgusers.MemberFilter{Stack: orgusers.StackID(bad)}})
				return err
			},
			"action": func() error { return audit(orgusers.AuditFilter{Action: orgusers.Action(bad)}) },
			"actor":  func() error { return audit(orgusers.AuditFilter{Actor: orgusers.UserID(bad)}) },
			"member": func() error { return audit(orgusers.AuditFilter{Member: orgusers.MemberID(bad)}) },
			"after": func() error {
				_, err := account.Organizations(ctx, orgusers.OrgID(bad), 1)
				return err
			},
			"after ": func() error { _, err := org.Admin().IPRules(ctx, orgusers.IPRuleID(bad), 1); return err },
			"after  ": func() error {
				_, err := w.Operator().Organizations(ctx, orgusers.OrgID(bad), 1)
				return err
			},
			"after   ":  func() error { _, err := w.Operator().DeadLetters(ctx, orgusers.EffectID(bad), 1); return err },
			"after    ": func() error { _, err := w.Operator().Backlog(ctx, orgusers.EffectID(bad), 1); return err },
		} {
			require.Equal(t, orgusers.ReasonSyntax, field(t, call(), strings.TrimSpace(name)), "%s: %.20q", name, bad)
		}
		require.ErrorIs(t, org.Admin().ExportAudit(ctx, io.Discard, orgusers.AuditList{AuditFilter: orgusers.AuditFilter{Actor: orgusers.UserID(bad)}}), orgusers.ErrInvalid)
		fails(t, w.Svc.SignedIn(ctx, orgusers.UserID(bad)), orgusers.ErrNotFound, "")
		n, err := w.Operator().Requeue(ctx, orgusers.EffectID(bad))
		require.NoError(t, err)
		require.Zero(t, n, "nothing has such an id")
	}
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
