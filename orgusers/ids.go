package orgusers

// Identifiers are strings of their own types, so that one cannot be passed where another is meant.
// All are UUIDs (version 7) in canonical lower-case text, made by this package, save the built-in
// roles' ([RoleDeveloper], [RoleContentManager]).
type (
	OrgID    string // OrgID names an [Organization].
	UserID   string // UserID names a [User], an account across organizations.
	MemberID string // MemberID names a [Member], one row of one organization's roster, invited or joined.
	StackID  string // StackID names a [Stack].
	RoleID   string // RoleID names a [StackRole]: a built-in one or a custom one.

	// OperationID names one call that changed or tried to change something. Everything the call
	// wrote carries it: audit entries, effects, and the links it had mailed.
	OperationID string

	EffectID string // EffectID names an [Effect]; a mailer sees it as [Mail.ID], its idempotency key.
	EntryID  string // EntryID names an [AuditEntry].

	SessionID string // SessionID names a [Session]; it is not the token.
	IPRuleID  string // IPRuleID names an [IPRule].
)
