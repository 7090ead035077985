package suite

import (
	"bytes"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// act is one way to use one method of a door, and what it must leave in the audit trail. The table
// has every exported method: one that is missing fails S214_Coverage.
type act struct {
	method string          // "Admin.Invite"
	action orgusers.Action // of the entries it leaves; empty: it changes nothing
	exempt string          // why it changes something without an entry
	role   string          // what the actor acts as
	beside bool            // the entries stand beside the chain, and no version rises
	own    bool            // they are account matters, which belong to no organization
	about  []string        // local parts of whom the entries are about, one each; "": no person
	slow   bool            // it hashes a password
	setup  func(s *stage)
	call   func(s *stage) error
}

// stage is what an act plays on: a team, and what setup left there.
type stage struct {
	team
	pat    orgusers.Member // who is invited
	token  string
	stack  orgusers.StackID
	custom orgusers.RoleID
	effect orgusers.EffectID
	made   orgusers.OrgID // an organization that the call made
	out    bytes.Buffer   // what the call wrote

	in        orgusers.SignIn // of the member
	session   orgusers.Actor  // the member's, of the registry
	app       world.Factor
	enrolment orgusers.Enrolment
	rule      orgusers.IPRule
	shown     []any // what calls gave to the member, secrets among it
}

const (
	asOwner, asMember, asOperator, asLink, asVisitor, asProvider = "owner", "member", "operator", "link", "visitor", "provider"

	newPassword = "a fresh pass phrase 77 by the sea"
)

// must ends the test on an error of a setup.
func (s *stage) must(err error) {
	s.t.Helper()
	require.NoError(s.t, err)
}

// door is the owner's, by a call with a request id.
func (s *stage) door() orgusers.Admin { return s.asked("act") }

func (s *stage) vendor() orgusers.Operator {
	return s.w.Svc.Operator(orgusers.Actor{User: "support-1", Session: "desk", IP: s.Owner.IP, Agent: "test", Request: "act-" + s.domain})
}

func (s *stage) account(m orgusers.Member) orgusers.Account {
	return s.w.Svc.Account(request(s.w.Actor(m.User), "act"))
}

// factor gives the member a password and a second factor.
func (s *stage) factor() {
	s.w.PatchUser(s.member.User, orgusers.UserPatch{
		Password: orgusers.Some(world.CheapHash()),
		MFA:      orgusers.Some(orgusers.MFA{Secret: canarySecret, EnrolledAt: s.w.Clock.Now(), Recovery: canaryRecovery}),
	})
}

// mailed does something that mails a link, and keeps its token.
func (s *stage) mailed(to string, err error) {
	s.t.Helper()
	s.must(err)
	s.w.Dispatch()
	s.token = s.w.Token(s.email(to))
}

func (s *stage) operation(op orgusers.Operation, to orgusers.Member) error {
	rep, err := s.door().Apply(world.Ctx(), op, to.ID)
	if err != nil {
		return err
	}
	return rep.Err()
}

// acts is the table.
func acts() []act {
	var all []act
	all = append(all, operationActs()...)
	all = append(all, adminActs()...)
	all = append(all, adminReads()...)
	all = append(all, operatorActs()...)
	all = append(all, linkActs()...)
	all = append(all, signInActs()...)
	return append(all, serviceActs()...)
}

// operationActs has each operation, on the member unless the operation wants somebody else.
func operationActs() []act {
	on := func(action orgusers.Action, op func(s *stage) orgusers.Operation, setup func(s *stage)) act {
		return act{
			method: "Admin.Apply", action: action, role: asOwner, about: []string{"member"}, setup: setup,
			call: func(s *stage) error { return s.operation(op(s), s.member) },
		}
	}
	is := func(op orgusers.Operation) func(*stage) orgusers.Operation {
		return func(*stage) orgusers.Operation { return op }
	}
	stack := func(s *stage) { s.stack = newStack(s.t, s.Org, "Website") }
	factor := func(s *stage) { s.factor() }
	return []act{
		on(orgusers.ActionRemove, is(orgusers.Remove{}), nil),
		on(orgusers.ActionSetRole, is(orgusers.SetRole{Role: orgusers.RoleAdmin}), nil),
		on(orgusers.ActionSetStacks, func(s *stage) orgusers.Operation {
			return orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: s.stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}}
		}, stack),
		on(orgusers.ActionDeactivate, is(orgusers.Deactivate{}), nil),
		on(orgusers.ActionReactivate, is(orgusers.Reactivate{}), func(s *stage) { s.must(s.Admin().Do(world.Ctx(), orgusers.Deactivate{}, s.member.ID)) }),
		on(orgusers.ActionDelete, is(orgusers.Delete{}), nil),
		on(orgusers.ActionRename, is(orgusers.Rename{Name: orgusers.Name{First: "Max"}}), nil),
		on(orgusers.ActionForcePasswordReset, is(orgusers.ForcePasswordReset{}), nil),
		on(orgusers.ActionResetMFA, is(orgusers.ResetMFA{}), factor),
		on(orgusers.ActionEndSessions, is(orgusers.EndSessions{}), nil),
		on(orgusers.ActionUnlock, is(orgusers.Unlock{}), func(s *stage) {
			s.w.PatchUser(s.member.User, orgusers.UserPatch{LockedUntil: orgusers.Some(s.w.Clock.Now().Add(time.Hour))})
		}),
		on(orgusers.ActionSetWithoutSSO, is(orgusers.SetWithoutSSO{Allow: true}), nil),
		on(orgusers.ActionUnlinkSSO, is(orgusers.UnlinkSSO{}), func(s *stage) { s.links(s.member) }),
		{
			method: "Admin.Apply", action: orgusers.ActionResendInvitation, role: asOwner, about: []string{"pat"},
			setup: func(s *stage) { s.pat = s.Invite(s.email("pat"), orgusers.RoleMember); s.w.Clock.Tick(2 * time.Minute) },
			call:  func(s *stage) error { return s.operation(orgusers.ResendInvitation{}, s.pat) },
		},
		{
			method: "Admin.Do", action: orgusers.ActionRemove, role: asOwner, about: []string{"member"},
			call: func(s *stage) error { return s.door().Do(world.Ctx(), orgusers.Remove{}, s.member.ID) },
		},
		{ // a bulk: one entry each
			method: "Admin.Apply", action: orgusers.ActionDeactivate, role: asOwner, about: []string{"member", "admin"},
			call: func(s *stage) error {
				rep, err := s.door().Apply(world.Ctx(), orgusers.Deactivate{}, s.member.ID, s.admin.ID)
				if err != nil {
					return err
				}
				return rep.Err()
			},
		},
	}
}

