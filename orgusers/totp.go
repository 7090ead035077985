package orgusers

import (
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// TOTPSecret is the shared secret of a second factor (RFC 6238: SHA-1, 6 digits, 30 seconds, which
// is what every authenticator app can do). It prints as "[redacted]" everywhere (S-129); its bytes
// are reached by []byte(s).
type TOTPSecret []byte

const (
	totpSecretSize    = 20 // bytes: 160 bits, as RFC 4226 recommends
	minTOTPSecretSize = 16 // bytes: the least RFC 4226 allows
	totpPeriod        = 30 // seconds
	totpDigits        = otp.DigitsSix
)

// String returns "[redacted]".
func (TOTPSecret) String() string { return redacted }

// GoString returns "[redacted]".
func (TOTPSecret) GoString() string { return redacted }

// Format prints "[redacted]" whatever the verb.
func (TOTPSecret) Format(s fmt.State, _ rune) { formatRedacted(s) }

// MarshalJSON returns "[redacted]".
func (TOTPSecret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]".
func (TOTPSecret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (TOTPSecret) LogValue() slog.Value { return slog.StringValue(redacted) }

// base32 returns the secret as authenticator apps want it typed in.
func (s TOTPSecret) base32() string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(s)
}

// newTOTPSecret draws a secret.
func newTOTPSecret(rand io.Reader) (TOTPSecret, error) {
	secret := make(TOTPSecret, totpSecretSize)
	if _, err := io.ReadFull(rand, secret); err != nil {
		return nil, fmt.Errorf("totp: random secret: %w", err)
	}
	return secret, nil
}

// verifyTOTP reports whether code is right at the step of now, the one before or the one after, and
// which step it is for. Only a step above lastStep counts: the caller stores the step under the
// account's version guard, and so each code works once (S-107, S-109). code must be six ASCII digits,
// nothing around them; a secret under 16 bytes, most of all an empty one, has no right code. It takes
// the same time for every code of six digits.
func verifyTOTP(secret TOTPSecret, code string, now time.Time, lastStep int64) (step int64, ok bool) {
	current := now.Unix() / totpPeriod
	if len(secret) < minTOTPSecretSize || !sixDigits(code) || current < 1 {
		return 0, false
	}
	text := secret.base32()
	// All three steps are always computed. If two give the same code the later is taken, so that it
	// cannot be used again.
	for s := current - 1; s <= current+1; s++ {
		right, err := hotp.GenerateCodeCustom(text, uint64(s), hotp.ValidateOpts{Digits: totpDigits, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false
		}
		if subtle.ConstantTimeCompare([]byte(right), []byte(code)) == 1 && s > lastStep {
			step, ok = s, true
		}
	}
	return step, ok
}

func sixDigits(code string) bool {
	if len(code) != int(totpDigits) {
		return false
	}
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return false
		}
	}
	return true
}
