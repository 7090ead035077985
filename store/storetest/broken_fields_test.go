package storetest

import (
	"context"
	"reflect"
	"slices"

	"github.com/orgusers/go-orgusers/orgusers"
)

func brokenFields() []broken {
	list := []broken{
		{"keeps profiles to account changes", []string{"Patch/Profiles", "Members/OrdersFollowChanges"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				if c.Org != nil {
					c.Profiles = nil
				}
				return nil
			}
		})},
		{"forgets who accepted", []string{"Commit/AcceptingTiesTheRowToItsAccount"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for i := range c.Members {
					c.Members[i].Patch.User.Set = false
				}
				return nil
			}
		})},
		{"forgets settings on new organizations", []string{"Kept/Organization"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				if c.NewOrg {
					c.Org.Settings = orgusers.Settings{}
				}
				return nil
			}
		})},
	}
	member, user := reflect.TypeFor[orgusers.MemberPatch](), reflect.TypeFor[orgusers.UserPatch]()
	for i := range member.NumField() {
		list = append(list, broken{"forgets MemberPatch." + member.Field(i).Name, []string{"Patch/Member." + member.Field(i).Name}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for j := range c.Members {
					reflect.ValueOf(&c.Members[j].Patch).Elem().Field(i).SetZero()
				}
				return nil
			}
		})})
	}
	for i := range user.NumField() {
		list = append(list, broken{"forgets UserPatch." + user.Field(i).Name, []string{"Patch/User." + user.Field(i).Name}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for j := range c.Users {
					reflect.ValueOf(&c.Users[j].Patch).Elem().Field(i).SetZero()
				}
				return nil
			}
		})})
	}
	return list
}

func brokenGrants() []broken {
	revoked := func(change func(r *orgusers.Revoke, s *spy, org orgusers.OrgID)) func(orgusers.Store) orgusers.Store {
		return with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for i := range c.Revoked {
					change(&c.Revoked[i], s, c.Org.ID)
				}
				return nil
			}
		})
	}
	return []broken{
		{"returns roles as they come", []string{"Grants/SortedByStackAndRole"}, with(func(s *spy) {
			s.viewed = func(_ orgusers.ViewQuery, v *orgusers.View, err error) error {
				for i := range v.Members {
					slices.Reverse(v.Members[i].Grants)
				}
				return err
			}
		})},
		{"writes the roles of new rows too", []string{"Grants/TravelApartFromTheRow"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for _, m := range c.NewMembers {
					for _, g := range m.Grants {
						c.Granted = append(c.Granted, orgusers.MemberGrant{Member: m.ID, Grant: g})
					}
				}
				return nil
			}
		})},
		{
			"revokes from everybody instead of one",
			[]string{"Grants/RevokeOfAMemberOnAStack", "Grants/RevokedBeforeGranted"},
			revoked(func(r *orgusers.Revoke, _ *spy, _ orgusers.OrgID) { r.Member = "" }),
		},
		{
			"revokes from nobody instead of everybody",
			[]string{"Grants/RevokeOfAStackFromEverybody"},
			revoked(func(r *orgusers.Revoke, _ *spy, _ orgusers.OrgID) {
				if r.Member == "" {
					r.Stack, r.On = "", nil
				}
			}),
		},
		{
			"revokes a role on stacks not named",
			[]string{"Grants/RevokeOfARoleOnNamedStacks"},
			revoked(func(r *orgusers.Revoke, s *spy, org orgusers.OrgID) {
				v, _ := s.Store.View(context.Background(), orgusers.ViewQuery{Org: org, AllStack: true})
				for _, stack := range v.Stacks {
					r.On = append(r.On, stack.ID)
				}
			}),
		},
		{"gives before it takes", []string{"Grants/RevokedBeforeGranted"}, with(func(s *spy) {
			s.committed = func(ctx context.Context, c orgusers.Changes, err error) error {
				if err == nil && len(c.Revoked) > 0 {
					again := c.Org.Clone()
					again.Version++
					return s.Store.Commit(ctx, orgusers.Changes{Org: &again, Revoked: c.Revoked})
				}
				return err
			}
		})},
		{"leaves roles of deleted rows behind", []string{"Grants/S070*"}, with(func(s *spy) {
			left := make(map[orgusers.MemberID][]orgusers.Grant)
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				if c.Org == nil {
					return nil
				}
				v, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: c.Org.ID, Members: c.DeleteMembers, Grants: true})
				for _, m := range v.Members {
					left[m.ID] = m.Grants
				}
				for _, m := range c.NewMembers {
					for _, g := range left[m.ID] {
						c.Granted = append(c.Granted, orgusers.MemberGrant{Member: m.ID, Grant: g})
					}
				}
				return nil
			}
		})},
	}
}
