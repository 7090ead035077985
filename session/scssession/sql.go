package scssession

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// SQLIndex is an [Index] in one small table of the host's database, orgusers_scs, which may lie
// beside the tables of the sessions or elsewhere. It uses single statements and no transaction.
//
// A row is a session or, under "!" and the user's id, up to when that user's sessions are over.
type SQLIndex struct {
	db       *sql.DB
	numbered bool // placeholders are $1, $2, …
	ddl      []string
}

// NewSQLIndex returns an index on a database that the host has opened. It reads and writes nothing;
// [SQLIndex.Migrate] makes the table.
func NewSQLIndex(db *sql.DB, d sqlstore.Dialect) (*SQLIndex, error) {
	const columns = ` (row_key {id} NOT NULL PRIMARY KEY, user_id {id} NOT NULL, began BIGINT NOT NULL, deadline BIGINT NOT NULL`
	const create = `CREATE TABLE IF NOT EXISTS orgusers_scs` + columns
	indexes := []string{
		`CREATE INDEX IF NOT EXISTS orgusers_scs_user ON orgusers_scs (user_id)`,
		`CREATE INDEX IF NOT EXISTS orgusers_scs_deadline ON orgusers_scs (deadline)`,
	}
	x := &SQLIndex{db: db}
	switch d.String() {
	case sqlstore.SQLite().String():
		x.ddl = append([]string{strings.ReplaceAll(create, "{id}", "TEXT") + `)`}, indexes...)
	case sqlstore.PostgreSQL().String():
		x.numbered = true
		x.ddl = append([]string{strings.ReplaceAll(create, "{id}", `TEXT COLLATE "C"`) + `)`}, indexes...)
	case sqlstore.MySQL().String(): // keys as bytes: every collation there folds something
		x.ddl = []string{strings.ReplaceAll(create, "{id}", "VARBINARY(128)") +
			`, KEY orgusers_scs_user (user_id), KEY orgusers_scs_deadline (deadline)) ENGINE=InnoDB`}
	default:
		return nil, &orgusers.Error{Op: "scssession.NewSQLIndex", Kind: orgusers.ErrInvalid, Fields: []orgusers.FieldError{
			{Field: "dialect", Reason: orgusers.ReasonUnknown, Message: "must be one of package sqlstore"},
		}}
	}
	return x, nil
}

// DDL returns the statements that Migrate executes, for hosts with migrations of their own.
func (x *SQLIndex) DDL() []string { return append([]string(nil), x.ddl...) }

// Migrate makes the table if it is missing. It is for the deployment, not for every start.
func (x *SQLIndex) Migrate(ctx context.Context) error {
	for _, text := range x.ddl {
		if _, err := x.db.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("scssession: %w", err)
		}
	}
	return nil
}

const endPrefix = "!" // no hash in base64 begins with it

// tries bounds how often a row is written until it reads as written: others insert, raise or forget
// it at the same time.
const tries = 5

// Add is [Index.Add]. It reads one statement where nothing has changed, and writes until it reads
// what it wrote, so that what it reads of the user's end is younger than the entry.
func (x *SQLIndex) Add(ctx context.Context, e Entry, stale time.Time) (bool, error) {
	var failed error
	for range tries {
		rows, err := x.entries(ctx, `WHERE row_key IN (?, ?)`, e.Key, endPrefix+string(e.User))
		if err != nil {
			return false, err
		}
		was, known := rows[e.Key]
		if known && was == e {
			end, ok := rows[endPrefix+string(e.User)]
			return ok && !e.Began.After(end.Began), nil
		}
		if known {
			failed = x.exec(ctx, `UPDATE orgusers_scs SET user_id = ?, began = ?, deadline = ? WHERE row_key = ?`,
				string(e.User), e.Began.UnixMicro(), e.Deadline.UnixMicro(), e.Key)
			continue
		}
		_ = x.forget(ctx, stale) // another process may be at the same rows; the next session tries again
		failed = x.insert(ctx, e)
	}
	return false, unsettled(failed)
}

