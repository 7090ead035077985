package itest

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/store/sqlstore"
)

func findings(t testing.TB, s *sqlstore.Store) []sqlstore.Finding {
	t.Helper()
	list, err := s.Check(t.Context())
	require.NoError(t, err)
	for i, f := range list {
		require.NotEmpty(t, f.Problem)
		require.NotEmpty(t, f.Remedy)
		require.True(t, i == 0 || list[i-1].Severity <= f.Severity, "errors first")
	}
	return list
}

func codes(list []sqlstore.Finding) []sqlstore.Code {
	out := []sqlstore.Code{}
	for _, f := range list {
		out = append(out, f.Code)
	}
	return out
}

// recommended is the data source name that the README asks for.
const recommended = "_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_txlock=immediate"

// checked returns a database as it should be.
func checked(t testing.TB, d database) database {
	if d.driver == "sqlite" {
		return sqliteWith(t, recommended)
	}
	return d
}

// onEachGood runs a test on a database of each kind that is set up as it should be.
func onEachGood(t *testing.T, test func(t *testing.T, d database)) {
	onEach(t, func(t *testing.T, d database) { test(t, checked(t, d)) })
}

// Before the first migration one thing is missing; after it nothing is, also with a pool of one
// connection, under a prefix and beside a host's own tables.
func TestCheckGood(t *testing.T) {
	t.Parallel()
	onEachGood(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := newStore(t, db, d)
		require.Equal(t, []sqlstore.Code{sqlstore.CodeNotMigrated}, codes(findings(t, s)))
		if d.driver == "sqlite" {
			require.Empty(t, schemaOf(t, db, d), "it changes nothing")
		}
		require.NoError(t, s.Migrate(t.Context()))
		run(t, db, "CREATE TABLE orgusers_hosts_own (id INTEGER)")
		require.Empty(t, findings(t, s))
		works(t, s)
		require.Empty(t, findings(t, s))
		idle(t, db)
		require.Empty(t, findings(t, newStore(t, d.open(t, 1), d)))

		other := newStore(t, db, d, sqlstore.Options{Prefix: "x_"})
		require.Equal(t, []sqlstore.Code{sqlstore.CodeNotMigrated}, codes(findings(t, other)))
		require.NoError(t, other.Migrate(t.Context()))
		require.Empty(t, findings(t, other))

		tx, err := db.Begin()
		require.NoError(t, err)
		defer tx.Rollback()
		_, err = s.WithTx(tx).Check(t.Context())
		require.Error(t, err)
		require.NoError(t, tx.Rollback())
	})
}

// What is gone or changed in the schema is named.
func TestCheckSchema(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil map[string]string // by dialect; "": all
		want  sqlstore.Code
		says  string
	}{
		"older":  {map[string]string{"": "UPDATE orgusers_schema_version SET version = 0, step = 3 WHERE id = 1"}, sqlstore.CodeHalfway, "version 1"},
		"newer":  {map[string]string{"": "UPDATE orgusers_schema_version SET version = version + 1 WHERE id = 1"}, sqlstore.CodeNewer, "update the program"},
		"table":  {map[string]string{"": "DROP TABLE orgusers_grants"}, sqlstore.CodeTable, "orgusers_grants"},
		"lock":   {map[string]string{"": "DROP TABLE orgusers_schema_lock"}, sqlstore.CodeTable, "orgusers_schema_lock"},
		"column": {map[string]string{"": "ALTER TABLE orgusers_members DROP COLUMN message"}, sqlstore.CodeColumn, "orgusers_members.message"},
		"index": {map[string]string{
			"": "DROP INDEX orgusers_members_name", "mysql": "DROP INDEX orgusers_members_name ON orgusers_members",
		}, sqlstore.CodeIndex, "orgusers_members_name"},
		"collation": {map[string]string{
			"postgresql": `ALTER TABLE orgusers_users ALTER COLUMN address_key TYPE text COLLATE "und-x-icu"`,
			"mysql":      "ALTER TABLE orgusers_users MODIFY address_key VARCHAR(700) CHARACTER SET utf8mb4 NOT NULL",
		}, sqlstore.CodeColumnType, "orgusers_users.address_key"},
		"length": {map[string]string{
			"postgresql": "ALTER TABLE orgusers_outbox ALTER COLUMN mail TYPE varchar(40)",
			"mysql":      "ALTER TABLE orgusers_outbox MODIFY mail TEXT NOT NULL",
		}, sqlstore.CodeColumnType, "orgusers_outbox.mail"},
		"charset": {map[string]string{"mysql": "ALTER TABLE orgusers_outbox MODIFY mail MEDIUMTEXT CHARACTER SET latin1 NOT NULL"}, sqlstore.CodeColumnType, "latin1"},
		"engine":  {map[string]string{"mysql": "ALTER TABLE orgusers_grants ENGINE=Aria"}, sqlstore.CodeEngine, "orgusers_grants"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEachGood(t, func(t *testing.T, d database) {
				statement, ok := c.spoil[d.dialect.String()]
				if !ok {
					statement = c.spoil[""]
				}
				if statement == "" {
					return // nothing of the kind there
				}
				db := d.open(t, 4)
				s := d.store(t, db)
				run(t, db, statement)
				list := findings(t, s)
				require.Equal(t, []sqlstore.Code{c.want}, codes(list))
				require.Equal(t, sqlstore.SeverityError, list[0].Severity)
				require.Contains(t, list[0].String(), c.says)
			})
		})
	}
}

