package suite

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// SSO are the rules of single sign-on (R2.20 to R2.30, R11.5).
func SSO(t *testing.T, open Opener) {
	t.Helper()
	c := cases{t, open}
	c.run("R2.20 who signs in", ssoMembers)
	c.run("R2.20 input", ssoInput)
	c.run("R2.20 switched on and off", ssoSwitched)
	c.run("R2.21 with own credentials", ssoWithout)
	c.run("R2.22 strict", ssoStrict)
	c.run("R2.26 session", ssoSession)
	c.run("R2.27 invited people", ssoInvited)
	c.run("R2.30 leaving single sign-on", ssoLeaving)
	c.run("S-001 subject and address", ssoSubject)
	c.run("S-001 unlinking a subject", ssoUnlink)
	c.run("R2.23 the owner has credentials", ssoOwner)
	c.run("R2.23 the keeper", ssoKeeper)
	c.run("R2.23 the keeper has credentials", ssoKeeperCredentials)
	c.run("S-157 an account that is its owner's", ssoOthersAccount)
	c.run("S-157 another organization's sessions", ssoOthersSessions)
	c.run("S-002 nothing elsewhere", ssoElsewhere)
	c.run("S-002 an account nobody has proved", ssoUnproved)
	c.run("R2.27 mapping lets in", mapJoins)
	c.run("R2.27 mapping gives roles", mapGives)
	c.run("R2.27 mapping leaves alone", mapLeaves)
	c.run("R2.29 exact names", mapExact)
	c.run("R12.5 the last administrator", mapLast)
	c.run("S-018 groups of this organization", mapInput)
	c.run("S-018 a stack or role that goes", mapDeleted)
}

// says is what the team's provider says of somebody.
func (x team) says(local string, groups ...string) orgusers.Assertion {
	return orgusers.Assertion{Org: x.ID, Subject: "s-" + local, Email: x.email(local), Groups: groups}
}

func (x team) sso(s orgusers.SSO) {
	x.t.Helper()
	s.Enabled = true
	require.NoError(x.t, x.As(x.owner).SetSSO(world.Ctx(), s))
}

// by signs somebody in by the provider and returns the session.
func (x team) by(a orgusers.Assertion) orgusers.Actor {
	x.t.Helper()
	x.w.Clock.Tick(time.Second)
	in, err := x.w.Visitor().SignInSSO(world.Ctx(), a)
	require.NoError(x.t, err)
	require.Empty(x.t, in.Device, "which would give tries on own credentials")
	CheckOrg(x.t, x.w, x.ID)
	return x.w.Session(in)
}

func (x team) turnsAway(kind error, reason orgusers.Reason, a orgusers.Assertion) {
	x.t.Helper()
	x.refuses(kind, reason, func() error {
		_, err := x.w.Visitor().SignInSSO(world.Ctx(), a)
		return err
	})
}

// access is what the host is told of a session: "" or the reason.
func (x team) access(a orgusers.Actor) orgusers.Reason {
	x.t.Helper()
	_, err := x.w.Svc.Access(world.Ctx(), a, x.ID)
	if err != nil {
		return kindOf(x.t, err).Reason
	}
	return ""
}

// links is as if the provider had once signed somebody in.
func (x team) links(m orgusers.Member) {
	x.t.Helper()
	local, _, _ := strings.Cut(m.Address.Email, "@")
	x.w.PatchMember(x.ID, m.ID, orgusers.MemberPatch{Subject: orgusers.Some("s-" + local)})
}

// credentials gives somebody the password that everybody has.
func (x team) credentials(local string) {
	x.w.PatchUser(x.row(local).User, orgusers.UserPatch{Password: orgusers.Some(world.CheapHash())})
}

