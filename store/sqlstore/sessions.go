package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	sessionColumns = `s.id, s.user_id, s.token, s.step, s.sso_org, s.ip, s.agent,
 s.created_at, s.seen_at, s.expires_at, s.idle, s.mfa_at, s.proved_at`

	insertSessions = `INSERT INTO orgusers_sessions (id, user_id, token, step, sso_org, ip, agent,
 created_at, seen_at, expires_at, idle, mfa_at, proved_at)`

	replaceSession = `UPDATE orgusers_sessions SET id = ?, user_id = ?, token = ?, step = ?, sso_org = ?, ip = ?, agent = ?,
 created_at = ?, seen_at = ?, expires_at = ?, idle = ?, mfa_at = ?, proved_at = ? WHERE id = ?`

	// The last column is NULL for who is active nowhere.
	readSession = `SELECT ` + sessionColumns + `, u.sessions_valid_from, (SELECT MIN(m.valid_from) FROM orgusers_members AS m
 WHERE m.user_id = s.user_id AND m.status = 'active' AND (s.sso_org = '' OR m.org_id = s.sso_org))
 FROM orgusers_sessions AS s JOIN orgusers_users AS u ON u.id = s.user_id WHERE s.token = ?`

	seenSession = `UPDATE orgusers_sessions SET seen_at = ? WHERE id = ? AND seen_at < ?`
)

// sessionRow takes a row of sessionColumns.
type sessionRow struct {
	s                                                   orgusers.Session
	ip                                                  string
	createdAt, seenAt, expiresAt, idle, mfaAt, provedAt int64
}

func (r *sessionRow) dest() []any {
	s := &r.s
	return []any{
		(*string)(&s.ID), (*string)(&s.User), &s.Token, (*string)(&s.Step), (*string)(&s.SSO), &r.ip, &s.Agent,
		&r.createdAt, &r.seenAt, &r.expiresAt, &r.idle, &r.mfaAt, &r.provedAt,
	}
}

func (r *sessionRow) value() (orgusers.Session, error) {
	s := r.s
	s.CreatedAt, s.SeenAt, s.ExpiresAt = fromMicros(r.createdAt), fromMicros(r.seenAt), fromMicros(r.expiresAt)
	s.Idle, s.MFAAt, s.ProvedAt = fromLength(r.idle), fromMicros(r.mfaAt), fromMicros(r.provedAt)
	var err error
	s.IP, err = decodeIP(r.ip)
	return s, err
}

func encodeIP(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

func decodeIP(text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ip, fmt.Errorf("sqlstore: column ip: %w", err)
	}
	return ip, nil
}

// changeSessions deletes and inserts. A single new session takes the row of one that goes, which costs a
// statement less: it is what a step of a sign-in does, each time.
func (w *session) changeSessions(ctx context.Context, gone []orgusers.SessionID, added []orgusers.Session) error {
	if len(gone) == 0 || len(added) != 1 {
		if err := w.deleteSessions(ctx, gone); err != nil {
			return err
		}
		return w.insertSessions(ctx, added)
	}
	last := len(gone) - 1
	if err := w.deleteSessions(ctx, gone[:last]); err != nil {
		return err
	}
	var t text
	t.add(replaceSession, append(sessionArgs(&added[0]), string(gone[last]))...)
	return w.must(ctx, 1, "replaced session", &t)
}

func sessionArgs(s *orgusers.Session) []any {
	return []any{
		string(s.ID), string(s.User), s.Token, string(s.Step), string(s.SSO), encodeIP(s.IP), s.Agent,
		micros(s.CreatedAt), micros(s.SeenAt), micros(s.ExpiresAt), length(s.Idle), micros(s.MFAAt), micros(s.ProvedAt),
	}
}

func (w *session) insertSessions(ctx context.Context, sessions []orgusers.Session) error {
	for i := range parts(len(sessions)) {
		some := part(sessions, i)
		var t text
		t.add(insertSessions)
		t.rows(len(some), 13)
		for i := range some {
			t.args = append(t.args, sessionArgs(&some[i])...)
		}
		if err := w.must(ctx, len(some), "new sessions", &t); err != nil {
			return err
		}
	}
	return nil
}

func (w *session) deleteSessions(ctx context.Context, ids []orgusers.SessionID) error {
	for i := range parts(len(ids)) {
		some := part(ids, i)
		var t text
		t.add(`DELETE FROM orgusers_sessions WHERE id IN `)
		list(&t, some)
		if err := w.must(ctx, len(some), "deleted sessions", &t); err != nil {
			return err
		}
	}
	return nil
}

// Session implements [orgusers.Store].
func (s *Store) Session(ctx context.Context, token string) (orgusers.SessionView, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return orgusers.SessionView{}, err
	}
	var t text
	t.add(readSession, token)
	var r sessionRow
	var validFrom int64
	var memberFrom sql.NullInt64
	dest := append(r.dest(), &validFrom, &memberFrom)
	found := false
	err = w.query(ctx, &t, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	})
	if err != nil {
		return orgusers.SessionView{}, err
	}
	if !found {
		return orgusers.SessionView{}, fmt.Errorf("sqlstore: session: %w", orgusers.ErrNotFound)
	}
	v := orgusers.SessionView{ValidFrom: fromMicros(validFrom), Active: memberFrom.Valid}
	if v.Active {
		v.MemberFrom = fromMicros(memberFrom.Int64)
	}
	v.Session, err = r.value()
	return v, err
}

// Seen implements [orgusers.Store].
func (s *Store) Seen(ctx context.Context, session orgusers.SessionID, at time.Time) error {
	w, err := s.alone(ctx)
	if err != nil {
		return err
	}
	var t text
	t.add(seenSession, micros(at), string(session), micros(at))
	_, err = w.exec(ctx, &t)
	return err
}
