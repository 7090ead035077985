package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Bump implements [orgusers.Store]: one statement adds, one reads, in one transaction, so that the
// rows are still locked when they are read and nobody else's addition is counted.
func (s *Store) Bump(ctx context.Context, counters []orgusers.Counter) ([]int64, error) {
	if len(counters) == 0 {
		return nil, nil
	}
	// In the order of their names, so that two callers cannot lock each other out.
	sorted := slices.SortedFunc(slices.Values(counters), func(a, b orgusers.Counter) int { return cmp.Compare(a.Key, b.Key) })
	names := make([]string, len(sorted))
	for i, c := range sorted {
		names[i] = c.Key
	}
	var v orgusers.View
	err := s.write(ctx, func(w *session) error {
		if err := w.addCounters(ctx, sorted); err != nil {
			return err
		}
		return w.readCatalog(ctx, "", catalogQuery{counters: names}, &v)
	})
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(counters))
	for i, c := range counters {
		out[i] = v.Counters[c.Key]
	}
	return out, nil
}

// addCounters adds to counters in the order given, which has to be that of their names.
func (w *session) addCounters(ctx context.Context, counters []orgusers.Counter) error {
	for i := range parts(len(counters)) {
		some := part(counters, i)
		var t text
		t.add(`INSERT INTO orgusers_counters (name, total, expires_at)`)
		t.rows(len(some), 3)
		t.sql.WriteString(w.dialect.upsert)
		for _, c := range some {
			t.args = append(t.args, c.Key, c.Add, micros(c.ExpiresAt))
		}
		if _, err := w.exec(ctx, &t); err != nil {
			return err
		}
	}
	return nil
}

// countCommit adds to the counters of a commit and looks whether one has passed its bound. The rows
// are locked by then, so nobody else can raise them before this commit ends.
func (w *session) countCommit(ctx context.Context, counters []orgusers.Counter) error {
	if err := w.addCounters(ctx, counters); err != nil {
		return err
	}
	var bounded []string
	for _, c := range counters {
		if c.Most > 0 {
			bounded = append(bounded, c.Key)
		}
	}
	if len(bounded) == 0 {
		return nil
	}
	var v orgusers.View
	if err := w.readCatalog(ctx, "", catalogQuery{counters: bounded}, &v); err != nil {
		return err
	}
	for _, c := range counters {
		if c.Most > 0 && v.Counters[c.Key] > c.Most {
			return fmt.Errorf("%w: a counter has reached its bound", orgusers.ErrConflict)
		}
	}
	return nil
}

// pruned is how many rows one statement of Prune deletes at most, so that writers get their turn in
// between. The extra SELECT is for MySQL, which does not delete from a table that a subquery reads.
const pruned = 2000

const (
	pruneCounters = `DELETE FROM orgusers_counters WHERE name IN (SELECT name FROM (
 SELECT name FROM orgusers_counters WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) AS t)`

	pruneSessions = `DELETE FROM orgusers_sessions WHERE id IN (SELECT id FROM (
 SELECT id FROM orgusers_sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) AS t)`

	pruneIPRules = `DELETE FROM orgusers_ip_rules WHERE id IN (SELECT id FROM (
 SELECT id FROM orgusers_ip_rules WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) AS t)`

	pruneRequests = `DELETE FROM orgusers_requests WHERE (org_id, id) IN (SELECT org_id, id FROM (
 SELECT org_id, id FROM orgusers_requests WHERE made_at < ? ORDER BY made_at LIMIT ?) AS t)`
)

// Prune implements [orgusers.Store].
func (s *Store) Prune(ctx context.Context, now, requestsBefore time.Time) error {
	w, err := s.alone(ctx)
	if err != nil {
		return err
	}
	for _, p := range []struct {
		statement string
		before    time.Time
	}{{pruneCounters, now}, {pruneSessions, now}, {pruneIPRules, now}, {pruneRequests, requestsBefore}} {
		for n := int64(pruned); n == pruned; {
			var t text
			t.add(p.statement, micros(p.before), int64(pruned))
			if n, err = w.exec(ctx, &t); err != nil {
				return err
			}
		}
	}
	return nil
}
