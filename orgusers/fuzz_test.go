package orgusers_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

func memberSorts() []orgusers.MemberSort {
	return []orgusers.MemberSort{
		orgusers.SortEmail, orgusers.SortName, orgusers.SortInvitedAt, orgusers.SortLastLogin, orgusers.SortRole, "", "email", "no such order",
	}
}

// FuzzCursor hands any text to a list as its cursor. Only those that the list gave out are taken
// (S-168).
func FuzzCursor(f *testing.F) {
	w := world.New(f, memstore.New())
	org := suite.NewOrg(f, w, "Acme", "owner@acme.example")
	suite.Seed(f, w, org.ID, 6)
	admin := org.Admin()
	type list struct {
		sort       orgusers.MemberSort
		descending bool
	}
	given := map[list]map[string]bool{}
	for i, sort := range memberSorts()[:5] {
		for _, descending := range []bool{false, true} {
			cursors := map[string]bool{"": true}
			l := orgusers.List{Sort: sort, Descending: descending, Limit: 1}
			for {
				page, err := admin.Members(world.Ctx(), l)
				require.NoError(f, err)
				if page.Next == "" {
					break
				}
				cursors[page.Next] = true
				l.Cursor = page.Next
				f.Add(page.Next, i, descending, 1)
				f.Add(page.Next, i+1, !descending, 200)
			}
			require.Len(f, cursors, 7)
			given[list{sort, descending}] = cursors
		}
	}
	for _, s := range []string{"", "A", "=", "\x00", "null", "e30", strings.Repeat("A", 3000), base64.RawURLEncoding.EncodeToString([]byte(`{"e":"a"}0123456789abcdef`))} {
		f.Add(s, 0, false, -1)
	}
	f.Fuzz(func(t *testing.T, cursor string, sort int, descending bool, limit int) {
		s := memberSorts()[uint(sort)%8]
		page, err := admin.Members(world.Ctx(), orgusers.List{Sort: s, Descending: descending, Cursor: cursor, Limit: limit})
		if s == "" {
			s = orgusers.SortEmail
		}
		if given[list{s, descending}][cursor] {
			require.NoError(t, err)
			require.NotEmpty(t, page.Members)
			return
		}
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		require.Empty(t, page.Members)
	})
}

// liar is a store whose audit trail has been altered.
type liar struct {
	orgusers.Store
	trail atomic.Pointer[[]orgusers.AuditEntry]
}

func (l *liar) Audit(ctx context.Context, q orgusers.AuditQuery) ([]orgusers.AuditEntry, error) {
	if forged := l.trail.Load(); forged != nil {
		return append([]orgusers.AuditEntry(nil), *forged...), nil
	}
	return l.Store.Audit(ctx, q)
}

