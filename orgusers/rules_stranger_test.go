package orgusers_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// by is somebody from a place of its own with a device token.
func by(n int, device string) orgusers.Actor {
	a := from(n)
	a.Device = orgusers.KnownDevice(device)
	return a
}

// refused demands the one answer of the door.
func refused(t testing.TB, err error) {
	t.Helper()
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
}

// cheap gives mia a password that is quickly verified.
func (x *front) cheap() {
	x.PatchUser(x.mia.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
}

// in is mia's sign-in from somewhere.
func (x *front) in(a orgusers.Actor, password string) (orgusers.SignIn, error) {
	return x.Svc.Visitor(a).SignIn(world.Ctx(), "mia@acme.example", password)
}

// TestS112_DevicesShareTheirTries: who has signed in from three browsers has no more tries than from one.
func TestS112_DevicesShareTheirTries(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	factor, _ := x.enrolled()
	var devices []string
	for n := range 3 {
		in, err := x.Svc.Visitor(from(n)).EnterCode(world.Ctx(), x.SignIn("mia@acme.example").Token, factor.Code())
		require.NoError(t, err)
		devices = append(devices, in.Device)
	}
	for range 3 {
		for n, device := range devices {
			_, err := x.in(by(n, device), "not "+world.Password)
			refused(t, err)
		}
	}
	require.Equal(t, 5, x.user().Failures, "the others were not looked at")
	in, err := x.in(by(77, devices[0]), world.Password)
	refused(t, err)
	require.Empty(t, in)
	x.Clock.Tick(15 * time.Minute)
	_, err = x.in(by(77, devices[2]), world.Password)
	require.NoError(t, err)
}

// TestC8_DevicesAreForgotten with a new password, another second factor or none, and with all sessions: what
// an old token gets wrong is a stranger's. Who goes on, or has shown to read the mailbox, is known anew.
func TestC8_DevicesAreForgotten(t *testing.T) {
	t.Parallel()
	renewed := func(r orgusers.Renewed, err error) (string, error) { return r.Device, err }
	for name, c := range map[string]struct {
		factor, code bool // before; at the next sign-in
		password     string
		policy       orgusers.Policy
		end          func(x *front, mia orgusers.Account, f world.Factor) (device string, err error)
	}{
		"change": {password: fresh, end: func(_ *front, mia orgusers.Account, _ world.Factor) (string, error) {
			return renewed(mia.ChangePassword(world.Ctx(), world.Password, fresh))
		}},
		"reset": {password: fresh, end: func(x *front, _ orgusers.Account, _ world.Factor) (string, error) {
			return x.Visitor().ResetPassword(world.Ctx(), x.forgot("mia@acme.example"), fresh)
		}},
		"enrolment": {code: true, end: func(x *front, mia orgusers.Account, _ world.Factor) (string, error) {
			e, err := mia.BeginMFA(world.Ctx())
			require.NoError(x.T, err)
			_, r, err := mia.ConfirmMFA(world.Ctx(), e.Token(), world.NewFactor(x.World, e.Text()).Code())
			return renewed(r, err)
		}},
		"second factor reset": {factor: true, end: func(x *front, _ orgusers.Account, _ world.Factor) (string, error) {
			require.NoError(x.T, x.acme.Admin().Do(world.Ctx(), orgusers.ResetMFA{}, x.mia.ID))
			x.Dispatch()
			return "", x.Visitor().ResetMFA(world.Ctx(), x.Token("mia@acme.example"), world.Password)
		}},
		"second factor dropped": {factor: true, policy: orgusers.Policy{ImmediateMFAReset: true}, end: func(x *front, _ orgusers.Account, _ world.Factor) (string, error) {
			return "", x.acme.Admin().Do(world.Ctx(), orgusers.ResetMFA{}, x.mia.ID)
		}},
		"all sessions": {end: func(_ *front, mia orgusers.Account, _ world.Factor) (string, error) {
			return renewed(mia.EndOtherSessions(world.Ctx()))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newFront(t, func(conf *orgusers.Config) { conf.Policy.ImmediateMFAReset = c.policy.ImmediateMFAReset })
			in, factor := x.SignIn("mia@acme.example"), world.Factor{}
			if c.factor {
				var err error
				factor, _ = x.Enrol(x.Session(in))
				in, err = x.Visitor().EnterCode(world.Ctx(), x.SignIn("mia@acme.example").Token, factor.Code())
				require.NoError(t, err)
			}
			old := in.Device
			mia := x.Session(in)
			mia.Device = orgusers.KnownDevice(old)
			device, err := c.end(x, x.Svc.Account(mia), factor)
			require.NoError(t, err)
			require.NotEqual(t, old, device)
			if c.password == "" {
				c.password = world.Password
			}
			for n := range 100 { // at once, by who kept the old one
				if _, err := x.in(by(n, old), "not "+c.password); n == 6 {
					refused(t, err)
					break
				}
			}
			require.Equal(t, 5, x.user().Failures, "as a stranger's")
			_, err = x.in(by(70, old), c.password)
			refused(t, err)
			if device == "" {
				return
			}
			in, err = x.in(by(71, device), c.password)
			require.NoError(t, err)
			require.Empty(t, in.Device)
			require.Equal(t, c.code, in.Step == orgusers.StepCode)
		})
	}
}

// TestS149_PersistentStranger: whoever reads the mailbox gets in by it, whatever strangers go on trying; a
// ticket is not ended by them either.
func TestS149_PersistentStranger(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	factor, _ := x.enrolled()
	x.PatchUser(x.mia.User, orgusers.UserPatch{Failures: orgusers.Some(98)})
	require.Error(t, x.wrong(1))
	x.Clock.Tick(365 * 24 * time.Hour)
	_, err := x.in(from(2), world.Password)
	refused(t, err)
	device, err := x.Visitor().ResetPassword(world.Ctx(), x.forgot("mia@acme.example"), fresh)
	require.NoError(t, err)
	x.live(device, false, "it signs nobody in")
	x.lock() // they go on
	_, err = x.in(from(2), fresh)
	refused(t, err)
	known, err := x.in(by(3, device), fresh)
	require.NoError(t, err)
	require.Equal(t, orgusers.StepCode, known.Step)
	_, err = x.Svc.Visitor(by(3, device)).EnterCode(world.Ctx(), known.Token, factor.Code())
	require.NoError(t, err)

	require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.Unlock{}, x.mia.ID))
	one, err := x.in(from(4), fresh) // and on a browser that is not known
	require.NoError(t, err)
	two, err := x.in(from(4), fresh)
	require.NoError(t, err)
	x.lock()
	locked := x.user().LockedUntil
	done, err := x.Svc.Visitor(from(4)).EnterCode(world.Ctx(), one.Token, factor.Code())
	require.NoError(t, err)
	require.Equal(t, orgusers.StepDone, done.Step)
	require.Equal(t, locked, x.user().LockedUntil, "against the others it stays")
	for n := range 5 {
		_, err = x.Svc.Visitor(from(4)).EnterCode(world.Ctx(), two.Token, fmt.Sprintf("%06d", n))
		refused(t, err)
	}
	require.Equal(t, 5, x.user().Failures)
}