func ssoMembers(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonSSOOff, x.says("member"))
	x.sso(orgusers.SSO{})
	_, err := w.Visitor().SignInSSO(world.Ctx(), orgusers.Assertion{Org: "nowhere", Subject: "s", Email: x.email("member")})
	fails(t, err, orgusers.ErrNotFound, "")

	before := x.Record()
	session := x.by(x.says("member"))
	require.Equal(t, []any{x.member.User, x.ID, true}, []any{session.User, session.SSO, session.MFAAt.IsZero()})
	require.Empty(t, x.access(session))
	bound := x.row("member")
	require.Equal(t, []any{"s-member", session.SignedInAt}, []any{bound.Subject, bound.LastLogin})
	require.Equal(t, before.Version+1, x.Record().Version, "bound once")
	e := trail(t, w, orgusers.AuditQuery{Org: x.ID, Action: orgusers.ActionSSOSignIn, Chained: true})
	require.Len(t, e, 1)
	require.Equal(t, []any{"provider", x.member.ID, "role=member status=active", "role=member status=active subject=s-member"},
		[]any{e[0].ActorRole, e[0].Member, e[0].Before, e[0].After})

	before = x.Record()
	session = x.by(x.says("member"))
	require.Equal(t, before, x.Record(), "signing in leaves the organization alone")
	require.Equal(t, session.SignedInAt, x.row("member").LastLogin)
	require.Empty(t, x.access(x.by(x.says("owner"))), "the owner may use it too")

	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonNotJoined, x.says("nobody"))
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.Deactivate{}, x.member.ID))
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonInactive, x.says("member"))
	require.NoError(t, w.Operator().DisableOrganization(world.Ctx(), x.ID))
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonOrgDisabled, x.says("admin"))
}

func ssoInput(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	x.sso(orgusers.SSO{})
	for _, bad := range []struct {
		change func(a *orgusers.Assertion)
		want   string
	}{
		{func(a *orgusers.Assertion) { a.Subject = "" }, "subject: required"},
		{func(a *orgusers.Assertion) { a.Subject = strings.Repeat("s", 257) }, "subject: too_long"},
		{func(a *orgusers.Assertion) { a.Subject = "a\x00b" }, "subject: character"},
		{func(a *orgusers.Assertion) { a.Subject = "a\xffb" }, "subject: character"},
		{func(a *orgusers.Assertion) { a.Email = "nobody" }, "email: syntax"},
		{func(a *orgusers.Assertion) { a.Email = "" }, "email: required"},
		{func(a *orgusers.Assertion) { a.Name.Last = "a\nb" }, "name.last: character"},
	} {
		a := x.says("member")
		bad.change(&a)
		_, err := w.Visitor().SignInSSO(world.Ctx(), a)
		wrong(t, err, bad.want)
	}
	a := x.says("member")
	a.Subject = strings.Repeat("é", 128)
	x.by(a)
	require.Equal(t, a.Subject, x.row("member").Subject)

	for _, bad := range []struct {
		sso  orgusers.SSO
		want string
	}{
		{orgusers.SSO{Enabled: true, SessionMax: time.Minute}, "sso.session_max: range"},
		{orgusers.SSO{Enabled: true, SessionMax: 25 * time.Hour}, "sso.session_max: range"},
		{orgusers.SSO{Enabled: true, SessionMax: time.Hour + time.Millisecond}, "sso.session_max: range"},
		{orgusers.SSO{Strict: true}, "sso: required"},
	} {
		wrong(t, x.Admin().SetSSO(world.Ctx(), bad.sso), bad.want)
	}
}

// ssoSwitched: what the organization accepts it says at each use of a session.
func ssoSwitched(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	for _, local := range []string{"owner", "member"} {
		x.credentials(local)
	}
	own, owner := w.SignedIn(x.email("member")), w.SignedIn(x.email("owner"))
	require.Empty(t, x.access(own))
	x.sso(orgusers.SSO{})
	require.Equal(t, orgusers.ReasonSSORequired, x.access(own), "at once")
	require.Empty(t, x.access(owner), "R2.23")
	in := w.SignIn(x.email("member"))
	require.Equal(t, []any{orgusers.StepSSO, []orgusers.OrgID{x.ID}, ""}, []any{in.Step, in.Organizations, in.Token}, "R2.24")

	session := x.by(x.says("member"))
	require.Empty(t, x.access(session))
	require.NoError(t, x.Admin().SetSSO(world.Ctx(), orgusers.SSO{}))
	require.Equal(t, orgusers.ReasonSSOOff, x.access(session), "its word is taken no longer")
	require.Empty(t, x.access(own))
	require.Equal(t, orgusers.StepDone, w.SignIn(x.email("member")).Step)

	w.Clock.Tick(time.Second)
	x.sso(orgusers.SSO{}) // of another provider, it may be
	require.Equal(t, orgusers.ReasonSessionEnded, x.access(session))
	_, err := w.Svc.Account(session).Sessions(world.Ctx())
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	require.Equal(t, orgusers.ReasonSSORequired, x.access(own))
	require.Empty(t, x.access(x.by(x.says("member"))))
	x.sso(orgusers.SSO{Strict: true, ValidFrom: w.Clock.Now().Add(time.Hour)})
	require.Empty(t, x.access(x.by(x.says("member"))), "it is not the owner's to say")
}

