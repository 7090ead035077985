package orgusers_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestR715_Lock: nothing for four, five minutes for the fifth in a row, five more for each further
// one, up to 25; after a hundred, until it is lifted.
func TestR715_Lock(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	x.PatchUser(x.mia.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
	for n := 1; n <= 12; n++ {
		require.Error(t, x.wrong(n))
		var want time.Duration
		if n >= 5 {
			want = min(time.Duration(n-4)*5*time.Minute, 25*time.Minute)
		}
		u := x.user()
		require.Equal(t, n, u.Failures)
		require.Equal(t, want > 0, u.Locked(x.Clock.Now()))
		if want > 0 {
			require.Equal(t, want, u.LockedUntil.Sub(x.Clock.Now()), "after %d", n)
			require.Error(t, x.wrong(1000+n))
			require.Equal(t, n, x.user().Failures, "while it is locked nothing counts against the person")
			x.Clock.Tick(want - time.Microsecond)
			_, err := x.Svc.Visitor(from(2000+n)).SignIn(world.Ctx(), "mia@acme.example", world.Password)
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
			x.Clock.Tick(time.Microsecond)
		}
	}
	x.PatchUser(x.mia.User, orgusers.UserPatch{Failures: orgusers.Some(99)})
	require.Error(t, x.wrong(1))
	x.Clock.Tick(20 * 365 * 24 * time.Hour)
	require.Error(t, x.wrong(2), "a hundred in a row (NIST 3.2.2)")
	require.True(t, x.user().Locked(x.Clock.Now()))
	x.Dispatch()
	mails := x.Inbox.To("mia@acme.example")
	require.Equal(t, orgusers.MailSignInLocked, mails[len(mails)-1].Kind)
	locks := 0
	for _, m := range mails {
		if m.Kind == orgusers.MailSignInLocked {
			locks++
		}
	}
	require.Equal(t, 2, locks, "not a mail for each: somebody else decides how many there are")
}

// TestR715_Consecutive: getting in begins the count anew; a password alone, of two factors, does not.
func TestR715_Consecutive(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	factor, _ := x.enrolled()
	for n := range 4 {
		require.Error(t, x.wrong(n))
	}
	in := x.SignIn("mia@acme.example")
	require.Equal(t, orgusers.StepCode, in.Step)
	require.Equal(t, 4, x.user().Failures)
	_, err := x.Visitor().EnterCode(world.Ctx(), in.Token, factor.Code())
	require.NoError(t, err)
	require.Zero(t, x.user().Failures)
}

// TestS149_OthersCannotShutOut: a known device gets in; everybody else after a bounded time, a reset,
// or an administrator's word.
func TestS149_OthersCannotShutOut(t *testing.T) {
	t.Parallel()
	signIn := func(x *front, a orgusers.Actor) (orgusers.SignIn, error) {
		return x.Svc.Visitor(a).SignIn(world.Ctx(), "mia@acme.example", world.Password)
	}
	t.Run("known device", func(t *testing.T) {
		t.Parallel()
		x := newFront(t)
		in := x.SignIn("mia@acme.example")
		require.NotEmpty(t, in.Device)
		x.lock()
		locked := x.user().LockedUntil
		_, err := signIn(x, from(77))
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		known := from(77)
		known.Device = orgusers.KnownDevice(in.Device)
		again, err := signIn(x, known)
		require.NoError(t, err)
		require.Equal(t, orgusers.StepDone, again.Step)
		require.Empty(t, again.Device, "the browser has one")
		require.Equal(t, locked, x.user().LockedUntil, "against the others it stays")
		_, err = signIn(x, from(78))
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)

		for range 5 { // it has tries of its own, and no more
			_, err = x.Svc.Visitor(known).SignIn(world.Ctx(), "mia@acme.example", "not "+world.Password)
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		}
		_, err = signIn(x, known)
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		x.Clock.Tick(15 * time.Minute)
		_, err = signIn(x, known)
		require.NoError(t, err)

		x.PatchUser(x.mia.User, orgusers.UserPatch{Failures: orgusers.Some(98), LockedUntil: orgusers.Some(time.Time{})})
		require.Error(t, x.wrong(200))
		x.Clock.Tick(24 * time.Hour)
		require.Error(t, x.wrong(201))
		require.Equal(t, 99, x.user().Failures, "which is the end for all the others")
		_, err = signIn(x, known)
		require.NoError(t, err)
	})
	t.Run("somebody else's device", func(t *testing.T) {
		t.Parallel()
		x := newFront(t)
		olga := x.SignIn("olga@acme.example").Device
		mia := x.SignIn("mia@acme.example").Device
		x.lock()
		for _, device := range []string{olga, mia[:len(mia)-1], mia + "A", "", "AAAA", fmt.Sprintf("%064d", 0)} {
			a := from(3)
			a.Device = orgusers.KnownDevice(device)
			_, err := signIn(x, a)
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		}
		x.live(mia, false, "a device signs nobody in")
	})
	t.Run("behind one address", func(t *testing.T) {
		t.Parallel()
		x := newFront(t, func(c *orgusers.Config) { c.Policy.FailuresPerPrefix = 2 })
		known := from(1)
		known.Device = orgusers.KnownDevice(x.SignIn("mia@acme.example").Device)
		for range 2 {
			_, err := x.Svc.Visitor(from(1)).SignIn(world.Ctx(), "nobody@acme.example", "x")
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		}
		_, err := signIn(x, from(1))
		refusedAs(t, err, orgusers.ErrLimit, "")
		_, err = x.Svc.Visitor(known).SignIn(world.Ctx(), "mia@acme.example", "x")
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		_, err = signIn(x, known)
		require.NoError(t, err)
		x.Clock.Tick(15 * time.Minute)
		_, err = signIn(x, from(1))
		require.NoError(t, err)
	})
	t.Run("bounded", func(t *testing.T) {
		t.Parallel()
		x := newFront(t)
		x.lock()
		for n := range 50 { // the attack goes on
			require.Error(t, x.wrong(100+n))
		}
		x.Clock.Tick(5 * time.Minute)
		_, err := signIn(x, from(1))
		require.NoError(t, err)
	})
	t.Run("unlock", func(t *testing.T) {
		t.Parallel()
		x := newFront(t)
		x.lock()
		require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.Unlock{}, x.mia.ID))
		_, err := signIn(x, from(1))
		require.NoError(t, err)
	})
	t.Run("reset", func(t *testing.T) {
		t.Parallel()
		x := newFront(t)
		x.PatchUser(x.mia.User, orgusers.UserPatch{Failures: orgusers.Some(99)})
		require.Error(t, x.wrong(1))
		require.NoError(t, x.Visitor().ForgotPassword(world.Ctx(), "mia@acme.example"), "open while it is locked")
		x.Dispatch()
		require.NoError(t, x.Reset(x.Token("mia@acme.example"), fresh))
		in, err := x.Visitor().SignIn(world.Ctx(), "mia@acme.example", fresh)
		require.NoError(t, err)
		require.Equal(t, orgusers.StepDone, in.Step)
	})
}

