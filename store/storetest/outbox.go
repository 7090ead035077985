package storetest

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func outboxChecks() []check {
	return []check{
		{"Claim/DueOnesOldestFirst", claimOrder},
		{"Claim/LeasesUntilTheyEnd", claimLease},
		{"Claim/S223_ClaimersShareNothing", claimRace},
		{"Settle/DoneRetriedDeadUntried", settleKinds},
		{"Settle/OnlyUnderTheLease", settleStolen},
		{"Effects/PagesByID", effectsPages},
		{"Requeue/DeadOnesAsIfNeverTried", requeueDead},
	}
}

// effects writes effects that fall due at these moments.
func (w *world) effects(org orgusers.OrgID, due ...int) []orgusers.Effect {
	w.Helper()
	var list []orgusers.Effect
	for _, d := range due {
		list = append(list, w.newEffect(org, moment(d)))
	}
	w.edit(org, func(c *orgusers.Changes) { c.Effects = list })
	return list
}

func (w *world) claim(now, until, limit int) []orgusers.Effect {
	w.Helper()
	list, err := w.Claim(w.ctx, orgusers.ClaimQuery{Now: moment(now), Until: moment(until), Lease: w.id(), Limit: limit})
	require.NoError(w, err)
	return list
}

func effectIDs(list []orgusers.Effect) []orgusers.EffectID {
	var out []orgusers.EffectID
	for _, e := range list {
		out = append(out, e.ID)
	}
	return out
}

// effect finds one effect in the outbox.
func (w *world) effect(id orgusers.EffectID) orgusers.Effect {
	w.Helper()
	all := w.dump().Effects
	i := slices.IndexFunc(all, func(e orgusers.Effect) bool { return e.ID == id })
	require.GreaterOrEqual(w, i, 0, "the effect is gone")
	return all[i]
}

func claimOrder(w *world) {
	org := w.organization("Acme")
	e := w.effects(org, 5, 3, 9, 1, 7)
	require.Empty(w, w.claim(0, 100, 10), "none is due yet")
	first := w.claim(5, 100, 2)
	require.Equal(w, []orgusers.EffectID{e[3].ID, e[1].ID}, effectIDs(first), "two of the three that are due, oldest first")
	for i, want := range []orgusers.Effect{e[3], e[1]} {
		want.Lease, want.LeaseUntil, want.Attempts = first[0].Lease, moment(100), 1
		w.same(want, first[i])
		w.same(want, w.effect(want.ID), "as claimed, so kept")
	}
	require.Equal(w, []orgusers.EffectID{e[0].ID}, effectIDs(w.claim(5, 100, 10)), "what falls due this moment is due")
	require.Empty(w, w.claim(6, 100, 10))
	require.Equal(w, []orgusers.EffectID{e[4].ID, e[2].ID}, effectIDs(w.claim(50, 100, math.MaxInt32)))
}

func claimLease(w *world) {
	org := w.organization("Acme")
	e := w.effects(org, 1)[0]
	require.Len(w, w.claim(2, 10, 5), 1)
	require.Empty(w, w.claim(3, 20, 5))
	before, err := w.Claim(w.ctx, orgusers.ClaimQuery{Now: moment(10).Add(-time.Microsecond), Until: moment(20), Lease: w.id(), Limit: 5})
	require.NoError(w, err)
	require.Empty(w, before, "the lease lasts until its last microsecond")
	again := w.claim(10, 20, 5)
	require.Equal(w, []orgusers.EffectID{e.ID}, effectIDs(again), "then whoever had it is taken for dead")
	require.Equal(w, 2, again[0].Attempts)
	require.Equal(w, moment(20), again[0].LeaseUntil)
}

