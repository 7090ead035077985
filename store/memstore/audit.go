package memstore

import (
	"cmp"
	"context"
	"strings"

	"github.com/orgusers/go-orgusers/orgusers"
)

// trail is the audit trail of one organization, or that of account matters, by (Seq, ID).
type trail = ordered[*orgusers.AuditEntry]

func compareEntries(a, b *orgusers.AuditEntry) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), strings.Compare(string(a.ID), string(b.ID)))
}

// append writes entries that have been checked.
func (s *Store) append(entries []orgusers.AuditEntry) {
	for _, e := range entries {
		t := s.trails[e.Org]
		if t == nil {
			t = newOrdered(compareEntries)
			s.trails[e.Org] = t
		}
		t.insert(&e)
	}
}

// Record appends entries beside the chain.
func (s *Store) Record(ctx context.Context, entries []orgusers.AuditEntry, request *orgusers.Request) error {
	unlock, err := s.write(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.checkRecord(entries, request); err != nil {
		return err
	}
	s.append(entries)
	s.answer(request)
	return nil
}

// Audit returns one page of the trail.
func (s *Store) Audit(ctx context.Context, q orgusers.AuditQuery) ([]orgusers.AuditEntry, error) {
	unlock, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	t := s.trails[q.Org]
	if t == nil {
		return nil, nil
	}
	behind, walk := all[*orgusers.AuditEntry], t.ascend
	if q.Descending {
		behind, walk = none[*orgusers.AuditEntry], t.descend
	}
	if q.After != nil {
		at, bound := &orgusers.AuditEntry{Seq: q.After.Seq, ID: q.After.ID}, 1
		if q.Descending {
			bound = 0
		}
		behind = func(e *orgusers.AuditEntry) bool { return compareEntries(e, at) >= bound }
	}
	var page []orgusers.AuditEntry
	for e := range walk(behind) {
		if len(page) >= q.Limit {
			break
		}
		if inTrail(e, &q) {
			page = append(page, *e)
		}
	}
	return page, nil
}

func inTrail(e *orgusers.AuditEntry, q *orgusers.AuditQuery) bool {
	switch {
	case q.Chained && !e.Chained,
		q.Action != "" && e.Action != q.Action,
		q.Actor != "" && e.Actor != q.Actor,
		q.Member != "" && e.Member != q.Member,
		e.At.Before(q.From),
		!q.To.IsZero() && !e.At.Before(q.To):
		return false
	}
	return true
}
