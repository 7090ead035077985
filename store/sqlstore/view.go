package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/orgusers/go-orgusers/orgusers"
)

// viewLayout fits the widest kind, a member with the account.
var viewLayout = layout{texts: 23, numbers: 22}

const joinAccount = ` LEFT JOIN orgusers_users AS u ON u.address_key = m.address_key`

// All rows of a view are read in one statement, so that they are of one moment. The organization comes
// first: what a database that keeps no moment reads after it may be newer but never older, and a commit
// under its version cannot miss anything.
var (
	viewOrganization = viewLayout.lay(kindOrganization, split(organizationColumns), new(organizationRow).dest()) + `
 FROM orgusers_organizations AS o WHERE o.id = ?`

	viewRequest = viewLayout.lay(kindRequest, split(requestColumns), new(requestRow).dest()) + `
 FROM orgusers_requests AS r WHERE r.org_id = ? AND r.id = ?`

	memberWithAccount = viewLayout.lay(kindMember, append(split(memberColumns), ifAny(split(userColumns), new(userRow).dest())...),
		append(new(memberRow).dest(), new(userRow).dest()...))
	memberAlone = viewLayout.lay(kindMember, split(memberColumns), new(memberRow).dest())

	// The owner's row, found by the organization's; one without an owner would find every pending row.
	viewOwner = memberWithAccount + ` FROM (
 SELECT x.owner_id FROM orgusers_organizations AS x WHERE x.id = ? AND x.owner_id <> '') AS w `
	viewOwnerEnd = ` ON m.user_id = w.owner_id AND m.org_id = ?` + joinAccount

	// The rows of those who invited some rows, each once, without accounts.
	viewInviters = memberAlone + ` FROM (
 SELECT DISTINCT x.invited_by FROM orgusers_members AS x WHERE x.invited_by <> '' AND `
	viewInvitersJoin = `) AS i `
	viewInvitersEnd  = ` ON m.user_id = i.invited_by AND m.org_id = ?`

	viewUsers = viewLayout.lay(kindUser, split(userColumns), new(userRow).dest()) + ` FROM orgusers_users AS u WHERE `

	viewCounters = viewLayout.lay(kindCounter, split(counterColumns), new(counterRow).dest()) + ` FROM orgusers_counters AS c WHERE c.name IN `
)

