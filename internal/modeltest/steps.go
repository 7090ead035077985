package modeltest

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"pgregory.net/rapid"

	"github.com/orgusers/go-orgusers/orgusers"
)

// step draws one step and takes it. Chances are such that about half the steps change something.
func (r *run) step(t *rapid.T) {
	r.rt = t
	r.tick(3 * time.Second)
	menu := []struct {
		chances int
		step    func(*org)
	}{
		{30, r.drawApply},
		{14, r.drawInvite},
		{9, r.drawDispatch},
		{12, r.drawAccept},
		{8, r.drawOwnership},
		{6, r.drawAnswer},
		{10, r.drawStack},
		{7, r.drawRole},
		{6, r.drawSettings},
		{8, r.drawSSO},
		{8, r.drawOperator},
		{4, r.drawLeave},
		{8, r.drawSelf},
		{4, r.drawHost},
		{2, r.drawPassword},
		{2, r.drawAllowed},
		{7, r.drawClock},
	}
	total := 0
	for _, m := range menu {
		total += m.chances
	}
	n := r.number("step", total)
	for _, m := range menu {
		if n < m.chances {
			m.step(pick(r, "organization", r.model.orgs...))
			return
		}
		n -= m.chances
	}
}

// actor draws who asks: mostly somebody who may.
func (r *run) actor(o *org) actor {
	a := actor{user: -1, signedIn: r.model.now}
	admins, joined := o.admins(), o.find(func(w *row) bool { return w.user != 0 })
	switch n := r.number("actor", 24); {
	case n < 9 && o.owner != 0:
		a.user = o.owner
	case n < 17 && len(admins) > 0:
		a.user = pick(r, "admin", admins...).user
	case n < 21 && len(joined) > 0:
		a.user = pick(r, "member", joined...).user
	case n < 23:
		a.user = pick(r, "account", r.known...)
	}
	if r.chance("own session", 8) {
		a.signedIn = r.session[a.user]
	}
	if r.chance("request", 15) {
		a.request = pick(r, "request id", "r1", "r2", "r3", "r4")
	}
	return a
}

// real is an actor as a host would fill it in.
func (r *run) real(a actor) orgusers.Actor {
	return orgusers.Actor{
		User: r.users.id(a.user), SignedInAt: a.signedIn, Request: a.request,
		Session: "s", IP: netip.MustParseAddr("203.0.113.5"), Agent: "modeltest",
	}
}

func (r *run) org(o *org) orgusers.OrgID {
	if o == nil {
		return "ffffffff-0000-7000-8000-000000000001"
	}
	return r.orgs[o.id]
}

func (r *run) admin(s *side, a actor, o *org) orgusers.Admin {
	actor := r.real(a)
	if o != nil && a.user != o.owner && s.sso(r.org(o)) {
		actor.SSO = r.org(o) // good whether the organization demands it or not; [side.access] tells the two apart
	}
	return s.world.Svc.Admin(actor, r.org(o))
}

// sso reports whether the organization has single sign-on now; the model may be ahead by a call.
func (s *side) sso(org orgusers.OrgID) bool {
	rec, err := s.world.Operator().Organization(context.Background(), org)
	return err == nil && rec.Settings.SSO.Enabled
}

// sso is how somebody signs in to use an organization: by its single sign-on, who must.
func (r *run) sso(user int, o *org) orgusers.OrgID {
	if o == nil || user == 0 {
		return ""
	}
	if rows := o.find(func(w *row) bool { return w.user == user }); len(rows) > 0 && o.ssoOnly(rows[0]) {
		return r.orgs[o.id]
	}
	return ""
}

// seldomNone is the organization, or once in a while one that there is not.
func (r *run) seldomNone(o *org) *org {
	if r.chance("no such organization", 2) {
		return nil
	}
	return o
}

func (r *run) who(a actor) string {
	who := fmt.Sprint("account ", a.user)
	for _, u := range r.model.accounts {
		if u.id == a.user {
			who = u.email
		}
	}
	if !a.signedIn.Equal(r.model.now) {
		who += " (session of " + at(a.signedIn).String() + ")"
	}
	if a.request != "" {
		who += " as " + a.request
	}
	return who
}

func (o *org) String() string {
	if o == nil {
		return "nowhere"
	}
	return o.name
}
