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
	r := reading{s: s, rows: make(map[orgusers.MemberID]struct{}), accounts: make(map[orgusers.UserID]struct{})}
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
	return r.view, nil
}

// reading is a view under way, with what is in it already.
type reading struct {
	s        *Store
	view     orgusers.View
	grants   bool
	rows     map[orgusers.MemberID]struct{}
	accounts map[orgusers.UserID]struct{}
}

func (r *reading) row(m *member) {
	if m != nil && once(r.rows, m.ID) {
		r.view.Members = append(r.view.Members, m.read(r.grants))
	}
}

func (r *reading) account(u *orgusers.User) {
	if u != nil && once(r.accounts, u.ID) {
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
		}
	}
	joined := q.Joined
	if q.Owner && o.row.OwnerID != "" {
		joined = append(slices.Clip(joined), o.row.OwnerID)
	}
	for _, user := range joined {
		if m := o.byUser[user]; m != nil {
			r.account(r.s.users[user])
			people = append(people, m)
		}
	}
	for _, m := range people {
		r.row(m)
		if q.Owned && m.User != "" { // nobody's stacks are not the pending ones'
			stacks = slices.AppendSeq(stacks, maps.Keys(o.owned[m.User]))
		}
	}
	for _, key := range q.Keys {
		r.row(o.byKey[key])
	}
	if q.Inviters {
		for _, id := range q.Members {
			if m := o.members[id]; m != nil {
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
