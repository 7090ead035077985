package world

import (
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// SignIn gives an address and the password that everybody has here.
func (w *World) SignIn(email string) orgusers.SignIn {
	w.T.Helper()
	in, err := w.Visitor().SignIn(Ctx(), email, Password)
	require.NoError(w.T, err)
	return in
}

// Reset sets a new password with the token of a mailed link.
func (w *World) Reset(token, password string) error {
	_, err := w.Visitor().ResetPassword(Ctx(), token, password)
	return err
}

// Session is the actor behind the token of a sign-in that is done.
func (w *World) Session(in orgusers.SignIn) orgusers.Actor {
	w.T.Helper()
	require.Equal(w.T, orgusers.StepDone, in.Step)
	actor, err := w.Svc.Authenticate(Ctx(), in.Token, w.origin())
	require.NoError(w.T, err)
	return actor
}

// origin is where a signed-in person's requests come from.
func (w *World) origin() orgusers.Actor {
	a := w.Actor("")
	return orgusers.Actor{IP: a.IP, Agent: a.Agent}
}

// SignedIn is somebody with a session of the registry, begun now.
func (w *World) SignedIn(email string) orgusers.Actor {
	w.T.Helper()
	return w.Session(w.SignIn(email))
}

// Factor is a second factor as its owner has it.
type Factor struct {
	Secret string // base32
	Codes  []orgusers.RecoveryCode
	w      *World
}

// NewFactor is a second factor with this secret, in base32.
func NewFactor(w *World, secret string) Factor { return Factor{Secret: secret, w: w} }

// Code is what the app shows now. The clock goes on by a step, so that each is another.
func (f Factor) Code() string {
	f.w.T.Helper()
	f.w.Clock.Tick(30 * time.Second)
	code, err := totp.GenerateCode(f.Secret, f.w.Clock.Now())
	require.NoError(f.w.T, err)
	return code
}

// Enrol sets up a second factor for who has a session, and returns the session that goes on.
func (w *World) Enrol(actor orgusers.Actor) (Factor, orgusers.Actor) {
	w.T.Helper()
	e, err := w.Svc.Account(actor).BeginMFA(Ctx())
	require.NoError(w.T, err)
	f := NewFactor(w, e.Text())
	codes, renewed, err := w.Svc.Account(actor).ConfirmMFA(Ctx(), e.Token(), f.Code())
	require.NoError(w.T, err)
	f.Codes = codes
	actor.SignedInAt, actor.MFAAt, actor.ProvedAt = renewed.SignedInAt, renewed.MFAAt, renewed.ProvedAt
	return f, actor
}
