package orgusers_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestRules_Accounts: operations on accounts, and what they cost the person (sections 6, 7 and 12).
func TestRules_Accounts(t *testing.T) {
	t.Parallel()
	t.Run("R6.6 R7.4 forced reset", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, after, _ := o.decideBulk("adam", orgusers.ForcePasswordReset{}, "mark", "sven")
		require.Equal(t, []string{"password_reset mark@acme.example", "password_reset sven@acme.example"}, mails(&c))
		require.Empty(t, o.ended(&c), "R7.4: sessions go on")
		for _, name := range []string{"mark", "sven"} {
			u := after.user(name)
			require.True(t, u.ResetRequired)
			require.Equal(t, o.user(name).Password, u.Password, "the old password is not lost before a new one is there")
			require.Equal(t, o.now.Add(24*time.Hour), u.ResetExpires, "Q14")
			require.Equal(t, c.Effects[0].Operation, u.ResetLink, "the newest link")
		}
		after.now = after.now.Add(time.Minute)
		c, again, _ := after.decideBulk("adam", orgusers.ForcePasswordReset{}, "mark")
		require.Equal(t, c.Effects[0].Operation, again.user("mark").ResetLink, "Q14: the newest voids the older")
	})
	t.Run("C5 S-026 what resets mail is counted, and bounded in the commit", func(t *testing.T) {
		t.Parallel()
		for _, op := range []orgusers.Operation{orgusers.ForcePasswordReset{}, orgusers.ResetMFA{}} {
			o := usual(t)
			c, after, _ := o.decideBulk("adam", op, "mark", "sven")
			require.Len(t, c.Counters, 4, "an hour and a day, for each")
			for _, n := range c.Counters {
				require.Equal(t, int64(1), n.Add)
				require.Contains(t, []int64{3, 10}, n.Most)
				require.LessOrEqual(t, len(n.Key), 128)
			}
			after.now = after.now.Add(time.Minute)
			after.policy.ResetMailsPerHour, after.policy.ResetMailsPerDay = 1, -1
			c, _, lines := after.decideBulk("adam", op, "mark", "olivia")
			require.Equal(t, []string{"mark: skipped resend_limit C5", "olivia: skipped owner R1.14"}, lines)
			require.Empty(t, c.Counters)
			after.policy.ResetMailsPerHour = -1
			c, _, _ = after.decideBulk("adam", op, "mark")
			require.Zero(t, c.Counters[0].Most, "-1 is no limit")
		}
		o := usual(t)
		o.policy.ImmediateMFAReset, o.policy.ResetMailsPerHour = true, 1
		c, _, _ := o.decideBulk("adam", orgusers.ResetMFA{}, "mark")
		require.Empty(t, c.Counters, "a notice is no link")
	})
	t.Run("Q18 forced reset that ends sessions", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.policy.EndSessionsOnForcedReset = true
		c, after, _ := o.decideBulk("adam", orgusers.ForcePasswordReset{}, "mark", "sven")
		require.Equal(t, []string{"mark"}, o.ended(&c), "the multi-organization rule holds")
		require.Equal(t, o.now, after.user("mark").SessionsValidFrom)
		require.True(t, after.user("sven").SessionsValidFrom.IsZero())
		c, after, lines := o.decideBulk("adam", orgusers.ForcePasswordReset{}, "adam", "mark")
		require.Equal(t, []string{"adam: applied", "mark: applied"}, lines)
		require.Equal(t, []string{"mark"}, o.ended(&c), "R6.5: never one's own")
		require.True(t, after.user("adam").ResetRequired)
		require.Equal(t, o.user("adam").SessionsValidFrom, after.user("adam").SessionsValidFrom)
	})
	t.Run("R6.7 R7.11 Q15 MFA reset by link", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, after, lines := o.decideBulk("adam", orgusers.ResetMFA{}, "mark", "sven", "adam")
		require.Equal(t, []string{"mark: applied", "sven: applied", "adam: applied"}, lines)
		require.Equal(t, []string{"mfa_reset mark@acme.example", "mfa_reset sven@acme.example", "mfa_reset adam@acme.example"}, mails(&c))
		require.True(t, after.user("mark").MFA.Enrolled(), "Q15: the old factor holds until the link is used")
		require.Equal(t, o.now.Add(time.Hour), after.user("mark").MFAResetExpire, "Q14")
		require.Empty(t, o.ended(&c))
		require.Empty(t, c.Profiles)
	})
	t.Run("R7.11 Q16 MFA reset at once", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.policy.ImmediateMFAReset = true
		c, after, lines := o.decideBulk("adam", orgusers.ResetMFA{}, "mark", "sven", "adam", "olivia")
		require.Equal(t, []string{"mark: applied", "sven: skipped several_organizations R7.11", "adam: refused self C8", "olivia: skipped owner R1.14"}, lines)
		require.Equal(t, orgusers.MFA{}, after.user("mark").MFA, "recovery codes are gone too")
		require.Equal(t, []string{"mfa_removed mark@acme.example"}, mails(&c), "the person is told")
		require.Equal(t, []string{"mark"}, o.ended(&c))
		require.False(t, after.member("mark").MFA, "rosters show it")
		require.Equal(t, []orgusers.Profile{{User: o.user("mark").ID, Name: o.user("mark").Name}}, c.Profiles)
		require.Equal(t, "refused self C8", o.alone("olivia", orgusers.ResetMFA{}, "olivia"), "C8: never oneself, the owner neither")
	})
	t.Run("R7.12 Q17 no MFA", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, "olivia owner", "mark member", "mia member mfa")
		for _, immediate := range []bool{false, true} {
			o.policy.ImmediateMFAReset = immediate
			c, _, lines := o.decideBulk("olivia", orgusers.ResetMFA{}, "mark", "mia")
			require.Equal(t, []string{"mark: skipped mfa_not_enabled R7.12", "mia: applied"}, lines)
			require.Len(t, mails(&c), 1)
			_, rep, err := o.decide(o.actor("olivia"), orgusers.Bulk{Org: o.org.ID, Operation: orgusers.ResetMFA{}, Members: o.ids("mark")})
			require.NoError(t, err)
			require.ErrorIs(t, rep.Err(), orgusers.ErrDenied, "Q17: alone it is an error")
		}
	})
	t.Run("R6.5 Q10 R12.9 ending sessions", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, after, lines := o.decideBulk("adam", orgusers.EndSessions{}, "mark", "sven", "anna", "petra", "ivan", "adam", "olivia")
		require.Equal(t, []string{
			"mark: applied", "sven: skipped several_organizations R6.5", "anna: applied", "petra: skipped pending R6.9",
			"ivan: skipped inactive Q23", "adam: refused self R6.5", "olivia: skipped owner R1.14",
		}, lines)
		require.Equal(t, []string{"mark", "anna"}, o.ended(&c))
		require.Equal(t, o.now, after.user("mark").SessionsValidFrom, "at once, whatever the host's own store does")
		require.Equal(t, o.now, c.Effects[0].Before)
		require.Equal(t, []any{o.user("mark").MFA, o.user("mark").Password}, []any{after.user("mark").MFA, after.user("mark").Password}, "nothing else is lost")
	})
	t.Run("R6.5 S-075 who has no session is skipped", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.sessions = map[orgusers.UserID]int{o.user("mark").ID: 2, o.user("anna").ID: 0}
		c, _, lines := o.decideBulk("adam", orgusers.EndSessions{}, "mark", "anna", "mia")
		require.Equal(t, []string{"mark: applied", "anna: skipped no_active_session R6.5", "mia: skipped no_active_session R6.5"}, lines)
		require.Equal(t, []string{"mark"}, o.ended(&c))
	})
	t.Run("R12.2 S-073 S-090 deactivating", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web := o.stack("web", "mark")
		o.grant("mark", web, orgusers.RoleDeveloper)
		for _, name := range []string{"mark", "sven"} {
			o.user(name).ResetLink, o.user(name).MFAResetLink = "old", "old"
		}
		c, after, lines := o.decideBulk("adam", orgusers.Deactivate{}, "mark", "sven")
		require.Equal(t, []string{"mark: applied", "sven: applied"}, lines)
		require.Equal(t, orgusers.StatusInactive, after.member("mark").Status)
		require.Equal(t, o.member("mark").Grants, after.member("mark").Grants, "Q23: stack roles stay")
		require.Equal(t, o.stacks, after.stacks, "and owned stacks")
		require.Equal(t, o.member("mark").Role, after.member("mark").Role)
		require.Equal(t, []string{"mark"}, o.ended(&c), "R12.2")
		require.Empty(t, string(after.user("mark").ResetLink+after.user("mark").MFAResetLink), "S-090: links mailed before are void")
		require.Equal(t, *o.user("sven"), *after.user("sven"), "S-073: an account of several organizations is not touched")
		require.Empty(t, mails(&c))
	})
	t.Run("R12.2 S-069 reactivating", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.user("ivan").SessionsValidFrom = o.now.Add(-time.Hour)
		c, after, _ := o.decideBulk("adam", orgusers.Reactivate{}, "ivan")
		require.Equal(t, orgusers.StatusActive, after.member("ivan").Status)
		require.Empty(t, c.Users, "old sessions stay dead")
		require.Empty(t, c.Effects)
	})
	t.Run("R12.2 S-069 of several organizations, too", func(t *testing.T) {
		t.Parallel()
		x := usual(t).open()
		x.NewOrg("Bolt", "boss@bolt.example").Join("sven@acme.example", orgusers.RoleMember)
		old, id := x.Actor(x.acme.user("sven").ID), x.acme.member("sven").ID
		access := func(a orgusers.Actor) error { _, err := x.Svc.Access(world.Ctx(), a, x.acme.org.ID); return err }
		require.NoError(t, access(old))
		for _, op := range []orgusers.Operation{orgusers.Deactivate{}, orgusers.Reactivate{}} {
			require.NoError(t, x.as("olivia").Do(world.Ctx(), op, id))
			x.Clock.Tick(time.Minute)
		}
		for _, err := range []error{access(old), x.Svc.Account(old).Leave(world.Ctx(), x.acme.org.ID)} {
			var e *orgusers.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, orgusers.ReasonSessionEnded, e.Reason, "a session from before stays dead here")
		}
		_, err := x.Svc.Account(old).Organizations(world.Ctx(), "", 0)
		require.NoError(t, err, "S-073: and lives on elsewhere")
		renewed, err := x.Svc.Account(old).EndOtherSessions(world.Ctx())
		require.NoError(t, err)
		old.SignedInAt, old.ProvedAt = renewed.SignedInAt, renewed.ProvedAt
		refusedAs(t, access(old), orgusers.ErrDenied, orgusers.ReasonSessionEnded) // which gave no credential
		x.Clock.Tick(time.Minute)
		old.SignedInAt, old.ProvedAt = x.Clock.Now(), time.Time{}
		require.NoError(t, access(old), "who signs in anew is in")
	})
	t.Run("R12.6 deleting", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web := o.stack("web", "mark")
		o.grant("mark", web, orgusers.RoleDeveloper)
		c, after, lines := o.decideBulk("adam", orgusers.Delete{}, "mark", "sven", "ivan", "petra")
		require.Equal(t, []string{"mark: applied", "sven: skipped several_organizations R6.5", "ivan: applied", "petra: skipped pending R6.9"}, lines)
		require.Len(t, c.DeleteUsers, 2, "the accounts go, and with them the addresses are free")
		require.Nil(t, after.user("mark"))
		require.Nil(t, after.find("mark"))
		require.Empty(t, c.Users, "what is deleted is not updated as well")
		require.Equal(t, o.org.OwnerID, after.stacks[0].Owner, "R3.7")
		require.Equal(t, []string{"mark", "ivan"}, o.ended(&c), "sessions end")
	})
	t.Run("R12.1 renaming", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, after, lines := o.decideBulk("adam", orgusers.Rename{Name: orgusers.Name{First: " Some ", Last: "Name"}}, "mark", "sven")
		require.Equal(t, []string{"mark: applied", "sven: skipped several_organizations R6.5"}, lines)
		require.Equal(t, someName(), after.user("mark").Name)
		require.Equal(t, []orgusers.Profile{{User: o.user("mark").ID, Name: someName(), MFA: true}}, c.Profiles, "every roster shows it")
		require.Equal(t, "applied unchanged R6.9", after.alone("adam", orgusers.Rename{Name: someName()}, "mark"))
		e := o.refusedWith("adam", orgusers.Bulk{Org: o.org.ID, Operation: orgusers.Rename{Name: orgusers.Name{Last: "a\x00b"}}, Members: o.ids("mark")}, orgusers.ErrInvalid)
		require.Len(t, e.Fields, 2, "both parts are named at once: the first is missing, the last has a control character")
	})
}

