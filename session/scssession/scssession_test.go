package scssession_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/session/scssession"
)

// Each operation that cuts somebody off does so at once, by the epoch or the roster, and the session
// in scs goes with the outbox (S-141, R5.6). Others, and a sign-in afterwards, are not touched.
func TestS141_CutAtOnceAndGoneWithTheOutbox(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		op    orgusers.Operation
		again int // what a new sign-in gets
	}{
		{"sessions ended", orgusers.EndSessions{}, http.StatusOK},
		{"deactivated", orgusers.Deactivate{}, http.StatusForbidden},
		{"deleted", orgusers.Delete{}, http.StatusForbidden},
		{"removed", orgusers.Remove{}, http.StatusForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			ann, bob := h.org.Join("ann@acme.example", orgusers.RoleMember), h.org.Join("bob@acme.example", orgusers.RoleMember)
			laptop, phone, other := h.browser(t).signIn(ann.User), h.browser(t).signIn(ann.User), h.browser(t).signIn(bob.User)
			for _, b := range []*browser{laptop, phone, other} {
				b.page(http.StatusOK)
			}
			require.Equal(t, 2, h.active(t, ann.User))

			h.Clock.Tick(time.Millisecond)
			require.NoError(t, h.org.Admin().Do(t.Context(), c.op, ann.ID))
			laptop.page(http.StatusForbidden)
			phone.page(http.StatusForbidden)
			require.Equal(t, 3, h.stored(t), "until the outbox has been there")
			fresh := h.browser(t).signIn(ann.User)
			fresh.page(c.again)

			h.Dispatch()
			laptop.page(http.StatusUnauthorized)
			phone.page(http.StatusUnauthorized)
			fresh.page(c.again)
			other.page(http.StatusOK)
			require.Equal(t, 1, h.active(t, ann.User), "the one that began later")
			require.Equal(t, 2, h.stored(t))
		})
	}
}

// A host with sessions of its own may have the password checked here: what the sign-in proved goes over with the
// actor, and the host's session is cut as the registry's is.
func TestSignInByThePasswordsKeptHere(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ann := h.org.Join("ann@acme.example", orgusers.RoleMember)
	actor := h.World.SignedIn("ann@acme.example")
	ctx, err := h.manager.Load(world.Ctx(), "")
	require.NoError(t, err)
	require.NoError(t, h.sessions.SignIn(ctx, actor))
	own, ok := h.sessions.Actor(ctx)
	require.True(t, ok)
	require.Equal(t, []any{ann.User, actor.SignedInAt, actor.MFAAt, actor.ProvedAt}, []any{own.User, own.SignedInAt, own.MFAAt, own.ProvedAt})
	for _, a := range []orgusers.Actor{actor, own} {
		_, err = h.Svc.Access(world.Ctx(), a, h.org.ID)
		require.NoError(t, err)
	}
	h.Clock.Tick(time.Millisecond)
	require.NoError(t, h.org.Admin().Do(world.Ctx(), orgusers.EndSessions{}, ann.ID))
	for _, a := range []orgusers.Actor{actor, own} {
		_, err = h.Svc.Access(world.Ctx(), a, h.org.ID)
		require.ErrorIs(t, err, orgusers.ErrDenied)
	}
}

// The operation tells an administrator whether there was anything to end, from what scs has.
func TestEndSessionsSkipsWhoHasNone(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ann := h.org.Join("ann@acme.example", orgusers.RoleMember)
	b := h.browser(t).signIn(ann.User)
	result := func() orgusers.Result {
		h.Clock.Tick(time.Millisecond)
		rep, err := h.org.Admin().Preview(t.Context(), orgusers.EndSessions{}, ann.ID)
		require.NoError(t, err)
		return rep.Outcomes[0].Result
	}
	require.Equal(t, orgusers.Applied, result())
	code, _ := b.do("POST", "/sign-out")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, orgusers.Skipped, result())
	require.Zero(t, h.stored(t))
}

// A request that is under way while its session is ended would be saved by scs afterwards; the
// session stays dead. So does one that signs in meanwhile, with a time before the end.
func TestRequestUnderWayDoesNotBringItsSessionBack(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ann := h.org.Join("ann@acme.example", orgusers.RoleMember)
	b := h.browser(t).signIn(ann.User)
	b.page(http.StatusOK)
	for _, path := range []string{"change", "sign in"} {
		ctx, err := h.manager.Load(t.Context(), b.token())
		require.NoError(t, err)
		if path == "sign in" {
			require.NoError(t, h.sessions.SignIn(ctx, orgusers.Actor{User: ann.User}))
		}
		h.manager.Put(ctx, "seen", path)
		require.NoError(t, h.sessions.End(t.Context(), []orgusers.UserID{ann.User}, h.Clock.Now()))
		token, _, err := h.manager.Commit(ctx)
		require.NoError(t, err)
		require.Zero(t, h.stored(t), path)
		require.Zero(t, h.active(t, ann.User), path)
		back, err := h.manager.Load(t.Context(), token)
		require.NoError(t, err)
		_, ok := h.sessions.Actor(back)
		require.False(t, ok)
		b.signIn(ann.User).page(http.StatusOK)
	}
}

