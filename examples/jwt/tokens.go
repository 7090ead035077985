package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Tokens signs and checks the host's tokens. The algorithm is fixed; a token does not choose it.
type Tokens struct {
	Key              ed25519.PrivateKey
	Issuer, Audience string
	Lifetime         time.Duration
	Longest          time.Duration // without a credential, however often renewed
	Now              func() time.Time
}

// claims are what a token says, in microseconds since 1970; 0: never. SignedIn is the one the epoch is
// compared with, MFA says whether a second factor was given, and Proved when a credential was last.
type claims struct {
	jwt.RegisteredClaims
	SignedIn int64 `json:"signed_in"`
	MFA      int64 `json:"mfa_at,omitempty"`
	Proved   int64 `json:"proved_at"`
}

// Validate is called by the parser beside its own checks of exp, iat, iss and aud.
func (c claims) Validate() error {
	if c.Subject == "" || c.ID == "" || c.IssuedAt == nil || c.SignedIn <= 0 || c.Proved <= 0 || c.MFA < 0 {
		return jwt.ErrTokenRequiredClaimMissing
	}
	if max(c.SignedIn, c.MFA, c.Proved) > c.IssuedAt.Add(time.Second).UnixMicro() {
		return errors.New("signed in after the token was issued")
	}
	return nil
}

// SignIn returns a token for a person whom the host has just identified; mfaAt is when a second factor was
// given, or zero.
func (t *Tokens) SignIn(user orgusers.UserID, mfaAt time.Time) (string, error) {
	now := t.Now()
	return t.issue(orgusers.Actor{User: user, SignedInAt: now, MFAAt: mfaAt, ProvedAt: now, Session: rand.Text()})
}

// errTooOld is of a session that has gone on for as long as it may.
var errTooOld = errors.New("sign in again")

// Renew returns a token that lasts longer, for the same session: it began when it began, and proves what it
// proved.
func (t *Tokens) Renew(a orgusers.Actor) (string, error) {
	if t.Now().Sub(a.ProvedAt) >= t.Longest {
		return "", errTooOld
	}
	return t.issue(a)
}

// GoOn returns a token for a session that goes on after what ended it, or proved who it is. It is no
// sign-in: that would be a proof (S-063).
func (t *Tokens) GoOn(a orgusers.Actor, r orgusers.Renewed) (string, error) {
	a.SignedInAt, a.MFAAt, a.ProvedAt = r.SignedInAt, r.MFAAt, r.ProvedAt
	return t.Renew(a)
}

func (t *Tokens) issue(a orgusers.Actor) (string, error) {
	now := t.Now()
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: t.Issuer, Audience: jwt.ClaimStrings{t.Audience}, Subject: string(a.User), ID: a.Session,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(t.Lifetime)),
		},
		SignedIn: micros(a.SignedInAt), MFA: micros(a.MFAAt), Proved: micros(a.ProvedAt),
	}
	return jwt.NewWithClaims(jwt.SigningMethodEdDSA, c).SignedString(t.Key)
}

// Actor checks a token and says who sent it. It does not say whether the session has been ended:
// nothing in a token can.
func (t *Tokens) Actor(token string) (orgusers.Actor, error) {
	var c claims
	_, err := jwt.ParseWithClaims(token, &c,
		func(*jwt.Token) (any, error) { return t.Key.Public(), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(t.Issuer), jwt.WithAudience(t.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(t.Now), jwt.WithStrictDecoding(),
	)
	if err != nil {
		return orgusers.Actor{}, err
	}
	return orgusers.Actor{
		User: orgusers.UserID(c.Subject), Session: c.ID,
		SignedInAt: moment(c.SignedIn), MFAAt: moment(c.MFA), ProvedAt: moment(c.Proved),
	}, nil
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
