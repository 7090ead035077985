package orgusers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// forgot asks for a link and returns its token.
func (x *front) forgot(email string) string {
	x.T.Helper()
	require.NoError(x.T, x.Visitor().ForgotPassword(world.Ctx(), email))
	x.Dispatch()
	return x.Token("mia@acme.example")
}

// TestS089_S090_LinksDie: a link works once, and whatever changes the sign-in voids it.
func TestS089_S090_LinksDie(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(x *front, token string){
		"used": func(x *front, token string) {
			require.NoError(x.T, x.Reset(token, fresh))
		},
		"newer": func(x *front, _ string) { x.forgot("mia@acme.example") },
		"changed": func(x *front, _ string) {
			_, err := x.Svc.Account(x.SignedIn("mia@acme.example")).ChangePassword(world.Ctx(), world.Password, fresh)
			require.NoError(x.T, err)
		},
		"forced": func(x *front, _ string) {
			require.NoError(x.T, x.acme.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.mia.ID))
		},
		"deactivated": func(x *front, _ string) {
			require.NoError(x.T, x.acme.Admin().Do(world.Ctx(), orgusers.Deactivate{}, x.mia.ID))
		},
		"chosen": func(x *front, _ string) {
			x.PatchUser(x.mia.User, orgusers.UserPatch{ResetRequired: orgusers.Some(true)})
			_, err := x.Visitor().ChooseNewPassword(world.Ctx(), x.SignIn("mia@acme.example").Token, fresh)
			require.NoError(x.T, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newFront(t)
			token := x.forgot("mia@acme.example")
			kill(x, token)
			before := x.user().Password
			refusedAs(t, x.Reset(token, "yet "+fresh), orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
			require.Equal(t, before, x.user().Password)
		})
	}
}

func TestS091_EmptyTokens(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	x.enrolled()
	for _, token := range []string{"", "\x00", strings.Repeat("\x00", 32), strings.Repeat("A", 43), strings.Repeat("0", 64), "null"} {
		refusedAs(t, x.Reset(token, fresh), orgusers.ErrExpired, orgusers.ReasonLinkMalformed)
		refusedAs(t, x.Visitor().ResetMFA(world.Ctx(), token, world.Password), orgusers.ErrExpired, orgusers.ReasonLinkMalformed)
		_, err := x.Visitor().EnterCode(world.Ctx(), token, "000000")
		refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
		x.live(token, false, "")
	}
}

// TestS092_S145_Forgotten: the mail goes to the stored address, and the answer is the same for all.
func TestS092_S145_Forgotten(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	n := len(x.Inbox.All())
	for _, email := range []string{"MIA@Acme.Example", " mia@acme.example"} {
		require.NoError(t, x.Visitor().ForgotPassword(world.Ctx(), email))
		require.Len(t, x.Inbox.All(), n, "the mail is not sent while the caller waits")
		x.Dispatch()
		mails := x.Inbox.All()[n:]
		require.Len(t, mails, 1)
		require.Equal(t, []any{"mia@acme.example", orgusers.MailPasswordReset}, []any{mails[0].To, mails[0].Kind})
		n++
	}
	for _, email := range []string{"nobody@acme.example", "mia@acme.example,evil@x.example", "mıa@acme.example", "mia@àcme.example"} {
		err := x.Visitor().ForgotPassword(world.Ctx(), email)
		if err != nil {
			require.ErrorIs(t, err, orgusers.ErrInvalid, email)
		}
	}
	before := *x.user()
	for range 5 { // three an hour are mailed, and nobody is told
		require.NoError(t, x.Visitor().ForgotPassword(world.Ctx(), "mia@acme.example"))
	}
	x.Dispatch()
	require.Len(t, x.Inbox.All(), n+1)
	now := *x.user()
	require.Equal(t, []any{before.Failures, before.LockedUntil, before.Password}, []any{now.Failures, now.LockedUntil, now.Password}, "S-104 no lock")
}

