package orgusers

import (
	"bytes"
	"crypto/rand"
	"io"
	mrand "math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const recoveryUser, recoveryOther = UserID("01890a5d-ac96-774b-bcce-b302099a8057"), UserID("01890a5d-ac96-774b-bcce-b302099a8058")

func newRecoverySet(tb testing.TB, user UserID) ([]RecoveryCode, string) {
	tb.Helper()
	codes, recovery, err := newRecoveryCodes(rand.Reader, user)
	require.NoError(tb, err)
	return codes, recovery
}

func TestC7_ASetOfRecoveryCodes(t *testing.T) {
	t.Parallel()
	codes, recovery := newRecoverySet(t, recoveryUser)
	require.Len(t, codes, 10)
	require.Equal(t, 10, MFA{Recovery: recovery}.RecoveryCodes())
	require.LessOrEqual(t, len(recovery), 1039, "as the conformance suite asks of stores")
	group := `[0-9A-HJKMNP-TV-Z]{5}`
	form := regexp.MustCompile(`^` + group + strings.Repeat(`-`+group, 4) + `$`)
	seen := map[RecoveryCode]bool{}
	for _, c := range codes {
		require.Regexp(t, form, string(c))
		require.False(t, seen[c])
		seen[c] = true
		require.NotContains(t, recovery, strings.ReplaceAll(string(c), "-", ""))
	}
	_, _, err := newRecoveryCodes(io.LimitReader(rand.Reader, 249), recoveryUser)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "no randomness, no codes")
}

// Every byte is one character, each character stands for eight bytes: what the reader gives evenly
// comes out evenly, and no bit of the 125 is lost.
func TestC7_RecoveryCodesAreEven(t *testing.T) {
	t.Parallel()
	count := map[byte]int{}
	for first := 0; first < 256; first += 250 {
		random := make([]byte, 250)
		for i := range random {
			random[i] = byte(min(first+i, 255))
		}
		codes, _, err := newRecoveryCodes(bytes.NewReader(random), recoveryUser)
		require.NoError(t, err)
		text := strings.ReplaceAll(strings.Join(texts(codes), ""), "-", "")
		for i := range min(250, 256-first) {
			count[text[i]]++
		}
	}
	require.Len(t, count, 32)
	for c, n := range count {
		require.Equal(t, 8, n, "%c", c)
	}

	// And in a long run of a good generator: at each of the 25 places each of the 32 characters, by a
	// chi-square test with 31 degrees of freedom (beyond 70 once in ten thousand), and no code twice.
	source := mrand.NewChaCha8([32]byte(testKey(3, 32)))
	var at [25][256]int
	seen := map[RecoveryCode]bool{}
	const sets = 1000
	for range sets {
		codes, _, err := newRecoveryCodes(source, recoveryUser)
		require.NoError(t, err)
		for _, c := range codes {
			require.False(t, seen[c])
			seen[c] = true
			for place, r := range []byte(strings.ReplaceAll(string(c), "-", "")) {
				at[place][r]++
			}
		}
	}
	for place := range at {
		const expected = float64(sets*10) / 32
		var chi float64
		for _, c := range []byte(crockford) {
			d := float64(at[place][c]) - expected
			chi += d * d / expected
		}
		require.Less(t, chi, 70.0, "place %d", place)
	}
}

func texts(codes []RecoveryCode) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = string(c)
	}
	return out
}

func TestS116_RecoveryCodesWorkOnce(t *testing.T) {
	t.Parallel()
	codes, recovery := newRecoverySet(t, recoveryUser)
	for i, j := range mrand.Perm(len(codes)) {
		rest, ok := useRecoveryCode(recoveryUser, recovery, string(codes[j]))
		require.True(t, ok)
		require.Equal(t, 9-i, MFA{Recovery: rest}.RecoveryCodes(), "one goes, the others stay (S-121)")
		again, ok := useRecoveryCode(recoveryUser, rest, string(codes[j]))
		require.False(t, ok)
		require.Equal(t, rest, again)
		recovery = rest
	}
	require.Empty(t, recovery)
	_, ok := useRecoveryCode(recoveryUser, "", string(codes[0]))
	require.False(t, ok)
}

