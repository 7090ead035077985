package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// invitation is a filled-in form.
type invitation struct {
	to                       []piece
	role                     string
	access                   []access
	withoutSSO, allOrNothing bool
}

// piece is one piece of the pasted list: an address as spelled, or something that is none.
type piece struct {
	email string
	name  name
	bad   bool
}

func (p piece) String() string { return strings.TrimSpace(p.name.String() + " " + p.email) }

// mailbox is what floods are counted by (C9): different addresses may share one.
func mailbox(email string) string {
	local, domain, _ := strings.Cut(strings.ToLower(email), "@")
	local, _, _ = strings.Cut(local, "+")
	return strings.ReplaceAll(local, ".", "") + "@" + domain
}

// invite is section 2.
func (m *model) invite(a actor, o *org, inv invitation) result {
	var bad []string
	if len(inv.to) == 0 {
		bad = append(bad, "required")
	}
	if inv.role != "admin" && inv.role != "member" { // R1.3
		bad = append(bad, "role")
	}
	if bad = append(bad, repeated(inv.access)...); bad != nil {
		return invalidInput(bad...)
	}
	return m.call(a, o, fmt.Sprint("invite ", inv), m.admin, func(res *result) string {
		if slices.Contains(o.closed, "invite") {
			return "gate"
		}
		if bad := o.unknown(inv.access); bad != nil {
			return invalidInput(bad...).err
		}
		verdicts, err := m.judgeInvitation(a, o, inv)
		if err != "" {
			return err
		}
		for i, p := range inv.to {
			if !p.bad {
				r := o.rows[strings.ToLower(p.email)]
				if verdicts[i] == "applied" {
					r = &row{id: m.number(), key: strings.ToLower(p.email), email: p.email, name: p.name}
					o.rows[r.key] = r
				}
				if strings.HasPrefix(verdicts[i], "applied") { // Q4
					r.admin, r.withoutSSO, r.grants = inv.role == "admin", inv.withoutSSO, replaceGrants(r.grants, inv.access)
					m.mailInvitation(a, o, r)
					res.wrote = true
				}
			}
			res.people = append(res.people, p.email+" "+verdicts[i])
			res.entries++
		}
		return ""
	})
}

// judgeInvitation says how it will end for each address; err is for what refuses the whole call (Q5).
// The quotas (C5, S-026) count addresses, not calls (S-155), and only those that are mailed: of one
// mailbox in a day over all organizations, and of one actor in an hour.
func (m *model) judgeInvitation(a actor, o *org, inv invitation) (verdicts []string, err string) {
	fresh, mails := 0, 0
	seen, boxes := map[string]bool{}, map[string]int{}
	var refused []string
	for _, p := range inv.to {
		key, box := strings.ToLower(p.email), m.today(p.email)
		v, r := "applied", o.rows[key]
		full := m.quota[box]+boxes[box] >= m.policy.PerMailbox
		switch {
		case p.bad:
			v = "refused syntax"
		case seen[key]:
			v = "skipped duplicate"
		case !o.allows(key):
			v = "refused domain_not_allowed"
		case r != nil && r.user != 0: // Q3
			v = "skipped already_member"
		case r != nil && m.renew(a, o, inv, r) != "applied":
			v = m.renew(a, o, inv, r)
		case r != nil && full:
			v = "skipped resend_limit"
		case r != nil:
			v = "applied renewed"
		case full:
			v = "refused resend_limit"
		default:
			fresh++
		}
		seen[key] = true
		verdicts = append(verdicts, v)
		if why, bad := strings.CutPrefix(v, "refused "); bad {
			refused = append(refused, why)
		} else if strings.HasPrefix(v, "applied") {
			boxes[box]++
			mails++
		}
	}
	if inv.allOrNothing && refused != nil {
		return nil, invalidInput(refused...).err
	}
	if err := o.room("seats", "users", len(o.rows), fresh, o.users); err != "" {
		return nil, err
	}
	if used := m.quota[m.thisHour(a.user, o)]; mails > 0 && used+mails > m.policy.PerHour {
		return nil, fmt.Sprintf("limit invitations %d+%d>%d", used, mails, m.policy.PerHour)
	}
	return verdicts, ""
}

// renew is Q4: a new mail, and the changes that the invitation makes, each by its own rules.
func (m *model) renew(a actor, o *org, inv invitation, r *row) string {
	for _, p := range []operation{
		{kind: "resend", renews: true}, {kind: "set_role", role: inv.role}, {kind: "set_without_sso", allow: inv.withoutSSO}, {kind: "set_stacks", access: inv.access},
	} {
		switch {
		case p.is("set_role") && r.admin == (inv.role == "admin"), p.is("set_without_sso") && r.withoutSSO == inv.withoutSSO,
			p.is("set_stacks") && maps.Equal(r.grants, replaceGrants(r.grants, inv.access)):
			continue
		case slices.Contains(o.closed, p.kind): // R6.3
			return "refused switched_off"
		}
		if v := m.judge(o.joined(a.user), o, p, r, false); v != "applied" {
			return v
		}
	}
	return "applied"
}

