package orgusers_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestS133_S099_NewTokens: each step gives a new token, and the one before is dead.
func TestS133_S099_NewTokens(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	elsewhere := x.SignIn("mia@acme.example")
	factor, _ := x.enrolled()
	x.live(elsewhere.Token, false, "R7.9 a second factor ends the others")
	ticket := x.SignIn("mia@acme.example")
	in, err := x.Visitor().EnterCode(world.Ctx(), ticket.Token, factor.Code())
	require.NoError(t, err)
	tokens := []string{elsewhere.Token, ticket.Token, in.Token}
	token := in.Token
	for _, step := range []struct {
		name string
		take func(a orgusers.Account) (orgusers.Renewed, error)
		ends bool // the others
	}{
		{"proof", func(a orgusers.Account) (orgusers.Renewed, error) { return a.Prove(world.Ctx(), "", factor.Code()) }, false},
		{"password", func(a orgusers.Account) (orgusers.Renewed, error) {
			return a.ChangePassword(world.Ctx(), world.Password, fresh)
		}, true},
		{"all others", func(a orgusers.Account) (orgusers.Renewed, error) { return a.EndOtherSessions(world.Ctx()) }, true},
	} {
		other, err := x.Visitor().SignIn(world.Ctx(), "mia@acme.example", map[bool]string{true: fresh, false: world.Password}[step.name == "all others"])
		require.NoError(t, err)
		other, err = x.Visitor().EnterCode(world.Ctx(), other.Token, factor.Code())
		require.NoError(t, err)
		actor, err := x.Svc.Authenticate(world.Ctx(), token, orgusers.Actor{})
		require.NoError(t, err)
		renewed, err := step.take(x.Svc.Account(actor))
		require.NoError(t, err, step.name)
		x.live(token, false, step.name)
		x.live(renewed.Token, true, step.name)
		x.live(other.Token, !step.ends, step.name)
		again, err := x.Svc.Authenticate(world.Ctx(), renewed.Token, orgusers.Actor{})
		require.NoError(t, err)
		require.Equal(t, []any{renewed.SignedInAt, renewed.MFAAt, renewed.ProvedAt, actor.Session}, []any{again.SignedInAt, again.MFAAt, again.ProvedAt, again.Session})
		token = renewed.Token
		tokens = append(tokens, token)
	}
	actor, err := x.Svc.Authenticate(world.Ctx(), token, orgusers.Actor{})
	require.NoError(t, err)
	require.NoError(t, x.Svc.Account(actor).SignOut(world.Ctx()))
	for _, dead := range tokens {
		x.live(dead, false, "")
	}
	slices.Sort(tokens)
	require.Len(t, slices.Compact(tokens), 6, "all differ")
}

// TestS134_S135_Names: what the store holds, and what the person's list shows, opens nothing; and of
// somebody else's sessions nobody is told anything.
func TestS134_S135_Names(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	in, foreign := x.SignIn("mia@acme.example"), x.SignIn("olga@acme.example")
	mia := x.Session(in)
	row := x.registry()[0]
	require.NotEqual(t, in.Token, string(row.ID))
	for _, text := range []string{row.Token, string(row.ID), in.Token + " ", in.Token[:42], "", base64.RawURLEncoding.EncodeToString([]byte(row.Token)[:32])} {
		x.live(text, false, text)
	}
	raw, err := hex.DecodeString(row.Token)
	require.NoError(t, err)
	x.live(base64.RawURLEncoding.EncodeToString(raw), false, "the stored hash itself")
	account := x.Svc.Account(mia)
	unknown := account.EndSession(world.Ctx(), "no such session")
	refusedAs(t, unknown, orgusers.ErrNotFound, "")
	require.EqualError(t, account.EndSession(world.Ctx(), foreign.Session), unknown.Error())
	x.live(foreign.Token, true, "")
	list, err := account.Sessions(world.Ctx())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.True(t, list[0].Current)
}

