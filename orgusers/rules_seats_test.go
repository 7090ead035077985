package orgusers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// TestRules_AllowedDomains: who sets them, what they may be, and whom they touch (R2.11).
func TestRules_AllowedDomains(t *testing.T) {
	t.Parallel()
	set := func(o *office, domains ...string) orgusers.SetAllowedDomains {
		return orgusers.SetAllowedDomains{Org: o.org.ID, Domains: domains}
	}
	many := make([]string, 31)
	for i := range many {
		many[i] = fmt.Sprintf("d%02d.example", i)
	}
	o := usual(t)
	c, _, err := o.decide(o.actor("adam"), set(o, " Else.EXAMPLE", "bücher.example", "else.example"))
	require.NoError(t, err)
	require.Equal(t, []string{"else.example", "xn--bcher-kva.example"}, c.Org.Settings.AllowedDomains)
	require.Empty(t, c.Members, "people already there are not touched")
	o = o.after(c)
	c, _, err = o.decide(o.actor("adam"), set(o, "xn--bcher-kva.example", "ELSE.example"))
	require.NoError(t, err)
	require.Equal(t, orgusers.Changes{}, c, "the same ones are no change")
	c, _, err = o.decide(o.actor("adam"), set(o))
	require.NoError(t, err)
	require.Empty(t, c.Org.Settings.AllowedDomains, "none is no limit")
	c, _, err = o.decide(o.actor("adam"), set(o, many[:30]...))
	require.NoError(t, err)
	require.Len(t, c.Org.Settings.AllowedDomains, 30)
	require.Equal(t, orgusers.ReasonTooMany, o.refusedWith("adam", set(o, many...), orgusers.ErrInvalid).Fields[0].Reason)
	e := o.refusedWith("adam", set(o, "fine.example", "", "nodot", "a@b.example"), orgusers.ErrInvalid)
	require.Len(t, e.Fields, 3, "every bad one at once")
	require.Equal(t, "domains[1]", e.Fields[0].Field)
}

// TestRules_Seats: everyone on the roster takes one, the pending included (Q6, R9.3, S-028).
func TestRules_Seats(t *testing.T) {
	t.Parallel()
	seats := func(o *office) int64 { return o.org.Tally.Seats() }
	t.Run("Q6 R9.3 as many as are free", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.limit(seats(o)+2, -1)
		_, _, lines := o.invited("adam", orgusers.Invitation{To: "nia@acme.example neo@acme.example"})
		require.Equal(t, []string{"nia: applied", "neo: applied"}, lines)
	})
	t.Run("Q5 R9.3 one too many: nobody", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.limit(seats(o)+2, -1)
		changes, rep, err := o.inviteAs("adam", orgusers.Invitation{To: "nia@acme.example neo@acme.example nora@acme.example"})
		require.ErrorIs(t, err, orgusers.ErrSeats)
		require.Equal(t, orgusers.Changes{}, changes)
		require.Empty(t, rep.Outcomes)
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, &orgusers.LimitError{Resource: orgusers.ResourceUsers, Used: seats(o), Asked: 3, Allowed: seats(o) + 2}, e.Limit)
	})
	t.Run("R9.3 only new people count", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.limit(seats(o)+1, -1)
		_, _, lines := o.invited("adam", orgusers.Invitation{To: "nia@acme.example petra@acme.example mark@acme.example nia@acme.example\nnonsense"})
		require.Equal(t, "nia: applied", lines[0])
		require.Equal(t, "petra: applied renewed Q4", lines[1])
	})
	t.Run("R9.3 a full or overfull organization still works", func(t *testing.T) {
		t.Parallel()
		for _, less := range []int64{0, 3} {
			o := usual(t)
			o.limit(seats(o)-less, -1)
			require.Equal(t, "applied", o.alone("adam", orgusers.ResendInvitation{}, "petra"))
			require.Equal(t, "applied", o.alone("adam", orgusers.Deactivate{}, "mark"))
			require.Equal(t, "applied", o.alone("adam", orgusers.Reactivate{}, "ivan"))
			require.Equal(t, "applied", o.alone("adam", orgusers.Remove{}, "mark"))
			_, _, err := o.inviteAs("adam", orgusers.Invitation{To: "nia@acme.example"})
			require.ErrorIs(t, err, orgusers.ErrSeats)
		}
	})
	t.Run("R9.3 over-usage allowed", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.limit(1, -1)
		o.org.Plan.OverUsage = true
		_, _, lines := o.invited("adam", orgusers.Invitation{To: "nia@acme.example"})
		require.Equal(t, []string{"nia: applied"}, lines)
	})
	t.Run("R9.4 a limit of none is a limit, no limit is none", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.limit(0, -1)
		_, _, err := o.inviteAs("adam", orgusers.Invitation{To: "nia@acme.example"})
		require.ErrorIs(t, err, orgusers.ErrSeats)
		o.limit(-1, 0)
		_, _, lines := o.invited("adam", orgusers.Invitation{To: "nia@acme.example"})
		require.Equal(t, []string{"nia: applied"}, lines, "another resource's limit is not looked at")
	})
}

