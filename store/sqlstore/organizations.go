package sqlstore

import (
	"context"
	"database/sql"

	"github.com/orgusers/go-orgusers/orgusers"
)

const organizationColumns = `o.id, o.name, o.disabled, o.owner_id, o.settings, o.plan, o.transfer,
 o.tally_members, o.tally_pending, o.tally_admins, o.tally_stacks, o.audit_seq, o.audit_head, o.left_at, o.created_at, o.version`

// organizationRow takes a row of organizationColumns.
type organizationRow struct {
	o                           orgusers.Organization
	settings, plan, transfer    string
	disabled, leftAt, createdAt int64
}

func (r *organizationRow) dest() []any {
	o := &r.o
	return []any{
		(*string)(&o.ID), &o.Name, &r.disabled, (*string)(&o.OwnerID), &r.settings, &r.plan, &r.transfer,
		&o.Tally.Members, &o.Tally.Pending, &o.Tally.Admins, &o.Tally.Stacks, &o.AuditSeq, &o.AuditHead, &r.leftAt, &r.createdAt, &o.Version,
	}
}

func (r *organizationRow) value() (orgusers.Organization, error) {
	o := r.o
	o.Disabled, o.LeftAt, o.CreatedAt = r.disabled != 0, fromMicros(r.leftAt), fromMicros(r.createdAt)
	var err error
	if o.Settings, err = decodeSettings(r.settings); err != nil {
		return o, err
	}
	if o.Plan, err = decodePlan(r.plan); err != nil {
		return o, err
	}
	o.Transfer, err = decodeTransfer(r.transfer)
	return o, err
}

// guardOrganization writes the organization where its version still stands. Every column is
// written: telling which have changed would take a read.
const guardOrganization = `UPDATE orgusers_organizations SET version = version + 1,
 name = ?, disabled = ?, owner_id = ?, settings = ?, plan = ?, transfer = ?,
 tally_members = ?, tally_pending = ?, tally_admins = ?, tally_stacks = ?, audit_seq = ?, audit_head = ?, left_at = ?, created_at = ?
 WHERE id = ? AND version = ?`

const insertOrganization = `INSERT INTO orgusers_organizations
 (name, disabled, owner_id, settings, plan, transfer,
 tally_members, tally_pending, tally_admins, tally_stacks, audit_seq, audit_head, left_at, created_at, id, version)
 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// putOrganization is the first statement of a commit.
func (w *session) putOrganization(ctx context.Context, o *orgusers.Organization, isNew bool) error {
	var t text
	t.add(guardOrganization)
	if isNew {
		t.sql.Reset()
		t.add(insertOrganization)
	}
	t.args = []any{
		o.Name, flag(o.Disabled), string(o.OwnerID), encodeSettings(&o.Settings), encodePlan(&o.Plan), encodeTransfer(&o.Transfer),
		o.Tally.Members, o.Tally.Pending, o.Tally.Admins, o.Tally.Stacks, o.AuditSeq, o.AuditHead, micros(o.LeftAt), micros(o.CreatedAt),
		string(o.ID), o.Version,
	}
	return w.must(ctx, 1, "organization", &t)
}

const (
	pageOrganizations = `SELECT ` + organizationColumns + `
 FROM orgusers_organizations AS o WHERE o.id > ? ORDER BY o.id LIMIT ?`

	pageJoined = `SELECT ` + organizationColumns + `
 FROM orgusers_members AS m JOIN orgusers_organizations AS o ON o.id = m.org_id
 WHERE m.user_id = ? AND m.org_id > ? ORDER BY m.org_id LIMIT ?`
)

// Organizations implements [orgusers.Store].
func (s *Store) Organizations(ctx context.Context, q orgusers.OrgQuery) ([]orgusers.Organization, error) {
	w, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	var t text
	if q.User == "" {
		t.add(pageOrganizations, string(q.After), limit(q.Limit))
	} else {
		t.add(pageJoined, string(q.User), string(q.After), limit(q.Limit))
	}
	var out []orgusers.Organization
	var r organizationRow
	dest := r.dest()
	err = w.query(ctx, &t, func(rows *sql.Rows) error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		o, err := r.value()
		out = append(out, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// limit is a page's size. The caller has checked it; below 1 it would mean "all" on SQLite (S-173).
func limit(n int) int64 { return int64(max(n, 1)) }
