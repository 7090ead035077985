package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
)

// schema is the tables and indexes that some migrations make, or that a database has.
type schema struct {
	columns map[string]map[string]string // by table, then column: its type
	indexes map[string]index
}

type index struct {
	table  string
	unique bool
}

func newSchema() schema {
	return schema{columns: map[string]map[string]string{}, indexes: map[string]index{}}
}

// What a migration consists of. One that needs another kind of statement adds it here, so that
// [Store.Check] goes on knowing what there should be.
var (
	makesTable  = regexp.MustCompile(`(?s)^CREATE TABLE IF NOT EXISTS (\w+) \((.*)\) \{table\}$`)
	makesColumn = regexp.MustCompile(`^ALTER TABLE (\w+) ADD COLUMN (\w+)\s+(\{\w+\}) NOT NULL DEFAULT \S+$`)
	makesIndex  = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX \{if_missing\} (\w+) ON (\w+) \([\w, ]+\)$`)
	dropsTable  = regexp.MustCompile(`^DROP TABLE (?:IF EXISTS )?(\w+)$`)
	changesRows = regexp.MustCompile(`^(?:UPDATE|INSERT|DELETE) `)

	columnLine = regexp.MustCompile(`^(\w+)\s+(\{\w+\})\s+NOT NULL$`)
	keyLine    = regexp.MustCompile(`^PRIMARY KEY \([\w, ]+\)$`)
)

// add works out what a statement with placeholders makes.
func (c *schema) add(statement string) error {
	switch {
	case makesTable.MatchString(statement):
		m := makesTable.FindStringSubmatch(statement)
		c.columns[m[1]] = map[string]string{}
		for line := range strings.Lines(m[2]) {
			line = strings.TrimSuffix(strings.TrimSpace(line), ",")
			column := columnLine.FindStringSubmatch(line)
			switch {
			case line == "" || keyLine.MatchString(line):
			case column == nil:
				return fmt.Errorf("sqlstore: table %s: not understood: %s", m[1], line)
			default:
				c.columns[m[1]][column[1]] = column[2]
			}
		}
	case makesColumn.MatchString(statement):
		m := makesColumn.FindStringSubmatch(statement)
		c.columns[m[1]][m[2]] = m[3]
	case makesIndex.MatchString(statement):
		m := makesIndex.FindStringSubmatch(statement)
		c.indexes[m[2]] = index{m[3], m[1] != ""}
	case dropsTable.MatchString(statement):
		delete(c.columns, dropsTable.FindStringSubmatch(statement)[1])
	case changesRows.MatchString(statement):
	default:
		return fmt.Errorf("sqlstore: not understood: %s", statement)
	}
	return nil
}

// expected is what a database of some version has, the types as placeholders.
func expected(version int) (schema, error) {
	all, err := migrations()
	if err != nil {
		return schema{}, err
	}
	statements := []string{createVersion, createLock}
	for _, m := range all[:min(version, len(all))] {
		statements = append(statements, m.statements...)
	}
	c := newSchema()
	for _, statement := range statements {
		if err := c.add(statement); err != nil {
			return schema{}, err
		}
	}
	return c, nil
}

// found reads what the database has, of the tables that begin with the prefix.
func (s *Store) found(ctx context.Context) (schema, error) {
	c := newSchema()
	err := s.each(ctx, s.dialect.columns, func(rows *sql.Rows) error {
		var table, column, kind string
		if err := rows.Scan(&table, &column, &kind); err != nil {
			return err
		}
		if c.columns[table] == nil {
			c.columns[table] = map[string]string{}
		}
		c.columns[table][column] = kind
		return nil
	})
	if err != nil {
		return schema{}, err
	}
	err = s.each(ctx, s.dialect.indexes, func(rows *sql.Rows) error {
		var table, name string
		var unique int
		err := rows.Scan(&table, &name, &unique)
		c.indexes[name] = index{table, unique == 1}
		return err
	})
	return c, err
}

// each runs a query about the tables that begin with the prefix.
func (s *Store) each(ctx context.Context, query string, row func(*sql.Rows) error) error {
	rows, err := patient(ctx, func() (*sql.Rows, error) {
		return s.db.QueryContext(ctx, s.named(query), len(s.prefix), s.prefix)
	})
	if err != nil {
		return s.failed(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return s.failed(ctx, err)
		}
	}
	return s.failed(ctx, rows.Err())
}