// TestS136_Ends: unused for an hour, or 24 hours old, to the microsecond, whatever is done meanwhile.
func TestS136_Ends(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	begin := x.Clock.Now()
	idle := x.SignIn("mia@acme.example")
	x.Clock.Tick(time.Hour - time.Microsecond)
	x.live(idle.Token, true, "unused for almost an hour")
	x.Clock.Tick(time.Hour)
	x.live(idle.Token, false, "unused for an hour")

	used := x.SignIn("mia@acme.example")
	require.Equal(t, x.Clock.Now().Add(24*time.Hour), used.ExpiresAt)
	token := used.Token
	for x.Clock.Now().Add(50 * time.Minute).Before(used.ExpiresAt) {
		x.Clock.Tick(50 * time.Minute)
		x.live(token, true, "in use")
	}
	actor, err := x.Svc.Authenticate(world.Ctx(), token, orgusers.Actor{})
	require.NoError(t, err)
	renewed, err := x.Svc.Account(actor).Prove(world.Ctx(), world.Password, "")
	require.NoError(t, err)
	x.Clock.Tick(used.ExpiresAt.Sub(x.Clock.Now()) - time.Microsecond)
	x.live(renewed.Token, true, "")
	x.Clock.Tick(time.Microsecond)
	x.live(renewed.Token, false, "a proof does not make it longer")
	require.Greater(t, x.Clock.Now().Sub(begin), 24*time.Hour)
}

// TestR716_Strictest of the policy and all of a person's organizations, active in them or not shut.
func TestR716_Strictest(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	bolt := x.NewOrg("Bolt", "boss@bolt.example")
	bolt.Join("mia@acme.example", orgusers.RoleMember)
	x.demand(orgusers.Security{SessionIdle: 10 * time.Minute, SessionMax: 3 * time.Hour})
	x.PatchOrg(bolt.ID, func(o *orgusers.Organization) {
		o.Settings.Security = orgusers.Security{SessionIdle: 20 * time.Minute, SessionMax: time.Hour}
	})
	in := x.SignIn("mia@acme.example")
	require.Equal(t, time.Hour, in.ExpiresAt.Sub(x.Clock.Now()))
	x.Clock.Tick(10*time.Minute - time.Microsecond)
	x.live(in.Token, true, "")
	x.Clock.Tick(10 * time.Minute)
	x.live(in.Token, false, "")
	require.NoError(t, bolt.Admin().Do(world.Ctx(), orgusers.Deactivate{}, bolt.Member("mia@acme.example").ID))
	in = x.SignIn("mia@acme.example")
	require.Equal(t, 3*time.Hour, in.ExpiresAt.Sub(x.Clock.Now()))
	require.Equal(t, 24*time.Hour, x.SignIn("olga@acme.example").ExpiresAt.Sub(x.Clock.Now())+21*time.Hour)
}

func TestS138_TwentyFirstSession(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	token := func(n int) string { return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%032d", n)) }
	var rows []orgusers.Session
	for n := range 20 {
		x.Clock.Tick(time.Second)
		hash := sha256.Sum256([]byte(token(n)))
		now := x.Clock.Now()
		rows = append(rows, orgusers.Session{
			ID: orgusers.SessionID(fmt.Sprint("session-", n)), User: x.mia.User, Token: hex.EncodeToString(hash[:]), Step: orgusers.StepDone,
			CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour), Idle: time.Hour,
		})
	}
	slices.Reverse(rows)
	require.NoError(t, x.Store.Commit(world.Ctx(), orgusers.Changes{NewSessions: rows}))
	x.Clock.Tick(time.Second)
	in := x.SignIn("mia@acme.example")
	x.live(in.Token, true, "")
	for n := range 20 {
		x.live(token(n), n > 0, "the oldest gives way")
	}
	trail := x.Trail("")
	last := trail[slices.IndexFunc(trail, func(e orgusers.AuditEntry) bool { return e.Object == "session-0" })]
	require.Equal(t, orgusers.ActionEndSession, last.Action)

	x.PatchUser(x.mia.User, orgusers.UserPatch{ResetRequired: orgusers.Some(true)})
	var tickets []orgusers.SignIn
	for range 6 {
		x.Clock.Tick(time.Second)
		tickets = append(tickets, x.SignIn("mia@acme.example"))
	}
	x.live(token(1), true, "tickets push no session out")
	for i, ticket := range tickets {
		_, err := x.Visitor().ChooseNewPassword(world.Ctx(), ticket.Token, "short")
		if i == 0 {
			refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
		} else {
			refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonTooShort)
		}
	}
}

