package mailer_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)

func decode(s string) (string, error) { return new(mime.WordDecoder).DecodeHeader(s) }

func TestEML(t *testing.T) {
	t.Parallel()
	msg := mailer.Message{
		ID: "019c0000-0000-7000-8000-000000000001", To: "ben@reader.example", ToName: `Zoë "Zed" Łoś`,
		Subject: "Grüße " + strings.Repeat("äöü ", 40) + "end",
		Text:    "Grüße,\n\nlong " + strings.Repeat("line ", 60) + "\n.\nFrom here\ntrailing \n=\n--=_\n",
		HTML:    "<p>Grüße</p>\n",
	}
	eml, err := msg.EML("Äcme CMS <no-reply@bücher.example>", at)
	require.NoError(t, err)

	for line := range strings.SplitSeq(string(eml), "\r\n") {
		require.LessOrEqual(t, len(line), 78, line)
		require.NotContains(t, line, "\n")
		require.NotContains(t, line, "\r")
		for _, c := range []byte(line) {
			require.True(t, c >= ' ' && c <= '~', "%q", line)
		}
	}

	m, err := mail.ReadMessage(bytes.NewReader(eml))
	require.NoError(t, err)
	from, err := m.Header.AddressList("From")
	require.NoError(t, err)
	require.Equal(t, []*mail.Address{{Name: "Äcme CMS", Address: "no-reply@xn--bcher-kva.example"}}, from)
	to, err := m.Header.AddressList("To")
	require.NoError(t, err)
	require.Equal(t, []*mail.Address{{Name: msg.ToName, Address: msg.To}}, to)
	subject, err := decode(m.Header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, msg.Subject, subject)
	date, err := m.Header.Date()
	require.NoError(t, err)
	require.True(t, at.Truncate(time.Second).Equal(date))
	require.Equal(t, "<019c0000-0000-7000-8000-000000000001@xn--bcher-kva.example>", m.Header.Get("Message-ID"))
	require.Equal(t, "1.0", m.Header.Get("MIME-Version"))
	require.Equal(t, "auto-generated", m.Header.Get("Auto-Submitted"))
	require.Len(t, m.Header, 8)

	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []struct{ kind, body string }{{"text/plain; charset=utf-8", msg.Text}, {"text/html; charset=utf-8", msg.HTML}} {
		p, err := parts.NextRawPart()
		require.NoError(t, err)
		require.Equal(t, want.kind, p.Header.Get("Content-Type"))
		require.Equal(t, "quoted-printable", p.Header.Get("Content-Transfer-Encoding"))
	}
	_, err = parts.NextRawPart()
	require.ErrorIs(t, err, io.EOF)

	m, err = mail.ReadMessage(bytes.NewReader(eml))
	require.NoError(t, err)
	parts = multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []string{msg.Text, msg.HTML} {
		p, err := parts.NextPart() // decodes quoted-printable
		require.NoError(t, err)
		body, err := io.ReadAll(p)
		require.NoError(t, err)
		require.Equal(t, want, strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
}

func TestS219_SameMailSameBytes(t *testing.T) {
	t.Parallel()
	x := texts(t, mailer.Config{})
	bytesOf := func(id string) string {
		in := sample(orgusers.MailInvitation)
		in.ID = orgusers.EffectID(id)
		m, err := x.Render(in)
		require.NoError(t, err)
		eml, err := m.EML("no-reply@acme.example", at)
		require.NoError(t, err)
		return string(eml)
	}
	first := bytesOf("a")
	require.Equal(t, first, bytesOf("a"))
	require.NotEqual(t, bytesOf("a"), bytesOf("b"))
	require.Contains(t, bytesOf("b"), "Message-ID: <b@acme.example>\r\n")
	require.Contains(t, bytesOf("b"), "From: <no-reply@acme.example>\r\n")
}

func TestEMLTextOnly(t *testing.T) {
	t.Parallel()
	eml, err := mailer.Message{ID: "a", To: "ben@reader.example", Subject: "x", Text: "y"}.EML("no-reply@acme.example", at)
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(eml, []byte("Content-Transfer-Encoding")))
	require.NotContains(t, string(eml), "text/html")
}

// A message somebody put together by hand is checked as well.
func TestS195_EMLRefuses(t *testing.T) {
	t.Parallel()
	good := mailer.Message{ID: "a-1_B", To: "ben@reader.example", ToName: "Ben", Subject: "Hello", Text: "x"}
	_, err := good.EML("Acme <no-reply@acme.example>", at)
	require.NoError(t, err)
	for _, bad := range []string{"\r\nBcc: e@e.example", "x\ny", "x\ry", "x\x00", "x\u0085y", "x\u2028y", "x\u2029y", "x\u202ey", "x\xff", "=?utf-8?q?=0A?="} {
		for i, m := range []*mailer.Message{{Subject: bad}, {ToName: bad}, {ID: bad}, {To: good.To + bad}} {
			c := good
			switch i {
			case 0:
				c.Subject = m.Subject
			case 1:
				c.ToName = m.ToName
			case 2:
				c.ID = m.ID
			case 3:
				c.To = m.To
			}
			_, err := c.EML("Acme <no-reply@acme.example>", at)
			require.Error(t, err, "%d %q", i, bad)
		}
	}
	for _, from := range []string{"", "no-reply", "a@a.example, b@b.example", "Acme\r\nBcc: x <no-reply@acme.example>", "Ac\u202eme <no-reply@acme.example>", "bücher@acme.example", "=?utf-8?q?=0D=0ABcc?= <a@acme.example>"} {
		_, err := good.EML(from, at)
		require.Error(t, err, from)
	}
	utf8 := good
	utf8.To = "bücher@reader.example"
	_, err = utf8.EML("no-reply@acme.example", at)
	require.ErrorContains(t, err, "SMTPUTF8")
}

// S-094: a message that is printed or logged shows no link.
func TestS094_MessageDoesNotPrintItsContent(t *testing.T) {
	t.Parallel()
	m, err := texts(t, mailer.Config{}).Render(sample(orgusers.MailInvitation))
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("sent", "mail", m)
	slog.New(slog.NewTextHandler(&log, nil)).Info("sent", "mail", m)
	all := fmt.Sprintf("%v %+v %#v %s %d %x %t", m, m, m, &m, m, m, m) + log.String()
	require.NotContains(t, all, "token")
	require.NotContains(t, all, "reader.example")
	require.Equal(t, 9, strings.Count(all, m.ID))
}