func TestS117_RecoveryCodesAreOnesOwn(t *testing.T) {
	t.Parallel()
	codes, recovery := newRecoverySet(t, recoveryUser)
	theirs, others := newRecoverySet(t, recoveryOther)
	for i := range codes {
		rest, ok := useRecoveryCode(recoveryUser, recovery, string(theirs[i]))
		require.False(t, ok)
		require.Equal(t, recovery, rest)
		// Nor does a hash carried to another account's row open it.
		_, ok = useRecoveryCode(recoveryUser, others, string(theirs[i]))
		require.False(t, ok)
	}
}

func TestS118_ANewSetVoidsTheOld(t *testing.T) {
	t.Parallel()
	old, _ := newRecoverySet(t, recoveryUser)
	_, recovery := newRecoverySet(t, recoveryUser)
	for _, c := range old {
		_, ok := useRecoveryCode(recoveryUser, recovery, string(c))
		require.False(t, ok)
	}
}

func TestC7_RecoveryCodesAsTyped(t *testing.T) {
	t.Parallel()
	// Bytes 0, 1, 2, …: all 32 characters, 0 and 1 among them.
	random := make([]byte, 250)
	for i := range random {
		random[i] = byte(i)
	}
	codes, recovery, err := newRecoveryCodes(bytes.NewReader(random), recoveryUser)
	require.NoError(t, err)
	require.Equal(t, RecoveryCode("01234-56789-ABCDE-FGHJK-MNPQR"), codes[0])
	for _, typed := range []string{
		"01234-56789-ABCDE-FGHJK-MNPQR", "0123456789ABCDEFGHJKMNPQR", "01234-56789-abcde-fghjk-mnpqr", " 01234 56789\tABCDE\nFGHJK MNPQR ",
		"O1234-56789-ABCDE-FGHJK-MNPQR", "oI234-56789-ABCDE-FGHJK-MNPQR", "0l234-56789-ABCDE-FGHJK-MNPQR", "0i234-56789-ABCDE-FGHJK-MNPQR", "0L234-56789-ABCDE-FGHJK-MNPQR",
		"0-1-2-3-4-5-6-7-8-9-A-B-C-D-E-F-G-H-J-K-M-N-P-Q-R", "01234–56789—ABCDE−FGHJK‐MNPQR", "01234\u00a056789 ABCDE FGHJK MNPQR",
	} {
		_, ok := useRecoveryCode(recoveryUser, recovery, typed)
		require.True(t, ok, "%q", typed)
	}
	for _, typed := range []string{
		"", "-", "0", "01234-56789-ABCDE-FGHJK-MNPQ", "01234-56789-ABCDE-FGHJK-MNPQRS", "U1234-56789-ABCDE-FGHJK-MNPQR", "01234_56789-ABCDE-FGHJK-MNPQR",
		"01234-56789-ABCDE-FGHJK-MNPQ\x00", "\xff1234-56789-ABCDE-FGHJK-MNPQR", "０1234-56789-ABCDE-FGHJK-MNPQR", "01234-56789-ABCDE-FGHJK-MNPQR" + strings.Repeat(" ", 200),
		"11234-56789-ABCDE-FGHJK-MNPQR", recovery, strings.Fields(recovery)[0], redacted,
	} {
		rest, ok := useRecoveryCode(recoveryUser, recovery, typed)
		require.False(t, ok, "%q", typed)
		require.Equal(t, recovery, rest)
	}
}

func FuzzRecoveryCode(f *testing.F) {
	codes, _ := newRecoverySet(f, recoveryUser)
	_, others := newRecoverySet(f, recoveryUser)
	f.Add(string(codes[0]), others)
	f.Add("oil23-56789-abcde-fghjk-mnpqr", "")
	f.Add("\xff–", " a  b ")
	f.Fuzz(func(t *testing.T, typed, stored string) {
		canonical, valid := canonicalRecoveryCode(typed)
		if valid {
			require.Len(t, canonical, 25)
			again, ok := canonicalRecoveryCode(canonical)
			require.True(t, ok)
			require.Equal(t, canonical, again, "what is canonical stays as it is")
		}
		rest, ok := useRecoveryCode(recoveryUser, stored, typed)
		require.False(t, ok, "nobody can guess a hash")
		require.Equal(t, stored, rest)
		if valid {
			_, ok = useRecoveryCode(recoveryUser, stored+" "+recoveryHash(recoveryUser, canonical), typed)
			require.True(t, ok)
		}
	})
}
