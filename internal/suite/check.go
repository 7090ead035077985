package suite

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// CheckOrg walks the whole roster of an organization and compares it with everything that is kept
// beside it: the owner, the tally, the plan, the stacks and who owns them, the roles given, the
// accounts and how many organizations each counts, the offer of ownership, and the audit chain.
func CheckOrg(t testing.TB, w *world.World, org orgusers.OrgID) {
	t.Helper()
	o := checkRoster(t, w, org)
	if most, ok := o.Plan.Max(orgusers.ResourceUsers); ok && !o.Plan.OverUsage {
		require.LessOrEqual(t, o.Tally.Seats(), most, "more seats are taken than the plan allows")
	}
}

// CheckShrunk is [CheckOrg] for an organization whose plan was made smaller than its roster.
func CheckShrunk(t testing.TB, w *world.World, org orgusers.OrgID) {
	t.Helper()
	checkRoster(t, w, org)
}

func checkRoster(t testing.TB, w *world.World, org orgusers.OrgID) orgusers.Organization {
	t.Helper()
	s := stateOf(t, w, org)
	var tally orgusers.Tally
	keys, users := map[orgusers.AddressKey]bool{}, map[orgusers.UserID]orgusers.Member{}
	for _, m := range s.Members {
		require.Equal(t, org, m.Org, "a row of another organization")
		require.True(t, m.Role.Valid() && m.Status.Valid(), "%s is %s, %s", m.Address.Email, m.Role, m.Status)
		require.False(t, keys[m.Address.Key], "%s is on the roster twice", m.Address.Key)
		keys[m.Address.Key] = true
		count(&tally, &m)
		if m.Status == orgusers.StatusPending {
			require.Empty(t, m.User, "%s has not joined, yet has an account", m.Address.Email)
			require.NotEmpty(t, m.Link, "%s cannot accept", m.Address.Email)
			continue
		}
		require.Empty(t, m.Link, "%s has joined, yet the link works", m.Address.Email)
		require.False(t, m.JoinedAt.IsZero(), "%s joined never", m.Address.Email)
		require.NotContains(t, users, m.User, "an account is on the roster twice")
		users[m.User] = m
		checkAccount(t, w, s, m)
	}
	tally.Stacks = int64(len(s.Stacks))
	require.Equal(t, tally, s.Org.Tally, "the tally counts what is there")
	if s.Org.OwnerID != "" {
		owner, there := users[s.Org.OwnerID]
		require.True(t, there && owner.Administers(), "the owner is an active administrator on the roster")
	}
	require.Positive(t, tally.Admins, "somebody administers the organization")
	if keeper := s.Org.Settings.SSO.Keeper; keeper != "" {
		m, there := users[keeper]
		require.True(t, there && m.Administers() && s.Org.OwnerID == "", "who gets in without single sign-on is an active administrator")
	}
	if offer := s.Org.Transfer; offer.Pending() {
		require.Equal(t, s.Org.OwnerID, offer.By, "the ownership is offered by who has it")
		i := slices.IndexFunc(s.Members, func(m orgusers.Member) bool { return m.Address.Key == offer.To.Key })
		require.True(t, i < 0 || s.Members[i].Status != orgusers.StatusInactive, "the ownership is offered to somebody deactivated")
	}
	checkStacks(t, s, users)
	v, err := w.Operator().Verify(world.Ctx(), org)
	require.NoError(t, err)
	require.Empty(t, v.Broken, "the audit chain")
	return s.Org
}

// checkAccount compares a row with the account behind it.
func checkAccount(t testing.TB, w *world.World, s state, m orgusers.Member) {
	t.Helper()
	i := slices.IndexFunc(s.Users, func(u orgusers.User) bool { return u.ID == m.User })
	require.GreaterOrEqual(t, i, 0, "the account of %s is there", m.Address.Email)
	u := s.Users[i]
	require.Equal(t, u.Address.Key, m.Address.Key)
	require.Equal(t, u.Name, m.Name, "the roster shows the account's name")
	require.Equal(t, u.MFA.Enrolled(), m.MFA, "the roster shows the account's second factor")
	orgs, err := w.Store.Organizations(world.Ctx(), orgusers.OrgQuery{User: u.ID, Limit: 1000})
	require.NoError(t, err)
	require.Len(t, orgs, u.Orgs, "%s counts the organizations it belongs to", m.Address.Email)
}

// checkStacks demands that stacks belong to people of the organization, and that roles are given
// only on stacks and of kinds that exist.
func checkStacks(t testing.TB, s state, users map[orgusers.UserID]orgusers.Member) {
	t.Helper()
	stacks := map[orgusers.StackID]bool{}
	for _, stack := range s.Stacks {
		stacks[stack.ID] = true
		require.Equal(t, s.Org.ID, stack.Org)
		if stack.Owner == "" {
			require.Empty(t, s.Org.OwnerID, "stack %s is nobody's, although there is an owner", stack.Name)
			continue
		}
		require.Contains(t, users, stack.Owner, "stack %s belongs to somebody who is not here", stack.Name)
	}
	roles := map[orgusers.RoleID]bool{orgusers.RoleDeveloper: true, orgusers.RoleContentManager: true}
	for _, r := range s.Roles {
		roles[r.ID] = true
	}
	for _, m := range s.Members {
		for _, g := range m.Grants {
			require.True(t, stacks[g.Stack], "%s has a role on a stack that is gone", m.Address.Email)
			require.True(t, roles[g.Role], "%s has a role that is gone", m.Address.Email)
		}
	}
}

