package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func auditChecks() []check {
	return []check{
		{"Audit/OrderAndPages", auditOrder},
		{"Audit/FiltersAddUp", auditFilters},
		{"Audit/S167_EachOrganizationItsOwn", auditOwn},
		{"Record/BesideTheChainWithoutAGuard", recordBeside},
		{"Record/AnsweredRequestIsConflict", recordRequest},
	}
}

// trail is what the audit trail of an organization must show, worked out in Go.
type trail struct {
	org     orgusers.OrgID
	entries []orgusers.AuditEntry
}

// trail writes 24 entries of a chain and twice as many beside it, which share their places and
// differ in everything that can be asked for.
func (w *world) trail(org orgusers.OrgID) trail {
	w.Helper()
	t := trail{org: org}
	actors := []orgusers.UserID{orgusers.UserID(w.id()), orgusers.UserID(w.id()), ""}
	members := []orgusers.MemberID{orgusers.MemberID(w.id()), orgusers.MemberID(w.id()), ""}
	var chained, beside []orgusers.AuditEntry
	for i := range 72 {
		e := w.newEntry(org, int64(i/3), i%3 == 0)
		if !e.Chained {
			e.Result, e.Reason = orgusers.Refused, orgusers.ReasonOwner
		}
		// Out of order: times come from many clocks.
		e.At = moment(i * 7 % 24).Add(time.Duration(i%2) * time.Microsecond)
		e.Action = []orgusers.Action{orgusers.ActionInvite, orgusers.ActionRemove, orgusers.ActionListMembers}[i%3]
		e.Actor, e.Member = actors[i/2%3], members[i/5%3]
		t.entries = append(t.entries, e)
		if e.Chained {
			chained = append(chained, e)
		} else {
			beside = append(beside, e)
		}
	}
	// The beside ones first, and backwards: the order of the trail is not that of writing.
	slices.Reverse(beside)
	require.NoError(w, w.Record(w.ctx, beside, nil))
	if org == "" {
		require.NoError(w, w.Commit(w.ctx, orgusers.Changes{Audit: chained}))
	} else {
		w.edit(org, func(c *orgusers.Changes) { c.Audit = chained })
	}
	slices.SortFunc(t.entries, func(a, b orgusers.AuditEntry) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID))
	})
	return t
}

func (t trail) list(q orgusers.AuditQuery) []orgusers.AuditEntry {
	var list []orgusers.AuditEntry
	for _, e := range t.entries {
		if (e.Chained || !q.Chained) && (q.Action == "" || e.Action == q.Action) && (q.Actor == "" || e.Actor == q.Actor) &&
			(q.Member == "" || e.Member == q.Member) && !e.At.Before(q.From) && (q.To.IsZero() || e.At.Before(q.To)) {
			list = append(list, e)
		}
	}
	if q.Descending {
		slices.Reverse(list)
	}
	return list
}

func (t trail) shows(w *world, q orgusers.AuditQuery) {
	w.Helper()
	q.Org = t.org
	var got []orgusers.AuditEntry
	for {
		page, err := w.Audit(w.ctx, q)
		require.NoError(w, err)
		require.LessOrEqual(w, len(page), q.Limit)
		got = append(got, page...)
		if len(page) < q.Limit {
			break
		}
		last := page[len(page)-1]
		q.After = &orgusers.AuditKey{Seq: last.Seq, ID: last.ID}
		require.LessOrEqual(w, len(got), len(t.entries), "the walk goes on and on")
	}
	want := t.list(q)
	entryID := func(e *orgusers.AuditEntry) orgusers.EntryID { return e.ID }
	require.Equal(w, ids(want, entryID), ids(got, entryID), "%+v", q)
	w.same(want, got)
}

func auditOrder(w *world) {
	t := w.trail(w.organization("Acme"))
	for _, descending := range []bool{false, true} {
		for _, chained := range []bool{false, true} {
			for _, limit := range []int{1, 3, 7, 72, 1000} {
				t.shows(w, orgusers.AuditQuery{Descending: descending, Chained: chained, Limit: limit})
			}
		}
	}
	page, err := w.Audit(w.ctx, orgusers.AuditQuery{Org: orgusers.OrgID(w.id()), Limit: 5})
	require.NoError(w, err)
	require.Empty(w, page)
}

func auditFilters(w *world) {
	t := w.trail(w.organization("Acme"))
	w.trail(w.organization("Other"))
	at := t.entries[40].At // a bound that entries lie on: From takes them in, To leaves them out
	n := 0
	for _, chained := range []bool{false, true} {
		for _, action := range []orgusers.Action{"", orgusers.ActionInvite, orgusers.ActionRemove, "no such action"} {
			for _, actor := range []orgusers.UserID{"", t.entries[0].Actor, t.entries[20].Actor} {
				for _, member := range []orgusers.MemberID{"", t.entries[0].Member, t.entries[30].Member} {
					for i, from := range []time.Time{{}, at} {
						for j, to := range []time.Time{{}, at, at.Add(time.Microsecond), moment(20)} {
							t.shows(w, orgusers.AuditQuery{
								Chained: chained, Action: action, Actor: actor, Member: member, From: from, To: to,
								Descending: (n+i+j)%2 == 0, Limit: []int{3, 7, 100}[n%3],
							})
							n++
						}
					}
				}
			}
		}
	}
}

// auditOwn: entries of account matters have no organization, and are seen from none.
func auditOwn(w *world) {
	trails := []trail{w.trail(w.organization("Acme")), w.trail(""), w.trail(w.organization("Acme"))}
	for i, t := range trails {
		t.shows(w, orgusers.AuditQuery{Limit: 7, Descending: i == 1})
	}
}

func recordBeside(w *world) {
	k := w.cast()
	before := w.dump()
	v := w.read(orgusers.ViewQuery{Org: k.org})
	var want []orgusers.AuditEntry
	for i := range 3 {
		e := w.newEntry(k.org, int64(i), false)
		want = append(want, e)
		require.NoError(w, w.Record(w.ctx, []orgusers.AuditEntry{e}, nil))
	}
	before.Audit = want
	w.unchanged(before)
	// A decision made before is not disturbed: nothing was raised that guards it.
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{Org: &v.Org}))
}

func recordRequest(w *world) {
	k, other := w.cast(), w.cast()
	entries := func() []orgusers.AuditEntry {
		return []orgusers.AuditEntry{w.newEntry(k.org, 1, false), w.newEntry(k.org, 1, false)}
	}
	first := orgusers.Request{Org: k.org, ID: "r", Digest: "d", Report: []byte(`{"a":1}`), At: moment(5)}
	require.NoError(w, w.Record(w.ctx, entries(), &first))
	w.looks(orgusers.ViewQuery{Org: k.org, Request: "r"}, orgusers.View{Request: &first})

	before := w.dump("r")
	require.Len(w, before.Audit, 2)
	second := first
	second.Digest, second.Report = "other", []byte(`{}`)
	require.ErrorIs(w, w.Record(w.ctx, entries(), &second), orgusers.ErrConflict)
	w.unchanged(before, "r")

	second.Org = other.org
	require.NoError(w, w.Record(w.ctx, nil, &second))
	for i := range 3 {
		second.ID = fmt.Sprintf("r%d", i)
		require.NoError(w, w.Record(w.ctx, nil, &second))
	}
	require.Len(w, w.dump("r", "r0", "r1", "r2").Requests, 5)
}
