package suite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// invitationLimits are the cases about flooding mailboxes with invitations (S-026, S-155).
func invitationLimits(c cases) {
	c.t.Helper()
	policy := func(change func(*orgusers.Policy)) func(*orgusers.Config) {
		return func(conf *orgusers.Config) { change(&conf.Policy) }
	}
	c.with("S-026 per actor", policy(func(p *orgusers.Policy) { p.InvitesPerActorHour = 3 }), limitActor)
	c.with("S-026 per organization", policy(func(p *orgusers.Policy) { p.InvitesPerOrgDay = 3 }), limitOrg)
	c.with("S-026 per mailbox", policy(func(p *orgusers.Policy) { p.InvitesPerMailboxDay = 2 }), limitMailbox)
	c.with("S-026 per invitation", policy(func(p *orgusers.Policy) { p.MaxSends = 3 }), limitSends)
	for _, op := range []orgusers.Operation{orgusers.ForcePasswordReset{}, orgusers.ResetMFA{}} {
		c.run("S-026 C5 "+string(op.Action()), func(t *testing.T, w *world.World) { limitResets(t, w, op) })
	}
}

// inviteTo invites and returns the outcomes.
func (x team) inviteTo(by orgusers.Member, to string) ([]string, error) {
	x.t.Helper()
	rep, err := x.As(by).Invite(world.Ctx(), orgusers.Invitation{To: to})
	return outcomes(rep), err
}

// quota demands that a call is refused by a quota with these numbers, and changes nothing.
func (x team) quota(want orgusers.LimitError, call func() error) {
	x.t.Helper()
	x.refuses(orgusers.ErrLimit, "", func() error {
		err := call()
		require.Equal(x.t, &want, kindOf(x.t, err).Limit)
		return err
	})
}

func limitActor(t *testing.T, w *world.World) {
	x := newTeam(t, w, "acme")
	over := orgusers.LimitError{Resource: orgusers.ResourceInvitations, Used: 2, Asked: 2, Allowed: 3}
	invite := func(x team, by orgusers.Member, to string) func() error {
		return func() error { _, err := x.inviteTo(by, to); return err }
	}
	require.NoError(t, invite(x, x.owner, "a@p.example, b@p.example")())
	x.quota(over, invite(x, x.owner, "c@p.example, d@p.example")) // S-155: items count, not calls
	x.gone("c")
	require.NoError(t, invite(x, x.admin, "c@p.example, d@p.example")(), "everybody has a quota of their own")

	require.NoError(t, invite(x, x.owner, "e@p.example")(), "what was refused used nothing up")

	restarted := x
	restarted.w = w.Second()
	restarted.Org = restarted.w.Existing(x.ID)
	over.Used, over.Asked = 3, 1
	restarted.quota(over, invite(restarted, x.owner, "f@p.example"))
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.member.ID), "other mails have their own budget")

	w.Clock.Tick(time.Hour)
	require.NoError(t, invite(x, x.owner, "f@p.example")())
	x.resends([]string{"applied", "applied", "skipped resend_limit"}, "a@p.example", "b@p.example", "c@p.example")
	x.resends([]string{"skipped resend_limit"}, "c@p.example")
	CheckOrg(t, w, x.ID)
}

// resends has the owner mail invitations again and demands how that ends, for each; so does a preview of it, and
// a list of what may be done to them says whether the first is mailed.
func (x team) resends(want []string, emails ...string) {
	x.t.Helper()
	ids := make([]orgusers.MemberID, len(emails))
	for i, email := range emails {
		ids[i] = x.memberOf(email).ID
	}
	preview, err := x.Admin().Preview(world.Ctx(), orgusers.ResendInvitation{}, ids...)
	require.NoError(x.t, err)
	require.Equal(x.t, want, outcomes(preview))
	allowed, err := x.Admin().Allowed(world.Ctx(), ids...)
	require.NoError(x.t, err)
	require.Equal(x.t, want[0] == "applied", allowed[ids[0]][orgusers.ActionResendInvitation].Allowed)
	rep, err := x.Admin().Apply(world.Ctx(), orgusers.ResendInvitation{}, ids...)
	require.NoError(x.t, err)
	require.Equal(x.t, want, outcomes(rep))
}

