package orgusers

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Limits of an e-mail address, in bytes (RFC 5321 4.5.3.1, RFC 1035 2.3.4).
const (
	maxAddress = 254
	maxLocal   = 64
	maxDomain  = 253
	maxLabel   = 63
	// maxSpelled bounds what is looked at before white space is trimmed, so that a megabyte of
	// spaces costs as little as any other megabyte (S-200).
	maxSpelled = 1024
)

// AddressKey is what addresses are compared by (C9): the local part in ASCII lower case, "@", and
// the domain in A-label form, lower case: always ASCII, at most 254 bytes. Dots and plus tags stay,
// because whether they matter is the receiving host's affair. Stores compare it byte by byte.
type AddressKey string

// Address is an e-mail address. It is comparable, but == also compares the spelling: whether two
// addresses are the same mailbox is a comparison of their Keys. The zero value is no address.
type Address struct {
	Email string     // as first spelled, without surrounding white space; mail is delivered to it
	Key   AddressKey // what it is compared by
}

// ParseAddress reads one bare e-mail address; white space around it is ignored.
//
// It takes the plain form that mail hosts give to people (C9): at most 254 bytes, an ASCII dot-atom
// of at most 64 bytes, one "@", and a domain with a dot. Quoted local parts, address literals, a
// trailing dot and display names are refused. The domain may be international; it must be written in
// the letters it is registered with, give or take case, so that look-alikes which other software
// folds together (full width, Kelvin sign, dotless i, long s) are refused and never share a key with
// the letter they resemble (S-192).
//
// The error is an *[Error] of Kind [ErrInvalid] with one field "email".
func ParseAddress(s string) (Address, error) {
	a, bad := parseAddressField("email", s)
	if bad != nil {
		return Address{}, invalid(*bad)
	}
	return a, nil
}

// String returns the address as first spelled.
func (a Address) String() string { return a.Email }

// IsZero reports whether a is no address.
func (a Address) IsZero() bool { return a == Address{} }

// Domain returns the domain in A-label form, lower case; "" for the zero value. Allowed domains
// (R2.11) are compared with it for equality, never as a suffix (S-165).
func (a Address) Domain() string {
	_, domain, _ := strings.Cut(string(a.Key), "@")
	return domain
}

// Mailbox returns the key with the dots and the plus tag taken out of the local part, as several
// large mail hosts do. It is for flood caps only (C9): different people may share it, so it must
// never identify anybody.
func (a Address) Mailbox() AddressKey {
	local, domain, ok := strings.Cut(string(a.Key), "@")
	if !ok {
		return a.Key
	}
	local, _, _ = strings.Cut(local, "+")
	return AddressKey(strings.ReplaceAll(local, ".", "") + "@" + domain)
}

// parseAddressField is ParseAddress for the field of a larger input, such as "emails[3]".
func parseAddressField(field, s string) (Address, *FieldError) {
	bad := func(r Reason, message string) (Address, *FieldError) {
		return Address{}, &FieldError{Field: field, Reason: r, Message: message}
	}
	if len(s) > maxSpelled {
		return bad(ReasonTooLong, "is longer than 254 bytes")
	}
	s = strings.Trim(s, " \t\r\n\v\f")
	switch {
	case s == "":
		return bad(ReasonRequired, ReasonRequired.Text())
	case len(s) > maxAddress:
		return bad(ReasonTooLong, "is longer than 254 bytes")
	}
	if r, message := hiddenRune(s); r != "" {
		return bad(r, message)
	}
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case !ok:
		return bad(ReasonSyntax, `has no "@"`)
	case strings.Contains(domain, "@"):
		return bad(ReasonSyntax, `has more than one "@"`)
	}
	if r, message := checkLocal(local); r != "" {
		return bad(r, message)
	}
	domain, r, message := domainKey(domain)
	if r != "" {
		return bad(r, message)
	}
	// The local part is ASCII here, so ToLower folds A to Z and nothing else.
	key := strings.ToLower(local) + "@" + domain
	if len(key) > maxAddress {
		return bad(ReasonTooLong, "is longer than 254 bytes with its domain in ASCII form")
	}
	// An address kept for long must not keep the megabytes it was cut from alive, so its spelling
	// gets memory of its own, or the key's where the two are equal.
	if s == key {
		return Address{Email: key, Key: AddressKey(key)}, nil
	}
	return Address{Email: strings.Clone(s), Key: AddressKey(key)}, nil
}

