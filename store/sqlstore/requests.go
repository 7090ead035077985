package sqlstore

import (
	"context"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	requestColumns = `r.id, r.digest, r.report, r.made_at`

	insertRequest = `INSERT INTO orgusers_requests (org_id, id, digest, report, made_at) VALUES (?, ?, ?, ?, ?)`
)

// requestRow takes a row of requestColumns.
type requestRow struct {
	id, digest, report string
	madeAt             int64
}

func (r *requestRow) dest() []any { return []any{&r.id, &r.digest, &r.report, &r.madeAt} }

func (r *requestRow) value(org orgusers.OrgID) orgusers.Request {
	return orgusers.Request{Org: org, ID: r.id, Digest: r.digest, Report: []byte(r.report), At: fromMicros(r.madeAt)}
}

// insertRequest keeps the answer to a request; a second one with its id is a duplicate key. The
// report is JSON and stored as text.
func (w *session) insertRequest(ctx context.Context, r *orgusers.Request) error {
	if r == nil {
		return nil
	}
	var t text
	t.add(insertRequest, string(r.Org), r.ID, r.Digest, string(r.Report), micros(r.At))
	return w.must(ctx, 1, "request", &t)
}
