package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// Host is the application, with one organization whose people come by the provider.
type Host struct {
	Svc    *orgusers.Service
	Org    orgusers.OrgID
	Secure bool // serves https
}

const sessionCookie = "session"

// NewHost makes an organization in which the provider's groups give the roles.
func NewHost(ctx context.Context) (*Host, error) {
	key := make(orgusers.Key, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	svc, err := orgusers.New(orgusers.Config{
		Store: memstore.New(), Mailer: nobody{}, Keys: []orgusers.Key{key}, Links: orgusers.Links{Base: "https://cms.example/users"},
	})
	if err != nil {
		return nil, err
	}
	vendor := svc.Operator(orgusers.Actor{User: "vendor"})
	org, err := vendor.CreateOrganization(ctx, orgusers.NewOrganization{Name: "Acme", Owner: "olga@acme.example"})
	if err != nil {
		return nil, err
	}
	made, err := vendor.Organization(ctx, org)
	if err != nil {
		return nil, err
	}
	owner := svc.Admin(orgusers.Actor{User: made.OwnerID, SignedInAt: time.Now()}, org)
	err = errors.Join(
		owner.SetSSO(ctx, orgusers.SSO{Enabled: true, RoleMapping: true, SessionMax: 8 * time.Hour}),
		owner.SetGroups(ctx, orgusers.GroupRole{Group: "editors", Role: orgusers.RoleMember}, orgusers.GroupRole{Group: "it", Role: orgusers.RoleAdmin}),
	)
	return &Host{Svc: svc, Org: org}, err
}

// SignIn hands on what the provider has said, and begins the session if orgusers lets the person in. An
// address that the provider has not verified proves nothing and goes no further. The subject is enough
// here, since the organization has one issuer; with several, put the issuer in front of it.
func (h *Host) SignIn(w http.ResponseWriter, r *http.Request, a Assertion) {
	if !a.EmailVerified {
		http.Error(w, "your identity provider has not verified your address", http.StatusForbidden)
		return
	}
	in, err := h.Svc.Visitor(origin(r)).SignInSSO(r.Context(), orgusers.Assertion{
		Org: h.Org, Subject: a.Subject, Email: a.Email, Groups: a.Groups, AuthenticatedAt: a.AuthenticatedAt,
	})
	if err != nil {
		var e *orgusers.Error
		if errors.As(err, &e) && e.Reason != "" {
			http.Error(w, e.Reason.Text(), http.StatusForbidden)
			return
		}
		http.Error(w, "try later", http.StatusServiceUnavailable)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: in.Token, Path: "/", Expires: in.ExpiresAt,
		HttpOnly: true, Secure: h.Secure, SameSite: http.SameSiteLaxMode,
	})
	_, _ = fmt.Fprintln(w, "signed in")
}

// Me is a page of the host: who is signed in, and as what, just now.
func (h *Host) Me(w http.ResponseWriter, r *http.Request) {
	actor, err := h.actor(r)
	if err != nil {
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return
	}
	access, err := h.Svc.Access(r.Context(), actor, h.Org)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	_, _ = fmt.Fprintln(w, "role:", access.Role)
}

// Demand is an action that needs a fresh proof: how long new passwords must be. Who has none of the last 15
// minutes is sent to give the provider a credential ([Relying]), and comes back in another session.
func (h *Host) Demand(w http.ResponseWriter, r *http.Request) {
	actor, err := h.actor(r)
	if err != nil {
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return
	}
	err = h.Svc.Admin(actor, h.Org).SetSecurity(r.Context(), orgusers.Security{MinPassword: 20})
	switch {
	case errors.Is(err, orgusers.ErrReauth):
		http.Redirect(w, r, "/sso/start?fresh=yes", http.StatusSeeOther)
	case err != nil:
		http.Error(w, err.Error(), http.StatusForbidden)
	default:
		_, _ = fmt.Fprintln(w, "done")
	}
}

// actor is who is behind a request.
func (h *Host) actor(r *http.Request) (orgusers.Actor, error) {
	token := ""
	if c, err := r.Cookie(sessionCookie); err == nil {
		token = c.Value
	}
	return h.Svc.Authenticate(r.Context(), token, origin(r))
}

func origin(r *http.Request) orgusers.Actor {
	a := orgusers.Actor{Agent: r.UserAgent()}
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		a.IP = from.Addr()
	}
	return a
}

// nobody is mailed in this story.
type nobody struct{}

func (nobody) Send(context.Context, orgusers.Mail) error { return nil }
