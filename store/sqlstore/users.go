package sqlstore

import (
	"context"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	userColumns = `u.id, u.address, u.address_key, u.first_name, u.last_name, u.verified,
 u.password, u.reset_required, u.reset_link, u.reset_expires,
 u.mfa_secret, u.mfa_enrolled_at, u.mfa_last_step, u.mfa_recovery, u.mfa_reset_link, u.mfa_reset_expires,
 u.sessions_valid_from, u.last_login, u.failures, u.locked_until, u.orgs, u.created_at, u.version`

	insertUsers = `INSERT INTO orgusers_users (id, address, address_key, first_name, last_name, verified,
 password, reset_required, reset_link, reset_expires,
 mfa_secret, mfa_enrolled_at, mfa_last_step, mfa_recovery, mfa_reset_link, mfa_reset_expires,
 sessions_valid_from, last_login, failures, locked_until, orgs, created_at, version)`
)

// userRow takes a row of userColumns.
type userRow struct {
	u                                                  orgusers.User
	verified, resetRequired, resetExpires, enrolledAt  int64
	mfaResetExpires, validFrom, lastLogin, lockedUntil int64
	failures, orgs, createdAt                          int64
}

func (r *userRow) dest() []any {
	u := &r.u
	return []any{
		(*string)(&u.ID), &u.Address.Email, (*string)(&u.Address.Key), &u.Name.First, &u.Name.Last, &r.verified,
		(*string)(&u.Password), &r.resetRequired, (*string)(&u.ResetLink), &r.resetExpires,
		&u.MFA.Secret, &r.enrolledAt, &u.MFA.LastStep, &u.MFA.Recovery, (*string)(&u.MFAResetLink), &r.mfaResetExpires,
		&r.validFrom, &r.lastLogin, &r.failures, &r.lockedUntil, &r.orgs, &r.createdAt, &u.Version,
	}
}

func (r *userRow) value() orgusers.User {
	u := r.u
	u.Verified, u.ResetRequired = r.verified != 0, r.resetRequired != 0
	u.ResetExpires, u.MFA.EnrolledAt = fromMicros(r.resetExpires), fromMicros(r.enrolledAt)
	u.MFAResetExpire, u.SessionsValidFrom = fromMicros(r.mfaResetExpires), fromMicros(r.validFrom)
	u.LastLogin, u.LockedUntil = fromMicros(r.lastLogin), fromMicros(r.lockedUntil)
	u.Failures, u.Orgs, u.CreatedAt = int(r.failures), int(r.orgs), fromMicros(r.createdAt)
	return u
}

func (w *session) insertUsers(ctx context.Context, users []orgusers.User) error {
	for i := range parts(len(users)) {
		some := part(users, i)
		var t text
		t.add(insertUsers)
		t.rows(len(some), 23)
		for i := range some {
			u := &some[i]
			t.args = append(t.args, string(u.ID), u.Address.Email, string(u.Address.Key), u.Name.First, u.Name.Last, flag(u.Verified),
				string(u.Password), flag(u.ResetRequired), string(u.ResetLink), micros(u.ResetExpires),
				u.MFA.Secret, micros(u.MFA.EnrolledAt), u.MFA.LastStep, u.MFA.Recovery, string(u.MFAResetLink), micros(u.MFAResetExpire),
				micros(u.SessionsValidFrom), micros(u.LastLogin), int64(u.Failures), micros(u.LockedUntil), int64(u.Orgs), micros(u.CreatedAt), u.Version)
		}
		if err := w.must(ctx, len(some), "new users", &t); err != nil {
			return err
		}
	}
	return nil
}

// updateUsers writes patches to accounts whose versions still stand.
func (w *session) updateUsers(ctx context.Context, users []orgusers.UserUpdate) error {
	for i := range parts(len(users)) {
		if err := w.updateSomeUsers(ctx, part(users, i)); err != nil {
			return err
		}
	}
	return nil
}

