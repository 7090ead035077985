package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/orgusers/go-orgusers/orgusers"
)

// fault is what an error of the database means for a caller. It is told by the error's code, read
// without importing the driver, and never by its text.
type fault int

const (
	// faultUnknown: no code, or one that leaves open what happened: a lost connection, a server
	// that went down. At COMMIT the change may have happened.
	faultUnknown fault = iota
	// faultRefused: the database has said no and nothing was written.
	faultRefused
	// faultConflict: somebody else was first or in the way; starting over may succeed.
	faultConflict
)

// failed turns an error of the database into what [orgusers.Store] promises. The context's own error
// comes first, because drivers report a cancelled statement each in their own way.
func (s *Store) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if end := ctx.Err(); end != nil {
		return end
	}
	if s.dialect.fault(err) == faultConflict {
		return fmt.Errorf("sqlstore: %w: %w", orgusers.ErrConflict, err)
	}
	return fmt.Errorf("sqlstore: %w", err)
}

// commitFailed is failed for the COMMIT itself: unless the database has answered, nobody knows
// whether it happened. Both ErrUnknownOutcome and the cause can be found in the error.
func (s *Store) commitFailed(err error) error {
	switch s.dialect.fault(err) {
	case faultConflict:
		return fmt.Errorf("sqlstore: commit: %w: %w", orgusers.ErrConflict, err)
	case faultRefused:
		return fmt.Errorf("sqlstore: commit: %w", err)
	}
	return fmt.Errorf("sqlstore: commit: %w: %w", orgusers.ErrUnknownOutcome, err)
}

// conflict is a guard that did not hold.
func conflict(what string) error {
	return fmt.Errorf("sqlstore: %s: %w", what, orgusers.ErrConflict)
}

// sqliteCode returns the extended result code. modernc.org/sqlite has a method, mattn/go-sqlite3 a
// field.
func sqliteCode(err error) (int, bool) {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code(), true
	}
	if n, ok := field(err, "ExtendedCode"); ok && n != 0 {
		return int(n), true
	}
	n, ok := field(err, "Code")
	return int(n), ok
}

func sqliteFault(err error) fault {
	code, ok := sqliteCode(err)
	if !ok {
		return faultUnknown
	}
	switch code {
	case 2067, 1555, 2579, // UNIQUE, PRIMARY KEY, ROWID
		19: // a driver without extended codes: a duplicate is the one constraint a correct caller meets
		return faultConflict
	}
	switch code & 0xff {
	case 5, 6: // BUSY and LOCKED, in all their forms: 261 recovery, 517 stale snapshot, 262 shared cache
		return faultConflict
	case 9: // INTERRUPT, and not by this caller's context: a late echo of another's; undone
		return faultConflict
	case 10, 11, 26: // I/O error, damaged file: what reached the disk is not known
		return faultUnknown
	}
	return faultRefused
}

// sqliteMissing is asked only about a SELECT of one row from the table of versions, for which the
// general code 1 has no other cause.
func sqliteMissing(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code&0xff == 1
}

// sqlState returns the five characters of SQLSTATE, which both drivers for PostgreSQL have.
func sqlState(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}

func postgresFault(err error) fault {
	state := sqlState(err)
	switch state {
	case "40001", // serialization failure
		"40P01", // deadlock
		"23505", // duplicate key
		"55P03": // lock not available
		return faultConflict
	case "", "40003": // no answer; "statement completion unknown"
		return faultUnknown
	}
	switch state[:2] {
	case "08", "57", "58", "XX": // connection, operator intervention, system, internal
		return faultUnknown
	}
	return faultRefused
}

func postgresMissing(err error) bool { return sqlState(err) == "42P01" }

// postgresExists is what CREATE TABLE IF NOT EXISTS may say when two run at once.
func postgresExists(err error) bool {
	state := sqlState(err)
	return state == "42P07" || state == "42710"
}

// mysqlNumber returns the server's error number, which go-sql-driver/mysql keeps in a field.
func mysqlNumber(err error) (int, bool) {
	n, ok := field(err, "Number")
	return int(n), ok
}

func mysqlFault(err error) fault {
	n, ok := mysqlNumber(err)
	if !ok {
		return faultUnknown
	}
	switch n {
	case 1213, // deadlock
		1205, // lock wait timeout
		1020, // the row has changed since it was read
		1062, // duplicate key
		1022, 1586:
		return faultConflict
	case 1053, 1317, 1927, 3169, // shutdown, interrupted, killed
		1969, 3024, // took longer than it may
		1047, 1105, 1180: // not part of the cluster, unknown error, error during COMMIT
		return faultUnknown
	}
	return faultRefused
}

func mysqlMissing(err error) bool {
	n, _ := mysqlNumber(err)
	return n == 1146
}

func mysqlExists(err error) bool {
	n, _ := mysqlNumber(err)
	return n == 1050 || n == 1060 || n == 1061
}

// sqliteExists: CREATE TABLE IF NOT EXISTS never says so there.
func sqliteExists(error) bool { return false }

// field reads an integer field of the first error in the chain that is a struct with one of this
// name.
func field(err error, name string) (int64, bool) {
	for err != nil {
		if n, ok := fieldOf(err, name); ok {
			return n, true
		}
		switch wrapped := err.(type) { //nolint:errorlint // this is the walk itself
		case interface{ Unwrap() error }:
			err = wrapped.Unwrap()
		case interface{ Unwrap() []error }:
			for _, e := range wrapped.Unwrap() {
				if n, ok := field(e, name); ok {
					return n, true
				}
			}
			return 0, false
		default:
			return 0, false
		}
	}
	return 0, false
}

func fieldOf(err error, name string) (int64, bool) {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct {
		return 0, false
	}
	f := v.FieldByName(name)
	switch {
	case !f.IsValid():
		return 0, false
	case f.CanInt():
		return f.Int(), true
	case f.CanUint():
		return int64(f.Uint()), true
	}
	return 0, false
}
