package suite

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// keptByHost is a host's own session store: how many each has.
type keptByHost map[orgusers.UserID]int

func (h keptByHost) Active(context.Context, []orgusers.UserID) (map[orgusers.UserID]int, error) {
	return h, nil
}

func (keptByHost) End(context.Context, []orgusers.UserID, time.Time) error { return nil }

// roleNoSession: who has no session is skipped, whether the registry keeps them, the host, or both; and
// where nobody can know, nobody is. Preview and the menu say so before.
func roleNoSession(t *testing.T, w *world.World) {
	ctx := world.Ctx()
	password := func(u *orgusers.User) { u.Password = world.CheapHash() }
	NewOrg(t, w, "other", "owner@other.example")
	org := NewOrg(t, w, "acme", "owner@acme.example",
		Person{Email: "admin@acme.example", Role: orgusers.RoleAdmin, Change: password},
		Person{Email: "in@acme.example", Change: password},
		Person{Email: "out@acme.example", Change: password},
		Person{Email: "half@acme.example", Change: func(u *orgusers.User) { password(u); u.ResetRequired = true }})
	var ids []orgusers.MemberID
	for _, email := range []string{"in@acme.example", "out@acme.example", "half@acme.example"} {
		ids = append(ids, org.Member(email).ID)
	}
	end := func(svc *orgusers.Service, by orgusers.Actor, want ...string) {
		t.Helper()
		admin := svc.Admin(by, org.ID)
		seen, err := admin.Preview(ctx, orgusers.EndSessions{}, ids...)
		require.NoError(t, err)
		menu, err := admin.Allowed(ctx, ids...)
		require.NoError(t, err)
		rep, err := admin.Apply(ctx, orgusers.EndSessions{}, ids...)
		require.NoError(t, err)
		require.Equal(t, want, outcomes(rep))
		require.Equal(t, want, outcomes(seen))
		for i, id := range ids {
			o := rep.Outcomes[i]
			require.Equal(t, orgusers.Decision{Allowed: o.Result == orgusers.Applied, Reason: o.Reason, Rule: o.Rule}, menu[id][orgusers.ActionEndSessions])
		}
		w.Clock.Tick(time.Second)
	}
	const applied, none = "applied", "skipped no_active_session"

	admin := w.SignedIn("admin@acme.example")
	in, half := w.SignIn("in@acme.example"), w.SignIn("half@acme.example")
	require.Equal(t, orgusers.StepPassword, half.Step, "a ticket is no session")
	end(w.Svc, admin, applied, none, none)
	_, err := w.Svc.Authenticate(ctx, in.Token, orgusers.Actor{})
	require.ErrorIs(t, err, orgusers.ErrDenied)
	end(w.Second().Svc, admin, none, none, none)

	w.SignIn("in@acme.example")
	w.Clock.Tick(time.Hour - time.Minute)
	out := w.SignedIn("out@acme.example")
	admin = w.SignedIn("admin@acme.example")
	w.Clock.Tick(time.Minute)
	end(w.Svc, admin, none, applied, none) // one unused for an hour is over
	require.ErrorIs(t, w.Svc.Account(out).SignOut(ctx), orgusers.ErrDenied)

	in = w.SignIn("in@acme.example")
	both := w.Conf
	both.Sessions = keptByHost{org.Member("half@acme.example").User: 2}
	svc, err := orgusers.New(both)
	require.NoError(t, err)
	end(svc, admin, applied, none, applied)
	_, err = w.Svc.Authenticate(ctx, in.Token, orgusers.Actor{})
	require.ErrorIs(t, err, orgusers.ErrDenied)

	require.NoError(t, w.Svc.Account(admin).EndSession(ctx, orgusers.SessionID(admin.Session)))
	_, err = w.Svc.Account(w.Actor(admin.User)).EndOtherSessions(ctx)
	require.NoError(t, err)
	end(w.Svc, w.Actor(admin.User), applied, applied, applied) // his own is kept elsewhere, so theirs may be
}
