package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/orgusers/go-orgusers/orgusers"
)

const insertGrants = `INSERT INTO orgusers_grants (org_id, member_id, stack_id, role_id)`

func (w *session) insertGrants(ctx context.Context, org orgusers.OrgID, grants []orgusers.MemberGrant) error {
	for i := range parts(len(grants)) {
		some := part(grants, i)
		var t text
		t.add(insertGrants)
		t.rows(len(some), 4)
		for _, g := range some {
			t.args = append(t.args, string(org), string(g.Member), string(g.Stack), string(g.Role))
		}
		if err := w.must(ctx, len(some), "grants", &t); err != nil {
			return err
		}
	}
	return nil
}

// revoke takes grants away: one statement for what single members lose, one for whole stacks, one
// for each role.
func (w *session) revoke(ctx context.Context, org orgusers.OrgID, revoked []orgusers.Revoke) error {
	byMember := make(map[orgusers.MemberID][]orgusers.StackID)
	byRole := make(map[orgusers.RoleID][]orgusers.StackID)
	var members []orgusers.MemberID
	var roles []orgusers.RoleID
	var stacks []orgusers.StackID
	for _, r := range revoked {
		switch {
		case r.Stack == "":
			if byRole[r.Role] == nil {
				roles = append(roles, r.Role)
			}
			byRole[r.Role] = append(byRole[r.Role], r.On...)
		case r.Member == "":
			stacks = append(stacks, r.Stack)
		default:
			if byMember[r.Member] == nil {
				members = append(members, r.Member)
			}
			byMember[r.Member] = append(byMember[r.Member], r.Stack)
		}
	}
	for i := range parts(len(members)) {
		if err := w.revokeMembers(ctx, org, part(members, i), byMember); err != nil {
			return err
		}
	}
	if err := w.revokeStacks(ctx, org, "", stacks); err != nil {
		return err
	}
	for _, r := range roles {
		if err := w.revokeStacks(ctx, org, r, byRole[r]); err != nil {
			return err
		}
	}
	return nil
}

// revokeMembers takes stacks away from single members. Members who lose the same stacks share a
// term; the ids stand in front once more, so that every planner goes by the primary key.
func (w *session) revokeMembers(ctx context.Context, org orgusers.OrgID, members []orgusers.MemberID, stacks map[orgusers.MemberID][]orgusers.StackID) error {
	bySet := make(map[string][]orgusers.MemberID)
	var sets []string
	for _, m := range members {
		slices.Sort(stacks[m])
		var key strings.Builder
		for _, s := range stacks[m] {
			key.WriteString(string(s))
			key.WriteByte(0)
		}
		if bySet[key.String()] == nil {
			sets = append(sets, key.String())
		}
		bySet[key.String()] = append(bySet[key.String()], m)
	}
	// One statement unless the stacks are very many.
	var t text
	begin := func() {
		t = text{}
		t.add(`DELETE FROM orgusers_grants WHERE `)
		among(w, &t, ``, `member_id`, org, members)
		t.add(` AND `)
	}
	end := func() error {
		t.endEither()
		_, err := w.exec(ctx, &t)
		return err
	}
	begin()
	terms := 0
	for _, key := range sets {
		who := bySet[key]
		lost := distinct(stacks[who[0]])
		if terms > 0 && len(t.args)+len(who)+len(lost) > most {
			if err := end(); err != nil {
				return err
			}
			begin()
			terms = 0
		}
		t.either(terms)
		terms++
		t.add(`(`)
		if len(sets) > 1 {
			t.add(`member_id IN `)
			list(&t, who)
			t.add(` AND `)
		}
		t.add(`stack_id IN `)
		list(&t, lost)
		t.add(`)`)
	}
	return end()
}

// revokeStacks takes a role, or all of them, away from everybody on these stacks.
func (w *session) revokeStacks(ctx context.Context, org orgusers.OrgID, role orgusers.RoleID, stacks []orgusers.StackID) error {
	for i := range parts(len(stacks)) {
		var t text
		t.add(`DELETE FROM orgusers_grants WHERE org_id = ?`, string(org))
		if role != "" {
			t.add(` AND role_id = ?`, string(role))
		}
		t.add(` AND stack_id IN `)
		list(&t, part(stacks, i))
		if _, err := w.exec(ctx, &t); err != nil {
			return err
		}
	}
	return nil
}

// fillGrants reads the grants of members and puts them into their rows, sorted.
func (w *session) fillGrants(ctx context.Context, org orgusers.OrgID, members []orgusers.Member) error {
	index := make(map[string]int, len(members))
	for i := range members {
		index[string(members[i].ID)] = i
	}
	for i := range parts(len(members)) {
		some := part(members, i)
		ids := make([]orgusers.MemberID, len(some))
		for i := range some {
			ids[i] = some[i].ID
		}
		var t text
		t.add(`SELECT g.member_id, g.stack_id, g.role_id FROM orgusers_grants AS g WHERE `)
		among(w, &t, `g.`, `member_id`, org, ids)
		var member, stack, role string
		dest := []any{&member, &stack, &role}
		err := w.query(ctx, &t, func(rows *sql.Rows) error {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			m := &members[index[member]]
			m.Grants = append(m.Grants, orgusers.Grant{Stack: orgusers.StackID(stack), Role: orgusers.RoleID(role)})
			return nil
		})
		if err != nil {
			return err
		}
	}
	for i := range members {
		members[i].Grants = orgusers.SortGrants(members[i].Grants)
	}
	return nil
}
