package itest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// strangers are addresses that nobody in the organization has, as many as one statement takes.
func strangers(n int) []orgusers.AddressKey {
	keys := make([]orgusers.AddressKey, n)
	for i := range keys {
		keys[i] = orgusers.AddressKey(fmt.Sprintf("nobody%04d@x.example", i))
	}
	return keys
}

// P2, P4 on PostgreSQL: whether a thousand addresses are known is not asked row by row, even by a plan
// that is kept for any parameters. An IN list of parameters is compared with every row that such a plan
// looks at, one after the other: seconds in an organization of ten thousand.
func TestP4_LongListsOnPostgreSQL(t *testing.T) {
	t.Parallel()
	s, control, db := counted(t, postgresDatabase(t))
	alike(t, s, small(t, s, "o", 1))
	control.Reset()
	v := view(t, s, orgusers.ViewQuery{Org: "o", Keys: strangers(1000)})
	require.Empty(t, v.Members)
	require.Len(t, control.Statements(), 1)
	statement := control.Statements()[0]

	db.SetMaxOpenConns(1) // what is prepared and set stays with the connection
	args := strings.TrimSuffix(strings.Repeat("'{x}',", strings.Count(statement, "$")), ",")
	for _, q := range []string{"SET plan_cache_mode = force_generic_plan", "PREPARE p AS " + statement} {
		_, err := db.Exec(q)
		require.NoError(t, err)
	}
	plan := strings.Join(explain(t, db, "EXPLAIN EXECUTE p ("+args+")"), "\n")
	for _, bad := range []string{"Seq Scan", "Filter", "ANY"} {
		require.NotContains(t, plan, bad, statement)
	}
	require.Regexp(t, `Index Cond: \(\(org_id = .*\) AND \(address_key = .*unnest`, plan)
}

// P2, P4 on MySQL and MariaDB: the same reads the index once for each address and nothing else, also
// past the 1,000 from which MariaDB makes a list into a table of its own.
func TestP4_LongListsOnMySQL(t *testing.T) {
	t.Parallel()
	d := mysqlDatabase(t)
	db := d.open(t, 2)
	s := d.store(t, db)
	alike(t, s, small(t, s, "o", 1))
	db.SetMaxOpenConns(1) // one session, so that its counters are the view's
	for _, n := range []int{100, 1000, 1024} {
		keys := strangers(n)
		before := rowsRead(t, db)
		require.Empty(t, view(t, s, orgusers.ViewQuery{Org: "o", Keys: keys}).Members)
		most := 2*n + 200
		if d.mysql { // reads 5,000 rows sooner than it looks 1,000 up; of 100,000 it does not
			most = max(most, 5100)
		}
		require.Less(t, rowsRead(t, db)-before, most, "%d addresses", n)
	}
}
