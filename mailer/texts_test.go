package mailer_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

func ExampleTexts_Render() {
	texts, err := mailer.NewTexts(mailer.Config{Product: "Acme CMS", Support: "help@acme.example"})
	if err != nil {
		panic(err)
	}
	m, err := texts.Render(orgusers.Mail{
		ID: "019c0000-0000-7000-8000-000000000001",
		MailData: orgusers.MailData{
			Kind: orgusers.MailPasswordChanged, To: "ben@reader.example", ToName: "Ben Reader",
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Subject)
	fmt.Println()
	fmt.Print(m.Text)
	// Output:
	// Your password on Acme CMS was changed
	//
	// Hello Ben Reader,
	//
	// The password of your account ben@reader.example on Acme CMS was changed. You have been signed out everywhere, and sign in with the new password from now on.
	//
	// If it was not you, somebody else may be using your account and reading your mail. Ask for a new password on the sign-in page at once, change the password of your mailbox, and contact help@acme.example.
	//
	// This mail was sent to ben@reader.example by Acme CMS.
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	m, err := texts(t, mailer.Config{}).Render(sample(orgusers.MailInvitation))
	require.NoError(t, err)
	require.Equal(t, "019c0000-0000-7000-8000-000000000001", m.ID)
	require.Equal(t, "ben@reader.example", m.To)
	require.Equal(t, "Ben Reader", m.ToName)
	require.Equal(t, "Anna Owner invites you to Acme Corp", m.Subject)
	require.Equal(t, `Hello Ben Reader,

Anna Owner invites you to join the organization “Acme Corp” on Acme CMS as an administrator.

Anna Owner writes:

> Hi Ben,
>
> welcome on board!

Accept the invitation here:
`+link+`

The link works once, until 4 March 2026, 16:05 UTC.

You join only when you accept; opening the page changes nothing.

If you do not know what this is about, ignore this mail and nothing happens.

This mail was sent to ben@reader.example by Acme CMS.
`, m.Text)
}

func TestInvitationWithNextToNothing(t *testing.T) {
	t.Parallel()
	x, err := mailer.NewTexts(mailer.Config{})
	require.NoError(t, err)
	m, err := x.Render(orgusers.Mail{ID: "1", Link: link, MailData: orgusers.MailData{Kind: orgusers.MailInvitation, To: "ben@reader.example", OrgName: "Acme Corp"}})
	require.NoError(t, err)
	require.Equal(t, "You are invited to Acme Corp", m.Subject)
	require.Equal(t, `Hello,

You are invited to join the organization “Acme Corp” as a member.

Accept the invitation here:
`+link+`

The link works once.

You join only when you accept; opening the page changes nothing.

If you do not know what this is about, ignore this mail and nothing happens.

This mail was sent to ben@reader.example.
`, m.Text)
	require.NotContains(t, m.HTML, "blockquote")
}

func TestGerman(t *testing.T) {
	t.Parallel()
	m, err := texts(t, mailer.Config{Locale: in("de"), Support: "help@acme.example"}).Render(sample(orgusers.MailMFAReset))
	require.NoError(t, err)
	require.Equal(t, "Setzen Sie Ihren zweiten Faktor für Acme CMS zurück", m.Subject)
	require.Equal(t, `Guten Tag Ben Reader,

Anna Owner (Organisation „Acme Corp“) bittet Sie, den zweiten Faktor Ihres Kontos bei Acme CMS zurückzusetzen. Das ist der Code aus Ihrer Authenticator-App.

Der Link fragt nach Ihrem Passwort und entfernt dann den alten zweiten Faktor mit seinen Wiederherstellungscodes. Bis Sie ihn benutzen, bleibt der alte gültig.

Hier setzen Sie den zweiten Faktor zurück:
`+link+`

Der Link gilt einmal, bis 04.03.2026, 16:05 Uhr UTC.

Wenn Sie Ihren zweiten Faktor nicht verloren haben oder diese E-Mail nicht erwartet haben, benutzen Sie den Link nicht und wenden Sie sich an help@acme.example.

Diese E-Mail ging an ben@reader.example, gesendet von Acme CMS.
`, m.Text)
	require.Contains(t, m.HTML, `<html lang="de">`)
}

// Every kind says who did it, where, until when, and what to do if it was not you; a notice has no
// link and no expiry (S-106).
func TestS106_EveryKind(t *testing.T) { // not parallel: one subtest after another collects the subjects
	t.Parallel()
	for _, locale := range []string{"en", "de"} {
		x := texts(t, mailer.Config{Locale: in(locale), Support: "the help desk"})
		subjects := map[string]orgusers.MailKind{}
		for _, kind := range kinds(t) {
			t.Run(locale+"/"+string(kind), func(t *testing.T) {
				mail := sample(kind)
				m, err := x.Render(mail)
				require.NoError(t, err)
				require.NotContains(t, subjects, m.Subject)
				subjects[m.Subject] = kind
				require.Contains(t, m.HTML, `<html lang="`+locale+`">`)

				_, words, links := parse(t, m.HTML)
				for _, body := range []string{m.Text, strings.Join(words, " ")} {
					require.Contains(t, body, "Ben Reader,")
					require.Contains(t, body, "Acme CMS")
					if !slices.Contains(ownAffairs(), kind) {
						require.Contains(t, body, "Anna Owner")
					}
					if !slices.Contains(ownAffairs(), kind) && kind != orgusers.MailPasswordChanged {
						require.Contains(t, body, "Acme Corp")
					}
					ifNotYou := 0
					for _, s := range []string{"the help desk", "ignore this mail", "ignorieren Sie diese E-Mail"} {
						ifNotYou += strings.Count(body, s)
					}
					require.NotZero(t, ifNotYou, "what to do if it was not you")
					if !linked(kind) {
						require.Contains(t, body, "the help desk")
						require.NotContains(t, body, "http")
						require.NotContains(t, body, "UTC")
						continue
					}
					require.Equal(t, 1, strings.Count(body, link))
					require.Contains(t, body, "16:05")
					require.Contains(t, body, "UTC")
				}
				if linked(kind) {
					require.Equal(t, []string{link}, links)
				} else {
					require.Empty(t, links)
				}
			})
		}
	}
}

// The HTML has the words of the text, in order, and besides them only the title, the label of the
// button and how to copy the link. So nobody reads less than others do.
func TestTextAndHTMLSayTheSame(t *testing.T) {
	t.Parallel()
	for _, locale := range []string{"en", "de"} {
		for _, support := range []string{"", "the help desk"} {
			x := texts(t, mailer.Config{Locale: in(locale), Support: support})
			for _, kind := range kinds(t) {
				full, bare := sample(kind), sample(kind)
				bare.ActorName, bare.OrgName, bare.ToName, bare.Message, bare.Role = "", "", "", "", ""
				for _, mail := range []orgusers.Mail{full, bare} {
					m, err := x.Render(mail)
					require.NoError(t, err)
					_, words, _ := parse(t, m.HTML)
					page := strings.Join(words, " ") + " "
					for para := range strings.SplitSeq(m.Text, "\n") {
						para = strings.NewReplacer("“", "", "”", "", "„", "").Replace(strings.TrimLeft(para, "> "))
						if para == "" || strings.HasSuffix(para, ":") && linked(kind) && !strings.Contains(para, "Anna") && para != "The message:" {
							continue // the line before the link is the button in HTML
						}
						_, after, found := strings.Cut(page, para+" ")
						require.True(t, found, "%s/%s: %q is not in the HTML, or too early: %s", locale, kind, para, page)
						page = after
					}
					require.Empty(t, page)
				}
			}
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	x := texts(t, mailer.Config{})
	for name, change := range map[string]func(*orgusers.Mail){
		"no kind":              func(m *orgusers.Mail) { m.Kind = "" },
		"unknown kind":         func(m *orgusers.Mail) { m.Kind = "common" },
		"no id":                func(m *orgusers.Mail) { m.ID = "" },
		"id with line break":   func(m *orgusers.Mail) { m.ID = "a\r\nBcc: x" },
		"id with at":           func(m *orgusers.Mail) { m.ID = "a@b" },
		"long id":              func(m *orgusers.Mail) { m.ID = orgusers.EffectID(strings.Repeat("a", 129)) },
		"no address":           func(m *orgusers.Mail) { m.To = "" },
		"address with name":    func(m *orgusers.Mail) { m.To = "Ben <ben@reader.example>" },
		"two addresses":        func(m *orgusers.Mail) { m.To = "ben@reader.example, eve@evil.example" },
		"closing bracket":      func(m *orgusers.Mail) { m.To = "ben@reader.example> , <eve@evil.example" },
		"quoted local part":    func(m *orgusers.Mail) { m.To = `"a b"@reader.example` },
		"space in front":       func(m *orgusers.Mail) { m.To = " ben@reader.example" },
		"comment":              func(m *orgusers.Mail) { m.To = "ben@reader.example (x)" },
		"folded address":       func(m *orgusers.Mail) { m.To = "ben@reader.example\r\n " },
		"header in address":    func(m *orgusers.Mail) { m.To = "ben@reader.example\r\nBcc: eve@evil.example" },
		"invisible in address": func(m *orgusers.Mail) { m.To = "ben\u200b@reader.example" },
		"long address":         func(m *orgusers.Mail) { m.To = strings.Repeat("a", 250) + "@x.io" },
		"bad domain":           func(m *orgusers.Mail) { m.To = "ben@xn--ü.example" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mail := sample(orgusers.MailInvitation)
			change(&mail)
			m, err := x.Render(mail)
			require.Error(t, err)
			require.Empty(t, m.Text+m.HTML+m.Subject+m.To)
			require.True(t, strings.HasPrefix(err.Error(), "mailer: "), err)
			require.NotContains(t, err.Error(), "token", "the link is a secret")
			if mail.To != "" {
				require.NotContains(t, err.Error(), mail.To)
			}
		})
	}
}

func TestDomainOfRecipientBecomesASCII(t *testing.T) {
	t.Parallel()
	mail := sample(orgusers.MailInvitation)
	mail.To = "Ben+x@Bücher.example"
	m, err := texts(t, mailer.Config{}).Render(mail)
	require.NoError(t, err)
	require.Equal(t, "Ben+x@xn--bcher-kva.example", m.To)
	require.Contains(t, m.Text, "sent to Ben+x@Bücher.example by")
}

func TestConcurrentAndRepeatable(t *testing.T) {
	t.Parallel()
	x := texts(t, mailer.Config{Locale: func(m orgusers.Mail) string { return string(m.Org) }})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for _, kind := range []orgusers.MailKind{orgusers.MailInvitation, orgusers.MailMFARemoved} {
				mail := sample(kind)
				mail.Org = orgusers.OrgID([]string{"en", "de"}[i%2])
				first, err := x.Render(mail)
				if err != nil {
					t.Error(err)
				}
				again, err := x.Render(mail)
				if err != nil || first != again {
					t.Error("not the same mail", err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkRender(b *testing.B) {
	x := texts(b, mailer.Config{})
	for b.Loop() {
		if _, err := x.Render(sample(orgusers.MailInvitation)); err != nil {
			b.Fatal(err)
		}
	}
}

// ownAffairs are the mails about what a person did alone, or somebody in that person's place.
func ownAffairs() []orgusers.MailKind {
	return []orgusers.MailKind{orgusers.MailSignInLocked, orgusers.MailMFAEnrolled, orgusers.MailRecoveryCodeUsed, orgusers.MailRecoveryCodesNew}
}
