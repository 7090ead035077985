package suite

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// ticket puts half a sign-in of somebody into the registry, so that a round costs no hash.
func (r *round) ticket(user orgusers.UserID, step orgusers.Step) string {
	r.t.Helper()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	token := base64.RawURLEncoding.EncodeToString(secret)
	hash := sha256.Sum256([]byte(token))
	r.a.Clock.Tick(time.Microsecond)
	now := r.a.Clock.Now()
	require.NoError(r.t, r.a.Store.Commit(world.Ctx(), orgusers.Changes{NewSessions: []orgusers.Session{{
		ID: orgusers.SessionID(uuid.NewString()), User: user, Token: hex.EncodeToString(hash[:]), Step: step,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(5 * time.Minute), Idle: 5 * time.Minute,
	}}}))
	return token
}

// door is the front door, by turns of the one process and of the other.
func (r *round) door(i int) orgusers.Visitor { return r.on(i).Svc.Visitor(orgusers.Actor{}) }

// enter is a call that gives a code; in is what came of it.
func (r *round) enter(i int, ticket, code string, in *orgusers.SignIn) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		*in, err = r.door(i).EnterCode(ctx, ticket, code)
		return err
	}
}

// enrolledMember is a team whose member has a second factor, and how the member acts.
func (r *round) enrolledMember() (team, world.Factor, orgusers.Actor) {
	r.t.Helper()
	x := r.team("acme")
	factor, actor := r.a.Enrol(r.a.Actor(x.member.User))
	actor.IP = orgusers.Actor{}.IP // rounds share a store, and with it what is counted for an address
	return x, factor, actor
}

func (r *round) dead(in orgusers.SignIn) {
	r.t.Helper()
	_, err := r.b.Svc.Authenticate(world.Ctx(), in.Token, orgusers.Actor{})
	fails(r.t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
}

// signInRaces are those by which one proof could be used twice, or a session outlive its end.
func signInRaces(c *track) {
	c.t.Helper()
	c.race("S-109 one code, many tries", func(r *round) {
		x, factor, actor := r.enrolledMember()
		r.sameCode(x, actor, factor.Code())
	})
	c.race("S-116 one recovery code, many tries", func(r *round) {
		x, factor, actor := r.enrolledMember()
		r.sameCode(x, actor, string(factor.Codes[r.n%10]))
		u := r.a.User(x.member.User)
		require.Equal(r.t, 9, u.MFA.RecoveryCodes())
	})
	c.race("S-116 two recovery codes", func(r *round) {
		x, factor, _ := r.enrolledMember()
		var one, two orgusers.SignIn
		require.Equal(r.t, []error{nil, nil}, r.run(
			r.enter(0, r.ticket(x.member.User, orgusers.StepCode), string(factor.Codes[0]), &one),
			r.enter(1, r.ticket(x.member.User, orgusers.StepCode), string(factor.Codes[1]), &two)))
		u := r.a.User(x.member.User)
		require.Equal(r.t, 8, u.MFA.RecoveryCodes(), "both are used up")
	})
	c.race("S-118 new recovery codes x an old one", func(r *round) {
		x, factor, actor := r.enrolledMember()
		var in orgusers.SignIn
		errs := r.run(r.enter(0, r.ticket(x.member.User, orgusers.StepCode), string(factor.Codes[0]), &in), func(ctx context.Context) error {
			_, err := r.b.Svc.Account(actor).NewRecoveryCodes(ctx)
			return err
		})
		require.NoError(r.t, errs[1])
		if errs[0] != nil {
			fails(r.t, errs[0], orgusers.ErrDenied, orgusers.ReasonCredentials)
		}
		u := r.a.User(x.member.User)
		require.Equal(r.t, 10, u.MFA.RecoveryCodes(), "never both sets")
		_, err := r.door(0).EnterCode(world.Ctx(), r.ticket(x.member.User, orgusers.StepCode), string(factor.Codes[1]))
		fails(r.t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	})
	c.race("S-124 two second factors", func(r *round) {
		x := r.team("acme")
		actor := r.a.Actor(x.member.User)
		var calls []func(context.Context) error
		for i := range 2 {
			e, err := r.a.Svc.Account(actor).BeginMFA(world.Ctx())
			require.NoError(r.t, err)
			app := world.NewFactor(r.a, e.Text())
			calls = append(calls, func(ctx context.Context) error {
				_, _, err := r.on(i).Svc.Account(actor).ConfirmMFA(ctx, e.Token(), app.Code())
				return err
			})
		}
		_, losers := r.one(r.run(calls...))
		require.Error(r.t, losers[0])
	})
	c.race("S-089 one reset link, many passwords", func(r *round) {
		x := r.team("acme")
		require.NoError(r.t, x.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.member.ID))
		r.a.Dispatch()
		r.samePassword(x, func(i int, password string) func(context.Context) error {
			token := r.a.Token(x.email("member"))
			return func(ctx context.Context) error {
				_, err := r.door(i).ResetPassword(second(ctx), token, password)
				return err
			}
		}, orgusers.ReasonLinkReplaced)
	})
	c.race("S-098 one ticket, many passwords", func(r *round) {
		x := r.team("acme")
		r.a.PatchUser(x.member.User, orgusers.UserPatch{ResetRequired: orgusers.Some(true)})
		token := r.ticket(x.member.User, orgusers.StepPassword)
		r.samePassword(x, func(i int, password string) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := r.door(i).ChooseNewPassword(ctx, token, password)
				return err
			}
		}, orgusers.ReasonTicket)
	})
	killRaces(c)
	c.race("S-099 C1 sign-in x change password", func(r *round) {
		x := r.team("acme")
		hash := world.CheapHash() // which a sign-in makes anew
		if r.n%4 > 1 {
			hash = world.GoodHash() // which it leaves, so that it writes less
		}
		r.a.PatchUser(x.member.User, orgusers.UserPatch{Password: orgusers.Some(hash)})
		mine := r.a.Actor(x.member.User)
		mine.IP = orgusers.Actor{}.IP
		signIn := func(ctx context.Context, password string) (orgusers.SignIn, error) {
			return r.door(0).SignIn(ctx, x.email("member"), password)
		}
		var in orgusers.SignIn
		errs := r.run(func(ctx context.Context) (err error) { in, err = signIn(ctx, world.Password); return err }, func(ctx context.Context) error {
			_, err := r.b.Svc.Account(mine).ChangePassword(ctx, world.Password, newPassword)
			return err
		})
		require.NoError(r.t, errs[1])
		if errs[0] == nil {
			r.dead(in)
		}
		_, err := signIn(world.Ctx(), world.Password)
		fails(r.t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
		_, err = signIn(world.Ctx(), newPassword)
		require.NoError(r.t, err, "the change stands")
	})
}

