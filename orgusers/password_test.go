package orgusers

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// jane is what is known about the person in these tests.
func jane() []string {
	return []string{"Jane O'Neill-Smith", "jane.oneill@mail.example.com", "Acme Corporation", "EntryStack", "José", "al", ""}
}

func requirePassword(t *testing.T, password string, minimum int, want Reason) {
	t.Helper()
	got, fe := checkPassword("password", password, minimum, jane()...)
	if want == "" {
		require.Nil(t, fe, "%q", password)
		require.Equal(t, norm.NFC.String(password), got)
		return
	}
	require.NotNil(t, fe, "%q", password)
	require.Equal(t, want, fe.Reason, "%q: %s", password, fe.Message)
	require.Equal(t, "password", fe.Field)
	require.NotEmpty(t, fe.Message)
	require.Empty(t, got)
	if len(password) > 3 {
		require.NotContains(t, fe.Message, password, "messages quote nothing")
	}
}

func TestASVS621_PasswordLengths(t *testing.T) {
	t.Parallel()
	const long = "my dog eats two shoes a day" // 27
	for _, c := range []struct {
		length, minimum int
		want            Reason
	}{
		{14, 15, ReasonTooShort},
		{15, 15, ""},
		{14, 0, ReasonTooShort},
		{15, 0, ""},
		{7, 8, ReasonTooShort},
		{8, 8, ""},
		{7, 1, ReasonTooShort},
		{8, 1, ""},
		{7, -5, ReasonTooShort},
		{8, -5, ""},
		{26, 27, ReasonTooShort},
		{27, 27, ""},
	} {
		requirePassword(t, long[:c.length], c.minimum, c.want)
	}
	varied := func(n int) string {
		return strings.Repeat("Xk3?vB9 mQ", n/10+1)[:n]
	}
	requirePassword(t, varied(64), 15, "")
	requirePassword(t, varied(256), 15, "")
	requirePassword(t, varied(257), 15, ReasonTooLong)
	requirePassword(t, varied(1025), 15, ReasonTooLong)
	requirePassword(t, "", 15, ReasonRequired)
}

func TestPasswordLengthCountsCodePoints(t *testing.T) {
	t.Parallel()
	requirePassword(t, "ключ от квартир", 15, "")               // 15 of two bytes
	requirePassword(t, "ключ от кварти", 15, ReasonTooShort)    // 14, though 26 bytes
	requirePassword(t, "🐎🔋📎🌍🎈🎻🍎🚲🌲🐟🎲🔑🌙🍞🎯", 15, "")               // 15 of four bytes
	requirePassword(t, "éèêëàâäùûüôöîï", 15, ReasonTooShort)    // 14, though 28 bytes
	decomposed := norm.NFD.String("éèêëàâäùûüôöîï")             // 28 code points before NFC
	requirePassword(t, decomposed, 15, ReasonTooShort)          // counted in the form that is hashed
	requirePassword(t, strings.Repeat("🐎🔋📎🌍🎈", 51)+"🐎", 15, "") // 256 of four bytes: 1024
	requirePassword(t, strings.Repeat("🐎🔋📎🌍🎈", 51)+"🐎a", 15, ReasonTooLong)
}

func TestPasswordCharacters(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{
		"   spaces   at   both   ends   ", "tab\tand\nnewline are fine", "quotes \"'` and <html>", "\u202eright to left text",
		"paste \U0001F469\u200d\U0001F680 zero width", "correct horse battery staple",
	} {
		requirePassword(t, ok, 15, "")
	}
	requirePassword(t, "correct horse\x00battery staple", 15, ReasonCharacter)
	requirePassword(t, "correct horse\xffbattery staple", 15, ReasonCharacter)
	requirePassword(t, "\xed\xa0\x80 a surrogate in UTF-8", 15, ReasonCharacter)
}

func TestC2_NormalizePassword(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                   "",
		"cafe\u0301":         "caf\u00e9",
		"caf\u00e9":          "caf\u00e9",
		" A b ":              " A b ",
		"\u212b":             "\u00c5", // the Ångström sign is the letter
		"\ufb01":             "\ufb01", // NFC, not NFKC: the ligature stays
		"\u1112\u1161\u11ab": "\ud55c",
	} {
		got, ok := normalizePassword(in)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"\x00", "a\x00", "\xff", "\xc3", strings.Repeat("a", 1025)} {
		_, ok := normalizePassword(in)
		require.False(t, ok)
	}
	// The form to hash is its own form, even where marks are piled up: what was set can be typed.
	for _, in := range []string{strings.Repeat("e\u0301\u0323", 50), "a" + strings.Repeat("\u0301", 400), "a" + strings.Repeat("\u0323\u0301", 200)} {
		once, ok := normalizePassword(in)
		require.True(t, ok)
		if twice, ok := normalizePassword(once); ok {
			require.Equal(t, once, twice)
		}
	}
}

