package orgusers

import (
	"fmt"
	"time"
)

// Rename changes the name on people's accounts; only on accounts that belong to this organization
// alone.
type Rename struct {
	noInput
	Name Name
}

// ForcePasswordReset mails a link and makes the next sign-in set a new password (R6.6). Sessions go
// on until then (R7.4), unless [Policy.EndSessionsOnForcedReset]. Who was mailed a moment ago, or too
// often ([Policy.ResetMailsPerHour]), is skipped (C5).
type ForcePasswordReset struct{ noInput }

// ResetMFA mails a link that, with the current password, switches the second factor off; or, by
// [Policy.ImmediateMFAReset], switches it off at once, deletes the recovery codes and ends the
// sessions (R7.11, Q16). The immediate form is not for oneself and not for people of several
// organizations. As with [ForcePasswordReset], a person is not mailed too often.
type ResetMFA struct{ noInput }

// EndSessions signs people out everywhere, at once (R6.5): of accounts that belong to this
// organization alone, never one's own. Who has no session is skipped, in the registry or by
// [Config.Sessions]. A host that keeps sessions of its own and has no such port skips nobody: it is one if the
// actor's own session is not in the registry.
type EndSessions struct{ noInput }

// Unlock lifts a lock after failed sign-ins. It is all or nothing: if one of the people is not
// locked, is the owner, or belongs to another organization too, nobody is unlocked (R6.10), unless
// [Policy.UnlockSkips].
type Unlock struct{ noInput }

// ResendInvitation mails pending people a new link, which voids the older and starts a new lifetime
// (Q2). Whoever resends becomes the inviter. It has the quotas of [Invite]: who is beyond them is skipped (S-026).
type ResendInvitation struct{ noInput }

// SetWithoutSSO says whether people may use own credentials although the organization requires single
// sign-on; role mapping then leaves their roles alone (R2.21, R2.27). Strict mode ignores it (R2.22).
type SetWithoutSSO struct {
	noInput
	Allow bool
}

// UnlinkSSO takes away what a person is called at the identity provider ([Member.Subject]): the next sign-in
// from there under the person's address links anew. It is for a subject that was replaced, or linked to the
// wrong person. All sessions end.
//
// An administrator may, as with a second factor that was lost, with a fresh proof ([DefaultStepUp]); the
// owner's link only the owner takes away, since whoever runs the provider could else take the owner's place.
// An account that belongs to another organization too is skipped: by the link it is known that the provider
// alone vouched for it here (S-002). Remove that person and invite anew, by mail.
type UnlinkSSO struct{ noInput }

// Action is [ActionUnlinkSSO].
func (UnlinkSSO) Action() Action { return ActionUnlinkSSO }

func (UnlinkSSO) judge(_ *draft, t target) verdict {
	if t.m.Subject == "" {
		return unchanged()
	}
	return allow()
}

func (UnlinkSSO) apply(d *draft, t target) change {
	before := "subject=" + t.m.Subject
	d.set(t.row, func(m *Member) { m.Subject = "" })
	d.endSessions(t.m.ID, t.u)
	return change{before: before, after: "subject=-"}
}

// Action is [ActionSetWithoutSSO].
func (SetWithoutSSO) Action() Action { return ActionSetWithoutSSO }

func (o SetWithoutSSO) judge(_ *draft, t target) verdict {
	if t.m.WithoutSSO == o.Allow {
		return unchanged()
	}
	return allow()
}

func (o SetWithoutSSO) apply(d *draft, t target) change {
	c := change{before: fmt.Sprintf("without_sso=%t", t.m.WithoutSSO), after: fmt.Sprintf("without_sso=%t", o.Allow)}
	d.set(t.row, func(m *Member) { m.WithoutSSO = o.Allow })
	return c
}

// Action is [ActionRename].
func (Rename) Action() Action { return ActionRename }

func (o Rename) validate() []FieldError {
	_, bad := cleanPerson(o.Name, true)
	return bad
}

func (o Rename) judge(_ *draft, t target) verdict {
	if n, _ := cleanPerson(o.Name, true); t.u.Name == n {
		return unchanged()
	}
	return allow()
}

func (o Rename) apply(_ *draft, t target) change {
	before := t.u.Name
	t.u.Name, _ = cleanPerson(o.Name, true)
	return change{before: "name=" + before.String(), after: "name=" + t.u.Name.String()}
}

// Action is [ActionForcePasswordReset].
func (ForcePasswordReset) Action() Action { return ActionForcePasswordReset }

func (ForcePasswordReset) needs(q *ViewQuery) { q.mails = append(q.mails, MailPasswordReset) }

func (ForcePasswordReset) judge(d *draft, t target) verdict {
	return d.mayMail(MailPasswordReset, t.u, t.u.ResetLink, t.u.ResetExpires.Add(-d.policy.Lifetimes.PasswordReset))
}

func (ForcePasswordReset) apply(d *draft, t target) change {
	t.u.ResetRequired = true
	d.mailReset(t.m.ID, t.u, MailPasswordReset, d.policy.Lifetimes.PasswordReset)
	if d.policy.EndSessionsOnForcedReset && t.u.Orgs == 1 && !d.isSelf(t.m) { // R6.5: never one's own
		d.endSessions(t.m.ID, t.u)
	}
	return change{after: "reset_required=true"}
}

