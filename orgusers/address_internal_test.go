package orgusers

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/idna"
)

func TestParseAddressField_NamesTheField(t *testing.T) {
	t.Parallel()
	a, bad := parseAddressField("emails[3]", "Bob@X.io")
	require.Nil(t, bad)
	require.Equal(t, Address{Email: "Bob@X.io", Key: "bob@x.io"}, a)
	a, bad = parseAddressField("emails[3]", "bob")
	require.True(t, a.IsZero())
	require.Equal(t, &FieldError{Field: "emails[3]", Reason: ReasonSyntax, Message: `has no "@"`}, bad)
}

func TestParseDomain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, want string
		reason   Reason
	}{
		{"acme.com", "acme.com", ""},
		{" @Acme.COM\n", "acme.com", ""},
		{"sub.acme.com", "sub.acme.com", ""},
		{"BÜCHER.example", "xn--bcher-kva.example", ""},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", ""},
		{"", "", ReasonRequired},
		{"@", "", ReasonRequired},
		{"acme", "", ReasonSyntax},
		{"acme.com.", "", ReasonSyntax},
		{".acme.com", "", ReasonSyntax},
		{"*.acme.com", "", ReasonSyntax},
		{"@@acme.com", "", ReasonSyntax},
		{"bob@acme.com", "", ReasonSyntax},
		{"https://acme.com", "", ReasonSyntax},
		{"acme.com, b.com", "", ReasonCharacter},
		{"192.0.2.1", "", ReasonSyntax},
		{"[192.0.2.1]", "", ReasonSyntax},
		{"ac\u200bme.com", "", ReasonCharacter},
		{"acme\x00.com", "", ReasonCharacter},
		{"\u212ailo.com", "", ReasonSyntax},
		{strings.Repeat("a.", 127) + "com", "", ReasonTooLong},
		{strings.Repeat("a", 1<<20), "", ReasonTooLong},
	} {
		got, reason := parseDomain(c.in)
		require.Equal(t, c.want, got, "%.50q", c.in)
		require.Equal(t, c.reason, reason, "%.50q", c.in)
	}
}

// What the setting holds and what an address has must be equal strings, and only for the same domain.
func TestS165_AllowedDomainIsExact(t *testing.T) {
	t.Parallel()
	allowed, reason := parseDomain("Bücher.example")
	require.Empty(t, reason)
	for in, want := range map[string]bool{
		"a@bücher.example": true, "a@BÜCHER.EXAMPLE": true, "a@xn--bcher-kva.example": true,
		"a@bucher.example": false, "a@sub.bücher.example": false, "a@bücher.example.io": false, "a@xbücher.example": false,
	} {
		a, err := ParseAddress(in)
		require.NoError(t, err)
		require.Equal(t, want, a.Domain() == allowed, in)
	}
}

// An address must not keep the text it was cut from alive, and a plain one costs one allocation.
func TestParseAddress_Allocations(t *testing.T) {
	text := strings.Repeat("x", 1<<10) + "bob@x.io"
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = ParseAddress(text[1<<10:]) }), 1.0)
}

// The short way past IDNA must give what IDNA would have given.
func TestIsPlainDomain_AgreesWithIDNA(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"x.io": true, "a-b.c1.io": true, "a--b.io": true, "abc--d.io": true, "1.2.io": true,
		strings.Repeat("a", 63) + ".io": true, strings.Repeat("a", 64) + ".io": false,
		"": false, ".a": false, "a..b": false, "-a.io": false, "a-.io": false, "ab--c.io": false, "ab--.io": false,
		"xn--a.io": false, "A.io": false, "a_b.io": false, "a b.io": false, "a*.io": false, "a\x00.io": false,
	} {
		require.Equal(t, want, isPlainDomain(s), "%q", s)
		a, err := idna.New(idna.ValidateForRegistration()).ToASCII(s)
		if want {
			require.NoError(t, err, "%q", s)
			require.Equal(t, s, a)
		} else {
			require.Error(t, err, "%q", s)
		}
	}
}
