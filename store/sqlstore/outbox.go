package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	insertEffects = `INSERT INTO orgusers_outbox (id, org_id, operation_id, kind, member_id, user_id, mail, ends_before, created_at,
 due_at, attempts, lease_until, lease, last_error, dead)`

	effectColumns = `e.id, e.org_id, e.operation_id, e.kind, e.member_id, e.user_id, e.mail, e.ends_before, e.created_at,
 e.due_at, e.attempts, e.lease_until, e.lease, e.last_error, e.dead`

	// Who may be leased: due, not given up, and nobody's.
	claimable = `dead = 0 AND due_at <= ? AND lease_until <= ?`

	findDue = `SELECT id FROM orgusers_outbox WHERE ` + claimable + ` ORDER BY due_at, id LIMIT ?`
)

func (w *session) insertEffects(ctx context.Context, effects []orgusers.Effect) error {
	for i := range parts(len(effects)) {
		some := part(effects, i)
		var t text
		t.add(insertEffects)
		t.rows(len(some), 15)
		for i := range some {
			e := &some[i]
			t.args = append(t.args, string(e.ID), string(e.Org), string(e.Operation), string(e.Kind), string(e.Member), string(e.User),
				encodeMail(&e.Mail), micros(e.Before), micros(e.CreatedAt),
				micros(e.DueAt), int64(e.Attempts), micros(e.LeaseUntil), e.Lease, e.LastError, flag(e.Dead))
		}
		if err := w.must(ctx, len(some), "effects", &t); err != nil {
			return err
		}
	}
	return nil
}

func (w *session) readEffects(ctx context.Context, t *text) ([]orgusers.Effect, error) {
	var out []orgusers.Effect
	var e orgusers.Effect
	var mail string
	var before, createdAt, dueAt, attempts, leaseUntil, dead int64
	dest := []any{
		(*string)(&e.ID), (*string)(&e.Org), (*string)(&e.Operation), (*string)(&e.Kind), (*string)(&e.Member), (*string)(&e.User),
		&mail, &before, &createdAt, &dueAt, &attempts, &leaseUntil, &e.Lease, &e.LastError, &dead,
	}
	err := w.query(ctx, t, func(rows *sql.Rows) error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		e.Before, e.CreatedAt, e.DueAt, e.LeaseUntil = fromMicros(before), fromMicros(createdAt), fromMicros(dueAt), fromMicros(leaseUntil)
		e.Attempts, e.Dead = int(attempts), dead != 0
		var err error
		e.Mail, err = decodeMail(mail)
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Claim implements [orgusers.Store]: find, take, read what was taken. The statement that takes
// repeats what makes an effect free to take, so of two callers who found the same one only one gets
// it; whoever comes away empty-handed looks again. With nothing due it costs one read and no write.
func (s *Store) Claim(ctx context.Context, q orgusers.ClaimQuery) ([]orgusers.Effect, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	for range 5 {
		found, err := w.due(ctx, &q)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		var out []orgusers.Effect
		for i := range parts(len(found)) {
			taken, err := w.take(ctx, &q, part(found, i))
			if err != nil {
				return nil, err
			}
			out = append(out, taken...)
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return nil, nil
}

// due returns what is free to take, oldest first.
func (w *session) due(ctx context.Context, q *orgusers.ClaimQuery) ([]orgusers.EffectID, error) {
	var t text
	t.add(findDue, micros(q.Now), micros(q.Now), limit(q.Limit))
	var ids []orgusers.EffectID
	err := w.query(ctx, &t, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, orgusers.EffectID(id))
		return err
	})
	return ids, err
}

// take leases those of the effects that are still free, and returns them.
func (w *session) take(ctx context.Context, q *orgusers.ClaimQuery, ids []orgusers.EffectID) ([]orgusers.Effect, error) {
	var t text
	t.add(`UPDATE orgusers_outbox SET attempts = attempts + 1, lease = ?, lease_until = ? WHERE id IN `, q.Lease, micros(q.Until))
	list(&t, ids)
	t.add(` AND `+claimable, micros(q.Now), micros(q.Now))
	taken, err := w.exec(ctx, &t)
	if err != nil || taken == 0 {
		return nil, err
	}
	var read text
	read.add(`SELECT ` + effectColumns + ` FROM orgusers_outbox AS e WHERE e.id IN `)
	list(&read, ids)
	read.add(` AND e.lease = ?`, q.Lease)
	out, err := w.readEffects(ctx, &read)
	slices.SortFunc(out, func(a, b orgusers.Effect) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), strings.Compare(string(a.ID), string(b.ID)))
	})
	return out, err
}

