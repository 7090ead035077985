package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Section 3: stacks and the roles on them. Settings, one's own account, the outbox and access.

func (o *org) stack(id int) *stack {
	for _, s := range o.stacks {
		if s.id == id {
			return s
		}
	}
	return nil
}

func (o *org) stackNamed(name string, except int) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(o.stacks, func(s *stack) bool { return s.id != except && strings.ToLower(s.name) == name })
}

func (m *model) createStack(a actor, o *org, name string) result {
	clean := strings.TrimSpace(name)
	if clean == "" {
		return invalidInput("required")
	}
	return m.call(a, o, "create stack "+name, m.admin, func(res *result) string {
		if err := o.room("limit", "stacks", len(o.stacks), 1, o.places); err != "" {
			return err
		}
		if o.stackNamed(clean, 0) {
			return "invalid duplicate"
		}
		res.made = m.number()
		o.stacks = append(o.stacks, &stack{res.made, a.user, clean}) // R3.1
		return res.changed(1)
	})
}

func (m *model) renameStack(a actor, o *org, id int, name string) result {
	clean := strings.TrimSpace(name)
	if clean == "" {
		return invalidInput("required")
	}
	may := func(a actor, o *org) string {
		if s := o.stack(id); s != nil && s.owner == a.user {
			return m.inside(a, o)
		}
		return m.admin(a, o)
	}
	return m.call(a, o, fmt.Sprint("rename stack ", id, name), may, func(res *result) string {
		s := o.stack(id)
		switch {
		case s == nil:
			return notFound
		case o.stackNamed(clean, id):
			return "invalid duplicate"
		case s.name == clean:
			return ""
		}
		s.name = clean
		return res.changed(1)
	})
}

// deleteStack is R3.9: by the stack's owner and the organization's, not by an admin.
func (m *model) deleteStack(a actor, o *org, id int) result {
	may := func(a actor, o *org) string {
		s := o.stack(id)
		switch err := m.inside(a, o); {
		case err != "", o.owner == a.user, s != nil && s.owner == a.user:
			return err
		case s == nil, s.owner == 0:
			return m.admin(a, o)
		}
		return "denied not_owner"
	}
	return m.call(a, o, fmt.Sprint("delete stack ", id), may, func(res *result) string {
		if o.stack(id) == nil {
			return notFound
		}
		o.stacks = slices.DeleteFunc(o.stacks, func(s *stack) bool { return s.id == id })
		return res.changed(1 + o.dropGrants(func(g grant) bool { return g.stack == id }))
	})
}

// dropGrants takes roles from everybody, and from the groups; it returns from how many of those.
func (o *org) dropGrants(gone func(grant) bool) (groups int) {
	drop := func(grants map[grant]bool) int {
		n := len(grants)
		maps.DeleteFunc(grants, func(g grant, _ bool) bool { return gone(g) })
		return n - len(grants)
	}
	for _, r := range o.rows {
		drop(r.grants)
	}
	for _, g := range o.groups {
		if drop(g.grants) > 0 {
			groups++
		}
	}
	return groups
}

// saveRole makes a role (id 0) or replaces one.
func (m *model) saveRole(a actor, o *org, id int, name string, perms []string) result {
	clean := strings.TrimSpace(name)
	folded := strings.ToLower(clean)
	var bad []string
	if clean == "" {
		bad = append(bad, "required")
	}
	if id < 0 {
		bad = append(bad, "built_in")
	}
	if bad != nil {
		return invalidInput(bad...)
	}
	return m.call(a, o, fmt.Sprint("save role ", id, name, perms), m.admin, func(res *result) string {
		var found *role
		for _, r := range o.roles {
			switch {
			case r.id == id:
				found = r
			case strings.ToLower(r.name) == folded:
				return "invalid duplicate"
			}
		}
		fresh := role{id, clean, strings.Join(set(perms), ",")}
		switch {
		case id == 0:
			fresh.id = m.number()
			o.roles = append(o.roles, &fresh)
		case found == nil:
			return notFound
		case *found == fresh:
			res.made = id
			return ""
		default:
			*found = fresh
		}
		res.made = fresh.id
		return res.changed(1)
	})
}

func (m *model) deleteRole(a actor, o *org, id int) result {
	if id < 0 {
		return invalidInput("built_in")
	}
	return m.call(a, o, fmt.Sprint("delete role ", id), m.admin, func(res *result) string {
		n := len(o.roles)
		o.roles = slices.DeleteFunc(o.roles, func(r *role) bool { return r.id == id })
		if len(o.roles) == n {
			return notFound
		}
		return res.changed(1 + o.dropGrants(func(g grant) bool { return g.role == id }))
	})
}

