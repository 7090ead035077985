package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func contextChecks() []check {
	return []check{
		{"Context/EndedBeforeNothingIsDone", contextEnded},
		{"Context/S226_EndsDuringAllOrNothing", contextEnds},
	}
}

// calls has every method that takes a context, each in a call that would do something.
func (w *world) calls(k cast) map[string]func(ctx context.Context) error {
	w.Helper()
	c := w.everything(k)
	effect := w.effects(k.org, 1)[0]
	claimed := w.effects(k.org, 2)[0]
	dead := w.effects(k.org, 3)[0]
	var settle []orgusers.Settlement
	for _, e := range w.claim(5, 6, 3) {
		settle = append(settle, orgusers.Settlement{ID: e.ID, Lease: e.Lease, Dead: e.ID == dead.ID, DueAt: e.DueAt})
	}
	require.NoError(w, w.Settle(w.ctx, settle))
	held := w.claim(1, 6, 1)
	require.Equal(w, []orgusers.EffectID{effect.ID}, effectIDs(held))
	c.Org.Version = w.org(k.org).Version
	counter := orgusers.Counter{Key: "key", Add: 1, ExpiresAt: moment(100)}
	session := w.signIn("dan")
	return map[string]func(ctx context.Context) error{
		"View": func(ctx context.Context) error {
			return read(w.View(ctx, orgusers.ViewQuery{Org: k.org, Grants: true, Roles: true}))
		},
		"Commit": func(ctx context.Context) error { return w.Commit(ctx, c) },
		"Record": func(ctx context.Context) error {
			return w.Record(ctx, []orgusers.AuditEntry{w.newEntry(k.org, 1, false)}, &orgusers.Request{Org: k.org, ID: "recorded"})
		},
		"Access":  func(ctx context.Context) error { return read(w.Access(ctx, k.ann.User, k.org)) },
		"Session": func(ctx context.Context) error { return read(w.Session(ctx, session.Token)) },
		"Seen":    func(ctx context.Context) error { return w.Seen(ctx, session.ID, moment(500)) },
		"IPRules": func(ctx context.Context) error {
			return read(w.IPRules(ctx, orgusers.IPRuleQuery{User: k.ann.User, Limit: 1}))
		},
		"Members": func(ctx context.Context) error {
			return read(w.Members(ctx, orgusers.MemberQuery{Org: k.org, Sort: orgusers.SortEmail, Limit: 1}))
		},
		"Organizations": func(ctx context.Context) error {
			return read(w.Organizations(ctx, orgusers.OrgQuery{Limit: 1}))
		},
		"Audit": func(ctx context.Context) error {
			return read(w.Audit(ctx, orgusers.AuditQuery{Org: k.org, Limit: 1}))
		},
		"Touch": func(ctx context.Context) error { return w.Touch(ctx, k.ann.User, moment(500)) },
		"Claim": func(ctx context.Context) error {
			return read(w.Claim(ctx, orgusers.ClaimQuery{Now: moment(50), Until: moment(60), Lease: w.id(), Limit: 1}))
		},
		"Settle": func(ctx context.Context) error {
			return w.Settle(ctx, []orgusers.Settlement{{ID: held[0].ID, Lease: held[0].Lease, Done: true}, {ID: claimed.ID, Lease: "x", Done: true}})
		},
		"Effects": func(ctx context.Context) error { return read(w.Effects(ctx, orgusers.EffectQuery{Limit: 1})) },
		"Requeue": func(ctx context.Context) error {
			_, err := w.Requeue(ctx, []orgusers.EffectID{dead.ID}, moment(9))
			return err
		},
		"Bump":  func(ctx context.Context) error { _, err := w.Bump(ctx, []orgusers.Counter{counter}); return err },
		"Prune": func(ctx context.Context) error { return w.Prune(ctx, moment(1000), moment(1000), moment(1000)) },
	}
}

// read looks at all of an answer, as callers do while others write.
func read[T any](v T, err error) error {
	_ = fmt.Sprintf("%+v", v)
	return err
}

func contextEnded(w *world) {
	k := w.cast()
	require.NoError(w, w.Record(w.ctx, nil, &orgusers.Request{Org: k.org, ID: "kept", At: moment(1)}))
	counter := orgusers.Counter{Key: "key", Add: 1, ExpiresAt: moment(100)}
	require.Equal(w, []int64{1}, w.bump(counter))
	calls := w.calls(k)
	cancelled, cancel := context.WithCancel(w.ctx)
	cancel()
	late, cancelLate := context.WithDeadline(w.ctx, time.Unix(0, 0))
	defer cancelLate()
	before := w.dump("kept", "everything", "recorded")
	for i := range reflect.TypeFor[orgusers.Store]().NumMethod() {
		method := reflect.TypeFor[orgusers.Store]().Method(i).Name
		if method == "Level" {
			continue
		}
		call := calls[method]
		require.NotNil(w, call, "the suite does not call %s", method)
		require.ErrorIs(w, call(cancelled), context.Canceled, method)
		require.ErrorIs(w, call(late), context.DeadlineExceeded, method)
	}
	w.unchanged(before, "kept", "everything", "recorded")
	require.Equal(w, []int64{2}, w.bump(counter))
	for _, method := range []string{"View", "Commit", "Record", "Settle", "Requeue", "Claim", "Touch", "Session", "Seen", "Prune"} {
		require.NoError(w, calls[method](w.ctx), "the same call with a context that lasts: %s", method)
	}
}

// contextEnds: whenever the context ends, the commit has happened or it has not; the answer says
// which, or says that it does not know; and the store goes on. Nothing lands after an answer that has
// denied it, not even a moment after.
func contextEnds(w *world) {
	org := w.organization("0")
	m := w.join(org, "ann")
	state := func() (n int) {
		v := w.read(orgusers.ViewQuery{Org: org, Members: []orgusers.MemberID{m.ID}})
		require.Len(w, v.Members, 1)
		require.Equal(w, v.Org.Name, "0"+v.Members[0].Message, "half a commit")
		n, _ = strconv.Atoi(v.Members[0].Message)
		return n
	}
	// What is still to land can do so until the version it was decided on has been taken by another.
	settled := func() int {
		err := w.try(org, func(*orgusers.Changes) {})
		for w.gaveWay(err) {
			err = w.try(org, func(*orgusers.Changes) {})
		}
		require.NoError(w, err)
		return state()
	}
	longest := 200 * time.Microsecond
	for round := 1; round <= max(w.rounds(400), 40); round++ {
		was := state()
		v := w.read(orgusers.ViewQuery{Org: org})
		v.Org.Name = "0" + strconv.Itoa(round)
		ctx, cancel := context.WithTimeout(w.ctx, time.Duration(round%20)*longest/20)
		begun := time.Now()
		err := w.Commit(ctx, orgusers.Changes{Org: &v.Org, Members: []orgusers.MemberUpdate{
			{ID: m.ID, Patch: orgusers.MemberPatch{Message: orgusers.Some(strconv.Itoa(round))}},
		}})
		cancel()
		switch {
		case err == nil:
			require.Equal(w, round, state(), "acknowledged and not there")
			longest = max(longest, time.Since(begun))
		case errors.Is(err, orgusers.ErrUnknownOutcome):
			require.Contains(w, []int{was, round}, settled())
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, orgusers.ErrConflict):
			require.Equal(w, was, state(), "written although the answer was %v", err)
			require.Equal(w, was, settled(), "written after the answer was %v", err)
		default:
			require.NoError(w, err, "neither done nor the context's error")
		}
	}
	w.edit(org, func(c *orgusers.Changes) { c.Org.Disabled = true })
}
