package itest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// counted is a store whose statements can be looked at, and made to fail. Its first call, which checks
// the schema, is over.
func counted(t testing.TB, d database) (*sqlstore.Store, *faultdriver.Control, *sql.DB) {
	db, control := faultdriver.Open(d.driver, d.dsn)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := d.store(t, db)
	_, err := s.Organizations(t.Context(), orgusers.OrgQuery{Limit: 1})
	require.NoError(t, err)
	control.Reset()
	return s, control, db
}

// explain returns the plan of a statement, line by line.
func explain(t testing.TB, db *sql.DB, statement string, args ...any) []string {
	rows, err := db.Query(statement, args...)
	require.NoError(t, err, statement)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var plan []string
	for rows.Next() {
		var line string
		dest := make([]any, len(columns))
		for i := range dest {
			dest[i] = new(any)
		}
		dest[len(dest)-1] = &line // on both databases, the last column
		require.NoError(t, rows.Scan(dest...))
		plan = append(plan, line)
	}
	require.NoError(t, rows.Err())
	return plan
}

// sqlitePlan returns SQLite's plan. Its parameters do not matter to it.
func sqlitePlan(t testing.TB, db *sql.DB, statement string) []string {
	args := make([]any, strings.Count(statement, "?"))
	for i := range args {
		args[i] = "1"
	}
	return explain(t, db, "EXPLAIN QUERY PLAN "+statement, args...)
}

// noScan fails on a plan that reads a whole table or organization, or sorts what it has read. Without
// statistics the planner takes an organization for ten rows, so it needs no bad luck to do so. What
// an organization has few of, its stacks (s) and roles (r), may be read whole.
func noScan(t testing.TB, statement string, plan []string) {
	for _, line := range plan {
		table := strings.HasPrefix(line, "SCAN ") && line != "SCAN i" // the handful of inviters
		whole := strings.HasSuffix(strings.TrimSuffix(line, " LEFT-JOIN"), "(org_id=?)") &&
			!strings.HasPrefix(line, "SEARCH s ") && !strings.HasPrefix(line, "SEARCH r ")
		sorted := strings.Contains(line, "TEMP B-TREE") && !strings.Contains(line, "DISTINCT")
		require.False(t, table || whole || sorted, "%s\n%s", statement, strings.Join(plan, "\n"))
	}
}

// P4: a page of a roster is a range of the index in its order, with no sort and no scan, for every
// order, direction and place, and it is one statement.
func TestP4_PlansOfPages(t *testing.T) {
	t.Parallel()
	s, control, db := counted(t, sqliteDatabase(t))
	small(t, s, "o", 20)
	index := map[orgusers.MemberSort]string{
		orgusers.SortEmail:     "orgusers_members_address (org_id=? AND address_key>?)",
		orgusers.SortName:      "orgusers_members_name (org_id=? AND (name_key,id)>(?,?))",
		orgusers.SortInvitedAt: "orgusers_members_invited (org_id=? AND (invited_at,id)>(?,?))",
		orgusers.SortLastLogin: "orgusers_members_login (org_id=? AND (last_login,id)>(?,?))",
		orgusers.SortRole:      "orgusers_members_role (org_id=? AND (role,address_key)>(?,?))",
	}
	for _, sort := range sorts {
		for _, descending := range []bool{false, true} {
			for _, after := range []bool{false, true} {
				q := orgusers.MemberQuery{Org: "o", Sort: sort, Descending: descending, Limit: 5}
				want, _, _ := strings.Cut(index[sort], " AND ")
				want += ")"
				if after {
					first, err := s.Members(t.Context(), q)
					require.NoError(t, err)
					position := sort.Key(&first[2])
					q.After, want = &position, index[sort]
					if descending {
						want = strings.ReplaceAll(want, ">", "<")
					}
				}
				control.Reset()
				_, err := s.Members(t.Context(), q)
				require.NoError(t, err)
				require.Len(t, control.Statements(), 1)
				plan := sqlitePlan(t, db, control.Statements()[0])
				require.Equal(t, []string{"SEARCH m USING INDEX " + want}, plan, "%s descending=%v after=%v", sort, descending, after)
			}
		}
	}
}

