package sqlstore

import (
	"context"
	"strconv"
)

const (
	postgresSettings = `SELECT current_setting('server_version_num'), current_setting('server_version'), current_setting('server_encoding'),
 current_setting('client_encoding'), current_setting('transaction_read_only'), current_setting('synchronous_commit'),
 CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END, COALESCE(current_schema(), ''),
 CASE WHEN has_schema_privilege(COALESCE(current_schema(), 'pg_catalog'), 'CREATE') THEN 1 ELSE 0 END`

	postgresColumns = `SELECT t.relname, a.attname, format_type(a.atttypid, a.atttypmod) || CASE WHEN c.collname = 'C' THEN ' COLLATE "C"' ELSE '' END
 FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
 LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
 WHERE t.relkind IN ('r', 'p') AND pg_table_is_visible(t.oid) AND SUBSTR(t.relname, 1, ?::int) = ?`

	postgresIndexes = `SELECT t.relname, i.relname, CASE WHEN x.indisunique THEN 1 ELSE 0 END
 FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid
 WHERE x.indisvalid AND pg_table_is_visible(t.oid) AND SUBSTR(t.relname, 1, ?::int) = ?`
)

func inspectPostgreSQL(ctx context.Context, r *review) error {
	var number, version, server, client, readOnly, synchronous, schema string
	var replica, create int
	err := r.conn.QueryRowContext(ctx, postgresSettings).Scan(&number, &version, &server, &client, &readOnly, &synchronous, &replica, &schema, &create)
	if err != nil {
		return err
	}
	if r.first {
		if n, err := strconv.Atoi(number); err == nil && n < 13_00_00 {
			r.database(CodeVersion, SeverityError, "PostgreSQL "+version+" is too old", "update it: 13 or newer is needed")
		}
		if server != "UTF8" {
			r.database(CodeEncoding, SeverityError, "the database's encoding is "+server, "make the database anew WITH ENCODING 'UTF8'")
		}
		switch {
		case schema == "":
			r.database(CodeDatabase, SeverityError, "the search_path leads to no schema", "create the schema, or put one that exists into the search_path")
		case create == 0:
			if err := r.postgresNeedsTables(ctx, schema); err != nil {
				return err
			}
		}
	}
	if client != "UTF8" {
		r.here(CodeEncoding, SeverityError, "client_encoding is "+client, "leave client_encoding at UTF8; look at ALTER ROLE and ALTER DATABASE … SET, too")
	}
	switch {
	case replica == 1:
		r.here(CodeReadOnly, SeverityError, "the server is a replica", "connect to the primary, for example with target_session_attrs=read-write")
	case readOnly == "on":
		r.here(CodeReadOnly, SeverityError, "transactions are read-only", "take default_transaction_read_only out of the connection, the role or the database")
	}
	if synchronous == "off" {
		r.here(CodeDurability, SeverityWarning, "synchronous_commit is off, so that a crash can undo the last changes", "leave synchronous_commit at on, its default")
	}
	return nil
}

// postgresNeedsTables notes that the account cannot make tables, if there are some to be made.
func (r *review) postgresNeedsTables(ctx context.Context, schema string) error {
	var there int
	err := r.conn.QueryRowContext(ctx, r.named(`SELECT CASE WHEN to_regclass('orgusers_schema_version') IS NULL THEN 0 ELSE 1 END`)).Scan(&there)
	if err == nil && there == 0 {
		r.database(CodePrivileges, SeverityError, "the account may not create tables in the schema "+schema,
			"migrate with an account that may, or GRANT CREATE ON SCHEMA "+schema)
	}
	return err
}
