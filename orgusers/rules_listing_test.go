package orgusers_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// names walks a list and returns the local parts, in order.
func (x *matrixWorld) names(l orgusers.List) []string {
	x.T.Helper()
	var out []string
	for m, err := range x.as("olivia").All(world.Ctx(), l) {
		require.NoError(x.T, err)
		local, _, _ := strings.Cut(m.Address.Email, "@")
		out = append(out, local)
	}
	return out
}

// TestRules_List: section 8, through the door.
func TestRules_List(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	o := usual(t)
	web := o.stack("web", "mark")
	o.grant("mark", web, orgusers.RoleDeveloper)
	o.grant("petra", web, orgusers.RoleDeveloper)
	login := func(name string, ago time.Duration) {
		o.user(name).LastLogin, o.member(name).LastLogin = o.now.Add(-ago), o.now.Add(-ago)
	}
	login("olivia", time.Hour)
	login("adam", 91*24*time.Hour)
	login("mark", 89*24*time.Hour)
	login("sven", time.Hour) // the same moment as olivia
	for i, name := range []string{"sven", "mark", "adam"} {
		o.member(name).InvitedAt = o.now.Add(time.Duration(i) * time.Minute)
	}
	for name, called := range map[string]orgusers.Name{"mia": {First: "aaron", Last: "Z"}, "anna": {First: "Aaron", Last: "y"}, "mark": {First: "Zoë"}} {
		o.member(name).Name = called
		if u := o.user(name); u != nil {
			u.Name = called
		}
	}
	for _, name := range []string{"mark", "ivan"} {
		o.user(name).MFA, o.member(name).MFA = orgusers.MFA{}, false
	}
	x := o.open()
	for rule, c := range map[string]struct {
		list orgusers.List
		want string
	}{
		"R8.2 R8.6 by address, unless said otherwise": {orgusers.List{}, "adam anna ivan mark mia olivia petra sven"},
		"R8.2 by address, reversed":                   {orgusers.List{Sort: orgusers.SortEmail, Descending: true}, "sven petra olivia mia mark ivan anna adam"},
		"R8.2 by name, without regard to case":        {orgusers.List{Sort: orgusers.SortName}, "anna mia adam ivan olivia petra sven mark"},
		"R8.2 by role, administrators first":          {orgusers.List{Sort: orgusers.SortRole}, "adam anna olivia ivan mark mia petra sven"},
		"filter by status":                            {orgusers.List{MemberFilter: orgusers.MemberFilter{Status: orgusers.StatusPending}}, "petra"},
		"filter by role, the owner is an admin":       {orgusers.List{MemberFilter: orgusers.MemberFilter{Role: orgusers.RoleAdmin}}, "adam anna olivia"},
		"filter by stack":                             {orgusers.List{MemberFilter: orgusers.MemberFilter{Stack: web}}, "mark petra"},
		"R8.1 never logged in: who has joined":        {orgusers.List{MemberFilter: orgusers.MemberFilter{NeverLoggedIn: true}}, "anna ivan mia"},
		"R8.5 inactive for 90 days": {
			orgusers.List{MemberFilter: orgusers.MemberFilter{InactiveSince: o.now.AddDate(0, 0, -90)}}, "adam anna ivan mia",
		},
		"R8.5 without a second factor: who has joined": {
			orgusers.List{MemberFilter: orgusers.MemberFilter{WithoutMFA: true}}, "ivan mark",
		},
		"R8.3 search in addresses, whatever the case": {orgusers.List{MemberFilter: orgusers.MemberFilter{Search: " MI"}}, "mia"},
		"R8.3 search in names":                        {orgusers.List{MemberFilter: orgusers.MemberFilter{Search: "ZOË"}}, "mark"},
		"S-166 conditions add up": {
			orgusers.List{MemberFilter: orgusers.MemberFilter{Search: "acme", Role: orgusers.RoleMember, Status: orgusers.StatusActive, Stack: web}}, "mark",
		},
		"S-172 a search sign is a letter": {orgusers.List{MemberFilter: orgusers.MemberFilter{Search: "%"}}, ""},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			for _, limit := range []int{0, 1, 3, 200} {
				c.list.Limit = limit
				require.Equal(t, strings.Fields(c.want), append([]string{}, x.names(c.list)...), "R8.4 pages of %d", limit)
			}
		})
	}
	t.Run("R8.2 by last login: never comes first, ties keep an order", func(t *testing.T) {
		t.Parallel()
		got := x.names(orgusers.List{Sort: orgusers.SortLastLogin, Limit: 1})
		require.ElementsMatch(t, []string{"anna", "ivan", "mia", "petra"}, got[:4])
		require.Equal(t, []string{"adam", "mark"}, got[4:6])
		require.Equal(t, got, x.names(orgusers.List{Sort: orgusers.SortLastLogin}), "Q30")
	})
	t.Run("R8.2 by the time of the invitation", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, []string{"adam", "mark", "sven"}, x.names(orgusers.List{Sort: orgusers.SortInvitedAt, Descending: true})[:3])
	})
	t.Run("R8.1 R8.3 a page", func(t *testing.T) {
		t.Parallel()
		page, err := x.as("adam").Members(ctx, orgusers.List{Limit: 3, Sort: orgusers.SortRole})
		require.NoError(t, err)
		require.Len(t, page.Members, 3)
		require.NotEmpty(t, page.Next)
		require.Equal(t, o.org.Tally, page.Tally, "counted without counting")
		for _, m := range page.Members {
			require.Equal(t, m.User == o.org.OwnerID, m.Owner, "R8.1 the owner shows")
		}
		rest, err := x.as("adam").Members(ctx, orgusers.List{Limit: 5, Sort: orgusers.SortRole, Cursor: page.Next})
		require.NoError(t, err)
		require.Len(t, rest.Members, 5, "a page may be longer than the one before")
		require.Empty(t, rest.Next, "the last page says so, though it is full")
		_, err = x.as("adam").Members(ctx, orgusers.List{Limit: 3, Cursor: page.Next})
		require.ErrorIs(t, err, orgusers.ErrInvalid, "S-168: another list's cursor")
	})
	t.Run("R8.3 thirty to a page", func(t *testing.T) {
		t.Parallel()
		people := []string{"olivia owner"}
		for i := range 40 {
			people = append(people, fmt.Sprintf("p%02d member", i))
		}
		x := newOffice(t, people...).open()
		page, err := x.as("olivia").Members(ctx, orgusers.List{})
		require.NoError(t, err)
		require.Len(t, page.Members, 30)
	})
	t.Run("no such value", func(t *testing.T) {
		t.Parallel()
		_, err := x.as("adam").Members(ctx, orgusers.List{Sort: "email; DROP", MemberFilter: orgusers.MemberFilter{
			Status: "x", Role: "owner", Search: strings.Repeat("x", 101),
		}})
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		require.Len(t, e.Fields, 4, "every bad field at once")
	})
}

