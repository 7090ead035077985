package orgusers

// Severity says how much an entry of the audit trail should stand out in a list (R10.3).
type Severity string

const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"  // somebody lost access, a credential or a lock
	SeverityCritical Severity = "critical" // what the organization demands of everybody, or who owns it
)

// Severity is that of the event when it is done. R10.3 names some; the others have that of their kin.
func (a Action) Severity() Severity {
	switch a {
	case ActionSetSecurity, ActionSetSSO, ActionSetGroups, ActionSetDomains,
		ActionAcceptOwnership, ActionRestoreOwner, ActionDisableOrganization:
		return SeverityCritical
	case ActionUnlock, ActionRemove, ActionForcePasswordReset, ActionResetMFA,
		ActionDeactivate, ActionDelete, ActionEndSessions, ActionSetWithoutSSO, ActionUnlinkSSO, ActionLock,
		ActionOfferOwnership, ActionDeleteStack, ActionDeleteRole:
		return SeverityWarning
	}
	return SeverityInfo
}
