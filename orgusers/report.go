package orgusers

import "fmt"

// Result says how a call ended for one person.
type Result string

const (
	Applied Result = "applied" // done, or already so ([ReasonUnchanged])
	Skipped Result = "skipped" // left out by a rule; the others went on (R6.9)
	Refused Result = "refused" // not possible as asked; the others went on
)

// Report is what a call did, person by person, in the order they were named.
type Report struct {
	Operation OperationID
	Action    Action
	Outcomes  []Outcome
	Subject   string // the id of what was made (a stack, a role), if anything
	Replayed  bool   // this request id was answered before; nothing was done now
}

// Outcome is how a call ended for one person.
type Outcome struct {
	Member MemberID // empty if there is none (an address that could not be invited, or is not yet in a preview)
	Email  string
	Line   int    // for invitations: the line of the pasted text, from 1
	Input  string // for invitations: the piece of text, when no address was found in it
	Detail string // for invitations: what exactly is wrong with the piece of text, for a person
	Result Result
	Reason Reason // stable; [Reason.Text] has words. Empty: done
	Rule   string // the number of the rule that decided, "R6.5"
}

// Count returns how many outcomes have this result.
func (r *Report) Count(result Result) int {
	n := 0
	for i := range r.Outcomes {
		if r.Outcomes[i].Result == result {
			n++
		}
	}
	return n
}

// Err is nil if everything named was applied. Otherwise it is the first outcome that was not, as an
// [*Error]: of kind [ErrNotFound] for an unknown person, [ErrDenied] else.
func (r *Report) Err() error {
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		if o.Result == Applied {
			continue
		}
		e := denied(o.Reason)
		if o.Reason == ReasonNotFound {
			e = notFound()
		}
		e.Op, e.Member = string(r.Action), o.Member
		return e
	}
	return nil
}

// String is one line for a log: "member.remove: 8 applied, 2 skipped, 0 refused".
func (r *Report) String() string {
	return fmt.Sprintf("%s: %d applied, %d skipped, %d refused", r.Action, r.Count(Applied), r.Count(Skipped), r.Count(Refused))
}