// TestRules_Export: R8.1, R8.6, R8.8, Q30 and Q31.
func TestRules_Export(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "zoe owner mfa", "Adam admin", "mark member inactive", "petra member pending")
	o.member("Adam").Name = orgusers.Name{First: `=HYPERLINK("x")`, Last: " +1\"2"}
	o.member("zoe").InvitedAt = time.Time{}
	o.member("mark").LastLogin = time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC)
	o.member("mark").InvitedByEmail = "zoe@acme.example"
	x := o.open()
	var plain, bom bytes.Buffer
	require.NoError(t, x.as("zoe").ExportCSV(world.Ctx(), &plain, orgusers.ExportOptions{}))
	require.NoError(t, x.as("zoe").ExportCSV(world.Ctx(), &bom, orgusers.ExportOptions{BOM: true}))
	require.Equal(t, "\ufeff"+plain.String(), bom.String())
	require.Equal(t, strings.Count(plain.String(), "\n"), strings.Count(plain.String(), "\r\n"), "Q30 CRLF")
	rows, err := csv.NewReader(&plain).ReadAll()
	require.NoError(t, err, "RFC 4180")
	invited := o.member("Adam").InvitedAt.Format(time.RFC3339)
	require.Equal(t, [][]string{
		{"Email", "First Name", "Last Name", "Organization Role", "Status", "2FA", "Invited By", "Invited At", "Last Login At"},
		{"Adam@acme.example", `'=HYPERLINK("x")`, "' +1\"2", "Admin", "active", "Disabled", "System", invited, ""},
		{"mark@acme.example", "mark", "Person", "Member", "inactive", "Disabled", "zoe@acme.example", invited, "2026-01-02T03:04:05Z"},
		{"petra@acme.example", "petra", "Person", "Member", "pending", "Disabled", "zoe@acme.example", o.member("petra").InvitedAt.Format(time.RFC3339), ""},
		{"zoe@acme.example", "zoe", "Person", "Owner", "active", "Enabled", "System", "", ""},
	}, rows)

	o.member("mark").JoinedAt = time.Date(2026, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600)) // the next day already
	o.member("petra").SentAt = o.member("petra").InvitedAt.AddDate(0, 0, 3)
	o.member("Adam").Role = "" // no door leaves it so
	x = o.open()
	var plugin bytes.Buffer
	require.NoError(t, x.as("zoe").ExportCSV(world.Ctx(), &plugin, orgusers.ExportOptions{Columns: orgusers.ColumnsCLI}))
	rows, err = csv.NewReader(&plugin).ReadAll()
	require.NoError(t, err)
	day := func(t time.Time) string { return t.Format("01/02/2006") }
	row := func(name, role, by string, created, updated time.Time) []string {
		m := o.member(name)
		return []string{m.Address.Email, string(m.User), role, string(m.Status), by, day(created), day(updated)}
	}
	adam, mark, petra, zoe := o.member("Adam"), o.member("mark"), o.member("petra"), row("zoe", "Owner", "System", time.Time{}, o.member("zoe").JoinedAt)
	zoe[5] = "" // she was not invited
	require.Equal(t, [][]string{
		{"Email", "User UID", "Organization Role", "Status", "Invited By", "Created Time", "Updated Time"},
		row("Adam", "No Role", "System", adam.InvitedAt, adam.JoinedAt),
		row("mark", "Member", "zoe@acme.example", mark.InvitedAt, mark.JoinedAt.UTC()),
		row("petra", "Member", "zoe@acme.example", petra.InvitedAt, petra.SentAt),
		zoe,
	}, rows, "R8.7")
	require.Equal(t, "01/01/2027", rows[2][6])
	require.Empty(t, rows[3][1], "an invitation does not tell whether there is an account")

	plugin.Reset()
	err = x.as("zoe").ExportCSV(world.Ctx(), &plugin, orgusers.ExportOptions{BOM: true, Columns: "all"})
	var e *orgusers.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []orgusers.FieldError{{Field: "columns", Reason: orgusers.ReasonUnknown, Message: "has no such value"}}, e.Fields)
	require.Empty(t, plugin.String())
}

