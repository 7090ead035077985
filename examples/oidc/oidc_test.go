package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// conversation is a provider, a host and what the host made of the answers.
type conversation struct {
	t        *testing.T
	provider *Provider
	rp       *Relying
	base     string

	mu       sync.Mutex
	asserted []Assertion
	refused  []error
}

func newConversation(t *testing.T) *conversation {
	t.Helper()
	c := &conversation{t: t}
	serving := func() (*httptest.Server, func(http.Handler)) {
		var h http.Handler
		s := httptest.NewUnstartedServer(nil)
		t.Cleanup(s.Close)
		return s, func(with http.Handler) { h = with; s.Config.Handler = h; s.Start() }
	}
	at, startProvider := serving()
	here, startHost := serving()
	issuer := "http://" + at.Listener.Addr().String()
	c.base = "http://" + here.Listener.Addr().String()
	var err error
	c.provider, err = NewProvider(issuer, "cms", "hush", c.base+"/sso/callback", map[string]Person{
		"jane": {Subject: "s1", Email: "jane@acme.example", EmailVerified: true, Groups: []string{"editors", "staff"}},
		"mal":  {Subject: "s2", Email: "jane@acme.example"},
	})
	require.NoError(t, err)
	startProvider(c.provider.Handler())
	c.rp, err = NewRelying(t.Context(), issuer, "cms", "hush", c.base)
	require.NoError(t, err)
	c.rp.SignIn = func(_ http.ResponseWriter, _ *http.Request, a Assertion) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.asserted = append(c.asserted, a)
	}
	c.rp.Refused = func(err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refused = append(c.refused, err)
	}
	startHost(c.rp.Handler())
	return c
}

// browser follows redirects up to the host's callback, whose address it returns instead of going there.
type browser struct {
	c    *conversation
	http *http.Client
}