// TestS149_SignedIn: strangers keep nobody from proving, or changing, what they know; and a session gives no
// guesses without end.
func TestS149_SignedIn(t *testing.T) {
	t.Parallel()
	x := newFront(t, func(c *orgusers.Config) { c.Policy.FailuresPerPrefix = 1 })
	x.cheap()
	mia := x.SignedIn("mia@acme.example")
	x.lock()
	for range 2 {
		_, err := x.Svc.Visitor(mia).SignIn(world.Ctx(), "nobody@acme.example", "x")
		require.Error(t, err)
	}
	_, err := x.Svc.Account(mia).Prove(world.Ctx(), world.Password, "")
	require.NoError(t, err)
	require.True(t, x.user().Locked(x.Clock.Now()))
	other := x.Actor(x.mia.User)
	for n := range 10 {
		_, err := x.Svc.Account([]orgusers.Actor{mia, other}[n%2]).Prove(world.Ctx(), "not "+world.Password, "")
		refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonWrongPassword)
	}
	require.Equal(t, 5, x.user().Failures)
	_, err = x.Svc.Account(mia).ChangePassword(world.Ctx(), world.Password, fresh)
	refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonWrongPassword)
	x.Clock.Tick(15 * time.Minute)
	x.lock2(20)
	_, err = x.Svc.Account(mia).ChangePassword(world.Ctx(), world.Password, fresh)
	require.NoError(t, err)
}

// lock2 locks again.
func (x *front) lock2(n int) {
	x.T.Helper()
	refused(x.T, x.wrong(n))
	require.True(x.T, x.user().Locked(x.Clock.Now()))
}

// TestS141_TicketByAClockAhead: a kill by a process whose clock is behind ends it.
func TestS141_TicketByAClockAhead(t *testing.T) {
	t.Parallel()
	for step, prepare := range halfways() {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			x := newFront(t)
			prepare(x)
			x.Clock.Tick(90 * time.Second)
			in := x.SignIn("mia@acme.example")
			require.Equal(t, step, in.Step)
			slow := x.Conf
			slow.Now = func() time.Time { return x.Clock.Now().Add(-time.Minute) }
			svc, err := orgusers.New(slow)
			require.NoError(t, err)
			admin := x.acme.Owner
			admin.SignedInAt = x.Clock.Now()
			x.demand(orgusers.Security{})
			require.NoError(t, svc.Admin(admin, x.acme.ID).Do(world.Ctx(), orgusers.EndSessions{}, x.mia.ID))
			x.demand(orgusers.Security{RequireMFA: step == orgusers.StepEnrol})
			for _, err := range x.present(in.Token) {
				refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
			}
		})
	}
}

