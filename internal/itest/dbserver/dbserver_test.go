package dbserver_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	_ "github.com/lib/pq" // registers the driver "postgres"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/itest/dbserver"
)

func TestMain(m *testing.M) {
	if os.Getenv("ORGUSERS_WITHOUT_SERVERS") == "1" && os.Getenv("CI") == "" {
		fmt.Println("*** NOT TESTED: ORGUSERS_WITHOUT_SERVERS is 1")
		os.Exit(0)
	}
	// This package tests the servers that it starts.
	_ = os.Unsetenv("ORGUSERS_POSTGRES_DSN")
	_ = os.Unsetenv("ORGUSERS_MYSQL_DSN")
	os.Exit(dbserver.Main(m))
}

func connect(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, db.PingContext(t.Context()))
	return db
}

func exec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func value(t *testing.T, db *sql.DB, query string) (got string) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&got), query)
	return got
}

// engines are those with one node, by the drivers that a host may use.
func engines() []engine {
	return []engine{
		{"PostgreSQL with pgx", "pgx", dbserver.PostgreSQL},
		{"PostgreSQL with lib-pq", "postgres", dbserver.PostgreSQL},
		{"MariaDB", "mysql", dbserver.MariaDB},
	}
}

type engine struct {
	name, driver string
	open         func(testing.TB) dbserver.DB
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			first, second := e.open(t), e.open(t)
			require.NotEqual(t, first.DSN, second.DSN)
			require.Regexp(t, `^[0-9]+\.[0-9]+`, first.Version)

			one, two := connect(t, e.driver, first.DSN), connect(t, e.driver, second.DSN)
			exec(t, one, "CREATE TABLE thing (id INTEGER PRIMARY KEY)", "INSERT INTO thing VALUES (1)")
			_, err := two.ExecContext(t.Context(), "SELECT id FROM thing")
			require.Error(t, err, "the other database is empty")
			exec(t, two, "CREATE TABLE thing (id INTEGER PRIMARY KEY)")
			require.Equal(t, "1", value(t, one, "SELECT COUNT(*) FROM thing"))
			require.Equal(t, "0", value(t, two, "SELECT COUNT(*) FROM thing"))
		})
	}
}

func TestADatabaseGoesWithItsTest(t *testing.T) {
	t.Parallel()
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			var gone dbserver.DB
			var forgotten *sql.DB // as by a test that fails halfway
			t.Run("inner", func(t *testing.T) {
				gone = e.open(t)
				db, err := sql.Open(e.driver, gone.DSN)
				require.NoError(t, err)
				require.NoError(t, db.PingContext(t.Context()))
				forgotten = db
			})
			defer forgotten.Close()
			db, err := sql.Open(e.driver, gone.DSN)
			require.NoError(t, err)
			defer db.Close()
			require.ErrorContains(t, db.PingContext(t.Context()), "database")
		})
	}
}

func TestManyTestsAskAtOnce(t *testing.T) {
	t.Parallel()
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			exec(t, connect(t, "pgx", dbserver.PostgreSQL(t).DSN), "CREATE TABLE thing (id INTEGER)")
			exec(t, connect(t, "mysql", dbserver.MariaDB(t).DSN), "CREATE TABLE thing (id INTEGER)")
		})
	}
}

// What a careless query would get wrong on a host's server must go wrong here.
func TestServersAreNoMoreConvenientThanAHosts(t *testing.T) {
	t.Parallel()

	db := connect(t, "pgx", dbserver.PostgreSQL(t).DSN)
	require.Equal(t, "true", value(t, db, "SELECT ('a' < 'B')::text"), "text is not ordered by bytes")
	require.Equal(t, "UTF8", value(t, db, "SHOW server_encoding"))
	require.Equal(t, "05:45:00", value(t, db, "SELECT (now()::timestamp - (now() AT TIME ZONE 'UTC'))::text"))
	require.Equal(t, "read committed", value(t, db, "SHOW transaction_isolation"))
	require.Equal(t, "on", value(t, db, "SHOW synchronous_commit"))
	require.Equal(t, "off", value(t, db, "SHOW is_superuser"))
	_, err := db.ExecContext(t.Context(), "CREATE DATABASE another")
	require.ErrorContains(t, err, "permission denied")

	db = connect(t, "mysql", dbserver.MariaDB(t).DSN)
	exec(t, db, "CREATE TABLE mail (address VARCHAR(100) PRIMARY KEY)", "INSERT INTO mail VALUES ('josé@example.org')")
	require.Equal(t, "1", value(t, db, "SELECT COUNT(*) FROM mail WHERE address = 'JOSE@example.org  '"))
	require.Equal(t, "05:45:00", value(t, db, "SELECT TIMEDIFF(NOW(), UTC_TIMESTAMP())"))
	require.Equal(t, "REPEATABLE-READ", value(t, db, "SELECT @@tx_isolation"))
	require.Contains(t, value(t, db, "SELECT @@sql_mode"), "STRICT_TRANS_TABLES")
	require.Equal(t, "ON", value(t, db, "SELECT IF(@@foreign_key_checks AND @@unique_checks AND @@autocommit, 'ON', 'OFF')"))
	_, err = db.ExecContext(t.Context(), "CREATE DATABASE another")
	require.ErrorContains(t, err, "Access denied")
}

