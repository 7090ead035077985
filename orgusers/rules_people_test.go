package orgusers_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// decideBulk is an operation by somebody on people that is not refused as a whole.
func (o *office) decideBulk(by string, op orgusers.Operation, people ...string) (orgusers.Changes, *office, []string) {
	o.t.Helper()
	c, rep, err := o.decide(o.actor(by), orgusers.Bulk{Org: o.org.ID, Operation: op, Members: o.ids(people...)})
	require.NoError(o.t, err)
	return c, o.after(c), outcomes(&rep)
}

// refusedWith is a command that is refused as a whole.
func (o *office) refusedWith(by string, c orgusers.Command, kind error) *orgusers.Error {
	o.t.Helper()
	changes, rep, err := o.decide(o.actor(by), c)
	require.ErrorIs(o.t, err, kind)
	require.Equal(o.t, orgusers.Changes{}, changes)
	require.Empty(o.t, rep.Outcomes)
	var e *orgusers.Error
	require.ErrorAs(o.t, err, &e)
	return e
}

// TestRules_RolesThatCanBeGiven: Admin and Member, and nothing that looks like them or like the owner
// (R1.2, R1.3, S-016, S-017, S-038, S-045).
func TestRules_RolesThatCanBeGiven(t *testing.T) {
	t.Parallel()
	for _, role := range []orgusers.Role{"owner", "Owner", "Admin", "MEMBER", " admin", "admin ", "owner,member", "admin\x00", "ａdmin", "аdmin", "-1", "99", "root"} {
		o := usual(t)
		for _, by := range []string{"olivia", "adam"} {
			e := o.refusedWith(by, orgusers.Bulk{Org: o.org.ID, Operation: orgusers.SetRole{Role: role}, Members: o.ids("mark")}, orgusers.ErrInvalid)
			require.Equal(t, []string{"role", "role"}, []string{e.Fields[0].Field, string(e.Fields[0].Reason)}, "R1.3 %q", role)
		}
		_, err := o.invite(orgusers.Invitation{To: "new@acme.example", Role: role})
		var e *orgusers.Error
		require.ErrorAs(t, err, &e, "R1.3 %q", role)
		require.Equal(t, []string{"role", "role"}, []string{e.Fields[0].Field, string(e.Fields[0].Reason)})
	}
	o := usual(t)
	_ = o.refusedWith("olivia", orgusers.Bulk{Org: o.org.ID, Operation: orgusers.SetRole{}, Members: o.ids("mark")}, orgusers.ErrInvalid)
}

// TestRules_SetRole: what changing a role does, and what it leaves (R1.9, Q13).
func TestRules_SetRole(t *testing.T) {
	t.Parallel()
	admin, member := orgusers.SetRole{Role: orgusers.RoleAdmin}, orgusers.SetRole{Role: orgusers.RoleMember}
	t.Run("R1.9 at once, and nothing else", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, _, _ := o.decideBulk("adam", admin, "mark")
		require.Equal(t, []orgusers.MemberUpdate{{ID: o.member("mark").ID, Patch: orgusers.MemberPatch{Role: orgusers.Some(orgusers.RoleAdmin)}}}, c.Members)
		require.Empty(t, c.Users)
		require.Empty(t, c.Effects, "no session ends, no mail goes")
		require.Equal(t, o.org.Tally.Admins+1, c.Org.Tally.Admins)
	})
	t.Run("R6.9 the same role is no change", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, _, lines := o.decideBulk("adam", member, "mark", "mia")
		require.Equal(t, []string{"mark: applied unchanged R6.9", "mia: applied unchanged R6.9"}, lines)
		require.Equal(t, orgusers.Changes{}, c, "and nothing is written, not even to the trail")
	})
	t.Run("Q13 pending", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, after, _ := o.decideBulk("adam", admin, "petra")
		require.Equal(t, []any{orgusers.RoleAdmin, orgusers.StatusPending}, []any{after.member("petra").Role, after.member("petra").Status})
		require.Equal(t, o.org.Tally, c.Org.Tally, "an invited admin administers nothing yet")
		require.Empty(t, c.Effects, "the invitation is not mailed again")
		require.Equal(t, o.member("petra").Link, after.member("petra").Link, "and its link stays good")
	})
	t.Run("Q23 inactive", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, _, lines := o.decideBulk("adam", admin, "ivan")
		require.Equal(t, []string{"ivan: applied"}, lines)
		require.Equal(t, o.org.Tally, c.Org.Tally, "a deactivated admin does not count as an administrator")
	})
	t.Run("R1.16 oneself, alone", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		_, after, lines := o.decideBulk("adam", member, "adam")
		require.Equal(t, []string{"adam: applied"}, lines)
		e := after.refusedWith("adam", orgusers.Bulk{Org: o.org.ID, Operation: orgusers.Remove{}, Members: o.ids("mark")}, orgusers.ErrDenied)
		require.Equal(t, orgusers.ReasonNotAdministrator, e.Reason)
	})
}

