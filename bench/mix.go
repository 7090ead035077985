package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"sync"
	"time"
)

// workers work side by side (P9).
const workers = 32

// mixed is what the workers came to on one or many organizations.
type mixed struct {
	Where  string
	Orgs   int
	Ops    [2]float64 // per second
	P50    [2]time.Duration
	P99    [2]time.Duration // of a write
	Most   [2]time.Duration
	Errors [2]int
	Error  string // the first of ours
}

// mix has the workers read and write: of ten calls six check access, two read a page, one changes a
// role and one invites. The hands take turns of a quarter of the time each.
func (b *bench) mix(ctx context.Context, s *scale, orgs int, each time.Duration) (mixed, error) {
	m := mixed{Where: s.name, Orgs: min(orgs, len(s.orgs[0]))}
	const slices = 4
	var done [2]int
	var spent [2]time.Duration
	var writes [2][]time.Duration
	var states [2][]*worker
	for which := range b.hands {
		for i := range workers {
			states[which] = append(states[which], &worker{bench: b, hand: b.hands[which], orgs: s.orgs[which][:m.Orgs], number: i})
		}
	}
	for slice := range 2 * slices {
		which := (slice + slice/2) % 2
		begin := time.Now()
		until := begin.Add(each / slices)
		var wg sync.WaitGroup
		for _, w := range states[which] {
			wg.Go(func() { w.work(ctx, until) })
		}
		wg.Wait()
		spent[which] += time.Since(begin)
	}
	for which := range b.hands {
		for _, w := range states[which] {
			done[which] += w.done
			writes[which] = append(writes[which], w.writes...)
			m.Errors[which] += w.errors
			if which == ours && m.Error == "" && w.err != nil {
				m.Error = w.err.Error()
			}
			if which == theirs && w.err != nil && m.Errors[theirs] == w.errors {
				log.Print("raw: ", w.err)
			}
		}
		m.Ops[which] = float64(done[which]) / spent[which].Seconds()
		m.P50[which], m.P99[which], m.Most[which] = quantile(writes[which], 0.5), quantile(writes[which], 0.99), quantile(writes[which], 1)
	}
	log.Printf("%d workers, %d × %s: %.0f, raw %.0f per second; p99 of a write %v, raw %v; errors %v %s", workers, m.Orgs, m.Where, m.Ops[0], m.Ops[1], m.P99[0], m.P99[1], m.Errors, m.Error)
	return m, nil
}

type worker struct {
	*bench
	hand   hand
	orgs   []*org
	number int
	roles  map[string]int // how often a member's role was changed
	done   int
	writes []time.Duration
	errors int
	err    error
}

func (w *worker) work(ctx context.Context, until time.Time) {
	if w.roles == nil {
		w.roles = make(map[string]int)
	}
	for time.Now().Before(until) {
		o := w.orgs[rand.IntN(len(w.orgs))]
		kind := rand.IntN(10)
		begin := time.Now()
		var err error
		switch {
		case kind < 6:
			err = w.hand.access(ctx, o, rand.IntN(o.n/2))
		case kind < 8:
			err = w.hand.page(ctx, o, place{sort: "email"})
		case kind == 8:
			err = w.role(ctx, o)
		default:
			err = w.hand.invite(ctx, o, w.fresh(o, 1))
		}
		if kind >= 8 {
			w.writes = append(w.writes, time.Since(begin))
		}
		if err != nil {
			w.errors++
			if w.err == nil {
				w.err = fmt.Errorf("kind %d: %w", kind, err)
			}
			continue
		}
		w.done++
	}
}

// role changes the role of somebody whom no other worker touches: in one organization each has people
// of his own, of many each has organizations of his own.
func (w *worker) role(ctx context.Context, o *org) error {
	i := 2 * heirs
	if len(w.orgs) == 1 {
		each := (o.n/2 - i) / workers
		i += w.number*each + rand.IntN(each)
	} else {
		o = w.orgs[rand.IntN(len(w.orgs)/workers)*workers+w.number]
	}
	id := o.member(i)
	changed := w.roles[string(id)]
	err := w.hand.setRole(ctx, o, role(changed), o.one(i))
	if err == nil {
		w.roles[string(id)]++
	}
	return err
}
