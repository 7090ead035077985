package orgusers_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// storeDump is everything a store shows, in values: what a refused call must leave as it was, down
// to the last byte. Secrets are in it as they are stored, so that a change of one is seen too.
type storeDump struct {
	Orgs    []orgDump
	Users   []orgusers.User
	Account []orgusers.AuditEntry // of account matters, which belong to no organization
	Outbox  []orgusers.Effect     // account matters again
}

// orgDump is one organization in a dump.
type orgDump struct {
	Org     orgusers.Organization
	Members []orgusers.Member // with grants
	Stacks  []orgusers.Stack
	Roles   []orgusers.StackRole
	Trail   []orgusers.AuditEntry
	Outbox  []orgusers.Effect // to be carried out, and given up
}

// dumpStore walks all listings of a store. Accounts are found by the rosters and, where nobody's
// roster shows them, by the addresses given.
func dumpStore(tb testing.TB, store orgusers.Store, addresses ...string) storeDump {
	tb.Helper()
	const page = 50
	ctx := world.Ctx()
	var d storeDump
	var keys []orgusers.AddressKey
	for _, s := range addresses {
		a, err := orgusers.ParseAddress(s)
		require.NoError(tb, err)
		keys = append(keys, a.Key)
	}
	for after := orgusers.OrgID(""); ; {
		orgs, err := store.Organizations(ctx, orgusers.OrgQuery{After: after, Limit: page})
		require.NoError(tb, err)
		for i := range orgs {
			after = orgs[i].ID
			d.Orgs = append(d.Orgs, dumpOrg(tb, store, orgs[i]))
		}
		if len(orgs) < page {
			break
		}
	}
	for i := range d.Orgs {
		for k := range d.Orgs[i].Members {
			keys = append(keys, d.Orgs[i].Members[k].Address.Key)
		}
	}
	slices.Sort(keys)
	v, err := store.View(ctx, orgusers.ViewQuery{UserKeys: slices.Compact(keys)})
	require.NoError(tb, err)
	d.Users = v.Users
	slices.SortFunc(d.Users, func(a, b orgusers.User) int { return compareText(a.ID, b.ID) })
	d.Account = dumpTrail(tb, store, "")
	for _, e := range dumpEffects(tb, store, "") {
		if e.Org == "" {
			d.Outbox = append(d.Outbox, e)
		}
	}
	return d
}

func dumpOrg(tb testing.TB, store orgusers.Store, org orgusers.Organization) orgDump {
	tb.Helper()
	const page = 50
	ctx := world.Ctx()
	v, err := store.View(ctx, orgusers.ViewQuery{Org: org.ID, AllStack: true, Roles: true})
	require.NoError(tb, err)
	require.Equal(tb, org, v.Org, "a listing and a view show the same organization")
	d := orgDump{Org: v.Org, Stacks: v.Stacks, Roles: v.Roles}
	slices.SortFunc(d.Stacks, func(a, b orgusers.Stack) int { return compareText(a.ID, b.ID) })
	slices.SortFunc(d.Roles, func(a, b orgusers.StackRole) int { return compareText(a.ID, b.ID) })
	q := orgusers.MemberQuery{Org: org.ID, Sort: orgusers.SortEmail, Limit: page, Grants: true}
	for {
		members, err := store.Members(ctx, q)
		require.NoError(tb, err)
		d.Members = append(d.Members, members...)
		if len(members) < page {
			break
		}
		key := q.Sort.Key(&members[len(members)-1])
		q.After = &key
	}
	d.Trail = dumpTrail(tb, store, org.ID)
	d.Outbox = dumpEffects(tb, store, org.ID)
	return d
}

func dumpTrail(tb testing.TB, store orgusers.Store, org orgusers.OrgID) []orgusers.AuditEntry {
	tb.Helper()
	const page = 50
	var all []orgusers.AuditEntry
	q := orgusers.AuditQuery{Org: org, Limit: page}
	for {
		entries, err := store.Audit(world.Ctx(), q)
		require.NoError(tb, err)
		all = append(all, entries...)
		if len(entries) < page {
			return all
		}
		last := &entries[len(entries)-1]
		q.After = &orgusers.AuditKey{Seq: last.Seq, ID: last.ID}
	}
}

func dumpEffects(tb testing.TB, store orgusers.Store, org orgusers.OrgID) []orgusers.Effect {
	tb.Helper()
	const page = 50
	var all []orgusers.Effect
	for _, dead := range []bool{false, true} {
		q := orgusers.EffectQuery{Org: org, Dead: dead, Limit: page}
		for {
			effects, err := store.Effects(world.Ctx(), q)
			require.NoError(tb, err)
			all = append(all, effects...)
			if len(effects) < page {
				break
			}
			q.After = effects[len(effects)-1].ID
		}
	}
	return all
}

// of returns one organization of a dump.
func (d storeDump) of(tb testing.TB, id orgusers.OrgID) orgDump {
	tb.Helper()
	i := slices.IndexFunc(d.Orgs, func(o orgDump) bool { return o.Org.ID == id })
	require.GreaterOrEqual(tb, i, 0, "the organization is in the dump")
	return d.Orgs[i]
}

// beside takes out the entries that stand beside the audit chain: what a refused or skipped attempt
// may leave, and nothing else may. It returns them, and what is left.
func (d storeDump) beside() (storeDump, []orgusers.AuditEntry) {
	var taken []orgusers.AuditEntry
	chainOnly := func(trail []orgusers.AuditEntry) []orgusers.AuditEntry {
		var left []orgusers.AuditEntry
		for _, e := range trail {
			if e.Chained {
				left = append(left, e)
			} else {
				taken = append(taken, e)
			}
		}
		return left
	}
	orgs := slices.Clone(d.Orgs)
	for i := range orgs {
		orgs[i].Trail = chainOnly(orgs[i].Trail)
	}
	d.Orgs = orgs
	var changes []orgusers.AuditEntry // entries of account matters are never chained
	for _, e := range d.Account {
		if e.Result == orgusers.Refused {
			taken = append(taken, e)
		} else {
			changes = append(changes, e)
		}
	}
	d.Account = changes
	return d, taken
}

// entriesSince returns the entries of all trails that are in d and not in before.
func (d storeDump) entriesSince(before storeDump) []orgusers.AuditEntry {
	known := map[orgusers.EntryID]bool{}
	for _, e := range before.entries() {
		known[e.ID] = true
	}
	return slices.DeleteFunc(d.entries(), func(e orgusers.AuditEntry) bool { return known[e.ID] })
}

func (d storeDump) entries() []orgusers.AuditEntry {
	all := slices.Clone(d.Account)
	for i := range d.Orgs {
		all = append(all, d.Orgs[i].Trail...)
	}
	return all
}

func compareText[T ~string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