// TestS138_WhatIsOver gives its row to what begins, so that no clean-up is needed for there to be few.
func TestS138_WhatIsOver(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	factor, _ := x.enrolled()
	for range 4 {
		in := x.SignIn("mia@acme.example")
		_, err := x.Visitor().EnterCode(world.Ctx(), in.Token, factor.Code())
		require.NoError(t, err)
		require.LessOrEqual(t, len(x.registry()), 2)
		x.Clock.Tick(2 * time.Hour)
	}
	x.PatchUser(x.mia.User, orgusers.UserPatch{MFA: orgusers.Some(orgusers.MFA{})})
	for range 4 {
		x.SignIn("mia@acme.example")
		x.Clock.Tick(2 * time.Hour)
	}
	require.Len(t, x.registry(), 2)
}

// TestS063_StepUp: each action that the policy names needs a proof of the last 15 minutes.
func TestS063_StepUp(t *testing.T) {
	t.Parallel()
	x := newFront(t, func(c *orgusers.Config) { c.Policy.StepUp = nil })
	gone := x.acme.Join("gone@acme.example", orgusers.RoleMember)
	actions := map[orgusers.Action]func(a orgusers.Admin) error{
		orgusers.ActionOfferOwnership: func(a orgusers.Admin) error { return a.OfferOwnership(world.Ctx(), "mia@acme.example") },
		orgusers.ActionDelete: func(a orgusers.Admin) error {
			return a.Do(world.Ctx(), orgusers.Delete{}, gone.ID)
		},
		orgusers.ActionResetMFA: func(a orgusers.Admin) error { return a.Do(world.Ctx(), orgusers.ResetMFA{}, x.mia.ID) },
		orgusers.ActionUnlinkSSO: func(a orgusers.Admin) error {
			x.PatchMember(x.acme.ID, x.mia.ID, orgusers.MemberPatch{Subject: orgusers.Some("s-mia")})
			return a.Do(world.Ctx(), orgusers.UnlinkSSO{}, x.mia.ID)
		},
		orgusers.ActionSetSecurity: func(a orgusers.Admin) error {
			return a.SetSecurity(world.Ctx(), orgusers.Security{MinPassword: 20})
		},
		orgusers.ActionSetSSO: func(a orgusers.Admin) error {
			return a.SetSSO(world.Ctx(), orgusers.SSO{Enabled: true, RoleMapping: true})
		},
		orgusers.ActionSetGroups: func(a orgusers.Admin) error {
			return a.SetGroups(world.Ctx(), orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember})
		},
	}
	x.enrolled()
	for _, name := range orgusers.DefaultStepUp() {
		act := actions[name]
		require.NotNil(t, act, "say how to %s", name)
		olga := x.SignedIn("olga@acme.example")
		x.Clock.Tick(15*time.Minute + time.Microsecond)
		refusedAs(t, act(x.Svc.Admin(olga, x.acme.ID)), orgusers.ErrReauth, "")
		_, err := x.Svc.Admin(olga, x.acme.ID).Members(world.Ctx(), orgusers.List{})
		require.NoError(t, err, "the rest goes on")

		anew, err := x.Svc.Account(olga).EndOtherSessions(world.Ctx())
		require.NoError(t, err)
		again, err := x.Svc.Authenticate(world.Ctx(), anew.Token, orgusers.Actor{})
		require.NoError(t, err)
		refusedAs(t, act(x.Svc.Admin(again, x.acme.ID)), orgusers.ErrReauth, "")
		proved, err := x.Svc.Account(again).Prove(world.Ctx(), world.Password, "")
		require.NoError(t, err)
		olga, err = x.Svc.Authenticate(world.Ctx(), proved.Token, orgusers.Actor{})
		require.NoError(t, err)
		x.Clock.Tick(15 * time.Minute)
		require.NoError(t, act(x.Svc.Admin(olga, x.acme.ID)), name)
	}
	require.Len(t, actions, len(orgusers.DefaultStepUp()))
}

