package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/orgusers/go-orgusers/orgusers"
)

// All rows of a view are read in one statement, told apart by their first column, so that they are of one
// moment. The organization comes first: what a database that keeps no moment reads after it may be
// newer but never older, and a commit under its version cannot miss anything. It lies in columns of its
// kinds: texts in those of a member's texts, numbers in numbers.
var (
	viewOrganization = `SELECT 0, ` + instead(memberColumns, new(memberRow).dest(), inMember) + `, ` + noUser + `
 FROM orgusers_organizations AS o WHERE o.id = ?`

	viewOrganizationRequest = `SELECT 0, ` + instead(memberColumns, new(memberRow).dest(), inMember, map[string]string{
		"m.invited_by_email": "COALESCE(r.id, '')", "m.message": "COALESCE(r.digest, '')", "m.link": "COALESCE(r.report, '')",
	}) + `, ` + instead(userColumns, new(userRow).dest(), map[string]string{"u.verified": "COALESCE(r.made_at, 0)"}) + `
 FROM orgusers_organizations AS o LEFT JOIN orgusers_requests AS r ON r.org_id = o.id AND r.id = ? WHERE o.id = ?`

	noMember = instead(memberColumns, new(memberRow).dest())
	noUser   = instead(userColumns, new(userRow).dest())

	// inMember is where the organization lies. [viewReader.organization] takes it out.
	inMember = map[string]string{
		"m.id": "o.id", "m.user_id": "o.owner_id", "m.address": "o.name", "m.address_key": "o.settings", "m.role": "o.plan", "m.status": "o.transfer",
		"m.invited_by": "o.audit_head", "m.without_sso": "o.disabled", "m.invited_at": "o.tally_members", "m.expires_at": "o.tally_pending",
		"m.sent_at": "o.tally_admins", "m.sends": "o.tally_stacks", "m.joined_at": "o.audit_seq", "m.mfa": "o.created_at", "m.last_login": "o.version",
	}
)

// instead has other values for the columns, or else nothing of their kind.
func instead(columns string, dest []any, values ...map[string]string) string {
	var out []string
	for i, column := range strings.Split(columns, ",") {
		value := "0"
		if _, text := dest[i].(*string); text {
			value = "''"
		}
		for _, v := range values {
			if v := v[strings.TrimSpace(column)]; v != "" {
				value = v
			}
		}
		out = append(out, value)
	}
	return strings.Join(out, ", ")
}

const viewRequest = `SELECT r.id, r.digest, r.report, r.made_at FROM orgusers_requests AS r WHERE r.org_id = '' AND r.id = ?`

var (
	viewMembers = `SELECT 1, ` + memberColumns + `, ` + userColumnsIfAny + ` FROM orgusers_members AS m
 LEFT JOIN orgusers_users AS u ON u.address_key = m.address_key WHERE m.org_id = ?`

	// The same without accounts.
	viewMembersOnly = `SELECT 1, ` + memberColumns + `, ` + noUser + ` FROM orgusers_members AS m WHERE m.org_id = ?`

	// The owner's row, found by the organization's; one without an owner would find every pending row.
	viewOwner = `SELECT 1, ` + memberColumns + `, ` + userColumnsIfAny + ` FROM (
 SELECT x.owner_id FROM orgusers_organizations AS x WHERE x.id = ? AND x.owner_id <> '') AS w `
	viewOwnerEnd = ` ON m.user_id = w.owner_id AND m.org_id = ? LEFT JOIN orgusers_users AS u ON u.address_key = m.address_key`

	// The rows of those who invited some rows, each once, without accounts.
	viewInviters = `SELECT 1, ` + memberColumns + `, ` + noUser + ` FROM (
 SELECT DISTINCT x.invited_by FROM orgusers_members AS x WHERE x.org_id = ? AND x.invited_by <> '' AND `
	viewInvitersJoin = `) AS i `
	viewInvitersEnd  = ` ON m.user_id = i.invited_by AND m.org_id = ?`

	viewUsers = `SELECT 2, ` + noMember + `, ` + userColumns + ` FROM orgusers_users AS u WHERE `
)

