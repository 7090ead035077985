package orgusers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// invite parses an invitation of up to a thousand addresses.
func (o *office) invite(inv orgusers.Invitation) (*orgusers.Invite, error) {
	return orgusers.NewInvite(o.org.ID, inv, 1000, o.now)
}

// inviteAs parses and decides an invitation.
func (o *office) inviteAs(by string, inv orgusers.Invitation) (orgusers.Changes, orgusers.Report, error) {
	o.t.Helper()
	c, err := o.invite(inv)
	require.NoError(o.t, err)
	return o.decide(o.actor(by), c)
}

// invited is an invitation that is not refused as a whole.
func (o *office) invited(by string, inv orgusers.Invitation) (orgusers.Changes, *office, []string) {
	o.t.Helper()
	c, rep, err := o.inviteAs(by, inv)
	require.NoError(o.t, err)
	return c, o.after(c), outcomes(&rep)
}

// TestRules_Invite: section 2, with the defaults of section 15.
func TestRules_Invite(t *testing.T) {
	t.Parallel()
	t.Run("R2.1 R2.4 R2.7 many at once, with the same roles", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web := o.stack("web", "mia")
		auditor := o.role("Auditor", "content:read")
		c, after, lines := o.invited("adam", orgusers.Invitation{
			To: "Nia New <nia@acme.example>, neo@else.example", Role: orgusers.RoleAdmin, Message: " Welcome\r\nhere ",
			Stacks: []orgusers.StackAccess{{Stack: web, Roles: []orgusers.RoleID{auditor, orgusers.RoleDeveloper, auditor}}},
		})
		require.Equal(t, []string{"nia: applied", "neo: applied"}, lines)
		require.Equal(t, []string{"invitation nia@acme.example", "invitation neo@else.example"}, mails(&c))
		for _, name := range []string{"nia", "neo"} {
			m := after.member(name)
			require.Equal(t, []any{orgusers.RoleAdmin, orgusers.StatusPending, orgusers.UserID("")}, []any{m.Role, m.Status, m.User})
			require.Equal(t, orgusers.SortGrants([]orgusers.Grant{{Stack: web, Role: auditor}, {Stack: web, Role: orgusers.RoleDeveloper}}), m.Grants, "R2.3 R3.2")
			require.Equal(t, []any{o.member("adam").User, "adam@acme.example", "Welcome\nhere"}, []any{m.InvitedBy, m.InvitedByEmail, m.Message})
			require.Equal(t, []any{o.now, o.now.Add(7 * 24 * time.Hour), 1}, []any{m.InvitedAt, m.ExpiresAt, m.Sends}, "Q1")
			require.True(t, m.LastLogin.IsZero(), "R12.7: listed at once")
		}
		require.Equal(t, orgusers.Name{First: "Nia", Last: "New"}, after.member("nia").Name)
		require.Equal(t, []string{"", "role=admin status=pending"}, []string{c.Audit[0].Before, c.Audit[0].After}, "R10.4")
		require.Equal(t, []any{after.member("nia").ID, "nia@acme.example"}, []any{c.Audit[0].Member, c.Audit[0].Email})
		require.Equal(t, o.org.Tally.Pending+2, c.Org.Tally.Pending)
		require.Equal(t, o.org.Tally.Admins, c.Org.Tally.Admins, "R2.7: nobody administers before joining")
		require.Empty(t, c.NewUsers, "R2.5: no account is made for who has none")
		require.Equal(t, orgusers.MailData{
			Kind: orgusers.MailInvitation, To: "nia@acme.example", ToName: "Nia New", OrgName: o.org.Name, ActorName: "adam Person",
			Role: orgusers.RoleAdmin, Message: "Welcome\nhere", ExpiresAt: o.now.Add(7 * 24 * time.Hour),
		}, c.Effects[0].Mail)
	})
	t.Run("R2.3 without roles: a member without stacks", func(t *testing.T) {
		t.Parallel()
		_, after, _ := usual(t).invited("adam", orgusers.Invitation{To: "nia@acme.example"})
		require.Equal(t, orgusers.RoleMember, after.member("nia").Role)
		require.Empty(t, after.member("nia").Grants)
	})
	t.Run("R2.10 S-018 unknown stacks and roles", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web := o.stack("web", "mia")
		_, _, err := o.inviteAs("adam", orgusers.Invitation{To: "nia@acme.example", Stacks: []orgusers.StackAccess{
			{Stack: web, Roles: []orgusers.RoleID{orgusers.RoleDeveloper, "nonsense"}}, {Stack: "elsewhere", Roles: []orgusers.RoleID{"worse"}},
		}})
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		var fields []string
		for _, f := range e.Fields {
			fields = append(fields, f.Field+" "+string(f.Reason))
		}
		require.Equal(t, []string{"stacks[0].roles[1] unknown", "stacks[1] unknown", "stacks[1].roles[0] unknown"}, fields, "all named, nobody invited")
	})
	t.Run("R2.11 allowed domains", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.org.Settings.AllowedDomains = []string{"acme.example"}
		_, after, lines := o.invited("adam", orgusers.Invitation{To: "nia@ACME.example, neo@else.example, nora@sub.acme.example, nils@notacme.example"})
		require.Equal(t, []string{
			"nia: applied", "neo: refused domain_not_allowed R2.11", "nora: refused domain_not_allowed R2.11", "nils: refused domain_not_allowed R2.11",
		}, lines)
		require.NotNil(t, after.find("nia"))
		require.Nil(t, after.find("neo"))
	})
	t.Run("R2.1 what is no address is reported in its place", func(t *testing.T) {
		t.Parallel()
		_, rep, err := usual(t).inviteAs("adam", orgusers.Invitation{To: "nia@acme.example\n\nnot an address\nneo@acme.example"})
		require.NoError(t, err)
		require.Len(t, rep.Outcomes, 3)
		var got [][]any
		for _, out := range rep.Outcomes {
			got = append(got, []any{out.Line, out.Email, out.Input, out.Member != ""})
		}
		require.Equal(t, [][]any{{1, "nia@acme.example", "", true}, {3, "", "not an address", false}, {4, "neo@acme.example", "", true}}, got)
	})
	t.Run("Q5 all or nothing", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.org.Settings.AllowedDomains = []string{"acme.example"}
		inv := orgusers.Invitation{To: "nia@acme.example\nneo@else.example\nnot an address\nmark@acme.example", AllOrNothing: true}
		_, rep, err := o.inviteAs("adam", inv)
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		require.Empty(t, rep.Outcomes)
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		require.Len(t, e.Fields, 2, "each bad one is named, who is a member already is none")
		require.Equal(t, []string{"to[1]", "domain_not_allowed"}, []string{e.Fields[0].Field, string(e.Fields[0].Reason)})
		require.Contains(t, e.Fields[0].Message, "line 2")
		require.Equal(t, "to[2]", e.Fields[1].Field)
		long := orgusers.Invitation{To: strings.Repeat("ä\x01\u202e", 400), AllOrNothing: true}
		_, _, err = o.inviteAs("adam", long)
		require.ErrorAs(t, err, &e)
		quoted := e.Fields[0].Message[strings.IndexByte(e.Fields[0].Message, '"')+1 : strings.LastIndexByte(e.Fields[0].Message, '"')]
		require.LessOrEqual(t, len(quoted), 64, "a message quotes little")
		require.Contains(t, quoted, "ä??ä??")
		require.Contains(t, quoted, "…")
		inv.AllOrNothing = false
		_, _, lines := o.invited("adam", inv)
		require.Equal(t, "nia: applied", lines[0])
		require.Contains(t, lines[1], "refused")
		require.Contains(t, lines[2], "?: refused")
		require.Equal(t, "mark: skipped already_member Q3", lines[3])
	})
	t.Run("Q3 already a member", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, _, lines := o.invited("adam", orgusers.Invitation{To: "mark@acme.example ivan@acme.example OLIVIA@acme.example", Role: orgusers.RoleAdmin})
		require.Equal(t, []string{"mark: skipped already_member Q3", "ivan: skipped already_member Q3", "olivia: skipped already_member Q3"}, lines)
		require.Equal(t, orgusers.Changes{}, c, "no mail, no new role, nobody reactivated (S-069)")
	})
	t.Run("Q4 Q2 S-014 pending already", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		web, shop := o.stack("web", "mia"), o.stack("shop", "mia")
		o.grant("petra", web, orgusers.RoleDeveloper)
		o.grant("petra", shop, orgusers.RoleDeveloper)
		c, after, lines := o.invited("anna", orgusers.Invitation{
			To: "PETRA@acme.example", Role: orgusers.RoleAdmin, Message: "again", WithoutSSO: true,
			Stacks: []orgusers.StackAccess{{Stack: web, Roles: []orgusers.RoleID{orgusers.RoleContentManager}}},
		})
		require.Equal(t, []string{"petra: applied renewed Q4"}, lines)
		require.Equal(t, []string{"role=member status=pending", "role=admin status=pending"}, []string{c.Audit[0].Before, c.Audit[0].After}, "R10.4")
		was, now := o.member("petra"), after.member("petra")
		require.Equal(t, was.ID, now.ID, "the same invitation")
		require.NotEqual(t, was.Link, now.Link, "a new link voids the old one")
		require.Equal(t, []any{orgusers.RoleAdmin, true, "again", 2}, []any{now.Role, now.WithoutSSO, now.Message, now.Sends})
		require.Equal(t, o.member("anna").User, now.InvitedBy)
		require.Equal(t, orgusers.SortGrants([]orgusers.Grant{{Stack: web, Role: orgusers.RoleContentManager}, {Stack: shop, Role: orgusers.RoleDeveloper}}), now.Grants)
		require.Equal(t, was.Address, now.Address, "mail goes to the stored spelling")
		require.Equal(t, []string{"invitation petra@acme.example"}, mails(&c))
		require.Equal(t, o.org.Tally, c.Org.Tally, "no other seat")
	})
	t.Run("R6.12 S-023 the same address twice", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		c, _, lines := o.invited("adam", orgusers.Invitation{To: "nia@acme.example; NIA@Acme.Example\nnia@acme.example"})
		require.Equal(t, []string{"nia: applied", "nia: skipped duplicate R6.12", "nia: skipped duplicate R6.12"}, lines)
		require.Len(t, c.NewMembers, 1)
		require.Len(t, mails(&c), 1)
	})
	t.Run("R6.12 the same address twice, pending already", func(t *testing.T) {
		t.Parallel()
		c, _, lines := usual(t).invited("adam", orgusers.Invitation{To: "petra@acme.example petra@acme.example"})
		require.Equal(t, []string{"petra: applied renewed Q4", "petra: skipped duplicate R6.12"}, lines)
		require.Len(t, mails(&c), 1)
	})
	t.Run("C5 S-026 cool-down and most mails", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		p := o.member("petra")
		p.SentAt = o.now.Add(-59 * time.Second)
		_, _, lines := o.invited("adam", orgusers.Invitation{To: "petra@acme.example"})
		require.Equal(t, []string{"petra: skipped cooldown C5"}, lines)
		require.Equal(t, "skipped cooldown C5", o.alone("adam", orgusers.ResendInvitation{}, "petra"))
		p.SentAt = o.now.Add(-60 * time.Second)
		require.Equal(t, "applied", o.alone("adam", orgusers.ResendInvitation{}, "petra"))
		p.Sends = 6
		_, _, lines = o.invited("adam", orgusers.Invitation{To: "petra@acme.example"})
		require.Equal(t, []string{"petra: skipped resend_limit C5"}, lines)
		require.Equal(t, "skipped resend_limit C5", o.alone("adam", orgusers.ResendInvitation{}, "petra"))
		p.Sends = 5
		require.Equal(t, "applied", o.alone("adam", orgusers.ResendInvitation{}, "petra"))
	})
	t.Run("R2.8 Q1 Q2 resending", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.member("petra").ExpiresAt = o.now.Add(-time.Hour)
		require.True(t, o.member("petra").Expired(o.now), "Q1: expired, and still pending")
		c, after, _ := o.decideBulk("anna", orgusers.ResendInvitation{}, "petra")
		now := after.member("petra")
		require.Equal(t, []any{o.now.Add(7 * 24 * time.Hour), o.member("anna").User, 2}, []any{now.ExpiresAt, now.InvitedBy, now.Sends})
		require.NotEqual(t, o.member("petra").Link, now.Link)
		require.Equal(t, o.member("petra").Role, now.Role)
		require.Equal(t, []string{"invitation petra@acme.example"}, mails(&c))
	})
	t.Run("Q1 never expiring, and other lifetimes", func(t *testing.T) {
		t.Parallel()
		o := usual(t)
		o.policy.InvitationsNeverExpire = true
		_, after, _ := o.invited("adam", orgusers.Invitation{To: "nia@acme.example"})
		require.True(t, after.member("nia").ExpiresAt.IsZero())
		require.False(t, after.member("nia").Expired(o.now.AddDate(100, 0, 0)))
		o.policy = orgusers.Policy{Lifetimes: orgusers.Lifetimes{Invitation: time.Hour}}
		_, after, _ = o.invited("adam", orgusers.Invitation{To: "nia@acme.example"})
		require.Equal(t, o.now.Add(time.Hour), after.member("nia").ExpiresAt)
		require.False(t, after.member("nia").Expired(o.now.Add(time.Hour-time.Microsecond)), "S-008")
		require.True(t, after.member("nia").Expired(o.now.Add(time.Hour)), "S-008")
	})
	t.Run("R2.21 own credentials under single sign-on", func(t *testing.T) {
		t.Parallel()
		_, after, _ := usual(t).invited("adam", orgusers.Invitation{To: "nia@acme.example", WithoutSSO: true})
		require.True(t, after.member("nia").WithoutSSO)
	})
	t.Run("nobody, too many, too long", func(t *testing.T) {
		t.Parallel()
		for field, inv := range map[string]orgusers.Invitation{
			"to":      {To: " ,;\n"},
			"message": {To: "nia@acme.example", Message: strings.Repeat("x", 1001)},
			"stacks[1]": {To: "nia@acme.example", Stacks: []orgusers.StackAccess{
				{Stack: "a"}, {Stack: "a"},
			}},
		} {
			_, err := usual(t).invite(inv)
			var e *orgusers.Error
			require.ErrorAs(t, err, &e, field)
			require.Equal(t, field, e.Fields[0].Field)
		}
	})
}

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

