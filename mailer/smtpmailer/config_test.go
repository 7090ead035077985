package smtpmailer_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/mailer/smtpmailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Everything that is wrong is named at once, and nothing of a secret is repeated.
func TestS232_EveryBadFieldIsNamed(t *testing.T) {
	t.Parallel()
	_, err := smtpmailer.New(smtpmailer.Config{
		Host: "smtp.acme.example:587", Port: -1, Username: "relay\x00user", From: "nobody", TLS: 7,
		TLSConfig: &tls.Config{InsecureSkipVerify: true}, Timeout: -1, HELO: "a b",
	})
	require.ErrorIs(t, err, orgusers.ErrInvalid)
	var e *orgusers.Error
	require.ErrorAs(t, err, &e)
	var fields []string
	for _, f := range e.Fields {
		fields = append(fields, f.Field)
		require.Contains(t, err.Error(), f.Field+": ")
		require.NotEmpty(t, f.Reason)
	}
	require.Equal(t, []string{"host", "port", "password", "username", "from", "tls", "tls_config", "timeout", "helo", "texts"}, fields)
	require.NotContains(t, err.Error(), "relay")

	_, err = smtpmailer.New(smtpmailer.Config{})
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Fields, 3, "host, from and texts are all that is required")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*smtpmailer.Config)
		field  string // that is refused; empty: none
	}{
		"as it is":            {func(*smtpmailer.Config) {}, ""},
		"name":                {func(c *smtpmailer.Config) { c.Host = "smtp.provider.example" }, ""},
		"name with a dot":     {func(c *smtpmailer.Config) { c.Host = "smtp.provider.example." }, ""},
		"underscore":          {func(c *smtpmailer.Config) { c.Host = "mail_relay" }, ""},
		"IPv6":                {func(c *smtpmailer.Config) { c.Host = "2001:db8::25" }, ""},
		"IPv6 in brackets":    {func(c *smtpmailer.Config) { c.Host = "[2001:db8::25]" }, "host"},
		"socket":              {func(c *smtpmailer.Config) { c.Host = "unix:///run/smtp" }, "host"},
		"URL":                 {func(c *smtpmailer.Config) { c.Host = "smtp://relay" }, "host"},
		"IDN":                 {func(c *smtpmailer.Config) { c.Host = "bücher.example" }, "host"},
		"line break in host":  {func(c *smtpmailer.Config) { c.Host = "relay\r\nQUIT" }, "host"},
		"empty label":         {func(c *smtpmailer.Config) { c.Host = "a..b" }, "host"},
		"hyphen first":        {func(c *smtpmailer.Config) { c.Host = "-a.example" }, "host"},
		"long label":          {func(c *smtpmailer.Config) { c.Host = strings.Repeat("a", 64) }, "host"},
		"long name":           {func(c *smtpmailer.Config) { c.Host = strings.Repeat("a.", 127) + "b" }, "host"},
		"high port":           {func(c *smtpmailer.Config) { c.Port = 65536 }, "port"},
		"name alone":          {func(c *smtpmailer.Config) { c.Username = "a" }, "password"},
		"password alone":      {func(c *smtpmailer.Config) { c.Password = "a" }, "username"},
		"NUL":                 {func(c *smtpmailer.Config) { c.Username, c.Password = "a", "a\x00b" }, "password"},
		"clear credentials":   {func(c *smtpmailer.Config) { credentials(c); plaintext(c) }, "username"},
		"TLS for plaintext":   {func(c *smtpmailer.Config) { c.TLS = smtpmailer.UnsafePlaintext }, "tls_config"},
		"plaintext":           {plaintext, ""},
		"bare sender":         {func(c *smtpmailer.Config) { c.From = "a@acme.example" }, ""},
		"two senders":         {func(c *smtpmailer.Config) { c.From = "a@acme.example, b@acme.example" }, "from"},
		"sender in UTF-8":     {func(c *smtpmailer.Config) { c.From = "é@acme.example" }, "from"},
		"sender, line break":  {func(c *smtpmailer.Config) { c.From = "\"A\r\nBcc: x@x.example\" <a@acme.example>" }, "from"},
		"negative mode":       {func(c *smtpmailer.Config) { c.TLS = -1 }, "tls"},
		"TLS 1.0":             {func(c *smtpmailer.Config) { c.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS10} }, "tls_config"},
		"at most TLS 1.1":     {func(c *smtpmailer.Config) { c.TLSConfig = &tls.Config{MaxVersion: tls.VersionTLS11} }, "tls_config"},
		"own check":           {func(c *smtpmailer.Config) { c.TLSConfig = pinned() }, ""},
		"too patient":         {func(c *smtpmailer.Config) { c.Timeout = 11 * time.Minute }, "timeout"},
		"HELO literal":        {func(c *smtpmailer.Config) { c.HELO = "[192.0.2.1]" }, ""},
		"HELO IPv6 literal":   {func(c *smtpmailer.Config) { c.HELO = "[IPv6:2001:db8::25]" }, ""},
		"HELO, open literal":  {func(c *smtpmailer.Config) { c.HELO = "[192.0.2.1" }, "helo"},
		"HELO, line break":    {func(c *smtpmailer.Config) { c.HELO = "a\r\nMAIL FROM:<x>" }, "helo"},
		"HELO in other words": {func(c *smtpmailer.Config) { c.HELO = "host one" }, "helo"},
	} {
		conf := config(t)
		c.change(&conf)
		m, err := smtpmailer.New(conf)
		if c.field == "" {
			require.NoError(t, err, name)
			continue
		}
		require.Nil(t, m, name)
		var e *orgusers.Error
		require.ErrorAs(t, err, &e, name)
		require.Len(t, e.Fields, 1, name)
		require.Equal(t, c.field, e.Fields[0].Field, name)
	}
}

