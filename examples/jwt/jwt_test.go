package main

import (
	"crypto/ed25519"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// fixture is the story on a clock that stands still.
type fixture struct {
	*story
	t       *testing.T
	now     time.Time
	handler http.Handler
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Date(2026, 3, 1, 9, 0, 0, 300_000_000, time.UTC)}
	var err error
	f.story, err = newStory(t.Context(), func() time.Time { return f.now })
	require.NoError(t, err)
	f.handler = f.host.Handler()
	f.now = f.now.Add(100 * time.Millisecond)
	return f
}

func (f *fixture) signIn(user orgusers.UserID) string {
	token, err := f.host.Tokens.SignIn(user, time.Time{})
	require.NoError(f.t, err)
	return token
}

// call wants an answer, and returns its text.
func (f *fixture) call(code int, token, method, path string) string {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), method, "/orgs/"+string(f.org)+path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Body)
	require.NoError(f.t, err)
	require.Equal(f.t, code, w.Code, "%s %s: %s", method, path, body)
	return string(body)
}

func (f *fixture) publish() string { return "/stacks/" + string(f.stack) + "/publish" }

// S-141, S-066: a token that is signed and not expired is refused from the moment on in which its person
// was cut off.
func TestS141_TokenIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		op    orgusers.Operation
		code  int
		again int // after another sign-in
	}{
		{"sessions ended", orgusers.EndSessions{}, http.StatusUnauthorized, http.StatusOK},
		{"deactivated", orgusers.Deactivate{}, http.StatusUnauthorized, http.StatusForbidden},
		{"removed", orgusers.Remove{}, http.StatusNotFound, http.StatusNotFound},
		{"deleted", orgusers.Delete{}, http.StatusNotFound, http.StatusNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			token, olivia := f.signIn(f.ben.User), f.signIn(f.owner)
			renewed := f.call(http.StatusOK, token, "POST", "/renew")
			require.Equal(t, "member", f.call(http.StatusOK, renewed, "GET", "/me"))
			require.NoError(t, f.admin().Do(t.Context(), c.op, f.ben.ID)) // in the very microsecond of the sign-in
			for _, old := range []string{token, renewed} {
				f.call(c.code, old, "GET", "/me")
				f.call(c.code, old, "POST", f.publish())
				f.call(c.code, old, "POST", "/renew")
				f.call(c.code, old, "POST", "/members/"+string(f.ben.ID)+"/end-sessions")
			}
			f.now = f.now.Add(time.Microsecond) // still the same second
			f.call(c.again, f.signIn(f.ben.User), "GET", "/me")
			f.call(http.StatusOK, olivia, "GET", "/me")
		})
	}
}

// A renewal begins nothing: its token dies with the session.
func TestRenewalKeepsTheSignIn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	token := f.signIn(f.ben.User)
	was, err := f.host.Tokens.Actor(token)
	require.NoError(t, err)
	require.Equal(t, f.now, was.SignedInAt, "to the microsecond")
	for range 3 {
		f.now = f.now.Add(59 * time.Minute)
		token = f.call(http.StatusOK, token, "POST", "/renew")
	}
	is, err := f.host.Tokens.Actor(token)
	require.NoError(t, err)
	require.Equal(t, was, is)
	f.now = f.now.Add(time.Hour)
	f.call(http.StatusUnauthorized, token, "GET", "/me")
}

// S-063: neither a renewal nor what ends all other sessions is a proof, and neither lets a session go on for
// ever; a proof and a second factor are kept.
func TestS063_WhatIsNoProof(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	actor := func(token string) orgusers.Actor {
		a, err := f.host.Tokens.Actor(token)
		require.NoError(t, err)
		return a
	}
	demand := func(token string) error {
		return f.host.Svc.Admin(actor(token), f.org).SetSecurity(t.Context(), orgusers.Security{MinPassword: 20})
	}
	token := f.signIn(f.owner)
	began := actor(token).ProvedAt
	require.Equal(t, f.now, began)
	require.NoError(t, demand(token))
	f.now = f.now.Add(40 * time.Minute)
	for _, path := range []string{"/renew", "/me/end-other-sessions"} {
		old := token
		token = f.call(http.StatusOK, token, "POST", path)
		require.Equal(t, began, actor(token).ProvedAt)
		require.ErrorIs(t, demand(token), orgusers.ErrReauth)
		f.now = f.now.Add(time.Second)
		if path != "/renew" {
			f.call(http.StatusUnauthorized, old, "GET", "/me")
		}
	}

	ben := f.signIn(f.ben.User)
	f.now = f.now.Add(40 * time.Minute)
	token = f.call(http.StatusOK, token, "POST", "/renew")
	renewed, err := f.host.Svc.Account(actor(ben)).Prove(t.Context(), "a long sentence nobody guesses", "")
	require.NoError(t, err)
	ben, err = f.host.Tokens.GoOn(actor(ben), renewed)
	require.NoError(t, err)
	require.Equal(t, f.now, actor(ben).ProvedAt)
	require.True(t, actor(ben).MFAAt.IsZero())
	coded, err := f.host.Tokens.SignIn(f.ben.User, f.now)
	require.NoError(t, err)
	require.Equal(t, f.now, actor(f.call(http.StatusOK, coded, "POST", "/renew")).MFAAt)

	for f.now.Before(began.Add(11 * time.Hour)) { // a stolen token, kept alive by every means
		f.now = f.now.Add(30 * time.Minute)
		token = f.call(http.StatusOK, token, "POST", "/me/end-other-sessions")
	}
	f.now = began.Add(12 * time.Hour)
	token, err = f.host.Tokens.issue(actor(token))
	require.NoError(t, err)
	f.call(http.StatusUnauthorized, token, "POST", "/renew")
	f.call(http.StatusUnauthorized, token, "POST", "/me/end-other-sessions")
}

