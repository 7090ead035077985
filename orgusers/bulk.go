package orgusers

import (
	"fmt"
	"slices"
)

// Operation is one of the things an administrator does to people: [Remove], [SetRole], [SetStacks],
// [Deactivate], [Reactivate], [Delete], [Rename], [ForcePasswordReset], [ResetMFA], [EndSessions],
// [ResendInvitation], [Unlock], [SetWithoutSSO], [UnlinkSSO]. Each works on one person and on many through the same engine: a
// single action is a bulk of one.
type Operation interface {
	Action() Action
	// validate lists what is wrong with the operation itself.
	validate() []FieldError
	// needs adds to what must be read.
	needs(q *ViewQuery)
	// prepare checks the operation against the organization, once for all people.
	prepare(d *draft) []FieldError
	// judge holds what is special to this operation, after the rules that all share.
	judge(d *draft, t target) verdict
	// apply does it to one person and returns what changed, for the audit trail.
	apply(d *draft, t target) change
}

// target is one person an operation is aimed at.
type target struct {
	row    *row[Member]
	m      *Member // row.now
	u      *User   // the account; nil while pending
	single bool    // the only one selected
}

// change is what an operation did to one person.
type change struct{ before, after string }

// Bulk is an [Operation] on selected people.
type Bulk struct {
	Org       OrgID
	Operation Operation
	Members   []MemberID
}

// Action names the operation.
func (b Bulk) Action() Action { return b.Operation.Action() }

// selected removes duplicates, keeping the order (R6.12).
func (b Bulk) selected() []MemberID {
	seen := make(map[MemberID]bool, len(b.Members))
	out := make([]MemberID, 0, len(b.Members))
	for _, id := range b.Members {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

func (b Bulk) validate(p *Policy) []FieldError {
	if missing(b.Operation) {
		return []FieldError{{Field: "operation", Reason: ReasonRequired, Message: "an operation is required"}}
	}
	bad := b.Operation.validate()
	switch n := len(b.selected()); {
	case n == 0:
		bad = append(bad, FieldError{Field: "members", Reason: ReasonRequired, Message: "nobody is selected"})
	case n > p.MaxSelected:
		bad = append(bad, FieldError{Field: "members", Reason: ReasonTooMany, Message: fmt.Sprintf("%d people are selected, at most %d can be", n, p.MaxSelected)})
	}
	return bad
}

func (b Bulk) query(a Actor) ViewQuery {
	q := ViewQuery{Org: b.Org, Members: b.selected(), Joined: []UserID{a.User}}
	if !missing(b.Operation) {
		b.Operation.needs(&q)
	}
	return q
}

// remails are whom [ResendInvitation] may mail.
func (b Bulk) remails(d *draft) (to []Address) {
	if b.Action() != ActionResendInvitation {
		return nil
	}
	for _, id := range b.selected() {
		if r := d.byID.get(id); r != nil && r.now.Status == StatusPending {
			to = append(to, r.now.Address)
		}
	}
	return to
}

func (Bulk) authorize(d *draft) *Error { return d.byAdministrator() }

// decide folds the operation over the people in the order selected, each judged against the draft
// as the ones before have left it.
func (b Bulk) decide(d *draft) error {
	if !d.org.was.open(d.action) {
		return &Error{Kind: ErrGate}
	}
	if bad := b.Operation.prepare(d); bad != nil {
		return invalid(bad...)
	}
	ids := b.selected()
	if d.action == ActionUnlock && !d.policy.UnlockSkips {
		return b.allOrNothing(d, ids)
	}
	for _, id := range ids {
		t, v := d.aim(b.Operation, id, len(ids) == 1)
		b.carryOut(d, id, t, v)
	}
	return nil
}

// allOrNothing is for [Unlock]: unless everybody is eligible, nobody is touched (R6.10).
func (b Bulk) allOrNothing(d *draft, ids []MemberID) error {
	verdicts := make([]verdict, len(ids))
	for i, id := range ids {
		_, verdicts[i] = d.aim(b.Operation, id, len(ids) == 1)
	}
	spoiled := slices.ContainsFunc(verdicts, func(v verdict) bool { return !v.ok() })
	for i, id := range ids {
		t := d.target(id, len(ids) == 1)
		v := verdicts[i]
		if spoiled && v.ok() {
			v.Reason, v.Rule = ReasonNotUnlockable, "R6.10"
		}
		if spoiled {
			v.Result = Refused
		}
		b.carryOut(d, id, t, v)
	}
	return nil
}

func (b Bulk) carryOut(d *draft, id MemberID, t target, v verdict) {
	out := Outcome{Member: id, Result: v.Result, Reason: v.Reason, Rule: v.Rule}
	n := note{result: v.Result, reason: v.Reason}
	if t.m != nil {
		m := *t.m // as it is before, because the row may go
		out.Email, n.member = m.Address.Email, &m
	}
	if v.ok() {
		if v.Reason != ReasonUnchanged {
			c := b.Operation.apply(d, t)
			n.before, n.after = c.before, c.after
		}
	} else if t.m == nil {
		n.object = "unknown" // ids in the trail come from rows acted on, never from input (S-208)
	}
	d.report.Outcomes = append(d.report.Outcomes, out)
	if v.Reason != ReasonUnchanged {
		d.record(n)
	}
}

// target finds a person; m is nil if there is nobody with this id here.
func (d *draft) target(id MemberID, single bool) target {
	r := d.byID.get(id)
	if r == nil || r.now == nil {
		return target{single: single}
	}
	return target{row: r, m: r.now, u: d.account(r.now), single: single}
}

// aim finds a person and judges the operation.
func (d *draft) aim(op Operation, id MemberID, single bool) (target, verdict) {
	t := d.target(id, single)
	if t.m == nil {
		return t, verdict{Refused, ReasonNotFound, "R6.12"}
	}
	return t, d.permit(op, t)
}
