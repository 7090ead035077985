package itest

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
	"github.com/orgusers/go-orgusers/orgusers"
)

// accident makes a database fail for real, on a table of two rows, and is what the error must mean.
type accident struct {
	name string
	want error // errRefused: the database has said no and nothing more
	do   func(s *scene) error
}

var errRefused = errors.New("refused")

// Errors are told apart by code with every driver, in its own clothes: the driver's error for a real
// accident, met at the first statement and at the COMMIT, is a conflict, a refusal, or leaves open
// what happened.
func TestCodesOfDrivers(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		db, control := faultdriver.Open(d.driver, d.dsn)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		s := d.store(t, db)
		o := prepared(t, s)
		raw := &scene{t: t, db: d.open(t, 4), dialect: d.dialect.String()}
		raw.exec(`CREATE TABLE raw (id INTEGER PRIMARY KEY, n INTEGER NOT NULL UNIQUE CHECK (n < 100), s VARCHAR(3))`)
		raw.exec(`INSERT INTO raw (id, n, s) VALUES (1, 1, 'a'), (2, 2, 'b')`)
		family := d.dialect.String()
		if d.is("mysql") && !d.mysql {
			family = "mariadb"
		}
		for _, a := range accidents()[family] {
			err := a.do(raw)
			require.Error(t, err, a.name)
			for _, call := range []int{2, calls} {
				control.FailWith(call, err)
				got := s.Commit(t.Context(), everything(o))
				require.True(t, control.Fired(), a.name)
				control.Reset()
				require.Equal(t, errors.Is(a.want, orgusers.ErrConflict), errors.Is(got, orgusers.ErrConflict), "%s, call %d: %v", a.name, call, got)
				require.Equal(t, errors.Is(a.want, orgusers.ErrUnknownOutcome) && call == calls, errors.Is(got, orgusers.ErrUnknownOutcome), "%s, call %d: %v", a.name, call, got)
				require.ErrorIs(t, got, err, "the cause is kept")
			}
		}
		require.NoError(t, s.Commit(t.Context(), everything(o)))
	})
}

func accidents() map[string][]accident {
	conflict, unknown := orgusers.ErrConflict, orgusers.ErrUnknownOutcome
	run := func(statement string) func(*scene) error {
		return func(s *scene) error { return s.fails(statement) }
	}
	all := []accident{
		{"duplicate primary key", conflict, run(`INSERT INTO raw (id, n) VALUES (1, 9)`)},
		{"duplicate unique key", conflict, run(`INSERT INTO raw (id, n) VALUES (9, 1)`)},
		{"NULL", errRefused, run(`INSERT INTO raw (id, n) VALUES (9, NULL)`)},
		{"CHECK", errRefused, run(`INSERT INTO raw (id, n) VALUES (9, 100)`)},
		{"no such table", errRefused, run(`SELECT id FROM missing`)},
		{"no such column", errRefused, run(`SELECT missing FROM raw`)},
		{"syntax", errRefused, run(`SELEKT 1`)},
		{"the transaction only reads", errRefused, (*scene).readOnly},
	}
	servers := append(all[:len(all):len(all)],
		accident{"deadlock", conflict, (*scene).deadlock},
		accident{"text too long", errRefused, run(`INSERT INTO raw (id, n, s) VALUES (9, 9, 'abcd')`)},
	)
	mysql := append(servers[:len(servers):len(servers)],
		accident{"locked", conflict, func(s *scene) error { return s.blocked(`SET innodb_lock_wait_timeout = 1`) }},
		accident{"connection killed", unknown, func(s *scene) error { return s.killed(`SELECT CONNECTION_ID()`, `KILL CONNECTION ?`) }},
		accident{"statement killed", unknown, func(s *scene) error { return s.killed(`SELECT CONNECTION_ID()`, `KILL QUERY ?`) }},
	)
	return map[string][]accident{
		"sqlite": append(all,
			accident{"locked", conflict, (*scene).locked},
			accident{"locked behind a snapshot", conflict, (*scene).staleSnapshot},
			accident{"full", errRefused, (*scene).full},
		),
		"postgresql": append(servers[:len(servers):len(servers)],
			accident{"locked", conflict, func(s *scene) error { return s.blocked(`SET lock_timeout = 30`) }},
			accident{"locked, NOWAIT", conflict, func(s *scene) error { return s.blockedBy(`SELECT id FROM raw WHERE id = 1 FOR UPDATE NOWAIT`) }},
			accident{"changed since", conflict, func(s *scene) error { return s.changedSince(sql.LevelRepeatableRead, ``) }},
			accident{"changed since, at COMMIT", conflict, (*scene).writeSkew},
			accident{"duplicate, at COMMIT", conflict, (*scene).deferred},
			accident{"too slow", unknown, func(s *scene) error { return s.blocked(`SET statement_timeout = 30`) }},
			accident{"connection killed", unknown, func(s *scene) error { return s.killed(`SELECT pg_backend_pid()`, `SELECT pg_terminate_backend($1)`) }},
			accident{"statement killed", unknown, func(s *scene) error { return s.killed(`SELECT pg_backend_pid()`, `SELECT pg_cancel_backend($1)`) }},
		),
		"mysql": mysql,
		"mariadb": append(mysql[:len(mysql):len(mysql)],
			accident{"changed since", conflict, func(s *scene) error {
				return s.changedSince(sql.LevelRepeatableRead, `SET innodb_snapshot_isolation = 1`)
			}},
			accident{"too slow", unknown, func(s *scene) error { return s.blocked(`SET max_statement_time = 0.03`) }},
		),
	}
}

