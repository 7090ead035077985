package itest

import (
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// P4 on MySQL and MariaDB, which tell how many rows a session has read: a page in the middle of a
// roster full of equal values reads the page and no more.
func TestP4_RowsReadOnMySQL(t *testing.T) {
	t.Parallel()
	d := mysqlDatabase(t)
	db := d.open(t, 2)
	s := d.store(t, db)
	alike(t, s, small(t, s, "o", 1))
	db.SetMaxOpenConns(1) // one session, so that its counters are the page's
	for _, sort := range sorts {
		for _, descending := range []bool{false, true} {
			middle := middle(t, s, sort, descending)
			before := rowsRead(t, db)
			page, err := s.Members(t.Context(), orgusers.MemberQuery{Org: "o", Sort: sort, Descending: descending, After: &middle, Limit: 50})
			require.NoError(t, err)
			require.Len(t, page, 50)
			require.Less(t, rowsRead(t, db)-before, 150, "%s descending=%v", sort, descending)
		}
	}
}

// rowsRead is how many rows the session has read so far.
func rowsRead(t testing.TB, db *sql.DB) (sum int) {
	rows, err := db.Query("SHOW SESSION STATUS LIKE 'Handler_read%'")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		var n int
		require.NoError(t, rows.Scan(&name, &n))
		sum += n
	}
	require.NoError(t, rows.Err())
	return sum
}

// middle is the position after 2,500 of the 5,000.
func middle(t testing.TB, s orgusers.Store, sort orgusers.MemberSort, descending bool) orgusers.MemberKey {
	half, err := s.Members(t.Context(), orgusers.MemberQuery{Org: "o", Sort: sort, Descending: descending, Limit: 2500})
	require.NoError(t, err)
	return sort.Key(&half[2499])
}

// P4 on PostgreSQL, with statistics from when the organization had one member, which is when planners
// err, and with fresh ones: a page is a range of its index, with nothing sorted or filtered out.
func TestP4_PlansOnPostgreSQL(t *testing.T) {
	t.Parallel()
	s, control, db := counted(t, postgresDatabase(t))
	o := small(t, s, "o", 1)
	analyze := func() {
		_, err := db.Exec("ANALYZE")
		require.NoError(t, err)
	}
	analyze()
	alike(t, s, o)
	index := map[orgusers.MemberSort]string{
		orgusers.SortEmail: "members_address", orgusers.SortName: "members_name", orgusers.SortInvitedAt: "members_invited",
		orgusers.SortLastLogin: "members_login", orgusers.SortRole: "members_role",
	}
	for _, stale := range []bool{true, false} {
		if !stale {
			analyze()
		}
		for _, sort := range sorts {
			for _, descending := range []bool{false, true} {
				at := middle(t, s, sort, descending)
				control.Reset()
				_, err := s.Members(t.Context(), orgusers.MemberQuery{Org: "o", Sort: sort, Descending: descending, After: &at, Limit: 50})
				require.NoError(t, err)
				args := []any{"o", at.Time.UnixMicro(), string(at.ID), 50}
				switch sort {
				case orgusers.SortEmail:
					args = []any{"o", string(at.Email), 50}
				case orgusers.SortName:
					args = []any{"o", at.Name, string(at.ID), 50}
				case orgusers.SortRole:
					args = []any{"o", string(at.Role), string(at.Email), 50}
				}
				plan := strings.Join(explain(t, db, "EXPLAIN "+control.Statements()[0], args...), "\n")
				for _, bad := range []string{"Sort", "Filter", "Seq Scan"} {
					require.NotContains(t, plan, bad, "%s descending=%v stale=%v", sort, descending, stale)
				}
				require.Contains(t, plan, index[sort], "%s descending=%v stale=%v", sort, descending, stale)
			}
		}
	}
}

