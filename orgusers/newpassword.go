package orgusers

import (
	"context"
	"time"
)

// newPassword is a password to be set: for an account that has one, and to be different from it.
type newPassword struct {
	text string
	bad  *FieldError
	same passwordCheck
	hash PasswordHash
}

// prepare finds out whether the password may be set, and hashes it, once, however often a conflict makes the
// command look again. Every way to a new password of an existing account goes through it.
func (n *newPassword) prepare(ctx context.Context, s *Service, d *draft, u *User) error {
	n.bad = nil
	if _, n.bad = checkPassword("password", n.text, d.minPassword(u.MFA.Enrolled()), d.passwordContext(u.Address, u.Name)...); n.bad != nil {
		return nil
	}
	if u.Password != "" {
		if err := n.same.check(ctx, s, u, false, n.text); err != nil {
			return err
		}
		if n.same.right {
			n.bad = &FieldError{Field: "password", Reason: ReasonSamePassword, Message: ReasonSamePassword.Text()}
			return nil
		}
	}
	if n.hash != "" {
		return nil
	}
	var err error
	_, n.hash, err = s.hashPassword(ctx, n.text)
	return err
}

// set makes it the account's password: every link mailed before is void (C3), a lock is lifted, and all
// sessions end (R7.3); whoever may go on gets a new one.
func (n *newPassword) set(d *draft, u *User) *Error {
	if n.bad != nil {
		return invalid(*n.bad)
	}
	u.Password, u.ResetRequired = n.hash, false
	u.ResetLink, u.MFAResetLink = "", ""
	u.ResetExpires, u.MFAResetExpire = time.Time{}, time.Time{}
	u.Failures, u.LockedUntil = 0, time.Time{}
	d.endSessions("", u)
	d.closeRegistry()
	d.mail("", u.ID, MailData{Kind: MailPasswordChanged, To: u.Address.Email, ToName: u.Name.String()})
	d.record(note{user: u.ID, email: u.Address.Email, after: "password set"})
	return nil
}

// minPassword is the least length of a new password: 8 for who cannot sign in without a second factor,
// and what the strictest of the person's organizations asks for, the one that is joined by it included
// (R7.6, C2).
func (d *draft) minPassword(enrolled bool) int {
	enforced := false
	var asked []int
	if d.org.now != nil {
		asked = append(asked, d.org.now.Settings.Security.MinPassword)
	}
	if d.person != nil {
		for i := range d.person.Memberships {
			m := &d.person.Memberships[i]
			demands := &m.Settings.Security
			enforced = enforced || demands.RequireMFA && m.takes("") // to who signs in by a provider nothing is enforced here
			asked = append(asked, demands.MinPassword)
		}
	}
	return d.policy.minPassword(enforced && enrolled, asked...)
}

// closeRegistry takes all of the person's sessions out of the registry. The epoch has ended them; this
// keeps the list of devices true.
func (d *draft) closeRegistry() {
	for _, r := range d.registry {
		r.now = nil
	}
}
