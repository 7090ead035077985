package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// unindexed runs f without the further indexes of the large tables, and makes them anew after it: a
// database builds an index of a million rows many times quicker than it keeps one up.
func (e *engine) unindexed(ctx context.Context, db *sql.DB, f func() error) error {
	var drop, create []string
	for _, table := range []string{"orgusers_members", "orgusers_users"} {
		d, c, err := e.indexes(ctx, db, table)
		if err != nil {
			return err
		}
		drop, create = append(drop, d...), append(create, c...)
	}
	run := func(statements []string) error {
		for _, s := range statements {
			if _, err := db.ExecContext(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return nil
	}
	if err := run(drop); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return run(create)
}

// indexes are the statements that drop and make those of a table, its primary key aside.
func (e *engine) indexes(ctx context.Context, db *sql.DB, table string) (drop, create []string, err error) {
	query := map[string]string{
		"sqlite":     `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?`,
		"postgresql": `SELECT indexname, indexdef FROM pg_indexes WHERE indexname NOT LIKE '%pkey' AND tablename = $1`,
		"mariadb": `SELECT index_name, CONCAT(CASE MAX(non_unique) WHEN 0 THEN 'ADD UNIQUE INDEX ' ELSE 'ADD INDEX ' END, index_name, ' (', GROUP_CONCAT(column_name ORDER BY seq_in_index), ')')
 FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name <> 'PRIMARY' AND table_name = ? GROUP BY index_name`,
	}[e.name]
	rows, err := db.QueryContext(ctx, query, table)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return nil, nil, err
		}
		drop, create = append(drop, "DROP INDEX "+name), append(create, definition)
	}
	if e.name == "mariadb" && len(create) > 0 { // all in one pass over the table
		for i := range drop {
			drop[i] = strings.Replace(drop[i], "DROP INDEX ", "ALTER TABLE "+table+" DROP INDEX ", 1)
		}
		create = []string{"ALTER TABLE " + table + " " + strings.Join(create, ", ")}
	}
	return drop, create, rows.Err()
}
