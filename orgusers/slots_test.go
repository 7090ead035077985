package orgusers

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestS082_SlotsAreServedInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(3, 8)
		require.NoError(t, s.acquire(t.Context(), 2))
		var order []string
		wait := func(name string, n int) {
			go func() {
				if s.acquire(t.Context(), n) == nil {
					order = append(order, name)
				}
			}()
			synctest.Wait()
		}
		wait("heavy", 3)
		wait("light", 1) // one slot is free, but the heavy call came first
		require.Empty(t, order)
		s.release(2)
		synctest.Wait()
		require.Equal(t, []string{"heavy"}, order)
		s.release(3)
		synctest.Wait()
		require.Equal(t, []string{"heavy", "light"}, order)
		s.release(1)
		require.Equal(t, 3, s.free)
	})
}

func TestS082_QueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1, 64)
		require.NoError(t, s.acquire(t.Context(), 1))
		served := 0
		for range 64 {
			go func() {
				if s.acquire(t.Context(), 1) == nil {
					served++
					s.release(1)
				}
			}()
		}
		synctest.Wait()
		err := s.acquire(t.Context(), 1)
		require.ErrorIs(t, err, ErrBusy)
		var e *Error
		require.ErrorAs(t, err, &e)
		s.release(1)
		synctest.Wait()
		require.Equal(t, 64, served)
		require.Equal(t, 1, s.free)
	})
}

func TestS082_GivingUpLetsOthersThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(2, 8)
		require.NoError(t, s.acquire(t.Context(), 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var heavy error
		var lightAt time.Duration
		start := time.Now()
		go func() { heavy = s.acquire(ctx, 2) }()
		synctest.Wait()
		go func() {
			if s.acquire(t.Context(), 1) == nil {
				lightAt = time.Since(start)
			}
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.ErrorIs(t, heavy, context.DeadlineExceeded)
		require.Equal(t, time.Second, lightAt, "at the moment the one before it gave up")
		require.Equal(t, 0, s.free)
		require.Empty(t, s.queue)

		ended, stop := context.WithCancel(t.Context())
		stop()
		s.release(2)
		require.ErrorIs(t, s.acquire(ended, 1), context.Canceled, "although slots are free")
		require.Equal(t, 2, s.free)
	})
}

// Waiters that give up while being served must not take their slots with them.
func TestS082_NoSlotIsLost(t *testing.T) {
	t.Parallel()
	s := newSlots(3, 1000)
	var held, most, served, gaveUp atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 500 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(200))*time.Microsecond)
				n := 1 + rand.IntN(3)
				if s.acquire(ctx, n) == nil {
					now := held.Add(int64(n))
					for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
					}
					served.Add(1)
					time.Sleep(time.Duration(rand.IntN(50)) * time.Microsecond)
					held.Add(-int64(n))
					s.release(n)
				} else {
					gaveUp.Add(1)
				}
				cancel()
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, most.Load(), int64(3))
	require.Positive(t, served.Load())
	require.Positive(t, gaveUp.Load())
	require.Equal(t, 3, s.free)
	require.Empty(t, s.queue)
}

func TestSlotsFit(t *testing.T) {
	t.Parallel()
	s := newSlots(4, 1)
	require.Equal(t, 1, s.fit(1))
	require.Equal(t, 4, s.fit(4))
	require.Equal(t, 4, s.fit(14))
}
