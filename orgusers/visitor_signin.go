package orgusers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// SignIn gives an address and a password. The result says what is needed next; only [StepDone] is a
// session.
//
// An unknown address, a wrong password, an account without one, one that is inactive everywhere or
// locked: all are ErrDenied with [ReasonCredentials], after the same time (S-142). The right password of who
// belongs to disabled organizations alone is ErrDenied with [ReasonOrgDisabled] (R7.18). ErrLimit: too many
// wrong ones came from this IP. ErrBusy: too many are signing in at this moment.
func (v Visitor) SignIn(ctx context.Context, email, password string) (SignIn, error) {
	c := &PasswordSignIn{password: password}
	if a, err := ParseAddress(email); err == nil {
		c.key = a.Key
	}
	return v.step(ctx, "Visitor.SignIn", c, &c.signer)
}

// SignInSSO signs in whom an organization's identity provider has named. The session is good in that
// organization and nowhere else ([ReasonSSOElsewhere]), cannot touch the person's own credentials
// ([ReasonSSOSession]), and lasts no longer than [SSO.SessionMax]. There is no second step: the provider
// vouches for its second factor too.
//
// Who is a member signs in, and who is invited joins by it. With [SSO.RoleMapping] who is in a mapped
// group joins without an invitation, and gets role and stack roles from the groups at each sign-in
// (R2.27); the owner, the [SSO.Keeper] and people with [Member.WithoutSSO] keep theirs. An account that is
// made by it has no password. One that is there and has an owner, who has proved the mailbox or belongs to
// another organization, does not join by it, but by the link of an invitation (S-157).
//
// ErrDenied: [ReasonSSOOff], [ReasonOrgDisabled], [ReasonNotJoined], [ReasonInactive],
// [ReasonSSOGroups], [ReasonSSOSubject], [ReasonDomain], [ReasonInvitationNeeded]. ErrExpired: the invitation is over. ErrSeats:
// the plan has no room.
func (v Visitor) SignInSSO(ctx context.Context, a Assertion) (SignIn, error) {
	const op = "Visitor.SignInSSO"
	c, err := newSSOSignIn(a)
	if err != nil {
		return SignIn{}, named(op, err)
	}
	return v.step(ctx, op, c, &c.signer)
}

// EnterCode takes the [StepCode]: a code of the second factor, or a recovery code in any spelling. A
// wrong one counts against the account, like a wrong password, and the fifth ends the ticket: then the
// sign-in begins anew (C5). What strangers get wrong does not keep a right one from being taken (S-149).
func (v Visitor) EnterCode(ctx context.Context, ticket, code string) (SignIn, error) {
	c := &EnterCode{ticketed: withTicket(ticket), code: code}
	return v.step(ctx, "Visitor.EnterCode", c, &c.signer)
}

// ChooseNewPassword takes the [StepPassword]. One that is refused leaves the ticket as it is (S-105).
// All other sessions end.
func (v Visitor) ChooseNewPassword(ctx context.Context, ticket, password string) (SignIn, error) {
	c := &ChooseNewPassword{ticketed: withTicket(ticket), next: newPassword{text: password}}
	return v.step(ctx, "Visitor.ChooseNewPassword", c, &c.signer)
}

// BeginEnrolment begins the [StepEnrol]. The ticket stays as it is, for [Visitor.ConfirmEnrolment].
func (v Visitor) BeginEnrolment(ctx context.Context, ticket string) (Enrolment, error) {
	c := &BeginEnrolment{ticketed: withTicket(ticket)}
	if _, err := v.step(ctx, "Visitor.BeginEnrolment", c, &c.signer); err != nil {
		return Enrolment{}, err
	}
	return c.made, nil
}

// ConfirmEnrolment takes the [StepEnrol] with a code from the new second factor. It returns ten
// recovery codes, which are shown here once.
func (v Visitor) ConfirmEnrolment(ctx context.Context, ticket, enrolment, code string) (SignIn, []RecoveryCode, error) {
	c := &ConfirmEnrolment{ticketed: withTicket(ticket), factor: newFactor{token: enrolment, code: code}}
	in, err := v.step(ctx, "Visitor.ConfirmEnrolment", c, &c.signer)
	if err != nil {
		return SignIn{}, nil, err
	}
	return in, c.factor.codes, nil
}

