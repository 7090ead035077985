package orgusers

import (
	"context"
	"net/netip"
	"time"
)

// StoreLevel is the contract that this package speaks. A store says in Level which one it was
// written for; [New] refuses another, so an outdated store fails at start and not in a commit.
const StoreLevel = 2

// Store keeps everything. A store knows no rules: it answers one read ([Store.View]) with what a
// decision may look at, and carries out one decision ([Store.Commit]) all or nothing. Package
// store's documentation teaches how to write one; store/storetest proves it.
//
// All methods are called by many goroutines at once. Whatever is returned shares no memory with
// the store. Times are whole microseconds in UTC, the zero time is kept as such; strings are valid
// UTF-8 without NUL and come back byte for byte; keys and ids compare byte by byte.
//
// Errors: [ErrNotFound] where said; [ErrConflict] for every guard that failed, duplicate key,
// deadlock, serialization failure and lock that could not be had, on reads too; the context's error
// if it ended; [ErrUnknownOutcome] if a commit may have happened; anything else is taken as a
// failure of the store in which nothing was written.
type Store interface {
	// View reads what a decision may look at. It reads the organization, and with it the version,
	// before anything else, so that what it returns beside it is never older. Ids that do not exist
	// or belong elsewhere are left out; an organization that does not exist is ErrNotFound.
	View(ctx context.Context, q ViewQuery) (View, error)

	// Commit writes a decision, all or nothing: first the organization's guard, then the users',
	// then the rest in any order. See Changes for what each part demands.
	Commit(ctx context.Context, c Changes) error

	// Record appends entries beside the audit chain and, if given, an answered request. It takes no
	// guard and waits for no version. A request that exists already is ErrConflict, and then
	// nothing is written.
	Record(ctx context.Context, entries []AuditEntry, request *Request) error

	// Access reads what a permission check needs, in one statement. It is ErrNotFound if the user
	// has no row in the organization.
	Access(ctx context.Context, user UserID, org OrgID) (AccessView, error)

	// Session reads the session or ticket with this token hash, the epoch of its account, and since when it is
	// good anywhere, in one statement. It is ErrNotFound if there is none.
	Session(ctx context.Context, token string) (SessionView, error)

	// Seen records that a session is in use: it raises, never lowers, its SeenAt. It touches no
	// version. An unknown session is no error.
	Seen(ctx context.Context, session SessionID, at time.Time) error

	// IPRules returns one page of IP rules by id, each with what says whether it is in force.
	IPRules(ctx context.Context, q IPRuleQuery) ([]IPRuleView, error)

	// Members returns one page of a roster in the asked order, with keyset pagination: no more than
	// Limit rows after the position. Without a filter its cost does not depend on the size of the roster; with
	// one, a store may walk the order past all rows that do not match, to the end if fewer than Limit do. An
	// unknown organization has no rows; the same holds for Audit.
	Members(ctx context.Context, q MemberQuery) ([]Member, error)

	// Organizations returns one page of organizations by id: all of them, or those one user has
	// joined.
	Organizations(ctx context.Context, q OrgQuery) ([]Organization, error)

	// Audit returns one page of the trail, by (Seq, ID).
	Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error)

	// Touch records a sign-in: it raises, never lowers, the account's last login and its copies on
	// every roster. It touches no version. An unknown user is no error.
	Touch(ctx context.Context, user UserID, at time.Time) error

	// Claim leases up to Limit effects that are due, not dead and not leased, oldest due first: sets
	// their Lease and LeaseUntil, counts the attempt, and returns them. Two callers never hold the
	// same effect while the lease lasts; it is over exactly at LeaseUntil.
	Claim(ctx context.Context, q ClaimQuery) ([]Effect, error)

	// Settle ends leases, each only if still held under its Lease, even past its time; else that one
	// is passed over.
	Settle(ctx context.Context, s []Settlement) error

	// Effects returns one page of the outbox by id: the dead ones, or the ones still to come.
	Effects(ctx context.Context, q EffectQuery) ([]Effect, error)

	// Requeue makes dead effects due again, as if never tried, and returns how many it found.
	Requeue(ctx context.Context, ids []EffectID, due time.Time) (int, error)

	// Bump adds to counters, each created at 0 if missing, and returns their new values in the same
	// order. No two of the keys are equal. It stands whatever becomes of the caller's operation; what
	// counts only with a commit is in [Changes.Counters].
	Bump(ctx context.Context, counters []Counter) ([]int64, error)

	// Prune deletes counters and sessions that have expired, IP rules that had expired at the time
	// rules, and answered requests made before the time requests.
	Prune(ctx context.Context, now, rules, requests time.Time) error

	// Level returns the StoreLevel that the store was written for.
	Level() int
}

