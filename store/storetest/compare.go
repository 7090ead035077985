package storetest

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// same requires that two values are equal in every field, times and locations included, save that an
// empty slice is as good as none. It names the first field that differs, because the values may be
// the whole of a store.
func (w *world) same(want, got any, about ...any) {
	w.Helper()
	if path, a, b := difference(reflect.ValueOf(tidy(want)), reflect.ValueOf(tidy(got))); path != "" {
		require.Fail(w, fmt.Sprintf("%T differs at %s\nwant: %s\ngot:  %s", want, path, a, b), about...)
	}
}

// difference returns where two values first differ, and how; no path: nowhere.
func difference(a, b reflect.Value) (path, want, got string) {
	switch {
	case !a.IsValid() || !b.IsValid() || a.Type() != b.Type():
		return ".", shown(a), shown(b)
	case a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil():
		return difference(a.Elem(), b.Elem())
	case a.Kind() == reflect.Struct && !atom(a.Type()):
		for i := range a.NumField() {
			if path, want, got = difference(a.Field(i), b.Field(i)); path != "" {
				return "." + a.Type().Field(i).Name + strings.TrimSuffix(path, "."), want, got
			}
		}
	case a.Kind() == reflect.Slice && a.Type().Elem().Kind() != reflect.Uint8:
		for i := range min(a.Len(), b.Len()) {
			if path, want, got = difference(a.Index(i), b.Index(i)); path != "" {
				return fmt.Sprintf("[%d]%s", i, strings.TrimSuffix(path, ".")), want, got
			}
		}
		if a.Len() != b.Len() {
			return fmt.Sprintf("[%d]", min(a.Len(), b.Len())), fmt.Sprintf("%d of them", a.Len()), fmt.Sprintf("%d of them", b.Len())
		}
	case !reflect.DeepEqual(a.Interface(), b.Interface()):
		return ".", shown(a), shown(b)
	}
	return "", "", ""
}

// shown prints a value, of secrets too what they are, up to a readable length.
func shown(v reflect.Value) string {
	if !v.IsValid() {
		return "nothing"
	}
	s := fmt.Sprintf("%#v", v.Interface())
	switch {
	case v.Kind() == reflect.String:
		s = fmt.Sprintf("%q", v.String())
	case v.Type() == reflect.TypeFor[time.Time]():
		s = v.Interface().(time.Time).Format(time.RFC3339Nano + " MST") //nolint:forcetypeassert // it is of that type
	}
	return s[:min(len(s), 300)]
}

// tidy returns a deep copy in which empty slices are nil.
func tidy[T any](v T) T {
	p := reflect.New(reflect.TypeFor[T]())
	p.Elem().Set(copied(reflect.ValueOf(&v).Elem()))
	return p.Elem().Interface().(T) //nolint:forcetypeassert // it is made of that type
}

func copied(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			c.Set(copied(v.Elem()))
		}
		return c
	case reflect.Pointer:
		if !v.IsNil() {
			c.Set(reflect.New(v.Type().Elem()))
			c.Elem().Set(copied(v.Elem()))
		}
		return c
	case reflect.Slice:
		for i := range v.Len() {
			c = reflect.Append(c, copied(v.Index(i)))
		}
		return c
	case reflect.Struct:
		if atom(v.Type()) {
			break
		}
		for i := range v.NumField() {
			c.Field(i).Set(copied(v.Field(i)))
		}
		return c
	}
	c.Set(v)
	return c
}

// atom reports whether a struct is a value of its own rather than a record of fields.
func atom(t reflect.Type) bool {
	return t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[netip.Addr]()
}

// sorted returns records in the order of their ids, for comparison where any order will do.
func sorted[T any, ID ~string](records []T, id func(*T) ID) []T {
	c := slices.Clone(records)
	slices.SortFunc(c, func(a, b T) int { return cmp.Compare(id(&a), id(&b)) })
	return c
}

func sortedView(v orgusers.View) orgusers.View {
	v.Members = sorted(v.Members, func(m *orgusers.Member) orgusers.MemberID { return m.ID })
	v.Users = sorted(v.Users, func(u *orgusers.User) orgusers.UserID { return u.ID })
	v.Stacks = sorted(v.Stacks, func(s *orgusers.Stack) orgusers.StackID { return s.ID })
	v.Roles = sorted(v.Roles, func(r *orgusers.StackRole) orgusers.RoleID { return r.ID })
	return v
}

