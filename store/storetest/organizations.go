package storetest

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func organizationChecks() []check {
	return []check{
		{"Organizations/PagesByID", organizationsPages},
		{"Organizations/ThoseAUserHasJoined", organizationsOfUser},
		{"Touch/RaisesTheAccountAndItsRows", touchRaises},
		{"Touch/OtherAccountsStay", touchOthers},
	}
}

// walkOrganizations requires exactly these organizations, whatever the length of a page.
func (w *world) walkOrganizations(user orgusers.UserID, want ...orgusers.OrgID) {
	w.Helper()
	slices.Sort(want)
	for _, limit := range []int{1, 3, 100} {
		var got []orgusers.OrgID
		q := orgusers.OrgQuery{User: user, Limit: limit}
		for {
			page, err := w.Organizations(w.ctx, q)
			require.NoError(w, err)
			require.LessOrEqual(w, len(page), limit)
			for _, o := range page {
				w.same(w.org(o.ID), o)
				got = append(got, o.ID)
				q.After = o.ID
			}
			if len(page) < limit || len(got) > len(want) {
				break
			}
		}
		w.same(want, got)
	}
}

func organizationsPages(w *world) {
	w.walkOrganizations("")
	var all []orgusers.OrgID
	for i := range 8 {
		all = append(all, w.organization(fmt.Sprintf("%d", 9-i)))
		w.walkOrganizations("", slices.Clone(all)...)
	}
	page, err := w.Organizations(w.ctx, orgusers.OrgQuery{After: orgusers.OrgID("ffffffff-ffff-7fff-8fff-ffffffffffff"), Limit: 10})
	require.NoError(w, err)
	require.Empty(w, page)
}

func organizationsOfUser(w *world) {
	a, b, c, d := w.organization("a"), w.organization("b"), w.organization("c"), w.organization("d")
	ann := w.account("ann")
	w.walkOrganizations(ann.ID)
	inA := w.join(a, "ann")
	w.join(a, "bob")
	w.join(d, "bob")
	w.invite(b, "ann") // invited is not joined
	w.walkOrganizations(ann.ID, a)
	inC := w.join(c, "ann")
	w.join(d, "ann")
	w.walkOrganizations(ann.ID, a, c, d)
	w.edit(c, func(ch *orgusers.Changes) {
		ch.Members = []orgusers.MemberUpdate{{ID: inC.ID, Patch: orgusers.MemberPatch{Status: orgusers.Some(orgusers.StatusInactive)}}}
	})
	w.edit(d, func(ch *orgusers.Changes) { ch.Org.Disabled = true })
	w.walkOrganizations(ann.ID, a, c, d)
	w.edit(a, func(ch *orgusers.Changes) { ch.DeleteMembers = []orgusers.MemberID{inA.ID} })
	w.walkOrganizations(ann.ID, c, d)
	w.walkOrganizations(w.account("bob").ID, a, d)
	w.walkOrganizations(orgusers.UserID(w.id()))
}

func touchRaises(w *world) {
	k, other := w.cast(), w.cast()
	third := w.organization("Invited")
	w.invite(third, "ann")
	before := w.dump()
	for _, step := range []struct{ at, want int }{{10, 10}, {10, 10}, {9, 10}, {0, 10}, {11, 11}} {
		require.NoError(w, w.Touch(w.ctx, k.ann.User, moment(step.at)))
		for i := range before.Users {
			if before.Users[i].ID == k.ann.User {
				before.Users[i].LastLogin = moment(step.want)
			}
		}
		for i := range before.Members {
			if before.Members[i].User == k.ann.User {
				before.Members[i].LastLogin = moment(step.want)
			}
		}
		w.unchanged(before) // no version rose, and the pending row is nobody's
	}
	require.Equal(w, moment(11), w.member(other.org, other.ann.ID).LastLogin)

	// A decision that was made before the sign-in still stands.
	v := w.read(orgusers.ViewQuery{Org: k.org, Joined: []orgusers.UserID{k.ann.User}})
	require.Len(w, v.Users, 1)
	require.NoError(w, w.Touch(w.ctx, k.ann.User, moment(12)))
	require.NoError(w, w.Commit(w.ctx, orgusers.Changes{
		Org:   &v.Org,
		Users: []orgusers.UserUpdate{{ID: k.ann.User, Version: v.Users[0].Version, Patch: orgusers.UserPatch{Verified: orgusers.Some(false)}}},
	}))
	require.Equal(w, moment(12), w.user(k.ann.User).LastLogin)
}

func touchOthers(w *world) {
	w.cast()
	before := w.dump()
	for _, user := range []orgusers.UserID{orgusers.UserID(w.id()), ""} {
		require.NoError(w, w.Touch(w.ctx, user, moment(10)))
		w.unchanged(before)
	}
}
