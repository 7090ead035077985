package mailer_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

const link = "https://cms.acme.example:8443/app/join?lang=en&b=1%2F2#k=AZaz09-_~.token"

// sample is a mail with everything filled in.
func sample(k orgusers.MailKind) orgusers.Mail {
	m := orgusers.Mail{
		ID:  "019c0000-0000-7000-8000-000000000001",
		Org: "019c0000-0000-7000-8000-000000000002",
		MailData: orgusers.MailData{
			Kind: k, To: "ben@reader.example", ToName: "Ben Reader", OrgName: "Acme Corp", ActorName: "Anna Owner",
			Role: orgusers.RoleAdmin, Message: "Hi Ben,\n\nwelcome on board!",
			ExpiresAt: time.Date(2026, 3, 4, 17, 5, 59, 0, time.FixedZone("", 3600)),
		},
	}
	if linked(k) {
		m.Link = link
	}
	return m
}

func linked(k orgusers.MailKind) bool {
	return !slices.Contains([]orgusers.MailKind{
		orgusers.MailOwnershipTaken, orgusers.MailPasswordChanged, orgusers.MailMFARemoved,
		orgusers.MailMFAEnrolled, orgusers.MailRecoveryCodeUsed, orgusers.MailRecoveryCodesNew, orgusers.MailSignInLocked,
	}, k)
}

func texts(tb testing.TB, c mailer.Config) *mailer.Texts {
	tb.Helper()
	if c.Product == "" {
		c.Product = "Acme CMS"
	}
	x, err := mailer.NewTexts(c)
	require.NoError(tb, err)
	return x
}

func in(locale string) func(orgusers.Mail) string {
	return func(orgusers.Mail) string { return locale }
}

// kinds are the constants of package orgusers, read from its source, so that a new one fails here
// until it has texts.
func kinds(tb testing.TB) []orgusers.MailKind {
	tb.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../orgusers/effect.go", nil, 0)
	require.NoError(tb, err)
	var ks []orgusers.MailKind
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "MailKind" {
			s, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(tb, err)
			ks = append(ks, orgusers.MailKind(s))
		}
		return true
	})
	require.GreaterOrEqual(tb, len(ks), 8)
	return ks
}

// parse returns the tags of a page with their attributes, its words, and where its links go.
func parse(tb testing.TB, page string) (tags, words, links []string) {
	tb.Helper()
	var text strings.Builder
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		kind := z.Next()
		tok := z.Token()
		switch kind {
		case html.ErrorToken:
			require.ErrorIs(tb, z.Err(), io.EOF)
			return tags, strings.Fields(text.String()), links
		case html.TextToken:
			text.WriteString(tok.Data)
			continue
		}
		if tok.Data != "b" {
			text.WriteByte(' ')
		}
		tags = append(tags, tok.Type.String()+" "+tok.Data)
		for _, a := range tok.Attr {
			tags = append(tags, tok.Data+" "+a.Key+"="+a.Val)
			if slices.Contains([]string{"href", "src", "action", "background", "srcset"}, a.Key) {
				links = append(links, a.Val)
			}
		}
	}
}