// step carries out one step of a sign-in. What was given wrong has been counted by then.
func (v Visitor) step(ctx context.Context, op string, c Command, s *signer) (SignIn, error) {
	origin, err := v.origin.clean()
	if err != nil {
		return SignIn{}, named(op, err)
	}
	if err := s.begin(v.s, &origin, v.s.now()); err != nil {
		return SignIn{}, named(op, err)
	}
	if _, err := v.s.do(ctx, op, origin, c); err != nil {
		return SignIn{}, err
	}
	if s.denied != nil {
		v.s.log.InfoContext(ctx, "sign-in refused", "reason", string(s.denied.Reason), "ip", origin.IP.String())
		return SignIn{}, named(op, s.denied)
	}
	if s.result.Step == StepDone {
		if s.user != nil {
			s.result.Device = v.s.keys.remember(&s.tries, s.user)
		}
		v.s.log.InfoContext(ctx, "signed in", "user", string(s.result.User), "session", string(s.result.Session), "ip", origin.IP.String())
	}
	return s.result, nil
}

// ticketHash is what a ticket is looked up by; empty for what cannot be one (S-091).
func ticketHash(secret string) string {
	if !plausibleToken(secret) {
		return ""
	}
	return hashToken(secret)
}

// Authenticate checks a session's token and returns the actor behind it, with the origin's IP, Agent,
// Request and Device: for the host's middleware, on each request, in one statement. ErrDenied with
// [ReasonSessionEnded]: there is no such session, or no longer, or it is a ticket; on every node, as
// soon as what ended it has committed (S-141), or the person is active nowhere where it could be good (R12.2).
// In which organizations it is, and whether single sign-on was switched off there since, [Service.Access] and the
// doors say.
func (s *Service) Authenticate(ctx context.Context, token string, origin Actor) (Actor, error) {
	const op = "Authenticate"
	hash := ticketHash(token)
	if hash == "" {
		return Actor{}, named(op, denied(ReasonSessionEnded))
	}
	v, err := s.store.Session(ctx, hash)
	if err != nil {
		if err = stored(err); isNotFound(err) {
			err = denied(ReasonSessionEnded)
		}
		return Actor{}, named(op, err)
	}
	now, a := s.now(), v.Session.actor()
	if v.Session.Step != StepDone || !v.Session.Live(now, v.ValidFrom) || !v.Active || !a.after(v.MemberFrom) {
		return Actor{}, named(op, denied(ReasonSessionEnded))
	}
	if now.Sub(v.Session.SeenAt) >= min(time.Minute, v.Session.Idle/10) {
		if err := s.store.Seen(ctx, v.Session.ID, now); err != nil {
			s.log.WarnContext(ctx, "a session's use could not be recorded", "err", err)
		}
	}
	a.IP, a.Agent, a.Request, a.Device = origin.IP, origin.Agent, origin.Request, origin.Device
	return a, nil
}

// ForgotPassword mails a link to set a new password, if there is an account with this address; to who
// signs in by single sign-on only, too, for the day it is needed. It locks nobody out. It answers the same
// whether there is one, after the same work (S-104, S-145): [Service.Dispatch] looks, and mails with its
// next call. At most 3 an hour and 10 a day are mailed to one address, and 20 an hour asked for from one
// IP (C5).
func (v Visitor) ForgotPassword(ctx context.Context, email string) error {
	const op = "Visitor.ForgotPassword"
	origin, err := v.origin.clean()
	if err != nil {
		return named(op, err)
	}
	if p := addressPrefix(origin.IP); p.IsValid() {
		if err := v.s.throttle(ctx, "forgot/prefix/"+p.String(), 20, time.Hour); err != nil {
			return named(op, err)
		}
	}
	a, fe := parseAddressField("email", email)
	if fe != nil {
		return named(op, invalid(*fe))
	}
	sum := sha256.Sum256([]byte(a.Key))
	name := "forgot/address/" + hex.EncodeToString(sum[:16])
	for _, most := range []struct {
		n      int64
		window time.Duration
	}{{3, time.Hour}, {10, day}} {
		err := v.s.throttle(ctx, name+most.window.String(), most.n, most.window)
		if isLimit(err) {
			return nil // as if it had been mailed
		}
		if err != nil {
			return named(op, err)
		}
	}
	_, err = v.s.do(ctx, op, v.origin, ForgotPassword{a.Key})
	return err
}
