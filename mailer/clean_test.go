package mailer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                   "",
		"  Anna \t Owner\n":                  "Anna Owner",
		"J. R. Smith, Inc.":                  "J. R. Smith, Inc.",
		"Re: plan .NET ... v. 2":             "Re: plan .NET ... v. 2",
		"monday.com":                         "monday․com",
		"a@b.example":                        "a@b․example",
		"https://evil.com/x?a=b":             "https∶//evil․com/x?a=b",
		"xn--80ak6aa92e-.com":                "xn--80ak6aa92e-․com",
		"पता.भारत":                           "पता․भारत",
		"evil\u200b.\u2060com":               "evil․com",
		"x\x00\x7f\u202e\u2066y":             "xy",
		"a\r\nb\u0085c\u2028d\u2029e\u00a0f": "a b c d e f",
		"\xffa":                              "\uFFFDa",
		"=?utf-8?q?x?=":                      "＝?utf-8?q?x?＝",
		"a=b":                                "a=b",
		`\\host\share`:                       "∖∖host∖share",
		"Ærøskøbing 東京 😀":                    "Ærøskøbing 東京 😀",
	} {
		require.Equal(t, want, clean(in))
		require.Equal(t, want, clean(clean(in)))
		require.True(t, oneLine(clean(in)))
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	require.Equal(t, "äöü", cut("äöü", 3))
	require.Equal(t, "äö…", cut("äöüx", 3))
	require.Equal(t, "ä…", cut("ä üx", 3))
}
