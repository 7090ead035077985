package orgusers_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// code takes the step of a sign-in that asks for one.
func (x *front) code(code string) (orgusers.SignIn, error) {
	x.T.Helper()
	in := x.SignIn("mia@acme.example")
	require.Equal(x.T, orgusers.StepCode, in.Step)
	return x.Visitor().EnterCode(world.Ctx(), in.Token, code)
}

func TestS107_Replay(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	actor := x.SignedIn("mia@acme.example")
	e, err := x.Svc.Account(actor).BeginMFA(world.Ctx())
	require.NoError(t, err)
	factor := world.NewFactor(x.World, e.Text())
	used := factor.Code()
	_, renewed, err := x.Svc.Account(actor).ConfirmMFA(world.Ctx(), e.Token(), used)
	require.NoError(t, err)
	actor.SignedInAt = renewed.SignedInAt
	_, err = x.code(used)
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	used = factor.Code()
	_, err = x.code(used)
	require.NoError(t, err)
	_, err = x.code(used)
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	_, err = x.Second().Svc.Account(actor).Prove(world.Ctx(), "", used)
	refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonWrongCode)
	_, err = x.Svc.Account(actor).Prove(world.Ctx(), world.Password, "")
	refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonWrongCode)
}

func TestS116_S117_S121_RecoveryCodes(t *testing.T) {
	t.Parallel()
	x := newFront(t, func(c *orgusers.Config) { c.Policy.LockAfter = 20 })
	factor, actor := x.enrolled()
	olga, _ := x.Enrol(x.SignedIn("olga@acme.example"))
	_, err := x.code(string(olga.Codes[0]))
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	require.Equal(t, 10, x.user().MFA.RecoveryCodes())
	u := x.User(x.acme.Owner.User)
	require.Equal(t, 10, u.MFA.RecoveryCodes(), "S-117 it stays its owner's")
	for i, c := range factor.Codes {
		in, err := x.code(string(c))
		require.NoError(t, err)
		require.Equal(t, orgusers.StepDone, in.Step)
		require.Equal(t, 9-i, in.RecoveryCodesLeft, "S-121")
		if i > 1 {
			continue
		}
		_, err = x.code(string(c))
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	}
	st, err := x.Svc.Account(actor).MFA(world.Ctx())
	require.NoError(t, err)
	require.Zero(t, st.RecoveryCodes, "S-121 none are left, and that is told")
	require.True(t, st.Enrolled)
	in, err := x.code(factor.Code())
	require.NoError(t, err, "the app still works")
	require.Equal(t, -1, in.RecoveryCodesLeft)
	x.Dispatch()
	mail, _ := x.Inbox.Last("mia@acme.example")
	require.Equal(t, orgusers.MailRecoveryCodeUsed, mail.Kind, "S-106")
}

func TestS118_NewRecoveryCodes(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	factor, actor := x.enrolled()
	account := x.Svc.Account(actor)
	codes, err := account.NewRecoveryCodes(world.Ctx())
	require.NoError(t, err)
	require.Len(t, codes, 10)
	_, err = x.code(string(factor.Codes[0]))
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	_, err = x.code(string(codes[9]))
	require.NoError(t, err)

	plain := actor
	plain.MFAAt = time.Time{}
	_, err = x.Svc.Account(plain).NewRecoveryCodes(world.Ctx())
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonMFARequired)
	x.Clock.Tick(16 * time.Minute)
	_, err = account.NewRecoveryCodes(world.Ctx())
	refusedAs(t, err, orgusers.ErrReauth, "")
	_, err = x.Svc.Account(x.Actor(x.acme.Owner.User)).NewRecoveryCodes(world.Ctx())
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonNoMFA)
}

