package sqlstore

import (
	"context"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	touchUser    = `UPDATE orgusers_users SET last_login = ? WHERE id = ? AND last_login < ?`
	touchMembers = `UPDATE orgusers_members SET last_login = ? WHERE user_id = ? AND last_login < ?`
)

// Touch implements [orgusers.Store]. The two statements stand alone: each only raises, and the next
// sign-in makes up for one that was lost.
func (s *Store) Touch(ctx context.Context, user orgusers.UserID, at time.Time) error {
	if user == "" {
		return nil // it would find every pending row
	}
	w, err := s.alone(ctx)
	if err != nil {
		return err
	}
	for _, statement := range []string{touchUser, touchMembers} {
		var t text
		t.add(statement, micros(at), string(user), micros(at))
		if _, err := w.exec(ctx, &t); err != nil {
			return err
		}
	}
	return nil
}