// scene is where accidents happen.
type scene struct {
	t       testing.TB
	db      *sql.DB
	dialect string
}

const add = `UPDATE raw SET n = n + 10 WHERE id = `

func (s *scene) exec(statement string) {
	s.t.Helper()
	_, err := s.db.Exec(statement)
	require.NoError(s.t, err, statement)
}

func (s *scene) fails(statement string) error {
	_, err := s.db.Exec(statement)
	return err
}

// begin begins a transaction on a connection of its own, which does not stay.
func (s *scene) begin(level sql.IsolationLevel, settings ...string) (tx *sql.Tx, end func()) {
	s.t.Helper()
	conn, err := s.db.Conn(s.t.Context())
	require.NoError(s.t, err)
	for _, setting := range settings {
		if setting != "" {
			_, err = conn.ExecContext(s.t.Context(), setting)
			require.NoError(s.t, err)
		}
	}
	tx, err = conn.BeginTx(s.t.Context(), &sql.TxOptions{Isolation: level})
	require.NoError(s.t, err)
	return tx, func() {
		_ = tx.Rollback()
		_ = conn.Raw(func(any) error { return errors.New("closed") })
		_ = conn.Close()
	}
}

func (s *scene) in(tx *sql.Tx, statement string) {
	s.t.Helper()
	_, err := tx.Exec(statement)
	require.NoError(s.t, err, statement)
}

func (s *scene) readOnly() error {
	if s.dialect == "sqlite" {
		tx, end := s.begin(sql.LevelDefault)
		defer end()
		s.in(tx, `PRAGMA query_only = 1`)
		_, err := tx.Exec(add + `1`)
		s.in(tx, `PRAGMA query_only = 0`)
		return err
	}
	tx, err := s.db.BeginTx(s.t.Context(), &sql.TxOptions{ReadOnly: true})
	require.NoError(s.t, err)
	defer tx.Rollback()
	_, err = tx.Exec(add + `1`)
	return err
}

// blocked is a write of a row that another one holds.
func (s *scene) blocked(setting string) error {
	holder, end := s.begin(sql.LevelDefault)
	defer end()
	s.in(holder, add+`1`)
	waiter, end := s.begin(sql.LevelDefault, setting)
	defer end()
	_, err := waiter.Exec(add + `1`)
	return err
}

func (s *scene) blockedBy(statement string) error {
	holder, end := s.begin(sql.LevelDefault)
	defer end()
	s.in(holder, add+`1`)
	return s.fails(statement)
}

func (s *scene) locked() error {
	holder, end := s.begin(sql.LevelDefault)
	defer end()
	s.in(holder, add+`1`)
	conn, err := s.db.Conn(s.t.Context())
	require.NoError(s.t, err)
	defer conn.Close()
	_, err = conn.ExecContext(s.t.Context(), `PRAGMA busy_timeout = 10`)
	require.NoError(s.t, err)
	_, err = conn.ExecContext(s.t.Context(), add+`1`)
	return err
}

