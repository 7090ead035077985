//lint:file-ignore SA1019 a wrapper hands on what drivers still implement

package faultdriver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// Open opens a database with a registered driver, wrapped. It panics if there is no such driver.
func Open(driverName, dsn string) (*sql.DB, *Control) {
	plain, err := sql.Open(driverName, dsn)
	if err != nil {
		panic(fmt.Sprintf("faultdriver: %v", err))
	}
	defer plain.Close()
	if d, ok := plain.Driver().(driver.DriverContext); ok {
		c, err := d.OpenConnector(dsn)
		if err != nil {
			panic(fmt.Sprintf("faultdriver: %v", err))
		}
		return OpenConnector(c)
	}
	return OpenConnector(dsnConnector{plain.Driver(), dsn})
}

// OpenConnector is Open for a driver that comes as a connector.
func OpenConnector(c driver.Connector) (*sql.DB, *Control) {
	control := &Control{}
	return sql.OpenDB(&connector{c, control}), control
}

type dsnConnector struct {
	driver driver.Driver
	dsn    string
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c dsnConnector) Driver() driver.Driver                        { return c.driver }

type connector struct {
	driver.Connector
	control *Control
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{inner: inner, control: c.control}, nil
}

// conn is one connection. database/sql never uses it from two goroutines at once.
type conn struct {
	inner   driver.Conn
	control *Control
	tx      driver.Tx // open transaction
	lost    bool
}

var (
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
)

// lose makes the connection look lost from here on. A server that loses a client undoes what it had
// not committed; a database in this process has to be told.
func (c *conn) lose() {
	if c.tx != nil {
		_ = c.tx.Rollback()
		c.tx = nil
	}
	c.lost = true
}

// run runs one counted call, or makes it fail as planned.
func run[T any](c *conn, call string, do func() (T, error)) (T, error) {
	var none T
	if c.lost {
		return none, driver.ErrBadConn
	}
	n, mode, cancel, injected := c.control.count(call)
	switch mode {
	case FailBefore:
		return none, injected
	case LostBefore:
		c.lose()
		return none, ErrLost
	case BadConn:
		c.lose()
		return none, driver.ErrBadConn
	case CancelBefore:
		cancel()
	case CancelDuring:
		go cancel()
	}
	v, err := do()
	if errors.Is(err, driver.ErrSkip) {
		c.control.uncount(n)
		return v, err
	}
	switch mode {
	case FailAfter:
		drop(v)
		return none, injected
	case LostAfter:
		drop(v)
		c.lose()
		return none, ErrLost
	case CancelAfter:
		cancel()
	}
	return v, err
}

// drop closes a result that the caller will not see.
func drop(v any) {
	if rows, ok := v.(driver.Rows); ok && rows != nil {
		_ = rows.Close()
	}
}

func (c *conn) Close() error { return c.inner.Close() }

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.lost {
		return nil, driver.ErrBadConn
	}
	var inner driver.Stmt
	var err error
	if p, ok := c.inner.(driver.ConnPrepareContext); ok {
		inner, err = p.PrepareContext(ctx, c.control.rewritten(query))
	} else {
		inner, err = c.inner.Prepare(c.control.rewritten(query))
	}
	if err != nil {
		return nil, err
	}
	return &stmt{Stmt: inner, conn: c, query: query}, nil
}

func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	began := false
	inner, err := run(c, Begin, func() (driver.Tx, error) {
		var inner driver.Tx
		var err error
		if b, ok := c.inner.(driver.ConnBeginTx); ok {
			inner, err = b.BeginTx(ctx, opts)
		} else {
			inner, err = c.inner.Begin() //nolint:staticcheck // for drivers that have nothing newer
		}
		if err == nil {
			c.tx, began = inner, true
		}
		return inner, err
	})
	if err != nil {
		if began && c.tx != nil { // and the caller will never know
			_ = c.tx.Rollback()
			c.tx = nil
		}
		return nil, err
	}
	return &tx{inner: inner, conn: c}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	e, ok := c.inner.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return run(c, query, func() (driver.Result, error) { return e.ExecContext(ctx, c.control.rewritten(query), args) })
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	q, ok := c.inner.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return run(c, query, func() (driver.Rows, error) { return q.QueryContext(ctx, c.control.rewritten(query), args) })
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.inner.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip // database/sql then does as if there were no checker
}

func (c *conn) Ping(ctx context.Context) error {
	if c.lost {
		return driver.ErrBadConn
	}
	if p, ok := c.inner.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

func (c *conn) ResetSession(ctx context.Context) error {
	if c.lost {
		return driver.ErrBadConn
	}
	if r, ok := c.inner.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *conn) IsValid() bool {
	if c.lost {
		return false
	}
	if v, ok := c.inner.(driver.Validator); ok {
		return v.IsValid()
	}
	return true
}

type tx struct {
	inner driver.Tx
	conn  *conn
}

func (t *tx) Commit() error   { return t.end(Commit, t.inner.Commit) }
func (t *tx) Rollback() error { return t.end(Rollback, t.inner.Rollback) }

func (t *tx) end(call string, do func() error) error {
	_, err := run(t.conn, call, func() (struct{}, error) {
		t.conn.tx = nil
		return struct{}{}, do()
	})
	if t.conn.tx != nil && !t.conn.lost && call == Commit {
		// COMMIT failed before it was run. database/sql takes the transaction for ended, so it must
		// be, as it is with a real driver.
		_ = t.inner.Rollback()
		t.conn.tx = nil
	}
	return err
}

type stmt struct {
	driver.Stmt
	conn  *conn
	query string
}

var (
	_ driver.StmtExecContext   = (*stmt)(nil)
	_ driver.StmtQueryContext  = (*stmt)(nil)
	_ driver.NamedValueChecker = (*stmt)(nil)
	_ driver.ColumnConverter   = (*stmt)(nil) //nolint:staticcheck // some drivers have nothing newer
)

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return run(s.conn, s.query, func() (driver.Result, error) {
		if e, ok := s.Stmt.(driver.StmtExecContext); ok {
			return e.ExecContext(ctx, args)
		}
		return s.Stmt.Exec(values(args)) //nolint:staticcheck // as above
	})
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return run(s.conn, s.query, func() (driver.Rows, error) {
		if q, ok := s.Stmt.(driver.StmtQueryContext); ok {
			return q.QueryContext(ctx, args)
		}
		return s.Stmt.Query(values(args)) //nolint:staticcheck // as above
	})
}

func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return s.conn.CheckNamedValue(v)
}

func (s *stmt) ColumnConverter(i int) driver.ValueConverter {
	if c, ok := s.Stmt.(driver.ColumnConverter); ok { //nolint:staticcheck // as above
		return c.ColumnConverter(i)
	}
	return driver.DefaultParameterConverter
}

func values(args []driver.NamedValue) []driver.Value {
	out := make([]driver.Value, len(args))
	for i, a := range args {
		out[i] = a.Value
	}
	return out
}