// TestRules_Accept: what joining needs, and what it gives. The link comes from a mail.
func TestRules_Accept(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	accept := func(x *matrixWorld) (orgusers.Joined, error) {
		return x.Visitor().AcceptInvitation(ctx, x.token(orgusers.MailInvitation), orgusers.NewAccount{})
	}
	requireUnused := func(t *testing.T, x *matrixWorld) {
		t.Helper()
		m := x.dump()
		petra := x.person(m, x.acme.member("petra").ID)
		require.Equal(t, orgusers.StatusPending, petra.row.Status, "still pending")
		require.Equal(t, x.acme.member("petra").Link, petra.row.Link, "the link is not used up")
	}
	reason := func(t *testing.T, err error) orgusers.Reason {
		t.Helper()
		var e *orgusers.Error
		require.ErrorAs(t, err, &e)
		return e.Reason
	}
	t.Run("R2.7 roles begin with the membership", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		petra := x.actor("invitee")
		_, err := x.Svc.Access(ctx, petra, x.acme.org.ID)
		require.ErrorIs(t, err, orgusers.ErrNotFound, "not before")
		joined, err := accept(x)
		require.NoError(t, err)
		require.Equal(t, orgusers.Joined{Org: x.acme.org.ID, Member: x.acme.member("petra").ID, User: petra.User}, joined)
		access, err := x.Svc.Access(ctx, petra, x.acme.org.ID)
		require.NoError(t, err)
		require.True(t, access.Can(x.stacks["mia"], "content:read"))
		require.False(t, access.Can(x.stacks["mia"], "content:write"))
		now := x.person(x.dump(), joined.Member)
		require.Equal(t, 2, now.account.Orgs)
		require.Equal(t, everybodysPassword(), now.account.Password, "an invitation changes nobody's password")
		_, err = accept(x)
		require.ErrorIs(t, err, orgusers.ErrExpired, "S-006: once")
	})
	for _, c := range []struct {
		rule, petra     string // how the office knows her
		needsName       bool
		needsPassword   bool
		sso             orgusers.SSO
		given           orgusers.NewAccount
		bad             []string // the fields found wrong
		keepsOldAccount bool
	}{
		{
			rule: "R2.6 no account", petra: "petra member pending", needsName: true, needsPassword: true,
			given: orgusers.NewAccount{Name: someName(), Password: world.Password},
		},
		{
			rule: "R2.6 no account, nothing given", petra: "petra member pending", needsName: true, needsPassword: true,
			bad: []string{"name.first", "password"},
		},
		{
			rule: "R2.6 no account, a name that is none", petra: "petra member pending", needsName: true, needsPassword: true,
			given: orgusers.NewAccount{Name: orgusers.Name{First: "a\nb", Last: "c\x00"}, Password: world.Password}, bad: []string{"name.first", "name.last"},
		},
		{
			rule: "S-002 an account nobody has proved keeps nothing that lets another in", petra: "petra member pending account unproved mfa", needsPassword: true,
			given: orgusers.NewAccount{Password: "another " + world.Password}, keepsOldAccount: true,
		},
		{
			rule: "S-002 an account nobody has proved needs a password", petra: "petra member pending account unproved", needsPassword: true,
			bad: []string{"password"},
		},
		{
			rule: "R2.20 single sign-on needs no password", petra: "petra member pending", needsName: true, sso: orgusers.SSO{Enabled: true},
			given: orgusers.NewAccount{Name: someName()},
		},
		{
			rule: "R2.21 who may use own credentials needs one", petra: "petra member pending own", needsName: true, needsPassword: true,
			sso: orgusers.SSO{Enabled: true}, given: orgusers.NewAccount{Name: someName()}, bad: []string{"password"},
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, "olivia owner", c.petra)
			o.org.Settings.SSO = c.sso
			if u := o.user("petra"); u != nil {
				u.ResetLink, u.MFAResetLink, u.ResetRequired = officeID[orgusers.OperationID]("r"), officeID[orgusers.OperationID]("m"), true
				u.Failures, u.LockedUntil = 7, o.now.Add(time.Hour)
			}
			x := o.open()
			token := x.token(orgusers.MailInvitation)
			info, err := x.Visitor().InspectInvitation(ctx, token)
			require.NoError(t, err)
			require.Equal(t, orgusers.InvitationInfo{
				Org: o.org.ID, OrgName: o.org.Name, Email: "petra@acme.example", Name: o.member("petra").Name, Role: orgusers.RoleMember,
				InvitedBy: "olivia@acme.example", ExpiresAt: o.member("petra").ExpiresAt, NeedsName: c.needsName, NeedsPassword: c.needsPassword,
			}, info)
			joined, err := x.Visitor().AcceptInvitation(ctx, token, c.given)
			if c.bad != nil {
				require.ErrorIs(t, err, orgusers.ErrInvalid)
				var e *orgusers.Error
				require.ErrorAs(t, err, &e)
				var fields []string
				for _, f := range e.Fields {
					fields = append(fields, f.Field)
				}
				require.Equal(t, c.bad, fields, "all of them at once")
				requireUnused(t, x)
				return
			}
			require.NoError(t, err)
			u := x.user("petra@acme.example")
			require.Equal(t, []any{u.ID, !c.keepsOldAccount}, []any{joined.User, joined.NewAccount})
			require.True(t, u.Verified, "the link proves the mailbox")
			require.Equal(t, c.given.Password == "", u.Password == "")
			require.NotEqual(t, everybodysPassword(), u.Password)
			require.Equal(t, []any{orgusers.OperationID(""), orgusers.OperationID(""), false}, []any{u.ResetLink, u.MFAResetLink, u.ResetRequired}, "older links are void")
			require.Equal(t, []any{0, time.Time{}}, []any{u.Failures, u.LockedUntil}, "nor is it locked by who made it")
			if c.keepsOldAccount {
				require.Equal(t, []any{o.user("petra").ID, o.user("petra").Name, orgusers.MFA{}, x.Clock.Now()}, []any{u.ID, u.Name, u.MFA, u.SessionsValidFrom})
				return
			}
			require.Equal(t, someName(), u.Name)
			require.Equal(t, 1, u.Orgs)
		})
	}
	t.Run("R9.3 S-028 the plan has shrunk", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		tally := x.acme.org.Tally
		token := x.token(orgusers.MailInvitation)
		limit := func(n int64) {
			require.NoError(t, x.Operator().SetPlan(ctx, x.acme.org.ID, orgusers.Plan{Limits: []orgusers.Limit{{Resource: orgusers.ResourceUsers, Max: n}}}))
		}
		limit(tally.Members)
		_, err := x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
		require.ErrorIs(t, err, orgusers.ErrSeats)
		requireUnused(t, x)
		limit(tally.Members + 1)
		_, err = x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
		require.NoError(t, err, "and works again with the plan")
	})
	t.Run("R2.11 the domain is forbidden meanwhile", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		token := x.token(orgusers.MailInvitation)
		require.NoError(t, x.Svc.Admin(x.actor("owner"), x.acme.org.ID).SetAllowedDomains(ctx, "else.example"))
		_, err := x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
		require.ErrorIs(t, err, orgusers.ErrDenied)
		require.Equal(t, orgusers.ReasonDomain, reason(t, err))
		requireUnused(t, x)
	})
	for name, gone := range map[string]func(x *matrixWorld, by orgusers.MemberID) error{
		"removed": func(x *matrixWorld, by orgusers.MemberID) error {
			return x.Svc.Admin(x.actor("owner"), x.acme.org.ID).Do(ctx, orgusers.Remove{}, by)
		},
		"demoted": func(x *matrixWorld, by orgusers.MemberID) error {
			return x.Svc.Admin(x.actor("owner"), x.acme.org.ID).Do(ctx, orgusers.SetRole{Role: orgusers.RoleMember}, by)
		},
		"deactivated": func(x *matrixWorld, by orgusers.MemberID) error {
			return x.Svc.Admin(x.actor("owner"), x.acme.org.ID).Do(ctx, orgusers.Deactivate{}, by)
		},
	} {
		t.Run("the inviter is "+name, func(t *testing.T) {
			t.Parallel()
			x := newMatrixWorld(t, false)
			require.NoError(t, x.Svc.Admin(x.actor("admin"), x.acme.org.ID).Do(ctx, orgusers.ResendInvitation{}, x.acme.member("petra").ID))
			x.Dispatch()
			token := x.Token("petra@acme.example")
			require.NoError(t, gone(x, x.acme.member("adam").ID))
			_, err := x.Visitor().InspectInvitation(ctx, token)
			require.Equal(t, orgusers.ReasonInviterGone, reason(t, err))
			_, err = x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
			require.ErrorIs(t, err, orgusers.ErrExpired)
			require.Equal(t, orgusers.ReasonInviterGone, reason(t, err))

			// Somebody else resends, and it is theirs from then on.
			x.Clock.Tick(time.Hour)
			require.NoError(t, x.Svc.Admin(x.actor("owner"), x.acme.org.ID).Do(ctx, orgusers.ResendInvitation{}, x.acme.member("petra").ID))
			x.Dispatch()
			_, err = x.Visitor().AcceptInvitation(ctx, x.Token("petra@acme.example"), orgusers.NewAccount{})
			require.NoError(t, err)
		})
	}
	t.Run("Q1 S-008 expiry to the microsecond", func(t *testing.T) {
		t.Parallel()
		for late, ok := range map[time.Duration]bool{-time.Microsecond: true, 0: false, time.Microsecond: false} {
			x := newMatrixWorld(t, false)
			token := x.token(orgusers.MailInvitation)
			x.Clock.Tick(x.acme.member("petra").ExpiresAt.Add(late).Sub(x.Clock.Now()))
			_, err := x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
			if ok {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, orgusers.ErrExpired)
			require.Equal(t, orgusers.ReasonLinkExpired, reason(t, err))
			requireUnused(t, x)
		}
	})
	t.Run("R2.9 cancelled", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		token := x.token(orgusers.MailInvitation)
		require.NoError(t, x.Svc.Admin(x.actor("admin"), x.acme.org.ID).Do(ctx, orgusers.Remove{}, x.acme.member("petra").ID))
		_, err := x.Visitor().AcceptInvitation(ctx, token, orgusers.NewAccount{})
		require.ErrorIs(t, err, orgusers.ErrExpired)
	})
	t.Run("declining frees the seat", func(t *testing.T) {
		t.Parallel()
		x := newMatrixWorld(t, false)
		require.NoError(t, x.Visitor().DeclineInvitation(ctx, x.token(orgusers.MailInvitation)))
		after := x.dump()
		require.Nil(t, x.person(after, x.acme.member("petra").ID).row)
		require.Equal(t, x.acme.org.Tally.Seats()-1, after.of(t, x.acme.org.ID).Org.Tally.Seats())
		require.Equal(t, 1, x.person(after, x.acme.member("petra").ID).account.Orgs)
	})
}