// staleSnapshot writes in a transaction that has read what another one has changed since.
func (s *scene) staleSnapshot() error {
	conn, err := s.db.Conn(s.t.Context())
	require.NoError(s.t, err)
	defer conn.Close()
	ctx := s.t.Context()
	_, err = conn.ExecContext(ctx, `BEGIN DEFERRED`)
	require.NoError(s.t, err)
	var n int
	require.NoError(s.t, conn.QueryRowContext(ctx, `SELECT n FROM raw WHERE id = 1`).Scan(&n))
	s.exec(`UPDATE raw SET n = n + 10 WHERE id = 2`)
	defer s.exec(`UPDATE raw SET n = n - 10 WHERE id = 2`)
	_, err = conn.ExecContext(ctx, add+`1`)
	_, end := conn.ExecContext(ctx, `ROLLBACK`)
	require.NoError(s.t, end)
	return err
}

func (s *scene) full() error {
	conn, err := s.db.Conn(s.t.Context())
	require.NoError(s.t, err)
	defer conn.Close()
	_, err = conn.ExecContext(s.t.Context(), `PRAGMA max_page_count = 1`) // it stays at what is used
	require.NoError(s.t, err)
	_, err = conn.ExecContext(s.t.Context(), `INSERT INTO raw (id, n, s) VALUES (3, 3, '`+strings.Repeat("x", 1<<20)+`')`)
	return err
}

func (s *scene) deadlock() error {
	one, end := s.begin(sql.LevelDefault)
	defer end()
	two, end := s.begin(sql.LevelDefault)
	defer end()
	s.in(one, add+`1`)
	s.in(two, add+`2`)
	first := make(chan error, 1)
	go func() {
		_, err := one.Exec(add + `2`)
		if err != nil {
			_ = one.Rollback()
		}
		first <- err
	}()
	_, err := two.Exec(add + `1`)
	if err != nil {
		_ = two.Rollback()
	}
	return errors.Join(err, <-first) // one of them
}

// changedSince writes a row that another one has changed since this one's snapshot.
func (s *scene) changedSince(level sql.IsolationLevel, setting string) error {
	tx, end := s.begin(level, setting)
	defer end()
	var n int
	require.NoError(s.t, tx.QueryRow(`SELECT n FROM raw WHERE id = 1`).Scan(&n))
	s.exec(`UPDATE raw SET n = n + 10 WHERE id = 1`)
	defer s.exec(`UPDATE raw SET n = n - 10 WHERE id = 1`)
	_, err := tx.Exec(add + `1`)
	return err
}

// writeSkew is two transactions that each read what the other one writes.
func (s *scene) writeSkew() error {
	one, end := s.begin(sql.LevelSerializable)
	defer end()
	two, end := s.begin(sql.LevelSerializable)
	defer end()
	for _, tx := range []*sql.Tx{one, two} {
		var n int
		require.NoError(s.t, tx.QueryRow(`SELECT SUM(n) FROM raw`).Scan(&n))
	}
	s.in(one, `UPDATE raw SET n = n WHERE id = 1`)
	s.in(two, `UPDATE raw SET n = n WHERE id = 2`)
	return errors.Join(one.Commit(), two.Commit())
}

func (s *scene) deferred() error {
	s.exec(`CREATE TABLE late (n INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)`)
	tx, end := s.begin(sql.LevelDefault)
	defer end()
	s.in(tx, `INSERT INTO late (n) VALUES (1), (1)`)
	return tx.Commit()
}

// killed is a write that somebody ends while it waits for a row.
func (s *scene) killed(who, kill string) error {
	holder, end := s.begin(sql.LevelDefault)
	defer end()
	s.in(holder, add+`1`)
	waiter, end := s.begin(sql.LevelDefault)
	defer end()
	var id int
	require.NoError(s.t, waiter.QueryRow(who).Scan(&id))
	done := make(chan error, 1)
	go func() {
		_, err := waiter.Exec(add + `1`)
		done <- err
	}()
	time.Sleep(50 * time.Millisecond) // it waits by then; if not, a statement cannot be killed yet and is once more
	for {
		_, err := s.db.ExecContext(context.WithoutCancel(s.t.Context()), strings.ReplaceAll(strings.ReplaceAll(kill, "$1", strconv.Itoa(id)), "?", strconv.Itoa(id)))
		require.NoError(s.t, err)
		select {
		case err := <-done:
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}