// meter is a host's usage figures.
type meter map[orgusers.Resource]int64

func (m meter) Usage(context.Context, orgusers.OrgID) (map[orgusers.Resource]int64, error) {
	return m, nil
}

// TestRules_Usage: the plan page (R9.1, R9.2, R9.4).
func TestRules_Usage(t *testing.T) {
	t.Parallel()
	o := usual(t)
	o.stack("web", "mark")
	o.org.Plan = orgusers.Plan{Limits: []orgusers.Limit{
		{Resource: orgusers.ResourceAssets, Max: 10},
		{Resource: orgusers.ResourceBandwidth, Max: 5},
		{Resource: orgusers.ResourceUsers, Max: 7},
	}}
	figures := meter{orgusers.ResourceAssets: 10, orgusers.ResourceEntries: 3, orgusers.ResourceUsers: 99}
	x := o.open(func(c *orgusers.Config) { c.Meter = figures })
	usage, err := x.as("adam").Usage(world.Ctx())
	require.NoError(t, err)
	require.Equal(t, []orgusers.Usage{
		{Resource: orgusers.ResourceUsers, Used: 8, Max: 7, Limited: true, Over: true}, // ours, not the meter's; pending included
		{Resource: orgusers.ResourceStacks, Used: 1},
		{Resource: orgusers.ResourceAssets, Used: 10, Max: 10, Limited: true},
		{Resource: orgusers.ResourceBandwidth, Used: 0, Max: 5, Limited: true},
		{Resource: orgusers.ResourceEntries, Used: 3},
	}, usage)
	require.Equal(t, meter{orgusers.ResourceAssets: 10, orgusers.ResourceEntries: 3, orgusers.ResourceUsers: 99}, figures, "the meter's map stays its own")
}

