package storetest

import (
	"reflect"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func aliasingChecks() []check {
	return []check{
		{"Aliasing/WhatIsPassedInIsCopied", aliasingIn},
		{"Aliasing/WhatIsReturnedIsCopied", aliasingOut},
	}
}

// scribble overwrites everything that v leads to.
func (w *world) scribble(v reflect.Value) {
	w.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			w.scribble(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.scribble(v.Index(i))
		}
	case reflect.Struct:
		if !atom(v.Type()) {
			for i := range v.NumField() {
				w.scribble(v.Field(i))
			}
			return
		}
		w.alter(v)
	case reflect.Uint8:
		v.SetUint(v.Uint() ^ 0x55)
	case reflect.Map: // View.Sessions, which is not the store's
	default:
		w.alter(v)
	}
}

func aliasingIn(w *world) {
	k := w.cast()
	c := w.everything(k)
	settings, plan := filled[orgusers.Settings](w), filled[orgusers.Plan](w)
	c.Org.Settings, c.Org.Plan = settings, plan
	given := tidy(c)
	require.NoError(w, w.Commit(w.ctx, c))
	recorded := filled[orgusers.Request](w)
	recorded.Org, recorded.ID = k.org, "recorded"
	entries := []orgusers.AuditEntry{w.newEntry(k.org, 5, false)}
	givenRequest, givenEntries := tidy(recorded), tidy(entries)
	require.NoError(w, w.Record(w.ctx, entries, &recorded))

	before := w.dump("everything", "recorded")
	w.scribble(reflect.ValueOf(&c).Elem())
	w.scribble(reflect.ValueOf(&recorded).Elem())
	w.scribble(reflect.ValueOf(entries))
	w.unchanged(before, "everything", "recorded")
	o := w.org(k.org)
	w.same(given.Org.Settings, o.Settings)
	w.same(given.Org.Plan, o.Plan)
	w.same([]orgusers.Request{*given.Request, givenRequest}, before.Requests)
	w.same(givenEntries[0], before.Audit[len(before.Audit)-1])
	require.Contains(w, before.Roles, given.NewRoles[0])
	require.Contains(w, before.Roles, given.Roles[0])
}

func aliasingOut(w *world) {
	k := w.cast()
	c := w.everything(k)
	c.Org.Settings, c.Org.Plan = filled[orgusers.Settings](w), filled[orgusers.Plan](w)
	require.NoError(w, w.Commit(w.ctx, c))
	q := everythingOf(k)
	q.Org, q.Request, q.AllStack, q.Roles = k.org, "everything", true, true
	q.Users, q.Person.User = []orgusers.UserID{k.ann.User}, k.ann.User
	for what, read := range map[string]func() (any, error){
		"View":   func() (any, error) { v := w.read(q); return &v, nil },
		"Access": func() (any, error) { v := w.access(k.ann.User, k.org); return &v, nil },
		"IPRules": func() (any, error) {
			v, err := w.IPRules(w.ctx, orgusers.IPRuleQuery{User: k.ann.User, Limit: 9})
			return &v, err
		},
		"Organizations": func() (any, error) { v, err := w.Organizations(w.ctx, orgusers.OrgQuery{Limit: 9}); return &v, err },
		"Audit": func() (any, error) {
			v, err := w.Audit(w.ctx, orgusers.AuditQuery{Org: k.org, Limit: 9})
			return &v, err
		},
		"Effects": func() (any, error) { v, err := w.Effects(w.ctx, orgusers.EffectQuery{Limit: 9}); return &v, err },
		"Members": func() (any, error) {
			v, err := w.Members(w.ctx, orgusers.MemberQuery{Org: k.org, Sort: orgusers.SortName, Limit: 9, Grants: true})
			return &v, err
		},
	} {
		before := w.dump("everything")
		v, err := read()
		require.NoError(w, err)
		was := tidy(v)
		w.scribble(reflect.ValueOf(v))
		require.NotEqual(w, was, tidy(v), "nothing was there to be scribbled on")
		w.same(before, w.dump("everything"), what)
		again, err := read()
		require.NoError(w, err)
		w.same(was, again, what)
	}
	claimed := w.claim(50, 60, 5)
	require.NotEmpty(w, claimed)
	before := w.dump()
	w.scribble(reflect.ValueOf(&claimed).Elem())
	w.unchanged(before)
}
