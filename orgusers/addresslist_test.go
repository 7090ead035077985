package orgusers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func TestParseAddressList(t *testing.T) {
	t.Parallel()
	type piece struct {
		email, first, last string
		reason             orgusers.Reason
	}
	plain := func(email string) piece { return piece{email: email} }
	person := func(email, first, last string) piece { return piece{email: email, first: first, last: last} }
	refused := func(reason orgusers.Reason) piece { return piece{reason: reason} }
	again := func(email string) piece { return piece{email: email, reason: orgusers.ReasonDuplicate} }
	jane := person("jane@x.io", "Jane", "Doe")
	syntax := refused(orgusers.ReasonSyntax)
	for _, c := range []struct {
		in   string
		want []piece
	}{
		// Nothing.
		{"", nil},
		{" \t\r\n,;, ;\n\u00a0", nil},
		{"\ufeff", nil},
		{"---\n***\n• \n1.\n", nil},
		// Separators.
		{"a@x.io", []piece{plain("a@x.io")}},
		{"a@x.io,b@x.io;c@x.io\nd@x.io\r\ne@x.io\rf@x.io\tg@x.io", []piece{
			plain("a@x.io"), plain("b@x.io"), plain("c@x.io"), plain("d@x.io"), plain("e@x.io"), plain("f@x.io"), plain("g@x.io"),
		}},
		{"a@x.io b@x.io  c@x.io", []piece{plain("a@x.io"), plain("b@x.io"), plain("c@x.io")}},
		{"a@x.io\u00a0b@x.io\u3000c@x.io\u2009d@x.io", []piece{plain("a@x.io"), plain("b@x.io"), plain("c@x.io"), plain("d@x.io")}},
		{"a@x.io\vb@x.io\u2028c@x.io\u0085d@x.io", []piece{plain("a@x.io"), plain("b@x.io"), plain("c@x.io"), plain("d@x.io")}},
		{"a@x.io，b@x.io；c@x.io、d@x.io،e@x.io", []piece{plain("a@x.io"), plain("b@x.io"), plain("c@x.io"), plain("d@x.io"), plain("e@x.io")}},
		{",;a@x.io,,b@x.io;\n\n;c@x.io,", []piece{plain("a@x.io"), plain("b@x.io"), plain("c@x.io")}},
		{"a@x.io | b@x.io / c@x.io", []piece{plain("a@x.io"), plain("b@x.io"), plain("c@x.io")}},
		// Names.
		{"Jane Doe <jane@x.io>", []piece{jane}},
		{"Jane Doe<jane@x.io>", []piece{jane}},
		{`"Jane Doe" <jane@x.io>`, []piece{jane}},
		{`"Doe, Jane" <jane@x.io>`, []piece{jane}},
		{`Doe, Jane <jane@x.io>`, []piece{jane}},
		{`'Doe, Jane' <jane@x.io>`, []piece{jane}},
		{`“Doe, Jane” <jane@x.io>`, []piece{jane}},
		{`‘Doe, Jane’ <jane@x.io>, «Roe, Rick» <rick@x.io>`, []piece{jane, person("rick@x.io", "Rick", "Roe")}},
		{`"a@x.io, b@x.io" <c@x.io>`, []piece{plain("a@x.io"), plain("b@x.io"), plain("c@x.io")}},
		{`“a@x.io, “Doe; Jane” <jane@x.io>`, []piece{plain("a@x.io"), syntax, person("jane@x.io", "Jane”", "")}},
		{`„Doe, Jane“ <jane@x.io>`, []piece{jane}},
		{`Doe,Jane<jane@x.io>`, []piece{jane}},
		{"Doe，Jane <jane@x.io>", []piece{jane}},
		{"\u00a0Jane\u00a0Doe\u00a0<jane@x.io>", []piece{jane}},
		{"Jane\tDoe <jane@x.io>", []piece{syntax, person("jane@x.io", "Doe", "")}},
		{"<jane@x.io>", []piece{plain("jane@x.io")}},
		{"< jane@x.io >", []piece{plain("jane@x.io")}},
		{"<<jane@x.io>>", []piece{plain("jane@x.io")}},
		{"Jane <jane@x.io>", []piece{person("jane@x.io", "Jane", "")}},
		{"Anna Maria van Dyk <a@x.io>", []piece{person("a@x.io", "Anna Maria van", "Dyk")}},
		{"van Dyk, Anna Maria <a@x.io>", []piece{person("a@x.io", "Anna Maria", "van Dyk")}},
		{"O'Brien, Pat <p@x.io>", []piece{person("p@x.io", "Pat", "O'Brien")}},
		{"山田　太郎 <t@x.io>", []piece{person("t@x.io", "山田", "太郎")}},
		{"Jose\u0301 Luis <j@x.io>", []piece{person("j@x.io", "José", "Luis")}},
		{`"Jane \"JD\" Doe" <jane@x.io>`, []piece{person("jane@x.io", `Jane "JD"`, "Doe")}},
		{`"Sales; EMEA, North" <s@x.io>`, []piece{person("s@x.io", "North", "Sales; EMEA")}},
		{"Smith, John, PhD <s@x.io>", []piece{person("s@x.io", "John", "Smith")}},
		{`"Jane Doe, Ph.D." <jane@x.io>`, []piece{jane}},
		{`"Acme, Inc." <info@x.io>`, []piece{person("info@x.io", "Acme", "")}},
		{"jane@x.io <jane@x.io>", []piece{plain("jane@x.io")}},
		{"Jane@X.io <jane@x.io>", []piece{plain("jane@x.io")}},
		{`"jane@x.io" <jane@x.io>`, []piece{plain("jane@x.io")}},
		{`'jane@x.io' <jane@x.io>`, []piece{plain("jane@x.io")}},
		{"=?utf-8?q?J=C3=B6rg?= <j@x.io>", []piece{plain("j@x.io")}},
		{`"" <j@x.io>`, []piece{plain("j@x.io")}},
		{"... <j@x.io>", []piece{plain("j@x.io")}},
		// Names that cannot be kept.
		{"Ja\u202ene Doe <jane@x.io>", []piece{plain("jane@x.io")}},
		{"Ja\u200bne Doe <jane@x.io>", []piece{plain("jane@x.io")}},
		{"Ja\x00ne Doe <jane@x.io>", []piece{plain("jane@x.io")}},
		{"Jane \x1b[31mDoe <jane@x.io>", []piece{plain("jane@x.io")}},
		{"J\xf6rg <j@x.io>", []piece{plain("j@x.io")}},
		{strings.Repeat("n", 101) + " <j@x.io>", []piece{plain("j@x.io")}},
		{strings.Repeat("n ", 2000) + "<j@x.io>", []piece{plain("j@x.io")}},
		{"Jane @ Acme <jane@x.io>", []piece{plain("jane@x.io")}},
		// Several with names.
		{"Doe, Jane <jane@x.io>, Roe, Rick <rick@x.io>", []piece{jane, person("rick@x.io", "Rick", "Roe")}},
		{"Doe, Jane <jane@x.io>; Roe, Rick <rick@x.io>;", []piece{jane, person("rick@x.io", "Rick", "Roe")}},
		{"Doe, Jane <jane@x.io> Roe, Rick <rick@x.io>", []piece{jane, person("rick@x.io", "Rick", "Roe")}},
		{"Jane Doe <jane@x.io> Rick Roe <rick@x.io>", []piece{jane, person("rick@x.io", "Rick", "Roe")}},
		{`"Doe, Jane" <jane@x.io>,"Roe, Rick" <rick@x.io>`, []piece{jane, person("rick@x.io", "Rick", "Roe")}},
		{"a@x.io, Doe, Jane <jane@x.io>, b@x.io", []piece{plain("a@x.io"), jane, plain("b@x.io")}},
		{"a@x.io Jane Doe <jane@x.io>", []piece{plain("a@x.io"), jane}},
		{"a@x.io <b@x.io>", []piece{plain("a@x.io"), plain("b@x.io")}},
		{"a@x.io b@x.io <c@x.io>", []piece{plain("a@x.io"), plain("b@x.io"), plain("c@x.io")}},
		// A family name is on the same line and directly before.
		{"bob, Doe, Jane <jane@x.io>", []piece{syntax, jane}},
		{"bob.x.io, Jane Doe <jane@x.io>", []piece{syntax, jane}},
		{"bob#x.io, Jane Doe <jane@x.io>", []piece{syntax, jane}},
		{"bob; Jane Doe <jane@x.io>", []piece{syntax, jane}},
		{"bob\nJane Doe <jane@x.io>", []piece{syntax, jane}},
		{`bob, "Jane Doe" <jane@x.io>`, []piece{syntax, jane}},
		{"bob, <jane@x.io>", []piece{syntax, plain("jane@x.io")}},
		{"bob, jane@x.io", []piece{syntax, plain("jane@x.io")}},
		// Comments.
		{"Jane Doe (Team) <jane@x.io>", []piece{jane}},
		{"Doe, Jane (Team, North) <jane@x.io>", []piece{jane}},
		{"Jane Doe (Team; North) <jane@x.io>, (a, b@x.io)", []piece{jane, syntax, plain("b@x.io")}},
		{`"Doe, Jane (Team)" <jane@x.io>`, []piece{jane}},
		{`"Doe, Jane" (Team) <jane@x.io>`, []piece{jane}},
		{"Jane Doe <jane@x.io> (Team), b@x.io", []piece{jane, plain("b@x.io")}},
		{"jane@x.io (Jane Doe)", []piece{plain("jane@x.io")}},
		{"(Team) jane@x.io", []piece{plain("jane@x.io")}},
		{"Jane Doe (old@x.io) <jane@x.io>", []piece{plain("jane@x.io")}},
		// Brackets that hold the address.
		{"Jane Doe (jane@x.io)", []piece{jane}},
		{"Jane Doe [jane@x.io]", []piece{jane}},
		{"(a@x.io) (b@x.io)", []piece{plain("a@x.io"), plain("b@x.io")}},
		{"(a@x.io b@x.io)", []piece{plain("a@x.io"), plain("b@x.io")}},
		{"<a@x.io, b@x.io>", []piece{plain("a@x.io"), plain("b@x.io")}},
		{"Jane Doe <jane@x.io", []piece{jane}},
		{"jane@x.io>", []piece{plain("jane@x.io")}},
		// Links.
		{"mailto:jane@x.io", []piece{plain("jane@x.io")}},
		{"MAILTO:jane@x.io?subject=Hi&cc=b@x.io", []piece{plain("jane@x.io")}},
		{"mailto:jane%2Btag@x.io, <mailto:bob%40x.io>", []piece{plain("jane+tag@x.io"), plain("bob@x.io")}},
		{"mailto:50%@x.io", []piece{plain("50%@x.io")}},
		{"mailto:jane%0d%0aBcc:b@x.io", []piece{refused(orgusers.ReasonCharacter)}},
		{"Jane Doe <mailto:jane@x.io>", []piece{jane}},
		{"<mailto:jane@x.io?subject=Hi, there; you>", []piece{plain("jane@x.io")}},
		{"jane@x.io<mailto:jane@x.io>", []piece{plain("jane@x.io")}},
		{"Doe, Jane [mailto:jane@x.io]", []piece{jane}},
		{`"Doe, Jane" [mailto:jane@x.io]`, []piece{jane}},
		{"mailto:", []piece{syntax}},
		{`"a<b" [mailto:x]`, []piece{syntax}},
		// What lists are decorated with.
		{"- a@x.io\n* b@x.io\n• c@x.io\n•d@x.io\n– e@x.io\n> f@x.io", []piece{
			plain("a@x.io"), plain("b@x.io"), plain("c@x.io"), plain("d@x.io"), plain("e@x.io"), plain("f@x.io"),
		}},
		{"1. a@x.io\n2) b@x.io\n(3) c@x.io\n10.\u00a0d@x.io", []piece{plain("a@x.io"), plain("b@x.io"), plain("c@x.io"), plain("d@x.io")}},
		{"•\ta@x.io\n1.\tb@x.io\n-\tc@x.io", []piece{plain("a@x.io"), plain("b@x.io"), plain("c@x.io")}},
		{"1. Doe, Jane <jane@x.io>\n- Rick Roe <rick@x.io>", []piece{jane, person("rick@x.io", "Rick", "Roe")}},
		{"-a@x.io, 1.b@x.io, *c@x.io", []piece{plain("-a@x.io"), plain("1.b@x.io"), plain("*c@x.io")}},
		{"To: a@x.io; b@x.io\ncc:c@x.io\nFrom: Doe, Jane <jane@x.io>\nE-mail: d@x.io", []piece{
			plain("a@x.io"), plain("b@x.io"), plain("c@x.io"), jane, plain("d@x.io"),
		}},
		{`"a@x.io", 'b@x.io', “c@x.io”, ‘d@x.io’, «e@x.io», ` + "`f@x.io`", []piece{
			plain("a@x.io"), plain("b@x.io"), plain("c@x.io"), plain("d@x.io"), plain("e@x.io"), plain("f@x.io"),
		}},
		{`"a@x.io, b@x.io"`, []piece{plain("a@x.io"), plain("b@x.io")}},
		{`"a@x.io","Doe, Jane" <jane@x.io>`, []piece{plain("a@x.io"), jane}},
		{"a@x.io.", []piece{plain("a@x.io")}},
		{"\ufeffa@x.io", []piece{plain("a@x.io")}},
		{"\u202aa@x.io\u202c,\u200bb@x.io\u200b", []piece{plain("a@x.io"), plain("b@x.io")}},
		// Duplicates, by key.
		{"Jane@X.io, jane@x.io\nJANE@x.IO", []piece{plain("Jane@X.io"), again("jane@x.io"), again("JANE@x.IO")}},
		{"a@bücher.example a@xn--bcher-kva.example", []piece{plain("a@bücher.example"), again("a@xn--bcher-kva.example")}},
		{"a@x.io, a+b@x.io, a.@x.io, ba@x.io", []piece{plain("a@x.io"), plain("a+b@x.io"), syntax, plain("ba@x.io")}},
		// Not addresses: each reported, none guessed.
		{"hello world", []piece{syntax}},
		{"Please invite these:\na@x.io", []piece{syntax, plain("a@x.io")}},
		{"a@x.io, b, c@x.io", []piece{plain("a@x.io"), syntax, plain("c@x.io")}},
		{"john smith@x.io", []piece{syntax}},
		{"john\u00a0smith@x.io", []piece{syntax}},
		{"jane @x.io", []piece{syntax}},
		{"Jane Doe jane@x.io", []piece{syntax}},
		{"jo\u200bhn@x.io", []piece{refused(orgusers.ReasonCharacter)}},
		{"jane(x)@x.io", []piece{syntax}},
		{"@", []piece{syntax}},
		{"a@ @b a@@x.io a@b", []piece{syntax, syntax, syntax, syntax}},
		{"Jane <jane>, Jane <>, <@>", []piece{syntax, syntax, syntax}},
		{"a@[192.0.2.1]", []piece{syntax}},
		{"bøb@x.io", []piece{refused(orgusers.ReasonCharacter)}},
		{strings.Repeat("a", 300) + "@x.io", []piece{refused(orgusers.ReasonTooLong)}},
		{"\xff\xfe", []piece{syntax}},
		{"\x00", []piece{syntax}},
		{"\xff@x.io", []piece{refused(orgusers.ReasonCharacter)}},
		{`"a@x.io`, []piece{plain("a@x.io")}},
		{"\"unclosed\nb@x.io", []piece{syntax, plain("b@x.io")}},
		{"Jane <a@x.io> and more", []piece{person("a@x.io", "Jane", ""), syntax}},
		{"Jane <a@x.io> b@x.io", []piece{person("a@x.io", "Jane", ""), plain("b@x.io")}},
	} {
		got, err := orgusers.ParseAddressList(c.in, 0)
		require.NoError(t, err)
		var pieces []piece
		for _, r := range got {
			pieces = append(pieces, piece{r.Address.Email, r.Name.First, r.Name.Last, r.Reason})
		}
		require.Equal(t, c.want, pieces, "%+q", c.in)
		for _, r := range got {
			require.Equal(t, r.Reason == "", r.Message == "", "%+v", r)
		}
	}
}