// FuzzAuditChain alters one byte or bit of one field of one entry, or the order or number of entries,
// and demands that Verify notices.
func FuzzAuditChain(f *testing.F) {
	store := &liar{Store: memstore.New()}
	w := world.New(f, store)
	org := suite.NewOrg(f, w, "Acme", "owner@acme.example")
	for i, m := range suite.Seed(f, w, org.ID, 8) {
		actor := org.Owner
		actor.Request = fmt.Sprint("request-", i)
		_, err := w.Svc.Admin(actor, org.ID).Apply(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleAdmin}, m.ID)
		require.NoError(f, err)
		_, err = w.Svc.Admin(actor, org.ID).Members(world.Ctx(), orgusers.List{})
		require.NoError(f, err)
		require.Error(f, org.As(m).OfferOwnership(world.Ctx(), "x@acme.example")) // beside the chain
	}
	whole := w.Trail(org.ID)
	require.Len(f, whole, 16)
	verify := func(tb testing.TB) orgusers.Verification {
		tb.Helper()
		v, err := org.Admin().Verify(world.Ctx())
		require.NoError(tb, err)
		return v
	}
	v := verify(f)
	require.True(f, v.OK(), v.Broken)

	fields := reflect.TypeFor[orgusers.AuditEntry]().NumField()
	for i := range fields {
		f.Add(uint(i*5), uint(i), uint(i), byte(1<<(i%8)), byte(0))
		f.Add(uint(i), uint(i), uint(0), byte(0x20), byte(i%6))
	}
	f.Fuzz(func(t *testing.T, entry, field, at uint, bits, how byte) {
		forged := append([]orgusers.AuditEntry(nil), whole...)
		i := int(entry % uint(len(forged)))
		e := &forged[i]
		switch how % 6 {
		default:
			alter(reflect.ValueOf(e).Elem().Field(int(field%uint(fields))), at, bits)
			if *e == whole[i] {
				return
			}
		case 3: // one of the chain is gone
			if !e.Chained {
				return
			}
			forged = append(forged[:i], forged[i+1:]...)
		case 4: // two change places, or only what is in them
			j := int(at % uint(len(forged)))
			if forged[i].Chained != forged[j].Chained || i == j {
				return
			}
			forged[i].Seq, forged[j].Seq = forged[j].Seq, forged[i].Seq
			if bits%2 == 0 {
				forged[i], forged[j] = forged[j], forged[i]
			}
			if forged[i].Seq == whole[i].Seq && forged[j].Seq == whole[j].Seq && forged[i].ID == whole[i].ID {
				return
			}
		case 5: // one is there twice, in the chain or made up beside it
			double := *e
			double.Seq += int64(at % 20)
			double.Chained = bits%2 == 0
			if double == *e && !e.Chained {
				return // a refusal that is told twice is still true
			}
			forged = append(forged, double)
		}
		store.trail.Store(&forged)
		v := verify(t)
		store.trail.Store(nil)
		require.False(t, v.OK(), "entry %d: %+v", i, *e)
	})
}

// alter changes one byte of a value, in a way that stores would keep.
func alter(v reflect.Value, at uint, bits byte) {
	switch old := v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(old.Add(time.Duration(bits) << (at % 32) * time.Microsecond)))
	case netip.Addr:
		b := old.As16()
		b[at%16] ^= bits
		v.Set(reflect.ValueOf(netip.AddrFrom16(b).Unmap()))
	case bool:
		v.SetBool(old != (bits != 0))
	case int64:
		v.SetInt(old ^ int64(bits)<<(at%56))
	default:
		b := []byte(v.String())
		switch {
		case len(b) == 0 || bits == 0 && at%2 == 0:
			b = append(b, bits)
		case bits == 0:
			b = b[:len(b)-1]
		default:
			b[at%uint(len(b))] ^= bits
		}
		v.SetString(string(b))
	}
}

// silly makes arguments nobody should pass: nothing, too much, and rubbish.
type silly struct {
	rnd  *rand.Rand
	good map[reflect.Type][]any // values that exist, so that calls get further
}

func (s *silly) value(typ reflect.Type) reflect.Value {
	if s.rnd.IntN(4) == 0 {
		return reflect.Zero(typ)
	}
	if good := s.good[typ]; len(good) > 0 && s.rnd.IntN(2) == 0 {
		return reflect.ValueOf(good[s.rnd.IntN(len(good))])
	}
	v := reflect.New(typ).Elem()
	switch typ.Kind() {
	case reflect.String:
		texts := []string{
			"", " ", "x", "\x00", "\xff\xfe", "a\nb", "\u202e", "nobody@acme.example", "%s", "' OR 1=1", strings.Repeat("é", 5000), strings.Repeat("a@b.example,", 2000),
			strings.Repeat("x", 1<<18), "00000000-0000-0000-0000-000000000000", "owner", "admin", strings.Repeat("A", 87),
		}
		v.SetString(texts[s.rnd.IntN(len(texts))])
	case reflect.Int, reflect.Int64:
		numbers := []int64{0, 1, -1, 1 << 62, -1 << 63, 1<<63 - 1, 1000}
		v.SetInt(numbers[s.rnd.IntN(len(numbers))])
	case reflect.Uint8:
		v.SetUint(uint64(s.rnd.IntN(256)))
	case reflect.Bool:
		v.SetBool(s.rnd.IntN(2) == 0)
	case reflect.Slice:
		n := []int{0, 1, 3, 600}[s.rnd.IntN(4)]
		v.Set(reflect.MakeSlice(typ, n, n))
		for i := range min(n, 8) {
			v.Index(i).Set(s.value(typ.Elem()))
		}
	case reflect.Struct:
		if typ == reflect.TypeFor[time.Time]() {
			times := []time.Time{{}, time.Unix(1<<55, 0), time.Unix(-1<<55, 999), time.Now()}
			return reflect.ValueOf(times[s.rnd.IntN(len(times))])
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				v.Field(i).Set(s.value(v.Field(i).Type()))
			}
		}
	}
	return v
}

