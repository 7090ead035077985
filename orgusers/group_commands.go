package orgusers

import (
	"fmt"
	"slices"
	"strings"
)

// SetGroups is the command behind [Admin.SetGroups].
type SetGroups struct {
	Org    OrgID
	Groups []GroupRole
}

// Action is [ActionSetGroups].
func (SetGroups) Action() Action { return ActionSetGroups }

func (c SetGroups) validate(*Policy) []FieldError {
	const mostGrants = 1000 // they are read with the organization
	var bad []FieldError
	add := func(r Reason, message, format string, args ...any) {
		bad = append(bad, FieldError{Field: fmt.Sprintf(format, args...), Reason: r, Message: message})
	}
	seen, grants := make(map[string]bool), 0
	for i, g := range c.Groups {
		if fe := checkExact(fmt.Sprintf("groups[%d].group", i), g.Group); fe != nil {
			bad = append(bad, *fe)
		}
		if seen[g.Group] {
			add(ReasonDuplicate, "the group is named twice", "groups[%d].group", i)
		}
		if !g.Role.Valid() {
			add(ReasonRole, "must be admin or member; ownership is only transferred", "groups[%d].role", i)
		}
		seen[g.Group] = true
		grants += len(g.Grants)
	}
	if len(c.Groups) > 100 {
		add(ReasonTooMany, "at most 100 groups", "groups")
	}
	if grants > mostGrants {
		add(ReasonTooMany, fmt.Sprintf("at most %d stack roles in all groups together", mostGrants), "groups")
	}
	return bad
}

func (c SetGroups) query(a Actor) ViewQuery {
	q := ViewQuery{Org: c.Org, Joined: []UserID{a.User}, Roles: true}
	for _, g := range c.Groups {
		for _, grant := range g.Grants {
			q.Stacks = append(q.Stacks, grant.Stack)
		}
	}
	return q
}

func (SetGroups) authorize(d *draft) *Error { return SetSSO{}.authorize(d) }

func (c SetGroups) decide(d *draft) error {
	var bad []FieldError
	var groups []GroupRole
	for i, g := range c.Groups {
		for j, grant := range g.Grants {
			field := fmt.Sprintf("groups[%d].grants[%d]", i, j)
			bad = append(bad, d.unknownStack(field+".stack", grant.Stack)...)
			bad = append(bad, d.unknownRole(field+".role", grant.Role)...)
		}
		g.Grants = SortGrants(slices.Clone(g.Grants))
		groups = append(groups, g)
	}
	if bad != nil {
		return invalid(bad...)
	}
	slices.SortFunc(groups, func(a, b GroupRole) int { return strings.Compare(a.Group, b.Group) })
	d.regroup(groups)
	return nil
}

// regroup replaces the mapping and writes an entry for each group that differs.
func (d *draft) regroup(groups []GroupRole) {
	s := &d.org.now.Settings
	was := make(map[string]*GroupRole, len(s.Groups))
	for i := range s.Groups {
		was[s.Groups[i].Group] = &s.Groups[i]
	}
	for i := range groups {
		g := &groups[i]
		if before := was[g.Group]; before == nil || !sameGroup(*before, *g) {
			d.record(note{action: ActionSetGroups, object: g.Group, before: describeGroup(before), after: describeGroup(g)})
		}
		delete(was, g.Group)
	}
	for i := range s.Groups {
		if g := was[s.Groups[i].Group]; g != nil {
			d.record(note{action: ActionSetGroups, object: g.Group, before: describeGroup(g)})
		}
	}
	s.Groups = groups
}

// ungroup takes the grants that are no longer there out of the mapping: whoever deletes a stack or a
// role calls it.
func (d *draft) ungroup(gone func(Grant) bool) {
	groups := slices.Clone(d.org.now.Settings.Groups)
	for i := range groups {
		groups[i].Grants = slices.DeleteFunc(slices.Clone(groups[i].Grants), gone)
	}
	d.regroup(groups)
}

func describeGroup(g *GroupRole) string {
	if g == nil {
		return ""
	}
	return strings.TrimSpace("role=" + string(g.Role) + " " + describeGrants(g.Grants))
}
