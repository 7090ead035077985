package suite

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Audit checks that every change and every refusal is written down, once, truthfully and without
// secrets, and that no change to what was written goes unnoticed.
func Audit(t *testing.T, open Opener) {
	for name, f := range map[string]func(*testing.T, Opener){
		"S214_Coverage":                      coverage,
		"S209_NoChangeWithoutEntry":          noChangeWithoutEntry,
		"S209_OneEntryPerPersonAndOperation": oneEntryPerPerson,
		"S207_HostileText":                   hostileText,
		"S208_ActorAndTargetAreNotInput":     actorAndTarget,
		"S167_TrailsAreApart":                trailsAreApart,
		"RefusalsStandBesideTheChain":        refusalsStandBeside,
		"S212_NothingIsForgotten":            nothingForgotten,
		"S215_OrderOfTheChain":               orderOfTheChain,
		"S216_HugeDetails":                   hugeDetails,
		"TamperingIsFound":                   tamperingIsFound,
		"KeysRotate":                         keysRotate,
		"R106_RefusedOnOneself":              refusedOnOneself,
		"VerifyBesideWriters":                verifyBesideWriters,
		"R10_FiltersAndPages":                auditFilters,
		"S094_S129_S211_S233_NoSecrets":      noSecrets,
		"S094_S211_S234_NoSecretsInFaults":   noSecretsInFaults,
		"S234_FaultsStayInside":              faultsStayInside,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, open)
		})
	}
}

// play sets up an act on a team of its own.
func play(t testing.TB, w *world.World, a act, n int) *stage {
	t.Helper()
	s := &stage{team: newTeam(t, w, fmt.Sprintf("act%d", n))}
	if a.setup != nil {
		a.setup(s)
	}
	w.Dispatch()
	return s
}

// left is what an act left behind, in its organization and among account matters.
type left struct {
	version int64
	org     []orgusers.AuditEntry
	own     []orgusers.AuditEntry
	outbox  []orgusers.Effect
}

func (s *stage) left(org orgusers.OrgID) left {
	s.t.Helper()
	l := left{own: s.w.Trail(""), outbox: s.w.Outbox(false)}
	if org != "" {
		v, err := s.w.Store.View(world.Ctx(), orgusers.ViewQuery{Org: org})
		s.must(err)
		l.version, l.org = v.Org.Version, s.w.Trail(org)
	}
	return l
}

// fresh are entries that were not there before.
func fresh(before, after []orgusers.AuditEntry) []orgusers.AuditEntry {
	var out []orgusers.AuditEntry
	for _, e := range after {
		if !slices.ContainsFunc(before, func(b orgusers.AuditEntry) bool { return b.ID == e.ID }) {
			out = append(out, e)
		}
	}
	return out
}

func coverage(t *testing.T, open Opener) {
	have := map[string]bool{}
	for _, door := range []any{orgusers.Admin{}, orgusers.Account{}, orgusers.Operator{}, orgusers.Visitor{}, &orgusers.Service{}} {
		typ := reflect.TypeOf(door)
		name := typ.Name()
		if typ.Kind() == reflect.Pointer {
			name = typ.Elem().Name()
		}
		for i := range typ.NumMethod() {
			have[name+"."+typ.Method(i).Name] = true
		}
	}
	rows := map[string]bool{}
	for _, a := range acts() {
		rows[a.method] = true
		require.True(t, have[a.method], "%s is in the table, but on no door", a.method)
	}
	for method := range have {
		require.True(t, rows[method], "%s needs a row in acts: what does it leave in the audit trail?", method)
	}

	w := world.New(t, open(t))
	operations := map[orgusers.Action]bool{}
	for i, a := range acts() {
		s := play(t, w, a, i)
		before := s.left(s.ID)
		require.NoError(t, a.call(s), "%s %s", a.method, a.action)
		org := s.ID
		if s.made != "" {
			org, before.org, before.version = s.made, nil, 0
		}
		checkLeft(s, a, org, before)
		if a.method == "Admin.Apply" {
			operations[a.action] = true
		}
	}
	// The operations are those that can be asked about: one that is missing above is missing here.
	x := newTeam(t, w, "allowed")
	allowed, err := x.Admin().Allowed(world.Ctx(), x.member.ID)
	require.NoError(t, err)
	for action := range allowed[x.member.ID] {
		require.True(t, operations[action], "%s needs a row in acts", action)
	}
	require.Len(t, operations, len(allowed[x.member.ID]))
}

