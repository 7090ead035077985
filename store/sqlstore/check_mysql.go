package sqlstore

import (
	"context"
	"strconv"
	"strings"
)

const (
	mysqlSettings = `SELECT @@version, @@SESSION.sql_mode, @@SESSION.character_set_client, @@SESSION.character_set_connection,
 COALESCE(@@SESSION.character_set_results, 'NULL'), @@SESSION.autocommit, @@GLOBAL.read_only, COALESCE(DATABASE(), '')`

	// Not every server has all of them.
	mysqlVariables = `SHOW VARIABLES WHERE Variable_name IN ('tx_read_only', 'transaction_read_only', 'tx_isolation', 'transaction_isolation', 'wsrep_on', 'wsrep_sync_wait')`

	mysqlColumns = `SELECT c.table_name, c.column_name, CASE
 WHEN c.character_set_name IS NOT NULL THEN CONCAT(c.data_type, ' ', c.character_set_name)
 WHEN c.data_type = 'varbinary' THEN CONCAT('varbinary(', c.character_maximum_length, ')') ELSE c.data_type END
 FROM information_schema.columns AS c WHERE c.table_schema = DATABASE() AND SUBSTR(c.table_name, 1, ?) = ?`

	mysqlIndexes = `SELECT DISTINCT i.table_name, i.index_name, 1 - i.non_unique FROM information_schema.statistics AS i
 WHERE i.table_schema = DATABASE() AND SUBSTR(i.table_name, 1, ?) = ?`

	mysqlEngines = `SELECT t.table_name, t.engine FROM information_schema.tables AS t
 WHERE t.table_schema = DATABASE() AND t.engine IS NOT NULL AND t.engine <> 'InnoDB' AND SUBSTR(t.table_name, 1, ?) = ?`
)

func inspectMySQL(ctx context.Context, r *review) error {
	var version, mode, database string
	var charsets [3]string
	var autocommit, readOnly int
	err := r.conn.QueryRowContext(ctx, mysqlSettings).Scan(&version, &mode, &charsets[0], &charsets[1], &charsets[2], &autocommit, &readOnly, &database)
	if err != nil {
		return err
	}
	more, err := r.mysqlVariables(ctx)
	if err != nil {
		return err
	}
	if r.first {
		if family, oldest := mysqlTooOld(version); oldest != "" {
			r.database(CodeVersion, SeverityError, family+" "+version+" is too old", "update it: "+oldest+" or newer is needed")
		}
		if database == "" {
			r.database(CodeDatabase, SeverityError, "the connection has chosen no database", "put its name into the data source name, behind the slash")
		} else if err := r.mysqlEngines(ctx); err != nil {
			return err
		}
		if readOnly != 0 {
			r.database(CodeReadOnly, SeverityError, "the server is read-only, as replicas are", "connect to the primary")
		}
	}
	if !strings.Contains(mode, "STRICT_TRANS_TABLES") && !strings.Contains(mode, "STRICT_ALL_TABLES") {
		r.here(CodeSQLMode, SeverityError, "sql_mode is not strict, so that the server cuts what is too long, silently",
			"add STRICT_TRANS_TABLES to sql_mode, on the server or in the data source name")
	}
	for i, name := range []string{"character_set_client", "character_set_connection", "character_set_results"} {
		if charsets[i] != "utf8mb4" {
			r.here(CodeEncoding, SeverityError, name+" is "+charsets[i], "leave charset and collation out of the data source name, or say utf8mb4")
		}
	}
	if autocommit == 0 {
		r.here(CodeAutocommit, SeverityError, "autocommit is off, so that what one statement writes is never committed", "leave autocommit on, its default")
	}
	if more["tx_read_only"] == "ON" || more["transaction_read_only"] == "ON" {
		r.here(CodeReadOnly, SeverityError, "transactions are read-only", "take transaction_read_only out of the data source name")
	}
	if more["tx_isolation"] == "READ-UNCOMMITTED" || more["transaction_isolation"] == "READ-UNCOMMITTED" {
		r.here(CodeIsolation, SeverityError, "the isolation level is READ UNCOMMITTED, so that a decision can rest on what is undone later",
			"take it out of the data source name or the server's settings: READ COMMITTED and all above will do")
	}
	if wait, _ := strconv.Atoi(more["wsrep_sync_wait"]); more["wsrep_on"] == "ON" && wait&1 == 0 {
		r.here(CodeSyncWait, SeverityWarning, "wsrep_sync_wait is off, so that a node can let somebody in who was removed on another a moment ago",
			"put wsrep_sync_wait=1 into the data source name")
	}
	return nil
}

func (r *review) mysqlVariables(ctx context.Context) (map[string]string, error) {
	rows, err := r.conn.QueryContext(ctx, mysqlVariables)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, rows.Err()
}

func (r *review) mysqlEngines(ctx context.Context) error {
	rows, err := r.conn.QueryContext(ctx, mysqlEngines, len(r.prefix), r.prefix)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var table, engine string
		if err := rows.Scan(&table, &engine); err != nil {
			return err
		}
		r.database(CodeEngine, SeverityError, "the table "+table+" is "+engine+"'s, which knows no transactions", "ALTER TABLE "+table+" ENGINE=InnoDB")
	}
	return rows.Err()
}

// mysqlTooOld returns the family, and the oldest version that will do if this one will not.
func mysqlTooOld(version string) (family, oldest string) {
	if strings.Contains(version, "MariaDB") {
		version = strings.TrimPrefix(version, "5.5.5-") // what it says for the sake of old replicas
		if older(version, 10, 6) {
			return "MariaDB", "10.6"
		}
		return "MariaDB", ""
	}
	if older(version, 8, 0) {
		return "MySQL", "8.0"
	}
	return "MySQL", ""
}