// TestRules_Addresses: nothing changes an e-mail address (R1.11, S-077).
func TestRules_Addresses(t *testing.T) {
	t.Parallel()
	for _, patch := range []reflect.Type{reflect.TypeFor[orgusers.UserPatch](), reflect.TypeFor[orgusers.MemberPatch](), reflect.TypeFor[orgusers.Profile]()} {
		for i := range patch.NumField() {
			f := patch.Field(i)
			require.NotEqual(t, reflect.TypeFor[orgusers.Opt[orgusers.Address]](), f.Type, "R1.11 %s.%s", patch, f.Name)
			require.False(t, strings.Contains(f.Name, "Address") || strings.Contains(f.Name, "Email") && f.Name != "InvitedByEmail", "R1.11 %s.%s", patch, f.Name)
		}
	}
}

// TestRules_Remove: what goes and what stays (sections 3 and 5).
func TestRules_Remove(t *testing.T) {
	t.Parallel()
	t.Run("R5.1 R3.7 all stacks", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web, shop := o.stack("web", "mark"), o.stack("shop", "mia")
		o.grant("mark", web, orgusers.RoleDeveloper)
		o.grant("mark", shop, orgusers.RoleDeveloper, orgusers.RoleContentManager)
		c, after, _ := o.decideBulk("adam", orgusers.Remove{}, "mark")
		require.Equal(t, []orgusers.MemberID{o.member("mark").ID}, c.DeleteMembers, "the grants go with the row")
		require.Equal(t, o.org.OwnerID, after.stacks[0].Owner, "R3.7: the organization's owner inherits, not the admin who removed")
		require.Equal(t, o.member("mia").User, after.stacks[1].Owner)
		require.Len(t, c.Stacks, 1)
	})
	t.Run("R3.7 each inherits its own in a bulk", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		for _, name := range []string{"mark", "mia", "anna", "adam"} {
			o.stack(name+"'s", name)
		}
		_, after, _ := o.decideBulk("adam", orgusers.Remove{}, "mark", "anna")
		owners := map[string]orgusers.UserID{}
		for _, s := range after.stacks {
			owners[s.Name] = s.Owner
		}
		require.Equal(t, map[string]orgusers.UserID{
			"mark's": o.org.OwnerID, "anna's": o.org.OwnerID, "mia's": o.member("mia").User, "adam's": o.member("adam").User,
		}, owners)
	})
	t.Run("R3.7 where there is no owner, nobody inherits", func(t *testing.T) {
		t.Parallel()
		o := ownerless(t, "adam admin", "mark member")
		o.stack("web", "mark")
		_, after, _ := o.decideBulk("adam", orgusers.Remove{}, "mark")
		require.Empty(t, after.stacks[0].Owner)
	})
	t.Run("R5.2 R5.6 the account survives, sessions end if it belongs nowhere else", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, after, _ := o.decideBulk("adam", orgusers.Remove{}, "mark", "sven")
		require.Empty(t, c.DeleteUsers)
		require.Equal(t, []int{0, 1}, []int{after.user("mark").Orgs, after.user("sven").Orgs})
		require.Equal(t, []string{"mark"}, o.ended(&c))
		require.Equal(t, o.now, after.user("mark").SessionsValidFrom)
		require.Equal(t, o.user("sven").SessionsValidFrom, after.user("sven").SessionsValidFrom, "the other organization's sessions are not ours to end")
		require.NotContains(t, mails(&c), "no mail tells of a removal")
	})
	t.Run("R2.9 cancels an invitation", func(t *testing.T) {
		t.Parallel()
		o := usual(t, "pia member pending account")
		c, after, lines := o.decideBulk("adam", orgusers.Remove{}, "petra", "pia")
		require.Equal(t, []string{"petra: applied", "pia: applied"}, lines)
		require.Equal(t, o.org.Tally.Pending-2, c.Org.Tally.Pending)
		require.Empty(t, c.Users, "an invited stranger's account is not the organization's to touch")
		require.Empty(t, c.Effects)
		require.Nil(t, after.find("petra"))
	})
	t.Run("R5.4 S-015 coming back brings nothing back", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web := o.stack("web", "mia")
		o.grant("anna", web, orgusers.RoleDeveloper)
		was := o.member("anna").ID
		_, after, _ := o.decideBulk("adam", orgusers.Remove{}, "anna")
		again, err := o.invite(orgusers.Invitation{To: "anna@acme.example"})
		require.NoError(t, err)
		c, rep, err := after.decide(after.actor("adam"), again)
		require.NoError(t, err)
		require.Equal(t, []string{"anna: applied"}, outcomes(&rep))
		anna := after.after(c).member("anna")
		require.NotEqual(t, was, anna.ID, "another row")
		require.Equal(t, []any{orgusers.RoleMember, orgusers.StatusPending, orgusers.UserID("")}, []any{anna.Role, anna.Status, anna.User})
		require.Empty(t, anna.Grants)
	})
	t.Run("R5.7 only removal frees a seat", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web := o.stack("web", "mia")
		o.grant("mark", web, orgusers.RoleDeveloper)
		seats := o.org.Tally.Seats()
		for _, op := range []orgusers.Operation{orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: web}}}, orgusers.Deactivate{}} {
			c, _, _ := o.decideBulk("adam", op, "mark")
			require.Equal(t, seats, c.Org.Tally.Seats(), "Q23 %s", op.Action())
		}
		c, _, _ := o.decideBulk("adam", orgusers.Remove{}, "mark", "petra")
		require.Equal(t, seats-2, c.Org.Tally.Seats(), "Q6")
	})
	t.Run("Q22 S-058 a pending offer of the ownership lapses", func(t *testing.T) {
		t.Parallel()
		for _, op := range []orgusers.Operation{orgusers.Remove{}, orgusers.Delete{}, orgusers.Deactivate{}} {
			o := usual(t)
			o.org.Transfer = orgusers.Transfer{To: o.member("mark").Address, By: o.org.OwnerID, Link: "l", ExpiresAt: o.now.Add(time.Hour)}
			c, _, _ := o.decideBulk("adam", op, "mia")
			require.True(t, c.Org.Transfer.Pending(), "others do not matter")
			c, _, _ = o.decideBulk("adam", op, "mia", "mark")
			require.Equal(t, orgusers.Transfer{}, c.Org.Transfer, "%s", op.Action())
		}
	})
}

