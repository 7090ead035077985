package storetest

import (
	"reflect"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// patchChecks has one check for each field of each patch and each record, found by reflection: a
// field that the contract grows is tested before any store knows it.
func patchChecks() []check {
	list := []check{
		{"Patch/Profiles", patchProfiles},
		{"Kept/Organization", keptOrganization},
		{"Kept/EachFieldOfOrganization", keptOrganizationFields},
		{"Kept/Account", keptAccount},
		{"Kept/Member", keptMember},
		{"Kept/StackAndRole", keptStack},
		{"Kept/Entry", keptEntry},
		{"Kept/Effect", keptEffect},
		{"Kept/Request", keptRequest},
	}
	for i := range reflect.TypeFor[orgusers.MemberPatch]().NumField() {
		list = append(list, check{"Patch/Member." + reflect.TypeFor[orgusers.MemberPatch]().Field(i).Name, func(w *world) { patchMember(w, i) }})
	}
	for i := range reflect.TypeFor[orgusers.UserPatch]().NumField() {
		list = append(list, check{"Patch/User." + reflect.TypeFor[orgusers.UserPatch]().Field(i).Name, func(w *world) { patchUser(w, i) }})
	}
	return list
}

// setting makes a patch that sets its i-th field to something other than what record has there; zero
// sets it to nothing.
func setting[P any](w *world, i int, record any, zero bool) P {
	w.Helper()
	var patch P
	opt := reflect.ValueOf(&patch).Elem().Field(i)
	field := reflect.TypeFor[P]().Field(i).Name
	now := reflect.ValueOf(record).FieldByName(field)
	require.True(w, now.IsValid(), "no field %s is what the patch sets", field)
	opt.FieldByName("Set").SetBool(true)
	value := opt.FieldByName("Value")
	if zero {
		return patch
	}
	value.Set(now)
	w.alter(value)
	require.NotEqual(w, now.Interface(), value.Interface())
	return patch
}

func patchMember(w *world, field int) {
	k := w.cast()
	row := filled[orgusers.Member](w)
	row.Org, row.User, row.Owner, row.Grants = k.org, w.account("first").ID, false, nil
	w.edit(k.org, func(c *orgusers.Changes) { c.NewMembers = []orgusers.Member{row} })
	set := func(p orgusers.MemberPatch) {
		if p.User.Set && p.User.Value != "" {
			p.User.Value = w.account("second").ID
		}
		before := w.dump()
		w.edit(k.org, func(c *orgusers.Changes) { c.Members = []orgusers.MemberUpdate{{ID: row.ID, Patch: p}} })
		p.Apply(&row)
		for i := range before.Members {
			if before.Members[i].ID == row.ID {
				before.Members[i] = row
			}
		}
		before.Orgs[0].Version++
		w.same(before, w.dump(), "this field of this row, and nothing else")
	}
	set(setting[orgusers.MemberPatch](w, field, row, false))
	if p := setting[orgusers.MemberPatch](w, field, row, true); !p.Role.Set && !p.Status.Set { // which are never empty
		set(p)
	}
	set(setting[orgusers.MemberPatch](w, field, row, false))
}

func patchUser(w *world, field int) {
	w.cast()
	u := filled[orgusers.User](w)
	w.accounts = append(w.accounts, u.ID)
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{NewUsers: []orgusers.User{u}}))
	for _, zero := range []bool{false, true, false} {
		p := setting[orgusers.UserPatch](w, field, u, zero)
		before := w.dump()
		require.NoError(w, w.Commit(w.ctx, orgusers.Changes{Users: []orgusers.UserUpdate{{ID: u.ID, Version: u.Version, Patch: p}}}))
		p.Apply(&u)
		u.Version++
		for i := range before.Users {
			if before.Users[i].ID == u.ID {
				before.Users[i] = u
			}
		}
		w.same(before, w.dump(), "this field of this account, and nothing else")
	}
}

// patchProfiles: a profile reaches the rows of its account in every organization, and neither
// their versions nor the pending rows with the same address.
func patchProfiles(w *world) {
	k, other, third := w.cast(), w.cast(), w.organization("Invited")
	w.invite(third, "ann")
	before := w.dump()
	for _, p := range []orgusers.Profile{
		{User: k.ann.User, Name: orgusers.Name{First: "Zoë", Last: "Ångström"}, MFA: true},
		{User: k.ann.User, Name: orgusers.Name{First: "Zoë"}, MFA: false},
	} {
		w.edit(k.org, func(c *orgusers.Changes) {
			c.Users = w.updates([]orgusers.UserID{p.User}, orgusers.UserPatch{Name: orgusers.Some(p.Name)})
			c.Profiles = []orgusers.Profile{p}
		})
		for i := range before.Members {
			if m := &before.Members[i]; m.User == p.User {
				m.Name, m.MFA = p.Name, p.MFA
			}
		}
		for i := range before.Users {
			if u := &before.Users[i]; u.ID == p.User {
				u.Name = p.Name
				u.Version++
			}
		}
		for i := range before.Orgs {
			if before.Orgs[i].ID == k.org {
				before.Orgs[i].Version++
			}
		}
		w.unchanged(before)
	}
	require.Equal(w, "Zoë", w.member(other.org, other.ann.ID).Name.First)
}

