package itest

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// shelf lends databases, migrated and empty, to tests that come one after the other: on a server it
// takes longer to make one than to run most tests.
type shelf struct {
	t    testing.TB // the databases go when this test ends
	make func(testing.TB) database
	mu   sync.Mutex
	free []shelved
}

// shelved is a database and the statement that deletes all that callers have written.
type shelved struct {
	database
	wipe []string
}

func newShelf(t testing.TB, make func(testing.TB) database) *shelf { return &shelf{t: t, make: make} }

// take lends a database for the length of a test. One of a test that failed is left as it is.
func (s *shelf) take(t testing.TB) database {
	d, ok := s.pick()
	if !ok {
		d.database = s.make(s.t)
		db := d.connect(t, 2)
		d.store(t, db)
		d.wipe = wipes(t, db, d.dialect.String())
		require.NoError(t, db.Close())
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		db := d.connect(t, 1)
		for _, statement := range d.wipe {
			_, err := db.Exec(statement)
			require.NoError(t, err)
		}
		require.NoError(t, db.Close())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.free = append(s.free, d)
	})
	return d.database
}

func (s *shelf) pick() (d shelved, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return d, false
	}
	d, s.free = s.free[n-1], s.free[:n-1]
	return d, true
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

// store is an empty store on a lent database. Its connections must all have been given back when the
// test ends.
func (s *shelf) store(t testing.TB, w way) orgusers.Store {
	d := s.take(t)
	if w.set != nil {
		w.set(&d)
	}
	db := d.open(t, max(w.conns, 1))
	t.Cleanup(func() { idle(t, db) })
	w.check(t, db)
	if file, ok := d.file(); ok {
		return onDisk{newStore(t, db, d), file}
	}
	return newStore(t, db, d)
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
