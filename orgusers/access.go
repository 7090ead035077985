package orgusers

import (
	"context"
	"slices"
)

// Access is what one person may do in one organization, read at one moment: ask for it on each
// request, then check as often as needed. Checks do no input or output and allocate nothing. Do not
// keep it: it does not notice what changes later.
type Access struct {
	Org    OrgID
	Member MemberID
	User   UserID
	Role   Role
	Owner  bool
	stacks map[StackID][]Permission // sorted; union of all roles on the stack
	owned  []StackID
}

// Access reads what the actor may do in an organization: one statement. It is [ErrNotFound] for
// whoever is not in it, or not any more; and ErrDenied with the reason for who is deactivated, whose session
// was ended, began without what the organization demands (a second factor, single sign-on) or by another's
// identity provider, and while the organization is disabled. After a removal, deactivation or kill has
// committed, the next Access says no, on every node.
func (s *Service) Access(ctx context.Context, actor Actor, org OrgID) (Access, error) {
	a, err := s.access(ctx, actor, org)
	return a, named("Access", err)
}

func (s *Service) access(ctx context.Context, actor Actor, org OrgID) (Access, error) {
	if !wellFormed(actor.User) || !wellFormed(org) {
		return Access{}, notFound()
	}
	v, err := s.store.Access(ctx, actor.User, org)
	if err != nil {
		return Access{}, stored(err)
	}
	actor.SignedInAt, actor.ProvedAt = micro(actor.SignedInAt), micro(actor.ProvedAt)
	if !actor.SignedInAt.After(v.SessionsValidFrom) {
		return Access{}, denied(ReasonSessionEnded)
	}
	o := Organization{ID: org, OwnerID: v.OwnerID, Disabled: v.OrgDisabled, Settings: v.Settings}
	if err := attending(&o, &v.Member, &actor); err != nil {
		return Access{}, err
	}
	if err := fitting(&o, &v.Member, &actor, v.MFA); err != nil {
		return Access{}, err
	}
	a := Access{
		Org: org, Member: v.Member.ID, User: v.Member.User, Role: v.Member.Role,
		Owner: v.OwnerID != "" && v.OwnerID == v.Member.User, owned: v.Owned,
	}
	if len(v.Member.Grants) > 0 {
		a.stacks = make(map[StackID][]Permission, len(v.Member.Grants))
	}
	for _, g := range v.Member.Grants {
		a.stacks[g.Stack] = append(a.stacks[g.Stack], s.permissions(&v, g.Role)...)
	}
	for stack, perms := range a.stacks {
		slices.Sort(perms)
		a.stacks[stack] = slices.Compact(perms)
	}
	return a, nil
}

// permissions returns what a role permits; one that is gone permits nothing (S-045).
func (s *Service) permissions(v *AccessView, id RoleID) []Permission {
	switch id {
	case RoleDeveloper:
		return s.policy.Developer
	case RoleContentManager:
		return s.policy.ContentManager
	}
	for i := range v.Roles {
		if v.Roles[i].ID == id {
			return v.Roles[i].Permissions
		}
	}
	return nil
}

// Administers reports whether the person may use the [Admin] door: the owner or an admin (R1.6).
func (a *Access) Administers() bool { return a.Role == RoleAdmin }

// Stack reports whether the person has anything to do with a stack: owns it, or has a role on it.
// Organization roles give no access to stacks (R1.10).
func (a *Access) Stack(id StackID) bool {
	_, ok := a.stacks[id]
	return ok || slices.Contains(a.owned, id)
}

// Can reports whether the person may do this on a stack. Its owner may do everything (R3.6); else
// the union of the person's roles there counts (R3.2).
func (a *Access) Can(id StackID, p Permission) bool {
	if _, ok := slices.BinarySearch(a.stacks[id], p); ok {
		return true
	}
	return slices.Contains(a.owned, id)
}

// SignedIn records that a person signed in now, for the last-login column and [MemberFilter]. Hosts
// that sign people in themselves call it once per sign-in. It touches no version, so it never stands
// in the way of a change.
func (s *Service) SignedIn(ctx context.Context, user UserID) error {
	if !wellFormed(user) {
		return named("SignedIn", notFound())
	}
	return named("SignedIn", stored(s.store.Touch(ctx, user, s.now())))
}
