package memstore

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/orgusers/go-orgusers/orgusers"
)

// View reads what a decision may look at, all at one moment.
func (s *Store) View(ctx context.Context, q orgusers.ViewQuery) (orgusers.View, error) {
	unlock, err := s.read(ctx)
	if err != nil {
		return orgusers.View{}, err
	}
	defer unlock()
	rows, accounts := len(q.Members)+len(q.Joined)+len(q.Keys), len(q.Members)+len(q.Joined)+len(q.Users)+len(q.UserKeys)
	r := reading{
		s:    s,
		view: orgusers.View{Members: make([]orgusers.Member, 0, rows), Users: make([]orgusers.User, 0, accounts)},
	}
	if q.Org != "" {
		o := s.orgs[q.Org]
		if o == nil {
			return orgusers.View{}, orgusers.ErrNotFound
		}
		r.readOrganization(o, &q)
	}
	if request, ok := s.requests[requestKey{q.Org, q.Request}]; ok && q.Request != "" {
		request.Report = slices.Clone(request.Report)
		r.view.Request = &request
	}
	for _, id := range q.Users {
		r.account(s.users[id])
	}
	for _, key := range q.UserKeys {
		r.account(s.userKeys[key])
	}
	r.view.Person = s.person(q.Person)
	r.view.Counters = s.counters.read(q.Counters, r.personal)
	return r.view, nil
}

// reading is a view under way, with what is in it already.
type reading struct {
	s        *Store
	view     orgusers.View
	grants   bool
	rows     set[orgusers.MemberID]
	accounts set[orgusers.UserID]
	personal []string // the keys of PerUser
}

func (r *reading) row(m *member) {
	if m != nil && r.rows.add(m.ID) {
		r.view.Members = append(r.view.Members, m.read(r.grants))
	}
}

func (r *reading) account(u *orgusers.User) {
	if u != nil && r.accounts.add(u.ID) {
		r.view.Users = append(r.view.Users, *u)
	}
}

func (r *reading) readOrganization(o *organization, q *orgusers.ViewQuery) {
	r.view.Org = o.row.Clone()
	r.grants = q.Grants
	stacks := slices.Clone(q.Stacks)
	people := make([]*member, 0, len(q.Members)+len(q.Joined))
	for _, id := range q.Members {
		if m := o.members[id]; m != nil {
			r.account(r.s.userKeys[m.Address.Key])
			people = append(people, m)
			for _, prefix := range q.PerUser {
				if m.User != "" {
					r.personal = append(r.personal, prefix+string(m.User))
				}
			}
		}
	}
	for _, user := range q.Joined {
		if m := o.byUser[user]; m != nil {
			r.account(r.s.users[user])
			people = append(people, m)
		}
	}
	for _, m := range people {
		r.row(m)
		if n := r.s.live(m.User, q.Live); n > 0 {
			if r.view.Live == nil {
				r.view.Live = make(map[orgusers.UserID]int)
			}
			r.view.Live[m.User] = n
		}
		if q.Owned && m.User != "" { // nobody's stacks are not the pending ones'
			stacks = slices.AppendSeq(stacks, maps.Keys(o.owned[m.User]))
		}
	}
	for _, key := range q.Keys {
		r.row(o.byKey[key])
	}
	for _, subject := range q.Subjects {
		for m := range o.bound[subject] {
			r.row(m)
		}
	}
	if owner := o.byUser[o.row.OwnerID]; q.Owner && owner != nil {
		r.row(owner)
		r.account(r.s.users[owner.User])
	}
	if q.Inviters {
		for _, id := range q.Members {
			if m := o.members[id]; m != nil {
				r.row(o.byUser[m.InvitedBy])
			}
		}
		for _, key := range q.Keys {
			if m := o.byKey[key]; m != nil {
				r.row(o.byUser[m.InvitedBy])
			}
		}
	}
	if q.AllStack {
		stacks = slices.Collect(maps.Keys(o.stacks.byID))
	}
	slices.Sort(stacks)
	for _, id := range slices.Compact(stacks) {
		if stack, ok := o.stacks.byID[id]; ok {
			r.view.Stacks = append(r.view.Stacks, stack)
		}
	}
	if q.Roles {
		for _, role := range o.roles.byID {
			r.view.Roles = append(r.view.Roles, role.Clone())
		}
		slices.SortFunc(r.view.Roles, func(a, b orgusers.StackRole) int { return strings.Compare(string(a.ID), string(b.ID)) })
	}
}

// Access reads what a permission check needs.
func (s *Store) Access(ctx context.Context, user orgusers.UserID, org orgusers.OrgID) (orgusers.AccessView, error) {
	unlock, err := s.read(ctx)
	if err != nil {
		return orgusers.AccessView{}, err
	}
	defer unlock()
	o, u := s.orgs[org], s.users[user]
	if o == nil || u == nil || o.byUser[user] == nil {
		return orgusers.AccessView{}, orgusers.ErrNotFound
	}
	row := o.row.Clone()
	v := orgusers.AccessView{
		OrgDisabled:       row.Disabled,
		OwnerID:           row.OwnerID,
		Settings:          row.Settings,
		Member:            o.byUser[user].read(true),
		SessionsValidFrom: u.SessionsValidFrom,
		MFA:               u.MFA.Enrolled(),
		Owned:             slices.Sorted(maps.Keys(o.owned[user])),
	}
	for _, g := range v.Member.Grants {
		role, custom := o.roles.byID[g.Role]
		if custom && !slices.ContainsFunc(v.Roles, func(r orgusers.StackRole) bool { return r.ID == role.ID }) {
			v.Roles = append(v.Roles, role.Clone())
		}
	}
	return v, nil
}