// checkLeft demands of an act exactly the entries that the table promises, with who, what, where and
// when.
func checkLeft(s *stage, a act, org orgusers.OrgID, before left) {
	t, what := s.t, fmt.Sprintf("%s %s", a.method, a.action)
	t.Helper()
	after := s.left(org)
	entries, other := fresh(before.org, after.org), fresh(before.own, after.own)
	if a.own {
		entries, other = other, entries
	}
	require.Empty(t, other, what)
	if a.action == "" {
		require.Empty(t, entries, what)
		require.Equal(t, before.version, after.version, what)
		require.True(t, a.exempt != "" || reflect.DeepEqual(before.outbox, after.outbox), "%s only looks", what)
		return
	}
	rise := int64(1)
	if a.beside || a.own {
		rise = 0
	}
	require.Equal(t, before.version+rise, after.version, what)
	var about, want []string
	for i, e := range entries {
		local, domain, _ := strings.Cut(e.Email, "@")
		require.True(t, e.Email == "" || domain == s.domain, "%s: %s", what, e.Email)
		about = append(about, local)
		require.NotEmpty(t, e.ID)
		require.Equal(t, a.action, e.Action, what)
		require.Equal(t, orgusers.Applied, e.Result, what)
		require.Equal(t, s.w.Clock.Now(), e.At, what)
		require.NotEmpty(t, e.Operation, what)
		require.Equal(t, entries[0].Operation, e.Operation, what)
		require.Equal(t, a.role, e.ActorRole, what)
		require.True(t, e.IP.IsValid(), "%s: from where", what)
		require.NotEmpty(t, e.Agent, what)
		require.NotEmpty(t, e.Seal, what)
		require.Equal(t, !a.beside && !a.own, e.Chained, what)
		switch a.role {
		case asLink, asVisitor, asProvider:
			require.Empty(t, e.Actor, what)
		case asOperator:
			require.Equal(t, orgusers.UserID("support-1"), e.Actor, what)
			require.Equal(t, "desk", e.Session, what)
		case asOwner:
			require.Equal(t, []string{string(s.owner.User), s.owner.Address.Email}, []string{string(e.Actor), e.ActorEmail}, what)
		case asMember:
			require.Equal(t, s.member.User, e.Actor, what)
		}
		if !slices.Contains([]string{asLink, asVisitor, asProvider}, a.role) {
			require.NotEmpty(t, e.Session, what)
			require.True(t, strings.HasPrefix(e.Request, "act") || a.beside || a.own, "%s: %q", what, e.Request)
		}
		if e.Chained {
			require.Equal(t, after.org[len(after.org)-len(entries)].Seq+int64(i), e.Seq, what)
		}
		if e.Email == "" && !a.own {
			require.NotEmpty(t, e.Object+e.Before+e.After, "%s: about what", what)
		}
	}
	want = append(want, a.about...)
	slices.Sort(about)
	slices.Sort(want)
	require.Equal(t, want, about, what)
	v, err := s.w.Operator().Verify(world.Ctx(), org)
	s.must(err)
	require.True(t, v.OK(), "%s: %s", what, v.Broken)
}