func TestParseAddressList_InputAndLine(t *testing.T) {
	t.Parallel()
	text := "a@x.io, Doe, Jane <b@x.io>\r\n\r\n  hello, there ;\rc@x.io d@x.io\n" +
		strings.Repeat("é", 200) + "\nA@X.io"
	got, err := orgusers.ParseAddressList(text, 0)
	require.NoError(t, err)
	var lines []string
	for _, r := range got {
		lines = append(lines, fmt.Sprintf("%d %s %s", r.Line, r.Input, r.Reason))
	}
	require.Equal(t, []string{
		"1 a@x.io ",
		"1 Doe, Jane <b@x.io> ",
		"3 hello syntax",
		"3 there syntax",
		"4 c@x.io ",
		"4 d@x.io ",
		"5 " + strings.Repeat("é", 126) + "… syntax",
		"6 A@X.io duplicate",
	}, lines)
	require.Equal(t, "is on line 1 already", got[7].Message)
	require.Equal(t, "is not an e-mail address", got[2].Message)
	require.True(t, got[2].Address.IsZero())
}

func TestS191_ListKeepsTheSpelling(t *testing.T) {
	t.Parallel()
	got, err := orgusers.ParseAddressList("Bob <Bob.Smith@X.io>", 0)
	require.NoError(t, err)
	require.Equal(t, orgusers.Address{Email: "Bob.Smith@X.io", Key: "bob.smith@x.io"}, got[0].Address)
}