// TestRules_Leave: any member but the owner may leave (R1.13).
func TestRules_Leave(t *testing.T) {
	t.Parallel()
	alone := []string{"adam admin", "mark member", "ida admin inactive", "paul admin pending"}
	for _, c := range []struct {
		name, who string
		people    []string // nil: the usual ones
		sso       orgusers.SSO
		reason    orgusers.Reason // "": may
	}{
		{name: "R1.13 a member", who: "mark"},
		{name: "R1.13 an admin", who: "adam"},
		{name: "R1.13 a person of several", who: "sven"},
		{name: "R1.13 the owner transfers first", who: "olivia", reason: orgusers.ReasonOwnerMustTransfer},
		{name: "S-051 who is deactivated cannot do anything", who: "ivan", reason: orgusers.ReasonNotJoined},
		{name: "R12.5 the last administrator", who: "adam", people: alone, reason: orgusers.ReasonLastAdmin},
		{name: "R12.5 not the last", who: "adam", people: append([]string{"anna admin"}, alone...)},
		{name: "R2.28 managed by the identity provider", who: "mark", sso: orgusers.SSO{Enabled: true, RoleMapping: true}, reason: orgusers.ReasonIdPManaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := usual(t)
			if c.people != nil {
				o = ownerless(t, c.people...)
			}
			o.org.Settings.SSO = c.sso
			o.stack("mine", c.who)
			if c.reason != "" {
				require.Equal(t, c.reason, o.refusedWith(c.who, orgusers.Leave{Org: o.org.ID}, orgusers.ErrDenied).Reason)
				return
			}
			changes, _, err := o.decide(o.actor(c.who), orgusers.Leave{Org: o.org.ID})
			require.NoError(t, err)
			after := o.after(changes)
			require.Nil(t, after.find(c.who))
			require.Equal(t, o.user(c.who).Orgs-1, after.user(c.who).Orgs)
			require.Equal(t, o.org.OwnerID, after.stacks[0].Owner, "R3.7")
			require.Equal(t, o.user(c.who).Orgs == 1, len(o.ended(&changes)) == 1, "R5.6")
			require.Equal(t, []orgusers.Action{orgusers.ActionLeave}, []orgusers.Action{changes.Audit[0].Action})
		})
	}
	t.Run("Q22 leaving lets an offer lapse", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.org.Transfer = orgusers.Transfer{To: o.member("mark").Address, By: o.org.OwnerID, Link: "l", ExpiresAt: o.now.Add(time.Hour)}
		changes, _, err := o.decide(o.actor("mark"), orgusers.Leave{Org: o.org.ID})
		require.NoError(t, err)
		require.False(t, changes.Org.Transfer.Pending())
	})
}

