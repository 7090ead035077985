package orgusers

import (
	"errors"
	"fmt"
	"strings"
)

// Sentinels to branch on with [errors.Is]. Every error this package returns wraps exactly one of
// them, save those of a context that ended, which are returned as they are.
var (
	// ErrNotFound: no such thing in this organization. A thing of another organization, and an
	// organization one is not in, answer the same as a random id.
	ErrNotFound = errors.New("not found")
	// ErrDenied: the actor may not do this; [Error.Reason] says why.
	ErrDenied = errors.New("denied")
	// ErrInvalid: the input is wrong; [Error.Fields] names every field and why.
	ErrInvalid = errors.New("invalid input")
	// ErrConflict: someone else changed the same thing meanwhile, and trying again did not help.
	// Nothing was written; trying later is safe.
	ErrConflict = errors.New("conflict")
	// ErrExpired: the link is past its lifetime, used, withdrawn or replaced by a newer one.
	ErrExpired = errors.New("link no longer valid")
	// ErrSeats: the plan has no seat left; [Error.Limit] has the numbers.
	ErrSeats = errors.New("no seat left in the plan")
	// ErrLimit: another limit of the plan, or a quota, is reached; [Error.Limit] has the numbers.
	ErrLimit = errors.New("limit reached")
	// ErrGate: the operation is switched off for this organization (R6.3).
	ErrGate = errors.New("operation not available for this organization")
	// ErrReauth: the actor must give a credential anew first ([Account.Prove]); nothing was done.
	ErrReauth = errors.New("fresh proof of identity needed")
	// ErrBusy: too much costly work is under way; trying again shortly is safe.
	ErrBusy = errors.New("busy")
	// ErrRequestReused: the request id was used before with other input.
	ErrRequestReused = errors.New("request id used before with other input")
	// ErrUnknownOutcome: the store lost touch while committing, so the change may or may not have
	// happened. Repeating the call with the same request id is safe.
	ErrUnknownOutcome = errors.New("outcome unknown")
	// ErrWriter: the writer that an export was given failed; what was written is incomplete. The cause
	// is wrapped, and is not part of the text.
	ErrWriter = errors.New("writer failed")
	// ErrStore: the store failed; nothing was changed. The cause is wrapped for the host's log and
	// is not part of the text, because it may name hosts and statements.
	ErrStore = errors.New("store failed")
)

// Error is what every call returns when it fails. Its text is fit to show to the actor: it carries
// no secret, no statement, and nothing of another organization. The cause is reached by Unwrap.
type Error struct {
	Op     string       // the call, "Admin.Invite"; of an operation on one person its [Action]
	Kind   error        // one of the sentinels
	Reason Reason       // why, where there is one reason for the whole call
	Member MemberID     // whom it is about, if it is about one person
	Fields []FieldError // every bad field at once, in the order of the input (ErrInvalid)
	Limit  *LimitError  // the numbers (ErrSeats, ErrLimit)
	Err    error        // the cause, for the host's log
}

// FieldError names one bad field of the input.
type FieldError struct {
	Field   string // path in the input: "emails[3]", "stacks[0].roles[1]", "name"
	Reason  Reason // why, stable
	Message string // one sentence for a person; quotes at most 64 bytes of the input
}

const maxQuote = 64 // bytes of input in FieldError.Message

// LimitError has the numbers of a limit that was reached.
type LimitError struct {
	Resource Resource // what is limited
	Used     int64    // how much of it is in use
	Asked    int64    // how much more was asked for
	Allowed  int64    // the limit
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("orgusers: ")
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	b.WriteString(e.Kind.Error())
	if e.Reason != "" {
		fmt.Fprintf(&b, " (%s)", e.Reason)
	}
	if e.Limit != nil {
		b.WriteString(": ")
		b.WriteString(e.Limit.Error())
	}
	for i, f := range e.Fields {
		if i == 10 {
			fmt.Fprintf(&b, "; and %d more", len(e.Fields)-i)
			break
		}
		sep := ": "
		if i > 0 {
			sep = "; "
		}
		b.WriteString(sep)
		b.WriteString(f.Error())
	}
	return b.String()
}

// Unwrap returns the sentinel and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func (f FieldError) Error() string {
	if f.Message == "" {
		return fmt.Sprintf("%s: %s", f.Field, f.Reason)
	}
	return fmt.Sprintf("%s: %s", f.Field, f.Message)
}

func (l *LimitError) Error() string {
	return fmt.Sprintf("%s: %d in use, %d more asked, %d allowed", l.Resource, l.Used, l.Asked, l.Allowed)
}

// denied, notFound, invalid and expired build the common errors; the door fills in Op.
func denied(r Reason) *Error  { return &Error{Kind: ErrDenied, Reason: r} }
func expired(r Reason) *Error { return &Error{Kind: ErrExpired, Reason: r} }
func notFound() *Error        { return &Error{Kind: ErrNotFound} }

func invalid(fields ...FieldError) *Error { return &Error{Kind: ErrInvalid, Fields: fields} }
