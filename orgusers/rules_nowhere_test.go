package orgusers_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// twice makes mia a member of a second organization.
func (x *front) twice() (world.Org, orgusers.Member) {
	x.T.Helper()
	bolt := x.NewOrg("Bolt", "boss@bolt.example")
	return bolt, bolt.Join("mia@acme.example", orgusers.RoleMember)
}

// TestR122_S090_ActiveNowhere: who was deactivated by one organization and then by another, or removed from
// the last in which she was active, has neither session nor link, as there is no sign-in (R2.13).
func TestR122_S090_ActiveNowhere(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]orgusers.Operation{"deactivated": orgusers.Deactivate{}, "removed": orgusers.Remove{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newFront(t)
			bolt, there := x.twice()
			_, session := x.enrolled()
			renewed, err := x.Svc.Account(session).EndOtherSessions(world.Ctx())
			require.NoError(t, err)
			session, err = x.Svc.Authenticate(world.Ctx(), renewed.Token, orgusers.Actor{})
			require.NoError(t, err)
			own := x.Svc.Account(session)
			link := x.forgot("mia@acme.example")
			x.Clock.Tick(time.Minute)
			require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.ResetMFA{}, x.mia.ID))
			x.Dispatch()
			factor := x.Token("mia@acme.example")
			works := func(yes bool) {
				t.Helper()
				_, mfa := own.MFA(world.Ctx())
				_, list := own.Organizations(world.Ctx(), "", 0)
				_, devices := own.Sessions(world.Ctx())
				x.live(renewed.Token, yes, "on each request, too")
				short := x.Reset(link, "short")
				wrong := x.Visitor().ResetMFA(world.Ctx(), factor, "wrong")
				if yes {
					for _, err := range []error{mfa, list, devices} {
						require.NoError(t, err)
					}
					refusedAs(t, short, orgusers.ErrInvalid, "")
					refusedAs(t, wrong, orgusers.ErrInvalid, "")
					return
				}
				for _, err := range []error{mfa, list, devices} {
					refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
				}
				refusedAs(t, short, orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
				refusedAs(t, wrong, orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
			}
			require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.Deactivate{}, x.mia.ID))
			works(true)
			require.NoError(t, bolt.Admin().Do(world.Ctx(), last, there.ID))
			works(false)

			n := len(x.Inbox.All())
			require.NoError(t, x.Visitor().ForgotPassword(world.Ctx(), "mia@acme.example"))
			x.Dispatch()
			require.Len(t, x.Inbox.All(), n)

			x.Clock.Tick(time.Minute)
			require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.Reactivate{}, x.mia.ID))
			x.live(renewed.Token, false, "S-069: a reactivation restores no session")
			_, err = own.Sessions(world.Ctx())
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
		})
	}
}

// TestR122_S069_ProvidersSession: nor does it restore the one that the organization's own provider gave.
func TestR122_S069_ProvidersSession(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	x.twice()
	x.PatchUser(x.acme.Owner.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
	require.NoError(t, x.acme.Admin().SetSSO(world.Ctx(), orgusers.SSO{Enabled: true}))
	signIn := func() string {
		x.Clock.Tick(time.Minute)
		in, err := x.Visitor().SignInSSO(world.Ctx(), orgusers.Assertion{Org: x.acme.ID, Subject: "s", Email: "mia@acme.example"})
		require.NoError(t, err)
		return in.Token
	}
	token := signIn()
	session, err := x.Svc.Authenticate(world.Ctx(), token, orgusers.Actor{})
	require.NoError(t, err)
	for _, op := range []orgusers.Operation{orgusers.Deactivate{}, orgusers.Reactivate{}} {
		x.Clock.Tick(time.Minute)
		require.NoError(t, x.acme.Admin().Do(world.Ctx(), op, x.mia.ID))
		x.live(token, false, "she is active elsewhere, where it is no good")
		_, err = x.Svc.Account(session).Sessions(world.Ctx())
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	}
	x.live(signIn(), true, "a new one")
}

// TestR122_S015_S069_RulesOfBefore: what a session had opened before a deactivation or a removal stays closed, also
// when the session is good again.
func TestR122_S015_S069_RulesOfBefore(t *testing.T) {
	t.Parallel()
	for name, op := range map[string]orgusers.Operation{"deactivated": orgusers.Deactivate{}, "removed": orgusers.Remove{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newFront(t)
			x.twice()
			own := x.Svc.Account(x.SignedIn("mia@acme.example"))
			rule, err := own.OpenIPRule(world.Ctx(), x.acme.ID, "db", 2*time.Hour)
			require.NoError(t, err)
			open := func(want bool) {
				t.Helper()
				got, err := x.Svc.Allowed(world.Ctx(), x.acme.ID, rule.IP, "db")
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			open(true)
			x.Clock.Tick(time.Minute)
			require.NoError(t, x.acme.Admin().Do(world.Ctx(), op, x.mia.ID))
			open(false)
			x.Clock.Tick(time.Minute)
			if name == "removed" {
				x.acme.Join("mia@acme.example", orgusers.RoleMember)
			} else {
				require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.Reactivate{}, x.mia.ID))
			}
			open(false)
			again := func(renewed orgusers.Renewed, err error) (orgusers.Actor, error) {
				t.Helper()
				require.NoError(t, err)
				a, err := x.Svc.Authenticate(world.Ctx(), renewed.Token, orgusers.Actor{IP: rule.IP})
				require.NoError(t, err)
				_, err = x.Svc.Access(world.Ctx(), a, x.acme.ID)
				return a, err
			}
			a, err := again(own.EndOtherSessions(world.Ctx()))
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded) // S-069: no credential was given
			open(false)
			a, err = again(x.Svc.Account(a).ChangePassword(world.Ctx(), world.Password, fresh))
			require.NoError(t, err, "who gave the password anew")
			open(false)
			_, err = x.Svc.Account(a).OpenIPRule(world.Ctx(), x.acme.ID, "db", time.Hour)
			require.NoError(t, err)
			open(true)
		})
	}
}

