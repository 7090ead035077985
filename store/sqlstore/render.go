package sqlstore

import (
	"strconv"
	"strings"
)

const defaultPrefix = "orgusers_"

// listed is how long a list is at most that PostgreSQL gets value by value.
const listed = 10

// render turns a statement into the database's own: with its tables, placeholders and lists.
func (s *Store) render(t *text) (string, []any) {
	if s.dialect.arrays {
		t = t.arrays()
	}
	return s.named(t.sql.String()), t.args
}

// named gives SQL the names of its tables, and placeholders as the database has them.
func (s *Store) named(sql string) string {
	if s.prefix != defaultPrefix {
		sql = strings.ReplaceAll(sql, defaultPrefix, s.prefix)
	}
	switch {
	case s.dialect.arrays:
		return numbered(sql)
	case s.dialect.blind && !strings.HasPrefix(sql, "INSERT"):
		return strings.ReplaceAll(sql, "?", "+?")
	}
	return sql
}

// numbered replaces each ? by $1, $2, … No statement has a question mark in a literal.
func numbered(sql string) string {
	var b strings.Builder
	b.Grow(len(sql) + len(sql)/2)
	for n := 1; ; n++ {
		before, after, found := strings.Cut(sql, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		sql = after
	}
}

// arrays is the statement with one array for each column of a long list, so that it is the same text,
// and has the same plan, however long the list is. Besides, PostgreSQL compares each row that it looks at
// with all of an IN list, one after the other, but looks the values of an array up.
func (t *text) arrays() *text {
	out, sql, from, first := &text{}, t.sql.String(), 0, 0
	for _, r := range t.runs {
		if r.n <= listed {
			continue
		}
		out.add(sql[from:r.from], t.args[first:r.first]...)
		from, first = r.to, r.first+r.n*r.columns
		before, between, after := "(SELECT unnest(", "", "))"
		if r.rows {
			before, after = " SELECT * FROM unnest(", ")"
		}
		out.add(before)
		for c := range r.columns {
			value := func(i int) any { return t.args[r.first+i*r.columns+c] }
			kind := "?::text[]"
			if _, ok := value(0).(int64); ok {
				kind = "?::bigint[]"
			}
			out.add(between+kind, array(r.n, value))
			between = ","
		}
		out.add(after)
	}
	if from == 0 {
		return t
	}
	out.add(sql[from:], t.args[first:]...)
	return out
}

// array writes an array as PostgreSQL reads it, since database/sql has no type for one that all drivers
// take.
func array(n int, value func(i int) any) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		switch v := value(i).(type) {
		case int64:
			b.WriteString(strconv.FormatInt(v, 10))
		case string:
			b.WriteByte('"')
			_, _ = quoted.WriteString(&b, v)
			b.WriteByte('"')
		}
	}
	b.WriteByte('}')
	return b.String()
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
