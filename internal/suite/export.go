package suite

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // the golden files
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Export checks the two CSV exports: what is in them, for whom, and at what cost.
func Export(t *testing.T, open Opener) {
	for name, f := range map[string]func(*testing.T, Opener){
		"Q31_Golden":                     exportGolden,
		"S203_NoCellIsAFormula":          noCellIsAFormula,
		"S205_OrderAndSpelling":          exportOrder,
		"S205_PastAPage":                 exportPages,
		"S206_RightsAndEntryFirst":       exportRights,
		"S206_HundredThousandInFlatHeap": exportIsFlat,
		"S206_CancelStops":               exportCancelled,
		"S206_RemovedMeanwhile":          exportCutOff,
		"WritersMayFail":                 exportWriterFails,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, open)
		})
	}
}

//go:embed testdata/export.csv
var goldenExport string

//go:embed testdata/export-cli.csv
var goldenCLI string

//go:embed testdata/audit.csv
var goldenAudit string

func exportGolden(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	login := w.Clock.Now().Add(-36*time.Hour + 999*time.Millisecond)
	org := NewOrg(t, w, "Acme", "Olive.Owner@Acme.example",
		Person{Email: "zoe@acme.example", Role: orgusers.RoleAdmin, Change: func(u *orgusers.User) {
			u.Name, u.LastLogin = orgusers.Name{First: "Zoë", Last: `"Zed" O'Neil, PhD`}, login
		}},
		Person{Email: "max@acme.example", Change: func(u *orgusers.User) {
			u.Name, u.MFA = orgusers.Name{First: "=1+1", Last: "@max"}, orgusers.MFA{Secret: "v1.x", EnrolledAt: login}
		}},
		Person{Email: "idle@acme.example", Status: orgusers.StatusInactive, Change: func(u *orgusers.User) { u.Name = orgusers.Name{} }})
	w.Clock.Tick(time.Hour)
	_, err := org.Admin().Invite(world.Ctx(), orgusers.Invitation{To: `"Doe, Jane" <Jane@Acme.example>; +tag@acme.example; 李四 <li@acme.example>`})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, org.Admin().ExportCSV(world.Ctx(), &out, orgusers.ExportOptions{}))
	require.Equal(t, goldenExport, out.String())

	var bom bytes.Buffer
	require.NoError(t, org.Admin().ExportCSV(world.Ctx(), &bom, orgusers.ExportOptions{BOM: true}))
	require.Equal(t, "\xef\xbb\xbf"+goldenExport, bom.String())

	out.Reset()
	require.NoError(t, org.Admin().ExportCSV(world.Ctx(), &out, orgusers.ExportOptions{Columns: orgusers.ColumnsCLI}))
	cli := out.String() // R8.7; ids are made anew each time
	for _, m := range everybody(t, w, org) {
		if m.User != "" {
			cli = strings.ReplaceAll(cli, string(m.User), "USER")
		}
	}
	require.Equal(t, goldenCLI, cli)

	_, err = org.Admin().Apply(world.Ctx(), orgusers.Remove{}, org.Member("jane@acme.example").ID)
	require.NoError(t, err)
	out.Reset()
	require.NoError(t, org.Admin().ExportAudit(world.Ctx(), &out, orgusers.AuditList{OldestFirst: true}))
	text := out.String() // ids, and with them seals, are made anew each time
	for _, e := range w.Trail(org.ID) {
		text = strings.NewReplacer(e.Seal, "SEAL", e.Session, "SESSION", string(e.Operation), "OPERATION", string(e.ID), "ENTRY").Replace(text)
	}
	require.Equal(t, goldenAudit, text)
}

// formulaSigns begin a formula in one spreadsheet program or another, or hide one that follows.
func formulaSigns() []string {
	return []string{
		"=", "+", "-", "@", "\t", "\r", "\n", "\x00", "＝", "＋", "－", "＠", "−", "\x1b", "\v",
		" =", "\u00a0=", "\u200b=", "\ufeff=", "\u2003+", "\t@", "\u3000=", "\u00ad=", "\u200e-",
	}
}

