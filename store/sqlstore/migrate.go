package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

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
	st, _, err := s.status(ctx)
	return st, err
}

// status is Status with the number of statements done beyond the version.
func (s *Store) status(ctx context.Context) (st Status, step int, err error) {
	all, err := migrations()
	if err != nil {
		return Status{}, 0, err
	}
	st.Latest = len(all)
	safe := 0
	read := `SELECT v.version, v.step, ` + s.dialect.safe + ` FROM orgusers_schema_version AS v WHERE v.id = 1`
	err = s.row(ctx, read, &st.Version, &step, &safe)
	if err != nil && (errors.Is(err, sql.ErrNoRows) || s.dialect.missing(err)) {
		err = s.row(ctx, `SELECT `+s.dialect.safe, &safe)
	}
	if err != nil {
		return Status{}, 0, s.failed(ctx, err)
	}
	st.Halfway, st.Safe = step > 0, safe == 1
	return st, step, nil
}

func (s *Store) row(ctx context.Context, statement string, dest ...any) error {
	statement = s.named(statement)
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
func (s *Store) Migrate(ctx context.Context) error { return s.migrateTo(ctx, 0) }

// MigrateTo is [Store.Migrate] as far as a version, 1 to [Status.Latest]. There is no way back:
// returns [ErrTarget], and touches nothing, if the schema is beyond the version already or no such
// version is known. No operation runs before the latest is reached.
func (s *Store) MigrateTo(ctx context.Context, version int) error {
	if version < 1 {
		return noTarget(version, "versions count from 1")
	}
	return s.migrateTo(ctx, version)
}

// migrateTo migrates to a version; 0: the latest.
func (s *Store) migrateTo(ctx context.Context, target int) error {
	if s.tx != nil {
		return errors.New("sqlstore: Migrate inside a transaction")
	}
	if !s.dialect.atomicDDL && s.db.Stats().MaxOpenConnections == 1 {
		return errors.New("sqlstore: Migrate needs two connections and the pool allows one")
	}
	// A lock that could not be had, or two processes that make the first table at once, are conflicts
	// that pass.
	for attempt := 1; ; attempt++ {
		err := s.migrate(ctx, target)
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

// pending says how far the database is and returns the migrations it lacks up to a version, 0 for the
// latest. The first of them may be half done.
func (st *Status) pending(all []migration, target int) ([]migration, error) {
	if st.Version > len(all) {
		return nil, fmt.Errorf("%w: version %d, this one knows %d", ErrNewerSchema, st.Version, len(all))
	}
	switch {
	case target == 0:
		target = len(all)
	case target < 0 || target > len(all):
		return nil, noTarget(target, "this release knows 1 to "+itoa(len(all)))
	case target < st.Version, target == st.Version && st.Halfway:
		return nil, noTarget(target, "the schema is beyond it, and there is no way back")
	}
	return all[st.Version:target], nil
}

func noTarget(version int, why string) error {
	return fmt.Errorf("%w: version %d: %s", ErrTarget, version, why)
}

func (s *Store) migrate(ctx context.Context, target int) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	st, err := s.Status(ctx)
	if err != nil {
		return err
	}
	switch todo, err := st.pending(all, target); {
	case err != nil:
		return err
	case !st.Safe:
		return fmt.Errorf("%w: %s", ErrSettings, s.dialect.safety)
	case len(todo) == 0:
		return nil
	}
	for _, statement := range s.bootstrap() {
		_, err := s.db.ExecContext(ctx, s.named(statement))
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
	if _, err := lock.ExecContext(ctx, s.named(takeLock)); err != nil {
		return s.failed(ctx, err)
	}
	if s.dialect.atomicDDL {
		err = s.apply(ctx, lock, all, target)
	} else {
		err = s.apply(ctx, s.db, all, target) // a CREATE TABLE in the lock's own transaction would end it
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
func (s *Store) apply(ctx context.Context, on runner, all []migration, target int) error {
	var st Status
	var step int
	if err := on.QueryRowContext(ctx, s.named(readVersion)).Scan(&st.Version, &step); err != nil {
		return s.failed(ctx, err)
	}
	st.Halfway = step > 0
	todo, err := st.pending(all, target)
	if err != nil {
		return err
	}
	for i, m := range todo {
		version := st.Version + i
		for ; step < len(m.statements); step++ {
			_, err := on.ExecContext(ctx, s.named(s.typed(m.statements[step])))
			if done := !s.dialect.atomicDDL && s.dialect.exists(err); err != nil && !done {
				return fmt.Errorf("sqlstore: migration %s, statement %d: %w", m.name, step+1, s.failed(ctx, err))
			}
			done, next := version, step+1
			if next == len(m.statements) {
				done, next = version+1, 0
			}
			if _, err := on.ExecContext(ctx, s.named(setVersion), done, next); err != nil {
				return s.failed(ctx, err)
			}
		}
		step = 0
	}
	return nil
}
