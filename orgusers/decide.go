package orgusers

import (
	"reflect"
	"time"
)

// Command is one thing to decide: a [Bulk], an [Invite], a [CreateStack] and so on. The set is
// closed, because every command states here, in one place each, what is wrong with its input, what
// it must look at, who may give it, and what it does; [Decide] runs all four in that order, so no
// path leads around a check.
type Command interface {
	// Action names the command.
	Action() Action
	// validate lists everything wrong with the input that can be seen without looking anything up.
	validate(p *Policy) []FieldError
	// query is what must be read to decide.
	query(a Actor) ViewQuery
	// authorize says whether the actor may give the command at all, and sets draft.role.
	authorize(d *draft) *Error
	// decide does it to the draft.
	decide(d *draft) error
}

// Query returns what a command given now needs to look at, for callers of [Decide]. To whom something is mailed
// again only the rows tell: the quotas of these mailboxes are not in it, and a [Store] refuses a commit past them.
func Query(a Actor, c Command, now time.Time) ViewQuery {
	if missing(c) {
		return ViewQuery{} // Decide says so
	}
	q := c.query(a)
	if q.Org != "" {
		q.Request = a.Request
	}
	return q.at(now)
}

// Decide is the whole of the rules: from what was read ([Query]), who asks, what is asked, the
// host's policy and the time, to what must be written and what to report. It does no input or
// output and keeps nothing, so that a preview is a Decide that nobody commits. Entries in
// Changes.Audit are not sealed yet. Commands that a mailed link, a password or a code stands behind are made by
// the [Visitor] and [Account] doors alone, which prove it.
//
// Changes is the zero value if nothing is to be written. Errors are [*Error], as [Service] returns
// them.
func Decide(v View, a Actor, c Command, p Policy, e Env) (Changes, Report, error) {
	if bad := p.fill(); bad != nil {
		return Changes{}, Report{}, invalid(bad...)
	}
	if missing(c) || e.NewID == nil {
		return Changes{}, Report{}, invalid(FieldError{Field: "command", Reason: ReasonRequired, Message: "a command and an Env are required"})
	}
	a, err := a.clean()
	if err != nil {
		return Changes{}, Report{}, err
	}
	if bad := c.validate(&p); bad != nil {
		return Changes{}, Report{}, invalid(bad...)
	}
	if c.query(a).Org != v.Org.ID { // authorized in one organization, acting in another (S-047)
		return Changes{}, Report{}, notFound()
	}
	d := newDraft(&v, a, c.Action(), &p, e)
	if err := d.run(c); err != nil {
		return Changes{}, Report{}, err
	}
	changes, wrote := d.changes()
	if !wrote {
		return Changes{}, d.report, nil
	}
	return changes, d.report, nil
}

// missing reports whether an interface holds nothing to ask: nil, or a nil pointer (S-236).
func missing(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}

// run decides a validated command on the draft.
func (d *draft) run(c Command) error {
	if err := c.authorize(d); err != nil {
		return err
	}
	if err := d.steppedUp(); err != nil {
		return err
	}
	return d.conclude(c)
}

// conclude decides for who may give the command.
func (d *draft) conclude(c Command) error {
	if err := c.decide(d); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	return nil
}
