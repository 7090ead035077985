package orgusers

import (
	"fmt"
	"slices"
	"strings"
)

// NewOrganization is what [Operator.CreateOrganization] makes.
type NewOrganization struct {
	Name string
	// Owner is the address of the owner (R1.1). Without one the organization is owner-less, for
	// good, and Admins must name at least one administrator (R12.5).
	Owner     string
	OwnerName Name
	Admins    []string // addresses of further administrators; at most 10
	Plan      Plan
	Closed    []Action // operations switched off (R6.3)
}

// CreateOrganization is the command behind [Operator.CreateOrganization]. Whoever is named gets an
// account if there is none: without a password, unproved, and with a mailed link to set one.
type CreateOrganization struct{ NewOrganization }

// parse reads the addresses, the owner's first; the fields of every bad one come back.
func (c *CreateOrganization) parse() (people []Address, bad []FieldError) {
	bad = validateName("name", c.Name)
	if c.OwnerName != (Name{}) {
		_, fe := cleanPerson(c.OwnerName, false)
		bad = append(bad, fe...)
	}
	add := func(field, s string) {
		a, fe := parseAddressField(field, s)
		switch {
		case fe != nil:
			bad = append(bad, *fe)
		case slices.ContainsFunc(people, func(b Address) bool { return a.Key == b.Key }):
			bad = append(bad, FieldError{Field: field, Reason: ReasonDuplicate, Message: "is named twice"})
		default:
			people = append(people, a)
		}
	}
	if c.Owner != "" {
		add("owner", c.Owner)
	}
	switch {
	case c.Owner == "" && len(c.Admins) == 0:
		bad = append(bad, FieldError{Field: "owner", Reason: ReasonRequired, Message: "an owner, or administrators, must be named"})
	case len(c.Admins) > 10:
		bad = append(bad, FieldError{Field: "admins", Reason: ReasonTooMany, Message: "at most 10 administrators"})
	default:
		for i, s := range c.Admins {
			add(fmt.Sprintf("admins[%d]", i), s)
		}
	}
	return people, append(append(bad, validatePlan(c.Plan)...), validateGates(c.Closed)...)
}

// Action is [ActionCreateOrganization].
func (*CreateOrganization) Action() Action { return ActionCreateOrganization }

func (c *CreateOrganization) validate(*Policy) []FieldError {
	_, bad := c.parse()
	return bad
}

func (c *CreateOrganization) query(Actor) ViewQuery {
	q := ViewQuery{}
	people, _ := c.parse()
	for _, a := range people {
		q.UserKeys = append(q.UserKeys, a.Key)
	}
	return q
}

func (*CreateOrganization) authorize(d *draft) *Error { return d.byOperator() }

func (c *CreateOrganization) decide(d *draft) error {
	name, _ := cleanName("name", c.Name, true)
	people, _ := c.parse()
	d.org.now = &Organization{
		ID: OrgID(d.env.NewID()), Name: name, CreatedAt: d.env.Now, Version: 1,
		Plan: cleanPlan(c.Plan), Settings: Settings{Closed: cleanGates(c.Closed)},
	}
	org := d.org.now
	if err := org.Plan.admit(ErrSeats, ResourceUsers, 0, int64(len(people))); err != nil {
		return err
	}
	d.report.Subject = string(org.ID)
	d.record(note{object: string(org.ID), after: "name=" + name})
	for i, a := range people {
		given := Name{}
		if i == 0 && c.Owner != "" {
			given, _ = cleanPerson(c.OwnerName, false)
		}
		u := d.accountFor(a, given)
		r := d.addMember(Member{
			ID: MemberID(d.env.NewID()), Org: org.ID, Address: u.Address, Role: RoleAdmin,
			Status: StatusPending, InvitedAt: d.env.Now,
		})
		if err := d.admit(r, u); err != nil {
			return err
		}
		if i == 0 && c.Owner != "" {
			org.OwnerID = u.ID
		}
		if u.Password == "" {
			d.mailReset(r.now.ID, u, MailActivation, d.policy.Lifetimes.Activation)
		}
		d.record(note{member: r.now, after: describe(r.now)})
	}
	return nil
}

