package orgusers_test

import (
	"context"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// halfways is mia's sign-in waiting for each of the steps.
func halfways() map[orgusers.Step]func(x *front) {
	return map[orgusers.Step]func(x *front){
		orgusers.StepCode:     func(x *front) { x.enrolled() },
		orgusers.StepPassword: func(x *front) { x.PatchUser(x.mia.User, orgusers.UserPatch{ResetRequired: orgusers.Some(true)}) },
		orgusers.StepEnrol:    func(x *front) { x.demand(orgusers.Security{RequireMFA: true}) },
	}
}

// TestS098_S102_StepsInOrder: a ticket does its one step, whatever is tried with it before, once.
func TestS098_S102_StepsInOrder(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	factor, _ := x.enrolled()
	x.demand(orgusers.Security{RequireMFA: true})
	x.PatchUser(x.mia.User, orgusers.UserPatch{ResetRequired: orgusers.Some(true)})
	steps := map[orgusers.Step]func(ticket string) (orgusers.SignIn, error){
		orgusers.StepCode: func(ticket string) (orgusers.SignIn, error) {
			return x.Visitor().EnterCode(world.Ctx(), ticket, factor.Code())
		},
		orgusers.StepPassword: func(ticket string) (orgusers.SignIn, error) {
			return x.Visitor().ChooseNewPassword(world.Ctx(), ticket, fresh)
		},
		"begin": func(ticket string) (orgusers.SignIn, error) {
			_, err := x.Visitor().BeginEnrolment(world.Ctx(), ticket)
			return orgusers.SignIn{}, err
		},
		orgusers.StepEnrol: func(ticket string) (orgusers.SignIn, error) {
			in, _, err := x.Visitor().ConfirmEnrolment(world.Ctx(), ticket, "AAAA", factor.Code())
			return in, err
		},
	}
	refuse := func(ticket string, but orgusers.Step) {
		t.Helper()
		for _, name := range slices.Sorted(maps.Keys(steps)) {
			if name == but {
				continue
			}
			_, err := steps[name](ticket)
			refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
		}
		x.live(ticket, false, "a ticket is no session")
	}
	in := x.SignIn("mia@acme.example")
	used := []string{}
	for _, want := range []orgusers.Step{orgusers.StepCode, orgusers.StepPassword} {
		require.Equal(t, want, in.Step)
		require.Empty(t, in.Device)
		require.Empty(t, in.Session)
		refuse(in.Token, want)
		next, err := steps[want](in.Token)
		require.NoError(t, err, want)
		used = append(used, in.Token)
		for _, ticket := range used {
			refuse(ticket, "")
		}
		in = next
	}
	require.Equal(t, orgusers.StepDone, in.Step)
	require.False(t, x.Session(in).MFAAt.IsZero(), "what was proved on the way counts")
	for name, step := range steps {
		_, err := step(in.Token)
		refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
		require.NotEmpty(t, name)
	}
	x.live(in.Token, true, "a session is no ticket, and none the worse")
}

// TestC3_TicketLife: five minutes, to the microsecond.
func TestC3_TicketLife(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	x.PatchUser(x.mia.User, orgusers.UserPatch{ResetRequired: orgusers.Some(true)})
	in := x.SignIn("mia@acme.example")
	x.Clock.Tick(in.ExpiresAt.Sub(x.Clock.Now()) - 1000)
	_, err := x.Visitor().ChooseNewPassword(world.Ctx(), in.Token, "short")
	refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonTooShort)
	x.Clock.Tick(1000)
	_, err = x.Visitor().ChooseNewPassword(world.Ctx(), in.Token, fresh)
	refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
}

// TestS102_TicketsDie with what they were given for: a deactivation, a removal, another password.
func TestS102_TicketsDie(t *testing.T) {
	t.Parallel()
	for step, prepare := range halfways() {
		for name, end := range map[string]func(x *front) error{
			"deactivate": func(x *front) error { return x.acme.Admin().Do(world.Ctx(), orgusers.Deactivate{}, x.mia.ID) },
			"remove":     func(x *front) error { return x.acme.Admin().Do(world.Ctx(), orgusers.Remove{}, x.mia.ID) },
			"kill":       func(x *front) error { return x.acme.Admin().Do(world.Ctx(), orgusers.EndSessions{}, x.mia.ID) },
			"reset": func(x *front) error {
				return x.Reset(x.forgot("mia@acme.example"), fresh)
			},
		} {
			t.Run(string(step)+" "+name, func(t *testing.T) {
				t.Parallel()
				x := newFront(t)
				prepare(x)
				in := x.SignIn("mia@acme.example")
				require.Equal(t, step, in.Step)
				x.demand(orgusers.Security{})
				require.NoError(t, end(x))
				for _, err := range x.present(in.Token) {
					refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
				}
			})
		}
	}
}

