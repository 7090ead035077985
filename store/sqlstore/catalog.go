package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/orgusers/go-orgusers/orgusers"
)

// What a view wants of these has the same columns, so that one statement reads it all; the first
// column tells which it is.
const (
	selectStacks   = `SELECT 0, s.id, s.name, s.owner_id, s.created_at, '' FROM orgusers_stacks AS s WHERE s.org_id = ?`
	selectRoles    = `SELECT 1, r.id, r.name, r.description, 0, r.permissions FROM orgusers_stack_roles AS r WHERE r.org_id = ?`
	selectCounters = `SELECT 2, c.name, '', '', c.total, '' FROM orgusers_counters AS c WHERE c.name IN `

	// The sessions that [orgusers.Session.Live] holds for live, at a time that is asked for twice.
	selectLive = `SELECT 3, u.id, '', '', (SELECT COUNT(*) FROM orgusers_sessions AS n WHERE n.user_id = u.id AND n.step = 'done'
 AND n.created_at > u.sessions_valid_from AND n.expires_at > ? AND n.seen_at + n.idle > ?), '' FROM orgusers_users AS u WHERE u.id IN `
)

// catalogQuery says which stacks, roles, counters and numbers of sessions a view wants.
type catalogQuery struct {
	stacks    []orgusers.StackID
	owners    []orgusers.UserID // the stacks of these
	allStacks bool
	roles     bool
	counters  []string
	at        int64             // when sessions are to be live
	people    []orgusers.UserID // of these
}

// perUser adds the counters of people: each prefix with each of their ids.
func (q *catalogQuery) perUser(prefixes []string, people []orgusers.UserID) {
	for _, prefix := range prefixes {
		for _, id := range people {
			q.counters = append(q.counters, prefix+string(id))
		}
	}
	q.counters = distinct(q.counters)
}

// readCatalog reads stacks, roles, counters and numbers of sessions, in one statement unless the lists are long.
func (w *session) readCatalog(ctx context.Context, org orgusers.OrgID, q catalogQuery, v *orgusers.View) error {
	if q.allStacks {
		q.stacks, q.owners = nil, nil
	}
	n := parts(len(q.stacks), len(q.owners), len(q.counters), len(q.people))
	if q.allStacks || q.roles {
		n = max(n, 1)
	}
	if len(q.counters) > 0 && v.Counters == nil {
		v.Counters = make(map[string]int64, len(q.counters))
	}
	if len(q.people) > 0 {
		v.Live = make(map[orgusers.UserID]int)
	}
	seen := make(map[orgusers.StackID]bool)
	for i := range n {
		var kind, number int64
		var id, name, owner, permissions string // what a role has for an owner is its description
		dest := []any{&kind, &id, &name, &owner, &number, &permissions}
		err := w.query(ctx, q.part(org, i), func(rows *sql.Rows) error {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			switch stack := orgusers.StackID(id); {
			case kind == 3 && number == 0:
			case kind == 3:
				v.Live[orgusers.UserID(id)] = int(number)
			case kind == 2:
				v.Counters[id] = number
			case kind == 1:
				v.Roles = append(v.Roles, orgusers.StackRole{
					ID: orgusers.RoleID(id), Org: org, Name: name, Description: owner, Permissions: decodePermissions(permissions),
				})
			case !seen[stack]:
				seen[stack] = true
				v.Stacks = append(v.Stacks, orgusers.Stack{
					ID: stack, Org: org, Name: name, Owner: orgusers.UserID(owner), CreatedAt: fromMicros(number),
				})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	// In an order of their own, so that a decision comes out the same on every database.
	slices.SortFunc(v.Stacks, func(a, b orgusers.Stack) int { return strings.Compare(string(a.ID), string(b.ID)) })
	slices.SortFunc(v.Roles, compareRoles)
	return nil
}

// part is the statement for the i-th part of the lists; what is read whole comes with the first.
func (q *catalogQuery) part(org orgusers.OrgID, i int) *text {
	var t text
	if q.allStacks && i == 0 {
		t.add(selectStacks, string(org))
	}
	if stacks := part(q.stacks, i); len(stacks) > 0 {
		t.union()
		t.add(selectStacks+` AND s.id IN `, string(org))
		list(&t, stacks)
	}
	if owners := part(q.owners, i); len(owners) > 0 {
		t.union()
		t.add(selectStacks+` AND s.owner_id IN `, string(org))
		list(&t, owners)
	}
	if q.roles && i == 0 {
		t.union()
		t.add(selectRoles, string(org))
	}
	if counters := part(q.counters, i); len(counters) > 0 {
		t.union()
		t.add(selectCounters)
		list(&t, counters)
	}
	if people := part(q.people, i); len(people) > 0 {
		t.union()
		t.add(selectLive, q.at, q.at)
		list(&t, people)
	}
	return &t
}

func compareRoles(a, b orgusers.StackRole) int { return strings.Compare(string(a.ID), string(b.ID)) }
