package orgusers

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What new hashes are made with: OWASP's minimum for argon2id (C1), 20 to 60 ms on one core.
const (
	argonMemory  = 19456 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonKey     = 32 // bytes

	defaultHashBudget = 224 << 20 // bytes: 256 MiB with what a thousand callers take beside (S-082)
	maxHashQueue      = 64        // calls waiting
	maxPasswordBytes  = 1024      // of input, before anything is done with it (S-081)
)

// hasher makes and checks password hashes, a bounded number at a time: hashing is costly on purpose,
// and sign-in is open to everybody (S-082). It may be used by any number of goroutines.
type hasher struct {
	slots  *slots
	memory *hashMemory
	rand   io.Reader
}

// newHasher returns a hasher that runs as many hashes at a time as half of memoryBudget (bytes; 0: 224
// MiB) holds, at least one and at most two per processor. The other half is for the memory of hashes
// that are done until it is collected. rand is read by several goroutines at a time.
func newHasher(memoryBudget int64, rand io.Reader) *hasher {
	if memoryBudget <= 0 {
		memoryBudget = defaultHashBudget
	}
	half := int(max(min(memoryBudget/2/(argonMemory<<10), 1<<20), 1))
	n := min(half, 2*runtime.GOMAXPROCS(0))
	return &hasher{slots: newSlots(n, maxHashQueue), memory: &hashMemory{most: 2 * half}, rand: rand}
}

// hash returns the argon2id hash of a password that [checkPassword] has let pass. It waits for a slot
// until ctx ends, whose error it then returns; it returns ErrBusy if 64 wait already, and ErrInvalid
// for a password that verify would refuse unseen.
func (h *hasher) hash(ctx context.Context, password string) (PasswordHash, error) {
	normal, ok := normalizePassword(password)
	if !ok || normal == "" {
		return "", invalid(FieldError{"password", ReasonSyntax, "cannot be used as a password"})
	}
	p := phc{memory: argonMemory, time: argonTime, threads: argonThreads, salt: make([]byte, argonSalt)}
	if _, err := io.ReadFull(h.rand, p.salt); err != nil {
		return "", fmt.Errorf("password hash: random salt: %w", err)
	}
	if err := h.slots.acquire(ctx, 1); err != nil {
		return "", err
	}
	defer h.slots.release(1)
	p.key = h.argon(1, normal, p, argonKey)
	return PasswordHash(p.String()), nil
}

// verify reports whether password is the one stored, and if so, whether the hash is weaker than ours
// and should be made anew. Errors are those of waiting for a slot, as for hash; a wrong password, a
// missing one and a stored hash that cannot be read are all just false.
//
// Whatever is stored and whatever is typed, a hash is computed, so that the time does not tell whether
// there is an account with a password (S-085). Two exceptions: input over 1024 bytes is refused at
// once, for every account alike (S-081), and an imported hash takes the time of its own parameters
// until its owner has signed in once.
func (h *hasher) verify(ctx context.Context, stored PasswordHash, password string) (ok, rehash bool, err error) {
	if len(password) > maxPasswordBytes {
		return false, false, nil
	}
	normal, usable := normalizePassword(password)
	usable = usable && normal != ""
	foreign := isBcrypt(string(stored))
	p, ours := parsePHC(string(stored))
	switch {
	case foreign && len(password) > maxBcryptPassword:
		usable, foreign = false, false // bcrypt would compare the first 72 bytes only (S-078)
	case !foreign && !ours:
		usable = false
	}
	if !usable {
		foreign, p = false, dummyPHC()
	}

	weight := 1
	if !foreign {
		weight = h.slots.fit(int(p.memory+argonMemory-1) / argonMemory)
	}
	if err := h.slots.acquire(ctx, weight); err != nil {
		return false, false, err
	}
	defer h.slots.release(weight)

	if foreign {
		// Compared as received: what made this hash did not normalize.
		ok = bcrypt.CompareHashAndPassword([]byte(stored), []byte(password)) == nil
		return ok, ok, nil
	}
	key := h.argon(weight, normal, p, len(p.key))
	ok = subtle.ConstantTimeCompare(key, p.key) == 1 && usable
	return ok, ok && p.weak(), nil
}

// argon computes a hash of so many slots' memory.
func (h *hasher) argon(weight int, password string, p phc, size int) []byte {
	h.memory.take(weight)
	defer h.memory.give(weight)
	return argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.threads, uint32(size))
}

// weak reports whether p costs a guesser less than a new hash would. Memory times passes is the
// measure, so that OWASP's other row (46 MiB, one pass) is not made anew at each sign-in.
func (p phc) weak() bool {
	return p.memory < argonMemory || p.memory*p.time < argonMemory*argonTime || len(p.salt) < argonSalt || len(p.key) < argonKey
}

// dummyPHC is what is computed where there is nothing to compare with. No password matches it,
// because verify never says yes for it.
func dummyPHC() phc {
	return phc{
		memory: argonMemory, time: argonTime, threads: argonThreads,
		salt: make([]byte, argonSalt), key: make([]byte, argonKey),
	}
}
