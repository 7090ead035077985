package suite

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Invitations are the cases about invitations and who accepts them (B1). Those that are races are in
// [Races].
func Invitations(t *testing.T, open Opener) {
	t.Helper()
	c := cases{t, open}
	c.run("S-001 accept with another account", inviteOther)
	c.run("S-002 unverified account", inviteUnverified)
	c.run("S-003 ids are not the secret", inviteIDs)
	c.run("S-004 only the mailbox learns the link", inviteSecret)
	c.run("S-005 forged token", inviteForged)
	c.run("S-006 token reuse", inviteReuse)
	c.run("S-008 late expiry", inviteExpiry)
	c.run("S-011 decorated token", inviteDecorated)
	c.run("S-014 old link after a new one", inviteResent)
	c.run("S-015 invited again", inviteAgain)
	c.run("S-016 invited as owner", inviteOwner)
	c.run("S-017 role tricks", inviteRoles)
	c.run("S-018 stack of another organization", inviteForeignStack)
	c.run("S-024 invitation of another organization", inviteForeign)
	c.run("S-025 pending people are not shown to everybody", inviteListed)
	c.run("S-030 disabled organization", inviteDisabled)
	c.run("S-033 mail scanners", inviteScanned)
	c.run("R2.11 domain forbidden since", inviteDomain)
	c.run("R2.7 inviter no longer entitled", inviterGone)
	invitationLimits(c)
	links(c)
}

// The account that joins is the one with the invited address, whoever presents the link.
func inviteOther(t *testing.T, w *world.World) {
	x, other := newTeam(t, w, "acme"), newTeam(t, w, "other")
	m, token := x.link("ann", orgusers.RoleMember)
	ann, _ := accountOf(t, w, x.email("ann"))
	joined, err := w.Visitor().AcceptInvitation(world.Ctx(), token, world.NewAccount(other.email("member")))
	require.NoError(t, err)
	require.Equal(t, orgusers.Joined{Org: x.ID, Member: m.ID, User: ann.ID}, joined)
	after, _ := accountOf(t, w, x.email("ann"))
	require.Equal(t, ann.Name, after.Name, "what another one filled in is not taken over")
	require.Empty(t, after.Password, "an invitation changes nobody's password")
	_, err = w.Svc.Access(world.Ctx(), w.Actor(other.member.User), x.ID)
	fails(t, err, orgusers.ErrNotFound, "")
	CheckOrg(t, w, x.ID)
}

// Somebody made an account with the victim's address in advance, and knows its password.
func inviteUnverified(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	known := orgusers.PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	squatter := Account(t, w, x.email("victim"), func(u *orgusers.User) {
		u.Verified, u.Password = false, known
		u.ResetLink, u.ResetExpires = orgusers.OperationID(uuid.NewString()), w.Clock.Now().Add(time.Hour)
		u.MFA = orgusers.MFA{Secret: "theirs", EnrolledAt: w.Clock.Now()}
	})
	session := w.Actor(squatter.ID)
	m := x.Invite(x.email("victim"), orgusers.RoleAdmin)
	w.Dispatch()
	require.Empty(t, m.User, "an invitation does not tell whether there is an account")
	_, err := w.Svc.Access(ctx, session, x.ID)
	fails(t, err, orgusers.ErrNotFound, "")
	_, err = w.Svc.Account(session).Organizations(ctx, "", 0)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded) // nothing is there until the mailbox is proved

	token := w.Token(x.email("victim"))
	info, err := w.Visitor().InspectInvitation(ctx, token)
	require.NoError(t, err)
	require.True(t, info.NeedsPassword)
	x.refuses(orgusers.ErrInvalid, "", func() error { return accept(w, token) })

	joined, err := w.Visitor().AcceptInvitation(ctx, token, world.NewAccount(x.email("victim")))
	require.NoError(t, err)
	require.Equal(t, squatter.ID, joined.User)
	after, _ := accountOf(t, w, x.email("victim"))
	require.True(t, after.Verified)
	require.NotEqual(t, known, after.Password)
	require.NotEmpty(t, after.Password)
	require.Zero(t, after.MFA)
	require.Empty(t, after.ResetLink)
	_, err = w.Svc.Access(ctx, session, x.ID)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	CheckOrg(t, w, x.ID)
}

