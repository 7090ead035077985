package orgusers

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Lengths of a password in code points (C2, NIST SP 800-63B-4 3.1.1.2).
const (
	defaultMinPassword = 15 // where the password is the only factor
	leastMinPassword   = 8  // never below, even with a second factor
	maxPassword        = 256
	minContextWord     = 3 // shorter words are part of too much
)

// checkPassword decides whether a password may be set, and returns it in the form to hash. minimum
// is in code points: 0 means 15, and less than 8 means 8. context are words a guesser would try first
// for this person: names, the address, the organization's name, the product's.
//
// Nothing is demanded of the kinds of characters, and any may be used but NUL. Refused are, beside
// lengths, passwords that consist of nothing but context words and digits, of one short piece again and
// again, of runs along the keyboard, the alphabet or the digits, or that are common ones or made from
// them (S-086). Only the whole password counts: a long passphrase with the organization's name in it is
// fine. The messages quote nothing.
func checkPassword(field, password string, minimum int, context ...string) (normalized string, fe *FieldError) {
	refuse := func(r Reason, message string) (string, *FieldError) {
		return "", &FieldError{field, r, message}
	}
	if minimum == 0 {
		minimum = defaultMinPassword
	}
	minimum = max(minimum, leastMinPassword)

	if password == "" {
		return refuse(ReasonRequired, "a password is needed")
	}
	if len(password) > maxPasswordBytes {
		return refuse(ReasonTooLong, fmt.Sprintf("use at most %d characters", maxPassword))
	}
	normal, ok := normalizePassword(password)
	if !ok {
		return refuse(ReasonCharacter, "has a character that cannot be used")
	}
	switch n := utf8.RuneCountInString(normal); {
	case n < minimum:
		return refuse(ReasonTooShort, fmt.Sprintf("use at least %d characters; this has %d", minimum, n))
	case n > maxPassword:
		return refuse(ReasonTooLong, fmt.Sprintf("use at most %d characters; this has %d", maxPassword, n))
	}
	folded := strings.ToLower(normal)
	if madeOf(folded, contextWords(context)) {
		return refuse(ReasonContextWord, "your name, your address and your organization's name are guessed first")
	}
	if r := []rune(folded); isRepeat(r) || isRun(r) || isCommon(folded) {
		return refuse(ReasonCommon, "common passwords, repetitions and runs along the keyboard are guessed first")
	}
	return normal, nil
}

// minPassword is how long one person's password must be: the policy's length, or its other one with a
// second factor that is enrolled and enforced, and never less than what any of the person's
// organizations asks for (C2, R7.6).
func (p *Policy) minPassword(secondFactor bool, asked ...int) int {
	least := p.MinPassword
	if secondFactor {
		least = min(least, p.MinPasswordMFA)
	}
	for _, n := range asked {
		least = max(least, n)
	}
	return least
}

// normalizePassword returns the one form of a password that is hashed: Unicode NFC, so that "é" typed
// on one machine is "é" typed on another. This is the only change ever made to a password. It refuses
// invalid UTF-8, NUL, and more than 1024 bytes.
func normalizePassword(password string) (string, bool) {
	if len(password) > maxPasswordBytes || !utf8.ValidString(password) || strings.ContainsRune(password, 0) {
		return "", false
	}
	return norm.NFC.String(password), true
}

// contextWords returns the words to look for: each text as a whole, each word in it, and of an address
// also its two sides.
func contextWords(context []string) []string {
	var words []string
	add := func(s string) {
		if w := squash(s); utf8.RuneCountInString(w) >= minContextWord {
			words = append(words, w)
		}
	}
	for _, text := range context {
		text = norm.NFC.String(text)
		add(text)
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '@' || unicode.IsSpace(r) }) {
			add(part)
		}
	}
	return words
}

// squash lowers the case and drops space and ASCII punctuation, so that "Acme-Corp. 2024!" is
// "acmecorp2024".
func squash(s string) string {
	return strings.Map(func(r rune) rune {
		if isSeparator(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

func isSeparator(r rune) bool {
	return unicode.IsSpace(r) || r < utf8.RuneSelf && (unicode.IsPunct(r) || unicode.IsSymbol(r))
}

// madeOf reports whether s, in lower case, is made of the words, of digits and of separators alone,
// with at least one word: the word itself, doubled, with a year after it, first and last name in any
// order, "4cme" for "acme".
func madeOf(s string, words []string) bool {
	const nothing, withWord = 1, 2
	r := []rune(s)
	reached := make([]byte, len(r)+1) // how r[:i] can be made; 0: not at all
	reached[0] = nothing
	spelled := make([][]rune, len(words))
	for i, w := range words {
		spelled[i] = []rune(w)
	}
	for i, c := range r {
		if reached[i] == 0 {
			continue
		}
		if c >= '0' && c <= '9' || isSeparator(c) {
			reached[i+1] = max(reached[i+1], reached[i])
		}
		for _, w := range spelled {
			if n := spells(r[i:], w); n > 0 {
				reached[i+n] = withWord
			}
		}
	}
	return reached[len(r)] == withWord
}

// spells returns how much of s, from its beginning, writes the word, with separators between its
// letters and characters that look like them; 0: it does not.
func spells(s, word []rune) int {
	i := 0
	for _, w := range word {
		for i < len(s) && i > 0 && isSeparator(s[i]) && !spellsLetter(s[i], w) {
			i++
		}
		if i == len(s) || !spellsLetter(s[i], w) {
			return 0
		}
		i++
	}
	return i
}

func spellsLetter(r, letter rune) bool {
	return r == letter || leetLetter(r, 'i') == letter || leetLetter(r, 'l') == letter
}