func (m *model) today(email string) string { return mailbox(email) + m.now.Format(" 2006-01-02") }

func (m *model) thisHour(user int, o *org) string {
	return fmt.Sprint(o.id, " ", user, m.now.Format(" 2006-01-02 15"))
}

// invited is the state behind an invitation's link: the newest one of somebody still pending, in
// time, not to a domain since forbidden, and by somebody who may still invite.
func (m *model) invited(l link) (*row, string) {
	o := m.orgs[l.org]
	r := o.row(l.subject)
	switch {
	case r == nil, r.user != 0, r.link != l.op:
		return nil, replaced
	}
	if err := m.invitedStill(o, r); err != "" {
		return nil, err
	}
	return r, ""
}

func (m *model) invitedStill(o *org, r *row) string {
	switch {
	case !r.expiresAt.IsZero() && !m.now.Before(r.expiresAt):
		return "expired link_expired"
	case !o.allows(r.key):
		return "denied domain_not_allowed"
	}
	if by := o.joined(r.by); by == nil || !by.administers() {
		return "expired inviter_gone"
	}
	return ""
}

// accept takes the invited person in, by the account of the invited address (S-001); one that nobody
// has proved to own keeps nothing that could let another in (S-002).
func (m *model) accept(l link, given name, password bool) result {
	if l.purpose != "invitation" {
		return result{err: malformed}
	}
	o := m.orgs[l.org]
	return m.call(actor{}, o, "", m.open, func(res *result) string {
		r, err := m.invited(l)
		if err != "" {
			return err
		}
		u := m.accounts[r.key]
		proved, needsName := u != nil && u.verified, u == nil || u.name == name{}
		if !proved {
			var bad []string
			if needsName && given.First == "" {
				bad = append(bad, "required")
			}
			if !o.ssoOnly(r) && !password {
				bad = append(bad, "required")
			}
			if bad != nil {
				return invalidInput(bad...).err
			}
		}
		if err := o.seat(); err != "" {
			return err
		}
		if !proved {
			if u == nil {
				u = &account{id: m.number(), email: r.email}
				m.accounts[r.key] = u
			} else {
				m.distrust(u)
			}
			if needsName {
				u.name = given
			}
			u.verified, u.password = true, password
		}
		m.join(o, r, u)
		return res.changed(1)
	})
}

// distrust leaves nothing that could let another one into an account that nobody has proved (S-002).
func (m *model) distrust(u *account) {
	u.password, u.mfa, u.mustReset = false, false, false
	u.lockedUntil = time.Time{} // of tries before the account was theirs
	u.reset.op, u.mfaReset.op = 0, 0
	m.endSessions(u)
}

// seat is S-028: the plan may have shrunk since somebody was invited, who then goes on waiting.
func (o *org) seat() string { return o.room("seats", "users", o.members(), 1, o.users) }

func (m *model) join(o *org, r *row, u *account) {
	r.user, r.joinedAt, r.validFrom, r.link, r.expiresAt = u.id, m.now, o.left, 0, time.Time{}
}

func (m *model) decline(l link) result {
	if l.purpose != "invitation" {
		return result{err: malformed}
	}
	o := m.orgs[l.org]
	return m.call(actor{}, o, "", m.open, func(res *result) string {
		r, err := m.invited(l)
		if err != "" {
			return err
		}
		m.expel(o, r)
		return res.changed(1)
	})
}

// leave is R1.13.
func (m *model) leave(a actor, o *org) result {
	return m.call(a, o, "leave", m.member, func(res *result) string {
		switch r := o.joined(a.user); {
		case o.isOwner(r):
			return "denied owner_must_transfer"
		case o.idp(r):
			return "denied idp_managed"
		case o.stays(r) != "":
			return "denied " + o.stays(r)
		default:
			m.expel(o, r)
			return res.changed(1)
		}
	})
}

// mailInvitation voids the older link (Q2); whoever sends last is the inviter.
func (m *model) mailInvitation(a actor, o *org, r *row) {
	r.link, r.sentAt, r.invitedAt, r.by, r.byEmail = m.op, m.now, m.now, a.user, o.joined(a.user).email
	r.sends++
	m.quota[m.today(r.email)]++
	m.quota[m.thisHour(a.user, o)]++
	r.expiresAt = m.now.Add(7 * 24 * time.Hour) // Q1
	if m.policy.NeverExpire {
		r.expiresAt = time.Time{}
	}
	m.mail(o, "invitation", r.email, link{"invitation", o.id, r.id, m.op})
}

// tooSoon is C5: a minute between two mails, and not too many in all, or to the mailbox in a day (S-026).
func (m *model) tooSoon(email string, sentAt time.Time, sends int) string {
	switch {
	case m.now.Before(sentAt.Add(time.Minute)):
		return "cooldown"
	case sends >= m.policy.MaxSends, m.quota[m.today(email)] >= m.policy.PerMailbox:
		return "resend_limit"
	}
	return ""
}
