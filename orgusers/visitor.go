package orgusers

import (
	"context"
	"fmt"
	"time"
)

// Visitor is somebody who is not signed in: who holds a link from a mail, or is signing in. A link
// proves who reads the mailbox, and nothing else: it never starts a session (S-126).
//
// A link that is not ours, or for another purpose, is [ErrExpired] with [ReasonLinkMalformed] and
// nothing is looked up; one that is used, withdrawn, replaced or too old is ErrExpired with its
// reason.
type Visitor struct {
	s      *Service
	origin Actor
}

// Visitor returns the door for a request from outside. Of the origin, IP, Agent and Device are used.
func (s *Service) Visitor(origin Actor) Visitor {
	return Visitor{s, Actor{IP: origin.IP, Agent: origin.Agent, Device: origin.Device}}
}

func (v Visitor) open(p LinkPurpose, token string) (link, error) {
	l, ok := v.s.keys.parseLink(p, token)
	if !ok {
		return link{}, expired(ReasonLinkMalformed)
	}
	return l, nil
}

// InspectInvitation tells what an invitation offers and what accepting it needs. It changes nothing.
func (v Visitor) InspectInvitation(ctx context.Context, token string) (InvitationInfo, error) {
	const op = "Visitor.InspectInvitation"
	l, err := v.open(LinkInvitation, token)
	if err != nil {
		return InvitationInfo{}, named(op, err)
	}
	c := &InspectInvitation{link: l}
	_, err = v.s.preview(ctx, op, v.origin, c)
	return c.info, err
}

// NewAccount is what accepting an invitation needs from a person without an account. It is ignored
// if there is a proved one: an invitation changes nobody's password.
type NewAccount struct {
	Name     Name
	Password string
}

// AcceptInvitation makes the invited person a member. It joins the account with the invited address,
// or makes it. Who is signed in elsewhere goes on here with the same session, unless it is from before
// somebody was removed here last ([Organization.LeftAt]): then it takes a new sign-in (S-015). ErrSeats: the
// plan has shrunk; the invitation stays valid.
func (v Visitor) AcceptInvitation(ctx context.Context, token string, account NewAccount) (Joined, error) {
	const op = "Visitor.AcceptInvitation"
	l, err := v.open(LinkInvitation, token)
	if err != nil {
		return Joined{}, named(op, err)
	}
	c := &AcceptInvitation{link: l, name: account.Name}
	if account.Password != "" {
		if c.password, c.hash, err = v.s.hashPassword(ctx, account.Password); err != nil {
			return Joined{}, named(op, err)
		}
	}
	_, err = v.s.do(ctx, op, v.origin, c)
	return c.joined, err
}

// DeclineInvitation withdraws the invited person; the seat is free again.
func (v Visitor) DeclineInvitation(ctx context.Context, token string) error {
	const op = "Visitor.DeclineInvitation"
	l, err := v.open(LinkInvitation, token)
	if err != nil {
		return named(op, err)
	}
	_, err = v.s.do(ctx, op, v.origin, DeclineInvitation{l})
	return err
}

// InspectOwnership tells what an offer of ownership is about. It changes nothing.
func (v Visitor) InspectOwnership(ctx context.Context, token string) (OwnershipInfo, error) {
	c := &InspectOwnership{}
	err := v.answerOwnership(ctx, "Visitor.InspectOwnership", token, &c.answerOwnership, func(op string) error {
		_, err := v.s.preview(ctx, op, v.origin, c)
		return err
	})
	return c.info, err
}

// AcceptOwnership makes the holder of the link the owner; the old owner becomes a Member (R4.1).
// There must be an account with the address, with its mailbox proved: else ErrDenied with
// [ReasonAccountRequired]; and, of who comes by single sign-on, with a password: else
// [ReasonPasswordRequired]. The link stays valid (Q20).
func (v Visitor) AcceptOwnership(ctx context.Context, token string) error {
	c := &AcceptOwnership{}
	return v.answerOwnership(ctx, "Visitor.AcceptOwnership", token, &c.answerOwnership, func(op string) error {
		_, err := v.s.do(ctx, op, v.origin, c)
		return err
	})
}

