package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Assertion is what a provider has said about a person, after all of it was checked.
type Assertion struct {
	Issuer, Subject string // together: who it is, for ever
	Email           string
	EmailVerified   bool // false: the address proves nothing
	Groups          []string
	AuthenticatedAt time.Time // when the person gave the provider a credential; zero: it does not say
}

// Relying is the host's side of the conversation with one provider.
type Relying struct {
	// SignIn begins the session of whoever an assertion is about.
	SignIn func(w http.ResponseWriter, r *http.Request, a Assertion)
	// Refused is told what was wrong with an answer, for the host's log.
	Refused func(error)
	Now     func() time.Time

	issuer   string
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	client   *http.Client
	secure   bool

	mu      sync.Mutex
	pending map[string]pending // by state
}

// pending is a sign-in under way: what only the host and one browser know of it.
type pending struct {
	browser, nonce, verifier string
	until                    time.Time
	since                    time.Time // the provider is to ask for a credential after it; zero: as it likes
}

const (
	cookie     = "sso_browser"
	patience   = 10 * time.Minute
	maxPending = 10_000
	skew       = time.Minute // between the provider's clock and ours
)

// NewRelying asks the provider for its configuration. base is the host's own address.
func NewRelying(ctx context.Context, issuer, client, secret, base string) (*Relying, error) {
	h := &http.Client{Timeout: 10 * time.Second}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, h), issuer)
	if err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // not tried out with the first code that fails
	rp := &Relying{
		Now: time.Now, issuer: issuer, client: h, secure: strings.HasPrefix(base, "https://"), pending: map[string]pending{},
		oauth: oauth2.Config{
			ClientID: client, ClientSecret: secret, Endpoint: endpoint, RedirectURL: base + "/sso/callback",
			Scopes: []string{oidc.ScopeOpenID, "email", "groups"},
		},
	}
	rp.verifier = provider.Verifier(&oidc.Config{
		ClientID: client, SupportedSigningAlgs: []string{oidc.ES256}, // agreed with the provider, not announced by it
		Now: func() time.Time { return rp.Now() },
	})
	return rp, nil
}

// Handler has the two pages of the conversation.
func (rp *Relying) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sso/start", rp.start)
	mux.HandleFunc("GET /sso/callback", rp.callback)
	return mux
}

// start sends the browser to the provider; with "fresh" in the query, to be asked for a credential whoever
// is signed in there. That is how a person proves anew who it is.
func (rp *Relying) start(w http.ResponseWriter, r *http.Request) {
	state := rand.Text()
	p := pending{browser: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), until: rp.Now().Add(patience)}
	ask := []oauth2.AuthCodeOption{oidc.Nonce(p.nonce), oauth2.S256ChallengeOption(p.verifier), oauth2.SetAuthURLParam("login_hint", r.FormValue("hint"))}
	if r.FormValue("fresh") != "" { // max_age makes the provider say auth_time; prompt is for those that take 0 for none
		p.since = rp.Now()
		ask = append(ask, oauth2.SetAuthURLParam("max_age", "0"), oauth2.SetAuthURLParam("prompt", "login"))
	}
	if !rp.remember(state, p) {
		http.Error(w, "too many are signing in; try again shortly", http.StatusServiceUnavailable)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookie, Value: p.browser, Path: "/sso/", MaxAge: int(patience.Seconds()),
		HttpOnly: true, Secure: rp.secure, SameSite: http.SameSiteLaxMode, // Lax: the provider sends the browser back
	})
	http.Redirect(w, r, rp.oauth.AuthCodeURL(state, ask...), http.StatusSeeOther)
}

// callback takes the provider's answer. What was wrong with it is for the host's log; the browser is
// told to start again.
func (rp *Relying) callback(w http.ResponseWriter, r *http.Request) {
	a, err := rp.assertion(r)
	if err != nil {
		rp.Refused(err)
		http.Error(w, "signing in did not work; start again", http.StatusBadRequest)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Path: "/sso/", MaxAge: -1, HttpOnly: true, Secure: rp.secure, SameSite: http.SameSiteLaxMode})
	rp.SignIn(w, r, a)
}

