package orgusers_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// TestDecideIsPure: the same question gets the same answer, and nothing that Decide is given is
// changed by it, whatever is asked by whomever. office.decide checks both, and that what comes back
// keeps the promises; here it is fed with every command a host can make, and with random bulks.
func TestDecideIsPure(t *testing.T) {
	t.Parallel()
	permissions := []orgusers.Permission{"z:z", "a:a", "a:a"} // neither sorted nor unique
	domains := []string{"Z.example", "acme.example", "a.example", "a.example"}
	gates := []orgusers.Action{orgusers.ActionUnlock, orgusers.ActionDelete, orgusers.ActionDelete}
	limits := []orgusers.Limit{{Resource: "z", Max: 1}, {Resource: "a", Max: 2}}
	build := func(tb testing.TB) *office {
		tb.Helper()
		o := usual(tb).offered("mark@acme.example")
		web := o.stack("web", "mark")
		o.grant("mark", web, orgusers.RoleDeveloper, orgusers.RoleContentManager)
		o.role("Auditor", "b:b", "a:a")
		o.org.Settings.AllowedDomains = []string{"acme.example"}
		o.org.Settings.Closed = []orgusers.Action{orgusers.ActionRename}
		o.policy.Developer = []orgusers.Permission{"z:z", "a:a"}
		o.limit(20, 20)
		return o
	}
	o := build(t)
	commands := []orgusers.Command{
		orgusers.CreateStack{Org: o.org.ID, Name: "new"},
		orgusers.RenameStack{Org: o.org.ID, Stack: o.stacks[0].ID, Name: "new"},
		orgusers.DeleteStack{Org: o.org.ID, Stack: o.stacks[0].ID},
		orgusers.SaveRole{Org: o.org.ID, Name: "new", Permissions: permissions},
		orgusers.SaveRole{Org: o.org.ID, Role: o.roles[0].ID, Name: "new", Permissions: permissions},
		orgusers.DeleteRole{Org: o.org.ID, Role: o.roles[0].ID},
		orgusers.SetAllowedDomains{Org: o.org.ID, Domains: domains},
		orgusers.SetSSO{Org: o.org.ID, SSO: orgusers.SSO{Enabled: true}},
		orgusers.SetGroups{Org: o.org.ID, Groups: []orgusers.GroupRole{{Group: "staff", Role: orgusers.RoleMember}}},
		orgusers.OfferOwnership{Org: o.org.ID, To: o.address("mia@acme.example")},
		orgusers.ResendOwnership{Org: o.org.ID},
		orgusers.CancelOwnership{Org: o.org.ID},
		orgusers.Leave{Org: o.org.ID},
		&orgusers.CreateOrganization{NewOrganization: orgusers.NewOrganization{
			Name: "Beta", Owner: "mark@acme.example", Admins: []string{"new@beta.example"}, Closed: gates, Plan: orgusers.Plan{Limits: limits},
		}},
		orgusers.RenameOrganization{Org: o.org.ID, Name: "new"},
		orgusers.SetDisabled{Org: o.org.ID, Disabled: true},
		orgusers.SetPlan{Org: o.org.ID, Plan: orgusers.Plan{Limits: limits}},
		orgusers.SetGates{Org: o.org.ID, Closed: gates},
		orgusers.RestoreOwner{Org: o.org.ID, Member: o.member("mark").ID},
	}
	for _, c := range commands {
		changed := 0
		for _, who := range []string{"olivia", "adam", "mark", "ivan", "petra", "nobody"} {
			o := build(t)
			if changes, _, err := o.decide(o.actor(who), c); err == nil && changes.Org != nil {
				changed++
			}
		}
		require.Positive(t, changed, "%T does something for somebody", c)
	}
	require.Equal(t, []orgusers.Permission{"z:z", "a:a", "a:a"}, permissions)
	require.Equal(t, []string{"Z.example", "acme.example", "a.example", "a.example"}, domains)
	require.Equal(t, []orgusers.Action{orgusers.ActionUnlock, orgusers.ActionDelete, orgusers.ActionDelete}, gates)
	require.Equal(t, []orgusers.Limit{{Resource: "z", Max: 1}, {Resource: "a", Max: 2}}, limits)
}

