package itest

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// shelf lends stores, empty and on databases of their own, to tests that come one after the other: on a
// server it takes longer to make a database, or even a connection, than to run most tests.
type shelf struct {
	t    testing.TB // the databases go when this test ends
	make func(testing.TB) database
	mu   sync.Mutex
	free []*shelved
}

// shelved is a migrated database, the statements that delete all that callers have written, and the way
// in which it was used last.
type shelved struct {
	database
	wipe  []string
	way   string
	db    *sql.DB
	store *sqlstore.Store
}

// newShelf has one database at once, so that where there is no server the whole group is skipped.
func newShelf(t testing.TB, make func(testing.TB) database) *shelf {
	s := &shelf{t: t, make: make}
	s.free = []*shelved{s.fresh(t)}
	return s
}

func (s *shelf) fresh(t testing.TB) *shelved {
	d := &shelved{database: s.make(s.t)}
	d.db = d.connect(t, 2)
	d.database.store(t, d.db)
	d.wipe = wipes(t, d.db, d.dialect.String())
	s.t.Cleanup(func() { require.NoError(s.t, d.db.Close()) }) // before the database goes
	return d
}

// store lends one for the length of a test. That of a test that failed is left as it is. Its
// connections must all have been given back when the test ends.
func (s *shelf) store(t testing.TB, w way) orgusers.Store {
	d := s.pick(w)
	if d == nil {
		d = s.fresh(t)
	}
	d.open(t, w)
	t.Cleanup(func() {
		idle(t, d.db)
		if t.Failed() {
			return
		}
		for _, statement := range d.wipe {
			_, err := d.db.Exec(statement)
			require.NoError(t, err)
		}
		d.db.SetMaxIdleConns(1) // there are many, and a server takes 300 connections
		s.mu.Lock()
		defer s.mu.Unlock()
		s.free = append(s.free, d)
	})
	if file, ok := d.file(); ok {
		return onDisk{d.store, file}
	}
	return d.store
}

// pick takes one that is free, if it can one that was used in this way.
func (s *shelf) pick(w way) (d *shelved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		return nil
	}
	i := max(slices.IndexFunc(s.free, func(d *shelved) bool { return d.way == w.name }), 0)
	d = s.free[i]
	s.free = slices.Delete(s.free, i, i+1)
	return d
}

// open connects to the database in this way.
func (d *shelved) open(t testing.TB, w way) {
	if d.store != nil && d.way == w.name {
		d.db.SetMaxIdleConns(w.conns)
		return
	}
	require.NoError(t, d.db.Close())
	in := d.database
	if w.set != nil {
		w.set(&in)
	}
	d.db = in.connect(t, w.conns)
	d.store, d.way = newStore(t, d.db, in), w.name
	w.check(t, d.db)
}

// wipes are the statements that empty every table but those of the schema's version.
func wipes(t testing.TB, db *sql.DB, dialect string) (statements []string) {
	query := map[string]string{
		"sqlite":     `SELECT name FROM sqlite_master WHERE type = 'table'`,
		"postgresql": `SELECT tablename FROM pg_tables WHERE schemaname = current_schema()`,
		"mysql":      `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()`,
	}[dialect]
	rows, err := db.Query(query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var table string
		require.NoError(t, rows.Scan(&table))
		if !strings.HasPrefix(table, "orgusers_schema_") {
			statements = append(statements, "DELETE FROM "+table)
		}
	}
	require.NoError(t, rows.Err())
	require.GreaterOrEqual(t, len(statements), len(tables))
	return statements
}

// onDisk is a store that shows its files, for what may be in none of them.
type onDisk struct {
	*sqlstore.Store
	file string
}

// Dump is the database with whatever is left in its journals and on its free pages.
func (s onDisk) Dump(t testing.TB) []byte {
	var all []byte
	for _, suffix := range []string{"", "-wal", "-journal"} {
		b, err := os.ReadFile(s.file + suffix)
		if suffix != "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		all = append(all, b...)
	}
	return all
}
