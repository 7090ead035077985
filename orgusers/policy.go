package orgusers

import (
	"fmt"
	"slices"
	"time"
)

// Policy is what the host decides about the rules. The zero value is the recommended one; every
// field at zero means its default.
type Policy struct {
	// Product is the name people know the application by: authenticator apps show it, and passwords may
	// not consist of it. "orgusers" if empty; up to 100 characters.
	Product string

	MaxSelected int // people in one bulk call, after removing duplicates: 10 (R6.1); at most 1,000
	MaxInvited  int // addresses in one invitation call: 1,000; at most 100,000

	Lifetimes Lifetimes

	// InvitationsNeverExpire leaves invitations valid until withdrawn (Q1).
	InvitationsNeverExpire bool

	// ImmediateMFAReset: [ResetMFA] switches MFA off at once and deletes the recovery codes, for
	// people who belong to this organization alone (R7.11). Otherwise it mails a link, which works
	// together with the current password (Q15).
	ImmediateMFAReset bool
	// PeersProtected: only the owner acts on the power, the account and the credentials of an admin, joined or
	// invited; other admins do not (Q7 says they may). [SetStacks], [Unlock] and [ResendInvitation] are free to all.
	PeersProtected bool
	// EndSessionsOnForcedReset: [ForcePasswordReset] also ends the sessions of people who belong to
	// this organization alone (Q18), save one's own (R6.5).
	EndSessionsOnForcedReset bool
	// UnlockSkips: [Unlock] skips who is not locked instead of refusing the whole call (Q34).
	UnlockSkips bool

	ResendCooldown time.Duration // between two mails of one invitation, offer, or kind of reset: 60 s
	MaxSends       int           // mails of one invitation or offer: 6, the first included

	// Quotas on invitation mails, in addresses (S-026, S-155), those mailed again included. At most, per hour
	// by one actor: 2,000; per day by one organization: 10,000; per day to one mailbox, over all organizations,
	// with offers of an ownership: 5. -1: no limit.
	InvitesPerActorHour  int
	InvitesPerOrgDay     int
	InvitesPerMailboxDay int

	// ResetMailsPerHour and ResetMailsPerDay bound the mails of each kind, password and MFA, that
	// administrators have sent to one account, over all organizations (C5): 3 and 10. -1: no limit. A
	// person's own requests and sign-ins are not counted and not held up.
	ResetMailsPerHour int
	ResetMailsPerDay  int

	// MinPassword is the least number of code points in a password: 15 (NIST 800-63B-4, 3.1.1.2);
	// at least 8. MinPasswordMFA is that of people who have a second factor and belong to an
	// organization that enforces it: 8; at least 8, and MinPassword where that is less.
	MinPassword, MinPasswordMFA int
	// RefuseUnchecked refuses a new password with [ErrBusy] when [Config.Breached] fails to answer.
	// Otherwise it is allowed and logged.
	RefuseUnchecked bool

	// Sessions end when unused for SessionIdle (1 hour; at most 30 days) and after SessionMax (24 hours;
	// at most 30 days); an organization may ask for less ([Security]). Of one person's MaxSessions (20)
	// the oldest gives way to a new one (R7.16).
	SessionIdle, SessionMax time.Duration
	MaxSessions             int

	// After LockAfter (5) wrong passwords or codes in a row sign-in is locked for LockStep (5 minutes),
	// for as much more after each further one, up to LockMost (25 minutes); after 100, until an
	// administrator or a reset by mail lifts it (R7.15, NIST 3.2.2). Known devices, and who
	// is signed in, are not shut out by what others do (S-149): each of the two has five tries in 15 minutes,
	// which lock nobody out, and the last of the hundred. Half-way sign-ins have LockAfter, which do lock.
	LockAfter          int
	LockStep, LockMost time.Duration
	// FailuresPerPrefix bounds wrong passwords and codes from one address (IPv4) or /64 (IPv6) within
	// 15 minutes, over all accounts: 50. -1: no limit.
	FailuresPerPrefix int

	// StepUp are the actions that need a fresh proof of a credential, at most ProofAge (15 minutes)
	// old, else [ErrReauth] (S-063). nil: [DefaultStepUp]; empty and not nil: none. What a person changes
	// in the own second factor needs one always; ActionProve itself cannot.
	StepUp   []Action
	ProofAge time.Duration

	// Developer and ContentManager are the permissions of the built-in stack roles; nil: the
	// defaults in [BuiltInRoles].
	Developer      []Permission
	ContentManager []Permission
}

// Lifetimes are how long mailed links work (C3). Each has its own bounds; there is no common one.
type Lifetimes struct {
	Invitation    time.Duration // 7 days; at most 30
	Ownership     time.Duration // 72 hours; at most 7 days
	Activation    time.Duration // 7 days; at most 30: the first password of an account made by support
	PasswordReset time.Duration // forced by an administrator: 24 hours, which is also the most
	MFAReset      time.Duration // 1 hour; at most 24
	Forgotten     time.Duration // a password reset the person asked for: 1 hour, which is also the most (R7.1)
}