// TestS097_NobodyIsGivenAPassword: who is put in by support has none, whatever there is to guess it from,
// until the mailed link sets one; and what is in the mail never is one.
func TestS097_NobodyIsGivenAPassword(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	_, err := x.Operator().CreateOrganization(world.Ctx(), orgusers.NewOrganization{
		Name: "Bolt", Owner: "nina@bolt.example", OwnerName: orgusers.Name{First: "Nina"}, Admins: []string{"adam@bolt.example"},
	})
	require.NoError(t, err)
	x.Dispatch()
	for _, email := range []string{"nina@bolt.example", "adam@bolt.example"} {
		mail, _ := x.Inbox.LastLink(email)
		token := world.Token(mail)
		v, err := x.Store.View(world.Ctx(), orgusers.ViewQuery{UserKeys: []orgusers.AddressKey{orgusers.AddressKey(email)}})
		require.NoError(t, err)
		require.Empty(t, v.Users[0].Password)
		guesses := []string{"", token, email, string(v.Users[0].ID)}
		for n, guess := range guesses {
			x.Clock.Tick(time.Hour) // whatever is counted against the account
			_, err := x.Svc.Visitor(from(n)).SignIn(world.Ctx(), email, guess)
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		}
		require.NoError(t, x.Reset(token, fresh))
		x.Clock.Tick(time.Hour)
		for n, guess := range guesses[:2] {
			_, err := x.Svc.Visitor(from(n)).SignIn(world.Ctx(), email, guess)
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		}
		x.Clock.Tick(time.Hour)
		in, err := x.Visitor().SignIn(world.Ctx(), email, fresh)
		require.NoError(t, err)
		require.Equal(t, orgusers.StepDone, in.Step)
	}
}

// TestS099_S100_AfterAReset: all sessions are over, nobody is signed in by it, and the second factor
// is still demanded.
func TestS099_S100_AfterAReset(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	factor, _ := x.enrolled()
	in, err := x.code(factor.Code())
	require.NoError(t, err)
	ticket := x.SignIn("mia@acme.example")
	require.NoError(t, x.Reset(x.forgot("mia@acme.example"), fresh))
	x.live(in.Token, false, "")
	require.Empty(t, x.registry())
	_, err = x.Visitor().EnterCode(world.Ctx(), ticket.Token, factor.Code())
	refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
	_, err = x.Visitor().SignIn(world.Ctx(), "mia@acme.example", world.Password)
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	in, err = x.Visitor().SignIn(world.Ctx(), "mia@acme.example", fresh)
	require.NoError(t, err)
	require.Equal(t, orgusers.StepCode, in.Step)
	in, err = x.Visitor().EnterCode(world.Ctx(), in.Token, factor.Code())
	require.NoError(t, err)
	require.Equal(t, orgusers.StepDone, in.Step)
	x.Dispatch()
	mail, _ := x.Inbox.Last("mia@acme.example")
	require.Equal(t, orgusers.MailPasswordChanged, mail.Kind, "S-106")
	require.NotContains(t, mail.Link, "token")
}

// TestS105_Tries: one that is refused leaves the link as it is, ten times.
func TestS105_Tries(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	token := x.forgot("mia@acme.example")
	for _, weak := range []string{"", "short", "aaaaaaaaaaaaaaaaaaaa", "Acme Acme Acme 2026", world.Password, strings.Repeat("x y", 100), "a\x00" + fresh, "password12345678", "mia@acme.example"} {
		require.ErrorIs(t, x.Reset(token, weak), orgusers.ErrInvalid, weak)
	}
	require.NoError(t, x.Reset(token, fresh), "the tenth")
	token = x.forgot("mia@acme.example")
	for range 10 {
		refusedAs(t, x.Reset(token, "short"), orgusers.ErrInvalid, orgusers.ReasonTooShort)
	}
	require.ErrorIs(t, x.Reset(token, "once more "+fresh), orgusers.ErrLimit)
}

// TestR66_ForcedReset: the old password only leads to setting another (S-102).
func TestR66_ForcedReset(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	old := x.SignIn("mia@acme.example")
	require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.mia.ID))
	x.live(old.Token, true, "R7.4 sessions go on until then")
	in := x.SignIn("mia@acme.example")
	require.Equal(t, orgusers.StepPassword, in.Step)
	choose := func(password string) (orgusers.SignIn, error) {
		return x.Visitor().ChooseNewPassword(world.Ctx(), in.Token, password)
	}
	_, err := choose(world.Password)
	refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonSamePassword)
	_, err = choose("short")
	refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonTooShort)
	done, err := choose(fresh)
	require.NoError(t, err)
	require.Equal(t, orgusers.StepDone, done.Step)
	x.live(done.Token, true, "")
	x.live(old.Token, false, "S-099")
	_, err = choose("once more " + fresh)
	refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
	require.False(t, x.user().ResetRequired)

	require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.mia.ID))
	x.Dispatch()
	token := x.Token("mia@acme.example")
	refusedAs(t, x.Reset(token, fresh), orgusers.ErrInvalid, orgusers.ReasonSamePassword)
	require.NoError(t, x.Reset(token, world.Password))
	require.Equal(t, orgusers.StepDone, x.SignIn("mia@acme.example").Step)
}

