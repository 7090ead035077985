package mailer

import (
	"errors"
	"net/mail"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// label makes a name fit for one line of a mail: at most n code points of clean text.
func label(s string, n int) string { return cut(clean(s), n) }

// clean returns s as valid UTF-8 on one line, with nothing in it that is invisible or that a mail
// program would turn into a link (S-195, S-196). Every kind of white space becomes a single space.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r): // with CR, LF, U+0085, U+2028, U+2029
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf): // with NUL, bidi overrides, zero-width characters
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return unlink(strings.Join(strings.Fields(s), " "))
}

// unlink exchanges the characters that hold an address together for ones that look the same, and
// only where they do: "evil.com", "tel:123", "\\host\share". A plain "Hello. You: there" stays as
// it is. So does the reader's view of a company that is called after its site, which is why the
// characters are not removed.
func unlink(s string) string {
	if !strings.ContainsAny(s, ".．｡:\\=") {
		return s
	}
	rs := []rune(s)
	at := func(i int) rune {
		if i < 0 || i >= len(rs) {
			return ' '
		}
		return rs[i]
	}
	for i, r := range rs {
		switch r {
		case '.', '．', '｡':
			if inWord(at(i-1)) && inWord(at(i+1)) {
				rs[i] = '․' // U+2024
			}
		case ':':
			if at(i+1) != ' ' {
				rs[i] = '∶' // U+2236
			}
		case '\\':
			rs[i] = '∖' // U+2216
		case '=':
			if i+1 == len(rs) || rs[i+1] == '?' {
				// "=?utf-8?q?…?=" in a header would be decoded by the reader's program, which would bring
				// back whatever was cleaned away. At the end, the "?" may be the template's.
				rs[i] = '＝' // U+FF1D
			}
		}
	}
	return string(rs)
}

func inWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.N) || r == '-' || r == '_'
}

// cut shortens s to n code points, the last of which then is an ellipsis.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	rs := []rune(s)
	if len(rs) <= n {
		return s
	}
	return strings.TrimRight(string(rs[:n-1]), " ") + "…"
}

// oneLine reports whether s can stand in a header as it is: valid UTF-8 without controls, line
// separators and invisible characters, and without an encoded word, which would be decoded to
// something that nobody has looked at.
func oneLine(s string) bool {
	return strings.ToValidUTF8(s, "") == s && !strings.Contains(s, "=?") &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
		})
}

// checkID keeps the id to what is safe in a Message-ID and in a boundary.
func checkID(id string) error {
	if id == "" || len(id) > 128 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return errors.New("mailer: the id of a mail has 1 to 128 ASCII letters, digits, hyphens and underscores")
	}
	return nil
}

// checkAddress returns a bare address with its domain in ASCII (A-labels). The error does not
// repeat the address.
func checkAddress(s string) (string, error) {
	bad := errors.New("mailer: the address of the recipient is not a plain e-mail address")
	if len(s) > 254 || !oneLine(s) {
		return "", bad
	}
	a, err := mail.ParseAddress("<" + s + ">")
	if err != nil || a.Name != "" || a.Address != s {
		return "", bad
	}
	at := strings.LastIndexByte(s, '@')
	domain, err := asciiDomain(s[at+1:])
	if err != nil {
		return "", bad
	}
	return s[:at+1] + domain, nil
}

func asciiDomain(d string) (string, error) {
	if isASCII(d) {
		return d, nil
	}
	return idna.Lookup.ToASCII(d)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// checkLink accepts an absolute http or https URL in plain ASCII, so that it reads the same in text,
// in HTML and in the reader's program. The error does not repeat the link, which is a secret (S-094).
func checkLink(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil {
		return errors.New("mailer: the link is not an absolute http or https URL without user info")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>\\^`{|}", r) }) {
		return errors.New("mailer: the link has characters that a URL must escape")
	}
	return nil
}