// TestR715_KnownDevice: what it gets wrong locks nobody out, and still ends with the hundredth in a row:
// no way has tries without end (C5, NIST 3.2.2).
func TestR715_KnownDevice(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	known := from(1)
	known.Device = orgusers.KnownDevice(x.SignIn("mia@acme.example").Device)
	x.PatchUser(x.mia.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash()), Failures: orgusers.Some(92)})
	try := func(a orgusers.Actor, password string) error {
		_, err := x.Svc.Visitor(a).SignIn(world.Ctx(), "mia@acme.example", password)
		return err
	}
	for n := 93; n <= 100; n++ {
		if n == 98 {
			refusedAs(t, try(known, "not "+world.Password), orgusers.ErrDenied, orgusers.ReasonCredentials)
			require.Equal(t, 97, x.user().Failures, "five in a quarter of an hour are looked at")
			x.Clock.Tick(15 * time.Minute)
		}
		refusedAs(t, try(known, "not "+world.Password), orgusers.ErrDenied, orgusers.ReasonCredentials)
		require.Equal(t, n, x.user().Failures)
		require.Equal(t, n >= 99, x.user().Locked(x.Clock.Now()), n)
	}
	for range 6 { // the right one, whenever
		x.Clock.Tick(15 * time.Minute)
		refusedAs(t, try(known, world.Password), orgusers.ErrDenied, orgusers.ReasonCredentials)
		refusedAs(t, try(from(2), world.Password), orgusers.ErrDenied, orgusers.ReasonCredentials)
	}
	require.Equal(t, 100, x.user().Failures)
	require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.Unlock{}, x.mia.ID))
	require.NoError(t, try(known, world.Password))
}

