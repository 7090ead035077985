package suite

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// tamperingIsFound alters a trail in every way somebody could who can write to the database, but
// does not have the keys.
func tamperingIsFound(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	x, other := newTeam(t, w, "acme"), newTeam(t, w, "other")
	history(x)
	history(other)
	trail, foreign := w.Trail(x.ID), w.Trail(other.ID)
	require.Greater(t, len(trail), 12)
	chain := slices.DeleteFunc(slices.Clone(trail), func(e orgusers.AuditEntry) bool { return !e.Chained })
	notes := slices.DeleteFunc(slices.Clone(trail), func(e orgusers.AuditEntry) bool { return e.Chained })
	require.Greater(t, len(chain), 8)
	require.Greater(t, len(notes), 3)

	verify := func() *orgusers.Verification {
		t.Helper()
		v, err := x.Admin().Verify(world.Ctx())
		require.NoError(t, err)
		return &v
	}
	inOrder := func(a, b orgusers.AuditEntry) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), strings.Compare(string(a.ID), string(b.ID)))
	}
	found := func(what string, forged []orgusers.AuditEntry) {
		t.Helper()
		for sorted := range 2 {
			store.with(func(f *faulty) {
				f.entries = func([]orgusers.AuditEntry) []orgusers.AuditEntry { return slices.Clone(forged) }
			})
			v := verify()
			require.False(t, v.OK(), "%s, put in order: %d", what, sorted)
			if slices.IsSortedFunc(forged, inOrder) {
				break
			}
			slices.SortStableFunc(forged, inOrder) // as a store would return them
		}
		store.heal()
	}
	require.True(t, verify().OK())

	for i, e := range trail {
		if !soaking() && i > 0 && i < len(trail)-2 && i != len(trail)/2 {
			continue // the first, the last and one between, of both kinds, will do
		}
		typ := reflect.TypeOf(e)
		for j := range typ.NumField() {
			for n, value := range edits(reflect.ValueOf(e).Field(j)) {
				forged := slices.Clone(trail)
				reflect.ValueOf(&forged[i]).Elem().Field(j).Set(value)
				found(fmt.Sprintf("entry %d (chained %t): edit %d of %s", i, e.Chained, n, typ.Field(j).Name), forged)
			}
		}
	}
	at := func(e orgusers.AuditEntry) int {
		return slices.IndexFunc(trail, func(o orgusers.AuditEntry) bool { return o.ID == e.ID })
	}
	for i, e := range chain {
		found(fmt.Sprintf("entry %d of the chain deleted", i+1), slices.Delete(slices.Clone(trail), at(e), at(e)+1))
		found(fmt.Sprintf("entry %d of the chain doubled", i+1), slices.Insert(slices.Clone(trail), at(e), e))
		for j, later := range chain[i+1:] {
			if !soaking() && j > 0 && j < len(chain)-i-2 {
				continue // neighbours, and the last
			}
			a, b := at(e), at(later)
			forged := slices.Clone(trail)
			forged[a], forged[b] = forged[b], forged[a]
			forged[a].Seq, forged[b].Seq = forged[b].Seq, forged[a].Seq
			found("two entries swapped", forged)
			forged = slices.Clone(trail)
			forged[a].Seq, forged[b].Seq = forged[b].Seq, forged[a].Seq
			found("two numbers swapped", forged)
			forged = slices.Clone(trail)
			forged[a].Seal, forged[b].Seal = forged[b].Seal, forged[a].Seal
			found("two seals swapped", forged)
		}
		tail := slices.DeleteFunc(slices.Clone(trail), func(o orgusers.AuditEntry) bool { return o.Seq >= e.Seq })
		found(fmt.Sprintf("the tail cut before %d", e.Seq), tail)

		// A record made up from a genuine one, in the middle and behind the end.
		forged := e
		forged.ID, forged.After = orgusers.EntryID("0"+string(e.ID)[1:]), "role=admin"
		found("an entry inserted", slices.Insert(slices.Clone(trail), at(e), forged))
		forged.Seq = int64(len(chain)) + 1
		found("an entry appended", append(slices.Clone(trail), forged))
		found("an entry appended as it was, with the next number", append(slices.Clone(trail), func() orgusers.AuditEntry { d := e; d.Seq = int64(len(chain)) + 1; return d }()))
		forged.Chained = false
		found("an entry made up beside the chain", append(slices.Clone(trail), forged))
	}
	found("everything deleted", nil)
	found("the chain of another organization", foreign)
	for _, e := range foreign {
		found("an entry of another organization appended", append(slices.Clone(trail), e))
		moved := e
		moved.Org = x.ID
		found("an entry of another organization moved here", append(slices.Clone(trail), moved))
		moved.Seq = int64(len(chain)) + 1
		found("an entry of another organization moved here, with the next number", append(slices.Clone(trail), moved))
	}
	for _, n := range notes {
		moved := n
		moved.Seq = int64(len(chain)) + 5
		found("a refusal moved behind the end", append(slices.Delete(slices.Clone(trail), at(n), at(n)+1), moved))
	}

	// The organization's own row is altered.
	for name, lie := range map[string]func(*orgusers.Organization){
		"a lower count":  func(o *orgusers.Organization) { o.AuditSeq-- },
		"a higher count": func(o *orgusers.Organization) { o.AuditSeq++ },
		"another seal":   func(o *orgusers.Organization) { o.AuditHead = chain[0].Seal },
		"no seal":        func(o *orgusers.Organization) { o.AuditHead = "" },
		"no history":     func(o *orgusers.Organization) { o.AuditSeq, o.AuditHead = 0, "" },
		"an older state": func(o *orgusers.Organization) { o.AuditSeq, o.AuditHead = 3, chain[2].Seal },
	} {
		store.with(func(f *faulty) { f.view = func(v *orgusers.View) { lie(&v.Org) } })
		require.False(t, verify().OK(), name)
	}
	store.heal()

	// Rows and head rolled back together cannot be told from the past, save by a head kept elsewhere.
	whole := verify()
	require.True(t, whole.OK())
	require.Equal(t, []any{int64(len(chain)), int64(len(notes)), chain[len(chain)-1].Seal}, []any{whole.Entries, whole.Beside, whole.Head})
	short := slices.DeleteFunc(slices.Clone(trail), func(o orgusers.AuditEntry) bool { return o.Seq > 5 })
	store.with(func(f *faulty) {
		f.entries = func([]orgusers.AuditEntry) []orgusers.AuditEntry { return slices.Clone(short) }
		f.view = func(v *orgusers.View) { v.Org.AuditSeq, v.Org.AuditHead = 5, chain[4].Seal }
	})
	require.NotEqual(t, whole.Head, verify().Head)
	store.heal()
	require.Equal(t, whole, verify())

	// Support sees the same.
	v, err := w.Operator().Verify(world.Ctx(), x.ID)
	require.NoError(t, err)
	require.Equal(t, *whole, v)
	store.with(func(f *faulty) {
		f.entries = func([]orgusers.AuditEntry) []orgusers.AuditEntry { return slices.Clone(short) }
	})
	v, err = w.Operator().Verify(world.Ctx(), x.ID)
	require.NoError(t, err)
	require.False(t, v.OK())
}

