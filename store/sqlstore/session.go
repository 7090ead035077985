package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"
)

// session is where an operation's statements run: straight on the database, in a transaction of its
// own, or in the host's.
type session struct {
	*Store
	tx     *sql.Tx  // nil: each statement stands alone
	own    bool     // not the host's transaction: statements may be kept prepared
	missed []string // statements worth keeping that were not, while the transaction held the connection
}

// alone returns a session in which each statement stands for itself.
func (s *Store) alone(ctx context.Context) (*session, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	return &session{Store: s, tx: s.tx, own: s.tx == nil}, nil
}

// write runs f in a transaction, all or nothing, and leaves the connection usable whatever happens.
// Inside a host's transaction it only runs f: the host ends it.
func (s *Store) write(ctx context.Context, f func(*session) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if s.tx != nil {
		return f(&session{Store: s, tx: s.tx})
	}
	life, end := newLife(ctx)
	defer end()
	conn, tx, err := s.begin(ctx, life)
	if err != nil {
		return s.failed(ctx, err)
	}
	defer conn.Close()
	defer tx.Rollback() // for a panic in f; else there is nothing left to roll back
	w := &session{Store: s, tx: tx, own: true}
	if err := f(w); err != nil {
		return errors.Join(err, rollback(ctx, conn, tx))
	}
	if !life.outlive(ctx) {
		return errors.Join(ctx.Err(), rollback(ctx, conn, tx))
	}
	if err := tx.Commit(); err != nil {
		return s.commitFailed(err)
	}
	conn.Close() // before preparing, which needs a connection and may be allowed only this one
	for _, text := range w.missed {
		_, _ = s.shared.statements.keep(ctx, s.db, text) //nolint:sqlclosecheck // kept; or else the next caller runs it as text, too
	}
	return nil
}

// commitGrace is how long a COMMIT may go on after its caller has given up.
const commitGrace = 5 * time.Second

// life is the context of one transaction. It ends with the caller's until the COMMIT, and from then
// on no more (S-226): a COMMIT that is cancelled under way may still land, and moments after its
// error, so whoever was told would look too early and decide on a state that is about to change. Its
// answer comes as soon as the disk has it; a caller who does not wait for it may be kept for
// commitGrace, and is told then that the outcome is unknown.
type life struct {
	context.Context
	end  context.CancelFunc
	stop func() bool // follow the caller no more; false: the caller's context has ended
}

func newLife(ctx context.Context) (*life, func()) {
	l := &life{}
	l.Context, l.end = context.WithCancel(context.WithoutCancel(ctx))
	l.stop = context.AfterFunc(ctx, l.end)
	return l, func() {
		l.stop()
		l.end()
	}
}

// outlive parts the transaction from its caller, in time for its COMMIT. If it is false, the caller's
// context has ended already.
func (l *life) outlive(ctx context.Context) bool {
	if !l.stop() {
		return false
	}
	l.stop = context.AfterFunc(ctx, func() { time.AfterFunc(commitGrace, l.end) })
	return true
}

// begin takes a connection and begins a transaction on it. The connection is held beside it for
// [rollback]. The isolation level is the database's or the host's, whose choice need not be undone
// here: no guard depends on it, and to name one would cost a statement more on MySQL.
func (s *Store) begin(ctx context.Context, l *life) (conn *sql.Conn, tx *sql.Tx, err error) {
	tx, err = patient(ctx, func() (*sql.Tx, error) {
		if conn, err = s.db.Conn(ctx); err != nil {
			return nil, err
		}
		tx, err := conn.BeginTx(l, nil)
		if err != nil {
			_ = conn.Close()
		}
		return tx, err
	})
	return conn, tx, err
}

// patient runs f again as long as it finds broken connections, with which nothing was done. After a
// restart of the server, or when many callers have given up at once, the pool is full of them;
// database/sql itself tries two. Each try uses one up.
func patient[T any](ctx context.Context, f func() (T, error)) (T, error) {
	for try := 1; ; try++ {
		v, err := f()
		if try == 100 || ctx.Err() != nil || !errors.Is(err, driver.ErrBadConn) {
			return v, err
		}
	}
}

// rollback ends the transaction. If the database says it cannot, because it has done so itself on a
// grave error, that is proved by beginning another; a connection that fails this as well is thrown
// away, so that nobody goes on in a half-done transaction.
func rollback(ctx context.Context, conn *sql.Conn, tx *sql.Tx) error {
	err := tx.Rollback()
	if err == nil || errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	probe, begin := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if begin == nil && probe.Rollback() == nil {
		return nil
	}
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	return fmt.Errorf("sqlstore: rollback: %w", err)
}

