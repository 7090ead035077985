package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
)

// The two hands.
const ours, theirs = 0, 1

// bench measures on one engine.
type bench struct {
	*engine
	rounds   int
	db       *sql.DB
	lib      *library
	raw      *raw
	hands    [2]hand // on a pool without anything between
	counted  [2]hand // on a pool that counts
	counting *sql.DB
	control  *faultdriver.Control
	scales   []*scale
	masses   *scale // where crowds are invited
	next     atomic.Int64
	now      turn
}

// turn is what is being done.
type turn struct {
	scale       *scale
	which, call int
}

// figure is one line of the table: the library beside raw SQL, medians of calls that took turns.
type figure struct {
	Op       string
	Scale    string
	N        int // members; of each, if Many
	Many     bool
	Lib, Raw time.Duration
	Ratio    float64    // of the two, the median of those of each round
	Growth   [2]float64 // against the first scale, likewise
	StLib    statements
	StRaw    statements
	Bar      float64
	Which    string
	Flat     bool
}

// statements of a call, BEGIN and COMMIT not counted.
type statements struct{ Reads, Writes int }

func (s statements) String() string { return fmt.Sprintf("%d + %d", s.Reads, s.Writes) }

// perRound is the median of the ratios of each round. What disturbs the machine for longer than a round
// is in both of its figures, so it is steadier than the ratio of the medians.
func perRound(a, b []time.Duration) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = float64(a[i]) / float64(b[i])
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// measure does an operation in all scales and by both hands in turns, so that whatever the machine
// does it does to all, and returns the medians.
func (b *bench) measure(ctx context.Context, o op) ([]figure, error) {
	const further = 2 // calls that are counted
	warm := 3
	if o.people > 0 {
		warm = max(warm, few/o.people) // everybody once
	}
	warm = min(warm, o.rounds-1)
	var scales []*scale
	for _, s := range b.scales {
		if o.skip == nil || !o.skip(s) {
			scales = append(scales, s)
		}
	}
	rounds := o.rounds
	if o.name == "remove 10" {
		for _, s := range scales {
			rounds = min(rounds, len(s.orgs[0])*(s.n/20)-warm-further)
		}
	}
	if o.setup != nil {
		for _, s := range scales {
			for which := range b.hands {
				if err := o.setup(ctx, b, s, which, rounds+warm+further); err != nil {
					return nil, err
				}
			}
		}
	}
	figures := make([]figure, len(scales))
	times := make([][2][]time.Duration, len(scales))
	do := func(h hand, i, which, call int) (time.Duration, error) {
		s := scales[i]
		b.now = turn{s, which, call}
		on, turn := s.pick(which, call)
		if o.before != nil {
			if err := o.before(ctx, b, h, on, turn); err != nil {
				return 0, err
			}
		}
		b.control.Reset()
		begin := time.Now()
		err := o.do(ctx, b, h, on, turn)
		return time.Since(begin) - h.hashed(), err
	}
	for i, s := range scales {
		f := &figures[i]
		*f = figure{Op: o.name, Scale: s.name, N: s.n, Many: len(s.orgs[0]) > 1, Bar: o.bar, Which: o.which, Flat: o.flat}
		for call := range further { // the second one finds its statements prepared
			for which, st := range []*statements{&f.StLib, &f.StRaw} {
				if _, err := do(b.counted[which], i, which, call); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", o.name, s.name, err)
				}
				*st = count(b.control)
			}
		}
	}
	for round := range rounds + warm {
		for k := range scales {
			i := (k + round) % len(scales)
			for t := range b.hands {
				which := (t + round) % 2
				took, err := do(b.hands[which], i, which, round+further)
				if err != nil {
					return nil, fmt.Errorf("%s, %s, hand %d: %w", o.name, scales[i].name, which, err)
				}
				if round >= warm {
					times[i][which] = append(times[i][which], took)
				}
			}
		}
	}
	for i := range figures {
		f := &figures[i]
		f.Ratio = perRound(times[i][ours], times[i][theirs])
		for which := range b.hands {
			f.Growth[which] = perRound(times[i][which], times[0][which])
		}
		f.Lib, f.Raw = median(times[i][ours]), median(times[i][theirs])
		log.Printf("%-28s %-26s %9s %9s  %.2f  %.2f %.2f  %v  %v", f.Op, f.Scale, short(f.Lib), short(f.Raw), f.Ratio, f.Growth[ours], f.Growth[theirs], f.StLib, f.StRaw)
	}
	return figures, nil
}

func count(control *faultdriver.Control) (s statements) {
	for _, q := range control.Statements() {
		if strings.HasPrefix(strings.TrimSpace(q), "SELECT") {
			s.Reads++
		} else {
			s.Writes++
		}
	}
	return s
}

// clear throws away what is to be mailed, so that only what follows is.
func (b *bench) clear(ctx context.Context) error {
	_, err := b.db.ExecContext(ctx, "DELETE FROM orgusers_outbox")
	return err
}

func median(d []time.Duration) time.Duration { return quantile(d, 0.5) }

func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[min(len(d)-1, int(float64(len(d))*q))]
}

func short(d time.Duration) string {
	switch {
	case d < 100*time.Microsecond:
		return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
}