func ssoWithout(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	x.credentials("member")
	x.sso(orgusers.SSO{})
	require.Equal(t, orgusers.StepSSO, w.SignIn(x.email("member")).Step)
	require.NoError(t, x.Admin().Do(ctx, orgusers.SetWithoutSSO{Allow: true}, x.member.ID))
	own := w.SignedIn(x.email("member"))
	require.Empty(t, x.access(own))
	require.Empty(t, x.access(x.by(x.says("member"))), "by the provider too")
	require.NoError(t, x.Admin().Do(ctx, orgusers.SetWithoutSSO{}, x.member.ID))
	require.Equal(t, orgusers.ReasonSSORequired, x.access(own))
	_, err := x.Admin().Invite(ctx, orgusers.Invitation{To: x.email("pat"), WithoutSSO: true})
	require.NoError(t, err)
	require.True(t, x.row("pat").WithoutSSO)
}

func ssoStrict(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	for _, local := range []string{"owner", "member"} {
		x.credentials(local)
	}
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.SetWithoutSSO{Allow: true}, x.member.ID))
	x.sso(orgusers.SSO{})
	own := w.SignedIn(x.email("member"))
	x.sso(orgusers.SSO{Strict: true})
	require.Equal(t, orgusers.ReasonSSORequired, x.access(own))
	require.Equal(t, orgusers.StepSSO, w.SignIn(x.email("member")).Step)
	require.Empty(t, x.access(w.SignedIn(x.email("owner"))), "R2.23")
	require.Empty(t, x.access(x.by(x.says("member"))))
}

func ssoSession(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	for max, want := range map[time.Duration]time.Duration{0: 12 * time.Hour, time.Hour: time.Hour, 24 * time.Hour: 24 * time.Hour} {
		x.sso(orgusers.SSO{SessionMax: max})
		in, err := w.Visitor().SignInSSO(ctx, x.says("member"))
		require.NoError(t, err)
		require.Equal(t, w.Clock.Now().Add(want), in.ExpiresAt)
	}
	// The second factor is the provider's business; one's own credentials are not.
	require.NoError(t, x.As(x.owner).Do(ctx, orgusers.SetWithoutSSO{Allow: true}, x.member.ID))
	w.PatchOrg(x.ID, func(o *orgusers.Organization) { o.Settings.Security.RequireMFA = true })
	w.PatchUser(x.member.User, orgusers.UserPatch{
		Password: orgusers.Some(world.CheapHash()), ResetRequired: orgusers.Some(true), Failures: orgusers.Some(7), LockedUntil: orgusers.Some(w.Clock.Now().Add(time.Hour)),
	})
	locked := w.User(x.member.User).LockedUntil
	session := x.by(x.says("member"))
	require.Empty(t, x.access(session))
	u := w.User(x.member.User)
	require.Equal(t, []any{7, locked, true}, []any{u.Failures, u.LockedUntil, u.ResetRequired}, "of own credentials the provider knows nothing")
	_, err := w.Svc.Account(session).ChangePassword(ctx, world.Password, newPassword)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSSOSession)
	_, err = w.Svc.Account(session).BeginMFA(ctx)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSSOSession)
}

