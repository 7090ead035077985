package memstore

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// outbox holds the effects that are still to be carried out and those given up.
type outbox struct {
	byID map[orgusers.EffectID]*orgusers.Effect
	due  *ordered[*orgusers.Effect] // still to come, by (DueAt, ID)
	live *ordered[*orgusers.Effect] // still to come, by ID
	dead *ordered[*orgusers.Effect] // given up, by ID
}

func newOutbox() outbox {
	byID := func(a, b *orgusers.Effect) int { return strings.Compare(string(a.ID), string(b.ID)) }
	return outbox{
		byID: make(map[orgusers.EffectID]*orgusers.Effect),
		due:  newOrdered(func(a, b *orgusers.Effect) int { return cmp.Or(a.DueAt.Compare(b.DueAt), byID(a, b)) }),
		live: newOrdered(byID),
		dead: newOrdered(byID),
	}
}

func (b *outbox) check(effects []orgusers.Effect) error {
	var ids set[orgusers.EffectID]
	for i := range effects {
		if id := effects[i].ID; b.byID[id] != nil || !ids.add(id) {
			return conflict("effect %s exists", id)
		}
	}
	return nil
}

// put adds new effects.
func (b *outbox) put(effects []orgusers.Effect) {
	for _, e := range effects {
		b.byID[e.ID] = &e
		b.file(&e)
	}
}

// file puts an effect into its orders; unfile, before it changes, takes it out.
func (b *outbox) file(e *orgusers.Effect) {
	if e.Dead {
		b.dead.insert(e)
		return
	}
	b.live.insert(e)
	b.due.insert(e)
}

func (b *outbox) unfile(e *orgusers.Effect) {
	if e.Dead {
		b.dead.remove(e)
		return
	}
	b.live.remove(e)
	b.due.remove(e)
}

// Claim leases effects that are due.
func (s *Store) Claim(ctx context.Context, q orgusers.ClaimQuery) ([]orgusers.Effect, error) {
	unlock, err := s.write(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var claimed []orgusers.Effect
	for e := range s.outbox.due.ascend(all) {
		if len(claimed) >= q.Limit || e.DueAt.After(q.Now) {
			break
		}
		if e.LeaseUntil.After(q.Now) {
			continue
		}
		e.Lease, e.LeaseUntil = q.Lease, q.Until // neither is what the orders compare
		e.Attempts++
		claimed = append(claimed, *e)
	}
	return claimed, nil
}

// Settle ends leases.
func (s *Store) Settle(ctx context.Context, settlements []orgusers.Settlement) error {
	unlock, err := s.write(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for i := range settlements {
		st := &settlements[i]
		e := s.outbox.byID[st.ID]
		if e == nil || e.Lease == "" || e.Lease != st.Lease {
			continue
		}
		s.outbox.unfile(e)
		if st.Done {
			delete(s.outbox.byID, e.ID)
			continue
		}
		e.Lease, e.LeaseUntil = "", time.Time{}
		e.Dead, e.DueAt, e.LastError = st.Dead, st.DueAt, st.LastError
		if st.Untried {
			e.Attempts--
		}
		s.outbox.file(e)
	}
	return nil
}

// Effects returns one page of the outbox.
func (s *Store) Effects(ctx context.Context, q orgusers.EffectQuery) ([]orgusers.Effect, error) {
	unlock, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	effects := s.outbox.live
	if q.Dead {
		effects = s.outbox.dead
	}
	var page []orgusers.Effect
	for e := range effects.ascend(func(e *orgusers.Effect) bool { return strings.Compare(string(e.ID), string(q.After)) > 0 }) {
		if len(page) >= q.Limit {
			break
		}
		if q.Org == "" || e.Org == q.Org {
			page = append(page, *e)
		}
	}
	return page, nil
}

// Requeue makes dead effects due again.
func (s *Store) Requeue(ctx context.Context, ids []orgusers.EffectID, due time.Time) (int, error) {
	unlock, err := s.write(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	n := 0
	for _, id := range ids {
		e := s.outbox.byID[id]
		if e == nil || !e.Dead {
			continue
		}
		s.outbox.unfile(e)
		e.Dead, e.DueAt, e.Attempts, e.LastError = false, due, 0, ""
		s.outbox.file(e)
		n++
	}
	return n, nil
}