// TestS102_TicketForWhatIsNext: a step that is not asked for any more, or not yet, is not taken.
func TestS102_TicketForWhatIsNext(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	x.demand(orgusers.Security{RequireMFA: true})
	in := x.SignIn("mia@acme.example")
	require.Equal(t, orgusers.StepEnrol, in.Step)
	x.PatchUser(x.mia.User, orgusers.UserPatch{ResetRequired: orgusers.Some(true)})
	_, err := x.Visitor().BeginEnrolment(world.Ctx(), in.Token)
	refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
}

// TestC2_ShortAndAlone: a password that was long enough beside a second factor is not when that is gone. Where
// one is demanded it is set up instead (R7.11).
func TestC2_ShortAndAlone(t *testing.T) {
	t.Parallel()
	x := newFront(t, func(c *orgusers.Config) { c.Policy.ImmediateMFAReset = true })
	_, actor := x.enrolled()
	x.demand(orgusers.Security{RequireMFA: true})
	const short = "vq7ztk4w"
	_, err := x.Svc.Account(actor).ChangePassword(world.Ctx(), world.Password, short)
	require.NoError(t, err)
	x.demand(orgusers.Security{})
	require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.ResetMFA{}, x.mia.ID))
	x.demand(orgusers.Security{RequireMFA: true})
	in, err := x.in(from(1), short)
	require.NoError(t, err)
	require.Equal(t, orgusers.StepEnrol, in.Step)
	x.demand(orgusers.Security{})
	in, err = x.in(from(1), short)
	require.NoError(t, err)
	require.Equal(t, orgusers.StepPassword, in.Step)
	_, err = x.Visitor().ChooseNewPassword(world.Ctx(), in.Token, "zk4wvq7t")
	refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonTooShort)
	in, err = x.Visitor().ChooseNewPassword(world.Ctx(), in.Token, fresh)
	require.NoError(t, err)
	require.Equal(t, orgusers.StepDone, in.Step)
	in, err = x.in(from(1), fresh)
	require.NoError(t, err)
	require.Equal(t, orgusers.StepDone, in.Step)
}

// TestC5_NotInAHostsTransaction: there a guess would be free, since its count goes with a roll-back.
func TestC5_NotInAHostsTransaction(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	mia := x.SignedIn("mia@acme.example")
	in := x.Svc.Within(x.Store)
	before := x.user()
	for _, password := range []string{world.Password, "x"} {
		_, err := in.Visitor(from(1)).SignIn(world.Ctx(), "mia@acme.example", password)
		refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonHostTransaction)
		_, err = in.Account(mia).Prove(world.Ctx(), password, "")
		refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonHostTransaction)
	}
	require.Equal(t, before, x.user())
	require.NoError(t, in.Account(mia).Rename(world.Ctx(), orgusers.Name{First: "Maria"}))
}

// working counts what is asked of a store.
type working struct {
	orgusers.Store
	asked []string
}

func (w *working) View(ctx context.Context, q orgusers.ViewQuery) (orgusers.View, error) {
	w.asked = append(w.asked, "view")
	return w.Store.View(ctx, q)
}

func (w *working) Commit(ctx context.Context, c orgusers.Changes) error {
	w.asked = append(w.asked, fmt.Sprintf("commit with %d counters", len(c.Counters)))
	return w.Store.Commit(ctx, c)
}

// TestS142_AsMuchWork for who is unknown, wrong or locked, with an address and without.
func TestS142_AsMuchWork(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	x.cheap()
	for _, ip := range []netip.Addr{{}, netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("2001:db8::1")} {
		store := &working{Store: x.Store}
		conf := x.Conf
		conf.Store = store
		svc, err := orgusers.New(conf)
		require.NoError(t, err)
		ask := func(email string) []string {
			store.asked = nil
			_, err := svc.Visitor(orgusers.Actor{IP: ip}).SignIn(world.Ctx(), email, "x")
			refused(t, err)
			return store.asked
		}
		want := []string{"view", "commit with 1 counters"}
		require.Equal(t, want, ask("nobody@acme.example"), ip)
		require.Equal(t, want, ask("mia@acme.example"), ip)
		for !x.user().Locked(x.Clock.Now()) {
			ask("mia@acme.example")
		}
		require.Equal(t, want, ask("mia@acme.example"), ip)
		x.PatchUser(x.mia.User, orgusers.UserPatch{Failures: orgusers.Some(0), LockedUntil: orgusers.Some(time.Time{})})
	}
}