func (c *conversation) browser() *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(c.t, err)
	return &browser{c, &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/sso/callback" {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

// get returns the status, and where it was sent.
func (b *browser) get(address string) (int, *url.URL) {
	b.c.t.Helper()
	r, err := http.NewRequestWithContext(b.c.t.Context(), http.MethodGet, address, nil)
	require.NoError(b.c.t, err)
	res, err := b.http.Do(r)
	require.NoError(b.c.t, err)
	require.NoError(b.c.t, res.Body.Close())
	to, err := res.Location()
	if err != nil {
		to = &url.URL{}
	}
	return res.StatusCode, to
}

// answer is the address with the provider's answer.
func (b *browser) answer(hint string) *url.URL {
	b.c.t.Helper()
	code, u := b.get(b.c.base + "/sso/start?hint=" + hint)
	require.Equal(b.c.t, http.StatusSeeOther, code)
	require.Equal(b.c.t, "/sso/callback", u.Path)
	return u
}

// accepted wants an answer to lead to an assertion.
func (b *browser) accepted(u *url.URL) Assertion {
	b.c.t.Helper()
	n := len(b.c.asserted)
	code, _ := b.get(u.String())
	require.Equal(b.c.t, http.StatusOK, code, "%v", b.c.refused)
	require.Len(b.c.t, b.c.asserted, n+1)
	return b.c.asserted[n]
}

// turnedAway wants an answer to lead nowhere, and returns why.
func (b *browser) turnedAway(u *url.URL) error {
	b.c.t.Helper()
	n, m := len(b.c.asserted), len(b.c.refused)
	code, _ := b.get(u.String())
	require.Equal(b.c.t, http.StatusBadRequest, code)
	require.Len(b.c.t, b.c.asserted, n)
	require.Len(b.c.t, b.c.refused, m+1)
	return b.c.refused[m]
}

// with returns an answer with a parameter changed; "" takes it away.
func with(u *url.URL, name, value string) *url.URL {
	q, changed := u.Query(), *u
	q.Del(name)
	if value != "" {
		q.Set(name, value)
	}
	changed.RawQuery = q.Encode()
	return &changed
}

func TestAssertion(t *testing.T) {
	t.Parallel()
	c := newConversation(t)
	b := c.browser()
	long := time.Now().Add(-time.Hour).Truncate(time.Second).UTC()
	c.provider.since["s1"] = long
	require.Equal(t, Assertion{
		Issuer: c.provider.Issuer, Subject: "s1", Email: "jane@acme.example", EmailVerified: true, Groups: []string{"editors", "staff"}, AuthenticatedAt: long,
	}, b.accepted(b.answer("jane")))
	a := b.accepted(b.answer("mal"))
	require.Equal(t, "s2", a.Subject, "the subject says who it is, not the address")
	require.False(t, a.EmailVerified)
	require.ErrorIs(t, b.turnedAway(b.answer("nobody")), errRefused)
}

// S-063: the provider is made to ask for a credential, and an answer that does not say it did is none.
func TestS063_Fresh(t *testing.T) {
	t.Parallel()
	c := newConversation(t)
	b := c.browser()
	long := time.Now().Add(-time.Hour)
	c.provider.since["s1"] = long
	require.WithinDuration(t, long, b.accepted(b.answer("jane")).AuthenticatedAt, time.Second, "signed in as it was")
	require.WithinDuration(t, time.Now(), b.accepted(b.answer("jane&fresh=yes")).AuthenticatedAt, skew)

	sign := c.provider.sign
	for name, change := range map[string]func(jwt.MapClaims){
		"not said": func(m jwt.MapClaims) { delete(m, "auth_time") },
		"too old":  func(m jwt.MapClaims) { m["auth_time"] = long.Unix() },
		"nothing":  func(m jwt.MapClaims) { m["auth_time"] = 0 },
	} {
		c.provider.sign = func(m jwt.MapClaims) (string, error) { change(m); return sign(m) }
		require.ErrorIs(t, b.turnedAway(b.answer("jane&fresh=yes")), errStale, name)
		b.accepted(b.answer("jane"))
	}
}

// An answer is for the browser that asked, once, in time, from the provider that was asked.
func TestState(t *testing.T) {
	t.Parallel()
	c := newConversation(t)
	b, other := c.browser(), c.browser()

	u := b.answer("jane")
	require.ErrorIs(t, b.turnedAway(with(u, "state", "")), errState)
	require.ErrorIs(t, b.turnedAway(with(u, "state", "guessed")), errState)
	require.ErrorIs(t, c.browser().turnedAway(u), errState, "a browser that never asked: forced sign-in")
	theirs := other.answer("mal")
	require.ErrorIs(t, other.turnedAway(u), errState, "another browser that asks too")
	b.accepted(u) // which all the others have not spoilt
	require.ErrorIs(t, b.turnedAway(u), errState, "twice")
	other.accepted(theirs)

	u = b.answer("jane")
	require.ErrorIs(t, b.turnedAway(with(u, "iss", "https://evil.example")), errIssuer)
	require.ErrorIs(t, b.turnedAway(u), errState, "a sign-in that failed is over")
	require.ErrorIs(t, b.turnedAway(with(b.answer("jane"), "code", "")), errRefused)
	b.accepted(with(b.answer("jane"), "iss", ""))

	u = b.answer("jane")
	c.rp.Now = func() time.Time { return time.Now().Add(patience) }
	require.ErrorIs(t, b.turnedAway(u), errState, "late")
}

// Somebody else's code, put into one's own answer, opens nothing: its challenge is another's (PKCE).
func TestStolenCode(t *testing.T) {
	t.Parallel()
	c := newConversation(t)
	victim, thief := c.browser(), c.browser()
	stolen := victim.answer("jane").Query().Get("code")
	require.ErrorContains(t, thief.turnedAway(with(thief.answer("mal"), "code", stolen)), "invalid_grant")

	for _, change := range []func(url.Values){ // the provider does not do without
		func(q url.Values) { q.Del("code_challenge") },
		func(q url.Values) { q.Set("code_challenge_method", "plain") },
		func(q url.Values) { q.Set("response_type", "token") },
		func(q url.Values) { q.Set("scope", "email") },
	} {
		asked := thief.http.CheckRedirect
		thief.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		_, u := thief.get(c.base + "/sso/start?hint=mal")
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
		_, back := thief.get(u.String())
		require.Empty(t, back.Query().Get("code"))
		require.NotEmpty(t, back.Query().Get("error"))
		q.Set("redirect_uri", "https://evil.example/")
		u.RawQuery = q.Encode()
		code, _ := thief.get(u.String())
		require.Equal(t, http.StatusBadRequest, code)
		thief.http.CheckRedirect = asked
	}
}

// What the ID token says must be for this client, this question and this time.
func TestClaims(t *testing.T) {
	t.Parallel()
	for _, bad := range []struct {
		name   string
		change func(jwt.MapClaims)
		want   string // of the reason
	}{
		{"another nonce", func(c jwt.MapClaims) { c["nonce"] = "another" }, errNonce.Error()},
		{"no nonce", func(c jwt.MapClaims) { delete(c, "nonce") }, errNonce.Error()},
		{"another issuer", func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }, "issued by a different provider"},
		{"another audience", func(c jwt.MapClaims) { c["aud"] = "other" }, "audience"},
		{"two audiences and no party", func(c jwt.MapClaims) { c["aud"] = []string{"cms", "other"} }, errParty.Error()},
		{"another party", func(c jwt.MapClaims) { c["azp"] = "other" }, errParty.Error()},
		{"expired", func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, "expired"},
		{"no expiry", func(c jwt.MapClaims) { delete(c, "exp") }, "expired"},
		{"another access token", func(c jwt.MapClaims) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, "access token hash"},
		{"nobody", func(c jwt.MapClaims) { c["sub"] = "" }, errNoPerson.Error()},
		{"verified in words", func(c jwt.MapClaims) { c["email_verified"] = "yes" }, "cannot unmarshal"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			c := newConversation(t)
			sign := c.provider.sign
			c.provider.sign = func(m jwt.MapClaims) (string, error) {
				bad.change(m)
				return sign(m)
			}
			b := c.browser()
			require.ErrorContains(t, b.turnedAway(b.answer("jane")), bad.want)
			c.provider.sign = func(m jwt.MapClaims) (string, error) {
				m["aud"], m["azp"] = []string{"cms", "other"}, "cms"
				return sign(m)
			}
			b.accepted(b.answer("jane"))
		})
	}
}