// accountFor finds or makes an account that support vouches for.
func (d *draft) accountFor(a Address, name Name) *User {
	if known := d.userByKey.get(a.Key); known != nil {
		return known.now
	}
	u := &User{ID: UserID(d.env.NewID()), Address: a, Name: name, CreatedAt: d.env.Now}
	d.trackUser(&row[User]{now: u})
	return u
}

// RenameOrganization is the command behind [Operator.RenameOrganization].
type RenameOrganization struct {
	Org  OrgID
	Name string
}

// SetDisabled is the command behind [Operator.DisableOrganization] and [Operator.EnableOrganization].
type SetDisabled struct {
	Org      OrgID
	Disabled bool
}

// SetPlan is the command behind [Operator.SetPlan].
type SetPlan struct {
	Org  OrgID
	Plan Plan
}

// SetGates is the command behind [Operator.SetGates].
type SetGates struct {
	Org    OrgID
	Closed []Action
}

// RestoreOwner is the command behind [Operator.RestoreOwner].
type RestoreOwner struct {
	Org    OrgID
	Member MemberID
}

// Action is [ActionRenameOrganization].
func (RenameOrganization) Action() Action { return ActionRenameOrganization }

// Action is [ActionDisableOrganization] or [ActionEnableOrganization].
func (c SetDisabled) Action() Action {
	if c.Disabled {
		return ActionDisableOrganization
	}
	return ActionEnableOrganization
}

// Action is [ActionSetPlan].
func (SetPlan) Action() Action { return ActionSetPlan }

// Action is [ActionSetGates].
func (SetGates) Action() Action { return ActionSetGates }

// Action is [ActionRestoreOwner].
func (RestoreOwner) Action() Action { return ActionRestoreOwner }

func (c RenameOrganization) validate(*Policy) []FieldError { return validateName("name", c.Name) }
func (SetDisabled) validate(*Policy) []FieldError          { return nil }
func (c SetPlan) validate(*Policy) []FieldError            { return validatePlan(c.Plan) }
func (c SetGates) validate(*Policy) []FieldError           { return validateGates(c.Closed) }
func (RestoreOwner) validate(*Policy) []FieldError         { return nil }

func (c RenameOrganization) query(Actor) ViewQuery { return ViewQuery{Org: c.Org} }
func (c SetDisabled) query(Actor) ViewQuery        { return ViewQuery{Org: c.Org} }
func (c SetPlan) query(Actor) ViewQuery            { return ViewQuery{Org: c.Org} }
func (c SetGates) query(Actor) ViewQuery           { return ViewQuery{Org: c.Org} }

func (RenameOrganization) authorize(d *draft) *Error { return d.byOperator() }
func (SetDisabled) authorize(d *draft) *Error        { return d.byOperator() }
func (SetPlan) authorize(d *draft) *Error            { return d.byOperator() }
func (SetGates) authorize(d *draft) *Error           { return d.byOperator() }
func (RestoreOwner) authorize(d *draft) *Error       { return d.byOperator() }

func (c RenameOrganization) decide(d *draft) error {
	name, _ := cleanName("name", c.Name, true)
	if d.org.now.Name != name {
		d.record(note{before: "name=" + d.org.now.Name, after: "name=" + name})
		d.org.now.Name = name
	}
	return nil
}

func (c SetDisabled) decide(d *draft) error {
	if d.org.now.Disabled != c.Disabled {
		d.record(note{before: fmt.Sprintf("disabled=%t", d.org.now.Disabled), after: fmt.Sprintf("disabled=%t", c.Disabled)})
		d.org.now.Disabled = c.Disabled
	}
	return nil
}

