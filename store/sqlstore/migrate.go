package sqlstore

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// One table of one row says how far the schema is; step is how many statements of the migration after
// version are done. Another row is the lock: whoever has changed it in an open transaction migrates,
// so one that dies lets go by itself. The lock has a table of its own: on MySQL, somebody who waits to
// create the table that it is in would keep the holder's other connection from reading that table.
const (
	createVersion = `CREATE TABLE IF NOT EXISTS orgusers_schema_version (
  id      {int} NOT NULL,
  version {int} NOT NULL,
  step    {int} NOT NULL,
  PRIMARY KEY (id)
) {table}`

	createLock = `CREATE TABLE IF NOT EXISTS orgusers_schema_lock (
  id    {int} NOT NULL,
  taken {int} NOT NULL,
  PRIMARY KEY (id)
) {table}`

	insertVersion = `INSERT INTO orgusers_schema_version (id, version, step) SELECT n.id, 0, 0 FROM (SELECT 1 AS id) AS n
 WHERE NOT EXISTS (SELECT 1 FROM orgusers_schema_version AS v WHERE v.id = n.id)`

	insertLock = `INSERT INTO orgusers_schema_lock (id, taken) SELECT n.id, 0 FROM (SELECT 1 AS id) AS n
 WHERE NOT EXISTS (SELECT 1 FROM orgusers_schema_lock AS l WHERE l.id = n.id)`

	takeLock    = `UPDATE orgusers_schema_lock SET taken = taken + 1 WHERE id = 1`
	readVersion = `SELECT v.version, v.step FROM orgusers_schema_version AS v WHERE v.id = 1`
	setVersion  = `UPDATE orgusers_schema_version SET version = ?, step = ? WHERE id = 1`
)

// bootstrap makes the two tables above, in statements that change nothing if repeated.
func (s *Store) bootstrap() []string {
	return []string{s.typed(createVersion), insertVersion, s.typed(createLock), insertLock}
}

// Status says how far a database is.
type Status struct {
	Version int  // the schema's; 0: nothing is there
	Latest  int  // the one this release needs
	Halfway bool // a migration beyond Version was begun and not finished
	Safe    bool // the settings lose no data
}

// Status returns how far the database is. It changes nothing.
func (s *Store) Status(ctx context.Context) (Status, error) {
	migrations, err := s.migrations()
	if err != nil {
		return Status{}, err
	}
	st := Status{Latest: len(migrations)}
	safe := 0
	var step int
	read := `SELECT v.version, v.step, ` + s.dialect.safe + ` FROM orgusers_schema_version AS v WHERE v.id = 1`
	err = s.row(ctx, read, &st.Version, &step, &safe)
	if err != nil && (errors.Is(err, sql.ErrNoRows) || s.dialect.missing(err)) {
		err = s.row(ctx, `SELECT `+s.dialect.safe, &safe)
	}
	if err != nil {
		return Status{}, s.failed(ctx, err)
	}
	st.Halfway, st.Safe = step > 0, safe == 1
	return st, nil
}

func (s *Store) row(ctx context.Context, statement string, dest ...any) error {
	statement = s.render(statement)
	if s.tx != nil {
		return s.tx.QueryRowContext(ctx, statement).Scan(dest...)
	}
	_, err := patient(ctx, func() (struct{}, error) {
		return struct{}{}, s.db.QueryRowContext(ctx, statement).Scan(dest...)
	})
	return err
}

