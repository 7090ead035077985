package smtpmailer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"strings"
	"unicode"

	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	maxText   = 400 // bytes of an error's text
	maxShared = 7   // characters in a row that a word may have in common with a secret
)

// failure is what Send returns when a delivery has failed. Its text may differ from that of its
// causes, which are as the network and the other side have made them.
type failure struct {
	text   string
	causes []error
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() []error { return f.causes }

// explain makes the error of a failed delivery: what it means for the mail, in words fit for a log.
// A server's reply is wrapped as a *[textproto.Error], made safe like the text.
func (m *Mailer) explain(ctx context.Context, at stage, err error, to, link string) error {
	f := &failure{}
	said := "" // in place of the text of err
	var reply *textproto.Error
	var protocol textproto.ProtocolError // quotes what the server sent
	var network net.Error
	switch {
	// A reply counts, even if the context has ended since; but after one to EHLO comes HELO.
	case errors.As(err, &reply) && (at != stageHello || ctx.Err() == nil):
		reply = &textproto.Error{Code: reply.Code, Msg: m.redact(at, reply.Msg, to, link)}
		err, said = reply, fmt.Sprintf("%03d %s", reply.Code, reply.Msg) // its own text is quoted
		if permanent(at, reply.Code) {
			f.causes = append(f.causes, orgusers.ErrPermanent)
		}
	case ctx.Err() != nil: // and the connection was closed for it
		err = ctx.Err()
	case at == stageAuth && !errors.Is(err, errNoMechanism) && !errors.Is(err, io.EOF) && !errors.As(err, &network):
		err = errors.New("the server did not go through with it") // whatever it said instead
	case errors.As(err, &protocol):
		err = textproto.ProtocolError(m.redact(at, string(protocol), to, link))
	}
	f.causes = append(f.causes, err)
	if said == "" {
		said = err.Error()
	}
	unknown := ""
	if at == stageEnd && reply == nil {
		unknown = ", so the mail may have arrived"
	}
	text := fmt.Sprintf("smtpmailer: %v%s: %s", at, unknown, said)
	f.text = cut(visible(text), maxText) // a certificate's names are strangers' text too
	return f
}

// permanent reports whether a reply refuses this mail for good. Until the recipient is named, all
// mails are alike, and so are they to a server that wants other credentials or encryption: that is
// for the host to mend, and the mail waits.
func permanent(at stage, code int) bool {
	switch code {
	case 530, 534, 535, 538:
		return false
	}
	return at >= stageRecipient && code >= 500 && code <= 599
}

// redact makes a server's text one line of visible characters without anything of a secret. Servers
// do repeat what they were sent: the address they do not know, the link a filter objects to.
func (m *Mailer) redact(at stage, text, to, link string) string {
	if at == stageAuth {
		return statusCode(text)
	}
	secrets := []string{to, secretPart(link)}
	if m.user != "" {
		user, pass := string(m.user), string(m.pass)
		secrets = append(secrets, user, pass, inBase64("\x00"+user+"\x00"+pass), inBase64(user), inBase64(pass))
	}
	// As they stand, before words are told apart: a password may have spaces in it.
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	words := strings.Fields(cut(visible(text), 2*maxText))
	for i, w := range words {
		for _, s := range secrets {
			if overlap(w, s) {
				words[i] = redacted
				break
			}
		}
	}
	return strings.Join(words, " ")
}

func inBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// secretPart is what of a link others do not know: all that comes after the server's name.
func secretPart(link string) string {
	u, err := url.Parse(link)
	if err != nil || link == "" {
		return link
	}
	return u.RequestURI() + "#" + u.EscapedFragment()
}

// overlap reports whether a word has more in common with a secret than chance would give it: the
// secret cut short, within a longer word, in other case, broken over lines.
func overlap(word, secret string) bool {
	word, secret = strings.ToLower(word), strings.ToLower(secret)
	for i := 0; i+maxShared < len(word); i++ {
		if strings.Contains(secret, word[i:i+maxShared+1]) {
			return true
		}
	}
	return false
}

// visible returns the text on one line. It goes into logs and onto screens, so it must hold nothing
// that moves a cursor or begins a line (S-207).
func visible(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}

// cut shortens to n bytes, between words where it can.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[:n]
	if i := strings.LastIndexByte(s, ' '); i > 0 {
		s = s[:i]
	}
	return strings.ToValidUTF8(s, "") + " …"
}

// statusCode returns the enhanced status code at the beginning of a reply, "5.7.8"; "" if there is
// none (RFC 3463).
func statusCode(text string) string {
	code, _, _ := strings.Cut(text, " ")
	if len(code) > len("5.123.123") || strings.Count(code, ".") != 2 || strings.Trim(code, "0123456789.") != "" {
		return ""
	}
	return code
}
