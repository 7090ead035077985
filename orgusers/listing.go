package orgusers

import (
	"cmp"
	"strings"
	"time"
)

// MemberSort is an order of the roster. It is an enum, so that no caller's text reaches a statement
// (S-170).
type MemberSort string

// The orders (R8.2). Ties are broken so that the order is total and the same on every store.
const (
	SortEmail     MemberSort = "email"      // by address key; the default
	SortName      MemberSort = "name"       // by folded name, then id
	SortInvitedAt MemberSort = "invited_at" // then id
	SortLastLogin MemberSort = "last_login" // never logged in comes first; then id
	SortRole      MemberSort = "role"       // administrators first, then by address key
)

// Valid reports whether s is one of the orders.
func (s MemberSort) Valid() bool {
	switch s {
	case SortEmail, SortName, SortInvitedAt, SortLastLogin, SortRole:
		return true
	}
	return false
}

// MemberKey is a position in a sorted roster: the sorted-by value of a row, and what breaks ties.
// Only the fields of its order are used.
type MemberKey struct {
	Email AddressKey `json:"e,omitempty"`
	Name  string     `json:"n,omitempty"` // Name.SortKey
	Role  Role       `json:"r,omitempty"`
	Time  time.Time  `json:"t,omitzero"`
	ID    MemberID   `json:"i,omitempty"`
}

// Key returns m's position in this order.
func (s MemberSort) Key(m *Member) MemberKey {
	switch s {
	case SortName:
		return MemberKey{Name: m.Name.SortKey(), ID: m.ID}
	case SortInvitedAt:
		return MemberKey{Time: m.InvitedAt, ID: m.ID}
	case SortLastLogin:
		return MemberKey{Time: m.LastLogin, ID: m.ID}
	case SortRole:
		return MemberKey{Role: m.Role, Email: m.Address.Key}
	}
	return MemberKey{Email: m.Address.Key}
}

// Compare orders two positions ascending.
func (s MemberSort) Compare(a, b MemberKey) int {
	switch s {
	case SortName:
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(string(a.ID), string(b.ID)))
	case SortInvitedAt, SortLastLogin:
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(string(a.ID), string(b.ID)))
	case SortRole:
		return cmp.Or(strings.Compare(string(a.Role), string(b.Role)), strings.Compare(string(a.Email), string(b.Email)))
	}
	return strings.Compare(string(a.Email), string(b.Email))
}

// MemberFilter narrows a roster. Conditions add up (S-166); the zero value lets everyone through.
type MemberFilter struct {
	Search        string // part of the address or the name, without regard to case; at most 100 characters
	Status        Status
	Role          Role      // the owner counts as an admin
	Stack         StackID   // has a role on this stack
	NeverLoggedIn bool      // joined, and never signed in
	InactiveSince time.Time // joined, and not signed in at or after this time (R8.5)
	WithoutMFA    bool      // joined, and has no second factor (R8.5)
}

// MemberQuery asks a store for one page of a roster.
type MemberQuery struct {
	Org OrgID
	MemberFilter
	Sort       MemberSort
	Descending bool       // the whole order reversed, ties included
	After      *MemberKey // the page begins behind this position; nil: at the start
	Limit      int        // 1 or more
	Grants     bool       // fill Grants
	// Sheet asks only for what an export shows: the account's id, address, name, role, status, MFA, the inviter's
	// address, InvitedAt and LastLogin, in the order of SortEmail. A store may leave the other fields zero.
	Sheet bool
	// Each takes the rows as they are read, so that an export goes on with them meanwhile and keeps none. What it is
	// given is its own only until it returns, which is soon, and it calls no store. A store may call it for each
	// row, in order and once, and return none, or leave it alone and return the page. A page that was begun so is not
	// begun again: an error in the middle is the caller's.
	Each func(*Member)
}

// Matches reports whether m passes the filter. Stores that filter in Go use it; those that filter
// elsewhere must agree with it. Search is expected folded, as the service passes it on.
func (f *MemberFilter) Matches(m *Member) bool {
	switch {
	case f.Search != "" && !strings.Contains(m.SearchText(), f.Search),
		f.Status != "" && m.Status != f.Status,
		f.Role != "" && m.Role != f.Role,
		f.NeverLoggedIn && (m.Status == StatusPending || !m.LastLogin.IsZero()),
		!f.InactiveSince.IsZero() && (m.Status == StatusPending || !m.LastLogin.Before(f.InactiveSince)),
		f.WithoutMFA && (m.Status == StatusPending || m.MFA):
		return false
	}
	if f.Stack == "" {
		return true
	}
	for _, g := range m.Grants {
		if g.Stack == f.Stack {
			return true
		}
	}
	return false
}

// SearchText is what [MemberFilter.Search] is looked for in.
func (m *Member) SearchText() string { return string(m.Address.Key) + " " + m.Name.SortKey() }
