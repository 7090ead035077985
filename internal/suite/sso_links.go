package suite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// ssoUnlink: a subject that was replaced at the provider is a matter of one call by an administrator.
func ssoUnlink(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	x.credentials("owner")
	x.sso(orgusers.SSO{})
	before := x.by(x.says("member"))
	anew := x.says("member")
	anew.Subject = "t-member"
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonSSOSubject, anew)
	unlink := func(by orgusers.Actor, on orgusers.Member) error {
		return w.Svc.Admin(by, x.ID).Do(ctx, orgusers.UnlinkSSO{}, on.ID)
	}
	x.refuses(orgusers.ErrDenied, orgusers.ReasonNotAdministrator, func() error { return unlink(before, x.member) })
	admin := x.by(x.says("admin"))
	require.NoError(t, unlink(admin, x.member))
	require.Empty(t, x.row("member").Subject)
	require.Equal(t, orgusers.ReasonSessionEnded, x.access(before), "at once")
	e := trail(t, w, orgusers.AuditQuery{Org: x.ID, Action: orgusers.ActionUnlinkSSO, Chained: true})
	require.Len(t, e, 1)
	require.Equal(t, []any{x.member.ID, x.admin.User, "subject=s-member", "subject=-"}, []any{e[0].Member, e[0].Actor, e[0].Before, e[0].After})
	require.NoError(t, unlink(admin, x.member), "it is so already")
	require.Len(t, trail(t, w, orgusers.AuditQuery{Org: x.ID, Action: orgusers.ActionUnlinkSSO, Chained: true}), 1)

	x.by(anew)
	require.Equal(t, "t-member", x.row("member").Subject)
	require.Equal(t, orgusers.ReasonSessionEnded, x.access(before), "for good")
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonSSOSubject, x.says("member"))

	// Who runs the provider could else take the owner's place.
	x.by(x.says("owner"))
	x.refuses(orgusers.ErrDenied, orgusers.ReasonOwner, func() error { return unlink(admin, x.owner) })
	owner := w.SignedIn(x.email("owner"))
	require.NoError(t, unlink(owner, x.owner))
	w.Clock.Tick(time.Second)
	require.Equal(t, orgusers.ReasonSessionEnded, x.access(owner), "one's own too")
	owner = w.SignedIn(x.email("owner"))

	// By the link it is known that the provider alone vouched for somebody who now is others' too (S-002).
	Add(t, w, newTeam(t, w, "other").ID, Person{Email: x.email("admin")})
	x.refuses(orgusers.ErrDenied, orgusers.ReasonSeveralOrgs, func() error { return unlink(owner, x.admin) })
	require.Equal(t, "s-admin", x.row("admin").Subject)
}

// ssoOwner: the owner always gets in by own credentials, so nobody becomes it without. Each step of the way
// says what is missing, down to the day on which the provider fails.
func ssoOwner(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	mapped(x, orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember})
	x.sso(orgusers.SSO{RoleMapping: true, Strict: true})
	x.by(x.says("pat", "staff")) // the account is made by it, and nobody has proved the mailbox
	offer := func(local string) error { return x.As(x.owner).OfferOwnership(ctx, x.email(local)) }
	wrong(t, offer("pat"), "email: password_required")
	wrong(t, offer("member"), "email: password_required")
	wrong(t, w.Operator().RestoreOwner(ctx, x.ID, x.row("pat").ID), "member: password_required")
	require.NoError(t, offer("nobody"), "of strangers nothing is told")
	Account(t, w, x.email("other"))
	require.NoError(t, offer("other"))
	w.Dispatch()
	other := w.Token(x.email("other"))
	fails(t, w.Visitor().AcceptOwnership(ctx, other), orgusers.ErrDenied, orgusers.ReasonPasswordRequired)

	x.forgot("pat")
	require.Equal(t, []any{true, orgusers.StepSSO}, []any{w.User(x.row("pat").User).Verified, w.SignIn(x.email("pat")).Step})
	require.NoError(t, offer("pat"))
	w.Dispatch()
	// Not only when it is offered: the account is looked at when it is taken.
	hash := w.User(x.row("pat").User).Password
	w.PatchUser(x.row("pat").User, orgusers.UserPatch{Password: orgusers.Some(orgusers.PasswordHash(""))})
	fails(t, w.Visitor().AcceptOwnership(ctx, w.Token(x.email("pat"))), orgusers.ErrDenied, orgusers.ReasonPasswordRequired)
	require.Equal(t, x.owner.User, x.Record().OwnerID)
	w.PatchUser(x.row("pat").User, orgusers.UserPatch{Password: orgusers.Some(hash)})
	require.NoError(t, w.Visitor().AcceptOwnership(ctx, w.Token(x.email("pat"))), "the link is still good")
	require.Equal(t, x.row("pat").User, x.Record().OwnerID)
	require.Empty(t, x.access(w.SignedIn(x.email("pat"))), "by the password, in strict mode")
	CheckOrg(t, w, x.ID)

	// Where there is no single sign-on, a host may keep the passwords.
	y := newTeam(t, w, "plain")
	require.NoError(t, y.As(y.owner).OfferOwnership(ctx, y.email("admin")))
	w.Dispatch()
	require.NoError(t, w.Visitor().AcceptOwnership(ctx, w.Token(y.email("admin"))))
}

