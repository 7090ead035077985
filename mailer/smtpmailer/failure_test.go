package smtpmailer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/mailer/smtpmailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Which reply gives a mail up, at which step. What comes before the recipient, and what is about
// credentials, is the same for all mails and in the host's hands.
func TestS222_PermanentOrNot(t *testing.T) {
	t.Parallel()
	var reply *smtp.SMTPError // what the server says
	var at string             // and when
	say := func(step string) error {
		if step == at {
			return reply
		}
		return nil
	}
	s := start(t, func(s *server) {
		s.onMail = func(string) error { return say("MAIL FROM") }
		s.onRcpt = func(string) error { return say("RCPT TO") }
		s.onData = func(*smtp.Conn, []byte) error { return say("reply to the content") }
	})
	m := s.connect(t)
	for _, c := range []struct {
		at        string
		code      int
		enhanced  smtp.EnhancedCode
		permanent bool
	}{
		{"MAIL FROM", 451, smtp.EnhancedCode{4, 3, 0}, false},
		{"MAIL FROM", 550, smtp.EnhancedCode{5, 7, 1}, false}, // the sender, which is in the settings
		{"MAIL FROM", 530, smtp.EnhancedCode{5, 7, 0}, false},
		{"RCPT TO", 421, smtp.EnhancedCode{4, 3, 2}, false},
		{"RCPT TO", 450, smtp.EnhancedCode{4, 2, 1}, false},
		{"RCPT TO", 451, smtp.EnhancedCode{4, 7, 1}, false},
		{"RCPT TO", 452, smtp.EnhancedCode{4, 2, 2}, false},
		{"RCPT TO", 530, smtp.EnhancedCode{5, 7, 0}, false}, // STARTTLS or AUTH first
		{"RCPT TO", 535, smtp.EnhancedCode{5, 7, 8}, false},
		{"RCPT TO", 501, smtp.EnhancedCode{5, 1, 3}, true},
		{"RCPT TO", 550, smtp.EnhancedCode{5, 1, 1}, true},
		{"RCPT TO", 552, smtp.EnhancedCode{5, 2, 2}, true},
		{"RCPT TO", 599, smtp.EnhancedCode{5, 0, 0}, true},
		{"RCPT TO", 600, smtp.EnhancedCode{5, 0, 0}, false}, // no such class
		{"RCPT TO", 300, smtp.EnhancedCode{2, 0, 0}, false}, // not an answer to RCPT
		{"reply to the content", 451, smtp.EnhancedCode{4, 3, 0}, false},
		{"reply to the content", 452, smtp.EnhancedCode{4, 3, 1}, false},
		{"reply to the content", 550, smtp.EnhancedCode{5, 7, 1}, true},
		{"reply to the content", 554, smtp.EnhancedCode{5, 6, 0}, true},
	} {
		at = c.at
		reply = &smtp.SMTPError{Code: c.code, EnhancedCode: c.enhanced, Message: "because I say so"}
		err := m.Send(t.Context(), resetMail("ben@reader.example"))
		want := fmt.Sprintf("smtpmailer: %s: %d %d.%d.%d because I say so", c.at, c.code, c.enhanced[0], c.enhanced[1], c.enhanced[2])
		require.EqualError(t, err, want)
		require.Equal(t, c.permanent, errors.Is(err, orgusers.ErrPermanent), want)
		var got *textproto.Error
		require.ErrorAs(t, err, &got)
		require.Equal(t, c.code, got.Code)
		require.Empty(t, s.all())
	}
	at = ""
	require.NoError(t, m.Send(t.Context(), resetMail("ben@reader.example")))
	s.one(t)
}

