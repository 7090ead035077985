package storetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

func brokenSessions() []broken {
	ctx := context.Background()
	sessions := func(change func(n *orgusers.Session)) func(orgusers.Store) orgusers.Store {
		return with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for i := range c.NewSessions {
					change(&c.NewSessions[i])
				}
				return nil
			}
		})
	}
	person := func(change func(s *spy, q orgusers.ViewQuery, v *orgusers.View)) func(orgusers.Store) orgusers.Store {
		return with(func(s *spy) {
			s.viewed = func(q orgusers.ViewQuery, v *orgusers.View, err error) error {
				if err == nil && q.Person != (orgusers.PersonQuery{}) {
					change(s, q, v)
				}
				return err
			}
		})
	}
	// live counts more sessions than there are live ones.
	live := func(too func(u *orgusers.User, n *orgusers.Session, at time.Time) bool) func(orgusers.Store) orgusers.Store {
		return with(func(s *spy) {
			s.viewed = func(q orgusers.ViewQuery, v *orgusers.View, err error) error {
				if v.Live == nil {
					v.Live = make(map[orgusers.UserID]int)
				}
				for i := range v.Members {
					p, _ := s.Store.View(ctx, orgusers.ViewQuery{Person: orgusers.PersonQuery{User: v.Members[i].User}})
					for j := range personIn(p).Sessions {
						if n := &p.Person.Sessions[j]; !q.Live.IsZero() && slices.Contains(q.Members, v.Members[i].ID) && too(&p.Person.User, n, q.Live) {
							v.Live[n.User]++
						}
					}
				}
				return err
			}
		})
	}
	return []broken{
		{"keeps addresses unmapped", []string{"Kept/Session"}, sessions(func(n *orgusers.Session) { n.IP = n.IP.Unmap() })},
		{"forgets what a ticket is for", []string{"Kept/Session", "Session/Replaced*", "Person/ByID*"}, sessions(func(n *orgusers.Session) { n.Step = orgusers.StepDone })},
		{"counts tickets as sessions", []string{"View/LiveSessions"}, live(func(_ *orgusers.User, n *orgusers.Session, at time.Time) bool {
			return n.Live(at, time.Time{}) && n.Step != orgusers.StepDone
		})},
		{"counts sessions from before the epoch", []string{"View/LiveSessions"}, live(func(u *orgusers.User, n *orgusers.Session, at time.Time) bool {
			return n.Step == orgusers.StepDone && n.Live(at, time.Time{}) && !n.CreatedAt.After(u.SessionsValidFrom)
		})},
		{"counts sessions that nobody uses", []string{"View/LiveSessions"}, live(func(u *orgusers.User, n *orgusers.Session, at time.Time) bool {
			return n.Step == orgusers.StepDone && n.CreatedAt.After(u.SessionsValidFrom) && at.Before(n.ExpiresAt) && !n.Live(at, u.SessionsValidFrom)
		})},
		{"counts sessions that have expired", []string{"View/LiveSessions"}, live(func(u *orgusers.User, n *orgusers.Session, at time.Time) bool {
			return n.Step == orgusers.StepDone && n.CreatedAt.After(u.SessionsValidFrom) && !at.Before(n.ExpiresAt)
		})},
		{"knows of no sessions", []string{"View/LiveSessions"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.Live = time.Time{} }
		})},
		{"answers an unknown token with nothing", []string{"Session/ByItsToken*"}, with(func(s *spy) {
			s.session = func(string, *orgusers.SessionView, error) error { return nil }
		})},
		{"forgets the epoch", []string{"Session/ByItsToken*"}, with(func(s *spy) {
			s.session = func(_ string, v *orgusers.SessionView, err error) error {
				v.ValidFrom = time.Time{}
				return err
			}
		})},
		{"says of nobody where a session is good", []string{"Session/ByItsToken*", "Session/WithWhere*"}, with(func(s *spy) {
			s.session = func(_ string, v *orgusers.SessionView, err error) error {
				v.Active = false
				return err
			}
		})},
		{"takes a provider's session for good everywhere", []string{"Session/WithWhere*"}, with(func(s *spy) {
			s.session = func(_ string, v *orgusers.SessionView, err error) error {
				v.Active = v.Active || v.Session.SSO != ""
				return err
			}
		})},
		{"forgets since when a session is good", []string{"Session/WithWhere*"}, with(func(s *spy) {
			s.session = func(_ string, v *orgusers.SessionView, err error) error {
				v.MemberFrom = time.Time{}
				return err
			}
		})},
		{"caches sessions", []string{"Session/ByItsToken*", "Session/Replaced*", "Seen/Raises*"}, with(func(s *spy) {
			var cache sync.Map
			s.session = func(token string, v *orgusers.SessionView, err error) error {
				if old, ok := cache.Load(token); ok {
					*v, _ = old.(orgusers.SessionView)
					err = nil
				}
				if err == nil {
					cache.Store(token, *v)
				}
				return err
			}
		})},
		{"writes new sessions before it deletes", []string{"Session/Replaced*", "Commit/EverythingAtOnce"}, with(func(s *spy) {
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				for _, n := range c.NewSessions {
					if slices.Contains(c.DeleteSessions, n.ID) {
						return orgusers.ErrConflict
					}
				}
				return nil
			}
		})},
		{"keeps the session whose place another takes", []string{"Session/InThePlace*"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				if len(c.NewSessions) > 0 {
					c.DeleteSessions = slices.DeleteFunc(c.DeleteSessions, func(id orgusers.SessionID) bool {
						return !slices.ContainsFunc(c.NewSessions, func(n orgusers.Session) bool { return n.ID == id })
					})
				}
				return nil
			}
		})},
		{"reads sessions without their account", []string{"Session/NotFoundWithoutItsAccount"}, with(func(s *spy) {
			var known sync.Map
			s.session = func(token string, v *orgusers.SessionView, err error) error {
				if old, ok := known.Load(token); ok && err != nil {
					*v, _ = old.(orgusers.SessionView)
					err = nil
				}
				return err
			}
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for _, n := range c.NewSessions {
					known.Store(n.Token, orgusers.SessionView{Session: n})
				}
				return nil
			}
		})},
		{"deletes the sessions that are there", []string{"Refused/DeletedSessionUnknown"}, with(func(s *spy) {
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				var there []orgusers.SessionID
				for _, up := range c.Users {
					if v, _ := s.Store.View(ctx, orgusers.ViewQuery{Person: orgusers.PersonQuery{User: up.ID}}); v.Person != nil {
						for _, n := range v.Person.Sessions {
							there = append(there, n.ID)
						}
					}
				}
				c.DeleteSessions = slices.DeleteFunc(c.DeleteSessions, func(id orgusers.SessionID) bool { return !slices.Contains(there, id) })
				return nil
			}
		})},
		{"lets two sessions have one token", []string{"Refused/NewSessionToken*"}, sessions(func(n *orgusers.Session) { n.Token += string(n.ID) })},
		{"writes sessions outside the transaction", []string{"Refused/U*", "Refused/New[MU]*"}, with(func(s *spy) {
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				if s.Store.Commit(ctx, orgusers.Changes{DeleteSessions: c.DeleteSessions, NewSessions: c.NewSessions}) == nil {
					c.DeleteSessions, c.NewSessions = nil, nil
				}
				return nil
			}
		})},
		{"writes IP rules outside the transaction", []string{"Refused/U*", "Refused/NewS*"}, with(func(s *spy) {
			s.commit = func(ctx context.Context, c *orgusers.Changes) error {
				if s.Store.Commit(ctx, orgusers.Changes{NewIPRules: c.NewIPRules}) == nil {
					c.NewIPRules = nil
				}
				return nil
			}
		})},

		{"keeps the last time a session was seen, earlier or not", []string{"Seen/Raises*"}, with(func(s *spy) {
			latest := make(map[orgusers.SessionID]time.Time)
			s.seen = func(id *orgusers.SessionID, at *time.Time) error {
				latest[*id] = *at
				return nil
			}
			s.session = func(_ string, v *orgusers.SessionView, err error) error {
				if at, ok := latest[v.Session.ID]; ok {
					v.Session.SeenAt = at
				}
				return err
			}
		})},
		{"raises the account's version when a session is seen", []string{"Seen/Raises*"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for _, n := range c.NewSessions {
					s.seen = func(*orgusers.SessionID, *time.Time) error {
						v, _ := s.Store.View(ctx, orgusers.ViewQuery{Users: []orgusers.UserID{n.User}})
						return s.Store.Commit(ctx, orgusers.Changes{Users: []orgusers.UserUpdate{{ID: n.User, Version: v.Users[0].Version}}})
					}
				}
				return nil
			}
		})},
		{"takes a token for the session's name", []string{"Seen/OtherSessionsStay"}, with(func(s *spy) {
			s.seen = func(id *orgusers.SessionID, _ *time.Time) error {
				if v, err := s.Store.Session(ctx, string(*id)); err == nil {
					*id = v.Session.ID
				}
				return nil
			}
		})},
		{"refuses to see the unknown", []string{"Seen/OtherSessionsStay"}, with(func(s *spy) {
			s.seen = func(id *orgusers.SessionID, _ *time.Time) error {
				if *id == "" {
					return orgusers.ErrNotFound
				}
				return nil
			}
		})},

		{"finds nobody by token", []string{"Person/ByID*", "Person/Beside*"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.Person.Token = "" }
		})},
		{"finds nobody by address", []string{"Person/ByID*", "Session/NotFoundWithoutItsAccount"}, with(func(s *spy) {
			s.viewQuery = func(q *orgusers.ViewQuery) { q.Person.Key = "" }
		})},
		{"leaves out ended sessions", []string{"Person/ByID*"}, person(func(_ *spy, _ orgusers.ViewQuery, v *orgusers.View) {
			if v.Person != nil {
				v.Person.Sessions = slices.DeleteFunc(v.Person.Sessions, func(n orgusers.Session) bool { return !n.ExpiresAt.After(n.CreatedAt) })
			}
		})},
		{"returns sessions as they come", []string{"Person/ByID*", "Kept/Session"}, person(func(_ *spy, _ orgusers.ViewQuery, v *orgusers.View) {
			if v.Person != nil {
				slices.Reverse(v.Person.Sessions)
			}
		})},
		{"takes invited people for members", []string{"Person/ByID*"}, person(func(s *spy, _ orgusers.ViewQuery, v *orgusers.View) {
			for _, o := range organizations(s.Store) {
				if v.Person != nil {
					there, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: o.ID, Keys: []orgusers.AddressKey{v.Person.User.Address.Key}})
					for _, m := range there.Members {
						if m.User == "" {
							v.Person.Memberships = append(v.Person.Memberships, orgusers.Membership{Member: m, OrgName: o.Name})
						}
					}
				}
			}
		})},
		{"leaves out disabled organizations", []string{"Person/ByID*"}, person(func(_ *spy, _ orgusers.ViewQuery, v *orgusers.View) {
			if v.Person != nil {
				v.Person.Memberships = slices.DeleteFunc(v.Person.Memberships, func(m orgusers.Membership) bool { return m.Disabled })
			}
		})},
		{"answers nobody with an empty person", []string{"Person/NobodyIsNoError"}, person(func(_ *spy, _ orgusers.ViewQuery, v *orgusers.View) {
			if v.Person == nil {
				v.Person = &orgusers.Person{}
			}
		})},
		{"answers nobody with not found", []string{"Person/NobodyIsNoError"}, with(func(s *spy) {
			s.viewed = func(q orgusers.ViewQuery, v *orgusers.View, err error) error {
				if err == nil && q.Person.User != "" && v.Person == nil {
					return orgusers.ErrNotFound
				}
				return err
			}
		})},
		{"forgets the counters beside a person", []string{"Person/Beside*"}, person(func(_ *spy, _ orgusers.ViewQuery, v *orgusers.View) { v.Counters = nil })},
		{"counts the person among the accounts", []string{"Person/*"}, person(func(_ *spy, q orgusers.ViewQuery, v *orgusers.View) {
			if v.Person != nil {
				v.Users = append(v.Users, v.Person.User)
			} else {
				v.Users = append(v.Users, orgusers.User{})
			}
		})},

		{"sets last logins from profiles", []string{"Patch/ProfilesRaiseTheLastLogin"}, with(func(s *spy) {
			s.committed = func(ctx context.Context, c orgusers.Changes, err error) error {
				for _, p := range c.Profiles {
					for _, o := range organizations(s.Store) {
						v, _ := s.Store.View(ctx, orgusers.ViewQuery{Org: o.ID, Joined: []orgusers.UserID{p.User}})
						for _, m := range v.Members {
							_ = s.Store.Commit(ctx, orgusers.Changes{Org: &v.Org, Members: []orgusers.MemberUpdate{
								{ID: m.ID, Patch: orgusers.MemberPatch{LastLogin: orgusers.Some(p.LastLogin)}},
							}})
						}
					}
				}
				return err
			}
		})},
		{"forgets last logins in profiles", []string{"Patch/ProfilesRaiseTheLastLogin", "Commit/EverythingAtOnce", "Commit/Thousands*"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for i := range c.Profiles {
					c.Profiles[i].LastLogin = time.Time{}
				}
				return nil
			}
		})},

		{"never forgets sessions", []string{"Prune/SessionsThatExpired"}, with(func(s *spy) {
			s.pruneCounters = func(now *time.Time) { *now = time.Time{} }
		})},
		{"never forgets IP rules", []string{"Prune/IPRulesThatExpired"}, with(func(s *spy) {
			s.pruneRules = func(rules *time.Time, _ time.Time) { *rules = time.Time{} }
		})},
		{"forgets IP rules with the sessions", []string{"Prune/IPRulesThatExpired"}, with(func(s *spy) {
			s.pruneRules = func(rules *time.Time, now time.Time) { *rules = now }
		})},
		{"lists no organization's IP rules", []string{"IPRules/Pages*"}, with(func(s *spy) {
			s.ipRules = func(q orgusers.IPRuleQuery, page []orgusers.IPRuleView) []orgusers.IPRuleView {
				if q.Org != "" && !q.IP.IsValid() {
					return nil
				}
				return page
			}
		})},
		{"folds resources", []string{"IPRules/Pages*"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for i := range c.NewIPRules {
					c.NewIPRules[i].Resource = strings.ToLower(c.NewIPRules[i].Resource)
				}
				return nil
			}
		})},
		{"begins each page of IP rules anew", []string{"IPRules/Pages*"}, with(func(s *spy) {
			s.ipRuleQuery = func(q *orgusers.IPRuleQuery) { q.After = "" }
		})},
		{"says nothing of a rule's session", []string{"IPRules/WithWhat*"}, with(func(s *spy) {
			s.ipRules = func(_ orgusers.IPRuleQuery, page []orgusers.IPRuleView) []orgusers.IPRuleView {
				for i := range page {
					page[i].Session = orgusers.Session{}
				}
				return page
			}
		})},
		{"says nothing of what a rule's organization demands", []string{"IPRules/WithWhat*"}, with(func(s *spy) {
			s.ipRules = func(_ orgusers.IPRuleQuery, page []orgusers.IPRuleView) []orgusers.IPRuleView {
				for i := range page {
					page[i].SSO, page[i].Security = orgusers.SSO{}, orgusers.Security{}
				}
				return page
			}
		})},
		{"says nothing of a second factor", []string{"IPRules/WithWhat*"}, with(func(s *spy) {
			s.ipRules = func(_ orgusers.IPRuleQuery, page []orgusers.IPRuleView) []orgusers.IPRuleView {
				for i := range page {
					page[i].MFA = false
				}
				return page
			}
		})},
		{"leaves out rules whose session is gone", []string{"IPRules/WithWhat*"}, with(func(s *spy) {
			s.ipRules = func(_ orgusers.IPRuleQuery, page []orgusers.IPRuleView) []orgusers.IPRuleView {
				return slices.DeleteFunc(page, func(v orgusers.IPRuleView) bool { return v.Session.ID == "" })
			}
		})},
		{"refuses to delete rules that are gone", []string{"IPRules/WithWhat*", "Commit/EverythingAtOnce"}, with(func(s *spy) {
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				if len(c.DeleteIPRules) > 1 {
					return orgusers.ErrConflict
				}
				return nil
			}
		})},
		{"loses the rules of deleted accounts", []string{"IPRules/Outlive*"}, with(func(s *spy) {
			var gone []orgusers.UserUpdate
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				gone = append(gone, c.DeleteUsers...)
				return nil
			}
			s.ipRules = func(_ orgusers.IPRuleQuery, page []orgusers.IPRuleView) []orgusers.IPRuleView {
				return slices.DeleteFunc(page, func(v orgusers.IPRuleView) bool {
					return slices.ContainsFunc(gone, func(u orgusers.UserUpdate) bool { return u.ID == v.User })
				})
			}
		})},
	}
}

// personIn is the person that a view is of, if any.
func personIn(v orgusers.View) orgusers.Person {
	if v.Person == nil {
		return orgusers.Person{}
	}
	return *v.Person
}