// operationTypes are all operations; what is silly about them is in their fields.
func operationTypes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[orgusers.Remove](), reflect.TypeFor[orgusers.SetRole](), reflect.TypeFor[orgusers.SetStacks](), reflect.TypeFor[orgusers.Deactivate](),
		reflect.TypeFor[orgusers.Reactivate](), reflect.TypeFor[orgusers.Delete](), reflect.TypeFor[orgusers.Rename](), reflect.TypeFor[orgusers.ForcePasswordReset](),
		reflect.TypeFor[orgusers.ResetMFA](), reflect.TypeFor[orgusers.EndSessions](), reflect.TypeFor[orgusers.ResendInvitation](), reflect.TypeFor[orgusers.Unlock](),
	}
}

// argument is silly's value for a parameter of a method.
func (s *silly) argument(typ reflect.Type) reflect.Value {
	switch typ {
	case reflect.TypeFor[context.Context]():
		ctx, cancel := context.WithCancel(world.Ctx())
		if s.rnd.IntN(8) == 0 {
			cancel()
		} else {
			context.AfterFunc(ctx, cancel)
		}
		return reflect.ValueOf(&ctx).Elem()
	case reflect.TypeFor[io.Writer]():
		w := []io.Writer{nil, io.Discard}[s.rnd.IntN(2)]
		return reflect.ValueOf(&w).Elem()
	case reflect.TypeFor[orgusers.Operation]():
		types := operationTypes()
		op := types[s.rnd.IntN(len(types))]
		v := reflect.New(typ).Elem()
		switch s.rnd.IntN(6) {
		case 0: // nil
		case 1: // a nil pointer, which is not nil to those who ask
			v.Set(reflect.Zero(reflect.PointerTo(op)))
		case 2:
			v.Set(reflect.New(op))
		default:
			v.Set(s.value(op))
		}
		return v
	case reflect.TypeFor[orgusers.Store]():
		return reflect.Zero(typ)
	}
	return s.value(typ)
}

// call calls a method of a door with silly arguments, walks what it returns, and reports a panic.
func (s *silly) call(door reflect.Value, i int) (panicked any, args []any) {
	m := door.Method(i)
	in := make([]reflect.Value, m.Type().NumIn())
	for k := range in {
		in[k] = s.argument(m.Type().In(k))
		args = append(args, in[k].Interface())
	}
	defer func() { panicked = recover() }()
	call := m.Call
	if m.Type().IsVariadic() {
		call = m.CallSlice
	}
	for _, out := range call(in) {
		if out.Kind() == reflect.Func {
			for range out.Seq2() {
				continue
			}
		}
	}
	return nil, args
}

