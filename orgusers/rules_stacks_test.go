package orgusers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestRules_SetStacks: what people had on the named stacks is replaced, the others are left alone
// (R3.3, R6.4, Q11, Q12).
func TestRules_SetStacks(t *testing.T) {
	t.Parallel()
	const dev, cm = orgusers.RoleDeveloper, orgusers.RoleContentManager
	type have = map[string][]orgusers.RoleID // by stack
	for _, c := range []struct {
		rule      string
		had, give have
		want      have
		outcome   string
	}{
		{"R6.4 replaces on the named stack", have{"web": {dev}, "shop": {dev}}, have{"web": {cm}}, have{"web": {cm}, "shop": {dev}}, "applied"},
		{"R3.2 several roles on one stack", have{}, have{"web": {dev, cm, dev}}, have{"web": {cm, dev}}, "applied"},
		{"Q11 no roles end the access", have{"web": {dev, cm}, "shop": {cm}}, have{"web": {}}, have{"shop": {cm}}, "applied"},
		{"Q11 stacks not named stay", have{"shop": {cm}}, have{"web": {dev}}, have{"web": {dev}, "shop": {cm}}, "applied"},
		{"R6.4 many stacks at once", have{"web": {dev}, "shop": {dev}}, have{"web": {}, "shop": {cm}}, have{"shop": {cm}}, "applied"},
		{"R6.9 as it was", have{"web": {dev, cm}}, have{"web": {dev, cm}}, have{"web": {cm, dev}}, "applied unchanged R6.9"},
		{"R6.9 nothing to take", have{"shop": {dev}}, have{"web": {}}, have{"shop": {dev}}, "applied unchanged R6.9"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			for _, who := range []string{"mark", "petra", "ivan", "sven", "olivia", "adam"} {
				o := usual(t)
				ids := map[string]orgusers.StackID{"web": o.stack("web", "mark"), "shop": o.stack("shop", "mia")}
				for stack, roles := range c.had {
					o.grant(who, ids[stack], roles...)
				}
				var op orgusers.SetStacks
				for _, stack := range slices.Sorted(slices.Values(keysOf(c.give))) {
					op.Stacks = append(op.Stacks, orgusers.StackAccess{Stack: ids[stack], Roles: c.give[stack]})
				}
				changes, after, lines := o.decideBulk("adam", op, who)
				require.Equal(t, []string{who + ": " + c.outcome}, lines)
				var want []orgusers.Grant
				for stack, roles := range c.want {
					for _, r := range roles {
						want = append(want, orgusers.Grant{Stack: ids[stack], Role: r})
					}
				}
				require.ElementsMatch(t, want, after.member(who).Grants)
				require.Empty(t, changes.Stacks, "Q12: the stack's owner stays")
				require.Equal(t, c.outcome != "applied", len(changes.Granted)+len(changes.Revoked) == 0)
				require.Empty(t, mails(&changes))
			}
		})
	}
	t.Run("R10.4 the trail says what they had and have", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		a, b := orgusers.StackID("a"), orgusers.StackID("b")
		o.stacks = []orgusers.Stack{{ID: a, Org: o.org.ID, Name: "a"}, {ID: b, Org: o.org.ID, Name: "b"}}
		o.org.Tally = o.recount()
		o.grant("mark", a, cm, dev)
		o.grant("mark", b, dev)
		c, _, _ := o.decideBulk("adam", orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: a, Roles: []orgusers.RoleID{dev}}}}, "mark", "mia")
		require.Equal(t, []string{"a:content_manager,developer b:developer", "a:developer b:developer"}, []string{c.Audit[0].Before, c.Audit[0].After})
		require.Equal(t, []string{"", "a:developer"}, []string{c.Audit[1].Before, c.Audit[1].After})
	})
	t.Run("R6 unknown stacks and roles reject the call", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web := o.stack("web", "mark")
		e := o.refusedWith("adam", orgusers.Bulk{Org: o.org.ID, Members: o.ids("mark", "mia"), Operation: orgusers.SetStacks{Stacks: []orgusers.StackAccess{
			{Stack: web, Roles: []orgusers.RoleID{"no such"}}, {Stack: "elsewhere"},
		}}}, orgusers.ErrInvalid)
		require.Equal(t, []string{"stacks[0].roles[0]", "stacks[1]"}, []string{e.Fields[0].Field, e.Fields[1].Field})
	})
	t.Run("a hundred roles on one stack", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		op := orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: o.stack("web", "mark")}}}
		for i := range 100 {
			op.Stacks[0].Roles = append(op.Stacks[0].Roles, o.role(fmt.Sprint("role ", i)))
		}
		_, after, lines := o.decideBulk("adam", op, "mark")
		require.Equal(t, []string{"mark: applied"}, lines)
		require.Len(t, after.member("mark").Grants, 100)
	})
	t.Run("no stack, or one twice", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web := o.stack("web", "mark")
		for field, stacks := range map[string][]orgusers.StackAccess{
			"stacks": nil, "stacks[1]": {{Stack: web}, {Stack: web}}, "stacks[0]": {{}},
			"stacks[0].roles": {{Stack: web, Roles: make([]orgusers.RoleID, 101)}},
		} {
			e := o.refusedWith("adam", orgusers.Bulk{Org: o.org.ID, Members: o.ids("mark"), Operation: orgusers.SetStacks{Stacks: stacks}}, orgusers.ErrInvalid)
			require.Equal(t, field, e.Fields[0].Field)
		}
	})
}