// TestR213_Invited: who was removed everywhere, and is invited anew, has no session and no link before
// accepting; then everything is as for anybody.
func TestR213_Invited(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	link := x.forgot("mia@acme.example")
	require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.Remove{}, x.mia.ID))
	x.acme.Invite("mia@acme.example", orgusers.RoleMember)
	x.Dispatch()
	invitation := x.Token("mia@acme.example")
	x.Clock.Tick(time.Minute)
	refusedAs(t, x.Reset(link, fresh), orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
	_, err := x.Svc.Account(x.Actor(x.mia.User)).Sessions(world.Ctx()) // a session that the host vouches for
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	_, err = x.Visitor().SignIn(world.Ctx(), "mia@acme.example", world.Password)
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	_, err = x.Visitor().AcceptInvitation(world.Ctx(), invitation, orgusers.NewAccount{})
	require.NoError(t, err)
	_, err = x.Svc.Account(x.SignedIn("mia@acme.example")).Sessions(world.Ctx())
	require.NoError(t, err)
	require.NoError(t, x.Reset(x.forgot("mia@acme.example"), fresh))
}

// TestR76_WhoDemands: a second factor is demanded by the organizations in which the session is good; of who comes
// by a provider by none, as there is none to be set up then. By one's provider nothing is learnt of the others.
func TestR76_WhoDemands(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	bolt, there := x.twice()
	required := func(a orgusers.Actor) bool {
		t.Helper()
		st, err := x.Svc.Account(a).MFA(world.Ctx())
		require.NoError(t, err)
		return st.Required
	}
	demand := func(id orgusers.OrgID) {
		x.PatchOrg(id, func(o *orgusers.Organization) { o.Settings.Security.RequireMFA = true })
	}
	own := x.Actor(x.mia.User)
	require.False(t, required(own))
	demand(bolt.ID)
	require.True(t, required(own))

	require.NoError(t, x.acme.Admin().SetSSO(world.Ctx(), orgusers.SSO{Enabled: true}))
	in, err := x.Visitor().SignInSSO(world.Ctx(), orgusers.Assertion{Org: x.acme.ID, Subject: "s", Email: "mia@acme.example"})
	require.NoError(t, err)
	provided := x.Session(in)
	require.False(t, required(provided), "what Bolt demands is Bolt's affair")

	require.NoError(t, x.Operator().DisableOrganization(world.Ctx(), bolt.ID))
	require.False(t, required(own), "disabled")
	require.NoError(t, x.Operator().EnableOrganization(world.Ctx(), bolt.ID))
	x.PatchMember(bolt.ID, there.ID, orgusers.MemberPatch{Status: orgusers.Some(orgusers.StatusInactive)})
	require.False(t, required(own), "deactivated")
	demand(x.acme.ID)
	require.False(t, required(own), "own credentials are no good there")
	_, err = x.Svc.Access(world.Ctx(), provided, x.acme.ID)
	require.NoError(t, err)
	require.False(t, required(provided), "the provider vouches for it")
}

