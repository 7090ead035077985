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
	Now              func() time.Time
}

// claims are what a token says. SignedIn is the one the epoch is compared with.
type claims struct {
	jwt.RegisteredClaims
	SignedIn int64 `json:"signed_in"` // microseconds since 1970
}

// Validate is called by the parser beside its own checks of exp, iat, iss and aud.
func (c claims) Validate() error {
	if c.Subject == "" || c.ID == "" || c.IssuedAt == nil || c.SignedIn <= 0 {
		return jwt.ErrTokenRequiredClaimMissing
	}
	if c.SignedIn > c.IssuedAt.Add(time.Second).UnixMicro() {
		return errors.New("signed in after the token was issued")
	}
	return nil
}

// SignIn returns a token for a person whom the host has just identified.
func (t *Tokens) SignIn(user orgusers.UserID) (string, error) {
	return t.issue(orgusers.Actor{User: user, SignedInAt: t.Now(), Session: rand.Text()})
}

// Renew returns a token that lasts longer, for the same session: it began when it began.
func (t *Tokens) Renew(a orgusers.Actor) (string, error) { return t.issue(a) }

func (t *Tokens) issue(a orgusers.Actor) (string, error) {
	now := t.Now()
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: t.Issuer, Audience: jwt.ClaimStrings{t.Audience}, Subject: string(a.User), ID: a.Session,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(t.Lifetime)),
		},
		SignedIn: a.SignedInAt.UnixMicro(),
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
	return orgusers.Actor{User: orgusers.UserID(c.Subject), SignedInAt: time.UnixMicro(c.SignedIn).UTC(), Session: c.ID}, nil
}