// adminActs is what else administrators change.
func adminActs() []act {
	stack := func(s *stage) { s.stack = newStack(s.t, s.Org, "Website") }
	role := func(s *stage) {
		var err error
		s.custom, err = s.Admin().CreateRole(world.Ctx(), "Editor", orgusers.PermissionRead)
		s.must(err)
	}
	offered := func(s *stage) {
		s.must(s.Admin().OfferOwnership(world.Ctx(), s.email("admin")))
		s.w.Clock.Tick(2 * time.Minute)
	}
	one := func(method string, action orgusers.Action, about string, setup func(s *stage), call func(s *stage) error) act {
		return act{method: "Admin." + method, action: action, role: asOwner, about: []string{about}, setup: setup, call: call}
	}
	return []act{
		{
			method: "Admin.Invite", action: orgusers.ActionInvite, role: asOwner, about: []string{"pat", "sam"},
			call: func(s *stage) error {
				_, err := s.door().Invite(world.Ctx(), orgusers.Invitation{To: s.email("pat") + "," + s.email("sam")})
				return err
			},
		},
		one("CreateStack", orgusers.ActionCreateStack, "", nil, func(s *stage) error { _, err := s.door().CreateStack(world.Ctx(), "Blog"); return err }),
		one("RenameStack", orgusers.ActionRenameStack, "", stack, func(s *stage) error { return s.door().RenameStack(world.Ctx(), s.stack, "Shop") }),
		one("DeleteStack", orgusers.ActionDeleteStack, "", stack, func(s *stage) error { return s.door().DeleteStack(world.Ctx(), s.stack) }),
		one("CreateRole", orgusers.ActionCreateRole, "", nil, func(s *stage) error { _, err := s.door().CreateRole(world.Ctx(), "Writer", "a:b"); return err }),
		one("UpdateRole", orgusers.ActionUpdateRole, "", role, func(s *stage) error { return s.door().UpdateRole(world.Ctx(), s.custom, "Chief", "a:b") }),
		one("DescribeRole", orgusers.ActionUpdateRole, "", role, func(s *stage) error { return s.door().DescribeRole(world.Ctx(), s.custom, "For editors") }),
		one("DeleteRole", orgusers.ActionDeleteRole, "", role, func(s *stage) error { return s.door().DeleteRole(world.Ctx(), s.custom) }),
		one("SetAllowedDomains", orgusers.ActionSetDomains, "", nil, func(s *stage) error { return s.door().SetAllowedDomains(world.Ctx(), "x.example") }),
		one("SetSSO", orgusers.ActionSetSSO, "", nil, func(s *stage) error { return s.door().SetSSO(world.Ctx(), orgusers.SSO{Enabled: true}) }),
		one("SetGroups", orgusers.ActionSetGroups, "", nil, func(s *stage) error {
			return s.door().SetGroups(world.Ctx(), orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember})
		}),
		one("SetSecurity", orgusers.ActionSetSecurity, "", nil, func(s *stage) error {
			return s.door().SetSecurity(world.Ctx(), orgusers.Security{MinPassword: 20})
		}),
		one("OfferOwnership", orgusers.ActionOfferOwnership, "admin", nil, func(s *stage) error { return s.door().OfferOwnership(world.Ctx(), s.email("admin")) }),
		one("ResendOwnership", orgusers.ActionResendOwnership, "admin", offered, func(s *stage) error { return s.door().ResendOwnership(world.Ctx()) }),
		one("CancelOwnership", orgusers.ActionCancelOwnership, "admin", offered, func(s *stage) error { return s.door().CancelOwnership(world.Ctx()) }),
		{
			method: "Admin.ExportCSV", action: orgusers.ActionExport, role: asOwner, beside: true, about: []string{""},
			call: func(s *stage) error { return s.door().ExportCSV(world.Ctx(), &s.out, orgusers.ExportOptions{}) },
		},
		{
			method: "Admin.ExportAudit", action: orgusers.ActionExportAudit, role: asOwner, beside: true, about: []string{""},
			call: func(s *stage) error { return s.door().ExportAudit(world.Ctx(), &s.out, orgusers.AuditList{}) },
		},
		{
			method: "Account.Leave", action: orgusers.ActionLeave, role: asMember, about: []string{"member"},
			call: func(s *stage) error { return s.account(s.member).Leave(world.Ctx(), s.ID) },
		},
		{
			method: "Account.Rename", action: orgusers.ActionRenameSelf, role: asMember, own: true, about: []string{"member"},
			call: func(s *stage) error { return s.account(s.member).Rename(world.Ctx(), orgusers.Name{First: "Max"}) },
		},
	}
}

