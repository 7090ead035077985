package dbserver

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long anything asked of a server may take. It is far more than any of it needs, for
// machines that run many packages on few cores.
const patience = 5 * time.Minute

// account owns the databases of the tests and is nobody else on the server. It has no password: it
// reaches nothing but test data, and only from this machine.
const account = "orgusers"

// prefix begins the name of every database made here.
const prefix = "orgusers_test_"

// server is a running server, or cluster, from the point of view of its administrator.
type server struct {
	engine  string
	version string
	remark  string    // where it comes from, for the log
	driver  string    // as registered with database/sql
	admin   string    // data source name of an account that may create databases
	members []*server // the nodes of a cluster, each by itself

	create func(database string) string   // the statement
	drop   func(database string) string   // the statement; it ends connections still open, or fails soon
	dsns   func(database string) []string // one per node
	log    func() string                  // the end of the server's own log
}

// database makes a database for the test and sees to its end.
func (s *server) database(tb testing.TB) []DB {
	tb.Helper()
	name := prefix + strings.ToLower(rand.Text())
	// The test's own context is cancelled before its cleanup, and a database must go in any case.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.exec(ctx, s.create(name)); err != nil {
		tb.Fatalf("%s: %v\n%s", s.engine, err, s.log())
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.exec(ctx, s.drop(name)); err != nil {
			tb.Errorf("%s: %v\n%s", s.engine, err, s.log())
		}
	})
	var nodes []DB
	for _, dsn := range s.dsns(name) {
		// The other nodes of a cluster learn of the database a moment later.
		if err := s.answers(ctx, dsn, nil); err != nil {
			tb.Fatalf("%s: %v\n%s", s.engine, err, s.log())
		}
		nodes = append(nodes, DB{DSN: dsn, Version: s.version})
	}
	tb.Logf("tested on %s %s, %s", s.engine, s.version, s.remark)
	return nodes
}

// exec runs statements as the administrator, over a connection that does not stay: a pool kept open
// would be a leak to the tests that look for one.
func (s *server) exec(ctx context.Context, statements ...string) error {
	db, err := sql.Open(s.driver, s.admin)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// text is the one value that the query, run as the administrator, returns.
func (s *server) text(ctx context.Context, query string) (value string, err error) {
	db, err := sql.Open(s.driver, s.admin)
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, query).Scan(&value); err != nil {
		return "", fmt.Errorf("%s: %w", query, err)
	}
	return value, nil
}

// askVersion learns the version by the query, with which a server also proves that it works.
func (s *server) askVersion(ctx context.Context, query string) (err error) {
	s.version, err = s.text(ctx, query)
	return err
}

// answers waits until the server can be talked to by dsn, and gives up once the process behind it, if
// it is ours, has ended.
func (s *server) answers(ctx context.Context, dsn string, p *process) error {
	db, err := sql.Open(s.driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return eventually(ctx, p, func() error { return db.PingContext(ctx) })
}

// eventually repeats the attempt until it succeeds.
func eventually(ctx context.Context, p *process, attempt func() error) error {
	for {
		err := attempt()
		switch {
		case err == nil:
			return nil
		case p != nil && p.ended():
			return fmt.Errorf("%w: %w", errEnded, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stops are what Main has yet to do, in the order of their making.
var stops struct {
	sync.Mutex
	list []func() error
}

// atEnd has Main call stop, the latest first.
func atEnd(stop func() error) {
	stops.Lock()
	defer stops.Unlock()
	stops.list = append(stops.list, stop)
}

func stopAll() error {
	stops.Lock()
	defer stops.Unlock()
	var errs []error
	for len(stops.list) > 0 {
		last := len(stops.list) - 1
		errs = append(errs, stops.list[last]())
		stops.list = stops.list[:last]
	}
	return errors.Join(errs...)
}