func noChangeWithoutEntry(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	for i, a := range acts() {
		if a.action == "" {
			continue
		}
		what := fmt.Sprintf("%s %s", a.method, a.action)
		s := play(t, w, a, i)
		sent := len(w.Inbox.All())
		before, state := s.left(s.ID), stateOf(t, w, s.ID)
		orgs, err := w.Operator().Organizations(world.Ctx(), "", 1000)
		s.must(err)

		broken := errors.New("the audit table is full")
		store.with(func(f *faulty) {
			f.before = func(m string) error {
				if m == "Commit" || m == "Record" {
					return broken
				}
				return nil
			}
		})
		err = a.call(s)
		require.ErrorIs(t, err, orgusers.ErrStore, what)
		require.ErrorIs(t, err, broken, what)
		require.Zero(t, s.out.Len(), "%s: not a byte leaves before the entry is written", what)
		store.heal()
		w.Dispatch()
		require.Equal(t, before, s.left(s.ID), what)
		require.Equal(t, state, stateOf(t, w, s.ID), what)
		require.Len(t, w.Inbox.All(), sent, "%s: no mail of what did not happen", what)
		now, err := w.Operator().Organizations(world.Ctx(), "", 1000)
		s.must(err)
		require.Equal(t, orgs, now, what)

		// Everything that is committed brings its entries along.
		var commits []orgusers.Changes
		store.with(func(f *faulty) { f.committed = func(c orgusers.Changes) { commits = append(commits, c) } })
		require.NoError(t, a.call(s), "%s, when the store is well again", what)
		store.heal()
		require.Len(t, commits, 1, "%s is one commit", what)
		require.Len(t, commits[0].Audit, len(a.about), what)
	}
}

func oneEntryPerPerson(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	x.Invite(x.email("pending"), orgusers.RoleMember)
	idle := x.add("idle", orgusers.RoleMember)
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.Deactivate{}, idle.ID))
	selected := []orgusers.MemberID{
		x.member.ID, x.owner.ID, x.admin.ID, x.row("pending").ID, idle.ID, "nobody", x.member.ID, x.member.ID,
	}
	before := w.Trail(x.ID)
	rep, err := x.Admin().Apply(world.Ctx(), orgusers.ForcePasswordReset{}, selected...)
	require.NoError(t, err)
	entries := fresh(before, w.Trail(x.ID))
	require.Len(t, rep.Outcomes, 6)
	require.Len(t, entries, 6, "Q32: who was left out is written down too")
	for i, o := range rep.Outcomes { // in the order selected
		e := entries[i]
		require.Equal(t, rep.Operation, e.Operation)
		require.Equal(t, []any{o.Result, o.Reason, o.Email}, []any{e.Result, e.Reason, e.Email})
		if o.Reason != orgusers.ReasonNotFound {
			require.Equal(t, o.Member, e.Member)
		}
	}
	require.Equal(t, []string{"applied", "applied", "applied", "skipped pending", "skipped inactive", "refused not_found"}, outcomes(rep))

	// What was so already is no event.
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleMember}, x.member.ID))
	require.Len(t, fresh(before, w.Trail(x.ID)), 6)

	// An invitation has one entry for each piece of the list.
	before = w.Trail(x.ID)
	rep, err = x.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "a@acme.example, nonsense, b@acme.example, a@acme.example"})
	require.NoError(t, err)
	entries = fresh(before, w.Trail(x.ID))
	require.Len(t, entries, len(rep.Outcomes))
	for i, o := range rep.Outcomes {
		require.Equal(t, []any{o.Email, o.Result, o.Reason, o.Member}, []any{entries[i].Email, entries[i].Result, entries[i].Reason, entries[i].Member})
	}
}

// hostile is text that has hurt logs, terminals and spreadsheets.
func hostile() []string {
	return []string{
		"a\nb", "a\r\nInjected: yes", "\x1b[2J\x1b]0;title\x07", "a\u202eb\u202d\u2066", "a\x00b", "\xff\xfe\xc3", "a\u2028b\u2029", "a\u0085b\u009b31m",
		"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", `"quoted","cells"`, "<script>alert(1)</script>", "${jndi:ldap://x}", "{{.}}", "%s%n",
		strings.Repeat("\x1b", 10_000), strings.Repeat("é\n", 10_000),
	}
}

