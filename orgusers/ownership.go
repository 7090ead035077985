package orgusers

import "time"

// The ownership of an organization moves in one way: the owner offers it to an address, and
// whoever reads mail there accepts. Until then nothing changes (R4.5).

// OfferOwnership is the command behind [Admin.OfferOwnership]. A new offer replaces the one before.
// It counts against the mailbox's quota, so that offering and cancelling floods nobody (S-026).
type OfferOwnership struct {
	Org OrgID
	To  Address
}

// Action is [ActionOfferOwnership].
func (OfferOwnership) Action() Action { return ActionOfferOwnership }

func (c OfferOwnership) validate(*Policy) []FieldError {
	if c.To.IsZero() {
		return []FieldError{{Field: "email", Reason: ReasonRequired, Message: "an address is required"}}
	}
	return nil
}

func (c OfferOwnership) query(a Actor) ViewQuery {
	key := []AddressKey{c.To.Key}
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}, Keys: key, UserKeys: key, mailboxes: []Address{c.To}}
}

func (OfferOwnership) authorize(d *draft) *Error { return d.byOwner() }

func (c OfferOwnership) decide(d *draft) error {
	field, sends := FieldError{Field: "email"}, 0
	t := &d.org.now.Transfer
	switch r := d.byKey.get(c.To.Key); {
	case d.self.Address.Key == c.To.Key:
		field.Reason, field.Message = ReasonSelf, "you own the organization already" // R4.8, S-065
	case !d.org.now.allowsDomain(c.To):
		field.Reason, field.Message = ReasonDomain, "the domain "+c.To.Domain()+" is not allowed here"
	case r != nil && r.now.Status == StatusInactive:
		field.Reason, field.Message = ReasonInactive, "this person is deactivated"
	case r != nil && !d.mayOwn(r, d.account(r.now)): // of strangers nothing is told
		field.Reason, field.Message = ReasonPasswordRequired, ReasonPasswordRequired.Text()
	case t.Pending() && t.To.Key == c.To.Key:
		if v := d.mayMailAgain(t.To, t.SentAt, t.Sends); !v.ok() {
			return denied(v.Reason)
		}
		sends = t.Sends // offering again is resending
	}
	if field.Reason != "" {
		return invalid(field)
	}
	if !d.room(d.policy.mailboxQuota(c.To, d.env.Now), 1) {
		return denied(ReasonResendLimit)
	}
	before := t.To.Email
	*t = Transfer{To: c.To, By: d.self.User, OfferedAt: d.env.Now, Sends: sends}
	d.mailOffer(t)
	d.record(note{email: c.To.Email, before: before, after: c.To.Email})
	return nil
}

// mayOwn: the owner always gets in by own credentials (R2.23), so who comes by an identity provider needs a
// password first. It asks the one question for an offer, its acceptance and [Operator.RestoreOwner]. Where a
// host signs people in itself, without single sign-on, their passwords are not here to be asked for.
func (d *draft) mayOwn(r *row[Member], u *User) bool {
	byProvider := d.org.now.Settings.SSO.Enabled || r != nil && r.now.Subject != ""
	return u == nil || !byProvider || u.Password != ""
}

// mailOffer issues the offer's link, voiding an older one, and counts it against the mailbox's quota (S-026).
func (d *draft) mailOffer(t *Transfer) {
	d.spend(d.policy.mailboxQuota(t.To, d.env.Now), 1)
	t.Link, t.SentAt = d.op, d.env.Now
	t.ExpiresAt = d.env.Now.Add(d.policy.Lifetimes.Ownership)
	t.Sends++
	var to MemberID // so that the link finds the row by itself
	if r := d.byKey.get(t.To.Key); r != nil {
		to = r.now.ID
	}
	d.mail(to, "", MailData{Kind: MailOwnershipOffer, To: t.To.Email, ExpiresAt: t.ExpiresAt})
}

