package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

func (r *raw) invite(ctx context.Context, o *org, emails []string) error {
	defer r.lock(o)()
	h, err := r.begin(ctx, o)
	if err != nil {
		return err
	}
	for i := 0; i < len(emails); i += rowsAtOnce {
		list, args := in(emails[i:min(i+rowsAtOnce, len(emails))])
		rows, err := r.query(ctx, nil, `SELECT address_key, status FROM orgusers_members WHERE org_id = ? AND address_key IN `+list, append([]any{string(o.id)}, args...)...)
		if err != nil {
			return err
		}
		known := rows.Next()
		if err := rows.Close(); err != nil || known {
			return fmt.Errorf("raw: already invited (%v)", err)
		}
	}
	members := make([]any, 0, 24*len(emails))
	c := change{mails: emails, quotas: true}
	expires := h.now + int64(7*24*time.Hour/time.Microsecond)
	for _, email := range emails {
		id := id()
		members = append(members, string(o.id), id, "", email, email, "member", "pending", 0, string(o.owner), h.actorEmail, h.now, "", h.op, expires, h.now, 1, 0, "", "", "", 0, 0, time.Time{}.UnixMicro(), 1)
		c.audit = append(c.audit, audit{"invitation.create", id, "", email, "", "role=member status=pending"})
		c.effects = append(c.effects, effect{"mail", id, "", orgusers.MailData{Kind: orgusers.MailInvitation, To: email, OrgName: "Bench", ActorName: h.actorEmail, Role: orgusers.RoleMember, ExpiresAt: time.UnixMicro(expires).UTC()}})
	}
	h.pending += int64(len(emails))
	return r.write(ctx, o, h, c, func(tx *sql.Tx) error {
		return r.insert(ctx, tx, `INSERT INTO orgusers_members (org_id, id, user_id, address, address_key, role, status, without_sso, invited_by, invited_by_email, invited_at,
 message, link, expires_at, sent_at, sends, joined_at, first_name, last_name, name_key, mfa, last_login, valid_from, revision)`, 24, members)
	})
}

// accept takes the address from the link, and joins an account that exists.
func (r *raw) accept(ctx context.Context, o *org, email string) error {
	defer r.lock(o)()
	h := head{now: time.Now().UnixMicro(), op: id()}
	var member, user, first, last, inviter string
	var version, orgs, expires, lastLogin int64
	err := r.one(ctx, `SELECT o.version, o.tally_members, o.tally_pending, o.tally_admins, o.audit_seq, o.audit_head, o.owner_id, o.transfer, m.id, m.expires_at, u.id, u.version, u.orgs,
 u.first_name, u.last_name, u.last_login, i.role FROM orgusers_organizations AS o JOIN orgusers_members AS m ON m.org_id = o.id AND m.address_key = ? AND m.status = 'pending'
 JOIN orgusers_users AS u ON u.address_key = m.address_key JOIN orgusers_members AS i ON i.org_id = o.id AND i.user_id = m.invited_by AND i.status = 'active'
 WHERE o.id = ? AND o.disabled = 0`, []any{email, string(o.id)},
		&h.version, &h.members, &h.pending, &h.admins, &h.seq, &h.seal, &h.owner, &h.offer, &member, &expires, &user, &version, &orgs, &first, &last, &lastLogin, &inviter)
	if err != nil || inviter != "admin" || expires < h.now {
		return fmt.Errorf("raw: void (%v)", err)
	}
	h.members, h.pending = h.members+1, h.pending-1
	c := change{audit: []audit{{"invitation.accept", member, user, email, "status=pending", "role=member status=active"}}}
	return r.write(ctx, o, h, c, func(tx *sql.Tx) error {
		if err := r.exec(ctx, tx, 1, `UPDATE orgusers_users SET version = version + 1, orgs = orgs + 1 WHERE id = ? AND version = ?`, user, version); err != nil {
			return err
		}
		return r.exec(ctx, tx, 1, `UPDATE orgusers_members SET user_id = ?, status = 'active', joined_at = ?, link = '', expires_at = 0, first_name = ?, last_name = ?,
 name_key = ?, last_login = ?, revision = revision + 1 WHERE org_id = ? AND id = ?`, user, h.now, first, last, strings.ToLower(first+" "+last), lastLogin, string(o.id), member)
	})
}