func hostileText(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	for _, text := range hostile() {
		actor := x.Owner
		actor.Agent, actor.Session = text, text
		door := w.Svc.Admin(actor, x.ID)
		_, err := door.Apply(world.Ctx(), orgusers.Remove{}, orgusers.MemberID(text))
		require.NoError(t, err)
		_, err = door.Invite(world.Ctx(), orgusers.Invitation{To: text})
		if err != nil {
			require.ErrorIs(t, err, orgusers.ErrInvalid)
			require.True(t, printable(err.Error()), "%q", err)
		}
		_, err = door.CreateStack(world.Ctx(), text)
		if err != nil {
			require.ErrorIs(t, err, orgusers.ErrInvalid)
			require.True(t, printable(err.Error()), "%q", err)
		}
		_, err = w.Svc.Visitor(actor).AcceptInvitation(world.Ctx(), text, orgusers.NewAccount{})
		require.ErrorIs(t, err, orgusers.ErrExpired)
	}
	entries := w.Trail(x.ID)
	require.Greater(t, len(entries), 2*len(hostile()))
	for _, e := range entries {
		v := reflect.ValueOf(e)
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.String {
				text := v.Field(i).String()
				require.True(t, printable(text), "%s: %q", v.Type().Field(i).Name, text)
				require.LessOrEqual(t, len(text), 4096)
			}
		}
	}
	v, err := x.Admin().Verify(world.Ctx())
	require.NoError(t, err)
	require.True(t, v.OK(), v.Broken)

	var out bytes.Buffer
	require.NoError(t, x.Admin().ExportAudit(world.Ctx(), &out, orgusers.AuditList{}))
	require.Equal(t, len(entries)+1, strings.Count(out.String(), "\n"), "one line each")
	records, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	require.Len(t, records, len(entries)+1)
}

// printable reports whether text can go to a terminal and into every database.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	})
}

func actorAndTarget(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x, y := newTeam(t, w, "acme"), newTeam(t, w, "other")
	before := w.Trail(x.ID)
	_, err := x.Admin().Apply(world.Ctx(), orgusers.Remove{}, y.member.ID, "made-up-by-a-client")
	require.NoError(t, err)
	for _, e := range fresh(before, w.Trail(x.ID)) {
		require.Equal(t, orgusers.Refused, e.Result)
		require.Equal(t, orgusers.ReasonNotFound, e.Reason)
		require.Empty(t, string(e.Member)+string(e.User)+e.Email, "who is not here is not named here")
		require.Equal(t, "unknown", e.Object)
		require.Equal(t, x.owner.User, e.Actor)
	}
	for _, e := range w.Trail(x.ID) {
		require.NotContains(t, fmt.Sprintf("%+v", e), "made-up-by-a-client")
		require.NotContains(t, fmt.Sprintf("%+v", e), string(y.member.ID))
	}
	require.Empty(t, w.Trail(y.ID))

	// Who the actor is, is what the host says, with the address of the row and not of the request.
	require.NoError(t, x.As(x.admin).Do(world.Ctx(), orgusers.Remove{}, x.member.ID))
	trail := w.Trail(x.ID)
	e := trail[len(trail)-1]
	require.Equal(t, []any{x.admin.User, x.admin.Address.Email, "admin", x.member.ID, x.member.User, x.member.Address.Email},
		[]any{e.Actor, e.ActorEmail, e.ActorRole, e.Member, e.User, e.Email})
}

