package orgusers

import (
	"encoding/base64"
	"fmt"
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

// device returns the token by which browsers are known again to one account: the same for all of them,
// so that to have more is worth no more. It is void with the account's epoch: by a new password, another
// second factor or none, and wherever all sessions end (C8). It proves no identity: it only gives tries
// that what others get wrong does not use up (S-149).
func (k *keyring) device(u *User) string {
	return base64.RawURLEncoding.EncodeToString(k.mac(purposeDevice, accountAt(u))[:macSize])
}

// knows reports whether the device was given to this account and is still good.
func (k *keyring) knows(mac []byte, u *User) bool {
	return u != nil && k.verify(purposeDevice, mac, accountAt(u))
}

// remember returns a device token for a browser that is to be known to the account; empty: it is, by what
// it has.
func (k *keyring) remember(t *tries, u *User) string {
	if k.knows(t.mac, u) {
		return ""
	}
	return k.device(u)
}
