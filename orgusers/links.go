package orgusers

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Links says where the host's pages are that mailed links open. They come from the configuration
// alone, never from a request, so that nobody can have a link mailed that leads elsewhere (S-093,
// S-032).
//
// Each is an absolute https URL of up to 1000 ASCII characters without user info and fragment; a
// path, a port and a query (without "token") may be there. http is accepted for localhost, 127.0.0.1
// and [::1] only. A page finds the token in the query value "token". It should send
// "Referrer-Policy: no-referrer", and act on a POST only, because mail scanners open links (S-033).
type Links struct {
	// Base is where the four below are unless given, such as "https://app.example.com/users".
	// Needed unless all four are given.
	Base string

	Invitation    string // accepts an invitation; default: Base + "/invitation"
	Ownership     string // accepts an ownership; default: Base + "/ownership"
	PasswordReset string // sets a password; default: Base + "/password"
	MFAReset      string // confirms an MFA reset; default: Base + "/mfa"
}

const (
	maxLinkURL = 1000 // bytes; with the token still short enough for every browser and mail program
	tokenParam = "token"
)

// page returns the configured URL of a purpose, if there is one, and its place under Base.
func (l Links) page(p LinkPurpose) (configured, path string) {
	switch p {
	case LinkInvitation:
		return l.Invitation, "invitation"
	case LinkOwnership:
		return l.Ownership, "ownership"
	case LinkPasswordReset:
		return l.PasswordReset, "password"
	case LinkMFAReset:
		return l.MFAReset, "mfa"
	}
	return "", ""
}

// validate names every bad URL as "links.base", "links.invitation", "links.ownership",
// "links.password_reset" or "links.mfa_reset".
func (l Links) validate() []FieldError {
	var bad []FieldError
	check := func(field, raw string) {
		if reason, message := checkPageURL(raw); reason != "" {
			bad = append(bad, FieldError{"links." + field, reason, message})
		}
	}
	needBase := l.Base != ""
	for p := LinkInvitation; p.valid(); p++ {
		if configured, _ := l.page(p); configured == "" {
			needBase = true
		}
	}
	if needBase {
		check("base", l.Base)
	}
	for p := LinkInvitation; p.valid(); p++ {
		if configured, _ := l.page(p); configured != "" {
			check(p.String(), configured)
		}
	}
	return bad
}

// url returns the address to mail: the page of the purpose with the token as its only value "token"
// (S-199). It returns "" for a purpose or a page that validate would have refused.
func (l Links) url(p LinkPurpose, token string) string {
	configured, path := l.page(p)
	raw := configured
	if raw == "" {
		raw = l.Base
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || !p.valid() {
		return ""
	}
	if configured == "" {
		u = u.JoinPath(path)
	}
	// The page's own query stays as it was written: decoding and encoding again would reorder it.
	query := strings.TrimSuffix(u.RawQuery, "&")
	if query != "" {
		query += "&"
	}
	u.RawQuery = query + tokenParam + "=" + url.QueryEscape(token)
	return u.String()
}

// checkPageURL returns why raw cannot be a page that mailed links open, or "".
func checkPageURL(raw string) (Reason, string) {
	switch {
	case raw == "":
		return ReasonRequired, "needs the absolute https URL under which the pages of mailed links are"
	case len(raw) > maxLinkURL:
		return ReasonTooLong, fmt.Sprintf("is longer than %d bytes", maxLinkURL)
	case strings.ContainsFunc(raw, notURLCharacter):
		return ReasonCharacter, "has a character that a URL cannot have; write international host names as xn-- and escape the rest"
	case strings.Contains(raw, "#"):
		return ReasonSyntax, "cannot have a fragment (#)"
	}
	u, err := url.Parse(raw)
	if err != nil || !validHost(u) {
		return ReasonSyntax, "is not an absolute URL"
	}
	if u.User != nil {
		return ReasonSyntax, "cannot have user info (@)"
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !localHost(u.Hostname())) {
		return ReasonSyntax, "must begin with https:// (http:// is for localhost only)"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return ReasonSyntax, "has a query that is not well formed"
	}
	if query.Has(tokenParam) {
		return ReasonDuplicate, "has the query value token, which is where the link's token goes"
	}
	return "", ""
}

// notURLCharacter is true for what RFC 3986 allows nowhere, besides control characters and all
// outside ASCII. The backslash is among them: browsers read it as a slash (S-032).
func notURLCharacter(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r)
}

// validHost wants a host name or address and, if there is a colon, a port of 1 to 65535 after it.
// net/url alone accepts "https://:80", "https://a:" and names made of punctuation.
func validHost(u *url.URL) bool {
	host, port := u.Hostname(), u.Port()
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(host)
		if err != nil || addr.Zone() != "" {
			return false
		}
		host = "[" + host + "]"
	} else if host == "" || strings.Trim(host, ".-") != host || strings.ContainsFunc(host, notHostCharacter) {
		return false
	}
	if port == "" {
		return u.Host == host
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func notHostCharacter(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
		return false
	}
	return true
}

func localHost(name string) bool {
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}