// View implements [orgusers.Store]. It costs one statement per 1,024 ids for the organization, the
// request, the members, the accounts and the counters named; one for the members' grants; one for stacks,
// roles, the counters of people and numbers of sessions; and one for a person with the counters.
func (s *Store) View(ctx context.Context, q orgusers.ViewQuery) (orgusers.View, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return orgusers.View{}, err
	}
	var v orgusers.View
	r := viewReader{session: w, q: &q, v: &v, counters: distinct(q.Counters)}
	for _, read := range []func(context.Context) error{r.rows, r.grants, r.person, r.catalog} {
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

// rows reads the organization, the answer to the request, members and accounts.
func (r *viewReader) rows(ctx context.Context) error {
	l := viewLists{users: distinct(r.q.Users), userKeys: distinct(r.q.UserKeys)}
	if r.q.Org != "" {
		l.members, l.joined, l.keys, l.subjects = distinct(r.q.Members), distinct(r.q.Joined), distinct(r.q.Keys), distinct(r.q.Subjects)
	}
	n := parts(len(l.members), len(l.joined), len(l.keys), len(l.subjects), len(l.users), len(l.userKeys))
	if r.q.Org != "" || r.q.Request != "" {
		n = max(n, 1)
	}
	if n > 0 && r.q.Person == (orgusers.PersonQuery{}) && len(r.counters) <= chunk {
		l.counters, r.counters = r.counters, nil
		r.v.Counters = make(map[string]int64, len(l.counters))
	}
	row := viewLayout.row()
	var o organizationRow
	var req requestRow
	var m memberRow
	var u userRow
	var c counterRow
	dest, organization, request, user, counter := row.dest(), o.dest(), req.dest(), u.dest(), c.dest()
	member := append(m.dest(), user...)
	seen := make(map[orgusers.MemberID]bool)
	for i := range n {
		err := r.query(ctx, r.part(&l, i), func(rows *sql.Rows) (err error) {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			switch row.kind {
			case kindOrganization:
				row.fill(organization)
				r.v.Org, err = o.value()
			case kindRequest:
				row.fill(request)
				answered := req.value(r.q.Org)
				r.v.Request = &answered
			case kindMember:
				row.fill(member)
				if !seen[m.m.ID] {
					seen[m.m.ID] = true
					r.v.Members = append(r.v.Members, m.value(r.q.Org))
				}
				r.addUser(&u)
			case kindUser:
				row.fill(user)
				r.addUser(&u)
			case kindCounter:
				row.fill(counter)
				r.v.Counters[c.name] = c.total
			}
			return err
		})
		if err != nil {
			return err
		}
		if r.q.Org != "" && r.v.Org.ID == "" {
			return fmt.Errorf("sqlstore: organization: %w", orgusers.ErrNotFound)
		}
	}
	return nil
}

type viewLists struct {
	members  []orgusers.MemberID
	joined   []orgusers.UserID
	keys     []orgusers.AddressKey
	subjects []string
	users    []orgusers.UserID
	userKeys []orgusers.AddressKey
	counters []string
}

// part is the statement for the i-th part of the lists; the organization, its owner and the request come
// with the first.
func (r *viewReader) part(l *viewLists, i int) *text {
	var t text
	org := string(r.q.Org)
	if org != "" && i == 0 {
		t.add(viewOrganization, org)
	}
	if r.q.Request != "" && i == 0 {
		t.union()
		t.add(viewRequest, org, r.q.Request)
	}
	if some := part(l.members, i); len(some) > 0 {
		rowsOf(r, &t, memberWithAccount, joinAccount, `id`, some)
		r.inviters(&t, func() { among(r.session, &t, `x.`, `id`, r.q.Org, some) })
	}
	if some := part(l.joined, i); len(some) > 0 {
		rowsOf(r, &t, memberWithAccount, joinAccount, `user_id`, some)
	}
	if org != "" && i == 0 && r.q.Owner {
		t.union()
		t.add(viewOwner+r.dialect.joinByUser+viewOwnerEnd, org, org)
	}
	if some := part(l.keys, i); len(some) > 0 {
		rowsOf(r, &t, memberAlone, ``, `address_key`, some)
		r.inviters(&t, func() { among(r.session, &t, `x.`, `address_key`, r.q.Org, some) })
	}
	if some := part(l.subjects, i); len(some) > 0 {
		rowsOf(r, &t, memberAlone, ``, `subject`, some)
	}
	if some := part(l.users, i); len(some) > 0 {
		t.union()
		t.add(viewUsers + `u.id IN `)
		list(&t, some)
	}
	if some := part(l.userKeys, i); len(some) > 0 {
		t.union()
		t.add(viewUsers + `u.address_key IN `)
		list(&t, some)
	}
	if some := part(l.counters, i); len(some) > 0 {
		t.union()
		t.add(viewCounters)
		list(&t, some)
	}
	return &t
}

// rowsOf adds the rows of the organization that have one of these values in a column.
func rowsOf[T ~string](r *viewReader, t *text, row, join, column string, values []T) {
	t.union()
	t.add(row + ` FROM orgusers_members AS m` + join + ` WHERE `)
	among(r.session, t, `m.`, column, r.q.Org, values)
}

// inviters adds the rows of those who invited the rows named, if they are asked for.
func (r *viewReader) inviters(t *text, named func()) {
	if !r.q.Inviters {
		return
	}
	t.union()
	t.add(viewInviters)
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
	if r.q.Org != "" {
		q.stacks, q.allStacks, q.roles = distinct(r.q.Stacks), r.q.AllStack, r.q.Roles
	}
	if r.q.Owned || len(r.q.PerUser) > 0 || !r.q.Live.IsZero() {
		people := r.people(r.q.Members, nil)
		q.perUser(r.q.PerUser, people)
		if r.q.Org != "" && r.q.Owned {
			q.owners = distinct(people, r.q.Joined)
			if r.q.Owner {
				q.owners = distinct(q.owners, []orgusers.UserID{r.v.Org.OwnerID})
			}
		}
	}
	if !r.q.Live.IsZero() {
		q.at, q.people = micros(r.q.Live), r.people(r.q.Members, r.q.Joined)
	}
	return r.readCatalog(ctx, r.q.Org, q, r.v)
}

// people are the users on the rows with one of these ids, or of one of these users.
func (r *viewReader) people(members []orgusers.MemberID, joined []orgusers.UserID) []orgusers.UserID {
	row, user := make(map[orgusers.MemberID]bool, len(members)), make(map[orgusers.UserID]bool, len(joined))
	for _, id := range members {
		row[id] = true
	}
	for _, id := range joined {
		user[id] = true
	}
	var users []orgusers.UserID
	for i := range r.v.Members {
		if m := &r.v.Members[i]; m.User != "" && (row[m.ID] || user[m.User]) {
			users = append(users, m.User)
		}
	}
	return users
}
