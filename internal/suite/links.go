package suite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// links are the cases about mailed links of all kinds.
func links(c cases) {
	c.t.Helper()
	c.with("S-009 lifetimes", func(conf *orgusers.Config) {
		conf.Policy.Lifetimes = orgusers.Lifetimes{
			MFAReset: 1 * time.Hour, PasswordReset: 2 * time.Hour, Activation: 3 * time.Hour, Ownership: 4 * time.Hour, Invitation: 5 * time.Hour,
		}
	}, linkLifetimes)
	c.run("S-009 lifetimes out of range", linkLifetimesRefused)
	c.run("S-010 purposes", linkPurposes)
	c.run("S-032 pages from the configuration", linkPages)
}

// mailed is one link of each kind, on its way, and how to use it.
type mailed struct {
	kind    string
	token   string
	expires time.Time
	// probe returns nil while the link works; it does not use it up.
	probe func(token string) error
}

func oneOfEach(t *testing.T, w *world.World, x team) []mailed {
	t.Helper()
	ctx, v := world.Ctx(), w.Visitor()
	unenrolled := Add(t, w, x.ID, Person{Email: x.email("mfa"), Change: func(u *orgusers.User) {
		u.MFA = orgusers.MFA{Secret: "sealed", EnrolledAt: w.Clock.Now()}
	}})[0]
	ann, invitation := x.link("ann", orgusers.RoleMember)
	require.NoError(t, x.Admin().OfferOwnership(ctx, x.admin.Address.Email))
	require.NoError(t, x.Admin().Do(ctx, orgusers.ForcePasswordReset{}, x.member.ID))
	require.NoError(t, x.Admin().Do(ctx, orgusers.ResetMFA{}, unenrolled.ID))
	_, err := w.Operator().CreateOrganization(ctx, orgusers.NewOrganization{Name: "New", Owner: "founder@new.example"})
	require.NoError(t, err)
	w.Dispatch()
	founder, _ := accountOf(t, w, "founder@new.example")
	member, _ := accountOf(t, w, x.email("member"))
	mfa, _ := accountOf(t, w, x.email("mfa"))

	// A password that is refused does not use up the link: that it is looked at shows that the link
	// works (S-105).
	looked := func(err error, reason orgusers.Reason) error {
		var e *orgusers.Error
		if errors.As(err, &e) && len(e.Fields) == 1 && e.Fields[0].Reason == reason {
			return nil
		}
		return err
	}
	password := func(token string) error { return looked(w.Reset(token, "short"), orgusers.ReasonTooShort) }
	return []mailed{
		{"mfa reset", w.Token(x.email("mfa")), mfa.MFAResetExpire, func(token string) error {
			return looked(v.ResetMFA(ctx, token, "not the password"), orgusers.ReasonWrongPassword)
		}},
		{"password reset", w.Token(x.email("member")), member.ResetExpires, password},
		{"activation", w.Token("founder@new.example"), founder.ResetExpires, password},
		{"ownership", w.Token(x.email("admin")), x.Record().Transfer.ExpiresAt, func(token string) error {
			_, err := v.InspectOwnership(ctx, token)
			return err
		}},
		{"invitation", invitation, ann.ExpiresAt, func(token string) error {
			_, err := v.InspectInvitation(ctx, token)
			return err
		}},
	}
}

func linkLifetimes(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	start := w.Clock.Now()
	for i, l := range oneOfEach(t, w, x) {
		require.Equal(t, time.Duration(i+1)*time.Hour, l.expires.Sub(start).Round(time.Second), l.kind)
		w.Clock.Tick(l.expires.Add(-time.Microsecond).Sub(w.Clock.Now()))
		require.NoError(t, l.probe(l.token), "%s: just in time", l.kind)
		w.Clock.Tick(time.Microsecond)
		fails(t, l.probe(l.token), orgusers.ErrExpired, orgusers.ReasonLinkExpired)
	}
}

