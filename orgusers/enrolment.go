package orgusers

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
)

// Enrolment is a new second factor as its owner's authenticator app wants it: by QR code, by link, or
// typed in. It holds the secret: it goes to that person and nowhere else, and prints as "[redacted]"
// (S-129). Nothing is in force, and nothing stored, until a code confirms it (S-124).
type Enrolment struct {
	uri, text, token string
	expires          time.Time
}

const (
	maxTOTPIssuer = 60  // code points, so that the QR code stays small enough to scan
	qrSize        = 512 // pixels: at least two for each module of the largest QR code there is
	qrMargin      = 64  // pixels of white around it: the four modules that scanners look for
)

// newEnrolment returns how a secret is to be shown. issuer is what the app shows above the code,
// account the person's address; neither may be empty.
//
// The URI is put together here because pquerna/otp leaves ":" and "&" in names as they are, so that
// an organization called "A&secret=…" could bring its own secret.
func newEnrolment(secret TOTPSecret, issuer, account string) (Enrolment, error) {
	if issuer == "" || account == "" {
		return Enrolment{}, errors.New("totp: issuer and account are needed")
	}
	if r := []rune(issuer); len(r) > maxTOTPIssuer {
		issuer = string(r[:maxTOTPIssuer])
	}
	issuer, account = escapeOTPAuth(issuer), escapeOTPAuth(account)
	text := secret.base32()
	return Enrolment{text: text, uri: fmt.Sprintf("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d",
		issuer, account, text, issuer, totpDigits, totpPeriod)}, nil
}

// escapeOTPAuth escapes everything but letters, digits and "-_.~". Spaces become %20, since some
// apps show a plus as a plus.
func escapeOTPAuth(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// URI is the otpauth link, for a device that has the app itself.
func (e Enrolment) URI() string { return e.uri }

// Text is the secret for typing in: 32 characters of base32.
func (e Enrolment) Text() string { return e.text }

// Token is to be given back with the first code. It is sealed, and good in the session that began it
// alone, as long as the account's second factor is what it was then.
func (e Enrolment) Token() string { return e.token }

// ExpiresAt is until when it can be confirmed: ten minutes.
func (e Enrolment) ExpiresAt() time.Time { return e.expires }

// QR draws the link as a PNG image of 640 by 640 pixels, black on white.
func (e Enrolment) QR() ([]byte, error) {
	key, err := otp.NewKeyFromURL(e.uri)
	if err != nil || e.uri == "" {
		return nil, errors.New("totp: no enrolment to draw") // the cause would quote it
	}
	code, err := key.Image(qrSize, qrSize)
	if err != nil {
		return nil, fmt.Errorf("totp: drawing the QR code: %w", err)
	}
	const side = qrSize + 2*qrMargin
	page := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	draw.Draw(page, image.Rect(qrMargin, qrMargin, side-qrMargin, side-qrMargin), code, code.Bounds().Min, draw.Src)
	var out bytes.Buffer
	if err := png.Encode(&out, page); err != nil {
		return nil, fmt.Errorf("totp: writing the QR code: %w", err)
	}
	return out.Bytes(), nil
}

// String returns "[redacted]".
func (Enrolment) String() string { return redacted }

// GoString returns "[redacted]".
func (Enrolment) GoString() string { return redacted }

// Format prints "[redacted]" whatever the verb.
func (Enrolment) Format(s fmt.State, _ rune) { formatRedacted(s) }

// MarshalJSON returns "[redacted]".
func (Enrolment) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]".
func (Enrolment) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (Enrolment) LogValue() slog.Value { return slog.StringValue(redacted) }