// TestS063_ProvidersWord: a sign-in by a provider proves as much as the provider says that it asked for, and
// when; not more for a clock that is ahead, and nothing if it does not say.
func TestS063_ProvidersWord(t *testing.T) {
	t.Parallel()
	x := newFront(t, func(c *orgusers.Config) { c.Policy.StepUp = nil })
	x.PatchUser(x.acme.Owner.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
	require.NoError(t, x.acme.Admin().SetSSO(world.Ctx(), orgusers.SSO{Enabled: true}))
	by := func(ago time.Duration) orgusers.Actor {
		x.Clock.Tick(time.Second)
		said := orgusers.Assertion{Org: x.acme.ID, Subject: "s", Email: "olga@acme.example"}
		if ago != never {
			said.AuthenticatedAt = x.Clock.Now().Add(-ago)
		}
		in, err := x.Visitor().SignInSSO(world.Ctx(), said)
		require.NoError(t, err)
		return x.Session(in)
	}
	act := func(a orgusers.Actor) error {
		return x.Svc.Admin(a, x.acme.ID).SetSecurity(world.Ctx(), orgusers.Security{MinPassword: 20})
	}
	for _, ago := range []time.Duration{never, 15*time.Minute + time.Microsecond, 24 * time.Hour} {
		a := by(ago)
		refusedAs(t, act(a), orgusers.ErrReauth, "")
		renewed, err := x.Svc.Account(a).EndOtherSessions(world.Ctx())
		require.NoError(t, err)
		again, err := x.Svc.Authenticate(world.Ctx(), renewed.Token, orgusers.Actor{})
		require.NoError(t, err)
		refusedAs(t, act(again), orgusers.ErrReauth, "")
		_, err = x.Svc.Admin(again, x.acme.ID).Members(world.Ctx(), orgusers.List{})
		require.NoError(t, err, "the rest goes on")

		host := orgusers.Actor{User: a.User, SSO: x.acme.ID, SignedInAt: x.Clock.Now(), IP: netip.MustParseAddr("192.0.2.1")}
		refusedAs(t, act(host), orgusers.ErrReauth, "") // nor is a session that the host keeps
	}
	require.NoError(t, act(by(15*time.Minute-time.Second)))
	require.NoError(t, act(by(0)))
	ahead := by(-time.Hour)
	require.NoError(t, act(ahead))
	x.Clock.Tick(16 * time.Minute)
	refusedAs(t, act(ahead), orgusers.ErrReauth, "")
}

// TestR717_ByAProvider: who came by one ends the other sessions that came from there, and no others. Where the
// host keeps them nobody here knows which those are, and nothing is said to be done.
func TestR717_ByAProvider(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	require.NoError(t, x.acme.Admin().SetSSO(world.Ctx(), orgusers.SSO{Enabled: true}))
	x.PatchMember(x.acme.ID, x.mia.ID, orgusers.MemberPatch{WithoutSSO: orgusers.Some(true)})
	x.PatchUser(x.mia.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
	by := func() orgusers.SignIn {
		in, err := x.Visitor().SignInSSO(world.Ctx(), orgusers.Assertion{Org: x.acme.ID, Subject: "s", Email: "mia@acme.example"})
		require.NoError(t, err)
		return in
	}
	own, one, two := x.SignIn("mia@acme.example"), by(), by()

	host := orgusers.Actor{User: x.mia.User, SSO: x.acme.ID, SignedInAt: x.Clock.Now().Add(time.Second)}
	before, effects := x.registry(), x.Outbox(false)
	_, err := x.Svc.Account(host).EndOtherSessions(world.Ctx())
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonHostSession)
	require.Equal(t, before, x.registry())
	require.Equal(t, effects, x.Outbox(false))
	for _, e := range x.Trail("") {
		require.True(t, e.Action != orgusers.ActionEndSession || e.Result == orgusers.Refused, "the trail has it as done")
	}

	renewed, err := x.Svc.Account(x.Session(one)).EndOtherSessions(world.Ctx())
	require.NoError(t, err)
	x.live(renewed.Token, true, "")
	x.live(two.Token, false, "")
	x.live(own.Token, true, "the provider does not vouch for it")
}

// never is when a provider does not say.
const never = time.Duration(-1 << 62)

// TestS145_FoundOutLater: whether there is somebody is found out with the outbox. The trail has who asked;
// what is carried out a second time, after a crash, mails nothing more.
func TestS145_FoundOutLater(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	before := *x.user()
	asked := x.Actor("")
	n := len(x.Trail(""))
	require.NoError(t, x.Svc.Visitor(asked).ForgotPassword(world.Ctx(), "Mia@Acme.example"))
	require.Equal(t, before, *x.user(), "the account is not even looked at")
	require.Len(t, x.Trail(""), n)
	effects := x.Outbox(false)
	require.Len(t, effects, 1)
	x.Dispatch()
	require.Equal(t, effects[0].Operation, x.user().ResetLink)
	trail := x.Trail("")
	entry := trail[slices.IndexFunc(trail, func(e orgusers.AuditEntry) bool { return e.Action == orgusers.ActionForgotPassword })]
	require.Equal(t, []any{asked.IP, asked.Agent, x.mia.User, effects[0].Operation}, []any{entry.IP, entry.Agent, entry.User, entry.Operation})

	mails, entries := len(x.Inbox.All()), len(x.Trail(""))
	require.NoError(t, x.Store.Commit(world.Ctx(), orgusers.Changes{Effects: effects}))
	x.Dispatch()
	require.Len(t, x.Inbox.All(), mails)
	require.Len(t, x.Trail(""), entries)
	require.NoError(t, x.Reset(x.Token("mia@acme.example"), fresh))
}
