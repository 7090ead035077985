package sqlstore

import (
	"context"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	memberColumns = `m.id, m.user_id, m.address, m.address_key, m.role, m.status, m.without_sso,
 m.invited_by, m.invited_by_email, m.invited_at, m.message, m.link, m.expires_at, m.sent_at, m.sends, m.joined_at,
 m.first_name, m.last_name, m.mfa, m.last_login, m.subject, m.valid_from`

	// sheetColumns are those of [orgusers.MemberQuery.Sheet]: half of them, so that an export takes half
	// as long.
	sheetColumns = `m.user_id, m.address, m.address_key, m.role, m.status, m.invited_by_email, m.invited_at,
 m.first_name, m.last_name, m.mfa, m.last_login`

	insertMembers = `INSERT INTO orgusers_members (org_id, id, user_id, address, address_key, role, status, without_sso,
 invited_by, invited_by_email, invited_at, message, link, expires_at, sent_at, sends, joined_at,
 first_name, last_name, name_key, mfa, last_login, subject, valid_from, revision)`
)

// memberRow takes a row of memberColumns.
type memberRow struct {
	m                                               orgusers.Member
	withoutSSO, invitedAt, expiresAt, sentAt, sends int64
	joinedAt, mfa, lastLogin, validFrom             int64
}

func (r *memberRow) dest() []any {
	m := &r.m
	return []any{
		(*string)(&m.ID), (*string)(&m.User), &m.Address.Email, (*string)(&m.Address.Key), (*string)(&m.Role), (*string)(&m.Status),
		&r.withoutSSO, (*string)(&m.InvitedBy), &m.InvitedByEmail, &r.invitedAt, &m.Message, (*string)(&m.Link), &r.expiresAt,
		&r.sentAt, &r.sends, &r.joinedAt, &m.Name.First, &m.Name.Last, &r.mfa, &r.lastLogin, &m.Subject, &r.validFrom,
	}
}

// sheetDest takes a row of sheetColumns; the times it leaves out are zero.
func (r *memberRow) sheetDest() []any {
	m := &r.m
	r.expiresAt, r.sentAt, r.joinedAt, r.validFrom = never, never, never, never
	return []any{
		(*string)(&m.User), &m.Address.Email, (*string)(&m.Address.Key), (*string)(&m.Role), (*string)(&m.Status),
		&m.InvitedByEmail, &r.invitedAt, &m.Name.First, &m.Name.Last, &r.mfa, &r.lastLogin,
	}
}

func (r *memberRow) value(org orgusers.OrgID) orgusers.Member {
	m := r.m
	m.Org, m.WithoutSSO, m.InvitedAt = org, r.withoutSSO != 0, fromMicros(r.invitedAt)
	m.ExpiresAt, m.SentAt, m.Sends = fromMicros(r.expiresAt), fromMicros(r.sentAt), int(r.sends)
	m.JoinedAt, m.MFA, m.LastLogin = fromMicros(r.joinedAt), r.mfa != 0, fromMicros(r.lastLogin)
	m.ValidFrom = fromMicros(r.validFrom)
	return m
}

func (w *session) insertMembers(ctx context.Context, members []orgusers.Member) error {
	for i := range parts(len(members)) {
		some := part(members, i)
		var t text
		t.add(insertMembers)
		t.rows(len(some), 25)
		for i := range some {
			m := &some[i]
			t.args = append(t.args, string(m.Org), string(m.ID), string(m.User), m.Address.Email, string(m.Address.Key),
				string(m.Role), string(m.Status), flag(m.WithoutSSO), string(m.InvitedBy), m.InvitedByEmail, micros(m.InvitedAt),
				m.Message, string(m.Link), micros(m.ExpiresAt), micros(m.SentAt), int64(m.Sends), micros(m.JoinedAt),
				m.Name.First, m.Name.Last, m.Name.SortKey(), flag(m.MFA), micros(m.LastLogin), m.Subject, micros(m.ValidFrom), int64(1))
		}
		if err := w.must(ctx, len(some), "new members", &t); err != nil {
			return err
		}
	}
	return nil
}

func (w *session) updateMembers(ctx context.Context, org orgusers.OrgID, members []orgusers.MemberUpdate) error {
	for i := range parts(len(members)) {
		if err := w.updateSomeMembers(ctx, org, part(members, i)); err != nil {
			return err
		}
	}
	return nil
}