const day = 24 * time.Hour

// DefaultStepUp is what needs a fresh proof unless [Policy.StepUp] says otherwise: giving the
// organization away, deleting accounts, resetting others' second factors, unlinking them from the identity
// provider, and relaxing what the organization demands.
func DefaultStepUp() []Action {
	return []Action{ActionOfferOwnership, ActionDelete, ActionResetMFA, ActionUnlinkSSO, ActionSetSecurity, ActionSetSSO, ActionSetGroups}
}

// fill sets the defaults and returns every field out of range.
func (p *Policy) fill() []FieldError {
	var bad []FieldError
	integer := func(field string, v *int, def, low, high int) {
		if *v == 0 {
			*v = def
		}
		if *v < low || *v > high {
			bad = append(bad, FieldError{Field: "policy." + field, Reason: ReasonRange, Message: fmt.Sprintf("must be %d to %d", low, high)})
		}
	}
	duration := func(field string, v *time.Duration, def, high time.Duration) {
		if *v == 0 {
			*v = def
		}
		if *v < time.Second || *v > high {
			bad = append(bad, FieldError{Field: "policy." + field, Reason: ReasonRange, Message: fmt.Sprintf("must be 1s to %s", high)})
		}
	}
	const most = 1 << 30
	integer("max_selected", &p.MaxSelected, 10, 1, 1000)
	integer("max_invited", &p.MaxInvited, 1000, 1, 100_000)
	integer("max_sends", &p.MaxSends, 6, 1, 100)
	integer("invites_per_actor_hour", &p.InvitesPerActorHour, 2000, -1, most)
	integer("invites_per_org_day", &p.InvitesPerOrgDay, 10_000, -1, most)
	integer("invites_per_mailbox_day", &p.InvitesPerMailboxDay, 5, -1, most)
	integer("reset_mails_per_hour", &p.ResetMailsPerHour, 3, -1, most)
	integer("reset_mails_per_day", &p.ResetMailsPerDay, 10, -1, most)
	integer("min_password", &p.MinPassword, defaultMinPassword, leastMinPassword, 64)
	integer("min_password_mfa", &p.MinPasswordMFA, leastMinPassword, leastMinPassword, 64)
	integer("max_sessions", &p.MaxSessions, 20, 1, 100)
	integer("lock_after", &p.LockAfter, 5, 1, 20)
	integer("failures_per_prefix", &p.FailuresPerPrefix, 50, -1, most)
	duration("resend_cooldown", &p.ResendCooldown, time.Minute, day)
	duration("session_idle", &p.SessionIdle, time.Hour, 30*day)
	duration("session_max", &p.SessionMax, day, 30*day)
	duration("lock_step", &p.LockStep, 5*time.Minute, time.Hour)
	duration("lock_most", &p.LockMost, 25*time.Minute, day)
	duration("proof_age", &p.ProofAge, 15*time.Minute, day)
	if p.StepUp == nil {
		p.StepUp = DefaultStepUp()
	}
	if slices.Contains(p.StepUp, ActionProve) {
		bad = append(bad, FieldError{Field: "policy.step_up", Reason: ReasonRange, Message: "a proof cannot ask for one first"})
	}
	duration("lifetimes.invitation", &p.Lifetimes.Invitation, 7*day, 30*day)
	duration("lifetimes.ownership", &p.Lifetimes.Ownership, 3*day, 7*day)
	duration("lifetimes.activation", &p.Lifetimes.Activation, 7*day, 30*day)
	duration("lifetimes.password_reset", &p.Lifetimes.PasswordReset, day, day)
	duration("lifetimes.mfa_reset", &p.Lifetimes.MFAReset, time.Hour, day)
	duration("lifetimes.forgotten", &p.Lifetimes.Forgotten, time.Hour, time.Hour)
	if p.Product == "" {
		p.Product = "orgusers"
	}
	if _, fe := cleanName("policy.product", p.Product, true); fe != nil {
		bad = append(bad, *fe)
	}
	for _, f := range []struct {
		name  string
		perms *[]Permission
	}{{"developer", &p.Developer}, {"content_manager", &p.ContentManager}} {
		clean, fe := cleanPermissions("policy."+f.name, *f.perms)
		if fe != nil {
			bad = append(bad, *fe)
		}
		*f.perms = clean
	}
	if p.Developer == nil {
		p.Developer = []Permission{PermissionRead, PermissionPublish, PermissionWrite, PermissionSchema, PermissionDeploy}
	}
	if p.ContentManager == nil {
		p.ContentManager = []Permission{PermissionRead, PermissionPublish, PermissionWrite}
	}
	return bad
}

// Env is what a decision takes from the outside world.
type Env struct {
	Now   time.Time     // UTC, whole microseconds
	NewID func() string // a fresh UUID
	// Firewall: there is one, which has to be told of IP rules that come or go.
	Firewall bool
}