// exec runs a statement and returns how many rows it found.
func (w *session) exec(ctx context.Context, t *text) (int64, error) {
	if err := storable(t.args); err != nil {
		return 0, err
	}
	sqlText, args := w.render(t)
	run := func() (sql.Result, error) {
		stmt, err := w.prepared(ctx, sqlText, t.wide) //nolint:sqlclosecheck // kept, or the transaction's
		switch {
		case err != nil:
			return nil, err
		case stmt != nil:
			return stmt.ExecContext(ctx, args...)
		case w.tx != nil:
			return w.tx.ExecContext(ctx, sqlText, args...)
		}
		return w.db.ExecContext(ctx, sqlText, args...)
	}
	res, err := once(ctx, w, run)
	if err != nil {
		return 0, w.failed(ctx, err)
	}
	n, err := res.RowsAffected()
	return n, w.failed(ctx, err)
}

// must runs a statement that has to find exactly n rows; else somebody was faster.
func (w *session) must(ctx context.Context, n int, what string, t *text) error {
	found, err := w.exec(ctx, t)
	if err != nil {
		return err
	}
	if found != int64(n) {
		return conflict(what + ": " + itoa(int(found)) + " of " + itoa(n))
	}
	return nil
}

// query runs a statement and calls row for each of its rows.
func (w *session) query(ctx context.Context, t *text, row func(*sql.Rows) error) error {
	if err := storable(t.args); err != nil {
		return err
	}
	sqlText, args := w.render(t)
	run := func() (*sql.Rows, error) {
		if w.tx != nil && w.dialect.literalReads {
			sqlText, err := literal(sqlText, args)
			if err != nil {
				return nil, err
			}
			return w.tx.QueryContext(ctx, sqlText)
		}
		stmt, err := w.prepared(ctx, sqlText, t.wide) //nolint:sqlclosecheck // kept, or the transaction's
		switch {
		case err != nil:
			return nil, err
		case stmt != nil:
			return stmt.QueryContext(ctx, args...)
		case w.tx != nil:
			return w.tx.QueryContext(ctx, sqlText, args...)
		}
		return w.db.QueryContext(ctx, sqlText, args...)
	}
	rows, err := once(ctx, w, run)
	if err != nil {
		return w.failed(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return w.failed(ctx, err)
		}
	}
	if err := rows.Err(); err != nil {
		return w.failed(ctx, err)
	}
	return w.failed(ctx, rows.Close())
}

// once runs a statement: patiently if it stands alone; in a transaction a broken connection is the
// end of it.
func once[T any](ctx context.Context, w *session, run func() (T, error)) (T, error) {
	if w.tx != nil {
		return run()
	}
	return patient(ctx, run)
}

// prepared returns the statement ready to run, or nil if it is to be run as text.
func (w *session) prepared(ctx context.Context, sqlText string, wide bool) (*sql.Stmt, error) {
	c := &w.shared.statements
	if wide || !w.own || c.max == 0 {
		return nil, nil
	}
	stmt := c.get(sqlText)
	switch {
	case w.tx == nil && stmt == nil:
		return c.keep(ctx, w.db, sqlText)
	case w.tx == nil:
		return stmt, nil
	case stmt == nil:
		// Preparing now would wait for a second connection while holding the first.
		w.missed = append(w.missed, sqlText)
		return nil, nil
	}
	return w.tx.StmtContext(ctx, stmt), nil
}

// statements keeps prepared statements, each for the life of the store: what the first callers need
// is what all callers need, since lists of varying length are left out.
type statements struct {
	max    int
	mu     sync.RWMutex
	byText map[string]*sql.Stmt
}

func newStatements(limit int) statements {
	return statements{max: limit, byText: make(map[string]*sql.Stmt)}
}

func (c *statements) get(text string) *sql.Stmt {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byText[text]
}

// keep prepares a statement and remembers it, if there is room. It returns nil if there is none.
func (c *statements) keep(ctx context.Context, db *sql.DB, text string) (*sql.Stmt, error) {
	c.mu.RLock()
	full := len(c.byText) >= c.max
	c.mu.RUnlock()
	if full {
		return nil, nil
	}
	stmt, err := db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := c.byText[text]; first != nil {
		_ = stmt.Close() //nolint:sqlclosecheck // the other one stays
		return first, nil
	}
	c.byText[text] = stmt
	return stmt, nil
}
