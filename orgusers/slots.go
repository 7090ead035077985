package orgusers

import (
	"context"
	"slices"
	"sync"
)

// slots is a counting semaphore with a bounded queue, first come first served. A call may need
// several slots; calls behind it do not overtake it, so it cannot starve.
type slots struct {
	mu       sync.Mutex
	total    int
	free     int
	maxQueue int
	queue    []*waiter
}

type waiter struct {
	n     int
	ready chan struct{} // closed, under the mutex, once the slots are the waiter's
}

func newSlots(total, maxQueue int) *slots {
	return &slots{total: total, free: total, maxQueue: maxQueue}
}

// fit returns n, or all slots if there are not as many: the call then runs alone.
func (s *slots) fit(n int) int { return min(n, s.total) }

// acquire takes n slots, 1 to total, waiting for them in the queue. It returns ErrBusy at once if the
// queue is full, and the context's error if that ends first; no slot is held then.
func (s *slots) acquire(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if len(s.queue) == 0 && s.free >= n {
		s.free -= n
		s.mu.Unlock()
		return nil
	}
	if len(s.queue) >= s.maxQueue {
		s.mu.Unlock()
		return &Error{Kind: ErrBusy}
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	s.queue = append(s.queue, w)
	s.mu.Unlock()

	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.queue, w); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
	} else {
		s.free += n // granted in the same moment; the caller has given up
	}
	s.grant() // whoever waited behind may fit now
	return ctx.Err()
}

// release gives back n slots.
func (s *slots) release(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free += n
	s.grant()
}

// grant hands free slots to the head of the queue. The mutex is held.
func (s *slots) grant() {
	for len(s.queue) > 0 && s.free >= s.queue[0].n {
		w := s.queue[0]
		s.queue = slices.Delete(s.queue, 0, 1)
		s.free -= w.n
		close(w.ready)
	}
}