// TestS124_Enrolment: nothing is in force before it is confirmed, in the session that began it, in
// time, and by one of two.
func TestS124_Enrolment(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	old, actor := x.enrolled()
	account := x.Svc.Account(actor)
	other, err := x.code(old.Code())
	require.NoError(t, err)
	begin := func() (orgusers.Enrolment, world.Factor) {
		e, err := account.BeginMFA(world.Ctx())
		require.NoError(t, err)
		return e, world.NewFactor(x.World, e.Text())
	}
	one, oneApp := begin()
	two, twoApp := begin()
	_, err = x.code(oneApp.Code())
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	_, err = x.code(old.Code())
	require.NoError(t, err, "the old one is still in force")

	confirm := func(a orgusers.Actor, token, code string) error {
		_, _, err := x.Svc.Account(a).ConfirmMFA(world.Ctx(), token, code)
		return err
	}
	refusedAs(t, confirm(x.Session(other), one.Token(), oneApp.Code()), orgusers.ErrExpired, orgusers.ReasonNotEnrolling)
	refusedAs(t, confirm(x.SignedIn("olga@acme.example"), one.Token(), oneApp.Code()), orgusers.ErrExpired, orgusers.ReasonNotEnrolling)
	refusedAs(t, confirm(actor, one.Token(), old.Code()), orgusers.ErrInvalid, orgusers.ReasonWrongCode)
	refusedAs(t, confirm(actor, "", oneApp.Code()), orgusers.ErrExpired, orgusers.ReasonNotEnrolling)
	codes, renewed, err := account.ConfirmMFA(world.Ctx(), two.Token(), twoApp.Code())
	require.NoError(t, err)
	require.Len(t, codes, 10)
	x.live(other.Token, false, "R7.9 all others end")
	actor.SignedInAt, actor.ProvedAt = renewed.SignedInAt, renewed.ProvedAt
	refusedAs(t, confirm(actor, one.Token(), oneApp.Code()), orgusers.ErrExpired, orgusers.ReasonNotEnrolling)
	_, err = x.code(string(old.Codes[0]))
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)

	for late, ok := range map[time.Duration]bool{-time.Microsecond: true, 0: false} {
		x := newFront(t)
		actor := x.SignedIn("mia@acme.example")
		e, err := x.Svc.Account(actor).BeginMFA(world.Ctx())
		require.NoError(t, err)
		x.Clock.Tick(10*time.Minute - 30*time.Second + late)
		_, _, err = x.Svc.Account(actor).ConfirmMFA(world.Ctx(), e.Token(), world.NewFactor(x.World, e.Text()).Code())
		require.Equal(t, ok, err == nil, "%v", err)
		require.Equal(t, ok, x.user().MFA.Enrolled())
	}
	x = newFront(t)
	actor = x.SignedIn("mia@acme.example")
	x.Clock.Tick(15*time.Minute + time.Microsecond)
	_, err = x.Svc.Account(actor).BeginMFA(world.Ctx())
	refusedAs(t, err, orgusers.ErrReauth, "")
}

// TestS125_AdministratorsReset in both modes, and the sign-in after it.
func TestS125_AdministratorsReset(t *testing.T) {
	t.Parallel()
	for name, immediate := range map[string]bool{"link": false, "at once": true} {
		for _, enforced := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				x := newFront(t, func(c *orgusers.Config) { c.Policy.ImmediateMFAReset = immediate })
				factor, actor := x.enrolled()
				x.demand(orgusers.Security{RequireMFA: enforced})
				olga := x.Actor(x.acme.Owner.User)
				if enforced {
					_, olga = x.Enrol(olga)
				}
				require.NoError(t, x.Svc.Admin(olga, x.acme.ID).Do(world.Ctx(), orgusers.ResetMFA{}, x.mia.ID))
				x.Dispatch()
				if !immediate {
					token := x.Token("mia@acme.example")
					refusedAs(t, x.Visitor().ResetMFA(world.Ctx(), token, "not "+world.Password), orgusers.ErrInvalid, orgusers.ReasonWrongPassword)
					_, err := x.code(factor.Code())
					require.NoError(t, err, "until then it is in force")
					require.NoError(t, x.Visitor().ResetMFA(world.Ctx(), token, world.Password))
					refusedAs(t, x.Visitor().ResetMFA(world.Ctx(), token, world.Password), orgusers.ErrExpired, orgusers.ReasonLinkReplaced)
				}
				require.Equal(t, orgusers.MFA{}, x.user().MFA, "recovery codes too")
				_, err := x.Svc.Account(actor).Sessions(world.Ctx())
				refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
				in := x.SignIn("mia@acme.example")
				if !enforced {
					require.Equal(t, orgusers.StepDone, in.Step)
					return
				}
				require.Equal(t, orgusers.StepEnrol, in.Step)
				x.live(in.Token, false, "")
				e, err := x.Visitor().BeginEnrolment(world.Ctx(), in.Token)
				require.NoError(t, err)
				in, codes, err := x.Visitor().ConfirmEnrolment(world.Ctx(), in.Token, e.Token(), world.NewFactor(x.World, e.Text()).Code())
				require.NoError(t, err)
				require.Len(t, codes, 10)
				_, err = x.Svc.Access(world.Ctx(), x.Session(in), x.acme.ID)
				require.NoError(t, err)
			})
		}
	}
}

