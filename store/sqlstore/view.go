package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/orgusers/go-orgusers/orgusers"
)

// The organization is read first, and alone, because what is read after it may be newer but never
// older; then a commit under its version cannot miss anything.
const (
	viewOrganization = `SELECT ` + organizationColumns + ` FROM orgusers_organizations AS o WHERE o.id = ?`

	viewOrganizationRequest = `SELECT ` + organizationColumns + `,
 COALESCE(r.id, ''), COALESCE(r.digest, ''), COALESCE(r.report, ''), COALESCE(r.made_at, 0)
 FROM orgusers_organizations AS o LEFT JOIN orgusers_requests AS r ON r.org_id = o.id AND r.id = ? WHERE o.id = ?`

	viewRequest = `SELECT r.id, r.digest, r.report, r.made_at FROM orgusers_requests AS r WHERE r.org_id = '' AND r.id = ?`

	viewMembers = `SELECT ` + memberColumns + `, ` + userColumnsIfAny + ` FROM orgusers_members AS m
 LEFT JOIN orgusers_users AS u ON u.address_key = m.address_key WHERE m.org_id = ?`

	// The same without accounts: nobody has the empty id, and every planner finds that out by the key.
	viewMembersOnly = `SELECT ` + memberColumns + `, ` + userColumnsIfAny + ` FROM orgusers_members AS m
 LEFT JOIN orgusers_users AS u ON u.id = '' WHERE m.org_id = ?`

	// The rows of those who invited some rows, each once, without accounts.
	viewInviters = `SELECT ` + memberColumns + `, ` + userColumnsIfAny + ` FROM (
 SELECT DISTINCT x.invited_by FROM orgusers_members AS x WHERE x.org_id = ? AND x.invited_by <> '' AND `
	viewInvitersJoin = `) AS i `
	viewInvitersEnd  = ` ON m.user_id = i.invited_by AND m.org_id = ?
 LEFT JOIN orgusers_users AS u ON u.id = ''`

	viewUsers = `SELECT ` + userColumns + ` FROM orgusers_users AS u WHERE `
)

// View implements [orgusers.Store]. It costs one statement for each kind of record asked for, per
// 1,024 ids: the organization with the request, the members with their accounts, their grants, stacks
// with roles and counters, further accounts, a person with the counters.
func (s *Store) View(ctx context.Context, q orgusers.ViewQuery) (orgusers.View, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return orgusers.View{}, err
	}
	var v orgusers.View
	r := viewReader{session: w, q: &q, v: &v, counters: distinct(q.Counters)}
	for _, read := range []func(context.Context) error{r.organization, r.members, r.grants, r.person, r.catalog, r.users} {
		if err := read(ctx); err != nil {
			return orgusers.View{}, err
		}
	}
	return v, nil
}

type viewReader struct {
	*session
	q     *orgusers.ViewQuery
	v     *orgusers.View
	known map[orgusers.UserID]bool // accounts in the view already

	counters []string // still to be read
}

func (r *viewReader) organization(ctx context.Context) error {
	var t text
	var o organizationRow
	var req requestRow
	var dest []any
	switch {
	case r.q.Org == "" && r.q.Request == "":
		return nil
	case r.q.Org == "":
		t.add(viewRequest, r.q.Request)
		dest = req.dest()
	case r.q.Request == "":
		t.add(viewOrganization, string(r.q.Org))
		dest = o.dest()
	default:
		t.add(viewOrganizationRequest, r.q.Request, string(r.q.Org))
		dest = append(o.dest(), req.dest()...)
	}
	found := false
	err := r.query(ctx, &t, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	})
	if err != nil {
		return err
	}
	if req.id != "" {
		v := req.value(r.q.Org)
		r.v.Request = &v
	}
	if r.q.Org == "" {
		return nil
	}
	if !found {
		return fmt.Errorf("sqlstore: organization: %w", orgusers.ErrNotFound)
	}
	r.v.Org, err = o.value()
	return err
}

// joined are the users whose rows are asked for.
func (r *viewReader) joined() []orgusers.UserID {
	if r.q.Owner {
		return distinct(r.q.Joined, []orgusers.UserID{r.v.Org.OwnerID})
	}
	return distinct(r.q.Joined)
}

