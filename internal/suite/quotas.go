package suite

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// quotas sets those on invitations.
func quotas(actor, org, mailbox int) func(*orgusers.Config) {
	return func(c *orgusers.Config) {
		c.Policy.InvitesPerActorHour, c.Policy.InvitesPerOrgDay, c.Policy.InvitesPerMailboxDay = actor, org, mailbox
	}
}

// list is n addresses that are used nowhere else.
func list(prefix string, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%d@acme.example", prefix, i)
	}
	return strings.Join(out, "\n")
}

// overQuota demands the numbers of a quota.
func overQuota(t testing.TB, err error, used, asked, allowed int64) {
	t.Helper()
	require.ErrorIs(t, err, orgusers.ErrLimit)
	require.Equal(t, &orgusers.LimitError{Resource: orgusers.ResourceInvitations, Used: used, Asked: asked, Allowed: allowed}, kindOf(t, err).Limit)
}

func quotasCountAddresses(t *testing.T, open Opener) {
	w := world.New(t, open(t), quotas(5, 8, -1))
	x := newTeam(t, w, "acme")
	call := func(w *world.World, user orgusers.UserID, to string) error {
		rep, err := w.Svc.Admin(w.Actor(user), x.ID).Invite(world.Ctx(), orgusers.Invitation{To: to})
		if err != nil {
			return err
		}
		return rep.Err()
	}
	before := stateOf(t, w, x.ID)
	overQuota(t, call(w, x.owner.User, list("a", 6)), 0, 6, 5)
	x.same(before)

	// Addresses that are not mailed do not count, and looking costs nothing.
	for range 10 {
		_, err := x.Admin().PreviewInvite(world.Ctx(), orgusers.Invitation{To: list("b", 5)})
		require.NoError(t, err)
	}
	rep, err := x.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "b0@acme.example, b0@acme.example, nonsense, " + x.email("member")})
	require.NoError(t, err)
	require.Equal(t, []string{"applied", "skipped duplicate", "refused syntax", "skipped already_member"}, outcomes(rep))

	require.NoError(t, call(w, x.owner.User, list("c", 4)), "what was refused above took nothing away")
	second := w.Second() // another process, or the same one restarted
	overQuota(t, call(second, x.owner.User, list("d", 1)), 5, 1, 5)

	// Another administrator has a quota of his own, but the organization has one too.
	require.NoError(t, call(second, x.admin.User, list("e", 3)))
	overQuota(t, call(w, x.admin.User, list("f", 1)), 8, 1, 8)
	w.Clock.Tick(time.Hour)
	overQuota(t, call(w, x.owner.User, list("g", 1)), 8, 1, 8)
	w.Clock.Tick(24 * time.Hour)
	require.NoError(t, call(w, x.owner.User, list("g", 5)))
	overQuota(t, call(w, x.owner.User, list("h", 1)), 5, 1, 5)

	// A quota belongs to one organization: the same person has another one elsewhere.
	y := NewOrg(t, w, "Other", x.email("owner"))
	invite(t, y, list("i", 5))

	// -1 is no limit.
	free := world.New(t, open(t), quotas(-1, -1, -1))
	z := newTeam(t, free, "free")
	for range 3 {
		invite(t, z.Org, list(fmt.Sprint("p", free.Clock.Now().Unix()), 1000))
		free.Clock.Tick(time.Second)
	}
}

