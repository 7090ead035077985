package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

const counterColumns = `c.name, c.total`

// counterRow takes a row of counterColumns.
type counterRow struct {
	name  string
	total int64
}

func (r *counterRow) dest() []any { return []any{&r.name, &r.total} }

// Bump implements [orgusers.Store]: one statement adds, and tells what came of it or, on MySQL, is followed by
// one that reads, in one transaction, so that the rows are still locked when they are read and nobody else's
// addition is counted.
func (s *Store) Bump(ctx context.Context, counters []orgusers.Counter) ([]int64, error) {
	if len(counters) == 0 {
		return nil, nil
	}
	// In the order of their names, so that two callers cannot lock each other out.
	sorted := slices.SortedFunc(slices.Values(counters), func(a, b orgusers.Counter) int { return cmp.Compare(a.Key, b.Key) })
	var totals map[string]int64
	err := s.write(ctx, func(w *session) (err error) {
		totals, err = w.raiseCounters(ctx, sorted)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(counters))
	for i, c := range counters {
		out[i] = totals[c.Key]
	}
	return out, nil
}

// raiseCounters adds and returns what the counters came to. MySQL cannot tell that in one statement.
func (w *session) raiseCounters(ctx context.Context, counters []orgusers.Counter) (map[string]int64, error) {
	totals := make(map[string]int64, len(counters))
	if err := w.addCounters(ctx, counters, totals); err != nil || len(totals) == len(counters) {
		return totals, err
	}
	names := make([]string, len(counters))
	for i, c := range counters {
		names[i] = c.Key
	}
	var v orgusers.View
	err := w.readCatalog(ctx, "", catalogQuery{counters: names}, &v)
	return v.Counters, err
}

// addCounters adds to counters in the order given, which has to be that of their names. If totals
// is given it gets what each came to, where the database tells.
func (w *session) addCounters(ctx context.Context, counters []orgusers.Counter, totals map[string]int64) error {
	for i := range parts(len(counters)) {
		some := part(counters, i)
		var t text
		t.add(`INSERT INTO orgusers_counters (name, total, expires_at)`)
		t.rows(len(some), 3)
		t.sql.WriteString(w.dialect.upsert)
		for _, c := range some {
			t.args = append(t.args, c.Key, c.Add, micros(c.ExpiresAt))
		}
		if totals == nil {
			if _, err := w.exec(ctx, &t); err != nil {
				return err
			}
			continue
		}
		t.add(w.dialect.returning)
		err := w.query(ctx, &t, func(rows *sql.Rows) error {
			var c counterRow
			err := rows.Scan(c.dest()...)
			totals[c.name] = c.total
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// countCommit adds to the counters of a commit and looks whether one has passed its bound. The rows
// are locked by then, so nobody else can raise them before this commit ends.
func (w *session) countCommit(ctx context.Context, counters []orgusers.Counter) error {
	if !slices.ContainsFunc(counters, func(c orgusers.Counter) bool { return c.Most > 0 }) {
		return w.addCounters(ctx, counters, nil)
	}
	totals, err := w.raiseCounters(ctx, counters)
	if err != nil {
		return err
	}
	for _, c := range counters {
		if c.Most > 0 && totals[c.Key] > c.Most {
			return fmt.Errorf("%w: a counter has reached its bound", orgusers.ErrConflict)
		}
	}
	return nil
}

// prunings are what Prune deletes, each before a time of its own: how it is found, an organization or nothing and a key, and what its
// keys follow.
var prunings = [4]struct {
	find, remove string
	pairs        bool // the organization is part of the key
}{
	{
		find:   `SELECT '', c.name FROM orgusers_counters AS c WHERE c.expires_at <= ? ORDER BY c.expires_at LIMIT ?`,
		remove: `DELETE FROM orgusers_counters WHERE expires_at <= ? AND name IN `,
	},
	{
		find:   `SELECT '', n.id FROM orgusers_sessions AS n WHERE n.expires_at <= ? ORDER BY n.expires_at LIMIT ?`,
		remove: `DELETE FROM orgusers_sessions WHERE expires_at <= ? AND id IN `,
	},
	{
		find:   `SELECT '', i.id FROM orgusers_ip_rules AS i WHERE i.expires_at <= ? ORDER BY i.expires_at LIMIT ?`,
		remove: `DELETE FROM orgusers_ip_rules WHERE expires_at <= ? AND id IN `,
	},
	{
		find:   `SELECT r.org_id, r.id FROM orgusers_requests AS r WHERE r.made_at < ? ORDER BY r.made_at LIMIT ?`,
		remove: `DELETE FROM orgusers_requests WHERE made_at < ? AND `, pairs: true,
	},
}

// Prune implements [orgusers.Store]. It finds and then deletes, a chunk at a time, so that writers get
// their turn in between; a DELETE that finds for itself reads the whole table on MySQL and MariaDB.
func (s *Store) Prune(ctx context.Context, now, rules, requests time.Time) error {
	w, err := s.alone(ctx)
	if err != nil {
		return err
	}
	for i, before := range []int64{micros(now), micros(now), micros(rules), micros(requests)} {
		p := prunings[i]
		for more := true; more; {
			if more, err = w.prune(ctx, p.find, p.remove, p.pairs, before); err != nil {
				return err
			}
		}
	}
	return nil
}

// prune deletes one chunk and reports whether there may be more. If it deletes nothing there is not: a
// host's transaction may go on seeing what somebody else has deleted.
func (w *session) prune(ctx context.Context, find, remove string, pairs bool, before int64) (more bool, err error) {
	var orgs, ids []string
	var t, d text
	t.add(find, before, int64(chunk))
	err = w.query(ctx, &t, func(rows *sql.Rows) error {
		var org, id string
		err := rows.Scan(&org, &id)
		orgs, ids = append(orgs, org), append(ids, id)
		return err
	})
	if err != nil || len(ids) == 0 {
		return false, err
	}
	d.add(remove, before)
	if pairs {
		for i, id := range ids {
			d.either(i)
			d.add(`(org_id = ? AND id = ?)`, orgs[i], id)
		}
		d.endEither()
		d.wide = true
	} else {
		list(&d, ids)
	}
	gone, err := w.exec(ctx, &d)
	return gone > 0 && len(ids) == chunk, err
}