// refusedOnOneself: what is refused of one's own account is recorded as well, in no organization's
// trail, and support verifies that trail by naming none.
func refusedOnOneself(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	x := newTeam(t, w, "acme")
	old := w.Actor(x.member.User)
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.EndSessions{}, x.member.ID))
	org := w.Trail(x.ID)
	calls := map[orgusers.Action]func(orgusers.Account) error{
		orgusers.ActionRenameSelf: func(a orgusers.Account) error { return a.Rename(world.Ctx(), orgusers.Name{First: "Max"}) },
		orgusers.ActionReadAccount: func(a orgusers.Account) error {
			_, err := a.Organizations(world.Ctx(), "", 10)
			return err
		},
	}
	n := 0
	for action, call := range calls {
		fails(t, call(w.Svc.Account(old)), orgusers.ErrDenied, orgusers.ReasonSessionEnded)
		n++
		trail := w.Trail("")
		require.Len(t, trail, n)
		e := trail[slices.IndexFunc(trail, func(e orgusers.AuditEntry) bool { return e.Action == action })]
		require.Equal(t, []any{orgusers.Refused, orgusers.ReasonSessionEnded, x.member.User, x.member.User, x.member.Address.Email, "member", old.Session, false},
			[]any{e.Result, e.Reason, e.Actor, e.User, e.Email, e.ActorRole, e.Session, e.Chained})
		fails(t, call(w.Svc.Account(orgusers.Actor{User: "nobody", SignedInAt: w.Clock.Now()})), orgusers.ErrNotFound, "")
		require.Len(t, w.Trail(""), n, "who is nobody leaves no trace")
	}
	require.NoError(t, w.Svc.Account(w.Actor(x.member.User)).Rename(world.Ctx(), orgusers.Name{First: "Max"}))
	require.Equal(t, org, w.Trail(x.ID), "it is nobody's organization")

	verify := func() orgusers.Verification {
		v, err := w.Operator().Verify(world.Ctx(), "")
		require.NoError(t, err)
		return v
	}
	v := verify()
	require.Equal(t, []any{"", int64(0), int64(3), ""}, []any{v.Broken, v.Entries, v.Beside, v.Head})
	trail := w.Trail("")
	for what, forge := range map[string]func(e *orgusers.AuditEntry){
		"edited":   func(e *orgusers.AuditEntry) { e.Result = orgusers.Applied },
		"made up":  func(e *orgusers.AuditEntry) { e.ID, e.Seal = "entry", strings.Repeat("0", 64) },
		"moved":    func(e *orgusers.AuditEntry) { *e = org[0] },
		"chained":  func(e *orgusers.AuditEntry) { e.Chained, e.Seq = true, 1 },
		"unsealed": func(e *orgusers.AuditEntry) { e.Seal = "" },
	} {
		forged := slices.Clone(trail)
		forge(&forged[1])
		store.with(func(f *faulty) {
			f.entries = func([]orgusers.AuditEntry) []orgusers.AuditEntry { return slices.Clone(forged) }
		})
		v := verify()
		require.False(t, v.OK(), what)
		require.NotNil(t, v.At, what)
	}
	store.with(func(f *faulty) {
		f.entries = func([]orgusers.AuditEntry) []orgusers.AuditEntry { return slices.Clone(trail[1:]) }
	})
	require.Empty(t, verify().Broken, "that one is gone is not seen, as the comment says")
	store.heal()
}

