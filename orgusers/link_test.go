package orgusers

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	testOrg       = OrgID("01890a5d-ac96-774b-bcce-b302099a8057")
	testSubject   = "01890a5d-ac96-774b-bcce-b302099a8058"
	testOperation = OperationID("01890a5d-ac96-774b-bcce-b302099a8059")
)

func invitationLink() link { return link{LinkInvitation, testOrg, testSubject, testOperation} }

func mustToken(tb testing.TB, k *keyring, l link) string {
	tb.Helper()
	token, err := k.linkToken(l)
	require.NoError(tb, err)
	return token
}

func TestLinkRoundTrip(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	for p := LinkInvitation; p.valid(); p++ {
		for _, org := range []OrgID{"", testOrg} {
			l := link{p, org, testSubject, testOperation}
			token := mustToken(t, k, l)
			require.Len(t, token, 87)
			require.Regexp(t, `^[A-Za-z0-9_-]+$`, token)
			got, ok := k.parseLink(p, token)
			require.True(t, ok)
			require.Equal(t, l, got)
			require.Equal(t, token, mustToken(t, k, l), "the same link each time it is derived")
		}
	}
}

func TestLinkPurposeStrings(t *testing.T) {
	t.Parallel()
	require.Equal(t, "invitation", LinkInvitation.String())
	require.Equal(t, "ownership", LinkOwnership.String())
	require.Equal(t, "password_reset", LinkPasswordReset.String())
	require.Equal(t, "mfa_reset", LinkMFAReset.String())
	require.Equal(t, "LinkPurpose(0)", LinkPurpose(0).String())
	require.Equal(t, "LinkPurpose(5)", LinkPurpose(5).String())
}

// A link mailed by one release must open in the next. The value was computed by another implementation.
func TestLinkTokenIsStable(t *testing.T) {
	t.Parallel()
	const want = "AQGJCl2slndLvM6zAgmagFcBiQpdrJZ3S7zOswIJmoBYAYkKXayWd0u8zrMCCZqAWaM6BXDk9I3lKwn0JCJW6To"
	require.Equal(t, want, mustToken(t, testKeyring(t), invitationLink()))
}

func TestS005_ForgedLinks(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	raw, err := base64.RawURLEncoding.DecodeString(mustToken(t, k, invitationLink()))
	require.NoError(t, err)
	require.Len(t, raw, 65)
	for i := range raw {
		for bit := range 8 {
			forged := append([]byte(nil), raw...)
			forged[i] ^= 1 << bit
			got, ok := k.parseLink(LinkInvitation, base64.RawURLEncoding.EncodeToString(forged))
			require.False(t, ok, "byte %d, bit %d", i, bit)
			require.Zero(t, got, "nothing of a forged link is handed out")
		}
	}
	_, ok := testKeyring(t, testKey(2, 32)).parseLink(LinkInvitation, mustToken(t, k, invitationLink()))
	require.False(t, ok, "made under another key")
}

func TestS010_LinkOfAnotherPurpose(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	for made := LinkInvitation; made.valid(); made++ {
		token := mustToken(t, k, link{made, testOrg, testSubject, testOperation})
		for want := LinkPurpose(0); want < 10; want++ {
			_, ok := k.parseLink(want, token)
			require.Equal(t, made == want, ok, "%s at %s", made, want)

			// The purpose inside edited to the one wanted.
			raw, err := base64.RawURLEncoding.DecodeString(token)
			require.NoError(t, err)
			raw[0] = byte(want)
			_, ok = k.parseLink(want, base64.RawURLEncoding.EncodeToString(raw))
			require.Equal(t, made == want, ok, "%s edited to %s", made, want)
		}
		_, ok := k.openCursor("", token)
		require.False(t, ok, "%s as a cursor", made)
	}
}

// A body of another purpose under the right sub-key cannot be made by linkToken; parseLink refuses it
// nevertheless.
func TestS010_PurposeInsideMustAgree(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	body := make([]byte, linkBodySize)
	body[0] = byte(LinkOwnership)
	token := base64.RawURLEncoding.EncodeToString(append(body, k.mac(LinkInvitation.keyPurpose(), body)[:16]...))
	_, ok := k.parseLink(LinkInvitation, token)
	require.False(t, ok)
}

