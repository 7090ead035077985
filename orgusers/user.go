package orgusers

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// User is an account, shared by all organizations the person belongs to. Its address never changes
// (R1.11).
type User struct {
	ID      UserID
	Address Address
	Name    Name
	// Verified: the person has shown to read mail at Address. An account nobody has proved is not
	// trusted with what it brought: joining by link drops its password (S-002).
	Verified bool

	Password      PasswordHash // empty: none, signs in by other means
	ResetRequired bool         // the next sign-in must set a new password (R6.6)
	ResetLink     OperationID  // the operation that issued the valid reset link; empty: none
	ResetExpires  time.Time

	MFA            MFA
	MFAResetLink   OperationID // the operation that issued the valid MFA reset link; empty: none
	MFAResetExpire time.Time

	// SessionsValidFrom is the session epoch: a session that started at or before it is over,
	// wherever it is kept.
	SessionsValidFrom time.Time
	LastLogin         time.Time // zero: never
	Failures          int       // credentials given wrong in a row, passwords and codes alike (R7.15)
	LockedUntil       time.Time // too many failed sign-ins (R7.15); zero or past: not locked

	// Orgs counts the memberships, active and inactive. It sits here, under Version, so that "does
	// this account belong to us alone" is answered without looking into other organizations.
	Orgs int

	CreatedAt time.Time
	Version   int64 // rises with every guarded change; the store raises it
}

// Locked reports whether sign-in is locked at this time.
func (u *User) Locked(now time.Time) bool { return now.Before(u.LockedUntil) }

// MFA is a person's second factor. The zero value is: not enrolled.
type MFA struct {
	Secret     string    // sealed TOTP secret; never in the clear in a store
	EnrolledAt time.Time // zero: not enrolled
	LastStep   int64     // the last time step accepted, so that a code works once
	Recovery   string    // hashes of the unused recovery codes, space separated
}

// Enrolled reports whether a second factor is in force.
func (m MFA) Enrolled() bool { return !m.EnrolledAt.IsZero() }

// RecoveryCodes is how many recovery codes are left.
func (m MFA) RecoveryCodes() int { return len(strings.Fields(m.Recovery)) }

// String does not show the secrets.
func (m MFA) String() string {
	if m.Enrolled() {
		return "MFA{enrolled}"
	}
	return "MFA{}"
}

// Format does not show the secrets, whatever the verb.
func (m MFA) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, m.String()) }

// MarshalJSON does not show the secrets; stores use the fields.
func (m MFA) MarshalJSON() ([]byte, error) {
	if m.Enrolled() {
		return []byte(`{"enrolled":true}`), nil
	}
	return []byte(`{"enrolled":false}`), nil
}

// UserPatch is what a decision changed in an account.
type UserPatch struct {
	Name              Opt[Name]
	Verified          Opt[bool]
	Password          Opt[PasswordHash]
	ResetRequired     Opt[bool]
	ResetLink         Opt[OperationID]
	ResetExpires      Opt[time.Time]
	MFA               Opt[MFA]
	MFAResetLink      Opt[OperationID]
	MFAResetExpire    Opt[time.Time]
	SessionsValidFrom Opt[time.Time]
	LastLogin         Opt[time.Time]
	Failures          Opt[int]
	LockedUntil       Opt[time.Time]
	Orgs              Opt[int]
}

// Apply writes the patch into u.
func (p *UserPatch) Apply(u *User) {
	p.Name.apply(&u.Name)
	p.Verified.apply(&u.Verified)
	p.Password.apply(&u.Password)
	p.ResetRequired.apply(&u.ResetRequired)
	p.ResetLink.apply(&u.ResetLink)
	p.ResetExpires.apply(&u.ResetExpires)
	p.MFA.apply(&u.MFA)
	p.MFAResetLink.apply(&u.MFAResetLink)
	p.MFAResetExpire.apply(&u.MFAResetExpire)
	p.SessionsValidFrom.apply(&u.SessionsValidFrom)
	p.LastLogin.apply(&u.LastLogin)
	p.Failures.apply(&u.Failures)
	p.LockedUntil.apply(&u.LockedUntil)
	p.Orgs.apply(&u.Orgs)
}

func diffUser(b, a *User) UserPatch {
	return UserPatch{
		Name:              diff(b.Name, a.Name),
		Verified:          diff(b.Verified, a.Verified),
		Password:          diff(b.Password, a.Password),
		ResetRequired:     diff(b.ResetRequired, a.ResetRequired),
		ResetLink:         diff(b.ResetLink, a.ResetLink),
		ResetExpires:      diff(b.ResetExpires, a.ResetExpires),
		MFA:               diff(b.MFA, a.MFA),
		MFAResetLink:      diff(b.MFAResetLink, a.MFAResetLink),
		MFAResetExpire:    diff(b.MFAResetExpire, a.MFAResetExpire),
		SessionsValidFrom: diff(b.SessionsValidFrom, a.SessionsValidFrom),
		LastLogin:         diff(b.LastLogin, a.LastLogin),
		Failures:          diff(b.Failures, a.Failures),
		LockedUntil:       diff(b.LockedUntil, a.LockedUntil),
		Orgs:              diff(b.Orgs, a.Orgs),
	}
}
