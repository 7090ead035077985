package smtpmailer

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Mailer is an [orgusers.Mailer] that talks to an SMTP server, over one connection per mail. It
// never changes after [New] and is safe for concurrent use.
type Mailer struct {
	host    string
	address string // with the port
	helo    string
	user    Secret
	pass    Secret
	from    string // as in the header
	sender  string // as in the envelope
	mode    TLSMode
	tls     *tls.Config
	timeout time.Duration
	texts   *mailer.Texts
}

var _ orgusers.Mailer = (*Mailer)(nil)

// New checks the configuration and returns a mailer. It connects to nothing. A bad configuration is
// an *[orgusers.Error] of Kind [orgusers.ErrInvalid] with every bad field named (S-232).
func New(c Config) (*Mailer, error) {
	sender, bad := c.fill()
	if bad != nil {
		return nil, &orgusers.Error{Op: "smtpmailer.New", Kind: orgusers.ErrInvalid, Fields: bad}
	}
	return &Mailer{
		host: c.Host, address: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), helo: c.HELO,
		user: c.Username, pass: c.Password, from: c.From, sender: sender,
		mode: c.TLS, tls: c.TLSConfig, timeout: c.Timeout, texts: c.Texts,
	}, nil
}

// Send writes the mail and hands it to the server. nil means that the server has taken it over: it is
// then the server's to deliver, and a later failure comes back as a bounce to the sender.
//
// Send ends at the latest when the context or [Config.Timeout] does, whatever the server is doing,
// and then wraps the error of the context. The package comment says which errors wrap
// [orgusers.ErrPermanent]. An error after the content was sent may stand for a mail that arrives all
// the same; sent again, it has the same Message-ID (S-219).
func (m *Mailer) Send(ctx context.Context, mail orgusers.Mail) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("smtpmailer: %w", err)
	}
	msg, err := m.texts.Render(mail)
	if err != nil {
		return fmt.Errorf("smtpmailer: %w", err)
	}
	if strings.ContainsFunc(msg.To, func(r rune) bool { return r > unicode.MaxASCII }) {
		// The domain is in A-labels by now. No later attempt can change the local part.
		return fmt.Errorf("smtpmailer: %w: the recipient's address needs SMTPUTF8", orgusers.ErrPermanent)
	}
	eml, err := msg.EML(m.from, dateOf(mail.ID, time.Now()))
	if err != nil {
		return fmt.Errorf("smtpmailer: %w", err)
	}
	if at, err := m.deliver(ctx, msg.To, eml); err != nil {
		return m.explain(ctx, at, err, msg.To, mail.Link)
	}
	return nil
}

// Format prints the server's address whatever the verb. Printed field by field, the credentials
// would show, because fmt does not ask unexported fields how they want to be printed (S-233).
func (m Mailer) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, m.String()) }

// String returns the server's address.
func (m Mailer) String() string { return "smtpmailer.Mailer{" + m.address + "}" }

// dateOf returns when the change was made that a mail tells of, which is in ids of UUID version 7,
// so that every attempt has the same Date. An id that is none, or lies in the future, tells nothing.
func dateOf(id orgusers.EffectID, now time.Time) time.Time {
	u, err := uuid.Parse(string(id))
	if err != nil || u.Version() != 7 {
		return now.UTC()
	}
	at := time.Unix(u.Time().UnixTime())
	if at.After(now.Add(time.Hour)) { // more than clocks of different machines differ
		return now.UTC()
	}
	return at.UTC()
}
