package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Errors as the drivers shape them. None is imported here, as none is by the package.
type (
	coder    struct{ code int } // modernc.org/sqlite
	errNo    int                // mattn/go-sqlite3
	errNoExt int
	mattn    struct {
		Code         errNo
		ExtendedCode errNoExt
	}
	state  struct{ code string } // pgx, lib/pq
	number struct {              // go-sql-driver/mysql
		Number   uint16
		SQLState [5]byte
		Message  string
	}
)

func (e *coder) Error() string    { return "database is locked; UNIQUE constraint failed" }
func (e *coder) Code() int        { return e.code }
func (e mattn) Error() string     { return "UNIQUE constraint failed" }
func (e *state) Error() string    { return "duplicate key value violates unique constraint" }
func (e *state) SQLState() string { return e.code }
func (e *number) Error() string   { return "Duplicate entry" }

func TestFaults(t *testing.T) {
	t.Parallel()
	sqlite, postgres, mysql := SQLite(), PostgreSQL(), MySQL()
	for _, c := range []struct {
		d    Dialect
		err  error
		want fault
	}{
		{sqlite, &coder{5}, faultConflict},
		{sqlite, &coder{6}, faultConflict},
		{sqlite, &coder{517}, faultConflict},
		{sqlite, &coder{261}, faultConflict},
		{sqlite, &coder{262}, faultConflict},
		{sqlite, &coder{2067}, faultConflict},
		{sqlite, &coder{1555}, faultConflict},
		{sqlite, &coder{19}, faultConflict},
		{sqlite, &coder{9}, faultConflict},
		{sqlite, &coder{1299}, faultRefused}, // NOT NULL
		{sqlite, &coder{275}, faultRefused},  // CHECK
		{sqlite, &coder{787}, faultRefused},  // FOREIGN KEY
		{sqlite, &coder{1811}, faultRefused}, // TRIGGER
		{sqlite, &coder{13}, faultRefused},   // disk full
		{sqlite, &coder{1}, faultRefused},
		{sqlite, &coder{10}, faultUnknown},
		{sqlite, &coder{1034}, faultUnknown}, // fsync
		{sqlite, mattn{Code: 5}, faultConflict},
		{sqlite, mattn{Code: 19, ExtendedCode: 2067}, faultConflict},
		{sqlite, mattn{Code: 19, ExtendedCode: 1299}, faultRefused},
		{postgres, &state{"40001"}, faultConflict},
		{postgres, &state{"40P01"}, faultConflict},
		{postgres, &state{"23505"}, faultConflict},
		{postgres, &state{"55P03"}, faultConflict},
		{postgres, &state{"23502"}, faultRefused},
		{postgres, &state{"23514"}, faultRefused},
		{postgres, &state{"23503"}, faultRefused},
		{postgres, &state{"53100"}, faultRefused},
		{postgres, &state{"40003"}, faultUnknown},
		{postgres, &state{"08006"}, faultUnknown},
		{postgres, &state{"57P01"}, faultUnknown},
		{postgres, &state{""}, faultUnknown},
		{mysql, &number{Number: 1213}, faultConflict},
		{mysql, &number{Number: 1205}, faultConflict},
		{mysql, &number{Number: 1062}, faultConflict},
		{mysql, &number{Number: 1020}, faultConflict},
		{mysql, &number{Number: 1048}, faultRefused},
		{mysql, &number{Number: 3819}, faultRefused},
		{mysql, &number{Number: 4025}, faultRefused},
		{mysql, &number{Number: 1406}, faultRefused},
		{mysql, &number{Number: 1180}, faultUnknown},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err), errors.Join(io.EOF, c.err)} {
			require.Equal(t, c.want, c.d.fault(err), "%s %#v", c.d, c.err)
		}
	}
	for _, d := range []Dialect{sqlite, postgres, mysql} {
		for _, err := range []error{driver.ErrBadConn, io.ErrUnexpectedEOF, errors.New("database is locked (5) (SQLITE_BUSY)")} {
			require.Equal(t, faultUnknown, d.fault(err), "%s: never by the text", d)
		}
	}
}

func TestFailed(t *testing.T) {
	t.Parallel()
	s := &Store{dialect: SQLite()}
	require.NoError(t, s.failed(t.Context(), nil))
	busy := &coder{5}
	err := s.failed(t.Context(), busy)
	require.ErrorIs(t, err, orgusers.ErrConflict)
	require.ErrorIs(t, err, busy)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, context.Canceled, s.failed(ended, busy), "as it is")

	require.ErrorIs(t, s.commitFailed(busy), orgusers.ErrConflict)
	require.ErrorIs(t, s.CommitError(busy), orgusers.ErrConflict)
	require.NoError(t, s.CommitError(nil))
	require.NotErrorIs(t, s.commitFailed(&coder{13}), orgusers.ErrUnknownOutcome)
	lost := s.commitFailed(io.ErrUnexpectedEOF)
	require.ErrorIs(t, lost, orgusers.ErrUnknownOutcome)
	require.ErrorIs(t, lost, io.ErrUnexpectedEOF)
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	text, err := literal(`SELECT a FROM b WHERE c = ? AND d < ? LIMIT ?`, []any{"O'Hara\\ ?é", int64(-7), int64(2)})
	require.NoError(t, err)
	require.Equal(t, `SELECT a FROM b WHERE c = x'4f27486172615c203fc3a9' AND d < -7 LIMIT 2`, text)
	text, err = literal(`c = ?`, []any{""})
	require.NoError(t, err)
	require.Equal(t, `c = x''`, text)
	_, err = literal(`c = ?`, []any{1.5})
	require.Error(t, err)
	_, err = literal(`c = ?`, []any{"a", "b"})
	require.Error(t, err)
}
