package orgusers_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// matrixToken is the secret of a session, or ticket, that is put into the registry by hand.
func matrixToken() string { return base64.RawURLEncoding.EncodeToString(make([]byte, 32)) }

// matrixIP is where everybody is.
func matrixIP() netip.Addr { return netip.MustParseAddr("203.0.113.5") }

// session puts a session or ticket into the registry.
func (c *matrixCall) session(user orgusers.UserID, step orgusers.Step) {
	c.T.Helper()
	if v, err := c.Store.View(world.Ctx(), orgusers.ViewQuery{Users: []orgusers.UserID{user}}); err != nil || len(v.Users) == 0 {
		return
	}
	h := sha256.Sum256([]byte(matrixToken()))
	now := c.Clock.Now()
	s := orgusers.Session{
		ID: officeID[orgusers.SessionID]("session"), User: user, Token: hex.EncodeToString(h[:]), Step: step,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(5 * time.Minute), Idle: 5 * time.Minute, MFAAt: now,
	}
	if step == orgusers.StepCode {
		s.MFAAt = time.Time{}
	}
	require.NoError(c.T, c.Store.Commit(world.Ctx(), orgusers.Changes{NewSessions: []orgusers.Session{s}}))
	if step == orgusers.StepDone {
		c.by.Session = string(s.ID)
	}
}

// patch changes an account, if there is one.
func (c *matrixCall) patch(user orgusers.UserID, p orgusers.UserPatch) {
	if v, err := c.Store.View(world.Ctx(), orgusers.ViewQuery{Users: []orgusers.UserID{user}}); err == nil && len(v.Users) == 1 {
		c.PatchUser(user, p)
	}
}

