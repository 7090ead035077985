// Package seal closes mails for their way through a queue. The link in a mail is a secret: whoever has
// it joins the organization, or sets the password. orgusers itself never stores it, but derives it from
// a key outside the database at the moment of sending. A queue keeps what it is given, in its tables,
// its files and its backups, often for days after the work is done; so what it is given is closed.
package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Box closes and opens mails. The key is 32 random bytes of its own, kept where orgusers' keys are.
type Box struct{ aead cipher.AEAD }

// New returns the box with this key.
func New(key []byte) (Box, error) {
	if len(key) != 32 {
		return Box{}, errors.New("seal: the key must have 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Box{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return Box{aead}, err
}

// Close returns the mail closed. It can be opened only together with its id, which is no secret.
func (b Box) Close(m orgusers.Mail) ([]byte, error) {
	plain, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return b.aead.Seal(nil, nil, plain, []byte(m.ID)), nil
}

// Deliver opens a mail and sends it. Its error may be kept by the queue: it has lost the link, should
// the mailer have put it there. What cannot be opened is ErrPermanent.
func (b Box) Deliver(ctx context.Context, to orgusers.Mailer, id string, closed []byte) error {
	plain, err := b.aead.Open(nil, nil, closed, []byte(id))
	if err != nil {
		return fmt.Errorf("%w: mail %s cannot be opened with this key", orgusers.ErrPermanent, id)
	}
	var m orgusers.Mail
	if err := json.Unmarshal(plain, &m); err != nil {
		return fmt.Errorf("%w: mail %s cannot be read", orgusers.ErrPermanent, id)
	}
	if err := to.Send(ctx, m); err != nil {
		return quiet{err, m.Link}
	}
	return nil
}

// quiet is an error without the link's secret.
type quiet struct {
	err  error
	link string
}

func (q quiet) Error() string {
	u, err := url.Parse(q.link)
	if err != nil || u.Query().Get("token") == "" {
		return q.err.Error()
	}
	return strings.ReplaceAll(q.err.Error(), u.Query().Get("token"), "***")
}

func (q quiet) Is(target error) bool { return errors.Is(q.err, target) }
