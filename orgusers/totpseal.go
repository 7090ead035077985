package orgusers

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// totpSealVersion begins every sealed secret, so that another form can come later.
const totpSealVersion = "v1."

// sealTOTP encrypts a second factor's secret for [MFA.Secret] by AES-256-GCM under the first key. A
// copy of the database then gives no codes. The account's id is authenticated with it: a secret moved
// to another account's row does not open there.
func (k *keyring) sealTOTP(rand io.Reader, user UserID, secret TOTPSecret) (string, error) {
	return k.sealBox(rand, purposeTOTP, secret, totpContext(user))
}

// openTOTP returns the secret that was sealed for this account under any of the keys. stale says that
// it was not the first key: seal it again with the next write, so that the old key can go.
func (k *keyring) openTOTP(user UserID, sealed string) (secret TOTPSecret, stale, ok bool) {
	return k.openBox(purposeTOTP, sealed, totpContext(user))
}

// sealBox encrypts text under the first key; context says what it is, and whose.
func (k *keyring) sealBox(rand io.Reader, p purpose, text, context []byte) (string, error) {
	gcm, err := newGCM(k.subs[p][0])
	if err != nil {
		return "", err
	}
	nonce := make([]byte, gcm.NonceSize(), gcm.NonceSize()+len(text)+gcm.Overhead())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return "", fmt.Errorf("seal: random nonce: %w", err)
	}
	return totpSealVersion + base64.RawURLEncoding.EncodeToString(gcm.Seal(nonce, nonce, text, context)), nil
}

// openBox returns what was sealed under any of the keys with this context, and whether that was not
// the first.
func (k *keyring) openBox(p purpose, sealed string, context []byte) (text []byte, stale, ok bool) {
	box64, found := strings.CutPrefix(sealed, totpSealVersion)
	b, strict := decodeBase64URL(box64)
	if !found || !strict {
		return nil, false, false
	}
	for i, sub := range k.subs[p] {
		gcm, err := newGCM(sub)
		if err != nil || len(b) < gcm.NonceSize() {
			return nil, false, false
		}
		nonce, box := b[:gcm.NonceSize()], b[gcm.NonceSize():]
		if plain, err := gcm.Open(nil, nonce, box, context); err == nil {
			return plain, i > 0, true
		}
	}
	return nil, false, false
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// totpContext is the additional data of the seal: what the secret is, and whose.
func totpContext(user UserID) []byte { return []byte("totp\x00" + string(user)) }
