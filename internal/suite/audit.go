package suite

import (
	"bytes"
	"encoding/csv"
	"fmt"
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
	require.Equal(t, len(entries)+2, strings.Count(out.String(), "\n"), "one line each, and one for this export")
	records, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	require.Len(t, records, len(entries)+2)
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