func (r *viewReader) members(ctx context.Context) error {
	if r.q.Org == "" {
		return nil
	}
	org := string(r.q.Org)
	ids, joined, keys, subjects := distinct(r.q.Members), r.joined(), distinct(r.q.Keys), distinct(r.q.Subjects)
	seen := make(map[orgusers.MemberID]bool)
	for i := range parts(len(ids), len(joined), len(keys), len(subjects)) {
		var t text
		if some := part(ids, i); len(some) > 0 {
			t.add(viewMembers+` AND m.id IN `, org)
			list(&t, some)
			r.inviters(&t, `x.id IN `, func() { list(&t, some) })
		}
		if some := part(joined, i); len(some) > 0 {
			t.union()
			t.add(viewMembers+` AND m.user_id IN `, org)
			list(&t, some)
		}
		if some := part(keys, i); len(some) > 0 {
			t.union()
			t.add(viewMembersOnly+` AND m.address_key IN `, org)
			list(&t, some)
			r.inviters(&t, `x.address_key IN `, func() { list(&t, some) })
		}
		if some := part(subjects, i); len(some) > 0 {
			t.union()
			t.add(viewMembersOnly+` AND m.subject IN `, org)
			list(&t, some)
		}
		var m memberRow
		var u userRow
		dest := append(m.dest(), u.dest()...)
		err := r.query(ctx, &t, func(rows *sql.Rows) error {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			if id := m.m.ID; !seen[id] {
				seen[id] = true
				r.v.Members = append(r.v.Members, m.value(r.q.Org))
			}
			r.addUser(&u)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// inviters adds the rows of those who invited the rows named, if they are asked for.
func (r *viewReader) inviters(t *text, by string, named func()) {
	if !r.q.Inviters {
		return
	}
	t.union()
	t.add(viewInviters+by, string(r.q.Org))
	named()
	t.add(viewInvitersJoin+r.dialect.joinByUser+viewInvitersEnd, string(r.q.Org))
}

func (r *viewReader) addUser(u *userRow) {
	if r.known == nil {
		r.known = make(map[orgusers.UserID]bool)
	}
	if id := u.u.ID; id != "" && !r.known[id] {
		r.known[id] = true
		r.v.Users = append(r.v.Users, u.value())
	}
}

func (r *viewReader) grants(ctx context.Context) error {
	if !r.q.Grants {
		return nil
	}
	return r.fillGrants(ctx, r.q.Org, r.v.Members)
}

func (r *viewReader) catalog(ctx context.Context) error {
	q := catalogQuery{counters: slices.Clone(r.counters)}
	people := r.people()
	q.perUser(r.q.PerUser, people)
	if r.q.Org != "" {
		q.stacks, q.allStacks, q.roles = distinct(r.q.Stacks), r.q.AllStack, r.q.Roles
	}
	if r.q.Org != "" && r.q.Owned {
		q.owners = distinct(people, r.joined())
	}
	return r.readCatalog(ctx, r.q.Org, q, r.v)
}

// people are the users on the rows of Members.
func (r *viewReader) people() []orgusers.UserID {
	if !r.q.Owned && len(r.q.PerUser) == 0 {
		return nil
	}
	asked := make(map[orgusers.MemberID]bool, len(r.q.Members))
	for _, id := range r.q.Members {
		asked[id] = true
	}
	var users []orgusers.UserID
	for i := range r.v.Members {
		if m := &r.v.Members[i]; asked[m.ID] && m.User != "" {
			users = append(users, m.User)
		}
	}
	return users
}

func (r *viewReader) users(ctx context.Context) error {
	ids, keys := distinct(r.q.Users), distinct(r.q.UserKeys)
	for i := range parts(len(ids), len(keys)) {
		var t text
		if some := part(ids, i); len(some) > 0 {
			t.add(viewUsers + `u.id IN `)
			list(&t, some)
		}
		if some := part(keys, i); len(some) > 0 {
			t.union()
			t.add(viewUsers + `u.address_key IN `)
			list(&t, some)
		}
		var u userRow
		dest := u.dest()
		err := r.query(ctx, &t, func(rows *sql.Rows) error {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			r.addUser(&u)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
