package orgusers

// Reason says why something was skipped, refused or found wrong. Reasons are stable strings: hosts
// may branch on them and translate them. [Reason.Text] has a sentence for each.
type Reason string

// Why a person was skipped or refused in an operation.
const (
	ReasonUnchanged     Reason = "unchanged"             // it was so already; nothing was written
	ReasonNotFound      Reason = "not_found"             // nobody with this id in the organization
	ReasonSelf          Reason = "self"                  // not on oneself (R1.16, R6.5)
	ReasonOwner         Reason = "owner"                 // the owner is untouchable; transfer first (R1.14)
	ReasonLastAdmin     Reason = "last_administrator"    // somebody must be able to administer (R12.5)
	ReasonPending       Reason = "pending"               // has not joined yet, so has no account here
	ReasonNotPending    Reason = "not_pending"           // has joined already
	ReasonInactive      Reason = "inactive"              // deactivated in this organization
	ReasonSeveralOrgs   Reason = "several_organizations" // the account is not this organization's alone
	ReasonNoSession     Reason = "no_active_session"     // nothing to end (R6.5)
	ReasonNoMFA         Reason = "mfa_not_enabled"       // nothing to reset (R7.12)
	ReasonSSOManaged    Reason = "sso_managed"           // signs in by single sign-on only (R7.7)
	ReasonIdPManaged    Reason = "idp_managed"           // roles come from the identity provider (R2.28)
	ReasonSSOKeeper     Reason = "sso_keeper"            // gets in when single sign-on fails; name another one first ([SSO.Keeper])
	ReasonNotLocked     Reason = "not_locked"            // nothing to unlock (R6.10)
	ReasonNotUnlockable Reason = "others_not_unlockable" // Unlock is all or nothing (R6.10)
	ReasonCooldown      Reason = "cooldown"              // mailed a moment ago
	ReasonResendLimit   Reason = "resend_limit"          // mailed too often
	ReasonRenewed       Reason = "renewed"               // was pending already; new roles, new link (Q4)
	ReasonAlreadyMember Reason = "already_member"        // invited, but has joined already (Q3)
)

// Why an actor was denied.
const (
	ReasonNotAdministrator  Reason = "not_administrator"     // needs the owner or an admin (R1.4)
	ReasonNotOwner          Reason = "not_owner"             // needs the owner (R1.5)
	ReasonGate              Reason = "switched_off"          // support has switched the operation off here (R6.3)
	ReasonOrgDisabled       Reason = "organization_disabled" // the organization is switched off
	ReasonSessionEnded      Reason = "session_ended"         // the actor's session was ended or is too old
	ReasonNotJoined         Reason = "not_joined"            // no longer, or not yet, in the organization
	ReasonInvariant         Reason = "invariant"             // a defect: would break a promise; nothing was written
	ReasonOwnerMustTransfer Reason = "owner_must_transfer"   // the owner cannot leave (R1.13)
	ReasonMFARequired       Reason = "mfa_required"          // the organization demands a second factor in this session (R7.8)
	ReasonSSORequired       Reason = "sso_required"          // the organization demands single sign-on (R2.24)
	ReasonSSOElsewhere      Reason = "sso_elsewhere"         // signed in by another organization's identity provider
	ReasonSSOOff            Reason = "sso_disabled"          // the organization does not use single sign-on
	ReasonSSOSubject        Reason = "sso_subject"           // the address and the provider's subject do not belong together
	ReasonInvitationNeeded  Reason = "invitation_needed"     // the account is not the provider's to take along (S-157)
	ReasonSSOGroups         Reason = "sso_groups"            // none of the person's groups has a role here (R2.29)
	ReasonSSOSession        Reason = "sso_session"           // own credentials are for who signed in with them
	ReasonHostSession       Reason = "host_session"          // needs a session of the registry
	ReasonHostTransaction   Reason = "host_transaction"      // cannot be done inside [Service.Within] (C5)
	ReasonCredentials       Reason = "wrong_credentials"     // address, password or code is not right, or sign-in is locked
	ReasonTicket            Reason = "ticket"                // the sign-in took too long, or this is not its next step
	ReasonNotEnrolling      Reason = "not_enrolling"         // no second factor is being set up in this session
)

