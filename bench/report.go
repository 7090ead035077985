package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// result is what was measured on one engine.
type result struct {
	Env        environment
	Operations []figure
	Bulks      []bulk
	Start      started
	Check      checked
	Exports    []export
	Import     imported
	Mixed      []mixed
}

type environment struct {
	When, Go         string
	Processors       int
	Engine, Settings string
}

func load(file string) (map[string]*result, error) {
	all := make(map[string]*result)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(text, &all)
}

func save(out string, all map[string]*result) error {
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(out+".json", append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(out+".md", []byte(report(all)), 0o644)
}

const preface = `# Results

Written by ` + "`make bench`" + `. Each time is the median of calls that took turns in one run, each ratio the median of those of each turn; the library's stand beside those of hand-written SQL ("raw") that
writes the same rows, with audit chain, tally, quotas and outbox, under the same guard (see ` + "`raw.go`" + `), on the same data. The organizations of all sizes lie
in one database and are measured in the same rounds. Commits do not wait for the disk: that wait is the same for both and would hide what differs.
Statements are reads + writes; BEGIN and COMMIT are not counted. "met" and "**missed**" say how the ratio stands to its bar. Times are of the machine of the
day, which may have been busy with other work; that is in both hands' times. Who is called for is one of a hundred people, as many in an organization of
any size and spread over all of it, and each has had a turn before: a large organization shows what the way to a row costs, not that its page was cold.
P11 is measured on the memory store by the benchmarks of ` + "`store/memstore`" + `.
`

func report(all map[string]*result) string {
	var b strings.Builder
	b.WriteString(preface)
	for _, name := range engines {
		if r := all[name]; r != nil {
			r.report(&b)
		}
	}
	return b.String()
}

func (r *result) report(b *strings.Builder) {
	e := r.Env
	fmt.Fprintf(b, "\n## %s\n\n%s; %s; %d processors; %s.\n", e.Engine, e.Settings, e.Go, e.Processors, e.When)
	if len(r.Operations) > 0 {
		b.WriteString("\n| operation | members | orgusers | raw | ratio | bar | | statements | raw |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
		for _, f := range r.Operations {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %.2f | %s ≤ %.1f | %s | %s | %s |\n", f.Op, f.Scale, short(f.Lib), short(f.Raw), f.Ratio, f.Which, f.Bar, verdict(f.Ratio <= f.Bar), f.StLib, f.StRaw)
		}
		r.growth(b)
	}
	r.further(b)
	if len(r.Exports) > 0 {
		b.WriteString("\nExport as CSV beside one streamed query and encoding/csv (P6: ≥ 0.7; memory over idle ≤ 32 MB):\n\n| rows | orgusers | raw | ratio | | heap over idle | process over idle |\n| --- | --- | --- | --- | --- | --- | --- |\n")
		for _, x := range r.Exports {
			rate := func(d int64) float64 { return float64(x.Rows) / float64(d) * 1e6 }
			ratio := float64(x.Raw) / float64(x.Lib)
			fmt.Fprintf(b, "| %s | %.0f k/s | %.0f k/s | %.2f | %s | %.1f MB | %.1f MB |\n", group(x.Rows), rate(int64(x.Lib)), rate(int64(x.Raw)), ratio, verdict(ratio >= 0.7), float64(x.Heap)/1e6, float64(x.Process)/1e6)
		}
	}
	if len(r.Mixed) > 0 {
		fmt.Fprintf(b, "\n%d workers, six of ten calls an access check, two a page, one a role, one an invitation (P9: ≥ 0.6 of raw, no error, p99 of a write ≤ 3 × raw):\n\n", workers)
		b.WriteString("| organizations | orgusers | raw | ratio | | write p50, p99, most | raw | | errors |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
		for _, m := range r.Mixed {
			ratio := m.Ops[ours] / m.Ops[theirs]
			write := func(i int) string { return short(m.P50[i]) + ", " + short(m.P99[i]) + ", " + short(m.Most[i]) }
			fmt.Fprintf(b, "| %s of %s | %.0f/s | %.0f/s | %.2f | %s | %s | %s | %s | %s |\n", group(m.Orgs), m.Where[strings.LastIndex(m.Where, " ")+1:], m.Ops[ours], m.Ops[theirs], ratio, verdict(ratio >= 0.6),
				write(ours), write(theirs), verdict(m.P99[ours] <= 3*m.P99[theirs]), errorsOf(m))
		}
	}
}

func errorsOf(m mixed) string {
	if m.Errors[ours] == 0 {
		return "none"
	}
	return fmt.Sprintf("%d **missed** (%s)", m.Errors[ours], m.Error)
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**missed**"
}

// growth is the table of P4: each operation in the larger organizations against the smallest.
func (r *result) growth(b *strings.Builder) {
	var order []string
	base, largest := make(map[string]figure), make(map[string]figure)
	for _, f := range r.Operations {
		if f.Many {
			continue
		}
		if _, ok := base[f.Op]; !ok {
			order = append(order, f.Op)
			base[f.Op] = f
		}
		largest[f.Op] = f
	}
	if len(order) == 0 || base[order[0]].N == largest[order[0]].N {
		return
	}
	first := order[0]
	fmt.Fprintf(b, "\nAn organization of %s against one of %s (P4: ≤ 1.3 for a page, accept and role; raw beside):\n\n", group(largest[first].N), group(base[first].N))
	b.WriteString("| operation | orgusers | | raw |\n| --- | --- | --- | --- |\n")
	for _, op := range order {
		g := largest[op].Growth
		met := "no bar"
		if largest[op].Flat {
			met = verdict(g[ours] <= 1.3)
		}
		if largest[op].Flat && g[ours] > 1.3 && g[ours] <= g[theirs] {
			met += ", but no more than raw"
		}
		fmt.Fprintf(b, "| %s | %.2f | %s | %.2f |\n", op, g[ours], met, g[theirs])
	}
}

// further are the small tables: statements of bulks, start, checks, import.
func (r *result) further(b *strings.Builder) {
	if len(r.Bulks) > 0 {
		b.WriteString("\nStatements of a bulk, reads + writes (P3: constant, at most 4 + 8):\n\n| operation |")
		for _, n := range r.Bulks[0].People {
			fmt.Fprintf(b, " %d |", n)
		}
		b.WriteString(" |\n| --- |" + strings.Repeat(" --- |", len(r.Bulks[0].People)+1) + "\n")
		for _, k := range r.Bulks {
			fmt.Fprintf(b, "| %s |", k.Op)
			met := true
			for _, st := range k.Lib {
				fmt.Fprintf(b, " %s |", st)
				met = met && st == k.Lib[0] && st.Reads <= 4 && st.Writes <= 8
			}
			fmt.Fprintf(b, " %s |\n", verdict(met))
		}
	}
	if s := r.Start; s.Lib > 0 {
		extra := s.StLib.Reads + s.StLib.Writes - s.StRaw.Reads - s.StRaw.Writes
		fmt.Fprintf(b, "\nStart-up, `New` and a first access check (P12: ≤ 5 ms, 1 extra statement): %s, raw %s, %d extra: %s.\n", short(s.Lib), short(s.Raw), extra, verdict(s.Lib <= 5e6 && extra <= 1))
	}
	if c := r.Check; c.Nanoseconds > 0 {
		fmt.Fprintf(b, "\nA check after the one read of `Access` (P7: ≤ 50 ns, 0 allocations): %.0f ns, %.2f allocations: %s.\n", c.Nanoseconds, c.Allocations, verdict(c.Nanoseconds <= 50 && c.Allocations < 0.01))
	}
	if m := r.Import; m.People > 0 {
		rate := func(d int64) float64 { return float64(m.People) / float64(d) * 1e9 }
		ratio := float64(m.Raw) / float64(m.Lib)
		fmt.Fprintf(b, "\nInvitation of %s people, 1,000 a call, beside multi-row inserts of the same rows (P10: ≥ 0.6): %.0f/s, raw %.0f/s, ratio %.2f: %s.\n", group(m.People), rate(int64(m.Lib)), rate(int64(m.Raw)), ratio, verdict(ratio >= 0.6))
	}
}
