package suite

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Tenants are the cases about keeping organizations apart, and about bulks (B10).
func Tenants(t *testing.T, open Opener) {
	t.Helper()
	c := cases{t, open}
	c.run("S-156 strangers at the door", tenantStranger)
	c.run("S-156 ids of another organization", tenantIDs)
	c.run("S-157 a foreign id in a bulk", tenantBulk)
	c.run("S-158 size of a bulk", bulkSize)
	c.run("S-158 asked again", bulkAgain)
	c.run("S-162 nothing but what is meant can be set", massAssignment)
	c.run("S-165 identities are compared whole", exactIdentity)
	c.run("S-146 S-166 filters and counts stay inside", tenantFilters)
	c.run("S-167 trail and export", tenantTrail)
}

// everything is organizations with all kinds of things in them.
func everything(t *testing.T, w *world.World, name string) (team, targets) {
	t.Helper()
	x := newTeam(t, w, name)
	stack := newStack(t, x.Org, "Website")
	role, err := x.Admin().CreateRole(world.Ctx(), "Editor", orgusers.PermissionWrite)
	require.NoError(t, err)
	m := x.Invite(x.email("ann"), orgusers.RoleMember, orgusers.StackAccess{Stack: stack, Roles: []orgusers.RoleID{role}})
	require.NoError(t, x.Admin().OfferOwnership(world.Ctx(), x.email("bob")))
	return x, targets{m.ID, stack, role, x.email("ann")}
}

// Another organization answers like one that does not exist, whatever is asked, and keeps no trace.
func tenantStranger(t *testing.T, w *world.World) {
	x, _ := everything(t, w, "acme")
	y, theirs := everything(t, w, "other")
	w.Clock.Tick(time.Hour)
	before, beside := stateOf(t, w, y.ID), len(trail(t, w, orgusers.AuditQuery{Org: y.ID}))
	nowhere := orgusers.OrgID(uuid.NewString())
	for _, by := range []orgusers.Member{x.owner, x.member} {
		actor := w.Actor(by.User)
		there, none := everyMethod(t, w.Svc.Admin(actor, y.ID), theirs), everyMethod(t, w.Svc.Admin(actor, nowhere), theirs)
		require.Len(t, none, len(there))
		for i := range there {
			err := there[i].do()
			fails(t, err, orgusers.ErrNotFound, "")
			require.Equal(t, fmt.Sprint(none[i].do()), fmt.Sprint(err), there[i].name)
		}
		for _, org := range []orgusers.OrgID{y.ID, nowhere} {
			_, err := w.Svc.Access(world.Ctx(), actor, org)
			require.EqualError(t, err, "orgusers: Access: not found")
			require.EqualError(t, w.Svc.Account(actor).Leave(world.Ctx(), org), "orgusers: Account.Leave: not found")
		}
	}
	y.same(before)
	require.Len(t, trail(t, w, orgusers.AuditQuery{Org: y.ID}), beside, "strangers leave no trace in somebody's trail")
}

// Through one's own door, another organization's people and stacks are as unknown as random ones.
func tenantIDs(t *testing.T, w *world.World) {
	x, _ := everything(t, w, "acme")
	y, theirs := everything(t, w, "other")
	w.Clock.Tick(time.Hour)
	before, own := stateOf(t, w, y.ID), stateOf(t, w, x.ID)
	random := targets{orgusers.MemberID(uuid.NewString()), orgusers.StackID(uuid.NewString()), orgusers.RoleID(uuid.NewString()), theirs.email}
	for _, by := range []orgusers.Member{x.owner, x.admin} {
		there, none := everyMethod(t, x.As(by), theirs), everyMethod(t, x.As(by), random)
		asked := 0
		for i := range there {
			if !there[i].named {
				continue
			}
			asked++
			require.Equal(t, fmt.Sprint(none[i].do()), fmt.Sprint(there[i].do()), there[i].name)
		}
		require.Greater(t, asked, 40)
	}
	y.same(before)
	x.same(own)
	// What a refused bulk says and writes down names nobody of the other organization.
	rep, err := x.Admin().Apply(world.Ctx(), orgusers.Remove{}, theirs.member)
	require.NoError(t, err)
	require.Equal(t, orgusers.Outcome{Member: theirs.member, Result: orgusers.Refused, Reason: orgusers.ReasonNotFound, Rule: "R6.12"}, rep.Outcomes[0])
	entries := trail(t, w, orgusers.AuditQuery{Org: x.ID, Action: orgusers.ActionRemove})
	last := entries[len(entries)-1]
	require.Equal(t, []string{"", "", "unknown"}, []string{string(last.Member), last.Email, last.Object})
}