// TestDecideRandomBulks: random operations on random selections in random offices, one after
// another, so that each starts where the one before ended. office.decide holds every step to the
// promises: one owner or an administrator, the tally a recount, guards as read, nothing mutated.
func TestDecideRandomBulks(t *testing.T) {
	t.Parallel()
	seeds := uint64(10)
	if os.Getenv("ORGUSERS_SOAK") != "" {
		seeds = 1000
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			pick := func(from []string) string { return from[r.IntN(len(from))] }
			people := []string{"olivia owner", "adam admin", "anna admin mfa"}
			if seed%3 == 0 {
				people[0] = "olivia admin"
			}
			names := []string{"olivia", "adam", "anna", "nobody"}
			for i := range 8 {
				name := fmt.Sprintf("p%d", i)
				names = append(names, name)
				people = append(people, name+" "+pick([]string{"member", "admin"})+" "+pick([]string{"", "pending", "inactive", "several", "mfa", "locked"})+" "+pick([]string{"", "own"}))
			}
			o := newOffice(t, people...)
			web, shop := o.stack("web", "adam"), o.stack("shop", "anna")
			o.org.Settings.SSO = []orgusers.SSO{{}, {Enabled: true}, {Enabled: true, Strict: true, RoleMapping: true}}[r.IntN(3)]
			o.policy.PeersProtected, o.policy.ImmediateMFAReset, o.policy.UnlockSkips = r.IntN(4) == 0, r.IntN(2) == 0, r.IntN(2) == 0
			for range 40 {
				o.now = o.now.Add(time.Hour)
				ops := []orgusers.Operation{
					orgusers.Remove{},
					orgusers.SetRole{Role: orgusers.RoleAdmin},
					orgusers.SetRole{Role: orgusers.RoleMember},
					orgusers.Deactivate{},
					orgusers.Reactivate{},
					orgusers.Reactivate{},
					orgusers.Delete{},
					orgusers.Rename{Name: orgusers.Name{First: pick(names)}},
					orgusers.ForcePasswordReset{},
					orgusers.ResetMFA{},
					orgusers.EndSessions{},
					orgusers.ResendInvitation{},
					orgusers.Unlock{},
					orgusers.SetWithoutSSO{Allow: r.IntN(2) == 0},
					orgusers.UnlinkSSO{},
					orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: web, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}, {Stack: shop}}},
				}
				var on []string
				for range 1 + r.IntN(6) {
					on = append(on, pick(names))
				}
				by := o.actor(pick(names[:3]))
				by.SignedInAt = o.now.Add(-time.Microsecond)
				c := orgusers.Bulk{Org: o.org.ID, Operation: ops[r.IntN(len(ops))], Members: o.ids(on...)}
				changes, rep, err := o.decide(by, c)
				if err != nil {
					require.NotContains(t, err.Error(), string(orgusers.ReasonInvariant), "%s %v", c.Action(), on)
					continue
				}
				var order []orgusers.MemberID
				for _, out := range rep.Outcomes {
					order = append(order, out.Member)
					require.Equal(t, out.Result == orgusers.Applied && out.Reason == "", out.Rule == "", "a rule for everything out of the ordinary")
				}
				var want []orgusers.MemberID
				for _, id := range c.Members {
					if !slices.Contains(want, id) {
						want = append(want, id)
					}
				}
				require.Equal(t, want, order, "an outcome each, in the order named")
				o = o.after(changes)
			}
		})
	}
}

