package orgusers

import (
	"slices"
	"strings"
	"time"
)

// Role is what a person may do in an organization. The owner is not a role (R1.2): ownership is
// [Organization.OwnerID], so no invitation and no change of role can grant or strip it.
type Role string

const (
	RoleMember Role = "member" // no administration rights (R1.7)
	RoleAdmin  Role = "admin"  // everything in the Users section (R1.6)
)

// Valid reports whether r is one of the roles that can be given (R1.3). Anything else, whatever its
// spelling, is no role at all and permits nothing.
func (r Role) Valid() bool { return r == RoleMember || r == RoleAdmin }

// Status says where a person stands in one organization.
type Status string

const (
	StatusPending  Status = "pending"  // invited; takes a seat, has no rights (R2.7, Q6)
	StatusActive   Status = "active"   // joined
	StatusInactive Status = "inactive" // deactivated; keeps the seat and the roles (Q23)
)

// Valid reports whether s is one of the three.
func (s Status) Valid() bool {
	return s == StatusPending || s == StatusActive || s == StatusInactive
}

// Member is one row of an organization's roster: one person in one organization, invited or joined.
// An invitation is a pending member; accepting it fills in the user and makes it active. There is
// at most one row per address key in an organization.
type Member struct {
	ID      MemberID
	Org     OrgID
	User    UserID // empty while pending: an invitation does not tell whether an account exists
	Address Address
	Role    Role
	Status  Status
	Grants  []Grant // roles on stacks, sorted by stack and role; filled only where asked for

	// WithoutSSO lets this person use own credentials although the organization requires single
	// sign-on (R2.21). Strict mode ignores it (R2.22).
	WithoutSSO bool

	// Subject is the person's name at the organization's identity provider, since the first sign-in
	// from there: another subject with the same address is another person, unless [UnlinkSSO] says that it is not.
	// Empty: none yet.
	Subject string

	InvitedBy      UserID // who invited, or resent last; empty: the system
	InvitedByEmail string // that person's address at the time, so that lists need no second look-up
	InvitedAt      time.Time
	Message        string // the inviter's words in the mail

	// Link is the operation that issued the link now valid, so that a newer link voids the older
	// (Q2). Empty once used.
	Link      OperationID
	ExpiresAt time.Time // when a pending invitation's link ends; zero: never
	SentAt    time.Time // when the invitation was last mailed
	Sends     int       // how often it was mailed

	JoinedAt time.Time

	// ValidFrom: sessions that began at or before it are no good in this organization, whatever becomes of the
	// person there, nor those by own credentials in which none was given afterwards, nor is what they opened
	// ([IPRule]). It is the last deactivation (S-069), or what the person joined with ([Organization.LeftAt]); zero:
	// neither.
	ValidFrom time.Time

	// Name, MFA and LastLogin are the account's, copied to the roster so that listing, sorting and
	// exporting read one table. While pending, Name is what the inviter gave.
	Name      Name
	MFA       bool
	LastLogin time.Time // zero: never

	// Owner is set by this package on members it returns to a caller. Stores leave it alone.
	Owner bool
}

// Administers reports whether the row carries administration rights: an active admin. The owner's
// row is one by invariant.
func (m *Member) Administers() bool { return m.Status == StatusActive && m.Role == RoleAdmin }

// Expired reports whether a pending invitation's link is past its time. It stays on the roster and
// can be resent (Q1).
func (m *Member) Expired(now time.Time) bool {
	return m.Status == StatusPending && !m.ExpiresAt.IsZero() && !now.Before(m.ExpiresAt)
}

// Clone returns a copy that shares no memory.
func (m *Member) Clone() Member {
	c := *m
	c.Grants = slices.Clone(m.Grants)
	return c
}

// Grant is one role on one stack. A person may hold several on the same stack; the union counts
// (R3.2).
type Grant struct {
	Stack StackID
	Role  RoleID
}

// SortGrants sorts by stack and role and drops duplicates, in place: the form in which grants are
// compared and stored.
func SortGrants(g []Grant) []Grant {
	slices.SortFunc(g, func(a, b Grant) int {
		if c := strings.Compare(string(a.Stack), string(b.Stack)); c != 0 {
			return c
		}
		return strings.Compare(string(a.Role), string(b.Role))
	})
	return slices.Compact(g)
}

// MemberPatch is what a decision changed in a member's row. Grants travel apart
// ([Changes.Granted], [Changes.Revoked]); name, MFA and last login are set only when a person joins,
// because afterwards they follow the account ([Changes.Profiles], [Store.Touch]).
type MemberPatch struct {
	User           Opt[UserID]
	Role           Opt[Role]
	Status         Opt[Status]
	WithoutSSO     Opt[bool]
	Subject        Opt[string]
	InvitedBy      Opt[UserID]
	InvitedByEmail Opt[string]
	InvitedAt      Opt[time.Time]
	Message        Opt[string]
	Link           Opt[OperationID]
	ExpiresAt      Opt[time.Time]
	SentAt         Opt[time.Time]
	Sends          Opt[int]
	JoinedAt       Opt[time.Time]
	ValidFrom      Opt[time.Time]
	Name           Opt[Name]
	MFA            Opt[bool]
	LastLogin      Opt[time.Time]
}

// Apply writes the patch into m.
func (p *MemberPatch) Apply(m *Member) {
	p.User.apply(&m.User)
	p.Role.apply(&m.Role)
	p.Status.apply(&m.Status)
	p.WithoutSSO.apply(&m.WithoutSSO)
	p.Subject.apply(&m.Subject)
	p.InvitedBy.apply(&m.InvitedBy)
	p.InvitedByEmail.apply(&m.InvitedByEmail)
	p.InvitedAt.apply(&m.InvitedAt)
	p.Message.apply(&m.Message)
	p.Link.apply(&m.Link)
	p.ExpiresAt.apply(&m.ExpiresAt)
	p.SentAt.apply(&m.SentAt)
	p.Sends.apply(&m.Sends)
	p.JoinedAt.apply(&m.JoinedAt)
	p.ValidFrom.apply(&m.ValidFrom)
	p.Name.apply(&m.Name)
	p.MFA.apply(&m.MFA)
	p.LastLogin.apply(&m.LastLogin)
}

func diffMember(b, a *Member) MemberPatch {
	return MemberPatch{
		User:           diff(b.User, a.User),
		Role:           diff(b.Role, a.Role),
		Status:         diff(b.Status, a.Status),
		WithoutSSO:     diff(b.WithoutSSO, a.WithoutSSO),
		Subject:        diff(b.Subject, a.Subject),
		InvitedBy:      diff(b.InvitedBy, a.InvitedBy),
		InvitedByEmail: diff(b.InvitedByEmail, a.InvitedByEmail),
		InvitedAt:      diff(b.InvitedAt, a.InvitedAt),
		Message:        diff(b.Message, a.Message),
		Link:           diff(b.Link, a.Link),
		ExpiresAt:      diff(b.ExpiresAt, a.ExpiresAt),
		SentAt:         diff(b.SentAt, a.SentAt),
		Sends:          diff(b.Sends, a.Sends),
		JoinedAt:       diff(b.JoinedAt, a.JoinedAt),
		ValidFrom:      diff(b.ValidFrom, a.ValidFrom),
		Name:           diff(b.Name, a.Name),
		MFA:            diff(b.MFA, a.MFA),
		LastLogin:      diff(b.LastLogin, a.LastLogin),
	}
}
