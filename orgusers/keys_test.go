package orgusers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testKey returns a key of size bytes that is as varied as a random one.
func testKey(seed byte, size int) Key {
	k := make(Key, size)
	for i := range k {
		k[i] = seed + byte(i)*7
	}
	return k
}

func testKeyring(tb testing.TB, keys ...Key) *keyring {
	tb.Helper()
	if len(keys) == 0 {
		keys = []Key{testKey(1, 32)}
	}
	k, bad := newKeyring(keys)
	require.Empty(tb, bad)
	return k
}

// requireRedacted prints v in every way a host's log might, alone and inside other values, and wants
// no canary in any.
func requireRedacted(t *testing.T, v any, canaries ...string) {
	t.Helper()
	type holder struct {
		Inside any
		Many   []any
		Map    map[string]any
	}
	h := holder{v, []any{v}, map[string]any{"k": v}}
	var out []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "% x", "%08b", "%o", "%t", "%U"} {
		text := fmt.Sprintf(verb, v)
		require.Contains(t, text, redacted, verb)
		out = append(out, text, fmt.Sprintf(verb, h), fmt.Sprintf(verb, &h))
	}
	out = append(out, fmt.Sprint(v), fmt.Sprintln(h), fmt.Errorf("wrong: %v", v).Error())
	b, err := json.Marshal(v)
	require.NoError(t, err)
	require.Equal(t, `"[redacted]"`, string(b))
	b, err = json.Marshal(h)
	require.NoError(t, err)
	out = append(out, string(b))
	for _, handler := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var buf bytes.Buffer
		slog.New(handler(&buf)).Info("m", "v", v, "h", h, slog.Group("g", "v", v))
		require.Contains(t, buf.String(), redacted)
		out = append(out, buf.String())
	}
	func() {
		defer func() { out = append(out, fmt.Sprint(recover())) }()
		panic(v)
	}()
	for _, text := range out {
		for _, canary := range canaries {
			require.NotContains(t, strings.ToLower(text), strings.ToLower(canary))
		}
	}
}

// canaries are the spellings in which printing might show b.
func canaries(b []byte) []string {
	return []string{
		string(b), fmt.Sprintf("%x", b), fmt.Sprintf("%d %d", b[0], b[1]), fmt.Sprintf("0x%x, 0x%x", b[0], b[1]),
		strings.Trim(string(mustJSON(b)), `"`),
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func TestS233_KeyIsRedacted(t *testing.T) {
	t.Parallel()
	secret := []byte("canary-0123456789-abcdefghijklmnop")
	k := Key(secret)
	requireRedacted(t, k, canaries(secret)...)
	require.Equal(t, redacted, k.String())
	require.Equal(t, redacted, k.GoString())
	text, err := k.MarshalText()
	require.NoError(t, err)
	require.Equal(t, redacted, string(text))
}

func TestS233_KeyringIsRedacted(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s"} {
		require.Equal(t, redacted, fmt.Sprintf(verb, k), verb)
		require.Equal(t, redacted, fmt.Sprintf(verb, *k), verb)
	}
}

func TestKeyIsReadFromJSONAsBytes(t *testing.T) {
	t.Parallel()
	want := testKey(3, 32)
	var got Key
	require.NoError(t, json.Unmarshal(mustJSON([]byte(want)), &got))
	require.Equal(t, want, got)
	require.Error(t, json.Unmarshal(mustJSON(want), &got), "what is written is not a key")
}

func TestS232_KeysAreChecked(t *testing.T) {
	t.Parallel()
	a, b := testKey(1, 32), testKey(2, 40)
	type want struct {
		field  string
		reason Reason
	}
	for name, c := range map[string]struct {
		keys []Key
		want []want
	}{
		"none":              {nil, []want{{"keys", ReasonRequired}}},
		"no entries":        {[]Key{}, []want{{"keys", ReasonRequired}}},
		"nil key":           {[]Key{nil}, []want{{"keys[0]", ReasonTooShort}}},
		"31 bytes":          {[]Key{testKey(1, 31)}, []want{{"keys[0]", ReasonTooShort}}},
		"second too short":  {[]Key{a, testKey(2, 31)}, []want{{"keys[1]", ReasonTooShort}}},
		"zeros":             {[]Key{make(Key, 32)}, []want{{"keys[0]", ReasonCommon}}},
		"one byte":          {[]Key{Key(strings.Repeat("x", 64))}, []want{{"keys[0]", ReasonCommon}}},
		"seven bytes again": {[]Key{Key(strings.Repeat("changem", 5))}, []want{{"keys[0]", ReasonCommon}}},
		"repeated":          {[]Key{a, b, testKey(1, 32)}, []want{{"keys[2]", ReasonDuplicate}}},
		"all bad at once": {
			[]Key{testKey(1, 16), a, a, make(Key, 33)},
			[]want{{"keys[0]", ReasonTooShort}, {"keys[2]", ReasonDuplicate}, {"keys[3]", ReasonCommon}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, bad := newKeyring(c.keys)
			require.Nil(t, k)
			var got []want
			for _, f := range bad {
				require.NotEmpty(t, f.Message)
				got = append(got, want{f.Field, f.Reason})
			}
			require.Equal(t, c.want, got)
		})
	}
	for name, keys := range map[string][]Key{
		"32 bytes": {a}, "two": {a, b}, "prefix of another": {a, testKey(1, 33)},
		"eight values": {Key(strings.Repeat("changemy", 4))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, bad := newKeyring(keys)
			require.Empty(t, bad)
			require.NotNil(t, k)
		})
	}
}

