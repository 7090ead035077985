// Package ownstore is a complete store to copy from: maps behind a lock, and a file. It is written to
// be read, beside the documentation of package store: ownstore.go has the state and the file,
// decision.go the reading and writing of decisions, sessions.go the people who sign in, pages.go the
// listings, outbox.go the effects and counters, records.go what maps need to stand in for tables. Where a database would have an index it
// has a loop, and each change writes the whole file, so it suits some hundred people. It passes the
// suite in store/storetest.
package ownstore

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Store keeps everything in one file.
type Store struct {
	path string
	mu   sync.Mutex
	now  *state
}

// state is everything at one moment. What is in a state is never changed, only replaced in the next
// one: so states share their rows, and a commit that fails is a state that nobody kept.
type state struct {
	Orgs     map[orgusers.OrgID]*org
	Users    map[orgusers.UserID]*orgusers.User
	Requests map[requestKey]*orgusers.Request
	Audit    map[orgusers.EntryID]*orgusers.AuditEntry
	Effects  map[orgusers.EffectID]*orgusers.Effect
	Counters map[string]*orgusers.Counter
	Sessions map[orgusers.SessionID]*orgusers.Session
	Rules    map[orgusers.IPRuleID]*orgusers.IPRule
}

// org is one organization. What belongs to it is found through it alone, so that another
// organization's id is the id of nothing.
type org struct {
	Row     orgusers.Organization
	Members map[orgusers.MemberID]*orgusers.Member // with their grants, which so go with the row
	Stacks  map[orgusers.StackID]*orgusers.Stack
	Roles   map[orgusers.RoleID]*orgusers.StackRole
}

type requestKey struct {
	Org orgusers.OrgID
	ID  string
}

// Open reads the file, or starts with nothing if there is none.
func Open(path string) (*Store, error) {
	var kept state
	f, err := os.Open(path)
	if err == nil {
		// gob and not JSON: as JSON, accounts hide their password hashes and second factors.
		err = errors.Join(gob.NewDecoder(f).Decode(&kept), f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &Store{path: path, now: kept.next()}, nil
}

// Level is a number and not orgusers.StoreLevel: this store keeps to contract 2 whatever comes.
func (s *Store) Level() int { return 2 }

// next returns a state with maps of its own, to be changed.
func (s *state) next() *state {
	n := &state{own(s.Orgs), own(s.Users), own(s.Requests), own(s.Audit), own(s.Effects), own(s.Counters), own(s.Sessions), own(s.Rules)}
	for id, o := range n.Orgs {
		n.Orgs[id] = o.next()
	}
	return n
}

func (o *org) next() *org { return &org{o.Row, own(o.Members), own(o.Stacks), own(o.Roles)} }

func own[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return make(map[K]V)
	}
	return maps.Clone(m)
}

// read returns a state that stays as it is.
func (s *Store) read(ctx context.Context) (*state, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, ctx.Err()
}

// write makes the next state and keeps it, if change and the disk agree. All that a store promises of
// writing is here: one at a time, all or nothing, on disk before it is acknowledged.
func (s *Store) write(ctx context.Context, change func(s *state) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	next := s.now.next()
	if err := change(next); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(gob.NewEncoder(f).Encode(next), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.path); err != nil { // the commit: before it, nothing has happened
		return err
	}
	s.now = next
	folder, err := os.Open(filepath.Dir(s.path))
	if err == nil {
		err = errors.Join(folder.Sync(), folder.Close())
	}
	if err != nil { // a power cut could still undo what everybody sees already
		return fmt.Errorf("%w: %w", orgusers.ErrUnknownOutcome, err)
	}
	return nil
}