// A filter never makes the planner leave the index of the order and sort, on the first page or behind
// it, save for the few administrators.
func TestP4_PlansOfFilteredPages(t *testing.T) {
	t.Parallel()
	s, control, db := counted(t, sqliteDatabase(t))
	small(t, s, "o", 20)
	index := map[orgusers.MemberSort]string{
		orgusers.SortEmail: "members_address", orgusers.SortName: "members_name", orgusers.SortInvitedAt: "members_invited",
		orgusers.SortLastLogin: "members_login", orgusers.SortRole: "members_role",
	}
	filters := []orgusers.MemberFilter{
		{Search: "a"}, {Status: orgusers.StatusActive}, {Role: orgusers.RoleMember}, {Stack: "s"}, {NeverLoggedIn: true}, {InactiveSince: at(0)}, {WithoutMFA: true},
	}
	for _, sort := range sorts {
		position := sort.Key(&orgusers.Member{ID: "m", Address: address("a@b.c"), Role: orgusers.RoleMember, InvitedAt: at(1), LastLogin: at(1)})
		for _, f := range filters {
			for _, after := range []*orgusers.MemberKey{nil, &position} {
				control.Reset()
				_, err := s.Members(t.Context(), orgusers.MemberQuery{Org: "o", MemberFilter: f, Sort: sort, After: after, Limit: 5})
				require.NoError(t, err)
				want := index[sort]
				if f.Role != "" && sort == orgusers.SortEmail {
					want = "members_role" // which has this order within a role
				}
				plan := strings.Join(sqlitePlan(t, db, control.Statements()[0]), "\n")
				require.Contains(t, plan, "SEARCH m USING INDEX orgusers_"+want+" (", "%s %+v", sort, f)
				require.NotContains(t, plan, "TEMP B-TREE", "%s %+v", sort, f)
				require.NotContains(t, plan, "SCAN", "%s %+v", sort, f)
			}
		}
	}
}

