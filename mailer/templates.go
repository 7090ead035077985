package mailer

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"iter"
	"maps"
	"path"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

//go:embed templates
var shipped embed.FS

const (
	fallback   = "en" // the locale that has every kind
	layoutFile = "layout.html.tmpl"
)

// text is one kind of mail in one locale.
type text struct {
	locale string
	kind   orgusers.MailKind
	plain  *texttemplate.Template // with the templates "subject" and "body"
	html   *htmltemplate.Template // the layout, with the template "body"
}

// name returns what both its files are called, short of their endings.
func (t text) name() string { return t.locale + "/" + string(t.kind) }

// kinds returns every kind a mail can have.
func kinds() []orgusers.MailKind {
	return []orgusers.MailKind{
		orgusers.MailInvitation, orgusers.MailOwnershipOffer, orgusers.MailOwnershipTaken, orgusers.MailActivation,
		orgusers.MailPasswordReset, orgusers.MailPasswordChanged, orgusers.MailMFAReset, orgusers.MailMFARemoved,
		orgusers.MailMFAEnrolled, orgusers.MailRecoveryCodeUsed, orgusers.MailRecoveryCodesNew, orgusers.MailSignInLocked,
	}
}

// loadFiles returns the content of all templates by name, "de/invitation.txt.tmpl", the host's ones
// in place of ours.
func loadFiles(override fs.FS) (map[string]string, error) {
	own, err := fs.Sub(shipped, "templates")
	if err != nil {
		return nil, err
	}
	files, err := readFiles(own)
	if err != nil || override == nil {
		return files, err
	}
	theirs, err := readFiles(override)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, theirs)
	return files, nil
}

// readFiles reads every template of a file system. A template it has no use for is an error, because
// it is most likely a misspelt name, and the host would wonder why nothing changes.
func readFiles(fsys fs.FS) (map[string]string, error) {
	files := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("mailer: %w", err)
		}
		if d.IsDir() || !strings.HasSuffix(name, ".tmpl") {
			return nil
		}
		key, ok := fileKey(name)
		if !ok {
			return fmt.Errorf("mailer: %s: not the name of a template: want %s, or a locale and a kind as in de/%s.txt.tmpl", name, layoutFile, orgusers.MailInvitation)
		}
		if _, ok := files[key]; ok {
			return fmt.Errorf("mailer: %s: the same locale is there twice", name)
		}
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("mailer: %w", err)
		}
		files[key] = string(content)
		return nil
	})
	return files, err
}

// fileKey returns the name with its locale in the form of [locales].
func fileKey(name string) (string, bool) {
	if name == layoutFile {
		return name, true
	}
	dir, base := path.Split(name)
	locale := normal(strings.TrimSuffix(dir, "/"))
	if locale == "" {
		return "", false
	}
	stem, ok := strings.CutSuffix(base, ".txt.tmpl")
	if !ok {
		stem, ok = strings.CutSuffix(base, ".html.tmpl")
	}
	known := stem == "common"
	for _, k := range kinds() {
		known = known || stem == string(k)
	}
	return locale + "/" + base, ok && known
}

// parseTexts parses every kind in every locale there is a file for. Parts of one mail are never
// taken from two languages, so a kind has both its files or none.
func parseTexts(files map[string]string) (map[string]text, error) {
	texts := map[string]text{}
	for name := range files {
		locale, base := path.Split(name)
		stem, _, _ := strings.Cut(base, ".")
		locale = strings.TrimSuffix(locale, "/")
		if locale == "" || stem == "common" || texts[locale+"/"+stem].plain != nil {
			continue
		}
		t, err := parseText(files, locale, orgusers.MailKind(stem))
		if err != nil {
			return nil, err
		}
		texts[locale+"/"+stem] = t
	}
	return texts, nil
}

func parseText(files map[string]string, locale string, kind orgusers.MailKind) (text, error) {
	stem := locale + "/" + string(kind)
	plain, ok := files[stem+".txt.tmpl"]
	if !ok {
		return text{}, fmt.Errorf("mailer: %s.txt.tmpl is missing beside %[1]s.html.tmpl", stem)
	}
	page, ok := files[stem+".html.tmpl"]
	if !ok {
		return text{}, fmt.Errorf("mailer: %s.html.tmpl is missing beside %[1]s.txt.tmpl", stem)
	}

	t := text{locale: locale, kind: kind, plain: texttemplate.New(""), html: htmltemplate.New(layoutFile)}
	if _, err := t.html.Parse(files[layoutFile]); err != nil {
		return text{}, fmt.Errorf("mailer: %s: %w", layoutFile, err)
	}
	if name, common := nearest(files, locale, "common.txt.tmpl"); name != "" {
		if _, err := t.plain.New("common").Parse(common); err != nil {
			return text{}, fmt.Errorf("mailer: %s: %w", name, err)
		}
	}
	if name, common := nearest(files, locale, "common.html.tmpl"); name != "" {
		if _, err := t.html.New("common").Parse(common); err != nil {
			return text{}, fmt.Errorf("mailer: %s: %w", name, err)
		}
	}
	if _, err := t.plain.New("body").Parse(plain); err != nil {
		return text{}, fmt.Errorf("mailer: %s.txt.tmpl: %w", stem, err)
	}
	if t.plain.Lookup("subject") == nil {
		return text{}, fmt.Errorf(`mailer: %s.txt.tmpl has no {{define "subject"}}`, stem)
	}
	if _, err := t.html.New("body").Parse(page); err != nil {
		return text{}, fmt.Errorf("mailer: %s.html.tmpl: %w", stem, err)
	}
	return t, nil
}

// nearest finds a file in the locale or in a more general one.
func nearest(files map[string]string, locale, base string) (name, content string) {
	for l := range locales(locale) {
		if content, ok := files[l+"/"+base]; ok {
			return l + "/" + base, content
		}
	}
	return "", ""
}

// try renders a text with everything and with next to nothing filled in. A mail whose link is not
// shown in both parts helps nobody, so that is found here too.
func (t *Texts) try(txt text) error {
	link := ""
	if linked(txt.kind) {
		link = "https://example.com/try"
	}
	least := Data{Kind: string(txt.kind), To: "to@example.com", Link: link}
	most := least
	most.Name, most.Org, most.Actor, most.Role = "Name", "Org", "Actor", string(orgusers.RoleAdmin)
	most.Message, most.Expires = Quote{"one", "", "two"}, time.Unix(0, 0).UTC()
	for _, d := range []Data{least, most} {
		m, err := t.render(txt, d)
		if err != nil {
			return err
		}
		if !strings.Contains(m.Text, link) || !strings.Contains(m.HTML, link) {
			return fmt.Errorf("mailer: %s: a part of the mail does not show .Link", txt.name())
		}
	}
	return nil
}

// locales yields the locale in lower case with hyphens, and then what it is a case of: "zh-hant-tw",
// "zh-hant", "zh". Nothing, if it is no locale.
func locales(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for l := normal(s); l != "" && yield(l); {
			l = l[:max(strings.LastIndexByte(l, '-'), 0)]
		}
	}
}

// normal returns a locale in lower case with hyphens, or "" if it is none.
func normal(s string) string {
	if len(s) > 35 { // the longest a tag needs to be (RFC 5646, 4.4.1)
		return ""
	}
	s = strings.ToLower(strings.ReplaceAll(s, "_", "-"))
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return ""
	}
	return s
}
