package orgusers

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
)

// Key is a secret of at least 32 random bytes, from which mailed links, list cursors, audit seals
// and sealed second factors are derived. Whoever has it can make a link for anybody, so it belongs
// beside the database's password, never into the database.
//
// The first of the configured keys is used for everything new; all of them are accepted. To rotate,
// put the new key in front. An old key may go when the links mailed under it are past their
// lifetime, everybody with a second factor has signed in once since, and the audit entries written
// under it need no more checking.
//
// A Key prints as "[redacted]" in every verb of fmt, in JSON, in text encodings and in slog (S-233).
type Key []byte

const (
	minKeySize    = 32 // bytes
	minKeyVariety = 8  // different byte values; 32 random bytes have about 30, 32 hexadecimal digits about 14
	minMACSize    = 16 // bytes of a truncated MAC; 128 bits cannot be guessed in any number of tries
	macSize       = 16 // bytes of the MAC in links and cursors
	keyringSalt   = "github.com/orgusers/go-orgusers keyring v1"
	redacted      = "[redacted]"
)

// String returns "[redacted]".
func (Key) String() string { return redacted }

// GoString returns "[redacted]".
func (Key) GoString() string { return redacted }

// Format prints "[redacted]" whatever the verb, so that %x and %d do not show the bytes.
func (Key) Format(s fmt.State, _ rune) { formatRedacted(s) }

// MarshalJSON returns "[redacted]". Reading a Key from JSON works as for any []byte, by base64.
func (Key) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]".
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

func formatRedacted(w io.Writer) { _, _ = io.WriteString(w, redacted) }

// purpose names a sub-key. What was made for one purpose proves nothing for another (S-010).
type purpose uint8

const (
	purposeCursor purpose = iota
	purposeAudit
	purposeTOTP
	purposeDevice
	purposeLink  // plus the LinkPurpose, which counts from 1
	purposeCount = purposeLink + purpose(LinkMFAReset) + 1
)

// label goes into the derivation, so it must never change.
func (p purpose) label() string {
	switch p {
	case purposeCursor:
		return "cursor"
	case purposeAudit:
		return "audit"
	case purposeTOTP:
		return "totp"
	case purposeDevice:
		return "device"
	}
	return "link/" + LinkPurpose(p-purposeLink).String()
}

// keyring holds one sub-key per purpose and configured key, derived by HKDF-SHA-256 once. It keeps
// neither the keys nor the host's slices. It is only read after newKeyring.
type keyring struct {
	subs [purposeCount][][]byte // by purpose, in the order of the keys
}

// newKeyring checks the keys and derives the sub-keys. It refuses having none ("keys"), and a key
// under 32 bytes, given twice, or plainly not random ("keys[i]") (S-232).
func newKeyring(keys []Key) (*keyring, []FieldError) {
	if bad := checkKeys(keys); len(bad) > 0 {
		return nil, bad
	}
	k := &keyring{}
	for i, key := range keys {
		for p := range purposeCount {
			sub, err := hkdf.Key(sha256.New, key, []byte(keyringSalt), p.label(), sha256.Size)
			if err != nil { // the runtime's policy forbids it
				return nil, []FieldError{{fmt.Sprintf("keys[%d]", i), ReasonSyntax, "cannot be used: " + err.Error()}}
			}
			k.subs[p] = append(k.subs[p], sub)
		}
	}
	return k, nil
}

func checkKeys(keys []Key) []FieldError {
	if len(keys) == 0 {
		return []FieldError{{"keys", ReasonRequired, "needs at least one key of 32 random bytes"}}
	}
	var bad []FieldError
	for i, key := range keys {
		field := fmt.Sprintf("keys[%d]", i)
		switch {
		case len(key) < minKeySize:
			bad = append(bad, FieldError{
				field, ReasonTooShort,
				fmt.Sprintf("has %d bytes, needs at least %d random ones", len(key), minKeySize),
			})
		case variety(key) < minKeyVariety:
			bad = append(bad, FieldError{field, ReasonCommon, "is not random: it is made of a few bytes only"})
		default:
			for j := range i {
				if subtle.ConstantTimeCompare(keys[j], key) == 1 {
					bad = append(bad, FieldError{field, ReasonDuplicate, fmt.Sprintf("is the same as keys[%d]", j)})
					break
				}
			}
		}
	}
	return bad
}

// variety counts the different byte values in b.
func variety(b []byte) int {
	var seen [256]bool
	n := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}

// mac returns the HMAC-SHA-256 of the parts by the first key. Each part goes in after its length,
// so that no two lists of parts read the same.
func (k *keyring) mac(p purpose, parts ...[]byte) []byte {
	return hmacParts(k.subs[p][0], parts)
}

// verify reports whether mac, or a MAC it is the beginning of, was made by any of the keys. A mac
// under 16 bytes never is. It takes the same time whichever key it was, and however wrong it is.
func (k *keyring) verify(p purpose, mac []byte, parts ...[]byte) bool {
	if len(mac) < minMACSize || len(mac) > sha256.Size {
		return false
	}
	ok := 0
	for _, sub := range k.subs[p] {
		ok |= subtle.ConstantTimeCompare(hmacParts(sub, parts)[:len(mac)], mac)
	}
	return ok == 1
}

func hmacParts(key []byte, parts [][]byte) []byte {
	h := hmac.New(sha256.New, key)
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

// Format keeps the sub-keys out of a log that prints the whole service.
func (k keyring) Format(s fmt.State, _ rune) { formatRedacted(s) }
