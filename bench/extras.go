package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// export is a roster written as CSV (P6).
type export struct {
	Scale    string
	Rows     int
	Lib, Raw time.Duration // the medians of calls that took turns
	Heap     int64         // how far the heap grew over idle, bytes; the process beside it
	Process  int64
}

func (b *bench) export(ctx context.Context, s *scale, rounds int) (export, error) {
	e := export{Scale: s.name}
	var times [2][]time.Duration
	for round := range rounds {
		for t := range b.hands {
			which := (t + round) % 2
			var lines lineCounter
			peak := memory()
			begin := time.Now()
			if err := b.hands[which].export(ctx, s.orgs[which][0], &lines); err != nil {
				return e, err
			}
			times[which] = append(times[which], time.Since(begin))
			heap, process := peak()
			if which == ours {
				e.Rows = int(lines) - 1
				e.Heap, e.Process = max(e.Heap, heap), max(e.Process, process)
			}
		}
	}
	e.Lib, e.Raw = median(times[ours]), median(times[theirs])
	log.Printf("export of %d: %s, raw %s; heap %d, process %d over idle", e.Rows, short(e.Lib), short(e.Raw), e.Heap, e.Process)
	return e, nil
}

// lineCounter counts lines and forgets them.
type lineCounter int

func (c *lineCounter) Write(p []byte) (int, error) {
	*c += lineCounter(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}

// memory watches the heap and the process until the returned function is called, which tells how far
// they grew.
func memory() func() (heap, process int64) {
	debug.FreeOSMemory()
	read := func() (int64, int64) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc), resident()
	}
	heap0, process0 := read()
	heap, process := heap0, process0
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				h, p := read()
				heap, process = max(heap, h), max(process, p)
			}
		}
	}()
	return func() (int64, int64) {
		close(stop)
		<-done
		return heap - heap0, process - process0
	}
}

// resident is the memory of this process, where the system tells it.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// imported is a mass of invitations (P10).
type imported struct {
	People   int
	Lib, Raw time.Duration
}

// imports invites so many people, a thousand in each call, the most that the default policy takes.
func (b *bench) imports(ctx context.Context, people int) (imported, error) {
	m := imported{People: people}
	took := [2]time.Duration{}
	for call := range people / 1000 {
		for t := range b.hands {
			which := (t + call) % 2
			o := b.masses.orgs[which][0]
			emails := b.fresh(o, 1000)
			begin := time.Now()
			if err := b.hands[which].invite(ctx, o, emails); err != nil {
				return m, err
			}
			took[which] += time.Since(begin)
		}
	}
	m.Lib, m.Raw = took[ours], took[theirs]
	log.Printf("invitation of %d: %s, raw %s", people, short(m.Lib), short(m.Raw))
	return m, nil
}

// started is a new service and its first operation on a database that exists (P12).
type started struct {
	Lib, Raw     time.Duration
	StLib, StRaw statements
}

func (b *bench) startUp(ctx context.Context, s *scale, rounds int) (started, error) {
	var st started
	var times [2][]time.Duration
	first := func(which int, counting bool) error {
		db := b.db
		if counting {
			db = b.counting
		}
		var h hand = newRaw(b.engine, db)
		if which == ours {
			svc, _, err := newService(db, b.dialect, b.lib.mails, new(stopwatch))
			if err != nil {
				return err
			}
			h = &library{svc: svc}
		}
		return h.access(ctx, s.orgs[which][0], 1)
	}
	for which, counted := range []*statements{&st.StLib, &st.StRaw} {
		b.control.Reset()
		if err := first(which, true); err != nil {
			return st, err
		}
		*counted = count(b.control)
	}
	for round := range rounds {
		for t := range b.hands {
			which := (t + round) % 2
			begin := time.Now()
			if err := first(which, false); err != nil {
				return st, err
			}
			times[which] = append(times[which], time.Since(begin))
		}
	}
	st.Lib, st.Raw = median(times[ours]), median(times[theirs])
	log.Printf("start: %s, raw %s; %v, %v", short(st.Lib), short(st.Raw), st.StLib, st.StRaw)
	return st, nil
}

// checked is what a permission check costs after the one read (P7).
type checked struct {
	Nanoseconds float64
	Allocations float64
}

func (b *bench) checks(ctx context.Context, s *scale) (checked, error) {
	o := s.orgs[ours][0]
	a, err := b.lib.svc.Access(ctx, orgusers.Actor{User: o.user(1), SignedInAt: signedIn()}, o.id)
	if err != nil {
		return checked{}, err
	}
	const n = 1_000_000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	yes := 0
	for range n {
		if a.Can("a stack", orgusers.PermissionRead) {
			yes++
		}
	}
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	if yes > 0 {
		return checked{}, fmt.Errorf("a right that nobody gave")
	}
	return checked{float64(took.Nanoseconds()) / n, float64(after.Mallocs-before.Mallocs) / n}, nil
}

// bulk is how many statements a bulk of so many people costs (P3).
type bulk struct {
	Op     string
	People []int
	Lib    []statements
}

func (b *bench) bulks(ctx context.Context, s *scale) (list []bulk, err error) {
	o, lib := s.orgs[ours][0], b.counted[ours].(*library)
	for _, k := range []struct {
		op string
		do func(ids []orgusers.MemberID) error
	}{
		{"reset MFA", func(ids []orgusers.MemberID) error { return lib.resetMFA(ctx, o, ids) }},
		{"end sessions", func(ids []orgusers.MemberID) error { return lib.apply(ctx, o, orgusers.EndSessions{}, ids) }},
		{"invite", func(ids []orgusers.MemberID) error { return lib.invite(ctx, o, b.fresh(o, len(ids))) }},
	} {
		line := bulk{Op: k.op}
		for _, n := range []int{1, 10, 100, 500} {
			if n > o.n/2 {
				break
			}
			ids := make([]orgusers.MemberID, n)
			for i := range ids {
				ids[i] = o.member(2*heirs + i)
			}
			b.control.Reset()
			if err := k.do(ids); err != nil {
				return nil, fmt.Errorf("%s of %d: %w", k.op, n, err)
			}
			line.People, line.Lib = append(line.People, n), append(line.Lib, count(b.control))
		}
		list = append(list, line)
	}
	return list, nil
}