func inviteIDs(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	m, token := x.link("ann", orgusers.RoleMember)
	for _, id := range []string{string(m.ID), string(m.Link), string(x.ID), string(m.ID) + string(m.Link), "", "\x00", strings.Repeat("A", len(token))} {
		x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkMalformed, func() error { return accept(w, id) })
	}
	require.NoError(t, accept(w, token))
}

// Nothing that an administrator or support can read, and nothing that is stored, holds the link.
func inviteSecret(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	Account(t, w, x.email("ann"))
	rep, err := x.Admin().Invite(ctx, orgusers.Invitation{To: x.email("ann")})
	require.NoError(t, err)
	m := x.row("ann")
	stored := stateOf(t, w, x.ID)
	require.NotEmpty(t, stored.Outbox)
	w.Dispatch()
	old := w.Token(x.email("ann"))
	w.Clock.Tick(time.Hour)
	resent, err := x.Admin().Apply(ctx, orgusers.ResendInvitation{}, m.ID)
	require.NoError(t, err)
	backlog, err := w.Operator().Backlog(ctx, "", 0)
	require.NoError(t, err)
	w.Dispatch()
	token := w.Token(x.email("ann"))
	require.NotEqual(t, old, token)
	page, err := x.Admin().Members(ctx, orgusers.List{Grants: true})
	require.NoError(t, err)
	audit, err := x.Admin().Audit(ctx, orgusers.AuditList{})
	require.NoError(t, err)
	details, err := x.Admin().Organization(ctx)
	require.NoError(t, err)
	info, err := w.Visitor().InspectInvitation(ctx, token)
	require.NoError(t, err)
	var csv, log strings.Builder
	require.NoError(t, x.Admin().ExportCSV(ctx, &csv, orgusers.ExportOptions{}))
	require.NoError(t, x.Admin().ExportAudit(ctx, &log, orgusers.AuditList{}))
	shown, err := json.Marshal([]any{rep, resent, page, audit, details, backlog, info, stored, stateOf(t, w, x.ID), csv.String(), log.String()})
	require.NoError(t, err)
	require.Contains(t, string(shown), string(m.ID))
	for _, secret := range []string{old, token} {
		require.NotContains(t, string(shown), secret)
		require.NotContains(t, string(shown), secret[len(secret)-20:], "the part that cannot be guessed")
	}
	for _, mail := range w.Inbox.All() {
		require.Equal(t, x.email("ann"), mail.To, "only the mailbox gets it")
	}
}

func inviteForged(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	_, token := x.link("ann", orgusers.RoleMember)
	_, admin := x.link("boss", orgusers.RoleAdmin)
	before := stateOf(t, w, x.ID)
	for i := range len(token) {
		for _, c := range []byte("AQgw_-90") {
			if c != token[i] {
				fails(t, accept(w, token[:i]+string(c)+token[i+1:]), orgusers.ErrExpired, orgusers.ReasonLinkMalformed)
			}
		}
		// The body of one and the MAC of the other: a subject is nothing a bearer can choose.
		if mixed := admin[:i] + token[i:]; mixed != token && mixed != admin {
			fails(t, accept(w, mixed), orgusers.ErrExpired, orgusers.ReasonLinkMalformed)
		}
	}
	x.same(before)
	require.NoError(t, accept(w, token))
	require.Equal(t, orgusers.RoleMember, x.row("ann").Role)
}

func inviteReuse(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	_, token := x.link("ann", orgusers.RoleMember)
	require.NoError(t, accept(w, token))
	again := func() error { return accept(w, token) }
	x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkReplaced, again)
	x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkReplaced, func() error { return w.Visitor().DeclineInvitation(ctx, token) })
	require.NoError(t, w.Svc.Account(w.Actor(x.row("ann").User)).Leave(ctx, x.ID))
	x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkReplaced, again)

	next := x.Invite(x.email("ann"), orgusers.RoleAdmin)
	w.Dispatch()
	x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkReplaced, again)
	require.Equal(t, orgusers.StatusPending, x.row("ann").Status)
	require.NoError(t, accept(w, w.Token(x.email("ann"))))
	require.Equal(t, next.ID, x.row("ann").ID)
	accepted := trail(t, w, orgusers.AuditQuery{Org: x.ID, Chained: true, Action: orgusers.ActionAcceptInvitation})
	require.Len(t, accepted, 2, "one entry for each time of joining")
	CheckOrg(t, w, x.ID)
}