func TestS195_ListNeverYieldsAControlCharacter(t *testing.T) {
	t.Parallel()
	for _, c := range []string{"\x00", "\x1b", "\u0085", "\u2028", "\u202e", "\u200b", "\xff", "\r", "\n"} {
		for _, in := range []string{"a" + c + "b@x.io", "J" + c + "n <j@x.io>", "<j" + c + "@x.io>", "mailto:j" + c + "@x.io"} {
			got, err := orgusers.ParseAddressList(in, 0)
			require.NoError(t, err)
			for _, r := range got {
				require.NotContains(t, r.Address.Email+string(r.Address.Key)+r.Name.First+r.Name.Last+r.Message, c)
			}
		}
	}
}

// Not parallel, because it measures.
func TestS200_LongTextIsRefusedAtOnce(t *testing.T) {
	text := strings.Repeat("a@x.io,", 4<<20/7+1)
	require.Greater(t, len(text), 4<<20)
	got, err := orgusers.ParseAddressList(text, 0)
	require.Nil(t, got)
	requireListError(t, err, "text", orgusers.ReasonTooLong)
	requireAddressWithin(t, time.Millisecond, func() { _, _ = orgusers.ParseAddressList(text, 0) })

	got, err = orgusers.ParseAddressList(strings.Repeat(" ", 4<<20), 0)
	require.NoError(t, err, "4 MiB are fine")
	require.Empty(t, got)
}