func mailboxQuota(t *testing.T, open Opener) {
	w := world.New(t, open(t), quotas(-1, -1, 2))
	spellings := []string{"victim@mail.example", "v.ictim@mail.example", "victim+1@mail.example", "VICTIM+2@mail.example", "v.i.c.t.i.m@mail.example"}
	var xs []team
	for i := range spellings {
		xs = append(xs, newTeam(t, w, fmt.Sprint("org", i)))
	}
	for i, to := range spellings {
		from := w
		if i%2 == 1 {
			from = w.Second()
		}
		rep, err := from.Svc.Admin(from.Actor(xs[i].owner.User), xs[i].ID).Invite(world.Ctx(), orgusers.Invitation{To: to + ", other@mail" + fmt.Sprint(i) + ".example"})
		require.NoError(t, err)
		want := []string{"applied", "applied"}
		if i >= 2 {
			want[0] = "refused resend_limit"
		}
		require.Equal(t, want, outcomes(rep), to)
	}
	w.Dispatch()
	n := 0
	for _, m := range w.Inbox.All() {
		if strings.HasSuffix(m.To, "@mail.example") {
			n++
		}
	}
	require.Equal(t, 2, n, "all spellings are one mailbox")

	// A pending invitation is not renewed either, and stays as it was.
	before := xs[0].row("owner")
	m := xs[0].Member("victim@mail.example")
	w.Clock.Tick(2 * time.Minute)
	rep, err := xs[0].Admin().Invite(world.Ctx(), orgusers.Invitation{To: "victim@mail.example", Role: orgusers.RoleAdmin})
	require.NoError(t, err)
	require.Equal(t, []string{"skipped resend_limit"}, outcomes(rep))
	require.Equal(t, m, xs[0].Member("victim@mail.example"))
	require.Equal(t, before, xs[0].row("owner"))

	// All or nothing is refused whole.
	_, err = xs[4].Admin().Invite(world.Ctx(), orgusers.Invitation{To: "new@mail.example, victim@mail.example", AllOrNothing: true})
	require.Equal(t, orgusers.ReasonResendLimit, field(t, err, "to[1]"))

	w.Clock.Tick(24 * time.Hour)
	rep, err = xs[4].Admin().Invite(world.Ctx(), orgusers.Invitation{To: spellings[4]})
	require.NoError(t, err)
	require.Equal(t, []string{"applied"}, outcomes(rep))
}

func refusedBurnNothing(t *testing.T, open Opener) {
	w := world.New(t, open(t), quotas(2, 1000, 3))
	x, y := newTeam(t, w, "attacker"), newTeam(t, w, "honest")
	invite(t, x.Org, list("a", 2))
	for range 10 {
		_, err := x.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "victim@mail.example"})
		overQuota(t, err, 2, 1, 2)
	}
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.Remove{}, x.Member("a0@acme.example").ID))
	_, err := x.Admin().Invite(world.Ctx(), orgusers.Invitation{To: list("c", 1)})
	overQuota(t, err, 2, 1, 2) // withdrawing gives no new one
	rep, err := y.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "victim@mail.example"})
	require.NoError(t, err)
	require.Equal(t, []string{"applied"}, outcomes(rep), "who is refused cannot use up somebody's mailbox")

	// The refusals took nothing from the organization either: its other administrators go on.
	rep, err = x.As(x.admin).Invite(world.Ctx(), orgusers.Invitation{To: list("b", 2)})
	require.NoError(t, err)
	require.NoError(t, rep.Err())

	// A member, who may not invite, takes from nobody.
	for range 5 {
		_, err := y.As(y.member).Invite(world.Ctx(), orgusers.Invitation{To: "victim@mail.example"})
		fails(t, err, orgusers.ErrDenied, orgusers.ReasonNotAdministrator)
	}
	// Nor does a call for which there are no seats.
	require.NoError(t, w.Operator().SetPlan(world.Ctx(), y.ID, seats(4)))
	for range 5 {
		_, err := y.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "victim+x@mail.example"})
		require.ErrorIs(t, err, orgusers.ErrSeats)
	}
	rep, err = x.As(x.add("third", orgusers.RoleAdmin)).Invite(world.Ctx(), orgusers.Invitation{To: "victim@mail.example"})
	require.NoError(t, err)
	require.Equal(t, []string{"applied"}, outcomes(rep))
}