func (c SetPlan) decide(d *draft) error {
	before, after := fmt.Sprintf("%+v", d.org.now.Plan), cleanPlan(c.Plan)
	d.org.now.Plan = after
	if now := fmt.Sprintf("%+v", after); now != before {
		d.record(note{before: before, after: now})
	}
	return nil
}

func (c SetGates) decide(d *draft) error {
	before, after := fmt.Sprint(d.org.now.Settings.Closed), cleanGates(c.Closed)
	d.org.now.Settings.Closed = after
	if now := fmt.Sprint(after); now != before {
		d.record(note{before: "closed=" + before, after: "closed=" + now})
	}
	return nil
}

func (c RestoreOwner) query(Actor) ViewQuery {
	return ViewQuery{Org: c.Org, Members: []MemberID{c.Member}, Owner: true}
}

func (c RestoreOwner) decide(d *draft) error {
	field := FieldError{Field: "member"}
	switch r := d.byID.get(c.Member); {
	case d.org.now.OwnerID == "":
		field.Reason, field.Message = ReasonOwner, "the organization is owner-less"
	case r == nil:
		return notFound()
	case r.now.Status != StatusActive:
		field.Reason, field.Message = ReasonNotJoined, "must be an active member"
	case r.now.User == d.org.now.OwnerID:
		field.Reason, field.Message = ReasonUnchanged, "is the owner already"
	case !d.mayOwn(r, d.account(r.now)):
		field.Reason, field.Message = ReasonPasswordRequired, ReasonPasswordRequired.Text()
	default:
		d.handOver(r)
		return nil
	}
	return invalid(field)
}

// operations are the actions that have a gate.
func operations() []Action {
	return []Action{
		ActionRemove, ActionSetRole, ActionSetStacks, ActionDeactivate, ActionReactivate, ActionDelete, ActionRename,
		ActionForcePasswordReset, ActionResetMFA, ActionEndSessions, ActionResendInvitation, ActionUnlock,
		ActionSetWithoutSSO, ActionUnlinkSSO,
	}
}

func validateGates(closed []Action) []FieldError {
	var bad []FieldError
	for i, a := range closed {
		if a != ActionInvite && !slices.Contains(operations(), a) {
			bad = append(bad, FieldError{Field: fmt.Sprintf("closed[%d]", i), Reason: ReasonUnknown, Message: "no operation has this name"})
		}
	}
	return bad
}

func cleanGates(closed []Action) []Action {
	out := slices.Clone(closed)
	slices.Sort(out)
	return slices.Compact(out)
}

func validatePlan(p Plan) []FieldError {
	var bad []FieldError
	if len(p.Name) > 100 || !visibleASCII(strings.ReplaceAll(p.Name, " ", "_")) {
		bad = append(bad, FieldError{Field: "plan.name", Reason: ReasonCharacter, Message: "up to 100 visible ASCII characters"})
	}
	if len(p.Limits) > 100 {
		bad = append(bad, FieldError{Field: "plan.limits", Reason: ReasonTooMany, Message: "at most 100 limits"})
	}
	seen := map[Resource]bool{}
	for i, l := range p.Limits {
		field := fmt.Sprintf("plan.limits[%d]", i)
		switch {
		case l.Resource == "" || len(l.Resource) > 64 || !visibleASCII(string(l.Resource)):
			bad = append(bad, FieldError{Field: field, Reason: ReasonCharacter, Message: "a resource has 1 to 64 visible ASCII characters"})
		case seen[l.Resource]:
			bad = append(bad, FieldError{Field: field, Reason: ReasonDuplicate, Message: "the resource is limited twice"})
		case l.Max < 0:
			bad = append(bad, FieldError{Field: field, Reason: ReasonRange, Message: "a limit is 0 or more"})
		}
		seen[l.Resource] = true
	}
	return bad
}

func cleanPlan(p Plan) Plan {
	p.Limits = slices.Clone(p.Limits)
	slices.SortFunc(p.Limits, func(a, b Limit) int { return strings.Compare(string(a.Resource), string(b.Resource)) })
	return p
}