func settleKinds(w *world) {
	org := w.organization("Acme")
	e := w.effects(org, 1, 2, 3, 4)
	got := w.claim(9, 100, 10)
	require.Len(w, got, 4)
	lease := got[0].Lease
	require.NoError(w, w.Settle(w.ctx, []orgusers.Settlement{
		{ID: e[0].ID, Lease: lease, Done: true},
		{ID: e[1].ID, Lease: lease, DueAt: moment(20), LastError: "421 try later"},
		{ID: e[2].ID, Lease: lease, Dead: true, DueAt: moment(3), LastError: "550 no such user"},
		{ID: e[3].ID, Lease: lease, DueAt: moment(15), Untried: true},
	}))
	e[1].DueAt, e[1].LastError, e[1].Attempts = moment(20), "421 try later", 1
	e[2].Dead, e[2].LastError, e[2].Attempts = true, "550 no such user", 1
	e[3].DueAt = moment(15)
	list, err := w.Effects(w.ctx, orgusers.EffectQuery{Limit: 10})
	require.NoError(w, err)
	effectID := func(e *orgusers.Effect) orgusers.EffectID { return e.ID }
	w.same(sorted([]orgusers.Effect{e[1], e[3]}, effectID), list, "without leases")
	dead, err := w.Effects(w.ctx, orgusers.EffectQuery{Dead: true, Limit: 10})
	require.NoError(w, err)
	w.same([]orgusers.Effect{e[2]}, dead)

	require.Empty(w, w.claim(14, 100, 10))
	require.Equal(w, []orgusers.EffectID{e[3].ID}, effectIDs(w.claim(19, 100, 10)))
	retried := w.claim(20, 100, 10)
	require.Equal(w, []orgusers.EffectID{e[1].ID}, effectIDs(retried), "the dead one is due never")
	require.Equal(w, 2, retried[0].Attempts)
}

func settleStolen(w *world) {
	org := w.organization("Acme")
	e := w.effects(org, 1, 2, 3)
	slow := w.claim(5, 10, 2)
	require.Len(w, slow, 2)
	thief := w.claim(10, 20, 1) // the first of the two
	require.Equal(w, []orgusers.EffectID{e[0].ID}, effectIDs(thief))
	late := []orgusers.Settlement{
		{ID: e[0].ID, Lease: slow[0].Lease, Done: true},
		{ID: e[1].ID, Lease: slow[1].Lease, DueAt: moment(30), LastError: "late"}, // over, but nobody else's yet
		{ID: e[2].ID, Lease: slow[0].Lease, Dead: true},                           // never leased
		{ID: orgusers.EffectID(w.id()), Lease: slow[0].Lease, Done: true},
	}
	require.NoError(w, w.Settle(w.ctx, late))
	w.same(thief[0], w.effect(e[0].ID), "the new holder's")
	w.same(e[2], w.effect(e[2].ID))
	e[1].DueAt, e[1].LastError, e[1].Attempts = moment(30), "late", 1
	w.same(e[1], w.effect(e[1].ID))

	late[1].DueAt = moment(40)
	require.NoError(w, w.Settle(w.ctx, late))
	w.same(e[1], w.effect(e[1].ID), "a settled lease is over")
	require.NoError(w, w.Settle(w.ctx, []orgusers.Settlement{{ID: e[0].ID, Lease: thief[0].Lease, Done: true}}))
	require.Len(w, w.dump().Effects, 2)
}