func TestMACDependsOnEverything(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	parts := func(s ...string) [][]byte {
		var out [][]byte
		for _, p := range s {
			out = append(out, []byte(p))
		}
		return out
	}
	seen := map[string]string{}
	note := func(what string, mac []byte) {
		require.Len(t, mac, 32)
		require.Empty(t, seen[string(mac)], what)
		seen[string(mac)] = what
	}
	for p := range purposeCount {
		note(fmt.Sprintf("purpose %s", p.label()), k.mac(p, parts("a", "b")...))
	}
	// Where one part ends and the next begins is part of what is sealed.
	for i, list := range [][][]byte{
		parts(), parts(""), parts("", ""), parts("ab"), parts("ab", ""), parts("", "ab"), parts("b", "a"),
		parts("a", "b", ""), parts("a\x00\x00\x00\x00\x00\x00\x00\x01b"),
	} {
		note(fmt.Sprintf("parts %d", i), k.mac(purposeAudit, list...))
	}
	note("other key", testKeyring(t, testKey(9, 32)).mac(purposeAudit, parts("a", "b")...))
}

func TestMACVerify(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	body := []byte("body")
	mac := k.mac(purposeAudit, body)
	for n := range len(mac) + 1 {
		require.Equal(t, n >= 16, k.verify(purposeAudit, mac[:n], body), "%d bytes", n)
	}
	require.False(t, k.verify(purposeAudit, append(bytes.Clone(mac), 0), body), "longer than a MAC")
	require.False(t, k.verify(purposeAudit, nil, body))
	require.False(t, k.verify(purposeCursor, mac, body), "another purpose")
	require.False(t, k.verify(purposeAudit, mac, body, nil), "another part")
	for i := range mac {
		wrong := bytes.Clone(mac)
		wrong[i] ^= 1
		require.False(t, k.verify(purposeAudit, wrong, body))
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	oldKey, newKey := testKey(1, 32), testKey(2, 32)
	before, during, after := testKeyring(t, oldKey), testKeyring(t, newKey, oldKey), testKeyring(t, newKey)
	body := []byte("body")

	byOld := before.mac(purposeAudit, body)
	require.True(t, during.verify(purposeAudit, byOld, body))
	require.False(t, after.verify(purposeAudit, byOld, body))

	byNew := during.mac(purposeAudit, body)
	require.True(t, after.verify(purposeAudit, byNew, body), "the first key is the one that signs")
	require.False(t, before.verify(purposeAudit, byNew, body))
	require.True(t, during.verify(purposeAudit, byNew, body), "a later key does not undo what the first has found")
}

func TestKeyringKeepsNothingOfTheHost(t *testing.T) {
	t.Parallel()
	key := testKey(1, 32)
	k := testKeyring(t, key)
	mac := k.mac(purposeAudit, []byte("body"))
	clear(key)
	require.Equal(t, mac, k.mac(purposeAudit, []byte("body")))
}

// The derivation may never change: every mailed link, audit seal and second factor hangs on it. The
// values were computed by another implementation of RFC 5869 and RFC 2104.
func TestMACIsStable(t *testing.T) {
	t.Parallel()
	k := testKeyring(t)
	for p, want := range map[purpose]string{
		purposeCursor:                  "642648b22352aa87282b0975e34b9e1a2b5105bc55cefc40d424406aa48a1b50",
		purposeAudit:                   "a9a5e4e302e0f68571f7a39ece668f78996fe4fa1c5f9c7d19bda7b9f630e977",
		purposeTOTP:                    "cb2cdec501e43342a59a04013a57a1d08bb8ef24f27fb498b7fb324fc3a95dd2",
		LinkInvitation.keyPurpose():    "b47963dd1acce64da3ad5c069fb541a63a78d28645e7ec791141d09d62dd1954",
		LinkOwnership.keyPurpose():     "b85f3d8c9c3e5ad22d17a162f085c54244f2031bc8800ab46c8a212a0099f4b1",
		LinkPasswordReset.keyPurpose(): "4e9b32582250b8bff00cf62ef99cb68de9ff8c62d9871b725fcd8fe919214262",
		LinkMFAReset.keyPurpose():      "c4ef4652256d689e90f38b25d8008a87724ef92bb6af1ae4ca7608260dc8ae96",
	} {
		require.Equal(t, want, fmt.Sprintf("%x", k.mac(p, []byte("one"), []byte("two"))), p.label())
	}
}

func BenchmarkMAC(b *testing.B) {
	k := testKeyring(b)
	body := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		k.mac(purposeAudit, body)
	}
}
