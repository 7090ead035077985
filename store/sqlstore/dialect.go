package sqlstore

import (
	"context"
)

// Dialect is what differs between the databases. All statements are otherwise the same text.
type Dialect struct {
	name string

	// arrays: placeholders are $1, $2, … instead of ?, and a long list is one array.
	arrays bool
	// rowValues: a keyset over two columns is (a, b) > (?, ?), which the planner answers with one
	// range of the index. MySQL and MariaDB read everything before the position then; they want
	// (a > ? OR (a = ? AND b > ?)).
	rowValues bool
	// blind: the planner is kept from looking at parameters, by a plus that does nothing. SQLite built
	// with STAT4, such as modernc's, prepares a statement anew for each new value that it has looked
	// at once there was an ANALYZE, which takes longer than to run it.
	blind bool
	// atomicDDL: CREATE TABLE is part of a transaction.
	atomicDDL bool
	// cached is how many prepared statements are kept per connection. None on PostgreSQL: its driver
	// keeps its own, and a pooler between may not allow others.
	cached int

	// literalReads: what returns rows inside a transaction, a SELECT or an INSERT that tells what became of
	// its rows, goes without placeholders. See literal.
	literalReads bool

	// upsert follows the rows of the one INSERT that adds to what is there.
	upsert string
	// greatest is the function for the greater of two numbers.
	greatest string
	// returning has the INSERT tell what became of its rows. MySQL cannot and takes it for a comment.
	returning string
	// search is what a roster is searched in: address key, a space, name key.
	search string
	// joinByUser joins some users' rows of a roster to what stands before it. With statistics from when
	// the roster was small, MySQL and MariaDB would read all of it, so they are told how.
	joinByUser string
	// safe is 1 if the settings lose no data and show none that may still be undone: a decision on
	// another's uncommitted rows would pass its guard. safety says what they must be.
	safe, safety string

	// types fill the placeholders of the migrations, in pairs; kinds are what columns and indexes say
	// of them then.
	types            []string
	kinds            map[string]string
	columns, indexes string

	// version asks for the version in words that the other databases do not understand; inspect looks
	// at the settings of one connection for [Store.Check].
	version string
	inspect func(context.Context, *review) error

	fault   func(error) fault
	missing func(error) bool // a table is missing
	exists  func(error) bool // a table, index or column is there already
}

// SQLite works with any driver for SQLite 3.37 or newer, such as modernc.org/sqlite and
// mattn/go-sqlite3.
func SQLite() Dialect {
	return Dialect{
		name: "sqlite", rowValues: true, blind: true, atomicDDL: true, cached: 256,
		returning:  ` RETURNING name, total`,
		upsert:     ` ON CONFLICT (name) DO UPDATE SET total = orgusers_counters.total + excluded.total`,
		greatest:   `MAX`,
		joinByUser: joinByUser,
		search:     `m.address_key || ' ' || m.name_key`,
		safe: `(SELECT CASE WHEN encoding = 'UTF-8' THEN 1 ELSE 0 END FROM pragma_encoding)` +
			` * (SELECT 1 - read_uncommitted FROM pragma_read_uncommitted)`,
		safety: "the encoding must be UTF-8, and read_uncommitted off",
		types: []string{
			"{id}", "TEXT", "{key}", "TEXT", "{text}", "TEXT", "{int}", "INTEGER", "{bool}", "INTEGER",
			"{table}", "STRICT", "{if_missing}", "IF NOT EXISTS",
		},
		kinds:   map[string]string{"{id}": "TEXT", "{key}": "TEXT", "{text}": "TEXT", "{int}": "INTEGER", "{bool}": "INTEGER"},
		columns: sqliteColumns, indexes: sqliteIndexes,
		version: `SELECT sqlite_version()`, inspect: inspectSQLite,
		fault: sqliteFault, missing: sqliteMissing, exists: sqliteExists,
	}
}

