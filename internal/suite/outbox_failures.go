package suite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

func crashAfterSend(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example")
	crashed := errors.New("the process is gone")
	store.with(func(f *faulty) { f.before = failing(crashed, "Settle") })
	n, err := w.Svc.Dispatch(world.Ctx(), 10)
	require.ErrorIs(t, err, crashed)
	require.ErrorIs(t, err, orgusers.ErrStore)
	require.Zero(t, n)
	require.Len(t, w.Inbox.All(), 1)
	store.heal()

	second := w.Second()
	require.Zero(t, dispatch(t, second), "the lease of the dead process still lasts")
	w.Clock.Tick(2*time.Minute - time.Microsecond)
	require.Zero(t, dispatch(t, second))
	require.Len(t, w.Inbox.All(), 1)
	w.Clock.Tick(time.Microsecond)
	require.Equal(t, 1, dispatch(t, second))
	mails := w.Inbox.All()
	require.Len(t, mails, 2)
	require.Equal(t, mails[0], mails[1], "the same id, the same link, the same words")
	require.NotEmpty(t, mails[0].ID)
	require.Zero(t, dispatch(t, w))
	require.Empty(t, w.Outbox(false))
}

func failuresBackOff(t *testing.T, open Opener) {
	huge := errors.New("550\x1b[2J " + strings.Repeat("no ", 1<<10))
	var ids []orgusers.EffectID
	w := world.New(t, open(t), mailing(func(_ context.Context, m orgusers.Mail) error {
		ids = append(ids, m.ID)
		return huge
	}))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example")
	minutes := []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360}
	total := time.Duration(0)
	for i, wait := range minutes {
		require.Zero(t, dispatch(t, w))
		require.Len(t, ids, i+1)
		waiting := w.Outbox(false)
		require.Len(t, waiting, 1)
		require.Equal(t, i+1, waiting[0].Attempts)
		due := waiting[0].DueAt.Sub(w.Clock.Now())
		require.Equal(t, time.Duration(wait)*time.Minute, due, "after try %d", i+1)
		require.Empty(t, waiting[0].Lease)
		total += due
		w.Clock.Tick(due - time.Microsecond)
		require.Zero(t, dispatch(t, w))
		require.Len(t, ids, i+1, "not a moment too early")
		w.Clock.Tick(time.Microsecond)
	}
	require.Zero(t, dispatch(t, w))
	require.Len(t, ids, 12)
	require.Empty(t, w.Outbox(false), "given up")
	dead, err := w.Operator().DeadLetters(world.Ctx(), "", 10)
	require.NoError(t, err)
	require.Len(t, dead, 1, "and visible")
	require.Equal(t, 12, dead[0].Attempts)
	require.LessOrEqual(t, len(dead[0].LastError), 512)
	require.True(t, strings.HasPrefix(dead[0].LastError, "550?[2J no no"), "%q", dead[0].LastError)
	require.Greater(t, total, 20*time.Hour)
	require.Less(t, total, 26*time.Hour)
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	w.Clock.Tick(24 * time.Hour)
	require.Zero(t, dispatch(t, w))
	require.Len(t, ids, 12, "nothing brings it back by itself")
}

func othersFlow(t *testing.T, open Opener) {
	var delivered []string
	w := world.New(t, open(t), func(c *orgusers.Config) {
		c.SendTimeout = 500 * time.Millisecond // a database is asked first whether a link is still good
		c.Mailer = send(func(ctx context.Context, m orgusers.Mail) error {
			switch {
			case strings.HasPrefix(m.To, "hang"):
				<-ctx.Done() // would be ten minutes
				return ctx.Err()
			case strings.HasPrefix(m.To, "panic"):
				panic("the template is nil")
			case strings.HasPrefix(m.To, "permanent"):
				return fmt.Errorf("%w: no such mailbox", orgusers.ErrPermanent)
			case strings.HasPrefix(m.To, "later"):
				return errors.New("try later")
			}
			delivered = append(delivered, m.To)
			return nil
		})
	})
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, hang@acme.example, b@acme.example, panic@acme.example, permanent@acme.example, later@acme.example, c@acme.example")
	require.Equal(t, 3, dispatch(t, w))
	require.ElementsMatch(t, []string{"a@acme.example", "b@acme.example", "c@acme.example"}, delivered)

	last := map[string]string{}
	for _, e := range w.Outbox(false) {
		last[e.Mail.To] = e.LastError
		require.Equal(t, 1, e.Attempts)
		require.Equal(t, time.Minute, e.DueAt.Sub(w.Clock.Now()))
	}
	require.Equal(t, map[string]string{
		"hang@acme.example": "context deadline exceeded", "panic@acme.example": "panic: the template is nil", "later@acme.example": "try later",
	}, last)
	dead := w.Outbox(true)
	require.Len(t, dead, 1, "a permanent failure is given up at once")
	require.Equal(t, "permanent@acme.example", dead[0].Mail.To)
	require.Equal(t, "permanent failure: no such mailbox", dead[0].LastError)
	require.Equal(t, 1, dead[0].Attempts)

	invite(t, org, "d@acme.example")
	require.Equal(t, 1, dispatch(t, w))
	require.Len(t, delivered, 4)
}