func TestS236_NoDoorPanics(t *testing.T) {
	t.Parallel()
	rounds := 15
	if os.Getenv("ORGUSERS_SOAK") == "1" {
		rounds = 1000
	}
	seed := uint64(time.Now().UnixNano())
	s := &silly{rnd: rand.New(rand.NewPCG(seed, 1))}
	w := world.New(t, memstore.New(), func(c *orgusers.Config) {
		c.Policy.MaxSelected = 1000
		c.PasswordMemory = 1 << 20
	})
	org := suite.NewOrg(t, w, "Acme", "owner@acme.example", suite.Person{Email: "admin@acme.example", Role: orgusers.RoleAdmin}, suite.Person{Email: "pat@acme.example", Status: orgusers.StatusPending})
	ownerless := suite.NewOrg(t, w, "Ownerless", "", suite.Person{Email: "admin@acme.example", Role: orgusers.RoleAdmin})
	stack, err := org.Admin().CreateStack(world.Ctx(), "Website")
	require.NoError(t, err)
	role, err := org.Admin().CreateRole(world.Ctx(), "Editor", "a:b")
	require.NoError(t, err)
	admin := org.Member("admin@acme.example")
	s.good = map[reflect.Type][]any{
		reflect.TypeFor[orgusers.OrgID]():    {org.ID, ownerless.ID},
		reflect.TypeFor[orgusers.MemberID](): {admin.ID, org.Member("owner@acme.example").ID, org.Member("pat@acme.example").ID},
		reflect.TypeFor[orgusers.UserID]():   {admin.User, org.Owner.User},
		reflect.TypeFor[orgusers.StackID]():  {stack},
		reflect.TypeFor[orgusers.RoleID]():   {role, orgusers.RoleDeveloper},
		reflect.TypeFor[orgusers.Actor]():    {org.Owner, w.Actor(admin.User)},
	}
	for range rounds {
		actor, id := s.value(reflect.TypeFor[orgusers.Actor]()).Interface().(orgusers.Actor), s.value(reflect.TypeFor[orgusers.OrgID]()).Interface().(orgusers.OrgID)
		for _, door := range []any{w.Svc.Admin(actor, id), w.Svc.Operator(actor), w.Svc.Account(actor), w.Svc.Visitor(actor), w.Svc} {
			v := reflect.ValueOf(door)
			for i := range v.NumMethod() {
				switch name := v.Type().Method(i).Name; name {
				case "Run", "Format": // never ends; is fmt's to call
					continue
				default:
					panicked, args := s.call(v, i)
					require.Nil(t, panicked, "seed %d: %s.%s(%.300s)", seed, v.Type(), name, fmt.Sprintf("%+v", args))
				}
			}
		}
	}
	v, err := w.Operator().Verify(world.Ctx(), org.ID)
	require.NoError(t, err)
	require.True(t, v.OK(), "seed %d: %s", seed, v.Broken)
}

// No id names nothing, exactly as a random one does.
func TestS236_NoIDIsNobody(t *testing.T) {
	t.Parallel()
	w := world.New(t, memstore.New())
	org := suite.NewOrg(t, w, "Acme", "owner@acme.example")
	op, ctx := w.Operator(), world.Ctx()
	for _, id := range []orgusers.OrgID{"", "00000000-0000-7000-8000-000000000000"} {
		_, organization := op.Organization(ctx, id)
		_, admin := w.Svc.Admin(org.Owner, id).Organization(ctx)
		_, access := w.Svc.Access(ctx, org.Owner, id)
		for name, err := range map[string]error{
			"Rename": op.RenameOrganization(ctx, id, "x"), "Disable": op.DisableOrganization(ctx, id), "Enable": op.EnableOrganization(ctx, id),
			"SetPlan": op.SetPlan(ctx, id, orgusers.Plan{}), "SetGates": op.SetGates(ctx, id), "RestoreOwner": op.RestoreOwner(ctx, id, "m"),
			"Organization": organization, "Admin": admin, "Access": access, "Leave": w.Svc.Account(org.Owner).Leave(ctx, id),
		} {
			require.ErrorIs(t, err, orgusers.ErrNotFound, "%s %q", name, id)
		}
	}
	require.ErrorIs(t, w.Svc.SignedIn(ctx, ""), orgusers.ErrNotFound)
	require.ErrorIs(t, w.Svc.Account(orgusers.Actor{}).Rename(ctx, orgusers.Name{First: "x"}), orgusers.ErrNotFound)
	require.Empty(t, w.Trail(""))
}