// TestRules_Unlock: all or nothing, unless the host wants it otherwise (R6.10, Q34).
func TestRules_Unlock(t *testing.T) {
	t.Parallel()
	people := []string{"olivia owner locked", "adam admin", "mark member locked", "mia member locked", "uma member", "sven member several locked", "petra member pending"}
	t.Run("R6.10 all", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, people...)
		c, after, lines := o.decideBulk("adam", orgusers.Unlock{}, "mark", "mia")
		require.Equal(t, []string{"mark: applied", "mia: applied"}, lines)
		require.Len(t, c.Users, 2)
		require.False(t, after.user("mark").Locked(o.now))
	})
	for bad, want := range map[string]string{
		"uma": "refused not_locked R6.10", "olivia": "refused owner R1.14", "sven": "refused several_organizations R6.5",
		"petra": "refused pending R6.9", "adam": "refused self R6.10", "nobody": "refused not_found R6.12",
	} {
		t.Run("R6.10 nothing, because of "+bad, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, people...)
			c, _, lines := o.decideBulk("adam", orgusers.Unlock{}, "mark", bad, "mia")
			name := bad
			if bad == "nobody" {
				name = "?"
			}
			require.Equal(t, []string{"mark: refused others_not_unlockable R6.10", name + ": " + want, "mia: refused others_not_unlockable R6.10"}, lines)
			require.Equal(t, orgusers.Changes{}, c, "nobody is touched")

			o.policy.UnlockSkips = true
			_, after, lines := o.decideBulk("adam", orgusers.Unlock{}, "mark", bad, "mia")
			require.Equal(t, []string{"mark: applied", "mia: applied"}, []string{lines[0], lines[2]}, "Q34")
			require.NotContains(t, lines[1], "applied")
			require.False(t, after.user("mark").Locked(o.now) || after.user("mia").Locked(o.now))
		})
	}
	t.Run("R6.10 a lock that has run out is none", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, people...)
		o.user("mark").LockedUntil = o.now
		require.Equal(t, "refused not_locked R6.10", o.alone("adam", orgusers.Unlock{}, "mark"))
		o.user("mark").LockedUntil = o.now.Add(time.Microsecond)
		require.Equal(t, "applied", o.alone("adam", orgusers.Unlock{}, "mark"))
	})
}