func effectsPages(w *world) {
	a, b := w.organization("a"), w.organization("b")
	var ofA, ofB, dead []orgusers.Effect
	for i := range 5 {
		ofA, ofB = append(ofA, w.effects(a, i, 50+i)...), append(ofB, w.effects(b, i)...)
	}
	account := w.newEffect("", moment(70))
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{Effects: []orgusers.Effect{account}}))
	var settle []orgusers.Settlement
	for _, e := range w.claim(20, 100, 4) {
		settle = append(settle, orgusers.Settlement{ID: e.ID, Lease: e.Lease, Dead: true, DueAt: e.DueAt, LastError: "given up"})
	}
	require.NoError(w, w.Settle(w.ctx, settle))
	isDead := func(e orgusers.Effect) bool {
		return slices.ContainsFunc(settle, func(s orgusers.Settlement) bool { return s.ID == e.ID })
	}
	for _, e := range slices.Concat(ofA, ofB) {
		if isDead(e) {
			dead = append(dead, e)
		}
	}
	require.Len(w, dead, 4)
	ofA, ofB = slices.DeleteFunc(ofA, isDead), slices.DeleteFunc(ofB, isDead)
	w.claim(20, 100, 1) // a leased one is still to come

	walk := func(q orgusers.EffectQuery, want []orgusers.Effect) {
		w.Helper()
		wanted := effectIDs(want)
		slices.Sort(wanted)
		for _, limit := range []int{1, 3, 100} {
			var got []orgusers.EffectID
			q.After, q.Limit = "", limit
			for {
				page, err := w.Effects(w.ctx, q)
				require.NoError(w, err)
				require.LessOrEqual(w, len(page), limit)
				got = append(got, effectIDs(page)...)
				if len(page) < limit || len(got) > len(want) {
					break
				}
				q.After = got[len(got)-1]
			}
			w.same(wanted, got)
		}
	}
	walk(orgusers.EffectQuery{}, slices.Concat(ofA, ofB, []orgusers.Effect{account}))
	walk(orgusers.EffectQuery{Org: a}, ofA)
	walk(orgusers.EffectQuery{Org: b}, ofB)
	walk(orgusers.EffectQuery{Org: orgusers.OrgID(w.id())}, nil)
	walk(orgusers.EffectQuery{Dead: true}, dead)
	walk(orgusers.EffectQuery{Dead: true, Org: a}, slices.DeleteFunc(slices.Clone(dead), func(e orgusers.Effect) bool { return e.Org != a }))
}

func requeueDead(w *world) {
	org := w.organization("Acme")
	e := w.effects(org, 1, 2, 3, 4)
	var settle []orgusers.Settlement
	for _, c := range w.claim(9, 100, 3) {
		settle = append(settle, orgusers.Settlement{ID: c.ID, Lease: c.Lease, Dead: true, DueAt: c.DueAt, LastError: "given up"})
	}
	require.NoError(w, w.Settle(w.ctx, settle))
	before := w.dump()
	n, err := w.Requeue(w.ctx, []orgusers.EffectID{orgusers.EffectID(w.id()), e[3].ID}, moment(30))
	require.NoError(w, err)
	require.Zero(w, n, "neither an unknown one nor one that is alive")
	w.unchanged(before)

	n, err = w.Requeue(w.ctx, []orgusers.EffectID{e[0].ID, e[3].ID, e[2].ID}, moment(30))
	require.NoError(w, err)
	require.Equal(w, 2, n)
	for _, i := range []int{0, 2} {
		e[i].DueAt = moment(30)
		w.same(e[i], w.effect(e[i].ID), "as it was before the first try")
	}
	require.True(w, w.effect(e[1].ID).Dead)
	require.Equal(w, []orgusers.EffectID{e[3].ID}, effectIDs(w.claim(29, 100, 10)))
	again := w.claim(30, 100, 10)
	require.ElementsMatch(w, []orgusers.EffectID{e[0].ID, e[2].ID}, effectIDs(again))
	require.Equal(w, 1, again[0].Attempts)
}

// claimRace: eight workers empty the outbox, and nothing is handed out twice while a lease lasts.
func claimRace(w *world) {
	org := w.organization("Acme")
	var list []int
	for i := range max(w.rounds(400), 60) {
		list = append(list, i%7)
	}
	effects := w.effects(org, list...)
	var mu sync.Mutex
	held := make(map[orgusers.EffectID]int)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				lease := w.id()
				claimed, err := w.Claim(w.ctx, orgusers.ClaimQuery{Now: moment(10), Until: moment(20), Lease: lease, Limit: 7})
				if w.gaveWay(err) {
					continue
				}
				if !w.works(err, "claim") {
					return
				}
				if len(claimed) == 0 {
					return
				}
				mu.Lock()
				for _, e := range claimed {
					held[e.ID]++
					if e.Lease != lease {
						w.Errorf("claimed under another lease")
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	// In a crowd a claim may come away with nothing; what was left lying is there now.
	for left := w.claim(10, 20, 7); len(left) > 0; left = w.claim(10, 20, 7) {
		for _, e := range left {
			held[e.ID]++
		}
	}
	for id, n := range held {
		require.Equal(w, 1, n, "effect %s", id)
	}
	require.Len(w, held, len(effects))
}