func requeueTriesAgain(t *testing.T, open Opener) {
	fail := true
	w := world.New(t, open(t))
	w.Inbox.Fail = func(orgusers.Mail) error {
		if fail {
			return orgusers.ErrPermanent
		}
		return nil
	}
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, b@acme.example")
	require.Zero(t, dispatch(t, w))
	dead := w.Outbox(true)
	require.Len(t, dead, 2)
	fail = false
	require.Zero(t, dispatch(t, w))

	n, err := w.Operator().Requeue(world.Ctx(), dead[0].ID, "no-such-effect", dead[0].ID)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	backlog, err := w.Operator().Backlog(world.Ctx(), "", 10)
	require.NoError(t, err)
	require.Len(t, backlog, 1)
	require.Zero(t, backlog[0].Attempts)
	require.Empty(t, backlog[0].LastError)
	require.Equal(t, 1, dispatch(t, w))
	require.Equal(t, dead[0].Mail.To, w.Inbox.All()[0].To)
	require.Equal(t, dead[0].ID, w.Inbox.All()[0].ID, "still the same mail")

	// What is alive or gone cannot be requeued.
	n, err = w.Operator().Requeue(world.Ctx(), dead[0].ID)
	require.NoError(t, err)
	require.Zero(t, n)
	// What became void while it was dead is still not mailed.
	w.Clock.Tick(8 * 24 * time.Hour)
	n, err = w.Operator().Requeue(world.Ctx(), dead[1].ID)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 1, dispatch(t, w))
	require.Len(t, w.Inbox.All(), 1)
	require.Empty(t, w.Outbox(true))
}

func endSessionsRetried(t *testing.T, open Opener) {
	type call struct {
		users  []orgusers.UserID
		before time.Time
	}
	var calls []call
	down := true
	w := world.New(t, open(t), func(c *orgusers.Config) {
		c.Sessions = portSessions{
			active: func(_ context.Context, users []orgusers.UserID) (map[orgusers.UserID]int, error) {
				return map[orgusers.UserID]int{users[0]: 1, users[len(users)-1]: 1}, nil
			},
			end: func(_ context.Context, users []orgusers.UserID, before time.Time) error {
				calls = append(calls, call{users, before})
				if down {
					return errors.New("redis is down")
				}
				return nil
			},
		}
	})
	x := newTeam(t, w, "acme")
	actor := w.Actor(x.member.User)
	_, err := w.Svc.Access(world.Ctx(), actor, x.ID)
	require.NoError(t, err)
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.EndSessions{}, x.member.ID))
	epoch := w.Clock.Now()
	_, err = w.Svc.Access(world.Ctx(), actor, x.ID)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded) // before the host's store knows of it
	// Unlike a mail it is never given up (Q25).
	for i, minutes := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360, 360} {
		require.Zero(t, dispatch(t, w))
		late, err := w.Operator().Backlog(world.Ctx(), "", 0)
		require.NoError(t, err)
		require.Len(t, late, 1)
		require.Equal(t, []any{i + 1, "redis is down"}, []any{late[0].Attempts, late[0].LastError}, "support can see it")
		w.Clock.Tick(time.Duration(minutes) * time.Minute)
	}
	down = false
	require.Equal(t, 1, dispatch(t, w))
	require.Empty(t, w.Outbox(false))
	require.Len(t, calls, 14)
	for _, c := range calls {
		require.Equal(t, call{[]orgusers.UserID{x.member.User}, epoch}, c)
	}

	// A host without a session store of its own has nothing to be told.
	plain := world.New(t, open(t))
	y := newTeam(t, plain, "plain")
	require.NoError(t, y.Admin().Do(world.Ctx(), orgusers.EndSessions{}, y.member.ID))
	require.Equal(t, 1, dispatch(t, plain))
	require.Empty(t, plain.Outbox(false))
	require.Empty(t, plain.Outbox(true))
}
