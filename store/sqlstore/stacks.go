package sqlstore

import (
	"context"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	insertStacks = `INSERT INTO orgusers_stacks (org_id, id, name, owner_id, created_at, revision)`
	insertRoles  = `INSERT INTO orgusers_stack_roles (org_id, id, name, description, permissions, revision)`
)

func (w *session) insertStacks(ctx context.Context, stacks []orgusers.Stack) error {
	for i := range parts(len(stacks)) {
		some := part(stacks, i)
		var t text
		t.add(insertStacks)
		t.rows(len(some), 6)
		for i := range some {
			s := &some[i]
			t.args = append(t.args, string(s.Org), string(s.ID), s.Name, string(s.Owner), micros(s.CreatedAt), int64(1))
		}
		if err := w.must(ctx, len(some), "new stacks", &t); err != nil {
			return err
		}
	}
	return nil
}

func (w *session) updateStacks(ctx context.Context, org orgusers.OrgID, stacks []orgusers.Stack) error {
	for i := range parts(len(stacks)) {
		some := part(stacks, i)
		var set assignments
		ids := make([]orgusers.StackID, len(some))
		for i := range some {
			s := &some[i]
			ids[i] = s.ID
			set.text("name", string(s.ID), s.Name)
			set.text("owner_id", string(s.ID), string(s.Owner))
			set.int("created_at", string(s.ID), micros(s.CreatedAt))
		}
		var t text
		t.add(`UPDATE orgusers_stacks SET revision = revision + 1`)
		set.write(&t, len(some))
		t.add(` WHERE `)
		among(w, &t, ``, `id`, org, ids)
		if err := w.must(ctx, len(some), "stacks", &t); err != nil {
			return err
		}
	}
	return nil
}

func (w *session) insertRoles(ctx context.Context, roles []orgusers.StackRole) error {
	for i := range parts(len(roles)) {
		some := part(roles, i)
		var t text
		t.add(insertRoles)
		t.rows(len(some), 6)
		for i := range some {
			r := &some[i]
			t.args = append(t.args, string(r.Org), string(r.ID), r.Name, r.Description, encodePermissions(r.Permissions), int64(1))
		}
		if err := w.must(ctx, len(some), "new roles", &t); err != nil {
			return err
		}
	}
	return nil
}

func (w *session) updateRoles(ctx context.Context, org orgusers.OrgID, roles []orgusers.StackRole) error {
	for i := range parts(len(roles)) {
		some := part(roles, i)
		var set assignments
		ids := make([]orgusers.RoleID, len(some))
		for i := range some {
			r := &some[i]
			ids[i] = r.ID
			set.text("name", string(r.ID), r.Name)
			set.text("description", string(r.ID), r.Description)
			set.text("permissions", string(r.ID), encodePermissions(r.Permissions))
		}
		var t text
		t.add(`UPDATE orgusers_stack_roles SET revision = revision + 1`)
		set.write(&t, len(some))
		t.add(` WHERE `)
		among(w, &t, ``, `id`, org, ids)
		if err := w.must(ctx, len(some), "roles", &t); err != nil {
			return err
		}
	}
	return nil
}

// deleteRows deletes rows of a table that is kept per organization; each must exist.
func deleteRows[T ~string](ctx context.Context, w *session, table string, org orgusers.OrgID, ids []T) error {
	for i := range parts(len(ids)) {
		some := part(ids, i)
		var t text
		t.add(`DELETE FROM ` + table + ` WHERE `)
		among(w, &t, ``, `id`, org, some)
		if err := w.must(ctx, len(some), "deleted rows of "+table, &t); err != nil {
			return err
		}
	}
	return nil
}