// parseDomain reads one domain of the allowed-domains setting (R2.11), with or without a leading
// "@", and returns it in the form of [Address.Domain]; or "" and why not. Wildcards are refused.
func parseDomain(s string) (string, Reason) {
	if len(s) > maxSpelled {
		return "", ReasonTooLong
	}
	s = strings.TrimPrefix(strings.Trim(s, " \t\r\n\v\f"), "@")
	if s == "" {
		return "", ReasonRequired
	}
	if r, _ := hiddenRune(s); r != "" {
		return "", r
	}
	domain, r, _ := domainKey(s)
	return domain, r
}

// hiddenRune refuses what no address may hold anywhere: broken UTF-8, white space, controls, and
// format characters such as bidi overrides and zero-width spaces (S-180, S-195, S-207).
func hiddenRune(s string) (Reason, string) {
	for i, r := range s {
		switch {
		case r > ' ' && r < 0x7f:
		case isBroken(s[i:], r):
			return ReasonCharacter, "is not valid UTF-8"
		case r == ' ':
			return ReasonCharacter, "has a space in it"
		case !unicode.IsGraphic(r) || unicode.IsSpace(r) || isIgnorable(r):
			return ReasonCharacter, fmt.Sprintf("has the character U+%04X, which is not allowed", r)
		}
	}
	return "", ""
}

// isBroken reports whether r, decoded from the head of s, stands for a byte that is no UTF-8.
func isBroken(s string, r rune) bool {
	return r == utf8.RuneError && !strings.HasPrefix(s, "\uFFFD")
}

// checkLocal checks the part before "@": an RFC 5322 dot-atom, ASCII.
func checkLocal(local string) (Reason, string) {
	switch {
	case local == "":
		return ReasonSyntax, `has nothing before the "@"`
	case len(local) > maxLocal:
		return ReasonTooLong, `has more than 64 characters before the "@"`
	case local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, ".."):
		return ReasonSyntax, `has a dot too many before the "@"`
	}
	for _, r := range local {
		if r != '.' && !isAtext(r) {
			return ReasonCharacter, fmt.Sprintf(`has %q before the "@"`, r)
		}
	}
	return "", ""
}

// isAtext reports whether r may stand in an unquoted local part (RFC 5322 3.2.3).
func isAtext(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
		r < utf8.RuneSelf && strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// domainKey brings a domain to its A-label form, lower case, or says why it is none. The caller has
// bounded its length and refused hidden characters.
func domainKey(s string) (domain string, r Reason, message string) {
	switch {
	case s == "":
		return "", ReasonSyntax, `has nothing after the "@"`
	case s[0] == '[':
		return "", ReasonSyntax, "needs a domain name, not a numeric address"
	case s[len(s)-1] == '.':
		return "", ReasonSyntax, "ends with a dot"
	case !strings.Contains(s, "."):
		return "", ReasonSyntax, "has a domain without a dot"
	case len(s) > maxDomain:
		return "", ReasonTooLong, "has a domain longer than 253 bytes"
	}
	s = lowerDomain(s)
	if !isPlainDomain(s) {
		// The registration profile maps nothing. The lookup profile would map full-width and other
		// look-alike letters to ASCII, and two spellings a person can tell apart would be one key.
		a, err := idna.New(idna.ValidateForRegistration()).ToASCII(norm.NFC.String(s))
		if err != nil || hasTwin(s) {
			return "", ReasonSyntax, "has a domain that is not well formed"
		}
		s = a
	}
	if tld := s[strings.LastIndexByte(s, '.')+1:]; strings.Trim(tld, "0123456789") == "" {
		return "", ReasonSyntax, "needs a domain name, not a numeric address"
	}
	return s, "", ""
}

// lowerDomain lower-cases the letters whose lower case belongs to them alone. Others, such as the
// Kelvin sign, whose lower case is the ASCII k, stay as they are and are refused afterwards: hence
// the way back, and hence no EqualFold (S-192).
func lowerDomain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + ('a' - 'A')
		case r < utf8.RuneSelf:
			return r
		}
		if low := unicode.ToLower(r); low >= utf8.RuneSelf && unicode.To(unicode.UpperCase, low) == r {
			return low
		}
		return r
	}, s)
}

// hasTwin reports whether s has a character that Unicode keeps only as another name of a second one,
// such as the Angstrom sign. Letters written with separate accents have none: they are composed.
func hasTwin(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return r >= utf8.RuneSelf && norm.NFC.String(string(r)) != string(r)
	})
}

// isPlainDomain reports whether every label is ASCII letters, digits and inner hyphens, and none
// is reserved ("??--", which holds the A-labels): then there is nothing for IDNA to do. Most domains
// are so, and lists have a hundred thousand of them.
func isPlainDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		n := len(label)
		if n == 0 || n > maxLabel || label[0] == '-' || label[n-1] == '-' || n > 3 && label[2:4] == "--" {
			return false
		}
		for i := range n {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}