// TestRules_OwnName: a person's own name, on the rosters of all organizations (R7, S-077).
func TestRules_OwnName(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	x := newMatrixWorld(t, false)
	sven := x.acme.actor("sven")
	before := x.dump()
	for _, bad := range []orgusers.Name{{}, {Last: "Only"}, {First: "a\nb"}, {First: strings.Repeat("x", 101)}, {First: "a", Last: "\u202e"}} {
		err := x.Svc.Account(sven).Rename(ctx, bad)
		require.ErrorIs(t, err, orgusers.ErrInvalid, "%q", bad)
	}
	require.NoError(t, x.Svc.Account(sven).Rename(ctx, x.acme.user("sven").Name))
	require.Equal(t, before, x.dump(), "the same name is no change")

	require.NoError(t, x.Svc.Account(sven).Rename(ctx, orgusers.Name{First: " Sven-Åke ", Last: "New"}))
	want := orgusers.Name{First: "Sven-Åke", Last: "New"}
	after := x.dump()
	for _, o := range []*office{x.acme, x.bolt} {
		d := after.of(t, o.org.ID)
		i := slices.IndexFunc(d.Members, func(m orgusers.Member) bool { return m.ID == o.member("sven").ID })
		require.Equal(t, want, d.Members[i].Name)
		require.Equal(t, before.of(t, o.org.ID).Org, d.Org, "no organization's version is raised, so nobody is held up")
	}
	require.Len(t, after.Account, 1, "recorded in the account's own trail, which no organization reads (S-167)")
	require.Equal(t, []any{"name=sven Person", "name=Sven-Åke New", x.acme.user("sven").ID}, []any{after.Account[0].Before, after.Account[0].After, after.Account[0].User})
}

