package orgusers

import (
	"context"
	"sync"
)

// keyedLock lets the writers of one organization in this process queue, so that conflicts arise
// only between processes. Waiting ends with the context.
type keyedLock struct {
	mu    sync.Mutex
	turns map[OrgID]*turn
}

// turn is the queue of one organization; token holds one value while it is free.
type turn struct {
	token   chan struct{}
	holders int // holding or waiting
}

func newKeyedLock() *keyedLock { return &keyedLock{turns: make(map[OrgID]*turn)} }

// lock waits for the organization's turn and returns what ends it. Without an organization, or
// without a lock, there is nothing to wait for.
func (l *keyedLock) lock(ctx context.Context, org OrgID) (unlock func(), err error) {
	if l == nil || org == "" {
		return func() {}, nil
	}
	l.mu.Lock()
	t := l.turns[org]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		t.token <- struct{}{}
		l.turns[org] = t
	}
	t.holders++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		if t.holders--; t.holders == 0 {
			delete(l.turns, org)
		}
		l.mu.Unlock()
	}
	select {
	case <-t.token:
		return func() { t.token <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
