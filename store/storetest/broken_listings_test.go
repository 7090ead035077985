package storetest

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

func brokenListings() []broken {
	return []broken{
		{"knows no unknown roster", []string{"Members/UnknownOrganizationIsEmpty"}, with(func(s *spy) {
			s.members = func(q orgusers.MemberQuery, page []orgusers.Member, err error) ([]orgusers.Member, error) {
				if _, e := s.Store.View(context.Background(), orgusers.ViewQuery{Org: q.Org}); e != nil || q.Org == "" {
					return nil, orgusers.ErrNotFound
				}
				return page, err
			}
		})},
		{"forgets a filter beside another", []string{"Members/S166*"}, with(func(s *spy) {
			s.memberQuery = func(q *orgusers.MemberQuery) {
				if q.Status != "" {
					q.Role = ""
				}
			}
		})},
		{"does not know who has a second factor", []string{"Members/S166*"}, with(func(s *spy) {
			s.memberQuery = func(q *orgusers.MemberQuery) { q.WithoutMFA = false }
		})},
		{"takes a search for a pattern", []string{"Members/S171*"}, with(func(s *spy) {
			s.memberQuery = func(q *orgusers.MemberQuery) { q.Search = strings.NewReplacer("%", "", "_", "").Replace(q.Search) }
		})},
		{"walks one way only", []string{"Members/SortedBy_*", "Collation/S175_OrderIsByBytes"}, with(func(s *spy) {
			s.memberQuery = func(q *orgusers.MemberQuery) { q.Descending = false }
		})},
		{"breaks no ties", []string{"Members/SortedBy_[nil]*"}, with(func(s *spy) {
			s.memberQuery = func(q *orgusers.MemberQuery) {
				if q.After != nil {
					key := *q.After
					key.ID = ""
					q.After = &key
				}
			}
		})},
		{"returns one row too many", []string{"Members/SortedBy_*", "Members/PositionOfADeletedRow"}, with(func(s *spy) {
			s.memberQuery = func(q *orgusers.MemberQuery) { q.Limit++ }
		})},
		{"takes a position for a row", []string{"Members/PositionOfADeletedRow"}, with(func(s *spy) {
			s.memberQuery = func(q *orgusers.MemberQuery) {
				page, _ := s.Store.Members(context.Background(), orgusers.MemberQuery{Org: q.Org, Limit: 1000})
				if q.After != nil && !slices.ContainsFunc(page, func(m orgusers.Member) bool { return q.Sort.Key(&m) == *q.After }) {
					q.After = nil
				}
			}
		})},
		{"has a limit of its own", []string{"Members/LimitIsNotAnAllocation"}, with(func(s *spy) {
			s.members = func(q orgusers.MemberQuery, page []orgusers.Member, err error) ([]orgusers.Member, error) {
				if q.Limit > 1_000_000 {
					return nil, errEngine
				}
				return page, err
			}
		})},
		{"begins each page of organizations anew", []string{"Organizations/PagesByID"}, with(func(s *spy) {
			s.orgQuery = func(q *orgusers.OrgQuery) { q.After = "" }
		})},
		{"lists all organizations to everybody", []string{"Organizations/ThoseAUserHasJoined", "Commit/AcceptingTies*"}, with(func(s *spy) {
			s.orgQuery = func(q *orgusers.OrgQuery) { q.User = "" }
			s.touch = func(orgusers.UserID, *time.Time) error { return errEngine }
		})},
		{"sorts the trail by time", []string{"Audit/OrderAndPages"}, with(func(s *spy) {
			s.audit = func(_ orgusers.AuditQuery, page []orgusers.AuditEntry) []orgusers.AuditEntry {
				slices.SortFunc(page, func(a, b orgusers.AuditEntry) int { return a.At.Compare(b.At) })
				return page
			}
		})},
		{"takes in the end of a period", []string{"Audit/FiltersAddUp"}, with(func(s *spy) {
			s.auditQuery = func(q *orgusers.AuditQuery) {
				if !q.To.IsZero() {
					q.To = q.To.Add(time.Microsecond)
				}
			}
		})},
		{"shows account matters everything", []string{"Audit/S167*"}, with(func(s *spy) {
			s.audit = func(q orgusers.AuditQuery, page []orgusers.AuditEntry) []orgusers.AuditEntry {
				if all := organizations(s.Store); q.Org == "" && len(all) > 0 {
					q.Org = all[0].ID
					more, _ := s.Store.Audit(context.Background(), q)
					page = append(page, more...)
				}
				return page
			}
		})},
		{"guards a record", []string{"Record/BesideTheChainWithoutAGuard"}, with(func(s *spy) {
			s.recorded = func(entries []orgusers.AuditEntry, _ *orgusers.Request, err error) error {
				v, _ := s.Store.View(context.Background(), orgusers.ViewQuery{Org: entries[0].Org})
				_ = s.Store.Commit(context.Background(), orgusers.Changes{Org: &v.Org})
				return err
			}
		})},
	}
}

