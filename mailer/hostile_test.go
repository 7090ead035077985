package mailer_test

import (
	"bytes"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

// hostile names; each has something visible in front, so that it is a name still after cleaning.
func hostile() []string {
	return []string{
		`x<script>alert(1)</script>`, `x</title><script src=//evil.com/x.js></script>`, `x<img src=x onerror=alert(1)>`,
		`x</b></p></td></table><a href="https://evil.com">click</a>`, `x" onmouseover="alert(1)`, `x' style='x`,
		`x--><a href=https://evil.com>`, `x]]><svg/onload=alert(1)>`, "x<a\u0000 href=https://evil.com>", `x&lt;a href=evil&gt;`, `x&#60;b&#62;`,
		`x{{.}}`, `x{{.Link}}`, `x{{template "subject" .}}`, `x{{define "body"}}{{end}}`, `x${x}`, `x%s%d%n`, `x<%= 7*7 %>`, `x#{7*7}`,
		`x javascript:alert(1)`, `x data:text/html,<b>`, `x mailto:eve@evil.com`, `x tel:+123`, `x \\evil\share`, `x file:///etc/passwd`,
		`x https://evil.com/login?x=1`, `x HTTP://EVIL.COM`, `x //evil.com`, `x www.evil.com`, `x evil.com`, `x eve@evil.com`, `x evil．com`, `x evil｡com`, `x 10.0.0.1/a`, `x हिन्दी.भारत`,
		"x\r\nBcc: eve@evil.com", "x\nSubject: other", "x\rTo: y", "x\r\n\r\n<b>body</b>", "x\u0085y", "x\u2028y", "x\u2029y", "x\vy\fz", "x\x00y\x1b[31m",
		"x\u202Emoc.elpmaxe\u202C", "x\u2066y\u2069", "x\u200bevil\u200d.\u2060com", "x\ufeff\u00ad\u061c", "x\U000E0041",
		"x =?utf-8?q?=0D=0ABcc:_eve@evil.com?=", "x\xff\xfe", strings.Repeat("x", 5000), strings.Repeat("é", 200), strings.Repeat("x ", 3000),
		`x:`, `x.`, `x=`, `x\`, "x-- ", "x> quoted", "x.\r\n.\r\nQUIT",
	}
}

func withNames(kind orgusers.MailKind, name string) orgusers.Mail {
	m := sample(kind)
	m.ToName, m.OrgName, m.ActorName, m.Message, m.Role = name, name, name, name, orgusers.Role(name)
	return m
}

// address is what programs make a link of.
var address = regexp.MustCompile(`(?i)://|[\p{L}\p{M}\p{N}_-][.．｡][\p{L}\p{M}\p{N}]|[\p{L}\p{N}]:[\p{L}\p{N}/\\+]|\\\\`)

// checkHostile asserts what must hold for any names whatsoever.
func checkHostile(tb testing.TB, x *mailer.Texts, kind orgusers.MailKind, name string) mailer.Message {
	tb.Helper()
	benign, evil := withNames(kind, "x"), withNames(kind, name)
	benign.ExpiresAt, evil.ExpiresAt = time.Time{}, time.Time{} // has dots and colons of its own
	want, err := x.Render(benign)
	require.NoError(tb, err)
	got, err := x.Render(evil)
	require.NoError(tb, err)

	// S-195: headers are short, and hold nothing that a program decodes; controls are looked for below.
	for _, h := range []string{got.Subject, got.ToName} {
		require.NotContains(tb, h, "=?")
	}
	require.LessOrEqual(tb, len([]rune(got.ToName)), 60)
	require.LessOrEqual(tb, len([]rune(got.Subject)), len([]rune(want.Subject))+2*60)
	require.Equal(tb, want.To, got.To)

	// S-196: the page has the same tags, attributes and values whatever the names are.
	wantTags, _, wantLinks := parse(tb, want.HTML)
	gotTags, _, gotLinks := parse(tb, got.HTML)
	isBreak := func(s string) bool { return s == "StartTag br" }
	require.Equal(tb, slices.DeleteFunc(wantTags, isBreak), slices.DeleteFunc(gotTags, isBreak))
	require.Equal(tb, wantLinks, gotLinks)

	// And no program makes a link of the words.
	_, words, _ := parse(tb, got.HTML)
	for _, body := range []string{got.Subject, got.ToName, got.Text, strings.Join(words, " ")} {
		body = strings.NewReplacer(link, "", evil.To, "").Replace(body)
		require.Empty(tb, address.FindString(body), "%q", body)
		require.False(tb, strings.ContainsFunc(body, func(r rune) bool {
			return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
		}), "%q", body)
	}

	// The mail as bytes has the headers it should have and no others.
	eml, err := got.EML("Acme <no-reply@acme.example>", time.Unix(0, 0).UTC())
	require.NoError(tb, err)
	parsed, err := mail.ReadMessage(bytes.NewReader(eml))
	require.NoError(tb, err)
	require.Len(tb, parsed.Header, 8)
	to, err := parsed.Header.AddressList("To")
	require.NoError(tb, err, parsed.Header.Get("To"))
	require.Equal(tb, []*mail.Address{{Name: got.ToName, Address: evil.To}}, to)
	subject, err := decode(parsed.Header.Get("Subject"))
	require.NoError(tb, err)
	require.Equal(tb, got.Subject, subject)
	return got
}

func TestS195_S196_HostileNames(t *testing.T) {
	t.Parallel()
	for _, locale := range []string{"en", "de"} {
		x := texts(t, mailer.Config{Locale: in(locale)})
		for _, kind := range kinds(t) {
			t.Run(locale+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				for _, name := range hostile() {
					checkHostile(t, x, kind, name)
				}
			})
		}
	}
}

func TestS198_TemplateSyntaxStaysLiteral(t *testing.T) {
	t.Parallel()
	x := texts(t, mailer.Config{})
	for _, name := range []string{`{{.}}`, `{{.Link}}`, `{{template "subject" .}}`, `${x}`, `%s`, `%!d(string=x)`, `<%= 7*7 %>`, `$.Link`} {
		for _, kind := range kinds(t) {
			m, err := x.Render(withNames(kind, name))
			require.NoError(t, err)
			_, words, _ := parse(t, m.HTML)
			page := strings.Join(words, " ")
			require.Equal(t, name, m.ToName)
			require.Contains(t, m.Text, "Hello "+name+",\n")
			require.Contains(t, page, "Hello "+name+", ")
			if kind == orgusers.MailInvitation {
				require.Equal(t, name+" invites you to "+name, m.Subject)
				require.Contains(t, m.Text, "\n> "+name+"\n")
				require.Contains(t, page, name+" writes: "+name+" ")
			}
		}
	}
}

// Names that hold nothing visible are treated as none, not as an empty pair of quotes.
func TestInvisibleNames(t *testing.T) {
	t.Parallel()
	x := texts(t, mailer.Config{})
	empty, err := x.Render(withNames(orgusers.MailInvitation, ""))
	require.NoError(t, err)
	for _, name := range []string{" ", "\r\n", "\u202e\u200b\ufeff", "\x00", "\u2028\u0085"} {
		m, err := x.Render(withNames(orgusers.MailInvitation, name))
		require.NoError(t, err)
		require.Equal(t, empty, m)
	}
}

func TestS195_NamesAreCut(t *testing.T) {
	t.Parallel()
	mail := sample(orgusers.MailInvitation)
	mail.ActorName, mail.OrgName, mail.ToName = strings.Repeat("ä", 60), strings.Repeat("ö", 61), strings.Repeat("ü", 101)
	m, err := texts(t, mailer.Config{}).Render(mail)
	require.NoError(t, err)
	require.Equal(t, mail.ActorName+" invites you to "+strings.Repeat("ö", 59)+"…", m.Subject)
	require.Equal(t, strings.Repeat("ü", 59)+"…", m.ToName)
	require.Contains(t, m.Text, "Hello "+strings.Repeat("ü", 99)+"…,\n")
	require.Contains(t, m.Text, "“"+mail.OrgName+"”")
}

// The message is quoted whatever its lines end in and however long they are, and cannot push the
// rest of the mail away.
func TestMessageIsQuoted(t *testing.T) {
	t.Parallel()
	mail := sample(orgusers.MailInvitation)
	mail.Message = "\n\n one\r\ntwo\rthree\u2028four\u2029five\u0085six\vseven\feight\n\n\n\n\tnine  ten\n> eleven\nSee https://evil.com.\n" +
		strings.Repeat("word ", 30) + "\n" + strings.Repeat("w", 150) + "\n\n\n"
	m, err := texts(t, mailer.Config{}).Render(mail)
	require.NoError(t, err)
	_, quoted, _ := strings.Cut(m.Text, "Anna Owner writes:\n\n")
	quoted, _, _ = strings.Cut(quoted, "\n\nAccept")
	require.Equal(t, `> one
> two
> three
> four
> five
> six
> seven
> eight
>
> nine ten
> > eleven
> See https∶//evil․com.
> `+strings.Repeat("word ", 13)+`word
> `+strings.Repeat("word ", 13)+`word
> word word
> `+strings.Repeat("w", 70)+`
> `+strings.Repeat("w", 70)+`
> `+strings.Repeat("w", 10), quoted)
	tags, _, _ := parse(t, m.HTML)
	require.Contains(t, tags, "StartTag blockquote")
	require.Contains(t, m.HTML, "one<br>two<br>")
}

// S-093, S-199: the link is used as it is or not at all.
func TestS199_Link(t *testing.T) {
	t.Parallel()
	x := texts(t, mailer.Config{})
	for _, good := range []string{"http://localhost:8080/a", "https://a.example/p/q?x=1&y=%C3%A4#t=_-", "https://[::1]/x", "https://xn--bcher-kva.example/~x/;p=1*!$,+:@"} {
		mail := sample(orgusers.MailMFAReset)
		mail.Link = good
		m, err := x.Render(mail)
		require.NoError(t, err, good)
		_, words, links := parse(t, m.HTML)
		require.Equal(t, []string{good}, links)
		require.Contains(t, words, good)
		require.Contains(t, m.Text, "\n"+good+"\n")
	}
	for _, bad := range []string{
		"", "/join?t=secret", "//a.example/secret", "javascript:secret", "data:text/html,secret", "ftp://a.example/secret", "https:secret",
		"https:///secret", "https://:80/secret", "https://user:secret@a.example/", "https://a.example/secret\r\nX: y", "https://a.example/secret x",
		`https://a.example/"secret`, "https://a.example/<secret>", "https://a.example/%zzsecret", "https://bücher.example/secret", "https://a.example/\u202esecret", `https://a.example\secret`,
	} {
		for _, kind := range kinds(t) {
			mail := sample(kind)
			mail.Link = bad
			m, err := x.Render(mail)
			if !linked(kind) { // a notice goes out, without it
				require.NoError(t, err)
				require.NotContains(t, m.Text+m.HTML, "secret")
				continue
			}
			require.Error(t, err, bad)
			require.NotContains(t, err.Error(), "secret")
			require.Contains(t, err.Error(), "link")
		}
	}
}

func FuzzRender(f *testing.F) {
	x := texts(f, mailer.Config{})
	for i, name := range hostile() {
		f.Add(name, i)
	}
	all := kinds(f)
	f.Fuzz(func(t *testing.T, name string, i int) {
		checkHostile(t, x, all[uint(i)%uint(len(all))], "x"+name)
	})
}
