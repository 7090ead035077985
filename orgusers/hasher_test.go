package orgusers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// cheapHash is the least costly hash that verify accepts: 8 MiB, one pass.
func cheapHash(password string, salt byte) PasswordHash {
	p := phc{memory: minArgonMemory, time: 1, threads: 1, salt: testKey(salt, 16)}
	p.key = argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.threads, 32)
	return PasswordHash(p.String())
}

func bcryptHash(t *testing.T, password string) PasswordHash {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), minBcryptCost)
	require.NoError(t, err)
	return PasswordHash(h)
}

func requireVerify(t *testing.T, h *hasher, stored PasswordHash, password string, wantOK, wantRehash bool) {
	t.Helper()
	ok, rehash, err := h.verify(t.Context(), stored, password)
	require.NoError(t, err)
	require.Equal(t, wantOK, ok, "matches")
	require.Equal(t, wantRehash, rehash, "rehash")
}

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	h := newHasher(0, rand.Reader)
	const password = "correct horse battery staple"
	stored, err := h.hash(t.Context(), password)
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, string(stored))
	requireVerify(t, h, stored, password, true, false)
	for _, wrong := range []string{"", "x", password + " ", " " + password, "Correct horse battery staple", password[:len(password)-1]} {
		requireVerify(t, h, stored, wrong, false, false)
	}
	again, err := h.hash(t.Context(), password)
	require.NoError(t, err)
	require.NotEqual(t, stored, again, "each has its own salt")
}

func TestHashIsArgon2idOfTheSaltGiven(t *testing.T) {
	t.Parallel()
	h := newHasher(0, strings.NewReader("0123456789abcdef"))
	stored, err := h.hash(t.Context(), "correct horse battery staple")
	require.NoError(t, err)
	want := phc{memory: 19456, time: 2, threads: 1, salt: []byte("0123456789abcdef")}
	want.key = argon2.IDKey([]byte("correct horse battery staple"), want.salt, 2, 19456, 1, 32)
	require.Equal(t, want.String(), string(stored))

	_, err = h.hash(t.Context(), "correct horse battery staple")
	require.ErrorIs(t, err, io.EOF, "no randomness, no hash")
}

func TestHashRefusesWhatVerifyWould(t *testing.T) {
	t.Parallel()
	h := newHasher(0, rand.Reader)
	for _, password := range []string{"", "a\x00b", "\xff", strings.Repeat("a", 1025)} {
		stored, err := h.hash(t.Context(), password)
		require.ErrorIs(t, err, ErrInvalid)
		require.Empty(t, stored)
	}
}

func TestC2_PasswordsAreNFCOnce(t *testing.T) {
	t.Parallel()
	h := newHasher(0, rand.Reader)
	const composed, decomposed = "caf\u00e9 au lait demain", "cafe\u0301 au lait demain"
	require.NotEqual(t, composed, decomposed)
	stored, err := h.hash(t.Context(), decomposed)
	require.NoError(t, err)
	requireVerify(t, h, stored, composed, true, false)
	requireVerify(t, h, stored, decomposed, true, false)
	requireVerify(t, h, stored, "cafe au lait demain", false, false)
	requireVerify(t, h, stored, "CAF\u00c9 au lait demain", false, false)
}

func TestS078_BcryptOver72Bytes(t *testing.T) {
	t.Parallel()
	h := newHasher(0, rand.Reader)
	p72 := strings.Repeat("0123456789ab", 6)
	stored := bcryptHash(t, p72)
	require.NoError(t, bcrypt.CompareHashAndPassword([]byte(stored), []byte(p72+"anything")), "the failing this is about")
	requireVerify(t, h, stored, p72, true, true)
	requireVerify(t, h, stored, p72+"a", false, false)
	requireVerify(t, h, stored, p72[:71], false, false)
}

func TestBcryptIsVerifiedForImports(t *testing.T) {
	t.Parallel()
	h := newHasher(0, rand.Reader)
	stored := string(bcryptHash(t, "cafe\u0301"))
	for _, version := range []string{"$2a$", "$2b$", "$2y$"} {
		requireVerify(t, h, PasswordHash(version+stored[4:]), "cafe\u0301", true, true)
	}
	requireVerify(t, h, PasswordHash(stored), "caf\u00e9", false, false) // compared as received
	requireVerify(t, h, PasswordHash("$2x$"+stored[4:]), "cafe\u0301", false, false)
	// Cost 4 is refused although the password is right.
	cheap, err := bcrypt.GenerateFromPassword([]byte("abc"), bcrypt.MinCost)
	require.NoError(t, err)
	requireVerify(t, h, PasswordHash(cheap), "abc", false, false)
	// In bcrypt a password with its own repetition after a NUL is the same key.
	require.NoError(t, bcrypt.CompareHashAndPassword(cheap, []byte("abc\x00abc")))
	requireVerify(t, h, bcryptHash(t, "abc"), "abc\x00abc", false, false)
}