// The steps that go-smtp decides by itself.
func TestRefusedBeforeAndAtDATA(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at, reply, want string
		permanent       bool
	}{
		{"greeting", "554 5.3.2 closed", "smtpmailer: greeting: 554 5.3.2 closed", false},
		{"greeting", "421 busy", "smtpmailer: greeting: 421 busy", false},
		{"EHLO", "550 go away\r\n550 HELO neither", "smtpmailer: EHLO: 550 go away", false},
		{"STARTTLS", "454 4.7.0 no certificate", "smtpmailer: STARTTLS: 454 4.7.0 no certificate", false},
		{"STARTTLS", "554 5.7.0 no", "smtpmailer: STARTTLS: 554 5.7.0 no", false},
		{"DATA", "451 4.3.0 later", "smtpmailer: DATA: 451 4.3.0 later", false},
		{"DATA", "554-5.5.1 no\r\n554 5.5.1 never", "smtpmailer: DATA: 554 5.5.1 no 5.5.1 never", true},
		{"DATA", "250 what?", "smtpmailer: DATA: 250 what?", false},
		{"content", "rubbish " + link, "smtpmailer: reply to the content, so the mail may have arrived: short response: \"rubbish [redacted]", false},
	} {
		port := puppet(t, c.at, func(conn net.Conn) {
			_, _ = io.WriteString(conn, c.reply+"\r\n221 bye\r\n")
			_, _ = io.Copy(io.Discard, conn)
		})
		mode := plaintext
		if c.at == "STARTTLS" {
			mode = func(*smtpmailer.Config) {}
		}
		err := dial(t, port, mode).Send(t.Context(), resetMail("ben@reader.example"))
		require.ErrorContains(t, err, c.want)
		require.Equal(t, c.permanent, errors.Is(err, orgusers.ErrPermanent), c.want)
		require.NotContains(t, err.Error(), token)
	}
}

// Nobody is there, or the line goes dead: try later. After the content has gone out, the error says
// that the mail may have arrived.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	err = dial(t, l.Addr().(*net.TCPAddr).Port).Send(t.Context(), resetMail("ben@reader.example"))
	require.ErrorContains(t, err, "smtpmailer: connect: ")
	require.NotErrorIs(t, err, orgusers.ErrPermanent)

	for _, at := range []string{"greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"} {
		port := puppet(t, at, func(net.Conn) {})
		err := dial(t, port, plaintext).Send(t.Context(), resetMail("ben@reader.example"))
		require.Error(t, err, at)
		require.NotErrorIs(t, err, orgusers.ErrPermanent, at)
		require.Equal(t, at == "content", strings.Contains(err.Error(), "may have arrived"), "%s: %v", at, err)
	}
}

// The server takes the mail and is gone before it can say so. The second attempt is the same mail.
func TestS219_DroppedAfterDATA(t *testing.T) {
	t.Parallel()
	first := true
	s := start(t, func(s *server) {
		s.onData = func(c *smtp.Conn, _ []byte) error {
			if first {
				first = false
				return c.Conn().Close()
			}
			return nil
		}
	})
	m := s.connect(t)
	err := m.Send(t.Context(), resetMail("ben@reader.example"))
	require.ErrorContains(t, err, "smtpmailer: reply to the content, so the mail may have arrived: ") // EOF, or reset
	require.NotErrorIs(t, err, orgusers.ErrPermanent)
	require.NoError(t, m.Send(t.Context(), resetMail("ben@reader.example")))
	mails := s.all()
	require.Len(t, mails, 2)
	require.Equal(t, string(mails[0].raw), string(mails[1].raw), "Message-ID and all")
}