func linkLifetimesRefused(t *testing.T, w *world.World) {
	for _, life := range []time.Duration{-1, -time.Hour, time.Nanosecond, time.Second - 1, 31 * 24 * time.Hour, 1 << 62} {
		conf := w.Conf
		conf.Policy.Lifetimes = orgusers.Lifetimes{Invitation: life, Ownership: life, Activation: life, PasswordReset: life, MFAReset: life}
		_, err := orgusers.New(conf)
		wrong(t, err, "policy.lifetimes.invitation: range", "policy.lifetimes.ownership: range", "policy.lifetimes.activation: range",
			"policy.lifetimes.password_reset: range", "policy.lifetimes.mfa_reset: range")
	}
}

// Each kind of token at each function that takes one.
func linkPurposes(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	v := w.Visitor()
	given := world.NewAccount(x.email("ann"))
	takes := map[string][]func(context.Context, string) error{
		"invitation": {
			func(ctx context.Context, token string) error { _, err := v.InspectInvitation(ctx, token); return err },
			func(ctx context.Context, token string) error {
				_, err := v.AcceptInvitation(ctx, token, orgusers.NewAccount{Name: given.Name})
				return err
			},
			v.DeclineInvitation,
		},
		"ownership": {
			func(ctx context.Context, token string) error { _, err := v.InspectOwnership(ctx, token); return err },
			v.AcceptOwnership, v.DeclineOwnership,
		},
		"password reset": {func(ctx context.Context, token string) error {
			_, err := v.ResetPassword(ctx, token, world.Password)
			return err
		}},
		"mfa reset": {func(ctx context.Context, token string) error { return v.ResetMFA(ctx, token, world.Password) }},
	}
	all := oneOfEach(t, w, x)
	before := stateOf(t, w, x.ID)
	for _, l := range all {
		for kind, functions := range takes {
			if kind == l.kind || kind == "password reset" && l.kind == "activation" {
				continue
			}
			for _, f := range functions {
				fails(t, f(ctx, l.token), orgusers.ErrExpired, orgusers.ReasonLinkMalformed)
			}
		}
	}
	x.same(before)
	for _, l := range all {
		require.NoError(t, l.probe(l.token), "%s: not used up", l.kind)
	}
	require.NoError(t, accept(w, all[4].token))
	require.NoError(t, v.AcceptOwnership(ctx, all[3].token))
	CheckOrg(t, w, x.ID)
}

// No request has a say in where a link leads: the pages come from the configuration, and what could
// lead elsewhere is refused there.
func linkPages(t *testing.T, w *world.World) {
	for _, page := range []string{
		"javascript:alert(1)", "//evil.example", "https://good.example@evil.example", "https://good.example\\@evil.example",
		"https:\\\\evil.example", "https://good.example\r\nX: y", "https://good.exаmple", "http://good.example", "/relative", "good.example",
		"https://", "https:///path", "https://good.example/#frag", "https://good.example/?token=x", "data:text/html,x", "https://good.example/ x",
		"https://user:pass@good.example", "ftp://good.example", "https://good.example:99999", " https://good.example",
	} {
		conf := w.Conf
		conf.Links = orgusers.Links{Base: page}
		_, err := orgusers.New(conf)
		require.ErrorIs(t, err, orgusers.ErrInvalid, page)
		require.Equal(t, "links.base", kindOf(t, err).Fields[0].Field)
		conf.Links = orgusers.Links{Base: "https://good.example", Invitation: page, MFAReset: page}
		_, err = orgusers.New(conf)
		require.ErrorIs(t, err, orgusers.ErrInvalid, page)
		require.Len(t, kindOf(t, err).Fields, 2)
	}
	x := newTeam(t, w, "acme")
	x.link("ann", orgusers.RoleMember)
	mail, _ := w.Inbox.Last(x.email("ann"))
	require.Equal(t, w.Conf.Links.Base+"/invitation?token="+world.Token(mail), mail.Link)
}