func TestRehashWhenWeaker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		memory, time uint32
		salt, key    int
		want         bool
	}{
		{19456, 2, 16, 32, false},
		{47104, 1, 16, 32, false}, // OWASP's other row
		{65536, 3, 16, 32, false},
		{19455, 3, 16, 32, true},
		{19456, 1, 16, 32, true},
		{8192, 10, 16, 32, true},
		{19456, 2, 15, 32, true},
		{19456, 2, 16, 31, true},
		{262144, 10, 64, 64, false},
	} {
		p := phc{memory: c.memory, time: c.time, threads: 1, salt: make([]byte, c.salt), key: make([]byte, c.key)}
		require.Equal(t, c.want, p.weak(), "%+v", c)
	}
	h := newHasher(0, rand.Reader)
	requireVerify(t, h, cheapHash("correct horse", 1), "correct horse", true, true)
	requireVerify(t, h, cheapHash("correct horse", 1), "wrong", false, false)
}

func TestImportedArgonParameters(t *testing.T) {
	t.Parallel()
	h := newHasher(0, rand.Reader)
	p := phc{memory: 40 << 10, time: 1, threads: 4, salt: testKey(1, 8), key: nil}
	p.key = argon2.IDKey([]byte("imported password"), p.salt, p.time, p.memory, p.threads, 64)
	requireVerify(t, h, PasswordHash(p.String()), "imported password", true, true)
	requireVerify(t, h, PasswordHash(p.String()), "other password", false, false)
}

// Not parallel, because it counts allocations.
func TestS081_LongInput(t *testing.T) {
	h := newHasher(0, rand.Reader)
	longest := strings.Repeat("ab", 512)
	stored := cheapHash(longest, 1)
	requireVerify(t, h, stored, longest, true, true)
	for _, size := range []int{1025, 1 << 20, 64 << 20} {
		password := longest + strings.Repeat("a", size-1024)
		requireVerify(t, h, stored, password, false, false)
		require.Zero(t, testing.AllocsPerRun(1, func() { _, _, _ = h.verify(context.Background(), stored, password) }), "refused before anything is done")
	}
}

// The work is measured by the memory it takes, which is what a hash costs and does not depend on what
// else the machine does. Not parallel for that reason.
func TestS085_NoPasswordStored(t *testing.T) {
	h := newHasher(0, rand.Reader)
	stored, err := h.hash(t.Context(), "correct horse battery staple")
	require.NoError(t, err)
	cost := func(stored PasswordHash, password string) int64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ok, rehash, err := h.verify(context.Background(), stored, password)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.False(t, ok || rehash)
		return int64(after.TotalAlloc - before.TotalAlloc)
	}
	wrong := cost(stored, "not the password")
	require.Greater(t, wrong, int64(argonMemory<<10))
	for name, c := range map[string][2]string{
		"nothing stored":             {"", "not the password"},
		"nothing stored or typed":    {"", ""},
		"nothing typed":              {string(stored), ""},
		"stored hash unreadable":     {"$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA", "x"},
		"plain text stored":          {"not the password", "not the password"},
		"redacted text stored":       {redacted, redacted},
		"invalid UTF-8 typed":        {string(stored), "\xff"},
		"NUL typed":                  {string(stored), "correct horse battery staple\x00"},
		"too long for stored bcrypt": {"$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234", strings.Repeat("x", 73)},
	} {
		require.InDelta(t, wrong, cost(PasswordHash(c[0]), c[1]), 1<<20, name)
	}
}

func TestS085_StoredHashOfTheEmptyPassword(t *testing.T) {
	t.Parallel()
	requireVerify(t, newHasher(0, rand.Reader), cheapHash("", 1), "", false, false)
}

// Whoever could make the dummy's key would still not be let in.
func TestS085_TheDummyMatchesNobody(t *testing.T) {
	t.Parallel()
	d := dummyPHC()
	require.False(t, d.weak(), "the dummy costs what a new hash costs")
	require.Equal(t, uint32(argonMemory), d.memory)
	require.Equal(t, uint32(argonTime), d.time)
	require.Len(t, d.key, argonKey)
}

