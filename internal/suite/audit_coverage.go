package suite

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

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
		store.with(func(f *faulty) { f.before = failing(broken, "Commit", "Record") })
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