// adminReads is what only looks.
func adminReads() []act {
	read := func(method string, call func(s *stage) error) act { return act{method: method, call: call} }
	return []act{
		read("Admin.PreviewInvite", func(s *stage) error {
			_, err := s.door().PreviewInvite(world.Ctx(), orgusers.Invitation{To: s.email("pat")})
			return err
		}),
		read("Admin.Preview", func(s *stage) error {
			_, err := s.door().Preview(world.Ctx(), orgusers.Remove{}, s.member.ID, s.owner.ID, "nobody")
			return err
		}),
		read("Admin.Permit", func(s *stage) error {
			_, err := s.door().Permit(world.Ctx(), orgusers.Remove{}, s.owner.ID)
			return err
		}),
		read("Admin.Allowed", func(s *stage) error { _, err := s.door().Allowed(world.Ctx(), s.member.ID); return err }),
		read("Admin.Members", func(s *stage) error { _, err := s.door().Members(world.Ctx(), orgusers.List{}); return err }),
		read("Admin.All", func(s *stage) error {
			for _, err := range s.door().All(world.Ctx(), orgusers.List{}) {
				if err != nil {
					return err
				}
			}
			return nil
		}),
		read("Admin.Member", func(s *stage) error { _, err := s.door().Member(world.Ctx(), s.member.ID); return err }),
		read("Admin.MemberByEmail", func(s *stage) error { _, err := s.door().MemberByEmail(world.Ctx(), s.email("member")); return err }),
		read("Admin.Organization", func(s *stage) error { _, err := s.door().Organization(world.Ctx()); return err }),
		read("Admin.Stacks", func(s *stage) error { _, err := s.door().Stacks(world.Ctx()); return err }),
		read("Admin.Roles", func(s *stage) error { _, err := s.door().Roles(world.Ctx()); return err }),
		read("Admin.Usage", func(s *stage) error { _, err := s.door().Usage(world.Ctx()); return err }),
		read("Admin.Audit", func(s *stage) error { _, err := s.door().Audit(world.Ctx(), orgusers.AuditList{}); return err }),
		read("Admin.AuditTrail", func(s *stage) error {
			for _, err := range s.door().AuditTrail(world.Ctx(), orgusers.AuditList{}) {
				if err != nil {
					return err
				}
			}
			return nil
		}),
		read("Admin.IPRules", func(s *stage) error { _, err := s.door().IPRules(world.Ctx(), "", 10); return err }),
		read("Admin.Verify", func(s *stage) error { _, err := s.door().Verify(world.Ctx()); return err }),
		read("Account.Organizations", func(s *stage) error { _, err := s.account(s.member).Organizations(world.Ctx(), "", 10); return err }),
	}
}

