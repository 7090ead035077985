package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

func brokenReads() []broken {
	ctx := context.Background()
	return []broken{
		{"speaks another level", []string{"Level"}, with(func(s *spy) { s.level = 1 })},
		{"answers an unknown organization with nothing", []string{"View/UnknownOrganizationIsNotFound"}, with(func(s *spy) {
			s.viewed = func(orgusers.ViewQuery, *orgusers.View, error) error { return nil }
		})},
		{"always reads all stacks", []string{"View/NothingAsked*", "View/Stacks", "View/OwnedStacks", "View/S156*"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.AllStack = true }
		})},
		{"finds accounts by the row's account and not by its address", []string{"View/MembersWith*"}, with(func(s *spy) {
			s.viewed = func(_ orgusers.ViewQuery, v *orgusers.View, err error) error {
				v.Users = slices.DeleteFunc(v.Users, func(u orgusers.User) bool {
					return !slices.ContainsFunc(v.Members, func(m orgusers.Member) bool { return m.User == u.ID })
				})
				return err
			}
		})},
		{"takes invited accounts for joined ones", []string{"View/JoinedWithTheirAccounts"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) {
				v, _ := s.Store.View(ctx, orgusers.ViewQuery{Users: q.Joined})
				for _, u := range v.Users {
					q.Keys = append(q.Keys, u.Address.Key)
				}
			}
		})},
		{"reads the accounts of keys", []string{"View/KeysWithoutAccounts"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.UserKeys = append(q.UserKeys, q.Keys...) }
		})},
		{"forgets the subjects", []string{"View/Subjects"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.Subjects = nil }
		})},
		{"forgets the inviters of keys", []string{"View/Inviters"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.Inviters = q.Inviters && len(q.Members) > 0 }
		})},
		{"forgets the inviters", []string{"View/Inviters"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.Inviters = false }
		})},
		{"forgets the counters", []string{"View/CountersAskedFor"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.Counters = nil }
		})},
		{"forgets the counters of people", []string{"View/CountersOfPeople"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.PerUser = nil }
		})},
		{"reads the counters of whoever asks", []string{"View/CountersOfPeople"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) {
				for _, prefix := range q.PerUser {
					for _, id := range q.Joined {
						q.Counters = append(q.Counters, prefix+string(id))
					}
				}
			}
		})},
		{"reads the counters of whoever has an address", []string{"View/CountersOfPeople"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) {
				v, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: q.Org, Keys: q.Keys})
				for _, prefix := range q.PerUser {
					for _, m := range v.Members {
						q.Counters = append(q.Counters, prefix+string(m.User))
					}
				}
			}
		})},
		{"finds the owner by role", []string{"View/OwnerWithAccount"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) {
				page, _ := s.Store.Members(ctx, orgusers.MemberQuery{Org: q.Org, Limit: 1, MemberFilter: orgusers.MemberFilter{Role: orgusers.RoleAdmin}})
				for _, m := range page {
					if q.Owner {
						q.Joined = append(q.Joined, m.User)
					}
				}
				q.Owner = false
			}
		})},
		{"always reads roles on stacks", []string{"View/GrantsOnlyWhereAsked", "Members/GrantsOnlyWhereAsked"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.Grants = true }
			s.memberQuery = func(q *orgusers.MemberQuery) { q.Grants = true }
		})},
		{"leaves names out of an export", []string{"Members/SheetHasWhatAnExportShows"}, with(func(s *spy) {
			s.members = func(q orgusers.MemberQuery, page []orgusers.Member, err error) ([]orgusers.Member, error) {
				for i := range page {
					if q.Sheet {
						page[i].Name = orgusers.Name{}
					}
				}
				return page, err
			}
		})},
		{"hands rows over and returns them", []string{"Members/SheetHasWhatAnExportShows"}, with(func(s *spy) {
			s.members = func(q orgusers.MemberQuery, page []orgusers.Member, err error) ([]orgusers.Member, error) {
				for i := range page {
					if q.Each != nil {
						q.Each(&page[i])
					}
				}
				return page, err
			}
		})},
		{"gives pending rows the stacks of nobody", []string{"View/OwnedStacks"}, with(func(s *spy) {
			s.viewed = func(q orgusers.ViewQuery, v *orgusers.View, err error) error {
				if q.Owned {
					all, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: q.Org, AllStack: true})
					v.Stacks = append(v.Stacks, slices.DeleteFunc(all.Stacks, func(s orgusers.Stack) bool { return s.Owner != "" })...)
				}
				return err
			}
		})},
		{"looks stacks and members up in every organization", []string{"View/S156*", "View/Stacks"}, with(func(s *spy) {
			s.viewed = func(q orgusers.ViewQuery, v *orgusers.View, err error) error {
				for _, o := range organizations(s.Store) {
					if o.ID != q.Org && q.Org != "" {
						there, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: o.ID, Members: q.Members, Stacks: q.Stacks})
						v.Members, v.Stacks = append(v.Members, there.Members...), append(v.Stacks, there.Stacks...)
					}
				}
				return err
			}
		})},
		{"reads only roles that somebody has", []string{"View/Roles"}, with(func(s *spy) {
			s.viewed = func(_ orgusers.ViewQuery, v *orgusers.View, err error) error {
				v.Roles = slices.DeleteFunc(v.Roles, func(r orgusers.StackRole) bool { return r.Name == "spare" })
				return err
			}
		})},
		{"finds accounts by id alone", []string{"View/AccountsByIDAndByKey"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.UserKeys = nil }
		})},
		{"keeps requests without their organization", []string{"View/RequestOfThisOrganization", "Record/AnsweredRequestIsConflict"}, with(func(s *spy) {
			s.viewed = func(q orgusers.ViewQuery, v *orgusers.View, err error) error {
				for _, o := range organizations(s.Store) {
					if there, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: o.ID, Request: q.Request}); v.Request == nil {
						v.Request = there.Request
					}
				}
				return err
			}
			s.recorded = func(_ []orgusers.AuditEntry, _ *orgusers.Request, err error) error { return nil }
		})},
		{"returns what is asked for twice twice", []string{"View/EachOnce"}, with(func(s *spy) {
			s.viewed = func(_ orgusers.ViewQuery, v *orgusers.View, err error) error {
				v.Members = append(v.Members, v.Members...)
				return err
			}
		})},
		{"reads some organization if none is asked for", []string{"View/WithoutOrganizationOnlyAccounts*"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) {
				if all := organizations(s.Store); q.Org == "" && len(all) > 0 {
					q.Org = all[0].ID
				}
			}
		})},
		{"reads the version last", []string{"View/NothingOlderThanTheVersion"}, with(func(s *spy) {
			s.viewed = func(q orgusers.ViewQuery, v *orgusers.View, err error) error {
				time.Sleep(time.Microsecond) // give way, as a round trip does
				if later, e := s.Store.View(ctx, orgusers.ViewQuery{Org: q.Org}); e == nil && err == nil {
					v.Org = later.Org
				}
				return err
			}
		})},
		{"answers access of a stranger with nothing", []string{"Access/NotFoundWithoutARow"}, with(func(s *spy) {
			s.access = func(orgusers.UserID, orgusers.OrgID, *orgusers.AccessView, error) error { return nil }
		})},
		{"forgets owned stacks in access", []string{"Access/WhatACheckNeeds"}, with(func(s *spy) {
			s.access = func(_ orgusers.UserID, _ orgusers.OrgID, v *orgusers.AccessView, err error) error {
				v.Owned = nil
				return err
			}
		})},
		{"caches access", []string{"Access/SeesACommitAtOnce"}, with(func(s *spy) {
			cache := make(map[orgusers.UserID]orgusers.AccessView)
			s.access = func(user orgusers.UserID, _ orgusers.OrgID, v *orgusers.AccessView, err error) error {
				if old, ok := cache[user]; ok {
					*v = old
					return nil
				}
				cache[user] = *v
				return err
			}
		})},
		{"hands out its own memory", []string{"Aliasing/WhatIsReturnedIsCopied"}, with(func(s *spy) {
			cache := make(map[orgusers.OrgID]orgusers.Organization)
			s.viewed = func(_ orgusers.ViewQuery, v *orgusers.View, err error) error {
				if old, ok := cache[v.Org.ID]; ok && old.Version == v.Org.Version {
					v.Org.Settings = old.Settings
				}
				cache[v.Org.ID] = v.Org
				return err
			}
		})},
		{"keeps the caller's memory", []string{"Aliasing/WhatIsPassedInIsCopied"}, with(func(s *spy) {
			var kept *orgusers.Request
			s.recorded = func(_ []orgusers.AuditEntry, r *orgusers.Request, err error) error {
				kept = r
				return err
			}
			s.viewed = func(_ orgusers.ViewQuery, v *orgusers.View, err error) error {
				if v.Request != nil && kept != nil && v.Request.ID == "recorded" {
					v.Request.Report = kept.Report
				}
				return err
			}
		})},
	}
}
