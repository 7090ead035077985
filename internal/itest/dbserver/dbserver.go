// Package dbserver gives tests a database of their own on a real server: PostgreSQL, MariaDB, or a
// Galera cluster of three nodes.
//
//	func TestMain(m *testing.M) { os.Exit(dbserver.Main(m)) }
//
//	func TestStore(t *testing.T) {
//		db, err := sql.Open("pgx", dbserver.PostgreSQL(t).DSN)
//		…
//	}
//
// The first test that asks for an engine starts its server from the programs installed on the
// machine, in a temporary folder, on a free loopback port; every later test of the same binary shares
// it, each with a fresh, empty database that is dropped when the test ends. Two test binaries never
// share a server, so packages may run side by side. ORGUSERS_POSTGRES_DSN and ORGUSERS_MYSQL_DSN name
// a running server to use instead, by an account that may create databases; a process that dies
// halfway leaves its orgusers_test_… databases there.
//
// Whatever happens to the test process, a panic or a kill among it, its servers end with it and their
// folders are removed a moment later (Linux). [Main] does both before the process ends.
//
// An engine that is not installed skips the test, loudly, or fails it where CI is set or
// ORGUSERS_REQUIRE_DATABASES is 1. So does ORGUSERS_WITHOUT_SERVERS=1, for a quick look that starts none.
// An engine that is installed and does not start always fails the test.
//
// The servers are set up as a host's might be, not as would be handy: text is compared by a language's
// rules and not byte by byte, the server's zone is 05:45 ahead of UTC, and the account of the test owns
// its databases and may do nothing else. Isolation levels, SQL mode and, but for one of Galera's, time
// limits are the engine's defaults. Only what guards against a power cut is switched off, for speed.
package dbserver

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// DB is an empty database of one test.
type DB struct {
	// DSN is the data source name. For PostgreSQL it suits pgx and lib/pq, for MariaDB and Galera
	// go-sql-driver/mysql, whose ParseDSN is the way to add a parameter.
	DSN string
	// Version is what the server says of itself, such as "15.18 (Debian 15.18-0+deb12u1)".
	Version string
}

// Each engine is started once per test binary; who comes later shares the server, or the failure.
var (
	postgreSQL = sync.OnceValues(func() (*server, error) { return startPostgreSQL() })
	mariaDB    = sync.OnceValues(func() (*server, error) { return startMariaDB() })
	galera     = sync.OnceValues(startGalera)
)

// PostgreSQL returns a new database on PostgreSQL.
func PostgreSQL(tb testing.TB) DB {
	tb.Helper()
	return database(tb, "PostgreSQL", postgreSQL)[0]
}

// MariaDB returns a new database on MariaDB, or on whatever server ORGUSERS_MYSQL_DSN names.
func MariaDB(tb testing.TB) DB {
	tb.Helper()
	return database(tb, "MariaDB", mariaDB)[0]
}

// Galera returns the three nodes of one cluster, through which the same new database is reached. A
// node acknowledges a commit before the other two have applied it; that is Galera's default.
func Galera(tb testing.TB) [3]DB {
	tb.Helper()
	return [3]DB(database(tb, "Galera", galera))
}

// mainRuns is set while Main is on duty, which alone can remove what the servers leave on disk.
var mainRuns atomic.Bool

// Main runs the tests of a package and then stops the servers they started; it returns the exit code
// for os.Exit. A package whose tests ask for a database calls it from TestMain.
func Main(m interface{ Run() int }) int {
	mainRuns.Store(true)
	code := m.Run()
	if err := stopAll(); err != nil {
		fmt.Fprintln(os.Stderr, "dbserver:", err)
		code = max(code, 1)
	}
	return code
}

func database(tb testing.TB, engine string, start func() (*server, error)) []DB {
	tb.Helper()
	if !mainRuns.Load() {
		tb.Fatal("a package that uses dbserver needs: func TestMain(m *testing.M) { os.Exit(dbserver.Main(m)) }")
	}
	if os.Getenv("ORGUSERS_WITHOUT_SERVERS") == "1" {
		unavailable(tb, engine, errUnwanted)
		return nil
	}
	s, err := start()
	if err != nil {
		unavailable(tb, engine, err)
		return nil
	}
	return s.database(tb)
}
