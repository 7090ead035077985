package orgusers

import (
	"fmt"
	"slices"
)

// validateAccess checks what can be seen of stack roles without looking them up.
func validateAccess(access []StackAccess) []FieldError {
	var bad []FieldError
	seen := make(map[StackID]bool, len(access))
	for i, a := range access {
		field := fmt.Sprintf("stacks[%d]", i)
		switch {
		case a.Stack == "":
			bad = append(bad, FieldError{Field: field, Reason: ReasonRequired, Message: "the stack's id is missing"})
		case seen[a.Stack]:
			bad = append(bad, FieldError{Field: field, Reason: ReasonDuplicate, Message: "the stack is named twice"})
		}
		seen[a.Stack] = true
		if len(a.Roles) > 100 {
			bad = append(bad, FieldError{Field: field + ".roles", Reason: ReasonTooMany, Message: "at most 100 roles on one stack"})
		}
	}
	if len(access) > 500 {
		bad = append(bad, FieldError{Field: "stacks", Reason: ReasonTooMany, Message: "at most 500 stacks in one call"})
	}
	return bad
}

// unknownAccess lists the stacks and roles that this organization does not have.
func (d *draft) unknownAccess(access []StackAccess) []FieldError {
	var bad []FieldError
	for i, a := range access {
		bad = append(bad, d.unknownStack(fmt.Sprintf("stacks[%d]", i), a.Stack)...)
		for j, role := range a.Roles {
			bad = append(bad, d.unknownRole(fmt.Sprintf("stacks[%d].roles[%d]", i, j), role)...)
		}
	}
	return bad
}

// unknownStack names a stack that this organization does not have: another organization's is as unknown as a random
// one (S-018), and so is its role.
func (d *draft) unknownStack(field string, id StackID) []FieldError {
	if d.stack(id) != nil {
		return nil
	}
	return []FieldError{{Field: field, Reason: ReasonUnknown, Message: "no such stack"}}
}

func (d *draft) unknownRole(field string, id RoleID) []FieldError {
	if id == RoleDeveloper || id == RoleContentManager || d.stackRole(id) != nil {
		return nil
	}
	return []FieldError{{Field: field, Reason: ReasonUnknown, Message: "no such stack role"}}
}

// replaceGrants gives the named stacks exactly these roles and keeps the others (R3.3, R6.4).
func replaceGrants(have []Grant, access []StackAccess) []Grant {
	out := slices.DeleteFunc(slices.Clone(have), func(g Grant) bool {
		return slices.ContainsFunc(access, func(a StackAccess) bool { return a.Stack == g.Stack })
	})
	for _, a := range access {
		for _, role := range a.Roles {
			out = append(out, Grant{Stack: a.Stack, Role: role})
		}
	}
	return SortGrants(out)
}
