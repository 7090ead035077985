package orgusers

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestS199_LinkURLs(t *testing.T) {
	t.Parallel()
	base := func(b string) Links { return Links{Base: b} }
	for _, c := range []struct {
		links   Links
		purpose LinkPurpose
		want    string
	}{
		{base("https://app.example.com"), LinkInvitation, "https://app.example.com/invitation?token=T"},
		{base("https://app.example.com/"), LinkInvitation, "https://app.example.com/invitation?token=T"},
		{base("https://app.example.com/users"), LinkInvitation, "https://app.example.com/users/invitation?token=T"},
		{base("https://app.example.com/users/"), LinkOwnership, "https://app.example.com/users/ownership?token=T"},
		{base("https://app.example.com:8443/u"), LinkPasswordReset, "https://app.example.com:8443/u/password?token=T"},
		{base("https://app.example.com/u?tenant=a&b=1"), LinkMFAReset, "https://app.example.com/u/mfa?tenant=a&b=1&token=T"},
		{base("https://app.example.com/u?"), LinkMFAReset, "https://app.example.com/u/mfa?token=T"},
		{base("https://app.example.com/u?z=2&a=1&"), LinkMFAReset, "https://app.example.com/u/mfa?z=2&a=1&token=T"},
		{base("https://app.example.com/a%2Fb"), LinkInvitation, "https://app.example.com/a%2Fb/invitation?token=T"},
		{base("https://[2001:db8::1]:8443"), LinkInvitation, "https://[2001:db8::1]:8443/invitation?token=T"},
		{Links{Base: "https://a.example", PasswordReset: "https://b.example/p?x=%20y"}, LinkPasswordReset, "https://b.example/p?x=%20y&token=T"},
		{Links{Base: "https://a.example", PasswordReset: "https://b.example/p"}, LinkInvitation, "https://a.example/invitation?token=T"},
		{
			Links{Invitation: "https://a.example/i", Ownership: "https://a.example/o", PasswordReset: "https://a.example/p/", MFAReset: "https://a.example"},
			LinkMFAReset, "https://a.example?token=T",
		},
		{
			Links{Invitation: "https://a.example/i", Ownership: "https://a.example/o", PasswordReset: "https://a.example/p/", MFAReset: "https://a.example"},
			LinkPasswordReset, "https://a.example/p/?token=T",
		},
	} {
		require.Empty(t, c.links.validate(), "%+v", c.links)
		got := c.links.url(c.purpose, "T")
		require.Equal(t, c.want, got)
		u, err := url.Parse(got)
		require.NoError(t, err)
		require.Equal(t, []string{"T"}, u.Query()["token"], "the token stands there once")
	}
}

func TestS199_TokenIsEscaped(t *testing.T) {
	t.Parallel()
	got := Links{Base: "https://a.example"}.url(LinkInvitation, "a&b=c d#e")
	u, err := url.Parse(got)
	require.NoError(t, err)
	require.Equal(t, url.Values{"token": {"a&b=c d#e"}}, u.Query())
	require.Empty(t, u.Fragment)
}

func TestLinkURLOfWhatWasNeverValid(t *testing.T) {
	t.Parallel()
	require.Empty(t, Links{}.url(LinkInvitation, "T"))
	require.Empty(t, Links{Base: "https://a.example"}.url(0, "T"))
	require.Empty(t, Links{Base: "https://a.example"}.url(LinkMFAReset+1, "T"))
	require.Empty(t, Links{Base: "https://a.example\n"}.url(LinkInvitation, "T"))
}

