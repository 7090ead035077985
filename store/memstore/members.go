package memstore

import (
	"context"
	"slices"
	"strings"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Members returns one page of a roster.
func (s *Store) Members(ctx context.Context, q orgusers.MemberQuery) ([]orgusers.Member, error) {
	unlock, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	o := s.orgs[q.Org]
	if o == nil {
		return nil, nil
	}
	order := sorts()
	index := o.sorted[max(0, slices.Index(order[:], q.Sort))] // by address, if by nothing else
	behind, walk := all[*member], index.ascend
	if q.Descending {
		behind, walk = none[*member], index.descend
	}
	if q.After != nil {
		// Ascending, the page begins with the first row whose key is greater; descending, with the
		// last one before the first whose key is not less.
		bound := 1
		if q.Descending {
			bound = 0
		}
		behind = func(m *member) bool { return q.Sort.Compare(m.key(q.Sort), *q.After) >= bound }
	}
	search := q.Search
	q.Search = "" // looked for in the text that is folded already
	// Rows are large, so a page is not grown: most fit at once.
	page := make([]orgusers.Member, 0, max(0, min(q.Limit, 64)))
	for m := range walk(behind) {
		if len(page) >= q.Limit {
			break
		}
		if strings.Contains(m.search, search) && q.Matches(&m.Member) {
			page = append(page, m.read(q.Grants))
		}
	}
	return page, nil
}