// target is one of the people of a bulk, with the account.
type target struct {
	id, user, email, role, status string
	version, orgs, mfa            int64
}

func (r *raw) targets(ctx context.Context, o *org, ids []orgusers.MemberID) ([]target, error) {
	list, args := in(ids)
	rows, err := r.query(ctx, nil, `SELECT m.id, m.user_id, m.address, m.role, m.status, u.version, u.orgs, u.mfa_enrolled_at FROM orgusers_members AS m
 JOIN orgusers_users AS u ON u.id = m.user_id WHERE m.org_id = ? AND m.id IN `+list, append([]any{string(o.id)}, args...)...)
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

// bulk is begin and the people that it is about.
func (r *raw) bulk(ctx context.Context, o *org, ids []orgusers.MemberID) (h head, people []target, err error) {
	if h, err = r.begin(ctx, o); err == nil {
		people, err = r.targets(ctx, o, ids)
	}
	return h, people, err
}

func (r *raw) setRole(ctx context.Context, o *org, role orgusers.Role, ids []orgusers.MemberID) error {
	defer r.lock(o)()
	h, people, err := r.bulk(ctx, o, ids)
	if err != nil {
		return err
	}
	var c change
	for _, p := range people {
		c.audit = append(c.audit, audit{"member.set_role", p.id, p.user, p.email, "role=" + p.role, "role=" + string(role)})
		switch {
		case p.role == "admin" && role != "admin":
			h.admins--
		case p.role != "admin" && role == "admin":
			h.admins++
		}
	}
	if h.admins < 1 {
		return fmt.Errorf("raw: no administrator left")
	}
	list, args := in(ids)
	return r.write(ctx, o, h, c, func(tx *sql.Tx) error {
		return r.exec(ctx, tx, len(ids), `UPDATE orgusers_members SET role = ?, revision = revision + 1 WHERE org_id = ? AND id IN `+list, append([]any{string(role), string(o.id)}, args...)...)
	})
}

// guardUsers changes accounts, each under its version.
func (r *raw) guardUsers(ctx context.Context, tx *sql.Tx, people []target, set string, args ...any) error {
	where := make([]string, len(people))
	for i, p := range people {
		where[i] = "id = ? AND version = ?"
		args = append(args, p.user, p.version)
	}
	return r.exec(ctx, tx, len(people), `UPDATE orgusers_users SET version = version + 1, `+set+` WHERE `+strings.Join(where, " OR "), args...)
}

func (r *raw) remove(ctx context.Context, o *org, ids []orgusers.MemberID) error {
	defer r.lock(o)()
	h, people, err := r.bulk(ctx, o, ids)
	if err != nil {
		return err
	}
	var c change
	users := make([]string, len(people))
	for i, p := range people {
		users[i] = p.user
		c.audit = append(c.audit, audit{"member.remove", p.id, p.user, p.email, "role=" + p.role + " status=" + p.status, ""})
		c.effects = append(c.effects, effect{"sessions.end", p.id, p.user, orgusers.MailData{}})
		if p.role == "admin" {
			h.admins--
		}
	}
	var owned int64
	list, args := in(users)
	if err := r.one(ctx, `SELECT COUNT(*) FROM orgusers_stacks WHERE org_id = ? AND owner_id IN `+list, append([]any{string(o.id)}, args...), &owned); err != nil || owned > 0 {
		return fmt.Errorf("raw: owns stacks (%v)", err)
	}
	h.members -= int64(len(ids))
	list, args = in(ids)
	args = append([]any{string(o.id)}, args...)
	return r.write(ctx, o, h, c, func(tx *sql.Tx) error {
		if err := r.guardUsers(ctx, tx, people, "orgs = orgs - 1, sessions_valid_from = ?", h.now); err != nil {
			return err
		}
		if err := r.exec(ctx, tx, -1, `DELETE FROM orgusers_grants WHERE org_id = ? AND member_id IN `+list, args...); err != nil {
			return err
		}
		return r.exec(ctx, tx, len(ids), `DELETE FROM orgusers_members WHERE org_id = ? AND id IN `+list, args...)
	})
}

func (r *raw) resetMFA(ctx context.Context, o *org, ids []orgusers.MemberID) error {
	defer r.lock(o)()
	h, people, err := r.bulk(ctx, o, ids)
	if err != nil {
		return err
	}
	expires := h.now + int64(time.Hour/time.Microsecond)
	var c change
	for _, p := range people {
		c.resets = append(c.resets, p.user)
		c.audit = append(c.audit, audit{"member.reset_mfa", p.id, p.user, p.email, "", "mfa_reset=mailed"})
		c.effects = append(c.effects, effect{"mail", p.id, p.user, orgusers.MailData{Kind: orgusers.MailMFAReset, To: p.email, OrgName: "Bench", ExpiresAt: time.UnixMicro(expires).UTC()}})
	}
	return r.write(ctx, o, h, c, func(tx *sql.Tx) error {
		return r.guardUsers(ctx, tx, people, "mfa_reset_link = ?, mfa_reset_expires = ?", h.op, expires)
	})
}

// offered is the pending offer of an ownership.
type offered struct {
	To, By, Link string
	Expires      int64
}

func (r *raw) offer(ctx context.Context, o *org, to string) error {
	defer r.lock(o)()
	h, err := r.begin(ctx, o)
	if err != nil {
		return err
	}
	var status string
	if err := r.one(ctx, `SELECT status FROM orgusers_members WHERE org_id = ? AND address_key = ?`, []any{string(o.id), to}, &status); err != nil || h.owner != string(o.owner) || status != "active" {
		return fmt.Errorf("raw: denied (%v)", err)
	}
	expires := h.now + int64(72*time.Hour/time.Microsecond)
	offer, err := json.Marshal(offered{to, h.owner, h.op, expires})
	if err != nil {
		return err
	}
	h.offer = string(offer)
	return r.write(ctx, o, h, change{
		audit:   []audit{{"ownership.offer", "", "", to, "", to}},
		effects: []effect{{"mail", "", "", orgusers.MailData{Kind: orgusers.MailOwnershipOffer, To: to, OrgName: "Bench", ExpiresAt: time.UnixMicro(expires).UTC()}}},
		mails:   []string{to},
	}, func(*sql.Tx) error { return nil })
}

// takeOver swaps the owner, by the link that was mailed to the new one.
func (r *raw) takeOver(ctx context.Context, o *org, to string) error {
	defer r.lock(o)()
	h := head{now: time.Now().UnixMicro(), op: id()}
	var member, user, email, status, old, oldEmail string
	var disabled, verified int64
	err := r.one(ctx, `SELECT o.version, o.tally_members, o.tally_pending, o.tally_admins, o.audit_seq, o.audit_head, o.owner_id, o.transfer, o.disabled,
 m.id, m.user_id, m.address, m.status, u.verified, w.id, w.address FROM orgusers_organizations AS o JOIN orgusers_members AS m ON m.org_id = o.id AND m.address_key = ?
 JOIN orgusers_users AS u ON u.id = m.user_id JOIN orgusers_members AS w ON w.org_id = o.id AND w.user_id = o.owner_id WHERE o.id = ?`, []any{to, string(o.id)},
		&h.version, &h.members, &h.pending, &h.admins, &h.seq, &h.seal, &h.owner, &h.offer, &disabled, &member, &user, &email, &status, &verified, &old, &oldEmail)
	var offer offered
	if err == nil {
		err = json.Unmarshal([]byte(h.offer), &offer)
	}
	if err != nil || offer.To != to || offer.By != h.owner || offer.Expires < h.now || disabled != 0 || verified == 0 || status != "active" {
		return fmt.Errorf("raw: void (%v)", err)
	}
	was := h.owner
	h.owner, h.offer = user, ""
	return r.write(ctx, o, h, change{
		audit: []audit{
			{"ownership.accept", member, user, email, "owner=" + was, "owner=" + user},
			{"ownership.accept", old, was, oldEmail, "owner", "role=member"},
		},
		effects: []effect{{"mail", old, was, orgusers.MailData{Kind: orgusers.MailOwnershipTaken, To: oldEmail, OrgName: "Bench", ActorName: email}}},
	}, func(tx *sql.Tx) error {
		return r.exec(ctx, tx, 2, `UPDATE orgusers_members SET role = CASE id WHEN ? THEN 'admin' ELSE 'member' END, revision = revision + 1 WHERE org_id = ? AND id IN (?, ?)`,
			member, string(o.id), member, old)
	})
}