// operations are calls that between them run every statement of the store, on what prepared has made.
func operations(t testing.TB, s orgusers.Store) []func() error {
	ctx := t.Context()
	reads := func(q orgusers.ViewQuery) func() error {
		return func() error { _, err := s.View(ctx, q); return err }
	}
	ops := []func() error{
		func() error { return s.Commit(ctx, everything(organization(t, s, "o"))) },
		reads(orgusers.ViewQuery{
			Org: "o", Request: "r", Members: []orgusers.MemberID{"o-m0001", "o-m0003"}, Joined: []orgusers.UserID{"o-u3"},
			Keys: []orgusers.AddressKey{"u0004@o.example"}, Subjects: []string{"s1"}, Owner: true, Inviters: true, Grants: true, Owned: true,
			Stacks: []orgusers.StackID{"s"}, Roles: true, Users: []orgusers.UserID{"o-u5"}, UserKeys: []orgusers.AddressKey{"u0006@o.example"},
			Live: at(9),
		}),
		reads(orgusers.ViewQuery{Org: "o", AllStack: true}),
		reads(orgusers.ViewQuery{Request: "r"}),
		reads(orgusers.ViewQuery{Person: orgusers.PersonQuery{User: "o-u1"}, Counters: []string{"k"}}),
		reads(orgusers.ViewQuery{Person: orgusers.PersonQuery{Key: "u0001@o.example"}}),
		reads(orgusers.ViewQuery{Person: orgusers.PersonQuery{Token: "token of n1"}, Counters: []string{"k", "l"}}),
		func() error { _, err := s.Session(ctx, "token of n1"); return err },
		func() error { return s.Seen(ctx, "n1", at(9)) },
		func() error {
			next := filledSession("n1", "o-u1")
			next.Agent = "another" // MySQL counts no row that stays as it is
			return s.Commit(ctx, orgusers.Changes{DeleteSessions: []orgusers.SessionID{"n1"}, NewSessions: []orgusers.Session{next}})
		},
		func() error { _, err := s.Access(ctx, "o-u1", "o"); return err },
		func() error { return s.Touch(ctx, "o-u1", at(5)) },
		func() error {
			_, err := s.Bump(ctx, []orgusers.Counter{{Key: "k", Add: 1, ExpiresAt: at(9)}})
			return err
		},
		func() error { _, err := s.Effects(ctx, orgusers.EffectQuery{Limit: 3}); return err },
		func() error {
			o := organization(t, s, "o")
			return s.Commit(ctx, orgusers.Changes{
				Org: &o,
				Users: []orgusers.UserUpdate{
					{ID: "o-u3", Version: 1, Patch: orgusers.UserPatch{Verified: orgusers.Some(true)}}, {ID: "o-u1", Version: 2},
				},
				DeleteUsers: []orgusers.UserUpdate{{ID: "o-u4", Version: 1}}, DeleteMembers: []orgusers.MemberID{"o-m0004"},
				Profiles: []orgusers.Profile{{User: "o-u3", LastLogin: at(3)}}, Members: []orgusers.MemberUpdate{{ID: "o-m0003", Patch: orgusers.MemberPatch{Sends: orgusers.Some(1)}}},
				Stacks: []orgusers.Stack{{ID: "s1", Org: "o", Name: "x"}}, DeleteStacks: []orgusers.StackID{"s3"},
				Roles: []orgusers.StackRole{{ID: "r1", Org: "o", Name: "x"}}, DeleteRoles: []orgusers.RoleID{"r3"},
				Revoked: []orgusers.Revoke{
					{Member: "o-m0003", Stack: "s1"}, {Member: "o-m0005", Stack: "t"}, {Stack: "s1"}, {Role: "r", On: []orgusers.StackID{"s1", "t"}},
				},
				DeleteSessions: []orgusers.SessionID{"n1", "n3"}, DeleteIPRules: []orgusers.IPRuleID{"i2", "i3"},
				Effects: []orgusers.Effect{{ID: "e2", DueAt: at(1)}, {ID: "e3", DueAt: at(1)}},
			})
		},
		func() error {
			claimed, err := s.Claim(ctx, orgusers.ClaimQuery{Now: at(2), Until: at(1000), Lease: "l", Limit: 3})
			require.Len(t, claimed, 3)
			return err
		},
		func() error {
			return s.Settle(ctx, []orgusers.Settlement{
				{ID: "e1", Lease: "l", Done: true}, {ID: "e2", Lease: "l", DueAt: at(2)}, {ID: "e3", Lease: "l", Dead: true, LastError: "x"},
			})
		},
		func() error {
			n, err := s.Requeue(ctx, []orgusers.EffectID{"e3", "e2"}, at(3))
			require.Equal(t, 1, n)
			return err
		},
		func() error { return s.Prune(ctx, at(9_000), at(9_000), at(1)) },
	}
	rule := filledIPRule("i3", "n3", "o-u1")
	for _, q := range []orgusers.IPRuleQuery{{User: "o-u1", Limit: 3}, {Org: "o", IP: rule.IP, Resource: rule.Resource, After: "a", Limit: 3}, {Org: "o", After: "a", Limit: 3}} {
		ops = slices.Insert(ops, 1, func() error {
			rules, err := s.IPRules(ctx, q)
			require.NotEmpty(t, rules)
			return err
		})
	}
	for _, descending := range []bool{false, true} {
		ops = append(ops, func() error {
			_, err := s.Audit(ctx, orgusers.AuditQuery{Org: "o", Descending: descending, After: &orgusers.AuditKey{Seq: 1, ID: "x"}, Action: "a", Limit: 3})
			return err
		})
	}
	for _, q := range []orgusers.OrgQuery{{After: "a", Limit: 3}, {User: "o-u1", Limit: 3}} {
		ops = append(ops, func() error { _, err := s.Organizations(ctx, q); return err })
	}
	return ops
}