func limitOrg(t *testing.T, w *world.World) {
	x, y := newTeam(t, w, "acme"), newTeam(t, w, "other")
	_, err := x.inviteTo(x.owner, "a@p.example b@p.example")
	require.NoError(t, err)
	_, err = x.inviteTo(x.admin, "c@p.example")
	require.NoError(t, err)
	x.quota(orgusers.LimitError{Resource: orgusers.ResourceInvitations, Used: 3, Asked: 1, Allowed: 3}, func() error {
		_, err := x.inviteTo(x.admin, "d@p.example")
		return err
	})
	_, err = y.inviteTo(y.admin, "d@p.example")
	require.NoError(t, err)
	w.Clock.Tick(24 * time.Hour)
	_, err = x.inviteTo(x.admin, "d@p.example")
	require.NoError(t, err)
	x.resends([]string{"applied", "applied", "skipped resend_limit"}, "a@p.example", "b@p.example", "c@p.example")
}

func limitMailbox(t *testing.T, w *world.World) {
	var teams []team
	for _, name := range []string{"one", "two", "three"} {
		teams = append(teams, newTeam(t, w, name))
	}
	out, err := teams[0].inviteTo(teams[0].owner, "victim@p.example")
	require.NoError(t, err)
	require.Equal(t, []string{"applied"}, out)
	out, err = teams[1].inviteTo(teams[1].owner, "Vic.Tim+1@p.example")
	require.NoError(t, err)
	require.Equal(t, []string{"applied"}, out)
	last := teams[2]
	out, err = last.inviteTo(last.owner, "VICTIM@p.example, v.i.c.t.i.m@p.example, other@p.example, victim+x@p.example")
	require.NoError(t, err)
	require.Equal(t, []string{"refused resend_limit", "refused resend_limit", "applied", "refused resend_limit"}, out)
	require.Equal(t, int64(1), last.Record().Tally.Pending)
	w.Dispatch()
	require.Len(t, w.Inbox.All(), 3, "two to the victim, one to the other")
	w.Clock.Tick(24 * time.Hour)
	m := teams[0].memberOf("victim@p.example")
	for range 2 { // what is mailed again counts too
		require.NoError(t, teams[0].Admin().Do(world.Ctx(), orgusers.ResendInvitation{}, m.ID))
		w.Clock.Tick(time.Hour)
	}
	teams[0].resends([]string{"skipped resend_limit"}, "victim@p.example")
	teams[1].resends([]string{"skipped resend_limit"}, "Vic.Tim+1@p.example")
	out, err = last.inviteTo(last.owner, "victim@p.example")
	require.NoError(t, err)
	require.Equal(t, []string{"refused resend_limit"}, out)
	w.Clock.Tick(24 * time.Hour)
	out, err = last.inviteTo(last.owner, "victim@p.example")
	require.NoError(t, err)
	require.Equal(t, []string{"applied"}, out)
	CheckOrg(t, w, last.ID)
}

func limitSends(t *testing.T, w *world.World) {
	x, ctx := newTeam(t, w, "acme"), world.Ctx()
	m := x.Invite(x.email("ann"), orgusers.RoleMember)
	again := func() []string {
		before := stateOf(t, w, x.ID)
		resent, err := x.Admin().Apply(ctx, orgusers.ResendInvitation{}, m.ID)
		require.NoError(t, err)
		if resent.Count(orgusers.Applied) == 0 { // then the other way does not lead around it either
			invited, err := x.inviteTo(x.admin, "ANN@acme.example")
			require.NoError(t, err)
			require.Equal(t, outcomes(resent), invited)
			x.same(before)
		}
		return outcomes(resent)
	}
	require.Equal(t, []string{"skipped cooldown"}, again())
	w.Clock.Tick(59 * time.Second)
	require.Equal(t, []string{"skipped cooldown"}, again())
	w.Clock.Tick(time.Second)
	require.Equal(t, []string{"applied"}, again())
	w.Clock.Tick(time.Minute)
	out, err := x.inviteTo(x.admin, x.email("ann"))
	require.NoError(t, err)
	require.Equal(t, []string{"applied renewed"}, out)
	w.Clock.Tick(time.Hour)
	require.Equal(t, []string{"skipped resend_limit"}, again())
	require.Equal(t, 3, x.row("ann").Sends)
}