func (w *session) updateSomeMembers(ctx context.Context, org orgusers.OrgID, members []orgusers.MemberUpdate) error {
	var set assignments
	ids := make([]orgusers.MemberID, len(members))
	for i := range members {
		ids[i] = members[i].ID
		assignMember(&set, string(members[i].ID), &members[i].Patch)
	}
	var t text
	t.add(`UPDATE orgusers_members SET revision = revision + 1`)
	set.write(&t, len(members))
	t.add(` WHERE `)
	among(w, &t, ``, `id`, org, ids)
	if len(t.args) > most {
		return halved(members, func(half []orgusers.MemberUpdate) error { return w.updateSomeMembers(ctx, org, half) })
	}
	return w.must(ctx, len(members), "members", &t)
}

func assignMember(set *assignments, id string, p *orgusers.MemberPatch) {
	if v := p.User; v.Set {
		set.text("user_id", id, string(v.Value))
	}
	if v := p.Role; v.Set {
		set.text("role", id, string(v.Value))
	}
	if v := p.Status; v.Set {
		set.text("status", id, string(v.Value))
	}
	if v := p.WithoutSSO; v.Set {
		set.int("without_sso", id, flag(v.Value))
	}
	if v := p.Subject; v.Set {
		set.text("subject", id, v.Value)
	}
	if v := p.InvitedBy; v.Set {
		set.text("invited_by", id, string(v.Value))
	}
	if v := p.InvitedByEmail; v.Set {
		set.text("invited_by_email", id, v.Value)
	}
	if v := p.InvitedAt; v.Set {
		set.int("invited_at", id, micros(v.Value))
	}
	if v := p.Message; v.Set {
		set.text("message", id, v.Value)
	}
	if v := p.Link; v.Set {
		set.text("link", id, string(v.Value))
	}
	if v := p.ExpiresAt; v.Set {
		set.int("expires_at", id, micros(v.Value))
	}
	if v := p.SentAt; v.Set {
		set.int("sent_at", id, micros(v.Value))
	}
	if v := p.Sends; v.Set {
		set.int("sends", id, int64(v.Value))
	}
	if v := p.JoinedAt; v.Set {
		set.int("joined_at", id, micros(v.Value))
	}
	if v := p.ValidFrom; v.Set {
		set.int("valid_from", id, micros(v.Value))
	}
	if v := p.Name; v.Set {
		set.text("first_name", id, v.Value.First)
		set.text("last_name", id, v.Value.Last)
		set.text("name_key", id, v.Value.SortKey())
	}
	if v := p.MFA; v.Set {
		set.int("mfa", id, flag(v.Value))
	}
	if v := p.LastLogin; v.Set {
		set.int("last_login", id, micros(v.Value))
	}
}

func (w *session) deleteMembers(ctx context.Context, org orgusers.OrgID, ids []orgusers.MemberID) error {
	for i := range parts(len(ids)) {
		some := part(ids, i)
		var t text
		t.add(`DELETE FROM orgusers_members WHERE `)
		among(w, &t, ``, `id`, org, some)
		if err := w.must(ctx, len(some), "deleted members", &t); err != nil {
			return err
		}
		var grants text
		grants.add(`DELETE FROM orgusers_grants WHERE `)
		among(w, &grants, ``, `member_id`, org, some)
		if _, err := w.exec(ctx, &grants); err != nil {
			return err
		}
	}
	return nil
}

// copyProfiles brings what rosters copy from accounts to all of their rows.
func (w *session) copyProfiles(ctx context.Context, profiles []orgusers.Profile) error {
	for i := range parts(len(profiles)) {
		set := assignments{key: "user_id", greatest: w.dialect.greatest}
		var users []orgusers.UserID
		for _, p := range part(profiles, i) {
			if p.User == "" {
				continue // it would find every pending row
			}
			id := string(p.User)
			users = append(users, p.User)
			set.text("first_name", id, p.Name.First)
			set.text("last_name", id, p.Name.Last)
			set.text("name_key", id, p.Name.SortKey())
			set.int("mfa", id, flag(p.MFA))
			if !p.LastLogin.IsZero() {
				set.raise("last_login", id, micros(p.LastLogin))
			}
		}
		if len(users) == 0 {
			continue
		}
		var t text
		t.add(`UPDATE orgusers_members SET revision = revision + 1`)
		set.write(&t, len(users))
		t.add(` WHERE user_id IN `)
		list(&t, users)
		if _, err := w.exec(ctx, &t); err != nil {
			return err
		}
	}
	return nil
}
