package orgusers

import (
	"context"
	"slices"
)

// ticketed is what the steps of a sign-in after the first share: they are taken with a ticket.
type ticketed struct{ signer }

// withTicket is for the secret that the person holds.
func withTicket(secret string) ticketed { return ticketed{signer{ticket: readTicket(secret)}} }

func (c *ticketed) query(Actor) ViewQuery {
	return ViewQuery{Person: PersonQuery{Token: c.ticket.hash}, Counters: c.tries.keys()}
}

func (*ticketed) validate(*Policy) []FieldError { return nil }

// authorize: a ticket that is not there opens nothing, and nobody is told whether it ever was.
func (c *ticketed) authorize(d *draft) *Error {
	if d.theUser() == nil {
		return expired(ReasonTicket)
	}
	return d.byCredential()
}

// at returns the live ticket, if it is one for this step (S-098, S-102) and good for another try (C5), and
// there still is an organization to get into.
func (c *ticketed) at(d *draft, step Step) (*row[Session], *Error) {
	c.result, c.denied = SignIn{RecoveryCodesLeft: -1}, nil
	i := slices.IndexFunc(d.registry, func(r *row[Session]) bool { return r.was != nil && r.was.Token == c.ticket.hash })
	switch {
	case i < 0, d.registry[i].was.Step != step, d.counters[c.tries.ticket] >= ticketTries,
		!d.registry[i].was.Live(d.env.Now, d.theUser().SessionsValidFrom):
		return nil, expired(ReasonTicket)
	}
	switch next, _, refusal := d.next(d.theUser(), d.registry[i].was); {
	case refusal != nil && refusal.Reason == ReasonOrgDisabled:
		return nil, refusal
	case refusal != nil, next != step:
		return nil, expired(ReasonTicket)
	}
	return d.registry[i], nil
}

// step uses the ticket up and goes on with what is proved by now.
func (c *ticketed) step(d *draft, r *row[Session], proved func(*Session)) error {
	s := *r.was
	s.Step = ""
	proved(&s)
	r.now = nil
	return c.proceed(d, d.theUser(), s)
}

// EnterCode is the command behind [Visitor.EnterCode].
type EnterCode struct {
	ticketed
	code    string
	checked codeCheck
}

// Action is [ActionSignIn].
func (*EnterCode) Action() Action { return ActionSignIn }

func (c *EnterCode) prove(_ context.Context, s *Service, d *draft) error {
	if _, refusal := c.at(d, StepCode); refusal != nil {
		return nil // decide says so; nothing is looked at for it
	}
	u := d.theUser()
	if err := c.admit(s, d, u); err != nil {
		return err
	}
	return c.checked.check(s, d, u, c.shut, c.code)
}

func (c *EnterCode) decide(d *draft) error {
	r, refusal := c.at(d, StepCode)
	if refusal != nil {
		return refusal
	}
	u := d.theUser()
	if !c.checked.right {
		c.wrong(d, u)
		return nil
	}
	c.checked.spend(d, u)
	if c.checked.recovery {
		c.result.RecoveryCodesLeft = u.MFA.RecoveryCodes()
	}
	return c.step(d, r, func(s *Session) { s.MFAAt, s.ProvedAt = d.env.Now, d.env.Now })
}

// ChooseNewPassword is the command behind [Visitor.ChooseNewPassword].
type ChooseNewPassword struct {
	ticketed
	next newPassword
}

// Action is [ActionChangePassword].
func (*ChooseNewPassword) Action() Action { return ActionChangePassword }

func (c *ChooseNewPassword) prove(ctx context.Context, s *Service, d *draft) error {
	if _, refusal := c.at(d, StepPassword); refusal != nil {
		return nil // decide says so; nothing is hashed for it
	}
	return c.next.prepare(ctx, s, d, d.theUser())
}

func (c *ChooseNewPassword) decide(d *draft) error {
	r, refusal := c.at(d, StepPassword)
	if refusal != nil {
		return refusal
	}
	if err := c.next.set(d, d.theUser()); err != nil {
		return err // the ticket stays good (S-105)
	}
	return c.step(d, r, func(s *Session) { s.ProvedAt = d.env.Now })
}

// BeginEnrolment is the command behind [Visitor.BeginEnrolment]: it only looks whether the ticket is
// for that. What is being set up is in the [Enrolment], sealed; nothing is stored.
type BeginEnrolment struct {
	ticketed
	made Enrolment
}

// Action is [ActionEnrolMFA].
func (*BeginEnrolment) Action() Action { return ActionEnrolMFA }

func (c *BeginEnrolment) prove(_ context.Context, s *Service, d *draft) (err error) {
	if u := d.theUser(); u != nil {
		c.made, err = s.offer(u, "ticket "+c.ticket.hash, d.env.Now)
	}
	return err
}

func (c *BeginEnrolment) decide(d *draft) error {
	_, refusal := c.at(d, StepEnrol)
	if refusal != nil {
		return refusal
	}
	return nil
}

// ConfirmEnrolment is the command behind [Visitor.ConfirmEnrolment].
type ConfirmEnrolment struct {
	ticketed
	factor newFactor
}

// Action is [ActionEnrolMFA].
func (*ConfirmEnrolment) Action() Action { return ActionEnrolMFA }

func (c *ConfirmEnrolment) prove(_ context.Context, s *Service, d *draft) error {
	u := d.theUser()
	if u == nil {
		return nil
	}
	return c.factor.prepare(s, d, u, "ticket "+c.ticket.hash)
}

func (c *ConfirmEnrolment) decide(d *draft) error {
	r, refusal := c.at(d, StepEnrol)
	if refusal != nil {
		return refusal
	}
	if err := c.factor.enrol(d, d.theUser()); err != nil {
		return err
	}
	return c.step(d, r, func(s *Session) { s.MFAAt, s.ProvedAt = d.env.Now, d.env.Now })
}
