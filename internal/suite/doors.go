package suite

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// call is one method of a door with arguments that make sense.
type call struct {
	name  string
	named bool // names a person, a stack or a role by id
	do    func() error
}

// targets are what a call names things by.
type targets struct {
	member orgusers.MemberID
	stack  orgusers.StackID
	role   orgusers.RoleID
	email  string
}

// everyMethod is every exported method of the Admin door, found by reflection, so that a new one is
// among them by itself. Methods that take an operation are there once for each.
func everyMethod(t testing.TB, door orgusers.Admin, named targets) []call {
	t.Helper()
	v := reflect.ValueOf(door)
	var calls []call
	for i := range v.NumMethod() {
		name, method := v.Type().Method(i).Name, v.Method(i)
		variants := []orgusers.Operation{nil}
		operation := reflect.TypeFor[orgusers.Operation]()
		if method.Type().NumIn() > 1 && method.Type().In(1) == operation {
			variants = everyOperation(named.stack)
		}
		for _, op := range variants {
			args := make([]reflect.Value, method.Type().NumIn())
			for k := range args {
				args[k] = argument(t, method.Type().In(k), name, k, op, named)
			}
			do, title := method.Call, name
			if method.Type().IsVariadic() {
				do = method.CallSlice
			}
			if op != nil {
				title = fmt.Sprintf("%s(%s)", name, op.Action())
			}
			calls = append(calls, call{title, names(method.Type()), func() error { return failure(do(args)) }})
		}
	}
	slices.SortFunc(calls, func(a, b call) int { return compare(a.name, b.name) })
	return calls
}

func names(method reflect.Type) bool {
	for in := range method.Ins() {
		switch in {
		case reflect.TypeFor[orgusers.MemberID](), reflect.TypeFor[[]orgusers.MemberID](), reflect.TypeFor[orgusers.StackID](),
			reflect.TypeFor[orgusers.RoleID]():
			return true
		}
	}
	return false
}

func argument(t testing.TB, typ reflect.Type, method string, i int, op orgusers.Operation, named targets) reflect.Value {
	t.Helper()
	var v any
	switch typ {
	case reflect.TypeFor[context.Context]():
		return reflect.ValueOf(context.Background())
	case reflect.TypeFor[orgusers.Operation]():
		return reflect.ValueOf(op)
	case reflect.TypeFor[io.Writer]():
		return reflect.ValueOf(io.Discard)
	case reflect.TypeFor[orgusers.MemberID]():
		v = named.member
	case reflect.TypeFor[[]orgusers.MemberID]():
		v = []orgusers.MemberID{named.member}
	case reflect.TypeFor[orgusers.StackID]():
		v = named.stack
	case reflect.TypeFor[orgusers.RoleID]():
		v = named.role
	case reflect.TypeFor[orgusers.IPRuleID](), reflect.TypeFor[int]():
		return reflect.Zero(typ)
	case reflect.TypeFor[[]orgusers.Permission]():
		v = []orgusers.Permission{orgusers.PermissionRead}
	case reflect.TypeFor[string]():
		v = named.email
		if slices.Contains([]string{"CreateStack", "RenameStack", "CreateRole", "UpdateRole"}, method) {
			v = "A name"
		}
	case reflect.TypeFor[[]string]():
		v = []string{"acme.example"}
	case reflect.TypeFor[orgusers.Invitation]():
		v = orgusers.Invitation{To: named.email}
	case reflect.TypeFor[[]orgusers.GroupRole]():
		v = []orgusers.GroupRole{{Group: "staff", Role: orgusers.RoleMember}}
	case reflect.TypeFor[orgusers.Security]():
		v = orgusers.Security{MinPassword: 20}
	case reflect.TypeFor[orgusers.SSO](), reflect.TypeFor[orgusers.List](), reflect.TypeFor[orgusers.AuditList](),
		reflect.TypeFor[orgusers.ExportOptions]():
		return reflect.Zero(typ)
	default:
		require.Fail(t, "say what to pass", "%s, argument %d: %s", method, i, typ)
	}
	return reflect.ValueOf(v)
}

// failure is the error of a call, or the first one of a sequence.
func failure(out []reflect.Value) error {
	last := out[len(out)-1]
	if last.Kind() == reflect.Func { // iter.Seq2[T, error]
		for _, second := range last.Seq2() {
			return asError(second)
		}
		return nil
	}
	return asError(last)
}

func asError(v reflect.Value) error {
	err, _ := v.Interface().(error)
	return err
}
