package orgusers

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The little language of pasted text: what [ParseAddressList] takes for a separator, a quote, a
// bullet, a comment or a name. Every function looks at each byte a bounded number of times.

// isComma reports whether r is a comma of some script. Between commas a name may be split; none of
// them can be part of an address.
func isComma(r rune) bool {
	switch r {
	case ',', '，', '、', '،':
		return true
	}
	return false
}

// isBreak reports whether r ends a piece for good: semicolon, tab, and line ends other than CR and
// LF, which word processors use within a paragraph.
func isBreak(r rune) bool {
	switch r {
	case ';', '；', '؛', '\t', '\v', '\f', '\u0085', '\u2028', '\u2029':
		return true
	}
	return false
}

// isMargin reports whether r may be taken off either end of a piece unseen: white space, and the
// byte order marks, direction marks and zero-width spaces that come along when text is copied.
// Within an address they are refused.
func isMargin(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}

// isQuote reports whether r opens a quoted name. Apostrophes do not: O'Brien has but one.
func isQuote(r rune) bool { return r == '"' || r == '“' || r == '„' }

// isDecoration reports whether s holds nothing to read: no letter, no digit, no "@" and nothing
// broken.
func isDecoration(s string) bool {
	for i, r := range s {
		switch {
		case r == '@', isBroken(s[i:], r):
			return false
		case !isMargin(r) && !unicode.IsPunct(r) && !unicode.IsSymbol(r):
			return false
		}
	}
	return true
}

// quoteEnd returns the length of the quoted string that s begins with. If it has no end, or none
// near enough to be a name, closed is false and end is how far there is none.
func quoteEnd(s string) (end int, closed bool) {
	s = s[:min(len(s), maxDisplay)]
	open, size := utf8.DecodeRuneInString(s)
	if open != '"' {
		closers := "”"
		if open == '„' {
			closers = "“”"
		}
		if i := strings.IndexAny(s[size:], closers); i >= 0 {
			return size + i + len("”"), true
		}
		return len(s), false
	}
	for i := size; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return len(s), false
}

// leadsToAddress reports whether s, which follows a quoted string, makes that string a name: next
// comes an address in brackets, perhaps behind a comment.
func leadsToAddress(s string) bool {
	s = strings.TrimLeftFunc(skipComment(s), isMargin)
	return strings.HasPrefix(s, "<") || isLink(s, "[")
}

// startsQuoted reports whether s begins with a quoted string.
func startsQuoted(s string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(s, isMargin))
	return isQuote(r)
}

// isLink reports whether s begins with the bracket and mailto:.
func isLink(s, bracket string) bool {
	s, ok := strings.CutPrefix(s, bracket)
	return ok && len(s) >= len("mailto:") && strings.ToLower(s[:len("mailto:")]) == "mailto:"
}

// linkEnd returns the length of the "<mailto:…>" that s begins with, or 0. Separators within are
// part of the link's subject or body.
func linkEnd(s string) int {
	if !isLink(s, "<") {
		return 0
	}
	if i := strings.IndexAny(s[1:], "<>"); i >= 0 && s[1+i] == '>' {
		return i + 2
	}
	return 0
}

// cutEnclosed cuts s around the first address in angle brackets or, if the segment has none of
// those, the first in brackets or parentheses that hold an "@" and no white space. A closing bracket
// may be missing at the end, as when a selection ended too early.
func cutEnclosed(s string, angle bool) (before, address, after string, ok bool) {
	if angle {
		open := 0
		if startsQuoted(s) {
			if end, closed := quoteEnd(s); closed && leadsToAddress(s[end:]) {
				open = end
			}
		}
		i := strings.IndexByte(s[open:], '<')
		if i < 0 {
			return "", "", "", false
		}
		open += i
		for open+1 < len(s) && s[open+1] == '<' {
			open++
		}
		before, address = s[:open], s[open+1:]
		if i := strings.IndexAny(address, "<>"); i >= 0 {
			address, after = address[:i], strings.TrimLeft(address[i:], ">")
		}
		return before, address, after, true
	}
	for from := 0; ; {
		i := strings.IndexAny(s[from:], "([")
		if i < 0 {
			return "", "", "", false
		}
		open := from + i
		from = open + 1
		// The innermost bracket counts, so that "((((…" does not take quadratic time.
		end := strings.IndexAny(s[from:], "()[]")
		if end < 0 {
			return "", "", "", false
		}
		inner := s[from : from+end]
		if c := s[from+end]; (c == ')' || c == ']') && strings.Contains(inner, "@") && !strings.ContainsFunc(inner, unicode.IsSpace) {
			return s[:open], inner, s[from+end+1:], true
		}
	}
}

// commentEnd returns the length of the comment that s begins with, or 0. A comment is short, in
// parentheses, and holds nothing that could be an address.
func commentEnd(s string) int {
	if !strings.HasPrefix(s, "(") {
		return 0
	}
	near := s[1:min(len(s), maxDisplay)]
	if i := strings.IndexAny(near, "()@<"); i >= 0 && near[i] == ')' {
		return 1 + i + 1
	}
	return 0
}

