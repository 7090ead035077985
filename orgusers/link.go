package orgusers

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// LinkPurpose says what a mailed link is for. A link works for its own purpose only (S-010).
type LinkPurpose uint8

const (
	LinkInvitation    LinkPurpose = iota + 1 // joins an organization
	LinkOwnership                            // takes over an organization
	LinkPasswordReset                        // sets a new password, or the first one
	LinkMFAReset                             // drops the second factor
)

// String returns "invitation", "ownership", "password_reset" or "mfa_reset".
func (p LinkPurpose) String() string {
	switch p {
	case LinkInvitation:
		return "invitation"
	case LinkOwnership:
		return "ownership"
	case LinkPasswordReset:
		return "password_reset"
	case LinkMFAReset:
		return "mfa_reset"
	}
	return fmt.Sprintf("LinkPurpose(%d)", uint8(p))
}

func (p LinkPurpose) valid() bool         { return p >= LinkInvitation && p <= LinkMFAReset }
func (p LinkPurpose) keyPurpose() purpose { return purposeLink + purpose(p) }

// link is what a mailed link says. The link's secret is derived from it and stored nowhere: rows
// only hold which operation issued the current link, and when it expires. So a copy of the database
// holds no usable link, an identifier alone opens nothing (S-003), and a newer operation makes every
// older link void by itself (S-014).
type link struct {
	Purpose   LinkPurpose
	Org       OrgID       // empty: the link is about an account
	Subject   string      // a MemberID or UserID, as the purpose wants
	Operation OperationID // the call that had it mailed
}

// A link's token is unpadded base64url of
//
//	purpose 1 byte ‖ organization 16 ‖ subject 16 ‖ operation 16 ‖ MAC 16
//
// with zeros for no organization. The length is fixed, so nothing can be cut off or added (S-011).
const (
	linkBodySize  = 1 + 3*16
	linkSize      = linkBodySize + macSize
	linkTokenSize = (linkSize*8 + 5) / 6 // 87 characters
)

// linkToken returns the secret part of the mailed URL, 87 characters of base64url. It errs only if
// the purpose is none of ours or an id is not a UUID in canonical text.
func (k *keyring) linkToken(l link) (string, error) {
	if !l.Purpose.valid() {
		return "", fmt.Errorf("link: no such purpose: %s", l.Purpose)
	}
	token := make([]byte, 1, linkSize)
	token[0] = byte(l.Purpose)
	for _, id := range []string{string(l.Org), l.Subject, string(l.Operation)} {
		var u uuid.UUID
		if id != "" || len(token) > 1 { // only the organization, which comes first, may be missing
			var err error
			if u, err = canonicalUUID(id); err != nil {
				return "", fmt.Errorf("%s link: %w", l.Purpose, err)
			}
		}
		token = append(token, u[:]...)
	}
	token = append(token, k.mac(l.Purpose.keyPurpose(), token)[:macSize]...)
	return base64.RawURLEncoding.EncodeToString(token), nil
}

// parseLink returns what a token says if one of the keys made it for this purpose. Nothing in it is
// looked at before its MAC is found right (S-005), and nothing is read from the store, so that a
// guess costs its sender more than us (S-091).
func (k *keyring) parseLink(want LinkPurpose, token string) (link, bool) {
	if !want.valid() || len(token) != linkTokenSize {
		return link{}, false
	}
	b, ok := decodeBase64URL(token) // linkSize bytes, since the text has one length for each
	if !ok {
		return link{}, false
	}
	body, mac := b[:linkBodySize], b[linkBodySize:]
	if !k.verify(want.keyPurpose(), mac, body) || LinkPurpose(body[0]) != want {
		return link{}, false
	}
	l := link{Purpose: want}
	if org := uuid.UUID(body[1:17]); org != uuid.Nil {
		l.Org = OrgID(org.String())
	}
	l.Subject = uuid.UUID(body[17:33]).String()
	l.Operation = OperationID(uuid.UUID(body[33:49]).String())
	return l, true
}

// canonicalUUID parses the one spelling we write: lower case, with dashes, without decoration. The
// zero UUID is nobody's.
func canonicalUUID(id string) (uuid.UUID, error) {
	u, err := uuid.Parse(id)
	if err != nil || u.String() != id || u == uuid.Nil {
		return uuid.Nil, errors.New("an id is not a UUID in canonical text")
	}
	return u, nil
}

// decodeBase64URL accepts the one spelling of each value that the encoder writes: no padding, no
// line breaks (which the decoder would skip), no stray bits in the last character.
func decodeBase64URL(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil && base64.RawURLEncoding.EncodedLen(len(b)) == len(s)
}
