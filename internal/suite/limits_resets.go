package suite

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// limitResets: three mails an hour and ten a day to one account, whichever organization asks, a minute
// apart (C5). Who has had them is left out of a bulk and the others go on.
func limitResets(t *testing.T, w *world.World, op orgusers.Operation) {
	ctx := world.Ctx()
	w.Clock.Tick(24*time.Hour - time.Duration(w.Clock.Now().UnixNano())%(24*time.Hour)) // a day begins
	x, y := newTeam(t, w, "acme"), newTeam(t, w, "other")
	both := Add(t, w, y.ID, Person{Email: x.email("member")})[0]
	for _, m := range []orgusers.Member{x.member, x.admin} {
		w.PatchUser(m.User, orgusers.UserPatch{MFA: orgusers.Some(orgusers.MFA{Secret: "v1.x", EnrolledAt: w.Clock.Now()})})
	}
	ask := func(x team, members ...orgusers.Member) []string {
		ids := make([]orgusers.MemberID, len(members))
		for i, m := range members {
			ids[i] = m.ID
		}
		seen, err := x.Admin().Preview(ctx, op, ids...)
		require.NoError(t, err)
		menu, err := x.Admin().Allowed(ctx, ids[0])
		require.NoError(t, err)
		rep, err := x.Admin().Apply(ctx, op, ids...)
		require.NoError(t, err)
		require.Equal(t, outcomes(seen), outcomes(rep))
		first := rep.Outcomes[0]
		require.Equal(t, orgusers.Decision{Allowed: first.Result == orgusers.Applied, Reason: first.Reason, Rule: first.Rule}, menu[ids[0]][op.Action()])
		return outcomes(rep)
	}
	applied, cooldown, limit := "applied", "skipped cooldown", "skipped resend_limit"

	require.Equal(t, []string{applied}, ask(x, x.member))
	w.Clock.Tick(59 * time.Second)
	require.Equal(t, []string{cooldown}, ask(x, x.member))
	require.Equal(t, []string{cooldown}, ask(y, both), "over all organizations")
	w.Clock.Tick(time.Second)
	require.Equal(t, []string{applied}, ask(y, both))
	w.Clock.Tick(time.Minute)
	require.Equal(t, []string{applied}, ask(x, x.member))
	w.Clock.Tick(time.Minute)
	before := w.User(x.member.User)
	require.Equal(t, []string{limit, applied}, ask(x, x.member, x.admin), "others go on")
	require.Equal(t, []string{limit}, ask(y, both))
	require.Equal(t, before, w.User(x.member.User), "the link mailed last stays good")
	restarted := x
	restarted.w = w.Second()
	restarted.Org = restarted.w.Existing(x.ID)
	require.Equal(t, []string{limit}, ask(restarted, x.member), "budgets survive a restart")

	other := orgusers.Operation(orgusers.ResetMFA{})
	if op == other {
		other = orgusers.ForcePasswordReset{}
	}
	require.NoError(t, x.Admin().Do(ctx, other, x.member.ID), "each kind has its own budget")
	_, err := x.inviteTo(x.owner, x.email("new"))
	require.NoError(t, err, "and invitations theirs")

	for n := 3; n < 10; n++ {
		w.Clock.Tick(time.Hour)
		require.Equal(t, []string{applied}, ask(x, x.member), n)
	}
	w.Clock.Tick(time.Hour)
	require.Equal(t, []string{limit}, ask(x, x.member), "the day is used up")
	w.Clock.Tick(24 * time.Hour)
	require.Equal(t, []string{applied}, ask(x, x.member))

	mails := map[string]int{}
	for _, e := range w.Outbox(false) {
		if e.User == x.member.User && e.Kind == orgusers.EffectMail {
			mails[fmt.Sprint(e.Mail.Kind)]++
		}
	}
	kind, another := "password_reset", "mfa_reset"
	if op == orgusers.Operation(orgusers.ResetMFA{}) {
		kind, another = another, kind
	}
	require.Equal(t, map[string]int{kind: 11, another: 1}, mails)
}
