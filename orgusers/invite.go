package orgusers

import (
	"errors"
	"fmt"
	"time"
)

// Invitation is what [Admin.Invite] sends: the same roles for everybody named (R2.1).
type Invitation struct {
	// To is a list of addresses as people paste it: separated by commas, semicolons, tabs or new
	// lines, with or without names ("Jane Doe <jane@x.io>", "Doe, Jane <jane@x.io>", mailto:). See
	// [ParseAddressList].
	To string
	// Role is RoleAdmin or RoleMember (R1.3); empty: RoleMember.
	Role Role
	// Stacks are stack roles that begin with the membership (R2.3, R2.7).
	Stacks []StackAccess
	// Message goes into the mail: up to 1,000 characters.
	Message string
	// WithoutSSO lets these people use own credentials under single sign-on (R2.21).
	WithoutSSO bool
	// AllOrNothing refuses the whole call with ErrInvalid if one address cannot be invited (Q5).
	// Otherwise each address has its own outcome.
	AllOrNothing bool
}

// Invite is the command behind [Admin.Invite].
//
// Each address gets an outcome: Applied, and the person is now pending; Applied with
// [ReasonRenewed], was pending already and got the new roles and a new link (Q4), as by [ResendInvitation],
// [SetRole], [SetWithoutSSO] and [SetStacks], under the rules and gates of those it needs; Skipped with
// [ReasonAlreadyMember] or [ReasonCooldown], nothing changed; Refused with the reason. If the plan has fewer
// free seats than new people, nobody is invited ([ErrSeats], Q5).
type Invite struct {
	Org OrgID
	Invitation

	to      []Recipient // To, parsed
	message string      // Message, cleaned
}

// NewInvite parses and checks an invitation of up to maxAddresses.
func NewInvite(org OrgID, inv Invitation, maxAddresses int) (*Invite, error) {
	c := &Invite{Org: org, Invitation: inv}
	if c.Role == "" {
		c.Role = RoleMember
	}
	var bad []FieldError
	to, err := ParseAddressList(inv.To, maxAddresses)
	var e *Error
	switch {
	case errors.As(err, &e):
		bad = append(bad, e.Fields...)
	case err != nil:
		return nil, err
	case len(to) == 0:
		bad = append(bad, FieldError{Field: "to", Reason: ReasonRequired, Message: "nobody is named"})
	}
	c.to = to
	if !c.Role.Valid() {
		bad = append(bad, FieldError{Field: "role", Reason: ReasonRole, Message: "must be admin or member; ownership is only transferred"})
	}
	message, fe := cleanText("message", inv.Message, 1000)
	if fe != nil {
		bad = append(bad, *fe)
	}
	c.message = message
	if bad = append(bad, validateAccess(inv.Stacks)...); bad != nil {
		return nil, invalid(bad...)
	}
	return c, nil
}

// Action is [ActionInvite].
func (*Invite) Action() Action { return ActionInvite }

func (c *Invite) validate(*Policy) []FieldError { return nil } // NewInvite did

func (c *Invite) query(a Actor) ViewQuery {
	q := ViewQuery{Org: c.Org, Joined: []UserID{a.User}, sender: a.User, Roles: len(c.Stacks) > 0, Grants: len(c.Stacks) > 0}
	q.Keys, q.mailboxes = make([]AddressKey, 0, len(c.to)), make([]Address, 0, len(c.to))
	for i := range c.to {
		if r := &c.to[i]; r.Reason == "" { // each once
			q.Keys, q.mailboxes = append(q.Keys, r.Address.Key), append(q.mailboxes, r.Address)
		}
	}
	for _, s := range c.Stacks {
		q.Stacks = append(q.Stacks, s.Stack)
	}
	return q
}

func (*Invite) authorize(d *draft) *Error { return d.byAdministrator() }

func (c *Invite) decide(d *draft) error {
	if !d.org.was.open(d.action) {
		return &Error{Kind: ErrGate}
	}
	if bad := d.unknownAccess(c.Stacks); bad != nil {
		return invalid(bad...)
	}
	verdicts := make([]verdict, len(c.to))
	mailed := make(map[string]int64, len(c.to)) // in this call, by mailbox
	mails, fresh := int64(0), int64(0)
	var bad []FieldError
	for i := range c.to {
		r := &c.to[i]
		box := d.policy.mailboxQuota(r.Address, d.env.Now)
		verdicts[i] = c.judge(d, r, d.room(box, mailed[box.key]+1))
		switch v := verdicts[i]; {
		case v.Result == Refused:
			bad = append(bad, FieldError{Field: fmt.Sprintf("to[%d]", i), Reason: v.Reason, Message: fmt.Sprintf("line %d: %q %s", r.Line, cutText(r.Input, maxQuote), v.Reason.Text())})
		case v.ok():
			mails++
			mailed[box.key]++
			if v.Reason == "" {
				fresh++
			}
		}
	}
	if c.AllOrNothing && bad != nil {
		return invalid(bad...)
	}
	if err := d.org.was.Plan.admit(ErrSeats, ResourceUsers, d.org.was.Tally.Seats(), fresh); err != nil {
		return err
	}
	for _, q := range d.senderQuotas() {
		if mails > 0 && !d.room(q, mails) { // all or nobody
			return &Error{Kind: ErrLimit, Limit: &LimitError{Resource: ResourceInvitations, Used: d.counters[q.key], Asked: mails, Allowed: int64(q.most)}}
		}
	}
	for i := range c.to {
		c.carryOut(d, &c.to[i], verdicts[i])
	}
	return nil
}

