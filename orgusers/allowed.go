package orgusers

import "context"

// Decision is the answer to "may I do this to this person?".
type Decision struct {
	Allowed bool
	Reason  Reason // why not; ReasonUnchanged with Allowed: it is so already
	Rule    string // the number of the rule that decided
}

// Allowed tells, for a page of people, which operations the actor may do to each of them alone, and
// why not: for drawing menus. It reads once, and asks the host's [Sessions] once, whatever the number
// of people (at most 200). Unknown people are left out. It promises nothing: [Admin.Apply] judges
// again.
//
// SetRole is judged for the other role than the person has, SetStacks and Rename for a change.
func (a Admin) Allowed(ctx context.Context, members ...MemberID) (map[MemberID]map[Action]Decision, error) {
	const op = "Admin.Allowed"
	if len(members) > 200 {
		return nil, named(op, invalid(FieldError{Field: "members", Reason: ReasonTooMany, Message: "at most 200 people"}))
	}
	d, err := a.enter(ctx, ActionListMembers, ViewQuery{Members: members, Grants: true, mails: []MailKind{MailPasswordReset, MailMFAReset}, sessions: true}, (*draft).byAdministrator)
	if err != nil {
		return nil, named(op, err)
	}
	if a.s.sessions != nil { // else people without a session would be offered to be signed out (R6.5)
		users := make([]User, len(d.users))
		for i, r := range d.users {
			users[i] = *r.was
		}
		if d.sessions, err = a.s.activeSessions(ctx, users); err != nil {
			return nil, named(op, err)
		}
	}
	if to := (Bulk{Operation: ResendInvitation{}, Members: members}).remails(d); to != nil {
		if err := a.s.readQuotas(ctx, d, to); err != nil {
			return nil, named(op, err)
		}
	}
	out := make(map[MemberID]map[Action]Decision, len(members))
	for _, id := range members {
		t := d.target(id, true)
		if t.m == nil {
			continue
		}
		row := make(map[Action]Decision, 14)
		for _, operation := range sampleOperations(t.m) {
			row[operation.Action()] = d.decision(operation, t)
		}
		out[id] = row
	}
	return out, nil
}

// Permit explains one decision: whether the actor may do this to this person now, and by which rule.
func (a Admin) Permit(ctx context.Context, operation Operation, member MemberID) (Decision, error) {
	const op = "Admin.Permit"
	rep, err := a.Preview(ctx, operation, member)
	if err != nil {
		return Decision{}, named(op, err)
	}
	o := rep.Outcomes[0]
	return Decision{Allowed: o.Result == Applied, Reason: o.Reason, Rule: o.Rule}, nil
}

func (d *draft) decision(op Operation, t target) Decision {
	if !d.org.was.open(op.Action()) {
		return Decision{Reason: ReasonGate, Rule: "R6.3"}
	}
	v := d.permit(op, t)
	return Decision{Allowed: v.ok(), Reason: v.Reason, Rule: v.Rule}
}

// sampleOperations is one of each operation, such that it would change m.
func sampleOperations(m *Member) []Operation {
	role := RoleAdmin
	if m.Role == RoleAdmin {
		role = RoleMember
	}
	return []Operation{
		Remove{},
		SetRole{Role: role},
		SetStacks{Stacks: []StackAccess{{Stack: "any", Roles: []RoleID{RoleDeveloper}}}},
		Deactivate{},
		Reactivate{},
		Delete{},
		Rename{Name: Name{First: "x"}},
		ForcePasswordReset{},
		ResetMFA{},
		EndSessions{},
		ResendInvitation{},
		Unlock{},
		SetWithoutSSO{Allow: !m.WithoutSSO},
		UnlinkSSO{},
	}
}
