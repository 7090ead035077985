package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/orgusers/go-orgusers/orgusers"
)

// The one password that people sign in with, and where from.
const password = "a password of some length"

var sender = netip.MustParseAddr("192.0.2.7")

// hashOf is the library's own hash, with its parameters.
func hashOf(salt []byte) []byte { return argon2.IDKey([]byte(password), salt, 2, 19456, 1, 32) }

// givePassword lets one of the people sign in with a password alone.
func (b *bench) givePassword(ctx context.Context, o *org, i int) error {
	salt := sha256.Sum256([]byte(o.user(i)))
	encode := base64.RawStdEncoding.EncodeToString
	phc := "$argon2id$v=19$m=19456,t=2,p=1$" + encode(salt[:16]) + "$" + encode(hashOf(salt[:16]))
	for _, q := range []string{
		`UPDATE orgusers_users SET password = '` + phc + `', mfa_secret = '', mfa_enrolled_at = ` + fmt.Sprint(time.Time{}.UnixMicro()) + ` WHERE id = '` + string(o.user(i)) + `'`,
		`UPDATE orgusers_members SET mfa = 0 WHERE user_id = '` + string(o.user(i)) + `'`,
	} {
		if _, err := b.db.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// stopwatch takes the time of a password's hash: it is what lies between an operation's id and the new
// session's, by far the longest time between two ids of a sign-in.
type stopwatch struct {
	mu    sync.Mutex
	last  time.Time
	spent time.Duration
}

// take returns what was spent since the last time, and begins anew.
func (w *stopwatch) take() (d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d, w.spent, w.last = w.spent, 0, time.Time{}
	return d
}

func (w *stopwatch) newID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if !w.last.IsZero() {
		w.spent = max(w.spent, now.Sub(w.last))
	}
	w.last = now
	return id()
}

func (l *library) signIn(ctx context.Context, o *org, i int) error {
	l.watch.take()
	in, err := l.svc.Visitor(orgusers.Actor{IP: sender}).SignIn(ctx, o.email(o.at(i)), password)
	if err == nil && in.Step != orgusers.StepDone {
		err = fmt.Errorf("signed in as far as %q", in.Step)
	}
	if l.hash = l.watch.take(); err == nil && l.hash < time.Millisecond {
		err = fmt.Errorf("a hash of %s", l.hash)
	}
	return err
}

func (l *library) hashed() (d time.Duration) {
	d, l.hash = l.hash, 0
	return d
}

func (r *raw) hashed() (d time.Duration) {
	d, r.hash = r.hash, 0
	return d
}

// signIn reads the account with its membership, and its sessions with the count of the sender's failures; and
// writes the session and the time of it, on the account and the roster.
func (r *raw) signIn(ctx context.Context, o *org, i int) error {
	now := time.Now()
	var user, phc, status, settings string
	var version, resetRequired, mfa, from, failures, locked, disabled int64
	err := r.one(ctx, `SELECT u.id, u.version, u.password, u.reset_required, u.mfa_enrolled_at, u.sessions_valid_from, u.failures, u.locked_until, m.status, o.disabled, o.settings
 FROM orgusers_users AS u JOIN orgusers_members AS m ON m.user_id = u.id JOIN orgusers_organizations AS o ON o.id = m.org_id WHERE u.address_key = ?`, []any{o.email(o.at(i))},
		&user, &version, &phc, &resetRequired, &mfa, &from, &failures, &locked, &status, &disabled, &settings)
	if err != nil || status != "active" || disabled != 0 || resetRequired != 0 || mfa > 0 || locked > now.UnixMicro() {
		return fmt.Errorf("raw: denied (%v)", err)
	}
	window := now.Truncate(time.Hour)
	rows, err := r.query(ctx, nil, `SELECT s.id, s.created_at, s.expires_at FROM orgusers_sessions AS s WHERE s.user_id = ?
 UNION ALL SELECT c.name, c.total, 0 FROM orgusers_counters AS c WHERE c.name = ?`, user, fmt.Sprintf("raw/failures/%s/%d", sender, window.Unix()))
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		var name string
		var number, expires int64
		if err := rows.Scan(&name, &number, &expires); err != nil || n > 100 || expires == 0 && number > 100 {
			return fmt.Errorf("raw: too many (%v)", err)
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	begin := time.Now()
	salt, key, err := parts(phc)
	if err != nil || subtle.ConstantTimeCompare(hashOf(salt), key) == 0 {
		return fmt.Errorf("raw: wrong password (%v)", err)
	}
	r.hash = time.Since(begin)

	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	token := sha256.Sum256(secret)
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	at := now.UnixMicro()
	if err := r.exec(ctx, tx, 1, `UPDATE orgusers_users SET version = version + 1, last_login = ?, failures = 0, locked_until = 0 WHERE id = ? AND version = ?`, at, user, version); err != nil {
		return err
	}
	if err := r.session(ctx, tx, user, hex.EncodeToString(token[:]), now); err != nil {
		return err
	}
	if err := r.exec(ctx, tx, -1, `UPDATE orgusers_members SET last_login = ?, revision = revision + 1 WHERE user_id = ? AND last_login < ?`, at, user, at); err != nil {
		return err
	}
	return tx.Commit()
}

func (r *raw) session(ctx context.Context, tx *sql.Tx, user, token string, now time.Time) error {
	at := now.UnixMicro()
	return r.exec(ctx, tx, 1, `INSERT INTO orgusers_sessions (id, user_id, token, step, sso_org, ip, agent, created_at, seen_at, expires_at, idle, mfa_at, proved_at)`+values(13, 1),
		id(), user, token, string(orgusers.StepDone), "", sender.String(), "", at, at, now.Add(24*time.Hour).UnixMicro(), int64(time.Hour/time.Microsecond), 0, at)
}

// parts are the salt and the key of a stored hash.
func parts(phc string) (salt, key []byte, err error) {
	fields := strings.Split(phc, "$")
	if len(fields) != 6 {
		return nil, nil, fmt.Errorf("no hash")
	}
	if salt, err = base64.RawStdEncoding.DecodeString(fields[4]); err == nil {
		key, err = base64.RawStdEncoding.DecodeString(fields[5])
	}
	return salt, key, err
}
