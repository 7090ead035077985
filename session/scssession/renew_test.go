package scssession_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// visit is one request after another of one session, as the manager's LoadAndSave does it.
type visit struct {
	t     *testing.T
	h     *host
	token string
}

// do runs a request and returns who was behind it at its end.
func (v *visit) do(request func(ctx context.Context, who orgusers.Actor)) orgusers.Actor {
	v.t.Helper()
	v.h.Clock.Tick(time.Millisecond)
	ctx, err := v.h.manager.Load(v.t.Context(), v.token)
	require.NoError(v.t, err)
	who, _ := v.h.sessions.Actor(ctx)
	request(ctx, who)
	v.token, _, err = v.h.manager.Commit(ctx)
	require.NoError(v.t, err)
	who, _ = v.h.sessions.Actor(ctx)
	return who
}

func (v *visit) signIn(who orgusers.Actor) orgusers.Actor {
	v.t.Helper()
	return v.do(func(ctx context.Context, _ orgusers.Actor) { require.NoError(v.t, v.h.sessions.SignIn(ctx, who)) })
}

func (v *visit) renew(r orgusers.Renewed, err error) orgusers.Actor {
	v.t.Helper()
	require.NoError(v.t, err)
	return v.do(func(ctx context.Context, _ orgusers.Actor) { require.NoError(v.t, v.h.sessions.Renew(ctx, r)) })
}

// S-063: a session that goes on after all sessions were ended proves nothing by that; a proof does, and a
// second factor is not lost on the way. It does not end later for it, and its token is another.
func TestS063_Renewed(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.PatchUser(h.org.Owner.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
	v := &visit{t: t, h: h}
	deadline := func() (at time.Time) {
		v.do(func(ctx context.Context, _ orgusers.Actor) { at = h.manager.Deadline(ctx) })
		return at
	}
	account := func() (a orgusers.Account) {
		v.do(func(_ context.Context, who orgusers.Actor) { a = h.Svc.Account(who) })
		return a
	}
	demand := func() (err error) {
		v.do(func(ctx context.Context, who orgusers.Actor) {
			err = h.Svc.Admin(who, h.org.ID).SetSecurity(ctx, orgusers.Security{MinPassword: 20})
		})
		return err
	}
	who := v.signIn(orgusers.Actor{User: h.org.Owner.User})
	began, until := who.SignedInAt, deadline()
	h.Clock.Tick(40 * time.Minute)
	require.ErrorIs(t, demand(), orgusers.ErrReauth)
	token := v.token
	renewed, err := account().EndOtherSessions(t.Context())
	who = v.renew(renewed, err)
	require.NotEqual(t, token, v.token)
	require.Equal(t, []time.Time{renewed.SignedInAt, began}, []time.Time{who.SignedInAt, who.ProvedAt})
	require.ErrorIs(t, demand(), orgusers.ErrReauth, "S-063")

	who = v.renew(account().Prove(t.Context(), world.Password, ""))
	require.Equal(t, until, deadline(), "a renewal prolongs nothing")
	require.True(t, who.MFAAt.IsZero())
	access := func() (err error) {
		v.do(func(ctx context.Context, who orgusers.Actor) { _, err = h.Svc.Access(ctx, who, h.org.ID) })
		return err
	}
	require.NoError(t, demand())
	h.PatchOrg(h.org.ID, func(o *orgusers.Organization) { o.Settings.Security.RequireMFA = true })
	require.Error(t, access(), "R7.8 without a second factor")
	e, err := account().BeginMFA(t.Context())
	require.NoError(t, err)
	factor := world.NewFactor(h.World, e.Text())
	_, renewed, err = account().ConfirmMFA(t.Context(), e.Token(), factor.Code())
	who = v.renew(renewed, err)
	require.Equal(t, renewed.MFAAt, who.MFAAt)
	require.NoError(t, access())
	who = v.renew(account().EndOtherSessions(t.Context()))
	require.Equal(t, renewed.MFAAt, who.MFAAt)
	h.Dispatch()
	require.NoError(t, access(), "the renewed one is not among the ended")

	v.signIn(orgusers.Actor{User: h.org.Owner.User})
	require.Error(t, access())
	v.signIn(orgusers.Actor{User: h.org.Owner.User, MFAAt: h.Clock.Now()})
	require.NoError(t, access(), "the host says when a second factor was given")
}

// A provider's session is one through the adapter too: good in its organization, and a proof only as far as
// the provider said so. Which others came from there only the host could tell (R7.17).
func TestS063_ProvidersSession(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	require.NoError(t, h.org.Admin().SetSSO(t.Context(), orgusers.SSO{Enabled: true}))
	v := &visit{t: t, h: h}
	for _, proved := range []bool{false, true} {
		said := orgusers.Actor{User: h.org.Owner.User, SSO: h.org.ID}
		if proved {
			said.ProvedAt = h.Clock.Now()
		}
		who := v.signIn(said)
		require.Equal(t, []any{said.SSO, said.ProvedAt}, []any{who.SSO, who.ProvedAt})
		err := h.Svc.Admin(who, h.org.ID).SetSecurity(t.Context(), orgusers.Security{MinPassword: 20})
		require.Equal(t, proved, err == nil, "%v", err)
		_, err = h.Svc.Account(who).EndOtherSessions(t.Context())
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, orgusers.ReasonHostSession, e.Reason)
	}
}

// Nobody is signed in by a renewal, nor by one that came too late.
func TestRenewNeedsASession(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	v := &visit{t: t, h: h}
	now := orgusers.Renewed{SignedInAt: h.Clock.Now()}
	refused := func(ctx context.Context, r orgusers.Renewed) {
		var e *orgusers.Error
		require.ErrorAs(t, h.sessions.Renew(ctx, r), &e)
		require.Equal(t, orgusers.ReasonSessionEnded, e.Reason)
	}
	v.do(func(ctx context.Context, _ orgusers.Actor) { refused(ctx, now) })
	v.signIn(orgusers.Actor{User: h.org.Owner.User})
	v.do(func(ctx context.Context, _ orgusers.Actor) { refused(ctx, orgusers.Renewed{}) })
	require.NoError(t, h.sessions.End(t.Context(), []orgusers.UserID{h.org.Owner.User}, h.Clock.Now()))
	v.do(func(ctx context.Context, _ orgusers.Actor) { refused(ctx, now) })
}