func trailsAreApart(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x, y := newTeam(t, w, "acme"), newTeam(t, w, "other")
	require.NoError(t, y.Admin().Do(world.Ctx(), orgusers.Remove{}, y.member.ID))
	require.NoError(t, w.Svc.Account(w.Actor(x.member.User)).Rename(world.Ctx(), orgusers.Name{First: "Max"}))
	require.Len(t, w.Trail(""), 1, "an account is nobody's organization")
	page, err := x.Admin().Audit(world.Ctx(), orgusers.AuditList{Limit: 200})
	require.NoError(t, err)
	require.Empty(t, page.Entries)
	for _, f := range []orgusers.AuditFilter{{Actor: y.owner.User}, {Member: y.member.ID}, {Action: orgusers.ActionRemove}, {Action: orgusers.ActionRenameSelf}} {
		page, err := x.Admin().Audit(world.Ctx(), orgusers.AuditList{AuditFilter: f})
		require.NoError(t, err)
		require.Empty(t, page.Entries, "%+v", f)
	}
	// A stranger learns nothing and leaves nothing.
	stranger := w.Svc.Admin(w.Actor(y.owner.User), x.ID)
	_, err = stranger.Audit(world.Ctx(), orgusers.AuditList{})
	fails(t, err, orgusers.ErrNotFound, "")
	_, err = stranger.Verify(world.Ctx())
	fails(t, err, orgusers.ErrNotFound, "")
	require.ErrorIs(t, stranger.ExportAudit(world.Ctx(), io.Discard, orgusers.AuditList{}), orgusers.ErrNotFound)
	require.Empty(t, w.Trail(x.ID))
	// Nobody gets at account matters by naming no organization.
	_, err = w.Svc.Admin(x.Owner, "").Audit(world.Ctx(), orgusers.AuditList{})
	fails(t, err, orgusers.ErrNotFound, "")
	// A member is of the organization, but no administrator of it.
	var out bytes.Buffer
	require.ErrorIs(t, x.As(x.member).ExportAudit(world.Ctx(), &out, orgusers.AuditList{}), orgusers.ErrDenied)
	require.Zero(t, out.Len())
}

func refusalsStandBeside(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	newStack(t, x.Org, "Website") // so that there is a chain to stand beside
	before := stateOf(t, w, x.ID)
	calls := map[string]func() error{
		"members.list": func() error { _, err := x.As(x.member).Members(world.Ctx(), orgusers.List{}); return err },
		"member.remove": func() error {
			_, err := x.As(x.member).Apply(world.Ctx(), orgusers.Remove{}, x.admin.ID)
			return err
		},
		"ownership.offer": func() error { return x.As(x.admin).OfferOwnership(world.Ctx(), x.email("admin")) },
		"members.export":  func() error { return x.As(x.member).ExportCSV(world.Ctx(), io.Discard, orgusers.ExportOptions{}) },
		"audit.read":      func() error { _, err := x.As(x.member).Audit(world.Ctx(), orgusers.AuditList{}); return err },
		"member.leave":    func() error { return w.Svc.Account(w.Actor(x.owner.User)).Leave(world.Ctx(), x.ID) },
	}
	for action, call := range calls {
		trail := w.Trail(x.ID)
		require.ErrorIs(t, call(), orgusers.ErrDenied, action)
		entries := fresh(trail, w.Trail(x.ID))
		require.Len(t, entries, 1, action)
		e := entries[0]
		require.Equal(t, []any{orgusers.Action(action), orgusers.Refused, false, "denied"}, []any{e.Action, e.Result, e.Chained, e.Object})
		require.NotEmpty(t, e.Reason)
		require.NotEmpty(t, e.Actor)
		require.NotEmpty(t, e.ActorEmail)
		require.Equal(t, before.Org.AuditSeq, e.Seq, "it shows where it happened")
	}
	x.same(before)
	v, err := x.Admin().Verify(world.Ctx())
	require.NoError(t, err)
	require.Equal(t, []any{true, int64(1), int64(len(calls))}, []any{v.OK(), v.Entries, v.Beside})
}

func nothingForgotten(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.Rename{Name: orgusers.Name{First: "Max"}}, x.member.ID))
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.Delete{}, x.member.ID))
	w.Clock.Tick(1000 * 24 * time.Hour)
	require.NoError(t, w.Operator().Prune(world.Ctx(), 0))
	page, err := w.Svc.Admin(w.Actor(x.owner.User), x.ID).Audit(world.Ctx(), orgusers.AuditList{AuditFilter: orgusers.AuditFilter{Member: x.member.ID}})
	require.NoError(t, err)
	require.Len(t, page.Entries, 2)
	for _, e := range page.Entries {
		require.Equal(t, []any{x.member.ID, x.member.User, x.member.Address.Email}, []any{e.Member, e.User, e.Email}, "an account that is gone is still named")
	}
}

