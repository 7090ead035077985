package ownstore

import (
	"cmp"
	"context"
	"maps"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Claim chooses and leases in one write, or two workers would choose the same.
func (s *Store) Claim(ctx context.Context, q orgusers.ClaimQuery) (claimed []orgusers.Effect, err error) {
	err = s.write(ctx, func(s *state) error {
		due := pick(s.Effects, func(e *orgusers.Effect) bool {
			return !e.Dead && !e.DueAt.After(q.Now) && !e.LeaseUntil.After(q.Now)
		})
		self := func(e *orgusers.Effect) *orgusers.Effect { return e }
		oldest := func(a, b *orgusers.Effect) int { return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID)) }
		for _, e := range page(due, self, oldest, nil, false, q.Limit) {
			edit(s.Effects, e.ID, func(e *orgusers.Effect) {
				e.Lease, e.LeaseUntil, e.Attempts = q.Lease, q.Until, e.Attempts+1
				claimed = append(claimed, *e)
			})
		}
		return nil
	})
	return claimed, err
}

// Settle listens only to who holds the lease.
func (s *Store) Settle(ctx context.Context, list []orgusers.Settlement) error {
	return s.write(ctx, func(s *state) error {
		for _, st := range list {
			switch held := s.Effects[st.ID]; {
			case held == nil || held.Lease == "" || held.Lease != st.Lease:
			case st.Done:
				delete(s.Effects, st.ID)
			default:
				edit(s.Effects, st.ID, func(e *orgusers.Effect) {
					e.Lease, e.LeaseUntil, e.Dead, e.DueAt, e.LastError = "", time.Time{}, st.Dead, st.DueAt, st.LastError
					if st.Untried {
						e.Attempts--
					}
				})
			}
		}
		return nil
	})
}

// Effects is a page of the outbox.
func (s *Store) Effects(ctx context.Context, q orgusers.EffectQuery) ([]orgusers.Effect, error) {
	st, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	rows := pick(st.Effects, func(e *orgusers.Effect) bool { return e.Dead == q.Dead && (q.Org == "" || q.Org == e.Org) })
	return page(rows, func(e *orgusers.Effect) orgusers.EffectID { return e.ID }, cmp.Compare[orgusers.EffectID], &q.After, false, q.Limit), nil
}

// Requeue lets the dead live again.
func (s *Store) Requeue(ctx context.Context, ids []orgusers.EffectID, due time.Time) (n int, err error) {
	err = s.write(ctx, func(s *state) error {
		for _, id := range ids {
			if e := s.Effects[id]; e != nil && e.Dead {
				edit(s.Effects, id, func(e *orgusers.Effect) { e.Dead, e.Attempts, e.LastError, e.DueAt = false, 0, "", due })
				n++
			}
		}
		return nil
	})
	return n, err
}

// Bump reads and writes in one step, or additions would be lost.
func (s *Store) Bump(ctx context.Context, counters []orgusers.Counter) (values []int64, err error) {
	err = s.write(ctx, func(s *state) error {
		values = s.count(counters)
		return nil
	})
	return values, err
}

func (s *state) count(counters []orgusers.Counter) (values []int64) {
	for _, c := range counters {
		if old := s.Counters[c.Key]; old != nil {
			c.Add, c.ExpiresAt = old.Add+c.Add, old.ExpiresAt
		}
		s.Counters[c.Key] = &c
		values = append(values, c.Add)
	}
	return values
}

// Prune forgets what nobody will ask for again.
func (s *Store) Prune(ctx context.Context, now, rules, requests time.Time) error {
	return s.write(ctx, func(s *state) error {
		maps.DeleteFunc(s.Counters, func(_ string, c *orgusers.Counter) bool { return !c.ExpiresAt.After(now) })
		maps.DeleteFunc(s.Sessions, func(_ orgusers.SessionID, n *orgusers.Session) bool { return !n.ExpiresAt.After(now) })
		maps.DeleteFunc(s.Rules, func(_ orgusers.IPRuleID, r *orgusers.IPRule) bool { return !r.ExpiresAt.After(rules) })
		maps.DeleteFunc(s.Requests, func(_ requestKey, r *orgusers.Request) bool { return r.At.Before(requests) })
		return nil
	})
}