// TestRules_Stacks: who puts up, renames and deletes stacks, and what that does (section 3).
func TestRules_Stacks(t *testing.T) {
	t.Parallel()
	t.Run("R3.1 R1.10 creating", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, rep, err := o.decide(o.actor("adam"), orgusers.CreateStack{Org: o.org.ID, Name: " Web "})
		require.NoError(t, err)
		require.Equal(t, []orgusers.Stack{{ID: orgusers.StackID(rep.Subject), Org: o.org.ID, Name: "Web", Owner: o.member("adam").User, CreatedAt: o.now}}, c.NewStacks)
		require.Equal(t, orgusers.ReasonNotAdministrator, o.refusedWith("mark", orgusers.CreateStack{Org: o.org.ID, Name: "x"}, orgusers.ErrDenied).Reason)
	})
	t.Run("R9.1 R9.3 as many as the plan allows", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.limit(-1, 2)
		o.stack("one", "adam")
		c, _, err := o.decide(o.actor("adam"), orgusers.CreateStack{Org: o.org.ID, Name: "two"})
		require.NoError(t, err)
		o = o.after(c)
		e := o.refusedWith("adam", orgusers.CreateStack{Org: o.org.ID, Name: "three"}, orgusers.ErrLimit)
		require.Equal(t, &orgusers.LimitError{Resource: orgusers.ResourceStacks, Used: 2, Asked: 1, Allowed: 2}, e.Limit)
		o.org.Plan.OverUsage = true
		_, _, err = o.decide(o.actor("adam"), orgusers.CreateStack{Org: o.org.ID, Name: "three"})
		require.NoError(t, err)
	})
	t.Run("names are unique without regard to case", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web := o.stack("Web", "mark")
		shop := o.stack("Shop", "mark")
		require.Equal(t, orgusers.ReasonDuplicate, o.refusedWith("adam", orgusers.CreateStack{Org: o.org.ID, Name: "wEB"}, orgusers.ErrInvalid).Fields[0].Reason)
		require.Equal(t, orgusers.ReasonDuplicate, o.refusedWith("adam", orgusers.RenameStack{Org: o.org.ID, Stack: shop, Name: "web"}, orgusers.ErrInvalid).Fields[0].Reason)
		c, _, err := o.decide(o.actor("adam"), orgusers.RenameStack{Org: o.org.ID, Stack: web, Name: "WEB"})
		require.NoError(t, err, "its own name in another spelling is free")
		require.Equal(t, "WEB", c.Stacks[0].Name)
		c, _, err = o.decide(o.actor("adam"), orgusers.RenameStack{Org: o.org.ID, Stack: web, Name: "Web"})
		require.NoError(t, err)
		require.Equal(t, orgusers.Changes{}, c, "the same name is no change")
	})
	for _, c := range []struct {
		who, owner string
		mayRename  bool
		mayDelete  bool
	}{
		{"mark", "mark", true, true},
		{"mark", "mia", false, false},
		{"adam", "mia", true, false},
		{"adam", "adam", true, true},
		{"olivia", "mia", true, true},
		{"adam", "", true, true},
		{"mark", "", false, false},
		{"ivan", "ivan", false, false},
	} {
		t.Run(fmt.Sprintf("R3.9 %s on a stack of %q", c.who, c.owner), func(t *testing.T) {
			t.Parallel()
			o := usual(t)
			id := o.stack("web", c.owner)
			o.grant("sven", id, orgusers.RoleDeveloper)
			_, _, err := o.decide(o.actor(c.who), orgusers.RenameStack{Org: o.org.ID, Stack: id, Name: "New"})
			require.Equal(t, c.mayRename, err == nil, "rename: %v", err)
			changes, _, err := o.decide(o.actor(c.who), orgusers.DeleteStack{Org: o.org.ID, Stack: id})
			require.Equal(t, c.mayDelete, err == nil, "delete: %v", err)
			if c.mayDelete {
				require.Empty(t, o.after(changes).member("sven").Grants, "S-070: everybody's roles go with it")
				require.Equal(t, o.org.Tally.Stacks-1, changes.Org.Tally.Stacks)
			}
		})
	}
	t.Run("R3.9 of a stack that is not there", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		_ = o.refusedWith("adam", orgusers.DeleteStack{Org: o.org.ID, Stack: "x"}, orgusers.ErrNotFound)
		_ = o.refusedWith("olivia", orgusers.DeleteStack{Org: o.org.ID, Stack: "x"}, orgusers.ErrNotFound)
		require.Equal(t, orgusers.ReasonNotAdministrator, o.refusedWith("mark", orgusers.DeleteStack{Org: o.org.ID, Stack: "x"}, orgusers.ErrDenied).Reason)
	})
}