func brokenOutbox() []broken {
	var n atomic.Int64
	return []broken{
		{"claims what is not due", []string{"Claim/DueOnesOldestFirst"}, with(func(s *spy) {
			s.claimQuery = func(q *orgusers.ClaimQuery) { q.Now = q.Now.Add(time.Hour) }
		})},
		{"cuts leases short", []string{"Claim/LeasesUntilTheyEnd", "Claim/DueOnesOldestFirst"}, with(func(s *spy) {
			s.claimQuery = func(q *orgusers.ClaimQuery) { q.Until = q.Until.Add(-time.Minute) }
		})},
		{"reads what to claim before it claims", []string{"Claim/S223*"}, with(func(s *spy) {
			s.claim = func(q orgusers.ClaimQuery, claimed []orgusers.Effect) []orgusers.Effect {
				if len(claimed) > 0 {
					claimed, _ = s.Store.Effects(context.Background(), orgusers.EffectQuery{Limit: q.Limit})
				}
				return claimed
			}
		})},
		{"counts what was not tried", []string{"Settle/DoneRetriedDeadUntried"}, with(func(s *spy) {
			s.settle = func(list []orgusers.Settlement) []orgusers.Settlement {
				for i := range list {
					list[i].Untried = false
				}
				return list
			}
		})},
		{"settles under any lease", []string{"Settle/OnlyUnderTheLease"}, with(func(s *spy) {
			s.settle = func(list []orgusers.Settlement) []orgusers.Settlement {
				all, _ := s.Store.Effects(context.Background(), orgusers.EffectQuery{Limit: 100})
				for i := range list {
					for _, e := range all {
						if e.ID == list[i].ID {
							list[i].Lease = e.Lease
						}
					}
				}
				return list
			}
		})},
		{"shows the outbox of everybody", []string{"Effects/PagesByID"}, with(func(s *spy) {
			s.effectQuery = func(q *orgusers.EffectQuery) { q.Org = "" }
		})},
		{"counts what it was asked to requeue", []string{"Requeue/*"}, with(func(s *spy) {
			s.requeued = func(ids []orgusers.EffectID, _ int) int { return len(ids) }
		})},
		{"returns counters in its own order", []string{"Bump/AddsInOrder"}, with(func(s *spy) { s.bumped = slices.Sort[[]int64] })},
		{"folds keys of counters", []string{"Bump/KeysCompareByteByByte"}, with(func(s *spy) {
			s.bump = func(c []orgusers.Counter) {
				for i := range c {
					c[i].Key = strings.ToLower(c[i].Key)
				}
			}
		})},
		{"loses additions", []string{"Bump/ThirtyTwo*"}, with(func(s *spy) {
			s.bump = func(c []orgusers.Counter) {
				if n.Add(1)%7 == 0 {
					c[0].Add = 0
				}
			}
		})},
		{"never forgets counters", []string{"Prune/CountersThatExpired"}, with(func(s *spy) {
			s.pruneCounters = func(now *time.Time) { *now = time.Time{} }
		})},
		{"forgets requests too soon", []string{"Prune/RequestsMadeBefore"}, with(func(s *spy) {
			s.pruneRequests = func(before *time.Time) { *before = before.Add(time.Microsecond) }
		})},
	}
}