// The administrators have no password, so nobody may reach them through a port.
func TestNoAdministratorThroughThePort(t *testing.T) {
	t.Parallel()
	pg, err := pgx.ParseConfig(dbserver.PostgreSQL(t).DSN)
	require.NoError(t, err)
	pg.User = "postgres"
	_, err = pgx.ConnectConfig(t.Context(), pg)
	require.ErrorContains(t, err, "pg_hba.conf")

	my, err := mysql.ParseDSN(dbserver.MariaDB(t).DSN)
	require.NoError(t, err)
	my.User = "root"
	db, err := sql.Open("mysql", my.FormatDSN())
	require.NoError(t, err)
	defer db.Close()
	require.ErrorContains(t, db.PingContext(t.Context()), "Access denied")
	host, _, err := net.SplitHostPort(my.Addr)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host)
}

func TestGaleraReplicatesBetweenAllNodes(t *testing.T) {
	t.Parallel()
	cluster := dbserver.Galera(t)
	var nodes [3]*sql.DB
	for i, node := range cluster {
		require.Contains(t, node.Version, "Galera")
		nodes[i] = connect(t, "mysql", node.DSN)
		require.Equal(t, "3", value(t, nodes[i], "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'wsrep_cluster_size'"))
		require.Equal(t, "0", value(t, nodes[i], "SELECT @@wsrep_sync_wait"), "reads are as stale as by default")
	}
	exec(t, nodes[0], "CREATE TABLE thing (id INTEGER PRIMARY KEY)")
	for i, writer := range nodes {
		// The table itself takes a moment to reach the other nodes.
		within(t, time.Second, func(ctx context.Context) bool {
			_, err := writer.ExecContext(ctx, "INSERT INTO thing VALUES (?)", i)
			return err == nil
		})
		for _, reader := range nodes {
			within(t, time.Second, func(ctx context.Context) bool {
				var n int
				err := reader.QueryRowContext(ctx, "SELECT COUNT(*) FROM thing WHERE id = ?", i).Scan(&n)
				return err == nil && n == 1
			})
		}
	}
}

// Two nodes that change one row at a time do not both succeed: what distinguishes a cluster from three servers.
func TestGaleraRefusesAConflict(t *testing.T) {
	t.Parallel()
	cluster := dbserver.Galera(t)
	one, two := connect(t, "mysql", cluster[0].DSN), connect(t, "mysql", cluster[1].DSN)
	exec(t, one, "CREATE TABLE thing (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO thing VALUES (1, 0)")
	within(t, time.Second, func(ctx context.Context) bool {
		var n int
		return two.QueryRowContext(ctx, "SELECT n FROM thing WHERE id = 1").Scan(&n) == nil
	})
	a, err := one.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer a.Rollback()
	b, err := two.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer b.Rollback()
	_, err = a.ExecContext(t.Context(), "UPDATE thing SET n = n + 1 WHERE id = 1")
	require.NoError(t, err)
	_, err = b.ExecContext(t.Context(), "UPDATE thing SET n = n + 1 WHERE id = 1")
	require.NoError(t, err, "nodes share no lock")
	require.NoError(t, a.Commit())
	require.Error(t, b.Commit())
	require.Equal(t, "1", value(t, one, "SELECT n FROM thing WHERE id = 1"))
}

func within(t *testing.T, limit time.Duration, succeeds func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for !succeeds(ctx) {
		require.NoError(t, ctx.Err(), "not within %v", limit)
		time.Sleep(time.Millisecond)
	}
}