// A unique index that was made again without UNIQUE is no index of ours.
func TestCheckIndexNotUnique(t *testing.T) {
	t.Parallel()
	onEachGood(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := d.store(t, db)
		drop := "DROP INDEX orgusers_users_address"
		if d.driver == "mysql" {
			drop += " ON orgusers_users"
		}
		run(t, db, drop, "CREATE INDEX orgusers_users_address ON orgusers_users (address_key)")
		require.Equal(t, []sqlstore.Code{sqlstore.CodeIndex}, codes(findings(t, s)))
	})
}

// The store of another kind of database.
func TestCheckDialect(t *testing.T) {
	t.Parallel()
	onEachGood(t, func(t *testing.T, d database) {
		right := d.dialect.String()
		db := d.open(t, 4)
		for _, wrong := range []sqlstore.Dialect{sqlstore.SQLite(), sqlstore.PostgreSQL(), sqlstore.MySQL()} {
			if wrong.String() == right {
				continue
			}
			d.dialect = wrong
			list := findings(t, newStore(t, db, d))
			require.Equal(t, []sqlstore.Code{sqlstore.CodeDialect}, codes(list))
			require.Contains(t, list[0].Problem, "made for "+wrong.String()+" and the database is "+right)
		}
	})
}

// A database that cannot be asked is an error and no finding.
func TestCheckGone(t *testing.T) {
	t.Parallel()
	d := sqliteDatabase(t)
	d.dsn = "file:/nonexistent/folder/test.db"
	_, err := newStore(t, d.open(t, 2), d).Check(t.Context())
	require.Error(t, err)
}

func TestCheckSQLite(t *testing.T) {
	t.Parallel()
	const e, w = sqlstore.SeverityError, sqlstore.SeverityWarning
	without := func(option string) string {
		return strings.Trim(strings.ReplaceAll(strings.ReplaceAll("&"+recommended, "&"+option, ""), "&&", "&"), "&")
	}
	for name, c := range map[string]struct {
		options  string
		want     sqlstore.Code
		severity sqlstore.Severity
	}{
		"no foreign keys":   {without("_pragma=foreign_keys(1)"), sqlstore.CodeForeignKeys, w},
		"no timeout":        {without("_pragma=busy_timeout(5000)") + "&_pragma=busy_timeout(0)", sqlstore.CodeBusyTimeout, e},
		"short timeout":     {without("_pragma=busy_timeout(5000)") + "&_pragma=busy_timeout(50)", sqlstore.CodeBusyTimeout, w},
		"rollback journal":  {without("_pragma=journal_mode(wal)"), sqlstore.CodeJournal, w},
		"no journal":        {without("_pragma=journal_mode(wal)") + "&_pragma=journal_mode(off)", sqlstore.CodeJournal, e},
		"journal in memory": {without("_pragma=journal_mode(wal)") + "&_pragma=journal_mode(memory)", sqlstore.CodeJournal, e},
		"deferred":          {without("_txlock=immediate"), sqlstore.CodeTxLock, w},
		"deferred, said":    {without("_txlock=immediate") + "&_txlock=deferred", sqlstore.CodeTxLock, w},
		"deferred, no WAL":  {"_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)", sqlstore.CodeTxLock, w},
		"synchronous off":   {recommended + "&_pragma=synchronous(off)", sqlstore.CodeDurability, e},
		"normal in WAL":     {recommended + "&_pragma=synchronous(normal)", sqlstore.CodeDurability, w},
		"read uncommitted":  {recommended + "&_pragma=read_uncommitted(1)", sqlstore.CodeIsolation, e},
		"query only":        {recommended + "&_pragma=query_only(1)", sqlstore.CodeReadOnly, e},
		"read only":         {recommended + "&mode=ro", sqlstore.CodeReadOnly, e},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := sqliteWith(t, strings.Replace(recommended, "journal_mode(wal)", "journal_mode(delete)", 1))
			if strings.Contains(c.options, "journal_mode(wal)") {
				good = sqliteWith(t, recommended)
			}
			require.NoError(t, good.store(t, good.open(t, 2)).Migrate(t.Context()))
			bad := good
			file, _, _ := strings.Cut(good.dsn, "?")
			bad.dsn = file + "?" + c.options
			for _, pool := range []int{1, 3} {
				list := findings(t, newStore(t, bad.open(t, pool), bad))
				list = dropBut(list, c.want, name == "deferred, no WAL")
				require.NotEmpty(t, list)
				require.Equal(t, c.want, list[0].Code)
				require.Equal(t, c.severity, list[0].Severity)
				require.NotContains(t, list[0].Problem, "connections", "it is so on all of them")
				for _, f := range list {
					require.Equal(t, c.want, f.Code)
				}
			}
		})
	}
	t.Run("nothing set", func(t *testing.T) {
		t.Parallel()
		d := sqliteWith(t, "")
		require.Equal(t, []sqlstore.Code{
			sqlstore.CodeBusyTimeout, sqlstore.CodeNotMigrated, // errors, then warnings
			sqlstore.CodeTxLock, sqlstore.CodeForeignKeys, sqlstore.CodeJournal,
		}, codes(findings(t, newStore(t, d.open(t, 2), d))))
	})
	t.Run("encoding", func(t *testing.T) {
		t.Parallel()
		d := sqliteWith(t, "_pragma=encoding('UTF-16')&"+recommended)
		list := findings(t, newStore(t, d.open(t, 2), d))
		require.Equal(t, []sqlstore.Code{sqlstore.CodeEncoding, sqlstore.CodeNotMigrated}, codes(list))
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		d := sqliteDatabase(t)
		d.dsn = "file::memory:?" + recommended
		list := findings(t, newStore(t, d.open(t, 2), d))
		require.Equal(t, sqlstore.CodeMemory, list[0].Code)
		require.Equal(t, e, list[0].Severity)
		list = findings(t, d.store(t, d.open(t, 1)))
		require.Equal(t, []sqlstore.Code{sqlstore.CodeMemory}, codes(list))
		require.Equal(t, w, list[0].Severity)
	})
}