// TestR76_LongestMinimum of a person's organizations; less only with a second factor that one of them
// enforces on who has own credentials (C2).
func TestR76_LongestMinimum(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	bolt := x.NewOrg("Bolt", "boss@bolt.example")
	bolt.Join("mia@acme.example", orgusers.RoleMember)
	demand := func(acme, bolts orgusers.Security) {
		x.demand(acme)
		x.PatchOrg(bolt.ID, func(o *orgusers.Organization) { o.Settings.Security = bolts })
	}
	least := func(want int) {
		t.Helper()
		x.Clock.Tick(25 * time.Hour) // another day's mails
		token := x.forgot("mia@acme.example")
		long := "violins under the stair, seven of them, and a harp"
		refusedAs(t, x.Reset(token, long[:want-1]), orgusers.ErrInvalid, orgusers.ReasonTooShort)
		require.NoError(t, x.Reset(token, long[:want]))
	}
	least(15)
	demand(orgusers.Security{MinPassword: 20}, orgusers.Security{MinPassword: 30})
	least(30)
	demand(orgusers.Security{MinPassword: 20}, orgusers.Security{})
	least(20)
	x.PatchUser(x.mia.User, orgusers.UserPatch{MFA: orgusers.Some(orgusers.MFA{Secret: "x", EnrolledAt: x.Clock.Now()})})
	demand(orgusers.Security{}, orgusers.Security{})
	least(15)
	demand(orgusers.Security{RequireMFA: true}, orgusers.Security{})
	least(8)
	x.PatchOrg(x.acme.ID, func(o *orgusers.Organization) { o.Settings.SSO.Enabled = true })
	least(15)
	x.PatchOrg(x.acme.ID, func(o *orgusers.Organization) { o.Settings.SSO.Enabled = false })
	demand(orgusers.Security{RequireMFA: true}, orgusers.Security{MinPassword: 25})
	least(25)
	demand(orgusers.Security{}, orgusers.Security{RequireMFA: true})
	x.PatchOrg(bolt.ID, func(o *orgusers.Organization) { o.Disabled = true })
	least(15)
}

// TestC2_Accepting asks for the longest of the person's organizations, not of the one that is joined
// alone; and takes the words of all.
func TestC2_Accepting(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	const long = "violins under the stair, seven of them, and a harp"
	accept := func(email, password string) error {
		x.acme.Invite(email, orgusers.RoleMember)
		x.Dispatch()
		defer func() { x.Clock.Tick(time.Hour) }()
		_, err := x.Visitor().AcceptInvitation(world.Ctx(), x.Token(email), orgusers.NewAccount{Name: someName(), Password: password})
		if err != nil {
			require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.Remove{}, x.acme.Member(email).ID))
		}
		return err
	}
	bolt, err := x.Operator().CreateOrganization(world.Ctx(), orgusers.NewOrganization{Name: "Boltmakers", Owner: "boss@bolt.example", OwnerName: someName()})
	require.NoError(t, err)
	x.PatchOrg(bolt, func(o *orgusers.Organization) { o.Settings.Security.MinPassword = 30 })
	x.demand(orgusers.Security{MinPassword: 20})
	refusedAs(t, accept("new@acme.example", long[:19]), orgusers.ErrInvalid, orgusers.ReasonTooShort)
	require.NoError(t, accept("new@acme.example", long[:20]), "who belongs nowhere else")
	refusedAs(t, accept("boss@bolt.example", long[:29]), orgusers.ErrInvalid, orgusers.ReasonTooShort)
	refusedAs(t, accept("boss@bolt.example", "Boltmakers Boltmakers Boltmakers"), orgusers.ErrInvalid, orgusers.ReasonContextWord)
	x.demand(orgusers.Security{MinPassword: 40})
	refusedAs(t, accept("boss@bolt.example", long[:39]), orgusers.ErrInvalid, orgusers.ReasonTooShort)
	require.NoError(t, accept("boss@bolt.example", long[:40]))
	_, err = x.Visitor().SignIn(world.Ctx(), "boss@bolt.example", long[:40])
	require.NoError(t, err)
}

// TestC2_ChangePassword: the current one, and a different one.
func TestC2_ChangePassword(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	account := x.Svc.Account(x.SignedIn("mia@acme.example"))
	for current, next := range map[string]string{"not " + world.Password: fresh, "": fresh} {
		_, err := account.ChangePassword(world.Ctx(), current, next)
		refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonWrongPassword)
	}
	require.Equal(t, 2, x.user().Failures)
	_, err := account.ChangePassword(world.Ctx(), world.Password, world.Password)
	refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonSamePassword)
	_, err = account.ChangePassword(world.Ctx(), world.Password, fresh)
	require.NoError(t, err)
	_, err = x.Visitor().SignIn(world.Ctx(), "mia@acme.example", fresh)
	require.NoError(t, err)
}
