package memstore

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Store is an [orgusers.Store] in memory. Make one with [New].
type Store struct {
	mu       sync.RWMutex
	orgs     map[orgusers.OrgID]*organization
	orgIDs   *ordered[orgusers.OrgID]
	users    map[orgusers.UserID]*orgusers.User
	userKeys map[orgusers.AddressKey]*orgusers.User
	joined   map[orgusers.UserID]map[orgusers.OrgID]*member // every roster row of an account
	trails   map[orgusers.OrgID]*trail                      // of account matters too, under ""
	requests map[requestKey]orgusers.Request
	outbox   outbox
	registry registry

	counters counters // with a lock of its own: throttles do not wait for commits
}

var _ orgusers.Store = (*Store)(nil)

// requestKey names an answered request: ids of requests are scoped by organization.
type requestKey struct {
	org orgusers.OrgID
	id  string
}

// New returns an empty store.
func New() *Store {
	return &Store{
		orgs:     make(map[orgusers.OrgID]*organization),
		orgIDs:   newOrdered(cmp.Compare[orgusers.OrgID]),
		users:    make(map[orgusers.UserID]*orgusers.User),
		userKeys: make(map[orgusers.AddressKey]*orgusers.User),
		joined:   make(map[orgusers.UserID]map[orgusers.OrgID]*member),
		trails:   make(map[orgusers.OrgID]*trail),
		requests: make(map[requestKey]orgusers.Request),
		outbox:   newOutbox(),
		registry: newRegistry(),
		counters: counters{byKey: make(map[string]*counter)},
	}
}

// Level is the contract this store was written for: a number of its own and not
// [orgusers.StoreLevel], which would agree with every contract to come.
func (s *Store) Level() int { return 2 }

// read locks for reading and returns how to unlock, unless the context ended meanwhile.
func (s *Store) read(ctx context.Context) (unlock func(), err error) {
	s.mu.RLock()
	if err := ctx.Err(); err != nil {
		s.mu.RUnlock()
		return nil, err
	}
	return s.mu.RUnlock, nil
}

// write locks for writing and returns how to unlock, unless the context ended meanwhile: waiting
// for the lock is the last moment at which a caller that gave up can still be told that nothing was
// written.
func (s *Store) write(ctx context.Context) (unlock func(), err error) {
	s.mu.Lock()
	if err := ctx.Err(); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	return s.mu.Unlock, nil
}

// Touch raises the account's last login and its copies on the rosters.
func (s *Store) Touch(ctx context.Context, user orgusers.UserID, at time.Time) error {
	unlock, err := s.write(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	u := s.users[user]
	if u == nil {
		return nil
	}
	if u.LastLogin.Before(at) {
		u.LastLogin = at
	}
	for org, m := range s.joined[user] {
		if m.LastLogin.Before(at) {
			s.orgs[org].change(m, func(m *orgusers.Member) { m.LastLogin = at })
		}
	}
	return nil
}

// Organizations returns one page of organizations by id.
func (s *Store) Organizations(ctx context.Context, q orgusers.OrgQuery) ([]orgusers.Organization, error) {
	unlock, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	ids := s.orgIDs
	if q.User != "" {
		ids = newOrdered(cmp.Compare[orgusers.OrgID])
		for org := range s.joined[q.User] {
			ids.insert(org)
		}
	}
	var page []orgusers.Organization
	for id := range ids.ascend(func(id orgusers.OrgID) bool { return strings.Compare(string(id), string(q.After)) > 0 }) {
		if len(page) >= q.Limit {
			break
		}
		page = append(page, s.orgs[id].row.Clone())
	}
	return page, nil
}
