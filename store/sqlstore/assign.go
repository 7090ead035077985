package sqlstore

import "cmp"

// assignments collect what a multi-row UPDATE sets: for each column, which rows get which value.
// Rows that share a value share a term, so that a bulk that gives everybody the same is as short as
// an UPDATE of one row.
type assignments struct {
	key     string // the column of the ids; empty: id
	columns []*assignment
}

type assignment struct {
	column string
	values []any      // distinct
	ids    [][]string // ids[i] get values[i]
	rows   int
}

func (a *assignments) text(column, id, value string)      { a.set(column, id, value) }
func (a *assignments) int(column, id string, value int64) { a.set(column, id, value) }

func (a *assignments) set(column, id string, value any) {
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
			return
		}
	}
	c.values = append(c.values, value)
	c.ids = append(c.ids, []string{id})
}

// halved does to both halves of some rows what was too much for one statement.
func halved[T any](rows []T, do func([]T) error) error {
	if err := do(rows[:len(rows)/2]); err != nil {
		return err
	}
	return do(rows[len(rows)/2:])
}

// write adds ", column = …" for every column. n is the number of rows that the statement finds. The
// ELSE gives each CASE the column's type, which PostgreSQL could not tell from parameters alone.
func (a *assignments) write(t *text, n int) {
	for _, c := range a.columns {
		if len(c.values) == 1 && c.rows == n {
			t.add(", "+c.column+" = ?", c.values[0])
			continue
		}
		t.add(", " + c.column + " = CASE")
		for i, v := range c.values {
			t.add(" WHEN " + cmp.Or(a.key, "id") + " IN ")
			list(t, c.ids[i])
			t.add(" THEN ?", v)
		}
		t.add(" ELSE " + c.column + " END")
	}
}
