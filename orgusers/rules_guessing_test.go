package orgusers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// hashless is a store that ends the caller's context with a view, so that whatever hashes a password after
// it fails: the next view, or the one after a commit that is lost.
type hashless struct {
	orgusers.Store
	end  context.CancelFunc
	lose func() // is called when a commit is lost; nil: none is
}

func (s *hashless) View(ctx context.Context, q orgusers.ViewQuery) (orgusers.View, error) {
	if s.lose == nil {
		s.end()
	}
	return s.Store.View(context.WithoutCancel(ctx), q)
}

func (s *hashless) Commit(ctx context.Context, c orgusers.Changes) error {
	if lose := s.lose; lose != nil {
		s.lose = nil
		lose()
		return orgusers.ErrConflict
	}
	return s.Store.Commit(context.WithoutCancel(ctx), c)
}

// hashless is the service on such a store, and a context to use once.
func (x *front) hashless(lose func()) (context.Context, *orgusers.Service) {
	x.T.Helper()
	ctx, cancel := context.WithCancel(world.Ctx())
	x.T.Cleanup(cancel)
	return ctx, x.On(&hashless{Store: x.Store, end: cancel, lose: lose}).Svc
}

// TestS112_NoFreeGuesses: whoever is refused before the password matters learns nothing of it. It is not
// hashed, nor looked up in a corpus, and right and wrong are answered alike: they are not counted.
func TestS112_NoFreeGuesses(t *testing.T) {
	t.Parallel()
	type refusal struct {
		kind   error
		reason orgusers.Reason
	}
	for name, how := range map[string]struct {
		want    refusal
		session func(x *front) orgusers.Actor
		prove   bool // Prove is refused, too
		policy  []orgusers.Action
	}{
		"not proved of late": {refusal{orgusers.ErrReauth, ""}, func(x *front) orgusers.Actor {
			_, a := x.enrolled()
			x.Clock.Tick(16 * time.Minute)
			return a
		}, false, nil},
		"by the policy": {refusal{orgusers.ErrReauth, ""}, func(x *front) orgusers.Actor {
			a := x.Actor(x.mia.User)
			x.Clock.Tick(16 * time.Minute)
			return a
		}, false, []orgusers.Action{orgusers.ActionChangePassword}},
		"by a provider": {refusal{orgusers.ErrDenied, orgusers.ReasonSSOSession}, func(x *front) orgusers.Actor {
			a := x.Actor(x.mia.User)
			a.SSO = x.acme.ID
			return a
		}, true, nil},
		"ended": {refusal{orgusers.ErrDenied, orgusers.ReasonSessionEnded}, func(x *front) orgusers.Actor {
			a := x.Actor(x.mia.User)
			require.NoError(x.T, x.acme.Admin().Do(world.Ctx(), orgusers.EndSessions{}, x.mia.ID))
			return a
		}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			breached := &corpus{answer: corpusLines()}
			x := newFront(t, func(c *orgusers.Config) { c.Breached, c.Policy.StepUp = breached, how.policy })
			actor := how.session(x)
			before := *x.user()
			breached.asked = nil
			for _, current := range []string{world.Password, "not " + world.Password} {
				ctx, svc := x.hashless(nil)
				_, err := svc.Account(actor).ChangePassword(ctx, current, fresh)
				refusedAs(t, err, how.want.kind, how.want.reason)
				if how.prove {
					ctx, svc = x.hashless(nil)
					_, err = svc.Account(actor).Prove(ctx, current, "")
					refusedAs(t, err, how.want.kind, how.want.reason)
				}
			}
			require.Empty(t, breached.asked)
			require.Equal(t, before, *x.user())
		})
	}
}

// TestS082_HashedOnce: a new password is held against the old one and hashed once, however often another process
// is in the way; and so is one at the door, although what is in the way has locked it.
func TestS082_HashedOnce(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	x.PatchUser(x.mia.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
	ctx, svc := x.hashless(func() {})
	_, err := svc.Account(x.Actor(x.mia.User)).ChangePassword(ctx, world.Password, fresh)
	require.NoError(t, err)
	token := x.forgot("mia@acme.example")
	ctx, svc = x.hashless(func() {})
	_, err = svc.Visitor(x.Actor("")).ResetPassword(ctx, token, "yet "+fresh)
	require.NoError(t, err)

	x.PatchUser(x.mia.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
	ctx, svc = x.hashless(func() {
		x.PatchUser(x.mia.User, orgusers.UserPatch{LockedUntil: orgusers.Some(x.Clock.Now().Add(time.Hour))})
	})
	_, err = svc.Visitor(x.Actor("")).SignIn(ctx, "mia@acme.example", world.Password)
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
}

// asking is a store that keeps what was asked.
type asking struct {
	orgusers.Store
	last orgusers.ViewQuery
}

func (s *asking) View(ctx context.Context, q orgusers.ViewQuery) (orgusers.View, error) {
	s.last = q
	return s.Store.View(ctx, q)
}

// TestC5_WhoCounts: earlier tries are read for what a credential is tried with, and for nothing else.
func TestC5_WhoCounts(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	x.PatchUser(x.mia.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
	seen := &asking{Store: x.Store}
	mia := x.On(seen).Svc.Account(x.SignedIn("mia@acme.example"))
	asked := func(counters int, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, x.mia.User, seen.last.Person.User)
		require.Len(t, seen.last.Counters, counters)
	}
	asked(0, mia.Rename(world.Ctx(), someName()))
	_, err := mia.BeginMFA(world.Ctx())
	asked(0, err)
	_, err = mia.OpenIPRule(world.Ctx(), x.acme.ID, "db", time.Hour)
	asked(0, err)
	_, err = mia.Prove(world.Ctx(), world.Password, "")
	asked(2, err)
}

// TestS063_SigningInIsAProof: whatever the policy wants a fresh proof for, the steps of a sign-in ask for none
// but their own: nobody could give it there.
func TestS063_SigningInIsAProof(t *testing.T) {
	t.Parallel()
	x := newFront(t, func(c *orgusers.Config) {
		c.Policy.StepUp = []orgusers.Action{
			orgusers.ActionSignIn, orgusers.ActionSSOSignIn, orgusers.ActionChangePassword, orgusers.ActionEnrolMFA,
		}
	})
	x.demand(orgusers.Security{RequireMFA: true})
	x.PatchUser(x.mia.User, orgusers.UserPatch{ResetRequired: orgusers.Some(true)})
	in := x.SignIn("mia@acme.example")
	require.Equal(t, orgusers.StepPassword, in.Step)
	in, err := x.Visitor().ChooseNewPassword(world.Ctx(), in.Token, "a new password of length")
	require.NoError(t, err)
	require.Equal(t, orgusers.StepEnrol, in.Step)
	e, err := x.Visitor().BeginEnrolment(world.Ctx(), in.Token)
	require.NoError(t, err)
	app := world.NewFactor(x.World, e.Text())
	in, _, err = x.Visitor().ConfirmEnrolment(world.Ctx(), in.Token, e.Token(), app.Code())
	require.NoError(t, err)
	require.Equal(t, orgusers.StepDone, in.Step)
}
