package scssession

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// MemoryIndex is an [Index] for one process whose sessions are in memory too.
type MemoryIndex struct {
	mu      sync.Mutex
	entries map[string]Entry
	byUser  map[orgusers.UserID]map[string]struct{}
	ends    map[orgusers.UserID]end
	due     dueList // one for each change of an entry or end; those that no longer fit are passed over
}

// end says up to when a user's sessions are over, and how long that is remembered.
type end struct{ before, until time.Time }

// NewMemoryIndex returns an empty index.
func NewMemoryIndex() *MemoryIndex {
	return &MemoryIndex{
		entries: map[string]Entry{}, byUser: map[orgusers.UserID]map[string]struct{}{}, ends: map[orgusers.UserID]end{},
	}
}

// Add is [Index.Add].
func (x *MemoryIndex) Add(_ context.Context, e Entry, stale time.Time) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if was, ok := x.entries[e.Key]; !ok || was != e {
		x.forget(stale)
		x.remove(e.Key)
		x.entries[e.Key] = e
		if x.byUser[e.User] == nil {
			x.byUser[e.User] = map[string]struct{}{}
		}
		x.byUser[e.User][e.Key] = struct{}{}
		heap.Push(&x.due, due{at: e.Deadline, key: e.Key})
	}
	n, ok := x.ends[e.User]
	return ok && !e.Began.After(n.before), nil
}

// End is [Index.End].
func (x *MemoryIndex) End(_ context.Context, user orgusers.UserID, before, until time.Time) ([]Entry, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.ends[user]
	if before.After(n.before) {
		n.before = before
	}
	if until.After(n.until) {
		n.until = until
		heap.Push(&x.due, due{at: until, user: user})
	}
	x.ends[user] = n
	var out []Entry
	for key := range x.byUser[user] {
		if e := x.entries[key]; !e.Began.After(before) {
			out = append(out, e)
		}
	}
	return out, nil
}

// List is [Index.List].
func (x *MemoryIndex) List(_ context.Context, users []orgusers.UserID) ([]Entry, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []Entry
	for _, user := range users {
		for key := range x.byUser[user] {
			out = append(out, x.entries[key])
		}
	}
	return out, nil
}

// Remove is [Index.Remove].
func (x *MemoryIndex) Remove(_ context.Context, keys ...string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, key := range keys {
		x.remove(key)
	}
	return nil
}

func (x *MemoryIndex) remove(key string) {
	e, ok := x.entries[key]
	if !ok {
		return
	}
	delete(x.entries, key)
	delete(x.byUser[e.User], key)
	if len(x.byUser[e.User]) == 0 {
		delete(x.byUser, e.User)
	}
}

// forget drops what was over before the given time.
func (x *MemoryIndex) forget(stale time.Time) {
	for len(x.due) > 0 && x.due[0].at.Before(stale) {
		d := heap.Pop(&x.due).(due)
		if d.key != "" {
			if e := x.entries[d.key]; e.Deadline.Before(stale) {
				x.remove(d.key)
			}
		} else if x.ends[d.user].until.Before(stale) {
			delete(x.ends, d.user)
		}
	}
}

// due is when to look at a session, or at a user's end, to forget it.
type due struct {
	at   time.Time
	key  string
	user orgusers.UserID
}

type dueList []due

func (l dueList) Len() int           { return len(l) }
func (l dueList) Less(i, j int) bool { return l[i].at.Before(l[j].at) }
func (l dueList) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *dueList) Push(d any)        { *l = append(*l, d.(due)) }
func (l *dueList) Pop() any {
	old := *l
	d := old[len(old)-1]
	*l = old[:len(old)-1]
	return d
}
