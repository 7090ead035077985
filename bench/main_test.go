package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSmall goes through everything once, on SQLite, with little of each. The two hands must have come
// to the same: as many people, entries, mails and quotas, and a tally that is right. Else they were not
// compared doing the same.
func TestSmall(t *testing.T) {
	ctx := context.Background()
	e, err := start("sqlite", t.TempDir(), false)
	require.NoError(t, err)
	o := options{sizes: []int{1000}, many: 2 * workers, rounds: 2, mix: 200 * time.Millisecond, people: 1000}
	b, err := prepare(ctx, e, o)
	require.NoError(t, err)
	defer b.close()

	alike := func(orgs [2]*org) {
		t.Helper()
		var found [2][]int
		for which, o := range orgs {
			for _, q := range []string{
				`SELECT COUNT(*) FROM orgusers_members WHERE status <> 'pending' AND org_id = ?`,
				`SELECT tally_members FROM orgusers_organizations WHERE id = ?`,
				`SELECT COUNT(*) FROM orgusers_members WHERE status = 'pending' AND org_id = ?`,
				`SELECT tally_pending FROM orgusers_organizations WHERE id = ?`,
				`SELECT COUNT(*) FROM orgusers_members WHERE role = 'admin' AND status = 'active' AND org_id = ?`,
				`SELECT tally_admins FROM orgusers_organizations WHERE id = ?`,
				`SELECT COUNT(*) FROM orgusers_audit WHERE chained = 1 AND org_id = ?`,
				`SELECT audit_seq FROM orgusers_organizations WHERE id = ?`,
				`SELECT COUNT(*) FROM orgusers_users WHERE id <> '' AND mfa_reset_link <> '' AND id IN (SELECT user_id FROM orgusers_members WHERE org_id = ?)`,
			} {
				var n int
				require.NoError(t, b.db.QueryRow(q, string(o.id)).Scan(&n), q)
				found[which] = append(found[which], n)
			}
			for i := 0; i < 8; i += 2 {
				require.Equal(t, found[which][i], found[which][i+1], "the tally of hand %d: %v", which, found[which])
			}
		}
		require.Equal(t, found[ours], found[theirs])
	}
	mails := func(o *org) (n int) {
		require.NoError(t, b.db.QueryRow(`SELECT COUNT(*) FROM orgusers_outbox WHERE org_id = ?`, string(o.id)).Scan(&n))
		return n
	}
	require.Equal(t, mails(b.masses.orgs[ours][0]), mails(b.masses.orgs[theirs][0]))
	alike([2]*org{b.masses.orgs[ours][0], b.masses.orgs[theirs][0]})

	var r result
	o.parts = []string{"operations"}
	require.NoError(t, b.all(ctx, o, &r))
	for _, s := range b.scales {
		for i := range s.orgs[ours] {
			alike([2]*org{s.orgs[ours][i], s.orgs[theirs][i]})
		}
	}
	for _, o := range b.ops() {
		figures := slices.DeleteFunc(slices.Clone(r.Operations), func(f figure) bool { return f.Op != o.name })
		require.NotEmpty(t, figures, o.name)
		for _, f := range figures {
			require.Positive(t, min(f.Lib, f.Raw), o.name)
			require.Positive(t, min(f.StLib.Reads, f.StRaw.Reads), o.name)
		}
	}

	o.parts = allParts[1:]
	require.NoError(t, b.all(ctx, o, &r))
	for _, m := range r.Mixed {
		require.Zero(t, m.Errors[ours], m.Error)
	}
	require.Len(t, r.Mixed, 2)
	require.Len(t, r.Exports, 1)
	require.Equal(t, 1000, r.Import.People)
	require.Zero(t, int(r.Check.Allocations))
	for _, k := range r.Bulks {
		for _, st := range k.Lib {
			require.Equal(t, k.Lib[0], st, "%s: %v", k.Op, k.Lib) // P3
		}
	}
	text := report(map[string]*result{"sqlite": &r})
	for _, part := range []string{"transfer", "P3", "P5", "P6", "P7", "P9", "P10", "P12"} {
		require.Contains(t, text, part)
	}

	before := r
	o.parts = []string{"export"}
	ended, end := context.WithCancel(ctx)
	end()
	require.Error(t, b.all(ended, o, &r))
	require.Equal(t, before, r, "a part that fails leaves what there is")
	b.settings, o.parts = "others", []string{"start"}
	require.NoError(t, b.all(ctx, o, &r))
	require.Equal(t, "others", r.Env.Settings)
	require.Empty(t, r.Operations, "what was measured at other settings")
	require.Positive(t, r.Start.Lib)
}
