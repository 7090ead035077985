package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"

	_ "modernc.org/sqlite"

	"github.com/orgusers/go-orgusers/internal/itest/dbserver"
	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// engine is a database to measure on, the same for both hands.
type engine struct {
	name     string
	title    string // with its version
	settings string // what the table says about how it was set up
	dialect  sqlstore.Dialect
	driver   string
	dsn      string
	dollar   bool // placeholders are $1, $2, …
	rows     bool // (a, b) > (?, ?) goes by an index
	prepares bool // what is run often is worth preparing; pgx does so itself
	stop     func() error
}

// engines are those that -engine names, in the order of the tables.
var engines = []string{"sqlite", "postgresql", "mariadb"}

// Commits do not wait for the disk, on any engine: the wait is the same for both hands, and with it
// every ratio would look better than it is. -durable has them wait.
func start(name, dir string, durable bool) (*engine, error) {
	e := &engine{name: name, stop: func() error { return nil }}
	var settings []string
	switch name {
	case "sqlite":
		e.dialect, e.driver, e.rows, e.prepares = sqlstore.SQLite(), "sqlite", true, true
		mode := "normal"
		if durable {
			mode = "full"
		}
		e.settings = "one file, WAL, cache_size of 64 MB, synchronous=" + mode
		e.dsn = "file:" + filepath.Join(dir, "bench.db") + "?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(" + mode + ")&_pragma=cache_size(-65536)&_txlock=immediate"
		db, _, err := e.open(false)
		if err != nil {
			return nil, err
		}
		defer db.Close()
		err = db.QueryRow("SELECT 'SQLite ' || sqlite_version() || ' (modernc)'").Scan(&e.title)
		return e, err
	case "postgresql":
		e.dialect, e.dollar, e.rows, e.title = sqlstore.PostgreSQL(), true, true, "PostgreSQL"
		e.settings = "pgx, shared_buffers=1GB, fsync=off"
		settings = []string{"shared_buffers=1GB", "max_wal_size=8GB"}
		if durable {
			e.settings = "pgx, shared_buffers=1GB, fsync=on"
			settings = append(settings, "fsync=on", "full_page_writes=on")
		}
	case "mariadb":
		e.dialect, e.prepares, e.title = sqlstore.MySQL(), true, "MariaDB"
		e.settings = "go-sql-driver, innodb_buffer_pool_size=2G, innodb_flush_log_at_trx_commit=0"
		settings = []string{"innodb_buffer_pool_size=2G", "innodb_log_file_size=1G"}
		if durable {
			e.settings = "go-sql-driver, innodb_buffer_pool_size=2G, innodb_flush_log_at_trx_commit=1"
			settings = append(settings, "innodb_flush_log_at_trx_commit=1", "innodb_doublewrite=1", "innodb_flush_method=O_DIRECT", "skip-debug-no-sync")
		}
	default:
		return nil, fmt.Errorf("no engine %q", name)
	}
	s, stop, err := dbserver.Start(name, settings...)
	if err != nil {
		return nil, err
	}
	e.driver, e.dsn, e.stop = s.Driver, s.DSN, stop
	e.title += " " + s.Version
	return e, nil
}

// open opens the database: with a driver that counts statements, or with the driver itself, to measure
// time.
func (e *engine) open(counting bool) (*sql.DB, *faultdriver.Control, error) {
	var control *faultdriver.Control
	var db *sql.DB
	var err error
	if counting {
		db, control = faultdriver.Open(e.driver, e.dsn)
	} else if db, err = sql.Open(e.driver, e.dsn); err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, control, nil
}

// connections are enough for every worker and one to prepare a statement on.
const connections = workers + 8

// analyze gives the planner fresh statistics.
func (e *engine) analyze(ctx context.Context, db *sql.DB) error {
	statements := []string{"ANALYZE"}
	if e.name == "mariadb" {
		statements = []string{"ANALYZE TABLE orgusers_members", "ANALYZE TABLE orgusers_users", "ANALYZE TABLE orgusers_organizations", "ANALYZE TABLE orgusers_outbox"}
	}
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
