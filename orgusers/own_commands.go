package orgusers

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// own is what the commands on one's own sign-in share.
type own struct {
	attempt
	user    UserID
	token   token     // of the session, if the command gives it a new one
	renewed Renewed   // the session that goes on
	account row[User] // with renewed: the account before and after
}

// Renewed is the session with which a person goes on after a change that ended it, or proved who it is.
// A host that keeps sessions of its own begins a new one, with these times.
type Renewed struct {
	// Token is the new secret of a session of the registry: the one before is dead (S-133). Empty: the
	// session is the host's own.
	Token      string
	SignedInAt time.Time
	MFAAt      time.Time
	ProvedAt   time.Time
	// Device takes the place of the device token that the browser has shown ([SignIn.Device]), if that one
	// has become void by what was done.
	Device string
}

// Format leaves out the secrets, whatever the verb (S-129).
func (r Renewed) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "Renewed{%s}", r.SignedInAt.Format(time.RFC3339))
}

// MarshalJSON leaves out what Format does: the host hands Token on by name.
func (r Renewed) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"signed_in_at":%q}`, r.SignedInAt.Format(time.RFC3339)), nil
}

func (c *own) begin(s *Service, a *Actor, now time.Time) (err error) {
	c.user, c.tries = a.User, newTries(a, now)
	c.tries.signedIn(a.User, now) // or authorize refuses
	c.token, err = newToken(s.random)
	return err
}

func (*own) validate(*Policy) []FieldError { return nil }

func (c *own) query(Actor) ViewQuery {
	return ViewQuery{Person: PersonQuery{User: c.user}}
}

// authorize: the person, in a live session. Who is active nowhere, by several organizations' hands, has
// none (R12.2), as there is no sign-in (R2.13), and is let in again with a new one only (S-069).
func (c *own) authorize(d *draft) *Error {
	u := d.theUser()
	if u == nil || u.ID != d.actor.User {
		return notFound()
	}
	d.role = actsAsMember
	if !d.actor.SignedInAt.After(u.SessionsValidFrom) || !d.person.attends(&d.actor) {
		return denied(ReasonSessionEnded)
	}
	return nil
}

// credential is what the commands on one's own credentials share: an identity provider's word is not
// enough for those, since it vouches in one organization only.
type credential struct{ own }

func (c *credential) authorize(d *draft) *Error {
	if err := c.own.authorize(d); err != nil {
		return err
	}
	if d.actor.SSO != "" {
		return denied(ReasonSSOSession)
	}
	return nil
}

// tried is what the commands share by which one's own credential is tried: what was tried before counts (C5).
type tried struct{ credential }

func (c *tried) query(a Actor) ViewQuery {
	q := c.credential.query(a)
	q.Counters = c.tries.keys()
	return q
}

// wrongPassword and wrongCode are the answers to who is known already.
func wrongPassword() *Error {
	return invalid(FieldError{Field: "password", Reason: ReasonWrongPassword, Message: ReasonWrongPassword.Text()})
}

func wrongCode() *Error {
	return invalid(FieldError{Field: "code", Reason: ReasonWrongCode, Message: ReasonWrongCode.Text()})
}

// current is the actor's session in the registry; nil: the host keeps the sessions.
func (d *draft) current() *row[Session] {
	i := slices.IndexFunc(d.registry, func(r *row[Session]) bool {
		return r.was != nil && r.was.Step == StepDone && r.was.ID == SessionID(d.actor.Session)
	})
	if i < 0 {
		return nil
	}
	return d.registry[i]
}

// renew lets the actor's session go on under a new token, past an epoch of this moment.
func (c *own) renew(d *draft, u *User, proved func(*Session)) {
	s := Session{CreatedAt: d.actor.SignedInAt, MFAAt: d.actor.MFAAt, ProvedAt: d.actor.provedAt()} // beginning anew is no proof
	r := d.current()
	if r != nil {
		s = *r.was
		r.now = nil
	}
	before := s.ProvedAt // by a clock that may run ahead
	proved(&s)
	s.ProvedAt = later(s.ProvedAt, before)
	if !s.CreatedAt.After(u.SessionsValidFrom) {
		s.CreatedAt = u.SessionsValidFrom.Add(time.Microsecond)
	}
	c.renewed = Renewed{SignedInAt: s.CreatedAt, MFAAt: s.MFAAt, ProvedAt: s.ProvedAt}
	if r != nil {
		s.Token, s.SeenAt = c.token.hash, d.env.Now
		c.renewed.Token = c.token.secret
		d.registry = append(d.registry, &row[Session]{now: &s})
	}
	c.account = *d.userByID.get(u.ID)
}

// Prove is the command behind [Account.Prove].
type Prove struct {
	tried
	password, code string
	word           passwordCheck
	factor         codeCheck
}

// Action is [ActionProve].
func (*Prove) Action() Action { return ActionProve }

func (c *Prove) prove(ctx context.Context, s *Service, d *draft) error {
	u := d.theUser()
	if u == nil {
		return nil
	}
	if err := c.admit(s, d, u); err != nil {
		return err
	}
	if u.MFA.Enrolled() {
		return c.factor.check(s, d, u, c.shut, c.code)
	}
	return c.word.check(ctx, s, u, c.shut, c.password)
}

func (c *Prove) decide(d *draft) error {
	c.denied, c.renewed = nil, Renewed{}
	u := d.theUser()
	if u.MFA.Enrolled() {
		if !c.factor.right {
			c.miss(d, u, wrongCode())
			return nil
		}
		c.factor.spend(d, u)
	} else if !c.word.right {
		c.miss(d, u, wrongPassword())
		return nil
	}
	d.unlocked(u)
	c.renew(d, u, func(s *Session) {
		s.ProvedAt = d.env.Now
		if u.MFA.Enrolled() {
			s.MFAAt = d.env.Now
		}
	})
	return nil
}

// ChangePassword is the command behind [Account.ChangePassword].
type ChangePassword struct {
	tried
	password string // the current one
	word     passwordCheck
	next     newPassword
}

// Action is [ActionChangePassword].
func (*ChangePassword) Action() Action { return ActionChangePassword }

// authorize: beside a second factor the password alone would be less than what [Prove] asks for (C2).
func (c *ChangePassword) authorize(d *draft) *Error {
	if err := c.credential.authorize(d); err != nil || !d.theUser().MFA.Enrolled() {
		return err
	}
	return d.freshly()
}

func (c *ChangePassword) prove(ctx context.Context, s *Service, d *draft) error {
	u := d.theUser()
	if u == nil {
		return nil
	}
	if err := c.admit(s, d, u); err != nil {
		return err
	}
	if err := c.word.check(ctx, s, u, c.shut, c.password); err != nil || !c.word.right {
		return err
	}
	return c.next.prepare(ctx, s, d, u)
}

func (c *ChangePassword) decide(d *draft) error {
	c.denied, c.renewed = nil, Renewed{}
	u := d.theUser()
	if !c.word.right {
		c.miss(d, u, wrongPassword())
		return nil
	}
	if err := c.next.set(d, u); err != nil {
		return err
	}
	c.renew(d, u, func(s *Session) {
		if !u.MFA.Enrolled() {
			s.ProvedAt = d.env.Now
		}
	})
	return nil
}

// ownFactor is what the commands on one's own second factor share.
type ownFactor struct{ credential }

func (c *ownFactor) authorize(d *draft) *Error {
	if err := c.credential.authorize(d); err != nil {
		return err
	}
	return d.freshly()
}

// freshly demands a fresh proof, whatever the policy says: for changing one's own second factor
// (S-124), or the password beside it.
func (d *draft) freshly() *Error {
	if d.proved() {
		return nil
	}
	return &Error{Kind: ErrReauth}
}

// EnrolOwn is the command behind [Account.BeginMFA]; it changes nothing.
type EnrolOwn struct {
	ownFactor
	made Enrolment
}

// Action is [ActionEnrolMFA].
func (*EnrolOwn) Action() Action { return ActionEnrolMFA }

func (c *EnrolOwn) prove(_ context.Context, s *Service, d *draft) (err error) {
	if u := d.theUser(); u != nil {
		c.made, err = s.offer(u, enrolmentSession(d), d.env.Now)
	}
	return err
}

// enrolmentSession names the actor's session: only there can an enrolment be confirmed (S-124).
func enrolmentSession(d *draft) string {
	return fmt.Sprintf("session %s %d", d.actor.Session, d.actor.SignedInAt.UnixMicro())
}

func (*EnrolOwn) decide(*draft) error { return nil }

// ConfirmOwn is the command behind [Account.ConfirmMFA].
type ConfirmOwn struct {
	ownFactor
	factor newFactor
}

// Action is [ActionEnrolMFA].
func (*ConfirmOwn) Action() Action { return ActionEnrolMFA }

func (c *ConfirmOwn) prove(_ context.Context, s *Service, d *draft) error {
	u := d.theUser()
	if u == nil {
		return nil
	}
	return c.factor.prepare(s, d, u, enrolmentSession(d))
}

func (c *ConfirmOwn) decide(d *draft) error {
	c.denied, c.renewed = nil, Renewed{}
	u := d.theUser()
	if err := c.factor.enrol(d, u); err != nil {
		return err
	}
	c.renew(d, u, func(s *Session) { s.MFAAt, s.ProvedAt = d.env.Now, d.env.Now })
	return nil
}

// RenewRecoveryCodes is the command behind [Account.NewRecoveryCodes].
type RenewRecoveryCodes struct {
	ownFactor
	codes    []RecoveryCode
	recovery string
}

// Action is [ActionRecoveryCodes].
func (*RenewRecoveryCodes) Action() Action { return ActionRecoveryCodes }

func (c *RenewRecoveryCodes) prove(_ context.Context, s *Service, d *draft) (err error) {
	c.codes, c.recovery, err = newRecoveryCodes(s.random, c.user)
	return err
}

func (c *RenewRecoveryCodes) decide(d *draft) error {
	u := d.theUser()
	if !u.MFA.Enrolled() {
		return denied(ReasonNoMFA)
	}
	if d.actor.MFAAt.IsZero() { // online delivery in a session with a second factor only (NIST 3.1.2.1)
		return denied(ReasonMFARequired)
	}
	u.MFA.Recovery = c.recovery // the old set is dead with it (S-118)
	d.mail("", u.ID, MailData{Kind: MailRecoveryCodesNew, To: u.Address.Email, ToName: u.Name.String()})
	d.record(note{user: u.ID, email: u.Address.Email, object: "recovery codes", after: "new set"})
	return nil
}

// EndOwnSessions is the command behind [Account.SignOut], [Account.EndSession] and
// [Account.EndOtherSessions].
type EndOwnSessions struct {
	own
	session SessionID // this one; empty: all but the actor's
}

// Action is [ActionEndSession].
func (*EndOwnSessions) Action() Action { return ActionEndSession }

func (c *EndOwnSessions) decide(d *draft) error {
	c.renewed = Renewed{}
	u := d.theUser()
	if c.session == "" {
		return c.endOthers(d, u)
	}
	for _, r := range d.registry {
		if r.was.ID == c.session && d.seen(r.was) {
			r.now = nil
			d.record(note{user: u.ID, email: u.Address.Email, object: string(c.session), after: "session ended"})
			return nil
		}
	}
	return notFound() // another person's answers the same (S-135)
}

// endOthers ends all but the actor's session by the epoch, or, for who came by an identity provider,
// those that came from there too: it does not vouch for the others. Where the host keeps the sessions, only
// the host knows which those are.
func (c *EndOwnSessions) endOthers(d *draft, u *User) error {
	current := d.current()
	if current == nil && d.actor.SSO != "" {
		return denied(ReasonHostSession)
	}
	for _, r := range d.registry {
		if r != current && (d.actor.SSO == "" || r.was.SSO == d.actor.SSO) {
			r.now = nil
		}
	}
	if d.actor.SSO == "" {
		d.endSessions("", u)
	}
	c.renew(d, u, func(*Session) {})
	d.record(note{user: u.ID, email: u.Address.Email, after: "other sessions ended"})
	return nil
}

// seen reports whether a session is live and one that the actor may know of: one's own, and for who came
// by an identity provider those from there.
func (d *draft) seen(s *Session) bool {
	return s.Step == StepDone && s.Live(d.env.Now, d.theUser().SessionsValidFrom) && (d.actor.SSO == "" || s.SSO == d.actor.SSO)
}
