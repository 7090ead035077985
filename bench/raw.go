package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/orgusers/go-orgusers/orgusers"
)

// raw is what a careful engineer would write by hand for one operation at a time: a transaction, a
// guard on the organization's version, the check of the actor's role, the write, the tally, the audit
// chain and the outbox, in as few statements as the database allows. It writes the same rows as the
// library, in the same tables.
type raw struct {
	db     *sql.DB
	dollar bool // $1 instead of ?
	org    string
	actor  string
	domain string
}

func (r *raw) bind(q string) string {
	if !r.dollar {
		return q
	}
	var b strings.Builder
	n := 0
	for i := range len(q) {
		if q[i] == '?' {
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteByte(q[i])
	}
	return b.String()
}

// head is the organization as the guard needs it.
type head struct {
	version, members, pending, seq int64
	seal                           string
	actorID                        string
	now                            int64
	op                             string
}

// begin reads the organization and the actor's role in one statement.
func (r *raw) begin(ctx context.Context) (head, error) {
	h := head{now: time.Now().UnixMicro(), op: uuid.Must(uuid.NewV7()).String()}
	var role, status string
	var disabled int64
	err := r.db.QueryRowContext(ctx, r.bind(`SELECT o.version, o.tally_members, o.tally_pending, o.audit_seq, o.audit_head, o.disabled, m.id, m.role, m.status
 FROM orgusers_organizations AS o JOIN orgusers_members AS m ON m.org_id = o.id AND m.user_id = ? WHERE o.id = ?`), r.actor, r.org).
		Scan(&h.version, &h.members, &h.pending, &h.seq, &h.seal, &disabled, &h.actorID, &role, &status)
	if err == nil && (role != "admin" || status != "active" || disabled != 0) {
		err = fmt.Errorf("raw: denied")
	}
	return h, err
}

// audit is one row of the trail to write.
type audit struct{ action, member, user, email, was, became string }

// write does the operation under the guard, with its audit entries and effects.
func (r *raw) write(ctx context.Context, h head, entries []audit, effects []effect, do func(tx *sql.Tx) error) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var args []any
	for _, e := range entries {
		h.seq++
		sum := sha256.Sum256([]byte(h.seal + e.action + e.member + e.email + e.was + e.became))
		h.seal = hex.EncodeToString(sum[:])
		args = append(args, r.org, h.seq, uuid.Must(uuid.NewV7()).String(), 1, h.now, h.op, e.action, "applied", "", r.actor, "owner@"+r.domain, "owner",
			"", "", "", "", e.member, e.user, e.email, "", e.was, e.became, h.seal)
	}
	res, err := tx.ExecContext(ctx, r.bind(`UPDATE orgusers_organizations SET version = version + 1, tally_members = ?, tally_pending = ?, audit_seq = ?, audit_head = ?
 WHERE id = ? AND version = ?`), h.members, h.pending, h.seq, h.seal, r.org, h.version)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("raw: conflict (%d rows, %v)", n, err)
	}
	if err := do(tx); err != nil {
		return err
	}
	if err := r.insert(ctx, tx, `INSERT INTO orgusers_audit (org_id, seq, id, chained, made_at, operation_id, action, result, reason, actor_id, actor_email, actor_role,
 session_name, ip, agent, request_id, member_id, user_id, email, subject, was, became, seal) VALUES `, 23, args); err != nil {
		return err
	}
	if err := r.outbox(ctx, tx, h, effects); err != nil {
		return err
	}
	return tx.Commit()
}

// effect is one row of the outbox to write.
type effect struct {
	kind, member, user string
	mail               orgusers.MailData
}

func (r *raw) outbox(ctx context.Context, tx *sql.Tx, h head, effects []effect) error {
	var args []any
	for _, e := range effects {
		mail, err := json.Marshal(e.mail)
		if err != nil {
			return err
		}
		args = append(args, uuid.Must(uuid.NewV7()).String(), r.org, h.op, e.kind, e.member, e.user, string(mail), 0, h.now, h.now, 0, 0, "", "", 0)
	}
	return r.insert(ctx, tx, `INSERT INTO orgusers_outbox (id, org_id, operation_id, kind, member_id, user_id, mail, ends_before, created_at, due_at, attempts,
 lease_until, lease, last_error, dead) VALUES `, 15, args)
}