// present gives a ticket to all steps.
func (x *front) present(ticket string) []error {
	_, code := x.Visitor().EnterCode(world.Ctx(), ticket, "000000")
	_, choose := x.Visitor().ChooseNewPassword(world.Ctx(), ticket, fresh)
	_, begin := x.Visitor().BeginEnrolment(world.Ctx(), ticket)
	_, _, confirm := x.Visitor().ConfirmEnrolment(world.Ctx(), ticket, "AAAA", "000000")
	return []error{code, choose, begin, confirm}
}

// TestS126_OneWayIn: what makes or renews sessions, and that half a sign-in opens nothing: its token
// for every text that any method of any door takes, its name for a session's.
func TestS126_OneWayIn(t *testing.T) {
	t.Parallel()
	var mints []string
	for _, door := range []any{orgusers.Visitor{}, orgusers.Account{}, orgusers.Admin{}, orgusers.Operator{}, &orgusers.Service{}} {
		v := reflect.TypeOf(door)
		for method := range v.Methods() {
			for out := range method.Type.Outs() {
				switch out {
				case reflect.TypeFor[orgusers.SignIn](), reflect.TypeFor[orgusers.Renewed](), reflect.TypeFor[orgusers.Actor](), reflect.TypeFor[orgusers.Session]():
					mints = append(mints, strings.TrimPrefix(v.String(), "*")+"."+method.Name)
				}
			}
		}
	}
	for _, name := range mints {
		require.Contains(t, []string{
			"orgusers.Visitor.SignIn", "orgusers.Visitor.EnterCode", "orgusers.Visitor.ChooseNewPassword", "orgusers.Visitor.ConfirmEnrolment",
			"orgusers.Visitor.SignInSSO", "orgusers.Account.Prove", "orgusers.Account.ChangePassword", "orgusers.Account.ConfirmMFA",
			"orgusers.Account.EndOtherSessions", "orgusers.Service.Authenticate",
		}, name, "another way to a session: does it go through signer.proceed?")
	}
	require.GreaterOrEqual(t, len(mints), 9)

	own := map[orgusers.Step][]string{ // what the ticket is for
		orgusers.StepCode: {"EnterCode"}, orgusers.StepPassword: {"ChooseNewPassword"}, orgusers.StepEnrol: {"BeginEnrolment", "ConfirmEnrolment"},
	}
	for step, prepare := range halfways() {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			x := newFront(t)
			prepare(x)
			in := x.SignIn("mia@acme.example")
			require.Equal(t, step, in.Step)
			i := slices.IndexFunc(x.registry(), func(s orgusers.Session) bool { return s.Step == step })
			as := orgusers.Actor{User: x.mia.User, Session: string(x.registry()[i].ID), IP: from(9).IP}
			before, n := x.registry(), 0
			for _, door := range []any{x.Svc.Visitor(as), x.Svc.Account(as), x.Svc.Admin(as, x.acme.ID), x.Svc.Account(orgusers.Actor{User: x.mia.User, Session: in.Token})} {
				for name, err := range presentTo(t, door, in.Token, own[step]...) {
					n++
					require.Error(t, err, name)
				}
			}
			require.Greater(t, n, 50)
			require.Equal(t, before, x.registry(), "no session came of it")
			x.live(in.Token, false, "")
		})
	}
}

// presentTo calls every method of a door with a text for each text it takes, and returns the errors.
func presentTo(t *testing.T, door any, text string, but ...string) map[string]error {
	t.Helper()
	errs := map[string]error{}
	v := reflect.ValueOf(door)
	for i := range v.NumMethod() {
		method, name := v.Method(i), v.Type().Method(i).Name
		if slices.Contains(but, name) {
			continue
		}
		var args []reflect.Value
		for in := range method.Type().Ins() {
			arg := reflect.New(in).Elem()
			switch {
			case in == reflect.TypeFor[context.Context]():
				arg.Set(reflect.ValueOf(world.Ctx()))
			case in == reflect.TypeFor[io.Writer]():
				arg.Set(reflect.ValueOf(io.Discard))
			case in == reflect.TypeFor[orgusers.Operation]():
				arg.Set(reflect.ValueOf(orgusers.Remove{}))
			case in.Kind() == reflect.String:
				arg.SetString(text)
			case in.Kind() == reflect.Slice && in.Elem().Kind() == reflect.String:
				one := reflect.New(in.Elem()).Elem()
				one.SetString(text)
				arg.Set(reflect.Append(arg, one))
			}
			args = append(args, arg)
		}
		call := method.Call
		if method.Type().IsVariadic() {
			call = method.CallSlice
		}
		out := call(args)
		last := out[len(out)-1]
		if last.Kind() == reflect.Func {
			for _, second := range last.Seq2() {
				last = second
				break
			}
		}
		err, _ := last.Interface().(error)
		errs[name] = err
	}
	return errs
}