// Migrate brings the schema up to date and returns when it is; with nothing to do it costs one read.
// Any number of processes may call it at once: one works, the others wait. If it is interrupted, the
// next call goes on where it stopped. On MySQL and MariaDB it needs two connections at a time.
// Returns [ErrNewerSchema], and touches nothing, if a newer release was here first; [ErrSettings] if
// the database is set up in a way that loses data; the context's error if it ended.
func (s *Store) Migrate(ctx context.Context) error {
	if s.tx != nil {
		return errors.New("sqlstore: Migrate inside a transaction")
	}
	if !s.dialect.atomicDDL && s.db.Stats().MaxOpenConnections == 1 {
		return errors.New("sqlstore: Migrate needs two connections and the pool allows one")
	}
	// A lock that could not be had, or two processes that make the first table at once, are conflicts
	// that pass.
	for attempt := 1; ; attempt++ {
		err := s.migrate(ctx)
		if !errors.Is(err, orgusers.ErrConflict) || attempt == 100 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *Store) migrate(ctx context.Context) error {
	st, err := s.Status(ctx)
	switch {
	case err != nil:
		return err
	case !st.Safe:
		return fmt.Errorf("%w: %s", ErrSettings, s.dialect.safety)
	case st.Version > st.Latest:
		return fmt.Errorf("%w: version %d, this one knows %d", ErrNewerSchema, st.Version, st.Latest)
	case st.Version == st.Latest && !st.Halfway:
		return nil
	}
	for _, statement := range s.bootstrap() {
		_, err := s.db.ExecContext(ctx, s.render(statement))
		if err != nil && s.dialect.exists(err) {
			return conflict("another process makes the first table")
		}
		if err != nil {
			return s.failed(ctx, err)
		}
	}

	lock, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.failed(ctx, err)
	}
	defer lock.Rollback()
	if _, err := lock.ExecContext(ctx, s.render(takeLock)); err != nil {
		return s.failed(ctx, err)
	}
	if s.dialect.atomicDDL {
		err = s.apply(ctx, lock)
	} else {
		err = s.apply(ctx, s.db) // a CREATE TABLE in the lock's own transaction would end it
	}
	if err != nil {
		return err
	}
	if err := lock.Commit(); err != nil {
		return s.failed(ctx, err)
	}
	return nil
}

type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// apply runs what is missing, statement by statement. Where CREATE TABLE cannot be undone, a
// statement that was run but not noted is run again, and "exists already" is its success.
func (s *Store) apply(ctx context.Context, on runner) error {
	migrations, err := s.migrations()
	if err != nil {
		return err
	}
	var version, step int
	if err := on.QueryRowContext(ctx, s.render(readVersion)).Scan(&version, &step); err != nil {
		return s.failed(ctx, err)
	}
	if version > len(migrations) {
		return fmt.Errorf("%w: version %d, this one knows %d", ErrNewerSchema, version, len(migrations))
	}
	for ; version < len(migrations); version, step = version+1, 0 {
		statements := migrations[version].statements
		for ; step < len(statements); step++ {
			_, err := on.ExecContext(ctx, s.render(statements[step]))
			if done := !s.dialect.atomicDDL && s.dialect.exists(err); err != nil && !done {
				return fmt.Errorf("sqlstore: migration %s, statement %d: %w", migrations[version].name, step+1, s.failed(ctx, err))
			}
			done, next := version, step+1
			if next == len(statements) {
				done, next = version+1, 0
			}
			if _, err := on.ExecContext(ctx, s.render(setVersion), done, next); err != nil {
				return s.failed(ctx, err)
			}
		}
	}
	return nil
}

type migration struct {
	name       string
	statements []string // with types, not rendered
}

// migrations returns all of them in their order; the first makes version 1.
func (s *Store) migrations() ([]migration, error) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	out := make([]migration, 0, len(entries))
	for _, e := range entries {
		data, err := migrationFiles.ReadFile("migrations/" + e.Name())
		if err != nil {
			return nil, err
		}
		m := migration{name: e.Name()}
		var lines []string
		for line := range strings.Lines(string(data)) {
			if !strings.HasPrefix(line, "--") {
				lines = append(lines, line)
			}
		}
		for statement := range strings.SplitSeq(strings.Join(lines, ""), ";\n") {
			if statement = strings.TrimSpace(statement); statement != "" {
				m.statements = append(m.statements, s.typed(statement))
			}
		}
		out = append(out, m)
	}
	return out, nil
}

// typed fills in the database's names of types.
func (s *Store) typed(statement string) string {
	return strings.TrimRight(strings.NewReplacer(s.dialect.types...).Replace(statement), " ")
}

// Migrations returns the migrations as files, one each, named in their order, for hosts that run
// their own tool: plain SQL for this store's database and prefix. Each also notes its version, so
// that [Store.Migrate], [Store.Status] and the operations know about it.
func (s *Store) Migrations() (fs.FS, error) {
	migrations, err := s.migrations()
	if err != nil {
		return nil, err
	}
	// A zip archive in memory is the file system that the standard library has ready.
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for i, m := range migrations {
		statements := m.statements
		if i == 0 {
			statements = append(s.bootstrap(), statements...)
		}
		statements = append(statements, "UPDATE orgusers_schema_version SET version = "+itoa(i+1)+", step = 0 WHERE id = 1")
		f, err := z.Create(m.name)
		if err != nil {
			return nil, err
		}
		for _, statement := range statements {
			if _, err := fmt.Fprintf(f, "%s;\n\n", s.render(statement)); err != nil {
				return nil, err
			}
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
}