// checkCells demands that a file is one that csv reads, and that no cell can run.
func checkCells(t testing.TB, out string, columns int) [][]string {
	t.Helper()
	require.True(t, strings.HasSuffix(out, "\"\r\n"))
	r := csv.NewReader(strings.NewReader(out))
	r.FieldsPerRecord = columns
	records, err := r.ReadAll()
	require.NoError(t, err)
	for _, record := range records {
		for i, cell := range record {
			for _, sign := range formulaSigns() {
				require.False(t, strings.HasPrefix(cell, sign), "column %d: %q", i, cell)
			}
		}
	}
	return records
}

func noCellIsAFormula(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	x := newTeam(t, w, "acme")
	for _, sign := range formulaSigns() {
		evil := sign + `cmd|' /C calc'!A0,"x"` + "\r\nb"
		store.with(func(f *faulty) {
			f.members = func(_ orgusers.MemberQuery, members []orgusers.Member) []orgusers.Member {
				for i := range members {
					members[i].Address.Email, members[i].InvitedByEmail, members[i].Status = evil, evil, orgusers.Status(evil)
					members[i].User = orgusers.UserID(evil)
					members[i].Name = orgusers.Name{First: evil, Last: evil}
				}
				return members
			}
			f.entries = func([]orgusers.AuditEntry) []orgusers.AuditEntry {
				e := orgusers.AuditEntry{ID: "1", Seq: 1, Chained: true, At: w.Clock.Now(), IP: netip.MustParseAddr("::1")}
				v := reflect.ValueOf(&e).Elem()
				for i := range v.NumField() {
					if v.Field(i).Kind() == reflect.String {
						v.Field(i).SetString(evil)
					}
				}
				return []orgusers.AuditEntry{e}
			}
		})
		var out strings.Builder
		require.NoError(t, x.Admin().ExportCSV(world.Ctx(), &out, orgusers.ExportOptions{}))
		records := checkCells(t, out.String(), 9)
		require.Len(t, records, 4)
		want := "'" + strings.ReplaceAll(evil, "\r\n", "\n") // as encoding/csv reads it
		require.Equal(t, []string{want, want, want, want, want}, []string{records[1][0], records[1][1], records[1][2], records[1][4], records[1][6]})

		out.Reset()
		require.NoError(t, x.Admin().ExportCSV(world.Ctx(), &out, orgusers.ExportOptions{Columns: orgusers.ColumnsCLI}))
		records = checkCells(t, out.String(), 7)
		require.Equal(t, []string{want, want, want, want}, []string{records[1][0], records[1][1], records[1][3], records[1][4]})

		out.Reset()
		require.NoError(t, x.Admin().ExportAudit(world.Ctx(), &out, orgusers.AuditList{}))
		records = checkCells(t, out.String(), 18)
		require.Len(t, records, 2)
		n := 0
		for _, cell := range records[1] {
			n += b2i(cell == want)
		}
		require.Equal(t, 15, n, "all but the number, the time and the address")
		store.heal()
	}

	// What comes in through the doors, as people would try it.
	require.NoError(t, w.Svc.Account(w.Actor(x.member.User)).Rename(world.Ctx(), orgusers.Name{First: "=1+1", Last: "@SUM(A1)"}))
	_, err := x.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "=cmd@acme.example, +1@acme.example, -1@acme.example"})
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, x.Admin().ExportCSV(world.Ctx(), &out, orgusers.ExportOptions{}))
	records := checkCells(t, out.String(), 9)
	require.Equal(t, "'+1@acme.example", records[1][0])
}