func requireListError(t *testing.T, err error, field string, reason orgusers.Reason) {
	t.Helper()
	require.ErrorIs(t, err, orgusers.ErrInvalid)
	var e *orgusers.Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Fields, 1)
	require.Equal(t, field, e.Fields[0].Field)
	require.Equal(t, reason, e.Fields[0].Reason)
	require.NotEmpty(t, e.Fields[0].Message)
}

// Not parallel, because it measures.
func TestS201_ManyEntries(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "\"Doe, J%d\" <j%d@x.io>%s", i, i%90_000, []string{",", ";", "\n"}[i%3])
	}
	start := time.Now()
	got, err := orgusers.ParseAddressList(b.String(), 0)
	require.NoError(t, err)
	require.Less(t, time.Since(start), time.Minute)
	require.Len(t, got, 100_000)
	duplicates := 0
	for i, r := range got {
		if r.Address.Email != fmt.Sprintf("j%d@x.io", i%90_000) || r.Name.Last != "Doe" || r.Line != i/3+1 {
			require.Fail(t, "wrong entry", "%d: %+v", i, r)
		}
		if r.Reason == orgusers.ReasonDuplicate {
			duplicates++
		}
	}
	require.Equal(t, 10_000, duplicates)

	got, err = orgusers.ParseAddressList(b.String()+"one more", 0)
	require.Nil(t, got)
	requireListError(t, err, "emails", orgusers.ReasonTooMany)
}