// TestS112_TicketDies after five wrong codes of its own, however many the account has left (C5).
func TestS112_TicketDies(t *testing.T) {
	t.Parallel()
	x := newFront(t, func(c *orgusers.Config) { c.Policy.LockAfter = 20 })
	factor, _ := x.enrolled()
	enter := func(in orgusers.SignIn, code string) error {
		_, err := x.Visitor().EnterCode(world.Ctx(), in.Token, code)
		return err
	}
	in, other := x.SignIn("mia@acme.example"), x.SignIn("mia@acme.example")
	refusedAs(t, enter(other, "000000"), orgusers.ErrDenied, orgusers.ReasonCredentials)
	answered := 0
	for _, err := range guess(30, func(i int) error { return enter(in, fmt.Sprintf("%06d", i)) }) {
		if errors.Is(err, orgusers.ErrDenied) {
			answered++
			continue
		}
		refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
	}
	require.Equal(t, 5, answered)
	require.Equal(t, 6, x.user().Failures, "what a dead ticket is tried with counts for nobody")
	refusedAs(t, enter(in, factor.Code()), orgusers.ErrExpired, orgusers.ReasonTicket)
	require.NoError(t, enter(other, factor.Code()), "another has tries of its own")
	require.NoError(t, enter(x.SignIn("mia@acme.example"), factor.Code()))
}

// guess tries n times at once.
func guess(n int, try func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = try(i) })
	}
	wg.Wait()
	return errs
}

// TestS150_OneCounter: however the address is spelled, and whichever door is tried.
func TestS150_OneCounter(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	idn := x.acme.Join("rita@bücher.example", orgusers.RoleMember)
	for email, user := range map[string]orgusers.UserID{
		"mia@acme.example": x.mia.User, "MIA@acme.example": x.mia.User, " mia@ACME.example ": x.mia.User, "Mia@acme.EXAMPLE": x.mia.User,
		"rita@bücher.example": idn.User, "rita@xn--bcher-kva.example": idn.User, "rita@BÜCHER.example": idn.User, "Rita@XN--BCHER-KVA.example": idn.User,
	} {
		before := x.User(user).Failures
		_, err := x.Visitor().SignIn(world.Ctx(), email, "x")
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		require.Equal(t, before+1, x.User(user).Failures, email)
	}
}

