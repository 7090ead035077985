package scssession

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Config is what [New] needs. Index is required.
type Config struct {
	Index Index
	Now   func() time.Time // the clock of the [orgusers.Service]; nil: the system clock
}

// Sessions ends and counts the sessions of a manager by user, and says who is behind a request. It
// is safe for concurrent use.
type Sessions struct {
	manager *scs.SessionManager
	store   *store
	now     func() time.Time
}

var _ orgusers.Sessions = (*Sessions)(nil)

// New puts the index between a manager and its store. The manager's store, its codec and
// HashTokenInStore are set before and stay; nothing is read or written. What is wrong is
// [orgusers.ErrInvalid] with every field named.
func New(manager *scs.SessionManager, c Config) (*Sessions, error) {
	var bad []orgusers.FieldError
	add := func(field string, r orgusers.Reason, message string) {
		bad = append(bad, orgusers.FieldError{Field: field, Reason: r, Message: message})
	}
	if manager == nil {
		add("manager", orgusers.ReasonRequired, "is required")
	} else {
		if _, ours := manager.Store.(*store); ours {
			add("manager.store", orgusers.ReasonRange, "has an index already")
		}
		if manager.Store == nil {
			add("manager.store", orgusers.ReasonRequired, "is required")
		}
		if manager.Codec == nil {
			add("manager.codec", orgusers.ReasonRequired, "is required")
		}
		if !manager.HashTokenInStore { // S-134
			add("manager.hash_token_in_store", orgusers.ReasonRequired, "must be on: whoever reads the store could use every session")
		}
	}
	if c.Index == nil {
		add("index", orgusers.ReasonRequired, "is required")
	}
	if bad != nil {
		return nil, &orgusers.Error{Op: "scssession.New", Kind: orgusers.ErrInvalid, Fields: bad}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Sessions{manager: manager, now: c.Now}
	s.store = &store{inner: manager.Store, codec: manager.Codec, index: c.Index, now: c.Now}
	manager.Store = s.store
	return s, nil
}

// errReplaced is of a host that changed its manager after New.
var errReplaced = errors.New("scssession: the manager's store or HashTokenInStore was changed after New: sessions would not be found")

// SignIn makes the session of a request, under the manager's LoadAndSave, that of a person whom the
// host has just identified, under a new token (S-133). What the session held before stays, unless it was
// another person's.
//
// Of the actor, User, SSO and the times are kept. MFAAt is when a second factor was given; ProvedAt, when
// the identity provider asked for a credential, if it was that which identified the person. SignedInAt may
// be zero: now.
func (s *Sessions) SignIn(ctx context.Context, who orgusers.Actor) error {
	if err := s.unchanged(); err != nil {
		return err
	}
	if who.User == "" || len(who.User) > 64 {
		return &orgusers.Error{Op: "scssession.SignIn", Kind: orgusers.ErrInvalid, Fields: []orgusers.FieldError{
			{Field: "user", Reason: orgusers.ReasonSyntax, Message: "must be an account's id, of up to 64 characters"},
		}}
	}
	if who.SignedInAt.IsZero() {
		who.SignedInAt = s.now()
	}
	if was, ok := readSignedIn(s.manager.Get(ctx, valueKey)); ok && was.User != who.User {
		if err := s.manager.Clear(ctx); err != nil {
			return err
		}
	}
	return s.put(ctx, who)
}

// Renew lets the session of a request go on after what has ended it, or what has proved who it is: with
// the times of [orgusers.Renewed], under a new token, and no longer than before. Beginning anew is no proof
// (S-063). If nobody is signed in it is [orgusers.ErrDenied] with [orgusers.ReasonSessionEnded].
func (s *Sessions) Renew(ctx context.Context, r orgusers.Renewed) error {
	if err := s.unchanged(); err != nil {
		return err
	}
	who, ok := s.Actor(ctx)
	if !ok || r.SignedInAt.IsZero() {
		return &orgusers.Error{Op: "scssession.Renew", Kind: orgusers.ErrDenied, Reason: orgusers.ReasonSessionEnded}
	}
	who.SignedInAt, who.MFAAt, who.ProvedAt = r.SignedInAt, r.MFAAt, r.ProvedAt
	until := s.manager.Deadline(ctx)
	if err := s.put(ctx, who); err != nil {
		return err
	}
	s.manager.SetDeadline(ctx, until)
	return nil
}

func (s *Sessions) unchanged() error {
	if s.manager.Store != scs.Store(s.store) || !s.manager.HashTokenInStore {
		return errReplaced
	}
	return nil
}

// put writes who it is into the session, under a new token.
func (s *Sessions) put(ctx context.Context, who orgusers.Actor) error {
	value, err := json.Marshal(signedIn{
		User: who.User, SSO: who.SSO, Since: micros(who.SignedInAt), MFA: micros(who.MFAAt), Proved: micros(who.ProvedAt),
	})
	if err != nil {
		return err
	}
	if err := s.manager.RenewToken(ctx); err != nil {
		return err
	}
	s.manager.Put(ctx, valueKey, string(value))
	return nil
}

// Actor says who is behind a request under the manager's LoadAndSave; false: nobody has signed in.
// User, SSO, Session and the times are filled; the host adds IP, Agent and Request.
func (s *Sessions) Actor(ctx context.Context) (orgusers.Actor, bool) {
	who, ok := readSignedIn(s.manager.Get(ctx, valueKey))
	if !ok {
		return orgusers.Actor{}, false
	}
	return orgusers.Actor{
		User: who.User, SSO: who.SSO, SignedInAt: who.began(), MFAAt: moment(who.MFA), ProvedAt: moment(who.Proved),
		Session: publicName(s.manager.Token(ctx)),
	}, true
}

// publicName names a session in the audit trail. It leads neither to the token nor to the key in the
// store, which is a hash of another text (S-134, S-135).
func publicName(token string) string {
	sum := sha256.Sum256([]byte("orgusers session name\x00" + token))
	return hex.EncodeToString(sum[:16])
}

// Active counts the sessions of each user that have not expired. The index says where they are, the
// store whether they are there: one read for each session.
func (s *Sessions) Active(ctx context.Context, users []orgusers.UserID) (map[orgusers.UserID]int, error) {
	users = slices.Compact(slices.Sorted(slices.Values(users)))
	entries, err := s.store.index.List(ctx, users)
	if err != nil {
		return nil, err
	}
	n := make(map[orgusers.UserID]int, len(users))
	for _, e := range entries {
		b, found, err := s.store.FindCtx(ctx, e.Key)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		_, values, err := s.store.codec.Decode(b)
		if err != nil {
			return nil, err
		}
		if who, ok := readSignedIn(values[valueKey]); ok && who.User == e.User { // not emptied since
			n[e.User]++
		}
	}
	return n, nil
}

// End ends the sessions of the users that began at or before the time. After an error it is to be
// called again and goes on where it was.
func (s *Sessions) End(ctx context.Context, users []orgusers.UserID, before time.Time) error {
	for _, user := range users {
		entries, err := s.store.index.End(ctx, user, before.UTC().Truncate(time.Microsecond), s.now().Add(keep))
		if err != nil {
			return err
		}
		keys := make([]string, len(entries))
		for i, e := range entries {
			if err := s.store.drop(ctx, e.Key); err != nil {
				return err
			}
			keys[i] = e.Key
		}
		if err := s.store.index.Remove(ctx, keys...); err != nil {
			return err
		}
	}
	return nil
}
