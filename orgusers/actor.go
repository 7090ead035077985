package orgusers

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// Actor is who asks. It is always an argument, never hidden in a context. The host fills it from
// its own authentication; nothing here reads a header or a cookie.
type Actor struct {
	// User is the signed-in account. For [Operator] it is whatever names the vendor's person.
	User UserID
	// SignedInAt is when the session behind this call began, in microseconds: a session store's creation
	// time, or a claim that a renewed token keeps, as its iat does not (examples/jwt). It is required for everyone
	// but an operator or a visitor, because ending sessions ([EndSessions], [Deactivate]) works by refusing all
	// that began before.
	SignedInAt time.Time
	// MFAAt is when a second factor was proved in this session; zero: it was not. ProvedAt is when a
	// credential was given last; zero: at SignedInAt, or with SSO nobody knows when. It may lie before
	// SignedInAt, since a session can begin anew without one ([Account.EndOtherSessions]).
	MFAAt, ProvedAt time.Time
	// SSO is the organization whose identity provider signed the person in; empty: own credentials.
	SSO     OrgID
	Session string // the session's public name, never its token: a [SessionID], or the host's own
	// Device is the [KnownDevice] that [SignIn.Device] made of this browser once; zero: none.
	Device DeviceToken `json:"-"`

	IP    netip.Addr // as the host knows it; zero: unknown
	Agent string     // user agent; cut to 256 bytes
	// Request makes a retry safe: the same id with the same input returns the first report and does
	// nothing, with other input it is [ErrRequestReused]. Scoped by organization. Up to 128 visible
	// ASCII characters; empty: no protection.
	Request string
}

// Format leaves out the device's secret, whatever the verb (S-129).
func (a Actor) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "Actor{%s session %s at %s from %s}", a.User, a.Session, a.SignedInAt.Format(time.RFC3339Nano), a.IP)
}

// provedAt is when a credential was given last; zero: nobody knows. A provider may sign in whom it has
// asked for nothing.
func (a *Actor) provedAt() time.Time {
	if a.ProvedAt.IsZero() && a.SSO == "" {
		return a.SignedInAt
	}
	return a.ProvedAt
}

// after reports whether the session is younger than a cut: it began afterwards, and with own credentials one
// was given afterwards, too, since a session can begin anew without any ([Account.EndOtherSessions]).
func (a *Actor) after(cut time.Time) bool {
	return a.SignedInAt.After(cut) && (a.SSO != "" || a.provedAt().After(cut))
}

// clean checks and cuts what the host passed on from a client.
func (a Actor) clean() (Actor, error) {
	if len(a.Request) > 128 || !visibleASCII(a.Request) {
		return a, invalid(FieldError{Field: "actor.request", Reason: ReasonSyntax, Message: "a request id has up to 128 visible ASCII characters"})
	}
	if len(a.User) > 64 || !visibleASCII(string(a.User)) {
		return a, invalid(FieldError{Field: "actor.user", Reason: ReasonSyntax, Message: "a user id has up to 64 visible ASCII characters"})
	}
	a.Agent = cutText(a.Agent, 256)
	a.Session = cutText(a.Session, 128)
	a.SignedInAt, a.MFAAt, a.ProvedAt = micro(a.SignedInAt), micro(a.MFAAt), micro(a.ProvedAt)
	a.IP = a.IP.Unmap().WithZone("") // one spelling per address; a zone may hold anything
	return a, nil
}

func visibleASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// cutText makes text from outside storable everywhere: valid UTF-8, no control characters, at most
// n bytes with a mark where it was cut (S-180, S-207, S-216).
func cutText(s string, n int) string {
	if len(s) > n {
		const mark = "…"
		s = strings.ToValidUTF8(s[:n-len(mark)], "") + mark
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' || (r >= 0x7f && r < 0xa0) || (r >= 0x2028 && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '?'
		}
		return r
	}, s)
}