func orderOfTheChain(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	var want []string
	for i := range 8 {
		name := fmt.Sprint("stack ", i)
		newStack(t, x.Org, name)
		want = append(want, "name="+name)
		w.Clock.Tick(-time.Hour) // the clock was set, again and again
	}
	var got []string
	seq := int64(0)
	for e, err := range w.Svc.Admin(orgusers.Actor{User: x.owner.User, SignedInAt: w.Clock.Now()}, x.ID).AuditTrail(world.Ctx(), orgusers.AuditList{OldestFirst: true, Limit: 3}) {
		require.NoError(t, err)
		require.Greater(t, e.Seq, seq)
		require.Equal(t, time.UTC, e.At.Location())
		seq = e.Seq
		got = append(got, e.After)
	}
	require.Equal(t, want, got)
	newest, err := x.Admin().Audit(world.Ctx(), orgusers.AuditList{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, want[7], newest.Entries[0].After)
	v, err := x.Admin().Verify(world.Ctx())
	require.NoError(t, err)
	require.True(t, v.OK(), v.Broken)
}

func hugeDetails(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	actor := x.Owner
	actor.Agent, actor.Session = strings.Repeat("Mozilla é ", 1<<20/11), strings.Repeat("s", 1<<20)
	door := w.Svc.Admin(actor, x.ID)
	var access []orgusers.StackAccess
	for i := range 120 {
		access = append(access, orgusers.StackAccess{Stack: newStack(t, x.Org, fmt.Sprint("stack ", i)), Roles: []orgusers.RoleID{orgusers.RoleDeveloper, orgusers.RoleContentManager}})
	}
	require.NoError(t, door.Do(world.Ctx(), orgusers.SetStacks{Stacks: access}, x.member.ID))
	require.Len(t, x.row("member").Grants, 240, "done in full")
	trail := w.Trail(x.ID)
	e := trail[len(trail)-1]
	for name, field := range map[string]struct {
		text string
		most int
	}{"agent": {e.Agent, 256}, "session": {e.Session, 128}, "after": {e.After, 4096}} {
		require.LessOrEqual(t, len(field.text), field.most, name)
		require.Greater(t, len(field.text), field.most-8, name)
		require.True(t, strings.HasSuffix(field.text, "…"), "%s: a mark where it was cut", name)
		require.True(t, utf8.ValidString(field.text), name)
	}
}

func keysRotate(t *testing.T, open Opener) {
	key := func(n byte) orgusers.Key {
		k := make(orgusers.Key, 32)
		for i := range k {
			k[i] = n*7 + byte(i)*3
		}
		return k
	}
	store := open(t)
	clock := world.NewClock()
	with := func(keys ...orgusers.Key) *world.World {
		return world.New(t, store, func(c *orgusers.Config) { c.Keys, c.Now = keys, clock.Now })
	}
	w := with(key(1))
	x := newTeam(t, w, "acme")
	for i, keys := range [][]orgusers.Key{{key(1)}, {key(2), key(1)}, {key(3), key(2), key(1)}} {
		w := with(keys...)
		door := w.Svc.Admin(x.Owner, x.ID)
		_, err := door.CreateStack(world.Ctx(), fmt.Sprint("stack ", i))
		require.NoError(t, err)
		_, err = door.Apply(world.Ctx(), orgusers.Remove{}, x.owner.ID)
		require.NoError(t, err)
		v, err := door.Verify(world.Ctx())
		require.NoError(t, err)
		require.True(t, v.OK(), v.Broken)
		require.Equal(t, []int64{int64(i + 1), int64(i + 1)}, []int64{v.Entries, v.Beside})
	}
	for name, keys := range map[string][]orgusers.Key{"an old key dropped": {key(3), key(2)}, "a new key missing": {key(1), key(2)}, "others": {key(9)}} {
		v, err := with(keys...).Svc.Admin(x.Owner, x.ID).Verify(world.Ctx())
		require.NoError(t, err)
		require.False(t, v.OK(), name)
		require.NotNil(t, v.At, name)
	}
	v, err := with(key(1), key(2), key(3)).Svc.Admin(x.Owner, x.ID).Verify(world.Ctx())
	require.NoError(t, err)
	require.True(t, v.OK(), "in whatever order they are given")
}

func verifyBesideWriters(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x, second := newTeam(t, w, "acme"), w.Second()
	stop := make(chan struct{})
	done := make(chan error, 2)
	for i, svc := range []*orgusers.Service{w.Svc, second.Svc} {
		go func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				if _, err := svc.Admin(x.Owner, x.ID).CreateStack(world.Ctx(), fmt.Sprintf("stack %d %d", i, n)); err != nil {
					done <- err
					return
				}
				_, _ = svc.Admin(x.Owner, x.ID).Apply(world.Ctx(), orgusers.Remove{}, "nobody")
			}
		}()
	}
	last := int64(0)
	for begin := time.Now(); time.Since(begin) < 150*time.Millisecond || last == 0 && time.Since(begin) < time.Minute; {
		v, err := x.Admin().Verify(world.Ctx())
		require.NoError(t, err)
		require.True(t, v.OK(), "%s at %+v", v.Broken, v.At)
		require.GreaterOrEqual(t, v.Entries, last)
		last = v.Entries
	}
	close(stop)
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.Positive(t, last)
}

