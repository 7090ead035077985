package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/orgusers/go-orgusers/orgusers"
)

// readAccess answers a permission check in one statement: the person's row, once for each grant and
// once without any, and then the stacks the person owns.
const readAccess = `SELECT 0, o.disabled, o.owner_id, o.settings, u.sessions_valid_from, u.mfa_enrolled_at, ` + memberColumns + `,
 COALESCE(g.stack_id, ''), COALESCE(g.role_id, ''), COALESCE(r.id, ''), COALESCE(r.name, ''), COALESCE(r.permissions, '')
 FROM orgusers_members AS m
 JOIN orgusers_organizations AS o ON o.id = m.org_id
 JOIN orgusers_users AS u ON u.id = m.user_id
 LEFT JOIN orgusers_grants AS g ON g.org_id = m.org_id AND g.member_id = m.id
 LEFT JOIN orgusers_stack_roles AS r ON r.org_id = g.org_id AND r.id = g.role_id
 WHERE m.user_id = ? AND m.org_id = ?
 UNION ALL SELECT 1, 0, '', '', 0, 0, '', '', '', '', '', '', 0, '', '', 0, '', '', 0, 0, 0, 0, '', '', 0, 0, '', s.id, '', '', '', ''
 FROM orgusers_stacks AS s WHERE s.org_id = ? AND s.owner_id = ?`

// Access implements [orgusers.Store].
func (s *Store) Access(ctx context.Context, user orgusers.UserID, org orgusers.OrgID) (orgusers.AccessView, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return orgusers.AccessView{}, err
	}
	var t text
	t.add(readAccess, string(user), string(org), string(org), string(user))

	var v orgusers.AccessView
	var m memberRow
	var kind, disabled, validFrom, enrolledAt int64
	var owner, settings, stack, role, roleID, roleName, permissions string
	dest := append([]any{&kind, &disabled, &owner, &settings, &validFrom, &enrolledAt}, m.dest()...)
	dest = append(dest, &stack, &role, &roleID, &roleName, &permissions)
	found := false
	err = w.query(ctx, &t, func(rows *sql.Rows) error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if kind == 1 {
			v.Owned = append(v.Owned, orgusers.StackID(stack))
			return nil
		}
		if !found {
			found = true
			v.OrgDisabled, v.OwnerID = disabled != 0, orgusers.UserID(owner)
			v.SessionsValidFrom, v.MFA = fromMicros(validFrom), enrolledAt != never
			v.Member = m.value(org)
			var err error
			if v.Settings, err = decodeSettings(settings); err != nil {
				return err
			}
		}
		if stack == "" {
			return nil
		}
		v.Member.Grants = append(v.Member.Grants, orgusers.Grant{Stack: orgusers.StackID(stack), Role: orgusers.RoleID(role)})
		if id := orgusers.RoleID(roleID); id != "" && !slices.ContainsFunc(v.Roles, func(r orgusers.StackRole) bool { return r.ID == id }) {
			v.Roles = append(v.Roles, orgusers.StackRole{ID: id, Org: org, Name: roleName, Permissions: decodePermissions(permissions)})
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
