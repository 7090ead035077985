package orgusers

import (
	"slices"
	"time"
)

// Stack is a resource of an organization on which people get roles. Whoever creates it owns it and
// may do everything on it; when that person leaves the organization the organization's owner
// inherits it (R3.7). Organization roles alone give no access to a stack (R1.10).
type Stack struct {
	ID        StackID
	Org       OrgID
	Name      string // unique in the organization, compared without case
	Owner     UserID // empty only in an owner-less organization whose stack owner left
	CreatedAt time.Time
}

// Permission names something one may do on a stack. The host invents them: 1 to 64 characters of
// a-z, 0-9 and . _ : - (for example "entries:publish").
type Permission string

// Permissions of the built-in roles. Hosts may add to them in [Policy].
const (
	PermissionRead    Permission = "content:read"
	PermissionWrite   Permission = "content:write"
	PermissionPublish Permission = "content:publish"
	PermissionSchema  Permission = "schema:write"
	PermissionDeploy  Permission = "settings:write"
)

// The built-in roles (R3.1). They exist in every organization and cannot be changed or deleted.
const (
	RoleDeveloper      RoleID = "developer"
	RoleContentManager RoleID = "content_manager"
)

// StackRole is a named set of permissions, given to people per stack. Custom roles belong to the
// organization and can be used on each of its stacks (R3.5: name up to 160 characters, description up
// to 320, up to 100 permissions).
type StackRole struct {
	ID          RoleID
	Org         OrgID // empty for the built-in ones
	Name        string
	Description string       // what it is for; empty: nobody said, see [Admin.DescribeRole]
	Permissions []Permission // sorted, no duplicates
}

// Clone returns a copy that shares no memory.
func (r *StackRole) Clone() StackRole {
	c := *r
	c.Permissions = slices.Clone(r.Permissions)
	return c
}

// StackAccess is what someone shall have on one stack: it replaces what the person had there
// (R3.3, R6.4). No roles: access to that stack ends (Q11).
type StackAccess struct {
	Stack StackID
	Roles []RoleID
}