// No statement of any operation reads a whole table.
func TestPlans(t *testing.T) {
	t.Parallel()
	s, control, db := counted(t, sqliteDatabase(t))
	prepared(t, s)
	control.Reset()
	for _, operation := range operations(t, s) {
		require.NoError(t, operation())
	}
	seen := 0
	for _, statement := range control.Statements() {
		if strings.HasPrefix(statement, "INSERT") {
			continue
		}
		seen++
		noScan(t, statement, sqlitePlan(t, db, statement))
	}
	require.Greater(t, seen, 45)
}

// The plans hold for hundreds of ids too, and a bulk is a handful of statements (P3).
func TestP3_Bulk(t *testing.T) {
	t.Parallel()
	s, control, db := counted(t, sqliteDatabase(t))
	o := small(t, s, "o", 500)
	var q orgusers.ViewQuery
	c := orgusers.Changes{Org: &o}
	for i := range 500 {
		m := orgusers.MemberID(fmt.Sprintf("o-m%04d", i))
		q.Members = append(q.Members, m)
		c.Members = append(c.Members, orgusers.MemberUpdate{ID: m, Patch: orgusers.MemberPatch{Sends: orgusers.Some(i)}})
		c.Users = append(c.Users, orgusers.UserUpdate{
			ID: orgusers.UserID(fmt.Sprintf("o-u%d", i)), Version: 1,
			Patch: orgusers.UserPatch{Password: orgusers.Some(orgusers.PasswordHash(fmt.Sprint(i))), Orgs: orgusers.Some(i % 3)},
		})
		c.Revoked = append(c.Revoked, orgusers.Revoke{Member: m, Stack: orgusers.StackID(fmt.Sprint("s", i%7))})
	}
	q.Org, q.Inviters, q.Grants, q.Owned, q.Live = "o", true, true, true, at(9)
	control.Reset()
	view(t, s, q)
	require.Len(t, control.Statements(), 3)
	require.NoError(t, s.Commit(t.Context(), c))
	require.Len(t, control.Statements(), 3+4)
	for _, statement := range control.Statements() {
		noScan(t, statement, sqlitePlan(t, db, statement))
	}
}

// As many rows as one statement takes, with everything different in each: no limit of a database is in
// the way, not SQLite's of 32,766 parameters nor of 1,000 terms.
func TestP3_WorstBulk(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s := d.store(t, d.open(t, 4))
		const n = 1030
		o := orgusers.Organization{ID: "o"}
		c, u := orgusers.Changes{Org: &o, NewOrg: true}, orgusers.Changes{Org: &o}
		var last orgusers.MemberPatch
		for i := range n {
			user, member := orgusers.UserID(fmt.Sprint("u", i)), orgusers.MemberID(fmt.Sprint("m", i))
			account := filledUser(string(user), fmt.Sprintf("u%d@x.example", i))
			account.Version = int64(i)
			c.NewUsers = append(c.NewUsers, account)
			c.NewMembers = append(c.NewMembers, filledMember("o", string(member), string(user), fmt.Sprintf("u%d@x.example", i)))
			u.Users = append(u.Users, orgusers.UserUpdate{ID: user, Version: int64(i), Patch: filled[orgusers.UserPatch](1000 + 100*i)})
			last = filled[orgusers.MemberPatch](1000 + 100*i)
			last.User = orgusers.Some(user)
			u.Members = append(u.Members, orgusers.MemberUpdate{ID: member, Patch: last})
			u.Revoked = append(u.Revoked, orgusers.Revoke{Member: member, Stack: orgusers.StackID(fmt.Sprint("s", i))})
		}
		require.NoError(t, s.Commit(t.Context(), c))
		require.NoError(t, s.Commit(t.Context(), u))
		want := c.NewMembers[n-1]
		last.Apply(&want)
		v := view(t, s, orgusers.ViewQuery{Org: "o", Members: []orgusers.MemberID{want.ID}})
		require.Equal(t, []orgusers.Member{want}, v.Members)
		require.Equal(t, int64(n), v.Users[0].Version)
		for i := range n {
			u.DeleteUsers = append(u.DeleteUsers, orgusers.UserUpdate{ID: c.NewUsers[i].ID, Version: int64(i) + 1})
		}
		require.NoError(t, s.Commit(t.Context(), orgusers.Changes{DeleteUsers: u.DeleteUsers}))
	})
}

