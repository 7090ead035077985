package orgusers

import (
	"slices"
	"strings"
)

// CreateStack is the command behind [Admin.CreateStack]. Whoever creates a stack owns it (R3.1).
type CreateStack struct {
	Org  OrgID
	Name string
}

// RenameStack is the command behind [Admin.RenameStack]: by an administrator or the stack's owner.
type RenameStack struct {
	Org   OrgID
	Stack StackID
	Name  string
}

// DeleteStack is the command behind [Admin.DeleteStack]: by the stack's owner or the organization's
// (R3.9); in an owner-less organization, by an administrator if the stack has no owner.
type DeleteStack struct {
	Org   OrgID
	Stack StackID
}

// Action is [ActionCreateStack].
func (CreateStack) Action() Action { return ActionCreateStack }

func (c CreateStack) validate(*Policy) []FieldError { return validateName("name", c.Name) }

func (c CreateStack) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}, AllStack: true}
}

func (CreateStack) authorize(d *draft) *Error { return d.byAdministrator() } // R1.10

func (c CreateStack) decide(d *draft) error {
	if err := d.org.was.Plan.admit(ErrLimit, ResourceStacks, d.org.was.Tally.Stacks, 1); err != nil {
		return err
	}
	name, err := d.freeStackName(c.Name, "")
	if err != nil {
		return err
	}
	s := Stack{ID: StackID(d.env.NewID()), Org: c.Org, Name: name, Owner: d.self.User, CreatedAt: d.env.Now}
	d.stacks = append(d.stacks, &row[Stack]{now: &s})
	d.org.now.Tally.Stacks++
	d.report.Subject = string(s.ID)
	d.record(note{object: string(s.ID), after: "name=" + name})
	return nil
}

// Action is [ActionRenameStack].
func (RenameStack) Action() Action { return ActionRenameStack }

func (c RenameStack) validate(*Policy) []FieldError { return validateName("name", c.Name) }

func (c RenameStack) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}, AllStack: true}
}

func (c RenameStack) authorize(d *draft) *Error {
	if err := d.byMember(); err != nil {
		return err
	}
	if s := d.stack(c.Stack); s != nil && s.now.Owner == d.self.User {
		return nil
	}
	return d.byAdministrator()
}

func (c RenameStack) decide(d *draft) error {
	s := d.stack(c.Stack)
	if s == nil {
		return notFound()
	}
	name, err := d.freeStackName(c.Name, c.Stack)
	if err != nil {
		return err
	}
	if s.now.Name == name {
		return nil
	}
	d.record(note{object: string(c.Stack), before: "name=" + s.now.Name, after: "name=" + name})
	s.now.Name = name
	return nil
}

// Action is [ActionDeleteStack].
func (DeleteStack) Action() Action { return ActionDeleteStack }

func (DeleteStack) validate(*Policy) []FieldError { return nil }

func (c DeleteStack) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}, Stacks: []StackID{c.Stack}}
}

func (c DeleteStack) authorize(d *draft) *Error {
	if err := d.byMember(); err != nil {
		return err
	}
	switch s := d.stack(c.Stack); {
	case s != nil && s.now.Owner == d.self.User, d.org.was.isOwner(d.self):
		return nil
	case s == nil || s.now.Owner == "":
		return d.byAdministrator()
	}
	return denied(ReasonNotOwner)
}

func (c DeleteStack) decide(d *draft) error {
	s := d.stack(c.Stack)
	if s == nil {
		return notFound()
	}
	d.record(note{object: string(c.Stack), before: "name=" + s.now.Name})
	d.revoked = append(d.revoked, Revoke{Stack: c.Stack})
	d.ungroup(func(g Grant) bool { return g.Stack == c.Stack })
	d.org.now.Tally.Stacks--
	s.now = nil
	return nil
}

func (d *draft) stack(id StackID) *row[Stack] {
	for _, s := range d.stacks {
		if s.now != nil && s.now.ID == id {
			return s
		}
	}
	return nil
}

// stackRole is a custom one.
func (d *draft) stackRole(id RoleID) *row[StackRole] {
	for _, r := range d.roles {
		if r.now != nil && r.now.ID == id {
			return r
		}
	}
	return nil
}

func (d *draft) freeStackName(name string, except StackID) (string, error) {
	clean, _ := cleanName("name", name, true)
	lower := strings.ToLower(clean) // folding would call too much the same
	for _, s := range d.stacks {
		if s.now != nil && s.now.ID != except && strings.ToLower(s.now.Name) == lower {
			return "", invalid(FieldError{Field: "name", Reason: ReasonDuplicate, Message: "another stack has this name"})
		}
	}
	return clean, nil
}

func validateName(field, name string) []FieldError {
	if _, fe := cleanName(field, name, true); fe != nil {
		return []FieldError{*fe}
	}
	return nil
}

// SaveRole is the command behind [Admin.CreateRole] and [Admin.UpdateRole].
type SaveRole struct {
	Org         OrgID
	Role        RoleID // empty: a new one
	Name        string
	Permissions []Permission
}

// DescribeRole is the command behind [Admin.DescribeRole].
type DescribeRole struct {
	Org         OrgID
	Role        RoleID
	Description string
}