func TestS201_Limit(t *testing.T) {
	t.Parallel()
	got, err := orgusers.ParseAddressList("a@x.io, a@x.io; nonsense", 3)
	require.NoError(t, err)
	require.Len(t, got, 3)
	for _, in := range []string{"a@x.io b@x.io c@x.io d@x.io", "a,b,c,d", "a@x.io\nb@x.io\nc@x.io\nd@x.io\n", "<a@x.io><b@x.io><c@x.io><d@x.io>"} {
		got, err = orgusers.ParseAddressList(in, 3)
		require.Nil(t, got, in)
		requireListError(t, err, "emails", orgusers.ReasonTooMany)
		require.Contains(t, err.Error(), "3 entries")
		_, err = orgusers.ParseAddressList(in, 4)
		require.NoError(t, err, in)
	}
}

// Text made to send a parser back and forth takes no longer than any other: 128 KiB each, which
// quadratic work at a nanosecond a step would keep busy for eight seconds. Not parallel, because it
// measures.
func TestS200_HostileTextIsLinear(t *testing.T) {
	for _, unit := range []string{
		`"`, `"a`, `\"`, `"\"`, `"a" `, `" <a@x.io> `, "“", "“x", "„x", `“"`, "<", "<a", "a@x.io <", ">", "><", "(", "()", "(@", "(a@x.io)",
		"[", "[(", "((a@x.io)", "<mailto:", "<mailto:a,", "[mailto:", ",", "a,", "a,b <c@x.io>,", "Doe, ", "a@x.io ", "@", "@ ", "@,", " ", "\u00a0", "\ufeff", "\n", "\r",
		"1. ", "- ", "to:", "'", "''", "\xff", "\ufffd", "\x00", "é", "xn--a@xn--b.io ", "a@x.io\"", `"(x) `, "a (b ", "(a) @",
	} {
		text := strings.Repeat(unit, 1<<17/len(unit)) + `@” " <a@x.io>`
		start := time.Now()
		_, err := orgusers.ParseAddressList(text, 1<<20)
		require.NoError(t, err)
		require.Less(t, time.Since(start), 30*time.Second, "%q", unit)
	}
}

