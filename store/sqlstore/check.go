package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Severity says how bad a [Finding] is.
type Severity string

const (
	SeverityError   Severity = "error"   // operations fail, or data can be lost
	SeverityWarning Severity = "warning" // it works, but not as well or as safely as it could
)

// Code names a kind of [Finding]; it is stable.
type Code string

const (
	CodeDialect    Code = "wrong_dialect"  // the store was made for another kind of database
	CodeVersion    Code = "server_version" // too old
	CodeDatabase   Code = "no_database"    // the connection has chosen no database or schema
	CodeReadOnly   Code = "read_only"      // a replica, or a connection that may not write
	CodePrivileges Code = "privileges"     // the account cannot make the tables that are missing
	CodeEncoding   Code = "encoding"       // the database or the connection cannot carry every text
	CodeIsolation  Code = "isolation"      // what is not committed is shown
	CodeDurability Code = "durability"     // what was acknowledged can be lost with the power

	CodeForeignKeys Code = "sqlite_foreign_keys" // off
	CodeBusyTimeout Code = "sqlite_busy_timeout" // none, or too short
	CodeJournal     Code = "sqlite_journal_mode" // not WAL
	CodeTxLock      Code = "sqlite_txlock"       // transactions begin deferred
	CodeMemory      Code = "sqlite_memory"       // not in a file

	CodeSQLMode    Code = "mysql_sql_mode"   // not strict
	CodeAutocommit Code = "mysql_autocommit" // off
	CodeEngine     Code = "mysql_engine"     // a table that is not InnoDB's
	CodeSyncWait   Code = "galera_sync_wait" // a node may answer from the past

	CodeNotMigrated Code = "schema_missing" // no tables yet
	CodeOlder       Code = "schema_older"   // Migrate has not run since the release was updated
	CodeNewer       Code = "schema_newer"   // a newer release was here
	CodeHalfway     Code = "schema_halfway" // a migration was interrupted
	CodeTable       Code = "table_missing"
	CodeColumn      Code = "column_missing"
	CodeColumnType  Code = "column_type" // changed since it was made
	CodeIndex       Code = "index_missing"
)

// Finding is one thing that is wrong with a database.
type Finding struct {
	Code     Code
	Severity Severity
	Problem  string // what is wrong
	Remedy   string // what to do about it
}

func (f Finding) String() string {
	return fmt.Sprintf("%s %s: %s; to do: %s", f.Severity, f.Code, f.Problem, f.Remedy)
}

// Check returns everything it finds wrong with the database, errors first; a good one gives an empty
// list. Call it before the first write, or from a command for support: it changes nothing. Settings
// that belong to a connection are looked at on every idle connection of the pool and on a new one, so
// that a setting made by a statement, which reaches one connection only, is found. The error is that
// of a database that cannot be asked.
func (s *Store) Check(ctx context.Context) ([]Finding, error) {
	if s.tx != nil {
		return nil, errors.New("sqlstore: Check inside a transaction")
	}
	r := &review{Store: s}
	stop, err := r.settings(ctx)
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	if !stop {
		if err := r.schema(ctx); err != nil {
			return nil, s.failed(ctx, err)
		}
	}
	return r.list(), nil
}

// review is a Check under way.
type review struct {
	*Store
	conn  *sql.Conn // the connection that is looked at
	first bool      // it is the first of them
	of    int       // how many there are
	seen  []observation
}

type observation struct {
	Finding
	conns int // on how many connections; 0: about the database
}

// database notes something about the database.
func (r *review) database(code Code, severity Severity, problem, remedy string) {
	r.seen = append(r.seen, observation{Finding: Finding{code, severity, problem, remedy}})
}

// here notes something about the connection.
func (r *review) here(code Code, severity Severity, problem, remedy string) {
	f := Finding{code, severity, problem, remedy}
	for i := range r.seen {
		if r.seen[i].Finding == f {
			r.seen[i].conns++
			return
		}
	}
	r.seen = append(r.seen, observation{f, 1})
}

func (r *review) list() []Finding {
	var out []Finding
	for _, o := range r.seen {
		if o.conns > 0 && o.conns < r.of {
			o.Problem += fmt.Sprintf(" on %d of %d connections, so it was set by a statement", o.conns, r.of)
		}
		out = append(out, o.Finding)
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return strings.Compare(string(a.Severity), string(b.Severity)) })
	return out
}