func exportOrder(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	emails := []string{"b@x.example", "B1@x.example", "a_b@x.example", "a.b@x.example", "a-b@x.example", "aB@x.example", "ab+z@x.example", "Z@x.example", "a@y.example", "a@x.example", "0@x.example", "~@x.example"}
	org := NewOrg(t, w, "Acme", "m@x.example")
	NewOrg(t, w, "Twin", "m@x.example", Person{Email: "foreign@x.example"})
	for _, e := range emails {
		Add(t, w, org.ID, Person{Email: e})
	}
	var out strings.Builder
	require.NoError(t, org.Admin().ExportCSV(world.Ctx(), &out, orgusers.ExportOptions{}))
	records := checkCells(t, out.String(), 9)
	want := append([]string{"m@x.example"}, emails...)
	slices.SortFunc(want, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	var got []string
	for _, r := range records[1:] {
		got = append(got, strings.TrimPrefix(r[0], "'"))
	}
	require.Equal(t, want, got, "by the bytes of the key, spelled as entered")
}

func exportRights(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x, y := newTeam(t, w, "acme"), newTeam(t, w, "other")
	export := func(door orgusers.Admin) (string, error) {
		var out strings.Builder
		err := door.ExportCSV(world.Ctx(), &out, orgusers.ExportOptions{BOM: true})
		return out.String(), err
	}
	for name, c := range map[string]struct {
		door   orgusers.Admin
		kind   error
		reason orgusers.Reason
	}{
		"member":      {x.As(x.member), orgusers.ErrDenied, orgusers.ReasonNotAdministrator},
		"stranger":    {w.Svc.Admin(w.Actor(y.owner.User), x.ID), orgusers.ErrNotFound, ""},
		"nobody":      {w.Svc.Admin(orgusers.Actor{}, x.ID), orgusers.ErrNotFound, ""},
		"nowhere":     {w.Svc.Admin(x.Owner, "no-such-organization"), orgusers.ErrNotFound, ""},
		"old session": {w.Svc.Admin(orgusers.Actor{User: x.owner.User}, x.ID), orgusers.ErrDenied, orgusers.ReasonSessionEnded},
	} {
		out, err := export(c.door)
		fails(t, err, c.kind, c.reason)
		require.Empty(t, out, name)
	}
	trail := w.Trail(x.ID)
	require.Len(t, trail, 2, "who is of the organization leaves a trace")
	for _, e := range trail {
		require.Equal(t, []any{orgusers.ActionExport, orgusers.Refused}, []any{e.Action, e.Result})
	}

	// The entry is there before the first byte is.
	var seen []orgusers.AuditEntry
	before := stateOf(t, w, x.ID)
	first := writer(func(p []byte) (int, error) {
		if seen == nil {
			seen = fresh(trail, w.Trail(x.ID))
		}
		return len(p), nil
	})
	require.NoError(t, x.As(x.admin).ExportCSV(world.Ctx(), first, orgusers.ExportOptions{}))
	require.Len(t, seen, 1)
	e := seen[0]
	require.Equal(t, []any{orgusers.ActionExport, orgusers.Applied, "members=3", x.admin.User, "admin", false}, []any{e.Action, e.Result, e.Object, e.Actor, e.ActorRole, e.Chained})
	x.same(before)
	out, err := export(x.Admin())
	require.NoError(t, err)
	require.NotContains(t, out, "other.example", "nobody of another organization")

	// So it is with the trail: an export of it stands in it, before the first byte.
	newStack(t, x.Org, "Website")
	trail, seen = w.Trail(x.ID), nil
	require.NoError(t, x.As(x.admin).ExportAudit(world.Ctx(), first, orgusers.AuditList{}))
	require.Len(t, seen, 1)
	e = seen[0]
	require.Equal(t, []any{orgusers.ActionExportAudit, orgusers.Applied, "entries=1", x.admin.User, "admin", false}, []any{e.Action, e.Result, e.Object, e.Actor, e.ActorRole, e.Chained})
	trail = w.Trail(x.ID)
	fails(t, x.Admin().ExportAudit(world.Ctx(), first, orgusers.AuditList{Cursor: "none"}), orgusers.ErrInvalid, "")
	require.Equal(t, trail, w.Trail(x.ID), "what is invalid is no export")
}

type writer func(p []byte) (int, error)

// Write calls the function.
func (w writer) Write(p []byte) (int, error) { return w(p) }

// exportPages: a roster of more than a page is exported whole, each row once.
func exportPages(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	v, err := w.Store.View(world.Ctx(), orgusers.ViewQuery{Org: org.ID})
	require.NoError(t, err)
	const n = page + 100
	c := orgusers.Changes{Org: &v.Org}
	v.Org.Tally.Pending += n
	want := []string{"Email", "owner@acme.example"}
	for i := range n {
		email := fmt.Sprintf("p%05d@acme.example", i)
		want = append(want, email)
		c.NewMembers = append(c.NewMembers, orgusers.Member{
			ID: orgusers.MemberID(fmt.Sprintf("m%05d", i*7%n)), Org: org.ID, Status: orgusers.StatusPending, Role: orgusers.RoleMember,
			Address: orgusers.Address{Email: email, Key: orgusers.AddressKey(email)}, InvitedAt: w.Clock.Now(),
		})
	}
	require.NoError(t, w.Store.Commit(world.Ctx(), c))
	for _, columns := range []orgusers.Columns{orgusers.ColumnsList, orgusers.ColumnsCLI} {
		var out strings.Builder
		require.NoError(t, org.Admin().ExportCSV(world.Ctx(), &out, orgusers.ExportOptions{Columns: columns}))
		records, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		require.NoError(t, err)
		var got []string
		for _, r := range records {
			got = append(got, r[0])
		}
		require.Equal(t, want, got)
	}
}

// page is how many rows an export reads at a time.
const page = 8000

// roster is a store that says that an organization has many members, who exist only while they are
// on a page.
type roster struct {
	*faulty
	n     int
	alive atomic.Int64 // pages that are still in memory
	most  atomic.Int64 // rows asked for at once
}

func newRoster(s orgusers.Store, n int) *roster {
	r := &roster{faulty: newFaulty(s), n: n}
	r.view = func(v *orgusers.View) { v.Org.Tally.Members = int64(n) }
	return r
}

// Members makes up a page.
func (r *roster) Members(ctx context.Context, q orgusers.MemberQuery) ([]orgusers.Member, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at := 0
	if q.After != nil {
		_, _ = fmt.Sscanf(string(q.After.Email), "p%d@", &at)
		at++
	}
	r.most.Store(max(r.most.Load(), int64(q.Limit)))
	page := make([]orgusers.Member, 0, min(q.Limit, r.n-at))
	for ; at < r.n && len(page) < q.Limit; at++ {
		email := fmt.Sprintf("p%07d@acme.example", at)
		page = append(page, orgusers.Member{
			ID: orgusers.MemberID(email), Org: q.Org, Status: orgusers.StatusActive, Role: orgusers.RoleMember,
			Address: orgusers.Address{Email: email, Key: orgusers.AddressKey(email)}, Name: orgusers.Name{First: "Pat", Last: email},
		})
	}
	if len(page) > 0 {
		r.alive.Add(1)
		runtime.AddCleanup(&page[0], func(n *atomic.Int64) { n.Add(-1) }, &r.alive)
	}
	return page, nil
}

func exportIsFlat(t *testing.T, open Opener) {
	store := newRoster(open(t), 100_000)
	w := world.New(t, store)
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	lines, biggest, checks, next := 0, 0, 0, 0
	out := writer(func(p []byte) (int, error) {
		lines += bytes.Count(p, []byte("\n"))
		biggest = max(biggest, len(p))
		if lines >= next {
			next += store.n / 4
			checks++
			require.Eventually(t, func() bool { runtime.GC(); return store.alive.Load() <= 2 }, 10*time.Second, time.Millisecond,
				"after %d lines more than the last pages are still held", lines)
		}
		return len(p), nil
	})
	require.NoError(t, org.Admin().ExportCSV(world.Ctx(), out, orgusers.ExportOptions{}))
	require.Equal(t, store.n+1, lines)
	require.GreaterOrEqual(t, checks, 4)
	require.Less(t, biggest, 2<<20, "written by the page")
	require.EqualValues(t, page, store.most.Load())
}

func exportCancelled(t *testing.T, open Opener) {
	store := newRoster(open(t), 50_000)
	w := world.New(t, store)
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	ctx, cancel := context.WithCancel(world.Ctx())
	defer cancel()
	lines := 0
	err := org.Admin().ExportCSV(ctx, writer(func(p []byte) (int, error) {
		lines += bytes.Count(p, []byte("\n"))
		cancel()
		return len(p), nil
	}), orgusers.ExportOptions{})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1+page, lines, "it stops with the page")
	require.Len(t, w.Trail(org.ID), 1, "that somebody began is written down")

	ended, end := context.WithCancel(world.Ctx())
	end()
	var out strings.Builder
	require.ErrorIs(t, org.Admin().ExportCSV(ended, &out, orgusers.ExportOptions{}), context.Canceled)
	require.Empty(t, out.String())

	gone := errors.New("no route to db-7.internal")
	broken := newFaulty(store.Store)
	broken.before = failing(gone, "Members")
	other := world.New(t, broken, func(c *orgusers.Config) { c.Now = w.Clock.Now })
	err = other.Svc.Admin(org.Owner, org.ID).ExportCSV(world.Ctx(), io.Discard, orgusers.ExportOptions{})
	require.ErrorIs(t, err, orgusers.ErrStore)
	require.ErrorIs(t, err, gone)
	require.NotContains(t, err.Error(), "db-7")

	half := world.New(t, &halfway{Store: store.Store, err: gone}, func(c *orgusers.Config) { c.Now = w.Clock.Now })
	err = half.Svc.Admin(org.Owner, org.ID).ExportCSV(world.Ctx(), &out, orgusers.ExportOptions{})
	require.ErrorIs(t, err, gone)
	require.Empty(t, out.String(), "of a page that failed nothing leaves")
}