func FuzzParseAddressList(f *testing.F) {
	for _, s := range []string{
		"a@x.io, b@x.io;c@x.io\nd@x.io", `"Doe, Jane" <jane@x.io>, Roe, Rick <r@x.io>`, "Jane (T) <mailto:j@x.io?subject=a,b>",
		"1. a@x.io\n• b@x.io", "To: a@x.io; “x; y” <b@x.io>", `"a\" <b@x.io>`, "a@x.io <b@x.io> c (d@x.io)", `"a<b" [mailto:x]`, "\ufeffa@x.io\u00a0b@x.io",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := orgusers.ParseAddressList(s, 0)
		if err != nil {
			require.ErrorIs(t, err, orgusers.ErrInvalid)
			require.Nil(t, got)
			return
		}
		if strings.Contains(s, "@") {
			require.NotEmpty(t, got, "something meant as an address was dropped")
		}
		for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;<>()[]\"", r) }) {
			if _, err := orgusers.ParseAddress(word); err == nil {
				require.True(t, slices.ContainsFunc(got, func(r orgusers.Recipient) bool {
					return strings.Contains(r.Input, word) || strings.HasSuffix(r.Input, "…")
				}), "%q was dropped", word)
			}
		}
		line, seen := 1, map[orgusers.AddressKey]bool{}
		for _, r := range got {
			require.GreaterOrEqual(t, r.Line, line)
			line = r.Line
			require.LessOrEqual(t, len(r.Input), 256)
			require.NotEmpty(t, r.Input)
			require.True(t, utf8.ValidString(r.Input))
			require.Equal(t, r.Reason == "", r.Message == "")
			if r.Reason != "" && r.Reason != orgusers.ReasonDuplicate {
				require.True(t, r.Address.IsZero())
				require.Equal(t, orgusers.Name{}, r.Name)
				continue
			}
			require.Equal(t, r.Reason == orgusers.ReasonDuplicate, seen[r.Address.Key])
			seen[r.Address.Key] = true
			again, err := orgusers.ParseAddress(r.Address.Email)
			require.NoError(t, err)
			require.Equal(t, r.Address, again)
			if !strings.Contains(s, "%") {
				require.Contains(t, s, r.Address.Email, "an address nobody wrote")
			}
			require.True(t, utf8.ValidString(r.Name.First+r.Name.Last))
			require.LessOrEqual(t, utf8.RuneCountInString(r.Name.First), 100)
			require.LessOrEqual(t, utf8.RuneCountInString(r.Name.Last), 100)
			require.False(t, strings.ContainsAny(r.Name.First+r.Name.Last, "\x00\r\n\x1b\u202e\u200b"))
		}
		require.LessOrEqual(t, line, 1+strings.Count(s, "\n")+strings.Count(s, "\r"))
	})
}
