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
		if e := d.checkKeeper(broken); e != nil {
			return e
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
	if !d.administers(now.OwnerID, d.org.was == nil || d.org.was.OwnerID != now.OwnerID) {
		return broken("the owner is an active member")
	}
	return nil
}

// checkKeeper: single sign-on is not switched on in an owner-less organization without naming who gets in
// when it fails, and that is one active administrator on the roster ([SSO.Keeper]).
func (d *draft) checkKeeper(broken func(string) *Error) *Error {
	var was SSO
	if d.org.was != nil {
		was = d.org.was.Settings.SSO
	}
	now := d.org.now.Settings.SSO
	switch {
	case !now.Enabled:
	case now.Keeper == "" && was.Enabled && was.Keeper == "": // from before there was one
	case now.Keeper == "", !d.administers(now.Keeper, was.Keeper != now.Keeper):
		return broken("an administrator of an owner-less organization gets in without single sign-on (R2.23)")
	}
	return nil
}

// administers reports whether somebody who must be an active administrator is one, as far as the draft can
// have changed that: who was not looked at was not changed, unless new.
func (d *draft) administers(u UserID, anew bool) bool {
	r := d.byUser.get(u)
	if r == nil {
		return !anew
	}
	return r.now != nil && r.now.Administers()
}

// errInvariant names the promise that a draft would have broken.
type errInvariant string

func (e errInvariant) Error() string { return "invariant: " + string(e) }
