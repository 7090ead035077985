package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// operation is one of the fourteen, by its name without the part before the dot.
type operation struct {
	kind   string
	role   string   // set_role
	access []access // set_stacks
	name   name     // rename
	allow  bool     // set_without_sso
	renews bool     // resend, as part of an invitation
}

func (p operation) is(kinds ...string) bool { return slices.Contains(kinds, p.kind) }

// apply is section 6.
func (m *model) apply(a actor, o *org, p operation, ids []int) result {
	var bad []string
	switch {
	case p.is("set_role") && p.role != "admin" && p.role != "member":
		bad = append(bad, "role")
	case p.is("set_stacks") && len(p.access) == 0, p.is("rename") && p.name.First == "":
		bad = append(bad, "required")
	}
	if p.is("set_stacks") {
		bad = append(repeated(p.access), bad...)
	}
	var chosen []int // R6.12
	for _, id := range ids {
		if !slices.Contains(chosen, id) {
			chosen = append(chosen, id)
		}
	}
	switch {
	case len(chosen) == 0:
		bad = append(bad, "required")
	case len(chosen) > 10: // R6.1
		bad = append(bad, "too_many")
	}
	if bad != nil {
		return invalidInput(bad...)
	}
	return m.call(a, o, fmt.Sprint(p, ids), m.admin, func(res *result) string {
		if slices.Contains(o.closed, p.kind) { // R6.3
			return "gate"
		}
		if bad := o.unknown(p.access); bad != nil {
			return invalidInput(bad...).err
		}
		me := o.joined(a.user)
		spoiled := false
		if p.is("unlock") && !m.policy.UnlockSkips { // R6.10
			for _, id := range chosen {
				spoiled = spoiled || m.judge(me, o, p, o.row(id), len(chosen) == 1) != "applied"
			}
		}
		for _, id := range chosen {
			r := o.row(id)
			verdict := m.judge(me, o, p, r, len(chosen) == 1)
			switch {
			case spoiled && verdict == "applied":
				verdict = "refused others_not_unlockable"
			case spoiled:
				verdict = "refused" + verdict[strings.IndexByte(verdict, ' '):]
			}
			email := ""
			if r != nil {
				email = r.email
			}
			res.people = append(res.people, email+" "+verdict)
			if verdict == "applied" {
				m.carryOut(a, o, p, r)
				res.wrote = true
			}
			if verdict != "applied unchanged" {
				res.entries++
			}
		}
		return ""
	})
}

