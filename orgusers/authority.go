package orgusers

import "slices"

// The kinds of authority. Each command names one; there is no other place where rights are
// checked for a change, and readers of an organization ask the same functions.

// What an actor acts as, in the audit trail.
const (
	actsAsOwner    = "owner"
	actsAsAdmin    = "admin"
	actsAsMember   = "member"
	actsAsOperator = "operator"
	actsAsLink     = "link"
	actsAsVisitor  = "visitor"  // somebody who is signing in
	actsAsProvider = "provider" // an identity provider, by the host's word
)

// byMember: an active member of an enabled organization, with a live session of the kind that the
// organization demands. Whoever has no row in the organization gets the answer of an organization that
// does not exist (S-024, S-156).
func (d *draft) byMember() *Error {
	if err := d.present(); err != nil {
		return err
	}
	u := d.account(d.self)
	return fitting(d.org.was, d.self, &d.actor, u.MFA.Enrolled())
}

// fitting reports whether a session is of the kind that an organization demands: of its own single
// sign-on, where the person must use that (R2.24), and with a second factor, where it is enforced
// (R7.8, S-052). A session of another organization's single sign-on is good there alone.
func fitting(o *Organization, m *Member, a *Actor, enrolled bool) *Error {
	switch {
	case a.SSO != "" && a.SSO != o.ID:
		return denied(ReasonSSOElsewhere)
	case a.SSO != "" && !o.Settings.SSO.Enabled:
		return denied(ReasonSSOOff) // the organization takes this provider's word no longer
	case a.SSO != "" && !a.SignedInAt.After(o.Settings.SSO.ValidFrom):
		return denied(ReasonSessionEnded) // nor that of a provider before
	case a.SSO != "":
		return nil // the provider vouches, for the second factor too
	case o.ssoOnly(m):
		return denied(ReasonSSORequired)
	case o.Settings.Security.RequireMFA && (a.MFAAt.IsZero() || !enrolled):
		return denied(ReasonMFARequired)
	}
	return nil
}

// present: an active member of an enabled organization, with a live session of whatever kind: enough
// for leaving it.
func (d *draft) present() *Error {
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
	return attending(d.org.was, d.self, &d.actor)
}

// attending: an active member of an enabled organization, in a session that is good there.
func attending(o *Organization, m *Member, a *Actor) *Error {
	switch {
	case a.SSO != "" && a.SSO != o.ID:
		return denied(ReasonSSOElsewhere)
	case o.Disabled:
		return denied(ReasonOrgDisabled)
	case m.Status != StatusActive:
		return denied(ReasonNotJoined)
	case !a.after(m.ValidFrom):
		return denied(ReasonSessionEnded) // it is from before a deactivation (S-069), or a removal (S-015)
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

// proved reports whether the actor has given a credential within [Policy.ProofAge].
func (d *draft) proved() bool {
	return !d.env.Now.After(d.actor.provedAt().Add(d.policy.ProofAge))
}

// steppedUp demands a fresh proof for what the policy names (S-063). Support acts with rights of its
// own, a mailed link is a proof itself, and signing in is giving one.
func (d *draft) steppedUp() *Error {
	switch d.role {
	case actsAsOperator, actsAsLink, actsAsVisitor, actsAsProvider:
		return nil
	}
	if d.dry || !slices.Contains(d.policy.StepUp, d.action) || d.proved() {
		return nil
	}
	return &Error{Kind: ErrReauth}
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

// byProvider: an organization's own identity provider, whose word the host has verified. What it is
// refused goes to the organization's trail, under the address it named.
func (d *draft) byProvider(who Address) *Error {
	d.role, d.named = actsAsProvider, who.Email
	switch {
	case d.org.was == nil:
		return notFound() // no organization is named
	case d.org.was.Disabled:
		return denied(ReasonOrgDisabled)
	case !d.org.was.Settings.SSO.Enabled:
		return denied(ReasonSSOOff)
	}
	return nil
}
