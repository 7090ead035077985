package orgusers

import (
	"context"
)

// Admin is the Users section of one organization: everything its owner and admins may do. It is a
// small value that remembers only who asks and where; whether the actor may is read anew by every
// call, so an administrator demoted a moment ago cannot finish what was begun.
//
// An actor who is not in the organization gets [ErrNotFound] from every method, exactly as for an
// organization that does not exist; one who is in it but may not, [ErrDenied] with the reason.
type Admin struct {
	s     *Service
	actor Actor
	org   OrgID
}

// Admin returns the door for one actor to one organization.
func (s *Service) Admin(actor Actor, org OrgID) Admin { return Admin{s, actor, org} }

// Invite invites everybody named in the text: see [Invitation] for the input and [Invite] for the
// outcomes. The mails go out with the next [Service.Dispatch]. ErrSeats, ErrLimit, ErrInvalid: then
// nobody was invited.
func (a Admin) Invite(ctx context.Context, inv Invitation) (Report, error) {
	c, err := NewInvite(a.org, inv, a.s.policy.MaxInvited)
	if err != nil {
		return Report{}, named("Admin.Invite", err)
	}
	return a.s.do(ctx, "Admin.Invite", a.actor, c)
}

// PreviewInvite tells what [Admin.Invite] would do now, and does nothing.
func (a Admin) PreviewInvite(ctx context.Context, inv Invitation) (Report, error) {
	c, err := NewInvite(a.org, inv, a.s.policy.MaxInvited)
	if err != nil {
		return Report{}, named("Admin.PreviewInvite", err)
	}
	return a.s.preview(ctx, "Admin.PreviewInvite", a.actor, c)
}

// Apply does an operation to the selected people, at most [Policy.MaxSelected] after removing
// duplicates (R6.1). Each has an outcome in the report; one who is skipped or refused does not stop
// the others (R6.9). The error is for what concerns the whole call; then nothing was done.
func (a Admin) Apply(ctx context.Context, op Operation, members ...MemberID) (Report, error) {
	return a.s.do(ctx, "Admin.Apply", a.actor, Bulk{Org: a.org, Operation: op, Members: members})
}

// Do does an operation to one person. Unlike [Admin.Apply] it returns an error if the person was
// skipped or refused.
func (a Admin) Do(ctx context.Context, op Operation, member MemberID) error {
	rep, err := a.Apply(ctx, op, member)
	if err != nil {
		return err
	}
	return rep.Err()
}

// Preview tells what [Admin.Apply] would report now, and does nothing.
func (a Admin) Preview(ctx context.Context, op Operation, members ...MemberID) (Report, error) {
	return a.s.preview(ctx, "Admin.Preview", a.actor, Bulk{Org: a.org, Operation: op, Members: members})
}

// CreateStack makes a stack that the actor owns. ErrLimit: the plan has no room.
func (a Admin) CreateStack(ctx context.Context, name string) (StackID, error) {
	rep, err := a.s.do(ctx, "Admin.CreateStack", a.actor, CreateStack{a.org, name})
	return StackID(rep.Subject), err
}

// RenameStack renames a stack; its owner may do that too.
func (a Admin) RenameStack(ctx context.Context, id StackID, name string) error {
	_, err := a.s.do(ctx, "Admin.RenameStack", a.actor, RenameStack{a.org, id, name})
	return err
}

// DeleteStack deletes a stack and everybody's roles on it: only its owner and the organization's
// owner may (R3.9).
func (a Admin) DeleteStack(ctx context.Context, id StackID) error {
	_, err := a.s.do(ctx, "Admin.DeleteStack", a.actor, DeleteStack{a.org, id})
	return err
}

// CreateRole makes a custom stack role: a name that is unique in the organization and up to 100
// permissions (R3.5).
func (a Admin) CreateRole(ctx context.Context, name string, permissions ...Permission) (RoleID, error) {
	rep, err := a.s.do(ctx, "Admin.CreateRole", a.actor, SaveRole{Org: a.org, Name: name, Permissions: permissions})
	return RoleID(rep.Subject), err
}

