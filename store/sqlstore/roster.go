package sqlstore

import (
	"context"
	"database/sql"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	pageMembers = `SELECT ` + memberColumns + ` FROM orgusers_members AS m WHERE m.org_id = ?`
	pageSheet   = `SELECT ` + sheetColumns + ` FROM orgusers_members AS m WHERE m.org_id = ?`
)

// Members implements [orgusers.Store]: one statement, and one more if Grants are asked for.
//
// A page is read along the index that has the rows in the asked order, from the position on, so it
// costs the same anywhere in a roster of any size. A filter is tested on the way. So that no planner
// leaves that index for one that fits a filter better and then sorts the whole roster, a filter on
// another index's column is hidden in a COALESCE. One is not: the administrators are few and have an
// index that finds them.
func (s *Store) Members(ctx context.Context, q orgusers.MemberQuery) ([]orgusers.Member, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	var t text
	var m memberRow
	dest := m.dest()
	if q.Sheet && !q.Grants {
		t.add(pageSheet, string(q.Org))
		dest = m.sheetDest()
	} else {
		t.add(pageMembers, string(q.Org))
	}
	s.after(&t, &q)
	s.filter(&t, &q)
	order(&t, &q)

	var out []orgusers.Member
	each := q.Each != nil && !q.Grants // which are read when the rows are there
	if !each {
		out = make([]orgusers.Member, 0, max(0, min(q.Limit, 8*chunk)))
	}
	var r orgusers.Member
	err = w.query(ctx, &t, func(rows *sql.Rows) error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if r = m.value(q.Org); each {
			q.Each(&r)
			return nil
		}
		out = append(out, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if q.Grants {
		if err := w.fillGrants(ctx, q.Org, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sortColumns are the columns of an order, the second one empty if the first is unique.
func sortColumns(sort orgusers.MemberSort) (a, b string) {
	switch sort {
	case orgusers.SortName:
		return "m.name_key", "m.id"
	case orgusers.SortInvitedAt:
		return "m.invited_at", "m.id"
	case orgusers.SortLastLogin:
		return "m.last_login", "m.id"
	case orgusers.SortRole:
		return "m.role", "m.address_key"
	}
	return "m.address_key", ""
}

// after begins the page behind a position.
func (s *Store) after(t *text, q *orgusers.MemberQuery) {
	if q.After == nil {
		return
	}
	a, b := sortColumns(q.Sort)
	if b == "" {
		op := " > ?"
		if q.Descending {
			op = " < ?"
		}
		t.add(" AND "+a+op, string(q.After.Email))
		return
	}
	var position []any
	switch q.Sort {
	case orgusers.SortName:
		position = s.dialect.keysetArgs(q.After.Name, string(q.After.ID))
	case orgusers.SortRole:
		position = s.dialect.keysetArgs(string(q.After.Role), string(q.After.Email))
	default:
		position = s.dialect.keysetArgs(micros(q.After.Time), string(q.After.ID))
	}
	t.add(" AND "+s.dialect.keyset(a, b, q.Descending), position...)
}

func order(t *text, q *orgusers.MemberQuery) {
	a, b := sortColumns(q.Sort)
	direction := ""
	if q.Descending {
		direction = " DESC"
	}
	t.add(" ORDER BY " + a + direction)
	if b != "" {
		t.add(", " + b + direction)
	}
	t.add(" LIMIT ?", limit(q.Limit))
}

// filter adds the conditions of [orgusers.MemberFilter]; each begins with AND, so that none can
// widen what the organization's id admits (S-166).
func (s *Store) filter(t *text, q *orgusers.MemberQuery) {
	if q.Search != "" {
		t.add(" AND "+s.dialect.search+" LIKE ? ESCAPE '!'", escaped(q.Search))
	}
	if q.Status != "" {
		t.add(" AND m.status = ?", string(q.Status))
	}
	if q.Role != "" {
		byRole := q.Sort == orgusers.SortRole || q.Sort == orgusers.SortEmail || q.Sort == "" // the role's index has this order
		if byRole || q.Role == orgusers.RoleAdmin {
			t.add(" AND m.role = ?", string(q.Role))
		} else {
			t.add(" AND COALESCE(m.role, '') = ?", string(q.Role))
		}
	}
	if q.Stack != "" {
		t.add(` AND EXISTS (SELECT 1 FROM orgusers_grants AS g
 WHERE g.org_id = m.org_id AND g.member_id = m.id AND g.stack_id = ?)`, string(q.Stack))
	}
	lastLogin := "COALESCE(m.last_login, 0)"
	if q.Sort == orgusers.SortLastLogin {
		lastLogin = "m.last_login"
	}
	if q.NeverLoggedIn {
		t.add(" AND m.status <> ? AND "+lastLogin+" = ?", string(orgusers.StatusPending), int64(never))
	}
	if !q.InactiveSince.IsZero() {
		t.add(" AND m.status <> ? AND "+lastLogin+" < ?", string(orgusers.StatusPending), micros(q.InactiveSince))
	}
	if q.WithoutMFA {
		t.add(" AND m.status <> ? AND m.mfa = 0", string(orgusers.StatusPending))
	}
}