// TestDecideWithoutAService: a host that decides by itself gets what Service would: bad policies,
// bad actors and bad input are refused, and an order of reading that differs is no matter.
func TestDecideWithoutAService(t *testing.T) {
	t.Parallel()
	o := usual(t)
	remove := orgusers.Bulk{Org: o.org.ID, Operation: orgusers.Remove{}, Members: o.ids("mark")}
	o.policy.MaxSelected = -1
	require.Equal(t, "policy.max_selected", o.refusedWith("adam", remove, orgusers.ErrInvalid).Fields[0].Field)
	o.policy.MaxSelected = 0
	a := o.actor("adam")
	a.Request = "not\nvisible"
	_, _, err := o.decide(a, remove)
	require.ErrorIs(t, err, orgusers.ErrInvalid)
	_, _, err = orgusers.Decide(orgusers.View{}, o.actor("adam"), remove, o.policy, o.env())
	require.ErrorIs(t, err, orgusers.ErrNotFound, "an empty view is an organization that does not exist")

	t.Run("creating an organization finds whom it names", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c := &orgusers.CreateOrganization{NewOrganization: orgusers.NewOrganization{
			Name: "Beta", Owner: "MARK@acme.example", OwnerName: orgusers.Name{First: "Other"}, Admins: []string{"new@beta.example"},
		}}
		changes, rep, err := o.decide(orgusers.Actor{User: "support-1"}, c)
		require.NoError(t, err)
		require.Equal(t, o.user("mark").ID, changes.Org.OwnerID, "who has an account keeps it (C9)")
		require.Len(t, changes.NewUsers, 1)
		require.False(t, changes.NewUsers[0].Verified)
		require.Empty(t, changes.NewUsers[0].Password)
		require.Equal(t, []string{"activation new@beta.example"}, mails(&changes), "R2.6 S-097: only who has no password")
		require.Equal(t, string(changes.Org.ID), rep.Subject)
		require.Equal(t, orgusers.Tally{Members: 2, Admins: 2}, changes.Org.Tally)
		require.True(t, changes.NewOrg)
		require.Equal(t, orgusers.Some(2), changes.Users[0].Patch.Orgs)
		require.False(t, changes.Users[0].Patch.Name.Set, "support renames nobody")
	})
	t.Run("R12.5 owner-less with administrators only", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		create := func(n orgusers.NewOrganization) (orgusers.Changes, error) {
			c, _, err := o.decide(orgusers.Actor{User: "support-1"}, &orgusers.CreateOrganization{NewOrganization: n})
			return c, err
		}
		_, err := create(orgusers.NewOrganization{Name: "Beta"})
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		c, err := create(orgusers.NewOrganization{Name: "Beta", Admins: []string{"a@beta.example", "b@beta.example"}})
		require.NoError(t, err)
		require.Empty(t, c.Org.OwnerID)
		require.Equal(t, int64(2), c.Org.Tally.Admins)
		ten := make([]string, 10)
		for i := range ten {
			ten[i] = fmt.Sprintf("a%d@beta.example", i)
		}
		c, err = create(orgusers.NewOrganization{Name: "Beta", Owner: "o@beta.example", Admins: ten})
		require.NoError(t, err)
		require.Len(t, c.NewMembers, 11)
		_, err = create(orgusers.NewOrganization{Name: "Beta", Owner: "o@beta.example", Admins: append(ten, "b@beta.example")})
		require.ErrorIs(t, err, orgusers.ErrInvalid, "at most ten")
		_, err = create(orgusers.NewOrganization{Name: "Beta", Owner: "a@beta.example", Admins: []string{"A@beta.example"}})
		require.ErrorIs(t, err, orgusers.ErrInvalid, "nobody is named twice")
		_, err = create(orgusers.NewOrganization{Name: "Beta", Owner: "a@beta.example", Admins: []string{"b@beta.example"}, Plan: orgusers.Plan{Limits: []orgusers.Limit{{Resource: orgusers.ResourceUsers, Max: 1}}}})
		require.ErrorIs(t, err, orgusers.ErrSeats, "R9.3")
	})
}

// TestQueryIsEnough: a view with everything in it leads to no other decision than one with what the
// query named: no rule leans on what a store happened to send along.
func TestQueryIsEnough(t *testing.T) {
	t.Parallel()
	o := usual(t)
	everything := orgusers.ViewQuery{Org: o.org.ID, Owner: true, Inviters: true, Grants: true, Owned: true, AllStack: true, Roles: true}
	for i := range o.members {
		everything.Members = append(everything.Members, o.members[i].ID)
	}
	for _, op := range everyOperation(o) {
		for _, by := range []string{"olivia", "adam"} {
			c := orgusers.Bulk{Org: o.org.ID, Operation: op, Members: o.ids("mark", "petra", "sven", "olivia", "nobody", "adam")}
			some, rep, err := o.decide(o.actor(by), c)
			require.NoError(t, err)
			all, repAll, err := orgusers.Decide(o.view(everything), o.actor(by), c, o.policy, o.env())
			require.NoError(t, err)
			require.Equal(t, rep, repAll, "%s by %s", op.Action(), by)
			slices.SortFunc(all.Stacks, func(a, b orgusers.Stack) int { return compareText(a.ID, b.ID) })
			slices.SortFunc(some.Stacks, func(a, b orgusers.Stack) int { return compareText(a.ID, b.ID) })
			require.Equal(t, some.Members, all.Members)
			require.Equal(t, some.Users, all.Users)
			require.Equal(t, some.Org, all.Org)
			require.Equal(t, some.Stacks, all.Stacks)
		}
	}
}