// TestRules_LastAdministrator: an owner-less organization keeps an active administrator, whatever is
// in a bulk and in whatever order (R12.5, S-041).
func TestRules_LastAdministrator(t *testing.T) {
	t.Parallel()
	member := orgusers.SetRole{Role: orgusers.RoleMember}
	for _, c := range []operationCase{
		{rule: "R12.5 demoting oneself, the last", by: "adam", op: member, on: []string{"adam"}, want: []string{"adam: skipped last_administrator R12.5"}},
		{rule: "R12.5 both in one bulk: one stays", by: "adam", op: orgusers.Remove{}, on: []string{"anna", "adam"}, want: []string{"anna: applied", "adam: skipped self R1.16"}},
		{rule: "R12.5 both in one bulk, the other order", by: "adam", op: orgusers.Remove{}, on: []string{"adam", "anna"}, want: []string{"adam: skipped self R1.16", "anna: applied"}},
		{rule: "R12.5 demoting both", by: "adam", op: member, on: []string{"adam", "anna"}, want: []string{"adam: skipped self R1.16", "anna: applied"}},
		{rule: "R12.5 deactivating both", by: "anna", op: orgusers.Deactivate{}, on: []string{"adam", "anna"}, want: []string{"adam: applied", "anna: skipped self R1.16"}},
		{rule: "R12.5 deleting both", by: "anna", op: orgusers.Delete{}, on: []string{"adam", "anna"}, want: []string{"adam: applied", "anna: skipped self R1.16"}},
		{rule: "R12.5 demoting oneself, not the last", by: "adam", op: member, on: []string{"adam"}, want: []string{"adam: applied"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			people := []string{"adam admin", "anna admin", "mark member", "ida admin inactive", "paul admin pending"}
			if strings.HasSuffix(c.rule, ", the last") {
				people = append(people[:1], people[2:]...) // pending and inactive ones do not count
			}
			o := ownerless(t, people...)
			c.play(t, o)
			_, after, _ := o.decideBulk(c.by, c.op, c.on...)
			require.GreaterOrEqual(t, after.recount().Admins, int64(1))
		})
	}
	t.Run("R12.5 one after another", func(t *testing.T) {
		t.Parallel()
		o := ownerless(t, "adam admin", "anna admin")
		_, o, lines := o.decideBulk("adam", orgusers.Deactivate{}, "anna")
		require.Equal(t, []string{"anna: applied"}, lines)
		require.Equal(t, "skipped last_administrator R12.5", o.alone("adam", member, "adam"))
		_, o, lines = o.decideBulk("adam", orgusers.Reactivate{}, "anna")
		require.Equal(t, []string{"anna: applied"}, lines)
		require.Equal(t, "applied", o.alone("adam", member, "adam"))
	})
	t.Run("R12.5 with an owner there always is one", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, "olivia owner", "adam admin")
		require.Equal(t, "applied", o.alone("adam", member, "adam"))
		require.Equal(t, "applied", o.alone("olivia", orgusers.Remove{}, "adam"))
	})
}

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