// TestRules_Quotas: how many invitations may be mailed: by an actor in an hour, by an organization and
// to a mailbox in a day (C5, S-026), counted in addresses and not in calls (S-155).
func TestRules_Quotas(t *testing.T) {
	t.Parallel()
	crowd := func(prefix string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%s%d@new.example\n", prefix, i)
		}
		return b.String()
	}
	limits := func(actor, org, mailbox int) orgusers.Policy {
		return orgusers.Policy{InvitesPerActorHour: actor, InvitesPerOrgDay: org, InvitesPerMailboxDay: mailbox}
	}
	requireLimit := func(t *testing.T, o *office, by, to string, used, asked, allowed int64) {
		t.Helper()
		changes, rep, err := o.inviteAs(by, orgusers.Invitation{To: to})
		require.ErrorIs(t, err, orgusers.ErrLimit)
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, &orgusers.LimitError{Resource: orgusers.ResourceInvitations, Used: used, Asked: asked, Allowed: allowed}, e.Limit)
		require.Empty(t, rep.Outcomes)
		require.Equal(t, orgusers.Changes{}, changes, "nobody is invited, nothing is counted")
	}
	t.Run("S-155 an actor, in an hour", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.policy = limits(3, 100, 100)
		_, o, _ = o.invited("adam", orgusers.Invitation{To: crowd("a", 2)})
		requireLimit(t, o, "adam", crowd("b", 2), 2, 2, 3)
		_, o, lines := o.invited("adam", orgusers.Invitation{To: crowd("b", 1)})
		require.Equal(t, []string{"b0: applied"}, lines)
		requireLimit(t, o, "adam", crowd("c", 1), 3, 1, 3)
		_, _, lines = o.invited("anna", orgusers.Invitation{To: crowd("c", 1)})
		require.Equal(t, []string{"c0: applied"}, lines, "another actor has a quota of its own")
		o.now = o.now.Add(time.Hour)
		_, _, lines = o.invited("adam", orgusers.Invitation{To: crowd("c", 3)})
		require.Len(t, lines, 3, "another hour")
	})
	t.Run("S-155 an organization, in a day", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.policy = limits(100, 3, 100)
		_, o, _ = o.invited("adam", orgusers.Invitation{To: crowd("a", 2)})
		requireLimit(t, o, "anna", crowd("b", 2), 2, 2, 3)
		o.now = o.now.Add(24 * time.Hour)
		_, _, lines := o.invited("anna", orgusers.Invitation{To: crowd("b", 3)})
		require.Len(t, lines, 3, "another day")
	})
	t.Run("S-026 S-150 a mailbox, whatever its spelling", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.policy = limits(100, 100, 2)
		c, o, lines := o.invited("adam", orgusers.Invitation{To: "n.ia@new.example\nnia+1@new.example\nnia+2@new.example\nneo@new.example"})
		require.Equal(t, []string{"n.ia: applied", "nia+1: applied", "nia+2: refused resend_limit C5", "neo: applied"}, lines, "the others go on")
		require.Len(t, mails(&c), 3)
		_, _, lines = o.invited("anna", orgusers.Invitation{To: "nia@new.example"})
		require.Equal(t, []string{"nia: refused resend_limit C5"}, lines)
		o.now = o.now.Add(time.Hour)
		_, _, lines = o.invited("anna", orgusers.Invitation{To: "n.ia@new.example"})
		require.Equal(t, []string{"n.ia: skipped resend_limit C5"}, lines, "inviting again is mailing again")
		o.now = o.now.Add(23 * time.Hour)
		_, _, lines = o.invited("anna", orgusers.Invitation{To: "nia@new.example"})
		require.Equal(t, []string{"nia: applied"}, lines)
	})
	t.Run("what is not mailed is not counted", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.policy = limits(1, 1, 1)
		o.org.Settings.AllowedDomains = []string{"new.example", "acme.example"}
		c, _, lines := o.invited("adam", orgusers.Invitation{To: "mark@acme.example\nx@else.example\nnonsense\na@new.example\na@new.example"})
		require.Equal(t, "a: applied", lines[3])
		require.Len(t, c.Counters, 3)
		for _, n := range c.Counters {
			require.Equal(t, int64(1), n.Add)
			require.NotContains(t, n.Key, "new.example", "counters are nobody's address book")
		}
	})
	t.Run("-1 is no limit", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.policy = limits(-1, -1, -1)
		_, _, lines := o.invited("adam", orgusers.Invitation{To: crowd("a", 500)})
		require.Len(t, lines, 500)
	})
}
