package smtpmailer_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"html"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/mailer/smtpmailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

func TestDelivery(t *testing.T) {
	t.Parallel()
	s := start(t)
	require.NoError(t, s.connect(t).Send(t.Context(), resetMail("ben@bücher.example")))

	got := s.one(t)
	require.True(t, got.encrypted)
	require.False(t, got.utf8, "an ASCII mail must not demand SMTPUTF8 of the servers after this one")
	require.Equal(t, "no-reply@acme.example", got.from)
	require.Equal(t, "ben@xn--bcher-kva.example", got.to)

	l := parse(t, got.raw)
	for field, want := range map[string]string{
		"From":           `"Acme CMS" <no-reply@acme.example>`,
		"To":             `"Ben Reader" <ben@xn--bcher-kva.example>`,
		"Subject":        "Choose a new password on Acme CMS",
		"Message-Id":     "<" + mailID + "@acme.example>",
		"Auto-Submitted": "auto-generated",
		"Mime-Version":   "1.0",
	} {
		require.Equal(t, []string{want}, l.header[field], field)
	}
	require.Contains(t, l.text, "Ben Reader")
	require.Contains(t, l.html, "Ben Reader")
	require.Contains(t, l.html, "</html>")
}

// The link arrives as it was built: port, escapes, ampersand and all.
func TestS199_LinkIntact(t *testing.T) {
	t.Parallel()
	s := start(t)
	require.NoError(t, s.connect(t).Send(t.Context(), resetMail("ben@reader.example")))
	l := parse(t, s.one(t).raw)
	require.Regexp(t, `(?m)^<?`+regexp.QuoteMeta(link)+`>?\r?$`, l.text)
	require.Contains(t, l.html, `href="`+html.EscapeString(link)+`"`)
}

// The same mail sent again is the same to the byte, and another one has another Message-ID.
func TestS219_SameMailAgain(t *testing.T) {
	t.Parallel()
	s := start(t)
	m := s.connect(t)
	require.NoError(t, m.Send(t.Context(), resetMail("ben@reader.example")))
	time.Sleep(1100 * time.Millisecond) // a Date has seconds
	require.NoError(t, m.Send(t.Context(), resetMail("ben@reader.example")))
	other := resetMail("ben@reader.example")
	other.ID = "0198f3a2-7c00-7abc-8def-0123456789ac"
	require.NoError(t, m.Send(t.Context(), other))

	mails := s.all()
	require.Len(t, mails, 3)
	require.Equal(t, string(mails[0].raw), string(mails[1].raw))
	require.Equal(t, "<0198f3a2-7c00-7abc-8def-0123456789ac@acme.example>", parse(t, mails[2].raw).header.Get("Message-ID"))
	date, err := parse(t, mails[0].raw).header.Date()
	require.NoError(t, err)
	require.Equal(t, time.UnixMilli(0x0198f3a27c00).Unix(), date.Unix(), "the time in the id")
}

// An id without a time, or with one to come, leaves the date to the attempt; the Message-ID is
// stable all the same.
func TestS219_IDsWithoutTime(t *testing.T) {
	t.Parallel()
	s := start(t)
	m := s.connect(t)
	begin := time.Now().Truncate(time.Second)
	for _, id := range []orgusers.EffectID{"effect-1", "7d444840-9dc0-41d1-b245-5ffdce74fad2", "fffff3a2-7c00-7abc-8def-0123456789ab"} {
		mail := resetMail("ben@reader.example")
		mail.ID = id
		require.NoError(t, m.Send(t.Context(), mail))
		mails := s.all()
		header := parse(t, mails[len(mails)-1].raw).header
		require.Equal(t, "<"+string(id)+"@acme.example>", header.Get("Message-ID"))
		date, err := header.Date()
		require.NoError(t, err)
		require.WithinRange(t, date, begin, time.Now())
	}
}

