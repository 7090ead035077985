package orgusers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"
)

// attempt is one try to give a credential: the one place where tries are let in and counted, by
// whichever door, flow or ticket they come (S-112).
type attempt struct {
	tries  tries
	own    string // the counter of tries that no stranger can use up; empty: it is taken as a stranger's
	shut   bool   // it is not looked at, right or wrong
	denied *Error // the answer after the commit: what was wrong is counted
}

// admit looks whether a try on this account, or nobody's, may be made, and whether it is looked at.
//
// Tries of one's own has who is signed in, comes by a known device, or holds a live ticket: what
// strangers get wrong shuts none of them out (S-149). All devices of an account share theirs, and so do
// its sessions, and its tickets: to have more of them gives no more tries. Who is nobody has none.
func (t *attempt) admit(s *Service, d *draft, u *User) error {
	if err := s.alone(); err != nil {
		return err
	}
	t.own = ""
	switch {
	case u == nil:
	case t.tries.session != "":
		t.own = t.tries.session
	case s.keys.knows(t.tries.mac, u):
		t.own = t.tries.device
	case t.tries.account == accountMark(u):
		t.own = t.tries.tickets
	}
	if err := d.flooded(t); err != nil {
		return err
	}
	t.shut = u != nil && d.shut(u, t)
	return nil
}

// miss counts a try that failed: where it was not looked at, or there is nobody to hold it against, for
// the sender alone. refusal is what the caller is told once that has committed.
func (t *attempt) miss(d *draft, u *User, refusal *Error) {
	if t.shut {
		u = nil
	}
	d.missed(u, t)
	t.denied = refusal
}

// tries is what one attempt to give a credential looks at: the names of counters, empty where there is
// none.
type tries struct {
	prefix  string // of the sender's address; who has none shares one, so that as much is written (S-142)
	sender  bool   // there is an address
	device  string // of all the account's known devices
	session string // of all the account's sessions
	ticket  string // of this ticket
	tickets string // of all the account's tickets
	account string // whose ticket it is, as it says
	mac     []byte // of the device
}

// newTries reads where an attempt comes from.
func newTries(a *Actor, now time.Time) tries {
	p := addressPrefix(a.IP)
	t := tries{sender: p.IsValid()}
	from := "unknown"
	if t.sender {
		from = p.String()
	}
	t.prefix = inWindow("prefix", from, now)
	if b, ok := decodeBase64URL(a.Device.text()); ok && len(b) == macSize {
		t.mac, t.device = b, inWindow("device", hashToken(a.Device.text()), now)
	}
	return t
}

// signedIn: by who has shown to be this person.
func (t *tries) signedIn(u UserID, now time.Time) { t.session = inWindow("session", string(u), now) }

// holding: with this ticket.
func (t *tries) holding(ticket ticket, now time.Time) {
	if ticket.hash != "" {
		t.ticket = "failures/ticket/" + ticket.hash
	}
	if ticket.account != "" {
		t.account, t.tickets = ticket.account, inWindow("tickets", ticket.account, now)
	}
}

// inWindow names the counter of a quarter of an hour.
func inWindow(kind, of string, now time.Time) string {
	return fmt.Sprintf("failures/%s/%s/%d", kind, of, now.Truncate(failureWindow).Unix())
}

// accountMark names an account's tickets until its epoch is raised: they die by it, and their count with
// them.
func accountMark(u *User) string {
	h := sha256.Sum256(accountAt(u))
	return hex.EncodeToString(h[:accountMarkSize])
}

// accountAt is the account and its epoch: what is bound to it is void when a password is set, a second
// factor is set or dropped, or all sessions end (C8).
func accountAt(u *User) []byte {
	return fmt.Appendf(nil, "%s\x00%d", u.ID, u.SessionsValidFrom.UnixMicro())
}

// keys are the counters to read with the view.
func (t tries) keys() []string {
	var keys []string
	for _, k := range []string{t.prefix, t.device, t.session, t.ticket, t.tickets} {
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
