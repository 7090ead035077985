package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const (
	sqliteSettings = `SELECT sqlite_version(), (SELECT * FROM pragma_encoding), (SELECT * FROM pragma_foreign_keys),
 (SELECT * FROM pragma_busy_timeout), (SELECT * FROM pragma_journal_mode), (SELECT * FROM pragma_synchronous),
 (SELECT * FROM pragma_query_only), (SELECT * FROM pragma_read_uncommitted),
 COALESCE((SELECT d.file FROM pragma_database_list AS d WHERE d.name = 'main'), '')`

	sqliteColumns = `SELECT t.name, c.name, c.type FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c
 WHERE t.type = 'table' AND SUBSTR(t.name, 1, ?) = ?`

	sqliteIndexes = `SELECT t.name, i.name, i."unique" FROM sqlite_master AS t JOIN pragma_index_list(t.name) AS i
 WHERE t.type = 'table' AND SUBSTR(t.name, 1, ?) = ?`
)

// inDSN is how to set something on every connection.
func inDSN(modernc, mattn string) string {
	return "put " + modernc + " into the data source name (with mattn/go-sqlite3: " + mattn + ")"
}

func inspectSQLite(ctx context.Context, r *review) error {
	var version, encoding, journal, file string
	var foreignKeys, timeout, synchronous, queryOnly, uncommitted int
	err := r.conn.QueryRowContext(ctx, sqliteSettings).Scan(&version, &encoding, &foreignKeys, &timeout, &journal, &synchronous, &queryOnly, &uncommitted, &file)
	if err != nil {
		return err
	}
	memory := file == ""
	if r.first {
		if older(version, 3, 37) {
			r.database(CodeVersion, SeverityError, "SQLite "+version+" does not know STRICT tables", "update the driver: 3.37 or newer is needed")
		}
		if encoding != "UTF-8" {
			r.database(CodeEncoding, SeverityError, "the encoding is "+encoding, "make the file anew: it must be UTF-8, the default")
		}
		switch {
		case memory && r.db.Stats().MaxOpenConnections != 1:
			r.database(CodeMemory, SeverityError, "the database is in memory, where each connection has one of its own or they lock each other out",
				"open a file, or call SetMaxOpenConns(1)")
		case memory:
			r.database(CodeMemory, SeverityWarning, "the database is in memory and goes with the process", "open a file")
		}
		if queryOnly == 0 {
			if err := r.sqliteTransaction(ctx); err != nil {
				return err
			}
		}
	}
	if uncommitted != 0 {
		r.here(CodeIsolation, SeverityError, "read_uncommitted is on, so that a decision can rest on what is undone later", "leave it off, its default")
	}
	if foreignKeys == 0 {
		r.here(CodeForeignKeys, SeverityWarning, "foreign_keys is off, so that references in the host's own tables are not held",
			inDSN("_pragma=foreign_keys(1)", "_foreign_keys=1"))
	}
	switch remedy := inDSN("_pragma=busy_timeout(5000)", "_busy_timeout=5000"); {
	case timeout == 0:
		r.here(CodeBusyTimeout, SeverityError, "busy_timeout is 0, so that a second writer fails at once", remedy)
	case timeout < 1000:
		r.here(CodeBusyTimeout, SeverityWarning, fmt.Sprintf("busy_timeout is %d ms, which writers in a row exceed", timeout), remedy)
	}
	switch remedy := inDSN("_pragma=journal_mode(wal)", "_journal_mode=wal"); {
	case memory || journal == "wal":
	case journal == "off" || journal == "memory":
		r.here(CodeJournal, SeverityError, "journal_mode is "+journal+", so that a crash damages the file", remedy)
	default:
		r.here(CodeJournal, SeverityWarning, "journal_mode is "+journal+", so that readers and writers wait for each other", remedy)
	}
	switch remedy := inDSN("_pragma=synchronous(full)", "_synchronous=full"); {
	case memory || synchronous >= 2:
	case synchronous == 0:
		r.here(CodeDurability, SeverityError, "synchronous is OFF, so that a power cut can damage the file", remedy)
	case journal == "wal":
		r.here(CodeDurability, SeverityWarning, "synchronous is NORMAL, so that a power cut can undo the last changes", remedy)
	}
	if queryOnly != 0 {
		r.here(CodeReadOnly, SeverityError, "query_only is on", "take it out of the data source name")
	}
	return nil
}

// sqliteTransaction begins a transaction as the driver was told to. A checkpoint is refused inside one
// that holds the write lock from its beginning, whatever the journal mode; a table, which goes with the
// rollback, can be made unless the file is read-only.
func (r *review) sqliteTransaction(ctx context.Context) error {
	const busy, locked, readOnly = 5, 6, 8
	code := func(err error) int { c, _ := sqliteCode(err); return c & 0xff }
	tx, err := r.conn.BeginTx(ctx, nil)
	if code(err) == busy {
		return nil // it wants the lock at once, and another has it
	}
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`); code(err) != locked {
		r.database(CodeTxLock, SeverityWarning, "transactions begin deferred, so that one that has read before it writes may fail at once",
			inDSN("_txlock=immediate", "_txlock=immediate"))
	}
	_, err = tx.ExecContext(ctx, r.named(`CREATE TABLE orgusers_check (id INTEGER)`))
	switch {
	case code(err) == readOnly:
		r.database(CodeReadOnly, SeverityError, "the file cannot be written", "give the process the right to write the file and its folder, and open it without mode=ro")
	case err != nil && code(err) != busy && code(err) != locked:
		return err
	}
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}
