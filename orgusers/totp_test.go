package orgusers

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
)

// rfcSecret is the secret of the test values in RFC 6238, appendix B.
func rfcSecret() TOTPSecret { return TOTPSecret("12345678901234567890") }

func codeAt(tb testing.TB, secret TOTPSecret, step int64) string {
	tb.Helper()
	code, err := totp.GenerateCode(secret.base32(), time.Unix(step*30, 0))
	require.NoError(tb, err)
	return code
}

func TestTOTPOfTheRFC(t *testing.T) {
	t.Parallel()
	// Appendix B has eight digits; six digits are the last six.
	for unix, code := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924",
		2000000000: "69279037", 20000000000: "65353130",
	} {
		step, ok := verifyTOTP(rfcSecret(), code[2:], time.Unix(unix, 0), 0)
		require.True(t, ok, "%d", unix)
		require.Equal(t, unix/30, step)
	}
}

func TestTOTPSteps(t *testing.T) {
	t.Parallel()
	const current = 56666666
	for _, second := range []int64{0, 29} {
		now := time.Unix(current*30+second, 999_999_999)
		for offset := int64(-4); offset <= 4; offset++ {
			step, ok := verifyTOTP(rfcSecret(), codeAt(t, rfcSecret(), current+offset), now, 0)
			require.Equal(t, offset >= -1 && offset <= 1, ok, "offset %d", offset)
			if ok {
				require.Equal(t, current+offset, step)
			} else {
				require.Zero(t, step)
			}
		}
	}
}

func TestS107_CodeWorksOnce(t *testing.T) {
	t.Parallel()
	const current = 56666666
	now := time.Unix(current*30, 0)
	code := codeAt(t, rfcSecret(), current)
	step, ok := verifyTOTP(rfcSecret(), code, now, 0)
	require.True(t, ok)
	for later := time.Duration(0); later <= 90*time.Second; later += time.Second {
		_, again := verifyTOTP(rfcSecret(), code, now.Add(later), step)
		require.False(t, again, "%s later", later)
	}
	// Nor does a code of an earlier step work after a later one; the next one does.
	_, ok = verifyTOTP(rfcSecret(), codeAt(t, rfcSecret(), current-1), now, step)
	require.False(t, ok)
	next, ok := verifyTOTP(rfcSecret(), codeAt(t, rfcSecret(), current+1), now, step)
	require.True(t, ok)
	require.Equal(t, step+1, next)
	_, ok = verifyTOTP(rfcSecret(), codeAt(t, rfcSecret(), current), now, next)
	require.False(t, ok)
	_, ok = verifyTOTP(rfcSecret(), codeAt(t, rfcSecret(), current), now, current+1000)
	require.False(t, ok, "a clock that was ahead once")
}

// Two steps with the same code in one window: accepting the earlier would leave the later for a replay.
func TestS107_SameCodeInTwoSteps(t *testing.T) {
	t.Parallel()
	secret := rfcSecret()
	const first = 153567 // found by search: one step in a million has a twin two steps later
	code := codeAt(t, secret, first)
	require.Equal(t, code, codeAt(t, secret, first+2))
	now := time.Unix((first+1)*30, 0)
	step, ok := verifyTOTP(secret, code, now, 0)
	require.True(t, ok)
	require.EqualValues(t, first+2, step)
	_, ok = verifyTOTP(secret, code, now, step)
	require.False(t, ok)
}

func TestTOTPCodeSyntax(t *testing.T) {
	t.Parallel()
	const current = 56666666
	now := time.Unix(current*30, 0)
	code := codeAt(t, rfcSecret(), current)
	_, ok := verifyTOTP(rfcSecret(), code, now, 0)
	require.True(t, ok)
	wide := strings.Map(func(r rune) rune { return r - '0' + '０' }, code)
	arabic := strings.Map(func(r rune) rune { return r - '0' + '٠' }, code)
	for _, bad := range []string{
		"", code[:5], code + "0", "0" + code, " " + code, code + " ", code + "\n", "\u00a0" + code, code[:3] + " " + code[3:],
		code[:5] + "\x00", "+" + code[1:], "-" + code[1:], code[:5] + "a", wide, arabic, "      ", "\x00\x00\x00\x00\x00\x00",
	} {
		_, ok := verifyTOTP(rfcSecret(), bad, now, 0)
		require.False(t, ok, "%q", bad)
	}
	for i := range 6 {
		wrong := []byte(code)
		wrong[i] = '0' + (wrong[i]-'0'+1)%10
		_, ok := verifyTOTP(rfcSecret(), string(wrong), now, 0)
		require.False(t, ok)
	}
}

func TestS107_EmptySecretHasNoCode(t *testing.T) {
	t.Parallel()
	const current = 56666666
	now := time.Unix(current*30, 0)
	for _, size := range []int{0, 1, 10, 15} {
		secret := TOTPSecret(testKey(1, size))
		_, ok := verifyTOTP(secret, codeAt(t, secret, current), now, 0)
		require.False(t, ok, "%d bytes", size)
	}
	for _, size := range []int{16, 17, 20, 32, 64} {
		secret := TOTPSecret(testKey(1, size))
		_, ok := verifyTOTP(secret, codeAt(t, secret, current), now, 0)
		require.True(t, ok, "%d bytes", size)
	}
	_, ok := verifyTOTP(nil, "000000", now, 0)
	require.False(t, ok)
}