// judge is the table of section 6 and the matrix of section 1.
func (m *model) judge(me *row, o *org, p operation, r *row, alone bool) string {
	if r == nil {
		return "refused not_found"
	}
	u := m.account(r.user)
	self := r == me
	cutsOff := p.is("remove", "deactivate", "reactivate", "delete", "unlock", "set_without_sso")
	own := p.is("rename", "force_password_reset", "reset_mfa", "end_sessions", "unlink_sso")
	onAccount := own || p.is("deactivate", "reactivate", "delete", "unlock")
	mails := p.is("force_password_reset", "reset_mfa")
	switch {
	case self && (p.is("end_sessions") || cutsOff && alone): // R6.5, R1.16
		return "refused self"
	case self && (cutsOff || p.is("set_role") && !alone):
		return "skipped self"
	case o.isOwner(r) && (cutsOff || p.is("set_role") || own && !self): // R1.14, Q8
		return "skipped owner"
	case m.policy.PeersProtected && !o.isOwner(me) && r.admin && !self && !p.is("set_stacks", "unlock", "resend"): // Q7
		return "skipped not_owner"
	case onAccount && r.user == 0:
		return "skipped pending"
	case (mails || p.is("end_sessions")) && r.inactive: // Q23
		return "skipped inactive"
	case p.is("remove", "set_role", "set_stacks", "delete") && o.idp(r): // R2.28
		return "skipped idp_managed"
	case mails && o.ssoOnly(r): // Q19
		return "skipped sso_managed"
	case mails && r.subject != "" && m.several(r.user): // S-002
		return "skipped several_organizations"
	case p.is("delete", "rename", "end_sessions", "unlock", "unlink_sso") && m.several(r.user): // R6.5, S-073
		return "skipped several_organizations"
	case p.is("remove", "deactivate", "delete") && o.stays(r) != "":
		return "skipped " + o.stays(r)
	}
	switch p.kind {
	case "set_role":
		switch {
		case r.admin == (p.role == "admin"):
			return "applied unchanged"
		case o.stays(r) != "":
			return "skipped " + o.stays(r)
		}
	case "set_stacks":
		if maps.Equal(r.grants, replaceGrants(r.grants, p.access)) {
			return "applied unchanged"
		}
	case "deactivate", "reactivate":
		if r.inactive == p.is("deactivate") {
			return "applied unchanged"
		}
	case "rename":
		if u.name == p.name {
			return "applied unchanged"
		}
	case "force_password_reset":
		if why := m.resetTooSoon(p.kind, u, u.reset); why != "" {
			return "skipped " + why
		}
	case "reset_mfa": // R7.11
		switch {
		case m.policy.ImmediateMFA && self:
			return "refused self"
		case m.policy.ImmediateMFA && m.several(r.user):
			return "skipped several_organizations"
		case !u.mfa:
			return "skipped mfa_not_enabled"
		}
		if why := m.resetTooSoon(p.kind, u, u.mfaReset); !m.policy.ImmediateMFA && why != "" {
			return "skipped " + why
		}
	case "end_sessions":
		_, some := m.sessions[r.user]
		known := m.policy.HostSessions || m.live(me.user) // R6.5
		if known && !m.live(r.user) && (!m.policy.HostSessions || !some) {
			return "skipped no_active_session"
		}
	case "set_without_sso":
		if r.withoutSSO == p.allow {
			return "applied unchanged"
		}
	case "unlink_sso":
		if r.subject == "" {
			return "applied unchanged"
		}
	case "unlock":
		if !m.now.Before(u.lockedUntil) {
			return "skipped not_locked"
		}
	case "resend":
		if r.user != 0 {
			return "skipped not_pending"
		}
		if !o.allows(r.key) { // R2.11
			return "refused domain_not_allowed"
		}
		if why := m.tooSoon(r.email, r.sentAt, r.sends); why != "" {
			return "skipped " + why
		}
		if !p.renews && m.quota[m.thisHour(me.user, o)] >= m.policy.PerHour { // S-026
			return "skipped resend_limit"
		}
	}
	return "applied"
}

func (m *model) carryOut(a actor, o *org, p operation, r *row) {
	u := m.account(r.user)
	switch p.kind {
	case "remove":
		m.expel(o, r)
	case "delete": // R12.6
		m.expel(o, r)
		for email, who := range m.accounts {
			if who == u {
				delete(m.accounts, email)
			}
		}
	case "set_role":
		r.admin = p.role == "admin"
	case "set_stacks":
		r.grants = replaceGrants(r.grants, p.access)
	case "deactivate": // R12.2, S-073, S-090
		r.inactive, r.validFrom = true, m.now
		o.lapse(r)
		if !m.several(r.user) {
			m.endSessions(u)
			u.reset.op, u.mfaReset.op = 0, 0
		}
	case "reactivate":
		r.inactive = false
	case "rename":
		u.name = p.name
	case "force_password_reset": // R6.6, Q18
		u.mustReset = true
		m.mailReset(o, u, "password_reset", 24*time.Hour)
		u.reset.sent = m.now
		m.countReset(p.kind, u)
		if m.policy.EndOnReset && !m.several(r.user) && r.user != a.user {
			m.endSessions(u)
		}
	case "reset_mfa": // Q15, Q16
		if m.policy.ImmediateMFA {
			u.mfa, u.mfaReset = false, ticket{}
			m.mail(o, "mfa_removed", u.email, link{})
			m.endSessions(u)
			return
		}
		u.mfaReset = ticket{m.op, m.now, m.now.Add(time.Hour)}
		m.countReset(p.kind, u)
		m.mail(o, "mfa_reset", u.email, link{"mfa", -1, u.id, m.op})
	case "end_sessions":
		m.endSessions(u)
	case "set_without_sso": // R2.21
		r.withoutSSO = p.allow
	case "unlink_sso":
		r.subject = ""
		m.endSessions(u)
	case "unlock":
		u.lockedUntil = time.Time{}
	case "resend":
		m.mailInvitation(a, o, r)
	}
}