// plenty adds 4,000 of everything beside what prepared has made, all of it in the same organization: a
// statement that reads more than it is about, then reads thousands of rows.
func plenty(t testing.TB, s orgusers.Store, o orgusers.Organization) {
	t.Helper()
	c := orgusers.Changes{Org: &o}
	for i := range 4000 {
		id := fmt.Sprintf("p%05d", i)
		user := filledUser(id, id+"@x.example")
		c.NewUsers = append(c.NewUsers, user)
		m := filledMember("o", id, id, id+"@x.example")
		m.InvitedBy, m.LastLogin = "o-u0", at(1000)
		c.NewMembers = append(c.NewMembers, m)
		c.Granted = append(c.Granted, orgusers.MemberGrant{Member: m.ID, Grant: orgusers.Grant{Stack: orgusers.StackID(fmt.Sprint("p", i%40)), Role: "developer"}})
		c.Audit = append(c.Audit, orgusers.AuditEntry{ID: orgusers.EntryID(id), Org: "o", Seq: int64(i + 10), Chained: true, Action: "a"})
		c.Effects = append(c.Effects, orgusers.Effect{ID: orgusers.EffectID(id), Org: "o", DueAt: at(10_000 + i)})
		c.Counters = append(c.Counters, orgusers.Counter{Key: id, Add: 1, ExpiresAt: at(10_000 + i)})
	}
	require.NoError(t, s.Commit(t.Context(), c))
	for i := range 200 {
		require.NoError(t, s.Record(t.Context(), nil, &orgusers.Request{Org: "o", ID: fmt.Sprint("p", i), At: at(10_000 + i)}))
	}
}

// No statement of any operation reads more on PostgreSQL than it is about, by the plan that is made
// without looking at the parameters.
func TestPlansOnPostgreSQL(t *testing.T) {
	t.Parallel()
	s, control, db := counted(t, postgresDatabase(t))
	plenty(t, s, prepared(t, s))
	db.SetMaxOpenConns(1) // what is prepared and set stays with the connection
	run := func(statement string) {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	run("ANALYZE")
	run("SET plan_cache_mode = force_generic_plan")
	run("SET enable_seqscan = off") // only where nothing else can
	control.Reset()
	for _, operation := range operations(t, s) {
		require.NoError(t, operation())
	}
	seen := 0
	for i, statement := range control.Statements() {
		if strings.HasPrefix(statement, "INSERT") {
			continue
		}
		seen++
		name := fmt.Sprint("plan", i)
		run("PREPARE " + name + " AS " + statement)
		execute := "EXPLAIN EXECUTE " + name
		if n := parameters(statement); n > 0 {
			execute += "(" + strings.Repeat("NULL, ", n-1) + "NULL)"
		}
		plan := explain(t, db, execute)
		for j, line := range plan {
			require.NotContains(t, line, "Seq Scan", "%s\n%s", statement, strings.Join(plan, "\n"))
			// What an organization has few of, its stacks and roles, may be read whole.
			if wholeOrganization.MatchString(line) {
				require.Contains(t, plan[j-1], "orgusers_stack", "%s\n%s", statement, strings.Join(plan, "\n"))
			}
		}
	}
	require.Greater(t, seen, 45)
}

var (
	wholeOrganization = regexp.MustCompile(`Index Cond: \(org_id = [^()]*\)$`)
	numberedParameter = regexp.MustCompile(`\$([0-9]+)`)
)

// parameters is how many a statement of PostgreSQL has.
func parameters(statement string) (n int) {
	for _, found := range numberedParameter.FindAllStringSubmatch(statement, -1) {
		number, _ := strconv.Atoi(found[1])
		n = max(n, number)
	}
	return n
}

// The same on MySQL and MariaDB, by the rows that are read.
func TestRowsReadOnMySQL(t *testing.T) {
	t.Parallel()
	for _, stale := range []bool{true, false} {
		d := mysqlDatabase(t)
		db := d.open(t, 2)
		s := d.store(t, db)
		o := prepared(t, s)
		analyze := func() {
			for _, table := range tables {
				_, err := db.Exec("ANALYZE TABLE orgusers_" + table)
				require.NoError(t, err)
			}
		}
		for _, table := range tables {
			_, err := db.Exec("ALTER TABLE orgusers_" + table + " STATS_AUTO_RECALC=0")
			require.NoError(t, err)
		}
		analyze()
		plenty(t, s, o)
		if !stale {
			analyze()
		}
		db.SetMaxOpenConns(1) // one session, so that its counters are the operation's
		for i, operation := range operations(t, s) {
			before := rowsRead(t, db)
			require.NoError(t, operation())
			assert.Less(t, rowsRead(t, db)-before, 150, "operation %d, stale=%v", i, stale)
		}
	}
}
