package orgusers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// Step is what a sign-in needs next.
type Step string

const (
	StepDone     Step = "done"     // nothing: there is a session
	StepCode     Step = "code"     // a code of the second factor, or a recovery code
	StepPassword Step = "password" // a new password, different from the old one (R6.6)
	StepEnrol    Step = "enrol"    // a second factor must be set up (R7.8)
	StepSSO      Step = "sso"      // single sign-on, of one of the organizations named (R2.24)
)

// Session is one row of the registry: a signed-in device, or a ticket, which is a sign-in half-way.
// A ticket can do its one step and nothing else (S-102, S-126).
type Session struct {
	ID   SessionID // public name; opens nothing (S-135)
	User UserID
	// Token is the SHA-256 of the secret that the person holds, in hex. A copy of the database opens
	// nothing (S-134).
	Token string
	Step  Step // [StepDone]: a session; else a ticket for that step

	// SSO is the organization whose identity provider signed the person in. Such a session is good
	// there and nowhere else, because that provider vouches for nobody elsewhere. Empty: own
	// credentials.
	SSO OrgID

	IP    netip.Addr // of the sign-in
	Agent string

	// CreatedAt is the moment whose facts the sign-in was decided on. A session that began at or
	// before the account's epoch ([User.SessionsValidFrom]) is over.
	CreatedAt time.Time
	SeenAt    time.Time     // last used; kept to the minute
	ExpiresAt time.Time     // the end, however often used
	Idle      time.Duration // unused for so long, it is over; whole seconds

	MFAAt    time.Time // when a second factor was proved; zero: it was not
	ProvedAt time.Time // when a credential was given last (S-063)
}

// Live reports whether the session, or ticket, may still be used, given the account's epoch. No
// clean-up is needed for it to end (S-136).
func (s *Session) Live(now, validFrom time.Time) bool {
	return s.CreatedAt.After(validFrom) && now.Before(s.ExpiresAt) && now.Before(s.SeenAt.Add(s.Idle))
}

// actor is who acts in the session.
func (s *Session) actor() Actor {
	return Actor{User: s.User, SignedInAt: s.CreatedAt, MFAAt: s.MFAAt, ProvedAt: s.ProvedAt, SSO: s.SSO, Session: string(s.ID)}
}

// Format leaves out the token's hash, whatever the verb (S-129).
func (s Session) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "Session{%s of %s, %s}", s.ID, s.User, s.Step)
}

// MarshalJSON leaves out what Format does; stores use the fields.
func (s Session) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"id":%q,"user":%q,"step":%q}`, s.ID, s.User, s.Step), nil
}

// tokenSize is the length of a session token in bytes: 256 random bits.
const tokenSize = 32

// accountMarkSize is the length of what follows in a ticket's.
const accountMarkSize = 16

// token is the secret of a session or ticket.
type token struct {
	secret, hash string
	random       []byte
}

func newToken(rand io.Reader) (token, error) {
	b := make([]byte, tokenSize)
	if _, err := io.ReadFull(rand, b); err != nil {
		return token{}, fmt.Errorf("session token: %w", err)
	}
	return tokenOf(b), nil
}

func tokenOf(random []byte) token {
	secret := base64.RawURLEncoding.EncodeToString(random)
	return token{secret, hashToken(secret), random}
}

// ticket is the token for a ticket: it says whose it is, so that what is counted for all of the account's
// tickets can be read together with the account.
func (t token) ticket(u *User) token {
	mark, _ := hex.DecodeString(accountMark(u))
	t.secret = base64.RawURLEncoding.EncodeToString(append(t.random[:tokenSize:tokenSize], mark...))
	t.hash = hashToken(t.secret)
	return t
}

// ticket is what a person holds who is signing in.
type ticket struct {
	hash    string // what it is looked up by; empty for what cannot be one (S-091)
	account string // its [accountMark], as it says
}

func readTicket(secret string) ticket {
	t := ticket{hash: ticketHash(secret)}
	if b, _ := decodeBase64URL(secret); t.hash != "" && len(b) > tokenSize {
		t.account = hex.EncodeToString(b[tokenSize:])
	}
	return t
}

// hashToken is the form in which a token is stored and looked up. It is of one length, so that
// looking it up tells nothing of how much of a guess was right (S-095).
func hashToken(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

// plausibleToken reports whether a text could be a token: nothing else is looked up (S-091).
func plausibleToken(secret string) bool {
	b, ok := decodeBase64URL(secret)
	return ok && (len(b) == tokenSize || len(b) == tokenSize+accountMarkSize)
}

// Format keeps the secret out of a log that prints a command.
func (token) Format(s fmt.State, _ rune) { formatRedacted(s) }

// Person is an account with everything a sign-in looks at.
type Person struct {
	User        User
	Memberships []Membership // in every organization the person has joined, sorted by organization
	Sessions    []Session    // all, tickets and the ended too, sorted by CreatedAt and ID
}

// anywhere reports whether one of the person's organizations is like that.
func (p *Person) anywhere(good func(m *Membership) bool) bool {
	for i := range p.Memberships {
		if good(&p.Memberships[i]) {
			return true
		}
	}
	return false
}

// attends reports whether the actor's session is good anywhere, or will be when that is enabled: where the person
// is active, and was not cut off since (R12.2, S-069).
func (p *Person) attends(a *Actor) bool {
	return p.anywhere(func(m *Membership) bool { return m.counts(a.SSO) && a.after(m.cut(a.SSO)) })
}

// Membership is a person's row in one organization, with what that organization demands.
type Membership struct {
	Member   Member // without Grants
	OrgName  string
	Disabled bool
	OwnerID  UserID
	Settings Settings
}

// cut is up to when sessions of this kind are no good there: the person was cut off, or single sign-on was.
func (m *Membership) cut(sso OrgID) time.Time {
	if sso == "" {
		return m.Member.ValidFrom
	}
	return later(m.Member.ValidFrom, m.Settings.SSO.ValidFrom)
}

// counts reports whether the person is active there, and a session of this kind may be good there: by an
// identity provider it is in that one organization.
func (m *Membership) counts(sso OrgID) bool {
	return m.Member.Status == StatusActive && (sso == "" || sso == m.Member.Org)
}

// takes reports whether a session of this kind is good there just now. What the others demand does not
// concern it.
func (m *Membership) takes(sso OrgID) bool {
	return m.counts(sso) && !m.Disabled && (sso != "" || !m.organization().ssoOnly(&m.Member))
}