// ResendOwnership is the command behind [Admin.ResendOwnership]. It has the quota of [OfferOwnership].
type ResendOwnership struct{ Org OrgID }

// Action is [ActionResendOwnership].
func (ResendOwnership) Action() Action { return ActionResendOwnership }

func (ResendOwnership) validate(*Policy) []FieldError { return nil }

func (c ResendOwnership) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}}
}

func (ResendOwnership) remails(d *draft) []Address {
	if d.org.was == nil || !d.org.was.Transfer.Pending() {
		return nil
	}
	return []Address{d.org.was.Transfer.To}
}

func (ResendOwnership) authorize(d *draft) *Error { return d.byOwner() }

func (ResendOwnership) decide(d *draft) error {
	t := &d.org.now.Transfer
	if !t.Pending() {
		return notFound()
	}
	if v := d.mayMailAgain(t.To, t.SentAt, t.Sends); !v.ok() {
		return denied(v.Reason)
	}
	d.mailOffer(t)
	d.record(note{email: t.To.Email})
	return nil
}

// CancelOwnership is the command behind [Admin.CancelOwnership].
type CancelOwnership struct{ Org OrgID }

// Action is [ActionCancelOwnership].
func (CancelOwnership) Action() Action { return ActionCancelOwnership }

func (CancelOwnership) validate(*Policy) []FieldError { return nil }

func (c CancelOwnership) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}}
}

func (CancelOwnership) authorize(d *draft) *Error { return d.byOwner() }

func (CancelOwnership) decide(d *draft) error {
	t := &d.org.now.Transfer
	if !t.Pending() {
		return notFound()
	}
	d.record(note{email: t.To.Email, before: t.To.Email})
	*t = Transfer{}
	return nil
}

// OwnershipInfo is what an offer says to whoever opens its link.
type OwnershipInfo struct {
	Org       OrgID
	OrgName   string
	Email     string // to whom it is offered
	OfferedBy string // the owner's address
	ExpiresAt time.Time
}

// answerOwnership is what accepting, declining and inspecting an offer share. The link names the
// recipient's row, which stands as long as the offer does ([draft.lapseTransfer]). If the offer went to
// an address beyond the roster, the link names the organization, and recipient is the address key, which
// [Visitor] reads first, so that the account can be viewed.
type answerOwnership struct {
	link      link
	recipient AddressKey
	info      OwnershipInfo
}

// named reports whether the link names the recipient's row.
func (c *answerOwnership) named() bool { return c.link.Subject != string(c.link.Org) }

func (*answerOwnership) validate(*Policy) []FieldError { return nil }

func (c *answerOwnership) query(Actor) ViewQuery {
	q := ViewQuery{Org: c.link.Org, Owner: true}
	switch {
	case c.named():
		q.Members = []MemberID{MemberID(c.link.Subject)}
	case c.recipient != "": // else there is no offer, which the command says, and has written down
		q.Keys, q.UserKeys = []AddressKey{c.recipient}, []AddressKey{c.recipient}
	}
	return q
}

func (*answerOwnership) authorize(d *draft) *Error { return d.byLink() }

// offer checks the state behind the link: the newest offer, in time, by who still is the owner, to a domain that
// is allowed (R2.11).
func (c *answerOwnership) offer(d *draft) *Error {
	if d.org.now == nil {
		return expired(ReasonLinkMalformed)
	}
	t, recipient := &d.org.now.Transfer, c.recipient
	if r := d.byID.get(MemberID(c.link.Subject)); r != nil {
		recipient = r.now.Address.Key
	}
	switch {
	case !t.Pending(), t.Link != c.link.Operation, t.To.Key != recipient:
		return expired(ReasonLinkReplaced)
	case !d.env.Now.Before(t.ExpiresAt):
		return expired(ReasonLinkExpired)
	case t.By != d.org.now.OwnerID, d.byUser.get(t.By) == nil:
		return expired(ReasonOffererGone)
	case !d.org.now.allowsDomain(t.To):
		return denied(ReasonDomain)
	}
	c.info = OwnershipInfo{
		Org: d.org.now.ID, OrgName: d.org.now.Name, Email: t.To.Email,
		OfferedBy: d.byUser.get(t.By).now.Address.Email, ExpiresAt: t.ExpiresAt,
	}
	return nil
}

