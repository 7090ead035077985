package orgusers

import (
	"context"
	"crypto/sha1" //nolint:gosec // G505: what breach corpora are indexed by; it protects nothing here
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Breached looks passwords up in a breach corpus, such as Have I Been Pwned's or a copy of it. It is
// asked once for each new password, never at sign-in.
type Breached interface {
	// Range returns the breached passwords whose SHA-1, as 40 hexadecimal digits, begins with prefix,
	// five upper-case digits: of each the other 35, in any case and order, optionally followed by ":"
	// and how often it was seen. That is the answer of api.pwnedpasswords.com/range, line by line;
	// a count of 0 is padding. So neither the host nor whoever it asks learns which password was meant.
	//
	// It may take 2 seconds; what happens when it fails is [Policy.RefuseUnchecked].
	Range(ctx context.Context, prefix string) ([]string, error)
}

const breachTimeout = 2 * time.Second

// hashPassword checks and hashes a new password, once, before the command is decided and with no
// transaction of ours open. The command checks it again on the view it decides on, which is where the
// person's own minimum and context are known; words are what the door knows of them already.
func (s *Service) hashPassword(ctx context.Context, password string, words ...string) (string, PasswordHash, error) {
	// Nobody may have a shorter one than this.
	clean, fe := checkPassword("password", password, s.policy.minPassword(true), append(words, s.policy.Product)...)
	if fe != nil {
		return "", "", invalid(*fe)
	}
	if err := s.checkBreached(ctx, clean); err != nil {
		return "", "", err
	}
	hash, err := s.hasher.hash(ctx, clean)
	return clean, hash, err
}

// passwordContext is what a password must not simply repeat (S-086): the person's address and name,
// the person's organizations, the product.
func (d *draft) passwordContext(a Address, n Name) []string {
	words := []string{a.Email, string(a.Key), n.First, n.Last, n.String(), d.policy.Product}
	if d.org.now != nil {
		words = append(words, d.org.now.Name)
	}
	if d.person != nil {
		for i := range d.person.Memberships {
			words = append(words, d.person.Memberships[i].OrgName)
		}
	}
	return words
}

// checkBreached refuses a password that is in the breach corpus. A corpus that cannot be reached does
// not keep people from setting a password, unless the policy says so.
func (s *Service) checkBreached(ctx context.Context, password string) error {
	if s.breached == nil {
		return nil
	}
	sum := sha1.Sum([]byte(password)) //nolint:gosec // G401: see the import
	digits := hex.EncodeToString(sum[:])
	prefix, rest := strings.Map(upperHex, digits[:5]), digits[5:]

	var lines []string
	limited, cancel := context.WithTimeout(ctx, breachTimeout)
	defer cancel()
	err := s.port(limited, func(ctx context.Context) (err error) {
		lines, err = s.breached.Range(ctx, prefix)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && s.policy.RefuseUnchecked:
		return &Error{Kind: ErrBusy, Err: fmt.Errorf("breach corpus: %w", err)}
	case err != nil:
		s.log.WarnContext(ctx, "a new password could not be looked up in the breach corpus", "err", err)
		return nil
	}
	for _, line := range lines {
		suffix, count, counted := strings.Cut(strings.TrimSpace(line), ":")
		padding := counted && count != "" && strings.Trim(count, "0") == ""
		if strings.ToLower(suffix) == rest && !padding {
			return invalid(FieldError{"password", ReasonBreached, ReasonBreached.Text()})
		}
	}
	return nil
}

func upperHex(r rune) rune {
	if r >= 'a' && r <= 'f' {
		return r - 'a' + 'A'
	}
	return r
}
