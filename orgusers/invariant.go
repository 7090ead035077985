package orgusers

// check holds the promises of the package against a draft, whatever command made it. The commands
// refuse earlier and say why; what stops here is a command that forgot to, so nothing is written
// and the caller sees [ErrDenied] with [ReasonInvariant].
func (d *draft) check() *Error {
	was, now := d.org.was, d.org.now
	if now == nil {
		return nil
	}
	broken := func(what string) *Error {
		return &Error{Kind: ErrDenied, Reason: ReasonInvariant, Err: errInvariant(what)}
	}
	if was != nil && (was.OwnerID == "") != (now.OwnerID == "") {
		return broken("an organization keeps its form: with an owner or without")
	}
	if now.OwnerID == "" {
		if now.Tally.Admins < 1 {
			return broken("an owner-less organization keeps an active administrator (R12.5)")
		}
	} else if e := d.checkOwner(broken); e != nil {
		return e
	}
	t := now.Tally
	if t.Members < 0 || t.Pending < 0 || t.Admins < 0 || t.Stacks < 0 || t.Admins > t.Members {
		return broken("the tally counts what is there")
	}
	if was != nil {
		if e := now.Plan.admit(ErrSeats, ResourceUsers, was.Tally.Seats(), t.Seats()-was.Tally.Seats()); e != nil {
			return broken("no more seats are taken than the plan allows (R9.3)")
		}
	}
	for _, r := range d.members {
		if r.now == nil {
			continue
		}
		if !r.now.Role.Valid() || !r.now.Status.Valid() || (r.now.Status == StatusPending) != (r.now.User == "") {
			return broken("a row has a role, a status, and an account unless pending")
		}
	}
	return nil
}

// checkOwner: the owner is one active administrator on the roster (R1.1, R1.14).
func (d *draft) checkOwner(broken func(string) *Error) *Error {
	now := d.org.now
	r := d.byUser[now.OwnerID]
	moved := d.org.was == nil || d.org.was.OwnerID != now.OwnerID
	if r == nil {
		if moved {
			return broken("a new owner is on the roster")
		}
		return nil // not looked at, so not changed
	}
	if r.now == nil || !r.now.Administers() {
		return broken("the owner is an active member")
	}
	return nil
}

// errInvariant names the promise that a draft would have broken.
type errInvariant string

func (e errInvariant) Error() string { return "invariant: " + string(e) }
