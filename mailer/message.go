package mailer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"
)

// Message is a mail ready to send. Subject, To and ToName, as [Texts.Render] makes them, hold no
// control character, line break or invisible character (S-195). Text and HTML carry the link, which
// is a secret: a Message shows only its ID when it is printed or logged.
type Message struct {
	ID      string // the effect's id: local part of the Message-ID, and a provider's idempotency key
	To      string // bare address; the domain is in ASCII (A-labels)
	ToName  string // at most 60 code points; may be empty
	Subject string // one line
	Text    string // lines end in "\n"
	HTML    string // a whole document; empty: the mail is text only
}

// String does not show the content.
func (m Message) String() string { return "Message{" + m.ID + "}" }

// Format does not show the content, whatever the verb.
func (m Message) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, m.String()) }

// LogValue does not show the content.
func (m Message) LogValue() slog.Value { return slog.StringValue(m.ID) }

// EML returns the mail as RFC 5322 text: multipart/alternative, UTF-8 in quoted-printable, CRLF. The
// sender is an address with or without a name, "Acme <no-reply@acme.example>"; its domain completes
// the Message-ID. The same message, sender and time give the same bytes, so that a mail sent twice
// after a crash is the same mail (S-219).
//
// It is an error if an address is not plain, if its local part is not ASCII (that needs SMTPUTF8), or
// if a header would hold a control character; nothing is ever cut out to make a mail pass.
func (m Message) EML(from string, at time.Time) ([]byte, error) {
	if err := checkID(m.ID); err != nil {
		return nil, err
	}
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("mailer: sender: %w", err)
	}
	sender.Address, err = checkAddress(sender.Address)
	if err != nil || !isASCII(sender.Address) || !oneLine(sender.Name) {
		return nil, errors.New("mailer: the sender is not a plain ASCII address with an optional name")
	}
	to := mail.Address{Name: m.ToName}
	if to.Address, err = checkAddress(m.To); err != nil {
		return nil, err
	}
	if !isASCII(to.Address) {
		return nil, errors.New("mailer: the recipient's address needs SMTPUTF8")
	}
	if !oneLine(m.ToName) || !oneLine(m.Subject) {
		return nil, errors.New("mailer: subject or recipient's name has characters that a header must not hold")
	}
	// "=_" cannot occur in quoted-printable text, so no content can end the part early.
	boundary := fmt.Sprintf("=_%x", sha256.Sum256([]byte(m.ID)))[:34]
	_, domain, _ := strings.Cut(sender.Address, "@")

	var b bytes.Buffer
	header(&b, "From", phrase(*sender))
	header(&b, "To", phrase(to))
	header(&b, "Subject", mime.QEncoding.Encode("utf-8", strings.TrimSpace(m.Subject)))
	header(&b, "Date", at.Format(time.RFC1123Z))
	header(&b, "Message-ID", "<"+m.ID+"@"+domain+">")
	header(&b, "Auto-Submitted", "auto-generated") // keeps out-of-office answers away (RFC 3834)
	header(&b, "MIME-Version", "1.0")
	header(&b, "Content-Type", mime.FormatMediaType("multipart/alternative", map[string]string{"boundary": boundary}))
	b.WriteString("\r\n")

	parts := multipart.NewWriter(&b)
	if err := parts.SetBoundary(boundary); err != nil {
		return nil, err
	}
	if err := part(parts, "text/plain", m.Text); err != nil {
		return nil, err
	}
	if m.HTML != "" { // last, because the last is the one a reader's program prefers
		if err := part(parts, "text/html", m.HTML); err != nil {
			return nil, err
		}
	}
	if err := parts.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func part(w *multipart.Writer, kind, body string) error {
	p, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {kind + "; charset=utf-8"},
		"Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return err
	}
	q := quotedprintable.NewWriter(p)
	if _, err := q.Write([]byte(body)); err != nil {
		return err
	}
	return q.Close()
}

// phrase returns the address as it stands in a header. In an encoded word there, characters such as
// a backslash must be encoded too (RFC 2047, 5 (3)); Q-encoding in package mime, which
// [mail.Address.String] uses for most names, leaves some of them as they are.
func phrase(a mail.Address) string {
	if isASCII(a.Name) {
		return a.String()
	}
	return mime.BEncoding.Encode("utf-8", a.Name) + " <" + a.Address + ">"
}

// header writes a field, folded at its spaces where a line would pass 76 characters. Unfolding gives
// the value back exactly.
func header(b *bytes.Buffer, key, value string) {
	b.WriteString(key + ":")
	col := len(key) + 1
	for word := range strings.SplitSeq(value, " ") {
		if word != "" && col+1+len(word) > 76 {
			b.WriteString("\r\n")
			col = 0
		}
		b.WriteString(" " + word)
		col += 1 + len(word)
	}
	b.WriteString("\r\n")
}
