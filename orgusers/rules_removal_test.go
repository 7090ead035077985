package orgusers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

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
