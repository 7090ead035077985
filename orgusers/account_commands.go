package orgusers

import (
	"context"
	"time"
)

// Leave is the command behind [Account.Leave] (R1.13).
type Leave struct{ Org OrgID }

// Action is [ActionLeave].
func (Leave) Action() Action { return ActionLeave }

func (Leave) validate(*Policy) []FieldError { return nil }

func (c Leave) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}, Owned: true}
}

func (Leave) authorize(d *draft) *Error { return d.present() }

func (Leave) decide(d *draft) error {
	switch {
	case d.org.now.isOwner(d.self):
		return denied(ReasonOwnerMustTransfer)
	case d.org.now.idpManaged(d.self):
		return denied(ReasonIdPManaged)
	}
	if v := d.mayGo(d.self); !v.ok() {
		return denied(v.Reason)
	}
	d.record(note{member: d.self, before: describe(d.self)})
	d.expel(d.byID.get(d.self.ID))
	return nil
}

// RenameSelf is the command behind [Account.Rename].
type RenameSelf struct {
	credential
	Name Name
}

// Action is [ActionRenameSelf].
func (*RenameSelf) Action() Action { return ActionRenameSelf }

func (c *RenameSelf) validate(*Policy) []FieldError {
	_, bad := cleanPerson(c.Name, true)
	return bad
}

func (c *RenameSelf) decide(d *draft) error {
	u := d.theUser()
	name, _ := cleanPerson(c.Name, true)
	if u.Name != name {
		d.record(note{user: u.ID, email: u.Address.Email, before: "name=" + u.Name.String(), after: "name=" + name.String()})
		u.Name = name
	}
	return nil
}

// ResetPassword is the command behind [Visitor.ResetPassword].
type ResetPassword struct {
	link link
	next newPassword
	user *User // who has a new one
}

// Action is [ActionResetPassword].
func (*ResetPassword) Action() Action { return ActionResetPassword }

func (*ResetPassword) validate(*Policy) []FieldError { return nil }

func (c *ResetPassword) query(Actor) ViewQuery {
	return ViewQuery{Person: PersonQuery{User: UserID(c.link.Subject)}}
}

func (c *ResetPassword) prove(ctx context.Context, s *Service, d *draft) error {
	u, refusal := d.resetLink(c.link)
	if refusal != nil {
		return nil // decide says so; nothing is hashed for it
	}
	return c.next.prepare(ctx, s, d, u)
}

func (*ResetPassword) authorize(d *draft) *Error { return d.byLink() }

func (c *ResetPassword) decide(d *draft) error {
	u, refusal := d.resetLink(c.link)
	if refusal != nil {
		return refusal
	}
	if err := c.next.set(d, u); err != nil {
		return err // the link stays good (S-105)
	}
	u.Verified, c.user = true, u
	return nil
}

// resetLink checks the state behind a password link: the newest one, in time, unused.
func (d *draft) resetLink(l link) (*User, *Error) {
	return d.accountLink(l, func(u *User) (OperationID, time.Time) { return u.ResetLink, u.ResetExpires })
}

// mfaLink checks the state behind an MFA reset link.
func (d *draft) mfaLink(l link) (*User, *Error) {
	return d.accountLink(l, func(u *User) (OperationID, time.Time) { return u.MFAResetLink, u.MFAResetExpire })
}

// accountLink checks a link about an account against the one that is valid. Of who is active nowhere none
// is (S-090).
func (d *draft) accountLink(l link, valid func(*User) (OperationID, time.Time)) (*User, *Error) {
	u := d.theUser()
	if u == nil || l.Operation == "" || !d.person.anywhere(func(m *Membership) bool { return m.counts("") }) {
		return nil, expired(ReasonLinkReplaced)
	}
	switch current, expires := valid(u); {
	case current != l.Operation:
		return nil, expired(ReasonLinkReplaced)
	case !d.env.Now.Before(expires):
		return nil, expired(ReasonLinkExpired)
	}
	return u, nil
}

// FinishMFAReset is the command behind [Visitor.ResetMFA]. The password is tried as at the door:
// counted with all others against the account, and not looked at while that is locked (S-112).
type FinishMFAReset struct {
	attempt
	link     link
	password string
	checked  passwordCheck
}

