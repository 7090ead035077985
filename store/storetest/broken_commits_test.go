package storetest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

func brokenCommits() []broken {
	list := []broken{
		{"refuses a commit of nothing", []string{"Commit/NothingIsNoError"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				if reflect.ValueOf(*c).IsZero() {
					return errEngine
				}
				return nil
			}
		})},
		{"raises the version twice", []string{"Commit/RaisesVersionsByOne", "Commit/S177*", "Race/ThirtyTwoWritersOfOneOrganization"}, with(func(s *spy) {
			s.committed = func(ctx context.Context, c orgusers.Changes, err error) error {
				if err == nil && c.Org != nil && !c.NewOrg {
					again := c.Org.Clone()
					again.Version++
					_ = s.Store.Commit(ctx, orgusers.Changes{Org: &again})
				}
				return err
			}
		})},
		{"counts rows that changed", []string{"Commit/S177*"}, with(func(s *spy) {
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				for _, up := range c.Members {
					v, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: c.Org.ID, Members: []orgusers.MemberID{up.ID}})
					for _, was := range v.Members {
						is := was
						up.Patch.Apply(&is)
						if reflect.DeepEqual(was, is) {
							return orgusers.ErrConflict
						}
					}
				}
				return nil
			}
		})},
		{"gives new organizations a version of its own", []string{"Commit/NewOrganizationWithItsPeople"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				if c.NewOrg {
					c.Org.Version = 1
				}
				return nil
			}
		})},
		{"wants an organization for everything", []string{"Commit/AccountsWithoutAnOrganization"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				if c.Org == nil && len(c.Users) > 0 {
					return errEngine
				}
				return nil
			}
		})},
		{"keeps names unique over all organizations", []string{"Commit/SameNamesInAnotherOrganization"}, with(func(s *spy) {
			var names sync.Map
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for _, stack := range c.NewStacks {
					if _, taken := names.LoadOrStore(stack.Name, true); taken {
						return orgusers.ErrConflict
					}
				}
				return nil
			}
		})},
		{"deletes by marking", []string{"Commit/WhatWasDeletedIsFreeAgain"}, with(func(s *spy) {
			var seen sync.Map
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for _, u := range c.NewUsers {
					if _, taken := seen.LoadOrStore(u.Address.Key, true); taken {
						return orgusers.ErrConflict
					}
				}
				return nil
			}
		})},
		{"keeps the owner of a stack", []string{"Commit/StacksAndRolesAreReplacedWhole"}, with(func(s *spy) {
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				for i := range c.Stacks {
					if v, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: c.Org.ID, Stacks: []orgusers.StackID{c.Stacks[i].ID}}); len(v.Stacks) == 1 {
						c.Stacks[i].Owner = v.Stacks[0].Owner
					}
				}
				return nil
			}
		})},
		{"revokes in every organization", []string{"Commit/S156*", "Grants/RevokeOf*"}, with(func(s *spy) {
			s.committed = func(ctx context.Context, c orgusers.Changes, err error) error {
				if err == nil && len(c.Revoked) > 0 {
					for _, o := range organizations(s.Store) {
						if o.ID != c.Org.ID {
							v, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: o.ID, AllStack: true})
							revoke := orgusers.Revoke{Role: orgusers.RoleDeveloper}
							for _, stack := range v.Stacks {
								revoke.On = append(revoke.On, stack.ID)
							}
							_ = s.Store.Commit(ctx, orgusers.Changes{Org: &v.Org, Revoked: append(slices.Clone(c.Revoked), revoke)})
						}
					}
				}
				return err
			}
		})},
		{"passes at most a thousand values", []string{"Commit/ThousandsOfPeople"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				c.Members = c.Members[:min(len(c.Members), 1000)]
				return nil
			}
		})},
	}
	fields := reflect.TypeFor[orgusers.Changes]()
	for i := range fields.NumField() {
		if f := fields.Field(i); f.Name != "Org" && f.Name != "NewOrg" {
			list = append(list, broken{"forgets Changes." + f.Name, []string{"Commit/EverythingAtOnce"}, with(func(s *spy) {
				s.commit = func(_ context.Context, c *orgusers.Changes) error {
					if c.Org == nil || c.Org.Name != "Acme 2" { // the commit of that check
						return nil
					}
					reflect.ValueOf(c).Elem().Field(i).SetZero()
					return nil
				}
			})})
		}
	}
	return list
}

