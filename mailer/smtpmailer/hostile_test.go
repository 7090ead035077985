package smtpmailer_test

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/textproto"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/mailer/smtpmailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Whatever stands in the names, the mail that arrives has the headers it should have and one
// recipient, and its subject is one clean line.
func TestS195_HostileNames(t *testing.T) {
	t.Parallel()
	s := start(t)
	m := s.connect(t)
	fields := []string{
		"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To",
	}
	for i, name := range []string{
		"Eve\r\nBcc: victim@victim.example",
		"Eve\nBcc: victim@victim.example\n\n<h1>hello</h1>",
		"Eve\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n",
		"Eve\x00\x1b[2J\x7f",
		"Eve\u0085Bcc: victim@victim.example",
		"Eve\u2028Bcc: victim@victim.example\u2029x",
		"Eve\u202e\u200bmoc.live",
		`Eve" <victim@victim.example>, "x`,
		`Eve <victim@victim.example>,`,
		"=?utf-8?q?Eve=0D=0ABcc:_victim@victim.example?=",
		"<script>alert(1)</script><a href=https://evil.example>x</a>",
		"\xff\xfe" + strings.Repeat("é", 300),
		"{{.Link}} %s ${x}",
		"Zoë Ψ 山田",
	} {
		mail := orgusers.Mail{ID: orgusers.EffectID(fmt.Sprint("id-", i)), Link: link, MailData: orgusers.MailData{
			Kind: orgusers.MailInvitation, To: "ben@reader.example", ToName: name, OrgName: name, ActorName: name, Message: name,
		}}
		require.NoError(t, m.Send(t.Context(), mail), "%q", name)
		mails := s.all()
		require.Len(t, mails, i+1, "%q", name)
		got := mails[i]
		require.Equal(t, "ben@reader.example", got.to)
		l := parse(t, got.raw)
		var have []string
		for field, values := range l.header {
			have = append(have, field)
			require.Len(t, values, 1, "%q: %s", name, field)
		}
		require.ElementsMatch(t, fields, have, "%q", name)
		to, err := l.header.AddressList("To")
		require.NoError(t, err, "%q", name)
		require.Len(t, to, 1, "%q", name)
		require.Equal(t, "ben@reader.example", to[0].Address)
		subject, err := new(mime.WordDecoder).DecodeHeader(l.header.Get("Subject"))
		require.NoError(t, err)
		for _, shown := range []string{subject, to[0].Name} {
			require.NotContains(t, shown, "=?")
			require.False(t, strings.ContainsFunc(shown, hidden), "%q in %q", shown, name)
		}
		require.NotContains(t, strings.ToLower(l.html), "<script")
		require.NotContains(t, strings.ToLower(l.html), "href=https://evil")
		require.Contains(t, l.text, link)
	}
}

func hidden(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || strings.ContainsRune("\u2028\u2029\u202e\u200b", r)
}

// An address that is not one reaches no server, and the error does not repeat it.
func TestS195_HostileAddress(t *testing.T) {
	t.Parallel()
	s := start(t)
	m := s.connect(t)
	for _, to := range []string{
		"", "ben", "ben@reader.example\r\nRCPT TO:<victim@victim.example>", "ben@reader.example>\r\nDATA", "<ben@reader.example>",
		"ben@reader.example, victim@victim.example", "ben@reader.example\x00", "ben\u0085@reader.example", "ben\u2028@reader.example",
		"Ben <ben@reader.example>", "ben@reader.example> NOTIFY=SUCCESS", `"ben ben"@reader.example`, strings.Repeat("b", 250) + "@reader.example",
	} {
		err := m.Send(t.Context(), resetMail(to))
		require.Error(t, err, "%q", to)
		require.NotContains(t, err.Error(), "reader.example", "%q", to)
		require.NotErrorIs(t, err, orgusers.ErrPermanent)
	}
	for _, id := range []orgusers.EffectID{"", "a b", "a>\r\nBcc: x@x.example", "a@b"} {
		mail := resetMail("ben@reader.example")
		mail.ID = id
		require.Error(t, m.Send(t.Context(), mail), "%q", id)
	}
	require.Zero(t, s.sessions)
}

// A host's own template with a line break in the subject is one line in the end, too.
func TestS195_HostileSubject(t *testing.T) {
	t.Parallel()
	s := start(t)
	texts, err := mailer.NewTexts(mailer.Config{Override: overridden("a\r\nBcc: victim@victim.example\r\n\r\nb")})
	require.NoError(t, err)
	m := s.connect(t, func(c *smtpmailer.Config) { c.Texts = texts })
	require.NoError(t, m.Send(t.Context(), resetMail("ben@reader.example")))
	l := parse(t, s.one(t).raw)
	require.Equal(t, "a Bcc: victim@victim.example b", l.header.Get("Subject"))
	require.NotContains(t, l.header, "Bcc")
}

