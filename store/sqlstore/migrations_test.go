package sqlstore

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a migration must be, so that a file is all it takes to add one: numbered without a gap, of
// statements that Check understands, with types that every dialect knows.
func TestMigrationsAreWellFormed(t *testing.T) {
	t.Parallel()
	all, err := migrations()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for i, m := range all {
		require.Regexp(t, fmt.Sprintf(`^%04d_[a-z0-9_]+\.sql$`, i+1), m.name)
		require.NotEmpty(t, m.statements, m.name)
	}
	want, err := expected(len(all))
	require.NoError(t, err)
	require.Greater(t, len(want.columns), 10)
	require.Contains(t, want.indexes, "orgusers_members_name")
	require.Equal(t, index{"orgusers_users", true}, want.indexes["orgusers_users_address"])
	for _, d := range []Dialect{SQLite(), PostgreSQL(), MySQL()} {
		s, err := New(new(sql.DB), d)
		require.NoError(t, err)
		for i, m := range all {
			for _, statement := range s.script(m, i+1, 0) {
				require.NotContains(t, statement, "{", d.name)
				require.NotContains(t, statement, "?", "nothing to bind")
				require.NotContains(t, statement, ";", "goose and others split there")
			}
		}
		for table, columns := range want.columns {
			require.NotEmpty(t, columns, table)
			for column, kind := range columns {
				require.NotEmpty(t, d.kinds[kind], "%s %s.%s", d.name, table, column)
			}
		}
	}
}

// What later migrations may do, and that Check sees through it.
func TestStatementsOfLaterMigrations(t *testing.T) {
	t.Parallel()
	c := newSchema()
	for _, statement := range statementsOf(`-- a remark;
CREATE TABLE IF NOT EXISTS orgusers_a (
  id   {id}  NOT NULL,
  n    {int} NOT NULL,
  PRIMARY KEY (id)
) {table};
CREATE TABLE IF NOT EXISTS orgusers_b (
  id   {id}  NOT NULL,
  PRIMARY KEY (id)
) {table};
ALTER TABLE orgusers_a ADD COLUMN seen {int} NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX {if_missing} orgusers_a_seen ON orgusers_a (seen, id);
UPDATE orgusers_a SET seen = n;
DROP TABLE orgusers_b;`) {
		require.NoError(t, c.add(statement))
	}
	require.Equal(t, schema{
		columns: map[string]map[string]string{"orgusers_a": {"id": "{id}", "n": "{int}", "seen": "{int}"}},
		indexes: map[string]index{"orgusers_a_seen": {"orgusers_a", true}},
	}, c)
	for _, bad := range []string{"DROP INDEX x", "CREATE TABLE x (id {id} NOT NULL)", "CREATE TABLE IF NOT EXISTS x (\n id {id},\n) {table}"} {
		require.Error(t, c.add(bad), bad)
	}
}

// How far migrating to a version goes, from every state a database can be in.
func TestPending(t *testing.T) {
	t.Parallel()
	all := []migration{{name: "1"}, {name: "2"}, {name: "3"}}
	for _, c := range []struct {
		st     Status
		target int
		want   string
		err    error
	}{
		{Status{}, 0, "[1 2 3]", nil},
		{Status{}, 1, "[1]", nil},
		{Status{Halfway: true}, 2, "[1 2]", nil},
		{Status{Version: 1}, 3, "[2 3]", nil},
		{Status{Version: 2}, 2, "[]", nil},
		{Status{Version: 2, Halfway: true}, 3, "[3]", nil},
		{Status{Version: 2, Halfway: true}, 2, "[]", ErrTarget},
		{Status{Version: 2}, 1, "[]", ErrTarget},
		{Status{Version: 3}, 0, "[]", nil},
		{Status{Version: 3}, 4, "[]", ErrTarget},
		{Status{}, -1, "[]", ErrTarget},
		{Status{Version: 4}, 0, "[]", ErrNewerSchema},
		{Status{Version: 4}, 2, "[]", ErrNewerSchema},
	} {
		todo, err := c.st.pending(all, c.target)
		require.ErrorIs(t, err, c.err, "%+v", c)
		names := []string{}
		for _, m := range todo {
			names = append(names, m.name)
		}
		require.Equal(t, c.want, fmt.Sprint(names), "%+v", c)
	}
}

// Versions as the servers write them.
func TestVersions(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"8.0.36": "", "8.4.2-commercial": "", "9.1.0": "", "8.0.11-TiDB-v8.1.0": "", "5.7.44-log": "8.0",
		"10.11.6-MariaDB-0+deb12u1": "", "11.4.2-MariaDB": "", "10.6.0-MariaDB": "", "10.5.23-MariaDB": "10.6",
		"5.5.5-10.11.6-MariaDB": "", "5.5.5-10.3.1-MariaDB": "10.6", "5.5.68-MariaDB": "10.6", "strange": "",
	} {
		_, oldest := mysqlTooOld(version)
		require.Equal(t, want, oldest, version)
	}
	require.True(t, older("3.36.0", 3, 37))
	require.False(t, older("3.37.0", 3, 37))
	require.False(t, older("4.0", 3, 37))
}