// expel is every way out: stacks go to the owner (R3.7), an offer lapses (Q22), sessions end if the
// account belongs nowhere else (R5.6).
func (m *model) expel(o *org, r *row) {
	o.lapse(r)
	if r.user != 0 {
		for _, s := range o.stacks {
			if s.owner == r.user {
				s.owner = o.owner
			}
		}
		if !m.several(r.user) {
			m.endSessions(m.account(r.user))
		} else {
			o.left = m.now // S-015
		}
	}
	delete(o.rows, r.key)
}

func (o *org) lapse(r *row) {
	if o.offer != nil && o.offer.key == r.key {
		o.offer = nil
	}
}

func (m *model) mail(from *org, kind, to string, l link) {
	m.outbox = append(m.outbox, effect{kind: kind, to: to, from: from, link: l, due: m.now})
}

// live reports whether there is a session by an identity provider, which nobody uses and which so ends in an hour.
func (m *model) live(user int) bool {
	began, some := m.registry[user]
	return some && m.now.Before(began.Add(time.Hour))
}

func (m *model) endSessions(u *account) {
	u.epoch = m.now
	delete(m.registry, u.id)
	m.outbox = append(m.outbox, effect{kind: "sessions.end", user: u.id, until: m.now, due: m.now})
}

func (m *model) mailReset(o *org, u *account, kind string, life time.Duration) {
	u.reset = ticket{op: m.op, until: m.now.Add(life)}
	m.mail(o, kind, u.email, link{"password", -1, u.id, m.op})
}

// resetTooSoon is C5: a minute between two mails of a kind to an account, and not too many in an hour
// and a day, whatever organization they are from.
func (m *model) resetTooSoon(kind string, u *account, last ticket) string {
	hour, today := m.resets(kind, u)
	switch {
	case last.op != 0 && m.now.Before(last.sent.Add(time.Minute)):
		return "cooldown"
	case m.quota[hour] >= m.policy.Resets, m.quota[today] > m.policy.Resets:
		return "resend_limit"
	}
	return ""
}

func (m *model) countReset(kind string, u *account) {
	hour, today := m.resets(kind, u)
	m.quota[hour]++
	m.quota[today]++
}

func (m *model) resets(kind string, u *account) (hour, today string) {
	return fmt.Sprint(kind, u.id, m.now.Format(" 2006-01-02 15")), fmt.Sprint(kind, u.id, m.now.Format(" 2006-01-02"))
}

// allowed answers for everybody which operation is open to them alone, and why not.
func (m *model) allowed(a actor, o *org) (map[string]string, string) {
	out := map[string]string{}
	a.request = ""
	res := m.call(a, o, "", m.admin, func(*result) string {
		for _, r := range o.rows {
			for _, kind := range kinds() {
				p := operation{kind: kind, role: "admin", access: []access{{0, []int{developer}}}, name: name{First: "x"}, allow: !r.withoutSSO}
				if r.admin {
					p.role = "member"
				}
				verdict := m.judge(o.joined(a.user), o, p, r, true)
				if slices.Contains(o.closed, kind) {
					verdict = "switched_off"
				}
				out[r.key+" "+kind] = verdict
			}
		}
		return ""
	})
	return out, res.err
}

// kinds are the fourteen operations.
func kinds() []string {
	return []string{
		"remove", "set_role", "set_stacks", "deactivate", "reactivate", "delete", "rename", "force_password_reset",
		"reset_mfa", "end_sessions", "resend", "unlock", "set_without_sso", "unlink_sso",
	}
}
