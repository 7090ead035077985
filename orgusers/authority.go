package orgusers

// The kinds of authority. Each command names one; there is no other place where rights are
// checked for a change, and readers of an organization ask the same functions.

// What an actor acts as, in the audit trail.
const (
	actsAsOwner    = "owner"
	actsAsAdmin    = "admin"
	actsAsMember   = "member"
	actsAsOperator = "operator"
	actsAsLink     = "link"
)

// byMember: an active member of an enabled organization, with a live session. Whoever has no row in
// the organization gets the answer of an organization that does not exist (S-024, S-156).
func (d *draft) byMember() *Error {
	if d.org.was == nil || d.self == nil {
		return notFound()
	}
	switch {
	case d.org.was.isOwner(d.self):
		d.role = actsAsOwner
	case d.self.Role == RoleAdmin:
		d.role = actsAsAdmin
	default:
		d.role = actsAsMember
	}
	if u := d.account(d.self); u == nil || !d.actor.SignedInAt.After(u.SessionsValidFrom) {
		return denied(ReasonSessionEnded)
	}
	if d.org.was.Disabled {
		return denied(ReasonOrgDisabled)
	}
	if d.self.Status != StatusActive {
		return denied(ReasonNotJoined)
	}
	return nil
}

// byAdministrator: the owner or an admin (R1.4, R1.6).
func (d *draft) byAdministrator() *Error {
	if err := d.byMember(); err != nil {
		return err
	}
	if !d.self.Administers() {
		return denied(ReasonNotAdministrator)
	}
	return nil
}

// byOwner: the owner alone (R1.5, R4.1).
func (d *draft) byOwner() *Error {
	if err := d.byMember(); err != nil {
		return err
	}
	if !d.org.was.isOwner(d.self) {
		return denied(ReasonNotOwner)
	}
	return nil
}

// byOperator: the vendor's support, through the Operator door, which the host guards.
func (d *draft) byOperator() *Error {
	d.role = actsAsOperator
	if d.org.was == nil && d.action != ActionCreateOrganization {
		return notFound() // no organization is named
	}
	return nil
}

// byLink: whoever holds a mailed link whose MAC was right; the command checks its state. A disabled
// organization takes nobody in (S-030).
func (d *draft) byLink() *Error {
	d.role = actsAsLink
	if d.org.was != nil && d.org.was.Disabled {
		return denied(ReasonOrgDisabled)
	}
	return nil
}
