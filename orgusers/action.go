package orgusers

// Action names what a call does: in the audit trail, in feature gates, in [Error.Op] of [Admin.Do]. Stable.
type Action string

// What administrators do to people: the names of the [Operation] values, each with its gate (R6.3).
const (
	ActionRemove             Action = "member.remove"
	ActionSetRole            Action = "member.set_role"
	ActionSetStacks          Action = "member.set_stacks"
	ActionDeactivate         Action = "member.deactivate"
	ActionReactivate         Action = "member.reactivate"
	ActionDelete             Action = "member.delete"
	ActionRename             Action = "member.rename"
	ActionForcePasswordReset Action = "member.force_password_reset"
	ActionResetMFA           Action = "member.reset_mfa"
	ActionEndSessions        Action = "member.end_sessions"
	ActionResendInvitation   Action = "invitation.resend"
	ActionUnlock             Action = "member.unlock"
	ActionSetWithoutSSO      Action = "member.set_without_sso"
	ActionUnlinkSSO          Action = "member.unlink_sso"
)

// What else happens in an organization.
const (
	ActionCreateOrganization  Action = "organization.create"
	ActionRenameOrganization  Action = "organization.rename"
	ActionDisableOrganization Action = "organization.disable"
	ActionEnableOrganization  Action = "organization.enable"
	ActionSetPlan             Action = "organization.set_plan"
	ActionSetGates            Action = "organization.set_gates"
	ActionRestoreOwner        Action = "organization.restore_owner"
	ActionSetDomains          Action = "organization.set_allowed_domains"
	ActionSetSSO              Action = "organization.set_sso"
	ActionSetGroups           Action = "organization.set_groups"
	ActionSetSecurity         Action = "organization.set_security"

	ActionInvite            Action = "invitation.create"
	ActionAcceptInvitation  Action = "invitation.accept"
	ActionDeclineInvitation Action = "invitation.decline"

	ActionOfferOwnership   Action = "ownership.offer"
	ActionResendOwnership  Action = "ownership.resend"
	ActionCancelOwnership  Action = "ownership.cancel"
	ActionAcceptOwnership  Action = "ownership.accept"
	ActionDeclineOwnership Action = "ownership.decline"

	ActionCreateStack Action = "stack.create"
	ActionRenameStack Action = "stack.rename"
	ActionDeleteStack Action = "stack.delete"
	ActionCreateRole  Action = "stack_role.create"
	ActionUpdateRole  Action = "stack_role.update"
	ActionDeleteRole  Action = "stack_role.delete"

	ActionLeave         Action = "member.leave"
	ActionRenameSelf    Action = "account.rename"
	ActionResetPassword Action = "account.reset_password"
	ActionFinishMFA     Action = "account.reset_mfa"
	ActionReadAccount   Action = "account.read" // recorded only when refused

	ActionSignIn         Action = "account.sign_in"
	ActionSSOSignIn      Action = "member.sso_sign_in" // recorded when it lets in, binds or re-roles, and when refused
	ActionLock           Action = "account.lock"
	ActionForgotPassword Action = "account.forgot_password"
	ActionProve          Action = "account.prove"
	ActionChangePassword Action = "account.change_password"
	ActionEnrolMFA       Action = "account.enrol_mfa"
	ActionRecoveryCodes  Action = "account.recovery_codes"
	ActionEndSession     Action = "account.end_session"
	ActionListSessions   Action = "account.sessions" // recorded only when refused
	ActionOpenIPRule     Action = "account.open_ip_rule"
	ActionCloseIPRule    Action = "account.close_ip_rule"
	ActionListIPRules    Action = "ip_rules.list" // recorded only when refused

	ActionListMembers Action = "members.list" // recorded only when refused
	ActionExport      Action = "members.export"
	ActionExportAudit Action = "audit.export"
	ActionReadAudit   Action = "audit.read" // recorded only when refused
	ActionReadUsage   Action = "organization.read"
)
