package memstore

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// counters are the throttles.
type counters struct {
	mu    sync.Mutex
	byKey map[string]*counter
}

type counter struct {
	value     int64
	expiresAt time.Time
}

// Bump adds to counters and returns their new values.
func (s *Store) Bump(ctx context.Context, add []orgusers.Counter) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.counters.add(add), nil
}

func (c *counters) add(add []orgusers.Counter) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	values := make([]int64, len(add))
	for i, a := range add {
		n := c.byKey[a.Key]
		if n == nil {
			n = &counter{expiresAt: a.ExpiresAt}
			c.byKey[a.Key] = n
		}
		n.value += a.Add
		values[i] = n.value
	}
	return values
}

// room reports whether the counters may be raised so far.
func (c *counters) room(add []orgusers.Counter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range add {
		value := a.Add
		if n := c.byKey[a.Key]; n != nil {
			value += n.value
		}
		if a.Most > 0 && value > a.Most {
			return false
		}
	}
	return true
}

// read returns the values of counters; nil if none is asked for.
func (c *counters) read(lists ...[]string) map[string]int64 {
	n := 0
	for _, keys := range lists {
		n += len(keys)
	}
	if n == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	values := make(map[string]int64, n)
	for _, keys := range lists {
		for _, key := range keys {
			if n := c.byKey[key]; n != nil {
				values[key] = n.value
			}
		}
	}
	return values
}

// Prune forgets expired counters, sessions and IP rules, and old answers.
func (s *Store) Prune(ctx context.Context, now, rules, requests time.Time) error {
	unlock, err := s.write(ctx)
	if err != nil {
		return err
	}
	s.registry.prune(now, rules)
	maps.DeleteFunc(s.requests, func(_ requestKey, r orgusers.Request) bool { return r.At.Before(requests) })
	unlock()

	c := &s.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.byKey, func(_ string, n *counter) bool { return !n.expiresAt.After(now) })
	return nil
}