func TestEndTakesWhatBeganUpToItsTime(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	first := h.browser(t).signIn("u1")
	before := h.Clock.Now()
	second := h.browser(t)
	h.Clock.Tick(time.Microsecond)
	code, _ := second.do("POST", "/sign-in?user=u1")
	require.Equal(t, http.StatusOK, code)
	for range 2 { // twice is no error
		require.NoError(t, h.sessions.End(t.Context(), []orgusers.UserID{"u1", "nobody", "u1"}, before))
		require.Equal(t, 1, h.active(t, "u1"))
	}
	first.page(http.StatusUnauthorized)
	require.NoError(t, h.sessions.End(t.Context(), nil, before))
}

// S-133: another token before sign-in, after it, after a second one, after a renewal, after sign-out;
// the old ones open nothing.
func TestS133_TokenChanges(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	b := h.browser(t)
	b.do("GET", "/visit")
	tokens := []string{b.token()}
	b.signIn(h.org.Owner.User)
	require.Contains(t, b.page(http.StatusOK), " full", "what the session held stays")
	tokens = append(tokens, b.token())
	b.signIn(h.org.Owner.User)
	tokens = append(tokens, b.token())
	ctx, err := h.manager.Load(t.Context(), b.token())
	require.NoError(t, err)
	before, _ := h.sessions.Actor(ctx)
	require.NoError(t, h.manager.RenewToken(ctx))
	renewed, _, err := h.manager.Commit(ctx)
	require.NoError(t, err)
	after, ok := h.sessions.Actor(ctx)
	require.True(t, ok)
	require.Equal(t, before.SignedInAt, after.SignedInAt, "a renewal does not outlive the epoch")
	require.NotEqual(t, before.Session, after.Session)
	require.Equal(t, 1, h.active(t, h.org.Owner.User))
	for i, old := range tokens {
		require.NotEmpty(t, old)
		require.NotContains(t, append(tokens[i+1:], renewed), old)
		ctx, err := h.manager.Load(t.Context(), old)
		require.NoError(t, err)
		_, ok := h.sessions.Actor(ctx)
		require.False(t, ok)
	}
	require.NoError(t, h.manager.Destroy(ctx))
	require.Zero(t, h.active(t, h.org.Owner.User))
	require.Zero(t, h.stored(t))
}

// Another person on the same browser finds nothing of the one before.
func TestSignInOfAnotherPersonEmptiesTheSession(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	b := h.browser(t).signIn("u1")
	b.do("GET", "/visit")
	require.NotContains(t, b.signIn(h.org.Owner.User).page(http.StatusOK), "full")
	require.Zero(t, h.active(t, "u1"))
	require.Equal(t, 1, h.stored(t))
}

// S-134, S-135: the store and the index have no token, what they have opens nothing, and the public
// name is neither.
func TestS134_NothingStoredOpensASession(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	b := h.browser(t).signIn(h.org.Owner.User)
	body := b.page(http.StatusOK)
	name := strings.Fields(body)[1]
	sum := sha256.Sum256([]byte(b.token()))
	all, err := h.store.All()
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Contains(t, all, base64.RawURLEncoding.EncodeToString(sum[:]))
	require.Len(t, name, 32)
	require.NotContains(t, hex.EncodeToString(sum[:]), name, "the audit trail does not lead into the store")
	for key, data := range all {
		require.NotContains(t, string(data), b.token())
		for _, guess := range []string{key, name} {
			ctx, err := h.manager.Load(t.Context(), guess)
			require.NoError(t, err)
			_, ok := h.sessions.Actor(ctx)
			require.False(t, ok)
		}
		require.NotContains(t, key+b.token(), name)
	}
}

