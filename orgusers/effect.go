package orgusers

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"
)

// EffectKind says what is to be done outside the store.
type EffectKind string

const (
	EffectMail        EffectKind = "mail"         // hand [Effect.Mail] to the [Mailer]
	EffectForgotten   EffectKind = "forgotten"    // mail a link to set a new password, if [MailData.To] is somebody's address
	EffectEndSessions EffectKind = "sessions.end" // end the user's sessions that the host keeps ([Sessions])
	EffectFirewall    EffectKind = "firewall"     // tell the [Firewall] how the user's, or without one the organization's, IP rules stand
)

// Effect is one row of the outbox: a consequence of a change, committed with it, carried out later
// by [Service.Dispatch] at least once.
type Effect struct {
	ID        EffectID
	Org       OrgID
	Operation OperationID // the change it follows from; also what the mailed link is derived from
	Kind      EffectKind
	Member    MemberID
	User      UserID
	Mail      MailData  // for EffectMail; for EffectForgotten: the address, and who asked
	Before    time.Time // for EffectEndSessions: sessions that began at or before it; for EffectFirewall: the end of the rule to watch
	CreatedAt time.Time

	// What the outbox itself keeps.
	DueAt      time.Time // not before
	Attempts   int       // deliveries tried
	LeaseUntil time.Time // a worker has it until then
	Lease      string    // which worker
	LastError  string    // of the last try, cut to 512 bytes
	Dead       bool      // given up; see [Operator.DeadLetters]
}

// MailKind says which text to send.
type MailKind string

const (
	MailInvitation      MailKind = "invitation"       // you are invited; with link
	MailOwnershipOffer  MailKind = "ownership_offer"  // the ownership is offered to you; with link
	MailOwnershipTaken  MailKind = "ownership_taken"  // to the former owner
	MailActivation      MailKind = "activation"       // an account was made for you; with link to set a password
	MailPasswordReset   MailKind = "password_reset"   // an administrator, or without ActorName the person, asks for a new password; with link
	MailPasswordChanged MailKind = "password_changed" // notice
	MailMFAReset        MailKind = "mfa_reset"        // reset your second factor; with link
	MailMFARemoved      MailKind = "mfa_removed"      // notice

	MailSignInLocked     MailKind = "sign_in_locked"     // notice: too many wrong passwords or codes; ExpiresAt is until when
	MailMFAEnrolled      MailKind = "mfa_enrolled"       // notice
	MailRecoveryCodeUsed MailKind = "recovery_code_used" // notice
	MailRecoveryCodesNew MailKind = "recovery_codes_new" // notice
)

// purpose returns which link the mail carries; 0: none.
func (k MailKind) purpose() LinkPurpose {
	switch k {
	case MailInvitation:
		return LinkInvitation
	case MailOwnershipOffer:
		return LinkOwnership
	case MailActivation, MailPasswordReset:
		return LinkPasswordReset
	case MailMFAReset:
		return LinkMFAReset
	}
	return 0
}

// MailData is what a mail says, as it was when the change was made. It holds no secret: the link is
// derived at sending.
type MailData struct {
	Kind      MailKind  `json:"kind,omitempty"`
	To        string    `json:"to,omitempty"` // the stored address, never a typed one (S-092)
	ToName    string    `json:"to_name,omitempty"`
	OrgName   string    `json:"org_name,omitempty"`
	ActorName string    `json:"actor_name,omitempty"` // who caused it; empty: the system
	Role      Role      `json:"role,omitempty"`
	Message   string    `json:"message,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // of the link; zero: never

	IP    netip.Addr `json:"ip,omitzero"` // of who asked, of EffectForgotten
	Agent string     `json:"agent,omitempty"`
}

// Mail is what a [Mailer] gets. Package mailer turns it into subject, text and HTML.
//
// Printed or logged by itself it shows kind and ID, and not the link (S-233). Its JSON is whole, so that
// a mailer may put it into a queue, which then holds secrets for as long as their links work.
type Mail struct {
	ID  EffectID // the idempotency key: the same mail may come again after a crash (S-219)
	Org OrgID
	MailData
	Link string // absolute URL; empty for notices. A secret: do not log it
}

// String does not show the link, nor to whom it goes.
func (m Mail) String() string { return "Mail{" + string(m.Kind) + " " + string(m.ID) + "}" }

// Format does not show the link, whatever the verb.
func (m Mail) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, m.String()) }

// LogValue does not show the link.
func (m Mail) LogValue() slog.Value { return slog.StringValue(m.String()) }

// Mailer delivers mails. Send may be called by several goroutines, and again with the same
// [Mail.ID] after a crash. An error means "try later", unless it wraps [ErrPermanent]. The context
// ends after [Config.SendTimeout].
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// Sessions is the host's own session store, if it has one. End is retried until it succeeds, or answers
// [ErrPermanent]; access is cut before, by the epoch ([User.SessionsValidFrom]), so a lagging store lets nobody
// in. A host that keeps sessions beside those of the registry needs it: [EndSessions] skips whom neither knows of.
type Sessions interface {
	// Active returns how many sessions each of the users has; a missing one has none.
	Active(ctx context.Context, users []UserID) (map[UserID]int, error)
	// End ends all sessions of the users that began at or before the time. Ending what has ended is
	// no error.
	End(ctx context.Context, users []UserID, before time.Time) error
}
