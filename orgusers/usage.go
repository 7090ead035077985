package orgusers

import (
	"cmp"
	"slices"
	"strings"
)

// usageLines sets what is used beside what is allowed.
func usageLines(p *Plan, used map[Resource]int64) []Usage {
	for _, l := range p.Limits {
		if _, ok := used[l.Resource]; !ok {
			used[l.Resource] = 0
		}
	}
	lines := make([]Usage, 0, len(used))
	for r, n := range used {
		most, limited := p.Max(r)
		lines = append(lines, Usage{Resource: r, Used: n, Max: most, Limited: limited, Over: limited && n > most})
	}
	slices.SortFunc(lines, func(a, b Usage) int {
		return cmp.Or(cmp.Compare(usageRank(a.Resource), usageRank(b.Resource)), strings.Compare(string(a.Resource), string(b.Resource)))
	})
	return lines
}

func usageRank(r Resource) int {
	switch r {
	case ResourceUsers:
		return 0
	case ResourceStacks:
		return 1
	}
	return 2
}

// sortByName sorts without regard to case, ties by id.
func sortByName[T any](s []T, key func(*T) (name, id string)) {
	slices.SortFunc(s, func(a, b T) int {
		an, ai := key(&a)
		bn, bi := key(&b)
		return cmp.Or(strings.Compare(strings.ToLower(an), strings.ToLower(bn)), strings.Compare(ai, bi))
	})
}

// builtInRoles are the roles every organization has (R3.1), with the host's permissions.
func (p *Policy) builtInRoles() []StackRole {
	return []StackRole{
		{ID: RoleDeveloper, Name: "Developer", Permissions: slices.Clone(p.Developer)},
		{ID: RoleContentManager, Name: "Content Manager", Permissions: slices.Clone(p.ContentManager)},
	}
}