// setDomains is R2.11; a domain is refused as none if it has no dot.
func (m *model) setDomains(a actor, o *org, domains []string) result {
	var bad, clean []string
	for _, d := range domains {
		if !strings.Contains(d, ".") {
			bad = append(bad, "syntax")
		}
		clean = append(clean, strings.ToLower(d))
	}
	if bad != nil {
		return invalidInput(bad...)
	}
	return m.call(a, o, fmt.Sprint("domains ", domains), m.admin, func(res *result) string {
		if slices.Equal(o.domains, set(clean)) {
			return ""
		}
		o.domains = set(clean)
		return res.changed(1)
	})
}

func (m *model) renameSelf(a actor, n name) result {
	u := m.account(a.user)
	switch {
	case n.First == "":
		return invalidInput("required")
	case u == nil:
		return result{err: notFound}
	case !a.signedIn.After(u.epoch), !m.active(a.user):
		return result{err: "denied session_ended"}
	}
	u.name = n
	return result{}
}

// resetPassword is a new password by a mailed link (R7.3, C3).
func (m *model) resetPassword(l link) result {
	m.op = m.number()
	u := m.account(l.subject)
	switch {
	case l.purpose != "password":
		return result{err: malformed}
	case u == nil, u.reset.op != l.op, !m.active(u.id):
		return result{err: replaced}
	case !m.now.Before(u.reset.until):
		return result{err: "expired link_expired"}
	}
	u.password, u.verified, u.mustReset, u.lockedUntil = true, true, false, time.Time{}
	u.reset, u.mfaReset.op = ticket{}, 0
	m.endSessions(u)
	m.mail(nil, "password_changed", u.email, link{})
	return result{}
}

// signIn is somebody signing in, as the host tells it.
func (m *model) signIn(user int) {
	if u := m.account(user); u != nil {
		u.lastLogin = m.now
		m.sessions[user] = m.now
	}
}

// dispatch carries out what is due; nothing is mailed that is void by then, and what the mailer does
// not take is tried again later and later. It returns what was mailed.
func (m *model) dispatch(down bool) (sent []effect) {
	var later []effect
	for _, e := range m.outbox {
		switch {
		case m.now.Before(e.due):
			later = append(later, e)
		case e.user != 0:
			if began, some := m.sessions[e.user]; some && !began.After(e.until) {
				delete(m.sessions, e.user)
			}
		case m.void(e.link):
		case e.link.op != 0 && e.from != nil && e.from.disabled:
			e.due = m.now.Add(time.Hour) // works again when the organization does
			later = append(later, e)
		case down:
			e.due = m.now.Add(min(time.Minute<<e.tries, 6*time.Hour))
			e.tries++
			later = append(later, e)
		default:
			sent = append(sent, e)
		}
	}
	m.outbox = later
	return sent
}

func (m *model) void(l link) bool {
	u := m.account(l.subject)
	switch l.purpose {
	case "invitation":
		_, err := m.invited(l)
		return err != ""
	case "ownership":
		return m.offered(l) != ""
	case "password":
		return u == nil || !m.active(u.id) || u.reset.op != l.op || !m.now.Before(u.reset.until)
	case "mfa":
		return u == nil || !m.active(u.id) || u.mfaReset.op != l.op || !m.now.Before(u.mfaReset.until)
	}
	return false
}

// access is what the host's middleware is told: an error, or what the person is in the organization,
// and on which stacks what.
func (m *model) access(a actor, o *org) string {
	if err := m.member(a, o); err != "" {
		return err
	}
	r := o.joined(a.user)
	if o.ssoOnly(r) && !a.signedIn.After(o.ssoOff) {
		return "denied session_ended"
	}
	out := "member"
	switch {
	case o.isOwner(r):
		out = "owner"
	case r.admin:
		out = "admin"
	}
	for _, s := range o.stacks {
		var perms []string
		some := s.owner == a.user
		for g := range r.grants {
			if g.stack == s.id {
				some = true
				perms = append(perms, strings.Split(o.permissions(g.role), ",")...)
			}
		}
		if s.owner == a.user {
			perms = []string{"all"}
		}
		if some {
			out += fmt.Sprintf(" %d:%s", s.id, strings.Trim(strings.Join(set(perms), ","), ","))
		}
	}
	return out
}

func (o *org) permissions(id int) string {
	for _, r := range o.roles {
		if r.id == id {
			return r.perms
		}
	}
	switch id {
	case developer:
		return "content:publish,content:read,content:write,schema:write,settings:write"
	case contentManager:
		return "content:publish,content:read,content:write"
	}
	return ""
}
