package orgusers

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"unique"
)

// DeviceToken is what a browser shows to be known again: [SignIn.Device], made by [KnownDevice]. Printed it
// is "[redacted]", and where a value lies so deep that no method is asked, an address (S-129).
type DeviceToken struct{ secret unique.Handle[string] }

// KnownDevice is the token that a browser has kept; empty, or anything else: it is not known.
func KnownDevice(secret string) DeviceToken {
	if secret == "" {
		return DeviceToken{}
	}
	return DeviceToken{unique.Make(secret)}
}

func (t DeviceToken) text() string {
	if t == (DeviceToken{}) {
		return ""
	}
	return t.secret.Value()
}

// String returns "[redacted]".
func (DeviceToken) String() string { return redacted }

// Format prints "[redacted]" whatever the verb.
func (DeviceToken) Format(s fmt.State, _ rune) { formatRedacted(s) }

// MarshalText returns "[redacted]".
func (DeviceToken) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (DeviceToken) LogValue() slog.Value { return slog.StringValue(redacted) }

const deviceIDSize = 16

// newDevice makes the token by which a browser is known again to one account. It proves no identity:
// it only gives tries of its own, so that what others get wrong does not shut the person out (S-149).
func (k *keyring) newDevice(random io.Reader, u UserID) (string, error) {
	id := make([]byte, deviceIDSize, deviceIDSize+macSize)
	if _, err := io.ReadFull(random, id); err != nil {
		return "", fmt.Errorf("device token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(id, k.mac(purposeDevice, id, []byte(u))[:macSize]...)), nil
}

// knows reports whether the device was given to this account.
func (k *keyring) knows(t tries, u UserID) bool {
	return len(t.id) > 0 && k.verify(purposeDevice, t.mac, t.id, []byte(u))
}