func tenantBulk(t *testing.T, w *world.World) {
	x, y := newTeam(t, w, "acme"), newTeam(t, w, "other")
	own := Seed(t, w, x.ID, 9)
	var selected []orgusers.MemberID
	for i, m := range own {
		if i == 4 {
			selected = append(selected, y.member.ID)
		}
		selected = append(selected, m.ID)
	}
	before := stateOf(t, w, y.ID)
	rep, err := x.Admin().Apply(world.Ctx(), orgusers.ForcePasswordReset{}, selected...)
	require.NoError(t, err)
	require.Len(t, rep.Outcomes, 10)
	for i, o := range rep.Outcomes {
		require.Equal(t, selected[i], o.Member)
		if i == 4 {
			require.Equal(t, "refused not_found", outcome(o))
			require.Empty(t, o.Email)
			continue
		}
		require.Equal(t, "applied", outcome(o))
	}
	w.Dispatch()
	to := map[string]bool{}
	for _, mail := range w.Inbox.All() {
		to[mail.To] = true
	}
	require.Len(t, to, 9)
	require.False(t, to[y.member.Address.Email])
	members := map[orgusers.MemberID]bool{}
	for _, e := range trail(t, w, orgusers.AuditQuery{Org: x.ID, Action: orgusers.ActionForcePasswordReset}) {
		require.Equal(t, rep.Operation, e.Operation, "one call, one operation")
		members[e.Member] = true
	}
	require.Len(t, members, 10, "nine people and one unknown")
	require.False(t, members[y.member.ID])
	y.same(before)
	CheckOrg(t, w, x.ID)
}

func bulkSize(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	people := Seed(t, w, x.ID, 11)
	all := make([]orgusers.MemberID, len(people))
	for i, m := range people {
		all[i] = m.ID
	}
	op := orgusers.SetRole{Role: orgusers.RoleAdmin}
	x.refuses(orgusers.ErrInvalid, "", func() error {
		_, err := x.Admin().Apply(ctx, op, all...)
		wrong(t, err, "members: too_many")
		return err
	})
	x.refuses(orgusers.ErrInvalid, "", func() error {
		_, err := x.Admin().Apply(ctx, op)
		wrong(t, err, "members: required")
		return err
	})
	x.refuses(orgusers.ErrInvalid, "", func() error {
		_, err := x.Admin().Apply(ctx, nil, all[0])
		wrong(t, err, "operation: required")
		return err
	})
	// Twenty named, ten different: the limit counts people (R6.12), in the order of the first naming.
	rep, err := x.Admin().Apply(ctx, op, append([]orgusers.MemberID{all[9], all[0], all[9]}, append(all[:10:10], all[3:10]...)...)...)
	require.NoError(t, err)
	require.Len(t, rep.Outcomes, 10)
	for i, want := range append([]orgusers.MemberID{all[9], all[0]}, all[1:9]...) {
		require.Equal(t, want, rep.Outcomes[i].Member)
		require.Equal(t, "applied", outcome(rep.Outcomes[i]))
	}
	require.Equal(t, int64(12), x.Record().Tally.Admins)
	// Ids are compared, never understood.
	hostile := []orgusers.MemberID{"", "\x00", "' OR 1=1 --", "%", orgusers.MemberID(strings.Repeat("x", 1<<20)), "\xff\xfe", orgusers.MemberID(strings.ToUpper(string(all[10]))), all[10] + " "}
	before := stateOf(t, w, x.ID)
	rep, err = x.Admin().Apply(ctx, orgusers.Remove{}, hostile...)
	require.NoError(t, err)
	require.Equal(t, len(hostile), rep.Count(orgusers.Refused), "%v", outcomes(rep))
	x.same(before)
	CheckOrg(t, w, x.ID)
}

