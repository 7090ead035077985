package memstore

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/storetest"
)

// TestStore runs the suite, and after each of its tests looks at the store from the inside.
func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) orgusers.Store {
		t.Helper()
		t.Parallel()
		s := New()
		t.Cleanup(func() { consistent(t, s) })
		return s
	})
}

// consistent requires that whatever is kept twice agrees: each index has what the rows say, and
// nothing that no row says.
func consistent(t *testing.T, s *Store) {
	t.Helper()
	require.Len(t, s.userKeys, len(s.users))
	for id, u := range s.users {
		require.Equal(t, id, u.ID)
		require.Same(t, u, s.userKeys[u.Address.Key])
	}
	rows := 0
	for id, o := range s.orgs {
		require.Equal(t, id, o.row.ID)
		require.True(t, s.orgIDs.has(id))
		rows += len(o.byUser)
		consistentRoster(t, s, o)
		consistentCatalog(t, &o.stacks)
		consistentCatalog(t, &o.roles)
		owned := 0
		for owner, stacks := range o.owned {
			owned += len(stacks)
			for id := range stacks {
				require.Equal(t, owner, o.stacks.byID[id].Owner)
			}
		}
		require.Len(t, o.stacks.byID, owned)
	}
	for _, orgs := range s.joined {
		require.NotEmpty(t, orgs)
		rows -= len(orgs)
	}
	require.Zero(t, rows, "rows found by account in an organization, and by account alone")

	effects := slices.Concat(slices.Collect(s.outbox.live.ascend(all)), slices.Collect(s.outbox.dead.ascend(all)))
	require.Len(t, effects, len(s.outbox.byID))
	require.Len(t, slices.Collect(s.outbox.due.ascend(all)), len(slices.Collect(s.outbox.live.ascend(all))))
}

func consistentRoster(t *testing.T, s *Store, o *organization) {
	t.Helper()
	require.Len(t, o.byKey, len(o.members))
	joined, held := 0, 0
	for id, m := range o.members {
		require.Equal(t, id, m.ID)
		require.Same(t, m, o.byKey[m.Address.Key])
		require.Equal(t, m.Name.SortKey(), m.name)
		require.Equal(t, m.SearchText(), m.search)
		if m.User != "" {
			joined++
			require.Same(t, m, o.byUser[m.User])
			require.Same(t, m, s.joined[m.User][o.row.ID])
		}
		for i := range m.Grants {
			require.Contains(t, o.holders[m.Grants[i].Stack], m)
			if i == 0 || m.Grants[i-1].Stack != m.Grants[i].Stack {
				held++
			}
		}
	}
	require.Len(t, o.byUser, joined)
	for _, holders := range o.holders {
		held -= len(holders)
	}
	require.Zero(t, held, "people without a role are held to have one")
	for i, sort := range sorts() {
		list := slices.Collect(o.sorted[i].ascend(all))
		require.Len(t, list, len(o.members))
		require.True(t, slices.IsSortedFunc(list, func(a, b *member) int { return sort.Compare(sort.Key(&a.Member), sort.Key(&b.Member)) }))
		for _, m := range list {
			require.Same(t, o.members[m.ID], m)
		}
	}
}

func consistentCatalog[ID ~string, T any](t *testing.T, c *catalog[ID, T]) {
	t.Helper()
	require.Len(t, c.byName, len(c.byID))
	for id, v := range c.byID {
		labeled, name := c.labeled(&v)
		require.Equal(t, id, labeled)
		require.Equal(t, id, c.byName[name])
	}
}
