package suite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

func exactIdentity(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	for _, local := range []string{"joann", "ann.b", "annie", "a.n.n", "ann+1"} {
		x.add(local, orgusers.RoleAdmin)
	}
	Add(t, w, x.ID, Person{Email: "ann@acme.example.com"}, Person{Email: "ann@sub.acme.example"})
	for _, absent := range []string{"ann@acme.example", "nn@acme.example", "ann@acme.exampl", "a_n@acme.example", "%@acme.example", "member@acme.example.com"} {
		_, err := x.Admin().MemberByEmail(ctx, absent)
		fails(t, err, orgusers.ErrNotFound, "")
	}
	_, token := x.link("ann", orgusers.RoleMember)
	require.NoError(t, accept(w, token))
	m, err := x.Admin().MemberByEmail(ctx, " ANN@acme.EXAMPLE ")
	require.NoError(t, err)
	require.Equal(t, x.email("ann"), m.Address.Email)
	require.Equal(t, orgusers.RoleMember, m.Role, "nobody else's role")

	require.NoError(t, x.Admin().SetAllowedDomains(ctx, "acme.example"))
	out, err := x.inviteTo(x.owner, "a@evilacme.example, b@sub.acme.example, c@acme.example.evil.example, d@acme.example, e@ACME.EXAMPLE")
	require.NoError(t, err)
	require.Equal(t, []string{"refused domain_not_allowed", "refused domain_not_allowed", "refused domain_not_allowed", "applied", "applied"}, out)
	for _, bad := range []string{"*.acme.example", "*", "", ".acme.example", "acme", "acme.example/", "a@acme.example"} {
		wrongDomain := x.Admin().SetAllowedDomains(ctx, "ok.example", bad)
		require.ErrorIs(t, wrongDomain, orgusers.ErrInvalid, bad)
	}
	CheckOrg(t, w, x.ID)
}

// Two organizations of the same people: every combination of filters finds one's own only, and all of
// them.
func tenantFilters(t *testing.T, w *world.World) {
	ctx := world.Ctx()
	stacks := map[orgusers.OrgID]orgusers.StackID{}
	var teams []team
	for _, name := range []string{"acme", "twin"} {
		x := team{t: t, w: w, domain: "same.example"}
		x.Org = NewOrg(t, w, name, "owner@same.example")
		stacks[x.ID] = newStack(t, x.Org, "Website")
		var people []Person
		for i := range 12 {
			p := Person{Email: fmt.Sprintf("p%d-%s@same.example", i, []string{"ann", "bob"}[i%2])}
			p.Role = []orgusers.Role{orgusers.RoleMember, orgusers.RoleAdmin}[i/2%2]
			p.Status = []orgusers.Status{orgusers.StatusActive, orgusers.StatusInactive, orgusers.StatusPending}[i%3]
			if i%4 < 2 {
				p.Grants = []orgusers.Grant{{Stack: stacks[x.ID], Role: orgusers.RoleDeveloper}}
			}
			people = append(people, p)
		}
		rows := Add(t, w, x.ID, people...)
		for i, m := range rows {
			if i%5 == 0 && m.User != "" {
				require.NoError(t, w.Store.Touch(ctx, m.User, w.Clock.Now().Add(time.Duration(i)*time.Hour)))
			}
		}
		teams = append(teams, x)
	}
	since := w.Clock.Now().Add(4 * time.Hour)
	asked := 0
	for _, x := range teams {
		roster := stateOf(t, w, x.ID).Members
		door := x.Admin()
		for bits := range 1 << 6 {
			pick := func(bit int) bool { return bits>>bit&1 == 1 }
			var f orgusers.MemberFilter
			if pick(0) {
				f.Search = "ann"
			}
			if pick(1) {
				f.Role = orgusers.RoleAdmin
			}
			if pick(2) {
				f.Stack = stacks[x.ID]
			}
			f.NeverLoggedIn, f.WithoutMFA = pick(3), bits%3 == 0
			if pick(4) {
				f.InactiveSince = since
			}
			if pick(5) {
				f.Stack = stacks[teams[0].ID] // of the other one, for the second
			}
			for _, f.Status = range []orgusers.Status{"", orgusers.StatusActive, orgusers.StatusPending} {
				var want, got []orgusers.MemberID
				for i := range roster {
					if f.Matches(&roster[i]) {
						want = append(want, roster[i].ID)
					}
				}
				for m, err := range door.All(ctx, orgusers.List{MemberFilter: f, Limit: 5}) {
					require.NoError(t, err)
					require.Equal(t, x.ID, m.Org)
					got = append(got, m.ID)
				}
				require.Equal(t, want, got, "%+v", f)
				asked += len(got)
			}
		}
		page, err := door.Members(ctx, orgusers.List{MemberFilter: orgusers.MemberFilter{Search: "nobody"}})
		require.NoError(t, err)
		require.Empty(t, page.Members)
		require.Equal(t, int64(13), page.Tally.Seats(), "counts of one's own organization, whatever the filter")
	}
	require.Greater(t, asked, 100)
}

