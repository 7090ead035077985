package orgusers

import (
	"context"
	"time"
)

// AcceptInvitation is the command behind [Visitor.AcceptInvitation]. Only that makes one, from a link whose seal
// it has checked: to [Decide], any other is of a link that is not good.
type AcceptInvitation struct {
	link link
	name Name
	// password as typed, normalized, and its hash; both empty: none given.
	password string
	hash     PasswordHash
	joined   Joined // the result
}

// Joined is what accepting an invitation came to.
type Joined struct {
	Org        OrgID
	Member     MemberID
	User       UserID
	NewAccount bool // the account was made now, with the name and password given
}

// InvitationInfo is what an invitation says to whoever opens its link.
type InvitationInfo struct {
	Org       OrgID
	OrgName   string
	Email     string
	Name      Name // as the inviter gave it
	Role      Role
	InvitedBy string // the inviter's address
	Message   string
	ExpiresAt time.Time // zero: never
	// NeedsName and NeedsPassword say what accepting asks for: there is no account with this address
	// yet, or none that can be trusted.
	NeedsName, NeedsPassword bool
}

// Action is [ActionAcceptInvitation].
func (*AcceptInvitation) Action() Action { return ActionAcceptInvitation }

func (*AcceptInvitation) validate(*Policy) []FieldError { return nil }

func (c *AcceptInvitation) query(Actor) ViewQuery { return invitationQuery(c.link) }

func invitationQuery(l link) ViewQuery {
	return ViewQuery{Org: l.Org, Members: []MemberID{MemberID(l.Subject)}, Inviters: true}
}

// prove looks at the other organizations of an account that is about to get its password: they have a
// word on it (C2). The account's version guards what was read.
func (c *AcceptInvitation) prove(ctx context.Context, s *Service, d *draft) error {
	r := d.byID.get(MemberID(c.link.Subject))
	if c.hash == "" || r == nil {
		return nil
	}
	known := d.userByKey.get(r.now.Address.Key)
	if known == nil || known.now.Verified || known.now.Orgs == 0 {
		return nil
	}
	v, err := s.view(ctx, ViewQuery{Person: PersonQuery{User: known.now.ID}})
	if err != nil {
		return err
	}
	d.person = v.Person
	return nil
}

func (*AcceptInvitation) authorize(d *draft) *Error { return d.byLink() }

func (c *AcceptInvitation) decide(d *draft) error {
	c.joined = Joined{} // of a try that lost
	r, refusal := d.invitation(c.link)
	if refusal != nil {
		return refusal
	}
	m := r.now
	u, err := c.account(d, m)
	if err != nil {
		return err
	}
	if err := d.admit(r, u); err != nil {
		return err
	}
	c.joined = Joined{Org: m.Org, Member: m.ID, User: u.ID, NewAccount: c.joined.NewAccount}
	d.record(note{member: m, before: "status=pending", after: describe(m)})
	return nil
}

// admit lets an account in on a row that waits for it: the one way in. The plan may have shrunk since the row was
// given its seat: then who waits goes on waiting (S-028).
func (d *draft) admit(r *row[Member], u *User) error {
	if err := d.org.now.Plan.admit(ErrSeats, ResourceUsers, d.org.now.Tally.Members, 1); err != nil {
		return err
	}
	u.Orgs++
	d.join(r, u)
	return nil
}

// join makes a roster row the account's, active from now on. Sessions that the person has already are good
// here, but for those from before the organization was last left by somebody, who may be this person: no
// old session comes back with a new invitation (S-015).
func (d *draft) join(r *row[Member], u *User) {
	d.set(r, func(m *Member) {
		m.User, m.Status, m.JoinedAt, m.ValidFrom = u.ID, StatusActive, d.env.Now, d.org.now.LeftAt
		m.Link, m.ExpiresAt = "", time.Time{}
		m.Name, m.MFA, m.LastLogin = u.Name, u.MFA.Enrolled(), u.LastLogin
	})
	d.byUser.put(u.ID, r)
}

// invitation checks the state behind a link: pending, the newest one, and what [draft.invited] says.
func (d *draft) invitation(l link) (*row[Member], *Error) {
	r := d.byID.get(MemberID(l.Subject))
	switch {
	case r == nil, r.now.Status != StatusPending, r.now.Link != l.Operation, l.Operation == "":
		return nil, expired(ReasonLinkReplaced)
	}
	if refusal := d.invited(r); refusal != nil {
		return nil, refusal
	}
	return r, nil
}

