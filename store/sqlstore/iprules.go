package sqlstore

import (
	"context"
	"database/sql"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	insertIPRules = `INSERT INTO orgusers_ip_rules (id, org_id, user_id, session_id, ip, resource, opened_at, expires_at)`

	// A rule is read with all it hangs on, so that one statement says whether it is in force. The number
	// is the zero time ([never]), for what is gone.
	pageIPRules = `SELECT i.id, i.org_id, i.user_id, i.session_id, i.ip, i.resource, i.opened_at, i.expires_at,
 COALESCE(u.sessions_valid_from, -62135596800000000), COALESCE(u.mfa_enrolled_at, -62135596800000000),
 COALESCE(m.status, ''), COALESCE(m.without_sso, 0), COALESCE(m.valid_from, -62135596800000000), COALESCE(o.disabled, 0), COALESCE(o.owner_id, ''), COALESCE(o.settings, ''),
 COALESCE(s.id, ''), COALESCE(s.user_id, ''), COALESCE(s.token, ''), COALESCE(s.step, ''), COALESCE(s.sso_org, ''),
 COALESCE(s.ip, ''), COALESCE(s.agent, ''), COALESCE(s.created_at, 0), COALESCE(s.seen_at, 0), COALESCE(s.expires_at, 0),
 COALESCE(s.idle, 0), COALESCE(s.mfa_at, 0), COALESCE(s.proved_at, 0)
 FROM orgusers_ip_rules AS i
 LEFT JOIN orgusers_users AS u ON u.id = i.user_id
 LEFT JOIN orgusers_organizations AS o ON o.id = i.org_id
 LEFT JOIN orgusers_members AS m ON m.user_id = i.user_id AND m.org_id = i.org_id
 LEFT JOIN orgusers_sessions AS s ON s.id = i.session_id AND s.user_id = u.id`
)

func (w *session) insertIPRules(ctx context.Context, rules []orgusers.IPRule) error {
	for i := range parts(len(rules)) {
		some := part(rules, i)
		var t text
		t.add(insertIPRules)
		t.rows(len(some), 8)
		for i := range some {
			r := &some[i]
			t.args = append(t.args, string(r.ID), string(r.Org), string(r.User), string(r.Session), encodeIP(r.IP), r.Resource,
				micros(r.OpenedAt), micros(r.ExpiresAt))
		}
		if err := w.must(ctx, len(some), "new IP rules", &t); err != nil {
			return err
		}
	}
	return nil
}

// deleteIPRules deletes those that are there.
func (w *session) deleteIPRules(ctx context.Context, ids []orgusers.IPRuleID) error {
	for i := range parts(len(ids)) {
		var t text
		t.add(`DELETE FROM orgusers_ip_rules WHERE id IN `)
		list(&t, part(ids, i))
		if _, err := w.exec(ctx, &t); err != nil {
			return err
		}
	}
	return nil
}

// IPRules implements [orgusers.Store].
func (s *Store) IPRules(ctx context.Context, q orgusers.IPRuleQuery) ([]orgusers.IPRuleView, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	var t text
	switch {
	case q.User != "":
		t.add(pageIPRules+` WHERE i.user_id = ?`, string(q.User))
	case !q.IP.IsValid() && q.Resource == "":
		t.add(pageIPRules+` WHERE i.org_id = ?`, string(q.Org))
	default:
		t.add(pageIPRules+` WHERE i.org_id = ? AND i.ip = ? AND i.resource = ?`, string(q.Org), encodeIP(q.IP), q.Resource)
	}
	t.add(` AND i.id > ? ORDER BY i.id LIMIT ?`, string(q.After), limit(q.Limit))

	var out []orgusers.IPRuleView
	var v orgusers.IPRuleView
	var r sessionRow
	var ip, text, decoded string
	var settings orgusers.Settings // of text; the rules of a page are mostly one organization's
	var openedAt, expiresAt, validFrom, enrolledAt, without, memberFrom, disabled int64
	dest := append([]any{
		(*string)(&v.ID), (*string)(&v.Org), (*string)(&v.User), (*string)(&v.IPRule.Session), &ip, &v.Resource, &openedAt, &expiresAt,
		&validFrom, &enrolledAt, (*string)(&v.Status), &without, &memberFrom, &disabled, (*string)(&v.OwnerID), &text,
	}, r.dest()...)
	err = w.query(ctx, &t, func(rows *sql.Rows) error {
		err := rows.Scan(dest...)
		if err != nil {
			return err
		}
		v.OpenedAt, v.ExpiresAt, v.ValidFrom, v.MemberFrom = fromMicros(openedAt), fromMicros(expiresAt), fromMicros(validFrom), fromMicros(memberFrom)
		v.MFA, v.WithoutSSO, v.Disabled = enrolledAt != never, without != 0, disabled != 0
		if text != decoded {
			if settings, err = decodeSettings(text); err != nil {
				return err
			}
			decoded = text
		}
		v.SSO, v.Security = settings.SSO, settings.Security
		if v.IP, err = decodeIP(ip); err != nil {
			return err
		}
		v.Session = orgusers.Session{}
		if r.s.ID != "" {
			if v.Session, err = r.value(); err != nil {
				return err
			}
		}
		out = append(out, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