// halfway is a store that fails in the middle of a page.
type halfway struct {
	orgusers.Store
	err error
}

// Members hands one row over.
func (h *halfway) Members(ctx context.Context, q orgusers.MemberQuery) ([]orgusers.Member, error) {
	each := q.Each
	q.Limit, q.Each = 1, nil
	page, err := h.Store.Members(ctx, q)
	for i := range page {
		each(&page[i])
	}
	return nil, cmp.Or(err, h.err)
}

// exportCutOff: who is removed while the first bytes leave gets the page under way, and no further one.
func exportCutOff(t *testing.T, open Opener) {
	store := newRoster(open(t), 50_000)
	w := world.New(t, store)
	x := newTeam(t, w, "acme")
	lines := 0
	err := x.As(x.admin).ExportCSV(world.Ctx(), writer(func(p []byte) (int, error) {
		if lines == 0 {
			store.with(func(f *faulty) { f.view = nil })
			require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.Remove{}, x.admin.ID))
		}
		lines += bytes.Count(p, []byte("\n"))
		return len(p), nil
	}), orgusers.ExportOptions{})
	require.ErrorIs(t, err, orgusers.ErrNotFound)
	require.Equal(t, 1+page, lines)
}

func exportWriterFails(t *testing.T, open Opener) {
	store := newRoster(open(t), 50_000)
	w := world.New(t, store)
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	full := errors.New("disk full")
	writes := 0
	err := org.Admin().ExportCSV(world.Ctx(), writer(func(p []byte) (int, error) {
		if writes++; writes > 2 {
			return 0, full
		}
		return len(p), nil
	}), orgusers.ExportOptions{})
	require.ErrorIs(t, err, full)
	require.Equal(t, "orgusers: Admin.ExportCSV: writer failed", kindOf(t, err).Error())
	require.ErrorIs(t, err, orgusers.ErrWriter)
	require.NotErrorIs(t, err, orgusers.ErrStore)
	require.Equal(t, 3, writes, "nothing is written after the first failure")

	err = org.Admin().ExportCSV(world.Ctx(), writer(func(p []byte) (int, error) { return len(p) / 2, nil }), orgusers.ExportOptions{})
	require.ErrorIs(t, err, io.ErrShortWrite)
	// The trail leaves in parts that are smaller than its pages.
	trail := func(out writer) error {
		entries := []orgusers.AuditEntry{{ID: "1", Org: org.ID, At: w.Clock.Now(), Before: strings.Repeat("x", 1000)}}
		store.with(func(f *faulty) {
			f.entries = func([]orgusers.AuditEntry) []orgusers.AuditEntry {
				page := slices.Repeat(entries, 100)
				entries = nil
				return page
			}
		})
		return org.Admin().ExportAudit(world.Ctx(), out, orgusers.AuditList{})
	}
	writes, biggest := 0, 0
	require.NoError(t, trail(func(p []byte) (int, error) {
		writes, biggest = writes+1, max(biggest, len(p))
		return len(p), nil
	}))
	require.Greater(t, writes, 2)
	require.Less(t, biggest, 64<<10)
	writes = 0
	err = trail(func([]byte) (int, error) { writes++; return 0, full })
	require.ErrorIs(t, err, full)
	require.ErrorIs(t, err, orgusers.ErrWriter)
	require.Equal(t, 1, writes, "nothing is written after the first failure")
}
