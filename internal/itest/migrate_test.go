package itest

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

func newStore(t testing.TB, db *sql.DB, d database, o ...sqlstore.Options) *sqlstore.Store {
	s, err := sqlstore.New(db, d.dialect, o...)
	require.NoError(t, err)
	return s
}

// works makes an organization and reads it back.
func works(t testing.TB, s *sqlstore.Store) {
	t.Helper()
	small(t, s, "o", 3)
	page, err := s.Members(t.Context(), orgusers.MemberQuery{Org: "o", Sort: orgusers.SortRole, Limit: 10})
	require.NoError(t, err)
	require.Len(t, page, 3)
}

func status(t testing.TB, s *sqlstore.Store) sqlstore.Status {
	t.Helper()
	st, err := s.Status(t.Context())
	require.NoError(t, err)
	return st
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := newStore(t, db, d)
		latest := status(t, s).Latest
		require.Equal(t, sqlstore.Status{Version: 0, Latest: latest, Safe: true}, status(t, s))

		// Before it, every operation says what is missing, and goes on saying it.
		for range 2 {
			_, err := s.View(t.Context(), orgusers.ViewQuery{Org: "o"})
			require.ErrorIs(t, err, sqlstore.ErrNotMigrated)
			require.ErrorIs(t, s.Commit(t.Context(), orgusers.Changes{}), sqlstore.ErrNotMigrated)
			_, err = s.Bump(t.Context(), []orgusers.Counter{{Key: "k"}})
			require.ErrorIs(t, err, sqlstore.ErrNotMigrated)
		}
		for range 3 {
			require.NoError(t, s.Migrate(t.Context()))
		}
		require.Equal(t, sqlstore.Status{Version: latest, Latest: latest, Safe: true}, status(t, s))
		works(t, s)
		require.NoError(t, s.Migrate(t.Context()))
		require.Len(t, view(t, s, orgusers.ViewQuery{Org: "o", Joined: []orgusers.UserID{"o-u1"}}).Members, 1, "rows are kept")
	})
}

// A migration of what is up to date is one read, and so is the check of the first operation (P12).
func TestP12_FirstCall(t *testing.T) {
	t.Parallel()
	d := sqliteDatabase(t)
	d.store(t, d.open(t, 1))
	db, control := faultdriver.Open(d.driver, d.dsn)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := newStore(t, db, d)
	require.NoError(t, s.Migrate(t.Context()))
	require.Len(t, control.Calls(), 1)
	control.Reset()
	for range 3 {
		_, err := s.Access(t.Context(), "u", "o")
		require.ErrorIs(t, err, orgusers.ErrNotFound)
	}
	require.Len(t, control.Calls(), 1+3)
}

// S-189: any number of processes at once; one works, all succeed.
func TestS189_MigrateTogether(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			s := newStore(t, d.open(t, 2), d)
			wg.Go(func() { errs[i] = s.Migrate(t.Context()) })
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		works(t, newStore(t, d.open(t, 2), d))
	})
}

// S-189: a migration that dies at any statement is taken up by the next one, at once.
func TestS189_MigrateResumed(t *testing.T) {
	t.Parallel()
	modes := []faultdriver.Mode{faultdriver.FailBefore, faultdriver.FailAfter, faultdriver.LostBefore, faultdriver.LostAfter, faultdriver.CancelAfter}
	onEachKind(t, func(t *testing.T, make func(testing.TB) database) {
		d := make(t)
		want := migrated(t, d, 0, faultdriver.FailBefore)
		step := 1
		if !d.is("sqlite") {
			step = 11 // making a database takes long there
		}
		for n := 1; n < strings.Count(want, "\n"); n += step {
			mode := modes[n%len(modes)]
			require.Equal(t, want, migrated(t, make(t), n, mode), "call %d, %s", n, mode)
		}
	})
}

