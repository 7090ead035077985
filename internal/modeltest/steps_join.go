package modeltest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Joining, leaving, taking over, and one's own account.

func (r *run) drawInvite(o *org) {
	a := r.actor(o)
	inv := invitation{
		role: pick(r, "role", "member", "member", "member", "admin", "admin", "admin", "owner"), withoutSSO: r.chance("without SSO", 40),
		allOrNothing: r.chance("all or nothing", 15),
	}
	if inv.role == "owner" && !r.chance("really owner", 30) {
		inv.role = "member"
	}
	if r.chance("stacks", 40) {
		inv.access = r.drawAccess(o)
	}
	for range pick(r, "pieces", 1, 1, 1, 2, 2, 3, 4, 4, 0) {
		if r.chance("no address", 6) {
			inv.to = append(inv.to, piece{email: pick(r, "text", "nonsense", "two@@acme.example", "x@nodot"), bad: true})
			continue
		}
		p := piece{email: r.drawAddress()}
		var absent []string
		for _, email := range addresses() {
			if o.rows[email] == nil {
				absent = append(absent, email)
			}
		}
		if len(absent) > 0 && r.chance("absent", 40) {
			p.email = pick(r, "absent", absent...)
		}
		if r.chance("named", 25) {
			p.name = name{"Jo", "Doe"}
		}
		inv.to = append(inv.to, p)
	}
	r.invite(a, r.seldomNone(o), inv, r.chance("preview", 20))
}

func (r *run) drawAddress() string {
	email := pick(r, "address", addresses()...)
	if r.chance("in capitals", 15) {
		email = strings.ToUpper(email[:1]) + email[1:len(email)-8] + ".EXAMPLE"
	}
	return email
}

func (r *run) invite(a actor, o *org, inv invitation, preview bool) {
	var text []string
	for _, p := range inv.to {
		line := p.email
		if p.name != (name{}) {
			line = fmt.Sprintf("%s <%s>", p.name, p.email)
		}
		text = append(text, line)
	}
	form := orgusers.Invitation{
		To: strings.Join(text, "\n"), Role: orgusers.Role(inv.role), Stacks: r.realAccess(inv.access), Message: "Welcome",
		WithoutSSO: inv.withoutSSO, AllOrNothing: inv.allOrNothing,
	}
	r.withPreview(fmt.Sprintf("%s in %v: invite %+v", r.who(a), o, inv), preview && a.request == "", o,
		func() result { return r.model.invite(a, o, inv) },
		func(s *side) (orgusers.Report, error) {
			return r.admin(s, a, o).PreviewInvite(world.Ctx(), form)
		},
		func(s *side) (orgusers.Report, error) {
			return r.admin(s, a, o).Invite(world.Ctx(), form)
		})
}

func (r *run) drawDispatch(*org) { r.dispatch(r.chance("mailer is down", 15)) }

// dispatch sends what is due in the outbox and keeps the links for later use and abuse.
func (r *run) dispatch(down bool) {
	sent := r.model.dispatch(down)
	var want []string
	for _, e := range sent {
		want = append(want, e.kind+" to "+e.to)
	}
	r.rt.Logf("dispatch, mailer down %t: %s", down, strings.Join(want, ", "))
	var first []orgusers.Mail
	for i, s := range r.sides {
		s.world.Inbox.Fail = nil
		if down {
			s.world.Inbox.Fail = func(orgusers.Mail) error { return errDown }
		}
		s.world.Dispatch()
		mails := s.newMails()
		if i == 0 {
			first = mails
		}
		r.same("mails", s, first, mails)
	}
	var got []string
	for i := range first {
		got = append(got, string(first[i].Kind)+" to "+first[i].To)
	}
	require.Equal(r.tb, want, got, "what was mailed")
	for i, e := range sent {
		if (e.link != link{}) {
			r.mailed = append(r.mailed, mailed{e.link, world.Token(first[i])})
		}
	}
}

var errDown = errors.New("the mailer is down")

// drawLink draws a link: mostly one that opens something, else an old one, one for something else,
// or none of ours.
func (r *run) drawLink(purpose string, works func(link) bool) mailed {
	var live, old []mailed
	for _, l := range r.mailed {
		switch {
		case l.link.purpose != purpose:
		case works(l.link):
			live = append(live, l)
		default:
			old = append(old, l)
		}
	}
	switch n := r.number("link", 20); {
	case n < 14 && len(live) > 0:
		return pick(r, "live link", live...)
	case n < 18 && len(old) > 0:
		return pick(r, "old link", old...)
	case n < 19 && len(r.mailed) > 0:
		return pick(r, "any link", r.mailed...)
	}
	return mailed{link{purpose: "none"}, "AAAA"}
}

func (r *run) drawAccept(*org) {
	l := r.drawLink("invitation", func(l link) bool { _, err := r.model.invited(l); return err == "" })
	if r.chance("decline", 15) {
		r.expect(fmt.Sprintf("decline %+v", l.link), r.model.decline(l.link), func(s *side) reply {
			return reply{err: s.world.Visitor().DeclineInvitation(world.Ctx(), l.token)}
		})
		return
	}
	r.accept(l, r.drawName(), r.hashes > 0 && r.chance("password", 50))
}

func (r *run) accept(l mailed, given name, password bool) {
	account := orgusers.NewAccount{Name: orgusers.Name(given)}
	if password {
		account.Password = world.Password
		r.hashes--
	}
	r.expect(fmt.Sprintf("accept %+v with %+v, password %t", l.link, given, password), r.model.accept(l.link, given, password), func(s *side) reply {
		_, err := s.world.Visitor().AcceptInvitation(world.Ctx(), l.token, account)
		return reply{err: err}
	})
}