// matrixSignIn is how to sign in, and to look after one's own sign-in. At the door it is mia who comes.
func matrixSignIn() map[string]matrixMethod {
	ctx := world.Ctx()
	const code = "7K2QM7K2QM7K2QM7K2QM7K2QM"
	mia := func(c *matrixCall) orgusers.UserID { return c.acme.user("mia").ID }
	ready := func(c *matrixCall, user orgusers.UserID) {
		c.patch(user, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash()), LockedUntil: orgusers.Some(time.Time{})})
	}
	ticket := func(step orgusers.Step, prepare func(c *matrixCall)) func(c *matrixCall) {
		return func(c *matrixCall) {
			ready(c, mia(c))
			c.session(mia(c), step)
			if prepare != nil {
				prepare(c)
			}
		}
	}
	enforced := func(c *matrixCall) {
		c.PatchOrg(c.acme.org.ID, func(o *orgusers.Organization) { o.Settings.Security.RequireMFA = true })
		c.patch(mia(c), orgusers.UserPatch{MFA: orgusers.Some(orgusers.MFA{})})
	}
	own := func(call func(c *matrixCall) (any, error)) matrixMethod {
		return matrixMethod{func(c *matrixCall) {
			ready(c, c.by.User)
			c.patch(c.by.User, orgusers.UserPatch{MFA: orgusers.Some(orgusers.MFA{})})
			c.session(c.by.User, orgusers.StepDone)
		}, call}
	}
	return map[string]matrixMethod{
		"Visitor.SignIn": {ticket(orgusers.StepDone, nil), func(c *matrixCall) (any, error) {
			return c.visitor().SignIn(ctx, "mia@acme.example", world.Password)
		}},
		"Visitor.SignInSSO": {func(c *matrixCall) {
			c.PatchOrg(c.acme.org.ID, func(o *orgusers.Organization) { o.Settings.SSO.Enabled = true })
			c.PatchMember(c.acme.org.ID, c.id("mia"), orgusers.MemberPatch{Subject: orgusers.Some("")})
		}, func(c *matrixCall) (any, error) {
			return c.visitor().SignInSSO(ctx, orgusers.Assertion{Org: c.acme.org.ID, Subject: "s-mia", Email: "mia@acme.example"})
		}},
		"Visitor.EnterCode": {ticket(orgusers.StepCode, func(c *matrixCall) {
			h := sha256.Sum256([]byte("recovery\x00" + string(mia(c)) + "\x00" + code))
			c.patch(mia(c), orgusers.UserPatch{MFA: orgusers.Some(orgusers.MFA{Secret: "x", EnrolledAt: c.acme.now, Recovery: base64.RawURLEncoding.EncodeToString(h[:])})})
		}), func(c *matrixCall) (any, error) { return c.visitor().EnterCode(ctx, matrixToken(), code) }},
		"Visitor.ChooseNewPassword": {ticket(orgusers.StepPassword, func(c *matrixCall) {
			c.patch(mia(c), orgusers.UserPatch{ResetRequired: orgusers.Some(true)})
		}), func(c *matrixCall) (any, error) {
			return c.visitor().ChooseNewPassword(ctx, matrixToken(), "another "+world.Password)
		}},
		"Visitor.BeginEnrolment": {ticket(orgusers.StepEnrol, enforced), func(c *matrixCall) (any, error) {
			return c.visitor().BeginEnrolment(ctx, matrixToken())
		}},
		"Visitor.ConfirmEnrolment": {ticket(orgusers.StepEnrol, enforced), func(c *matrixCall) (any, error) {
			e, err := c.visitor().BeginEnrolment(ctx, matrixToken())
			if err != nil {
				return nil, err
			}
			_, _, err = c.visitor().ConfirmEnrolment(ctx, matrixToken(), e.Token(), world.NewFactor(c.World, e.Text()).Code())
			return nil, err
		}},
		"Visitor.ForgotPassword": {nil, func(c *matrixCall) (any, error) { return nil, c.visitor().ForgotPassword(ctx, "sven@acme.example") }},
		"Service.Authenticate": {ticket(orgusers.StepDone, nil), func(c *matrixCall) (any, error) {
			return c.Svc.Authenticate(ctx, matrixToken(), orgusers.Actor{})
		}},

		"Account.Sessions":         own(func(c *matrixCall) (any, error) { return c.account().Sessions(ctx) }),
		"Account.MFA":              own(func(c *matrixCall) (any, error) { return c.account().MFA(ctx) }),
		"Account.BeginMFA":         own(func(c *matrixCall) (any, error) { return c.account().BeginMFA(ctx) }),
		"Account.Prove":            own(func(c *matrixCall) (any, error) { return c.account().Prove(ctx, world.Password, "") }),
		"Account.SignOut":          own(func(c *matrixCall) (any, error) { return nil, c.account().SignOut(ctx) }),
		"Account.EndOtherSessions": own(func(c *matrixCall) (any, error) { return c.account().EndOtherSessions(ctx) }),
		"Account.EndSession": own(func(c *matrixCall) (any, error) {
			return nil, c.account().EndSession(ctx, officeID[orgusers.SessionID]("session"))
		}),
		"Account.ChangePassword": own(func(c *matrixCall) (any, error) {
			return c.account().ChangePassword(ctx, world.Password, "another "+world.Password)
		}),
		"Account.ConfirmMFA": own(func(c *matrixCall) (any, error) {
			e, err := c.account().BeginMFA(ctx)
			if err != nil {
				return nil, err
			}
			_, _, err = c.account().ConfirmMFA(ctx, e.Token(), world.NewFactor(c.World, e.Text()).Code())
			return nil, err
		}),
		"Account.IPRules": own(func(c *matrixCall) (any, error) { return c.account().IPRules(ctx) }),
		"Account.OpenIPRule": own(func(c *matrixCall) (any, error) {
			c.by.IP = matrixIP()
			return c.account().OpenIPRule(ctx, c.org, "db", time.Hour)
		}),
		"Account.CloseIPRule": {func(c *matrixCall) {
			ready(c, c.by.User)
			c.session(c.by.User, orgusers.StepDone)
			now := c.Clock.Now()
			require.NoError(c.T, c.Store.Commit(ctx, orgusers.Changes{NewIPRules: []orgusers.IPRule{{
				ID: officeID[orgusers.IPRuleID]("rule"), Org: c.org, User: c.by.User, Session: officeID[orgusers.SessionID]("session"),
				IP: matrixIP(), Resource: "db", OpenedAt: now, ExpiresAt: now.Add(time.Hour),
			}}}))
		}, func(c *matrixCall) (any, error) {
			return nil, c.account().CloseIPRule(ctx, officeID[orgusers.IPRuleID]("rule"))
		}},
		"Account.NewRecoveryCodes": {func(c *matrixCall) {
			c.by.MFAAt = c.by.SignedInAt
			c.patch(c.by.User, orgusers.UserPatch{MFA: orgusers.Some(orgusers.MFA{Secret: "x", EnrolledAt: c.acme.now})})
		}, func(c *matrixCall) (any, error) {
			codes, err := c.account().NewRecoveryCodes(ctx)
			return len(codes), err
		}},
	}
}