func keptOrganization(w *world) {
	o := filled[orgusers.Organization](w)
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{Org: &o, NewOrg: true}))
	w.same(o, w.org(o.ID))
	list, err := w.Organizations(w.ctx, orgusers.OrgQuery{Limit: 2})
	require.NoError(w, err)
	w.same([]orgusers.Organization{o}, list)

	empty := orgusers.Organization{ID: orgusers.OrgID(w.id())}
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{Org: &empty, NewOrg: true}))
	w.same(empty, w.org(empty.ID))
	w.same(o, w.org(o.ID))
}

func keptOrganizationFields(w *world) {
	k := w.cast()
	now := w.org(k.org)
	list := leaves(reflect.ValueOf(&now).Elem(), "")
	for _, clear := range []bool{false, true} {
		for _, f := range list {
			if f.path == "ID" || f.path == "Version" {
				continue
			}
			if clear {
				f.value.SetZero()
			} else {
				w.alter(f.value)
			}
			require.NoError(w, w.Commit(w.ctx, orgusers.Changes{Org: &now}), f.path)
			now.Version++
			w.same(now, w.org(k.org), f.path)
		}
	}
}

func keptAccount(w *world) {
	u, blank := filled[orgusers.User](w), w.newAccount("blank")
	blank = orgusers.User{ID: blank.ID, Address: blank.Address}
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{NewUsers: []orgusers.User{u, blank}}))
	w.same(u, w.user(u.ID))
	w.same(blank, w.user(blank.ID))
}

func keptMember(w *world) {
	k := w.cast()
	m, blank := filled[orgusers.Member](w), w.newInvitation(k.org, "blank")
	m.Org, m.User, m.Owner, m.Grants = k.org, w.account("eve").ID, false, nil
	blank = orgusers.Member{ID: blank.ID, Org: k.org, Address: blank.Address, Role: orgusers.RoleMember, Status: orgusers.StatusPending}
	w.edit(k.org, func(c *orgusers.Changes) { c.NewMembers = []orgusers.Member{m, blank} })
	w.same(m, w.member(k.org, m.ID))
	w.same(blank, w.member(k.org, blank.ID))
}

func keptStack(w *world) {
	k := w.cast()
	s, r := filled[orgusers.Stack](w), filled[orgusers.StackRole](w)
	s.Org, r.Org = k.org, k.org
	blank := orgusers.Stack{ID: orgusers.StackID(w.id()), Org: k.org, Name: "blank"}
	none := orgusers.StackRole{ID: orgusers.RoleID(w.id()), Org: k.org, Name: "none"}
	w.edit(k.org, func(c *orgusers.Changes) {
		c.NewStacks, c.NewRoles = []orgusers.Stack{s, blank}, []orgusers.StackRole{r, none}
	})
	w.looks(orgusers.ViewQuery{Org: k.org, Stacks: []orgusers.StackID{s.ID, blank.ID}, Roles: true},
		orgusers.View{Stacks: []orgusers.Stack{s, blank}, Roles: []orgusers.StackRole{k.edit, k.spare, r, none}})
}

func keptEntry(w *world) {
	k := w.cast()
	chained, blank := filled[orgusers.AuditEntry](w), orgusers.AuditEntry{ID: orgusers.EntryID(w.id())}
	beside := filled[orgusers.AuditEntry](w)
	chained.Org, beside.Org, blank.Org = k.org, k.org, k.org
	chained.Seq, beside.Seq, beside.Chained = 1, 2, false
	w.edit(k.org, func(c *orgusers.Changes) { c.Audit = []orgusers.AuditEntry{chained, blank} })
	require.NoError(w, w.Record(w.ctx, []orgusers.AuditEntry{beside}, nil))
	w.same([]orgusers.AuditEntry{blank, chained, beside}, w.dump().Audit)
}

func keptEffect(w *world) {
	k := w.cast()
	e, blank := filled[orgusers.Effect](w), orgusers.Effect{ID: orgusers.EffectID(w.id()), Kind: orgusers.EffectMail, DueAt: moment(2)}
	e.Org, e.Dead = k.org, false
	w.edit(k.org, func(c *orgusers.Changes) { c.Effects = []orgusers.Effect{e, blank} })
	w.same(sorted([]orgusers.Effect{e, blank}, func(e *orgusers.Effect) orgusers.EffectID { return e.ID }), w.dump().Effects)
}

func keptRequest(w *world) {
	k := w.cast()
	r := filled[orgusers.Request](w)
	r.Org, r.ID = k.org, `visible!"#$%&'()*+,-./:;<=>?@[\]^_{|}~ASCII`
	blank := orgusers.Request{Org: k.org, ID: "blank"}
	w.edit(k.org, func(c *orgusers.Changes) { c.Request = &r })
	w.edit(k.org, func(c *orgusers.Changes) { c.Request = &blank })
	w.looks(orgusers.ViewQuery{Org: k.org, Request: r.ID}, orgusers.View{Request: &r})
	w.looks(orgusers.ViewQuery{Org: k.org, Request: blank.ID}, orgusers.View{Request: &blank})
}