// View implements [orgusers.Store]. It costs one statement per 1,024 ids for the organization with the
// request, the members and the accounts; one for the members' grants; one for stacks, roles,
// counters and numbers of sessions; and one for a person with the counters.
func (s *Store) View(ctx context.Context, q orgusers.ViewQuery) (orgusers.View, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return orgusers.View{}, err
	}
	var v orgusers.View
	r := viewReader{session: w, q: &q, v: &v, counters: distinct(q.Counters)}
	for _, read := range []func(context.Context) error{r.request, r.rows, r.grants, r.person, r.catalog} {
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

// request reads the answer to a request that concerns no organization.
func (r *viewReader) request(ctx context.Context) error {
	if r.q.Org != "" || r.q.Request == "" {
		return nil
	}
	var t text
	var req requestRow
	t.add(viewRequest, r.q.Request)
	return r.query(ctx, &t, func(rows *sql.Rows) error {
		if err := rows.Scan(req.dest()...); err != nil {
			return err
		}
		v := req.value("")
		r.v.Request = &v
		return nil
	})
}

// rows reads the organization, members and accounts.
func (r *viewReader) rows(ctx context.Context) error {
	l := viewLists{users: distinct(r.q.Users), userKeys: distinct(r.q.UserKeys)}
	if r.q.Org != "" {
		l.members, l.joined, l.keys, l.subjects = distinct(r.q.Members), distinct(r.q.Joined), distinct(r.q.Keys), distinct(r.q.Subjects)
	}
	n := parts(len(l.members), len(l.joined), len(l.keys), len(l.subjects), len(l.users), len(l.userKeys))
	if r.q.Org != "" {
		n = max(n, 1)
	}
	seen := make(map[orgusers.MemberID]bool)
	for i := range n {
		var kind int64
		var m memberRow
		var u userRow
		dest := append(append([]any{&kind}, m.dest()...), u.dest()...)
		err := r.query(ctx, r.part(&l, i), func(rows *sql.Rows) error {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			if kind == 0 {
				return r.organization(&m, &u)
			}
			if id := m.m.ID; id != "" && !seen[id] {
				seen[id] = true
				r.v.Members = append(r.v.Members, m.value(r.q.Org))
			}
			r.addUser(&u)
			return nil
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
}

// part is the statement for the i-th part of the lists; the organization and its owner come with the
// first.
func (r *viewReader) part(l *viewLists, i int) *text {
	var t text
	org := string(r.q.Org)
	switch {
	case org == "" || i > 0:
	case r.q.Request == "":
		t.add(viewOrganization, org)
	default:
		t.add(viewOrganizationRequest, r.q.Request, org)
	}
	if some := part(l.members, i); len(some) > 0 {
		t.union()
		t.add(viewMembers+` AND m.id IN `, org)
		list(&t, some)
		r.inviters(&t, `x.id IN `, func() { list(&t, some) })
	}
	if some := part(l.joined, i); len(some) > 0 {
		t.union()
		t.add(viewMembers+` AND m.user_id IN `, org)
		list(&t, some)
	}
	if org != "" && i == 0 && r.q.Owner {
		t.union()
		t.add(viewOwner+r.dialect.joinByUser+viewOwnerEnd, org, org)
	}
	if some := part(l.keys, i); len(some) > 0 {
		t.union()
		t.add(viewMembersOnly+` AND m.address_key IN `, org)
		list(&t, some)
		r.inviters(&t, `x.address_key IN `, func() { list(&t, some) })
	}
	if some := part(l.subjects, i); len(some) > 0 {
		t.union()
		t.add(viewMembersOnly+` AND m.subject IN `, org)
		list(&t, some)
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
	return &t
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

// organization takes the row of the organization out of the columns that it shares.
func (r *viewReader) organization(m *memberRow, u *userRow) error {
	o := organizationRow{
		o: orgusers.Organization{
			ID: orgusers.OrgID(m.m.ID), OwnerID: m.m.User, Name: m.m.Address.Email,
			Tally:    orgusers.Tally{Members: m.invitedAt, Pending: m.expiresAt, Admins: m.sentAt, Stacks: m.sends},
			AuditSeq: m.joinedAt, AuditHead: string(m.m.InvitedBy), Version: m.lastLogin,
		},
		disabled: m.withoutSSO, createdAt: m.mfa,
		settings: string(m.m.Address.Key), plan: string(m.m.Role), transfer: string(m.m.Status),
	}
	if m.m.InvitedByEmail != "" {
		req := requestRow{id: m.m.InvitedByEmail, digest: m.m.Message, report: string(m.m.Link), madeAt: u.verified}
		v := req.value(r.q.Org)
		r.v.Request = &v
	}
	var err error
	r.v.Org, err = o.value()
	return err
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