func ssoInvited(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	x.sso(orgusers.SSO{})
	stack := newStack(t, x.Org, "Website")
	access := orgusers.StackAccess{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}
	x.Invite(x.email("pat"), orgusers.RoleAdmin, access)
	w.Dispatch()
	said := x.says("pat")
	said.Name = orgusers.Name{First: "Pat", Last: "Provided"}
	session := x.by(said)
	access2, err := w.Svc.Access(ctx, session, x.ID)
	require.NoError(t, err)
	require.True(t, access2.Administers() && access2.Can(stack, orgusers.PermissionWrite))
	row, u := x.row("pat"), w.User(session.User)
	require.Equal(t, []any{orgusers.StatusActive, said.Name, session.SignedInAt, session.SignedInAt}, []any{row.Status, row.Name, row.JoinedAt, row.LastLogin})
	require.Equal(t, []any{false, orgusers.PasswordHash(""), 1, said.Name}, []any{u.Verified, u.Password, u.Orgs, u.Name})
	_, err = w.Visitor().AcceptInvitation(ctx, w.Token(x.email("pat")), world.NewAccount(x.email("pat")))
	fails(t, err, orgusers.ErrExpired, orgusers.ReasonLinkReplaced)

	x.Invite(x.email("late"), orgusers.RoleMember)
	w.Clock.Tick(7 * 24 * time.Hour)
	x.turnsAway(orgusers.ErrExpired, orgusers.ReasonLinkExpired, x.says("late"))
	_, err = w.Svc.Admin(x.by(x.says("admin")), x.ID).Invite(ctx, orgusers.Invitation{To: x.email("lost") + "," + x.email("gone") + "," + x.email("out")})
	require.NoError(t, err)
	require.NoError(t, x.As(x.owner).Do(ctx, orgusers.Remove{}, x.row("gone").ID))
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonNotJoined, x.says("gone"))
	require.NoError(t, x.As(x.owner).SetAllowedDomains(ctx, "other.example"))
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonDomain, x.says("out"))
	require.NoError(t, x.As(x.owner).SetAllowedDomains(ctx))
	w.PatchOrg(x.ID, func(o *orgusers.Organization) { o.Plan = seats(o.Tally.Members) })
	x.turnsAway(orgusers.ErrSeats, "", x.says("out"))
	w.PatchOrg(x.ID, func(o *orgusers.Organization) { o.Plan.Limits = nil })
	require.NoError(t, x.As(x.owner).Do(ctx, orgusers.SetRole{Role: orgusers.RoleMember}, x.admin.ID))
	x.turnsAway(orgusers.ErrExpired, orgusers.ReasonInviterGone, x.says("lost"))
}

// ssoLeaving: who has no password and may sign in with one again sets it by mail, once.
func ssoLeaving(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	x.sso(orgusers.SSO{})
	x.by(x.says("member"))
	for _, op := range []orgusers.Operation{orgusers.ForcePasswordReset{}, orgusers.ResetMFA{}} {
		x.refuses(orgusers.ErrDenied, orgusers.ReasonSSOManaged, func() error { return x.As(x.owner).Do(ctx, op, x.member.ID) })
	}
	_, err := w.Visitor().SignIn(ctx, x.email("member"), world.Password)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
	x.forgot("member")
	require.Equal(t, orgusers.StepSSO, w.SignIn(x.email("member")).Step, "until then the password opens nothing (R2.24)")
	require.NoError(t, x.As(x.owner).Do(ctx, orgusers.SetWithoutSSO{Allow: true}, x.member.ID))
	require.Empty(t, x.access(w.SignedIn(x.email("member"))))
}

// forgot sets the password that everybody has by a mail that the person asks for.
func (x team) forgot(local string) {
	x.t.Helper()
	require.NoError(x.t, x.w.Visitor().ForgotPassword(world.Ctx(), x.email(local)))
	x.w.Dispatch()
	require.NoError(x.t, x.w.Reset(x.w.Token(x.email(local)), world.Password))
	x.w.Clock.Tick(time.Second)
}

func ssoSubject(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	x.sso(orgusers.SSO{})
	x.by(x.says("member"))
	a := x.says("member")
	a.Subject = "S-member"
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonSSOSubject, a)
	a = x.says("admin")
	a.Subject = "s-member"
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonSSOSubject, a)
	mapped(x, orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember})
	a = x.says("renamed", "staff")
	a.Subject = "s-member"
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonSSOSubject, a)
	require.Equal(t, "s-member", x.row("member").Subject)

	y := newTeam(t, w, "other") // another provider's subjects are its own
	y.sso(orgusers.SSO{})
	y.by(y.says("member"))
}
