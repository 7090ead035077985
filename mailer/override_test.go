package mailer_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

func files(pairs ...string) fstest.MapFS {
	f := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		f[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return f
}

func TestLocaleFallsBackPerKind(t *testing.T) {
	t.Parallel()
	own := files(
		"fr/invitation.txt.tmpl", `{{define "subject"}}Bienvenue{{end}}{{template "greeting" .}} {{.Link}}`,
		"fr/invitation.html.tmpl", `{{define "label"}}Accepter{{end}}<p>Bienvenue</p>`,
		"fr/common.txt.tmpl", `{{define "greeting"}}Bonjour,{{end}}`,
		"fr/common.html.tmpl", `{{define "greeting"}}Bonjour,{{end}}{{define "copy"}}{{end}}{{define "until"}}{{end}}{{define "footer"}}{{end}}`,
		"de-AT/invitation.txt.tmpl", `{{define "subject"}}Servus{{end}}{{template "greeting" .}} {{.Link}}`,
		"de-AT/invitation.html.tmpl", `<p>Servus {{.Locale}}</p>`,
		"notes.md", "not a template",
	)
	for _, c := range []struct {
		locale  string
		kind    orgusers.MailKind
		subject string
		lang    string
	}{
		{"", orgusers.MailInvitation, "Anna Owner invites you to Acme Corp", "en"},
		{"en-GB", orgusers.MailInvitation, "Anna Owner invites you to Acme Corp", "en"},
		{"nl", orgusers.MailInvitation, "Anna Owner invites you to Acme Corp", "en"},
		{"../de", orgusers.MailInvitation, "Anna Owner invites you to Acme Corp", "en"},
		{"de/x", orgusers.MailInvitation, "Anna Owner invites you to Acme Corp", "en"},
		{strings.Repeat("de-", 100), orgusers.MailInvitation, "Anna Owner invites you to Acme Corp", "en"},
		{"de", orgusers.MailInvitation, "Anna Owner lädt Sie ein: Acme Corp", "de"},
		{"de-CH", orgusers.MailInvitation, "Anna Owner lädt Sie ein: Acme Corp", "de"},
		{"DE_at", orgusers.MailInvitation, "Servus", "de-at"},
		{"de-AT-1996", orgusers.MailInvitation, "Servus", "de-at"},
		{"de-AT", orgusers.MailMFARemoved, "Ihr zweiter Faktor für Acme CMS wurde entfernt", "de"},
		{"fr-CA", orgusers.MailInvitation, "Bienvenue", "fr"},
		{"fr-CA", orgusers.MailMFARemoved, "Your second factor on Acme CMS was removed", "en"},
	} {
		m, err := texts(t, mailer.Config{Override: own, Locale: in(c.locale)}).Render(sample(c.kind))
		require.NoError(t, err, c)
		require.Equal(t, c.subject, m.Subject, c)
		require.Contains(t, m.HTML, `<html lang="`+c.lang+`">`, c)
	}
}

func TestCommonComesFromTheBaseLanguage(t *testing.T) {
	t.Parallel()
	own := files(
		"de-AT/activation.txt.tmpl", `{{define "subject"}}Servus{{end}}{{template "greeting" .}} {{.Link}}`,
		"de-AT/activation.html.tmpl", `<p>Servus</p>`,
	)
	m, err := texts(t, mailer.Config{Override: own, Locale: in("de-AT")}).Render(sample(orgusers.MailActivation))
	require.NoError(t, err)
	require.Equal(t, "Guten Tag Ben Reader, "+link+"\n", m.Text)
	require.Contains(t, m.HTML, "Der Link gilt einmal")
}

func TestOverrideOneFile(t *testing.T) {
	t.Parallel()
	own := files("en/password_changed.txt.tmpl", `{{define "subject"}}  Changed
by {{.Actor}} {{end}}
{{if .Role}}


  {{.Support}}
{{.Message}}

{{end}}
`)
	m, err := texts(t, mailer.Config{Override: own, Support: "ext. 42"}).Render(sample(orgusers.MailPasswordChanged))
	require.NoError(t, err)
	require.Equal(t, "Changed by Anna Owner", m.Subject)
	require.Equal(t, "  ext. 42\n> Hi Ben,\n>\n> welcome on board!\n", m.Text, "quoted without being asked, tidied")
	require.Contains(t, m.HTML, "You have been signed out everywhere", "the other part is ours still")
}

func TestOverrideLayout(t *testing.T) {
	t.Parallel()
	own := files("layout.html.tmpl", `<main lang={{.Locale}}>{{template "body" .}}{{if .Link}}<a href="{{.Link}}">{{block "label" .}}{{end}}</a>{{end}}</main>`)
	x := texts(t, mailer.Config{Override: own, Locale: in("de")})
	for _, kind := range kinds(t) {
		m, err := x.Render(sample(kind))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(m.HTML, "<main lang=de><p>"), m.HTML)
		require.Equal(t, linked(kind), strings.Contains(m.HTML, `<a href="https://cms.acme.example`))
	}

	// A notice has no label, so a layout that wants one in any case is found out at start.
	_, err := mailer.NewTexts(mailer.Config{Override: files("layout.html.tmpl", `{{template "body" .}}{{.Link}}{{template "label" .}}`)})
	require.ErrorContains(t, err, "label")
}

