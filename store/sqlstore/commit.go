package sqlstore

import (
	"context"
	"errors"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Commit implements [orgusers.Store]. It costs one statement for each kind of record changed, per
// 1,024 rows.
//
// The first statement is a write guarded by a version, so that two commits that could disturb each
// other meet there, on any database and under any isolation level. Accounts come next, in the order
// of their ids. Rows go before others change, and those before new ones come, so that a name or an
// address that one row gives up can be taken by another.
func (s *Store) Commit(ctx context.Context, c orgusers.Changes) error {
	var org orgusers.OrgID
	if c.Org != nil {
		org = c.Org.ID
	} else if len(c.NewMembers)+len(c.Members)+len(c.DeleteMembers)+len(c.Revoked)+len(c.Granted)+
		len(c.NewStacks)+len(c.Stacks)+len(c.DeleteStacks)+len(c.NewRoles)+len(c.Roles)+len(c.DeleteRoles) > 0 {
		return errors.New("sqlstore: changes to an organization without its guard")
	}
	return s.write(ctx, func(w *session) error {
		for _, step := range []func() error{
			func() error {
				if c.Org == nil {
					return nil
				}
				return w.putOrganization(ctx, c.Org, c.NewOrg)
			},
			func() error { return w.updateUsers(ctx, c.Users) },
			func() error { return w.deleteUsers(ctx, c.DeleteUsers) },
			func() error { return w.insertUsers(ctx, c.NewUsers) },
			func() error { return w.changeSessions(ctx, c.DeleteSessions, c.NewSessions) },
			func() error { return w.deleteIPRules(ctx, c.DeleteIPRules) },
			func() error { return w.insertIPRules(ctx, c.NewIPRules) },

			func() error { return w.insertRequest(ctx, c.Request) },
			func() error { return w.deleteMembers(ctx, org, c.DeleteMembers) },
			func() error { return w.updateMembers(ctx, org, c.Members) },
			func() error { return w.insertMembers(ctx, c.NewMembers) },
			func() error { return w.copyProfiles(ctx, c.Profiles) }, // to who joined just now too
			func() error { return w.revoke(ctx, org, c.Revoked) },
			func() error { return w.insertGrants(ctx, org, c.Granted) },

			func() error { return deleteRows(ctx, w, "orgusers_stacks", org, c.DeleteStacks) },
			func() error { return w.updateStacks(ctx, org, c.Stacks) },
			func() error { return w.insertStacks(ctx, c.NewStacks) },
			func() error { return deleteRows(ctx, w, "orgusers_stack_roles", org, c.DeleteRoles) },
			func() error { return w.updateRoles(ctx, org, c.Roles) },
			func() error { return w.insertRoles(ctx, c.NewRoles) },

			func() error { return w.insertAudit(ctx, c.Audit) },
			func() error { return w.insertEffects(ctx, c.Effects) },
			func() error { return w.countCommit(ctx, c.Counters) }, // last, because organizations share them
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Record implements [orgusers.Store]. The request comes first, so that a second answer to it writes
// nothing even inside a host's transaction.
func (s *Store) Record(ctx context.Context, entries []orgusers.AuditEntry, request *orgusers.Request) error {
	return s.write(ctx, func(w *session) error {
		if err := w.insertRequest(ctx, request); err != nil {
			return err
		}
		return w.insertAudit(ctx, entries)
	})
}
