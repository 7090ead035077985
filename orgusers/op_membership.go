package orgusers

import (
	"fmt"
	"slices"
	"strings"
)

// Remove takes people off the roster; for a pending one that cancels the invitation (R2.9). The
// account itself survives, other organizations are untouched (R5.2), all stack roles go (R5.1) and
// are not given back when the person is invited again (R5.4), nor is a session from before (S-015). All
// sessions end if the account belongs to no other organization; else only this one says no, by [Service.Access].
type Remove struct{ noInput }

// SetRole gives the organization role. For a pending person it changes the invitation (Q13). It
// takes effect at once (R1.9).
type SetRole struct {
	noInput
	Role Role
}

// SetStacks replaces the roles people have on the named stacks; stacks not named stay as they are
// (R6.4, Q11). Stack ownership is never touched (Q12).
type SetStacks struct {
	Stacks []StackAccess
}

// Deactivate shuts people out of this organization until [Reactivate]. Seat, role and stack roles
// are kept (Q23). Sessions end at once if the account belongs to this organization alone; otherwise
// those that there are go on elsewhere, and are refused here, also after a [Reactivate] (R12.2, S-073).
type Deactivate struct{ noInput }

// Reactivate lets deactivated people in again, with a sign-in after the [Deactivate]. Sessions from before it stay
// dead here, and so do their IP rules (S-069, R12.2).
type Reactivate struct{ noInput }

// Delete removes people and their accounts for good, and frees their addresses (R12.6). Only
// accounts that belong to this organization alone can be deleted (S-073).
type Delete struct{ noInput }

// noInput answers for operations that have nothing to check; those that have override it.
type noInput struct{}

func (noInput) validate() []FieldError       { return nil }
func (noInput) needs(*ViewQuery)             {}
func (noInput) prepare(*draft) []FieldError  { return nil }
func (noInput) judge(*draft, target) verdict { return allow() }

// Action is [ActionRemove].
func (Remove) Action() Action { return ActionRemove }

func (Remove) needs(q *ViewQuery) { q.Owned = true }

func (Remove) apply(d *draft, t target) change {
	before := describe(t.m)
	d.expel(t.row)
	return change{before: before}
}

// Action is [ActionSetRole].
func (SetRole) Action() Action { return ActionSetRole }

func (o SetRole) validate() []FieldError {
	if !o.Role.Valid() {
		return []FieldError{{Field: "role", Reason: ReasonRole, Message: "must be admin or member; ownership is only transferred"}}
	}
	return nil
}

func (o SetRole) judge(d *draft, t target) verdict {
	switch {
	case t.m.Role == o.Role:
		return unchanged()
	case o.Role != RoleAdmin:
		return d.mayGo(t.m)
	}
	return allow()
}

func (o SetRole) apply(d *draft, t target) change {
	c := change{before: "role=" + string(t.m.Role), after: "role=" + string(o.Role)}
	d.set(t.row, func(m *Member) { m.Role = o.Role })
	return c
}

// Action is [ActionSetStacks].
func (SetStacks) Action() Action { return ActionSetStacks }

func (o SetStacks) validate() []FieldError {
	bad := validateAccess(o.Stacks)
	if len(o.Stacks) == 0 {
		bad = append(bad, FieldError{Field: "stacks", Reason: ReasonRequired, Message: "no stack is named"})
	}
	return bad
}

func (o SetStacks) needs(q *ViewQuery) {
	q.Grants, q.Roles = true, true
	for _, s := range o.Stacks {
		q.Stacks = append(q.Stacks, s.Stack)
	}
}

func (o SetStacks) prepare(d *draft) []FieldError { return d.unknownAccess(o.Stacks) }

func (o SetStacks) judge(_ *draft, t target) verdict {
	if slices.Equal(replaceGrants(t.m.Grants, o.Stacks), t.m.Grants) {
		return unchanged()
	}
	return allow()
}

func (o SetStacks) apply(d *draft, t target) change {
	before := t.m.Grants
	t.m.Grants = replaceGrants(before, o.Stacks)
	return change{before: describeGrants(before), after: describeGrants(t.m.Grants)}
}

// Action is [ActionDeactivate].
func (Deactivate) Action() Action { return ActionDeactivate }

func (Deactivate) judge(_ *draft, t target) verdict {
	if t.m.Status == StatusInactive {
		return unchanged()
	}
	return allow()
}

func (Deactivate) apply(d *draft, t target) change {
	d.lapseTransfer(t.m)
	d.set(t.row, func(m *Member) { m.Status, m.ValidFrom = StatusInactive, d.cutoff(t.u, m.ValidFrom) })
	if t.u.Orgs == 1 {
		d.endSessions(t.m.ID, t.u)
		t.u.ResetLink, t.u.MFAResetLink = "", "" // links mailed before are void (S-090)
	}
	return change{before: "status=active", after: "status=inactive"}
}

// Action is [ActionReactivate].
func (Reactivate) Action() Action { return ActionReactivate }

func (Reactivate) judge(_ *draft, t target) verdict {
	if t.m.Status == StatusActive {
		return unchanged()
	}
	return allow()
}

func (Reactivate) apply(d *draft, t target) change {
	d.set(t.row, func(m *Member) { m.Status = StatusActive })
	return change{before: "status=inactive", after: "status=active"}
}

// Action is [ActionDelete].
func (Delete) Action() Action { return ActionDelete }

func (Delete) needs(q *ViewQuery) { q.Owned = true }

func (Delete) apply(d *draft, t target) change {
	before := describe(t.m)
	d.expel(t.row)
	d.userByID.get(t.u.ID).now = nil
	return change{before: before, after: "account deleted"}
}

// describe is a roster row for the audit trail, with the stack roles where they were read.
func describe(m *Member) string {
	text := fmt.Sprintf("role=%s status=%s", m.Role, m.Status)
	if m.WithoutSSO {
		text += " without_sso=true"
	}
	if m.Subject != "" {
		text += " subject=" + m.Subject
	}
	if len(m.Grants) > 0 {
		text += " stacks=" + describeGrants(m.Grants)
	}
	return cutText(text, 4096)
}

// describeGrants is stack roles for the audit trail: "stack:role,role stack:role".
func describeGrants(grants []Grant) string {
	var b strings.Builder
	last := StackID("")
	for _, g := range grants {
		switch {
		case g.Stack == last:
			b.WriteByte(',')
		case last != "":
			b.WriteByte(' ')
			fallthrough
		default:
			b.WriteString(string(g.Stack))
			b.WriteByte(':')
		}
		last = g.Stack
		b.WriteString(string(g.Role))
	}
	return cutText(b.String(), 4096)
}