// UpdateRole replaces a custom role's name and permissions; everybody who has it is affected at
// once. Its description stays.
func (a Admin) UpdateRole(ctx context.Context, id RoleID, name string, permissions ...Permission) error {
	if id == "" {
		return named("Admin.UpdateRole", notFound())
	}
	_, err := a.s.do(ctx, "Admin.UpdateRole", a.actor, SaveRole{Org: a.org, Role: id, Name: name, Permissions: permissions})
	return err
}

// DescribeRole says what a custom role is for: up to 320 characters (R3.5), line ends included. It
// changes nothing else; empty takes the description away.
func (a Admin) DescribeRole(ctx context.Context, id RoleID, description string) error {
	_, err := a.s.do(ctx, "Admin.DescribeRole", a.actor, DescribeRole{a.org, id, description})
	return err
}

// DeleteRole deletes a custom role and takes it from everybody.
func (a Admin) DeleteRole(ctx context.Context, id RoleID) error {
	_, err := a.s.do(ctx, "Admin.DeleteRole", a.actor, DeleteRole{a.org, id})
	return err
}

// SetAllowedDomains limits who can be added to these e-mail domains; none: no limit. People already
// there are not touched (R2.11).
func (a Admin) SetAllowedDomains(ctx context.Context, domains ...string) error {
	_, err := a.s.do(ctx, "Admin.SetAllowedDomains", a.actor, SetAllowedDomains{a.org, domains})
	return err
}

// SetSSO says how the organization uses single sign-on. Only the owner may (R1.5); where there is none,
// the administrators, one of whom stays able to come in without it ([SSO.Keeper]). It counts at once: sessions
// that the organization does not accept are no good in it, until it accepts them again. Those by a provider that
// is switched off are over here for good: before the host trusts another one, switch off. Memberships stay as
// they are (R2.20), and so do the roles that a mapping gave.
func (a Admin) SetSSO(ctx context.Context, sso SSO) error {
	_, err := a.s.do(ctx, "Admin.SetSSO", a.actor, SetSSO{a.org, sso})
	return err
}

// SetGroups says what being in a group of the identity provider gives here; none: nobody comes in by a
// group. It counts with [SSO.RoleMapping], from the next sign-in of each person (R2.27). At most 100
// groups, named exactly as the provider does, with 1 to 256 bytes; together at most 1,000 grants. Who
// may is as for SetSSO.
func (a Admin) SetGroups(ctx context.Context, groups ...GroupRole) error {
	_, err := a.s.do(ctx, "Admin.SetGroups", a.actor, SetGroups{a.org, groups})
	return err
}

// SetSecurity says what the organization demands of its people's accounts and sessions (R1.6). An
// administrator without a second factor in this session cannot enforce one.
func (a Admin) SetSecurity(ctx context.Context, security Security) error {
	_, err := a.s.do(ctx, "Admin.SetSecurity", a.actor, SetSecurity{a.org, security})
	return err
}

// OfferOwnership mails an offer of the ownership; it takes effect when accepted, and then the actor
// is a Member (R4.1). Only the owner may. A new offer replaces the one before. ErrInvalid with
// [ReasonPasswordRequired]: this person comes by single sign-on alone, and the owner must get in without it
// (R2.23); [Visitor.ForgotPassword] sets a password.
func (a Admin) OfferOwnership(ctx context.Context, email string) error {
	to, fe := parseAddressField("email", email)
	if fe != nil {
		return named("Admin.OfferOwnership", invalid(*fe))
	}
	_, err := a.s.do(ctx, "Admin.OfferOwnership", a.actor, OfferOwnership{a.org, to})
	return err
}

// ResendOwnership mails the pending offer again, with a new link. ErrNotFound: there is none.
func (a Admin) ResendOwnership(ctx context.Context) error {
	_, err := a.s.do(ctx, "Admin.ResendOwnership", a.actor, ResendOwnership{a.org})
	return err
}

// CancelOwnership withdraws the pending offer. ErrNotFound: there is none.
func (a Admin) CancelOwnership(ctx context.Context) error {
	_, err := a.s.do(ctx, "Admin.CancelOwnership", a.actor, CancelOwnership{a.org})
	return err
}