// operatorActs is what support does.
func operatorActs() []act {
	one := func(method string, action orgusers.Action, setup func(s *stage), call func(s *stage) error) act {
		return act{method: "Operator." + method, action: action, role: asOperator, about: []string{""}, setup: setup, call: call}
	}
	read := func(method string, call func(s *stage) error) act {
		return act{method: "Operator." + method, call: call}
	}
	return []act{
		{
			method: "Operator.CreateOrganization", action: orgusers.ActionCreateOrganization, role: asOperator, about: []string{"", "boss", "aide"},
			call: func(s *stage) (err error) {
				s.made, err = s.vendor().CreateOrganization(world.Ctx(), orgusers.NewOrganization{Name: "New", Owner: s.email("boss"), Admins: []string{s.email("aide")}})
				return err
			},
		},
		one("RenameOrganization", orgusers.ActionRenameOrganization, nil, func(s *stage) error { return s.vendor().RenameOrganization(world.Ctx(), s.ID, "Renamed") }),
		one("DisableOrganization", orgusers.ActionDisableOrganization, nil, func(s *stage) error { return s.vendor().DisableOrganization(world.Ctx(), s.ID) }),
		one("EnableOrganization", orgusers.ActionEnableOrganization, func(s *stage) {
			s.must(s.w.Operator().DisableOrganization(world.Ctx(), s.ID))
		}, func(s *stage) error { return s.vendor().EnableOrganization(world.Ctx(), s.ID) }),
		one("SetPlan", orgusers.ActionSetPlan, nil, func(s *stage) error { return s.vendor().SetPlan(world.Ctx(), s.ID, orgusers.Plan{Name: "Gold"}) }),
		one("SetGates", orgusers.ActionSetGates, nil, func(s *stage) error { return s.vendor().SetGates(world.Ctx(), s.ID, orgusers.ActionRemove) }),
		{
			method: "Operator.RestoreOwner", action: orgusers.ActionRestoreOwner, role: asOperator, about: []string{"admin", "owner"},
			call: func(s *stage) error { return s.vendor().RestoreOwner(world.Ctx(), s.ID, s.admin.ID) },
		},
		read("Organization", func(s *stage) error { _, err := s.vendor().Organization(world.Ctx(), s.ID); return err }),
		read("Organizations", func(s *stage) error { _, err := s.vendor().Organizations(world.Ctx(), "", 10); return err }),
		read("DeadLetters", func(s *stage) error { _, err := s.vendor().DeadLetters(world.Ctx(), "", 10); return err }),
		read("Backlog", func(s *stage) error { _, err := s.vendor().Backlog(world.Ctx(), "", 10); return err }),
		read("Verify", func(s *stage) error { _, err := s.vendor().Verify(world.Ctx(), s.ID); return err }),
		{method: "Operator.Requeue", exempt: "a change that is audited already is carried out later", call: func(s *stage) error { _, err := s.vendor().Requeue(world.Ctx(), s.effect); return err }},
		{method: "Operator.Prune", exempt: "forgets counters, answers and what has expired, which nobody can use", call: func(s *stage) error { return s.vendor().Prune(world.Ctx(), 0) }},
	}
}

