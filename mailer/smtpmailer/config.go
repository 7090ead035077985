package smtpmailer

import (
	"bytes"
	"crypto/tls"
	"net/mail"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Config is what [New] needs. Host, From and Texts are required; the rest works at zero.
type Config struct {
	Host string // name (in ASCII) or IP address of the server, without a port
	Port int    // 0: 587 for STARTTLS, 465 for ImplicitTLS, 25 for UnsafePlaintext

	// Username and Password are sent by AUTH PLAIN, or LOGIN where the server has no PLAIN. Both or
	// none; none: no authentication. Both are of a type that does not print, because some providers
	// use one token as both.
	Username, Password Secret

	From string  // the sender, "Acme <no-reply@acme.example>": header, envelope, and domain of the Message-ID
	TLS  TLSMode // zero: STARTTLS

	// TLSConfig is copied. nil: the system's certificate authorities, at least TLS 1.2, and the name
	// that stands in Host. A server with a certificate of one's own wants it in RootCAs; a
	// configuration that checks no certificate, or allows less than TLS 1.2, is refused.
	TLSConfig *tls.Config

	Timeout time.Duration // of one mail, from the connection to the server's last reply: 1 ms to 10 min; 0: 30 s
	HELO    string        // the name this machine gives itself; empty: its host name
	Texts   *mailer.Texts
}

// TLSMode says how the connection is protected.
type TLSMode int

const (
	// STARTTLS begins in the clear and demands TLS before anything of a mail is sent. A server that
	// does not offer it gets no mail.
	STARTTLS TLSMode = iota
	// ImplicitTLS is TLS from the first byte (RFC 8314).
	ImplicitTLS
	// UnsafePlaintext never encrypts. Whoever can listen can use the links, so it is for a relay on
	// the same machine, and it does not send credentials.
	UnsafePlaintext
)

// String returns the name of the mode.
func (m TLSMode) String() string {
	switch m {
	case STARTTLS:
		return "STARTTLS"
	case ImplicitTLS:
		return "ImplicitTLS"
	case UnsafePlaintext:
		return "UnsafePlaintext"
	}
	return "unknown"
}

func (m TLSMode) port() int {
	switch m {
	case ImplicitTLS:
		return 465
	case UnsafePlaintext:
		return 25
	}
	return 587
}

const (
	defaultTimeout = 30 * time.Second
	minTimeout     = time.Millisecond
	maxTimeout     = 10 * time.Minute
)

// fill puts in what was left out and returns what is wrong, and the bare address of the sender.
func (c *Config) fill() (sender string, bad []orgusers.FieldError) {
	add := func(field string, r orgusers.Reason, message string) {
		bad = append(bad, orgusers.FieldError{Field: field, Reason: r, Message: message})
	}
	if c.Host == "" {
		add("host", orgusers.ReasonRequired, "is required")
	} else if _, err := netip.ParseAddr(c.Host); err != nil && !isHostName(c.Host) {
		add("host", orgusers.ReasonSyntax, "must be a host name in ASCII or an IP address, without a port")
	}
	if c.Port == 0 {
		c.Port = c.TLS.port()
	}
	if c.Port < 1 || c.Port > 65535 {
		add("port", orgusers.ReasonRange, "must be from 1 to 65535")
	}
	switch {
	case (c.Username == "") != (c.Password == ""):
		field := "username"
		if c.Password == "" {
			field = "password"
		}
		add(field, orgusers.ReasonRequired, "is required: user name and password come together")
	case c.Username != "" && c.TLS == UnsafePlaintext:
		add("username", orgusers.ReasonRange, "must be empty, because credentials are not sent in the clear")
	}
	for _, s := range []struct {
		field string
		value Secret
	}{{"username", c.Username}, {"password", c.Password}} {
		if strings.Contains(string(s.value), "\x00") { // it separates the two in AUTH PLAIN
			add(s.field, orgusers.ReasonCharacter, "must not contain NUL")
		}
	}
	sender, err := senderOf(c.From)
	if c.From == "" {
		add("from", orgusers.ReasonRequired, "is required")
	} else if err != nil {
		add("from", orgusers.ReasonSyntax, `must be one ASCII address with an optional name, "Acme <no-reply@acme.example>"`)
	}
	if c.TLS < STARTTLS || c.TLS > UnsafePlaintext {
		add("tls", orgusers.ReasonUnknown, "must be STARTTLS, ImplicitTLS or UnsafePlaintext")
	}
	if message := c.fillTLS(); message != "" {
		add("tls_config", orgusers.ReasonRange, message)
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Timeout < minTimeout || c.Timeout > maxTimeout {
		add("timeout", orgusers.ReasonRange, "must be from a millisecond to 10 minutes")
	}
	if c.HELO == "" {
		c.HELO = localName()
	}
	if !isHostName(c.HELO) && !isAddressLiteral(c.HELO) {
		add("helo", orgusers.ReasonSyntax, `must be a host name in ASCII or an address literal, "[192.0.2.1]"`)
	}
	if c.Texts == nil {
		add("texts", orgusers.ReasonRequired, "is required")
	}
	return sender, bad
}

// fillTLS makes the configuration our own and returns what is wrong with it.
func (c *Config) fillTLS() string {
	own := c.TLSConfig.Clone() // nil stays nil
	switch {
	case own == nil:
		own = &tls.Config{MinVersion: tls.VersionTLS12}
	case c.TLS == UnsafePlaintext:
		return "must be nil, because UnsafePlaintext does not use it"
	case own.InsecureSkipVerify && own.VerifyConnection == nil && own.VerifyPeerCertificate == nil:
		return "must check the server's certificate: put one of your own into RootCAs"
	case own.MinVersion != 0 && own.MinVersion < tls.VersionTLS12, own.MaxVersion != 0 && own.MaxVersion < tls.VersionTLS12:
		return "must not allow less than TLS 1.2"
	}
	own.MinVersion = max(own.MinVersion, tls.VersionTLS12)
	if own.ServerName == "" {
		own.ServerName = c.Host
	}
	c.TLSConfig = own
	return ""
}

// senderOf returns the bare address as it stands in the header of a mail, its domain in A-labels, so
// that header and envelope cannot differ.
func senderOf(from string) (string, error) {
	eml, err := mailer.Message{ID: "try", To: "to@example.com"}.EML(from, time.Unix(0, 0))
	if err != nil {
		return "", err
	}
	msg, err := mail.ReadMessage(bytes.NewReader(eml))
	if err != nil {
		return "", err
	}
	senders, err := msg.Header.AddressList("From")
	if err != nil {
		return "", err
	}
	return senders[0].Address, nil
}

// localName is how the machine calls itself, if it has told us something that can stand in EHLO.
func localName() string {
	if name, err := os.Hostname(); err == nil && isHostName(name) {
		return name
	}
	return "localhost"
}

// isHostName takes what names of machines are made of, underscores included, and nothing that could
// end a line, name a socket or begin a port.
func isHostName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}

func isAddressLiteral(s string) bool {
	inner, open := strings.CutPrefix(s, "[")
	inner, shut := strings.CutSuffix(inner, "]")
	a, err := netip.ParseAddr(strings.TrimPrefix(inner, "IPv6:"))
	return open && shut && err == nil && a.Zone() == ""
}