// skipComment skips the comment that s begins with, if it does.
func skipComment(s string) string {
	trimmed := strings.TrimLeftFunc(s, isMargin)
	return trimmed[commentEnd(trimmed):]
}

// dropComments replaces every "(…)" without an "@" by a space. A space and not nothing, because
// "jane(x)@x.io" must not become another address.
func dropComments(s string) string {
	if !strings.Contains(s, "(") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "(")
		comment, after, closed := strings.Cut(rest, ")")
		if !ok || !closed {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(before)
		if strings.Contains(comment, "@") {
			b.WriteString("(" + comment + ")")
		} else {
			b.WriteByte(' ')
		}
		s = after
	}
}

// skipLead skips what precedes a piece on its line: white space, list bullets, numbers, header
// labels.
func skipLead(s string) string {
	for {
		s = strings.TrimLeftFunc(s, isMargin)
		n := bulletLen(s)
		if n == 0 {
			n = labelLen(s)
		}
		if n == 0 {
			return s
		}
		s = s[n:]
	}
}

// bulletLen returns the length of the bullet or number s begins with, or 0. Those that could begin
// an address need white space behind them: -a@x.io and 1.a@x.io are addresses.
func bulletLen(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	switch r {
	case '•', '·', '‣', '◦', '▪', '▫', '●', '○', '■', '□', '►', '▶', '✓', '✔', '→', '\uf0b7':
		return n
	case '-', '*', '+', '#', '>', '–', '—':
		return spaceAfter(s, n)
	}
	digits := strings.TrimPrefix(s, "(")
	rest := strings.TrimLeft(digits, "0123456789")
	if d := len(digits) - len(rest); d > 0 && d <= 6 && rest != "" && (rest[0] == '.' || rest[0] == ')') {
		return spaceAfter(s, len(s)-len(rest)+1)
	}
	return 0
}

// spaceAfter returns n if s ends or has white space there, otherwise 0.
func spaceAfter(s string, n int) int {
	if r, _ := utf8.DecodeRuneInString(s[n:]); n == len(s) || unicode.IsSpace(r) {
		return n
	}
	return 0
}

// labelLen returns the length of the header label s begins with, such as "To:", or 0.
func labelLen(s string) int {
	i := strings.IndexByte(s[:min(len(s), 8)], ':')
	if i < 0 {
		return 0
	}
	switch strings.ToLower(s[:i]) {
	case "to", "cc", "bcc", "from", "e-mail", "email", "mail":
		return i + 1
	}
	return 0
}

// missingNames returns how many segments before s, a segment behind a comma, belong to the name in
// s: one for the "Jane <jane@x.io>" of "Doe, Jane <jane@x.io>", two for "PhD <jane@x.io>", none if
// there are no words before the address or they are in quotes. Never more: "bob, Doe, Jane <…>"
// must not lose bob.
func missingNames(s string) int {
	before, _, _, ok := cutEnclosed(s, strings.Contains(s, "<"))
	before = strings.TrimSpace(before)
	switch {
	case !ok, startsQuoted(before), strings.Contains(before, "@"), !strings.ContainsFunc(before, unicode.IsLetter):
		return 0
	case len(before) < 8 && isSuffix(before):
		return 2
	}
	return 1
}

// isNameLike reports whether s could be a family name and is no address with its "@" forgotten:
// letters and what stands between them, no dot before a small letter.
func isNameLike(s string) bool {
	if len(s) > maxDisplay {
		return false
	}
	dot, letter := false, false
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			if dot && !unicode.IsUpper(r) {
				return false
			}
			letter = true
		case unicode.IsSpace(r), unicode.IsMark(r), strings.ContainsRune(`.-'’"“”„‘«»()/&`, r):
		default:
			return false
		}
		dot = r == '.'
	}
	return letter
}

// isSuffix reports whether s follows a name behind a comma without being the given name.
func isSuffix(s string) bool {
	switch strings.ToLower(strings.ReplaceAll(s, ".", "")) {
	case "jr", "sr", "ii", "iii", "iv", "phd", "md", "mba", "esq", "inc", "ltd", "llc", "gmbh":
		return true
	}
	return false
}

// trimQuotes trims a name, joins its words by single spaces and takes off quotes that stand at both
// ends, with the backslashes that went with them.
func trimQuotes(s string) string {
	s = strings.TrimRight(strings.Join(strings.Fields(s), " "), " :-")
	for {
		open, n := utf8.DecodeRuneInString(s)
		closing, m := utf8.DecodeLastRuneInString(s)
		if n+m > len(s) || !isPair(open, closing) {
			return s
		}
		s = s[n : len(s)-m]
		if open == '"' {
			s = unescape(s)
		}
		s = strings.TrimSpace(s)
	}
}

// isPair reports whether the two runes quote what is between them.
func isPair(open, closing rune) bool {
	switch open {
	case '"', '\'', '`':
		return closing == open
	case '“':
		return closing == '”'
	case '‘':
		return closing == '’'
	case '«':
		return closing == '»'
	case '„':
		return closing == '“' || closing == '”'
	}
	return false
}

// unescape resolves the quoted pairs of RFC 5322 3.2.1.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
