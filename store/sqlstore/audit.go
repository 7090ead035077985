package sqlstore

import (
	"context"
	"database/sql"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	insertAudit = `INSERT INTO orgusers_audit (org_id, seq, id, chained, made_at, operation_id, action, result, reason,
 actor_id, actor_email, actor_role, session_name, ip, agent, request_id, member_id, user_id, email, subject, was, became, seal)`

	pageAudit = `SELECT a.seq, a.id, a.chained, a.made_at, a.operation_id, a.action, a.result, a.reason,
 a.actor_id, a.actor_email, a.actor_role, a.session_name, a.ip, a.agent, a.request_id,
 a.member_id, a.user_id, a.email, a.subject, a.was, a.became, a.seal
 FROM orgusers_audit AS a WHERE a.org_id = ?`
)

func (w *session) insertAudit(ctx context.Context, entries []orgusers.AuditEntry) error {
	for i := range parts(len(entries)) {
		some := part(entries, i)
		var t text
		t.add(insertAudit)
		t.rows(len(some), 23)
		for i := range some {
			e := &some[i]
			t.args = append(t.args, string(e.Org), e.Seq, string(e.ID), flag(e.Chained), micros(e.At), string(e.Operation),
				string(e.Action), string(e.Result), string(e.Reason), string(e.Actor), e.ActorEmail, e.ActorRole, e.Session, encodeIP(e.IP),
				e.Agent, e.Request, string(e.Member), string(e.User), e.Email, e.Object, e.Before, e.After, e.Seal)
		}
		if err := w.must(ctx, len(some), "audit", &t); err != nil {
			return err
		}
	}
	return nil
}

// Audit implements [orgusers.Store]. The trail is read in the order of its primary key; the filters
// are tested on the way.
func (s *Store) Audit(ctx context.Context, q orgusers.AuditQuery) ([]orgusers.AuditEntry, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	var t text
	t.add(pageAudit, string(q.Org))
	if q.After != nil {
		t.add(` AND `+s.dialect.keyset("a.seq", "a.id", q.Descending), s.dialect.keysetArgs(q.After.Seq, string(q.After.ID))...)
	}
	if q.Chained {
		t.add(` AND a.chained = 1`)
	}
	if q.Action != "" {
		t.add(` AND a.action = ?`, string(q.Action))
	}
	if q.Actor != "" {
		t.add(` AND a.actor_id = ?`, string(q.Actor))
	}
	if q.Member != "" {
		t.add(` AND a.member_id = ?`, string(q.Member))
	}
	if !q.From.IsZero() {
		t.add(` AND a.made_at >= ?`, micros(q.From))
	}
	if !q.To.IsZero() {
		t.add(` AND a.made_at < ?`, micros(q.To))
	}
	if q.Descending {
		t.add(` ORDER BY a.seq DESC, a.id DESC LIMIT ?`, limit(q.Limit))
	} else {
		t.add(` ORDER BY a.seq, a.id LIMIT ?`, limit(q.Limit))
	}

	var out []orgusers.AuditEntry
	e := orgusers.AuditEntry{Org: q.Org}
	var chained, at int64
	var ip string
	dest := []any{
		&e.Seq, (*string)(&e.ID), &chained, &at, (*string)(&e.Operation), (*string)(&e.Action), (*string)(&e.Result), (*string)(&e.Reason),
		(*string)(&e.Actor), &e.ActorEmail, &e.ActorRole, &e.Session, &ip, &e.Agent, &e.Request,
		(*string)(&e.Member), (*string)(&e.User), &e.Email, &e.Object, &e.Before, &e.After, &e.Seal,
	}
	err = w.query(ctx, &t, func(rows *sql.Rows) error {
		err := rows.Scan(dest...)
		if err != nil {
			return err
		}
		e.Chained, e.At = chained != 0, fromMicros(at)
		if e.IP, err = decodeIP(ip); err != nil {
			return err
		}
		out = append(out, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