func TestNotice(t *testing.T) {
	t.Parallel()
	s := start(t)
	require.NoError(t, s.connect(t).Send(t.Context(), orgusers.Mail{ID: "n1", MailData: orgusers.MailData{
		Kind: orgusers.MailPasswordChanged, To: "ben@reader.example",
	}}))
	require.Equal(t, []string{"<ben@reader.example>"}, parse(t, s.one(t).raw).header["To"])
}

func TestImplicitTLS(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *server) { s.implicit, s.mechanism = true, sasl.Plain })
	m := s.connect(t, credentials, func(c *smtpmailer.Config) { c.TLS = smtpmailer.ImplicitTLS })
	require.NoError(t, m.Send(t.Context(), resetMail("ben@reader.example")))
	require.True(t, s.one(t).encrypted)
}

func TestPlaintextOnlyByName(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *server) { s.TLSConfig = nil })
	err := s.connect(t).Send(t.Context(), resetMail("ben@reader.example"))
	require.EqualError(t, err, "smtpmailer: STARTTLS: the server does not offer it")
	require.NotErrorIs(t, err, orgusers.ErrPermanent)
	require.Empty(t, s.all())

	require.NoError(t, s.connect(t, plaintext).Send(t.Context(), resetMail("ben@reader.example")))
	require.False(t, s.one(t).encrypted)
}

// Neither mode sends anything to a server that cannot show whose it is.
func TestWrongCertificate(t *testing.T) {
	t.Parallel()
	unknown := func(c *smtpmailer.Config) { c.TLSConfig = nil } // the system's authorities
	otherName := func(c *smtpmailer.Config) { c.TLSConfig.ServerName = "smtp.acme.example" }
	for _, mode := range []smtpmailer.TLSMode{smtpmailer.STARTTLS, smtpmailer.ImplicitTLS} {
		s := start(t, func(s *server) {
			s.implicit, s.mechanism = mode == smtpmailer.ImplicitTLS, sasl.Plain
			s.onAuth = func(*smtp.Conn) error {
				t.Error("credentials were sent")
				return nil
			}
		})
		for name, trust := range map[string]func(*smtpmailer.Config){"unknown": unknown, "other name": otherName} {
			m := s.connect(t, trust, credentials, func(c *smtpmailer.Config) { c.TLS = mode })
			err := m.Send(t.Context(), resetMail("ben@reader.example"))
			var certificate *tls.CertificateVerificationError
			require.ErrorAs(t, err, &certificate, name)
			require.NotErrorIs(t, err, orgusers.ErrPermanent)
			if name == "unknown" {
				var authority x509.UnknownAuthorityError
				require.ErrorAs(t, err, &authority)
			}
		}
		require.Empty(t, s.all())
	}
}

// What somebody in between puts behind the server's leave for TLS is not taken for the server's: the
// next thing the client says is the handshake.
func TestInjectionBeforeTLS(t *testing.T) {
	t.Parallel()
	next := make(chan byte, 1)
	port := puppet(t, "STARTTLS", func(conn net.Conn) {
		_, _ = io.WriteString(conn, "220 go\r\n250-evil\r\n250 AUTH PLAIN LOGIN\r\n")
		b := make([]byte, 1)
		_, _ = io.ReadFull(conn, b)
		next <- b[0]
	})
	err := dial(t, port, credentials).Send(t.Context(), resetMail("ben@reader.example"))
	require.ErrorContains(t, err, "smtpmailer: STARTTLS: ")
	require.NotErrorIs(t, err, orgusers.ErrPermanent)
	require.Equal(t, byte(22), <-next, "a TLS handshake record")
}

// A mode that does not fit the port ends in an error, not in waiting for ever.
func TestWrongMode(t *testing.T) {
	t.Parallel()
	s := start(t)
	m := s.connect(t, func(c *smtpmailer.Config) { c.TLS = smtpmailer.ImplicitTLS })
	err := m.Send(t.Context(), resetMail("ben@reader.example"))
	require.ErrorContains(t, err, "smtpmailer: TLS handshake: tls: first record does not look like a TLS handshake")
	require.NotErrorIs(t, err, orgusers.ErrPermanent)

	s = start(t, func(s *server) { s.implicit = true })
	m = s.connect(t, timeout(300*time.Millisecond)) // both sides wait for the other to begin
	require.ErrorIs(t, m.Send(t.Context(), resetMail("ben@reader.example")), context.DeadlineExceeded)
}