func quotasHold(t *testing.T, open Opener) {
	w := world.New(t, open(t), quotas(10, -1, 4))
	x, second := newTeam(t, w, "acme"), w.Second()
	var ok, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 40 {
		svc := w.Svc
		if i%2 == 1 {
			svc = second.Svc
		}
		wg.Go(func() {
			_, err := svc.Admin(x.Owner, x.ID).Invite(world.Ctx(), orgusers.Invitation{To: fmt.Sprintf("p%d@acme.example", i)})
			switch {
			case err == nil:
				ok.Add(1)
			case errors.Is(err, orgusers.ErrLimit):
				refused.Add(1)
			default:
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, []int64{10, 30}, []int64{ok.Load(), refused.Load()})
	require.Equal(t, int64(10), x.Record().Tally.Pending)

	var applied atomic.Int64
	for i := range 12 {
		y, svc := newTeam(t, w, fmt.Sprint("org", i)), w.Svc
		if i%2 == 1 {
			svc = second.Svc
		}
		wg.Go(func() {
			rep, err := svc.Admin(y.Owner, y.ID).Invite(world.Ctx(), orgusers.Invitation{To: "victim@mail.example"})
			if err != nil {
				t.Errorf("%v", err)
			}
			applied.Add(int64(rep.Count(orgusers.Applied)))
		})
	}
	wg.Wait()
	require.Equal(t, int64(4), applied.Load())
}

// Offers of ownership mail strangers too: offering and cancelling again floods nobody.
func offersCount(t *testing.T, open Opener) {
	w := world.New(t, open(t), quotas(-1, -1, 3))
	x := newTeam(t, w, "acme")
	for range 3 {
		require.NoError(t, x.Admin().OfferOwnership(world.Ctx(), "victim@mail.example"))
		require.NoError(t, x.Admin().CancelOwnership(world.Ctx()))
	}
	fails(t, x.Admin().OfferOwnership(world.Ctx(), "victim+x@mail.example"), orgusers.ErrDenied, orgusers.ReasonResendLimit)
	rep, err := newTeam(t, w, "other").Admin().Invite(world.Ctx(), orgusers.Invitation{To: "victim@mail.example"})
	require.NoError(t, err)
	require.Equal(t, orgusers.ReasonResendLimit, rep.Outcomes[0].Reason, "one budget over all organizations")
	w.Clock.Tick(24 * time.Hour)
	require.NoError(t, x.Admin().OfferOwnership(world.Ctx(), "victim@mail.example"))
	for range 2 {
		w.Clock.Tick(time.Minute)
		require.NoError(t, x.Admin().ResendOwnership(world.Ctx()))
	}
	w.Clock.Tick(time.Minute)
	fails(t, x.Admin().ResendOwnership(world.Ctx()), orgusers.ErrDenied, orgusers.ReasonResendLimit)
}

func otherBudgets(t *testing.T, open Opener) {
	w := world.New(t, open(t), quotas(1, 1, 1))
	x := newTeam(t, w, "acme")
	invite(t, x.Org, x.email("pat"))
	_, err := x.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "b@acme.example"})
	overQuota(t, err, 1, 1, 1)
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.member.ID), "a used up quota of invitations stops no reset")
	require.NoError(t, x.Admin().OfferOwnership(world.Ctx(), x.email("admin")))
	w.Dispatch()
	require.Len(t, w.Inbox.To(x.email("member")), 1)
	require.Len(t, w.Inbox.To(x.email("admin")), 1)

	// A mail sent again is one of them; those of one invitation are counted by themselves too: six in all.
	id := x.row("pat").ID
	resend := func() string {
		rep, err := x.Admin().Apply(world.Ctx(), orgusers.ResendInvitation{}, id)
		require.NoError(t, err)
		return outcome(rep.Outcomes[0])
	}
	require.Equal(t, "skipped cooldown", resend())
	for range 5 {
		w.Clock.Tick(time.Minute)
		require.Equal(t, "skipped resend_limit", resend())
		w.Clock.Tick(24 * time.Hour)
		require.Equal(t, "applied", resend())
	}
	w.Clock.Tick(24 * time.Hour)
	require.Equal(t, "skipped resend_limit", resend())
	w.Dispatch()
	require.Len(t, w.Inbox.To(x.email("pat")), 2, "of the six, those that were void when sent are not mailed")
	b, err := json.Marshal(w.Outbox(false))
	require.NoError(t, err)
	require.Equal(t, "null", string(b))
}
