package orgusers

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"
)

// attempt is one try to give a credential: the one place where tries are let in and counted, by
// whichever door, flow or ticket they come (S-112).
type attempt struct {
	tries  tries
	known  bool   // the device is
	shut   bool   // it is not looked at, right or wrong
	denied *Error // the answer after the commit: what was wrong is counted
}

// meet finds out whether the device is known to this account.
func (t *attempt) meet(s *Service, u *User) { t.known = u != nil && s.keys.knows(t.tries, u.ID) }

// admit looks whether a try on this account, or nobody's, may be made, and whether it is looked at.
func (t *attempt) admit(s *Service, d *draft, u *User) error {
	t.meet(s, u)
	if err := d.flooded(t.tries, t.known); err != nil {
		return err
	}
	t.shut = u != nil && d.shut(u, t.tries, t.known)
	return nil
}

// miss counts a try that failed: where it was not looked at, or there is nobody to hold it against, for
// the sender alone. refusal is what the caller is told once that has committed.
func (t *attempt) miss(d *draft, u *User, refusal *Error) {
	if t.shut {
		u = nil
	}
	d.missed(u, t.tries, t.known)
	t.denied = refusal
}

// tries is what one attempt to give a credential looks at.
type tries struct {
	prefix string // the counter of the sender's address; empty: unknown
	device string // the counter of the device; empty: it showed none
	ticket string // the counter of the ticket; empty: it is taken without one
	id     []byte // of the device
	mac    []byte
}

// newTries reads where an attempt comes from.
func newTries(a *Actor, ticket string, now time.Time) tries {
	window := now.Truncate(failureWindow).Unix()
	var t tries
	if p := addressPrefix(a.IP); p.IsValid() {
		t.prefix = fmt.Sprintf("failures/prefix/%s/%d", p, window)
	}
	if b, ok := decodeBase64URL(a.Device.text()); ok && len(b) == deviceIDSize+macSize {
		t.id, t.mac = b[:deviceIDSize], b[deviceIDSize:]
		t.device = fmt.Sprintf("failures/device/%s/%d", hex.EncodeToString(t.id), window)
	}
	if ticket != "" {
		t.ticket = "failures/ticket/" + ticket
	}
	return t
}

// keys are the counters to read with the view.
func (t tries) keys() []string {
	var keys []string
	for _, k := range []string{t.prefix, t.device, t.ticket} {
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