// DeleteRole is the command behind [Admin.DeleteRole]: it takes the role from everybody who has it.
type DeleteRole struct {
	Org  OrgID
	Role RoleID
}

// Action is [ActionCreateRole] or [ActionUpdateRole].
func (c SaveRole) Action() Action {
	if c.Role == "" {
		return ActionCreateRole
	}
	return ActionUpdateRole
}

func (c SaveRole) validate(*Policy) []FieldError {
	var bad []FieldError
	if _, fe := cleanNameUpTo(maxRoleName, "name", c.Name, true); fe != nil {
		bad = append(bad, *fe)
	}
	if _, fe := cleanPermissions("permissions", c.Permissions); fe != nil {
		bad = append(bad, *fe)
	}
	return append(bad, validateRoleID(c.Role)...)
}

func validateRoleID(id RoleID) []FieldError {
	if id == RoleDeveloper || id == RoleContentManager {
		return []FieldError{{Field: "role", Reason: ReasonBuiltIn, Message: "built-in roles cannot be changed"}}
	}
	return nil
}

func (c SaveRole) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}, Roles: true}
}

func (SaveRole) authorize(d *draft) *Error { return d.byAdministrator() }

func (c SaveRole) decide(d *draft) error {
	name, _ := cleanNameUpTo(maxRoleName, "name", c.Name, true)
	perms, _ := cleanPermissions("permissions", c.Permissions)
	lower := strings.ToLower(name)
	for _, r := range d.roles {
		if r.now.ID != c.Role && strings.ToLower(r.now.Name) == lower {
			return invalid(FieldError{Field: "name", Reason: ReasonDuplicate, Message: "another role has this name"})
		}
	}
	found := d.stackRole(c.Role)
	if c.Role == "" {
		found = &row[StackRole]{now: &StackRole{ID: RoleID(d.env.NewID()), Org: c.Org}}
		d.roles = append(d.roles, found)
	}
	if found == nil {
		return notFound()
	}
	n := note{object: string(found.now.ID), before: describeRole(found.was)}
	found.now.Name, found.now.Permissions = name, perms
	n.after = describeRole(found.now)
	d.report.Subject = string(found.now.ID)
	if n.before != n.after {
		d.record(n)
	}
	return nil
}

func describeRole(r *StackRole) string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("name=" + r.Name + " permissions=")
	for i, p := range r.Permissions {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(string(p))
	}
	return b.String()
}

// Action is [ActionUpdateRole].
func (DescribeRole) Action() Action { return ActionUpdateRole }

func (c DescribeRole) validate(*Policy) []FieldError {
	bad := validateRoleID(c.Role)
	if _, fe := cleanText("description", c.Description, maxRoleDescription); fe != nil {
		bad = append(bad, *fe)
	}
	return bad
}

func (c DescribeRole) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}, Roles: true}
}

func (DescribeRole) authorize(d *draft) *Error { return d.byAdministrator() }

func (c DescribeRole) decide(d *draft) error {
	found := d.stackRole(c.Role)
	if found == nil {
		return notFound()
	}
	r := found.now
	text, _ := cleanText("description", c.Description, maxRoleDescription)
	if text != r.Description {
		d.record(note{object: string(c.Role), before: "description=" + r.Description, after: "description=" + text})
		r.Description = text
	}
	return nil
}

// Action is [ActionDeleteRole].
func (DeleteRole) Action() Action { return ActionDeleteRole }

func (c DeleteRole) validate(*Policy) []FieldError { return validateRoleID(c.Role) }

func (c DeleteRole) query(a Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Joined: []UserID{a.User}, Roles: true, AllStack: true}
}

func (DeleteRole) authorize(d *draft) *Error { return d.byAdministrator() }

func (c DeleteRole) decide(d *draft) error {
	r := d.stackRole(c.Role)
	if r == nil {
		return notFound()
	}
	d.record(note{object: string(c.Role), before: describeRole(r.now)})
	on := make([]StackID, len(d.stacks))
	for j, s := range d.stacks {
		on[j] = s.now.ID
	}
	if len(on) > 0 {
		d.revoked = append(d.revoked, Revoke{Role: c.Role, On: on})
	}
	d.ungroup(func(g Grant) bool { return g.Role == c.Role })
	r.now = nil
	return nil
}

// cleanPermissions checks, sorts and de-duplicates. nil stays nil.
func cleanPermissions(field string, perms []Permission) ([]Permission, *FieldError) {
	if perms == nil {
		return nil, nil
	}
	if len(perms) > 100 {
		return nil, &FieldError{Field: field, Reason: ReasonTooMany, Message: "a role has at most 100 permissions"} // R3.5
	}
	for _, p := range perms {
		if p == "" || len(p) > 64 || strings.ContainsFunc(string(p), func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("._:-", r)
		}) {
			return nil, &FieldError{Field: field, Reason: ReasonCharacter, Message: "a permission has 1 to 64 of a-z, 0-9 and . _ : -"}
		}
	}
	out := slices.Clone(perms)
	slices.Sort(out)
	return slices.Compact(out), nil
}