// Action is [ActionFinishMFA].
func (*FinishMFAReset) Action() Action { return ActionFinishMFA }

func (*FinishMFAReset) validate(*Policy) []FieldError { return nil }

func (c *FinishMFAReset) query(Actor) ViewQuery {
	return ViewQuery{Person: PersonQuery{User: UserID(c.link.Subject)}, Counters: c.tries.keys()}
}

func (c *FinishMFAReset) prove(ctx context.Context, s *Service, d *draft) error {
	u, refusal := d.mfaLink(c.link)
	if refusal != nil {
		return nil // decide says so; nothing is hashed for it
	}
	if err := c.admit(s, d, u); err != nil {
		return err
	}
	return c.checked.check(ctx, s, u, c.shut, c.password)
}

func (*FinishMFAReset) authorize(d *draft) *Error { return d.byLink() }

func (c *FinishMFAReset) decide(d *draft) error {
	c.denied = nil
	u, refusal := d.mfaLink(c.link)
	if refusal != nil {
		return refusal
	}
	if !c.checked.right {
		c.miss(d, u, wrongPassword())
		return nil
	}
	d.dropMFA("", u)
	d.endSessions("", u) // R7.3
	d.closeRegistry()
	d.record(note{user: u.ID, email: u.Address.Email, before: "mfa=true", after: "mfa=false"})
	return nil
}

// ForgotPassword is the command behind [Visitor.ForgotPassword]. It looks at nothing and does the same for
// everybody, so that neither its answer nor its work tells who exists (S-145): whether there is somebody,
// [MailForgotten] finds out when the outbox comes to it.
type ForgotPassword struct{ key AddressKey }

// Action is [ActionForgotPassword].
func (ForgotPassword) Action() Action { return ActionForgotPassword }

func (ForgotPassword) validate(*Policy) []FieldError { return nil }

func (ForgotPassword) query(Actor) ViewQuery { return ViewQuery{} }

func (ForgotPassword) authorize(d *draft) *Error { return d.byCredential() }

func (c ForgotPassword) decide(d *draft) error {
	e := d.effect(EffectForgotten, "", "")
	e.Mail = MailData{To: string(c.key), IP: d.actor.IP, Agent: d.actor.Agent}
	d.effects = append(d.effects, e)
	return nil
}

// MailForgotten is what the outbox does for a [ForgotPassword].
type MailForgotten struct {
	key   AddressKey
	asked OperationID // the link is that operation's, so that a repetition mails no second one
}

// Action is [ActionForgotPassword].
func (MailForgotten) Action() Action { return ActionForgotPassword }

func (MailForgotten) validate(*Policy) []FieldError { return nil }

func (c MailForgotten) query(Actor) ViewQuery { return ViewQuery{Person: PersonQuery{Key: c.key}} }

func (MailForgotten) authorize(d *draft) *Error { return d.byCredential() }

// decide mails to nobody without an account, inactive everywhere, or in disabled organizations (R7.18). Who
// signs in by single sign-on only may set a password too: it opens nothing until that is left (R2.24,
// R2.30), and without one nobody can take an ownership over.
func (c MailForgotten) decide(d *draft) error {
	u := d.theUser()
	if u == nil || u.ResetLink == c.asked {
		return nil
	}
	if _, _, refusal := d.next(u, &Session{}); refusal != nil {
		return nil
	}
	d.op, d.report.Operation = c.asked, c.asked
	d.mailReset("", u, MailPasswordReset, d.policy.Lifetimes.Forgotten)
	d.record(note{user: u.ID, email: u.Address.Email, after: "reset mailed"})
	return nil
}

// cleanPerson checks both parts of a person's name. The last name may be missing; the first too,
// unless required.
func cleanPerson(n Name, required bool) (Name, []FieldError) {
	var bad []FieldError
	first, fe := cleanName("name.first", n.First, required)
	if fe != nil {
		bad = append(bad, *fe)
	}
	last, fe := cleanName("name.last", n.Last, false)
	if fe != nil {
		bad = append(bad, *fe)
	}
	return Name{First: first, Last: last}, bad
}