// TestRules_StackRoles: built-in and custom roles (R3.1, R3.5).
func TestRules_StackRoles(t *testing.T) {
	t.Parallel()
	t.Run("R3.1 built-in roles stay as they are", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		for _, id := range []orgusers.RoleID{orgusers.RoleDeveloper, orgusers.RoleContentManager} {
			require.Equal(t, orgusers.ReasonBuiltIn, o.refusedWith("olivia", orgusers.SaveRole{Org: o.org.ID, Role: id, Name: "x"}, orgusers.ErrInvalid).Fields[0].Reason)
			require.Equal(t, orgusers.ReasonBuiltIn, o.refusedWith("olivia", orgusers.DeleteRole{Org: o.org.ID, Role: id}, orgusers.ErrInvalid).Fields[0].Reason)
		}
	})
	t.Run("R3.5 limits", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		many := make([]orgusers.Permission, 101)
		for i := range many {
			many[i] = orgusers.Permission(fmt.Sprintf("p:%d", i))
		}
		c, rep, err := o.decide(o.actor("adam"), orgusers.SaveRole{Org: o.org.ID, Name: strings.Repeat("é", 160), Permissions: many[:100]})
		require.NoError(t, err)
		require.Equal(t, string(c.NewRoles[0].ID), rep.Subject)
		require.Len(t, c.NewRoles[0].Permissions, 100)
		_, _, err = o.decide(o.actor("adam"), orgusers.SaveRole{Org: o.org.ID, Name: "x", Permissions: []orgusers.Permission{orgusers.Permission(strings.Repeat("a", 64))}})
		require.NoError(t, err)
		require.Equal(t, orgusers.ReasonTooMany, o.refusedWith("adam", orgusers.SaveRole{Org: o.org.ID, Name: "x", Permissions: many}, orgusers.ErrInvalid).Fields[0].Reason)
		require.Equal(t, orgusers.ReasonTooLong, o.refusedWith("adam", orgusers.SaveRole{Org: o.org.ID, Name: strings.Repeat("é", 161)}, orgusers.ErrInvalid).Fields[0].Reason)
		require.Equal(t, orgusers.ReasonRequired, o.refusedWith("adam", orgusers.SaveRole{Org: o.org.ID, Name: " "}, orgusers.ErrInvalid).Fields[0].Reason)
		for _, p := range []orgusers.Permission{"", "A", "a b", "a\n", "é", orgusers.Permission(strings.Repeat("a", 65))} {
			require.Equal(t, orgusers.ReasonCharacter, o.refusedWith("adam", orgusers.SaveRole{Org: o.org.ID, Name: "x", Permissions: []orgusers.Permission{p}}, orgusers.ErrInvalid).Fields[0].Reason)
		}
	})
	t.Run("R3.5 replaced whole", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		id := o.role("Auditor", "a:read")
		o.role("Other")
		c, _, err := o.decide(o.actor("adam"), orgusers.SaveRole{Org: o.org.ID, Role: id, Name: "Auditors", Permissions: []orgusers.Permission{"b", "a", "b"}})
		require.NoError(t, err)
		require.Equal(t, []orgusers.StackRole{{ID: id, Org: o.org.ID, Name: "Auditors", Permissions: []orgusers.Permission{"a", "b"}}}, c.Roles)
		require.Equal(t, []string{"name=Auditor permissions=a:read", "name=Auditors permissions=a,b", string(id)}, []string{c.Audit[0].Before, c.Audit[0].After, c.Audit[0].Object}, "R10.4")
		require.Equal(t, orgusers.ReasonDuplicate, o.refusedWith("adam", orgusers.SaveRole{Org: o.org.ID, Role: id, Name: "OTHER"}, orgusers.ErrInvalid).Fields[0].Reason)
		require.Equal(t, orgusers.ReasonDuplicate, o.refusedWith("adam", orgusers.SaveRole{Org: o.org.ID, Name: "auditor"}, orgusers.ErrInvalid).Fields[0].Reason)
		_ = o.refusedWith("adam", orgusers.SaveRole{Org: o.org.ID, Role: "x", Name: "y"}, orgusers.ErrNotFound)
	})
	t.Run("R3.5 described", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		id := o.role("Auditor", "a:read")
		describe := func(text string) orgusers.DescribeRole {
			return orgusers.DescribeRole{Org: o.org.ID, Role: id, Description: text}
		}
		c, _, err := o.decide(o.actor("adam"), describe(" Reads all.\r\n Changes nothing. "))
		require.NoError(t, err)
		want := orgusers.StackRole{ID: id, Org: o.org.ID, Name: "Auditor", Description: "Reads all.\n Changes nothing.", Permissions: []orgusers.Permission{"a:read"}}
		require.Equal(t, []orgusers.StackRole{want}, c.Roles)
		require.Equal(t, []string{"description=", "description=" + want.Description, string(id)}, []string{c.Audit[0].Before, c.Audit[0].After, c.Audit[0].Object}, "R10.4")

		o = o.after(c)
		c, _, err = o.decide(o.actor("adam"), describe(want.Description))
		require.NoError(t, err)
		require.Empty(t, c.Roles, "the same again is no change")
		c, _, err = o.decide(o.actor("adam"), orgusers.SaveRole{Org: o.org.ID, Role: id, Name: "Reader"})
		require.NoError(t, err)
		require.Equal(t, want.Description, c.Roles[0].Description, "it stays when the role changes")
		c, _, err = o.decide(o.actor("adam"), describe(""))
		require.NoError(t, err)
		require.Empty(t, c.Roles[0].Description)

		_, _, err = o.decide(o.actor("adam"), describe(strings.Repeat("é", 320)))
		require.NoError(t, err)
		require.Equal(t, []orgusers.FieldError{{Field: "description", Reason: orgusers.ReasonTooLong, Message: "is longer than 320 characters"}},
			o.refusedWith("adam", describe(strings.Repeat("é", 321)), orgusers.ErrInvalid).Fields)
		require.Equal(t, orgusers.ReasonCharacter, o.refusedWith("adam", describe("a\u202eb"), orgusers.ErrInvalid).Fields[0].Reason)
		require.Equal(t, orgusers.ReasonBuiltIn, o.refusedWith("adam", orgusers.DescribeRole{Org: o.org.ID, Role: orgusers.RoleDeveloper}, orgusers.ErrInvalid).Fields[0].Reason)
		_ = o.refusedWith("adam", orgusers.DescribeRole{Org: o.org.ID, Role: "x"}, orgusers.ErrNotFound)
		_ = o.refusedWith("mark", describe("x"), orgusers.ErrDenied)
	})
	t.Run("S-070 deleting takes it from everybody, on every stack", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web, shop := o.stack("web", "mark"), o.stack("shop", "mark")
		id, other := o.role("Auditor", "a:read"), o.role("Other")
		o.grant("mark", web, id, orgusers.RoleDeveloper)
		o.grant("petra", shop, id, other)
		c, _, err := o.decide(o.actor("adam"), orgusers.DeleteRole{Org: o.org.ID, Role: id})
		require.NoError(t, err)
		after := o.after(c)
		require.Equal(t, []orgusers.Grant{{Stack: web, Role: orgusers.RoleDeveloper}}, after.member("mark").Grants)
		require.Equal(t, []orgusers.Grant{{Stack: shop, Role: other}}, after.member("petra").Grants)
		require.Len(t, after.roles, 1)
	})
}

