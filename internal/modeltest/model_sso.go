package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Single sign-on: R2.20 to R2.30.

// group is what the provider's group gives (R2.27).
type group struct {
	admin  bool
	grants map[grant]bool
}

// mapping is a group as somebody asks for it.
type mapping struct {
	name   string
	admin  bool
	grants []grant
}

// sets is who may change these settings: the owner (R1.5); where there is none, the administrators.
func (m *model) sets(a actor, o *org) string {
	if o.owner == 0 {
		return m.admin(a, o)
	}
	return m.owner(a, o)
}

// setSSO has an owner-less organization name who gets in without it: somebody with a password, or who asks,
// who has come in without it.
func (m *model) setSSO(a actor, o *org, s sso, keeper int) result {
	if !s.On && (s.Strict || s.Mapping) {
		return invalidInput("required")
	}
	return m.call(a, o, fmt.Sprint("sso ", s, keeper), m.sets, func(res *result) string {
		if o.owner != 0 && keeper != 0 {
			return "invalid owner"
		}
		if o.owner != 0 || !s.On {
			keeper = 0
		} else {
			if keeper == 0 {
				keeper = o.keeper
			}
			if keeper == 0 {
				keeper = a.user
			}
			r := o.joined(keeper)
			switch {
			case keeper == o.keeper:
			case r == nil, !r.administers():
				return "invalid not_administrator"
			case !m.account(keeper).password && (keeper != a.user || o.sso.On):
				return "invalid password_required"
			}
		}
		if o.sso == s && o.keeper == keeper {
			return ""
		}
		o.sso, o.keeper = s, keeper
		if !s.On {
			o.ssoOff = m.now
		}
		return res.changed(1)
	})
}

func (m *model) setGroups(a actor, o *org, asked []mapping) result {
	seen := map[string]bool{}
	var bad []string
	for _, g := range asked {
		if seen[g.name] {
			bad = append(bad, "duplicate")
		}
		seen[g.name] = true
	}
	if bad != nil {
		return invalidInput(bad...)
	}
	return m.call(a, o, fmt.Sprint("groups ", asked), m.sets, func(res *result) string {
		now := map[string]group{}
		for _, g := range asked {
			grants := map[grant]bool{}
			for _, one := range g.grants {
				bad = append(bad, o.unknown([]access{{one.stack, []int{one.role}}})...)
				grants[one] = true
			}
			now[g.name] = group{g.admin, grants}
		}
		if bad != nil {
			return invalidInput(bad...).err
		}
		differ := 0
		for name := range maps.Keys(o.groups) {
			if _, still := now[name]; !still {
				differ++
			}
		}
		for name, g := range now {
			if was, there := o.groups[name]; !there || was.admin != g.admin || !maps.Equal(was.grants, g.grants) {
				differ++
			}
		}
		o.groups = now
		if differ == 0 {
			return ""
		}
		return res.changed(differ)
	})
}

// given is what somebody in these groups gets: the highest role, and all grants (R11.5).
func (o *org) given(names []string) (all group, some bool) {
	all.grants = map[grant]bool{}
	for _, n := range names {
		g, known := o.groups[n]
		some = some || known
		all.admin = all.admin || g.admin
		maps.Copy(all.grants, g.grants)
	}
	return all, some
}

// mayOwn: the owner gets in by a password, wherever a provider may be the only other way.
func (o *org) mayOwn(r *row, u *account) bool {
	return u == nil || u.password || !o.sso.On && (r == nil || r.subject == "")
}

// provider: the word of the organization's own is taken, while it uses single sign-on.
func (m *model) provider(_ actor, o *org) string {
	switch {
	case o.disabled:
		return "denied organization_disabled"
	case !o.sso.On:
		return "denied sso_disabled"
	}
	return ""
}

// signInSSO is what the provider says of somebody.
func (m *model) signInSSO(o *org, email, subject string, groups []string) result {
	key := strings.ToLower(email)
	return m.call(actor{}, o, "", m.provider, func(res *result) string {
		r := o.rows[key]
		for _, other := range o.rows {
			if other != r && other.subject == subject {
				return "denied sso_subject"
			}
		}
		switch {
		case r != nil && r.subject != "" && r.subject != subject:
			return "denied sso_subject"
		case r != nil && r.inactive:
			return "denied inactive"
		}
		mapped := o.sso.Mapping && (r == nil || o.ssoOnly(r))
		given, some := o.given(groups)
		switch {
		case mapped && !some: // R2.29
			return "denied sso_groups"
		case r == nil && !mapped:
			return "denied not_joined"
		}
		changed := false
		if r == nil || r.user == 0 {
			joined, err := m.joinBySSO(o, r, email, mapped, given)
			if err != "" {
				return err
			}
			r, changed = joined, true
		}
		changed = changed || r.subject != subject
		r.subject = subject
		if mapped {
			admin := given.admin
			if !admin && r.admin && o.stays(r) != "" {
				admin = true
				res.entries++ // what the groups were refused
			}
			changed = changed || admin != r.admin || !maps.Equal(given.grants, r.grants)
			r.admin, r.grants = admin, maps.Clone(given.grants)
		}
		if changed {
			res.entries++
		}
		u := m.account(r.user)
		u.lastLogin, m.registry[u.id] = m.now, m.now
		if u.epoch.Equal(m.now) { // joining ended what there was: the session is the first after it
			u.lastLogin = m.now.Add(time.Microsecond)
		}
		res.wrote = true
		return ""
	})
}

// joinBySSO takes in who is invited or in a group. An account that is proved, or belongs elsewhere, is not
// the provider's to take along (S-157); of the others nothing is left but the name (S-002).
func (m *model) joinBySSO(o *org, r *row, email string, mapped bool, given group) (*row, string) {
	key := strings.ToLower(email)
	if !o.allows(key) {
		return nil, "denied domain_not_allowed"
	}
	if r == nil {
		if err := o.room("seats", "users", len(o.rows), 1, o.users); err != "" {
			return nil, err
		}
		r = &row{id: m.number(), key: key, email: email, admin: given.admin, invitedAt: m.now}
	} else if !mapped {
		if err := m.invitedStill(o, r); err != "" {
			return nil, err
		}
	}
	u := m.accounts[key]
	if u != nil && (u.verified || slices.ContainsFunc(m.orgs, func(o *org) bool { return o.joined(u.id) != nil })) {
		return nil, "denied invitation_needed"
	}
	if err := o.seat(); err != "" {
		return nil, err
	}
	if u == nil {
		u = &account{id: m.number(), email: email, name: r.name}
		m.accounts[key] = u
	} else {
		m.distrust(u)
	}
	o.rows[key] = r
	m.join(o, r, u)
	return r, ""
}
