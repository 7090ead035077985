package orgusers

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	guessSteps    = 4 // changes undone one after the other: "P@ssw0rd2024!P@ssw0rd2024!" needs three
	maxGuessAffix = 4 // characters that may be any, before or after a common password
)

// isCommon reports whether a password, in lower case, is a common one or made from one as people do
// it (S-086): doubled or more, with digits, a year or marks before or after it, letters replaced by
// what looks like them. It is a matter of the whole password: one that has a common one in it is fine.
func isCommon(s string) bool { return guessed(s, guessSteps) }

func guessed(s string, steps int) bool {
	if s == "" {
		return false
	}
	if listed(s) || listed(unleet(s, 'i')) || listed(unleet(s, 'l')) {
		return true
	}
	if steps == 0 {
		return false
	}
	steps--
	if unit := repeated(s); unit != s && guessed(unit, steps) {
		return true
	}
	if head := withoutTail(s); head != s && guessed(head, steps) {
		return true
	}
	tail := withoutHead(s)
	return tail != s && guessed(tail, steps)
}

// listed finds a line of commonPasswords by bisection.
func listed(s string) bool {
	low, high := 1, len(commonPasswords) // low begins a line, high comes after a line's end
	for low < high {
		mid := low + (high-low)/2
		begin := strings.LastIndexByte(commonPasswords[:mid], '\n') + 1
		end := begin + strings.IndexByte(commonPasswords[begin:], '\n')
		switch line := commonPasswords[begin:end]; {
		case line == s:
			return true
		case line < s:
			low = end + 1
		default:
			high = begin
		}
	}
	return false
}

// leetLetter is the letter a digit or sign stands for, or 0. one is what 1, ! and | stand for.
func leetLetter(r, one rune) rune {
	switch r {
	case '0':
		return 'o'
	case '1', '!', '|':
		return one
	case '3', '€':
		return 'e'
	case '4', '@':
		return 'a'
	case '5', '$':
		return 's'
	case '7', '+':
		return 't'
	case '8':
		return 'b'
	}
	return 0
}

func unleet(s string, one rune) string {
	return strings.Map(func(r rune) rune {
		if l := leetLetter(r, one); l != 0 {
			return l
		}
		return r
	}, s)
}

// repeated returns the shortest piece that s is made of again and again, with or without one and the
// same character of punctuation or space between; s itself if there is none.
func repeated(s string) string {
	for size := 1; size <= len(s)/2; size++ {
		for gap := range 2 {
			if (len(s)+gap)%(size+gap) != 0 || gap == 1 && isWordByte(s[size]) {
				continue
			}
			if s[size+gap:] == s[:len(s)-size-gap] {
				return s[:size]
			}
		}
	}
	return s
}

func isWordByte(b byte) bool {
	return b >= utf8.RuneSelf || b >= '0' && b <= '9' || b >= 'a' && b <= 'z'
}

// withoutTail cuts off the digits, or the marks and spaces, that s ends with, if they are what people
// add: up to four, a date, or a repetition or run of any length.
func withoutTail(s string) string {
	r := []rune(s)
	n := len(r)
	for n > 0 && affixKind(r[n-1]) != 0 && affixKind(r[n-1]) == affixKind(r[len(r)-1]) {
		n--
	}
	if !weakAffix(r[n:]) {
		return s
	}
	return string(r[:n])
}

func withoutHead(s string) string {
	r := []rune(s)
	n := 0
	for n < len(r) && affixKind(r[n]) != 0 && affixKind(r[n]) == affixKind(r[0]) {
		n++
	}
	if !weakAffix(r[:n]) {
		return s
	}
	return string(r[n:])
}

// affixKind tells digits from marks and spaces; 0: neither.
func affixKind(r rune) int {
	switch {
	case unicode.IsDigit(r):
		return 1
	case unicode.IsSpace(r), unicode.IsPunct(r), unicode.IsSymbol(r):
		return 2
	}
	return 0
}

func weakAffix(r []rune) bool {
	return len(r) <= maxGuessAffix || isDate(string(r)) || isRepeat(r) || isRun(r)
}

// isDate accepts the six or eight digits of a date in any order: 240131, 31012024.
func isDate(s string) bool {
	two := func(i, most int) bool {
		n := int(s[i]-'0')*10 + int(s[i+1]-'0')
		return n >= 1 && n <= most
	}
	century := func(i int) bool { return s[i:i+2] == "19" || s[i:i+2] == "20" }
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	dayAndMonth := func(i int) bool { return two(i, 31) && two(i+2, 12) || two(i, 12) && two(i+2, 31) }
	switch len(s) {
	case 6:
		return dayAndMonth(0) || dayAndMonth(2)
	case 8:
		return century(0) && dayAndMonth(4) || century(4) && dayAndMonth(0)
	}
	return false
}