// PostgreSQL works with any driver for PostgreSQL 13 or newer, such as pgx and lib/pq.
func PostgreSQL() Dialect {
	return Dialect{
		name: "postgresql", arrays: true, rowValues: true, atomicDDL: true,
		returning:  ` RETURNING name, total`,
		upsert:     ` ON CONFLICT (name) DO UPDATE SET total = orgusers_counters.total + excluded.total`,
		greatest:   `GREATEST`,
		joinByUser: joinByUser,
		search:     `m.address_key || ' ' || m.name_key`,
		safe:       `CASE WHEN current_setting('server_encoding') = 'UTF8' THEN 1 ELSE 0 END`,
		safety:     "the encoding must be UTF8",
		types: []string{
			"{id}", `TEXT COLLATE "C"`, "{key}", `TEXT COLLATE "C"`, "{text}", "TEXT", "{int}", "BIGINT", "{bool}", "SMALLINT",
			"{table}", "", "{if_missing}", "IF NOT EXISTS",
		},
		kinds: map[string]string{
			"{id}": `text COLLATE "C"`, "{key}": `text COLLATE "C"`, "{text}": "text", "{int}": "bigint", "{bool}": "smallint",
		},
		columns: postgresColumns, indexes: postgresIndexes,
		version: `SHOW server_version`, inspect: inspectPostgreSQL,
		fault: postgresFault, missing: postgresMissing, exists: postgresExists,
	}
}

// MySQL is for MySQL 8 and MariaDB 10.6 or newer with github.com/go-sql-driver/mysql. What is
// compared is kept as bytes, because every collation there either folds letters or ignores trailing
// spaces, and no two versions share one that does neither.
func MySQL() Dialect {
	return Dialect{
		name: "mysql", cached: 64, literalReads: true,
		upsert:     ` ON DUPLICATE KEY UPDATE total = total + VALUES(total)`,
		returning:  ` /*M! RETURNING name, total */`,
		greatest:   `GREATEST`,
		joinByUser: `STRAIGHT_JOIN orgusers_members AS m FORCE INDEX (orgusers_members_user)`,
		search:     `CONCAT(m.address_key, ' ', m.name_key)`,
		safe: `CASE WHEN (@@SESSION.sql_mode LIKE '%STRICT_TRANS_TABLES%' OR @@SESSION.sql_mode LIKE '%STRICT_ALL_TABLES%')` +
			` AND @@SESSION.character_set_client = 'utf8mb4'` +
			// MariaDB before 11.1 knows the first name only, MySQL 8 the second; each skips the other's comment.
			` AND @@SESSION./*M!100000 tx_isolation*//*!80000 transaction_isolation*/ <> 'READ-UNCOMMITTED' THEN 1 ELSE 0 END`,
		safety: "sql_mode must be strict, the connection utf8mb4, and the isolation level not READ UNCOMMITTED",
		types: []string{
			"{id}", "VARBINARY(64)", "{key}", "VARBINARY(1024)", "{text}", "MEDIUMTEXT", "{int}", "BIGINT", "{bool}", "SMALLINT",
			"{table}", "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC", "{if_missing}", "",
		},
		kinds: map[string]string{
			"{id}": "varbinary(64)", "{key}": "varbinary(1024)", "{text}": "mediumtext utf8mb4", "{int}": "bigint", "{bool}": "smallint",
		},
		columns: mysqlColumns, indexes: mysqlIndexes,
		version: `SELECT @@version`, inspect: inspectMySQL,
		fault: mysqlFault, missing: mysqlMissing, exists: mysqlExists,
	}
}

const joinByUser = `JOIN orgusers_members AS m`

// String names the family of databases.
func (d Dialect) String() string { return d.name }

// keyset is the condition for rows behind a position in the order of two columns.
func (d *Dialect) keyset(a, b string, descending bool) string {
	op := ">"
	if descending {
		op = "<"
	}
	if d.rowValues {
		return "(" + a + ", " + b + ") " + op + " (?, ?)"
	}
	return "(" + a + " " + op + " ? OR (" + a + " = ? AND " + b + " " + op + " ?))"
}

// keysetArgs are the arguments of keyset.
func (d *Dialect) keysetArgs(a, b any) []any {
	if d.rowValues {
		return []any{a, b}
	}
	return []any{a, a, b}
}