// history fills a trail with entries that have something in every field, chained and beside.
func history(x team) {
	x.t.Helper()
	ctx := world.Ctx()
	door := func(i int) orgusers.Admin { return x.asked(fmt.Sprint("request-", i)) }
	stack, err := door(1).CreateStack(ctx, "Website")
	require.NoError(x.t, err)
	access := []orgusers.StackAccess{{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}
	for i, op := range []orgusers.Operation{
		orgusers.SetRole{Role: orgusers.RoleAdmin},
		orgusers.SetRole{Role: orgusers.RoleMember},
		orgusers.SetStacks{Stacks: access},
		orgusers.Deactivate{},
		orgusers.Reactivate{},
		orgusers.ForcePasswordReset{},
	} {
		_, err := door(10+i).Apply(ctx, op, x.member.ID, x.owner.ID) // the owner is skipped in most
		require.NoError(x.t, err)
		_, err = x.As(x.admin).Apply(ctx, orgusers.Remove{}, x.owner.ID) // beside the chain
		require.NoError(x.t, err)
	}
	require.Error(x.t, x.As(x.admin).OfferOwnership(ctx, x.email("member")))
	require.NoError(x.t, door(20).ExportCSV(ctx, io.Discard, orgusers.ExportOptions{}))
	require.NoError(x.t, x.w.Operator().RenameOrganization(ctx, x.ID, "Renamed"))
}

// edits are values close to v, each of which must be noticed.
func edits(v reflect.Value) []reflect.Value {
	var out []reflect.Value
	switch old := v.Interface().(type) {
	case time.Time:
		for _, d := range []time.Duration{time.Microsecond, -time.Microsecond, 24 * time.Hour} {
			out = append(out, reflect.ValueOf(old.Add(d)))
		}
		out = append(out, reflect.ValueOf(time.Time{}))
	case netip.Addr:
		out = append(out, reflect.ValueOf(netip.MustParseAddr("203.0.113.77")))
		if old.IsValid() {
			out = append(out, reflect.ValueOf(netip.Addr{}), reflect.ValueOf(old.Next()), reflect.ValueOf(netip.AddrFrom16(old.As16())))
		}
	case bool:
		out = append(out, reflect.ValueOf(!old))
	case int64:
		for _, n := range []int64{old + 1, old - 1, 0, -old, 1 << 40} {
			if n != old {
				out = append(out, reflect.ValueOf(n))
			}
		}
	default:
		s := v.String()
		texts := []string{s + "x", s + " ", s + "\x00", "x" + s, strings.ToUpper(s)}
		if s != "" {
			texts = append(texts, "", s[1:], s[:len(s)-1], string(s[0]^1)+s[1:])
		}
		for _, text := range texts {
			if text != s {
				out = append(out, reflect.ValueOf(text).Convert(v.Type()))
			}
		}
	}
	return out
}
