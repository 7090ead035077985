package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal("oidc: ", err)
	}
}

// run starts a provider and a host, and lets a browser sign in.
func run(ctx context.Context) error {
	at, err := listen(ctx)
	if err != nil {
		return err
	}
	here, err := listen(ctx)
	if err != nil {
		return err
	}
	issuer, base, secret := "http://"+at.Addr().String(), "http://"+here.Addr().String(), rand.Text()
	provider, err := NewProvider(issuer, "cms", secret, base+"/sso/callback", map[string]Person{
		"jane": {Subject: "7d1f", Email: "jane@acme.example", EmailVerified: true, Groups: []string{"editors"}},
		"cleo": {Subject: "33ab", Email: "cleo@acme.example", EmailVerified: true, Groups: []string{"canteen"}},
	})
	if err != nil {
		return err
	}
	defer serve(at, provider.Handler()).Close()
	rp, err := NewRelying(ctx, issuer, "cms", secret, base)
	if err != nil {
		return err
	}
	host, err := NewHost(ctx)
	if err != nil {
		return err
	}
	rp.SignIn = host.SignIn
	rp.Refused = func(err error) { fmt.Println("  the host's log:", err) }
	mux := http.NewServeMux()
	mux.Handle("/sso/", rp.Handler())
	mux.HandleFunc("GET /me", host.Me)
	mux.HandleFunc("POST /demand", host.Demand)
	defer serve(here, mux).Close()

	browse := func(what, url string, browser *http.Client) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := browser.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		fmt.Printf("%s: %s\n  %s\n", what, res.Status, strings.TrimSpace(string(body)))
		return err
	}
	answer := "" // the address with the provider's answer, as a log or a history keeps it
	jane := &http.Client{Jar: newJar(), CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/sso/callback" {
			answer = r.URL.String()
		}
		return nil
	}}
	if err := browse("Jane signs in through her provider", base+"/sso/start?hint=jane", jane); err != nil {
		return err
	}
	if err := browse("She has joined without an invitation, in the role of her group", base+"/me", jane); err != nil {
		return err
	}
	if err := browse("Her browser sends the provider's answer again", answer, jane); err != nil {
		return err
	}
	if err := browse("A colleague whose groups have no role here", base+"/sso/start?hint=cleo", &http.Client{Jar: newJar()}); err != nil {
		return err
	}
	return browse("Somebody whom the provider does not know", base+"/sso/start?hint=mallory", jane)
}

// listen takes a free port of this machine, so that its address is known before what answers there.
func listen(ctx context.Context) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
}

func serve(l net.Listener, h http.Handler) *http.Server {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.Serve(l) }()
	return s
}

func newJar() http.CookieJar {
	jar, _ := cookiejar.New(nil) // errs for no options
	return jar
}
