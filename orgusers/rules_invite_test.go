package orgusers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// invite parses an invitation of up to a thousand addresses.
func (o *office) invite(inv orgusers.Invitation) (*orgusers.Invite, error) {
	return orgusers.NewInvite(o.org.ID, inv, 1000)
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
		given := after.member("nia").Grants
		require.Equal(t, []string{"", fmt.Sprintf("role=admin status=pending stacks=%s:%s,%s", web, given[0].Role, given[1].Role)},
			[]string{c.Audit[0].Before, c.Audit[0].After}, "R10.4")
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
	t.Run("R2.11 Q4 resending to a domain since forbidden", func(t *testing.T) {
		t.Parallel()
		o := usual(t, "pat@else.example member pending")
		o.org.Settings.AllowedDomains = []string{"acme.example"}
		require.Equal(t, "refused domain_not_allowed R2.11", o.alone("adam", orgusers.ResendInvitation{}, "pat"), "its link would open nothing")
		_, _, lines := o.invited("adam", orgusers.Invitation{To: "pat@else.example"})
		require.Equal(t, []string{"pat: refused domain_not_allowed R2.11"}, lines, "the same answer")
		_, after, _ := o.decideBulk("adam", orgusers.ResendInvitation{}, "petra", "pat")
		require.Equal(t, o.member("pat").Link, after.member("pat").Link, "the older link is not voided")
		require.NotEqual(t, o.member("petra").Link, after.member("petra").Link)
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
		stacks := func(m *orgusers.Member) string {
			return fmt.Sprintf("%s:%s %s:%s", m.Grants[0].Stack, m.Grants[0].Role, m.Grants[1].Stack, m.Grants[1].Role)
		}
		require.Equal(t, "role=member status=pending stacks="+stacks(o.member("petra")), c.Audit[0].Before, "R10.4")
		require.Equal(t, "role=admin status=pending without_sso=true stacks="+stacks(after.member("petra")), c.Audit[0].After)
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