func (r *run) drawLeave(o *org) {
	a := r.actor(o)
	if r.chance("member", 50) {
		if joined := o.find(func(w *row) bool { return w.user != 0 }); len(joined) > 0 {
			a.user = pick(r, "member", joined...).user
		}
	}
	o = r.seldomNone(o)
	r.expect(fmt.Sprintf("%s leaves %v", r.who(a), o), r.model.leave(a, o), func(s *side) reply {
		return reply{err: s.world.Svc.Account(r.real(a)).Leave(world.Ctx(), r.org(o))}
	})
}

func (r *run) drawOwnership(o *org) {
	a := r.actor(o)
	if o.owner != 0 && r.chance("owner", 50) {
		a.user = o.owner
	}
	o = r.seldomNone(o)
	switch n := r.number("ownership", 10); {
	case n < 6:
		email, valid := r.drawAddress(), true
		if r.chance("no address", 5) {
			email, valid = "nonsense", false
		}
		r.expect(fmt.Sprintf("%s offers %v to %s", r.who(a), o, email), r.model.offerOwnership(a, o, email, valid), func(s *side) reply {
			return reply{err: r.admin(s, a, o).OfferOwnership(world.Ctx(), email)}
		})
	case n < 9:
		r.expect(fmt.Sprintf("%s offers %v again", r.who(a), o), r.model.resendOwnership(a, o), func(s *side) reply {
			return reply{err: r.admin(s, a, o).ResendOwnership(world.Ctx())}
		})
	default:
		r.expect(fmt.Sprintf("%s withdraws the offer of %v", r.who(a), o), r.model.cancelOwnership(a, o), func(s *side) reply {
			return reply{err: r.admin(s, a, o).CancelOwnership(world.Ctx())}
		})
	}
}

func (r *run) drawAnswer(*org) {
	l := r.drawLink("ownership", func(l link) bool { return r.model.offered(l) == "" })
	yes := !r.chance("decline", 20)
	r.expect(fmt.Sprintf("answer %+v: %t", l.link, yes), r.model.answerOwnership(l.link, yes), func(s *side) reply {
		if !yes {
			return reply{err: s.world.Visitor().DeclineOwnership(world.Ctx(), l.token)}
		}
		return reply{err: s.world.Visitor().AcceptOwnership(world.Ctx(), l.token)}
	})
}

func (r *run) drawSelf(o *org) {
	a := r.actor(o)
	if r.chance("rename", 40) {
		n := r.drawName()
		r.expect(fmt.Sprintf("%s takes the name %v", r.who(a), n), r.model.renameSelf(a, n), func(s *side) reply {
			return reply{err: s.world.Svc.Account(r.real(a)).Rename(world.Ctx(), orgusers.Name(n))}
		})
		return
	}
	r.rt.Logf("%s signs in", r.who(a))
	r.model.signIn(a.user)
	if r.model.account(a.user) != nil {
		r.session[a.user] = r.model.now
	}
	for _, s := range r.sides {
		require.NoError(r.tb, s.world.Svc.SignedIn(world.Ctx(), r.users.id(a.user)), s.name)
		if r.model.account(a.user) != nil {
			s.sessions[r.users.id(a.user)] = r.model.now
		}
	}
}

// drawHost does to an account what sign-in will do: locks it, or enrols a second factor.
func (r *run) drawHost(*org) {
	u := r.model.accounts[pick(r, "address", slices.Sorted(maps.Keys(r.model.accounts))...)]
	lock := r.chance("lock", 60)
	var p orgusers.UserPatch
	if lock {
		u.lockedUntil = r.model.now.Add(pick(r, "lock for", 5*time.Minute, 30*24*time.Hour))
		p.LockedUntil = orgusers.Some(u.lockedUntil)
	} else {
		u.mfa = true
		p.MFA = orgusers.Some(factor(r.model.now))
	}
	r.rt.Logf("host: %s locked until %v, second factor %t", u.email, at(u.lockedUntil), u.mfa)
	for _, s := range r.sides {
		id := r.users.id(u.id)
		v, err := s.world.Store.View(world.Ctx(), orgusers.ViewQuery{Users: []orgusers.UserID{id}})
		require.NoError(r.tb, err, s.name)
		require.Len(r.tb, v.Users, 1, s.name)
		c := orgusers.Changes{Users: []orgusers.UserUpdate{{ID: id, Version: v.Users[0].Version, Patch: p}}}
		if !lock {
			c.Profiles = []orgusers.Profile{{User: id, Name: v.Users[0].Name, MFA: true}}
		}
		require.NoError(r.tb, s.world.Store.Commit(world.Ctx(), c), s.name)
	}
}

// drawPassword opens the link of a password reset; one that works costs two hashes.
func (r *run) drawPassword(*org) {
	works := func(l link) bool {
		u := r.model.account(l.subject)
		return l.purpose == "password" && u != nil && u.reset.op == l.op
	}
	l := r.drawLink("password", works)
	if works(l.link) && r.hashes < 2 {
		return
	}
	if works(l.link) {
		r.hashes -= 2
	}
	r.expect(fmt.Sprintf("reset password by %+v", l.link), r.model.resetPassword(l.link), func(s *side) reply {
		return reply{err: s.world.Reset(l.token, world.Password)}
	})
}

func (r *run) drawClock(*org) {
	d := pick(r, "clock", 20*time.Second, 61*time.Second, 2*time.Minute, time.Hour, 2*time.Hour, 25*time.Hour, 8*24*time.Hour)
	r.rt.Logf("%v pass", d)
	r.tick(d)
}