// ViewQuery says what a decision wants to look at. Each field adds to the view.
type ViewQuery struct {
	Org      OrgID        // the organization; empty: none, only Request, Users, UserKeys and Counters are read
	Request  string       // the earlier answer to this request id, of Org or, if empty, of none
	Members  []MemberID   // these rows, each with the account that has its address
	Joined   []UserID     // the rows of these users, each with its account
	Keys     []AddressKey // the rows with these addresses, without accounts
	Subjects []string     // the rows with these subjects, without accounts; "" is nobody's
	Owner    bool         // the owner's row with its account
	Inviters bool         // also the rows of the users who invited Members and Keys
	Grants   bool         // fill Grants of all rows
	Owned    bool         // the stacks owned by the users of Members and Joined
	Stacks   []StackID    // these stacks
	AllStack bool         // all stacks of the organization
	Roles    bool         // all custom stack roles of the organization
	Users    []UserID     // these accounts
	UserKeys []AddressKey // the accounts with these addresses
	Counters []string     // the values of these counters
	PerUser  []string     // the values of more counters: each of these with each UserID on a row of Members put at its end

	// Live asks how many sessions, beside tickets, the users on the rows of Members and Joined have that
	// are live at this time ([Session.Live]). Zero: it is not asked.
	Live time.Time

	// Person asks for one account with its memberships and sessions, by one of the three; in one
	// statement with the Counters, if nothing else is asked for. Nobody found is no error.
	Person PersonQuery

	mails     []MailKind // whose budgets are looked at: PerUser, once the time is known
	mailboxes []Address  // whose quotas are looked at: Counters, once the time is known
	sender    UserID     // likewise; empty: nobody's
	sessions  bool       // Live, once the time is known
}

// PersonQuery names one account in one of three ways; the zero value names none.
type PersonQuery struct {
	User  UserID
	Key   AddressKey
	Token string // the token hash of one of the account's sessions
}

// View is what a decision looks at: values, detached from the store.
type View struct {
	Org     Organization
	Request *Request
	Members []Member // each once, in any order
	Users   []User   // each once, in any order
	Stacks  []Stack
	Roles   []StackRole
	// Counters has the counters asked for; one that is missing stands at 0.
	Counters map[string]int64
	Live     map[UserID]int // the sessions asked for; who is missing has none
	Person   *Person        // nil: nobody was asked for or found

	// Sessions is filled by the service from the host's [Sessions] port; nil: not known.
	Sessions map[UserID]int
}

// Changes is everything one decision wants done. New records are stored as they are given, versions
// included; what is to be changed or deleted and is not there is ErrConflict.
type Changes struct {
	// Org is the organization as it shall be, with the Version that was read. The store writes it
	// only where that version still stands, raises the version by one, and answers ErrConflict if
	// it does not find exactly one row. It is the first statement of the transaction, and a write:
	// nothing else may be relied on to exclude a second writer. nil: no organization is involved.
	Org *Organization
	// NewOrg: Org does not exist yet. A duplicate id is ErrConflict.
	NewOrg bool

	NewUsers    []User       // a duplicate id or address key is ErrConflict
	Users       []UserUpdate // sorted by id; guarded one by one by Version, which rises by one
	DeleteUsers []UserUpdate // sorted by id; guarded likewise; the patch is empty

	// Profiles are copied to every roster row of their users, in whatever organization. Each user
	// is also in Users or NewUsers, whose guard covers the copy.
	Profiles []Profile

	// Sessions belong to accounts in Users or NewUsers, whose guards cover them. Deleted come before new
	// ones, so that a session can be replaced under its id. No read finds the sessions of a deleted
	// account any more; a store may keep them until Prune takes them. IP rules outlive session, roster
	// row and account: they go by DeleteIPRules and Prune alone, so that a firewall can still be told.
	DeleteSessions []SessionID // each must exist
	NewSessions    []Session   // a duplicate id or token hash is ErrConflict

	NewIPRules    []IPRule   // a duplicate id is ErrConflict; the account is in Users, or the rule is over
	DeleteIPRules []IPRuleID // those that are there

	NewMembers    []Member       // a duplicate address key in the organization is ErrConflict; Grants are in Granted
	Members       []MemberUpdate // each row must exist
	DeleteMembers []MemberID     // each must exist; their grants go with them

	// Revoked are taken away before Granted are given. Names are compared byte by byte; that two
	// stacks do not differ in case alone is the decision's business.
	Revoked []Revoke
	Granted []MemberGrant

	NewStacks    []Stack // a duplicate name in the organization is ErrConflict
	Stacks       []Stack // replaced whole; a name that another has is ErrConflict
	DeleteStacks []StackID

	NewRoles    []StackRole // a duplicate name in the organization is ErrConflict
	Roles       []StackRole // replaced whole; a name that another has is ErrConflict
	DeleteRoles []RoleID

	Audit    []AuditEntry // without Org there may be entries of an organization too, beside its chain
	Effects  []Effect
	Counters []Counter // sorted by key; added to as by Bump, but with the commit
	Request  *Request  // a duplicate is ErrConflict
}

