package smtpmailer

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// stage is how far a delivery has come.
type stage int

const (
	stageConnect stage = iota
	stageHandshake
	stageGreeting
	stageHello
	stageSTARTTLS
	stageAuth
	stageSender
	stageRecipient
	stageData
	stageContent
	stageEnd
)

func (s stage) String() string {
	switch s {
	case stageConnect:
		return "connect"
	case stageHandshake:
		return "TLS handshake"
	case stageGreeting:
		return "greeting"
	case stageHello:
		return "EHLO"
	case stageSTARTTLS:
		return "STARTTLS"
	case stageAuth:
		return "AUTH"
	case stageSender:
		return "MAIL FROM"
	case stageRecipient:
		return "RCPT TO"
	case stageData:
		return "DATA"
	case stageContent:
		return "content"
	}
	return "reply to the content"
}

const (
	quitWait  = 2 * time.Second // for the farewell, after which nothing depends on the server
	replySize = 1 << 20         // bytes that one connection may send us; a delivery takes a few thousand
)

// deliver carries out one delivery and returns the stage at which it failed. When the context ends
// the connection is closed under it: package smtp knows deadlines only, and sets its own.
func (m *Mailer) deliver(ctx context.Context, to string, eml []byte) (stage, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", m.address)
	if err != nil {
		return stageConnect, err
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()

	client, at, err := m.open(ctx, &bounded{Conn: raw, left: replySize})
	if err != nil {
		return at, err
	}
	at, err = m.transact(client, to, eml)
	if reply := (*textproto.Error)(nil); err == nil || errors.As(err, &reply) {
		// Both sides know where they are, so we part politely. What comes of it changes nothing.
		_ = raw.SetDeadline(time.Now().Add(quitWait))
		_ = client.Quit()
	}
	return at, err
}

// open does what comes before a mail: greeting, encryption, authentication.
func (m *Mailer) open(ctx context.Context, conn net.Conn) (*smtp.Client, stage, error) {
	if m.mode == ImplicitTLS {
		secured := tls.Client(conn, m.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, stageHandshake, err
		}
		conn = secured
	}
	client, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return nil, stageGreeting, err
	}
	client.SkipSMTPUTF8(true) // our addresses are ASCII, and the next server may not have it
	if err := client.Hello(m.helo); err != nil {
		return nil, stageHello, err
	}
	if m.mode == STARTTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return nil, stageSTARTTLS, errors.New("the server does not offer it")
		}
		if err := client.StartTLS(m.tls); err != nil {
			return nil, stageSTARTTLS, err
		}
	}
	if m.user != "" {
		if err := m.authenticate(client); err != nil {
			return nil, stageAuth, err
		}
	}
	return client, stageAuth, nil
}

var errNoMechanism = errors.New("the server offers neither PLAIN nor LOGIN")

func (m *Mailer) authenticate(client *smtp.Client) error {
	_, offer := client.Extension("AUTH")
	mechanisms := strings.Fields(offer)
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		return client.Auth(smtp.PlainAuth("", string(m.user), string(m.pass), m.host, false))
	case slices.Contains(mechanisms, "LOGIN"):
		return client.Auth(smtp.LoginAuth(string(m.user), string(m.pass), m.host, false))
	}
	return errNoMechanism
}

// transact sends one mail. It succeeds when the server has confirmed the content.
func (m *Mailer) transact(client *smtp.Client, to string, eml []byte) (stage, error) {
	if err := client.Mail("<" + m.sender + ">"); err != nil {
		return stageSender, err
	}
	if err := client.Rcpt("<" + to + ">"); err != nil {
		return stageRecipient, err
	}
	w, err := client.Data()
	if err != nil {
		return stageData, err
	}
	if _, err := w.Write(eml); err != nil {
		return stageContent, err // not closed: without the final dot the server drops it
	}
	return stageEnd, w.Close()
}

var errEndless = errors.New("the server sends without end")

// bounded ends a connection that sends without end: the lines of a reply have no limit of their own.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errEndless
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
