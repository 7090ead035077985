package orgusers

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

func testPHC() phc {
	return phc{memory: 19456, time: 2, threads: 1, salt: testKey(1, 16), key: testKey(2, 32)}
}

func TestPHCRoundTrip(t *testing.T) {
	t.Parallel()
	const want = "$argon2id$v=19$m=19456,t=2,p=1$AQgPFh0kKzI5QEdOVVxjag$AgkQFx4lLDM6QUhPVl1ka3J5gIeOlZyjqrG4v8bN1Ns"
	require.Equal(t, want, testPHC().String())
	got, ok := parsePHC(want)
	require.True(t, ok)
	require.Equal(t, testPHC(), got)
}

func TestPHCBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*phc, int)
		values map[int]bool // value → accepted
	}{
		"memory":  {func(p *phc, n int) { p.memory = uint32(n) }, map[int]bool{0: false, 8191: false, 8192: true, 262144: true, 262145: false, 4294967295: false}},
		"time":    {func(p *phc, n int) { p.time = uint32(n) }, map[int]bool{0: false, 1: true, 10: true, 11: false, 4294967295: false}},
		"threads": {func(p *phc, n int) { p.threads = uint8(n) }, map[int]bool{0: false, 1: true, 4: true, 5: false, 255: false}},
		"salt":    {func(p *phc, n int) { p.salt = make([]byte, n) }, map[int]bool{0: false, 7: false, 8: true, 64: true, 65: false}},
		"key":     {func(p *phc, n int) { p.key = make([]byte, n) }, map[int]bool{0: false, 15: false, 16: true, 64: true, 65: false}},
	} {
		for n, want := range c.values {
			p := testPHC()
			c.change(&p, n)
			_, ok := parsePHC(p.String())
			require.Equal(t, want, ok, "%s %d", name, n)
		}
	}
	longest := phc{memory: maxArgonMemory, time: maxArgonTime, threads: maxArgonThreads, salt: make([]byte, maxArgonSalt), key: make([]byte, maxArgonKey)}
	require.Len(t, longest.String(), 206)
	_, ok := parsePHC(longest.String())
	require.True(t, ok)
}

func TestPHCHasOneSpelling(t *testing.T) {
	t.Parallel()
	good := testPHC().String()
	edit := func(from, to string) string {
		require.Equal(t, 1, strings.Count(good, from))
		return strings.Replace(good, from, to, 1)
	}
	for _, s := range []string{
		"", "$", "$$$$$", "argon2id", good[1:], good + "$", good + " ", " " + good, good + "\n", "$" + good,
		edit("argon2id", "argon2i"), edit("argon2id", "argon2d"), edit("argon2id", "ARGON2ID"), edit("argon2id", "scrypt"),
		edit("v=19", "v=16"), edit("v=19", "v=019"), edit("v=19", ""), edit("$v=19", ""),
		edit("m=19456", "m=019456"), edit("m=19456", "m=+19456"), edit("m=19456", "m=-19456"), edit("m=19456", "m= 19456"),
		edit("m=19456", "m=0x4c00"), edit("m=19456", "m=19_456"), edit("m=19456", "m="), edit("m=19456", "19456"),
		edit("m=19456", "m=99999999999999999999"), edit("m=19456", "m=4294986752"), // 2^32 + 19456
		edit("t=2", "t=4294967298"), edit("p=1", "p=257"), edit("p=1", "p=1.0"), edit("t=2", "t=٢"),
		edit("m=19456,t=2,p=1", "t=2,m=19456,p=1"), edit("m=19456,t=2,p=1", "m=19456,t=2"),
		edit("p=1", "p=1,keyid=a"), edit("p=1", "p=1,data=a"), edit("p=1", "p=1,"),
		edit("VVxjag", "VVxjah"),                 // stray bits in the last character of the salt
		edit("VVxjag", "VVxjag=="),               // padding
		edit("VVxjag", "VVx\njag"),               // a line break, which base64 would skip
		strings.ReplaceAll(good, "+", "-") + "_", // the URL alphabet
		edit("$AQgPFh0kKzI5QEdOVVxjag", "$"),     // no salt
		good[:strings.LastIndex(good, "$")+1],    // no key
		good[:strings.LastIndex(good, "$")],      // not even its place
		good + strings.Repeat("A", 300),          // beyond all bounds
		strings.Repeat("$", 1<<20), strings.Repeat(",", 1<<20),
	} {
		_, ok := parsePHC(s)
		require.False(t, ok, "%.200q", s)
	}
}

// Not parallel, because it counts allocations.
func TestS200_LongHashesAreRefusedByLength(t *testing.T) {
	long := strings.Repeat("$", 1<<20)
	require.Zero(t, testing.AllocsPerRun(1, func() { parsePHC(long); isBcrypt(long) }))
}

func TestIsBcrypt(t *testing.T) {
	t.Parallel()
	made, err := bcrypt.GenerateFromPassword([]byte("pw"), bcrypt.MinCost)
	require.NoError(t, err)
	rest := string(made[7:])
	for version, want := range map[string]bool{"2a": true, "2b": true, "2y": true, "2x": false, "2": false, "2c": false, "3a": false, "1a": false, "2A": false} {
		require.Equal(t, want, isBcrypt("$"+version+"$10$"+rest), version)
	}
	for cost, want := range map[string]bool{"04": false, "09": false, "10": true, "12": true, "15": true, "16": false, "31": false, "99": false, "+9": false, "1 ": false, "1": false} {
		require.Equal(t, want, isBcrypt("$2b$"+cost+"$"+rest), cost)
	}
	good := "$2b$10$" + rest
	for _, s := range []string{"", good[:59], good + "A", good + "\n", " " + good[1:], "$2b$10." + rest, good[:59] + "!", good[:59] + "\x00", good[:30] + "+" + good[31:]} {
		require.False(t, isBcrypt(s), "%q", s)
	}
}

func TestS129_S233_PasswordHashIsRedacted(t *testing.T) {
	t.Parallel()
	text := testPHC().String()
	h := PasswordHash(text)
	requireRedacted(t, h, text, "argon2id", "AQgPFh0kKzI5QEdOVVxjag", fmt.Sprintf("%x", text), base64.StdEncoding.EncodeToString([]byte(text)))
	require.Equal(t, redacted, h.String())
	require.Equal(t, redacted, h.GoString())
	b, err := h.MarshalText()
	require.NoError(t, err)
	require.Equal(t, redacted, string(b))
	require.Equal(t, text, string(h), "a store reaches it")
}

func FuzzPHC(f *testing.F) {
	f.Add(testPHC().String())
	f.Add("$argon2id$v=19$m=8192,t=1,p=4$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=262144,t=10,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2i$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG")
	f.Add("$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234")
	f.Add("$2y$10$......................AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := parsePHC(s)
		foreign := isBcrypt(s)
		require.False(t, ok && foreign)
		if ok {
			require.Equal(t, s, p.String(), "one spelling")
			require.True(t, p.memory >= 8<<10 && p.memory <= 256<<10 && p.time >= 1 && p.time <= 10 && p.threads >= 1 && p.threads <= 4, s)
			require.True(t, len(p.salt) >= 8 && len(p.salt) <= 64 && len(p.key) >= 16 && len(p.key) <= 64, s)
		}
		if foreign {
			cost, err := bcrypt.Cost([]byte(s))
			require.NoError(t, err, "what passes here is read there")
			require.True(t, cost >= 10 && cost <= 15, s)
		}
	})
}