func TestS093_S032_PageURLsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url  string
		want Reason // "": accepted
	}{
		{"https://app.example.com", ""},
		{"https://app.example.com:443/a/b?c=d", ""},
		{"HTTPS://app.example.com", ""},
		{"https://xn--bcher-kva.example/", ""},
		{"https://intern_1/", ""},
		{"https://192.0.2.1:8443", ""},
		{"https://[2001:db8::1]", ""},
		{"http://localhost", ""},
		{"http://localhost:3000/users", ""},
		{"http://127.0.0.1:65535", ""},
		{"http://[::1]:8080", ""},
		{"https://a.example/" + strings.Repeat("a", maxLinkURL-len("https://a.example/")), ""},

		{"https://a.example/" + strings.Repeat("a", maxLinkURL+1-len("https://a.example/")), ReasonTooLong},
		{"http://app.example.com", ReasonSyntax},
		{"http://localhost.example.com", ReasonSyntax},
		{"http://127.0.0.1.example.com", ReasonSyntax},
		{"http://127.0.0.2", ReasonSyntax},
		{"http://[::2]", ReasonSyntax},
		{"javascript:alert(1)", ReasonSyntax},
		{"javascript://a.example/%0aalert(1)", ReasonSyntax},
		{"data:text/html,x", ReasonSyntax},
		{"ftp://a.example", ReasonSyntax},
		{"//evil.example", ReasonSyntax},
		{"/users", ReasonSyntax},
		{"app.example.com", ReasonSyntax},
		{"https:app.example.com", ReasonSyntax},
		{"https:///users", ReasonSyntax},
		{"https://", ReasonSyntax},
		{"https://?x=1", ReasonSyntax},
		{"https://:443/", ReasonSyntax},
		{"https://a.example:", ReasonSyntax},
		{"https://a.example:0", ReasonSyntax},
		{"https://a.example:65536", ReasonSyntax},
		{"https://a.example:x", ReasonSyntax},
		{"https://[::1", ReasonSyntax},
		{"https://[::1]:", ReasonSyntax},
		{"https://[fe80::1%25eth0]/", ReasonSyntax},
		{"https://[a.example]/", ReasonSyntax},
		{"https://a,b/", ReasonSyntax},
		{"https://a%2eexample/", ReasonSyntax},
		{"https://.example/", ReasonSyntax},
		{"https://example./", ReasonSyntax},
		{"https://-a.example/", ReasonSyntax},
		{"https://good.example@evil.example", ReasonSyntax},
		{"https://user:secret@a.example", ReasonSyntax},
		{"https://@a.example", ReasonSyntax},
		{"https://a.example/#/users", ReasonSyntax},
		{"https://a.example/#", ReasonSyntax},
		{"https://a.example/?a=%zz", ReasonSyntax},
		{"https://a.example/?a;b", ReasonSyntax},
		{"https://a.example/%zz", ReasonSyntax},
		{"https://a.example/?token=x", ReasonDuplicate},
		{"https://a.example/?a=1&token", ReasonDuplicate},
		{"https://a.example/?%74oken=x", ReasonDuplicate},
		{`https://a.example\@evil.example`, ReasonCharacter},
		{`https:\\evil.example`, ReasonCharacter},
		{"https://a.example/\r\nX: y", ReasonCharacter},
		{"https://a.example/\x00", ReasonCharacter},
		{"https://a.example/\x7f", ReasonCharacter},
		{"https://a.example/\u0085", ReasonCharacter},
		{"https://a.example/\u2028", ReasonCharacter},
		{"https://a.example/\xff", ReasonCharacter},
		{"https://аpp.example.com", ReasonCharacter}, // the first letter is Cyrillic
		{"https://a.example/ ", ReasonCharacter},
		{" https://a.example/", ReasonCharacter},
		{`https://a.example/?a="><script>`, ReasonCharacter},
	} {
		bad := Links{Base: c.url}.validate()
		if c.want == "" {
			require.Empty(t, bad, c.url)
			continue
		}
		require.Len(t, bad, 1, c.url)
		require.Equal(t, "links.base", bad[0].Field)
		require.Equal(t, c.want, bad[0].Reason, "%q: %s", c.url, bad[0].Message)
		require.NotEmpty(t, bad[0].Message)
	}
}

func TestS232_LinksAreRequired(t *testing.T) {
	t.Parallel()
	fields := func(l Links) map[string]Reason {
		out := map[string]Reason{}
		for _, f := range l.validate() {
			out[f.Field] = f.Reason
		}
		return out
	}
	const ok, no = "https://a.example/x", "http://a.example/x"
	require.Equal(t, map[string]Reason{"links.base": ReasonRequired}, fields(Links{}))
	require.Equal(t, map[string]Reason{"links.base": ReasonRequired}, fields(Links{Invitation: ok, Ownership: ok, PasswordReset: ok}))
	require.Empty(t, fields(Links{Invitation: ok, Ownership: ok, PasswordReset: ok, MFAReset: ok}))
	require.Equal(t, map[string]Reason{"links.base": ReasonSyntax}, fields(Links{Base: no, Invitation: ok, Ownership: ok, PasswordReset: ok, MFAReset: ok}))
	require.Equal(t, map[string]Reason{
		"links.base": ReasonSyntax, "links.invitation": ReasonSyntax, "links.ownership": ReasonSyntax,
		"links.password_reset": ReasonSyntax, "links.mfa_reset": ReasonSyntax,
	}, fields(Links{no, no, no, no, no}), "all at once")
}