// TestRules_AuditList: section 10, through the door.
func TestRules_AuditList(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	o := usual(t)
	x := o.open()
	for i := range 60 {
		x.Clock.Tick(time.Minute)
		role := []orgusers.Role{orgusers.RoleAdmin, orgusers.RoleMember}[i%2]
		require.NoError(t, x.as("olivia").Do(ctx, orgusers.SetRole{Role: role}, o.member("mark").ID))
	}
	x.Clock.Tick(-time.Hour) // S-215: no order by the clock
	require.NoError(t, x.as("anna").Do(ctx, orgusers.Deactivate{}, o.member("mia").ID))
	require.Error(t, x.as("anna").Do(ctx, orgusers.Remove{}, o.member("olivia").ID))

	page, err := x.as("adam").Audit(ctx, orgusers.AuditList{})
	require.NoError(t, err)
	require.Len(t, page.Entries, 25, "R10.2 25 to a page")
	require.Equal(t, orgusers.ActionRemove, page.Entries[0].Action, "R10.1 newest first")
	require.Equal(t, []any{orgusers.Skipped, orgusers.ReasonOwner, false}, []any{page.Entries[0].Result, page.Entries[0].Reason, page.Entries[0].Chained}, "R10.6")
	require.Equal(t, orgusers.ActionDeactivate, page.Entries[1].Action, "S-215")

	count := func(l orgusers.AuditList) (n int) {
		for _, err := range x.as("adam").AuditTrail(ctx, l) {
			require.NoError(t, err)
			n++
		}
		return n
	}
	for name, c := range map[string]struct {
		filter orgusers.AuditFilter
		want   int
	}{
		"everything":      {orgusers.AuditFilter{}, 62},
		"by action":       {orgusers.AuditFilter{Action: orgusers.ActionDeactivate}, 1},
		"by actor":        {orgusers.AuditFilter{Actor: o.member("anna").User}, 2},
		"by member":       {orgusers.AuditFilter{Member: o.member("mark").ID}, 60},
		"from":            {orgusers.AuditFilter{Action: orgusers.ActionSetRole, From: o.now.Add(50 * time.Minute)}, 11},
		"to":              {orgusers.AuditFilter{Action: orgusers.ActionSetRole, To: o.now.Add(50 * time.Minute)}, 49},
		"all add up":      {orgusers.AuditFilter{Actor: o.member("anna").User, Member: o.member("mia").ID}, 1},
		"nothing matches": {orgusers.AuditFilter{Actor: o.member("anna").User, Member: o.member("mark").ID}, 0},
	} {
		for _, limit := range []int{0, 1, 7} {
			require.Equal(t, c.want, count(orgusers.AuditList{AuditFilter: c.filter, Limit: limit}), "%s, pages of %d", name, limit)
			require.Equal(t, c.want, count(orgusers.AuditList{AuditFilter: c.filter, Limit: limit, OldestFirst: true}), "%s, pages of %d", name, limit)
		}
	}
	v, err := x.as("adam").Verify(ctx)
	require.NoError(t, err)
	require.Equal(t, []any{int64(61), int64(1), true}, []any{v.Entries, v.Beside, v.OK()})
}
