package dbserver

import (
	"context"
	"database/sql"
	"testing"
)

// Both functions make trouble at one node of the cluster, for all who use it: a test that calls them
// is not parallel.

// GaleraRefuses has the node answer every query with error 1047, as one does that is not, or no
// longer, part of the cluster. It works again at the end of the test, or earlier when again is called.
func GaleraRefuses(tb testing.TB, node int) (again func()) {
	tb.Helper()
	m := member(tb, node)
	set := func(value string) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := m.exec(ctx, "SET GLOBAL wsrep_reject_queries = "+value); err != nil {
			tb.Errorf("%s: %v", m.engine, err)
		}
	}
	set("ALL")
	again = func() { set("NONE") }
	tb.Cleanup(again)
	return again
}

// GaleraLags has the node apply nothing of what the others commit, as one does that is busy, until
// release is called or the test ends. It goes on answering reads.
func GaleraLags(tb testing.TB, node int) (release func()) {
	tb.Helper()
	m := member(tb, node)
	db, err := sql.Open(m.driver, m.admin)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, "FLUSH TABLES WITH READ LOCK"); err != nil {
		tb.Fatal(err)
	}
	release = func() { _ = conn.Close(); _ = db.Close() } // whose end ends the lock
	tb.Cleanup(release)
	return release
}

func member(tb testing.TB, node int) *server {
	tb.Helper()
	s, err := galera()
	if err != nil {
		tb.Fatal(err)
	}
	return s.members[node]
}