// dropBut drops the remark on the journal where it is not what the case is about.
func dropBut(list []sqlstore.Finding, want sqlstore.Code, both bool) (out []sqlstore.Finding) {
	for _, f := range list {
		if !both || f.Code == want {
			out = append(out, f)
		}
	}
	return out
}

// A PRAGMA run as a statement reaches one connection of the pool; the others are found, wherever in the
// pool they are, and so are those that the pool has yet to open.
func TestCheckEveryConnection(t *testing.T) {
	t.Parallel()
	d := sqliteWith(t, "_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
	db := d.open(t, 5)
	s := d.store(t, db)
	db.SetMaxIdleConns(0)
	db.SetMaxIdleConns(5)
	run(t, db, "PRAGMA foreign_keys = 1")
	list := findings(t, s)
	require.Equal(t, []sqlstore.Code{sqlstore.CodeForeignKeys}, codes(list))
	require.Contains(t, list[0].Problem, "on 1 of 2 connections")

	// One among many, made bad after it was opened, wherever in the pool it lies.
	d = sqliteWith(t, recommended)
	db = d.open(t, 5)
	s = d.store(t, db)
	for bad := range 4 {
		db.SetMaxIdleConns(0) // closes all
		db.SetMaxIdleConns(5)
		var conns [4]*sql.Conn
		for i := range conns {
			c, err := db.Conn(t.Context())
			require.NoError(t, err)
			conns[i] = c
		}
		for i, c := range conns {
			if i == bad {
				_, err := c.ExecContext(t.Context(), "PRAGMA busy_timeout = 0")
				require.NoError(t, err)
			}
			require.NoError(t, c.Close())
		}
		list := findings(t, s)
		require.Equal(t, []sqlstore.Code{sqlstore.CodeBusyTimeout}, codes(list), bad)
		require.Contains(t, list[0].Problem, "on 1 of 5 connections")
	}
}

// Check waits for nobody who holds the database, and leaves the connections as they were.
func TestCheckBesideAWriter(t *testing.T) {
	t.Parallel()
	d := sqliteWith(t, strings.ReplaceAll(recommended, "5000", "1000"))
	db := d.open(t, 4)
	s := d.store(t, db)
	writer, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, findings(t, s))
	require.NoError(t, writer.Rollback())
	idle(t, db)
	works(t, s)
}

