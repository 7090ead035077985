package storetest

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// filled returns a record with every field set, each to something else. Fields that the contract
// grows are covered from their first day.
func filled[T any](w *world) T {
	w.Helper()
	var v T
	for _, f := range leaves(reflect.ValueOf(&v).Elem(), "") {
		w.alter(f.value)
	}
	return v
}

// leaf is a field that holds a value, however deep in its record.
type leaf struct {
	path  string // Settings.SSO.Strict
	value reflect.Value
}

// leaves lists the fields of a record, those of records in it included.
func leaves(v reflect.Value, path string) []leaf {
	if v.Kind() != reflect.Struct || atom(v.Type()) {
		return []leaf{{path, v}}
	}
	var out []leaf
	for i := range v.NumField() {
		p := v.Type().Field(i).Name
		if path != "" {
			p = path + "." + p
		}
		out = append(out, leaves(v.Field(i), p)...)
	}
	return out
}

// alter gives a field another value, one that a store may be asked to keep: an id where an id
// belongs, one of the few values of an enumeration, slices in the order of their elements.
func (w *world) alter(v reflect.Value) {
	w.Helper()
	w.made++
	n := w.made
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(moment(n)))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(n >> 8), 15: byte(n)})))
		return
	case orgusers.OrgID, orgusers.UserID, orgusers.MemberID, orgusers.StackID, orgusers.RoleID,
		orgusers.OperationID, orgusers.EffectID, orgusers.EntryID, orgusers.SessionID, orgusers.IPRuleID:
		v.SetString(w.id())
		return
	case orgusers.AddressKey:
		v.SetString(fmt.Sprintf("person%04d@example.com", n))
		return
	case time.Duration:
		v.SetInt(int64(time.Duration(n) * time.Second))
		return
	case orgusers.Step:
		either(v, orgusers.StepCode, orgusers.StepPassword)
		return
	case orgusers.Role:
		either(v, orgusers.RoleAdmin, orgusers.RoleMember)
		return
	case orgusers.Status:
		either(v, orgusers.StatusActive, orgusers.StatusInactive)
		return
	case orgusers.Action:
		either(v, orgusers.ActionInvite, orgusers.ActionRemove)
		return
	case orgusers.Result:
		either(v, orgusers.Skipped, orgusers.Refused)
		return
	case orgusers.Reason:
		either(v, orgusers.ReasonOwner, orgusers.ReasonPending)
		return
	case orgusers.Resource:
		either(v, orgusers.ResourceAssets, orgusers.ResourceStacks)
		return
	case orgusers.EffectKind:
		either(v, orgusers.EffectMail, orgusers.EffectEndSessions)
		return
	case orgusers.MailKind:
		either(v, orgusers.MailInvitation, orgusers.MailMFARemoved)
		return
	case orgusers.Permission:
		v.SetString(fmt.Sprintf("entries:verb%04d", n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %04d", n))
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Struct:
		for _, f := range leaves(v, "") {
			w.alter(f.value)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(fmt.Appendf(nil, `{"n":%d}`, n))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			for range i + 1 { // twice for the second, so that of an enumeration it is the other value
				w.alter(v.Index(i))
			}
		}
	default:
		w.Errorf("storetest does not know how to make a %s", v.Type())
		w.FailNow()
	}
}

// either sets the one of two values that v has not.
func either[T ~string](v reflect.Value, a, b T) {
	if v.String() == string(a) {
		a = b
	}
	v.SetString(string(a))
}