// End is [Index.End].
func (x *SQLIndex) End(ctx context.Context, user orgusers.UserID, before, until time.Time) ([]Entry, error) {
	key := endPrefix + string(user)
	var failed error
	for range tries {
		rows, err := x.entries(ctx, `WHERE row_key = ?`, key)
		if err != nil {
			return nil, err
		}
		was, known := rows[key]
		switch {
		case !known:
			failed = x.insert(ctx, Entry{Key: key, User: user, Began: before, Deadline: until})
		case was.Began.Before(before) || was.Deadline.Before(until.Truncate(time.Microsecond)):
			failed = x.exec(ctx, `UPDATE orgusers_scs SET began = CASE WHEN began < ? THEN ? ELSE began END,`+
				` deadline = CASE WHEN deadline < ? THEN ? ELSE deadline END WHERE row_key = ?`,
				before.UnixMicro(), before.UnixMicro(), until.UnixMicro(), until.UnixMicro(), key)
		default:
			rows, err := x.entries(ctx, `WHERE user_id = ? AND row_key <> ? AND began <= ?`, string(user), key, before.UnixMicro())
			return values(rows), err
		}
	}
	return nil, unsettled(failed)
}

// List is [Index.List].
func (x *SQLIndex) List(ctx context.Context, users []orgusers.UserID) ([]Entry, error) {
	var out []Entry
	err := chunks(users, func(part []any) error {
		rows, err := x.entries(ctx, `WHERE user_id IN (`+places(len(part))+`)`, part...)
		for _, e := range values(rows) {
			if !strings.HasPrefix(e.Key, endPrefix) {
				out = append(out, e)
			}
		}
		return err
	})
	return out, err
}

// Remove is [Index.Remove].
func (x *SQLIndex) Remove(ctx context.Context, keys ...string) error {
	return chunks(keys, func(part []any) error {
		return x.exec(ctx, `DELETE FROM orgusers_scs WHERE row_key IN (`+places(len(part))+`)`, part...)
	})
}

// forget drops some of what was over before stale: as each new session drops up to twenty, none pile
// up, and no sign-in waits for many.
func (x *SQLIndex) forget(ctx context.Context, stale time.Time) error {
	rows, err := x.entries(ctx, `WHERE deadline < ? ORDER BY deadline LIMIT 20`, stale.UnixMicro())
	if err != nil || len(rows) == 0 {
		return err
	}
	args := make([]any, 0, len(rows)+1)
	for key := range rows {
		args = append(args, key)
	}
	return x.exec(ctx, `DELETE FROM orgusers_scs WHERE row_key IN (`+places(len(rows))+`) AND deadline < ?`, append(args, stale.UnixMicro())...)
}

// entries reads rows by their keys.
func (x *SQLIndex) entries(ctx context.Context, where string, args ...any) (map[string]Entry, error) {
	rows, err := x.db.QueryContext(ctx, x.text(`SELECT row_key, user_id, began, deadline FROM orgusers_scs `+where), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]Entry{}
	for rows.Next() {
		var e Entry
		var user string
		var began, deadline int64
		if err := rows.Scan(&e.Key, &user, &began, &deadline); err != nil {
			return nil, err
		}
		e.User, e.Began, e.Deadline = orgusers.UserID(user), time.UnixMicro(began).UTC(), time.UnixMicro(deadline).UTC()
		out[e.Key] = e
	}
	return out, rows.Err()
}

func (x *SQLIndex) insert(ctx context.Context, e Entry) error {
	return x.exec(ctx, `INSERT INTO orgusers_scs (row_key, user_id, began, deadline) VALUES (?, ?, ?, ?)`,
		e.Key, string(e.User), e.Began.UnixMicro(), e.Deadline.UnixMicro())
}

func (x *SQLIndex) exec(ctx context.Context, text string, args ...any) error {
	_, err := x.db.ExecContext(ctx, x.text(text), args...)
	return err
}

// text turns a statement into the database's own.
func (x *SQLIndex) text(text string) string {
	if !x.numbered {
		return text
	}
	var b strings.Builder
	for n, part := range strings.Split(text, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
	}
	return b.String()
}

func unsettled(failed error) error {
	if failed == nil {
		return fmt.Errorf("scssession: others keep changing the same row; tried %d times", tries)
	}
	return failed
}

func values(rows map[string]Entry) []Entry {
	out := make([]Entry, 0, len(rows))
	for _, e := range rows {
		out = append(out, e)
	}
	return out
}

// chunks hands ids on as arguments, as many at a time as every database takes.
func chunks[T ~string](ids []T, each func([]any) error) error {
	const most = 500
	for len(ids) > 0 {
		part := make([]any, min(len(ids), most))
		for i := range part {
			part[i] = string(ids[i])
		}
		if err := each(part); err != nil {
			return err
		}
		ids = ids[len(part):]
	}
	return nil
}

// places returns n placeholders, at least one.
func places(n int) string { return strings.Repeat("?, ", n-1) + "?" }