// Nothing but the clock decides: no task has to clean up first.
func inviteExpiry(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	for i, late := range []time.Duration{-time.Microsecond, 0, time.Microsecond} {
		local := fmt.Sprint("ann", i)
		m, token := x.link(local, orgusers.RoleMember)
		w.Clock.Tick(m.ExpiresAt.Add(late).Sub(w.Clock.Now()))
		if late < 0 {
			require.NoError(t, accept(w, token))
			continue
		}
		x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkExpired, func() error { return accept(w, token) })
		require.Equal(t, orgusers.StatusPending, x.row(local).Status, "stays on the roster, and can be resent (Q1)")
	}
}

func inviteDecorated(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	_, token := x.link("ann", orgusers.RoleMember)
	before := stateOf(t, w, x.ID)
	bad := []string{
		strings.ToLower(token), strings.ToUpper(token), token + "=", token + "==", " " + token, token + " ", token + "\n",
		"\t" + token, token + "\x00", token + "A", "A" + token, token + token, token[:40] + "\n" + token[40:], token[1:] + token[:1],
		strings.ReplaceAll(strings.ReplaceAll(token+"+/", "-", "+"), "_", "/"), `"` + token + `"`, "token=" + token,
	}
	for i := range len(token) {
		bad = append(bad, token[:i], token[i+1:])
	}
	for _, b := range bad {
		fails(t, accept(w, b), orgusers.ErrExpired, orgusers.ReasonLinkMalformed)
	}
	x.same(before)
	require.NoError(t, accept(w, token))
}

func inviteResent(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	m, old := x.link("ann", orgusers.RoleMember)
	resend := func(by orgusers.Member) error { return x.As(by).Do(ctx, orgusers.ResendInvitation{}, m.ID) }
	w.Clock.Tick(m.ExpiresAt.Sub(w.Clock.Now()))
	x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkExpired, func() error { return accept(w, old) })
	x.refuses(orgusers.ErrDenied, orgusers.ReasonNotAdministrator, func() error { return resend(x.member) })
	require.NoError(t, resend(x.admin))
	w.Dispatch()
	young := x.row("ann")
	require.Equal(t, m.ID, young.ID)
	require.Equal(t, x.admin.User, young.InvitedBy, "whoever resends answers for it")
	require.Equal(t, 7*24*time.Hour, young.ExpiresAt.Sub(w.Clock.Now()).Round(time.Second), "no link gets older than the lifetime")
	x.refuses(orgusers.ErrExpired, orgusers.ReasonLinkReplaced, func() error { return accept(w, old) })
	require.NoError(t, accept(w, w.Token(x.email("ann"))))
	CheckOrg(t, w, x.ID)
}

func inviteAgain(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	stack := newStack(t, x.Org, "Website")
	ann := x.add("ann", orgusers.RoleAdmin, orgusers.Grant{Stack: stack, Role: orgusers.RoleDeveloper})
	bob, carl := x.add("bob", orgusers.RoleMember), Account(t, w, x.email("carl"))
	Add(t, w, y.ID, Person{Email: x.email("bob")}, Person{Email: x.email("carl")})
	session := w.Actor(ann.User)
	own, err := w.Svc.Admin(session, x.ID).CreateStack(ctx, "Hers")
	require.NoError(t, err)
	w.Clock.Tick(time.Second)
	require.NoError(t, x.Admin().Do(ctx, orgusers.Remove{}, ann.ID))
	w.Clock.Tick(time.Second)
	_, token := x.link("ann", orgusers.RoleMember)
	require.NoError(t, accept(w, token))
	again := x.row("ann")
	require.NotEqual(t, ann.ID, again.ID)
	require.Equal(t, ann.User, again.User)
	require.Equal(t, orgusers.RoleMember, again.Role)
	require.Empty(t, again.Grants)
	_, err = w.Svc.Access(ctx, session, x.ID)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	access, err := w.Svc.Access(ctx, w.Actor(ann.User), x.ID)
	require.NoError(t, err)
	require.False(t, access.Administers())
	require.False(t, access.Stack(stack))
	require.False(t, access.Stack(own), "what was the owner's since stays the owner's (R3.7)")

	// Who is in another organization, too, keeps the sessions: they go on there, and no others are needed here.
	reaches := func(a orgusers.Actor, org orgusers.OrgID) error { _, err := w.Svc.Access(ctx, a, org); return err }
	old := w.Actor(bob.User)
	require.NoError(t, reaches(old, x.ID))
	w.Clock.Tick(time.Second)
	require.NoError(t, x.Admin().Do(ctx, orgusers.Remove{}, bob.ID))
	w.Clock.Tick(time.Second)
	since, first := w.Actor(bob.User), w.Actor(carl.ID)
	for _, local := range []string{"bob", "carl"} {
		_, token := x.link(local, orgusers.RoleMember)
		require.NoError(t, accept(w, token))
	}
	fails(t, reaches(old, x.ID), orgusers.ErrDenied, orgusers.ReasonSessionEnded)
	require.NoError(t, reaches(old, y.ID), "S-073")
	require.NoError(t, reaches(since, x.ID), "who signed in since")
	require.NoError(t, reaches(first, x.ID), "and who never was here")
	CheckOrg(t, w, x.ID)
}

