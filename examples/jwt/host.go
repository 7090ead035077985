package main

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Host is the application: its tokens, and the organization's section it has embedded.
type Host struct {
	Svc    *orgusers.Service
	Tokens *Tokens
}

// Handler has a page and an action of the host, and one call of the Users section.
func (h *Host) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /orgs/{org}/me", h.guard(func(w http.ResponseWriter, _ *http.Request, c call) {
		_, _ = io.WriteString(w, string(c.access.Role))
	}))
	mux.Handle("POST /orgs/{org}/stacks/{stack}/publish", h.guard(func(w http.ResponseWriter, r *http.Request, c call) {
		if !c.access.Can(orgusers.StackID(r.PathValue("stack")), orgusers.PermissionPublish) {
			http.Error(w, "no permission to publish", http.StatusForbidden)
		}
	}))
	mux.Handle("POST /orgs/{org}/members/{member}/end-sessions", h.guard(func(w http.ResponseWriter, r *http.Request, c call) {
		admin := h.Svc.Admin(c.actor, c.access.Org)
		if err := admin.Do(r.Context(), orgusers.EndSessions{}, orgusers.MemberID(r.PathValue("member"))); err != nil {
			refuse(w, err)
		}
	}))
	// Only who still has access gets another token.
	mux.Handle("POST /orgs/{org}/renew", h.guard(func(w http.ResponseWriter, _ *http.Request, c call) {
		token, err := h.Tokens.Renew(c.actor)
		if err != nil {
			refuse(w, err)
			return
		}
		give(w, token)
	}))
	// What the person does to the own account may end the session or prove it anew; it goes on with the times
	// that come back, in the answer.
	mux.Handle("POST /orgs/{org}/me/end-other-sessions", h.guard(func(w http.ResponseWriter, r *http.Request, c call) {
		renewed, err := h.Svc.Account(c.actor).EndOtherSessions(r.Context())
		h.goOn(w, c.actor, renewed, err)
	}))
	mux.Handle("POST /orgs/{org}/me/prove", h.guard(func(w http.ResponseWriter, r *http.Request, c call) {
		renewed, err := h.Svc.Account(c.actor).Prove(r.Context(), r.PostFormValue("password"), r.PostFormValue("code"))
		h.goOn(w, c.actor, renewed, err)
	}))
	return mux
}

func (h *Host) goOn(w http.ResponseWriter, a orgusers.Actor, renewed orgusers.Renewed, err error) {
	if err != nil {
		refuse(w, err)
		return
	}
	token, err := h.Tokens.GoOn(a, renewed)
	if err != nil {
		refuse(w, err)
		return
	}
	give(w, token)
}

func give(w http.ResponseWriter, token string) {
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, token)
}

// call is who calls, and what that person may do in the organization of the path, just now.
type call struct {
	actor  orgusers.Actor
	access orgusers.Access
}

// guard is the one way to a handler: a valid token, and access that is asked for each time.
func (h *Host) guard(next func(http.ResponseWriter, *http.Request, call)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		actor, err := h.Tokens.Actor(token)
		if err != nil || scheme != "Bearer" {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "sign in first", http.StatusUnauthorized) // why not is for nobody to know
			return
		}
		if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			actor.IP = from.Addr()
		}
		actor.Agent = r.UserAgent()
		access, err := h.Svc.Access(r.Context(), actor, orgusers.OrgID(r.PathValue("org")))
		if err != nil {
			refuse(w, err)
			return
		}
		next(w, r, call{actor, access})
	})
}

// refuse answers with an error of orgusers, whose text is fit to be shown.
func refuse(w http.ResponseWriter, err error) {
	var e *orgusers.Error
	switch {
	case errors.Is(err, errTooOld):
		http.Error(w, err.Error(), http.StatusUnauthorized)
	case !errors.As(err, &e):
		http.Error(w, "try later", http.StatusInternalServerError)
	case e.Reason == orgusers.ReasonSessionEnded:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		http.Error(w, e.Error(), http.StatusUnauthorized)
	case errors.Is(e, orgusers.ErrNotFound):
		http.Error(w, e.Error(), http.StatusNotFound)
	case errors.Is(e, orgusers.ErrInvalid):
		http.Error(w, e.Error(), http.StatusBadRequest)
	case errors.Is(e, orgusers.ErrStore), errors.Is(e, orgusers.ErrBusy), errors.Is(e, orgusers.ErrConflict), errors.Is(e, orgusers.ErrUnknownOutcome):
		http.Error(w, e.Error(), http.StatusServiceUnavailable)
	default:
		http.Error(w, e.Error(), http.StatusForbidden)
	}
}
