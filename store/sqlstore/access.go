package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	// accessColumns are no more than [orgusers.AccessView] needs, because every request of a host asks for them.
	accessColumns = `o.owner_id, o.settings, m.id, m.role, m.status, o.disabled, m.without_sso, m.valid_from, u.sessions_valid_from, u.mfa_enrolled_at`
	grantColumns  = `g.stack_id, g.role_id, r.id, r.name, r.permissions`
)

// accessLayout fits what a person may do here.
var accessLayout = layout{texts: 10, numbers: 5}

// readAccess answers a permission check in one statement: the person's row, once for each grant and
// once without any, and then the stacks the person owns.
var readAccess = accessLayout.lay(kindAccess, append(split(accessColumns), ifAny(split(grantColumns), new(grantRow).dest())...),
	append(new(accessRow).dest(), new(grantRow).dest()...)) + `
 FROM orgusers_members AS m
 JOIN orgusers_organizations AS o ON o.id = m.org_id
 JOIN orgusers_users AS u ON u.id = m.user_id
 LEFT JOIN orgusers_grants AS g ON g.org_id = m.org_id AND g.member_id = m.id
 LEFT JOIN orgusers_stack_roles AS r ON r.org_id = g.org_id AND r.id = g.role_id
 WHERE m.user_id = ? AND m.org_id = ?
 UNION ALL ` + accessLayout.lay(kindOwned, []string{`s.id`}, []any{new(string)}) + `
 FROM orgusers_stacks AS s WHERE s.org_id = ? AND s.owner_id = ?`

// accessRow takes a row of accessColumns, grantRow one of grantColumns.
type (
	accessRow struct {
		owner, settings, id, role, status                       string
		disabled, withoutSSO, memberFrom, validFrom, enrolledAt int64
	}
	grantRow struct{ stack, role, roleID, roleName, permissions string }
)

func (r *accessRow) dest() []any {
	return []any{&r.owner, &r.settings, &r.id, &r.role, &r.status, &r.disabled, &r.withoutSSO, &r.memberFrom, &r.validFrom, &r.enrolledAt}
}

func (r *grantRow) dest() []any {
	return []any{&r.stack, &r.role, &r.roleID, &r.roleName, &r.permissions}
}

// Access implements [orgusers.Store].
func (s *Store) Access(ctx context.Context, user orgusers.UserID, org orgusers.OrgID) (orgusers.AccessView, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return orgusers.AccessView{}, err
	}
	var t text
	t.add(readAccess, string(user), string(org), string(org), string(user))

	var v orgusers.AccessView
	var a accessRow
	var g grantRow
	row := accessLayout.row()
	dest, access := row.dest(), append(a.dest(), g.dest()...)
	found := false
	err = w.query(ctx, &t, func(rows *sql.Rows) (err error) {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if row.kind == kindOwned {
			v.Owned = append(v.Owned, orgusers.StackID(row.texts[0]))
			return nil
		}
		row.fill(access)
		if !found {
			found = true
			v.OrgDisabled, v.OwnerID = a.disabled != 0, orgusers.UserID(a.owner)
			v.SessionsValidFrom, v.MFA = fromMicros(a.validFrom), a.enrolledAt != never
			v.Member = orgusers.Member{
				Org: org, ID: orgusers.MemberID(a.id), User: user, Role: orgusers.Role(a.role), Status: orgusers.Status(a.status), WithoutSSO: a.withoutSSO != 0, ValidFrom: fromMicros(a.memberFrom),
			}
			if v.Settings, err = decodeSettings(a.settings); err != nil {
				return err
			}
		}
		if g.stack == "" {
			return nil
		}
		v.Member.Grants = append(v.Member.Grants, orgusers.Grant{Stack: orgusers.StackID(g.stack), Role: orgusers.RoleID(g.role)})
		if id := orgusers.RoleID(g.roleID); id != "" && !slices.ContainsFunc(v.Roles, func(r orgusers.StackRole) bool { return r.ID == id }) {
			v.Roles = append(v.Roles, orgusers.StackRole{ID: id, Org: org, Name: g.roleName, Permissions: decodePermissions(g.permissions)})
		}
		return nil
	})
	if err != nil {
		return orgusers.AccessView{}, err
	}
	if !found {
		return orgusers.AccessView{}, fmt.Errorf("sqlstore: member: %w", orgusers.ErrNotFound)
	}
	v.Member.Grants = orgusers.SortGrants(v.Member.Grants)
	slices.Sort(v.Owned)
	slices.SortFunc(v.Roles, compareRoles)
	return v, nil
}
