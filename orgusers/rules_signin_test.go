package orgusers_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// fresh is a password that nobody here has yet.
const fresh = "four violins under the stairs 43"

// front is an organization and its front door. Olga owns it, mia is a member; both have a password.
type front struct {
	*world.World
	acme world.Org
	mia  orgusers.Member
}

func newFront(t *testing.T, change ...func(*orgusers.Config)) *front {
	t.Helper()
	x := &front{World: world.New(t, memstore.New(), change...)}
	x.acme = x.NewOrg("Acme", "olga@acme.example")
	x.mia = x.acme.Join("mia@acme.example", orgusers.RoleMember)
	x.Clock.Tick(time.Second)
	return x
}

// from is a place that nobody else comes from.
func from(n int) orgusers.Actor {
	return orgusers.Actor{IP: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), Agent: "test"}
}

// wrong is a wrong password for mia, from a place of its own.
func (x *front) wrong(n int) error {
	_, err := x.Svc.Visitor(from(n)).SignIn(world.Ctx(), "mia@acme.example", "not "+world.Password)
	return err
}

// lock gives wrong passwords until mia's sign-in is locked.
func (x *front) lock() {
	x.T.Helper()
	for n := range 5 {
		refusedAs(x.T, x.wrong(n), orgusers.ErrDenied, orgusers.ReasonCredentials)
	}
	require.True(x.T, x.user().Locked(x.Clock.Now()))
}

// user is mia's account.
func (x *front) user() *orgusers.User { x.T.Helper(); u := x.User(x.mia.User); return &u }

// registry is what the store has of mia's sessions and tickets.
func (x *front) registry() []orgusers.Session {
	x.T.Helper()
	v, err := x.Store.View(world.Ctx(), orgusers.ViewQuery{Person: orgusers.PersonQuery{User: x.mia.User}})
	require.NoError(x.T, err)
	return v.Person.Sessions
}

// live demands that a token is, or is not, a session's.
func (x *front) live(token string, yes bool, why string) {
	x.T.Helper()
	_, err := x.Svc.Authenticate(world.Ctx(), token, orgusers.Actor{})
	if yes {
		require.NoError(x.T, err, why)
		return
	}
	refusedAs(x.T, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
}

// enrolled is mia with a second factor, and her session.
func (x *front) enrolled() (world.Factor, orgusers.Actor) {
	x.T.Helper()
	return x.Enrol(x.SignedIn("mia@acme.example"))
}

// require sets what Acme demands.
func (x *front) demand(s orgusers.Security) {
	x.T.Helper()
	x.PatchOrg(x.acme.ID, func(o *orgusers.Organization) { o.Settings.Security = s })
}

func refusedAs(t testing.TB, err, kind error, reason orgusers.Reason) {
	t.Helper()
	var e *orgusers.Error
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, kind)
	if reason != "" && errors.Is(err, orgusers.ErrInvalid) {
		require.Equal(t, reason, e.Fields[0].Reason, "%v", err)
		return
	}
	require.Equal(t, reason, e.Reason, "%v", err)
}

func TestS078_BcryptTruncation(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	long := strings.Repeat("horse battery ", 6)[:72]
	hash, err := bcrypt.GenerateFromPassword([]byte(long), 10)
	require.NoError(t, err)
	x.PatchUser(x.mia.User, orgusers.UserPatch{Password: orgusers.Some(orgusers.PasswordHash(hash))})
	_, err = x.Visitor().SignIn(world.Ctx(), "mia@acme.example", long+"suffix")
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	in, err := x.Visitor().SignIn(world.Ctx(), "mia@acme.example", long)
	require.NoError(t, err)
	require.Equal(t, orgusers.StepDone, in.Step)
	require.True(t, strings.HasPrefix(string(x.user().Password), "$argon2id$v=19$m=19456,t=2,p=1$"), "an import is hashed anew")
	_, err = x.Visitor().SignIn(world.Ctx(), "mia@acme.example", long+"suffix")
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
}

// TestC1_OldHashes: one that is weaker than ours is made anew by the right password, and by nothing else.
func TestC1_OldHashes(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	old := world.CheapHash()
	x.PatchUser(x.mia.User, orgusers.UserPatch{Password: orgusers.Some(old)})
	require.Error(t, x.wrong(1))
	require.Equal(t, old, x.user().Password)
	epoch := x.user().SessionsValidFrom
	x.SignedIn("mia@acme.example")
	now := x.user().Password
	require.True(t, strings.HasPrefix(string(now), "$argon2id$v=19$m=19456,t=2,p=1$"))
	require.Equal(t, epoch, x.user().SessionsValidFrom, "which ends no session")
	x.SignedIn("mia@acme.example")
	require.Equal(t, now, x.user().Password, "once")
}

