package orgusers

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Organization is a customer of the host. Only the vendor's support creates, renames, disables and
// re-plans it ([Operator]; R1.12); nobody deletes one.
type Organization struct {
	ID       OrgID
	Name     string
	Disabled bool // nobody can use or administer it (S-030)

	// OwnerID is the one owner (R1.1). It is a column, so two owners cannot be represented. Empty:
	// an owner-less organization, which always keeps one active administrator (R12.5); an
	// organization never changes from one form to the other.
	OwnerID UserID

	Settings Settings
	Plan     Plan
	Transfer Transfer // the pending offer of ownership; zero: none
	Tally    Tally

	AuditSeq  int64  // number of entries in the audit chain
	AuditHead string // seal of the last one

	// LeftAt is when somebody left the roster last who belongs to other organizations too, in whatever way.
	// The sessions go on there: who joins afterwards, and may be the same person, brings none here from
	// before (S-015). Zero: nobody.
	LeftAt time.Time

	CreatedAt time.Time
	Version   int64 // rises with every change in the organization; the store raises it
}

// Clone returns a copy that shares no memory.
func (o *Organization) Clone() Organization {
	c := *o
	c.Settings.AllowedDomains = slices.Clone(o.Settings.AllowedDomains)
	c.Settings.Closed = slices.Clone(o.Settings.Closed)
	c.Settings.Groups = slices.Clone(o.Settings.Groups)
	for i := range c.Settings.Groups {
		c.Settings.Groups[i].Grants = slices.Clone(o.Settings.Groups[i].Grants)
	}
	c.Plan.Limits = slices.Clone(o.Plan.Limits)
	return c
}

// Settings is what administrators and support set per organization.
type Settings struct {
	// AllowedDomains, if any, are the only e-mail domains (A-labels, lower case) that can be invited
	// or become owner; at most 30; people already there are not touched (R2.11).
	AllowedDomains []string
	// Closed are the operations support has switched off here (R6.3), sorted.
	Closed   []Action
	SSO      SSO
	Groups   []GroupRole // what the identity provider's groups give, with SSO.RoleMapping
	Security Security
}

// GroupRole says what being in a group of the identity provider gives in the organization (R2.27).
// Whoever is in several gets the highest role and all the grants (R11.5).
type GroupRole struct {
	Group  string // its exact name there: case and spaces count (R2.29)
	Role   Role
	Grants []Grant // sorted
}

// Security is what an organization demands of its people's accounts and sessions. Of several
// organizations of one person the strictest counts (R7.6); on a session of those in which it is good. The zero value asks for nothing beyond
// the host's [Policy].
type Security struct {
	// RequireMFA: a session without a second factor cannot use this organization; other
	// organizations are not touched (R7.8, S-052).
	RequireMFA bool
	// MinPassword is the least number of code points in a new password; 0: the policy's.
	MinPassword int
	// SessionIdle and SessionMax bound sessions begun from now on: unused, and at all (R7.16). 0: the
	// policy's.
	SessionIdle, SessionMax time.Duration
}

// SSO is how an organization uses single sign-on. Only the owner sets it (R1.5); where there is none, the
// administrators.
type SSO struct {
	Enabled bool
	Strict  bool // nobody but the owner, or Keeper, may use own credentials (R2.22, R2.23)
	// RoleMapping: roles and membership come from the identity provider; people who come from there
	// cannot be removed or re-roled here (R2.27, R2.28).
	RoleMapping bool
	// SessionMax bounds a session from its sign-in there, whatever the provider says: 1 to 24 hours;
	// 0: 12 hours (R2.26).
	SessionMax time.Duration
	// Keeper is, where there is no owner, the administrator who gets in by own credentials as an owner would
	// (R2.23), strict or not, so that a provider that is broken or wrong locks nobody out for good. Like an
	// owner, this one cannot be taken away, only another one named. Empty in [Admin.SetSSO]: who it is, or who
	// switches single sign-on on.
	Keeper UserID
	// ValidFrom is when single sign-on was last switched off: what a provider said before that is no good any
	// more. [Admin.SetSSO] sets it, whatever it is given; zero: never.
	ValidFrom time.Time
}

// describe is single sign-on for the audit trail.
func (s *SSO) describe() string {
	return fmt.Sprintf("enabled=%t strict=%t role_mapping=%t session_max=%s keeper=%s", s.Enabled, s.Strict, s.RoleMapping, s.SessionMax, cmp.Or(s.Keeper, "-"))
}

// ssoOnly reports whether m can sign in by single sign-on alone.
func (o *Organization) ssoOnly(m *Member) bool {
	if !o.Settings.SSO.Enabled || o.isOwner(m) || o.keptBy(m) {
		return false
	}
	return o.Settings.SSO.Strict || !m.WithoutSSO
}

// idpManaged reports whether m's roles and membership are the identity provider's business.
func (o *Organization) idpManaged(m *Member) bool {
	return o.Settings.SSO.RoleMapping && m.Status != StatusPending && o.ssoOnly(m)
}

func (o *Organization) isOwner(m *Member) bool { return o.OwnerID != "" && m.User == o.OwnerID }

// keptBy reports whether m is the [SSO.Keeper].
func (o *Organization) keptBy(m *Member) bool {
	return o.Settings.SSO.Keeper != "" && m.User == o.Settings.SSO.Keeper
}

// open reports whether support has left the operation on.
func (o *Organization) open(a Action) bool { return !slices.Contains(o.Settings.Closed, a) }

// allowsDomain reports whether addresses of this domain may be added (R2.11).
func (o *Organization) allowsDomain(a Address) bool {
	return len(o.Settings.AllowedDomains) == 0 || slices.Contains(o.Settings.AllowedDomains, a.Domain())
}

// Transfer is an offer of the ownership. Until it is accepted nothing changes (R4.5); there is at
// most one (R4.3).
type Transfer struct {
	To        Address
	By        UserID
	Link      OperationID // the operation that issued the valid link
	OfferedAt time.Time
	ExpiresAt time.Time
	SentAt    time.Time
	Sends     int
}

// Pending reports whether there is an offer.
func (t *Transfer) Pending() bool { return !t.To.IsZero() }

// Tally is kept by the decisions themselves, under the organization's version, so that no rule ever
// counts rows.
type Tally struct {
	Members int64 // joined: active and inactive
	Pending int64 // invited
	Admins  int64 // active administrators, the owner included
	Stacks  int64
}

// Seats is what counts against [ResourceUsers]: everyone on the roster (Q6).
func (t Tally) Seats() int64 { return t.Members + t.Pending }

// add counts a member in (n = 1) or out (n = -1).
func (t *Tally) add(m *Member, n int64) {
	if m.Status == StatusPending {
		t.Pending += n
		return
	}
	t.Members += n
	if m.Administers() {
		t.Admins += n
	}
}
