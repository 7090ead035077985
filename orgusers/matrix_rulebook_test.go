package orgusers_test

// The rule book of who may do what, for machines and people to read (ASVS 8.1.1). It is written down
// from sections 1 and 6 of the rules, not gained by asking the code, and the tests beside it hold
// every exported method of every door to it. A method without a row fails the tests.

// methodRules says what each kind of actor gets from each method.
//
// What the columns are, matrixActors says. What may stand in them:
//
//	ok    may
//	404   ErrNotFound, in nothing different from what a random organization answers
//	out   ErrDenied not_joined: deactivated here
//	adm   ErrDenied not_administrator: needs the owner or an admin (R1.4, R1.6)
//	own   ErrDenied not_owner: needs the owner, of the organization or the stack (R1.5, R3.9, R4.1)
//	stay  ErrDenied owner_must_transfer: the owner cannot leave (R1.13)
//	sess  ErrDenied session_ended; deactivated everywhere, one has no session (R12.2)
//	off   ErrDenied organization_disabled
//
// "does" is what a permitted call does to the store: read leaves all of it alone, log leaves an
// entry beside the audit chain, write changes something and puts an entry with the event into the
// chain, any is not looked at. An event with * goes to the account's trail, which belongs to no
// organization; "-" is no event. Every refusal (not: every 404) by a method with an event leaves one
// entry beside the chain, with that event (R10.6). Inspecting a link leaves
// none: mail scanners do it all day (S-033).
//
// After a slash: a case of the method.
const methodRules = `
method                          does   event                      nobody none foreign invitee inactive member admin owner ended unsigned disabled

Admin.Invite                    write  invitation.create          404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.PreviewInvite             read   invitation.create          404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Apply                     write  member.remove              404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Do                        write  member.remove              404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Preview                   read   member.remove              404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Permit                    read   member.remove              404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Allowed                   read   members.list               404    404  404     404     out      adm    ok    ok    sess  sess     off

Admin.Members                   read   members.list               404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.All                       read   members.list               404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Member                    read   members.list               404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.MemberByEmail             read   members.list               404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.IPRules                   read   ip_rules.list              404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.ExportCSV                 log    members.export             404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Organization              read   organization.read          404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Usage                     read   organization.read          404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Audit                     read   audit.read                 404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.AuditTrail                read   audit.read                 404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.ExportAudit               log    audit.export               404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Verify                    read   audit.read                 404    404  404     404     out      adm    ok    ok    sess  sess     off

Admin.Stacks                    read   organization.read          404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.Roles                     read   organization.read          404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.CreateStack               write  stack.create               404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.RenameStack/own           write  stack.rename               404    404  404     404     out      ok     ok    ok    sess  sess     off
Admin.RenameStack/another's     write  stack.rename               404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.DeleteStack/own           write  stack.delete               404    404  404     404     out      ok     ok    ok    sess  sess     off
Admin.DeleteStack/another's     write  stack.delete               404    404  404     404     out      own    own   ok    sess  sess     off
Admin.CreateRole                write  stack_role.create          404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.UpdateRole                write  stack_role.update          404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.DescribeRole              write  stack_role.update          404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.DeleteRole                write  stack_role.delete          404    404  404     404     out      adm    ok    ok    sess  sess     off

Admin.SetAllowedDomains         write  organization.set_allowed_domains
                                                                  404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.SetSSO                    write  organization.set_sso       404    404  404     404     out      own    own   ok    sess  sess     off
Admin.SetGroups                 write  organization.set_groups    404    404  404     404     out      own    own   ok    sess  sess     off
Admin.SetSecurity               write  organization.set_security  404    404  404     404     out      adm    ok    ok    sess  sess     off
Admin.OfferOwnership            write  ownership.offer            404    404  404     404     out      own    own   ok    sess  sess     off
Admin.ResendOwnership           write  ownership.resend           404    404  404     404     out      own    own   ok    sess  sess     off
Admin.CancelOwnership           write  ownership.cancel           404    404  404     404     out      own    own   ok    sess  sess     off

Account.Organizations           read   account.read*              404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.Leave                   write  member.leave               404    404  404     404     out      ok     ok    stay  sess  sess     off
Account.Rename                  write  account.rename*            404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.Sessions                read   account.sessions*          404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.EndSession              write  account.end_session*       404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.EndOtherSessions        write  account.end_session*       404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.SignOut                 write  account.end_session*       404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.Prove                   any    account.prove*              404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.ChangePassword          write  account.change_password*   404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.MFA                     read   account.read*              404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.BeginMFA                read   account.enrol_mfa*         404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.ConfirmMFA              write  account.enrol_mfa*         404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.NewRecoveryCodes        write  account.recovery_codes*    404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok
Account.OpenIPRule              write  account.open_ip_rule*      404    404  404     404     sess     ok     ok    ok    sess  sess     off
Account.CloseIPRule             write  account.close_ip_rule*     404    404  404     404     sess     ok     ok    ok    sess  sess     404
Account.IPRules                 read   ip_rules.list*             404    404  ok      ok      sess     ok     ok    ok    sess  sess     ok

Visitor.SignIn                  any    -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.SignInSSO               write  member.sso_sign_in         ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.EnterCode               any    account.sign_in*          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.ChooseNewPassword       any    account.change_password*   ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.BeginEnrolment          read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.ConfirmEnrolment        any    account.enrol_mfa*         ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.ForgotPassword          any    account.forgot_password*   ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Visitor.InspectInvitation       read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.AcceptInvitation        write  invitation.accept          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.DeclineInvitation       write  invitation.decline         ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.InspectOwnership        read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.AcceptOwnership         write  ownership.accept           ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.DeclineOwnership        write  ownership.decline          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       off
Visitor.ResetPassword           write  account.reset_password*    ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Visitor.ResetMFA                write  account.reset_mfa*         ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok

Operator.CreateOrganization     write  organization.create        ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.RenameOrganization     write  organization.rename        ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.DisableOrganization    write  organization.disable       ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.EnableOrganization     write  organization.enable        ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.SetPlan                write  organization.set_plan      ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.SetGates               write  organization.set_gates     ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.RestoreOwner           write  organization.restore_owner ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.Organization           read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.Organizations          read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.DeadLetters            read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.Backlog                read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.Requeue                any    -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.Prune                  read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Operator.Verify                 read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok

Service.Access                  read   -                          404    404  404     404     out      ok     ok    ok    sess  sess     off
Service.Authenticate            read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Service.Allowed                 read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Service.SignedIn                any    -                          ok     404  ok      ok      ok       ok     ok    ok    ok    ok       ok
Service.Dispatch                any    -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Service.Run                     any    -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Service.Admin                   read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Service.Operator                read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Service.Account                 read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Service.Visitor                 read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Service.Within                  read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
Service.Format                  read   -                          ok     ok   ok      ok      ok       ok     ok    ok    ok    ok       ok
`