// read is View where it must succeed, in the order of ids.
func (w *world) read(q orgusers.ViewQuery) orgusers.View {
	w.Helper()
	v, err := w.View(w.ctx, q)
	require.NoError(w, err)
	if len(v.Counters) == 0 {
		v.Counters = nil // no map is as good as an empty one
	}
	if len(v.Live) == 0 {
		v.Live = nil
	}
	return sortedView(v)
}

// org reads an organization.
func (w *world) org(id orgusers.OrgID) orgusers.Organization {
	w.Helper()
	return w.read(orgusers.ViewQuery{Org: id}).Org
}

// member reads one row with its roles.
func (w *world) member(org orgusers.OrgID, id orgusers.MemberID) orgusers.Member {
	w.Helper()
	v := w.read(orgusers.ViewQuery{Org: org, Members: []orgusers.MemberID{id}, Grants: true})
	require.Len(w, v.Members, 1)
	return v.Members[0]
}

// user reads one account.
func (w *world) user(id orgusers.UserID) orgusers.User {
	w.Helper()
	v := w.read(orgusers.ViewQuery{Users: []orgusers.UserID{id}})
	require.Len(w, v.Users, 1)
	return v.Users[0]
}

// dump is all that a store says it holds; of the counters, two. Two dumps are equal if nothing was
// written between them.
type dump struct {
	Orgs     []orgusers.Organization
	Users    []orgusers.User // those the check knows of
	Members  []orgusers.Member
	Stacks   []orgusers.Stack
	Roles    []orgusers.StackRole
	Requests []orgusers.Request // those asked for
	Audit    []orgusers.AuditEntry
	Effects  []orgusers.Effect
	Counters map[string]int64
	Sessions []orgusers.Session // of those who have signed in
	IPRules  []orgusers.IPRule  // likewise
}

// dumpedCounters are the counters that a dump has.
func dumpedCounters() []string { return []string{"counted/a", "counted/b"} }

// dump reads everything, and these requests of every organization and of none.
func (w *world) dump(requests ...string) dump {
	w.Helper()
	var d dump
	var err error
	d.Orgs, err = w.Organizations(w.ctx, orgusers.OrgQuery{Limit: math.MaxInt32})
	require.NoError(w, err)
	v := w.read(orgusers.ViewQuery{Users: w.accounts, Counters: dumpedCounters()})
	d.Users, d.Counters = v.Users, v.Counters
	for _, o := range append([]orgusers.Organization{{}}, d.Orgs...) {
		entries, err := w.Audit(w.ctx, orgusers.AuditQuery{Org: o.ID, Limit: math.MaxInt32})
		require.NoError(w, err)
		d.Audit = append(d.Audit, entries...)
		for _, id := range requests {
			if r := w.read(orgusers.ViewQuery{Org: o.ID, Request: id}).Request; r != nil {
				d.Requests = append(d.Requests, *r)
			}
		}
		if o.ID == "" {
			continue
		}
		rows, err := w.Members(w.ctx, orgusers.MemberQuery{Org: o.ID, Limit: math.MaxInt32, Sort: orgusers.SortEmail, Grants: true})
		require.NoError(w, err)
		d.Members = append(d.Members, rows...)
		v := w.read(orgusers.ViewQuery{Org: o.ID, AllStack: true, Roles: true})
		d.Stacks, d.Roles = append(d.Stacks, v.Stacks...), append(d.Roles, v.Roles...)
	}
	for _, user := range w.signedIn {
		if p := w.read(orgusers.ViewQuery{Person: orgusers.PersonQuery{User: user}}).Person; p != nil {
			d.Sessions = append(d.Sessions, p.Sessions...)
		}
		d.IPRules = append(d.IPRules, rulesOnly(w.ipRules(orgusers.IPRuleQuery{User: user}))...)
	}
	for _, dead := range []bool{false, true} {
		effects, err := w.Effects(w.ctx, orgusers.EffectQuery{Dead: dead, Limit: math.MaxInt32})
		require.NoError(w, err)
		d.Effects = append(d.Effects, effects...)
	}
	return d
}

// unchanged requires that nothing was written since before was dumped.
func (w *world) unchanged(before dump, requests ...string) {
	w.Helper()
	w.same(before, w.dump(requests...), "nothing may have been written")
}

// sortedSessions are sessions in the order of a [orgusers.Person].
func sortedSessions(sessions ...orgusers.Session) []orgusers.Session {
	slices.SortFunc(sessions, func(a, b orgusers.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return sessions
}

// ids lists the ids of records, in their order.
func ids[T any, ID ~string](records []T, id func(*T) ID) string {
	var b strings.Builder
	for i := range records {
		b.WriteString(string(id(&records[i])))
		b.WriteByte('\n')
	}
	return b.String()
}
