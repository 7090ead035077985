package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

func workersNeverShare(t *testing.T, open Opener) {
	var mu sync.Mutex
	sent, inFlight := map[orgusers.EffectID]int{}, map[orgusers.EffectID]bool{}
	var fail atomic.Bool
	fail.Store(true)
	w := world.New(t, open(t), mailing(func(_ context.Context, m orgusers.Mail) error {
		mu.Lock()
		defer mu.Unlock()
		if inFlight[m.ID] {
			t.Errorf("%s is sent by two at once", m.ID)
		}
		inFlight[m.ID] = true
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		inFlight[m.ID] = false
		sent[m.ID]++
		return nil
	}))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	const mails = 60
	var to strings.Builder
	for i := range mails {
		fmt.Fprintf(&to, "p%d@acme.example\n", i)
	}
	invite(t, org, to.String())
	second := w.Second()
	var settled atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		svc := w.Svc
		if i%2 == 1 {
			svc = second.Svc
		}
		wg.Go(func() {
			for range 500 {
				n, err := svc.Dispatch(world.Ctx(), 3)
				if err != nil {
					t.Errorf("dispatch: %v", err)
					return
				}
				settled.Add(int64(n))
				if settled.Load() == mails {
					return
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(mails), settled.Load())
	require.Len(t, sent, mails)
	for id, n := range sent {
		require.Equal(t, 1, n, "%s was sent more than once", id)
	}
	require.Empty(t, w.Outbox(false))
}

func lateWorker(t *testing.T, open Opener) {
	reached, carryOn := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	w := world.New(t, open(t), mailing(func(_ context.Context, m orgusers.Mail) error {
		if calls.Add(1) == 1 {
			close(reached)
			<-carryOn // the first worker hangs past its lease
			return nil
		}
		return errors.New("try later")
	}))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example")
	done := make(chan error)
	go func() {
		_, err := w.Svc.Dispatch(world.Ctx(), 1)
		done <- err
	}()
	<-reached
	second := w.Second()
	require.Zero(t, dispatch(t, second), "the lease lasts")
	w.Clock.Tick(2 * time.Minute)
	require.Zero(t, dispatch(t, second), "taken over, and failed")
	require.Equal(t, int64(2), calls.Load())
	close(carryOn)
	require.NoError(t, <-done)
	left := w.Outbox(false)
	require.Len(t, left, 1, "who lost the lease has no say: once too often is better than never")
	require.Equal(t, 2, left[0].Attempts)
	require.Equal(t, "try later", left[0].LastError)
	require.Equal(t, w.Clock.Now().Add(2*time.Minute), left[0].DueAt)
}

func leaseIsGivenBack(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	slow := 50 * time.Second
	w.Inbox.Fail = func(orgusers.Mail) error {
		w.Clock.Tick(slow)
		return nil
	}
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, b@acme.example, c@acme.example, d@acme.example, e@acme.example")
	due := w.Outbox(false)[0].DueAt
	// A send may take 30 s; after two that took 50 s each a third could outlast the lease of 2 min.
	require.Equal(t, 2, dispatch(t, w))
	left := w.Outbox(false)
	require.Len(t, left, 3)
	for _, e := range left {
		require.Zero(t, e.Attempts, "not tried")
		require.Empty(t, e.Lease)
		require.Equal(t, due, e.DueAt)
	}
	slow = 0
	require.Equal(t, 3, dispatch(t, w.Second()), "free for anybody at once")
	require.Len(t, w.Inbox.All(), 5)
}

// leftover counts goroutines that carry a label and are in the library's code. Those of a database's
// connections inherit the label too, and live on in its pool.
func leftover(label string) int {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	n := 0
	for _, stack := range strings.Split(b.String(), "\n\n") {
		if strings.Contains(stack, label) && strings.Contains(stack, "/orgusers.(*Service)") {
			n++
		}
	}
	return n
}

func runEnds(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, b@acme.example, c@acme.example")
	ctx, cancel := context.WithCancel(world.Ctx())
	defer cancel()
	label := fmt.Sprintf("run-%p", w)
	done := make(chan error, 3)
	// Whatever Run starts inherits the label, so that nothing can hide among other tests.
	pprof.Do(ctx, pprof.Labels("test", label), func(ctx context.Context) {
		for range 3 {
			go func() { done <- w.Svc.Run(ctx, 0) }()
		}
	})
	require.Eventually(t, func() bool { return len(w.Inbox.All()) == 3 }, 10*time.Second, time.Millisecond)
	require.Positive(t, leftover(label), "the label shows")
	cancel()
	for range 3 {
		select {
		case err := <-done:
			require.ErrorIs(t, err, context.Canceled)
		case <-time.After(4 * time.Second): // the interval is 5 s
			require.Fail(t, "Run goes on after its context")
		}
	}
	require.Eventually(t, func() bool { return leftover(label) == 0 }, 5*time.Second, time.Millisecond, "Run leaves nothing behind")
	require.Len(t, w.Inbox.All(), 3)

	ended, end := context.WithCancel(world.Ctx())
	end()
	require.ErrorIs(t, w.Svc.Run(ended, 0), context.Canceled)
}

// lockedBuffer is a buffer for a logger that is used by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String is what was written so far.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func runOutlives(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	log := &lockedBuffer{}
	w := world.New(t, store, func(c *orgusers.Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example")
	var failed atomic.Bool
	store.with(func(f *faulty) {
		f.before = func(m string) error {
			if m == "Claim" && !failed.Swap(true) {
				return errors.New("no route to db-7.internal")
			}
			return nil
		}
	})
	ctx, cancel := context.WithCancel(world.Ctx())
	defer cancel()
	done := make(chan error)
	go func() { done <- w.Svc.Run(ctx, time.Nanosecond) }() // raised to a second
	begin := time.Now()
	require.Eventually(t, func() bool { return len(w.Inbox.All()) == 1 }, 10*time.Second, time.Millisecond)
	require.Greater(t, time.Since(begin), 900*time.Millisecond, "no hot loop around a store that is down")
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Contains(t, log.String(), "no route to db-7.internal", "the host's log has the cause")
}

func stoppingIsNoFailure(t *testing.T, open Opener) {
	ctx, cancel := context.WithCancel(world.Ctx())
	defer cancel()
	sends := 0
	w := world.New(t, open(t), mailing(func(ctx context.Context, _ orgusers.Mail) error {
		sends++
		if sends == 2 {
			cancel() // the host shuts down while a mail is under way
			return ctx.Err()
		}
		return nil
	}))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, b@acme.example, c@acme.example, d@acme.example")
	n, err := w.Svc.Dispatch(ctx, 10)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, n)
	require.Equal(t, 2, sends)
	left := w.Outbox(false)
	require.Len(t, left, 3)
	for _, e := range left {
		require.Zero(t, e.Attempts, "no try is lost")
		require.Empty(t, e.Lease, "and no time")
		require.Empty(t, e.LastError)
	}
	require.Equal(t, 3, dispatch(t, w.Second()))
	require.Equal(t, 5, sends)

	// Delivered is delivered, even if the host stopped in the same moment.
	invite(t, org, "e@acme.example")
	ctx, cancel = context.WithCancel(world.Ctx())
	late := world.New(t, w.Store, mailing(func(context.Context, orgusers.Mail) error { cancel(); return nil }), func(c *orgusers.Config) { c.Now = w.Clock.Now })
	n, _ = late.Svc.Dispatch(ctx, 10)
	require.Equal(t, 1, n)
	require.Empty(t, w.Outbox(false))
}
