// Bench measures each operation of orgusers beside the SQL that a careful engineer would write for it
// by hand: on the same engine, on the same data and in the same run, taking turns, in organizations of
// several sizes that lie in one database. It writes the figures to RESULTS.json and the tables made of
// them to RESULTS.md; what a run does not measure stays from an earlier one on the same engine and settings.
//
//	go run . -engine sqlite -sizes 1000,1000000
//	go run . -engine postgresql,mariadb -sizes 1000,100000,1000000 -parts operations,export
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are what a run measures.
type options struct {
	sizes   []int
	many    int // organizations, beside
	rounds  int
	mix     time.Duration
	people  int // to import
	parts   []string
	durable bool
}

var allParts = []string{"operations", "bulks", "start", "export", "import", "mix"}

func main() {
	log.SetFlags(log.Ltime)
	engine := flag.String("engine", strings.Join(engines, ","), "which engines, comma separated")
	sizes := flag.String("sizes", "1000,10000,100000,1000000", "members in an organization, comma separated")
	parts := flag.String("parts", strings.Join(allParts, ","), "what to measure")
	var o options
	flag.IntVar(&o.many, "many", 10_000, "small organizations beside the large ones")
	flag.IntVar(&o.rounds, "rounds", 150, "calls of each kind")
	flag.DurationVar(&o.mix, "mix", 20*time.Second, "how long the workers work")
	flag.IntVar(&o.people, "people", 100_000, "people to import")
	flag.BoolVar(&o.durable, "durable", false, "commits wait for the disk")
	out := flag.String("out", "RESULTS", "where the figures (.json) and the tables (.md) go")
	flag.Parse()
	if o.rounds < 2 {
		log.Fatal("bench: -rounds: at least 2, one of which is to warm up")
	}
	if o.many != 0 && o.many < 2*workers {
		log.Fatalf("bench: -many: at least %d, one for each worker and hand, or 0", 2*workers)
	}
	for _, s := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 || n%1000 != 0 {
			log.Fatalf("bench: -sizes: %q is not a number of thousands", s)
		}
		o.sizes = append(o.sizes, n)
	}
	for _, p := range strings.Split(*parts, ",") {
		if !slices.Contains(allParts, p) {
			log.Fatalf("bench: -parts: %q is none of %v", p, allParts)
		}
		o.parts = append(o.parts, p)
	}
	if *engine == "" { // only the tables, from the figures
		all, err := load(*out + ".json")
		if err == nil {
			err = save(*out, all)
		}
		if err != nil {
			log.Fatal("bench: ", err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, name := range strings.FieldsFunc(*engine, func(r rune) bool { return r == ',' }) {
		if err := one(ctx, name, o, *out); err != nil {
			stop()
			log.Fatalf("bench: %s: %v", name, err)
		}
	}
}

// one measures one engine and writes what was found, even if something failed later.
func one(ctx context.Context, name string, o options, out string) error {
	all, err := load(out + ".json")
	if err != nil {
		return err
	}
	r := all[name]
	if r == nil {
		r = &result{}
		all[name] = r
	}
	failed := run(ctx, name, o, r)
	if err := save(out, all); err != nil {
		return err
	}
	return failed
}

func run(ctx context.Context, name string, o options, r *result) error {
	dir, err := os.MkdirTemp("", "orgusers-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	e, err := start(name, dir, o.durable)
	if err != nil {
		return err
	}
	defer func() { _ = e.stop() }()
	b, err := prepare(ctx, e, o)
	if err != nil {
		return err
	}
	defer b.close()
	return b.all(ctx, o, r)
}

// all measures the parts that are asked for.
func (b *bench) all(ctx context.Context, o options, r *result) error {
	env := environment{
		When: time.Now().UTC().Format(time.DateOnly), Go: runtime.Version(), Processors: runtime.NumCPU(),
		Engine: b.title, Settings: b.settings,
	}
	single := slices.DeleteFunc(slices.Clone(b.scales), func(s *scale) bool { return len(s.orgs[0]) > 1 })
	small, large := single[0], single[len(single)-1]
	for _, p := range []struct {
		name string
		run  func(r *result) error
	}{
		{"operations", func(r *result) (err error) {
			r.Env = env
			r.Operations, err = b.operations(ctx)
			return err
		}},
		{"bulks", func(r *result) (err error) { r.Bulks, err = b.bulks(ctx, small); return err }},
		{"start", func(r *result) (err error) {
			if r.Start, err = b.startUp(ctx, large, 50); err == nil {
				r.Check, err = b.checks(ctx, large)
			}
			return err
		}},
		{"export", func(r *result) error {
			r.Exports = nil
			for _, s := range single {
				e, err := b.export(ctx, s, max(2, min(15, 1_000_000/s.n)))
				if err != nil {
					return err
				}
				r.Exports = append(r.Exports, e)
			}
			return nil
		}},
		{"import", func(r *result) (err error) { r.Import, err = b.imports(ctx, o.people); return err }},
		{"mix", func(r *result) error {
			r.Mixed = nil
			many := b.scales[len(b.scales)-1]
			for _, s := range slices.Compact([]*scale{large, many}) {
				m, err := b.mix(ctx, s, 1000, o.mix)
				if err != nil {
					return err
				}
				r.Mixed = append(r.Mixed, m)
			}
			return nil
		}},
	} {
		if !slices.Contains(o.parts, p.name) {
			continue
		}
		next := *r // a part that fails leaves the earlier figures
		if r.Env.Engine != env.Engine || r.Env.Settings != env.Settings {
			next = result{Env: env}
		}
		if err := p.run(&next); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		*r = next
	}
	return nil
}

// prepare fills the database and makes the hands.
func prepare(ctx context.Context, e *engine, o options) (*bench, error) {
	b := &bench{engine: e, rounds: o.rounds}
	var err error
	if b.db, _, err = e.open(false); err != nil {
		return nil, err
	}
	if b.counting, b.control, err = e.open(true); err != nil {
		return nil, err
	}
	mails := &links{tokens: map[string]string{}}
	b.lib = &library{mails: mails, cursors: map[cursor]string{}}
	svc, store, err := newService(b.db, e.dialect, mails, &b.lib.watch)
	if err != nil {
		return nil, err
	}
	if err := store.(interface{ Migrate(context.Context) error }).Migrate(ctx); err != nil {
		return nil, err
	}
	counted := &library{mails: mails, cursors: b.lib.cursors}
	if counted.svc, _, err = newService(b.counting, e.dialect, mails, &counted.watch); err != nil {
		return nil, err
	}
	b.lib.svc, b.raw = svc, newRaw(e, b.db)
	b.hands = [2]hand{b.lib, b.raw}
	b.counted = [2]hand{counted, newRaw(e, b.counting)}
	s := &seeder{svc: svc, store: store}
	for _, n := range o.sizes {
		sc, err := s.scale(ctx, n, 0)
		if err != nil {
			return nil, err
		}
		b.scales = append(b.scales, sc)
	}
	if o.many > 0 {
		sc, err := s.scale(ctx, manyOf, o.many)
		if err != nil {
			return nil, err
		}
		b.scales = append(b.scales, sc)
	}
	if b.masses, err = s.scale(ctx, 20, 0); err != nil {
		return nil, err
	}
	if err := e.unindexed(ctx, b.db, func() error { return b.fill(ctx) }); err != nil {
		return nil, err
	}
	// A database in use has mails, entries and quotas, and plans made for them.
	if _, err := b.imports(ctx, min(o.people, 20_000)); err != nil {
		return nil, err
	}
	return b, e.analyze(ctx, b.db)
}

func (b *bench) fill(ctx context.Context) error {
	for _, sc := range append(b.scales, b.masses) {
		begin := time.Now()
		for _, orgs := range sc.orgs {
			for _, o := range orgs {
				if err := b.engine.fill(ctx, b.db, o); err != nil {
					return err
				}
			}
		}
		log.Printf("%s: %s filled in %.1f s", b.title, sc.name, time.Since(begin).Seconds())
	}
	return nil
}

func (b *bench) close() {
	_ = b.db.Close()
	_ = b.counting.Close()
}

// operations measures all of them, one after the other, each in all scales.
func (b *bench) operations(ctx context.Context) (all []figure, err error) {
	for _, s := range b.scales {
		if s.n < 1000 {
			continue
		}
		for _, sort := range sorts {
			if err := b.lib.walk(ctx, s.orgs[ours][0], sort); err != nil {
				return nil, err
			}
		}
	}
	for _, o := range b.ops() {
		figures, err := b.measure(ctx, o)
		if err != nil {
			return nil, err
		}
		all = append(all, figures...)
	}
	return all, nil
}
