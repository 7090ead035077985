package smtpmailer_test

import (
	"context"
	"html"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/mailer/smtpmailer"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// through hands mails to the SMTP server and keeps a copy of what it took, which the fixtures read.
type through struct {
	smtp  orgusers.Mailer
	inbox *world.Inbox
}

func (m *through) Send(ctx context.Context, mail orgusers.Mail) error {
	if err := m.smtp.Send(ctx, mail); err != nil {
		return err
	}
	return m.inbox.Send(ctx, mail)
}

// The service on a real conversation: an address that does not exist is given up at once, one that
// is asked to come back later is tried after the backoff, and neither holds up the others. Who gets
// the mail joins with the link in it.
func TestS222_ServiceOverSMTP(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	tries := map[string]int{}
	s := start(t, func(s *server) {
		s.mechanism = sasl.Plain
		s.onRcpt = func(to string) error {
			mu.Lock()
			defer mu.Unlock()
			tries[to]++
			switch {
			case to == "nobody@acme.example":
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<" + to + ">: no such user"}
			case to == "grey@acme.example" && tries[to] == 1:
				return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted, come back"}
			}
			return nil
		}
	})
	tried := func(to string) int {
		mu.Lock()
		defer mu.Unlock()
		return tries[to]
	}
	carrier := &through{smtp: s.connect(t, credentials)}
	w := world.New(t, memstore.New(), func(c *orgusers.Config) {
		carrier.inbox = c.Mailer.(*world.Inbox)
		c.Mailer = carrier
	})
	org := w.NewOrg("Acme", "olivia@acme.example") // whose activation mail went through the server, too
	require.Equal(t, 1, tried("olivia@acme.example"))

	rep, err := org.Admin().Invite(t.Context(), orgusers.Invitation{
		To: "nobody@acme.example, grey@acme.example, jane@acme.example", Role: orgusers.RoleMember,
	})
	require.NoError(t, err)
	require.NoError(t, rep.Err())
	w.Dispatch()

	require.Equal(t, 1, tried("jane@acme.example"))
	dead, err := w.Operator().DeadLetters(t.Context(), "", 0)
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.Equal(t, "nobody@acme.example", dead[0].Mail.To)
	require.Equal(t, 1, dead[0].Attempts)
	require.Equal(t, "smtpmailer: RCPT TO: 550 5.1.1 <[redacted]>: no such user", dead[0].LastError)

	waiting, err := w.Operator().Backlog(t.Context(), "", 0)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.Equal(t, "grey@acme.example", waiting[0].Mail.To)
	require.Equal(t, "smtpmailer: RCPT TO: 451 4.7.1 greylisted, come back", waiting[0].LastError)
	require.Equal(t, w.Clock.Now().Add(time.Minute), waiting[0].DueAt)

	w.Clock.Tick(59 * time.Second)
	w.Dispatch()
	require.Equal(t, 1, tried("grey@acme.example"), "not before it is due")
	w.Clock.Tick(time.Second)
	w.Dispatch()
	require.Equal(t, 2, tried("grey@acme.example"))
	require.Equal(t, 1, tried("nobody@acme.example"), "and never again")
	waiting, err = w.Operator().Backlog(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, waiting)

	for _, who := range []string{"jane@acme.example", "grey@acme.example"} {
		_, err = w.Visitor().AcceptInvitation(t.Context(), s.tokenFor(t, who), world.NewAccount(who))
		require.NoError(t, err)
	}
}

// tokenFor reads the secret out of the mail that arrived, as the person would click it.
func (s *server) tokenFor(t *testing.T, to string) string {
	t.Helper()
	for _, got := range s.all() {
		if got.to != to {
			continue
		}
		href := regexp.MustCompile(`href="(https://app\.example\.com/[^"]*)"`).FindStringSubmatch(parse(t, got.raw).html)
		require.NotNil(t, href)
		u, err := url.Parse(html.UnescapeString(href[1]))
		require.NoError(t, err)
		return u.Query().Get("token")
	}
	require.Fail(t, "no mail to "+to)
	return ""
}

// A password that has expired must not empty the outbox into the dead letters: all mails wait, and
// leave when it is mended.
func TestS222_WrongCredentialsKeepTheMails(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *server) { s.mechanism = sasl.Plain })
	carrier := &through{smtp: s.connect(t, credentials)}
	w := world.New(t, memstore.New(), func(c *orgusers.Config) {
		carrier.inbox = c.Mailer.(*world.Inbox)
		c.Mailer = carrier
	})
	org := w.NewOrg("Acme", "olivia@acme.example")
	w.Dispatch()
	before := len(s.all())

	carrier.smtp = s.connect(t, credentials, func(c *smtpmailer.Config) { c.Password = "expired" })
	rep, err := org.Admin().Invite(t.Context(), orgusers.Invitation{To: "a@acme.example, b@acme.example", Role: orgusers.RoleMember})
	require.NoError(t, err)
	require.NoError(t, rep.Err())
	w.Dispatch()
	require.Len(t, s.all(), before)
	dead, err := w.Operator().DeadLetters(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, dead)

	carrier.smtp = s.connect(t, credentials)
	w.Clock.Tick(time.Minute)
	w.Dispatch()
	require.Len(t, s.all(), before+2)
}
