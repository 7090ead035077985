package orgusers

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a pasted list.
const (
	maxListText    = 4 << 20 // bytes
	maxListEntries = 100_000
	maxInput       = 256  // bytes of Recipient.Input
	maxDisplay     = 1024 // bytes of a display name; what is longer is none
)

// Recipient is one piece of a pasted list: an address, or something that should have been one.
type Recipient struct {
	Input   string  // as pasted, cut to 256 bytes with an ellipsis; may hold control characters
	Line    int     // where it stands, 1 is the first line
	Address Address // zero if the piece is no address
	Name    Name    // the display name, if there is one fit to be a [Name]
	Reason  Reason  // "" if fine; [ReasonDuplicate] if the address stands further up already
	Message string  // one sentence for a person, "" if fine
}

// ParseAddressList splits text as people paste it into the invitation form (R2.1) and reads every
// piece. There may be limit pieces, 100,000 if limit is 0 or less.
//
// Pieces are separated by commas, semicolons, tabs and line ends, bare addresses also by white
// space. A piece is a bare address, "Jane Doe <jane@x.io>", the same with the name in quotes, with a
// comment in parentheses or as "Doe, Jane" (in quotes or not), a mailto: link, or an address in
// parentheses or brackets behind a name. List bullets, numbers, quotes around an address and header
// labels such as "To:" are passed over. "Doe, Jane" becomes Jane Doe; of other names the last word is
// the family name. A name that is no acceptable [Name] is left empty, the address stays.
//
// What is not an address is never dropped silently: it is returned with a Reason, in its place. A
// piece with words beside a bare address is refused as a whole, because "john smith@x.io" may well
// have meant somebody else than smith@x.io.
//
// The only errors are those of the whole input, an *[Error] of Kind [ErrInvalid]: field "text" with
// [ReasonTooLong] above 4 MiB, which costs nothing (S-200), and field "emails" with [ReasonTooMany]
// above the limit (S-201). The time is linear in the length of the text.
func ParseAddressList(text string, limit int) ([]Recipient, error) {
	if len(text) > maxListText {
		return nil, invalid(FieldError{Field: "text", Reason: ReasonTooLong, Message: "is longer than 4 MiB"})
	}
	if limit <= 0 {
		limit = maxListEntries
	}
	p := listParser{limit: limit, seen: make(map[AddressKey]int)}
	for text != "" && !p.full {
		end := strings.IndexAny(text, "\r\n")
		if end < 0 {
			end = len(text)
		}
		p.number++
		p.readLine(text[:end])
		text = strings.TrimPrefix(text[end:], "\r")
		text = strings.TrimPrefix(text, "\n")
	}
	if p.full {
		return nil, invalid(FieldError{
			Field: "emails", Reason: ReasonTooMany,
			Message: fmt.Sprintf("has more than %d entries", limit),
		})
	}
	return p.out, nil
}

// listParser holds what the pieces of one list share.
type listParser struct {
	out   []Recipient
	seen  map[AddressKey]int // the line an address stands on first
	limit int
	full  bool // there was one piece more than the limit

	number int    // of the line being read
	line   string // the line being read
	// held are the last segments of the line that hold no address and may yet turn out to be the
	// "Doe" of "Doe, Jane <jane@x.io>". Two are enough for "Doe, Jane, PhD <jane@x.io>".
	held [2]span
	n    int // how many are held
}

// span is a part of the line.
type span struct{ start, end int }

// readLine splits one line at its separators. A separator within a quoted name, a comment or a
// mailto: link does not count. Quotes around anything that is no name, or that holds an "@", protect
// nothing, so that a stray quote cannot swallow part of the list.
func (p *listParser) readLine(line string) {
	p.line = line
	start, closing := 0, -1 // closing is the last byte of the last quoted string
	for i := 0; i < len(line) && !p.full; {
		r, size := utf8.DecodeRuneInString(line[i:])
		switch {
		case isQuote(r) && i > closing:
			end, closed := quoteEnd(line[i:])
			if closed && leadsToAddress(line[i+end:]) && !strings.Contains(line[i:i+end], "@") {
				i += end
				continue
			}
			// Quotes up to here have been looked at; to look again would take quadratic time.
			closing = i + end - 1
		case r == '<':
			if end := linkEnd(line[i:]); end > 0 {
				i += end
				continue
			}
		case r == '(':
			if end := commentEnd(line[i:]); end > 0 {
				i += end
				continue
			}
		case isComma(r):
			p.segment(start, i)
			start = i + size
		case isBreak(r):
			p.segment(start, i)
			p.release()
			start = i + size
		}
		i += size
	}
	p.segment(start, len(line))
	p.release()
}

// segment reads what stands between two separators.
func (p *listParser) segment(start, end int) {
	s := skipLead(p.line[start:end])
	switch {
	case isDecoration(s):
	case strings.ContainsAny(s, "@<"):
		if n := min(p.n, missingNames(s)); n > 0 {
			p.n -= n
			start = p.held[p.n].start
		}
		p.release()
		if rest := p.addresses(p.line[start:end]); rest != "" {
			// "Jane <j@x.io> Roe, Rick <r@x.io>": what is behind an address belongs to the next.
			p.hold(span{end - len(rest), end})
		}
	default:
		p.hold(span{start, end})
	}
}

// hold keeps a segment without an address until it is known whether it belongs to the next one.
func (p *listParser) hold(h span) {
	if p.n == len(p.held) {
		p.refuse(p.held[0])
		p.held[0] = p.held[1]
		p.n--
	}
	p.held[p.n] = h
	p.n++
	if !isNameLike(skipLead(p.line[h.start:h.end])) {
		p.release()
	}
}

