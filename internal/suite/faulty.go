package suite

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// faulty is a store that can be made to fail, to wait and to lie. All hooks are optional, and may
// be set with [faulty.with] while the store is in use.
type faulty struct {
	orgusers.Store
	mu sync.Mutex
	// before is asked before each call; its error is the call's, and nothing is carried out.
	before func(method string) error
	// after is asked after each call that went well; its error is the call's, though it was carried
	// out.
	after func(method string) error
	// entries may alter what Audit returns, members what Members does, view what View does.
	entries func([]orgusers.AuditEntry) []orgusers.AuditEntry
	members func(orgusers.MemberQuery, []orgusers.Member) []orgusers.Member
	view    func(*orgusers.View)
	// committed sees every commit and record that went through.
	committed func(orgusers.Changes)
	calls     map[string]int
}

func newFaulty(s orgusers.Store) *faulty { return &faulty{Store: s, calls: map[string]int{}} }

// with changes hooks.
func (f *faulty) with(change func(f *faulty)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// heal takes all hooks away.
func (f *faulty) heal() {
	f.with(func(f *faulty) {
		f.before, f.after, f.entries, f.members, f.view, f.committed = nil, nil, nil, nil, nil, nil
	})
}

// failing is a hook: these methods end with the error.
func failing(err error, methods ...string) func(string) error {
	return func(m string) error {
		if slices.Contains(methods, m) {
			return err
		}
		return nil
	}
}

func (f *faulty) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

func (f *faulty) call(method string, do func() error) error {
	f.mu.Lock()
	before, after := f.before, f.after
	f.calls[method]++
	f.mu.Unlock()
	if before != nil {
		if err := before(method); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	if after != nil {
		return after(method)
	}
	return nil
}

func answer[T any](f *faulty, method string, do func() (T, error)) (T, error) {
	var got T
	err := f.call(method, func() (err error) {
		got, err = do()
		return err
	})
	return got, err
}

func (f *faulty) View(ctx context.Context, q orgusers.ViewQuery) (orgusers.View, error) {
	v, err := answer(f, "View", func() (orgusers.View, error) { return f.Store.View(ctx, q) })
	f.mu.Lock()
	lie := f.view
	f.mu.Unlock()
	if err == nil && lie != nil {
		lie(&v)
	}
	return v, err
}

func (f *faulty) Commit(ctx context.Context, c orgusers.Changes) error {
	return f.call("Commit", func() error {
		err := f.Store.Commit(ctx, c)
		f.saw(err, c)
		return err
	})
}

func (f *faulty) Record(ctx context.Context, entries []orgusers.AuditEntry, r *orgusers.Request) error {
	return f.call("Record", func() error {
		err := f.Store.Record(ctx, entries, r)
		f.saw(err, orgusers.Changes{Audit: entries, Request: r})
		return err
	})
}

func (f *faulty) saw(err error, c orgusers.Changes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.committed != nil {
		f.committed(c)
	}
}

func (f *faulty) Access(ctx context.Context, u orgusers.UserID, o orgusers.OrgID) (orgusers.AccessView, error) {
	return answer(f, "Access", func() (orgusers.AccessView, error) { return f.Store.Access(ctx, u, o) })
}

func (f *faulty) Session(ctx context.Context, token string) (orgusers.SessionView, error) {
	return answer(f, "Session", func() (orgusers.SessionView, error) { return f.Store.Session(ctx, token) })
}

func (f *faulty) Seen(ctx context.Context, session orgusers.SessionID, at time.Time) error {
	return f.call("Seen", func() error { return f.Store.Seen(ctx, session, at) })
}

func (f *faulty) IPRules(ctx context.Context, q orgusers.IPRuleQuery) ([]orgusers.IPRuleView, error) {
	return answer(f, "IPRules", func() ([]orgusers.IPRuleView, error) { return f.Store.IPRules(ctx, q) })
}

func (f *faulty) Members(ctx context.Context, q orgusers.MemberQuery) ([]orgusers.Member, error) {
	f.mu.Lock()
	lie := f.members
	f.mu.Unlock()
	if lie != nil {
		q.Each = nil // so that there is a page to lie about
	}
	members, err := answer(f, "Members", func() ([]orgusers.Member, error) { return f.Store.Members(ctx, q) })
	if err == nil && lie != nil {
		members = lie(q, members)
	}
	return members, err
}

func (f *faulty) Organizations(ctx context.Context, q orgusers.OrgQuery) ([]orgusers.Organization, error) {
	return answer(f, "Organizations", func() ([]orgusers.Organization, error) { return f.Store.Organizations(ctx, q) })
}

// Audit hands the whole answer to the liar at once, so that tests keep their trails below a page.
func (f *faulty) Audit(ctx context.Context, q orgusers.AuditQuery) ([]orgusers.AuditEntry, error) {
	entries, err := answer(f, "Audit", func() ([]orgusers.AuditEntry, error) { return f.Store.Audit(ctx, q) })
	f.mu.Lock()
	lie := f.entries
	f.mu.Unlock()
	if err == nil && lie != nil {
		entries = lie(entries)
	}
	return entries, err
}

func (f *faulty) Touch(ctx context.Context, u orgusers.UserID, at time.Time) error {
	return f.call("Touch", func() error { return f.Store.Touch(ctx, u, at) })
}

func (f *faulty) Claim(ctx context.Context, q orgusers.ClaimQuery) ([]orgusers.Effect, error) {
	return answer(f, "Claim", func() ([]orgusers.Effect, error) { return f.Store.Claim(ctx, q) })
}

func (f *faulty) Settle(ctx context.Context, s []orgusers.Settlement) error {
	return f.call("Settle", func() error { return f.Store.Settle(ctx, s) })
}

func (f *faulty) Effects(ctx context.Context, q orgusers.EffectQuery) ([]orgusers.Effect, error) {
	return answer(f, "Effects", func() ([]orgusers.Effect, error) { return f.Store.Effects(ctx, q) })
}

func (f *faulty) Requeue(ctx context.Context, ids []orgusers.EffectID, due time.Time) (int, error) {
	return answer(f, "Requeue", func() (int, error) { return f.Store.Requeue(ctx, ids, due) })
}

func (f *faulty) Bump(ctx context.Context, c []orgusers.Counter) ([]int64, error) {
	return answer(f, "Bump", func() ([]int64, error) { return f.Store.Bump(ctx, c) })
}

func (f *faulty) Prune(ctx context.Context, now, rules, requests time.Time) error {
	return f.call("Prune", func() error { return f.Store.Prune(ctx, now, rules, requests) })
}