// UserUpdate changes one account, if it still has the version.
type UserUpdate struct {
	ID      UserID
	Version int64
	Patch   UserPatch
}

// MemberUpdate changes one roster row.
type MemberUpdate struct {
	ID    MemberID
	Patch MemberPatch
}

// Profile is what rosters copy from an account.
type Profile struct {
	User      UserID
	Name      Name
	MFA       bool
	LastLogin time.Time // raises, never lowers, as [Store.Touch]
}

// Revoke takes roles away: all that Member has on Stack; or, without Member, all that anybody has on
// Stack; or, without Stack, Role from everybody on the stacks named in On.
type Revoke struct {
	Member MemberID
	Stack  StackID
	Role   RoleID
	On     []StackID
}

// MemberGrant gives one role on one stack to one person.
type MemberGrant struct {
	Member MemberID
	Grant
}

// Request is the answer given to a request id.
type Request struct {
	Org    OrgID
	ID     string
	Digest string // of who asked and what
	Report []byte // the report, JSON
	At     time.Time
}

// AccessView is what a permission check needs.
type AccessView struct {
	OrgDisabled bool
	OwnerID     UserID
	Settings    Settings
	// Member has ID, Org, User, Role, Status, WithoutSSO, ValidFrom and Grants. A store may leave the other fields zero.
	Member            Member
	SessionsValidFrom time.Time
	MFA               bool
	Owned             []StackID   // stacks the user owns
	Roles             []StackRole // the custom roles among the grants; a store may leave out what describes them
}

// SessionView is what the check of a session needs.
type SessionView struct {
	Session   Session
	ValidFrom time.Time // the account's epoch
	// Active: the person is an active member of an organization; for a session with SSO, of that one.
	Active     bool
	MemberFrom time.Time // the earliest [Member.ValidFrom] of those memberships
}

// IPRuleQuery asks for a page of IP rules by id: of one account, of one address on one resource of one
// organization, or, without IP and Resource, of one organization.
type IPRuleQuery struct {
	User UserID

	Org      OrgID
	IP       netip.Addr
	Resource string

	After IPRuleID
	Limit int
}

// IPRuleView is a rule with what it hangs on.
type IPRuleView struct {
	IPRule
	Session   Session   // zero if the registry, or the account, is no longer there
	ValidFrom time.Time // the account's epoch; zero without the account
	MFA       bool      // the account has a second factor in force

	Status     Status    // the person's in the organization; empty: not in it
	WithoutSSO bool      // likewise
	MemberFrom time.Time // likewise [Member.ValidFrom]

	Disabled bool // the organization is
	OwnerID  UserID
	SSO      SSO
	Security Security
}

// Counter is one counter to raise.
type Counter struct {
	Key       string // up to 128 visible ASCII characters; names its time window, so it never needs a reset
	Add       int64
	ExpiresAt time.Time // when it may be forgotten
	// Most bounds a counter of [Changes]: a commit that would bring it above is ErrConflict, since
	// somebody else has raised it after the view. 0: no bound. Bump takes no notice of it.
	Most int64
}

// ClaimQuery asks for work.
type ClaimQuery struct {
	Now   time.Time
	Until time.Time // the lease ends then
	Lease string    // a fresh id
	Limit int
}

// Settlement ends the lease of one effect.
type Settlement struct {
	ID    EffectID
	Lease string
	// Done: forget it. Else it is tried again at DueAt, or given up if Dead.
	Done      bool
	Dead      bool
	DueAt     time.Time
	LastError string
	// Untried takes back the attempt that Claim counted.
	Untried bool
}

// EffectQuery asks for a page of the outbox.
type EffectQuery struct {
	Dead  bool  // given up; else those still to be carried out
	Org   OrgID // empty: of all organizations
	After EffectID
	Limit int
}

// OrgQuery asks for a page of organizations by id.
type OrgQuery struct {
	User  UserID // only those this user has joined, whatever the status; empty: all
	After OrgID
	Limit int
}

// AuditQuery asks for a page of the trail of one organization, or of account matters (no Org).
type AuditQuery struct {
	Org     OrgID
	Chained bool // only the chain
	Action  Action
	Actor   UserID
	Member  MemberID
	From    time.Time // at or after
	To      time.Time // before; zero: no end

	Descending bool // newest first
	After      *AuditKey
	Limit      int
}

// AuditKey is a position in the trail.
type AuditKey struct {
	Seq int64
	ID  EntryID
}