// judge decides on one address; room is whether its mailbox's quota has any.
func (c *Invite) judge(d *draft, r *Recipient, room bool) verdict {
	switch {
	case r.Reason == ReasonDuplicate:
		return verdict{Skipped, ReasonDuplicate, "R6.12"}
	case r.Reason != "":
		return verdict{Refused, r.Reason, "C9"}
	case !d.org.was.allowsDomain(r.Address):
		return verdict{Refused, ReasonDomain, "R2.11"}
	}
	if known := d.byKey.get(r.Address.Key); known != nil {
		if known.now.Status != StatusPending {
			return skip(ReasonAlreadyMember, "Q3")
		}
		if v := c.renew(d, known); !v.ok() {
			return v
		}
		if !room {
			return skip(ReasonResendLimit, "C5")
		}
		return verdict{Applied, ReasonRenewed, "Q4"}
	}
	if !room {
		return verdict{Refused, ReasonResendLimit, "C5"}
	}
	return allow()
}

// renew judges what inviting a pending person again comes to: a new mail, and a change of whatever is not so
// already. Each has the rules and the gate that it has by itself.
func (c *Invite) renew(d *draft, r *row[Member]) verdict {
	t := target{row: r, m: r.now}
	for _, op := range []Operation{renewal{}, SetRole{Role: c.Role}, SetWithoutSSO{Allow: c.WithoutSSO}, SetStacks{Stacks: c.Stacks}} {
		if op.judge(d, t) == unchanged() {
			continue
		}
		if !d.org.was.open(op.Action()) {
			return verdict{Refused, ReasonGate, "R6.3"}
		}
		if v := d.permit(op, t); !v.ok() {
			return v
		}
	}
	return allow()
}

func (c *Invite) carryOut(d *draft, r *Recipient, v verdict) {
	out := Outcome{Email: r.Address.Email, Line: r.Line, Detail: r.Message, Result: v.Result, Reason: v.Reason, Rule: v.Rule}
	if r.Address.IsZero() {
		out.Input = cutText(r.Input, 256)
	}
	n := note{email: r.Address.Email, result: v.Result, reason: v.Reason}
	row := d.byKey.get(r.Address.Key)
	switch {
	case v.ok() && row == nil:
		row = d.addMember(Member{
			ID: MemberID(d.env.NewID()), Org: d.org.now.ID, Address: r.Address, Status: StatusPending,
			Role: c.Role, Name: r.Name, WithoutSSO: c.WithoutSSO, Message: c.message,
			Grants: replaceGrants(nil, c.Stacks),
		})
		d.issueInvitation(row.now)
		d.mailInvitation(row.now)
		n.after = describe(row.now)
	case v.ok():
		n.before = describe(row.now)
		d.set(row, func(m *Member) {
			m.Role, m.WithoutSSO, m.Message = c.Role, c.WithoutSSO, c.message
			if len(c.Stacks) > 0 {
				m.Grants = replaceGrants(m.Grants, c.Stacks)
			}
			d.issueInvitation(m)
		})
		d.mailInvitation(row.now)
		n.after = describe(row.now)
	}
	if row != nil {
		n.member = row.now
		if row.was != nil || !d.dry { // the id of a row that a preview makes up is nobody's
			out.Member = row.now.ID
		}
	}
	d.report.Outcomes = append(d.report.Outcomes, out)
	d.record(n)
}

// issueInvitation gives a pending person a new link, voiding the older, in the actor's name.
func (d *draft) issueInvitation(m *Member) {
	m.Link, m.SentAt, m.InvitedAt = d.op, d.env.Now, d.env.Now
	m.Sends++
	m.InvitedBy, m.InvitedByEmail = d.self.User, d.self.Address.Email
	m.ExpiresAt = d.env.Now.Add(d.policy.Lifetimes.Invitation)
	if d.policy.InvitationsNeverExpire {
		m.ExpiresAt = time.Time{}
	}
}

// mailInvitation mails the link and counts it against the quotas (S-026).
func (d *draft) mailInvitation(m *Member) {
	d.spend(d.policy.mailboxQuota(m.Address, d.env.Now), 1)
	for _, q := range d.senderQuotas() {
		d.spend(q, 1)
	}
	d.mail(m.ID, "", MailData{
		Kind: MailInvitation, To: m.Address.Email, ToName: m.Name.String(),
		Role: m.Role, Message: m.Message, ExpiresAt: m.ExpiresAt,
	})
}
