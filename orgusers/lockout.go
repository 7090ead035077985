package orgusers

import (
	"fmt"
	"time"
)

// A wrong password or code is counted on the account itself, under its version. So of many tries at
// once each is judged on what the ones before it came to, and no more are ever answered than the
// limit allows (S-114), whichever process, flow or spelling of the address they came by (S-112,
// S-150).

const (
	failureWindow = 15 * time.Minute
	ownTries      = 5 // wrong ones by all known devices of an account in a window, or in all its sessions
	ticketTries   = 5 // wrong ones with one ticket; of all tickets of an account, LockAfter in a window (C5)

	// disabledAfter wrong ones in a row, whoever gave them, the credentials are of no use until they are
	// reset (NIST 3.2.2). The last one is kept for who has tries of their own, so that others alone do not shut
	// them out (S-149).
	disabledAfter = 100
)

// flooded reports whether too many wrong ones came from the sender's address (C5). Who has tries of their
// own is not shut out by others behind the same address.
func (d *draft) flooded(t *attempt) *Error {
	most, used := int64(d.policy.FailuresPerPrefix), d.counters[t.tries.prefix]
	if t.own != "" || !t.tries.sender || most < 0 || used < most {
		return nil
	}
	return &Error{Kind: ErrLimit, Limit: &LimitError{Resource: ResourceTries, Used: used, Asked: 1, Allowed: most}}
}

// mostOwn is how many wrong ones an attempt's own counter may reach.
func (d *draft) mostOwn(t *attempt) int64 {
	if t.own == t.tries.tickets {
		return int64(d.policy.LockAfter)
	}
	return ownTries
}

// shut reports whether a try on this account is not even looked at: it is locked, or the tries of one's
// own are used up.
func (d *draft) shut(u *User, t *attempt) bool {
	if t.own != "" {
		return u.Failures >= disabledAfter || d.counters[t.own] >= d.mostOwn(t)
	}
	return u.Locked(d.env.Now)
}

// missed counts a wrong password or code. u is nil if it is not held against anybody.
func (d *draft) missed(u *User, t *attempt) {
	ends := d.env.Now.Truncate(failureWindow).Add(failureWindow)
	count := func(key string, ends time.Time, most int64) {
		d.count(Counter{Key: key, Add: 1, ExpiresAt: ends, Most: most})
	}
	if t.tries.ticket != "" {
		count(t.tries.ticket, d.env.Now.Add(ticketLife), 0)
	}
	if t.own != "" || !t.tries.sender { // not bounded by it, so not to be held up by it
		count(t.tries.prefix, ends, 0)
	} else {
		count(t.tries.prefix, ends, max(int64(d.policy.FailuresPerPrefix), 0))
	}
	if u == nil {
		return
	}
	if t.own != "" { // bounded by the account's guard
		count(t.own, ends, 0)
	}
	// Who holds a ticket knows the password, and need not be the person.
	d.lock(u, t.own != "" && t.own != t.tries.tickets)
}

// lock counts one more wrong try against the account and locks it if there were too many (R7.15). What
// is got wrong on a known device or in a session locks nothing before the last of the hundred.
func (d *draft) lock(u *User, known bool) {
	u.Failures++
	over := u.Failures - d.policy.LockAfter
	disabled := u.Failures >= disabledAfter-1
	switch {
	case disabled:
		u.LockedUntil = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	case known, over < 0:
		return
	default:
		u.LockedUntil = d.env.Now.Add(min(time.Duration(over+1)*d.policy.LockStep, d.policy.LockMost))
	}
	d.record(note{user: u.ID, email: u.Address.Email, action: ActionLock, result: Refused, reason: ReasonCredentials, after: fmt.Sprintf("failures=%d locked_until=%s", u.Failures, u.LockedUntil.Format(time.RFC3339))})
	// Not one for each, since somebody else decides how many there are (S-026), and none to who has no password (R7.7).
	if u.Password != "" && (disabled || over%10 == 0) {
		d.mail("", u.ID, MailData{Kind: MailSignInLocked, To: u.Address.Email, ToName: u.Name.String(), ExpiresAt: u.LockedUntil})
	}
}

// unlocked begins the count anew for who has given what is right. A lock that others have caused stays
// in force against them.
func (d *draft) unlocked(u *User) {
	u.Failures = 0
	if !u.Locked(d.env.Now) {
		u.LockedUntil = time.Time{}
	}
}