func TestS011_TruncatedOrDecoratedLinks(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	token := mustToken(t, k, invitationLink())
	var bad []string
	for i := range token {
		bad = append(bad, token[:i], token[i+1:], token[:i]+token[i+1:])
		for _, extra := range []string{"A", "=", " ", "\n", "\r\n", "\x00", "%"} {
			bad = append(bad, token[:i]+extra+token[i:], token[:i]+extra+token[i+1:])
		}
		if swapped := swapCase(token[i]); swapped != token[i] {
			bad = append(bad, token[:i]+string(swapped)+token[i+1:])
		}
	}
	for _, extra := range []string{"A", "=", "==", " ", "\n", "\t", "\x00", "&", "#", "\u00a0"} {
		bad = append(bad, token+extra, extra+token)
	}
	// The last of 87 characters has two bits too many; a lax decoder takes four spellings of it.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[86])
	require.Zero(t, last%4)
	for stray := 1; stray < 4; stray++ {
		bad = append(bad, token[:86]+string(alphabet[last+stray]))
	}
	bad = append(bad, strings.ToUpper(token), strings.ToLower(token), token+token,
		strings.NewReplacer("-", "+", "_", "/").Replace(token)+"=")
	for _, b := range bad {
		if b == token {
			continue // a character replaced by itself
		}
		_, ok := k.parseLink(LinkInvitation, b)
		require.False(t, ok, "%q", b)
	}
	_, ok := k.parseLink(LinkInvitation, token)
	require.True(t, ok)
}

func swapCase(c byte) byte {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		return c ^ 0x20
	}
	return c
}

func TestS091_EmptyAndZeroLinks(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	for _, token := range []string{"", " ", "null", "undefined", strings.Repeat("A", 87), strings.Repeat("\x00", 87), strings.Repeat("=", 87)} {
		for p := LinkPurpose(0); p < 6; p++ {
			_, ok := k.parseLink(p, token)
			require.False(t, ok, "%q", token)
		}
	}
}

func TestS003_IDsAreNotTheSecret(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	for _, id := range []string{testSubject, string(testOrg), string(testOperation)} {
		_, ok := k.parseLink(LinkInvitation, id)
		require.False(t, ok)
	}
	// Who knows every id still lacks the MAC.
	raw, err := base64.RawURLEncoding.DecodeString(mustToken(t, k, invitationLink()))
	require.NoError(t, err)
	clear(raw[49:])
	_, ok := k.parseLink(LinkInvitation, base64.RawURLEncoding.EncodeToString(raw))
	require.False(t, ok)
}

func TestS014_EachOperationHasItsOwnLink(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	older := invitationLink()
	newer := older
	newer.Operation = "01890a5d-ac96-774b-bcce-b302099a8060"
	require.NotEqual(t, mustToken(t, k, older), mustToken(t, k, newer))
	got, ok := k.parseLink(LinkInvitation, mustToken(t, k, older))
	require.True(t, ok, "parsing tells who issued it; whether it is still the current one is the row's matter")
	require.Equal(t, older.Operation, got.Operation)
}

func TestLinkTokenRefusesOtherIDs(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	bad := []string{
		"x", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5dac96774bbcceb302099a8057",
		"{01890a5d-ac96-774b-bcce-b302099a8057}", "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
		" 01890a5d-ac96-774b-bcce-b302099a8057", "00000000-0000-0000-0000-000000000000", "developer",
		"01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a80577",
	}
	for _, id := range bad {
		for _, l := range []link{
			{LinkInvitation, OrgID(id), testSubject, testOperation},
			{LinkInvitation, testOrg, id, testOperation},
			{LinkInvitation, testOrg, testSubject, OperationID(id)},
		} {
			token, err := k.linkToken(l)
			require.Error(t, err, "%q", id)
			require.Empty(t, token)
		}
	}
	for _, l := range []link{
		{LinkInvitation, testOrg, "", testOperation},
		{LinkInvitation, testOrg, testSubject, ""},
		{LinkPasswordReset, "", "", testOperation},
		{0, testOrg, testSubject, testOperation},
		{LinkMFAReset + 1, testOrg, testSubject, testOperation},
		{},
	} {
		_, err := k.linkToken(l)
		require.Error(t, err, "%+v", l)
	}
}

func FuzzParseLink(f *testing.F) {
	k := testKeyring(f, testKey(2, 32), testKey(1, 32))
	token := mustToken(f, k, invitationLink())
	f.Add(uint8(1), token)
	f.Add(uint8(3), mustToken(f, k, link{LinkPasswordReset, "", testSubject, testOperation}))
	f.Add(uint8(2), token)
	f.Add(uint8(1), token[:86]+"B")
	f.Add(uint8(1), token[:40]+"\n"+token[41:])
	f.Add(uint8(0), "")
	f.Add(uint8(255), strings.Repeat("A", 87))
	f.Fuzz(func(t *testing.T, p uint8, token string) {
		l, ok := k.parseLink(LinkPurpose(p), token)
		if !ok {
			require.Zero(t, l)
			return
		}
		require.Equal(t, LinkPurpose(p), l.Purpose)
		require.Equal(t, token, mustToken(t, k, l), "only what we make is accepted, in one spelling")
	})
}