func TestS236_NoFunctionPanics(t *testing.T) {
	t.Parallel()
	commands := []orgusers.Command{
		nil,
		orgusers.Bulk{},
		orgusers.Bulk{Members: []orgusers.MemberID{"x"}},
		(*orgusers.Invite)(nil), &orgusers.Invite{}, &orgusers.CreateOrganization{},
		orgusers.RenameOrganization{},
		orgusers.SetDisabled{},
		orgusers.SetPlan{},
		orgusers.SetGates{},
		orgusers.RestoreOwner{},
		orgusers.CreateStack{},
		orgusers.RenameStack{},
		orgusers.DeleteStack{},
		orgusers.SaveRole{},
		orgusers.DeleteRole{},
		orgusers.SetAllowedDomains{},
		orgusers.SetSSO{},
		orgusers.SetGroups{},
		orgusers.OfferOwnership{},
		orgusers.ResendOwnership{},
		orgusers.CancelOwnership{},
		orgusers.Leave{},
		&orgusers.RenameSelf{}, &orgusers.ResetPassword{}, &orgusers.FinishMFAReset{}, &orgusers.AcceptInvitation{},
		&orgusers.InspectInvitation{},
		orgusers.DeclineInvitation{},
		&orgusers.AcceptOwnership{}, &orgusers.DeclineOwnership{}, &orgusers.InspectOwnership{},
		orgusers.RenameOrganization{Name: "x"},
		orgusers.SetDisabled{Disabled: true},
		orgusers.CreateStack{Name: "x"},
		orgusers.SaveRole{Name: "x"},
		orgusers.SaveRole{Name: "x", Role: "y"},
		orgusers.OfferOwnership{To: orgusers.Address{Email: "x", Key: "x"}},
	}
	for _, typ := range operationTypes() {
		op := reflect.Zero(typ).Interface().(orgusers.Operation)
		commands = append(commands, orgusers.Bulk{Operation: op, Members: []orgusers.MemberID{"x", "", "x"}})
	}
	env := orgusers.Env{Now: time.Now(), NewID: func() string { return "id" }}
	org := orgusers.Organization{ID: "o", OwnerID: "u"}
	self := orgusers.Member{ID: "m", Org: "o", User: "u", Role: orgusers.RoleAdmin, Status: orgusers.StatusActive}
	views := map[string]orgusers.View{
		"nothing": {}, "an organization": {Org: org}, "a stranger's": {Org: org, Users: []orgusers.User{{ID: "u"}}},
		"the actor's":    {Org: org, Members: []orgusers.Member{self}, Users: []orgusers.User{{ID: "u", Orgs: 1}}},
		"a lost account": {Org: org, Members: []orgusers.Member{self}},
		"zeroes":         {Org: org, Members: make([]orgusers.Member, 2), Users: make([]orgusers.User, 2), Stacks: make([]orgusers.Stack, 2), Roles: make([]orgusers.StackRole, 2)},
	}
	for _, c := range commands {
		for name, v := range views {
			for _, e := range []orgusers.Env{env, {}} {
				for _, a := range []orgusers.Actor{{}, {User: "u", SignedInAt: env.Now}} {
					require.NotPanics(t, func() {
						_, _, err := orgusers.Decide(v, a, c, orgusers.Policy{}, e)
						if name == "nothing" {
							_, created := c.(*orgusers.CreateOrganization)
							require.True(t, err != nil || created, "%T on nothing", c)
						}
					}, "%T on %s", c, name)
				}
			}
		}
		require.NotPanics(t, func() { orgusers.Query(orgusers.Actor{}, c, time.Time{}) }, "%T", c)
	}
	huge := strings.Repeat("a@b.example,", 1<<19)
	for _, n := range []int{-1 << 63, -1, 0, 1, 1<<63 - 1} {
		require.NotPanics(t, func() {
			_, _ = orgusers.ParseAddressList("a@b.example", n)
			_, err := orgusers.ParseAddressList(huge, n)
			require.ErrorIs(t, err, orgusers.ErrInvalid)
			_, err = orgusers.NewInvite("", orgusers.Invitation{To: huge, Message: huge, Role: orgusers.Role(huge), Stacks: make([]orgusers.StackAccess, 1000)}, n)
			require.ErrorIs(t, err, orgusers.ErrInvalid)
		})
	}
	require.NotPanics(t, func() {
		_, err := orgusers.ParseAddress(huge)
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		_, err = orgusers.New(orgusers.Config{})
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		orgusers.SortGrants(nil)
		require.Equal(t, huge, orgusers.Reason(huge).Text())
		require.NoError(t, (&orgusers.Report{}).Err())
		var a orgusers.Access
		require.False(t, a.Can("", "") || a.Stack("") || a.Administers())
	})
}
