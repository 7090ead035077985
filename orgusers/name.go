package orgusers

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxName is the longest name of a person, an organization or a stack, in code points (C9).
const maxName = 100

// maxRoleName is the longest name of a stack role, in code points (R3.5).
const maxRoleName = 160

// maxRoleDescription is the longest description of a stack role, in code points (R3.5).
const maxRoleDescription = 320

// maxNamePart bounds, in bytes, what is normalized at all. No 160 code points, however they are
// decomposed, come near it.
const maxNamePart = 4096

// Name is the name of a person. Either part may be empty only where the caller allows it.
type Name struct {
	First string // given name or names, 0 to 100 code points
	Last  string // family name, 0 to 100 code points
}

// String returns "First Last", without white space at the ends.
func (n Name) String() string {
	return strings.TrimSpace(n.First + " " + n.Last)
}

// SortKey returns what names are sorted and searched by: "first last" in NFC and lower case, with
// one space between words. It is computed here and stored, and stores compare it byte by byte, so
// that the order of a list does not depend on a database's collation. It identifies nobody.
func (n Name) SortKey() string {
	if n == (Name{}) {
		return ""
	}
	s := norm.NFC.String(strings.ToLower(norm.NFC.String(n.First + " " + n.Last)))
	return strings.Join(strings.Fields(s), " ")
}

// cleanName returns a name of a person, an organization or a stack as it is stored (C9): trimmed, in
// NFC, 1 to 100 code points, all of them graphic. Controls, line ends, bidi overrides, zero-width and
// private characters are refused and not removed, because whoever sent them should learn of it
// (S-180, S-195, S-207). Markup and template signs are letters like any other (S-196, S-198).
// An empty name is refused only if required.
func cleanName(field, s string, required bool) (string, *FieldError) {
	return cleanNameUpTo(maxName, field, s, required)
}

// cleanNameUpTo is cleanName with another greatest length, in code points.
func cleanNameUpTo(most int, field, s string, required bool) (string, *FieldError) {
	bad := func(r Reason, message string) (string, *FieldError) {
		return "", &FieldError{Field: field, Reason: r, Message: message}
	}
	tooLong := func() (string, *FieldError) {
		return bad(ReasonTooLong, fmt.Sprintf("is longer than %d characters", most))
	}
	switch {
	case len(s) > maxNamePart:
		return tooLong()
	case !utf8.ValidString(s):
		return bad(ReasonCharacter, "is not valid UTF-8")
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	if s == "" {
		if required {
			return bad(ReasonRequired, ReasonRequired.Text())
		}
		return "", nil
	}
	if utf8.RuneCountInString(s) > most {
		return tooLong()
	}
	for i, r := range s {
		// A mark in front would attach itself to whatever is printed before the name.
		if !unicode.IsGraphic(r) || isIgnorable(r) || i == 0 && unicode.IsMark(r) {
			return bad(ReasonCharacter, fmt.Sprintf("has the character U+%04X, which is not allowed", r))
		}
	}
	return s, nil
}

// cleanText returns free text as it is stored, such as the message of an invitation: trimmed, in
// NFC, at most maxRunes code points. Line ends become "\n" and tabs become spaces; other controls,
// bidi overrides and invisible characters are refused, save the joiners and variation selectors that
// some scripts and most emoji are written with. Empty text is fine.
func cleanText(field, s string, maxRunes int) (string, *FieldError) {
	bad := func(r Reason, message string) (string, *FieldError) {
		return "", &FieldError{Field: field, Reason: r, Message: message}
	}
	// 16 bytes a code point are more than any decomposed spelling needs.
	tooLong := func() (string, *FieldError) {
		return bad(ReasonTooLong, fmt.Sprintf("is longer than %d characters", maxRunes))
	}
	switch {
	case len(s) > 16*maxRunes:
		return tooLong()
	case !utf8.ValidString(s):
		return bad(ReasonCharacter, "is not valid UTF-8")
	}
	if strings.ContainsAny(s, "\r\t") {
		s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", " ").Replace(s)
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	if utf8.RuneCountInString(s) > maxRunes {
		return tooLong()
	}
	for _, r := range s {
		switch {
		case r == '\n', r == '\u200c', r == '\u200d', '\ufe00' <= r && r <= '\ufe0f':
		case !unicode.IsGraphic(r) || isIgnorable(r):
			return bad(ReasonCharacter, fmt.Sprintf("has the character U+%04X, which is not allowed", r))
		}
	}
	return s, nil
}

// isIgnorable reports whether r is graphic by its category and yet shows nothing: combining grapheme
// joiner, Hangul and Khmer fillers, variation selectors, and the blank Braille cell. Names that look
// alike must not differ by them.
func isIgnorable(r rune) bool {
	return r == '\u2800' || r > 0xff && unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// cutRunes returns s in at most n bytes of valid UTF-8; if it was longer, it ends with an ellipsis.
func cutRunes(s string, n int) string {
	const ellipsis = "…"
	long := len(s) > n
	// Mending may lengthen the text, so it comes before the cut, on no more than can be kept.
	s = strings.ToValidUTF8(s[:min(len(s), n)], "\uFFFD")
	if !long && len(s) <= n {
		return s
	}
	end := min(len(s), n-len(ellipsis))
	for end > 0 && end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
