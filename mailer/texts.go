package mailer

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Config is what [NewTexts] needs. The zero value works: English mails that name no product.
type Config struct {
	// Product names the host's product, "Acme CMS". Empty: the mails name none.
	Product string
	// Support is whom a mail tells people to contact, put after the word "contact": "help@acme.example",
	// "the help desk (ext. 42)". Empty: the administrators of their organization.
	Support string
	// Locale chooses the language of a mail: a BCP 47 tag such as "de" or "pt-BR". It must be safe for
	// concurrent use. nil, an empty answer, and a language without this kind of mail: English.
	Locale func(orgusers.Mail) string
	// Override holds templates that replace or add to the shipped ones; see the package comment. It is
	// read by NewTexts only. nil: none.
	Override fs.FS
}

// Texts turns an [orgusers.Mail] into a [Message]. It never changes after [NewTexts] and is safe for
// concurrent use.
type Texts struct {
	config Config
	texts  map[string]text // by locale and kind: "de/invitation"
}

// NewTexts parses every template and tries each with sample data, so that no template fails for the
// first time on a mail. The error names the file.
func NewTexts(c Config) (*Texts, error) {
	if !oneLine(c.Product) || !oneLine(c.Support) {
		return nil, errors.New("mailer: Config.Product and Config.Support are one line of visible text each")
	}
	files, err := loadFiles(c.Override)
	if err != nil {
		return nil, err
	}
	texts, err := parseTexts(files)
	if err != nil {
		return nil, err
	}
	t := &Texts{config: c, texts: texts}
	for _, txt := range texts {
		if err := t.try(txt); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Render writes the mail. The same mail gives the same message, whenever it is rendered (S-219).
//
// It fails on a kind it does not know, an id or address that is none, a kind that needs a link
// without an absolute http or https one, and a host's template that fails. None of these is
// permanent in the sense of [orgusers.Mailer]: a newer version or mended settings may well send the
// mail. Errors hold neither link nor address. A link on a kind that is a notice is left out, because
// a notice that tells of an intruder must not fail to go out.
func (t *Texts) Render(m orgusers.Mail) (Message, error) {
	if err := checkID(string(m.ID)); err != nil {
		return Message{}, err
	}
	to, err := checkAddress(m.To)
	if err != nil {
		return Message{}, err
	}
	txt, ok := t.find(m)
	if !ok {
		return Message{}, fmt.Errorf("mailer: no text for mails of kind %q", m.Kind)
	}
	if !linked(m.Kind) {
		m.Link = ""
	} else if err := checkLink(m.Link); err != nil {
		return Message{}, err
	}
	msg, err := t.render(txt, newData(m))
	if err != nil {
		return Message{}, err
	}
	msg.ID, msg.To, msg.ToName = string(m.ID), to, label(m.ToName, maxSubject)
	return msg, nil
}

// find looks for the kind in the mail's locale, then in ever more general ones, then in English.
func (t *Texts) find(m orgusers.Mail) (text, bool) {
	if t.config.Locale != nil {
		for l := range locales(t.config.Locale(m)) {
			if txt, ok := t.texts[l+"/"+string(m.Kind)]; ok {
				return txt, true
			}
		}
	}
	txt, ok := t.texts[fallback+"/"+string(m.Kind)]
	return txt, ok
}

func (t *Texts) render(txt text, d Data) (Message, error) {
	d.Locale, d.Product, d.Support = txt.locale, t.config.Product, t.config.Support
	var subject, plain, page strings.Builder
	if err := txt.plain.ExecuteTemplate(&subject, "subject", d.forSubject()); err != nil {
		return Message{}, fmt.Errorf("mailer: %s.txt.tmpl: %w", txt.name(), err)
	}
	// Names are clean by now; this is for line breaks in the template itself.
	d.Subject = strings.Join(strings.Fields(subject.String()), " ")
	if d.Subject == "" || !oneLine(d.Subject) {
		return Message{}, fmt.Errorf("mailer: %s.txt.tmpl: the subject is empty or has invisible characters", txt.name())
	}
	if err := txt.plain.ExecuteTemplate(&plain, "body", d); err != nil {
		return Message{}, fmt.Errorf("mailer: %s.txt.tmpl: %w", txt.name(), err)
	}
	if err := txt.html.Execute(&page, d); err != nil {
		return Message{}, fmt.Errorf("mailer: %s.html.tmpl: %w", txt.name(), err)
	}
	return Message{Subject: d.Subject, Text: tidy(plain.String()), HTML: page.String()}, nil
}

// tidy trims line ends, leaves at most one empty line in a row, and ends the text in one line break:
// what conditions in a template leave behind is not seen.
func tidy(s string) string {
	var b strings.Builder
	empty := true // no empty line at the top
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			empty = true
			continue
		}
		if empty && b.Len() > 0 {
			b.WriteByte('\n')
		}
		empty = false
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// linked reports whether mails of the kind carry a link. Notices do not.
func linked(k orgusers.MailKind) bool {
	switch k {
	case orgusers.MailInvitation, orgusers.MailOwnershipOffer, orgusers.MailActivation,
		orgusers.MailPasswordReset, orgusers.MailMFAReset:
		return true
	}
	return false
}