func TestAuth(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{sasl.Plain, sasl.Login} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(s *server) { s.mechanism = mechanism })
			require.NoError(t, s.connect(t, credentials).Send(t.Context(), resetMail("ben@reader.example")))
			s.one(t)

			wrong := s.connect(t, credentials, func(c *smtpmailer.Config) { c.Password = "wrong" })
			err := wrong.Send(t.Context(), resetMail("ben@reader.example"))
			require.EqualError(t, err, "smtpmailer: AUTH: 535 5.7.8")
			require.NotErrorIs(t, err, orgusers.ErrPermanent, "it is no fault of the mail")
			var reply *textproto.Error
			require.ErrorAs(t, err, &reply)
			require.Equal(t, 535, reply.Code)

			// Without credentials the server asks for them, at MAIL, by a reply above 500.
			err = s.connect(t).Send(t.Context(), resetMail("ben@reader.example"))
			require.ErrorContains(t, err, "smtpmailer: MAIL FROM: 502 5.7.0")
			require.NotErrorIs(t, err, orgusers.ErrPermanent)
			require.Len(t, s.all(), 1)
		})
	}
}

func TestAuthNotOffered(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{"", "GSSAPI"} {
		s := start(t, func(s *server) { s.mechanism = mechanism })
		err := s.connect(t, credentials).Send(t.Context(), resetMail("ben@reader.example"))
		require.EqualError(t, err, "smtpmailer: AUTH: the server offers neither PLAIN nor LOGIN")
		require.NotErrorIs(t, err, orgusers.ErrPermanent)
		require.Empty(t, s.all())
	}
}

func TestConcurrentSends(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *server) { s.mechanism = sasl.Plain })
	m := s.connect(t, credentials)
	const n = 50
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			mail := resetMail(fmt.Sprintf("reader-%d@reader.example", i))
			mail.ID = orgusers.EffectID(fmt.Sprintf("id-%d", i))
			if err := m.Send(t.Context(), mail); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	mails := s.all()
	require.Len(t, mails, n)
	seen := map[string]bool{}
	for _, got := range mails {
		header := parse(t, got.raw).header
		var i int
		_, err := fmt.Sscanf(got.to, "reader-%d@reader.example", &i)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("<id-%d@acme.example>", i), header.Get("Message-ID"), "nobody gets another's mail")
		require.Contains(t, header.Get("To"), "<"+got.to+">")
		seen[got.to] = true
	}
	require.Len(t, seen, n)
}

// What is wrong with a mail or with the context is said before anybody is called.
func TestNothingToSend(t *testing.T) {
	t.Parallel()
	s := start(t)
	m := s.connect(t)
	noLink := resetMail("ben@reader.example")
	noLink.Link = ""
	require.ErrorContains(t, m.Send(t.Context(), noLink), "link")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, m.Send(ctx, resetMail("ben@reader.example")), context.Canceled)

	err := m.Send(t.Context(), resetMail("bén@reader.example"))
	require.ErrorIs(t, err, orgusers.ErrPermanent, "no later attempt makes it ASCII")
	require.NotContains(t, err.Error(), "bén")
	require.Zero(t, s.sessions)
}

func ExampleNew() {
	m, err := smtpmailer.New(smtpmailer.Config{
		Host: "smtp.provider.example", Port: 70000, Username: "acme",
		From: "Acme CMS <no-reply@acme.example>",
	})
	fmt.Println(m == nil, err)
	// Output: true orgusers: smtpmailer.New: invalid input: port: must be from 1 to 65535; password: is required: user name and password come together; texts: is required
}

var _ smtp.AuthSession = (*authSession)(nil)
