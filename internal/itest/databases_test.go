package itest

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"           // registers the driver "postgres"
	_ "github.com/mattn/go-sqlite3" // registers the driver "sqlite3"
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
	others  []string // data source names of every second connection and so on
	mysql   bool     // MySQL itself, and not MariaDB
}

func TestMain(m *testing.M) {
	if job := os.Getenv(killedEnv); job != "" {
		fmt.Fprintln(os.Stderr, killed(job))
		os.Exit(1)
	}
	os.Exit(dbserver.Main(m))
}

// kind is a kind of database: an engine, by the driver that most hosts use.
type kind struct {
	name string
	make func(testing.TB) database
}

// kinds are those that every test runs on. What else a host may choose is in ways.
func kinds() []kind {
	return []kind{{"SQLite", sqliteDatabase}, {"PostgreSQL", postgresDatabase}, {"MariaDB", mysqlDatabase}}
}

// drivers are kinds and the other drivers for them.
func drivers() []kind {
	return append(kinds(), kind{"mattn", mattnDatabase}, kind{"lib-pq", pqDatabase})
}

// onEachDriver is onEach with every driver.
func onEachDriver(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	onEachOf(t, drivers(), test)
}

// onEach runs a test on every kind of database. One that is not installed is skipped, loudly, or where CI
// is set a failure.
func onEach(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	onEachOf(t, kinds(), test)
}

func onEachOf(t *testing.T, kinds []kind, test func(t *testing.T, d database)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			test(t, kind.make(t))
		})
	}
}

const sqliteOptions = "_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(normal)&_txlock=immediate"

// onEachKind runs a test that makes databases of its own, on every kind.
func onEachKind(t *testing.T, test func(t *testing.T, make func(testing.TB) database)) {
	t.Helper()
	for _, kind := range kinds() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			test(t, kind.make)
		})
	}
}

func sqliteDatabase(t testing.TB) database { return sqliteWith(t, sqliteOptions) }

func sqliteWith(t testing.TB, options string) database {
	file := url.URL{Path: filepath.Join(t.TempDir(), "test.db")} // the folder of a second run has a # in its name
	return database{driver: "sqlite", dsn: "file:" + file.EscapedPath() + "?" + options, dialect: sqlstore.SQLite()}
}

const mattnOptions = "_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=1&_synchronous=NORMAL&_txlock=immediate"

func mattnDatabase(t testing.TB) database {
	d := sqliteWith(t, mattnOptions)
	d.driver = "sqlite3"
	return d
}

func postgresDatabase(t testing.TB) database {
	return database{driver: "pgx", dsn: dbserver.PostgreSQL(t).DSN, dialect: sqlstore.PostgreSQL()}
}

func pqDatabase(t testing.TB) database {
	d := postgresDatabase(t)
	d.driver = "postgres"
	return d
}

func mysqlDatabase(t testing.TB) database {
	db := dbserver.MariaDB(t)
	return database{driver: "mysql", dsn: db.DSN, dialect: sqlstore.MySQL(), mysql: !strings.Contains(db.Version, "MariaDB")}
}

// variable is the name of a setting of transactions, "isolation" or "read_only", on MySQL or MariaDB.
func (d database) variable(name string) string {
	if d.mysql {
		return "transaction_" + name
	}
	return "tx_" + name // which newer ones still know
}

// is reports whether the database is of a family.
func (d database) is(dialect string) bool { return d.dialect.String() == dialect }

// file is where a database is that has a file of its own.
func (d database) file() (string, bool) {
	path, ok := strings.CutPrefix(d.dsn, "file:")
	path, _, _ = strings.Cut(path, "?")
	path, err := url.PathUnescape(path)
	return path, ok && err == nil
}

// open returns the database open, with room for n connections, until the test ends.
func (d database) open(t testing.TB, n int) *sql.DB {
	db := d.connect(t, n)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func (d database) connect(t testing.TB, n int) *sql.DB {
	db, err := sql.Open(d.driver, d.dsn)
	require.NoError(t, err)
	if len(d.others) > 0 {
		turns := &inTurn{driver: db.Driver()}
		require.NoError(t, db.Close())
		for _, dsn := range append(d.others, d.dsn) {
			c, err := turns.driver.(driver.DriverContext).OpenConnector(dsn)
			require.NoError(t, err)
			turns.connectors = append(turns.connectors, c)
		}
		db = sql.OpenDB(turns)
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
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