// DeclineOwnership turns the offer down.
func (v Visitor) DeclineOwnership(ctx context.Context, token string) error {
	c := &DeclineOwnership{}
	return v.answerOwnership(ctx, "Visitor.DeclineOwnership", token, &c.answerOwnership, func(op string) error {
		_, err := v.s.do(ctx, op, v.origin, c)
		return err
	})
}

// answerOwnership reads to whom the ownership was offered, unless the link says so, so that the command can
// ask for that person's row and account.
func (v Visitor) answerOwnership(ctx context.Context, op, token string, c *answerOwnership, do func(op string) error) error {
	l, err := v.open(LinkOwnership, token)
	if err != nil {
		return named(op, err)
	}
	if c.link = l; !c.named() {
		view, err := v.s.view(ctx, ViewQuery{Org: l.Org})
		if err != nil {
			return named(op, stored(err))
		}
		c.recipient = view.Org.Transfer.To.Key
	}
	return do(op)
}

// ResetPassword sets a new password with a mailed link. The new password must differ from the old
// one. All sessions end, nobody is signed in by it, and a second factor stays in force (S-100). A
// password that is refused does not use up the link (S-105); ten tries do.
//
// It returns the browser's device token, as [SignIn.Device]: who reads the mailbox gets in with the new
// password whatever strangers go on trying (S-149).
func (v Visitor) ResetPassword(ctx context.Context, token, password string) (device string, err error) {
	const op = "Visitor.ResetPassword"
	l, err := v.open(LinkPasswordReset, token)
	if err != nil {
		return "", named(op, err)
	}
	d, err := v.look(ctx, l)
	if err != nil {
		return "", named(op, err)
	}
	u, refusal := d.resetLink(l)
	if refusal != nil {
		return "", named(op, refusal)
	}
	if err := v.s.throttle(ctx, "reset/"+string(l.Operation)+"/"+string(u.ID), 10, day); err != nil {
		return "", named(op, err)
	}
	c := &ResetPassword{link: l, next: newPassword{text: password}}
	if _, err = v.s.do(ctx, op, v.origin, c); err != nil {
		return "", err
	}
	return v.s.keys.device(c.user), nil
}

// ResetMFA switches the second factor off with a mailed link and the current password; either alone
// does nothing (Q15). What is wrong counts as for a sign-in, and while that is locked no password is
// right, save on a known device.
func (v Visitor) ResetMFA(ctx context.Context, token, password string) error {
	const op = "Visitor.ResetMFA"
	l, err := v.open(LinkMFAReset, token)
	if err != nil {
		return named(op, err)
	}
	origin, err := v.origin.clean()
	if err != nil {
		return named(op, err)
	}
	c := &FinishMFAReset{attempt: attempt{tries: newTries(&origin, v.s.now())}, link: l, password: password}
	if _, err := v.s.do(ctx, op, origin, c); err != nil {
		return err
	}
	if c.denied != nil {
		return named(op, c.denied)
	}
	return nil
}

// look reads the account that a link is about.
func (v Visitor) look(ctx context.Context, l link) (*draft, error) {
	view, err := v.s.view(ctx, ViewQuery{Person: PersonQuery{User: UserID(l.Subject)}})
	if err != nil {
		return nil, stored(err)
	}
	return newDraft(&view, v.origin, "", &v.s.policy, v.s.env()), nil
}

// throttle counts one try and refuses with ErrLimit when there were more than most in the current
// window.
func (s *Service) throttle(ctx context.Context, key string, most int64, window time.Duration) error {
	if err := s.alone(); err != nil {
		return err
	}
	begin := s.now().Truncate(window)
	var n []int64
	err := s.insist(ctx, func() (err error) { // on a cluster two nodes that raise one counter disturb each other
		n, err = s.store.Bump(ctx, []Counter{{Key: fmt.Sprintf("%s/%d", key, begin.Unix()), Add: 1, ExpiresAt: begin.Add(window)}})
		return err
	})
	if err != nil {
		return stored(err)
	}
	if n[0] > most {
		return &Error{Kind: ErrLimit, Limit: &LimitError{Resource: ResourceTries, Used: n[0] - 1, Asked: 1, Allowed: most}}
	}
	return nil
}