// TestRules_Access: what the roles come to when somebody wants to do something (R1.9, R1.10, R3.2,
// R3.6, S-045, S-053).
func TestRules_Access(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	o := usual(t)
	web, shop, bare := o.stack("web", "mia"), o.stack("shop", "mark"), o.stack("bare", "mia")
	auditor, gone := o.role("Auditor", "audit:read", "content:read"), orgusers.RoleID(officeID[string]("gone"))
	o.grant("mark", web, auditor, orgusers.RoleContentManager, gone)
	x := o.open()
	access := func(name string) (orgusers.Access, error) { return x.Svc.Access(ctx, o.actor(name), o.org.ID) }

	mark, err := access("mark")
	require.NoError(t, err)
	for permission, want := range map[orgusers.Permission]bool{
		"audit:read": true, orgusers.PermissionRead: true, orgusers.PermissionPublish: true, orgusers.PermissionWrite: true,
		orgusers.PermissionSchema: false, orgusers.PermissionDeploy: false, "": false, "nonsense": false,
	} {
		require.Equal(t, want, mark.Can(web, permission), "R3.2 the union: %s", permission)
		require.True(t, mark.Can(shop, permission), "R3.6 the stack's owner may everything")
		require.False(t, mark.Can(bare, permission), "S-053 no role, no access")
	}
	require.Equal(t, []bool{true, true, false, false}, []bool{mark.Stack(web), mark.Stack(shop), mark.Stack(bare), mark.Stack("")})
	require.False(t, mark.Administers())

	for _, name := range []string{"olivia", "adam"} {
		a, err := access(name)
		require.NoError(t, err)
		require.True(t, a.Administers())
		require.Equal(t, name == "olivia", a.Owner)
		require.False(t, a.Stack(web) || a.Can(web, orgusers.PermissionRead), "R1.10 organization roles give no access to stacks")
	}

	{ // R1.9 a role counts at once
		require.NoError(t, x.as("olivia").Do(ctx, orgusers.SetRole{Role: orgusers.RoleAdmin}, o.member("mark").ID))
		a, err := access("mark")
		require.NoError(t, err)
		require.True(t, a.Administers())
		require.NoError(t, x.as("mark").Do(ctx, orgusers.SetRole{Role: orgusers.RoleMember}, o.member("anna").ID))
	}

	{ // R12.2 S-066 what is cut is cut at once
		x.Clock.Tick(time.Second)
		require.NoError(t, x.as("olivia").Do(ctx, orgusers.EndSessions{}, o.member("adam").ID))
		_, err := access("adam")
		require.ErrorIs(t, err, orgusers.ErrDenied)
		fresh := o.actor("adam")
		fresh.SignedInAt = x.Clock.Now()
		_, err = x.Svc.Access(ctx, fresh, o.org.ID)
		require.ErrorIs(t, err, orgusers.ErrDenied, "a session that began in the same moment is over too")
		fresh.SignedInAt = x.Clock.Now().Add(time.Microsecond)
		_, err = x.Svc.Access(ctx, fresh, o.org.ID)
		require.NoError(t, err, "signing in again helps")
		require.NoError(t, x.as("olivia").Do(ctx, orgusers.Deactivate{}, o.member("sven").ID))
		_, err = access("sven")
		require.ErrorIs(t, err, orgusers.ErrDenied)
		require.NoError(t, x.as("olivia").Do(ctx, orgusers.Remove{}, o.member("mia").ID))
		_, err = access("mia")
		require.ErrorIs(t, err, orgusers.ErrNotFound)
	}

	{ // R1.7 what a member sees
		orgs, err := x.Svc.Account(o.actor("mark")).Organizations(ctx, "", 0)
		require.NoError(t, err)
		require.Equal(t, []orgusers.OrganizationInfo{{ID: o.org.ID, Name: o.org.Name}}, orgs)
	}
}