// Settle implements [orgusers.Store]. What is done goes in one statement for each lease, the rest in
// one for each lease and way of ending; the statements stand alone, because each effect does.
func (s *Store) Settle(ctx context.Context, settled []orgusers.Settlement) error {
	w, err := s.alone(ctx)
	if err != nil {
		return err
	}
	var order []ending
	groups := make(map[ending][]orgusers.Settlement)
	for _, s := range settled {
		if s.Lease == "" {
			continue // nobody holds it
		}
		e := ending{lease: s.Lease, done: true}
		if !s.Done {
			e = ending{lease: s.Lease, dead: s.Dead, untried: s.Untried}
		}
		if groups[e] == nil {
			order = append(order, e)
		}
		groups[e] = append(groups[e], s)
	}
	for _, e := range order {
		for i := range parts(len(groups[e])) {
			if err := w.settle(ctx, e, part(groups[e], i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// ending is what the settlements of one statement have in common.
type ending struct {
	lease               string
	done, dead, untried bool
}

func (w *session) settle(ctx context.Context, e ending, settled []orgusers.Settlement) error {
	var set assignments
	ids := make([]orgusers.EffectID, len(settled))
	for i, s := range settled {
		ids[i] = s.ID
		set.text("last_error", string(s.ID), s.LastError)
		set.int("due_at", string(s.ID), micros(s.DueAt))
	}
	var t text
	if e.done {
		t.add(`DELETE FROM orgusers_outbox`)
	} else {
		t.add(`UPDATE orgusers_outbox SET lease = '', lease_until = ?, dead = ?, attempts = attempts - ?`, int64(never), flag(e.dead), flag(e.untried))
		set.write(&t, len(settled))
	}
	t.add(` WHERE id IN `)
	list(&t, ids)
	t.add(` AND lease = ?`, e.lease)
	_, err := w.exec(ctx, &t)
	return err
}

// Effects implements [orgusers.Store]. What is still to come may be much and is walked by id; what was
// given up is found by its index and sorted.
func (s *Store) Effects(ctx context.Context, q orgusers.EffectQuery) ([]orgusers.Effect, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	var t text
	dead := `COALESCE(e.dead, 0) = 0`
	if q.Dead {
		dead = `e.dead = 1`
	}
	t.add(`SELECT `+effectColumns+` FROM orgusers_outbox AS e WHERE `+dead+` AND e.id > ?`, string(q.After))
	if q.Org != "" {
		t.add(` AND e.org_id = ?`, string(q.Org))
	}
	t.add(` ORDER BY e.id LIMIT ?`, limit(q.Limit))
	return w.readEffects(ctx, &t)
}

// Requeue implements [orgusers.Store].
func (s *Store) Requeue(ctx context.Context, ids []orgusers.EffectID, due time.Time) (int, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return 0, err
	}
	ids = distinct(ids)
	found := 0
	for i := range parts(len(ids)) {
		var t text
		t.add(`UPDATE orgusers_outbox SET dead = 0, due_at = ?, attempts = 0, lease_until = ?, lease = '', last_error = ''
 WHERE dead = 1 AND id IN `, micros(due), int64(never))
		list(&t, part(ids, i))
		n, err := w.exec(ctx, &t)
		found += int(n)
		if err != nil {
			return found, err
		}
	}
	return found, nil
}
