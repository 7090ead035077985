// Package sqlstore keeps organizations, accounts and everything about them in the host's own SQL
// database: SQLite, PostgreSQL, MySQL or MariaDB, through database/sql. It brings no driver; the
// host opens the database with the driver of its choice.
//
//	db, err := sql.Open("sqlite", "file:app.db?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_txlock=immediate")
//	store, err := sqlstore.New(db, sqlstore.SQLite())
//	err = store.Migrate(ctx) // once per release, from the host's deployment
//	list, err := store.Check(ctx) // what is wrong with the database; an empty list
//	svc, err := orgusers.New(orgusers.Config{Store: store, …})
//
// What the host must bring: on SQLite a busy_timeout, WAL, and transactions that begin IMMEDIATE if the
// host uses [Store.WithTx], all in the data source name; on PostgreSQL the encoding UTF8; on MySQL and
// MariaDB strict mode and a connection in utf8mb4 (the driver's default); no READ UNCOMMITTED there nor
// on SQLite. This and the encodings are checked at the first call; [Store.Check] finds these and all
// else that matters.
//
// On a Galera cluster services may write at every node: two that change the same find out at COMMIT,
// which is a conflict. But a node may show the state of a moment ago. Set wsrep_sync_wait=1 in the data
// source name, so that what is cut at one node is cut at all ([Store.Access]), and a link works at the
// node that did not make it. Set interpolateParams=true as well if the host reads in the transactions
// that it gives to [Store.WithTx]: a node may forget to say that it has undone one, when a prepared
// SELECT is closed just then (MariaDB 10.11). The store's own reads there are not prepared. Set the
// server's innodb_lock_wait_timeout to a few seconds: for so long all nodes stand still when one has
// failed to make way for another's commit, which happens.
//
// What is promised never to break: a decision is written whole or not at all, whatever fails; no
// isolation level is relied on above READ COMMITTED, because every change begins with a guarded write; conflicts are
// told by the database's error code, never by its text; a table that exists is only ever changed by
// [Store.Migrate], which the host calls.
//
// What not to do: do not write to the tables from elsewhere (reading is welcome), and do not go on
// in a transaction given to [Store.WithTx] after a call in it has failed.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/orgusers/go-orgusers/orgusers"
)

// level is the contract this package was written for. It is a number of its own and not
// [orgusers.StoreLevel], which would always agree with itself.
const level = 2

// Errors of a database that is not, or no longer, what this package needs. Every operation may
// return them; [Store.Status] says more.
var (
	// ErrNotMigrated: the tables are missing or of an older release. Run [Store.Migrate].
	ErrNotMigrated = errors.New("sqlstore: the database is not migrated")
	// ErrNewerSchema: a newer release has changed the tables. Nothing was touched.
	ErrNewerSchema = errors.New("sqlstore: the database belongs to a newer release")
	// ErrSettings: the database or the connection is set up in a way that loses data, such as MySQL
	// without strict mode.
	ErrSettings = errors.New("sqlstore: unsafe database settings")
	// ErrTarget: [Store.MigrateTo] cannot lead to the version asked for.
	ErrTarget = errors.New("sqlstore: not a version to migrate to")
)

// Options are what a host may choose. The zero value is the default.
type Options struct {
	// Prefix begins the name of every table and index: "orgusers_" if empty. Up to 32 of a-z, 0-9
	// and _, beginning with a letter. It cannot be changed once the tables exist.
	Prefix string
}

// Store is an [orgusers.Store] on a SQL database. It is safe for use by many goroutines and has
// nothing to close: the database stays the host's.
type Store struct {
	db      *sql.DB
	tx      *sql.Tx // the host's transaction; nil: each operation has its own
	dialect Dialect
	prefix  string
	shared  *shared
}

// shared is what all copies of a store made by [Store.WithTx] have in common.
type shared struct {
	migrated   atomic.Bool // the schema and the settings were found right
	statements statements
}

var _ orgusers.Store = (*Store)(nil)

// New returns the store kept in db. It does not touch the database: [Store.Migrate] makes the
// tables, and the first operation checks that they are there. At most one Options is looked at.
func New(db *sql.DB, d Dialect, o ...Options) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: no database")
	}
	if d.name == "" {
		return nil, errors.New("sqlstore: no dialect; use SQLite(), PostgreSQL() or MySQL()")
	}
	prefix := defaultPrefix
	if len(o) > 1 {
		return nil, errors.New("sqlstore: more than one Options")
	}
	if len(o) == 1 && o[0].Prefix != "" {
		prefix = o[0].Prefix
	}
	if !validPrefix(prefix) {
		return nil, fmt.Errorf("sqlstore: prefix %q is not up to 32 of a-z, 0-9 and _, beginning with a letter", prefix)
	}
	return &Store{db: db, dialect: d, prefix: prefix, shared: &shared{statements: newStatements(d.cached)}}, nil
}

func validPrefix(p string) bool {
	for i := range len(p) {
		c := p[i]
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(p) <= 32
}

// WithTx returns the same store inside the host's own transaction, so that a change here commits
// together with the host's, or not at all. The store neither begins nor ends it. After any error
// the host must roll back; [orgusers.ErrConflict] means that it may start over. A conflict may also
// come with the host's COMMIT: see [Store.CommitError].
//
// [Store.Bump] is then part of the transaction too: throttle counters are forgotten if it is rolled
// back. On MySQL and MariaDB under REPEATABLE READ, make the store's call the first of the
// transaction: a later one reads what was true at the first.
func (s *Store) WithTx(tx *sql.Tx) *Store {
	c := *s
	c.tx = tx
	return &c
}

// Level returns the contract this store was written for.
func (s *Store) Level() int { return level }

// ready makes sure, once per Store, that the database is migrated and safely set up. It costs one
// statement, the first time only.
func (s *Store) ready(ctx context.Context) error {
	if s.shared.migrated.Load() {
		return nil
	}
	st, err := s.Status(ctx)
	switch {
	case err != nil:
		return err
	case st.Version > st.Latest:
		return fmt.Errorf("%w: version %d, this one knows %d", ErrNewerSchema, st.Version, st.Latest)
	case st.Version < st.Latest:
		return fmt.Errorf("%w: version %d of %d; run Migrate", ErrNotMigrated, st.Version, st.Latest)
	case !st.Safe:
		return fmt.Errorf("%w: %s", ErrSettings, s.dialect.safety)
	}
	s.shared.migrated.Store(true)
	return nil
}
