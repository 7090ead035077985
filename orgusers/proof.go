package orgusers

import (
	"context"
	"fmt"
	"unicode/utf8"
)

// prover is a command that first has something checked that deciding, which is pure, cannot do: a
// password against its hash, a code against a sealed secret. prove is called on every fresh view, for who
// may give the command, before anything is decided, so that what was checked is what the commit is guarded
// by. Whatever of it is wrong decide counts or says: between the two nobody may be refused on other grounds,
// or tries would be free (S-112). An error is for what concerns no account.
type prover interface {
	prove(ctx context.Context, s *Service, d *draft) error
}

// passwordCheck is a password held against an account's. Hashing is done once for each stored hash,
// however often a conflict makes the command look again.
type passwordCheck struct {
	done    bool
	against PasswordHash
	right   bool
	length  int          // in code points
	rehash  PasswordHash // what to store instead of an old hash; empty: keep it
}

// check verifies. With nobody to compare with, or a locked account, it takes as long (S-085, S-142).
func (c *passwordCheck) check(ctx context.Context, s *Service, u *User, shut bool, password string) error {
	stored := PasswordHash("")
	if u != nil && !shut {
		stored = u.Password
	}
	switch {
	case c.done && c.against == stored:
		return nil
	case c.done && stored == "": // others have locked it meanwhile: this one has taken its time
		*c = passwordCheck{done: true}
		return nil
	}
	right, old, err := s.hasher.verify(ctx, stored, password)
	if err != nil {
		return err
	}
	normal, _ := normalizePassword(password)
	*c = passwordCheck{done: true, against: stored, right: right && stored != "", length: utf8.RuneCountInString(normal)}
	if c.right && old {
		c.rehash, err = s.hasher.hash(ctx, password)
	}
	return err
}

// codeCheck is a code held against an account's second factor.
type codeCheck struct {
	step     int64  // of the right TOTP code
	recovery bool   // it was a recovery code
	left     string // the recovery codes that are left
	reseal   string // the secret under the newest key, if it was under an older one
	right    bool
}

// check verifies a TOTP code, or a recovery code: whichever it has the form of (S-127).
func (c *codeCheck) check(s *Service, d *draft, u *User, shut bool, code string) error {
	*c = codeCheck{}
	if u == nil || shut || !u.MFA.Enrolled() {
		return nil
	}
	if !sixDigits(code) {
		c.left, c.right = useRecoveryCode(u.ID, u.MFA.Recovery, code)
		c.recovery = c.right
		return nil
	}
	secret, stale, ok := s.keys.openTOTP(u.ID, u.MFA.Secret)
	if !ok {
		return nil
	}
	c.step, c.right = verifyTOTP(secret, code, d.env.Now, u.MFA.LastStep)
	var err error
	if c.right && stale {
		c.reseal, err = s.keys.sealTOTP(s.random, u.ID, secret)
	}
	return err
}

// spend uses the code up, so that it works once (S-107, S-116). The person is told of a recovery code
// used (S-106).
func (c *codeCheck) spend(d *draft, u *User) {
	if c.recovery {
		u.MFA.Recovery = c.left
		d.mail("", u.ID, MailData{Kind: MailRecoveryCodeUsed, To: u.Address.Email, ToName: u.Name.String()})
		d.record(note{user: u.ID, email: u.Address.Email, object: "recovery code", after: fmt.Sprintf("left=%d", u.MFA.RecoveryCodes())})
		return
	}
	u.MFA.LastStep = c.step
	if c.reseal != "" {
		u.MFA.Secret = c.reseal
	}
}
