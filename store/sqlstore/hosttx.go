package sqlstore

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// CommitError says what the error of a host's own COMMIT means, for a transaction that was given to
// [Store.WithTx]: it wraps [orgusers.ErrConflict] if the host may start over, and
// [orgusers.ErrUnknownOutcome] if the database has not said whether it happened. Some databases find a
// conflict only there: PostgreSQL under SERIALIZABLE, and a Galera cluster always, when two nodes have
// changed the same. nil is nil.
func (s *Store) CommitError(err error) error {
	if err == nil {
		return nil
	}
	return s.commitFailed(err)
}

// literal puts the arguments into a statement: numbers as they are, strings in hexadecimal, which
// needs no quoting and compares byte by byte, as everything does that is looked for.
//
// A driver for MySQL prepares a SELECT that has arguments, runs it and closes it. When a node of a
// Galera cluster undoes the transaction just then, for the sake of a commit at another node, MariaDB
// (seen in 10.11) forgets to say so: the COMMIT succeeds, and nothing is written. It forgets neither
// when a statement that writes is prepared, nor when a SELECT is not.
func literal(text string, args []any) (string, error) {
	var b strings.Builder
	for _, arg := range args {
		before, after, found := strings.Cut(text, "?")
		if !found {
			return "", errors.New("sqlstore: more arguments than placeholders")
		}
		b.WriteString(before)
		switch v := arg.(type) {
		case int64:
			b.WriteString(strconv.FormatInt(v, 10))
		case string:
			b.WriteString("x'" + hex.EncodeToString([]byte(v)) + "'")
		default:
			return "", fmt.Errorf("sqlstore: %T as an argument", arg)
		}
		text = after
	}
	return b.String() + text, nil
}
