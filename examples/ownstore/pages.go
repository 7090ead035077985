package ownstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Members is a page in the contract's order, ties included.
func (s *Store) Members(ctx context.Context, q orgusers.MemberQuery) ([]orgusers.Member, error) {
	st, err := s.read(ctx)
	if err != nil || st.Orgs[q.Org] == nil {
		return nil, err
	}
	rows := page(pick(st.Orgs[q.Org].Members, q.Matches), q.Sort.Key, q.Sort.Compare, q.After, q.Descending, q.Limit)
	for i := range rows {
		rows[i] = copied(&rows[i], q.Grants)
	}
	return rows, nil
}

// Organizations is a page of all, or of those an account has joined.
func (s *Store) Organizations(ctx context.Context, q orgusers.OrgQuery) (rows []orgusers.Organization, err error) {
	st, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	joined := func(o *org) bool {
		return len(pick(o.Members, func(m *orgusers.Member) bool { return m.User == q.User })) > 0
	}
	for _, o := range page(pick(st.Orgs, func(o *org) bool { return q.User == "" || joined(o) }),
		func(o *org) orgusers.OrgID { return o.Row.ID }, cmp.Compare[orgusers.OrgID], &q.After, false, q.Limit) {
		rows = append(rows, o.Row.Clone())
	}
	return rows, nil
}

// Audit is a page of the trail. What stands beside the chain shares its places, so ids break ties.
func (s *Store) Audit(ctx context.Context, q orgusers.AuditQuery) ([]orgusers.AuditEntry, error) {
	st, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	rows := pick(st.Audit, func(e *orgusers.AuditEntry) bool {
		return e.Org == q.Org && (e.Chained || !q.Chained) && (q.Action == "" || q.Action == e.Action) &&
			(q.Actor == "" || q.Actor == e.Actor) && (q.Member == "" || q.Member == e.Member) &&
			!e.At.Before(q.From) && (q.To.IsZero() || e.At.Before(q.To))
	})
	return page(rows, func(e *orgusers.AuditEntry) orgusers.AuditKey { return orgusers.AuditKey{Seq: e.Seq, ID: e.ID} },
		func(a, b orgusers.AuditKey) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID)) },
		q.After, q.Descending, q.Limit), nil
}

// page is keyset pagination: sort by key, skip what is not behind the position, cut at the limit.
func page[T, K any](rows []T, key func(*T) K, compare func(a, b K) int, after *K, descending bool, limit int) []T {
	order := compare
	if descending {
		order = func(a, b K) int { return compare(b, a) }
	}
	if after != nil {
		rows = slices.DeleteFunc(rows, func(r T) bool { return order(key(&r), *after) <= 0 })
	}
	slices.SortFunc(rows, func(a, b T) int { return order(key(&a), key(&b)) })
	return rows[:min(len(rows), limit)]
}
