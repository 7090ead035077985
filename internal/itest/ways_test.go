package itest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/modeltest"
	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/storetest"
)

// way is how a host may reach a database: by another driver, at another isolation level, in another
// mode of the driver, from another zone, over few connections.
type way struct {
	name  string
	kind  string
	conns int
	set   func(*database)
	// ask is what tells in a transaction that the setting is in force, and says the answer.
	ask, answer string
	// soak: two things at once, each of which the gate runs alone.
	soak bool
	// behaves: the gate looks at the library's behaviour too, not at the store's alone.
	behaves bool
}

// ways are all but that of kinds, which every test takes (S-186). The isolation level is the
// session's own, as a host sets it, since the store names none. READ UNCOMMITTED is refused but where
// it is another name for READ COMMITTED (TestUnsafeSettings).
func ways() []way {
	pg := func(options string) func(*database) { return func(d *database) { d.dsn += "&" + options } }
	pq := func(options string) func(*database) {
		return func(d *database) { d.driver, d.dsn = "postgres", d.dsn+options }
	}
	lite := func(driver, options string) func(*database) {
		return func(d *database) { d.driver, d.dsn = driver, strings.Replace(d.dsn, sqliteOptions, options, 1) }
	}
	my := func(change func(*database, *mysql.Config)) func(*database) {
		return func(d *database) {
			config, err := mysql.ParseDSN(d.dsn)
			if err != nil {
				panic(err)
			}
			config.Params = map[string]string{}
			change(d, config)
			d.dsn = config.FormatDSN()
		}
	}
	level := func(name string) func(*database) {
		return my(func(d *database, c *mysql.Config) { c.Params[d.variable("isolation")] = "'" + name + "'" })
	}
	// MySQL takes for a comment what begins with M!, and MariaDB what is for MySQL 8 or newer.
	const pgLevel, myLevel = `SELECT current_setting('transaction_isolation')`, `SELECT /*M! @@tx_isolation */ /*!80000 @@transaction_isolation */`
	const pgPrepared = `SELECT COUNT(*) FROM pg_prepared_statements WHERE statement LIKE '%asked before%'`
	return []way{
		{name: "SQLite, one connection", kind: "SQLite", conns: 1},
		{name: "SQLite, deferred", kind: "SQLite", conns: 8, set: lite("sqlite", "_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=synchronous(normal)")},
		{
			name: "SQLite, rollback journal", kind: "SQLite", conns: 8,
			set: lite("sqlite", "_pragma=busy_timeout(5000)&_pragma=journal_mode(delete)&_pragma=synchronous(off)&_txlock=immediate"), ask: `PRAGMA journal_mode`, answer: "delete",
		},
		{
			name: "mattn", kind: "SQLite", conns: 8,
			set: lite("sqlite3", mattnOptions), ask: `PRAGMA foreign_keys`, answer: "1",
		},
		{
			name: "mattn, deferred, loc", kind: "SQLite", conns: 8, soak: true,
			set: lite("sqlite3", "_journal_mode=WAL&_busy_timeout=5000&_synchronous=NORMAL&_loc=America%2FNew_York"), ask: `PRAGMA journal_mode`, answer: "wal",
		},

		{name: "PostgreSQL, one connection", kind: "PostgreSQL", conns: 1},
		{name: "READ UNCOMMITTED", kind: "PostgreSQL", conns: 8, set: pg("default_transaction_isolation=read%20uncommitted"), ask: pgLevel, answer: "read uncommitted"},
		{name: "REPEATABLE READ", kind: "PostgreSQL", conns: 8, set: pg("default_transaction_isolation=repeatable%20read"), ask: pgLevel, answer: "repeatable read"},
		{name: "SERIALIZABLE", kind: "PostgreSQL", conns: 8, set: pg("default_transaction_isolation=serializable"), ask: pgLevel, answer: "serializable"},
		{name: "simple protocol", behaves: true, kind: "PostgreSQL", conns: 8, set: pg("default_query_exec_mode=simple_protocol"), ask: pgPrepared, answer: "0"},
		{name: "exec", kind: "PostgreSQL", conns: 8, set: pg("default_query_exec_mode=exec"), ask: pgPrepared, answer: "0"},
		{name: "cache_describe", kind: "PostgreSQL", conns: 8, set: pg("default_query_exec_mode=cache_describe"), ask: pgPrepared, answer: "0"},
		{name: "PostgreSQL, zones", kind: "PostgreSQL", conns: 8, set: func(d *database) {
			d.others = []string{d.dsn + "&timezone=Pacific%2FApia", d.dsn + "&timezone=America%2FSt_Johns&datestyle=German&lc_monetary=C"}
		}},
		{name: "lib-pq", kind: "PostgreSQL", conns: 8, set: pq("")},
		{name: "lib-pq, REPEATABLE READ", soak: true, kind: "PostgreSQL", conns: 8, set: pq("&default_transaction_isolation=repeatable%20read"), ask: pgLevel, answer: "repeatable read"},
		{name: "lib-pq, SERIALIZABLE", soak: true, kind: "PostgreSQL", conns: 8, set: pq("&default_transaction_isolation=serializable"), ask: pgLevel, answer: "serializable"},
		{name: "lib-pq, binary_parameters", kind: "PostgreSQL", conns: 8, set: pq("&binary_parameters=yes")},
		{name: "lib-pq, one connection", soak: true, kind: "PostgreSQL", conns: 1, set: pq("")},

		{name: "MariaDB, one connection", kind: "MariaDB", conns: 1},
		{name: "READ-COMMITTED", kind: "MariaDB", conns: 8, set: level("READ-COMMITTED"), ask: myLevel, answer: "READ-COMMITTED"},
		{name: "SERIALIZABLE", kind: "MariaDB", conns: 8, set: level("SERIALIZABLE"), ask: myLevel, answer: "SERIALIZABLE"},
		{
			name: "innodb_snapshot_isolation", kind: "MariaDB", conns: 8, // the default of newer ones, and nothing that MySQL has
			set: my(func(d *database, c *mysql.Config) {
				if !d.mysql {
					c.Params["innodb_snapshot_isolation"] = "1"
				}
			}),
			ask: `SELECT /*M! @@innodb_snapshot_isolation */ /*!80000 1 */`, answer: "1",
		},
		{
			name: "interpolateParams", behaves: true, kind: "MariaDB", conns: 8, set: my(func(_ *database, c *mysql.Config) { c.InterpolateParams = true }),
			ask: `SELECT /*M! (SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Com_stmt_prepare') */
 /*!80000 (SELECT count_star FROM performance_schema.events_statements_summary_by_thread_by_event_name
 WHERE thread_id = PS_CURRENT_THREAD_ID() AND event_name = 'statement/com/Prepare') */`, answer: "0",
		},
		{
			name: "clientFoundRows, parseTime, loc, zones", kind: "MariaDB", conns: 8,
			set: func(d *database) {
				plain := d.dsn
				for _, zone := range []string{"'-09:30'", "'+12:45'"} {
					my(func(_ *database, c *mysql.Config) {
						c.Params["time_zone"], c.ClientFoundRows, c.ParseTime = zone, true, true
					})(d)
					d.others = append(d.others, d.dsn+"&loc=America%2FSt_Johns")
					d.dsn = plain
				}
				my(func(_ *database, c *mysql.Config) { c.ClientFoundRows = true })(d)
			},
		},
	}
}

