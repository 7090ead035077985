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
	deviceTries   = 5 // wrong ones by a known device in a window
	ticketTries   = 5 // wrong ones with one ticket (C5)

	// disabledAfter wrong ones in a row, whoever gave them, the credentials are of no use until they are
	// reset (NIST 3.2.2). The last one is kept for known devices, so that others alone do not shut them
	// out (S-149).
	disabledAfter = 100
)

// flooded reports whether too many wrong ones came from the sender's address (C5). A known device has
// tries of its own, so that nobody behind the same address shuts it out.
func (d *draft) flooded(t tries, known bool) *Error {
	most, used := int64(d.policy.FailuresPerPrefix), d.counters[t.prefix]
	if known || t.prefix == "" || most < 0 || used < most {
		return nil
	}
	return &Error{Kind: ErrLimit, Limit: &LimitError{Resource: ResourceTries, Used: used, Asked: 1, Allowed: most}}
}

// shut reports whether a try on this account is not even looked at: it is locked, or the known device
// has used up its own tries.
func (d *draft) shut(u *User, t tries, known bool) bool {
	if known {
		return u.Failures >= disabledAfter || d.counters[t.device] >= deviceTries
	}
	return u.Locked(d.env.Now)
}

// missed counts a wrong password or code. u is nil if it is not held against anybody.
func (d *draft) missed(u *User, t tries, known bool) {
	ends := d.env.Now.Truncate(failureWindow).Add(failureWindow)
	if t.ticket != "" {
		d.counted = append(d.counted, Counter{Key: t.ticket, Add: 1, ExpiresAt: d.env.Now.Add(ticketLife)})
	}
	switch {
	case t.prefix == "":
	case known: // not bounded by it, so not to be held up by it
		d.counted = append(d.counted, Counter{Key: t.prefix, Add: 1, ExpiresAt: ends})
	default:
		d.counted = append(d.counted, Counter{Key: t.prefix, Add: 1, ExpiresAt: ends, Most: max(int64(d.policy.FailuresPerPrefix), 0)})
	}
	if u == nil {
		return
	}
	if known {
		d.counted = append(d.counted, Counter{Key: t.device, Add: 1, ExpiresAt: ends, Most: deviceTries})
	}
	d.lock(u, known)
}

// lock counts one more wrong try against the account and locks it if there were too many (R7.15). What
// a known device gets wrong locks nothing before the last of the hundred.
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
	if disabled || over%10 == 0 { // not one for each: somebody else decides how many there are (S-026)
		d.mail("", u.ID, MailData{Kind: MailSignInLocked, To: u.Address.Email, ToName: u.Name.String(), ExpiresAt: u.LockedUntil})
	}
}

// unlocked begins the count anew for who has given what is right. A lock that others have caused stays
// in force against them when the person gets in by a known device.
func (d *draft) unlocked(u *User, known bool) {
	u.Failures = 0
	if !known || !u.Locked(d.env.Now) {
		u.LockedUntil = time.Time{}
	}
}