func TestS086_ContextWords(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		"acmecorporation", "AcmeCorporation", "ACMECORPORATION", "Acme Corporation", "acme-corporation!", "acme.corporation 2024",
		"AcmeCorporation1", "2024AcmeCorporation", "corporation", "corporation123", "CorporationCorporation",
		"acmeacme", "acmeacmeacme", "Acme2024", "acme2024acme2024", "Acme12345678", "acme!!!!!!!!", "2024acme2024",
		"entrystack", "EntryStack99", "entrystackEntryStack",
		"jane.oneill@mail.example.com", "JANE.ONEILL@MAIL.EXAMPLE.COM", "jane.oneill", "janeoneill1985", "janeoneilljaneoneill",
		"mail.example.com", "mailexamplecom1",
		"Jane O'Neill-Smith", "oneillsmith", "oneillsmithjane", "jane acme corporation", "JaneJaneJane", "Jane19850101",
		"José José 2024", "jose\u0301jose\u0301", "JOSÉ2024",
	} {
		requirePassword(t, password, 8, ReasonContextWord)
	}
	for _, password := range []string{
		"I joined Acme Corporation in the spring", // only contains it
		"acme is where the coffee is bad",
		"my jane.oneill@mail.example.com box",
		"entrystack is fine by me",
		"xacmeacme", "acmeacmex", "acmes acmes", "janet doe the third",
		"al19850304",       // "al" is too short to be looked for
		"8361047295361948", // digits alone are no context word
		"josejosex", "josé🐎josé🐎",
	} {
		requirePassword(t, password, 8, "")
	}
	_, fe := checkPassword("password", "acmecorporation", 15)
	require.Nil(t, fe, "without context it is as good as any")
	_, fe = checkPassword("password", "Andr\u00e9 Andr\u00e9 Andr\u00e9", 15, "Andre\u0301")
	require.Equal(t, ReasonContextWord, fe.Reason, "context is compared in the same form")
	_, fe = checkPassword("new_password", "acmecorporation", 15, "Acme Corporation")
	require.Equal(t, "new_password", fe.Field)
	_, fe = checkPassword("password", "4915123456782024", 15, "491512345678@example.com")
	require.Equal(t, ReasonContextWord, fe.Reason, "a telephone number as local part, and a year")
}

func TestS086_RepeatsAndRuns(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		"aaaaaaaaaaaaaaa", "AaAaAaAaAaAaAaA", "               ", "!!!!!!!!!!!!!!!", "ééééééééééééééé", "🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎",
		"abababababababab", "abcabcabcabcabc", "1234123412341234", "xy7!xy7!xy7!xy7!x",
		"qwertyuiopasdfghjkl", "QWERTYUIOPASDFGHJKL", "poiuytrewqlkjhgf", "qwertyuiop12345", "qwertzuiopasdfg", "azertyuiopqsdfg",
		"abcdefghijklmno", "zyxwvutsrqponmlk", "1234567890123456", "9876543210987654", "123456789abcdefg",
		"1qaz2wsx3edc4rfv", "!@#$%^&*()_+!@#", "qazwsxedcrfvtgb", "1q2w3e4r5t6y7u8i", "zaq123qweasdzxc",
		"111222333444555", "aaaabbbbccccddddd", "qwertyuiopasdfx",
	} {
		requirePassword(t, password, 15, ReasonCommon)
	}
	requirePassword(t, "12345678", 8, ReasonCommon)
	requirePassword(t, "qwertyui", 8, ReasonCommon)
	requirePassword(t, "asdfjkl;", 8, ReasonCommon)
	for _, password := range []string{
		"qwerty is a keyboard", "abc def ghi and so on", "my 12345 little dogs", "stuvwxyz or not", "the first hijack", "aaaaaaaaaaaaab7",
		"undefghi rstable", "hippopotamus tuv",
	} {
		requirePassword(t, password, 15, "")
	}
}

// A password is judged on every attempt to set one, so even the worst must cost little.
func TestS200_JudgingAPasswordIsCheap(t *testing.T) {
	t.Parallel()
	var context []string
	for range 40 {
		context = append(context, strings.Repeat("a", 50), strings.Repeat("a ", 50))
	}
	for _, password := range []string{
		strings.Repeat("a", 255) + "b", strings.Repeat("qwertyuiop", 25) + "k", strings.Repeat("1q2", 85), strings.Repeat("a\u0301", 340),
	} {
		start := time.Now()
		_, fe := checkPassword("password", password, 15, context...)
		require.Less(t, time.Since(start), 5*time.Second, "%.20q", password)
		require.NotNil(t, fe, "%.20q", password)
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("correct horse battery staple", 15, "Acme")
	f.Add("AcmeAcme2024", 8, "Acme")
	f.Add("cafe\u0301 cafe\u0301 cafe", 8, "a@b.example")
	f.Add("\xff\x00", -1, "\xff@\x00")
	f.Add("a"+strings.Repeat("\u0301", 40), 0, "")
	f.Fuzz(func(t *testing.T, password string, minimum int, word string) {
		normal, fe := checkPassword("password", password, minimum, word)
		if fe != nil {
			require.Empty(t, normal)
			require.NotEmpty(t, fe.Reason)
			return
		}
		n := utf8.RuneCountInString(normal)
		require.True(t, n >= 8 && n <= 256 && len(normal) <= 1024, "%d", n)
		again, ok := normalizePassword(normal)
		require.True(t, ok)
		require.Equal(t, normal, again, "normalizing what was normalized changes nothing")
		require.NotEqual(t, word, password)
	})
}