// TestS063_WhatIsNoProof: a session that the host begins anew after Account.EndOtherSessions is no
// proof, and neither is the password alone of who has a second factor.
func TestS063_WhatIsNoProof(t *testing.T) {
	t.Parallel()
	x := newFront(t, func(c *orgusers.Config) { c.Policy.StepUp = nil })
	host := x.Actor(x.acme.Owner.User)
	x.Clock.Tick(20 * time.Minute)
	renewed, err := x.Svc.Account(host).EndOtherSessions(world.Ctx())
	require.NoError(t, err)
	require.Empty(t, renewed.Token)
	require.Equal(t, host.SignedInAt, renewed.ProvedAt)
	host.SignedInAt, host.ProvedAt = renewed.SignedInAt, renewed.ProvedAt
	refusedAs(t, x.Svc.Admin(host, x.acme.ID).SetSecurity(world.Ctx(), orgusers.Security{MinPassword: 20}), orgusers.ErrReauth, "")

	_, mia := x.enrolled()
	x.Clock.Tick(16 * time.Minute)
	_, err = x.Svc.Account(mia).ChangePassword(world.Ctx(), world.Password, fresh)
	refusedAs(t, err, orgusers.ErrReauth, "")
	_, err = x.Svc.Account(mia).BeginMFA(world.Ctx())
	refusedAs(t, err, orgusers.ErrReauth, "")
}

// TestS141_EndsAtOnce: a kill, a deactivation and a removal end the session on every process, and a
// kill by one whose clock is behind ends what began before it too.
func TestS141_EndsAtOnce(t *testing.T) {
	t.Parallel()
	for name, op := range map[string]orgusers.Operation{"kill": orgusers.EndSessions{}, "deactivate": orgusers.Deactivate{}, "remove": orgusers.Remove{}, "delete": orgusers.Delete{}} {
		for _, behind := range []time.Duration{0, -time.Minute} {
			t.Run(fmt.Sprint(name, behind), func(t *testing.T) {
				t.Parallel()
				x := newFront(t)
				in := x.SignIn("mia@acme.example")
				second := x.Second()
				admin := x.acme.Owner
				slow := x.Conf
				slow.Now = func() time.Time { return x.Clock.Now().Add(behind) }
				svc, err := orgusers.New(slow)
				require.NoError(t, err)
				admin.SignedInAt = x.Clock.Now()
				require.NoError(t, svc.Admin(admin, x.acme.ID).Do(world.Ctx(), op, x.mia.ID))
				_, err = second.Svc.Authenticate(world.Ctx(), in.Token, orgusers.Actor{})
				refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
				if name == "kill" {
					again := x.SignIn("mia@acme.example")
					x.live(again.Token, true, "")
					require.NoError(t, svc.Admin(admin, x.acme.ID).Do(world.Ctx(), op, x.mia.ID))
					x.live(again.Token, false, "")
					x.live(in.Token, false, "the epoch does not fall")
				}
			})
		}
	}
}

// wall is a firewall that does what it is told; here nobody tells it, since nothing is dispatched.
type wall struct{}

func (wall) Open(context.Context, []orgusers.IPRule) error   { return nil }
func (wall) Revoke(context.Context, []orgusers.IPRule) error { return nil }

