package itest

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/orgusers/go-orgusers/internal/itest/dbserver"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// database is an empty database of one test's own.
type database struct {
	driver  string
	dsn     string
	dialect sqlstore.Dialect
}

func TestMain(m *testing.M) { os.Exit(dbserver.Main(m)) }

// onServers: the suites run on PostgreSQL and MariaDB too (make servers). The gate runs SQLite, until
// every case holds there under any load.
var onServers = os.Getenv("ORGUSERS_SERVERS") == "1"

// kind is a kind of database.
type kind struct {
	name string
	make func(testing.TB) database
}

// kinds are those that the suites run on.
func kinds() []kind {
	if !onServers {
		return []kind{{"SQLite", sqliteDatabase}}
	}
	return []kind{{"SQLite", sqliteDatabase}, {"PostgreSQL", postgresDatabase}, {"MariaDB", mysqlDatabase}}
}

// onEach runs a test on every kind of database at hand. A kind that is not is reported as skipped.
func onEach(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	for _, kind := range kinds() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			test(t, kind.make(t))
		})
	}
}

const sqliteOptions = "_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(normal)&_txlock=immediate"

func sqliteDatabase(t testing.TB) database { return sqliteWith(t, sqliteOptions) }

func sqliteWith(t testing.TB, options string) database {
	return database{"sqlite", "file:" + filepath.Join(t.TempDir(), "test.db") + "?" + options, sqlstore.SQLite()}
}

func postgresDatabase(t testing.TB) database {
	if !onServers {
		t.Skip("on servers: make servers")
	}
	return database{"pgx", dbserver.PostgreSQL(t).DSN, sqlstore.PostgreSQL()}
}

func mysqlDatabase(t testing.TB) database {
	if !onServers {
		t.Skip("on servers: make servers")
	}
	return database{"mysql", dbserver.MariaDB(t).DSN, sqlstore.MySQL()}
}

// open returns the database open, with room for n connections.
func (d database) open(t testing.TB, n int) *sql.DB {
	db, err := sql.Open(d.driver, d.dsn)
	require.NoError(t, err)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// store returns a migrated store on an open database.
func (d database) store(t testing.TB, db *sql.DB) *sqlstore.Store {
	s, err := sqlstore.New(db, d.dialect)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// idle waits until every connection is given back. A cancelled one comes back a moment after the call.
func idle(t testing.TB, db *sql.DB) {
	t.Helper()
	require.Eventually(t, func() bool { return db.Stats().InUse == 0 }, 10*time.Second, time.Millisecond)
}