// release gives up on the held segments: no address followed that they could be the name of.
func (p *listParser) release() {
	for _, h := range p.held[:p.n] {
		p.refuse(h)
	}
	p.n = 0
}

func (p *listParser) refuse(h span) {
	p.add(Recipient{
		Input: p.line[h.start:h.end], Reason: ReasonSyntax, Message: "is not an e-mail address",
	})
}

// addresses reads a segment that holds an "@" or a "<": any number of enclosed addresses, each with
// what stands before it, then bare addresses. It returns a rest that holds neither.
func (p *listParser) addresses(s string) (rest string) {
	angle := strings.Contains(s, "<")
	for {
		s = skipLead(s)
		before, address, after, ok := cutEnclosed(s, angle)
		if !ok {
			break
		}
		p.named(before, address, s[:len(s)-len(after)])
		s = skipComment(after)
	}
	if !strings.Contains(s, "@") {
		if isDecoration(s) {
			return ""
		}
		return s
	}
	p.bare(s)
	return ""
}

// named adds an enclosed address with the name before it. Addresses at the head of the name count:
// "a@x.io <b@x.io>" is two, and "a@x.io <a@x.io>", as programs write it for want of a name, is one.
func (p *listParser) named(before, address, input string) {
	a, bad := parsePiece(address)
	for !startsQuoted(before) {
		before = skipLead(before)
		end := strings.IndexFunc(before, unicode.IsSpace)
		if end < 0 {
			end = len(before)
		}
		word := before[:end]
		if at := strings.IndexByte(word, '@'); at <= 0 || at == len(word)-1 {
			break
		}
		if b, err := parsePiece(word); err != nil || b.Key != a.Key {
			p.address(word, b, Name{}, err)
		}
		input = input[strings.Index(input, word)+len(word):]
		before = before[end:]
	}
	p.address(input, a, displayName(before), bad)
}

// bare adds the addresses of a segment without brackets, which white space separates.
func (p *listParser) bare(s string) {
	words := dropComments(s)
	for word := range strings.FieldsFuncSeq(words, unicode.IsSpace) {
		if !strings.Contains(word, "@") && !isDecoration(word) {
			p.add(Recipient{
				Input: s, Reason: ReasonSyntax,
				Message: "has words beside the address; put the address between < and >",
			})
			return
		}
	}
	for word := range strings.FieldsFuncSeq(words, unicode.IsSpace) {
		if p.full {
			return
		}
		if strings.Contains(word, "@") {
			a, bad := parsePiece(word)
			p.address(word, a, Name{}, bad)
		}
	}
}

// address adds a piece that was read as an address.
func (p *listParser) address(input string, a Address, n Name, bad *FieldError) {
	r := Recipient{Input: input, Address: a, Name: n}
	if bad != nil {
		r = Recipient{Input: input, Reason: bad.Reason, Message: bad.Message}
	} else if first, dup := p.seen[a.Key]; dup {
		r.Reason, r.Message = ReasonDuplicate, fmt.Sprintf("is on line %d already", first)
	} else if !p.full {
		p.seen[a.Key] = p.number
	}
	p.add(r)
}

func (p *listParser) add(r Recipient) {
	if len(p.out) == p.limit {
		p.full = true
		return
	}
	// The list outlives the text, which may be megabytes, so the input gets memory of its own.
	r.Input = strings.Clone(cutRunes(strings.TrimFunc(r.Input, isMargin), maxInput))
	r.Line = p.number
	p.out = append(p.out, r)
}

// parsePiece reads an address with the trimmings of pasted text: quotes, brackets and full stops
// around it, and mailto:. What is no address at all has ReasonSyntax, not ReasonRequired.
func parsePiece(s string) (Address, *FieldError) {
	s = trimAddress(s)
	if isLink(s, "") {
		s, _, _ = strings.Cut(s[len("mailto:"):], "?")
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
	}
	if !strings.Contains(s, "@") {
		return Address{}, &FieldError{Field: "email", Reason: ReasonSyntax, Message: "is not an e-mail address"}
	}
	return parseAddressField("email", s)
}

// trimAddress takes off what surrounds an address in a text. An apostrophe or a backquote may begin
// an address, so they go in pairs only.
func trimAddress(s string) string {
	s = strings.TrimFunc(s, isMargin)
	s = strings.TrimLeft(s, "<([\"“”„«»‘’‚")
	s = strings.TrimRight(s, ">)]\"“”„«»‘’‚.:")
	for len(s) > 1 && (s[0] == '\'' || s[0] == '`') && s[len(s)-1] == s[0] {
		s = s[1 : len(s)-1]
	}
	return strings.TrimFunc(s, isMargin)
}

// displayName makes a Name of what stands before an address; the zero Name if it will not do.
func displayName(s string) Name {
	if len(s) > maxDisplay {
		return Name{}
	}
	s = trimQuotes(dropComments(s))
	// An address is no name, and neither is a header's encoded word.
	if strings.Contains(s, "@") || strings.Contains(s, "=?") || !strings.ContainsFunc(s, unicode.IsLetter) {
		return Name{}
	}
	var n Name
	parts := strings.FieldsFunc(s, isComma)
	for i := range parts {
		parts[i] = trimQuotes(parts[i])
	}
	if len(parts) > 1 && parts[1] != "" && (len(parts) > 2 || !isSuffix(parts[1])) {
		n = Name{First: parts[1], Last: parts[0]}
	} else if words := strings.Fields(parts[0]); len(words) > 1 {
		last := len(words) - 1
		n = Name{First: strings.Join(words[:last], " "), Last: words[last]}
	} else {
		n.First = parts[0]
	}
	first, bad := cleanName("name", n.First, false)
	last, bad2 := cleanName("name", n.Last, false)
	if bad != nil || bad2 != nil {
		return Name{}
	}
	return Name{First: first, Last: last}
}