// AcceptOwnership is the command behind [Visitor.AcceptOwnership]. Only that makes one, from a link whose seal it
// has checked: to [Decide], any other is of a link that is not good.
type AcceptOwnership struct{ answerOwnership }

// Action is [ActionAcceptOwnership].
func (*AcceptOwnership) Action() Action { return ActionAcceptOwnership }

func (c *AcceptOwnership) decide(d *draft) error {
	if err := c.offer(d); err != nil {
		return err
	}
	t := d.org.now.Transfer
	r, account := d.byKey.get(t.To.Key), d.userByKey.get(t.To.Key)
	switch { // nothing is used up, accept again later
	case account != nil && !d.mayOwn(r, account.now):
		return denied(ReasonPasswordRequired)
	case account == nil || !account.now.Verified:
		return denied(ReasonAccountRequired) // Q20, S-055
	}
	if r != nil && r.now.Status == StatusInactive {
		return expired(ReasonRecipientGone)
	}
	if r == nil || r.now.Status == StatusPending { // becomes member and owner in one step (R4.6)
		if r == nil {
			if err := d.org.now.Plan.admit(ErrSeats, ResourceUsers, d.org.now.Tally.Seats(), 1); err != nil {
				return err
			}
			by := d.byUser.get(t.By).now
			r = d.addMember(Member{
				ID: MemberID(d.env.NewID()), Org: d.org.now.ID, Address: account.now.Address, Role: RoleMember,
				Status: StatusPending, InvitedBy: by.User, InvitedByEmail: by.Address.Email, InvitedAt: t.OfferedAt,
			})
		}
		if err := d.admit(r, account.now); err != nil {
			return err
		}
	}
	d.handOver(r)
	return nil
}

// handOver swaps the owner, all in one: the new one is an administrator, the old one a Member (R4.1,
// R4.2) who keeps stacks and stack roles (Q21).
func (d *draft) handOver(to *row[Member]) {
	from := d.byUser.get(d.org.now.OwnerID)
	d.record(note{member: to.now, before: "owner=" + string(d.org.now.OwnerID), after: "owner=" + string(to.now.User)})
	d.set(to, func(m *Member) { m.Role = RoleAdmin })
	d.org.now.OwnerID = to.now.User
	d.org.now.Transfer = Transfer{}
	if from == nil {
		return // a store that lost the owner's row, which support now mends
	}
	d.set(from, func(m *Member) { m.Role = RoleMember })
	d.record(note{member: from.now, before: "owner", after: "role=member"})
	d.mail(from.now.ID, from.now.User, MailData{
		Kind: MailOwnershipTaken, To: from.now.Address.Email, ToName: from.now.Name.String(), ActorName: to.now.Address.Email,
	})
}

// DeclineOwnership is the command behind [Visitor.DeclineOwnership].
type DeclineOwnership struct{ answerOwnership }

// Action is [ActionDeclineOwnership].
func (*DeclineOwnership) Action() Action { return ActionDeclineOwnership }

func (c *DeclineOwnership) decide(d *draft) error {
	if err := c.offer(d); err != nil {
		return err
	}
	d.record(note{email: d.org.now.Transfer.To.Email})
	d.org.now.Transfer = Transfer{}
	return nil
}

// InspectOwnership is the command behind [Visitor.InspectOwnership]; it changes nothing.
type InspectOwnership struct{ answerOwnership }

// Action is [ActionAcceptOwnership].
func (*InspectOwnership) Action() Action { return ActionAcceptOwnership }

func (c *InspectOwnership) decide(d *draft) error {
	if err := c.offer(d); err != nil {
		return err
	}
	return nil
}
