package orgusers

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func commonLines() []string { return strings.Split(strings.Trim(commonPasswords, "\n"), "\n") }

func TestASVS624_TheListOfCommonPasswords(t *testing.T) {
	t.Parallel()
	lines := commonLines()
	require.True(t, slices.IsSorted(lines), "or bisection misses some")
	require.Len(t, slices.Compact(slices.Clone(lines)), len(lines), "none twice")
	form := regexp.MustCompile(`^[ !-@\[-_a-~]{4,64}$`)
	var with8, with15 int
	for _, l := range lines {
		require.Regexp(t, form, l)
		require.Equal(t, strings.TrimSpace(l), l)
		require.True(t, listed(l), "%q", l)
		if len(l) >= 8 {
			with8++
		}
		if len(l) >= 15 {
			with15++
		}
	}
	require.GreaterOrEqual(t, with15, 3000, "that meet the policy by default")
	require.GreaterOrEqual(t, with8-with15, 3000, "and where a second factor makes it eight")
	for _, s := range []string{"", "\n", " ", "zzzzzzzzzzzzzzzz", "!", lines[0] + "x", lines[len(lines)-1] + "x", lines[5] + "\n" + lines[6], "\n" + lines[7], "\U0010ffff", "\x00"} {
		require.False(t, listed(s), "%q", s)
	}
}

// Each entry long enough is refused, whatever its case, with the reason (S-086).
func TestS086_EveryCommonPasswordIsRefused(t *testing.T) {
	t.Parallel()
	for i, l := range commonLines() {
		if i%2 == 0 {
			l = strings.Map(func(r rune) rune { // upper case
				if r >= 'a' && r <= 'z' {
					r += 'A' - 'a'
				}
				return r
			}, l)
		}
		for _, minimum := range []int{8, 15} {
			if utf8.RuneCountInString(l) >= minimum {
				_, fe := checkPassword("password", l, minimum)
				require.NotNil(t, fe, "%q", l)
				require.Equal(t, ReasonCommon, fe.Reason, "%q", l)
			}
		}
	}
}

func TestS086_CommonPasswordsInDisguise(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		"passwordpassword", "Password Password", "password-password", "PasswordPasswordPassword", "password2024password2024", "Password1!Password1!",
		"Password20242024", "password12345678", "password123456789", "Password!!!!!!!!", "password31012024", "2024password2024", "!!!password2024!", "password@2024!!",
		"P@ssw0rdP@ssw0rd", "p4ssw0rd2024!!!", "Pa$$w0rd20240131", "$unshine$unshine", "1l0vey0uf0rever", "Welcome12345678", "WelcomeWelcome1",
		"iloveyouforever", "I love you forever", "ILoveYouForever!", "iloveyouforever2024", "correcthorsebatterystaple", "letmeinletmein", "dragon123456789",
		"monkeymonkeymonkey", "trustno1trustno1", "thisismypassword", "This is my password", "qwertypassword", "changemechangeme", "administrator123",
	} {
		minimum := min(15, utf8.RuneCountInString(password))
		_, fe := checkPassword("password", password, minimum)
		require.NotNil(t, fe, "%q", password)
		require.Equal(t, ReasonCommon, fe.Reason, "%q", password)
	}
	for _, password := range []string{"dragon2024!", "Dr4gon99", "Monkey123!", "monkeymonkey", "Summer2024", "P@ssw0rd", "football1", "Liverpool2025"} {
		requirePassword(t, password, 8, ReasonCommon)
	}
	// Only whole passwords count, and what is added must be what everybody adds.
	for _, password := range []string{
		"correct horse battery staple", "password is not what it was", "my dragon ate the password", "dragon83610472", "monkey tree house", "sunshine7#Kp2!x",
		"passwordly spoken words", "the password of the day is fish", "iloveyouforevermore and then some", "welcomeXmonkeyXdragon", "x password x password y",
	} {
		requirePassword(t, password, 8, "")
	}
}

func TestS086_ContextWordsInDisguise(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		"4cm3 C0rp0r4ti0n", "@cmeCorpor@tion", "acme!!corporation", "A.c.m.e.A.c.m.e.2024", "j4ne_0neill_1985", "3ntryst4ck2024", "EntrySt@ckEntryStack", "c0rp0rat1on2024!",
	} {
		requirePassword(t, password, 8, ReasonContextWord)
	}
	for _, password := range []string{"acne clinic ahead", "4cm3 b0ats at sea", "entry stark naked men"} {
		requirePassword(t, password, 8, "")
	}
}

func TestC2_MinimumOfOnePerson(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		min, mfa     int // of the policy; 0: default
		secondFactor bool
		asked        []int
		want         int
	}{
		{0, 0, false, nil, 15},
		{0, 0, true, nil, 8},
		{0, 0, false, []int{0, 12, 20}, 20},
		{0, 0, true, []int{0, 12, 20}, 20},
		{0, 0, true, []int{12}, 12},
		{0, 0, false, []int{8}, 15},
		{20, 0, false, nil, 20},
		{20, 0, true, nil, 8},
		{20, 12, true, nil, 12},
		{10, 12, true, nil, 10},
		{8, 0, false, nil, 8},
	} {
		p := Policy{MinPassword: c.min, MinPasswordMFA: c.mfa}
		require.Empty(t, p.fill())
		require.Equal(t, c.want, p.minPassword(c.secondFactor, c.asked...), "%+v", c)
	}
}

func FuzzCommonPassword(f *testing.F) {
	f.Add("P@ssw0rd2024!P@ssw0rd2024!")
	f.Add("é1é1é1\xff")
	f.Add("    ")
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1024 {
			return
		}
		common := isCommon(s)
		if listed(s) {
			require.True(t, common)
			require.True(t, isCommon(s+"2024"))
			require.True(t, isCommon(s+s))
		}
	})
}

func BenchmarkCheckPassword(b *testing.B) {
	for name, password := range map[string]string{
		"accepted":  "my dog eats two shoes a day",
		"disguised": "P@ssw0rd2024!P@ssw0rd2024!",
		"longest":   strings.Repeat("x1!", 85) + "y",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = checkPassword("password", password, 15, jane()...)
			}
		})
	}
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if listed("my dog eats two shoes a day") || !listed("iloveyouforever") {
				b.Fatal("wrong")
			}
		}
	})
}