// state is everything kept of an organization, for comparing. What is recorded beside the audit
// chain is not in it, because refusals are.
type state struct {
	Org     orgusers.Organization
	Members []orgusers.Member
	Stacks  []orgusers.Stack
	Roles   []orgusers.StackRole
	Users   []orgusers.User // accounts of the rows, pending ones too
	Outbox  []orgusers.Effect
	Chain   []orgusers.AuditEntry
}

func stateOf(t testing.TB, w *world.World, org orgusers.OrgID) state {
	t.Helper()
	v, err := w.Store.View(world.Ctx(), orgusers.ViewQuery{Org: org, AllStack: true, Roles: true})
	require.NoError(t, err)
	s := state{Org: v.Org, Stacks: v.Stacks, Roles: v.Roles}
	q := orgusers.MemberQuery{Org: org, Sort: orgusers.SortEmail, Limit: 500, Grants: true}
	var keys []orgusers.AddressKey
	for {
		page, err := w.Store.Members(world.Ctx(), q)
		require.NoError(t, err)
		for i := range page {
			keys = append(keys, page[i].Address.Key)
		}
		s.Members = append(s.Members, page...)
		if len(page) < q.Limit {
			break
		}
		after := q.Sort.Key(&page[len(page)-1])
		q.After = &after
	}
	v, err = w.Store.View(world.Ctx(), orgusers.ViewQuery{UserKeys: keys})
	require.NoError(t, err)
	s.Users = v.Users
	slices.SortFunc(s.Users, func(a, b orgusers.User) int { return compare(a.ID, b.ID) })
	s.Outbox, err = w.Store.Effects(world.Ctx(), orgusers.EffectQuery{Org: org, Limit: 1000})
	require.NoError(t, err)
	s.Chain = trail(t, w, orgusers.AuditQuery{Org: org, Chained: true})
	return s
}

func compare[T ~string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// trail reads a whole audit trail, oldest first.
func trail(t testing.TB, w *world.World, q orgusers.AuditQuery) []orgusers.AuditEntry {
	t.Helper()
	q.Limit = 500
	var out []orgusers.AuditEntry
	for {
		page, err := w.Store.Audit(world.Ctx(), q)
		require.NoError(t, err)
		out = append(out, page...)
		if len(page) < q.Limit {
			return out
		}
		last := &page[len(page)-1]
		q.After = &orgusers.AuditKey{Seq: last.Seq, ID: last.ID}
	}
}

// kindOf demands that an error is one of the library's own, of exactly one kind, and returns it.
func kindOf(t testing.TB, err error) *orgusers.Error {
	t.Helper()
	var e *orgusers.Error
	require.ErrorAs(t, err, &e, "every refusal is typed")
	require.NotEqual(t, orgusers.ReasonInvariant, e.Reason, "stopped by the last line of defence: %v", errors.Unwrap(e))
	return e
}

// fails demands a refusal of this kind and, unless empty, with this reason.
func fails(t testing.TB, err error, kind error, reason orgusers.Reason) {
	t.Helper()
	require.ErrorIs(t, err, kind)
	require.Equal(t, reason, kindOf(t, err).Reason, "%v", err)
}

// wrong demands ErrInvalid that names exactly these fields, as "field: reason".
func wrong(t testing.TB, err error, fields ...string) {
	t.Helper()
	require.ErrorIs(t, err, orgusers.ErrInvalid)
	var got []string
	for _, f := range kindOf(t, err).Fields {
		got = append(got, fmt.Sprintf("%s: %s", f.Field, f.Reason))
	}
	require.Equal(t, fields, got)
}

// refuses runs a call that must be refused with nothing changed and nothing mailed, and a denial
// written down beside the audit chain.
func (x team) refuses(kind error, reason orgusers.Reason, call func() error) {
	x.t.Helper()
	before, beside := stateOf(x.t, x.w, x.ID), len(trail(x.t, x.w, orgusers.AuditQuery{Org: x.ID}))
	fails(x.t, call(), kind, reason)
	x.same(before)
	written := 1
	if errors.Is(kind, orgusers.ErrInvalid) || errors.Is(kind, orgusers.ErrNotFound) || reason == orgusers.ReasonLinkMalformed {
		written = 0 // a question that makes no sense, or that a stranger asks, is nobody's history
	}
	require.Len(x.t, trail(x.t, x.w, orgusers.AuditQuery{Org: x.ID}), beside+written, "denials are written down")
}

// same demands that nothing has changed since.
func (x team) same(before state) {
	x.t.Helper()
	require.Equal(x.t, before, stateOf(x.t, x.w, x.ID), "a refusal changes nothing")
}

// outcome is a row of a report as "result reason".
func outcome(o orgusers.Outcome) string {
	if o.Reason == "" {
		return string(o.Result)
	}
	return fmt.Sprintf("%s %s", o.Result, o.Reason)
}

// outcomes are all rows of a report.
func outcomes(rep orgusers.Report) []string {
	out := make([]string, len(rep.Outcomes))
	for i, o := range rep.Outcomes {
		out[i] = outcome(o)
	}
	return out
}
