package orgusers

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestCleanName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"Jane", "Jane"},
		{"  Jane \t\r\n", "Jane"},
		{"\u00a0Jane\u3000", "Jane"},
		{"Jose\u0301", "José"},
		{"\u212bke", "Åke"},
		{"O'Brien-Smith, Jr.", "O'Brien-Smith, Jr."},
		{"山田　太郎", "山田　太郎"},
		{"محمد", "محمد"},
		{"Acme 🚀 & Co", "Acme 🚀 & Co"},
		{"A", "A"},
		{strings.Repeat("n", 100), strings.Repeat("n", 100)},
		{strings.Repeat("é", 100), strings.Repeat("é", 100)},
		{strings.Repeat("e\u0301", 100), strings.Repeat("é", 100)},
		{strings.Repeat("🚀", 100), strings.Repeat("🚀", 100)},
		// S-196, S-198: letters like any other; escaping is the templates' work.
		{"<b>{{.}}</b> ${x} %s", "<b>{{.}}</b> ${x} %s"},
		{"=1+1", "=1+1"},
	} {
		got, bad := cleanName("name", c.in, true)
		require.Nil(t, bad, "%+q", c.in)
		require.Equal(t, c.want, got)
		again, bad := cleanName("name", got, true)
		require.Nil(t, bad)
		require.Equal(t, got, again, "cleaning twice")
	}
}

func TestCleanName_Required(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "   ", "\t\n", "\u00a0\u3000"} {
		got, bad := cleanName("first", in, false)
		require.Nil(t, bad)
		require.Empty(t, got)
		_, bad = cleanName("first", in, true)
		require.Equal(t, &FieldError{Field: "first", Reason: ReasonRequired, Message: "is required"}, bad)
	}
}

func TestCleanName_TooLong(t *testing.T) {
	t.Parallel()
	for _, in := range []string{strings.Repeat("n", 101), strings.Repeat("é", 101), strings.Repeat("x", 5000), strings.Repeat("\u0958", 60)} {
		got, bad := cleanName("name", in, false)
		require.Empty(t, got)
		require.Equal(t, &FieldError{Field: "name", Reason: ReasonTooLong, Message: "is longer than 100 characters"}, bad)
	}
}

func TestS195_S180_S207_NoHiddenCharacterInName(t *testing.T) {
	t.Parallel()
	for _, c := range []string{
		"\r", "\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x7f", "\u0085", "\u009b", "\u2028", "\u2029", // controls
		"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\u200e", "\u200f", "\u061c", // bidi
		"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u180e", "\ufe0f", "\U000e0041", "\U000e0100", // zero-width
		"\u3164", "\uffa0", "\u115f", "\u17b4", "\u2800", // blank
		"\ue000", "\ufffe", "\uffff", "\U0010ffff", // private, no characters
		"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", // no UTF-8
	} {
		in := "Ja" + c + "ne"
		got, bad := cleanName("name", in, false)
		require.NotNil(t, bad, "%+q", in)
		require.Empty(t, got)
		require.Equal(t, "name", bad.Field)
		require.Equal(t, ReasonCharacter, bad.Reason, "%+q", in)
		for _, r := range bad.Message {
			require.True(t, r >= ' ' && r < 0x7f, "the message must not carry it")
		}
	}
	for _, in := range []string{"\u0301Jane", " \u0301", "e" + strings.Repeat("\u0301", 60)} {
		_, bad := cleanName("name", in, false)
		require.NotNil(t, bad, "%+q", in)
		require.Equal(t, ReasonCharacter, bad.Reason)
	}
}

func TestCleanText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{" \r\n ", ""},
		{"Hi,\r\nwelcome\rto\tus\n\nJane", "Hi,\nwelcome\nto us\n\nJane"},
		{"cafe\u0301", "café"},
		{"می\u200cخواهم 👩\u200d💻 ❤\ufe0f", "می\u200cخواهم 👩\u200d💻 ❤\ufe0f"},
		{strings.Repeat("é", 50), strings.Repeat("é", 50)},
		{"{{.}} <a href=x>", "{{.}} <a href=x>"},
	} {
		got, bad := cleanText("message", c.in, 50)
		require.Nil(t, bad, "%+q", c.in)
		require.Equal(t, c.want, got)
		again, bad := cleanText("message", got, 50)
		require.Nil(t, bad)
		require.Equal(t, got, again, "cleaning twice")
	}
}

func TestCleanText_Refused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in     string
		reason Reason
	}{
		{strings.Repeat("é", 51), ReasonTooLong},
		{strings.Repeat("a", 1<<20), ReasonTooLong},
		{"a\x00b", ReasonCharacter},
		{"a\x1b[0mb", ReasonCharacter},
		{"a\u0085b", ReasonCharacter},
		{"a\u2028b", ReasonCharacter},
		{"a\vb", ReasonCharacter},
		{"a\u202eb", ReasonCharacter},
		{"a\u200eb", ReasonCharacter},
		{"a\u200bb", ReasonCharacter},
		{"a\U000e0041b", ReasonCharacter},
		{"a\xffb", ReasonCharacter},
	} {
		got, bad := cleanText("message", c.in, 50)
		require.NotNil(t, bad, "%.50q", c.in)
		require.Empty(t, got)
		require.Equal(t, "message", bad.Field)
		require.Equal(t, c.reason, bad.Reason, "%.50q", c.in)
	}
	_, bad := cleanText("message", strings.Repeat("é", 51), 50)
	require.Equal(t, "is longer than 50 characters", bad.Message)
}

// Not parallel, because it measures.
func TestCleanName_LengthFirst(t *testing.T) {
	in := strings.Repeat("e\u0301", 1<<20)
	start := time.Now()
	for range 1000 {
		_, bad := cleanName("name", in, false)
		require.Equal(t, ReasonTooLong, bad.Reason)
	}
	require.Less(t, time.Since(start), 20*time.Second, "1,000 refusals of 3 MiB each")
}

func TestCutRunes(t *testing.T) {
	t.Parallel()
	require.Equal(t, "short", cutRunes("short", 256))
	require.Equal(t, strings.Repeat("a", 256), cutRunes(strings.Repeat("a", 256), 256))
	require.Equal(t, strings.Repeat("a", 253)+"…", cutRunes(strings.Repeat("a", 257), 256))
	require.Equal(t, strings.Repeat("é", 126)+"…", cutRunes(strings.Repeat("é", 200), 256))
	require.Equal(t, "a\uFFFDb", cutRunes("a\xffb", 256))
	for n := 240; n < 300; n++ {
		for _, unit := range []string{"🚀", "\xff", "a\xff", "\x80", "é\xf0\x9f"} {
			got := cutRunes(strings.Repeat(unit, n)[:n], 256)
			require.True(t, utf8.ValidString(got))
			require.LessOrEqual(t, len(got), 256, "%d of %q", n, unit)
			require.Equal(t, n > 256, n > 256 && strings.HasSuffix(got, "…"))
		}
	}
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"Jane", " e\u0301 ", "a\u202eb", "\xff", strings.Repeat("\u0301", 40), "\u1100\u1161\u11a8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, bad := cleanName("name", s, false)
		if bad != nil {
			require.Empty(t, got)
			require.NotEmpty(t, bad.Reason.Text())
			return
		}
		require.LessOrEqual(t, utf8.RuneCountInString(got), 100)
		require.Equal(t, strings.TrimSpace(got), got)
		again, bad := cleanName("name", got, false)
		require.Nil(t, bad)
		require.Equal(t, got, again)
		key := Name{First: got}.SortKey()
		require.Equal(t, key, Name{First: key}.SortKey())
	})
}
