package scssession

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/orgusers/go-orgusers/orgusers"
)

// valueKey is where a session keeps who is signed in. The value is text, so that any codec takes it.
const valueKey = "orgusers.signed_in"

// signedIn is that value.
type signedIn struct {
	User orgusers.UserID `json:"user"`
	SSO  orgusers.OrgID  `json:"sso,omitempty"`

	// Microseconds since 1970; 0: never.
	Since  int64 `json:"since"`
	MFA    int64 `json:"mfa,omitempty"`
	Proved int64 `json:"proved,omitempty"`
}

func (s signedIn) began() time.Time { return moment(s.Since) }

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// readSignedIn returns who is signed in by a session's value; false: nobody.
func readSignedIn(value any) (signedIn, bool) {
	var s signedIn
	text, ok := value.(string)
	if !ok || json.Unmarshal([]byte(text), &s) != nil || s.User == "" {
		return signedIn{}, false
	}
	return s, true
}

// store stands between a manager and its store and keeps the index beside it.
//
// A session is committed first and indexed then. Between the two nobody has its token, because scs
// sends the cookie after both; and when [Sessions.End] runs meanwhile, either it finds the entry and
// deletes the session, or it has left its note before Add reads it, and the session is dropped here.
// That holds too for a request that was under way and saves its session after End deleted it.
type store struct {
	inner scs.Store
	codec scs.Codec
	index Index
	now   func() time.Time
}

// A clock of another machine may be ahead, so what has just expired is not forgotten yet; and no
// request is under way for longer than an end is kept.
const (
	slack = time.Hour
	keep  = 24 * time.Hour
)

var (
	_ scs.CtxStore         = (*store)(nil)
	_ scs.IterableStore    = (*store)(nil)
	_ scs.IterableCtxStore = (*store)(nil)
)

func (s *store) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	deadline, values, err := s.codec.Decode(b)
	if err != nil {
		return fmt.Errorf("scssession: a session that cannot be read is not saved: %w", err)
	}
	if inner, ok := s.inner.(scs.CtxStore); ok {
		err = inner.CommitCtx(ctx, key, b, expiry)
	} else {
		err = s.inner.Commit(key, b, expiry)
	}
	if err != nil {
		return err
	}
	who, ok := readSignedIn(values[valueKey])
	if !ok {
		return nil
	}
	e := Entry{Key: key, User: who.User, Began: who.began(), Deadline: deadline.UTC().Truncate(time.Microsecond)}
	ended, err := s.index.Add(ctx, e, s.now().Add(-slack))
	if err != nil {
		return fmt.Errorf("scssession: index: %w", err)
	}
	if ended {
		return s.DeleteCtx(ctx, key)
	}
	return nil
}

// drop deletes a session and leaves its entry.
func (s *store) drop(ctx context.Context, key string) error {
	if inner, ok := s.inner.(scs.CtxStore); ok {
		return inner.DeleteCtx(ctx, key)
	}
	return s.inner.Delete(key)
}

func (s *store) DeleteCtx(ctx context.Context, key string) error {
	if err := s.drop(ctx, key); err != nil {
		return err
	}
	if err := s.index.Remove(ctx, key); err != nil {
		return fmt.Errorf("scssession: index: %w", err)
	}
	return nil
}

func (s *store) FindCtx(ctx context.Context, key string) ([]byte, bool, error) {
	if inner, ok := s.inner.(scs.CtxStore); ok {
		return inner.FindCtx(ctx, key)
	}
	return s.inner.Find(key)
}

func (s *store) AllCtx(ctx context.Context) (map[string][]byte, error) {
	if inner, ok := s.inner.(scs.IterableCtxStore); ok {
		return inner.AllCtx(ctx)
	}
	if inner, ok := s.inner.(scs.IterableStore); ok {
		return inner.All()
	}
	return nil, errors.New("scssession: the store does not list its sessions")
}

func (s *store) Commit(key string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), key, b, expiry)
}

func (s *store) Delete(key string) error { return s.DeleteCtx(context.Background(), key) }

func (s *store) Find(key string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), key)
}

func (s *store) All() (map[string][]byte, error) { return s.AllCtx(context.Background()) }
