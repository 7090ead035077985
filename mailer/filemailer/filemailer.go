// Package filemailer writes mails into a folder instead of sending them, one .eml file each, which
// any mail program opens.
//
// It is for development only. The files hold links that set passwords or make people owners, in the
// clear and for as long as nobody deletes them: whoever reads the folder has those accounts. New
// makes the folder and Send the files for the current user alone, and that is all the protection
// there is.
package filemailer

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/mailer"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Mailer is an [orgusers.Mailer] that writes files. It is safe for concurrent use, also by several
// processes on one folder.
type Mailer struct {
	dir   string
	from  string
	texts *mailer.Texts
}

var _ orgusers.Mailer = (*Mailer)(nil)

// New returns a mailer that writes into dir, which it makes with mode 0700 if it is not there; the
// mode of an existing one is left alone. The sender is an address with or without a name,
// "Acme <no-reply@acme.example>".
func New(dir string, from string, texts *mailer.Texts) (*Mailer, error) {
	if dir == "" || texts == nil {
		return nil, errors.New("filemailer: New needs a folder and texts")
	}
	// The sender is tried here and not on the first mail.
	if _, err := (mailer.Message{ID: "try", To: "to@example.com"}).EML(from, time.Now()); err != nil {
		return nil, fmt.Errorf("filemailer: %w", err)
	}
	dir, err := filepath.Abs(dir) // so that a later change of the working directory does not matter
	if err != nil {
		return nil, fmt.Errorf("filemailer: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("filemailer: %w", err)
	}
	return &Mailer{dir: dir, from: from, texts: texts}, nil
}

// Send writes the mail to <id>.eml, mode 0600. A reader sees the whole file or none. The same mail
// again writes the same bytes again: the date stays that of the first time (S-219).
func (w *Mailer) Send(ctx context.Context, m orgusers.Mail) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name, err := fileName(m.ID)
	if err != nil {
		return err
	}
	msg, err := w.texts.Render(m)
	if err != nil {
		return err
	}
	path := filepath.Join(w.dir, name)
	eml, err := msg.EML(w.from, dateOf(path, time.Now()))
	if err != nil {
		return err
	}
	if err := write(w.dir, path, eml); err != nil {
		return fmt.Errorf("filemailer: %w", err)
	}
	return nil
}

// fileName keeps an id from naming anything but a file of its own in the folder: no separators, no
// dots, and no capitals, which some file systems take for small letters.
func fileName(id orgusers.EffectID) (string, error) {
	name := string(id) + ".eml"
	if id == "" || len(id) > 128 || strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" || !filepath.IsLocal(name) {
		return "", errors.New("filemailer: the id of a mail has 1 to 128 small ASCII letters, digits, hyphens and underscores")
	}
	return name, nil
}

// dateOf returns the date of a mail that was written before, or now.
func dateOf(path string, now time.Time) time.Time {
	f, err := os.Open(path)
	if err != nil {
		return now
	}
	defer f.Close()
	m, err := mail.ReadMessage(f)
	if err != nil {
		return now
	}
	at, err := m.Header.Date()
	if err != nil {
		return now
	}
	return at
}

// write puts the file there in one step: no reader finds half of it, and a link of that name is
// replaced, not followed.
func write(dir, path string, data []byte) (err error) {
	f, err := os.CreateTemp(dir, ".mail-*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
