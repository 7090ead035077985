package smtpmailer_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/mailer/smtpmailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	from     = "Acme CMS <no-reply@acme.example>"
	username = "relay-user@acme.example"
	password = "Tr0ub4dor and three more"
	token    = "q7Yd-3kZ_w0PmLx9vT2sBn5RfHc8JgA1"
	link     = "https://app.acme.example:8443/users/password?next=%2Fa%26b&token=" + token
	mailID   = "0198f3a2-7c00-7abc-8def-0123456789ab" // a UUID of version 7
)

// resetMail is a mail with a link.
func resetMail(to string) orgusers.Mail {
	return orgusers.Mail{ID: mailID, Link: link, MailData: orgusers.MailData{
		Kind: orgusers.MailPasswordReset, To: to, ToName: "Ben Reader", OrgName: "Acme", ActorName: "Olive",
	}}
}

// server is an SMTP server on loopback. What it does at a step is decided by the test; a hook that
// is nil takes everything.
type server struct {
	*smtp.Server
	port      int
	implicit  bool
	mechanism string // of AUTH; empty: none is offered or asked for

	onAuth func(c *smtp.Conn) error
	onMail func(from string) error
	onRcpt func(to string) error
	onData func(c *smtp.Conn, data []byte) error

	mu       sync.Mutex
	sessions int
	mails    []received
}

// received is a mail the server has read to its end.
type received struct {
	from, to  string
	encrypted bool
	utf8      bool // SMTPUTF8 was asked for
	raw       []byte
}

// start runs a server that offers STARTTLS, with a certificate of its own making, unless an option
// says otherwise.
func start(t *testing.T, options ...func(*server)) *server {
	t.Helper()
	s := &server{}
	s.Server = smtp.NewServer(smtp.BackendFunc(s.session))
	s.ErrorLog = log.New(io.Discard, "", 0)
	s.Domain = "mx.acme.example"
	s.EnableSMTPUTF8 = true
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate()}, MinVersion: tls.VersionTLS12}
	for _, o := range options {
		o(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.port = l.Addr().(*net.TCPAddr).Port
	if s.implicit {
		l = tls.NewListener(l, s.TLSConfig)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		_ = l.Close() // if Serve has not come so far as to know it
		require.NoError(t, <-done)
	})
	return s
}

func (s *server) session(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions++
	sess := &session{s: s, c: c}
	if s.mechanism != "" {
		return &authSession{session: sess}, nil
	}
	return sess, nil
}

// all returns what has been received.
func (s *server) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.mails...)
}

// one returns the only mail received.
func (s *server) one(t *testing.T) received {
	t.Helper()
	mails := s.all()
	require.Len(t, mails, 1)
	return mails[0]
}

type session struct {
	s   *server
	c   *smtp.Conn
	cur received
}

func (c *session) Reset()        { c.cur = received{} }
func (c *session) Logout() error { return nil }

func (c *session) Mail(from string, o *smtp.MailOptions) error {
	c.cur.from, c.cur.utf8 = from, o.UTF8
	if c.s.onMail != nil {
		return c.s.onMail(from)
	}
	return nil
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.cur.to = to
	if c.s.onRcpt != nil {
		return c.s.onRcpt(to)
	}
	return nil
}

func (c *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if c.s.onData != nil {
		if err := c.s.onData(c.c, raw); err != nil {
			return err
		}
	}
	_, c.cur.encrypted = c.c.TLSConnectionState()
	c.cur.raw = raw
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.mails = append(c.s.mails, c.cur)
	return nil
}

// authSession takes no mail before the right credentials.
type authSession struct {
	*session
	ok bool
}

func (c *authSession) AuthMechanisms() []string { return []string{c.s.mechanism} }

func (c *authSession) Auth(mech string) (sasl.Server, error) {
	check := func(user, pass string) error {
		if c.s.onAuth != nil {
			return c.s.onAuth(c.c)
		}
		if user != username || pass != password {
			return smtp.ErrAuthFailed
		}
		c.ok = true
		return nil
	}
	switch mech {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, user, pass string) error { return check(user, pass) }), nil
	case sasl.Login:
		return &loginServer{check: check}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (c *authSession) Mail(from string, o *smtp.MailOptions) error {
	if !c.ok {
		return smtp.ErrAuthRequired
	}
	return c.session.Mail(from, o)
}

// loginServer speaks AUTH LOGIN, for which package sasl has the client only.
type loginServer struct {
	check func(user, pass string) error
	user  []byte
	asked bool
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case !l.asked:
		l.asked = true
		return []byte("Username:"), false, nil
	case l.user == nil:
		l.user = response
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(string(l.user), string(response))
}

// connect returns a mailer for the server that trusts its certificate.
func (s *server) connect(t *testing.T, change ...func(*smtpmailer.Config)) *smtpmailer.Mailer {
	t.Helper()
	return dial(t, s.port, change...)
}

func dial(t *testing.T, port int, change ...func(*smtpmailer.Config)) *smtpmailer.Mailer {
	t.Helper()
	c := config(t)
	c.Port = port
	for _, f := range change {
		f(&c)
	}
	m, err := smtpmailer.New(c)
	require.NoError(t, err)
	return m
}

func config(t *testing.T) smtpmailer.Config {
	t.Helper()
	texts, err := mailer.NewTexts(mailer.Config{Product: "Acme CMS"})
	require.NoError(t, err)
	return smtpmailer.Config{
		Host: "127.0.0.1", From: from, Texts: texts, Timeout: 20 * time.Second,
		TLSConfig: &tls.Config{RootCAs: trusted(), MinVersion: tls.VersionTLS12},
	}
}

func credentials(c *smtpmailer.Config) { c.Username, c.Password = username, password }

func plaintext(c *smtpmailer.Config) { c.TLS, c.TLSConfig = smtpmailer.UnsafePlaintext, nil }

func timeout(d time.Duration) func(*smtpmailer.Config) {
	return func(c *smtpmailer.Config) { c.Timeout = d }
}

// certificate is one for 127.0.0.1, signed by itself.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

func trusted() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(certificate().Leaf)
	return pool
}

// letter is a mail as a reader's program takes it apart.
type letter struct {
	header     mail.Header
	text, html string
}

func parse(t *testing.T, raw []byte) letter {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	l := letter{header: msg.Header}
	r := multipart.NewReader(msg.Body, params["boundary"])
	for i, want := range []string{"text/plain", "text/html"} {
		p, err := r.NextPart() // decodes quoted-printable
		require.NoError(t, err)
		kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		require.NoError(t, err)
		require.Equal(t, want, kind)
		require.Equal(t, "utf-8", params["charset"])
		body, err := io.ReadAll(p)
		require.NoError(t, err)
		*[]*string{&l.text, &l.html}[i] = string(body)
	}
	_, err = r.NextPart()
	require.ErrorIs(t, err, io.EOF)
	return l
}
