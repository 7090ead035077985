package orgusers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SetAllowedDomains is the command behind [Admin.SetAllowedDomains].
type SetAllowedDomains struct {
	Org     OrgID
	Domains []string
}

// Action is [ActionSetDomains].
func (SetAllowedDomains) Action() Action { return ActionSetDomains }

func (c SetAllowedDomains) validate(*Policy) []FieldError {
	_, bad := cleanDomains(c.Domains)
	return bad
}

func (c SetAllowedDomains) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}}
}

func (SetAllowedDomains) authorize(d *draft) *Error { return d.byAdministrator() } // R1.6

func (c SetAllowedDomains) decide(d *draft) error {
	domains, _ := cleanDomains(c.Domains)
	s := &d.org.now.Settings
	if slices.Equal(s.AllowedDomains, domains) {
		return nil
	}
	d.record(note{before: strings.Join(s.AllowedDomains, " "), after: strings.Join(domains, " ")})
	s.AllowedDomains = domains
	return nil
}

func cleanDomains(domains []string) ([]string, []FieldError) {
	if len(domains) > 30 {
		return nil, []FieldError{{Field: "domains", Reason: ReasonTooMany, Message: "at most 30 domains"}} // R2.11
	}
	var out []string
	var bad []FieldError
	for i, s := range domains {
		domain, reason := parseDomain(s)
		if reason != "" {
			bad = append(bad, FieldError{Field: fmt.Sprintf("domains[%d]", i), Reason: reason, Message: "is not a domain name"})
			continue
		}
		out = append(out, domain)
	}
	slices.Sort(out)
	return slices.Compact(out), bad
}

// SetSSO is the command behind [Admin.SetSSO].
type SetSSO struct {
	Org OrgID
	SSO SSO
}

// Action is [ActionSetSSO].
func (SetSSO) Action() Action { return ActionSetSSO }

func (c SetSSO) validate(*Policy) []FieldError {
	var bad []FieldError
	if !c.SSO.Enabled && (c.SSO.Strict || c.SSO.RoleMapping) {
		bad = append(bad, FieldError{Field: "sso", Reason: ReasonRequired, Message: "strict mode and role mapping need single sign-on enabled"})
	}
	if v := c.SSO.SessionMax; v != 0 && (v < time.Hour || v > day) || v%time.Second != 0 {
		bad = append(bad, FieldError{Field: "sso.session_max", Reason: ReasonRange, Message: "must be 1h to 24h in whole seconds, or 0"}) // R2.26
	}
	return bad
}

func (c SetSSO) query(a Actor) ViewQuery {
	q := ViewQuery{Org: c.Org, Joined: []UserID{a.User}}
	if keeper := c.SSO.Keeper; keeper != "" && keeper != a.User {
		q.Joined = append(q.Joined, keeper)
	}
	return q
}

// authorize: the owner (R1.5); where there is none, the administrators.
func (SetSSO) authorize(d *draft) *Error {
	if d.org.was != nil && d.org.was.OwnerID == "" {
		return d.byAdministrator()
	}
	return d.byOwner()
}

func (c SetSSO) decide(d *draft) error {
	s := &d.org.now.Settings
	sso := c.SSO
	var err error
	if sso.Keeper, err = c.keeper(d); err != nil {
		return err
	}
	sso.ValidFrom = s.SSO.ValidFrom
	if s.SSO == sso {
		return nil
	}
	if !sso.Enabled { // of what is switched on again, nothing comes back
		sso.ValidFrom = later(d.env.Now, s.SSO.ValidFrom.Add(time.Microsecond))
	}
	d.record(note{before: s.SSO.describe(), after: sso.describe()})
	s.SSO = sso
	return nil
}

// keeper is the [SSO.Keeper] from now on. One who is named anew is an active administrator and has
// credentials: a password, or this very session that began without the provider.
func (c SetSSO) keeper(d *draft) (UserID, error) {
	was, to := d.org.now.Settings.SSO.Keeper, c.SSO.Keeper
	wrong := func(r Reason, message string) (UserID, error) {
		return "", invalid(FieldError{Field: "sso.keeper", Reason: r, Message: message})
	}
	switch {
	case d.org.now.OwnerID != "" && to != "":
		return wrong(ReasonOwner, "is the owner, where there is one")
	case d.org.now.OwnerID != "" || !c.SSO.Enabled:
		return "", nil
	}
	to = cmp.Or(to, was, d.self.User)
	if to == was {
		return to, nil // who cannot have gone meanwhile
	}
	r := d.byUser.get(to)
	if r == nil || !r.now.Administers() {
		return wrong(ReasonNotAdministrator, "must be an active administrator here")
	}
	u := d.account(r.now)
	if (u == nil || u.Password == "") && (to != d.self.User || d.actor.SSO != "") {
		return wrong(ReasonPasswordRequired, ReasonPasswordRequired.Text())
	}
	return to, nil
}

// SetSecurity is the command behind [Admin.SetSecurity].
type SetSecurity struct {
	Org      OrgID
	Security Security
}

// Action is [ActionSetSecurity].
func (SetSecurity) Action() Action { return ActionSetSecurity }

func (c SetSecurity) validate(p *Policy) []FieldError {
	var bad []FieldError
	out := func(field, message string) {
		bad = append(bad, FieldError{Field: "security." + field, Reason: ReasonRange, Message: message})
	}
	if n := c.Security.MinPassword; n != 0 && (n < leastMinPassword || n > 64) {
		out("min_password", "must be 8 to 64, or 0")
	}
	if v := c.Security.SessionIdle; v != 0 && (v < time.Minute || v > p.SessionIdle) || v%time.Second != 0 {
		out("session_idle", fmt.Sprintf("must be 1m to %s in whole seconds, or 0", p.SessionIdle))
	}
	if v := c.Security.SessionMax; v != 0 && (v < time.Minute || v > p.SessionMax) || v%time.Second != 0 {
		out("session_max", fmt.Sprintf("must be 1m to %s in whole seconds, or 0", p.SessionMax))
	}
	return bad
}

func (c SetSecurity) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}}
}

func (SetSecurity) authorize(d *draft) *Error { return d.byAdministrator() } // R1.6

// decide refuses to enforce a second factor to whoever has none, or not in this session, who would be
// locked out by it.
func (c SetSecurity) decide(d *draft) error {
	s := &d.org.now.Settings
	if s.Security == c.Security {
		return nil
	}
	before := s.Security
	s.Security = c.Security
	if err := fitting(d.org.now, d.self, &d.actor, d.account(d.self).MFA.Enrolled()); err != nil {
		return err
	}
	d.record(note{before: fmt.Sprintf("%+v", before), after: fmt.Sprintf("%+v", c.Security)})
	return nil
}
