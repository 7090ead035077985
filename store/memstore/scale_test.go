package memstore_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

const (
	org   orgusers.OrgID   = "0191d2a0-0000-7000-8000-000000000001"
	stack orgusers.StackID = "0191d2a0-0000-7000-8000-000000000002"
)

var day = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func memberID(i int) orgusers.MemberID { return orgusers.MemberID(fmt.Sprintf("m%07d", i)) }
func userID(i int) orgusers.UserID     { return orgusers.UserID(fmt.Sprintf("u%07d", i)) }

// filled returns a store with one organization of n people.
func filled(tb testing.TB, n int) *memstore.Store {
	tb.Helper()
	s := memstore.New()
	c := orgusers.Changes{Org: &orgusers.Organization{ID: org, OwnerID: userID(0)}, NewOrg: true}
	c.NewStacks = []orgusers.Stack{{ID: stack, Org: org, Name: "web", Owner: userID(0)}}
	for i := range n {
		local := fmt.Sprintf("p%07d", i*7919%n) // not in the order of ids
		a := orgusers.Address{Email: local + "@example.com", Key: orgusers.AddressKey(local + "@example.com")}
		c.NewUsers = append(c.NewUsers, orgusers.User{ID: userID(i), Address: a})
		c.NewMembers = append(c.NewMembers, orgusers.Member{
			ID: memberID(i), Org: org, User: userID(i), Address: a, Role: orgusers.RoleMember, Status: orgusers.StatusActive,
			Name: orgusers.Name{First: "Ann" + strconv.Itoa(i%977), Last: "Doe"}, InvitedAt: day.Add(time.Duration(i%1000) * time.Hour),
		})
		c.Granted = append(c.Granted, orgusers.MemberGrant{Member: memberID(i), Grant: orgusers.Grant{Stack: stack, Role: orgusers.RoleDeveloper}})
	}
	require.NoError(tb, s.Commit(tb.Context(), c))
	return s
}

// steps are the calls a decision and a page are made of, the i-th time each on other people.
func steps(tb testing.TB, s *memstore.Store, n int) map[string]func(i int) {
	tb.Helper()
	ctx := tb.Context()
	ten := func(i int) (ids []orgusers.MemberID) {
		for j := range 10 {
			ids = append(ids, memberID((i*104729+j*17)%n))
		}
		return ids
	}
	view := func(q orgusers.ViewQuery) orgusers.View {
		q.Org, q.Joined = org, []orgusers.UserID{userID(0)}
		v, err := s.View(ctx, q)
		require.NoError(tb, err)
		return v
	}
	commit := func(v orgusers.View, c orgusers.Changes) {
		c.Org = &v.Org
		c.Org.AuditSeq++
		c.Audit = []orgusers.AuditEntry{{ID: orgusers.EntryID(strconv.FormatInt(c.Org.AuditSeq, 10)), Org: org, Seq: c.Org.AuditSeq, Chained: true}}
		require.NoError(tb, s.Commit(ctx, c))
	}
	someKey := orgusers.MemberKey{Name: "ann500 doe", ID: memberID(n / 2)}
	return map[string]func(int){
		"view of ten": func(i int) {
			v := view(orgusers.ViewQuery{Members: ten(i), Grants: true, Owned: true, Roles: true})
			require.GreaterOrEqual(tb, len(v.Members), 10)
		},
		"role of one": func(i int) {
			m := memberID(i * 104729 % n)
			v := view(orgusers.ViewQuery{Members: []orgusers.MemberID{m}})
			role := []orgusers.Role{orgusers.RoleAdmin, orgusers.RoleMember}[i%2]
			commit(v, orgusers.Changes{Members: []orgusers.MemberUpdate{{ID: m, Patch: orgusers.MemberPatch{Role: orgusers.Some(role)}}}})
		},
		"invite and cancel one": func(i int) {
			m := orgusers.Member{ID: "new", Org: org, Role: orgusers.RoleMember, Status: orgusers.StatusPending, Name: orgusers.Name{First: "New"}, InvitedAt: day}
			m.Address.Key = orgusers.AddressKey(fmt.Sprintf("p%07d+new@example.com", i*104729%n))
			commit(view(orgusers.ViewQuery{Keys: []orgusers.AddressKey{m.Address.Key}}), orgusers.Changes{NewMembers: []orgusers.Member{m}})
			commit(view(orgusers.ViewQuery{Members: []orgusers.MemberID{"new"}}), orgusers.Changes{DeleteMembers: []orgusers.MemberID{"new"}})
		},
		"access": func(i int) {
			_, err := s.Access(ctx, userID(i*104729%n), org)
			require.NoError(tb, err)
		},
		"sign-in": func(i int) {
			require.NoError(tb, s.Touch(ctx, userID(i*104729%n), day.Add(time.Duration(i)*time.Microsecond)))
		},
		"page of 50 from the middle": func(int) {
			page, err := s.Members(ctx, orgusers.MemberQuery{Org: org, Sort: orgusers.SortName, After: &someKey, Limit: 50})
			require.NoError(tb, err)
			require.Len(tb, page, 50)
		},
	}
}

// TestCostDoesNotGrowWithTheRoster: a hundred times the people, and no call that scans them. The
// bound is wide, because machines are noisy and caches are small, and a scan would still pass it by
// far.
func TestCostDoesNotGrowWithTheRoster(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures time")
	}
	small, large := steps(t, filled(t, 1000), 1000), steps(t, filled(t, 100_000), 100_000)
	for name, step := range small {
		ratio := float64(median(large[name])) / float64(median(step))
		require.Less(t, ratio, 20.0, "%s: 100,000 people cost %.1f times as much as 1,000", name, ratio)
	}
}

func median(step func(int)) time.Duration {
	took := make([]time.Duration, 301)
	for i := range took {
		begun := time.Now()
		step(i)
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// BenchmarkCalls measures what of bar P11, 20 µs for a decision on 100,000 members, is the store's.
func BenchmarkCalls(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		s := filled(b, n)
		for name, step := range steps(b, s, n) {
			b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					step(i)
					i++
				}
			})
		}
	}
}