var soaking = os.Getenv("ORGUSERS_SOAK") == "1"

// share is what the gate runs of the rounds of races, and of the model's runs, in each way: one in so many.
// All of them are run on each of kinds.
func share() int {
	if soaking {
		return 1
	}
	return 20
}

// check fails if the setting did not take: the test would be another one then.
func (w way) check(t testing.TB, db *sql.DB) {
	t.Helper()
	if w.ask == "" {
		return
	}
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	before := `SELECT COUNT(*) FROM orgusers_users WHERE id = ? AND id <> 'asked before'`
	if w.kind == "PostgreSQL" {
		before = strings.ReplaceAll(before, "?", "$1")
	}
	var answer string
	require.NoError(t, tx.QueryRow(before, "x").Scan(&answer))
	require.NoError(t, tx.QueryRow(w.ask).Scan(&answer))
	require.Equal(t, w.answer, answer, w.ask)
}

// tested is whether conformance and the model are tested in this way.
func (w way) tested() bool { return soaking || !w.soak }

// onEachWay runs a test in every way of those wanted, each with stores of its own.
func onEachWay(t *testing.T, wanted func(way) bool, test func(t *testing.T, open func(testing.TB) orgusers.Store)) {
	t.Helper()
	for _, kind := range kinds() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			databases := newShelf(t, kind.make)
			for _, w := range ways() {
				if w.kind == kind.name && wanted(w) {
					t.Run(w.name, func(t *testing.T) {
						t.Parallel()
						test(t, func(t testing.TB) orgusers.Store { return databases.store(t, w) })
					})
				}
			}
		})
	}
}

// S-175, S-186: the suite that every store runs, in every way.
func TestConformanceWays(t *testing.T) {
	t.Parallel()
	onEachWay(t, way.tested, func(t *testing.T, open func(testing.TB) orgusers.Store) {
		storetest.Share(t, share(), func(t *testing.T) orgusers.Store {
			t.Parallel()
			return open(t)
		})
	})
}

// How the library behaves, where a driver puts values into the text itself; in every way for make soak,
// which takes a quarter of an hour.
func TestBehaviourWays(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(w way) bool { return w.behaves || soaking }, func(t *testing.T, open func(testing.TB) orgusers.Store) {
		suite.Share(t, share(), open)
	})
}

// The model beside the store in every way.
func TestModelWays(t *testing.T) {
	t.Parallel()
	onEachWay(t, way.tested, func(t *testing.T, open func(testing.TB) orgusers.Store) {
		modeltest.Share(t, share(), map[string]func(testing.TB) orgusers.Store{"store": open})
	})
}

// inTurn opens each connection with another data source name.
type inTurn struct {
	driver     driver.Driver
	connectors []driver.Connector
	next       atomic.Int64
}

func (c *inTurn) Driver() driver.Driver { return c.driver }

func (c *inTurn) Connect(ctx context.Context) (driver.Conn, error) {
	return c.connectors[int(c.next.Add(1))%len(c.connectors)].Connect(ctx)
}
