package modeltest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Section 4: the ownership, and what support does.

func (m *model) offerOwnership(a actor, o *org, email string, valid bool) result {
	if !valid {
		return invalidInput("syntax")
	}
	key := strings.ToLower(email)
	return m.call(a, o, "offer "+email, m.owner, func(res *result) string {
		switch r := o.rows[key]; {
		case o.joined(a.user).key == key: // R4.8
			return "invalid self"
		case !o.allows(key):
			return "invalid domain_not_allowed"
		case r != nil && r.inactive:
			return "invalid inactive"
		case r != nil && r.user != 0 && !o.mayOwn(r, m.account(r.user)): // R2.23
			return "invalid password_required"
		case o.offer != nil && o.offer.key == key && m.tooSoon(o.offer.email, o.offer.sentAt, o.offer.sends) != "":
			return "denied " + m.tooSoon(o.offer.email, o.offer.sentAt, o.offer.sends)
		case m.quota[m.today(email)] >= m.policy.PerMailbox: // S-026
			return "denied resend_limit"
		}
		sends := 0
		if o.offer != nil && o.offer.key == key { // C5
			sends = o.offer.sends
		}
		o.offer = &offer{key: key, email: email, by: a.user, at: m.now, sends: sends} // replaces an older one (R4.5)
		m.mailOffer(o)
		return res.changed(1)
	})
}

func (m *model) mailOffer(o *org) {
	o.offer.link, o.offer.sentAt, o.offer.expiresAt = m.op, m.now, m.now.Add(72*time.Hour)
	o.offer.sends++
	m.quota[m.today(o.offer.email)]++
	m.mail(o, "ownership_offer", o.offer.email, link{"ownership", o.id, 0, m.op})
}

func (m *model) resendOwnership(a actor, o *org) result {
	return m.call(a, o, "resend offer", m.owner, func(res *result) string {
		if o.offer == nil {
			return notFound
		}
		if !o.allows(o.offer.key) { // R2.11
			return "denied domain_not_allowed"
		}
		if why := m.tooSoon(o.offer.email, o.offer.sentAt, o.offer.sends); why != "" {
			return "denied " + why
		}
		m.mailOffer(o)
		return res.changed(1)
	})
}

func (m *model) cancelOwnership(a actor, o *org) result {
	return m.call(a, o, "cancel offer", m.owner, func(res *result) string {
		if o.offer == nil {
			return notFound
		}
		o.offer = nil
		return res.changed(1)
	})
}

// offered is the state behind an offer's link (R4.7).
func (m *model) offered(l link) string {
	switch o := m.orgs[l.org]; {
	case o.offer == nil, o.offer.link != l.op:
		return replaced
	case !m.now.Before(o.offer.expiresAt):
		return "expired link_expired"
	case o.offer.by != o.owner:
		return "expired offerer_not_owner"
	case !o.allows(o.offer.key):
		return "denied domain_not_allowed"
	}
	return ""
}

func (m *model) answerOwnership(l link, accept bool) result {
	if l.purpose != "ownership" {
		return result{err: malformed}
	}
	o := m.orgs[l.org]
	return m.call(actor{}, o, "", m.open, func(res *result) string {
		if err := m.offered(l); err != "" {
			return err
		}
		if !accept {
			o.offer = nil
			return res.changed(1)
		}
		u, r := m.accounts[o.offer.key], o.rows[o.offer.key]
		switch {
		case !o.mayOwn(r, u): // R2.23
			return "denied password_required"
		case u == nil, !u.verified: // Q20
			return "denied account_required"
		}
		if r == nil { // R4.6
			if err := o.room("seats", "users", len(o.rows), 1, o.users); err != "" {
				return err
			}
			r = &row{
				id: m.number(), key: o.offer.key, email: u.email,
				by: o.offer.by, byEmail: o.joined(o.offer.by).email, invitedAt: o.offer.at,
			}
			o.rows[r.key] = r
		}
		if r.user == 0 {
			if err := o.seat(); err != "" {
				return err
			}
			m.join(o, r, u)
		}
		m.handOver(o, r)
		return res.changed(2)
	})
}

// handOver makes the old owner a member, stacks and all (R4.1, Q21).
func (m *model) handOver(o *org, to *row) {
	from := o.joined(o.owner)
	from.admin, to.admin = false, true
	o.owner, o.offer = to.user, nil
	m.mail(o, "ownership_taken", from.email, link{})
}

func (m *model) restoreOwner(a actor, o *org, id int) result {
	return m.call(a, o, fmt.Sprint("restore ", id), anybody, func(res *result) string {
		switch r := o.row(id); {
		case o.owner == 0:
			return "invalid owner"
		case r == nil:
			return notFound
		case r.user == 0, r.inactive:
			return "invalid not_joined"
		case o.isOwner(r):
			return "invalid unchanged"
		case !o.mayOwn(r, m.account(r.user)):
			return "invalid password_required"
		default:
			m.handOver(o, r)
			return res.changed(2)
		}
	})
}

// createOrganization makes an organization with its owner first, or owner-less (R12.5). Accounts are
// made for whoever has none.
func (m *model) createOrganization(name string, ownerless bool, emails ...string) *org {
	m.op = m.number()
	o := &org{id: len(m.orgs), name: name, rows: map[string]*row{}, users: -1, places: -1, chain: 1 + len(emails)}
	m.orgs = append(m.orgs, o)
	for i, email := range emails {
		u := m.accounts[email]
		if u == nil {
			u = &account{id: m.number(), email: email}
			m.accounts[email] = u
		}
		r := &row{id: m.number(), key: email, email: u.email, admin: true, invitedAt: m.now}
		o.rows[email] = r
		m.join(o, r, u)
		if i == 0 && !ownerless {
			o.owner = u.id
		}
		if !u.password {
			m.mailReset(o, u, "activation", 7*24*time.Hour)
		}
	}
	return o
}

// The rest of support's door: what is set anew is recorded, what was so already is not.

func (m *model) operate(a actor, o *org, what string, change func() bool) result {
	return m.call(a, o, what, anybody, func(res *result) string {
		if change() {
			return res.changed(1)
		}
		return ""
	})
}

func (m *model) setDisabled(a actor, o *org, disabled bool) result {
	return m.operate(a, o, fmt.Sprint("disabled ", disabled), func() bool {
		was := o.disabled
		o.disabled = disabled
		return was != disabled
	})
}

func (m *model) setPlan(a actor, o *org, users, places int, over bool) result {
	return m.operate(a, o, fmt.Sprint("plan ", users, places, over), func() bool {
		same := o.users == users && o.places == places && o.over == over
		o.users, o.places, o.over = users, places, over
		return !same
	})
}

func (m *model) setGates(a actor, o *org, closed []string) result {
	return m.operate(a, o, fmt.Sprint("gates ", closed), func() bool {
		was := o.closed
		o.closed = set(closed)
		return !slices.Equal(was, o.closed)
	})
}

func (m *model) renameOrganization(a actor, o *org, name string) result {
	if strings.TrimSpace(name) == "" {
		return invalidInput("required")
	}
	return m.operate(a, o, "name "+name, func() bool {
		was := o.name
		o.name = strings.TrimSpace(name)
		return was != o.name
	})
}

func set(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}