// TestRules_SSO: what single sign-on changes for the operations (R2.20 to R2.28, R7.7, Q19).
func TestRules_SSO(t *testing.T) {
	t.Parallel()
	const (
		off     = "off"
		loose   = "loose"   // enabled, not strict
		strict  = "strict"  //
		mapped  = "mapped"  // loose, with role mapping
		mappedS = "mappedS" // strict, with role mapping
	)
	settings := map[string]orgusers.SSO{
		off: {}, loose: {Enabled: true}, strict: {Enabled: true, Strict: true},
		mapped: {Enabled: true, RoleMapping: true}, mappedS: {Enabled: true, Strict: true, RoleMapping: true},
	}
	idp, sso := "skipped idp_managed R2.28", "skipped sso_managed Q19"
	for _, c := range []struct {
		rule string
		op   orgusers.Operation
		on   string
		want map[string]string // what is not named here: applied
	}{
		{"R2.20 R2.28 removing", orgusers.Remove{}, "mark", map[string]string{mapped: idp, mappedS: idp}},
		{"R2.28 removing a pending invitee", orgusers.Remove{}, "petra", nil},
		{"R2.27 removing who uses own credentials", orgusers.Remove{}, "oona", map[string]string{mappedS: idp}},
		{"R2.28 changing the role", orgusers.SetRole{Role: orgusers.RoleAdmin}, "mark", map[string]string{mapped: idp, mappedS: idp}},
		{"R2.28 changing the role of a pending invitee", orgusers.SetRole{Role: orgusers.RoleAdmin}, "petra", nil},
		{"R2.27 changing the role of who uses own credentials", orgusers.SetRole{Role: orgusers.RoleAdmin}, "oona", map[string]string{mappedS: idp}},
		{"R2.28 changing stack roles", orgusers.SetStacks{}, "mark", map[string]string{mapped: idp, mappedS: idp}},
		{"R2.28 the owner's stack roles", orgusers.SetStacks{}, "olivia", nil},
		{"R2.28 deleting", orgusers.Delete{}, "mark", map[string]string{mapped: idp, mappedS: idp}},
		{"R2.28 deactivating is ours", orgusers.Deactivate{}, "mark", nil},
		{"Q19 R7.7 forced reset", orgusers.ForcePasswordReset{}, "mark", map[string]string{loose: sso, strict: sso, mapped: sso, mappedS: sso}},
		{"R2.21 R2.22 forced reset of who uses own credentials", orgusers.ForcePasswordReset{}, "oona", map[string]string{strict: sso, mappedS: sso}},
		{"R2.23 forced reset of the owner, by itself", orgusers.ForcePasswordReset{}, "olivia", nil},
		{"R2.24 MFA reset", orgusers.ResetMFA{}, "mark", map[string]string{loose: sso, strict: sso, mapped: sso, mappedS: sso}},
		{"R2.21 R2.22 MFA reset of who uses own credentials", orgusers.ResetMFA{}, "oona", map[string]string{strict: sso, mappedS: sso}},
		{"R2.23 MFA reset of the owner, by itself", orgusers.ResetMFA{}, "olivia", nil},
		{"ending sessions is not about credentials", orgusers.EndSessions{}, "mark", nil},
	} {
		for name, s := range settings {
			t.Run(c.rule+"/"+name, func(t *testing.T) {
				t.Parallel()
				o := usual(t, "oona member mfa own")
				o.org.Settings.SSO = s
				op := c.op
				if _, ok := op.(orgusers.SetStacks); ok {
					op = orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: o.stack("web", "mia"), Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}}
				}
				want := c.want[name]
				if want == "" {
					want = "applied"
				}
				require.Equal(t, want, o.alone("olivia", op, c.on))
			})
		}
	}
	t.Run("R2.20 switching it on touches nobody", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, _, err := o.decide(o.actor("olivia"), orgusers.SetSSO{Org: o.org.ID, SSO: orgusers.SSO{Enabled: true, Strict: true}})
		require.NoError(t, err)
		require.Empty(t, c.Members)
		require.Empty(t, c.Effects)
		require.Equal(t, orgusers.SSO{Enabled: true, Strict: true}, c.Org.Settings.SSO)
	})
	t.Run("R1.5 only the owner sets it", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		require.Equal(t, orgusers.ReasonNotOwner, o.refusedWith("adam", orgusers.SetSSO{Org: o.org.ID, SSO: orgusers.SSO{Enabled: true}}, orgusers.ErrDenied).Reason)
		p := ownerless(t, "adam admin", "mark member")
		_, _, err := p.decide(p.actor("adam"), orgusers.SetSSO{Org: p.org.ID, SSO: orgusers.SSO{Enabled: true}})
		require.NoError(t, err, "where there is none, the administrators")
		require.Equal(t, orgusers.ReasonNotAdministrator, p.refusedWith("mark", orgusers.SetSSO{Org: p.org.ID}, orgusers.ErrDenied).Reason)
	})
	t.Run("strict mode and role mapping need it", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		for _, s := range []orgusers.SSO{{Strict: true}, {RoleMapping: true}} {
			require.Equal(t, "sso", o.refusedWith("olivia", orgusers.SetSSO{Org: o.org.ID, SSO: s}, orgusers.ErrInvalid).Fields[0].Field)
		}
	})
}