// club is an organization without an owner: two administrators and a member, with passwords.
func club(t *testing.T, w *world.World) team {
	t.Helper()
	org := NewOrg(t, w, "Club", "", Person{Email: "ada@club.example", Role: orgusers.RoleAdmin},
		Person{Email: "bo@club.example", Role: orgusers.RoleAdmin}, Person{Email: "cy@club.example"})
	x := team{t: t, w: w, Org: org, domain: "club.example"}
	x.admin, x.member = x.row("bo"), x.row("cy")
	for _, local := range []string{"ada", "bo", "cy"} {
		x.credentials(local)
	}
	return x
}

// ssoKeeper: in an owner-less organization one administrator gets in whatever becomes of the provider, and
// nothing takes that one away, alone or in a bulk.
func ssoKeeper(t *testing.T, w *world.World) {
	x, ctx := club(t, w), world.Ctx()
	ada, bo := x.row("ada"), x.row("bo")
	as := func(local string) orgusers.Admin { return w.Svc.Admin(w.SignedIn(x.email(local)), x.ID) }
	require.NoError(t, as("ada").SetSSO(ctx, orgusers.SSO{Enabled: true, Strict: true, RoleMapping: true}))
	require.Equal(t, ada.User, x.Record().Settings.SSO.Keeper, "who switches it on")
	require.NoError(t, as("ada").SetGroups(ctx, orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember}, orgusers.GroupRole{Group: "it", Role: orgusers.RoleAdmin}))
	require.Empty(t, x.access(w.SignedIn(x.email("ada"))))
	require.Equal(t, orgusers.StepSSO, w.SignIn(x.email("bo")).Step)

	by := w.Svc.Admin(x.by(x.says("bo", "it")), x.ID)
	for _, op := range []orgusers.Operation{
		orgusers.Remove{}, orgusers.SetRole{Role: orgusers.RoleMember}, orgusers.Deactivate{}, orgusers.Delete{},
	} {
		x.refuses(orgusers.ErrDenied, orgusers.ReasonSSOKeeper, func() error { return by.Do(ctx, op, ada.ID) })
		rep, err := by.Preview(ctx, op, x.member.ID, ada.ID)
		require.NoError(t, err)
		require.Equal(t, []any{orgusers.Skipped, orgusers.ReasonSSOKeeper, "R2.23"}, []any{rep.Outcomes[1].Result, rep.Outcomes[1].Reason, rep.Outcomes[1].Rule}, op.Action())
	}
	mine := w.Svc.Account(w.SignedIn(x.email("ada")))
	x.refuses(orgusers.ErrDenied, orgusers.ReasonSSOKeeper, func() error { return mine.Leave(ctx, x.ID) })
	require.NoError(t, by.Do(ctx, orgusers.SetWithoutSSO{Allow: true}, ada.ID))
	require.NoError(t, by.Do(ctx, orgusers.SetWithoutSSO{}, ada.ID), "which takes nothing away")
	x.by(x.says("ada", "staff"))
	require.Equal(t, orgusers.RoleAdmin, x.row("ada").Role, "nor does a group")
	require.NoError(t, by.SetSSO(ctx, orgusers.SSO{Enabled: true, Strict: true}))
	require.Equal(t, ada.User, x.Record().Settings.SSO.Keeper, "whoever changes the rest")

	// Another one is named first.
	require.NoError(t, by.SetSSO(ctx, orgusers.SSO{Enabled: true, Strict: true, Keeper: bo.User}))
	require.Equal(t, orgusers.StepSSO, w.SignIn(x.email("ada")).Step)
	require.NoError(t, as("bo").Do(ctx, orgusers.Remove{}, ada.ID))
	mine = w.Svc.Account(w.SignedIn(x.email("bo")))
	x.refuses(orgusers.ErrDenied, orgusers.ReasonLastAdmin, func() error { return mine.Leave(ctx, x.ID) })
	require.NoError(t, as("bo").SetSSO(ctx, orgusers.SSO{Keeper: bo.User}))
	require.Empty(t, x.Record().Settings.SSO.Keeper, "without single sign-on there is none")
	CheckOrg(t, w, x.ID)
}

