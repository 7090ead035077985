package memstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// large is an organization of n members beside its owner, in which every tenth is an admin.
func large(tb testing.TB, n int) (*world.World, world.Org, []orgusers.MemberID) {
	tb.Helper()
	w := world.New(tb, memstore.New(), func(c *orgusers.Config) {
		c.Policy.InvitesPerActorHour, c.Policy.InvitesPerOrgDay = -1, -1
	})
	org := w.NewOrg("Large", "owner@large.example")
	rec := org.Record()
	var ids []orgusers.MemberID
	for from := 0; from < n; from += 1000 {
		c := orgusers.Changes{Org: new(orgusers.Organization)}
		*c.Org = rec
		for i := from; i < min(n, from+1000); i++ {
			addr, err := orgusers.ParseAddress(fmt.Sprintf("p%07d@large.example", i))
			require.NoError(tb, err)
			u := orgusers.User{ID: orgusers.UserID(fmt.Sprintf("01900000-0000-7000-8000-%012d", i)), Address: addr, Verified: true, Orgs: 1, Name: orgusers.Name{First: fmt.Sprint("P", i)}, Version: 1}
			m := orgusers.Member{
				ID: orgusers.MemberID(fmt.Sprintf("01900000-0000-7000-9000-%012d", i)), Org: org.ID, User: u.ID, Address: addr,
				Role: orgusers.RoleMember, Status: orgusers.StatusActive, Name: u.Name, InvitedAt: w.Clock.Now().Add(time.Duration(i) * time.Second),
			}
			c.NewUsers, c.NewMembers = append(c.NewUsers, u), append(c.NewMembers, m)
			c.Org.Tally.Members++
			ids = append(ids, m.ID)
		}
		require.NoError(tb, w.Store.Commit(context.Background(), c))
		rec = org.Record()
	}
	return w, org, ids
}

// BenchmarkDecision is bar P11: a decision, view and commit included, on 1,000 and on 100,000
// members.
func BenchmarkDecision(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		w, org, ids := large(b, n)
		ctx, admin := context.Background(), org.Admin()
		i := 0
		next := func() orgusers.MemberID { i++; return ids[i%len(ids)] }
		roles := []orgusers.Role{orgusers.RoleAdmin, orgusers.RoleMember}
		for _, op := range []struct {
			name string
			do   func() error
		}{
			{"SetRole", func() error { return admin.Do(ctx, orgusers.SetRole{Role: roles[(i/len(ids)+1)%2]}, next()) }},
			{"Deactivate", func() error {
				if i/len(ids)%2 == 0 {
					return admin.Do(ctx, orgusers.Deactivate{}, next())
				}
				return admin.Do(ctx, orgusers.Reactivate{}, next())
			}},
			{"Invite", func() error {
				i++
				_, err := admin.Invite(ctx, orgusers.Invitation{To: fmt.Sprintf("new%d@large.example", i)})
				return err
			}},
			{"Access", func() error {
				actor := org.Owner
				_, err := w.Svc.Access(ctx, actor, org.ID)
				return err
			}},
			{"Page", func() error {
				_, err := admin.Members(ctx, orgusers.List{Sort: orgusers.SortLastLogin, Limit: 50})
				return err
			}},
		} {
			b.Run(fmt.Sprintf("%s/%d", op.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := op.do(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkCheck is bar P7: a permission check after the read takes no allocation.
func BenchmarkCheck(b *testing.B) {
	w, org, _ := large(b, 10)
	stack, err := org.Admin().CreateStack(context.Background(), "Website")
	require.NoError(b, err)
	access, err := w.Svc.Access(context.Background(), org.Owner, org.ID)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if !access.Can(stack, orgusers.PermissionPublish) {
			b.Fatal("the owner of a stack may do everything on it")
		}
	}
}
