package main

import (
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"io"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

const rawPageColumns = `id, user_id, address, address_key, role, status, without_sso, invited_by, invited_by_email, invited_at, message, link, expires_at, sent_at,
 sends, joined_at, first_name, last_name, mfa, last_login`

// page reads one page behind a position, with the actor's check. Like the library it reads one row
// more, to know whether there is another page.
func (r *raw) page(ctx context.Context, o *org, p place) error {
	if _, err := r.begin(ctx, o); err != nil {
		return err
	}
	q, args := `SELECT `+rawPageColumns+` FROM orgusers_members WHERE org_id = ?`, []any{string(o.id)}
	switch p.sort {
	case orgusers.SortEmail:
		if p.rows > 0 {
			q, args = q+` AND address_key > ?`, append(args, o.email(p.rows-2)) // the owner comes first
		}
		q += ` ORDER BY address_key LIMIT 51`
	default:
		if p.rows > 0 {
			at := o.login(p.rows - 2).UnixMicro()
			if r.rows {
				q, args = q+` AND (last_login, id) > (?, ?)`, append(args, at, "g")
			} else {
				q, args = q+` AND last_login >= ? AND (last_login > ? OR id > ?)`, append(args, at, at, "g")
			}
		}
		q += ` ORDER BY last_login, id LIMIT 51`
	}
	rows, err := r.query(ctx, nil, q, args...)
	if err != nil {
		return err
	}
	page, err := drain(rows)
	if err == nil && len(page) < min(50, o.n+1) {
		err = fmt.Errorf("raw: a page of %d", len(page))
	}
	return err
}

// row takes a row of rawPageColumns.
type row struct {
	id, user, address, key, role, status, invitedBy, invitedByEmail, message, link, first, last string
	withoutSSO, invitedAt, expires, sentAt, sends, joinedAt, mfa, lastLogin                     int64
}

func drain(rows *sql.Rows) ([]row, error) {
	defer rows.Close()
	var out []row
	var v row
	for rows.Next() {
		if err := rows.Scan(&v.id, &v.user, &v.address, &v.key, &v.role, &v.status, &v.withoutSSO, &v.invitedBy, &v.invitedByEmail, &v.invitedAt, &v.message,
			&v.link, &v.expires, &v.sentAt, &v.sends, &v.joinedAt, &v.first, &v.last, &v.mfa, &v.lastLogin); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// access is the check of one request: the row, the roles on stacks and the stacks owned.
func (r *raw) access(ctx context.Context, o *org, i int) error {
	user := string(o.user(i))
	rows, err := r.query(ctx, nil, `SELECT o.disabled, o.owner_id, o.settings, m.id, m.role, m.status, u.sessions_valid_from, u.mfa_enrolled_at, COALESCE(g.stack_id, ''),
 COALESCE(g.role_id, ''), COALESCE(x.permissions, '') FROM orgusers_members AS m JOIN orgusers_organizations AS o ON o.id = m.org_id JOIN orgusers_users AS u ON u.id = m.user_id
 LEFT JOIN orgusers_grants AS g ON g.org_id = m.org_id AND g.member_id = m.id LEFT JOIN orgusers_stack_roles AS x ON x.org_id = g.org_id AND x.id = g.role_id
 WHERE m.user_id = ? AND m.org_id = ?
 UNION ALL SELECT 0, '', '', '', '', '', 0, 0, s.id, 'owner', '' FROM orgusers_stacks AS s WHERE s.org_id = ? AND s.owner_id = ?`, user, string(o.id), string(o.id), user)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var disabled, from, mfa int64
		var owner, settings, id, role, status, stack, grant, perms string
		if err := rows.Scan(&disabled, &owner, &settings, &id, &role, &status, &from, &mfa, &stack, &grant, &perms); err != nil {
			return err
		}
		if disabled != 0 || status != "active" || from > time.Now().UnixMicro() {
			return fmt.Errorf("raw: denied")
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("raw: no access")
	}
	return rows.Err()
}

// export writes an entry beside the audit chain and streams one query into encoding/csv.
func (r *raw) export(ctx context.Context, o *org, w io.Writer) error {
	h, err := r.begin(ctx, o)
	if err != nil {
		return err
	}
	if err := r.beside(ctx, o, h, audit{action: "members.export"}); err != nil {
		return err
	}
	rows, err := r.query(ctx, nil, `SELECT address, first_name, last_name, role, status, mfa, invited_by_email, invited_at, last_login FROM orgusers_members
 WHERE org_id = ? ORDER BY address_key`, string(o.id))
	if err != nil {
		return err
	}
	defer rows.Close()
	out := csv.NewWriter(w)
	var address, first, last, role, status, by string
	var mfa, invited, login int64
	for rows.Next() {
		if err := rows.Scan(&address, &first, &last, &role, &status, &mfa, &by, &invited, &login); err != nil {
			return err
		}
		enrolled := "Disabled"
		if mfa != 0 {
			enrolled = "Enabled"
		}
		if err := out.Write([]string{
			address, first, last, role, status, enrolled, by,
			time.UnixMicro(invited).UTC().Format(time.RFC3339), time.UnixMicro(login).UTC().Format(time.RFC3339),
		}); err != nil {
			return err
		}
	}
	out.Flush()
	if err := rows.Err(); err != nil {
		return err
	}
	return out.Error()
}