// A server that falls silent holds nobody longer than the time limit or the context, at any step.
func TestS222_SilentServer(t *testing.T) {
	t.Parallel()
	silent := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) } // until we hang up
	in := func(mode smtpmailer.TLSMode) func(*smtpmailer.Config) {
		return func(c *smtpmailer.Config) {
			if c.TLS = mode; mode == smtpmailer.UnsafePlaintext {
				c.TLSConfig = nil
			}
		}
	}
	type place struct {
		name string
		port int
		mode smtpmailer.TLSMode
	}
	var places []place
	for _, at := range []string{"greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"} {
		places = append(places, place{at, puppet(t, at, silent), smtpmailer.UnsafePlaintext})
	}
	auth := start(t, func(s *server) {
		s.mechanism = sasl.Plain
		s.onAuth = func(c *smtp.Conn) error { silent(c.Conn()); return io.EOF }
	})
	secured := start(t, func(s *server) {
		s.onData = func(c *smtp.Conn, _ []byte) error { silent(c.Conn()); return io.EOF }
	})
	places = append(places,
		place{"TLS handshake", puppet(t, "greeting", silent), smtpmailer.ImplicitTLS},
		place{"STARTTLS", puppet(t, "STARTTLS", silent), smtpmailer.STARTTLS},
		place{"handshake after STARTTLS", puppet(t, "STARTTLS", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "220 go\r\n")
			silent(conn)
		}), smtpmailer.STARTTLS},
		place{"AUTH", auth.port, smtpmailer.STARTTLS},
		place{"content over TLS", secured.port, smtpmailer.STARTTLS},
	)
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			options := []func(*smtpmailer.Config){in(p.mode)}
			if p.name == "AUTH" {
				options = append(options, credentials)
			}
			begin := time.Now()
			short := dial(t, p.port, append(options, timeout(200*time.Millisecond))...)
			err := short.Send(t.Context(), resetMail("ben@reader.example"))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, orgusers.ErrPermanent)

			ctx, cancel := context.WithCancel(t.Context())
			stop := time.AfterFunc(200*time.Millisecond, cancel)
			defer stop.Stop()
			err = dial(t, p.port, options...).Send(ctx, resetMail("ben@reader.example"))
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, orgusers.ErrPermanent)
			require.Less(t, time.Since(begin), 5*time.Second)
		})
	}
}

// Once the server has taken the mail, nothing makes it fail: not silence, not a bad farewell, and
// not the end of the context.
func TestAcceptedIsAccepted(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(net.Conn){
		"silent":  func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		"gone":    func(net.Conn) {},
		"refused": func(conn net.Conn) { _, _ = io.WriteString(conn, "500 no\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			require.NoError(t, dial(t, puppet(t, "QUIT", act), plaintext).Send(t.Context(), resetMail("ben@reader.example")))
			require.Less(t, time.Since(begin), 5*time.Second, "silence costs two seconds")
		})
	}
	t.Run("late", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		port := puppet(t, "QUIT", func(net.Conn) { cancel() })
		require.NoError(t, dial(t, port, plaintext).Send(ctx, resetMail("ben@reader.example")))
	})
}

// A server that never ends its reply, or a line of it, fills neither the memory nor the time.
func TestEndlessReply(t *testing.T) {
	t.Parallel()
	for piece, want := range map[string]string{
		"250-more\r\n": "smtpmailer: RCPT TO: the server sends without end",
		"x":            "smtpmailer: RCPT TO: short response: …",
	} {
		begin := time.Now()
		port := puppet(t, "RCPT", func(conn net.Conn) {
			for block := strings.Repeat(piece, 1<<10); ; {
				if _, err := io.WriteString(conn, block); err != nil {
					return
				}
			}
		})
		err := dial(t, port, plaintext).Send(t.Context(), resetMail("ben@reader.example"))
		require.ErrorContains(t, err, want)
		require.LessOrEqual(t, len(err.Error()), 450)
		require.NotErrorIs(t, err, orgusers.ErrPermanent)
		require.Less(t, time.Since(begin), 10*time.Second)
	}
}

// puppet is a server that behaves until the client has said what belongs to a step; then it hands
// the connection to act, and hangs up when that returns. It offers STARTTLS only to fail at it.
func puppet(t *testing.T, at string, act func(net.Conn)) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				play(conn, at, act)
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		wg.Wait() // ends only if the client has hung up
	})
	return l.Addr().(*net.TCPAddr).Port
}

func play(conn net.Conn, at string, act func(net.Conn)) {
	if at == "greeting" {
		act(conn)
		return
	}
	text := textproto.NewConn(conn)
	say := func(line string) { _ = text.PrintfLine("%s", line) }
	say("220 puppet")
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		command := strings.ToUpper(line[:min(4, len(line))])
		if strings.HasPrefix(at, command) || at == "EHLO" && command == "HELO" {
			act(conn)
			return
		}
		switch command {
		case "EHLO":
			say("250-puppet")
			if at == "STARTTLS" {
				say("250-STARTTLS")
			}
			say("250 8BITMIME")
		case "DATA":
			say("354 go on")
			if _, err := text.ReadDotBytes(); err != nil {
				return
			}
			if at == "content" {
				act(conn)
				return
			}
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}
