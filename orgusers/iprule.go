package orgusers

import (
	"net/netip"
	"time"
)

// IPRule is an address opened for a session on a named resource of an organization (section 12 of
// the rules). It is in force while it has not expired, its session is live, and the person is an
// active member of an enabled organization: nothing has to be revoked for it to end. Several
// sessions may hold the same address open on the same resource; it closes when the last one ends
// (R12.4).
type IPRule struct {
	ID        IPRuleID
	Org       OrgID
	User      UserID
	Session   SessionID
	IP        netip.Addr
	Resource  string // the host's name for it: 1 to 128 visible ASCII characters
	OpenedAt  time.Time
	ExpiresAt time.Time
}