// S-005: only the agreed algorithm with the provider's key makes a signature.
func TestS005_AlgorithmConfusion(t *testing.T) {
	t.Parallel()
	c := newConversation(t)
	b := c.browser()
	public, err := x509.MarshalPKIXPublicKey(&c.provider.key.PublicKey)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	use := func(method jwt.SigningMethod, key any) func(jwt.MapClaims) (string, error) {
		return func(m jwt.MapClaims) (string, error) { return signed(method, m, key) }
	}
	for name, sign := range map[string]func(jwt.MapClaims) (string, error){
		"none":                   use(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"the public key, as PEM": use(jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"the public key, as DER": use(jwt.SigningMethodHS256, public),
		"the client's secret":    use(jwt.SigningMethodHS256, []byte(c.provider.Secret)),
		"RSA":                    use(jwt.SigningMethodRS256, long),
		"another key":            use(jwt.SigningMethodES256, other),
		"a signature cut off": func(m jwt.MapClaims) (string, error) {
			token, err := signed(jwt.SigningMethodES256, m, c.provider.key)
			return token[:strings.LastIndex(token, ".")+1], err
		},
		"no token": func(jwt.MapClaims) (string, error) { return "", nil },
	} {
		c.provider.sign = sign
		require.Error(t, b.turnedAway(b.answer("jane")), name)
	}
	c.provider.sign = use(jwt.SigningMethodES256, c.provider.key)
	b.accepted(b.answer("jane"))
}

// Sign-ins that nobody finishes are bounded, and make room when they are over.
func TestUnfinishedAreBounded(t *testing.T) {
	t.Parallel()
	c := newConversation(t)
	for range maxPending {
		require.True(t, c.rp.remember(rand.Text(), pending{until: time.Now().Add(patience)}))
	}
	code, _ := c.browser().get(c.base + "/sso/start")
	require.Equal(t, http.StatusServiceUnavailable, code)
	c.rp.Now = func() time.Time { return time.Now().Add(patience) }
	c.browser().answer("jane")
	require.Len(t, c.rp.pending, 1)
}

func TestCookie(t *testing.T) {
	t.Parallel()
	c := newConversation(t)
	w := httptest.NewRecorder()
	c.rp.secure = true
	c.rp.start(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sso/start", nil))
	set := w.Result().Cookies()
	require.Len(t, set, 1)
	require.True(t, set[0].HttpOnly && set[0].Secure && set[0].SameSite == http.SameSiteLaxMode)
	require.NotContains(t, w.Header().Get("Location"), set[0].Value, "a secret of the browser's")
}

func TestProviderThatIsAnother(t *testing.T) {
	t.Parallel()
	c := newConversation(t)
	s := httptest.NewServer(c.provider.Handler()) // says it is the first one
	t.Cleanup(s.Close)
	_, err := NewRelying(t.Context(), s.URL, "cms", "hush", c.base)
	require.ErrorContains(t, err, "issuer")
}

func TestStory(t *testing.T) {
	t.Parallel()
	require.NoError(t, run(t.Context()))
}

// What follows from an assertion, through the real doors: groups let in and give roles, and what the
// provider has not verified goes no further.
func TestHost(t *testing.T) {
	t.Parallel()
	h, err := NewHost(t.Context())
	require.NoError(t, err)
	signIn := func(a Assertion) (*http.Request, int, string) {
		w := httptest.NewRecorder()
		h.SignIn(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sso/callback", nil), a)
		me := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/me", nil)
		for _, c := range w.Result().Cookies() {
			require.True(t, c.HttpOnly && c.Name == sessionCookie)
			me.AddCookie(c)
		}
		return me, w.Code, strings.TrimSpace(w.Body.String())
	}
	look := func(me *http.Request) string {
		w := httptest.NewRecorder()
		h.Me(w, me)
		return strings.TrimSpace(w.Body.String())
	}
	jane := Assertion{Issuer: "i", Subject: "s1", Email: "jane@acme.example", EmailVerified: true, Groups: []string{"editors"}}
	me, code, _ := signIn(jane)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "role: member", look(me))
	jane.Groups = []string{"editors", "it"}
	promoted, _, _ := signIn(jane)
	require.Equal(t, "role: admin", look(promoted))
	require.Equal(t, "role: admin", look(me), "a role is the person's, not the session's")

	demand := func(at time.Time) *httptest.ResponseRecorder {
		jane.AuthenticatedAt = at
		r, _, _ := signIn(jane)
		w := httptest.NewRecorder()
		h.Demand(w, r)
		return w
	}
	for _, at := range []time.Time{{}, time.Now().Add(-time.Hour)} {
		w := demand(at)
		require.Equal(t, []any{http.StatusSeeOther, "/sso/start?fresh=yes"}, []any{w.Code, w.Header().Get("Location")})
	}
	require.Equal(t, http.StatusOK, demand(time.Now().Truncate(time.Second)).Code)

	for want, change := range map[orgusers.Reason]func(a *Assertion){
		orgusers.ReasonSSOGroups:  func(a *Assertion) { a.Groups = []string{"Editors"} },
		orgusers.ReasonSSOSubject: func(a *Assertion) { a.Subject = "s2" },
	} {
		a := jane
		change(&a)
		me, code, text := signIn(a)
		require.Equal(t, []any{http.StatusForbidden, want.Text()}, []any{code, text})
		require.Equal(t, "sign in first", look(me))
	}
	jane.EmailVerified = false
	_, code, text := signIn(jane)
	require.Equal(t, http.StatusForbidden, code)
	require.Contains(t, text, "not verified")
}
