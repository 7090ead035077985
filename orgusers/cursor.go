package orgusers

import "encoding/base64"

// maxCursor is the longest cursor accepted, in characters, so that decoding one stays cheap. The
// longest payload that fits is maxCursorPayload bytes; a sort key (an address or a name) and an id
// need under 700.
const (
	maxCursor        = 2048
	maxCursorPayload = maxCursor*6/8 - macSize
)

// sealCursor makes the text that stands for a place in a list: base64url of payload ‖ MAC. bind is
// everything the list was asked for (organization, filter, sort), so that a cursor of one list
// cannot be used in another, least of all another organization's (S-168).
//
// The payload can be read by whoever gets the cursor: it holds only what the page showed. A payload
// over maxCursorPayload bytes gives a cursor that openCursor refuses, never the empty one, which
// would mean the first page and have the reader go round for ever.
func (k *keyring) sealCursor(bind string, payload []byte) string {
	sealed := make([]byte, 0, len(payload)+macSize)
	sealed = append(sealed, payload...)
	sealed = append(sealed, k.mac(purposeCursor, []byte(bind), payload)[:macSize]...)
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// openCursor returns the payload of a cursor that one of the keys made for this list. The payload is
// ours, yet is still to be parsed into types: it may come from an older version.
func (k *keyring) openCursor(bind, s string) ([]byte, bool) {
	if len(s) > maxCursor {
		return nil, false
	}
	b, ok := decodeBase64URL(s)
	if !ok || len(b) < macSize {
		return nil, false
	}
	payload, mac := b[:len(b)-macSize], b[len(b)-macSize:]
	if !k.verify(purposeCursor, mac, []byte(bind), payload) {
		return nil, false
	}
	return payload, true
}