// migrated migrates an empty database with one failure, then again without, tries it out, and returns
// what the schema is then.
func migrated(t testing.TB, d database, n int, mode faultdriver.Mode) (schema string) {
	db, control := faultdriver.Open(d.driver, d.dsn)
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := newStore(t, db, d)
	control.FailAt(n, mode)
	control.CancelWith(cancel)
	err := s.Migrate(ctx)
	require.Equal(t, control.Fired(), err != nil, "call %d, %s: %v", n, mode, err)
	control.Reset()
	require.NoError(t, s.Migrate(t.Context()))
	st := status(t, s)
	require.Equal(t, sqlstore.Status{Version: st.Latest, Latest: st.Latest, Safe: true}, st)
	works(t, s)

	return schemaOf(t, db, d)
}

// schemaOf returns every table or index of a database, a line each.
func schemaOf(t testing.TB, db *sql.DB, d database) (schema string) {
	t.Helper()
	query := `SELECT COALESCE(sql, '') FROM sqlite_master ORDER BY name`
	switch d.dialect.String() {
	case "postgresql":
		query = `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname`
	case "mysql":
		query = `SELECT CONCAT(table_name, ' ', index_name, ' ', column_name) FROM information_schema.statistics
 WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index`
	}
	rows, err := db.Query(query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		schema += strings.Join(strings.Fields(line), " ") + "\n"
	}
	require.NoError(t, rows.Err())
	return schema
}

// S-189: an older release touches nothing of a newer one, whether it migrates or works.
func TestS189_NewerSchema(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		works(t, d.store(t, db))
		_, err := db.Exec("UPDATE orgusers_schema_version SET version = version + 1 WHERE id = 1")
		require.NoError(t, err)
		before := dump(t, db)
		s := newStore(t, db, d)
		require.ErrorIs(t, s.Migrate(t.Context()), sqlstore.ErrNewerSchema)
		require.ErrorIs(t, s.Commit(t.Context(), orgusers.Changes{Org: &orgusers.Organization{ID: "p"}, NewOrg: true}), sqlstore.ErrNewerSchema)
		_, err = s.Access(t.Context(), "o-u1", "o")
		require.ErrorIs(t, err, sqlstore.ErrNewerSchema)
		require.Equal(t, before, dump(t, db))
	})
}

// Two stores share a database under different prefixes and see nothing of each other.
func TestPrefix(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		for _, prefix := range []string{"a_", "b2_"} {
			s := newStore(t, db, d, sqlstore.Options{Prefix: prefix})
			require.NoError(t, s.Migrate(t.Context()))
			works(t, s)
			for want := range int64(3) {
				n, err := s.Bump(t.Context(), []orgusers.Counter{{Key: "k", Add: 1}})
				require.NoError(t, err)
				require.Equal(t, []int64{want + 1}, n)
			}
		}
		_, err := newStore(t, db, d).View(t.Context(), orgusers.ViewQuery{Org: "o"})
		require.ErrorIs(t, err, sqlstore.ErrNotMigrated)
	})
}

// A connection that would cut long texts silently, or show what others have not committed, is refused
// at the first call.
func TestUnsafeSettings(t *testing.T) {
	t.Parallel()
	refused := func(d, empty database, setting string) {
		d.dsn += setting
		empty.dsn += setting
		_, err := newStore(t, d.open(t, 2), d).View(t.Context(), orgusers.ViewQuery{Org: "o"})
		require.ErrorIs(t, err, sqlstore.ErrSettings, setting)
		require.ErrorIs(t, newStore(t, empty.open(t, 2), empty).Migrate(t.Context()), sqlstore.ErrSettings)
	}
	lite := sqliteDatabase(t)
	lite.store(t, lite.open(t, 2))
	refused(lite, sqliteDatabase(t), "&_pragma=read_uncommitted(1)")
	refused(lite, sqliteDatabase(t), "&cache=shared&_pragma=read_uncommitted(1)")

	d := mysqlDatabase(t)
	d.store(t, d.open(t, 2))
	for _, setting := range []string{"?sql_mode=''", "?charset=latin1", "?" + d.variable("isolation") + "='READ-UNCOMMITTED'"} {
		refused(d, mysqlDatabase(t), setting)
	}
	one := mysqlDatabase(t)
	require.Error(t, newStore(t, one.open(t, 1), one).Migrate(t.Context()), "it would wait for itself")
}