// Only what has not expired counts, by idle time or by the deadline, and the index lets go of it.
func TestActiveCountsUnexpired(t *testing.T) {
	t.Parallel()
	manager, _ := newManager() // starts a goroutine that never ends
	synctest.Test(t, func(t *testing.T) {
		manager.IdleTimeout, manager.Lifetime = time.Hour, 5*time.Hour
		index := scssession.NewMemoryIndex()
		s, err := scssession.New(manager, scssession.Config{Index: index})
		require.NoError(t, err)
		active := func() int {
			n, err := s.Active(t.Context(), []orgusers.UserID{"u1", "u2"})
			require.NoError(t, err)
			return n["u1"]
		}
		begin := func(user orgusers.UserID) string {
			ctx, err := manager.Load(t.Context(), "")
			require.NoError(t, err)
			require.NoError(t, s.SignIn(ctx, orgusers.Actor{User: user}))
			token, _, err := manager.Commit(ctx)
			require.NoError(t, err)
			return token
		}
		token := begin("u1")
		begin("u1")
		for range 5 { // one is used, the other is not
			require.NotZero(t, active())
			time.Sleep(59 * time.Minute)
			ctx, err := manager.Load(t.Context(), token)
			require.NoError(t, err)
			_, ok := s.Actor(ctx)
			require.True(t, ok)
			_, _, err = manager.Commit(ctx)
			require.NoError(t, err)
		}
		require.Equal(t, 1, active())
		time.Sleep(6 * time.Minute)
		require.Zero(t, active(), "the deadline")
		time.Sleep(time.Hour)
		begin("u2")
		left, err := index.List(t.Context(), []orgusers.UserID{"u1"})
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

// However a session gets to hold a person, it is found: merged, committed by hand, under another
// deadline. And emptied, it counts no more.
func TestEveryWayIntoTheStoreIsIndexed(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	b := h.browser(t).signIn("u1")
	ctx, err := h.manager.Load(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, h.manager.MergeSession(ctx, b.token()))
	h.manager.SetDeadline(ctx, time.Now().Add(48*time.Hour))
	_, _, err = h.manager.Commit(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, h.active(t, "u1"))
	n := 0
	require.NoError(t, h.manager.Iterate(t.Context(), func(context.Context) error { n++; return nil }))
	require.Equal(t, 1, n)
	require.NoError(t, h.manager.Clear(ctx))
	_, _, err = h.manager.Commit(ctx)
	require.NoError(t, err)
	require.Zero(t, h.active(t, "u1"))
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	fields := func(err error) (out []string) {
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		for _, f := range e.Fields {
			out = append(out, f.Field)
		}
		return out
	}
	_, err := scssession.New(nil, scssession.Config{})
	require.Equal(t, []string{"manager", "index"}, fields(err))
	manager, store := newManager()
	manager.HashTokenInStore = false
	c := scssession.Config{Index: scssession.NewMemoryIndex()}
	_, err = scssession.New(manager, c)
	require.Equal(t, []string{"manager.hash_token_in_store"}, fields(err))
	_, err = scssession.New(&scs.SessionManager{}, c)
	require.Equal(t, []string{"manager.store", "manager.codec", "manager.hash_token_in_store"}, fields(err))

	manager.HashTokenInStore = true
	s, err := scssession.New(manager, c)
	require.NoError(t, err)
	_, err = scssession.New(manager, c)
	require.Equal(t, []string{"manager.store"}, fields(err))
	ctx, err := manager.Load(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"user"}, fields(s.SignIn(ctx, orgusers.Actor{})))
	require.NoError(t, s.SignIn(ctx, orgusers.Actor{User: "u1"}))
	manager.HashTokenInStore = false
	require.Error(t, s.SignIn(ctx, orgusers.Actor{User: "u1"}))
	manager.HashTokenInStore, manager.Store = true, store
	require.Error(t, s.SignIn(ctx, orgusers.Actor{User: "u1"}), "a store without the index")
}

// broken fails where it is told to.
type broken struct {
	scssession.Index
	add, end bool
}

var errBroken = errors.New("index is away")

func (x *broken) Add(ctx context.Context, e scssession.Entry, stale time.Time) (bool, error) {
	if x.add {
		return false, errBroken
	}
	return x.Index.Add(ctx, e, stale)
}

func (x *broken) Remove(ctx context.Context, keys ...string) error {
	if x.end {
		return errBroken
	}
	return x.Index.Remove(ctx, keys...)
}

// Without an index nobody signs in, and an end that broke off is carried out when it comes again.
func TestIndexThatFails(t *testing.T) {
	t.Parallel()
	manager, store := newManager()
	index := &broken{Index: scssession.NewMemoryIndex(), add: true}
	s, err := scssession.New(manager, scssession.Config{Index: index})
	require.NoError(t, err)
	ctx, err := manager.Load(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, s.SignIn(ctx, orgusers.Actor{User: "u1"}))
	_, _, err = manager.Commit(ctx)
	require.ErrorIs(t, err, errBroken)

	index.add, index.end = false, true
	_, _, err = manager.Commit(ctx)
	require.NoError(t, err)
	require.ErrorIs(t, s.End(t.Context(), []orgusers.UserID{"u1"}, time.Now()), errBroken)
	index.end = false
	require.NoError(t, s.End(t.Context(), []orgusers.UserID{"u1"}, time.Now()))
	left, err := index.List(t.Context(), []orgusers.UserID{"u1"})
	require.NoError(t, err)
	require.Empty(t, left)
	all, err := store.All()
	require.NoError(t, err)
	require.Empty(t, all)
}

// Sign-ins, changes and ends at once: whoever began before the last end is gone, in every order.
func TestSignInAgainstEnd(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for i := range 200 {
		user := orgusers.UserID(fmt.Sprint("u", i))
		ctx, err := h.manager.Load(world.Ctx(), "")
		require.NoError(t, err)
		require.NoError(t, h.sessions.SignIn(ctx, orgusers.Actor{User: user}))
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = h.manager.Commit(ctx) })
		wg.Go(func() { _ = h.sessions.End(t.Context(), []orgusers.UserID{user}, h.Clock.Now()) })
		wg.Wait()
		require.Zero(t, h.active(t, user))
	}
	require.Zero(t, h.stored(t))
}
