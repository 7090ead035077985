package storetest

import (
	"context"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// spy is a store around another one, with a place to interfere before and after each call. Every
// field may be nil.
type spy struct {
	orgusers.Store

	level         int
	keepOn        bool // ignore the end of contexts
	viewQuery     func(q *orgusers.ViewQuery)
	viewed        func(q orgusers.ViewQuery, v *orgusers.View, err error) error
	commit        func(ctx context.Context, c *orgusers.Changes) error // an error answers the call
	committed     func(ctx context.Context, c orgusers.Changes, err error) error
	record        func(entries []orgusers.AuditEntry, r *orgusers.Request)
	recorded      func(entries []orgusers.AuditEntry, r *orgusers.Request, err error) error
	access        func(user orgusers.UserID, org orgusers.OrgID, v *orgusers.AccessView, err error) error
	session       func(token string, v *orgusers.SessionView, err error) error
	seen          func(session *orgusers.SessionID, at *time.Time) error
	ipRuleQuery   func(q *orgusers.IPRuleQuery)
	ipRules       func(q orgusers.IPRuleQuery, page []orgusers.IPRuleView) []orgusers.IPRuleView
	memberQuery   func(q *orgusers.MemberQuery)
	members       func(q orgusers.MemberQuery, page []orgusers.Member, err error) ([]orgusers.Member, error)
	orgQuery      func(q *orgusers.OrgQuery)
	auditQuery    func(q *orgusers.AuditQuery)
	audit         func(q orgusers.AuditQuery, page []orgusers.AuditEntry) []orgusers.AuditEntry
	touch         func(user orgusers.UserID, at *time.Time) error
	claimQuery    func(q *orgusers.ClaimQuery)
	claim         func(q orgusers.ClaimQuery, claimed []orgusers.Effect) []orgusers.Effect
	settle        func(s []orgusers.Settlement) []orgusers.Settlement
	effectQuery   func(q *orgusers.EffectQuery)
	requeued      func(ids []orgusers.EffectID, n int) int
	bump          func(c []orgusers.Counter)
	bumped        func(values []int64)
	pruneCounters func(now *time.Time)
	pruneRules    func(rules *time.Time, now time.Time)
	pruneRequests func(before *time.Time)
}

func (s *spy) context(ctx context.Context) context.Context {
	if s.keepOn {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (s *spy) Level() int { return s.Store.Level() + s.level }

func (s *spy) View(ctx context.Context, q orgusers.ViewQuery) (orgusers.View, error) {
	asked := q
	if s.viewQuery != nil {
		s.viewQuery(&q)
	}
	v, err := s.Store.View(s.context(ctx), q)
	if s.viewed != nil {
		err = s.viewed(asked, &v, err)
	}
	return v, err
}

func (s *spy) Commit(ctx context.Context, c orgusers.Changes) error {
	ctx = s.context(ctx)
	if s.commit != nil {
		c = tidy(c) // the check's own is not to be changed
		if err := s.commit(ctx, &c); err != nil {
			return err
		}
	}
	err := s.Store.Commit(ctx, c)
	if s.committed != nil {
		err = s.committed(ctx, c, err)
	}
	return err
}

func (s *spy) Record(ctx context.Context, entries []orgusers.AuditEntry, r *orgusers.Request) error {
	if s.record != nil {
		entries = tidy(entries)
		if r != nil {
			mine := *r
			r = &mine
		}
		s.record(entries, r)
	}
	err := s.Store.Record(s.context(ctx), entries, r)
	if s.recorded != nil {
		err = s.recorded(entries, r, err)
	}
	return err
}

func (s *spy) Access(ctx context.Context, user orgusers.UserID, org orgusers.OrgID) (orgusers.AccessView, error) {
	v, err := s.Store.Access(s.context(ctx), user, org)
	if s.access != nil {
		err = s.access(user, org, &v, err)
	}
	return v, err
}

func (s *spy) Session(ctx context.Context, token string) (orgusers.SessionView, error) {
	v, err := s.Store.Session(s.context(ctx), token)
	if s.session != nil {
		err = s.session(token, &v, err)
	}
	return v, err
}

func (s *spy) Seen(ctx context.Context, session orgusers.SessionID, at time.Time) error {
	if s.seen != nil {
		if err := s.seen(&session, &at); err != nil {
			return err
		}
	}
	return s.Store.Seen(s.context(ctx), session, at)
}

func (s *spy) IPRules(ctx context.Context, q orgusers.IPRuleQuery) ([]orgusers.IPRuleView, error) {
	asked := q
	if s.ipRuleQuery != nil {
		s.ipRuleQuery(&q)
	}
	page, err := s.Store.IPRules(s.context(ctx), q)
	if s.ipRules != nil {
		page = s.ipRules(asked, page)
	}
	return page, err
}

func (s *spy) Members(ctx context.Context, q orgusers.MemberQuery) ([]orgusers.Member, error) {
	asked := q
	if s.memberQuery != nil {
		s.memberQuery(&q)
	}
	page, err := s.Store.Members(s.context(ctx), q)
	if s.members != nil {
		return s.members(asked, page, err)
	}
	return page, err
}

func (s *spy) Organizations(ctx context.Context, q orgusers.OrgQuery) ([]orgusers.Organization, error) {
	if s.orgQuery != nil {
		s.orgQuery(&q)
	}
	return s.Store.Organizations(s.context(ctx), q)
}

func (s *spy) Audit(ctx context.Context, q orgusers.AuditQuery) ([]orgusers.AuditEntry, error) {
	asked := q
	if s.auditQuery != nil {
		s.auditQuery(&q)
	}
	page, err := s.Store.Audit(s.context(ctx), q)
	if s.audit != nil {
		page = s.audit(asked, page)
	}
	return page, err
}

func (s *spy) Touch(ctx context.Context, user orgusers.UserID, at time.Time) error {
	if s.touch != nil {
		if err := s.touch(user, &at); err != nil {
			return err
		}
	}
	return s.Store.Touch(s.context(ctx), user, at)
}

func (s *spy) Claim(ctx context.Context, q orgusers.ClaimQuery) ([]orgusers.Effect, error) {
	asked := q
	if s.claimQuery != nil {
		s.claimQuery(&q)
	}
	claimed, err := s.Store.Claim(s.context(ctx), q)
	if s.claim != nil {
		claimed = s.claim(asked, claimed)
	}
	return claimed, err
}

func (s *spy) Settle(ctx context.Context, list []orgusers.Settlement) error {
	if s.settle != nil {
		list = s.settle(tidy(list))
	}
	return s.Store.Settle(s.context(ctx), list)
}

func (s *spy) Effects(ctx context.Context, q orgusers.EffectQuery) ([]orgusers.Effect, error) {
	if s.effectQuery != nil {
		s.effectQuery(&q)
	}
	return s.Store.Effects(s.context(ctx), q)
}

func (s *spy) Requeue(ctx context.Context, ids []orgusers.EffectID, due time.Time) (int, error) {
	n, err := s.Store.Requeue(s.context(ctx), ids, due)
	if s.requeued != nil {
		n = s.requeued(ids, n)
	}
	return n, err
}

func (s *spy) Bump(ctx context.Context, c []orgusers.Counter) ([]int64, error) {
	if s.bump != nil {
		c = tidy(c)
		s.bump(c)
	}
	values, err := s.Store.Bump(s.context(ctx), c)
	if s.bumped != nil {
		s.bumped(values)
	}
	return values, err
}

func (s *spy) Prune(ctx context.Context, now, rules, before time.Time) error {
	if s.pruneCounters != nil {
		s.pruneCounters(&now)
	}
	if s.pruneRules != nil {
		s.pruneRules(&rules, now)
	}
	if s.pruneRequests != nil {
		s.pruneRequests(&before)
	}
	return s.Store.Prune(s.context(ctx), now, rules, before)
}