func bulkAgain(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	people := Seed(t, w, x.ID, 3)
	actor := w.Actor(x.admin.User)
	actor.Request = "request-1"
	selected := []orgusers.MemberID{people[0].ID, x.owner.ID, people[1].ID, "nobody"}
	first, err := w.Svc.Admin(actor, x.ID).Apply(ctx, orgusers.Remove{}, selected...)
	require.NoError(t, err)
	after := stateOf(t, w, x.ID)
	again, err := w.Second().Svc.Admin(actor, x.ID).Apply(ctx, orgusers.Remove{}, selected...)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	again.Replayed = false
	require.Equal(t, first, again)
	for _, other := range []func() error{
		func() error { return w.Svc.Admin(actor, x.ID).Do(ctx, orgusers.Remove{}, people[2].ID) },
		func() error {
			_, err := w.Svc.Admin(actor, x.ID).Apply(ctx, orgusers.Deactivate{}, selected...)
			return err
		},
		func() error { _, err := w.Svc.Admin(actor, x.ID).CreateStack(ctx, "Website"); return err },
		func() error {
			owner := w.Actor(x.owner.User)
			owner.Request = actor.Request
			_, err := w.Svc.Admin(owner, x.ID).Apply(ctx, orgusers.Remove{}, selected...)
			return err
		},
	} {
		fails(t, other(), orgusers.ErrRequestReused, "")
	}
	x.same(after)
	stranger := w.Actor(y.admin.User)
	stranger.Request = actor.Request
	_, err = w.Svc.Admin(stranger, x.ID).Apply(ctx, orgusers.Remove{}, selected...)
	fails(t, err, orgusers.ErrNotFound, "")
	require.NoError(t, w.Svc.Admin(stranger, y.ID).Do(ctx, orgusers.Remove{}, y.member.ID), "request ids are the organization's own")
	CheckOrg(t, w, x.ID)
	CheckOrg(t, w, y.ID)
}

// massAssignment: what comes in is a type of its own for each call, with nothing in it that only the
// rules may set.
func massAssignment(t *testing.T, _ *world.World) {
	for _, door := range []any{orgusers.Admin{}, orgusers.Account{}, orgusers.Visitor{}} {
		typ := reflect.TypeOf(door)
		for i := range typ.NumMethod() {
			for in := range typ.Method(i).Type.Ins() {
				if in != typ && in.PkgPath() != "context" && in.PkgPath() != "io" && in != reflect.TypeFor[orgusers.Operation]() {
					assignable(t, typ.Name()+"."+typ.Method(i).Name, in)
				}
			}
		}
	}
	for _, op := range everyOperation("stack") {
		assignable(t, reflect.TypeOf(op).Name(), reflect.TypeOf(op))
	}
}

func assignable(t *testing.T, where string, typ reflect.Type) {
	t.Helper()
	switch typ.Kind() {
	case reflect.Map, reflect.Interface, reflect.Func, reflect.Chan, reflect.Pointer:
		require.Fail(t, "not a plain value", "%s: %s", where, typ)
	case reflect.Slice:
		assignable(t, where, typ.Elem())
	case reflect.Struct:
		switch typ {
		case reflect.TypeFor[orgusers.User](), reflect.TypeFor[orgusers.Member](), reflect.TypeFor[orgusers.Organization]():
			require.Fail(t, "takes a whole row", "%s: %s", where, typ)
		case reflect.TypeFor[time.Time](), reflect.TypeFor[orgusers.MemberFilter](): // questions, not changes
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			if typ == reflect.TypeFor[orgusers.Security]() { // settings, whatever they are called
				continue
			}
			if typ == reflect.TypeFor[orgusers.Assertion]() && f.Name == "Org" { // whose provider has spoken, by the host
				continue
			}
			if !f.IsExported() || f.Type == reflect.TypeFor[time.Duration]() { // a length is a setting
				continue
			}
			require.NotRegexp(t, "(?i)status|verified|hash|owner|version|tally|^org|user$|userid|session|expires|link|invitedby|mfa|secret",
				f.Name, "%s: %s", where, typ)
			assignable(t, where+"."+f.Name, f.Type)
		}
	}
}