// Why a link no longer works.
const (
	ReasonLinkMalformed   Reason = "link_malformed"    // not one of our links, or for another purpose
	ReasonLinkReplaced    Reason = "link_replaced"     // used, withdrawn, or replaced by a newer one
	ReasonLinkExpired     Reason = "link_expired"      // past its lifetime
	ReasonInviterGone     Reason = "inviter_gone"      // who invited may no longer invite
	ReasonRecipientGone   Reason = "recipient_unfit"   // the recipient cannot become owner
	ReasonOffererGone     Reason = "offerer_not_owner" // who offered is no longer the owner
	ReasonAccountRequired Reason = "account_required"  // sign up or finish the account first (Q20)

	// ReasonPasswordRequired: came by an identity provider alone, and the owner must get in without one (R2.23).
	// [Visitor.ForgotPassword] sets the password.
	ReasonPasswordRequired Reason = "password_required"
)

// Why a field is wrong.
const (
	ReasonRequired      Reason = "required"           // missing or empty
	ReasonTooShort      Reason = "too_short"          // below the minimum
	ReasonTooLong       Reason = "too_long"           // above the maximum
	ReasonTooMany       Reason = "too_many"           // more items than one call may carry
	ReasonSyntax        Reason = "syntax"             // not well formed
	ReasonCharacter     Reason = "character"          // a character that is not allowed
	ReasonDomain        Reason = "domain_not_allowed" // outside the organization's allowed domains (R2.11)
	ReasonRole          Reason = "role"               // no such role, or not one that can be given
	ReasonUnknown       Reason = "unknown"            // no such stack, role or value
	ReasonDuplicate     Reason = "duplicate"          // stands there already
	ReasonBuiltIn       Reason = "built_in"           // built-in roles cannot be changed
	ReasonInUse         Reason = "in_use"             // still used by something
	ReasonRange         Reason = "range"              // outside the allowed range
	ReasonContextWord   Reason = "context_word"       // a password made of the name, address or organization
	ReasonCommon        Reason = "common"             // a password everybody guesses first
	ReasonBreached      Reason = "breached"           // a password that is in a breach corpus
	ReasonWrongPassword Reason = "wrong_password"     // the current password is not right
	ReasonSamePassword  Reason = "same_password"      // the new password must differ
	ReasonWrongCode     Reason = "wrong_code"         // the code of the second factor is not right, or used
)

