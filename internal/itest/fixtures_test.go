package itest

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// at is a time that stores keep: whole microseconds, UTC.
func at(n int) time.Time { return time.UnixMicro(1_700_000_000_123_456 + int64(n)).UTC() }

// fill sets every exported field below v to a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(at(*n)))
		return
	case time.Duration:
		v.SetInt(int64(time.Duration(*n) * time.Second))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{10, 0, 0, byte(*n)})))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text é%d", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.Uint8:
		v.SetUint(uint64('a' + *n%26))
	default:
		panic("fill: " + v.Type().String())
	}
}

// filled returns a value with every field set.
func filled[T any](seed int) T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), &seed)
	return v
}

func address(email string) orgusers.Address {
	return orgusers.Address{Email: email, Key: orgusers.AddressKey(strings.ToLower(email))}
}

func filledUser(id, email string) orgusers.User {
	u := filled[orgusers.User](100)
	u.ID, u.Address, u.Version = orgusers.UserID(id), address(email), 1
	return u
}

func filledMember(org, id, user, email string) orgusers.Member {
	m := filled[orgusers.Member](200)
	m.Org, m.ID, m.User, m.Address = orgusers.OrgID(org), orgusers.MemberID(id), orgusers.UserID(user), address(email)
	m.Role, m.Status, m.Grants, m.Owner = orgusers.RoleMember, orgusers.StatusActive, nil, false
	return m
}

func filledSession(id, user string) orgusers.Session {
	s := filled[orgusers.Session](300)
	s.ID, s.User, s.Token = orgusers.SessionID(id), orgusers.UserID(user), "token of "+id
	return s
}

func filledIPRule(id, session, user string) orgusers.IPRule {
	r := filled[orgusers.IPRule](400)
	r.ID, r.Org, r.User, r.Session = orgusers.IPRuleID(id), "o", orgusers.UserID(user), orgusers.SessionID(session)
	return r
}

func view(t testing.TB, s orgusers.Store, q orgusers.ViewQuery) orgusers.View {
	t.Helper()
	v, err := s.View(context.WithoutCancel(t.Context()), q)
	require.NoError(t, err)
	return v
}

func organization(t testing.TB, s orgusers.Store, id orgusers.OrgID) orgusers.Organization {
	t.Helper()
	return view(t, s, orgusers.ViewQuery{Org: id}).Org
}

// small makes an organization with n members, "o-m0000" and so on, of the accounts "o-u0" and so on.
// The first is an admin and the owner.
func small(t testing.TB, s orgusers.Store, org string, n int) orgusers.Organization {
	t.Helper()
	o := orgusers.Organization{ID: orgusers.OrgID(org), Name: org, OwnerID: orgusers.UserID(org + "-u0"), CreatedAt: at(0), Version: 1}
	c := orgusers.Changes{Org: &o, NewOrg: true}
	for i := range n {
		user, email := orgusers.UserID(fmt.Sprintf("%s-u%d", org, i)), fmt.Sprintf("u%04d@%s.example", i, org)
		name := orgusers.Name{First: fmt.Sprint("F", i), Last: "L"}
		c.NewUsers = append(c.NewUsers, orgusers.User{ID: user, Address: address(email), Name: name, Orgs: 1, Version: 1})
		m := orgusers.Member{
			ID: orgusers.MemberID(fmt.Sprintf("%s-m%04d", org, i)), Org: o.ID, User: user, Address: address(email),
			Role: orgusers.RoleMember, Status: orgusers.StatusActive, Name: name, InvitedAt: at(i), JoinedAt: at(i),
		}
		if i == 0 {
			m.Role = orgusers.RoleAdmin
		}
		c.NewMembers = append(c.NewMembers, m)
	}
	require.NoError(t, s.Commit(t.Context(), c))
	return organization(t, s, o.ID)
}

// prepared is an organization to which everything can be done.
func prepared(t testing.TB, s orgusers.Store) orgusers.Organization {
	t.Helper()
	o := small(t, s, "o", 6)
	grant := func(m orgusers.MemberID, stack orgusers.StackID, role orgusers.RoleID) orgusers.MemberGrant {
		return orgusers.MemberGrant{Member: m, Grant: orgusers.Grant{Stack: stack, Role: role}}
	}
	require.NoError(t, s.Commit(t.Context(), orgusers.Changes{
		Org:       &o,
		NewStacks: []orgusers.Stack{{ID: "s1", Org: "o", Name: "First", Owner: "o-u3"}, {ID: "s2", Org: "o", Name: "Second"}},
		NewRoles:  []orgusers.StackRole{{ID: "r1", Org: "o", Name: "First"}, {ID: "r2", Org: "o", Name: "Second"}},
		Granted: []orgusers.MemberGrant{
			grant("o-m0003", "s1", "r1"), grant("o-m0002", "s1", "r2"), grant("o-m0004", "s2", "r2"), grant("o-m0005", "s1", "r1"),
		},
		NewSessions: []orgusers.Session{filledSession("n1", "o-u1"), filledSession("n2", "o-u3")},
		NewIPRules:  []orgusers.IPRule{filledIPRule("i1", "n1", "o-u1"), filledIPRule("i2", "n2", "o-u3")},
	}))
	return organization(t, s, "o")
}

