package main

import (
	"fmt"
	"slices"
	"time"
)

// figure is one line of the table: the library beside raw SQL, medians of calls that took turns.
type figure struct {
	op       string
	n        int // members in the organization
	lib, raw time.Duration
	stLib    int // statements per call, BEGIN and COMMIT not counted
	stRaw    int
	bar      float64 // the ratio that performance.md allows; 0: none
}

func (f figure) ratio() float64 { return float64(f.lib) / float64(f.raw) }

func (f figure) String() string {
	verdict := ""
	if f.bar > 0 {
		verdict = fmt.Sprintf("≤ %.1f", f.bar)
		if f.ratio() > f.bar {
			verdict += " **missed**"
		}
	}
	return fmt.Sprintf("| %s | %d | %s | %s | %.2f | %s | %d | %d |", f.op, f.n, short(f.lib), short(f.raw), f.ratio(), verdict, f.stLib, f.stRaw)
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

// sideBySide runs the two in turns, rounds times each after a warm-up, so that whatever the machine
// does it does to both, and returns the medians.
func sideBySide(rounds int, lib, raw func(i int) error) (time.Duration, time.Duration, error) {
	var l, r []time.Duration
	const warm = 3
	for i := range rounds + warm {
		for turn := range 2 {
			do, times := lib, &l
			if (i+turn)%2 == 1 {
				do, times = raw, &r
			}
			begin := time.Now()
			if err := do(i); err != nil {
				return 0, 0, err
			}
			if i >= warm {
				*times = append(*times, time.Since(begin))
			}
		}
	}
	return median(l), median(r), nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
