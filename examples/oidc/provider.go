package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Provider is a small OpenID provider with one client. It asks for no password: whoever the login
// hint names is signed in, and stays so until asked to sign in anew.
type Provider struct {
	Issuer                 string
	Client, Secret, Return string // the client's id, secret and redirect URI
	People                 map[string]Person

	key    *ecdsa.PrivateKey
	sign   func(jwt.MapClaims) (string, error) // the provider's own; tests put others
	mu     sync.Mutex
	grants map[string]grant
	since  map[string]time.Time // when who is signed in has signed in, by subject
}

// Person is somebody the provider knows.
type Person struct {
	Subject, Email string
	EmailVerified  bool
	Groups         []string
}

// grant is what a code stands for, once and for a minute.
type grant struct {
	person           Person
	nonce, challenge string
	until            time.Time
	signedIn         time.Time
}

const keyID = "k1"

// NewProvider makes a provider with a fresh key.
func NewProvider(issuer, client, secret, returnTo string, people map[string]Person) (*Provider, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	p := &Provider{Issuer: issuer, Client: client, Secret: secret, Return: returnTo, People: people, key: key, grants: map[string]grant{}, since: map[string]time.Time{}}
	p.sign = func(c jwt.MapClaims) (string, error) { return signed(jwt.SigningMethodES256, c, key) }
	return p, nil
}

func signed(method jwt.SigningMethod, c jwt.MapClaims, key any) (string, error) {
	t := jwt.NewWithClaims(method, c)
	t.Header["kid"] = keyID
	return t.SignedString(key)
}

// Handler is the provider's endpoints.
func (p *Provider) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /jwks", p.keys)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	return mux
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, map[string]any{
		"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token",
		"jwks_uri": p.Issuer + "/jwks", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic"},
		"authorization_response_iss_parameter_supported": true,
	})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	public, err := p.key.PublicKey.ECDH()
	if err != nil {
		http.Error(w, "no key", http.StatusInternalServerError)
		return
	}
	point, b64 := public.Bytes(), base64.RawURLEncoding.EncodeToString // 4, x, y
	respond(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": keyID, "x": b64(point[1:33]), "y": b64(point[33:]),
	}}})
}

// authorize sends the browser back with a code, or with what was wrong; nowhere, if the client is not
// known to be there.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != p.Client || q.Get("redirect_uri") != p.Return {
		http.Error(w, "unknown client", http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}, "iss": {p.Issuer}}
	person, known := p.People[q.Get("login_hint")]
	switch {
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		back.Set("error", "invalid_request")
	case !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		back.Set("error", "invalid_scope")
	case !known:
		back.Set("error", "access_denied")
	default:
		code, now := rand.Text(), time.Now()
		p.mu.Lock()
		if _, in := p.since[person.Subject]; !in || q.Get("prompt") == "login" || q.Get("max_age") == "0" {
			p.since[person.Subject] = now
		}
		p.grants[code] = grant{
			person: person, nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), until: now.Add(time.Minute), signedIn: p.since[person.Subject],
		}
		p.mu.Unlock()
		back.Set("code", code)
	}
	http.Redirect(w, r, p.Return+"?"+back.Encode(), http.StatusSeeOther)
}

// token gives the ID token for a code, once, to the client that can open the code's challenge.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	client, secret, _ := r.BasicAuth()
	if client != p.Client || subtle.ConstantTimeCompare([]byte(secret), []byte(p.Secret)) != 1 {
		respond(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	p.mu.Lock()
	g, known := p.grants[r.PostFormValue("code")]
	delete(p.grants, r.PostFormValue("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	now := time.Now()
	if !known || now.After(g.until) || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != p.Return ||
		subtle.ConstantTimeCompare([]byte(challenge), []byte(g.challenge)) != 1 {
		respond(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	access := rand.Text()
	half := sha256.Sum256([]byte(access))
	id, err := p.sign(jwt.MapClaims{
		"iss": p.Issuer, "aud": p.Client, "sub": g.person.Subject, "nonce": g.nonce,
		"auth_time": g.signedIn.Unix(), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "at_hash": base64.RawURLEncoding.EncodeToString(half[:16]),
		"email": g.person.Email, "email_verified": g.person.EmailVerified, "groups": g.person.Groups,
	})
	if err != nil {
		respond(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	respond(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": id})
}

func respond(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
