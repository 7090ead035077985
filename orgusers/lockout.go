package orgusers

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// A wrong password or code is counted on the account itself, under its version. So of many tries at
// once each is judged on what the ones before it came to, and no more are ever answered than the
// limit allows (S-114), whichever process, flow or spelling of the address they came by (S-112,
// S-150).

const (
	disabledAfter = 100 // wrong ones in a row, then the password is of no use until reset (NIST 3.2.2)
	failureWindow = 15 * time.Minute
	deviceTries   = 5 // wrong ones by a known device in a window
)

// tries is what one attempt to give a credential looks at.
type tries struct {
	prefix string // the counter of the sender's address; empty: unknown
	device string // the counter of the device; empty: it showed none
	id     []byte // of the device
	mac    []byte
}

// newTries reads where an attempt comes from.
func newTries(a *Actor, now time.Time) tries {
	window := now.Truncate(failureWindow).Unix()
	var t tries
	if p := addressPrefix(a.IP); p.IsValid() {
		t.prefix = fmt.Sprintf("failures/prefix/%s/%d", p, window)
	}
	if b, ok := decodeBase64URL(a.Device); ok && len(b) == deviceIDSize+macSize {
		t.id, t.mac = b[:deviceIDSize], b[deviceIDSize:]
		t.device = fmt.Sprintf("failures/device/%s/%d", hex.EncodeToString(t.id), window)
	}
	return t
}

// keys are the counters to read with the view.
func (t tries) keys() []string {
	var keys []string
	for _, k := range []string{t.prefix, t.device} {
		if k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// addressPrefix is what counts as one sender: an IPv4 address, or a /64 (C5).
func addressPrefix(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap()
	if !ip.IsValid() {
		return netip.Prefix{}
	}
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.WithZone("").Prefix(bits)
	return p
}

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

// flooded reports whether too many wrong ones came from the sender's address (C5). A known device has
// tries of its own, so that nobody behind the same address shuts it out.
func (d *draft) flooded(t tries, known bool) *Error {
	most, used := int64(d.policy.FailuresPerPrefix), d.counters[t.prefix]
	if known || t.prefix == "" || most < 0 || used < most {
		return nil
	}
	return &Error{Kind: ErrLimit, Limit: &LimitError{Resource: ResourceTries, Used: used, Asked: 1, Allowed: most}}
}

// shut reports whether a try on this account is not even looked at: it is locked, or the known device
// has used up its own tries.
func (d *draft) shut(u *User, t tries, known bool) bool {
	if known {
		return d.counters[t.device] >= deviceTries
	}
	return u.Locked(d.env.Now)
}

// missed counts a wrong password or code. u is nil if nobody has the address.
func (d *draft) missed(u *User, t tries, known bool) {
	ends := d.env.Now.Truncate(failureWindow).Add(failureWindow)
	switch {
	case t.prefix == "":
	case known: // not bounded by it, so not to be held up by it
		d.counted = append(d.counted, Counter{Key: t.prefix, Add: 1, ExpiresAt: ends})
	default:
		d.counted = append(d.counted, Counter{Key: t.prefix, Add: 1, ExpiresAt: ends, Most: max(int64(d.policy.FailuresPerPrefix), 0)})
	}
	switch {
	case u == nil:
	case known:
		d.counted = append(d.counted, Counter{Key: t.device, Add: 1, ExpiresAt: ends, Most: deviceTries})
		d.guard(u.ID)
	default:
		d.lock(u)
	}
}

// lock counts one more wrong try against the account and locks it if there were too many (R7.15).
func (d *draft) lock(u *User) {
	u.Failures++
	over := u.Failures - d.policy.LockAfter
	if over < 0 {
		return
	}
	if u.Failures >= disabledAfter {
		u.LockedUntil = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	} else {
		u.LockedUntil = d.env.Now.Add(min(time.Duration(over+1)*d.policy.LockStep, d.policy.LockMost))
	}
	d.record(note{user: u.ID, email: u.Address.Email, action: ActionLock, result: Refused, reason: ReasonCredentials, after: fmt.Sprintf("failures=%d locked_until=%s", u.Failures, u.LockedUntil.Format(time.RFC3339))})
	if over%10 == 0 { // not one for each: somebody else decides how many there are (S-026)
		d.mail("", u.ID, MailData{Kind: MailSignInLocked, To: u.Address.Email, ToName: u.Name.String(), ExpiresAt: u.LockedUntil})
	}
}