func TestCheckPostgreSQL(t *testing.T) {
	t.Parallel()
	d := postgresDatabase(t)
	admin := d.open(t, 4)
	d.store(t, admin)
	for name, c := range map[string]struct {
		options string
		want    sqlstore.Code
	}{
		"client encoding": {"&client_encoding=LATIN1", sqlstore.CodeEncoding},
		"read only":       {"&default_transaction_read_only=on", sqlstore.CodeReadOnly},
		"asynchronous":    {"&synchronous_commit=off", sqlstore.CodeDurability},
		"no schema":       {"&search_path=nowhere", sqlstore.CodeDatabase},
	} {
		t.Run(name, func(t *testing.T) {
			bad := d
			bad.dsn += c.options
			require.Equal(t, []sqlstore.Code{c.want}, codes(findings(t, newStore(t, bad.open(t, 3), bad))))
		})
	}
	t.Run("privileges", func(t *testing.T) {
		empty := postgresDatabase(t)
		db := empty.open(t, 2)
		run(t, db, "CREATE SCHEMA closed", "REVOKE ALL ON SCHEMA closed FROM PUBLIC", "REVOKE CREATE ON SCHEMA closed FROM CURRENT_USER", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
		empty.dsn += "&search_path=closed"
		require.Equal(t, []sqlstore.Code{sqlstore.CodePrivileges, sqlstore.CodeNotMigrated}, codes(findings(t, newStore(t, empty.open(t, 2), empty))))
	})
	t.Run("one connection", func(t *testing.T) {
		db := d.open(t, 4)
		run(t, db, "SET synchronous_commit = off")
		list := findings(t, newStore(t, db, d))
		require.Equal(t, []sqlstore.Code{sqlstore.CodeDurability}, codes(list))
		require.Contains(t, list[0].Problem, "on 1 of 2 connections")
	})
}

func TestCheckMySQL(t *testing.T) {
	t.Parallel()
	d := mysqlDatabase(t)
	d.store(t, d.open(t, 4))
	for name, c := range map[string]struct {
		options map[string]string
		want    []sqlstore.Code
	}{
		"not strict": {map[string]string{"sql_mode": "''"}, []sqlstore.Code{sqlstore.CodeSQLMode}},
		"charset":    {map[string]string{"charset": "latin1"}, []sqlstore.Code{sqlstore.CodeEncoding, sqlstore.CodeEncoding, sqlstore.CodeEncoding}},
		"results":    {map[string]string{"character_set_results": "latin1"}, []sqlstore.Code{sqlstore.CodeEncoding}},
		"autocommit": {map[string]string{"autocommit": "0"}, []sqlstore.Code{sqlstore.CodeAutocommit}},
		"isolation":  {map[string]string{d.variable("isolation"): "'READ-UNCOMMITTED'"}, []sqlstore.Code{sqlstore.CodeIsolation}},
		"read only":  {map[string]string{d.variable("read_only"): "1"}, []sqlstore.Code{sqlstore.CodeReadOnly}},
		// Does not matter: every guarded write changes what it finds, and times are numbers.
		"found rows": {map[string]string{"clientFoundRows": "true"}, []sqlstore.Code{}},
		"zone":       {map[string]string{"time_zone": "'+09:00'", "parseTime": "true", "loc": "Asia/Tokyo"}, []sqlstore.Code{}},
	} {
		t.Run(name, func(t *testing.T) {
			bad := d
			config, err := mysql.ParseDSN(d.dsn)
			require.NoError(t, err)
			bad.dsn = config.FormatDSN() + "?"
			for key, value := range c.options {
				bad.dsn += key + "=" + url.QueryEscape(value) + "&"
			}
			bad.dsn = strings.TrimSuffix(bad.dsn, "&")
			require.Equal(t, c.want, codes(findings(t, newStore(t, bad.open(t, 3), bad))))
		})
	}
	t.Run("no database", func(t *testing.T) {
		none := d
		config, err := mysql.ParseDSN(d.dsn)
		require.NoError(t, err)
		config.DBName = ""
		none.dsn = config.FormatDSN()
		require.Equal(t, []sqlstore.Code{sqlstore.CodeDatabase}, codes(findings(t, newStore(t, none.open(t, 2), none))))
	})
}

// Through other drivers, and other ways of passing arguments, a good database is good and a bad one bad.
func TestCheckDrivers(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := d.store(t, db)
		require.Empty(t, findings(t, s))
		run(t, db, "DROP TABLE orgusers_grants")
		require.Equal(t, []sqlstore.Code{sqlstore.CodeTable}, codes(findings(t, s)))
	}
	t.Run("lib/pq", func(t *testing.T) {
		d := postgresDatabase(t)
		d.driver = "postgres"
		check(t, d)
	})
	t.Run("simple protocol", func(t *testing.T) {
		d := postgresDatabase(t)
		d.dsn += "&default_query_exec_mode=simple_protocol"
		check(t, d)
	})
	t.Run("interpolation", func(t *testing.T) {
		d := mysqlDatabase(t)
		d.dsn += "?interpolateParams=true"
		check(t, d)
	})
}
