package sqlstore

import (
	"cmp"
	"slices"
	"strings"
)

// assignments collect what a multi-row UPDATE sets: for each column, which rows get which value.
// Rows that share a value share a term, so that a bulk that gives everybody the same is as short as
// an UPDATE of one row.
type assignments struct {
	key      string // the column of the ids; empty: id
	greatest string // the database's function, if values are raised
	columns  []*assignment
}

type assignment struct {
	column string
	values []any      // distinct
	ids    [][]string // ids[i] get values[i]
	rows   int
	raise  bool // the greater of the old and the new value
}

func (a *assignments) text(column, id, value string)      { a.set(column, id, value) }
func (a *assignments) int(column, id string, value int64) { a.set(column, id, value) }

// raise gives a row the value unless what it has is greater. A column is either set or raised.
func (a *assignments) raise(column, id string, value int64) { a.set(column, id, value).raise = true }

func (a *assignments) set(column, id string, value any) *assignment {
	var c *assignment
	for _, known := range a.columns {
		if known.column == column {
			c = known
			break
		}
	}
	if c == nil {
		c = &assignment{column: column}
		a.columns = append(a.columns, c)
	}
	c.rows++
	for i, v := range c.values {
		if v == value {
			c.ids[i] = append(c.ids[i], id)
			return c
		}
	}
	c.values = append(c.values, value)
	c.ids = append(c.ids, []string{id})
	return c
}

// halved does to both halves of some rows what was too much for one statement.
func halved[T any](rows []T, do func([]T) error) error {
	if err := do(rows[:len(rows)/2]); err != nil {
		return err
	}
	return do(rows[len(rows)/2:])
}

// few is how many terms a CASE has at most. Every row tries them one after the other, so a thousand
// values for a thousand rows would be a million comparisons; more terms are searched like a tree.
const few = 16

// write adds ", column = …" for every column. n is the number of rows that the statement finds. The
// ELSE gives each CASE the column's type, which PostgreSQL could not tell from parameters alone.
func (a *assignments) write(t *text, n int) {
	key := cmp.Or(a.key, "id")
	for _, c := range a.columns {
		t.add(", " + c.column + " = ")
		if c.raise {
			t.add(a.greatest + "(" + c.column + ", ")
		}
		switch {
		case len(c.values) == 1 && c.rows == n:
			t.add("?", c.values[0])
		case len(c.values) <= few:
			t.add("CASE")
			for i, v := range c.values {
				t.add(" WHEN " + key + " IN ")
				list(t, c.ids[i])
				t.add(" THEN ?", v)
			}
			t.add(" ELSE " + c.column + " END")
		default:
			search(t, key, c.column, c.byID())
		}
		if c.raise {
			t.add(")")
		}
	}
}

// entry is the value for one row.
type entry struct {
	id    string
	value any
}

// byID returns the values row by row, in the order of the ids.
func (c *assignment) byID() []entry {
	entries := make([]entry, 0, c.rows)
	for i, v := range c.values {
		for _, id := range c.ids[i] {
			entries = append(entries, entry{id, v})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.id, b.id) })
	return entries
}

// search adds a CASE that finds a row's value by halves. Ids compare byte by byte in all databases, as
// they do here.
func search(t *text, key, column string, entries []entry) {
	if len(entries) <= few {
		t.add("CASE " + key)
		for _, e := range entries {
			t.add(" WHEN ? THEN ?", e.id, e.value)
		}
		t.add(" ELSE " + column + " END")
		t.wide = true
		return
	}
	half := len(entries) / 2
	t.add("CASE WHEN "+key+" < ? THEN ", entries[half].id)
	search(t, key, column, entries[:half])
	t.add(" ELSE ")
	search(t, key, column, entries[half:])
	t.add(" END")
}