func TestTOTPAtOddTimes(t *testing.T) {
	t.Parallel()
	for _, now := range []time.Time{{}, time.Unix(-1, 0), time.Unix(0, 0), time.Unix(29, 0), time.Unix(-1<<40, 0)} {
		for step := range int64(3) {
			_, ok := verifyTOTP(rfcSecret(), codeAt(t, rfcSecret(), step), now, -100)
			require.False(t, ok, "%s", now)
		}
	}
	_, ok := verifyTOTP(rfcSecret(), codeAt(t, rfcSecret(), 1), time.Unix(30, 0), 0)
	require.True(t, ok)
	require.NotPanics(t, func() { verifyTOTP(rfcSecret(), "000000", time.Unix(1<<62, 0), 1<<62) })
}

func TestNewTOTPSecret(t *testing.T) {
	t.Parallel()
	secret, err := newTOTPSecret(strings.NewReader("12345678901234567890rest"))
	require.NoError(t, err)
	require.Equal(t, rfcSecret(), secret, "160 bits from the reader")
	_, err = newTOTPSecret(strings.NewReader("1234567890123456789"))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestS129_S233_TOTPSecretIsRedacted(t *testing.T) {
	t.Parallel()
	secret := TOTPSecret("canary-9876543210-ab")
	requireRedacted(t, secret, append(canaries(secret), secret.base32())...)
	require.Equal(t, redacted, secret.String())
	require.Equal(t, redacted, secret.GoString())
	text, err := secret.MarshalText()
	require.NoError(t, err)
	require.Equal(t, redacted, string(text))
}

func TestC6_SealedTOTP(t *testing.T) {
	t.Parallel()
	const user, other = UserID("01890a5d-ac96-774b-bcce-b302099a8057"), UserID("01890a5d-ac96-774b-bcce-b302099a8058")
	oldRing, both, newRing := testKeyring(t, testKey(1, 32)), testKeyring(t, testKey(2, 32), testKey(1, 32)), testKeyring(t, testKey(2, 32))
	sealed, err := oldRing.sealTOTP(rand.Reader, user, rfcSecret())
	require.NoError(t, err)
	require.Regexp(t, `^v1\.[A-Za-z0-9_-]{64}$`, sealed)
	require.NotContains(t, sealed, rfcSecret().base32())

	got, stale, ok := oldRing.openTOTP(user, sealed)
	require.True(t, ok)
	require.False(t, stale)
	require.Equal(t, rfcSecret(), got)
	got, stale, ok = both.openTOTP(user, sealed)
	require.True(t, ok)
	require.True(t, stale, "to be sealed again under the first key")
	require.Equal(t, rfcSecret(), got)

	for name, open := range map[string]func() (TOTPSecret, bool, bool){
		"another account's":  func() (TOTPSecret, bool, bool) { return both.openTOTP(other, sealed) },
		"nobody's":           func() (TOTPSecret, bool, bool) { return both.openTOTP("", sealed) },
		"key gone":           func() (TOTPSecret, bool, bool) { return newRing.openTOTP(user, sealed) },
		"empty":              func() (TOTPSecret, bool, bool) { return both.openTOTP(user, "") },
		"version only":       func() (TOTPSecret, bool, bool) { return both.openTOTP(user, "v1.") },
		"nonce only":         func() (TOTPSecret, bool, bool) { return both.openTOTP(user, "v1.AAAAAAAAAAAAAAAA") },
		"shorter than nonce": func() (TOTPSecret, bool, bool) { return both.openTOTP(user, "v1.AAAA") },
		"other version":      func() (TOTPSecret, bool, bool) { return both.openTOTP(user, "v2."+sealed[3:]) },
		"no version":         func() (TOTPSecret, bool, bool) { return both.openTOTP(user, sealed[3:]) },
		"padded":             func() (TOTPSecret, bool, bool) { return both.openTOTP(user, sealed+"=") },
		"in the clear":       func() (TOTPSecret, bool, bool) { return both.openTOTP(user, rfcSecret().base32()) },
	} {
		secret, stale, ok := open()
		require.False(t, ok, name)
		require.False(t, stale, name)
		require.Nil(t, secret, name)
	}
	for i := 3; i < len(sealed); i++ {
		forged := []byte(sealed)
		if forged[i] = 'A'; sealed[i] == 'A' {
			forged[i] = 'B'
		}
		_, _, ok := both.openTOTP(user, string(forged))
		require.False(t, ok, "character %d", i)
	}

	again, err := oldRing.sealTOTP(rand.Reader, user, rfcSecret())
	require.NoError(t, err)
	require.NotEqual(t, sealed, again, "each seal has its own nonce")
	_, err = oldRing.sealTOTP(bytes.NewReader(make([]byte, 11)), user, rfcSecret())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func BenchmarkVerifyTOTP(b *testing.B) {
	const current = 56666666
	now := time.Unix(current*30, 0)
	for i, name := range []string{"right", "wrong"} {
		code := codeAt(b, rfcSecret(), current+int64(i)*5)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := verifyTOTP(rfcSecret(), code, now, 0); ok != (i == 0) {
					b.Fatal(fmt.Sprint("ok = ", ok))
				}
			}
		})
	}
}