// What can be wrong with an answer, beside what oidc and oauth2 find.
var (
	errState    = errors.New("no sign-in of this browser is under way under this state")
	errIssuer   = errors.New("the answer is another provider's")
	errRefused  = errors.New("the provider refused")
	errNoToken  = errors.New("no ID token")
	errNonce    = errors.New("the ID token answers another question")
	errParty    = errors.New("the ID token was made for another client")
	errNoPerson = errors.New("the ID token names nobody")
	errStale    = errors.New("the provider has not asked for a credential anew")
)

// assertion checks the provider's answer and everything it leads to.
func (rp *Relying) assertion(r *http.Request) (Assertion, error) {
	q := r.URL.Query()
	p, ok := rp.take(q.Get("state"), r)
	if !ok {
		return Assertion{}, errState
	}
	if iss := q.Get("iss"); iss != "" && iss != rp.issuer { // RFC 9207; optional there
		return Assertion{}, errIssuer
	}
	if q.Get("error") != "" || q.Get("code") == "" {
		return Assertion{}, errRefused
	}
	ctx := oidc.ClientContext(r.Context(), rp.client)
	token, err := rp.oauth.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(p.verifier))
	if err != nil {
		return Assertion{}, fmt.Errorf("the code was not accepted: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Assertion{}, errNoToken
	}
	id, err := rp.verifier.Verify(ctx, raw) // signature, algorithm, issuer, audience, expiry
	if err != nil {
		return Assertion{}, err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(p.nonce)) != 1 {
		return Assertion{}, errNonce
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return Assertion{}, err
		}
	}
	var c struct {
		Party         string   `json:"azp"`
		Email         string   `json:"email"`
		EmailVerified bool     `json:"email_verified"`
		Groups        []string `json:"groups"`
		AuthTime      int64    `json:"auth_time"`
	}
	if err := id.Claims(&c); err != nil {
		return Assertion{}, err
	}
	if c.Party != rp.oauth.ClientID && (c.Party != "" || len(id.Audience) != 1) {
		return Assertion{}, errParty
	}
	if id.Subject == "" {
		return Assertion{}, errNoPerson
	}
	a := Assertion{Issuer: id.Issuer, Subject: id.Subject, Email: c.Email, EmailVerified: c.EmailVerified, Groups: c.Groups}
	if c.AuthTime > 0 {
		a.AuthenticatedAt = time.Unix(c.AuthTime, 0).UTC()
	}
	if a.AuthenticatedAt.Before(p.since.Add(-skew)) && !p.since.IsZero() { // browsers can take parameters away
		return Assertion{}, errStale
	}
	return a, nil
}

// remember keeps a sign-in under way, if there is room.
func (rp *Relying) remember(state string, p pending) bool {
	rp.mu.Lock()
	defer rp.mu.Unlock()
	if len(rp.pending) >= maxPending {
		for s, old := range rp.pending {
			if !rp.Now().Before(old.until) {
				delete(rp.pending, s)
			}
		}
	}
	if len(rp.pending) >= maxPending {
		return false
	}
	rp.pending[state] = p
	return true
}

// take ends a sign-in under way and returns it, to the browser that began it. A second answer finds
// nothing; another browser's is not counted, or it could end what it cannot use.
func (rp *Relying) take(state string, r *http.Request) (pending, bool) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return pending{}, false
	}
	rp.mu.Lock()
	defer rp.mu.Unlock()
	p, ok := rp.pending[state]
	if !ok || subtle.ConstantTimeCompare([]byte(c.Value), []byte(p.browser)) != 1 {
		return pending{}, false
	}
	delete(rp.pending, state)
	return p, rp.Now().Before(p.until)
}