// insert writes rows of width columns, 500 at a time.
func (r *raw) insert(ctx context.Context, tx *sql.Tx, head string, width int, args []any) error {
	for len(args) > 0 {
		n := min(500*width, len(args))
		q := head + strings.TrimSuffix(strings.Repeat("("+strings.TrimSuffix(strings.Repeat("?,", width), ",")+"),", n/width), ",")
		if _, err := tx.ExecContext(ctx, r.bind(q), args[:n]...); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

func in[T ~string](ids []T) (string, []any) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = string(id)
	}
	return "(" + strings.TrimSuffix(strings.Repeat("?,", len(ids)), ",") + ")", args
}

func (r *raw) invite(ctx context.Context, emails []string) error {
	h, err := r.begin(ctx)
	if err != nil {
		return err
	}
	for i := 0; i < len(emails); i += 500 {
		list, args := in(emails[i:min(i+500, len(emails))])
		rows, err := r.db.QueryContext(ctx, r.bind(`SELECT address_key, status FROM orgusers_members WHERE org_id = ? AND address_key IN `+list), append([]any{r.org}, args...)...)
		if err != nil {
			return err
		}
		known := rows.Next()
		if err := rows.Close(); err != nil || known {
			return fmt.Errorf("raw: already invited (%v)", err)
		}
	}
	var members []any
	var entries []audit
	var effects []effect
	expires := h.now + int64(7*24*time.Hour/time.Microsecond)
	for _, email := range emails {
		id := uuid.Must(uuid.NewV7()).String()
		members = append(members, r.org, id, "", email, email, "member", "pending", 0, r.actor, "owner@"+r.domain, h.now, "", h.op, expires, h.now, 1, 0, "", "", "", 0, 0, 1)
		entries = append(entries, audit{"invitation.create", id, "", email, "", "role=member status=pending"})
		effects = append(effects, effect{"mail", id, "", orgusers.MailData{Kind: orgusers.MailInvitation, To: email, OrgName: "Bench", ActorName: "owner@" + r.domain, Role: orgusers.RoleMember, ExpiresAt: time.UnixMicro(expires).UTC()}})
	}
	h.pending += int64(len(emails))
	return r.write(ctx, h, entries, effects, func(tx *sql.Tx) error {
		return r.insert(ctx, tx, `INSERT INTO orgusers_members (org_id, id, user_id, address, address_key, role, status, without_sso, invited_by, invited_by_email, invited_at,
 message, link, expires_at, sent_at, sends, joined_at, first_name, last_name, name_key, mfa, last_login, revision) VALUES `, 23, members)
	})
}

// accept takes the id from the link, as the library does, and joins an account that exists.
func (r *raw) accept(ctx context.Context, member string) error {
	h := head{now: time.Now().UnixMicro(), op: uuid.Must(uuid.NewV7()).String()}
	var user, email, first, last, inviter string
	var uversion, orgs, expires, lastLogin int64
	err := r.db.QueryRowContext(ctx, r.bind(`SELECT o.version, o.tally_members, o.tally_pending, o.audit_seq, o.audit_head, m.address, m.expires_at, u.id, u.version, u.orgs,
 u.first_name, u.last_name, u.last_login, i.role FROM orgusers_organizations AS o JOIN orgusers_members AS m ON m.org_id = o.id AND m.id = ? AND m.status = 'pending'
 JOIN orgusers_users AS u ON u.address_key = m.address_key JOIN orgusers_members AS i ON i.org_id = o.id AND i.user_id = m.invited_by AND i.status = 'active'
 WHERE o.id = ? AND o.disabled = 0`), member, r.org).
		Scan(&h.version, &h.members, &h.pending, &h.seq, &h.seal, &email, &expires, &user, &uversion, &orgs, &first, &last, &lastLogin, &inviter)
	if err != nil || inviter != "admin" || expires < h.now {
		return fmt.Errorf("raw: void (%v)", err)
	}
	h.members, h.pending = h.members+1, h.pending-1
	return r.write(ctx, h, []audit{{"invitation.accept", member, user, email, "status=pending", "role=member status=active"}}, nil, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, r.bind(`UPDATE orgusers_users SET version = version + 1, orgs = orgs + 1 WHERE id = ? AND version = ?`), user, uversion)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("raw: conflict")
		}
		_, err = tx.ExecContext(ctx, r.bind(`UPDATE orgusers_members SET user_id = ?, status = 'active', joined_at = ?, link = '', expires_at = 0, first_name = ?, last_name = ?,
 name_key = ?, last_login = ?, revision = revision + 1 WHERE org_id = ? AND id = ?`), user, h.now, first, last, strings.ToLower(first+" "+last), lastLogin, r.org, member)
		return err
	})
}

