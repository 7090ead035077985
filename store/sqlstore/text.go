package sqlstore

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/orgusers/go-orgusers/orgusers"
)

// chunk is how many ids or rows one statement has at most. With the widest row, 25 columns, that is
// under the 32,766 parameters that SQLite takes, the fewest of all. It is more than 1,000, so that a
// thousand people and the one who asks for them fit.
const chunk = 1024

// most is how many parameters a statement has at most whose number does not follow from that of its
// rows; it is then split.
const most = 30_000

// short is how long a list is at most whose statement is worth keeping prepared: ten people with two quotas
// each, and what is beside.
const short = 24

// text is a statement under construction: SQL beside its arguments, which are only ever strings and
// int64. What a caller says is always an argument, never SQL (S-170).
type text struct {
	sql  strings.Builder
	args []any
	runs []run
	wide bool // has a list of varying length, so that it is not worth keeping prepared
}

// run is where a list of values stands, or a list of rows.
type run struct {
	from, to int // in the SQL
	first, n int // of the arguments, n for each column
	columns  int
	rows     bool
}

func (t *text) add(sql string, args ...any) {
	t.sql.WriteString(sql)
	t.args = append(t.args, args...)
}

// list adds "(?, ?, …)" for some ids, of which there must be one at least.
func list[T ~string](t *text, ids []T) {
	r := run{from: t.sql.Len(), first: len(t.args), n: len(ids), columns: 1}
	t.sql.WriteByte('(')
	for i, id := range ids {
		if i > 0 {
			t.sql.WriteByte(',')
		}
		t.sql.WriteByte('?')
		t.args = append(t.args, string(id))
	}
	t.sql.WriteByte(')')
	r.to = t.sql.Len()
	t.runs = append(t.runs, r)
	t.wide = t.wide || len(ids) > short
}

// among adds the condition that a row is of the organization and has one of some values in a column.
//
// On PostgreSQL the organization is in a long list, not beside it: once a plan is kept for any organization
// it takes each for as large as the average one, and would read the whole of a large one sooner than look up
// a thousand rows.
func among[T ~string](w *session, t *text, table, column string, org orgusers.OrgID, values []T) {
	if !w.dialect.arrays || len(values) <= listed {
		t.add(table+`org_id = ? AND `+table+column+` IN `, string(org))
		list(t, values)
		return
	}
	t.add(`(`+table+`org_id, `+table+column+`) IN (SELECT ?, unnest(?::text[]))`, string(org), array(len(values), func(i int) any { return string(values[i]) }))
}

// rows adds "VALUES (?, …), (?, …), …" for n rows of the given number of columns. The arguments
// are added by the caller.
func (t *text) rows(n, columns int) {
	row := "(?" + strings.Repeat(",?", columns-1) + ")"
	r := run{from: t.sql.Len(), first: len(t.args), n: n, columns: columns, rows: true}
	t.sql.WriteString(" VALUES ")
	t.sql.WriteString(row)
	for range n - 1 {
		t.sql.WriteByte(',')
		t.sql.WriteString(row)
	}
	r.to = t.sql.Len()
	t.runs = append(t.runs, r)
	t.args = append(make([]any, 0, n*columns+len(t.args)), t.args...)
	t.wide = t.wide || n > short
}

// either begins the i-th of some alternatives, the last of which is followed by endEither. They are
// grouped, because each OR of a chain makes the expression one deeper, and SQLite takes 1,000.
func (t *text) either(i int) {
	switch {
	case i == 0:
		t.add(`((`)
	case i%100 == 0:
		t.add(`) OR (`)
	default:
		t.add(` OR `)
	}
}

func (t *text) endEither() { t.add(`))`) }

// union begins one more branch of a UNION ALL.
func (t *text) union() {
	if t.sql.Len() > 0 {
		t.sql.WriteString(" UNION ALL ")
	}
}

var errText = errors.New("sqlstore: text with a NUL or invalid UTF-8")

// storable refuses what some databases refuse and others take, before any of them sees it, so that
// all behave alike (S-180).
func storable(args []any) error {
	for _, a := range args {
		if s, ok := a.(string); ok && !clean(s) {
			return errText
		}
	}
	return nil
}

func clean(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }

// escaped makes a LIKE pattern that finds the text anywhere, each of its characters standing for
// itself (S-171).
func escaped(search string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(search) + "%"
}

// distinct drops empty ids and repeated ones: an empty user id would find every pending row.
func distinct[T ~string](lists ...[]T) []T {
	n := 0
	for _, l := range lists {
		n += len(l)
	}
	if n == 0 {
		return nil
	}
	out := make([]T, 0, n)
	seen := make(map[T]bool, n)
	for _, l := range lists {
		for _, id := range l {
			if id != "" && !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}

// part is the i-th chunk of a list, which may be empty.
func part[T any](l []T, i int) []T {
	return l[min(i*chunk, len(l)):min((i+1)*chunk, len(l))]
}

// parts is how many chunks the longest of some lists has.
func parts(lengths ...int) int {
	n := 0
	for _, l := range lengths {
		n = max(n, (l+chunk-1)/chunk)
	}
	return n
}

func itoa(n int) string { return strconv.Itoa(n) }

// older reports whether a version, "10.6.12-MariaDB", comes before another. One that cannot be read
// does not.
func older(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, errA := strconv.Atoi(parts[0])
	b, errB := strconv.Atoi(parts[1])
	return errA == nil && errB == nil && (a < major || a == major && b < minor)
}