// mailReset issues a new password link, which voids the older one.
func (d *draft) mailReset(m MemberID, u *User, kind MailKind, life time.Duration) {
	u.ResetLink, u.ResetExpires = d.op, d.env.Now.Add(life)
	d.mail(m, u.ID, MailData{Kind: kind, To: u.Address.Email, ToName: u.Name.String(), ExpiresAt: u.ResetExpires})
}

// Action is [ActionResetMFA].
func (ResetMFA) Action() Action { return ActionResetMFA }

func (ResetMFA) needs(q *ViewQuery) { q.mails = append(q.mails, MailMFAReset) }

func (ResetMFA) judge(d *draft, t target) verdict {
	immediate := d.policy.ImmediateMFAReset
	switch {
	case immediate && d.isSelf(t.m):
		return verdict{Refused, ReasonSelf, "C8"}
	case immediate && t.u.Orgs > 1:
		return skip(ReasonSeveralOrgs, "R7.11")
	case !t.u.MFA.Enrolled():
		return skip(ReasonNoMFA, "R7.12")
	case immediate:
		return allow()
	}
	return d.mayMail(MailMFAReset, t.u, t.u.MFAResetLink, t.u.MFAResetExpire.Add(-d.policy.Lifetimes.MFAReset))
}

func (ResetMFA) apply(d *draft, t target) change {
	u := t.u
	if !d.policy.ImmediateMFAReset {
		u.MFAResetLink, u.MFAResetExpire = d.op, d.env.Now.Add(d.policy.Lifetimes.MFAReset)
		d.mail(t.m.ID, u.ID, MailData{Kind: MailMFAReset, To: u.Address.Email, ToName: u.Name.String(), ExpiresAt: u.MFAResetExpire})
		return change{after: "mfa_reset=mailed"}
	}
	d.dropMFA(t.m.ID, u)
	d.endSessions(t.m.ID, u)
	return change{before: "mfa=true", after: "mfa=false"}
}

// dropMFA switches the second factor off, recovery codes with it, and tells the person.
func (d *draft) dropMFA(m MemberID, u *User) {
	u.MFA, u.MFAResetLink, u.MFAResetExpire = MFA{}, "", time.Time{}
	d.mail(m, u.ID, MailData{Kind: MailMFARemoved, To: u.Address.Email, ToName: u.Name.String()})
}

// Action is [ActionEndSessions].
func (EndSessions) Action() Action { return ActionEndSessions }

func (EndSessions) needs(q *ViewQuery) { q.sessions = true }

func (EndSessions) judge(d *draft, t target) verdict {
	known := d.sessions != nil || d.live[d.actor.User] > 0
	if known && d.live[t.u.ID]+d.sessions[t.u.ID] == 0 {
		return skip(ReasonNoSession, "R6.5")
	}
	return allow()
}

func (EndSessions) apply(d *draft, t target) change {
	d.endSessions(t.m.ID, t.u)
	return change{after: "sessions ended"}
}

// Action is [ActionUnlock].
func (Unlock) Action() Action { return ActionUnlock }

func (Unlock) judge(d *draft, t target) verdict {
	if !t.u.Locked(d.env.Now) {
		return skip(ReasonNotLocked, "R6.10")
	}
	return allow()
}

func (Unlock) apply(_ *draft, t target) change {
	t.u.Failures, t.u.LockedUntil = 0, time.Time{}
	return change{before: "locked", after: "unlocked"}
}

// Action is [ActionResendInvitation].
func (ResendInvitation) Action() Action { return ActionResendInvitation }

func (ResendInvitation) judge(d *draft, t target) verdict {
	if v := (renewal{}).judge(d, t); !v.ok() {
		return v
	}
	for _, q := range d.senderQuotas() {
		if !d.room(q, 1) {
			return skip(ReasonResendLimit, "C5")
		}
	}
	return allow()
}

// renewal is a [ResendInvitation] as part of an [Invite], which has one answer for all that its sender's quotas
// have no room for.
type renewal struct{ ResendInvitation }

func (renewal) judge(d *draft, t target) verdict {
	if t.m.Status != StatusPending {
		return skip(ReasonNotPending, "R2.8")
	}
	return d.mayMailAgain(t.m.Address, t.m.SentAt, t.m.Sends)
}

func (ResendInvitation) apply(d *draft, t target) change {
	d.set(t.row, d.issueInvitation)
	d.mailInvitation(t.m)
	return change{after: "invitation mailed again"}
}

// mayMailAgain keeps one invitation or offer from being mailed too fast or too often (S-026), or to a domain
// since forbidden, where its link would open nothing (R2.11).
func (d *draft) mayMailAgain(to Address, sentAt time.Time, sends int) verdict {
	switch {
	case !d.org.now.allowsDomain(to):
		return verdict{Refused, ReasonDomain, "R2.11"}
	case d.env.Now.Before(sentAt.Add(d.policy.ResendCooldown)):
		return skip(ReasonCooldown, "C5")
	case sends >= d.policy.MaxSends, !d.room(d.policy.mailboxQuota(to, d.env.Now), 1):
		return skip(ReasonResendLimit, "C5")
	}
	return allow()
}