func auditFilters(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	start := w.Clock.Now()
	for i := range 10 {
		door := x.Admin()
		if i%2 == 1 {
			door = x.As(x.admin)
		}
		_, err := door.CreateStack(world.Ctx(), fmt.Sprint("stack ", i))
		require.NoError(t, err)
		_, err = door.Apply(world.Ctx(), orgusers.EndSessions{}, x.member.ID, x.owner.ID)
		require.NoError(t, err)
		w.Clock.Tick(time.Hour)
	}
	all := w.Trail(x.ID)
	for name, f := range map[string]orgusers.AuditFilter{
		"none": {}, "action": {Action: orgusers.ActionCreateStack}, "actor": {Actor: x.admin.User}, "member": {Member: x.member.ID},
		"from": {From: start.Add(3 * time.Hour)}, "to": {To: start.Add(3 * time.Hour)},
		"between": {From: all[9].At, To: all[20].At.Add(time.Microsecond)},
		"all":     {Action: orgusers.ActionEndSessions, Actor: x.admin.User, Member: x.member.ID, From: start.Add(time.Hour), To: start.Add(8 * time.Hour)},
		"nothing": {Action: "no.such", Actor: x.owner.User},
	} {
		var want []orgusers.AuditEntry
		for _, e := range all {
			if (f.Action == "" || e.Action == f.Action) && (f.Actor == "" || e.Actor == f.Actor) && (f.Member == "" || e.Member == f.Member) &&
				!e.At.Before(f.From) && (f.To.IsZero() || e.At.Before(f.To)) {
				want = append(want, e)
			}
		}
		for _, oldest := range []bool{true, false} {
			var got []orgusers.AuditEntry
			for e, err := range x.Admin().AuditTrail(world.Ctx(), orgusers.AuditList{AuditFilter: f, OldestFirst: oldest, Limit: 3}) {
				require.NoError(t, err)
				got = append(got, e)
			}
			if !oldest {
				slices.Reverse(got)
			}
			require.Equal(t, want, got, "%s, oldest first: %t", name, oldest)
		}
	}
}