// P3: an invitation costs the same statements for 2 people and for 1,000, and twice as many for 2,000.
func TestP3_Invitations(t *testing.T) {
	t.Parallel()
	onEach(t, p3Invitations)
}

func p3Invitations(t *testing.T, d database) {
	s, control, _ := counted(t, d)
	o := small(t, s, "o", 1)
	next := 0
	invite := func(n int) []string {
		c := orgusers.Changes{Org: &o}
		q := orgusers.ViewQuery{Org: "o", Joined: []orgusers.UserID{"o-u0"}}
		for range n {
			next++
			id := fmt.Sprintf("i%06d", next)
			m := filledMember("o", id, "", id+"@x.example")
			q.Keys = append(q.Keys, m.Address.Key)
			c.NewMembers = append(c.NewMembers, m)
			c.Granted = append(c.Granted, orgusers.MemberGrant{Member: m.ID, Grant: orgusers.Grant{Stack: "s", Role: "developer"}})
			c.Audit = append(c.Audit, orgusers.AuditEntry{ID: orgusers.EntryID(id), Org: "o", Seq: int64(next), Chained: true})
			c.Effects = append(c.Effects, orgusers.Effect{ID: orgusers.EffectID(id), Org: "o"})
		}
		control.Reset()
		o = view(t, s, q).Org
		require.NoError(t, s.Commit(t.Context(), c))
		statements := control.Statements()
		o = organization(t, s, "o")
		return statements
	}
	const once = 1 // the guard
	require.Len(t, invite(2), once+1+4)
	require.Len(t, invite(1000), once+1+4)
	require.Len(t, invite(2000), once+2*(1+4))
}

// Every part of a view that is not asked for costs nothing.
func TestViewStatements(t *testing.T) {
	t.Parallel()
	onEach(t, viewStatements)
}

func viewStatements(t *testing.T, d database) {
	s, control, _ := counted(t, d)
	prepared(t, s)
	for n, queries := range map[int][]orgusers.ViewQuery{
		0: {{}},
		1: {
			{Org: "o"},
			{Org: "o", Request: "r"},
			{Request: "r"},
			{Users: []orgusers.UserID{"o-u1"}, UserKeys: []orgusers.AddressKey{"a"}},
			{Org: "o", Grants: true},
			{Person: orgusers.PersonQuery{Key: "u0001@o.example"}, Counters: []string{"k", "l"}},
			{Person: orgusers.PersonQuery{User: "o-u1"}},
			{Org: "o", Owned: true},
			{Org: "o", Members: []orgusers.MemberID{""}, Joined: []orgusers.UserID{""}},
			{
				Org: "o", Request: "r", Members: []orgusers.MemberID{"o-m0001"}, Joined: []orgusers.UserID{"o-u2"}, Keys: []orgusers.AddressKey{"k"},
				Subjects: []string{"s"}, Owner: true, Inviters: true, Users: []orgusers.UserID{"o-u1"}, UserKeys: []orgusers.AddressKey{"a"},
			},
		},
		2: {
			{Org: "o", Stacks: []orgusers.StackID{"s1"}, Roles: true},
			{Org: "o", AllStack: true},
			{Org: "o", Roles: true},
			{Org: "o", Person: orgusers.PersonQuery{Token: "token of n1"}, Counters: []string{"k"}},
			{Org: "o", Members: []orgusers.MemberID{"o-m0001"}, Grants: true},
			{Org: "o", Joined: []orgusers.UserID{"o-u3"}, Owned: true},
		},
		3: {{Org: "o", Members: []orgusers.MemberID{"o-m0001"}, Grants: true, Owned: true, AllStack: true, Roles: true}},
	} {
		for _, q := range queries {
			control.Reset()
			view(t, s, q)
			require.Len(t, control.Statements(), n, "%+v", q)
		}
	}
}
