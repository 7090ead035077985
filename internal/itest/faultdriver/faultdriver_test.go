package faultdriver_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
)

func open(t *testing.T) (*sql.DB, *faultdriver.Control) {
	db, control := faultdriver.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "x.db")+"?_pragma=busy_timeout(1000)&_txlock=immediate")
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err := db.Exec("CREATE TABLE t (n INTEGER)")
	require.NoError(t, err)
	control.Reset()
	return db, control
}

const insert = "INSERT INTO t VALUES (?)"

// add adds a row in a transaction: BEGIN, INSERT, COMMIT.
func add(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, insert, 1); err != nil {
		return err
	}
	return tx.Commit()
}

func rows(t *testing.T, db *sql.DB) (n int) {
	require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM t").Scan(&n))
	return n
}

func TestCalls(t *testing.T) {
	t.Parallel()
	db, control := open(t)
	require.NoError(t, add(t.Context(), db))
	require.Equal(t, []string{faultdriver.Begin, insert, faultdriver.Commit}, control.Calls())
	require.Equal(t, []string{insert}, control.Statements())
	control.Reset()
	stmt, err := db.Prepare(insert)
	require.NoError(t, err)
	require.Empty(t, control.Calls(), "preparing is not running")
	for range 3 {
		_, err = stmt.Exec(1)
		require.NoError(t, err)
	}
	require.Equal(t, []string{insert, insert, insert}, control.Statements())
	require.NoError(t, stmt.Close()) //nolint:sqlclosecheck // checked
	var seen []string
	control.OnCall(func(_ int, call string) { seen = append(seen, call) })
	require.Equal(t, 4, rows(t, db))
	require.Len(t, seen, 1)
}

// What each mode does to each of the three calls: the error, and whether the row is there after it.
func TestModes(t *testing.T) {
	t.Parallel()
	for mode, want := range map[faultdriver.Mode]struct {
		err   error
		there bool // after a failure at COMMIT
	}{
		faultdriver.FailBefore:   {faultdriver.ErrInjected, false},
		faultdriver.FailAfter:    {faultdriver.ErrInjected, true},
		faultdriver.LostBefore:   {faultdriver.ErrLost, false},
		faultdriver.LostAfter:    {faultdriver.ErrLost, true},
		faultdriver.BadConn:      {nil, false}, // BEGIN is tried on another connection; else driver.ErrBadConn
		faultdriver.CancelBefore: {context.Canceled, true},
		faultdriver.CancelDuring: {context.Canceled, true},
		faultdriver.CancelAfter:  {context.Canceled, true},
	} {
		for n := 1; n <= 3; n++ {
			db, control := open(t)
			ctx, cancel := context.WithCancel(t.Context())
			control.CancelWith(cancel)
			control.FailAt(n, mode)
			err := add(ctx, db)
			cancel()
			require.True(t, control.Fired(), "%s at %d", mode, n)
			control.Reset()
			switch {
			case mode == faultdriver.BadConn && n == 1:
				require.NoError(t, err)
			case mode == faultdriver.BadConn:
				require.Error(t, err)
			case mode == faultdriver.CancelDuring && err == nil: // too late
			case n == 3 && errors.Is(want.err, context.Canceled): // COMMIT does not look at the context here
				require.NoError(t, err, "%s at %d", mode, n)
			default:
				require.ErrorIs(t, err, want.err, "%s at %d", mode, n)
			}
			there := n == 3 && want.there || err == nil
			require.Equal(t, there, rows(t, db) == 1, "%s at %d: %v", mode, n, err)
			require.NoError(t, add(t.Context(), db), "%s at %d: the next one works", mode, n)
		}
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	db, control := open(t)
	other := errors.New("other")
	control.FailWith(2, other)
	require.ErrorIs(t, add(t.Context(), db), other)
	require.NoError(t, add(t.Context(), db), "once")
	control.FailFrom(1, faultdriver.FailBefore)
	for range 3 {
		require.Error(t, add(t.Context(), db))
	}
	control.Reset()
	require.Equal(t, 1, rows(t, db))
	control.FailAt(10, faultdriver.FailBefore)
	require.NoError(t, add(t.Context(), db))
	require.False(t, control.Fired())
	require.Panics(t, func() { faultdriver.Open("no such driver", "") })
}