func TestS082_SlotsFollowTheBudget(t *testing.T) {
	t.Parallel()
	twice := 2 * runtime.GOMAXPROCS(0)
	const one = 2 * argonMemory << 10
	for budget, want := range map[int64]int{
		0: min(5, twice), -1: min(5, twice), 256 << 20: min(6, twice), 1: 1, one: 1, 2*one - 1: 1, 2 * one: 2, 1 << 40: twice,
	} {
		require.Equal(t, want, newHasher(budget, rand.Reader).slots.total, "%d", budget)
	}
	require.Equal(t, 64, newHasher(0, rand.Reader).slots.maxQueue)
	for budget, most := range map[int64]int{0: 10, 1: 2, 2 * one: 4, 1 << 30: 2 * (1 << 29 / (argonMemory << 10))} {
		require.Equal(t, most, newHasher(budget, rand.Reader).memory.most, "%d: more makes collections rarer, whatever runs at a time", budget)
	}
}

func TestS082_ManySignInsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHasher(0, rand.Reader)
	stored := cheapHash("correct horse", 1)
	var right, busy atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for range 1000 {
		all.Go(func() {
			<-start
			ok, _, err := h.verify(context.Background(), stored, "correct horse")
			switch {
			case errors.Is(err, ErrBusy):
				busy.Add(1)
			case err == nil && ok:
				right.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	require.EqualValues(t, 1000, right.Load()+busy.Load(), "each is either served or told to come back")
	require.GreaterOrEqual(t, right.Load(), int64(h.slots.total+maxHashQueue))
	require.Positive(t, busy.Load(), "the queue is bounded")
	require.Equal(t, h.slots.total, h.slots.free, "every slot came back")
	require.Empty(t, h.slots.queue)
	requireVerify(t, h, stored, "correct horse", true, true)
}

func TestS082_HeavyHashesTakeMoreSlots(t *testing.T) {
	t.Parallel()
	h := newHasher(0, rand.Reader)
	h.slots = newSlots(4, 0)
	stored := func(memory uint32) PasswordHash {
		return PasswordHash(phc{memory: memory, time: 1, threads: 1, salt: make([]byte, 16), key: make([]byte, 32)}.String())
	}
	for _, c := range []struct {
		memory uint32
		slots  int
	}{{8192, 1}, {19456, 1}, {19457, 2}, {38912, 2}, {38913, 3}, {100000, 4}} {
		// With one slot fewer free than it needs, and no queue, it is turned away.
		require.NoError(t, h.slots.acquire(t.Context(), 4-c.slots+1))
		_, _, err := h.verify(t.Context(), stored(c.memory), "x")
		require.ErrorIs(t, err, ErrBusy, "%d KiB", c.memory)
		h.slots.release(1)
		requireVerify(t, h, stored(c.memory), "x", false, false)
		h.slots.release(4 - c.slots)
		require.Equal(t, 4, h.slots.free)
	}
}

func TestS082_WaitingHonoursTheContext(t *testing.T) {
	t.Parallel()
	h := newHasher(1, rand.Reader)
	require.NoError(t, h.slots.acquire(t.Context(), 1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := h.hash(ctx, "correct horse battery staple")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	for _, stored := range []PasswordHash{"", cheapHash("x", 1), "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"} {
		ok, rehash, err := h.verify(ctx, stored, "x")
		require.ErrorIs(t, err, context.DeadlineExceeded, "whatever is stored")
		require.False(t, ok || rehash)
	}
	h.slots.release(1)
	requireVerify(t, h, cheapHash("x", 1), "x", true, true)
}

// A smaller number of rounds than the case names, because each is a hash; the race detector sees as
// much.
func TestS088_ParallelVerifiesDoNotMix(t *testing.T) {
	t.Parallel()
	h := newHasher(0, rand.Reader)
	const users, rounds = 24, 3
	var stored [users]PasswordHash
	password := func(i int) string { return fmt.Sprintf("password of user %d", i) }
	for i := range stored {
		stored[i] = cheapHash(password(i), byte(i))
	}
	var crossed, missed atomic.Int64
	var all sync.WaitGroup
	for i := range users {
		all.Go(func() {
			for r := range rounds {
				other := (i + r) % users
				ok, _, err := h.verify(context.Background(), stored[other], password(i))
				switch {
				case err != nil, other == i && !ok:
					missed.Add(1)
				case other != i && ok:
					crossed.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.Zero(t, crossed.Load())
	require.Zero(t, missed.Load())
}

func BenchmarkPasswordVerify(b *testing.B) {
	h := newHasher(0, rand.Reader)
	stored, err := h.hash(b.Context(), "correct horse battery staple")
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if ok, _, _ := h.verify(b.Context(), stored, "correct horse battery staple"); !ok {
			b.Fatal("refused")
		}
	}
}
