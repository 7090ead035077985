package suite

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// login is the member's session of the registry, with the password set that everybody has.
func (s *stage) login() {
	s.t.Helper()
	s.w.PatchUser(s.member.User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
	s.in = s.w.SignIn(s.email("member"))
	if s.in.Step == orgusers.StepDone {
		s.session = s.w.Session(s.in)
	}
}

// enrolled is the same with a second factor.
func (s *stage) enrolled() {
	s.t.Helper()
	s.login()
	s.app, s.session = s.w.Enrol(s.session)
}

// enforced is a sign-in that waits for a second factor to be set up.
func (s *stage) enforced() {
	s.t.Helper()
	s.w.PatchOrg(s.ID, func(o *orgusers.Organization) { o.Settings.Security.RequireMFA = true })
	s.login()
	require.Equal(s.t, orgusers.StepEnrol, s.in.Step)
	e, err := s.w.Visitor().BeginEnrolment(world.Ctx(), s.in.Token)
	s.must(err)
	s.enrolment, s.app = e, world.NewFactor(s.w, e.Text())
}

// shows keeps what a call gave to the person.
func (s *stage) shows(v any, err error) error {
	s.shown = append(s.shown, v)
	return err
}

// signInActs is what people do at the door and to their own sign-in.
func signInActs() []act {
	own := func(method string, action orgusers.Action, setup func(s *stage), call func(s *stage) error) act {
		return act{method: "Account." + method, action: action, role: asMember, own: true, about: []string{"member"}, setup: setup, call: call}
	}
	step := func(method string, action orgusers.Action, setup func(s *stage), call func(s *stage) error) act {
		return act{method: "Visitor." + method, action: action, role: asVisitor, own: true, about: []string{"member"}, setup: setup, call: call}
	}
	const session = "a session is its own record"
	mine := func(s *stage) orgusers.Account { return s.w.Svc.Account(s.session) }
	return []act{
		{method: "Service.Authenticate", setup: (*stage).login, call: func(s *stage) error {
			_, err := s.w.Svc.Authenticate(world.Ctx(), s.in.Token, orgusers.Actor{})
			return err
		}},
		{method: "Visitor.SignIn", exempt: session, setup: (*stage).login, call: func(s *stage) error {
			return s.shows(s.w.Visitor().SignIn(world.Ctx(), s.email("member"), world.Password))
		}},
		{
			method: "Visitor.SignInSSO", action: orgusers.ActionSSOSignIn, role: asProvider, about: []string{"member"},
			setup: func(s *stage) { s.must(s.Admin().SetSSO(world.Ctx(), orgusers.SSO{Enabled: true})) },
			call: func(s *stage) error {
				_, err := s.w.Visitor().SignInSSO(world.Ctx(), orgusers.Assertion{Org: s.ID, Subject: "s-1", Email: s.email("member")})
				return err
			},
		},
		{method: "Visitor.EnterCode", exempt: session, setup: func(s *stage) {
			s.enrolled()
			s.in = s.w.SignIn(s.email("member"))
			s.token = s.app.Code()
		}, call: func(s *stage) error {
			return s.shows(s.w.Visitor().EnterCode(world.Ctx(), s.in.Token, s.token))
		}},
		step("ChooseNewPassword", orgusers.ActionChangePassword, func(s *stage) {
			s.w.PatchUser(s.member.User, orgusers.UserPatch{ResetRequired: orgusers.Some(true)})
			s.login()
		}, func(s *stage) error {
			return s.shows(s.w.Visitor().ChooseNewPassword(world.Ctx(), s.in.Token, newPassword))
		}),
		{method: "Visitor.BeginEnrolment", setup: (*stage).enforced, call: func(s *stage) error {
			return s.shows(s.w.Visitor().BeginEnrolment(world.Ctx(), s.in.Token))
		}},
		step("ConfirmEnrolment", orgusers.ActionEnrolMFA, func(s *stage) {
			s.enforced()
			s.token = s.app.Code()
		}, func(s *stage) error {
			in, codes, err := s.w.Visitor().ConfirmEnrolment(world.Ctx(), s.in.Token, s.enrolment.Token(), s.token)
			_ = s.shows(codes, err)
			return s.shows(in, err)
		}),
		{
			method: "Visitor.ForgotPassword", exempt: "whether it is somebody's, the outbox finds out",
			call: func(s *stage) error { return s.w.Visitor().ForgotPassword(world.Ctx(), s.email("member")) },
		},

		{method: "Account.Sessions", setup: (*stage).login, call: func(s *stage) error { _, err := mine(s).Sessions(world.Ctx()); return err }},
		{method: "Account.MFA", setup: (*stage).login, call: func(s *stage) error { _, err := mine(s).MFA(world.Ctx()); return err }},
		{method: "Account.BeginMFA", setup: (*stage).login, call: func(s *stage) error { return s.shows(mine(s).BeginMFA(world.Ctx())) }},
		{method: "Account.Prove", exempt: session, setup: (*stage).login, call: func(s *stage) error {
			return s.shows(mine(s).Prove(world.Ctx(), world.Password, ""))
		}},
		own("ChangePassword", orgusers.ActionChangePassword, (*stage).login, func(s *stage) error {
			return s.shows(mine(s).ChangePassword(world.Ctx(), world.Password, newPassword))
		}),
		own("ConfirmMFA", orgusers.ActionEnrolMFA, func(s *stage) {
			s.login()
			e, err := mine(s).BeginMFA(world.Ctx())
			s.must(err)
			s.enrolment, s.app = e, world.NewFactor(s.w, e.Text())
			s.token = s.app.Code()
		}, func(s *stage) error {
			codes, renewed, err := mine(s).ConfirmMFA(world.Ctx(), s.enrolment.Token(), s.token)
			_ = s.shows(codes, err)
			return s.shows(renewed, err)
		}),
		own("NewRecoveryCodes", orgusers.ActionRecoveryCodes, (*stage).enrolled, func(s *stage) error {
			return s.shows(mine(s).NewRecoveryCodes(world.Ctx()))
		}),
		{method: "Account.IPRules", setup: (*stage).login, call: func(s *stage) error { _, err := mine(s).IPRules(world.Ctx()); return err }},
		own("OpenIPRule", orgusers.ActionOpenIPRule, (*stage).login, func(s *stage) error {
			_, err := mine(s).OpenIPRule(world.Ctx(), s.ID, "db", time.Hour)
			return err
		}),
		own("CloseIPRule", orgusers.ActionCloseIPRule, func(s *stage) {
			s.login()
			var err error
			s.rule, err = mine(s).OpenIPRule(world.Ctx(), s.ID, "db", time.Hour)
			s.must(err)
		}, func(s *stage) error { return mine(s).CloseIPRule(world.Ctx(), s.rule.ID) }),
		own("SignOut", orgusers.ActionEndSession, (*stage).login, func(s *stage) error { return mine(s).SignOut(world.Ctx()) }),
		own("EndSession", orgusers.ActionEndSession, func(s *stage) {
			s.login()
			s.in = s.w.SignIn(s.email("member"))
		}, func(s *stage) error { return mine(s).EndSession(world.Ctx(), s.in.Session) }),
		own("EndOtherSessions", orgusers.ActionEndSession, (*stage).login, func(s *stage) error {
			return s.shows(mine(s).EndOtherSessions(world.Ctx()))
		}),
	}
}
