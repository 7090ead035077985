package orgusers_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestS144_InvitingTellsNothing: whoever has an account elsewhere is invited, shown, administered and
// mailed as somebody is whom nobody has heard of.
func TestS144_InvitingTellsNothing(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	bolt := x.NewOrg("Bolt", "boss@bolt.example")
	known := bolt.Join("they-known@people.example", orgusers.RoleAdmin)
	x.Enrol(x.SignedIn(known.Address.Email))
	gone := bolt.Join("they-gone@people.example", orgusers.RoleMember)
	require.NoError(t, bolt.Admin().Do(world.Ctx(), orgusers.Deactivate{}, gone.ID))

	ctx, door := world.Ctx(), x.Svc.Admin(x.Actor(x.acme.Owner.User), x.acme.ID)
	every, id36 := everyOperation(newOffice(t, "olga owner")), regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	seen := func(local string) (lines []string) {
		email := local + "@people.example"
		add := func(v any, err error) { lines = append(lines, fmt.Sprintf("%+v, %v", v, err)) }
		to := orgusers.Invitation{To: email, Role: orgusers.RoleAdmin}
		add(door.PreviewInvite(ctx, to))
		add(door.Invite(ctx, to))
		id := x.acme.Member(email).ID
		add(door.Member(ctx, id))
		add(door.MemberByEmail(ctx, email))
		add(door.Members(ctx, orgusers.List{MemberFilter: orgusers.MemberFilter{Search: local}}))
		add(door.Allowed(ctx, id))
		add(door.Invite(ctx, to)) // again
		for _, op := range every {
			add(door.Permit(ctx, op, id))
			add(door.Preview(ctx, op, id))
			if op.Action() != orgusers.ActionRemove {
				add(door.Apply(ctx, op, id))
			}
		}
		add(nil, door.OfferOwnership(ctx, email))
		add(nil, door.CancelOwnership(ctx))
		var csv strings.Builder
		add(nil, door.ExportCSV(ctx, &csv, orgusers.ExportOptions{}))
		add(csv.String(), nil)
		x.Dispatch()
		for _, m := range x.Inbox.To(email) {
			if m.Org == x.acme.ID {
				add(m.MailData, nil)
			}
		}
		add(door.Apply(ctx, orgusers.Remove{}, id))
		for i := range lines {
			lines[i] = id36.ReplaceAllString(strings.ReplaceAll(lines[i], local, "somebody"), "some id")
		}
		return lines
	}
	stranger := seen("they-new")
	require.Greater(t, len(stranger), 30)
	for _, local := range []string{"they-known", "they-gone"} {
		require.Equal(t, stranger, seen(local))
	}
}

// TestS147_SortsTellNothing: the orders are columns that whoever may list sees anyway; and who may not
// list learns nothing from asking for one, not even whether it is one.
func TestS147_SortsTellNothing(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	mia := x.Svc.Admin(x.Actor(x.mia.User), x.acme.ID)
	orders := []orgusers.MemberSort{orgusers.SortEmail, orgusers.SortName, orgusers.SortInvitedAt, orgusers.SortLastLogin, orgusers.SortRole}
	none := []orgusers.MemberSort{"password", "mfa", "failures", "last_login DESC", "LAST_LOGIN", "email,password"}
	for _, sort := range slices.Concat(orders, none) {
		_, err := mia.Members(world.Ctx(), orgusers.List{Sort: sort})
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonNotAdministrator)
		for _, err := range mia.All(world.Ctx(), orgusers.List{Sort: sort}) {
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonNotAdministrator)
		}
		_, err = x.acme.Admin().Members(world.Ctx(), orgusers.List{Sort: sort})
		if slices.Contains(orders, sort) {
			require.NoError(t, err)
		} else {
			refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonUnknown)
		}
	}

	// A place in any order has nothing but what stands on the row.
	at := x.Clock.Now()
	m := orgusers.Member{ID: "id", Address: orgusers.Address{Key: "key"}, Role: orgusers.RoleAdmin, Name: orgusers.Name{First: "Name"}, InvitedAt: at, LastLogin: at}
	shown := []any{m.ID, m.Address.Key, m.Role, m.Name.SortKey(), at}
	for _, sort := range orders {
		key := reflect.ValueOf(sort.Key(&m))
		for i := range key.NumField() {
			if !key.Field(i).IsZero() {
				require.Contains(t, shown, key.Field(i).Interface(), sort)
			}
		}
	}
}

// TestS151_TheHostSaysWhoseAddress: where a call comes from is a typed value of the host's. No text
// that a client can send counts for one, and so none makes a fresh sender of an old one.
func TestS151_TheHostSaysWhoseAddress(t *testing.T) {
	t.Parallel()
	addr := reflect.TypeFor[netip.Addr]()
	for _, typ := range []reflect.Type{reflect.TypeFor[orgusers.Actor](), reflect.TypeFor[orgusers.Session](), reflect.TypeFor[orgusers.IPRule]()} {
		field, ok := typ.FieldByName("IP")
		require.True(t, ok)
		require.Equal(t, addr, field.Type, typ)
	}
	method, _ := reflect.TypeFor[*orgusers.Service]().MethodByName("Allowed")
	require.Equal(t, addr, method.Type.In(3))

	x := newFront(t, func(c *orgusers.Config) { c.Policy.FailuresPerPrefix = 3 })
	spoofed := []orgusers.Actor{
		{Agent: "X-Forwarded-For: 10.9.9.9"},
		{Agent: "10.9.9.9\r\nX-Real-IP: 10.9.9.9"},
		{Session: "Forwarded: for=10.9.9.9"},
		{Request: "10.9.9.9"},
		{User: "10.9.9.9"},
		{Device: orgusers.KnownDevice("10.9.9.9")},
	}
	refusals := []string{}
	for i, a := range spoofed {
		a.IP = netip.MustParseAddr([]string{"198.51.100.1", "::ffff:198.51.100.1"}[i%2]) // one address in two spellings
		_, err := x.Svc.Visitor(a).SignIn(world.Ctx(), fmt.Sprintf("nobody%d@acme.example", i), "x")
		require.Error(t, err)
		refusals = append(refusals, err.Error())
		if i < 3 {
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		} else {
			refusedAs(t, err, orgusers.ErrLimit, "")
		}
	}
	_, err := x.Svc.Visitor(orgusers.Actor{IP: netip.MustParseAddr("10.9.9.9")}).SignIn(world.Ctx(), "mia@acme.example", world.Password)
	require.NoError(t, err, "whoever was named is not held to account: %v", refusals)

	// Of IPv6 the first 64 bits are one sender.
	for i := range 4 {
		a := orgusers.Actor{IP: netip.MustParseAddr(fmt.Sprintf("2001:db8:7:7:%d::%d", i, i))}
		_, err := x.Svc.Visitor(a).SignIn(world.Ctx(), "nobody@acme.example", "x")
		if i < 3 {
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		} else {
			refusedAs(t, err, orgusers.ErrLimit, "")
		}
	}
	x.Clock.Tick(time.Second)
}