// personRules says what an admin, and what the owner, gets for each operation aimed at each kind of
// person, under the default policy: the table of section 6 with the defaults of section 15.
//
//	ok      applied
//	same    applied, though nothing had to be done (R6.9)
//	reason  skipped, with this reason
//	!reason refused, with this reason
//	a|b     a if the person is aimed at alone, b in a bulk
//
// The last columns are the row of somebody in another organization, the other organization's row of
// a person of both, and an id of nobody: three times the same answer (S-157).
const personRules = `
operation                      by    owner       admin       member      pending     inactive    several               self        foreign    elsewhere  random

member.remove                  admin owner       ok          ok          ok          ok          ok                    !self|self  !not_found !not_found !not_found
member.remove                  owner !self|self  ok          ok          ok          ok          ok                    !self|self  !not_found !not_found !not_found
member.set_role                admin owner       ok          ok          ok          ok          ok                    ok|self     !not_found !not_found !not_found
member.set_role                owner owner|self  ok          ok          ok          ok          ok                    owner|self  !not_found !not_found !not_found
member.set_stacks              admin ok          ok          ok          ok          ok          ok                    ok          !not_found !not_found !not_found
member.set_stacks              owner ok          ok          ok          ok          ok          ok                    ok          !not_found !not_found !not_found
member.deactivate              admin owner       ok          ok          pending     same        ok                    !self|self  !not_found !not_found !not_found
member.deactivate              owner !self|self  ok          ok          pending     same        ok                    !self|self  !not_found !not_found !not_found
member.reactivate              admin owner       same        same        pending     ok          same                  !self|self  !not_found !not_found !not_found
member.reactivate              owner !self|self  same        same        pending     ok          same                  !self|self  !not_found !not_found !not_found
member.delete                  admin owner       ok          ok          pending     ok          several_organizations !self|self  !not_found !not_found !not_found
member.delete                  owner !self|self  ok          ok          pending     ok          several_organizations !self|self  !not_found !not_found !not_found
member.rename                  admin owner       ok          ok          pending     ok          several_organizations ok          !not_found !not_found !not_found
member.rename                  owner ok          ok          ok          pending     ok          several_organizations ok          !not_found !not_found !not_found
member.force_password_reset    admin owner       ok          ok          pending     inactive    ok                    ok          !not_found !not_found !not_found
member.force_password_reset    owner ok          ok          ok          pending     inactive    ok                    ok          !not_found !not_found !not_found
member.reset_mfa               admin owner       ok          ok          pending     inactive    ok                    ok          !not_found !not_found !not_found
member.reset_mfa               owner ok          ok          ok          pending     inactive    ok                    ok          !not_found !not_found !not_found
member.end_sessions            admin owner       ok          ok          pending     inactive    several_organizations !self       !not_found !not_found !not_found
member.end_sessions            owner !self       ok          ok          pending     inactive    several_organizations !self       !not_found !not_found !not_found
invitation.resend              admin not_pending not_pending not_pending ok          not_pending not_pending           not_pending !not_found !not_found !not_found
invitation.resend              owner not_pending not_pending not_pending ok          not_pending not_pending           not_pending !not_found !not_found !not_found
member.unlock                  admin !owner      ok          ok          !pending    ok          !several_organizations !self      !not_found !not_found !not_found
member.unlock                  owner !self       ok          ok          !pending    ok          !several_organizations !self      !not_found !not_found !not_found
member.set_without_sso         admin owner       ok          ok          ok          ok          ok                    !self|self  !not_found !not_found !not_found
member.set_without_sso         owner !self|self  ok          ok          ok          ok          ok                    !self|self  !not_found !not_found !not_found
member.unlink_sso              admin owner       ok          ok          pending     ok          several_organizations ok          !not_found !not_found !not_found
member.unlink_sso              owner ok          ok          ok          pending     ok          several_organizations ok          !not_found !not_found !not_found
`