func inviteOwner(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	for _, by := range []orgusers.Member{x.owner, x.admin, x.member} {
		x.refuses(orgusers.ErrInvalid, "", func() error {
			_, err := x.As(by).Invite(ctx, orgusers.Invitation{To: x.email("ann"), Role: "owner"})
			wrong(t, err, "role: role")
			return err
		})
		x.refuses(orgusers.ErrInvalid, "", func() error {
			_, err := x.As(by).Apply(ctx, orgusers.SetRole{Role: "owner"}, x.admin.ID, x.member.ID)
			wrong(t, err, "role: role")
			return err
		})
	}
}

func inviteRoles(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	for _, role := range []orgusers.Role{
		"Owner", "OWNER", "Admin", "ADMIN", "Member", " admin", "admin ", "owner,member", "member,admin", "admin\x00", "admin\n",
		"ａｄｍｉｎ", "аdmin", "admın", "administrator", "0", "1", "-1", "true", "*", "admin;member", "\ufeffadmin", "super_admin",
	} {
		_, err := x.Admin().Invite(ctx, orgusers.Invitation{To: x.email("ann"), Role: role})
		wrong(t, err, "role: role")
		wrong(t, x.Admin().Do(ctx, orgusers.SetRole{Role: role}, x.member.ID), "role: role")
		_, err = x.Admin().Members(ctx, orgusers.List{MemberFilter: orgusers.MemberFilter{Role: role}})
		wrong(t, err, "role: unknown")
	}
	wrong(t, x.Admin().Do(ctx, orgusers.SetRole{}, x.member.ID), "role: role")
	x.gone("ann")
	require.Equal(t, orgusers.RoleMember, x.row("member").Role)
	require.Equal(t, orgusers.RoleMember, x.Invite(x.email("ann"), "").Role, "none said: the least (R2.3)")
}

func inviteForeignStack(t *testing.T, w *world.World) {
	x, y, ctx := newTeam(t, w, "acme"), newTeam(t, w, "other"), world.Ctx()
	own, foreign := newStack(t, x.Org, "Website"), newStack(t, y.Org, "Website")
	role, err := y.Admin().CreateRole(ctx, "Editor", orgusers.PermissionRead)
	require.NoError(t, err)
	access := func(stack orgusers.StackID, role orgusers.RoleID) []orgusers.StackAccess {
		return []orgusers.StackAccess{
			{Stack: own, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}, {Stack: stack, Roles: []orgusers.RoleID{role}},
		}
	}
	before := stateOf(t, w, y.ID)
	say := func(stacks []orgusers.StackAccess) string {
		var text string
		x.refuses(orgusers.ErrInvalid, "", func() error {
			_, err := x.Admin().Invite(ctx, orgusers.Invitation{To: x.email("ann"), Stacks: stacks})
			text = fmt.Sprint(err)
			return err
		})
		x.refuses(orgusers.ErrInvalid, "", func() error { return x.Admin().Do(ctx, orgusers.SetStacks{Stacks: stacks}, x.member.ID) })
		return text
	}
	random := say(access(orgusers.StackID(uuid.NewString()), orgusers.RoleDeveloper))
	require.Equal(t, random, say(access(foreign, orgusers.RoleDeveloper)), "like one that does not exist")
	second := newStack(t, x.Org, "Shop")
	random = say(access(second, orgusers.RoleID(uuid.NewString())))
	require.Equal(t, random, say(access(second, role)))
	require.Contains(t, random, "stacks[1].roles[0]")
	x.gone("ann")
	y.same(before)
}
