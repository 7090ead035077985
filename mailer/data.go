package mailer

import (
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Data is what a template sees. Names are cleaned and cannot become a link; they may be empty.
type Data struct {
	Kind    string // "invitation"
	Locale  string // of the template, lower case: "en", "de-at"
	Product string // [Config.Product]; may be empty
	Support string // [Config.Support]; may be empty

	To    string // the address the mail goes to, as stored
	Name  string // of the person addressed, up to 100 code points
	Org   string // name of the organization, up to 100 code points
	Actor string // who caused the mail, up to 100 code points; empty: the system, or the person itself
	Role  string // "admin" or "member", where the kind has one

	Message Quote     // the inviter's words; empty: none
	Expires time.Time // when the link ends, UTC; zero: never
	Link    string    // empty for notices
	Subject string    // as rendered; empty while the text part is written
}

const (
	maxName    = 100 // code points of a name in a body; as long as a stored name may be (C9)
	maxSubject = 60  // code points of a name in a header (C9)
)

func newData(m orgusers.Mail) Data {
	return Data{
		Kind:    string(m.Kind),
		To:      m.To,
		Name:    label(m.ToName, maxName),
		Org:     label(m.OrgName, maxName),
		Actor:   label(m.ActorName, maxName),
		Role:    label(string(m.Role), maxName),
		Message: newQuote(m.Message),
		Expires: m.ExpiresAt.UTC(),
		Link:    m.Link,
	}
}

// forSubject cuts the names, so that a long one cannot push our words out of sight.
func (d Data) forSubject() Data {
	d.Name, d.Org, d.Actor = cut(d.Name, maxSubject), cut(d.Org, maxSubject), cut(d.Actor, maxSubject)
	return d
}

// Quote is a user's text, as cleaned lines. In a text template {{.Message}} writes it quoted; an
// HTML template ranges over the lines. Either way a template cannot show it as our words by
// forgetting a function call.
type Quote []string

func newQuote(s string) Quote {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s)
	var q Quote
	for line := range strings.SplitSeq(s, "\n") {
		line = clean(line)
		if line == "" && (len(q) == 0 || q[len(q)-1] == "") {
			continue // many empty lines would push our words out of sight
		}
		q = append(q, line)
	}
	if len(q) > 0 && q[len(q)-1] == "" {
		q = q[:len(q)-1]
	}
	return q
}

// String returns the lines, each behind "> ". They are wrapped at 70 code points, because where a
// mail program wraps a line itself, the rest of it would stand there without the mark.
func (q Quote) String() string {
	const width = 70
	var b strings.Builder
	emit := func(line string) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimRight("> "+line, " "))
	}
	for _, line := range q {
		rs := []rune(line)
		for len(rs) > width {
			at, next := width, width // within a word that is longer than a line
			for i := width; i > 0; i-- {
				if rs[i] == ' ' {
					at, next = i, i+1
					break
				}
			}
			emit(string(rs[:at]))
			rs = rs[next:]
		}
		emit(string(rs))
	}
	return b.String()
}