// A line that is a dot, and lines longer than SMTP allows, come out as they went in.
func TestDotsAndLongLines(t *testing.T) {
	t.Parallel()
	s := start(t)
	mail := orgusers.Mail{ID: "dots", Link: link, MailData: orgusers.MailData{
		Kind: orgusers.MailInvitation, To: "ben@reader.example", OrgName: "Acme", ActorName: "Olive",
		Message: "one\n.\n..\n.two\n" + strings.Repeat("long ", 1000),
	}}
	require.NoError(t, s.connect(t).Send(t.Context(), mail))
	got := s.one(t)
	for line := range strings.SplitSeq(string(got.raw), "\r\n") {
		require.LessOrEqual(t, len(line), 78)
		require.NotContains(t, line, "\n")
	}
	l := parse(t, got.raw)
	require.Contains(t, l.text, "> one\r\n> .\r\n> ..\r\n> .two\r\n> long long")
	require.Equal(t, 1000, strings.Count(l.text, "long"))
}

// A server repeats everything it has been told. Nothing of it is in the error, and what is left is
// one line that a terminal can show.
func TestS094_ServersRepeatSecrets(t *testing.T) {
	t.Parallel()
	const to = "ben.reader@customer.example"
	var at, echo string
	say := func(step string) error {
		if step == at {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: echo}
		}
		return nil
	}
	s := start(t, func(s *server) {
		s.mechanism = sasl.Plain
		s.onMail = func(string) error { return say("MAIL FROM") }
		s.onRcpt = func(string) error { return say("RCPT TO") }
		s.onData = func(*smtp.Conn, []byte) error { return say("reply to the content") }
	})
	m := s.connect(t, credentials)
	plain := "AHJlbGF5LXVzZXJAYWNtZS5leGFtcGxlAFRyMHViNGRvciBhbmQgdGhyZWUgbW9yZQ=="
	for _, at = range []string{"MAIL FROM", "RCPT TO", "reply to the content"} {
		for _, echo = range []string{
			"blocked: " + link,
			"blocked: <" + link + ">, see policy",
			"blocked: " + strings.ToUpper(link),
			"blocked: ?token=3D" + token[:20] + "= " + token[20:],
			"blocked token " + token[4:20],
			"no mailbox <" + to + "> here",
			"user " + username + " may not",
			"password " + password + " is wrong",
			"you said AUTH PLAIN " + plain,
			"\x1b[31mred\x07\u0085\u202e line " + link,
			strings.Repeat("very ", 400) + link,
			strings.Repeat("very", 400) + link,
		} {
			err := m.Send(t.Context(), resetMail(to))
			require.ErrorContains(t, err, "smtpmailer: "+at+": 550 5.7.1 ")
			requireClean(t, err, to)
			if len(echo) < 400 {
				require.Contains(t, err.Error(), "[redacted]", echo)
			}
		}
	}
	at, echo = "RCPT TO", "Recipient address rejected: User unknown in local recipient table"
	require.ErrorContains(t, m.Send(t.Context(), resetMail(to)), echo, "what is no secret stays")

	bare := start(t, func(s *server) {
		s.mechanism = sasl.Plain
		s.onAuth = func(*smtp.Conn) error {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.NoEnhancedCode, Message: password}
		}
	})
	require.EqualError(t, bare.connect(t, credentials).Send(t.Context(), resetMail(to)), "smtpmailer: AUTH: 535")

	// At AUTH a server may say anything, in the reply or in the challenge.
	for _, say := range []string{"bad password '" + password + "'", "bad\x1b[2J " + plain} {
		auth := start(t, func(s *server) {
			s.mechanism = sasl.Plain
			s.onAuth = func(*smtp.Conn) error {
				return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: say}
			}
		})
		require.EqualError(t, auth.connect(t, credentials).Send(t.Context(), resetMail(to)), "smtpmailer: AUTH: 535 5.7.8")
		auth = start(t, func(s *server) {
			s.mechanism = sasl.Plain
			s.onAuth = func(c *smtp.Conn) error {
				_, err := c.Conn().Write([]byte(say + "\r\n"))
				return errors.Join(err, c.Conn().Close())
			}
		})
		require.EqualError(t, auth.connect(t, credentials).Send(t.Context(), resetMail(to)), "smtpmailer: AUTH: the server did not go through with it")
	}
}

// requireClean looks through an error and everything it wraps.
func requireClean(t *testing.T, err error, to string) {
	t.Helper()
	local, _, _ := strings.Cut(to, "@")
	var reply *textproto.Error
	require.ErrorAs(t, err, &reply)
	require.LessOrEqual(t, len(err.Error()), 450)
	for _, s := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), reply.Error()} {
		require.False(t, strings.ContainsFunc(s, hidden), "%q", s)
		lower := strings.ToLower(s)
		for _, secret := range []string{token[:8], token[4:12], token[12:20], token[20:28], token[24:], local, username, password, "tr0ub4dor", "ahjlbgf5"} {
			require.NotContains(t, lower, strings.ToLower(secret))
		}
	}
}

// overridden is a host's template with a subject of its own.
func overridden(subject string) fs.FS {
	return fstest.MapFS{"en/password_reset.txt.tmpl": {Data: []byte(`{{define "subject"}}` + subject + `{{end}}Text: {{.Link}}`)}}
}