// pinned checks the certificate by itself, which is as good.
func pinned() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, VerifyConnection: func(tls.ConnectionState) error { return nil }}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for mode, want := range map[smtpmailer.TLSMode]string{
		smtpmailer.STARTTLS:        "smtpmailer.Mailer{relay.example:587}",
		smtpmailer.ImplicitTLS:     "smtpmailer.Mailer{relay.example:465}",
		smtpmailer.UnsafePlaintext: "smtpmailer.Mailer{relay.example:25}",
	} {
		c := config(t)
		c.Host, c.TLS, c.TLSConfig = "relay.example", mode, nil
		m, err := smtpmailer.New(c)
		require.NoError(t, err)
		require.Equal(t, want, m.String())
	}
	require.Equal(t, "STARTTLS ImplicitTLS UnsafePlaintext unknown",
		fmt.Sprint(smtpmailer.STARTTLS, smtpmailer.ImplicitTLS, smtpmailer.UnsafePlaintext, smtpmailer.TLSMode(9)))
}

// The host's TLS configuration stays the host's.
func TestTLSConfigIsCopied(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.TLSConfig = &tls.Config{RootCAs: trusted()}
	_, err := smtpmailer.New(c)
	require.NoError(t, err)
	require.Empty(t, c.TLSConfig.ServerName)
	require.Zero(t, c.TLSConfig.MinVersion)
}

func TestS233_CredentialsDoNotPrint(t *testing.T) {
	t.Parallel()
	c := config(t)
	credentials(&c)
	m, err := smtpmailer.New(c)
	require.NoError(t, err)
	var b strings.Builder
	log := slog.New(slog.NewJSONHandler(&b, nil))
	c.Texts, c.TLSConfig = nil, nil // cannot become JSON
	for _, v := range []any{c, &c, c.Password, m, *m, struct{ M *smtpmailer.Mailer }{m}, []*smtpmailer.Mailer{m}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&b, verb, v)
		}
		text, err := json.Marshal(v)
		require.NoError(t, err)
		b.Write(text)
		log.Info("x", "v", v)
	}
	out := b.String()
	require.Contains(t, out, "[redacted]")
	require.Contains(t, out, "smtpmailer.Mailer{127.0.0.1:587}")
	for _, secret := range []string{username, password} {
		require.NotContains(t, out, secret)
		require.NotContains(t, out, fmt.Sprintf("%x", secret))
	}
	require.Equal(t, "<nil>", fmt.Sprintf("%+v", (*smtpmailer.Mailer)(nil)))
}