func brokenGuards() []broken {
	return []broken{
		{"ignores the organization's version", []string{
			"Refused/OrganizationAtOlderVersion", "Refused/OrganizationAtNewerVersion",
			"Race/ThirtyTwoWritersOfOneOrganization", "Race/TwoDemoteEachOther",
		}, with(func(s *spy) {
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				for c.Org != nil && !c.NewOrg {
					v, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: c.Org.ID})
					if v.Org.ID == "" {
						break
					}
					c.Org.Version = v.Org.Version
					org := c.Org.Clone()
					if s.Store.Commit(ctx, orgusers.Changes{Org: &org}) == nil { // until nobody is faster
						c.Org.Version++
						break
					}
				}
				return nil
			}
		})},
		{"ignores the bounds of counters", []string{"Refused/CounterAboveItsBound"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for i := range c.Counters {
					c.Counters[i].Most = 0
				}
				return nil
			}
		})},
		{"ignores the accounts' versions", []string{"Refused/UserAt*", "Refused/LastOfUsers*", "Race/ThirtyTwoWritersOfOneAccount", "Race/TwoOrganizationsShareAnAccount"}, with(func(s *spy) {
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				for i := range c.Users {
					if v, _ := s.Store.View(ctx, orgusers.ViewQuery{Users: []orgusers.UserID{c.Users[i].ID}}); len(v.Users) == 1 {
						c.Users[i].Version = v.Users[0].Version
					}
				}
				return nil
			}
		})},
		{"answers a conflict with the engine's error", []string{"Refused/*", "Race/*", "Record/AnsweredRequestIsConflict"}, with(func(s *spy) {
			s.committed = func(_ context.Context, _ orgusers.Changes, err error) error {
				if errors.Is(err, orgusers.ErrConflict) {
					return errEngine
				}
				return err
			}
			s.recorded = func(_ []orgusers.AuditEntry, _ *orgusers.Request, err error) error {
				if errors.Is(err, orgusers.ErrConflict) {
					return errEngine
				}
				return err
			}
			s.touch = func(orgusers.UserID, *time.Time) error { return errEngine }
		})},
		{"says nothing of a conflict", []string{"Refused/*", "Race/Same*", "Race/TwoOrganizations*"}, with(func(s *spy) {
			s.committed = func(context.Context, orgusers.Changes, error) error { return nil }
		})},
		{"writes the trail outside the transaction", []string{"Refused/[^ER]*"}, with(func(s *spy) {
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				_ = s.Store.Record(ctx, c.Audit, nil)
				c.Audit = nil
				return nil
			}
		})},
		{"lets sign-ins raise the account's version", []string{"Touch/RaisesTheAccountAndItsRows", "Race/SignInsAndDecisions"}, with(func(s *spy) {
			s.touch = func(user orgusers.UserID, _ *time.Time) error {
				if v, _ := s.Store.View(context.Background(), orgusers.ViewQuery{Users: []orgusers.UserID{user}}); len(v.Users) == 1 {
					_ = s.Store.Commit(context.Background(), orgusers.Changes{Users: []orgusers.UserUpdate{{ID: user, Version: v.Users[0].Version}}})
				}
				return nil
			}
		})},
		{"refuses sign-ins of the unknown", []string{"Touch/OtherAccountsStay", "Commit/NothingIsNoError"}, with(func(s *spy) {
			s.touch = func(user orgusers.UserID, _ *time.Time) error {
				if v, _ := s.Store.View(context.Background(), orgusers.ViewQuery{Users: []orgusers.UserID{user}}); len(v.Users) == 0 {
					return orgusers.ErrNotFound
				}
				return nil
			}
		})},
		{"goes on after the context ended", []string{"Context/EndedBeforeNothingIsDone"}, with(func(s *spy) { s.keepOn = true })},
		{"tells the context's error of what it has written", []string{"Context/S226*"}, with(func(s *spy) {
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				if ctx.Err() != nil {
					_ = s.Store.Commit(context.WithoutCancel(ctx), *c)
				}
				return nil
			}
		})},
		{"writes a moment after it has told the context's error", []string{"Context/S226*"}, with(func(s *spy) {
			var late *orgusers.Changes
			views := 0
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				if ctx.Err() != nil {
					late, views = c, 0
				}
				return ctx.Err()
			}
			s.viewQuery = func(*orgusers.ViewQuery) {
				if views++; late != nil && views == 2 { // the first look was too early
					_ = s.Store.Commit(context.Background(), *late)
					late = nil
				}
			}
		})},
	}
}