// ssoKeeperCredentials: a keeper has something to come in by.
func ssoKeeperCredentials(t *testing.T, w *world.World) {
	x, ctx := club(t, w), world.Ctx()
	w.PatchUser(x.row("bo").User, orgusers.UserPatch{Password: orgusers.Some(orgusers.PasswordHash(""))})
	ada := w.Svc.Admin(w.SignedIn(x.email("ada")), x.ID)
	keeper := func(u orgusers.UserID) orgusers.SSO { return orgusers.SSO{Enabled: true, Keeper: u} }
	wrong(t, ada.SetSSO(ctx, keeper(x.row("bo").User)), "sso.keeper: password_required")
	wrong(t, ada.SetSSO(ctx, keeper(x.member.User)), "sso.keeper: not_administrator")
	wrong(t, ada.SetSSO(ctx, keeper("nobody")), "sso.keeper: not_administrator")
	require.NoError(t, x.As(x.row("bo")).SetSSO(ctx, orgusers.SSO{Enabled: true}), "by a session that the host vouches for")
	require.Equal(t, x.row("bo").User, x.Record().Settings.SSO.Keeper)

	// From before there was one: the next change names one.
	w.PatchOrg(x.ID, func(o *orgusers.Organization) { o.Settings.SSO.Keeper = "" })
	bo := w.Svc.Admin(x.by(x.says("bo")), x.ID)
	require.NoError(t, bo.SetAllowedDomains(ctx, "club.example"), "everything else goes on")
	wrong(t, bo.SetSSO(ctx, orgusers.SSO{Enabled: true, Strict: true}), "sso.keeper: password_required")
	x.forgot("bo")
	w.Clock.Tick(time.Second)
	bo = w.Svc.Admin(x.by(x.says("bo")), x.ID)
	require.NoError(t, bo.SetSSO(ctx, orgusers.SSO{Enabled: true, Strict: true}))
	require.Empty(t, x.access(w.SignedIn(x.email("bo"))))

	y := newTeam(t, w, "owned")
	wrong(t, y.As(y.owner).SetSSO(ctx, keeper(y.owner.User)), "sso.keeper: owner")
}

// ssoOthersAccount: an account whose mailbox is proved has an owner, also when it belongs nowhere.
func ssoOthersAccount(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "evil"), world.Ctx()
	mapped(x, orgusers.GroupRole{Group: "all", Role: orgusers.RoleMember})
	u := Account(t, w, x.email("pat"), func(u *orgusers.User) { u.Password = world.CheapHash() })
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonInvitationNeeded, x.says("pat", "all"))
	require.Equal(t, u, w.User(u.ID))
	_, token := x.link("pat", orgusers.RoleMember)
	x.turnsAway(orgusers.ErrDenied, orgusers.ReasonInvitationNeeded, x.says("pat", "all"))
	require.NoError(t, accept(w, token))
	x.by(x.says("pat", "all"))

	// One that nobody has proved, whoever made it, keeps nothing that lets another one in.
	planted := Account(t, w, x.email("sam"), func(u *orgusers.User) { u.Password, u.Verified = world.CheapHash(), false })
	_, err := x.As(x.owner).Invite(ctx, orgusers.Invitation{To: x.email("sam"), WithoutSSO: true})
	require.NoError(t, err)
	require.Equal(t, planted.ID, x.by(x.says("sam")).User)
	require.Empty(t, w.User(planted.ID).Password)
	_, err = w.Visitor().SignIn(ctx, x.email("sam"), world.Password)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonCredentials)
}

// ssoOthersSessions: an organization that a provider has put somebody into has no say on the sessions that
// are no good in it.
func ssoOthersSessions(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "evil"), world.Ctx()
	mapped(y, orgusers.GroupRole{Group: "all", Role: orgusers.RoleMember})
	said := orgusers.Assertion{Org: y.ID, Subject: "victim", Email: x.email("pat"), Groups: []string{"all"}}
	y.by(said)
	require.NoError(t, y.As(y.owner).SetSecurity(ctx, orgusers.Security{SessionIdle: time.Minute, SessionMax: time.Minute}))
	x.Invite(x.email("pat"), orgusers.RoleMember)
	w.Dispatch()
	_, err := w.Visitor().AcceptInvitation(ctx, w.Token(x.email("pat")), world.NewAccount(x.email("pat")))
	require.NoError(t, err)
	w.Clock.Tick(time.Second)
	in := w.SignIn(x.email("pat"))
	require.Equal(t, []any{orgusers.StepDone, w.Clock.Now().Add(24 * time.Hour)}, []any{in.Step, in.ExpiresAt})
	in, err = w.Visitor().SignInSSO(ctx, said)
	require.NoError(t, err)
	require.Equal(t, w.Clock.Now().Add(time.Minute), in.ExpiresAt, "of its own it has")
}