// TestS052_EveryMethodAsks: where a second factor is enforced, a session without one gets nothing from any
// method of the administrator's door, and changes nothing.
func TestS052_EveryMethodAsks(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	x.demand(orgusers.Security{RequireMFA: true})
	without := x.Actor(x.acme.Owner.User)
	before, asked := x.acme.Record(), 0
	for name, err := range presentTo(t, x.Svc.Admin(without, x.acme.ID), string(x.mia.ID)) {
		require.Error(t, err, name)
		if !errors.Is(err, orgusers.ErrInvalid) { // what makes no sense is refused before anybody looks who asks
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonMFARequired)
			asked++
		}
	}
	require.Greater(t, asked, 25)
	require.Equal(t, before, x.acme.Record())
	_, with := x.Enrol(without)
	for name, err := range presentTo(t, x.Svc.Admin(with, x.acme.ID), string(x.mia.ID)) {
		var e *orgusers.Error
		require.False(t, errors.As(err, &e) && e.Reason == orgusers.ReasonMFARequired, name)
	}
}

// TestR78_Enforcement: an old session without a second factor is refused in that organization only,
// and nobody enforces one without having one.
func TestR78_Enforcement(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	bolt := x.NewOrg("Bolt", "boss@bolt.example")
	bolt.Join("mia@acme.example", orgusers.RoleMember)
	mia := x.SignedIn("mia@acme.example")
	enforce := orgusers.Security{RequireMFA: true}
	refusedAs(t, x.acme.Admin().SetSecurity(world.Ctx(), enforce), orgusers.ErrDenied, orgusers.ReasonMFARequired)
	claimed := x.Actor(x.acme.Owner.User)
	claimed.MFAAt = claimed.SignedInAt // a second factor that the host knows of, and nobody here
	refusedAs(t, x.Svc.Admin(claimed, x.acme.ID).SetSecurity(world.Ctx(), enforce), orgusers.ErrDenied, orgusers.ReasonMFARequired)
	_, olga := x.Enrol(x.SignedIn("olga@acme.example"))
	plain := olga
	plain.MFAAt = time.Time{}
	refusedAs(t, x.Svc.Admin(plain, x.acme.ID).SetSecurity(world.Ctx(), enforce), orgusers.ErrDenied, orgusers.ReasonMFARequired)
	require.NoError(t, x.Svc.Admin(olga, x.acme.ID).SetSecurity(world.Ctx(), enforce))
	_, err := x.Svc.Admin(olga, x.acme.ID).Organization(world.Ctx())
	require.NoError(t, err)

	_, err = x.Svc.Access(world.Ctx(), mia, x.acme.ID)
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonMFARequired)
	_, err = x.Svc.Access(world.Ctx(), mia, bolt.ID)
	require.NoError(t, err, "others are untouched")
	in := x.SignIn("mia@acme.example")
	require.Equal(t, orgusers.StepEnrol, in.Step, "at the next sign-in")
	st, err := x.Svc.Account(mia).MFA(world.Ctx())
	require.NoError(t, err)
	require.Equal(t, orgusers.MFAStatus{Required: true}, st)
	_, mia = x.Enrol(mia)
	for _, org := range []orgusers.OrgID{x.acme.ID, bolt.ID} {
		_, err = x.Svc.Access(world.Ctx(), mia, org)
		require.NoError(t, err)
	}
}
