package suite

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

func ordersAreTotal(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	org := crowd(t, w, "acme.example")
	people := everybody(t, w, org)
	page, err := org.Admin().Members(world.Ctx(), orgusers.List{Limit: 2, MemberFilter: orgusers.MemberFilter{Status: orgusers.StatusInactive}})
	require.NoError(t, err)
	require.Equal(t, int64(24), page.Tally.Seats(), "the tally is the organization's, whatever the filter")
	for _, s := range sorts() {
		want := slices.Clone(people)
		slices.SortFunc(want, inOrder(s))
		for _, limit := range []int{1, 5, 24, 200} {
			got := pages(t, org.Admin(), orgusers.List{Sort: s, Limit: limit})
			require.Equal(t, ids(want), ids(got), "%s by %d", s, limit)
		}
		slices.Reverse(want)
		require.Equal(t, ids(want), ids(pages(t, org.Admin(), orgusers.List{Sort: s, Descending: true, Limit: 5})), "%s backwards", s)
	}
	owners := 0
	for _, m := range pages(t, org.Admin(), orgusers.List{Limit: 200}) {
		owners += b2i(m.Owner)
	}
	require.Equal(t, 1, owners)
}

func pagesHold(t *testing.T, open Opener) {
	for _, s := range sorts() {
		for _, descending := range []bool{false, true} {
			w := world.New(t, open(t))
			org := crowd(t, w, "acme.example")
			ctx := world.Ctx()
			stayers := map[orgusers.MemberID]bool{}
			all := pages(t, org.Admin(), orgusers.List{Sort: s, Descending: descending, Limit: 200})
			for i := range all {
				stayers[all[i].ID] = true
			}
			seen := map[orgusers.MemberID]int{}
			var order []orgusers.Member
			l := orgusers.List{Sort: s, Descending: descending, Limit: 4}
			for n := 0; ; n++ {
				page, err := org.Admin().Members(ctx, l)
				require.NoError(t, err)
				for _, m := range page.Members {
					seen[m.ID]++
					order = append(order, m)
				}
				if page.Next == "" {
					break
				}
				l.Cursor = page.Next
				// One who was seen, the last of the page on whom the cursor stands, and one still to come go;
				// people come on both sides.
				gone := []orgusers.MemberID{page.Members[0].ID, page.Members[len(page.Members)-1].ID}
				for i := range all {
					if seen[all[i].ID] == 0 && stayers[all[i].ID] && !all[i].Owner {
						gone = append(gone, all[i].ID)
						break
					}
				}
				rep, err := org.Admin().Apply(ctx, orgusers.Remove{}, gone...)
				require.NoError(t, err)
				for _, o := range rep.Outcomes {
					if o.Result == orgusers.Applied {
						delete(stayers, o.Member)
					}
				}
				_, err = org.Admin().Invite(ctx, orgusers.Invitation{To: fmt.Sprintf("Aaron Aa <a%d@acme.example>, Zz Zz <zz%d@acme.example>, Mia M <p0%d-x@acme.example>", n, n, n)})
				require.NoError(t, err)
			}
			for id, n := range seen {
				require.Equal(t, 1, n, "%s %t: %s was shown twice", s, descending, id)
			}
			require.NotEmpty(t, stayers)
			for id := range stayers {
				require.Equal(t, 1, seen[id], "%s %t: %s was there all the time", s, descending, id)
			}
			require.True(t, slices.IsSortedFunc(order, func(a, b orgusers.Member) int {
				if descending {
					a, b = b, a
				}
				return inOrder(s)(a, b)
			}), "%s %t", s, descending)
		}
	}
}

func walking(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	org := crowd(t, w, "acme.example")
	n := 0
	for m, err := range org.Admin().All(world.Ctx(), orgusers.List{Limit: 5}) {
		require.NoError(t, err)
		require.NotEmpty(t, m.ID)
		n++
	}
	require.Equal(t, 24, n)

	before := store.count("Members")
	for _, err := range org.Admin().All(world.Ctx(), orgusers.List{Limit: 5}) {
		require.NoError(t, err)
		break
	}
	require.Equal(t, before+1, store.count("Members"), "who stops walking reads no further")

	broken := errors.New("gone")
	store.with(func(f *faulty) {
		f.before = func(m string) error {
			if m == "Members" && store.calls[m] > before+2 {
				return broken
			}
			return nil
		}
	})
	n = 0
	var last error
	for _, err := range org.Admin().All(world.Ctx(), orgusers.List{Limit: 5}) {
		n++
		require.NoError(t, last, "the walk ends with the first error")
		last = err
	}
	require.Equal(t, 6, n)
	require.ErrorIs(t, last, orgusers.ErrStore)
	require.ErrorIs(t, last, broken)
}

// pages walks a list and returns everybody on it, page by page.
func pages(t testing.TB, admin orgusers.Admin, l orgusers.List) []orgusers.Member {
	t.Helper()
	var got []orgusers.Member
	for range 1000 {
		page, err := admin.Members(world.Ctx(), l)
		require.NoError(t, err)
		got = append(got, page.Members...)
		if page.Next == "" {
			return got
		}
		require.Len(t, page.Members, l.Limit, "a page with a next one is full")
		l.Cursor = page.Next
	}
	require.Fail(t, "a list has no end")
	return nil
}