// TestS112_OneLock: wrong passwords and codes by every flow count together. Those with tries of their own
// share them, over all tickets and all sessions; when they are used up too, the right one is refused by all.
func TestS112_OneLock(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	factor, actor := x.enrolled()
	require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.ResetMFA{}, x.mia.ID))
	x.Dispatch()
	link := x.Token("mia@acme.example")
	one, two := x.SignIn("mia@acme.example"), x.SignIn("mia@acme.example")
	account := x.Svc.Account(actor)
	flows := map[string]func(password, code string) error{
		"sign-in": func(password, _ string) error {
			_, err := x.Visitor().SignIn(world.Ctx(), "mia@acme.example", password)
			return err
		},
		"ticket":         func(_, code string) error { _, err := x.Visitor().EnterCode(world.Ctx(), one.Token, code); return err },
		"another ticket": func(_, code string) error { _, err := x.Visitor().EnterCode(world.Ctx(), two.Token, code); return err },
		"proof":          func(_, code string) error { _, err := account.Prove(world.Ctx(), "", code); return err },
		"change": func(password, _ string) error {
			_, err := account.ChangePassword(world.Ctx(), password, fresh)
			return err
		},
		"reset": func(password, _ string) error { return x.Visitor().ResetMFA(world.Ctx(), link, password) },
	}
	names := slices.Sorted(maps.Keys(flows))
	for n, name := range names {
		require.Error(t, flows[name]("not "+world.Password, "000000"), name)
		require.Equal(t, n+1, x.user().Failures, name)
	}
	require.True(t, x.user().Locked(x.Clock.Now()))
	for range 5 {
		for _, name := range names {
			require.Error(t, flows[name]("not "+world.Password, "000000"), name)
		}
	}
	require.Equal(t, 5+5+2, x.user().Failures, "five by all tickets, five by all sessions, and the two before it was locked")
	before := x.user()
	for name, flow := range flows {
		require.Error(t, flow(world.Password, factor.Code()), name)
		require.Error(t, flow(world.Password, string(factor.Codes[3])), name)
	}
	require.Equal(t, before, x.user(), "nothing was looked at, and no code used up")
	x.Clock.Tick(25 * time.Minute)
	require.NoError(t, flows["reset"](world.Password, ""))
}

// TestS114_ParallelGuesses: never more are answered than the limit allows.
func TestS114_ParallelGuesses(t *testing.T) {
	t.Parallel()
	t.Run("codes", func(t *testing.T) {
		t.Parallel()
		x := newFront(t)
		factor, _ := x.enrolled()
		fresh, tickets := x.SignIn("mia@acme.example"), x.tickets(4)
		right := factor.Code()
		for _, err := range guess(200, func(i int) error {
			_, err := x.Svc.Visitor(from(i)).EnterCode(world.Ctx(), tickets[i%4].Token, fmt.Sprintf("%06d", i))
			return err
		}) {
			notAnswered(t, err)
		}
		require.Equal(t, 5, x.user().Failures)
		_, err := x.Visitor().EnterCode(world.Ctx(), fresh.Token, right)
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	})
	t.Run("by a known device", func(t *testing.T) {
		t.Parallel()
		x := newFront(t)
		factor, _ := x.enrolled()
		in, err := x.Visitor().EnterCode(world.Ctx(), x.SignIn("mia@acme.example").Token, factor.Code())
		require.NoError(t, err)
		fresh, tickets := x.SignIn("mia@acme.example"), x.tickets(4)
		by := from(1)
		by.Device = orgusers.KnownDevice(in.Device)
		right := factor.Code()
		for _, err := range guess(100, func(i int) error {
			_, err := x.Svc.Visitor(by).EnterCode(world.Ctx(), tickets[i%4].Token, fmt.Sprintf("%06d", i))
			return err
		}) {
			notAnswered(t, err)
		}
		_, err = x.Svc.Visitor(by).EnterCode(world.Ctx(), fresh.Token, right)
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		require.Equal(t, 5, x.user().Failures)
		require.False(t, x.user().Locked(x.Clock.Now()), "which is not held against the person elsewhere")
	})
	t.Run("from one address", func(t *testing.T) {
		t.Parallel()
		x := newFront(t, func(c *orgusers.Config) { c.Policy.FailuresPerPrefix = 5 })
		answered := 0
		for _, err := range guess(30, func(i int) error {
			_, err := x.Visitor().SignIn(world.Ctx(), fmt.Sprintf("nobody%d@acme.example", i), "x")
			return err
		}) {
			if errors.Is(err, orgusers.ErrDenied) {
				answered++
				continue
			}
			refusedAs(t, err, orgusers.ErrLimit, "")
		}
		require.Equal(t, 5, answered)
	})
}

// tickets are some sign-ins of mia's half-way.
func (x *front) tickets(n int) []orgusers.SignIn {
	x.T.Helper()
	all := make([]orgusers.SignIn, n)
	for i := range all {
		all[i] = x.SignIn("mia@acme.example")
	}
	return all
}

// notAnswered: a guess is refused like any other, or finds its ticket dead.
func notAnswered(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, orgusers.ErrExpired) {
		refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
		return
	}
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
}