// TestRules_Trail: each person has an entry of its own, with who, what, whom, when, from where, and
// how it ended; all entries of one call share its number (R10.4, R10.6, Q32).
func TestRules_Trail(t *testing.T) {
	t.Parallel()
	o := usual(t)
	a := o.actor("adam")
	a.Request = "r-1"
	c, rep, err := o.decide(a, orgusers.Bulk{Org: o.org.ID, Operation: orgusers.SetRole{Role: orgusers.RoleAdmin}, Members: o.ids("mark", "olivia", "anna", "nobody")})
	require.NoError(t, err)
	require.Len(t, c.Audit, 3, "R10.6: skipped and refused too; what was so already is no event")
	first := c.Audit[0]
	first.ID = ""
	require.Equal(t, orgusers.AuditEntry{
		Org: o.org.ID, At: o.now, Operation: rep.Operation, Action: orgusers.ActionSetRole, Result: orgusers.Applied,
		Actor: a.User, ActorEmail: "adam@acme.example", ActorRole: "admin", Session: a.Session, IP: a.IP, Agent: a.Agent, Request: "r-1",
		Member: o.member("mark").ID, User: o.user("mark").ID, Email: "mark@acme.example", Before: "role=member", After: "role=admin",
	}, first)
	require.Equal(t, []any{orgusers.Skipped, orgusers.ReasonOwner, o.member("olivia").ID}, []any{c.Audit[1].Result, c.Audit[1].Reason, c.Audit[1].Member})
	require.Equal(t, []any{orgusers.Refused, orgusers.ReasonNotFound, orgusers.MemberID("")}, []any{c.Audit[2].Result, c.Audit[2].Reason, c.Audit[2].Member})
	for _, e := range c.Audit {
		require.Equal(t, rep.Operation, e.Operation)
		require.False(t, e.Chained, "sealing is the shell's")
	}
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
		err := x.Visitor().ResetPassword(ctx, token, "short")
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		require.Equal(t, before, mark(x), "S-105 a password that is refused changes nothing")
		require.NoError(t, x.Visitor().ResetPassword(ctx, token, "another "+world.Password))
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
		require.ErrorIs(t, x.Visitor().ResetPassword(ctx, token, "a third "+world.Password), orgusers.ErrExpired, "S-089 once")
		require.ErrorIs(t, x.Visitor().ResetMFA(ctx, mfa, "another "+world.Password), orgusers.ErrExpired, "S-090 other links are void")
	})
	t.Run("R7.2 proves an account that nobody had proved", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, "olivia owner", "mark member unproved")
		u := o.user("mark")
		u.ResetLink, u.ResetExpires, u.Password = officeID[orgusers.OperationID]("reset"), o.now.Add(time.Hour), ""
		x := o.open()
		require.NoError(t, x.Visitor().ResetPassword(ctx, x.token(orgusers.MailPasswordReset), world.Password))
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
			err = x.Visitor().ResetPassword(ctx, password, "short")
			require.Equal(t, ok, !errors.Is(err, orgusers.ErrExpired), "%v", err)
		}
	})
}