// Text returns one English sentence for a person, without a full stop; for an unknown reason, the
// reason itself.
func (r Reason) Text() string {
	switch r {
	case ReasonUnchanged:
		return "it was so already"
	case ReasonNotFound:
		return "nobody with this id is in the organization"
	case ReasonSelf:
		return "you cannot do this to yourself"
	case ReasonOwner:
		return "the owner cannot be changed; transfer the ownership first"
	case ReasonLastAdmin:
		return "the last active administrator must stay"
	case ReasonPending:
		return "has not accepted the invitation yet"
	case ReasonNotPending:
		return "has joined already"
	case ReasonInactive:
		return "is deactivated"
	case ReasonSeveralOrgs:
		return "also belongs to another organization"
	case ReasonNoSession:
		return "has no active session"
	case ReasonNoMFA:
		return "has no multi-factor authentication to reset"
	case ReasonSSOManaged:
		return "signs in by single sign-on only"
	case ReasonIdPManaged:
		return "is managed by the identity provider"
	case ReasonSSOKeeper:
		return "gets in when single sign-on fails; name somebody else for that first"
	case ReasonNotLocked:
		return "is not locked"
	case ReasonNotUnlockable:
		return "nobody was unlocked because others in the list cannot be"
	case ReasonCooldown:
		return "was mailed a moment ago"
	case ReasonResendLimit:
		return "was mailed too often"
	case ReasonRenewed:
		return "was invited before and got a new link"
	case ReasonAlreadyMember:
		return "is a member already"
	case ReasonNotAdministrator:
		return "only the owner and admins may do this"
	case ReasonNotOwner:
		return "only the owner may do this"
	case ReasonGate:
		return "is not available for this organization; ask support"
	case ReasonOrgDisabled:
		return "the organization is disabled"
	case ReasonSessionEnded:
		return "the session has ended; sign in again"
	case ReasonNotJoined:
		return "not an active member of the organization"
	case ReasonInvariant:
		return "refused, because it would break a promise of the system; please report this"
	case ReasonOwnerMustTransfer:
		return "the owner cannot leave; transfer the ownership first"
	case ReasonMFARequired:
		return "the organization demands a second factor; set one up or sign in with it"
	case ReasonSSORequired:
		return "the organization demands single sign-on"
	case ReasonSSOElsewhere:
		return "signed in by another organization's single sign-on"
	case ReasonSSOOff:
		return "the organization does not use single sign-on"
	case ReasonSSOSubject:
		return "the identity provider has another person under this address, or this person under another; ask an administrator"
	case ReasonInvitationNeeded:
		return "the account is its owner's alone, or another organization's too; its owner joins by the link in an invitation mail"
	case ReasonSSOGroups:
		return "the identity provider names no group that has a role here"
	case ReasonSSOSession:
		return "sign in with your own credentials to change them"
	case ReasonHostTransaction:
		return "what proves a password or a code counts on its own, not inside the host's transaction"
	case ReasonHostSession:
		return "needs a session that began with a sign-in here"
	case ReasonCredentials:
		return "the address, the password or the code is not right, or there were too many tries; wait or reset the password"
	case ReasonTicket:
		return "the sign-in took too long or went another way; begin anew"
	case ReasonNotEnrolling:
		return "no second factor is being set up here, or it took too long"
	case ReasonLinkMalformed:
		return "this is not a valid link"
	case ReasonLinkReplaced:
		return "the link was used, withdrawn or replaced by a newer one"
	case ReasonLinkExpired:
		return "the link has expired"
	case ReasonInviterGone:
		return "the person who invited you may no longer do so"
	case ReasonRecipientGone:
		return "the recipient cannot become the owner"
	case ReasonOffererGone:
		return "the person who offered is no longer the owner"
	case ReasonAccountRequired:
		return "an account with this address is needed first"
	case ReasonPasswordRequired:
		return "needs a password of their own first, which a mail for a forgotten password sets"
	case ReasonRequired:
		return "is required"
	case ReasonTooShort:
		return "is too short"
	case ReasonTooLong:
		return "is too long"
	case ReasonTooMany:
		return "has too many items"
	case ReasonSyntax:
		return "is not well formed"
	case ReasonCharacter:
		return "has a character that is not allowed"
	case ReasonDomain:
		return "is outside the allowed e-mail domains"
	case ReasonRole:
		return "is not a role that can be given"
	case ReasonUnknown:
		return "does not exist"
	case ReasonDuplicate:
		return "exists already"
	case ReasonBuiltIn:
		return "is built in and cannot be changed"
	case ReasonInUse:
		return "is still in use"
	case ReasonRange:
		return "is out of range"
	case ReasonContextWord:
		return "is too close to your name, address or organization"
	case ReasonCommon:
		return "is among the passwords guessed first"
	case ReasonBreached:
		return "has appeared in a data breach, so it is known to guessers"
	case ReasonWrongPassword:
		return "is not right"
	case ReasonWrongCode:
		return "is not right, or was used before"
	case ReasonSamePassword:
		return "must differ from the old one"
	}
	return string(r)
}
