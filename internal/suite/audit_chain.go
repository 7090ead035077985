package suite

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

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
