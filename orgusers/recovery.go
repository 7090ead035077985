package orgusers

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
)

// RecoveryCode stands in for a TOTP code once, when the device is lost (C7): 125 random bits as 25
// characters in five groups, "7K2QM-…". It is shown to the person in the moment it is made, by
// string(c), and never again: stores hold its hash. In every other way it prints as "[redacted]"
// (S-129).
type RecoveryCode string

// String returns "[redacted]".
func (RecoveryCode) String() string { return redacted }

// GoString returns "[redacted]".
func (RecoveryCode) GoString() string { return redacted }

// Format prints "[redacted]" whatever the verb.
func (RecoveryCode) Format(s fmt.State, _ rune) { formatRedacted(s) }

// MarshalJSON returns "[redacted]".
func (RecoveryCode) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]".
func (RecoveryCode) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (RecoveryCode) LogValue() slog.Value { return slog.StringValue(redacted) }

const (
	recoveryCodes     = 10 // a set
	recoveryCharacter = 25 // of five bits each, dashes not counted
	recoveryGroup     = 5  // characters between dashes
	maxRecoveryInput  = 200

	// crockford is Crockford's base32: no I, L, O, U, so that nothing read aloud or from paper is
	// taken for something else.
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// newRecoveryCodes draws a set of ten codes and returns it with the text for [MFA.Recovery]. The text
// replaces the old one as a whole, so that no code of an older set outlives it (S-118).
func newRecoveryCodes(rand io.Reader, user UserID) (codes []RecoveryCode, recovery string, err error) {
	random := make([]byte, recoveryCodes*recoveryCharacter)
	if _, err := io.ReadFull(rand, random); err != nil {
		return nil, "", fmt.Errorf("recovery codes: random characters: %w", err)
	}
	hashes := make([]string, recoveryCodes)
	for i := range recoveryCodes {
		var shown, canonical strings.Builder
		for j, b := range random[i*recoveryCharacter:][:recoveryCharacter] {
			if j > 0 && j%recoveryGroup == 0 {
				shown.WriteByte('-')
			}
			c := crockford[b%byte(len(crockford))] // 32 divides 256: every character is as likely
			shown.WriteByte(c)
			canonical.WriteByte(c)
		}
		codes = append(codes, RecoveryCode(shown.String()))
		hashes[i] = recoveryHash(user, canonical.String())
	}
	return codes, strings.Join(hashes, " "), nil
}

// useRecoveryCode reports whether code is one of those left in recovery for this account, and returns
// the text without it: the caller stores it under the account's version guard, and so each code works
// once (S-116). Where ok is false, rest is what was given. Every hash is compared in constant time,
// and another person's code has another hash (S-117).
func useRecoveryCode(user UserID, recovery, code string) (rest string, ok bool) {
	canonical, valid := canonicalRecoveryCode(code)
	if !valid {
		return recovery, false
	}
	want := []byte(recoveryHash(user, canonical))
	var left []string
	for _, hash := range strings.Fields(recovery) {
		if subtle.ConstantTimeCompare(want, []byte(hash)) == 1 {
			ok = true
		} else {
			left = append(left, hash)
		}
	}
	if !ok {
		return recovery, false
	}
	return strings.Join(left, " "), true
}

// recoveryHash is what a store holds of a code. Of 125 random bits a plain hash gives nothing away
// (NIST SP 800-63B-4 3.1.2.2), and it is bound to the account.
func recoveryHash(user UserID, canonical string) string {
	sum := sha256.Sum256([]byte("recovery\x00" + string(user) + "\x00" + canonical))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// canonicalRecoveryCode returns the 25 characters meant: case, spaces and dashes of any kind do not
// count, O is 0, I and L are 1.
func canonicalRecoveryCode(code string) (string, bool) {
	if len(code) > maxRecoveryInput {
		return "", false
	}
	var b strings.Builder
	for _, r := range code {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Dash, r):
			continue
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		}
		switch r {
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if !strings.ContainsRune(crockford, r) {
			return "", false
		}
		b.WriteRune(r)
	}
	return b.String(), b.Len() == recoveryCharacter
}