// targets reads the people of a bulk with their accounts.
func (r *raw) targets(ctx context.Context, ids []orgusers.MemberID) ([]target, error) {
	list, args := in(ids)
	rows, err := r.db.QueryContext(ctx, r.bind(`SELECT m.id, m.user_id, m.address, m.role, m.status, u.version, u.orgs, u.mfa_enrolled_at FROM orgusers_members AS m
 JOIN orgusers_users AS u ON u.id = m.user_id WHERE m.org_id = ? AND m.id IN `+list), append([]any{r.org}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []target
	for rows.Next() {
		var t target
		if err := rows.Scan(&t.id, &t.user, &t.email, &t.role, &t.status, &t.version, &t.orgs, &t.mfa); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	if len(out) != len(ids) {
		return nil, fmt.Errorf("raw: %d of %d people found", len(out), len(ids))
	}
	return out, rows.Err()
}

type target struct {
	id, user, email, role, status string
	version, orgs, mfa            int64
}

func (r *raw) setRole(ctx context.Context, role string, ids []orgusers.MemberID) error {
	h, err := r.begin(ctx)
	if err != nil {
		return err
	}
	people, err := r.targets(ctx, ids)
	if err != nil {
		return err
	}
	var entries []audit
	for _, p := range people {
		entries = append(entries, audit{"member.set_role", p.id, p.user, p.email, "role=" + p.role, "role=" + role})
	}
	list, args := in(ids)
	return r.write(ctx, h, entries, nil, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, r.bind(`UPDATE orgusers_members SET role = ?, revision = revision + 1 WHERE org_id = ? AND id IN `+list), append([]any{role, r.org}, args...)...)
		return err
	})
}

// guardUsers changes accounts, each under its version.
func (r *raw) guardUsers(ctx context.Context, tx *sql.Tx, people []target, set string, setArgs ...any) error {
	where := make([]string, len(people))
	for i, p := range people {
		where[i] = "id = ? AND version = ?"
		setArgs = append(setArgs, p.user, p.version)
	}
	res, err := tx.ExecContext(ctx, r.bind(`UPDATE orgusers_users SET version = version + 1, `+set+` WHERE `+strings.Join(where, " OR ")), setArgs...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != int64(len(people)) {
		return fmt.Errorf("raw: conflict (%d of %d, %v)", n, len(people), err)
	}
	return nil
}

func (r *raw) remove(ctx context.Context, ids []orgusers.MemberID) error {
	h, err := r.begin(ctx)
	if err != nil {
		return err
	}
	people, err := r.targets(ctx, ids)
	if err != nil {
		return err
	}
	var owned int64
	users := make([]string, len(people))
	var entries []audit
	var effects []effect
	for i, p := range people {
		users[i] = p.user
		entries = append(entries, audit{"member.remove", p.id, p.user, p.email, "role=" + p.role + " status=" + p.status, ""})
		effects = append(effects, effect{"sessions.end", p.id, p.user, orgusers.MailData{}})
	}
	ulist, uargs := in(users)
	if err := r.db.QueryRowContext(ctx, r.bind(`SELECT COUNT(*) FROM orgusers_stacks WHERE org_id = ? AND owner_id IN `+ulist), append([]any{r.org}, uargs...)...).Scan(&owned); err != nil || owned > 0 {
		return fmt.Errorf("raw: owns stacks (%v)", err)
	}
	h.members -= int64(len(ids))
	list, args := in(ids)
	return r.write(ctx, h, entries, effects, func(tx *sql.Tx) error {
		if err := r.guardUsers(ctx, tx, people, "orgs = orgs - 1, sessions_valid_from = ?", h.now); err != nil {
			return err
		}
		for _, q := range []string{
			`DELETE FROM orgusers_grants WHERE org_id = ? AND member_id IN `,
			`DELETE FROM orgusers_members WHERE org_id = ? AND id IN `,
		} {
			if _, err := tx.ExecContext(ctx, r.bind(q+list), append([]any{r.org}, args...)...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *raw) resetMFA(ctx context.Context, ids []orgusers.MemberID) error {
	h, err := r.begin(ctx)
	if err != nil {
		return err
	}
	people, err := r.targets(ctx, ids)
	if err != nil {
		return err
	}
	expires := h.now + int64(time.Hour/time.Microsecond)
	var entries []audit
	var effects []effect
	for _, p := range people {
		entries = append(entries, audit{"member.reset_mfa", p.id, p.user, p.email, "", "mfa_reset=mailed"})
		effects = append(effects, effect{"mail", p.id, p.user, orgusers.MailData{Kind: orgusers.MailMFAReset, To: p.email, OrgName: "Bench", ExpiresAt: time.UnixMicro(expires).UTC()}})
	}
	return r.write(ctx, h, entries, effects, func(tx *sql.Tx) error {
		return r.guardUsers(ctx, tx, people, "mfa_reset_link = ?, mfa_reset_expires = ?", h.op, expires)
	})
}

const rawPageColumns = `id, user_id, address, address_key, role, status, without_sso, invited_by, invited_by_email, invited_at, message, link, expires_at, sent_at,
 sends, joined_at, first_name, last_name, mfa, last_login`

// page reads one page by address behind a position, with the actor's check.
func (r *raw) page(ctx context.Context, after string) error {
	if _, err := r.begin(ctx); err != nil {
		return err
	}
	rows, err := r.db.QueryContext(ctx, r.bind(`SELECT `+rawPageColumns+` FROM orgusers_members WHERE org_id = ? AND address_key > ? ORDER BY address_key LIMIT 50`), r.org, after)
	if err != nil {
		return err
	}
	_, err = drain(rows)
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

// access is the check of one request.
func (r *raw) access(ctx context.Context, user orgusers.UserID) error {
	rows, err := r.db.QueryContext(ctx, r.bind(`SELECT o.disabled, o.owner_id, m.id, m.role, m.status, u.sessions_valid_from, u.mfa_enrolled_at, COALESCE(g.stack_id, ''), COALESCE(g.role_id, ''),
 COALESCE(x.permissions, '') FROM orgusers_members AS m JOIN orgusers_organizations AS o ON o.id = m.org_id JOIN orgusers_users AS u ON u.id = m.user_id
 LEFT JOIN orgusers_grants AS g ON g.org_id = m.org_id AND g.member_id = m.id LEFT JOIN orgusers_stack_roles AS x ON x.org_id = g.org_id AND x.id = g.role_id
 WHERE m.user_id = ? AND m.org_id = ?`), string(user), r.org)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var disabled, from, mfa int64
		var owner, id, role, status, stack, grant, perms string
		if err := rows.Scan(&disabled, &owner, &id, &role, &status, &from, &mfa, &stack, &grant, &perms); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("raw: no access")
	}
	return rows.Err()
}

// export writes the roster by encoding/csv from one query per 1,000 rows.
func (r *raw) export(ctx context.Context, w io.Writer) (int, error) {
	out := csv.NewWriter(w)
	after, n := "", 0
	for {
		rows, err := r.db.QueryContext(ctx, r.bind(`SELECT `+rawPageColumns+` FROM orgusers_members WHERE org_id = ? AND address_key > ? ORDER BY address_key LIMIT 1000`), r.org, after)
		if err != nil {
			return n, err
		}
		page, err := drain(rows)
		if err != nil {
			return n, err
		}
		for i := range page {
			v := &page[i]
			mfa := "Disabled"
			if v.mfa != 0 {
				mfa = "Enabled"
			}
			if err := out.Write([]string{
				v.address, v.first, v.last, v.role, v.status, mfa, v.invitedByEmail,
				time.UnixMicro(v.invitedAt).UTC().Format(time.RFC3339), time.UnixMicro(v.lastLogin).UTC().Format(time.RFC3339),
			}); err != nil {
				return n, err
			}
		}
		n += len(page)
		if len(page) < 1000 {
			out.Flush()
			return n, out.Error()
		}
		after = page[len(page)-1].key
	}
}