// TestRules_Resets: what using a mailed reset link does (R7.2, R7.3, Q14, Q15, Q16, S-099, S-100).
func TestRules_Resets(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	mark := func(x *matrixWorld) orgusers.User {
		u := x.person(x.dump(), x.acme.member("mark").ID).account
		return *u
	}
	notice := func(t *testing.T, x *matrixWorld, kind orgusers.MailKind) {
		t.Helper()
		x.Dispatch()
		mail, ok := x.Inbox.Last("mark@acme.example")
		require.True(t, ok)
		require.Equal(t, []any{kind, ""}, []any{mail.Kind, mail.Link}, "S-106 the person is told, without a link")
	}
	t.Run("R7.2 R7.3 a password", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		token, mfa := x.token(orgusers.MailPasswordReset), x.token(orgusers.MailMFAReset)
		before := mark(x)
		err := x.Reset(token, "short")
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		require.Equal(t, before, mark(x), "S-105 a password that is refused changes nothing")
		require.NoError(t, x.Reset(token, "another "+world.Password))
		now := mark(x)
		require.NotEqual(t, before.Password, now.Password)
		want := before
		want.Password, want.Version = now.Password, before.Version+1
		want.Verified, want.ResetRequired = true, false
		want.ResetLink, want.ResetExpires, want.MFAResetLink, want.LockedUntil = "", time.Time{}, "", time.Time{}
		want.MFAResetExpire = time.Time{}
		want.SessionsValidFrom = x.Clock.Now()
		require.Equal(t, want, now, "and the second factor stays in force (S-100)")
		notice(t, x, orgusers.MailPasswordChanged)
		require.ErrorIs(t, x.Reset(token, "a third "+world.Password), orgusers.ErrExpired, "S-089 once")
		require.ErrorIs(t, x.Visitor().ResetMFA(ctx, mfa, "another "+world.Password), orgusers.ErrExpired, "S-090 other links are void")
	})
	t.Run("R7.2 proves an account that nobody had proved", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, "olivia owner", "mark member unproved")
		u := o.user("mark")
		u.ResetLink, u.ResetExpires, u.Password = officeID[orgusers.OperationID]("reset"), o.now.Add(time.Hour), ""
		x := o.open()
		require.NoError(t, x.Reset(x.token(orgusers.MailPasswordReset), world.Password))
		require.True(t, mark(x).Verified)
	})
	t.Run("Q15 Q16 R7.3 a second factor", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		token := x.token(orgusers.MailMFAReset)
		before := mark(x)
		require.ErrorIs(t, x.Visitor().ResetMFA(ctx, token, world.Password), orgusers.ErrInvalid)
		require.Equal(t, before, mark(x), "S-112 while sign-in is locked no password is right")
		x.PatchUser(before.ID, orgusers.UserPatch{LockedUntil: orgusers.Some(time.Time{})})
		before = mark(x)
		require.ErrorIs(t, x.Visitor().ResetMFA(ctx, token, "not "+world.Password), orgusers.ErrInvalid)
		before.Failures, before.Version = before.Failures+1, before.Version+1
		require.Equal(t, before, mark(x), "S-125 the link alone does nothing, and counts as a wrong password")
		require.NoError(t, x.Visitor().ResetMFA(ctx, token, world.Password))
		want := before
		want.MFA, want.MFAResetLink, want.MFAResetExpire = orgusers.MFA{}, "", time.Time{}
		want.SessionsValidFrom, want.Version = x.Clock.Now(), before.Version+1
		require.Equal(t, want, mark(x), "recovery codes go too, sessions end, the password stays")
		require.False(t, x.person(x.dump(), x.acme.member("mark").ID).row.MFA, "rosters show it")
		notice(t, x, orgusers.MailMFARemoved)
		require.ErrorIs(t, x.Visitor().ResetMFA(ctx, token, world.Password), orgusers.ErrExpired, "once")
	})
	t.Run("Q14 S-008 expiry to the microsecond", func(t *testing.T) {
		t.Parallel()
		for late, ok := range map[time.Duration]bool{-time.Microsecond: true, 0: false, time.Microsecond: false} {
			x := newMatrixWorld(t, false)
			password, mfa := x.token(orgusers.MailPasswordReset), x.token(orgusers.MailMFAReset)
			x.PatchUser(mark(x).ID, orgusers.UserPatch{LockedUntil: orgusers.Some(time.Time{})})
			x.Clock.Tick(x.acme.user("mark").ResetExpires.Add(late).Sub(x.Clock.Now()))
			err := x.Visitor().ResetMFA(ctx, mfa, world.Password)
			require.Equal(t, ok, err == nil, "%v", err)
			err = x.Reset(password, "short")
			require.Equal(t, ok, !errors.Is(err, orgusers.ErrExpired), "%v", err)
		}
	})
}