func (w *session) updateSomeUsers(ctx context.Context, users []orgusers.UserUpdate) error {
	var set assignments
	for i := range users {
		assignUser(&set, string(users[i].ID), &users[i].Patch)
	}
	var t text
	t.add(`UPDATE orgusers_users SET version = version + 1`)
	set.write(&t, len(users))
	t.add(` WHERE `)
	guarded(&t, users)
	if len(t.args) > most {
		return halved(users, func(half []orgusers.UserUpdate) error { return w.updateSomeUsers(ctx, half) })
	}
	return w.must(ctx, len(users), "users", &t)
}

func assignUser(set *assignments, id string, p *orgusers.UserPatch) {
	if v := p.Name; v.Set {
		set.text("first_name", id, v.Value.First)
		set.text("last_name", id, v.Value.Last)
	}
	if v := p.Verified; v.Set {
		set.int("verified", id, flag(v.Value))
	}
	if v := p.Password; v.Set {
		set.text("password", id, string(v.Value))
	}
	if v := p.ResetRequired; v.Set {
		set.int("reset_required", id, flag(v.Value))
	}
	if v := p.ResetLink; v.Set {
		set.text("reset_link", id, string(v.Value))
	}
	if v := p.ResetExpires; v.Set {
		set.int("reset_expires", id, micros(v.Value))
	}
	if v := p.MFA; v.Set {
		set.text("mfa_secret", id, v.Value.Secret)
		set.int("mfa_enrolled_at", id, micros(v.Value.EnrolledAt))
		set.int("mfa_last_step", id, v.Value.LastStep)
		set.text("mfa_recovery", id, v.Value.Recovery)
	}
	if v := p.MFAResetLink; v.Set {
		set.text("mfa_reset_link", id, string(v.Value))
	}
	if v := p.MFAResetExpire; v.Set {
		set.int("mfa_reset_expires", id, micros(v.Value))
	}
	if v := p.SessionsValidFrom; v.Set {
		set.int("sessions_valid_from", id, micros(v.Value))
	}
	if v := p.LastLogin; v.Set {
		set.int("last_login", id, micros(v.Value))
	}
	if v := p.Failures; v.Set {
		set.int("failures", id, int64(v.Value))
	}
	if v := p.LockedUntil; v.Set {
		set.int("locked_until", id, micros(v.Value))
	}
	if v := p.Orgs; v.Set {
		set.int("orgs", id, int64(v.Value))
	}
}

// deleteUsers leaves sessions and IP rules behind: no read finds them without their account, and
// Prune deletes them when they expire.
func (w *session) deleteUsers(ctx context.Context, users []orgusers.UserUpdate) error {
	for i := range parts(len(users)) {
		some := part(users, i)
		var t text
		t.add(`DELETE FROM orgusers_users WHERE `)
		guarded(&t, some)
		if err := w.must(ctx, len(some), "deleted users", &t); err != nil {
			return err
		}
	}
	return nil
}

// guarded is the condition that finds these accounts, each only with its version. The ids stand in
// front once more, so that every planner goes by the primary key and tests the rest; users who share
// a version share a term.
func guarded(t *text, users []orgusers.UserUpdate) {
	ids := make([]orgusers.UserID, len(users))
	byVersion := make(map[int64][]orgusers.UserID)
	var versions []int64
	for i, u := range users {
		ids[i] = u.ID
		if byVersion[u.Version] == nil {
			versions = append(versions, u.Version)
		}
		byVersion[u.Version] = append(byVersion[u.Version], u.ID)
	}
	t.add(`id IN `)
	list(t, ids)
	if len(versions) == 1 {
		t.add(` AND version = ?`, versions[0])
		return
	}
	t.add(` AND `)
	for i, v := range versions {
		t.either(i)
		t.add(`(version = ? AND id IN `, v)
		list(t, byVersion[v])
		t.add(`)`)
	}
	t.endEither()
}