// linkActs is what people do who hold a mailed link.
func linkActs() []act {
	invited := func(s *stage) { _, s.token = s.link("pat", orgusers.RoleMember) }
	offered := func(s *stage) { s.mailed("admin", s.Admin().OfferOwnership(world.Ctx(), s.email("admin"))) }
	by := func(method string, action orgusers.Action, about []string, setup func(s *stage), call func(s *stage) error) act {
		return act{method: "Visitor." + method, action: action, role: asLink, about: about, setup: setup, call: call}
	}
	own := func(a act) act { a.own = true; return a }
	slow := func(a act) act { a.slow = true; return a }
	read := func(method string, setup func(s *stage), call func(s *stage) error) act {
		return act{method: "Visitor." + method, setup: setup, call: call}
	}
	return []act{
		by("AcceptInvitation", orgusers.ActionAcceptInvitation, []string{"pat"}, invited, func(s *stage) error { return accept(s.w, s.token) }),
		slow(by("AcceptInvitation", orgusers.ActionAcceptInvitation, []string{"new"}, func(s *stage) {
			s.Invite(s.email("new"), orgusers.RoleMember)
			s.mailed("new", nil)
		}, func(s *stage) error {
			_, err := s.w.Visitor().AcceptInvitation(world.Ctx(), s.token, world.NewAccount(s.email("new")))
			return err
		})),
		by("DeclineInvitation", orgusers.ActionDeclineInvitation, []string{"pat"}, invited, func(s *stage) error { return s.w.Visitor().DeclineInvitation(world.Ctx(), s.token) }),
		by("AcceptOwnership", orgusers.ActionAcceptOwnership, []string{"admin", "owner"}, offered, func(s *stage) error { return s.w.Visitor().AcceptOwnership(world.Ctx(), s.token) }),
		by("DeclineOwnership", orgusers.ActionDeclineOwnership, []string{"admin"}, offered, func(s *stage) error { return s.w.Visitor().DeclineOwnership(world.Ctx(), s.token) }),
		slow(own(by("ResetPassword", orgusers.ActionResetPassword, []string{"member"}, func(s *stage) {
			s.mailed("member", s.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, s.member.ID))
		}, func(s *stage) error { return s.w.Reset(s.token, newPassword) }))),
		own(by("ResetMFA", orgusers.ActionFinishMFA, []string{"member"}, func(s *stage) {
			s.factor()
			s.mailed("member", s.Admin().Do(world.Ctx(), orgusers.ResetMFA{}, s.member.ID))
		}, func(s *stage) error { return s.w.Visitor().ResetMFA(world.Ctx(), s.token, world.Password) })),
		read("InspectInvitation", invited, func(s *stage) error { _, err := s.w.Visitor().InspectInvitation(world.Ctx(), s.token); return err }),
		read("InspectOwnership", offered, func(s *stage) error { _, err := s.w.Visitor().InspectOwnership(world.Ctx(), s.token); return err }),
	}
}

// serviceActs is the service itself.
func serviceActs() []act {
	door := func(method string) act {
		return act{method: "Service." + method, call: func(*stage) error { return nil }}
	}
	return []act{
		door("Admin"), door("Operator"), door("Account"), door("Visitor"), door("Within"), door("Format"),
		{method: "Service.Access", call: func(s *stage) error { _, err := s.w.Svc.Access(world.Ctx(), s.Owner, s.ID); return err }},
		{method: "Service.Allowed", call: func(s *stage) error {
			_, err := s.w.Svc.Allowed(world.Ctx(), s.ID, s.Owner.IP, "db")
			return err
		}},
		{method: "Service.SignedIn", exempt: "a sign-in is the host's event", call: func(s *stage) error { return s.w.Svc.SignedIn(world.Ctx(), s.member.User) }},
		{method: "Service.Dispatch", exempt: "carries out what is audited already", call: func(s *stage) error { _, err := s.w.Svc.Dispatch(world.Ctx(), 1); return err }},
		{method: "Service.Run", exempt: "carries out what is audited already", call: func(*stage) error { return nil }},
	}
}
