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
// again, or of runs along the keyboard, the alphabet or the digits (S-086). Only the whole password
// counts: a long passphrase with the organization's name in it is fine. The messages quote nothing.
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
	if madeOf(squash(normal), contextWords(context)) {
		return refuse(ReasonContextWord, "your name, your address and your organization's name are guessed first")
	}
	if folded := []rune(strings.ToLower(normal)); isRepeat(folded) || isRun(folded) {
		return refuse(ReasonCommon, "repetitions and runs along the keyboard are guessed first")
	}
	return normal, nil
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
		if unicode.IsSpace(r) || r < utf8.RuneSelf && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// madeOf reports whether s is made of the words and of digits alone, with at least one word: the word
// itself, doubled, with a year after it, first and last name in any order.
func madeOf(s string, words []string) bool {
	const digitsOnly, withWord = 1, 2
	reached := make([]byte, len(s)+1) // how s[:i] can be made; 0: not at all
	reached[0] = digitsOnly
	for i := range len(s) {
		if reached[i] == 0 {
			continue
		}
		if s[i] >= '0' && s[i] <= '9' {
			reached[i+1] = max(reached[i+1], reached[i])
		}
		for _, w := range words {
			if strings.HasPrefix(s[i:], w) {
				reached[i+len(w)] = withWord
			}
		}
	}
	return reached[len(s)] == withWord
}

// isRepeat reports whether s is a piece of up to four characters again and again: "aaaaaaaa",
// "abcabcab".
func isRepeat(s []rune) bool {
	for size := 1; size <= 4 && size < len(s); size++ {
		i := size
		for i < len(s) && s[i] == s[i-size] {
			i++
		}
		if i == len(s) {
			return true
		}
	}
	return false
}

// isRun reports whether s can be cut into runs of at least three: "qwertyuiop123456", "abcdefgh",
// "1111222233334444". The last piece may be shorter.
func isRun(s []rune) bool {
	reached := make([]bool, len(s)+1) // s[:i] can be cut so
	reached[0] = true
	for i := range s {
		if !reached[i] {
			continue
		}
		n := longestRun(s[i:])
		if i+n == len(s) {
			return true
		}
		for k := 3; k <= n; k++ {
			reached[i+k] = true
		}
	}
	return false
}

// longestRun counts how far s, from its beginning, repeats one character or follows a row.
func longestRun(s []rune) int {
	n := 1
	for n < len(s) && s[n] == s[0] {
		n++
	}
	for _, row := range keyboardRows() {
		for at := range len(row) {
			n = max(n, walk(row, at, 1, s), walk(row, at, -1, s))
		}
	}
	return n
}

// walk counts how far s follows the row from a place in a direction.
func walk(row string, at, direction int, s []rune) int {
	n := 0
	for n < len(s) && at >= 0 && at < len(row) && rune(row[at]) == s[n] {
		n++
		at += direction
	}
	return n
}

// keyboardRows are the rows fingers run along: the alphabet, the digits, the American, German and
// French keyboards, and the first one's columns and zigzags.
func keyboardRows() [17]string {
	return [...]string{
		"abcdefghijklmnopqrstuvwxyz", "01234567890", "!@#$%^&*()_+",
		"qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./",
		"qwertzuiop", "yxcvbnm,.-",
		"azertyuiop", "qsdfghjklm", "wxcvbn,;:!",
		"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", "qazwsxedcrfvtgbyhnujmikolp", "zaqxswcdevfrbgtnhymjukilop",
		"1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "1a2b3c4d5e6f7g8h9i",
	}
}