func TestOverrideErrorsNameTheFile(t *testing.T) {
	t.Parallel()
	const subject = `{{define "subject"}}x{{end}}`
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  []string
	}{
		"syntax in text":    {files("en/invitation.txt.tmpl", subject+`{{`), []string{"en/invitation.txt.tmpl"}},
		"syntax in html":    {files("de/invitation.html.tmpl", `{{if}}`), []string{"de/invitation.html.tmpl"}},
		"syntax in layout":  {files("layout.html.tmpl", `{{end}}`), []string{"layout.html.tmpl"}},
		"syntax in common":  {files("de/common.txt.tmpl", `{{end}}`), []string{"de/common.txt.tmpl"}},
		"common html":       {files("en/common.html.tmpl", `{{end}}`), []string{"en/common.html.tmpl"}},
		"no subject":        {files("en/invitation.txt.tmpl", `{{.Link}}`), []string{"en/invitation.txt.tmpl", "subject"}},
		"empty subject":     {files("en/invitation.txt.tmpl", `{{define "subject"}} {{end}}{{.Link}}`), []string{"en/invitation.txt.tmpl", "subject"}},
		"invisible subject": {files("en/invitation.txt.tmpl", "{{define \"subject\"}}x\u202e{{end}}{{.Link}}"), []string{"en/invitation.txt.tmpl", "subject"}},
		"unknown field":     {files("en/mfa_reset.txt.tmpl", subject+`{{.Link}}{{.Password}}`), []string{"en/mfa_reset.txt.tmpl", "Password"}},
		"field if filled":   {files("en/mfa_reset.html.tmpl", `{{if .Actor}}{{.Nope}}{{end}}`), []string{"en/mfa_reset.html.tmpl", "Nope"}},
		"unknown piece":     {files("en/mfa_reset.html.tmpl", `{{template "nope"}}`), []string{"en/mfa_reset.html.tmpl", "nope"}},
		"broken html":       {files("en/mfa_reset.html.tmpl", `<a href="{{.Name}}`), []string{"en/mfa_reset.html.tmpl"}},
		"no link":           {files("en/activation.txt.tmpl", subject+`x`), []string{"en/activation", ".Link"}},
		"one part only":     {files("fr/activation.txt.tmpl", subject+`{{.Link}}`), []string{"fr/activation.html.tmpl"}},
		"html only":         {files("fr/activation.html.tmpl", `x`), []string{"fr/activation.txt.tmpl"}},
		"no common":         {files("fr/activation.txt.tmpl", subject+`{{.Link}}`, "fr/activation.html.tmpl", `x`), []string{"fr/activation.html.tmpl", "no such template"}},
		"misspelt kind":     {files("en/invitaton.txt.tmpl", ``), []string{"en/invitaton.txt.tmpl"}},
		"misspelt ending":   {files("en/invitation.tmpl", ``), []string{"en/invitation.tmpl"}},
		"no locale":         {files("invitation.txt.tmpl", ``), []string{"invitation.txt.tmpl"}},
		"too deep":          {files("a/en/invitation.txt.tmpl", ``), []string{"a/en/invitation.txt.tmpl"}},
		"same locale twice": {files("pt-BR/common.txt.tmpl", ``, "pt_br/common.txt.tmpl", ``), []string{"common.txt.tmpl", "twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := mailer.NewTexts(mailer.Config{Override: c.files})
			require.Error(t, err)
			for _, w := range c.want {
				require.ErrorContains(t, err, w)
			}
		})
	}
}

func TestConfigIsOneLine(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"a\nb", "a\r\nBcc: x", "\u202ex", "\xff", "a\u0085"} {
		_, err := mailer.NewTexts(mailer.Config{Product: bad})
		require.ErrorContains(t, err, "Config.Product")
		_, err = mailer.NewTexts(mailer.Config{Support: bad})
		require.ErrorContains(t, err, "Config.Support")
	}
}
