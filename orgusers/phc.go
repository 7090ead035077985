package orgusers

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// PasswordHash is a stored password in the text form of its algorithm: argon2id as a PHC string, or
// bcrypt for accounts brought from elsewhere. Empty means no password. It prints as "[redacted]" in
// every verb of fmt, in JSON, in text encodings and in slog (S-129, S-233); a store reaches the text
// by string(h), and must hand exactly that to its driver, since drivers may ask for String.
//
// Accepted for import: "$argon2id$v=19$m=…,t=…,p=…$salt$key" with m 8 MiB to 256 MiB, t 1 to 10,
// p 1 to 4, salt 8 to 64 bytes and key 16 to 64 bytes; "$2a$", "$2b$" and "$2y$" with cost 10 to 15.
// Anything else matches no password. Whoever signs in with a weaker hash than ours gets a new one.
type PasswordHash string

// String returns "[redacted]".
func (PasswordHash) String() string { return redacted }

// GoString returns "[redacted]".
func (PasswordHash) GoString() string { return redacted }

// Format prints "[redacted]" whatever the verb.
func (PasswordHash) Format(s fmt.State, _ rune) { formatRedacted(s) }

// MarshalJSON returns "[redacted]".
func (PasswordHash) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]".
func (PasswordHash) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (PasswordHash) LogValue() slog.Value { return slog.StringValue(redacted) }

// The bounds of a stored argon2id hash. The lower ones keep out what is no protection, the upper ones
// what would let one row of the database occupy the process.
const (
	minArgonMemory, maxArgonMemory   = 8 << 10, 256 << 10 // KiB
	minArgonTime, maxArgonTime       = 1, 10              // passes
	minArgonThreads, maxArgonThreads = 1, 4
	minArgonSalt, maxArgonSalt       = 8, 64  // bytes
	minArgonKey, maxArgonKey         = 16, 64 // bytes
	maxPHC                           = 256    // characters; the longest within the bounds has 206
	argonVersion                     = "v=19"
)

// phc is a parsed argon2id hash.
type phc struct {
	memory    uint32 // KiB
	time      uint32 // passes over it
	threads   uint8
	salt, key []byte
}

// String writes the PHC form: parameters in their one order, numbers without leading zeros, standard
// base64 without padding.
func (p phc) String() string {
	return fmt.Sprintf("$argon2id$%s$m=%d,t=%d,p=%d$%s$%s", argonVersion, p.memory, p.time, p.threads,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.key))
}

// parsePHC reads an argon2id hash within the bounds. It takes exactly what String writes, so that no
// other spelling of a hash is ever in use.
func parsePHC(s string) (phc, bool) {
	if len(s) > maxPHC {
		return phc{}, false
	}
	fields := strings.Split(s, "$")
	if len(fields) != 6 {
		return phc{}, false
	}
	params := strings.Split(fields[3], ",")
	if len(params) != 3 {
		return phc{}, false
	}
	p := phc{
		memory:  uint32(phcNumber(params[0], "m=", minArgonMemory, maxArgonMemory)),
		time:    uint32(phcNumber(params[1], "t=", minArgonTime, maxArgonTime)),
		threads: uint8(phcNumber(params[2], "p=", minArgonThreads, maxArgonThreads)),
		salt:    phcBytes(fields[4], minArgonSalt, maxArgonSalt),
		key:     phcBytes(fields[5], minArgonKey, maxArgonKey),
	}
	if p.memory == 0 || p.time == 0 || p.threads == 0 || p.salt == nil || p.key == nil || p.String() != s {
		return phc{}, false
	}
	return p, true
}

// phcNumber returns the number after the prefix, or 0 if it is not there or out of bounds.
func phcNumber(s, prefix string, least, most uint64) uint64 {
	digits, ok := strings.CutPrefix(s, prefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n < least || n > most {
		return 0
	}
	return n
}

// phcBytes returns the decoded bytes, or nil if they are not well formed or out of bounds.
func phcBytes(s string, least, most int) []byte {
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil || len(b) < least || len(b) > most {
		return nil
	}
	return b
}

const (
	bcryptSize                     = 60 // characters
	minBcryptCost, maxBcryptCost   = 10, 15
	maxBcryptPassword              = 72 // bytes; bcrypt ignores what comes after
	bcryptAlphabet                 = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	bcryptPrefixSize, bcryptCostAt = 7, 4 // "$2b$12$"
)

// isBcrypt reports whether s is a bcrypt hash that we compare with: version a, b or y, cost 10 to 15
// (a cost more doubles the time; 15 is two to three seconds).
func isBcrypt(s string) bool {
	if len(s) != bcryptSize || s[bcryptPrefixSize-1] != '$' {
		return false
	}
	switch s[:bcryptCostAt] {
	case "$2a$", "$2b$", "$2y$":
	default:
		return false
	}
	cost, err := strconv.ParseUint(s[bcryptCostAt:bcryptPrefixSize-1], 10, 8)
	return err == nil && cost >= minBcryptCost && cost <= maxBcryptCost &&
		strings.Trim(s[bcryptPrefixSize:], bcryptAlphabet) == ""
}