// A demotion counts with the next request, on the organization and on the stack.
func TestS066_DemotionCountsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, token, olivia := t.Context(), f.signIn(f.ben.User), f.signIn(f.owner)
	end := "/members/" + string(f.ben.ID) + "/end-sessions"
	f.call(http.StatusForbidden, token, "POST", end)
	require.NoError(t, f.admin().Do(ctx, orgusers.SetRole{Role: orgusers.RoleAdmin}, f.ben.ID))
	require.Equal(t, "admin", f.call(http.StatusOK, token, "GET", "/me"))
	require.NoError(t, f.admin().Do(ctx, orgusers.SetRole{Role: orgusers.RoleMember}, f.ben.ID))
	require.Equal(t, "member", f.call(http.StatusOK, token, "GET", "/me"))
	f.call(http.StatusForbidden, token, "POST", end)

	f.call(http.StatusOK, token, "POST", f.publish())
	require.NoError(t, f.admin().Do(ctx, orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: f.stack}}}, f.ben.ID))
	f.call(http.StatusForbidden, token, "POST", f.publish())
	f.call(http.StatusOK, token, "GET", "/me")
	f.call(http.StatusOK, olivia, "POST", end)
	f.call(http.StatusUnauthorized, token, "GET", "/me")
}

// S-005: a forged, foreign, edited or incomplete token is nobody's.
func TestS005_ForgedTokens(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	tokens := f.host.Tokens
	good := func() claims {
		return claims{RegisteredClaims: jwt.RegisteredClaims{
			Issuer: tokens.Issuer, Audience: jwt.ClaimStrings{tokens.Audience}, Subject: string(f.owner), ID: "s",
			IssuedAt: jwt.NewNumericDate(f.now), ExpiresAt: jwt.NewNumericDate(f.now.Add(time.Minute)),
		}, SignedIn: f.now.UnixMicro(), Proved: f.now.UnixMicro()}
	}
	sign := func(m jwt.SigningMethod, c jwt.Claims, key any) string {
		token, err := jwt.NewWithClaims(m, c).SignedString(key)
		require.NoError(t, err)
		return token
	}
	f.call(http.StatusOK, sign(jwt.SigningMethodEdDSA, good(), tokens.Key), "GET", "/me")

	public := tokens.Key.Public().(ed25519.PublicKey)
	_, other, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	bad := map[string]string{
		"no algorithm":            sign(jwt.SigningMethodNone, good(), jwt.UnsafeAllowNoneSignatureType),
		"public key as a secret":  sign(jwt.SigningMethodHS256, good(), []byte(public)),
		"another key":             sign(jwt.SigningMethodEdDSA, good(), other),
		"nothing":                 "",
		"cut":                     strings.TrimSuffix(f.signIn(f.owner), "A")[:40],
		"without its signed part": strings.Join(append(strings.Split(f.signIn(f.owner), ".")[:2], ""), "."),
	}
	for name, change := range map[string]func(*claims){
		"another issuer":    func(c *claims) { c.Issuer = "https://evil.example" },
		"another audience":  func(c *claims) { c.Audience = jwt.ClaimStrings{"https://other.example"} },
		"no audience":       func(c *claims) { c.Audience = nil },
		"expired":           func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(f.now.Add(-time.Second)) },
		"never expires":     func(c *claims) { c.ExpiresAt = nil },
		"issued later":      func(c *claims) { c.IssuedAt = jwt.NewNumericDate(f.now.Add(time.Hour)) },
		"issued never":      func(c *claims) { c.IssuedAt = nil },
		"nobody":            func(c *claims) { c.Subject = "" },
		"no session":        func(c *claims) { c.ID = "" },
		"proved never":      func(c *claims) { c.Proved = 0 },
		"proved in 2100":    func(c *claims) { c.Proved = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() },
		"a code in 2100":    func(c *claims) { c.MFA = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() },
		"signed in never":   func(c *claims) { c.SignedIn = 0 },
		"signed in in 2100": func(c *claims) { c.SignedIn = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() },
	} {
		c := good()
		change(&c)
		bad[name] = sign(jwt.SigningMethodEdDSA, c, tokens.Key)
	}
	for name, token := range bad {
		_, err := tokens.Actor(token)
		require.Error(t, err, name)
		f.call(http.StatusUnauthorized, token, "GET", "/me")
	}
	token := f.signIn(f.ben.User)
	for i := range len(token) {
		flipped := []byte(token)
		flipped[i] ^= 1
		_, err := tokens.Actor(string(flipped))
		require.Error(t, err, "byte %d", i)
	}
}

// Another organization answers like one that does not exist.
func TestTokenOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	token := f.signIn(f.ben.User)
	other, err := f.host.Svc.Operator(orgusers.Actor{User: "support"}).CreateOrganization(t.Context(), orgusers.NewOrganization{Name: "Other", Owner: "o@other.example"})
	require.NoError(t, err)
	f.org = other
	there := f.call(http.StatusNotFound, token, "GET", "/me")
	f.org = "0192d6c0-0000-7000-8000-000000000000"
	require.Equal(t, there, f.call(http.StatusNotFound, token, "GET", "/me"))
}

func TestStory(t *testing.T) {
	t.Parallel()
	require.NoError(t, run(t.Context()))
}