// The trail and the export of one organization hold nothing of another, and nothing of accounts.
func tenantTrail(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	both := Add(t, w, x.ID, Person{Email: "both@people.example"})[0]
	Add(t, w, y.ID, Person{Email: "both@people.example"})
	require.NoError(t, w.Svc.Account(w.Actor(both.User)).Rename(ctx, orgusers.Name{First: "Renamed", Last: "Privately"}))
	require.NoError(t, y.Admin().Do(ctx, orgusers.ForcePasswordReset{}, y.memberOf("both@people.example").ID))
	w.Dispatch()
	require.NoError(t, w.Reset(w.Token("both@people.example"), world.Password))
	require.NoError(t, x.Admin().Do(ctx, orgusers.SetRole{Role: orgusers.RoleAdmin}, x.member.ID))
	require.NotEmpty(t, trail(t, w, orgusers.AuditQuery{}), "account matters are written down, apart")

	var csv, log strings.Builder
	require.NoError(t, x.Admin().ExportCSV(ctx, &csv, orgusers.ExportOptions{}))
	require.NoError(t, x.Admin().ExportAudit(ctx, &log, orgusers.AuditList{}))
	for _, secret := range []string{y.domain, string(y.ID), string(orgusers.ActionResetPassword), string(orgusers.ActionRenameSelf)} {
		require.NotContains(t, csv.String(), secret)
		require.NotContains(t, log.String(), secret)
	}
	require.Equal(t, 5, strings.Count(csv.String(), "\r\n"), "four people and the head")
	require.Contains(t, csv.String(), "Privately", "the roster shows the account's name")
	own := map[orgusers.Action]int{}
	for e, err := range x.Admin().AuditTrail(ctx, orgusers.AuditList{}) {
		require.NoError(t, err)
		require.Equal(t, x.ID, e.Org)
		own[e.Action]++
	}
	require.Equal(t, map[orgusers.Action]int{orgusers.ActionSetRole: 1, orgusers.ActionExport: 1, orgusers.ActionExportAudit: 1}, own)

	// A place in another organization's trail is no place in this one's.
	page, err := y.Admin().Audit(ctx, orgusers.AuditList{Limit: 1})
	require.NoError(t, err)
	list, err := x.Admin().Members(ctx, orgusers.List{Limit: 1})
	require.NoError(t, err)
	require.NotEmpty(t, list.Next)
	_, err = y.Admin().Members(ctx, orgusers.List{Limit: 1, Cursor: list.Next})
	wrong(t, err, "cursor: syntax")
	_, err = y.Admin().Audit(ctx, orgusers.AuditList{Limit: 1, Cursor: list.Next})
	wrong(t, err, "cursor: syntax")
	require.Len(t, page.Entries, 1)
}
