package orgusers

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	for _, payload := range []string{"", "a", "ab", "abc", "\x00\xff", strings.Repeat("x", 1520)} {
		s := k.sealCursor("bind", []byte(payload))
		require.NotEmpty(t, s, "empty would mean the first page")
		require.Regexp(t, `^[A-Za-z0-9_-]+$`, s)
		got, ok := k.openCursor("bind", s)
		require.True(t, ok)
		require.Equal(t, payload, string(got))
	}
	const want = "cGF5bG9hZARY6Uw4QBvju0U9wFrb8bk"
	require.Equal(t, want, k.sealCursor("bind", []byte("payload")), "computed by another implementation")
}

func TestS168_CursorIsBoundToItsList(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	s := k.sealCursor("org-a\x00sort=email", []byte("payload"))
	for _, bind := range []string{"", "org-b\x00sort=email", "org-a\x00sort=login", "org-a\x00sort=emai", "org-a\x00sort=emaill"} {
		_, ok := k.openCursor(bind, s)
		require.False(t, ok, "%q", bind)
	}
	// Nothing can be moved from what the list was into the payload.
	_, ok := k.openCursor("org-a\x00sort=email"+"p", k.sealCursor("org-a\x00sort=email", []byte("p")))
	require.False(t, ok)
	_, ok = testKeyring(t, testKey(2, 32)).openCursor("org-a\x00sort=email", s)
	require.False(t, ok, "no default key")
}

func TestS168_ForgedCursors(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	s := k.sealCursor("bind", []byte("payload"))
	raw, err := base64.RawURLEncoding.DecodeString(s)
	require.NoError(t, err)
	for i := range raw {
		forged := append([]byte(nil), raw...)
		forged[i] ^= 0x10
		_, ok := k.openCursor("bind", base64.RawURLEncoding.EncodeToString(forged))
		require.False(t, ok, "byte %d", i)
	}
	bad := []string{"", "A", "AAAA", strings.Repeat("A", 22), s + "=", s + "\n", s + " ", " " + s, s[:5] + "\r\n" + s[5:], s + "AAAA", "AAAA" + s}
	for i := range s {
		bad = append(bad, s[:i], s[i+1:])
	}
	// The last character has two bits too many; a lax decoder takes the next one for it, too.
	require.Contains(t, "AEIMQUYcgkosw048", s[len(s)-1:])
	bad = append(bad, s[:len(s)-1]+string(s[len(s)-1]+1))
	for _, b := range bad {
		_, ok := k.openCursor("bind", b)
		require.False(t, ok, "%q", b)
	}
}

func TestS168_CursorLength(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	longest := k.sealCursor("b", make([]byte, maxCursorPayload))
	require.Len(t, longest, 2048)
	got, ok := k.openCursor("b", longest)
	require.True(t, ok)
	require.Len(t, got, 1520)
	over := k.sealCursor("b", make([]byte, maxCursorPayload+1))
	require.Greater(t, len(over), 2048)
	_, ok = k.openCursor("b", over)
	require.False(t, ok)
	_, ok = k.openCursor("b", strings.Repeat("A", 64<<20))
	require.False(t, ok)
}

func TestSealCursorLeavesThePayload(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	backing := []byte("payload and what lies behind it in the same array")
	k.sealCursor("b", backing[:7])
	require.Equal(t, "payload and what lies behind it in the same array", string(backing))
}

func FuzzOpenCursor(f *testing.F) {
	k := testKeyring(f, testKey(2, 32), testKey(1, 32))
	f.Add("bind", k.sealCursor("bind", []byte("payload")))
	f.Add("bind", k.sealCursor("other", []byte("payload")))
	f.Add("", k.sealCursor("", nil))
	f.Add("bind", strings.Repeat("A", 22))
	f.Add("bind", "\n\r=")
	f.Fuzz(func(t *testing.T, bind, s string) {
		payload, ok := k.openCursor(bind, s)
		if !ok {
			require.Nil(t, payload)
			return
		}
		require.Equal(t, s, k.sealCursor(bind, payload), "only what we make is accepted, in one spelling")
	})
}