// settings looks at the connections. It returns true if there is nothing more to look at.
func (r *review) settings(ctx context.Context) (stop bool, err error) {
	conns, err := r.connections(ctx)
	defer func() {
		for _, c := range conns {
			err = errors.Join(err, c.Close())
		}
	}()
	if err != nil {
		return true, err
	}
	if stop, err := r.recognize(ctx, conns[0]); stop || err != nil {
		return true, err
	}
	r.of = len(conns)
	for i, c := range conns {
		r.conn, r.first = c, i == 0
		if err := r.dialect.inspect(ctx, r); err != nil {
			return true, err
		}
	}
	return slices.ContainsFunc(r.seen, func(o observation) bool { return o.Code == CodeDatabase }), nil
}

// connections takes the idle connections of the pool and one that was not there before, as far as the
// pool gives them. There is one at least, unless there is an error.
func (s *Store) connections(ctx context.Context) (conns []*sql.Conn, err error) {
	stats := s.db.Stats()
	n := max(stats.Idle+1, 2)
	if most := stats.MaxOpenConnections; most > 0 {
		n = min(n, max(1, most-stats.InUse))
	}
	for i := range n {
		wait, cancel := ctx, context.CancelFunc(func() {})
		if i > 0 { // somebody else may have taken the last one meanwhile
			wait, cancel = context.WithTimeout(ctx, 5*time.Second)
		}
		c, err := patient(wait, func() (*sql.Conn, error) {
			c, err := s.db.Conn(wait)
			if err != nil {
				return nil, err
			}
			if err := c.PingContext(wait); err != nil {
				_ = c.Close()
				return nil, err
			}
			return c, nil
		})
		cancel()
		if i > 0 && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

// recognize asks the database for its version in its own way, and if it does not understand, in that of
// the others.
func (r *review) recognize(ctx context.Context, c *sql.Conn) (stop bool, err error) {
	var version string
	if err = c.QueryRowContext(ctx, r.dialect.version).Scan(&version); err == nil {
		return false, nil
	}
	for _, other := range []Dialect{SQLite(), PostgreSQL(), MySQL()} {
		if other.name == r.dialect.name || c.QueryRowContext(ctx, other.version).Scan(&version) != nil {
			continue
		}
		r.database(CodeDialect, SeverityError,
			fmt.Sprintf("the store was made for %s and the database is %s (%s)", r.dialect.name, other.name, version),
			"give sqlstore.New the dialect of the database, or open the right database")
		return true, nil
	}
	return true, err
}

// schema looks at the tables.
func (r *review) schema(ctx context.Context) error {
	st, err := r.Status(ctx)
	if err != nil {
		return err
	}
	if st.Halfway {
		r.database(CodeHalfway, SeverityError, fmt.Sprintf("the migration to version %d was begun and not finished", st.Version+1), "run Migrate")
	}
	switch {
	case st.Version == 0 && !st.Halfway:
		r.database(CodeNotMigrated, SeverityError, "there are no tables with the prefix "+r.prefix, "run Migrate, or give Options the prefix they were made with")
	case st.Version < st.Latest && !st.Halfway:
		r.database(CodeOlder, SeverityError, fmt.Sprintf("the schema has version %d and this release needs %d", st.Version, st.Latest), "run Migrate")
	case st.Version > st.Latest:
		r.database(CodeNewer, SeverityError, fmt.Sprintf("the schema has version %d and this release knows %d", st.Version, st.Latest), "update the program")
		return nil
	}
	if st.Version == 0 {
		return nil
	}
	want, err := expected(st.Version)
	if err != nil {
		return err
	}
	have, err := r.found(ctx)
	if err != nil {
		return err
	}
	r.compare(want, have)
	return nil
}

// compare notes what is missing or changed. What the host has added is its own.
func (r *review) compare(want, have schema) {
	const restore = "restore the database from a backup, or make again what was dropped, as Migrations has it"
	for _, name := range slices.Sorted(maps.Keys(want.columns)) {
		table := r.named(name)
		if have.columns[table] == nil {
			r.database(CodeTable, SeverityError, "the table "+table+" is missing", restore)
			continue
		}
		for _, column := range slices.Sorted(maps.Keys(want.columns[name])) {
			kind, there := have.columns[table][column]
			right := r.dialect.kinds[want.columns[name][column]]
			switch {
			case !there:
				r.database(CodeColumn, SeverityError, "the column "+table+"."+column+" is missing", restore)
			case kind != right:
				r.database(CodeColumnType, SeverityError, fmt.Sprintf("the column %s.%s is %s instead of %s", table, column, kind, right),
					"alter it back: what is compared would be compared by other rules, and what is long cut")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want.indexes)) {
		w, h := want.indexes[name], have.indexes[r.named(name)]
		if have.columns[r.named(w.table)] != nil && (h.table != r.named(w.table) || w.unique && !h.unique) {
			r.database(CodeIndex, SeverityError, "the index "+r.named(name)+" is missing, invalid or not unique any more", restore)
		}
	}
}