// everything is a commit that has one of each kind of change and fits what prepared made. It is
// calls calls to the database, BEGIN and COMMIT included.
func everything(o orgusers.Organization) orgusers.Changes {
	o.Name, o.Tally = "changed", orgusers.Tally{Members: 5, Pending: 1, Admins: 1, Stacks: 2}
	return orgusers.Changes{
		Org:         &o,
		NewUsers:    []orgusers.User{filledUser("new", "new@x.example")},
		Users:       []orgusers.UserUpdate{{ID: "o-u1", Version: 1, Patch: filled[orgusers.UserPatch](20)}},
		DeleteUsers: []orgusers.UserUpdate{{ID: "o-u2", Version: 1}},
		Profiles:    []orgusers.Profile{{User: "o-u1", Name: orgusers.Name{First: "New", Last: "Name"}, MFA: true, LastLogin: at(8)}},

		DeleteSessions: []orgusers.SessionID{"n1"},
		NewSessions:    []orgusers.Session{filledSession("n1", "o-u1"), filledSession("n3", "o-u1")},
		NewIPRules:     []orgusers.IPRule{filledIPRule("i3", "n3", "o-u1")}, DeleteIPRules: []orgusers.IPRuleID{"i1"},

		NewMembers:    []orgusers.Member{filledMember("o", "new", "new", "new@x.example")},
		Members:       []orgusers.MemberUpdate{{ID: "o-m0003", Patch: orgusers.MemberPatch{Role: orgusers.Some(orgusers.RoleAdmin)}}},
		DeleteMembers: []orgusers.MemberID{"o-m0002"},
		Revoked:       []orgusers.Revoke{{Member: "o-m0003", Stack: "s1"}, {Stack: "s2"}, {Role: "r1", On: []orgusers.StackID{"s1", "s2"}}},
		Granted:       []orgusers.MemberGrant{{Member: "new", Grant: orgusers.Grant{Stack: "s1", Role: "r3"}}},

		NewStacks: []orgusers.Stack{{ID: "s3", Org: "o", Name: "Third"}},
		Stacks:    []orgusers.Stack{{ID: "s1", Org: "o", Name: "Renamed", Owner: "o-u0"}}, DeleteStacks: []orgusers.StackID{"s2"},
		NewRoles: []orgusers.StackRole{{ID: "r3", Org: "o", Name: "Third"}},
		Roles:    []orgusers.StackRole{{ID: "r1", Org: "o", Name: "Renamed"}}, DeleteRoles: []orgusers.RoleID{"r2"},

		Audit:    []orgusers.AuditEntry{{ID: "a1", Org: "o", Seq: 1, Chained: true}},
		Effects:  []orgusers.Effect{{ID: "e1", Org: "o", DueAt: at(0)}},
		Request:  &orgusers.Request{Org: "o", ID: "q1", Digest: "d", Report: []byte(`{}`), At: at(0)},
		Counters: []orgusers.Counter{{Key: "c1", Add: 2, ExpiresAt: at(9)}},
	}
}

const calls = 29

// tables are all that hold what a caller has written.
var tables = []string{
	"organizations", "users", "members", "stacks", "stack_roles", "grants", "audit", "outbox", "requests", "counters", "sessions",
	"ip_rules",
}

// dump returns every row of every table, for "nothing has changed".
func dump(t testing.TB, db *sql.DB) string {
	t.Helper()
	var out []string
	for _, table := range tables {
		rows, err := db.Query("SELECT * FROM orgusers_" + table)
		require.NoError(t, err)
		columns, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			values, dest := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				dest[i] = &values[i]
			}
			require.NoError(t, rows.Scan(dest...))
			for i, v := range values {
				if b, ok := v.([]byte); ok {
					values[i] = string(b)
				}
			}
			out = append(out, fmt.Sprint(table, values))
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close()) //nolint:sqlclosecheck // checked
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// alike adds 5,000 people who all have the same name and were invited and seen at the same time: the
// worst case of an order that ends in a tie.
func alike(t testing.TB, s orgusers.Store, o orgusers.Organization) {
	t.Helper()
	c := orgusers.Changes{Org: &o}
	for i := range 5000 {
		m := filledMember("o", fmt.Sprintf("m%05d", i), "", fmt.Sprintf("p%05d@x.example", i*7%5000))
		m.User, m.Name, m.LastLogin, m.InvitedAt = orgusers.UserID(m.ID), orgusers.Name{First: "Same"}, time.Time{}, at(1)
		c.NewMembers = append(c.NewMembers, m)
	}
	require.NoError(t, s.Commit(t.Context(), c))
}

var sorts = []orgusers.MemberSort{orgusers.SortEmail, orgusers.SortName, orgusers.SortInvitedAt, orgusers.SortLastLogin, orgusers.SortRole}