// invited refuses a pending person whose invitation is over: it must be in time, and its inviter still
// entitled. Invited to a domain since forbidden is refused too: nobody outside the allowed domains is
// added (R2.11).
func (d *draft) invited(r *row[Member]) *Error {
	switch {
	case r.now.Expired(d.env.Now):
		return expired(ReasonLinkExpired)
	case !d.org.now.allowsDomain(r.now.Address):
		return denied(ReasonDomain)
	}
	if by := r.now.InvitedBy; by != "" {
		if inviter := d.byUser.get(by); inviter == nil || !inviter.now.Administers() {
			return expired(ReasonInviterGone)
		}
	}
	return nil
}

// account finds or makes the account that accepts. It is always the one with the invited address,
// whoever presents the link (S-001). An account nobody has proved to own may have been made by
// somebody else in advance: the link proves the mailbox, so the account is kept but everything that
// could let the other one in is dropped (S-002).
func (c *AcceptInvitation) account(d *draft, m *Member) (*User, error) {
	known := d.userByKey.get(m.Address.Key)
	if known != nil && known.now.Verified {
		return known.now, nil
	}
	name, password := d.accountNeeds(m)
	var bad []FieldError
	clean := Name{}
	if name {
		clean, bad = cleanPerson(c.name, true)
	}
	if c.hash != "" || password {
		_, fe := checkPassword("password", c.password, d.minPassword(false), d.passwordContext(m.Address, clean)...)
		if fe != nil {
			bad = append(bad, *fe)
		}
	}
	if bad != nil {
		return nil, invalid(bad...)
	}
	if known == nil {
		u := &User{ID: UserID(d.env.NewID()), Address: m.Address, Name: clean, CreatedAt: d.env.Now}
		known = &row[User]{now: u}
		d.trackUser(known)
		c.joined.NewAccount = true
	}
	u := known.now
	if name {
		u.Name = clean
	}
	if known.was != nil {
		d.distrust(m.ID, u)
	}
	u.Verified, u.Password = true, c.hash
	return u, nil
}

// distrust drops everything that could let somebody else into an account that nobody has proved to own,
// before the person it is meant for gets it (S-002).
func (d *draft) distrust(m MemberID, u *User) {
	u.Password, u.MFA = "", MFA{}
	u.ResetLink, u.MFAResetLink, u.ResetRequired = "", "", false
	u.Failures, u.LockedUntil = 0, time.Time{} // a lock is of the other one's tries
	d.endSessions(m, u)
}

// accountNeeds says what accepting asks for. Who signs in by single sign-on only needs no password.
func (d *draft) accountNeeds(m *Member) (name, password bool) {
	known := d.userByKey.get(m.Address.Key)
	if known != nil && known.now.Verified {
		return false, false
	}
	return known == nil || known.now.Name == Name{}, !d.org.now.ssoOnly(m)
}

// InspectInvitation is the command behind [Visitor.InspectInvitation]. It changes nothing, however
// often a mail scanner opens the link (S-033).
type InspectInvitation struct {
	link link
	info InvitationInfo
}

// Action is [ActionAcceptInvitation].
func (*InspectInvitation) Action() Action { return ActionAcceptInvitation }

func (*InspectInvitation) validate(*Policy) []FieldError { return nil }

func (c *InspectInvitation) query(Actor) ViewQuery { return invitationQuery(c.link) }

func (*InspectInvitation) authorize(d *draft) *Error { return d.byLink() }

func (c *InspectInvitation) decide(d *draft) error {
	r, refusal := d.invitation(c.link)
	if refusal != nil {
		return refusal
	}
	m := r.now
	c.info = InvitationInfo{
		Org: m.Org, OrgName: d.org.now.Name, Email: m.Address.Email, Name: m.Name, Role: m.Role,
		InvitedBy: m.InvitedByEmail, Message: m.Message, ExpiresAt: m.ExpiresAt,
	}
	c.info.NeedsName, c.info.NeedsPassword = d.accountNeeds(m)
	return nil
}

// DeclineInvitation is the command behind [Visitor.DeclineInvitation]: the row goes, the seat is
// free.
type DeclineInvitation struct{ link link }

// Action is [ActionDeclineInvitation].
func (DeclineInvitation) Action() Action { return ActionDeclineInvitation }

func (DeclineInvitation) validate(*Policy) []FieldError { return nil }

func (c DeclineInvitation) query(Actor) ViewQuery { return invitationQuery(c.link) }

func (DeclineInvitation) authorize(d *draft) *Error { return d.byLink() }

func (c DeclineInvitation) decide(d *draft) error {
	r, refusal := d.invitation(c.link)
	if refusal != nil {
		return refusal
	}
	d.record(note{member: r.was, before: describe(r.was)})
	d.expel(r)
	return nil
}