// TestS085_S104_S142_OneAnswer: whoever cannot come in learns nothing else.
func TestS085_S104_S142_OneAnswer(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	for _, name := range []string{"blank", "out", "gone"} {
		x.acme.Join(name+"@acme.example", orgusers.RoleMember)
	}
	x.acme.Invite("invited@acme.example", orgusers.RoleMember)
	blank := x.acme.Member("blank@acme.example").User
	x.PatchUser(blank, orgusers.UserPatch{Password: orgusers.Some(orgusers.PasswordHash("")), Failures: orgusers.Some(4)})
	require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.Deactivate{}, x.acme.Member("out@acme.example").ID))
	require.NoError(t, x.acme.Admin().Do(world.Ctx(), orgusers.Remove{}, x.acme.Member("gone@acme.example").ID))
	x.lock()
	x.Dispatch()
	before := len(x.Inbox.All())
	try := func(n int, email, password string) string {
		_, err := x.Svc.Visitor(from(1000+n)).SignIn(world.Ctx(), email, password)
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		return err.Error()
	}
	n, answers := 0, map[string]bool{}
	for _, email := range []string{
		"olga@acme.example", "mia@acme.example", "blank@acme.example", "out@acme.example", "gone@acme.example", "invited@acme.example",
		"nobody@acme.example", "not an address", "", "nul\x00@acme.example", strings.Repeat("a", 5000) + "@acme.example",
	} {
		for _, password := range []string{world.Password, "", strings.Repeat("a", 1025), "\xff\x00"} {
			if email == "olga@acme.example" && password == world.Password {
				continue
			}
			if n++; n%3 == 0 {
				x.PatchUser(x.acme.Owner.User, orgusers.UserPatch{Failures: orgusers.Some(0)})
			}
			answers[try(n, email, password)] = true
		}
	}
	require.Len(t, answers, 1)
	x.Dispatch()
	require.Len(t, x.Inbox.All(), before, "no mail to anybody")
	account := x.User(blank)
	require.True(t, account.Locked(x.Clock.Now()), "R7.7 nor to who was locked and has no password to be got wrong")
}

// TestS142_SameSender: what counts against the sender does not tell either who exists.
func TestS142_SameSender(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(x *front) string{
		"unknown": func(*front) string { return "nobody@acme.example" },
		"wrong password": func(x *front) string {
			x.PatchUser(x.mia.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
			return "mia@acme.example"
		},
		"inactive": func(x *front) string {
			require.NoError(x.T, x.acme.Admin().Do(world.Ctx(), orgusers.Deactivate{}, x.mia.ID))
			return "mia@acme.example"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newFront(t, func(c *orgusers.Config) { c.Policy.FailuresPerPrefix = 3 })
			email := prepare(x)
			password := world.Password
			if name == "wrong password" {
				password = "not " + password
			}
			for range 3 {
				_, err := x.Visitor().SignIn(world.Ctx(), email, password)
				refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
			}
			_, err := x.Visitor().SignIn(world.Ctx(), email, password)
			refusedAs(t, err, orgusers.ErrLimit, "")
			x.Clock.Tick(15 * time.Minute)
			_, err = x.Visitor().SignIn(world.Ctx(), email, password)
			refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		})
	}
}

func TestS081_LongPasswords(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	actor := x.SignedIn("mia@acme.example")
	for _, size := range []int{1025, 1 << 20, 64 << 20} {
		password := strings.Repeat("a", size)
		begin := time.Now()
		_, err := x.Visitor().SignIn(world.Ctx(), "mia@acme.example", password)
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		_, err = x.Svc.Account(actor).ChangePassword(world.Ctx(), world.Password, password)
		refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonTooLong)
		require.Less(t, time.Since(begin), 30*time.Second)
	}
	_, err := x.Svc.Account(actor).Prove(world.Ctx(), strings.Repeat("a", 1<<20), "")
	refusedAs(t, err, orgusers.ErrInvalid, orgusers.ReasonWrongPassword)
}

// TestS127_TruthTable: only the right password and then the right code.
func TestS127_TruthTable(t *testing.T) {
	t.Parallel()
	x := newFront(t, func(c *orgusers.Config) { c.Policy.LockAfter = 20 })
	factor, _ := x.enrolled()
	passwords := map[string]string{"ok": world.Password, "bad": "not " + world.Password, "empty": ""}
	codes := map[string]func() string{
		"ok": factor.Code, "bad": func() string { return "000000" }, "empty": func() string { return "" }, "recovery": func() string { return string(factor.Codes[0]) },
	}
	for p, password := range passwords {
		for c, code := range codes {
			in, err := x.Visitor().SignIn(world.Ctx(), "mia@acme.example", password)
			require.Equal(t, p == "ok", err == nil)
			in, err = x.Visitor().EnterCode(world.Ctx(), in.Token, code())
			done := p == "ok" && (c == "ok" || c == "recovery")
			require.Equal(t, done, err == nil && in.Step == orgusers.StepDone, "password %s, code %s: %v", p, c, err)
			switch {
			case done:
				x.live(in.Token, true, "")
			case p == "ok":
				refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
			default:
				refusedAs(t, err, orgusers.ErrExpired, orgusers.ReasonTicket)
			}
		}
	}
	for _, both := range []string{world.Password + factor.Code(), factor.Code(), string(factor.Codes[1])} {
		_, err := x.Visitor().SignIn(world.Ctx(), "mia@acme.example", both)
		refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	}
	_, err := x.Visitor().EnterCode(world.Ctx(), x.SignIn("mia@acme.example").Token, world.Password)
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
}

// TestR718_DisabledEverywhere: no sign-in and no reset mail (R2.13, R7.18).
func TestR718_DisabledEverywhere(t *testing.T) {
	t.Parallel()
	x := newFront(t)
	x.PatchOrg(x.acme.ID, func(o *orgusers.Organization) { o.Disabled = true })
	_, err := x.Visitor().SignIn(world.Ctx(), "mia@acme.example", world.Password)
	refusedAs(t, err, orgusers.ErrDenied, orgusers.ReasonOrgDisabled)
	n := len(x.Inbox.All())
	require.NoError(t, x.Visitor().ForgotPassword(world.Ctx(), "mia@acme.example"))
	x.Dispatch()
	require.Len(t, x.Inbox.All(), n)
	require.Empty(t, x.registry())
}