// sameCode gives one code on one ticket, on others, and as a proof, all at once.
func (r *round) sameCode(x team, actor orgusers.Actor, code string) {
	r.t.Helper()
	shared := r.ticket(x.member.User, orgusers.StepCode)
	calls := make([]func(context.Context) error, contenders(64))
	ins := make([]orgusers.SignIn, len(calls))
	for i := range calls {
		switch i / 2 % 3 {
		case 0:
			calls[i] = r.enter(i, shared, code, &ins[i])
		case 1:
			calls[i] = r.enter(i, r.ticket(x.member.User, orgusers.StepCode), code, &ins[i])
		default:
			calls[i] = func(ctx context.Context) error {
				_, err := r.on(i).Svc.Account(actor).Prove(ctx, "", code)
				return err
			}
		}
	}
	_, losers := r.one(r.run(calls...))
	for _, err := range losers {
		require.Contains(r.t, []error{orgusers.ErrDenied, orgusers.ErrExpired, orgusers.ErrInvalid}, kindOf(r.t, err).Kind)
	}
	sessions := 0
	for i := range ins {
		if ins[i].Step == orgusers.StepDone {
			sessions++
		}
	}
	require.LessOrEqual(r.t, sessions, 1)
}

// samePassword sets as many passwords by one proof, and demands that one is set, and that it works.
func (r *round) samePassword(x team, set func(i int, password string) func(context.Context) error, reason orgusers.Reason) {
	r.t.Helper()
	calls := make([]func(context.Context) error, 4) // each hashes
	password := func(i int) string { return fmt.Sprintf("%s, door %d", newPassword, i) }
	for i := range calls {
		calls[i] = set(i, password(i))
	}
	winner, losers := r.one(r.run(calls...))
	for _, err := range losers {
		fails(r.t, err, orgusers.ErrExpired, reason)
	}
	_, err := r.door(0).SignIn(world.Ctx(), x.email("member"), password(winner))
	require.NoError(r.t, err)
}

// killRaces: no session is left by a sign-in that was under way when the person was cut off.
func killRaces(c *track) {
	c.t.Helper()
	kills := map[string]func(r *round, x team, actor orgusers.Actor) func(context.Context) error{
		"end one's others": func(r *round, _ team, actor orgusers.Actor) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := r.b.Svc.Account(actor).EndOtherSessions(ctx)
				return err
			}
		},
		"change password": func(r *round, x team, actor orgusers.Actor) func(context.Context) error {
			r.a.PatchUser(x.member.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
			return func(ctx context.Context) error {
				_, err := r.b.Svc.Account(actor).ChangePassword(ctx, world.Password, newPassword)
				return err
			}
		},
	}
	for name, op := range map[string]orgusers.Operation{
		"end sessions": orgusers.EndSessions{}, "deactivate": orgusers.Deactivate{}, "remove": orgusers.Remove{}, "delete": orgusers.Delete{},
	} {
		kills[name] = func(r *round, x team, _ orgusers.Actor) func(context.Context) error {
			return r.do(1, x, x.admin, op, x.member)
		}
	}
	for name, kill := range kills {
		c.race("S-141 code x "+name, func(r *round) {
			x, factor, actor := r.enrolledMember()
			var in orgusers.SignIn
			errs := r.run(r.enter(0, r.ticket(x.member.User, orgusers.StepCode), factor.Code(), &in), kill(r, x, actor))
			require.NoError(r.t, errs[1])
			if errs[0] != nil {
				fails(r.t, errs[0], orgusers.ErrExpired, orgusers.ReasonTicket)
				return
			}
			r.dead(in)
		})
	}
	c.race("S-141 password x deactivate", func(r *round) {
		x := r.team("acme")
		r.a.PatchUser(x.member.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
		var in orgusers.SignIn
		errs := r.run(func(ctx context.Context) (err error) {
			in, err = r.door(0).SignIn(ctx, x.email("member"), world.Password)
			return err
		}, r.do(1, x, x.admin, orgusers.Deactivate{}, x.member))
		require.NoError(r.t, errs[1])
		if errs[0] != nil {
			fails(r.t, errs[0], orgusers.ErrDenied, orgusers.ReasonCredentials)
			return
		}
		r.dead(in)
	})
}