// TestS069_ClockAhead: a deactivation by a clock that runs ahead keeps nobody out who signs in afterwards, and what
// ends sessions ends those that began, or went on, by such a clock.
func TestS069_ClockAhead(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T) (x *front, fast *orgusers.Service, again func(*orgusers.Service), access func(orgusers.Actor, orgusers.OrgID) error) {
		x = newFront(t, func(c *orgusers.Config) { c.Firewall = wall{} })
		x.twice()
		conf := x.Conf
		conf.Now = func() time.Time { return x.Clock.Now().Add(2 * time.Second) }
		fast, err := orgusers.New(conf)
		require.NoError(t, err)
		again = func(svc *orgusers.Service) {
			for _, op := range []orgusers.Operation{orgusers.Deactivate{}, orgusers.Reactivate{}} {
				require.NoError(t, svc.Admin(x.acme.Owner, x.acme.ID).Do(world.Ctx(), op, x.mia.ID))
			}
		}
		return x, fast, again, func(a orgusers.Actor, org orgusers.OrgID) error {
			_, err := x.Svc.Access(world.Ctx(), a, org)
			return err
		}
	}
	t.Run("a sign-in after it", func(t *testing.T) {
		t.Parallel()
		x, fast, again, access := setup(t)
		again(fast)
		a := x.SignedIn("mia@acme.example")
		require.NoError(t, access(a, x.acme.ID))
		renewed, err := x.Svc.Account(a).Prove(world.Ctx(), world.Password, "")
		require.NoError(t, err)
		a, err = x.Svc.Authenticate(world.Ctx(), renewed.Token, orgusers.Actor{IP: a.IP})
		require.NoError(t, err)
		require.NoError(t, access(a, x.acme.ID), "a proof makes no session worse")
		rule, err := x.Svc.Account(a).OpenIPRule(world.Ctx(), x.acme.ID, "db", time.Hour)
		require.NoError(t, err)
		open := func() bool {
			open, err := x.Svc.Allowed(world.Ctx(), x.acme.ID, rule.IP, "db")
			require.NoError(t, err)
			return open
		}
		require.True(t, open())
		require.NoError(t, x.Svc.Account(a).CloseIPRule(world.Ctx(), rule.ID))
		require.False(t, open(), "closed at once, by this clock too")
		_, err = x.Svc.Account(x.SignedIn("mia@acme.example")).EndOtherSessions(world.Ctx())
		require.NoError(t, err)
		refusedAs(t, access(a, x.acme.ID), orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	})
	t.Run("single sign-on", func(t *testing.T) {
		t.Parallel()
		x, fast, _, access := setup(t)
		x.PatchUser(x.acme.Owner.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
		turn := func(svc *orgusers.Service, on bool) {
			require.NoError(t, svc.Admin(x.acme.Owner, x.acme.ID).SetSSO(world.Ctx(), orgusers.SSO{Enabled: on}))
		}
		turn(x.Svc, true)
		turn(fast, false)
		turn(x.Svc, true)
		in, err := x.Visitor().SignInSSO(world.Ctx(), orgusers.Assertion{Org: x.acme.ID, Subject: "s", Email: "mia@acme.example"})
		require.NoError(t, err)
		a, err := x.Svc.Authenticate(world.Ctx(), in.Token, orgusers.Actor{})
		require.NoError(t, err)
		require.NoError(t, access(a, x.acme.ID))
		turn(x.Svc, false)
		turn(x.Svc, true)
		refusedAs(t, access(a, x.acme.ID), orgusers.ErrDenied, orgusers.ReasonSessionEnded)
		_, err = x.Svc.Account(a).EndOtherSessions(world.Ctx())
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	})
	t.Run("a session that went on before it", func(t *testing.T) {
		t.Parallel()
		x, fast, again, access := setup(t)
		renewed, err := fast.Account(x.SignedIn("mia@acme.example")).ChangePassword(world.Ctx(), world.Password, fresh)
		require.NoError(t, err)
		a, err := x.Svc.Authenticate(world.Ctx(), renewed.Token, orgusers.Actor{})
		require.NoError(t, err)
		require.NoError(t, access(a, x.acme.ID))
		again(x.Svc)
		refusedAs(t, access(a, x.acme.ID), orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	})
}
