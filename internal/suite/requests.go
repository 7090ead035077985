package suite

import (
	"context"
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

// Requests checks that a call with a request id can be repeated, and that nobody can ask for too
// many mails.
func Requests(t *testing.T, open Opener) {
	for name, f := range map[string]func(*testing.T, Opener){
		"S225_RepeatedIsAnsweredNotDone":     repeatedIsAnswered,
		"S225_OtherInputIsRefused":           otherInputRefused,
		"S225_ScopedByOrganization":          scopedByOrganization,
		"S225_SixtyFourAtOnce":               sixtyFourAtOnce,
		"S225_NothingDoneIsAnAnswerToo":      nothingDoneIsAnswered,
		"S225_RefusedMayBeTriedAgain":        refusedMayBeTriedAgain,
		"S225_UnknownOutcomeIsCleared":       unknownOutcome,
		"S225_AnswersAreForgotten":           answersForgotten,
		"S225_AnswersNeedTheRightOfTheDay":   answersNeedRights,
		"S225_S156_LeavingIsAnsweredAgain":   leavingIsAnswered,
		"S225_PreviewsTakeNoId":              previewsTakeNoID,
		"S225_IdsAreVisibleASCII":            requestSyntax,
		"S026_S155_QuotasCountAddresses":     quotasCountAddresses,
		"S026_MailboxesAcrossOrganizations":  mailboxQuota,
		"S026_RefusedActorsBurnNothing":      refusedBurnNothing,
		"S026_QuotasHoldUnderParallelCalls":  quotasHold,
		"S026_OtherMailsHaveTheirOwnBudgets": otherBudgets,
		"S026_OffersOfOwnershipCount":        offersCount,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, open)
		})
	}
}

// request is somebody acting with a request id.
func request(a orgusers.Actor, id string) orgusers.Actor {
	a.Request = id
	return a
}

// asked is an administrator's door with a request id.
func (x team) asked(id string) orgusers.Admin { return x.w.Svc.Admin(request(x.Owner, id), x.ID) }

func repeatedIsAnswered(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	inv := orgusers.Invitation{To: "a@acme.example, b@acme.example, nonsense, " + x.email("member"), Message: "Hello"}
	first, err := x.asked("r-1").Invite(world.Ctx(), inv)
	require.NoError(t, err)
	require.False(t, first.Replayed)
	require.Equal(t, []string{"applied", "applied", "refused syntax", "skipped already_member"}, outcomes(first))
	after, entries := stateOf(t, w, x.ID), len(w.Trail(x.ID))
	for range 3 {
		w.Clock.Tick(2 * time.Minute) // past the cooldown, so that a renewal would be possible
		again, err := x.asked("r-1").Invite(world.Ctx(), inv)
		require.NoError(t, err)
		require.True(t, again.Replayed)
		again.Replayed = false
		require.Equal(t, first, again)
	}
	x.same(after)
	require.Len(t, w.Trail(x.ID), entries, "an answer is no event")
	require.Equal(t, 2, dispatch(t, w))

	// What was made is named again.
	id, err := x.asked("r-2").CreateStack(world.Ctx(), "Website")
	require.NoError(t, err)
	again, err := x.asked("r-2").CreateStack(world.Ctx(), "Website")
	require.NoError(t, err)
	require.Equal(t, id, again)

	// A second process answers too.
	second := w.Second()
	again, err = second.Svc.Admin(request(x.Owner, "r-2"), x.ID).CreateStack(world.Ctx(), "Website")
	require.NoError(t, err)
	require.Equal(t, id, again)

	// Operations on people, each with input of its own.
	for i, op := range []orgusers.Operation{
		orgusers.SetRole{Role: orgusers.RoleAdmin},
		orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: id, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}}}},
		orgusers.Rename{Name: orgusers.Name{First: "Max"}},
		orgusers.Deactivate{},
		orgusers.Reactivate{},
		orgusers.ForcePasswordReset{},
		orgusers.EndSessions{},
		orgusers.Remove{},
	} {
		door := x.asked(fmt.Sprint("op-", i))
		rep, err := door.Apply(world.Ctx(), op, x.member.ID)
		require.NoError(t, err)
		require.NoError(t, rep.Err(), "%T", op)
		after := stateOf(t, w, x.ID)
		same, err := door.Apply(world.Ctx(), op, x.member.ID)
		require.NoError(t, err)
		require.True(t, same.Replayed, "%T", op)
		require.Equal(t, rep.Outcomes, same.Outcomes)
		require.Equal(t, rep.Operation, same.Operation)
		x.same(after)
	}
}

func otherInputRefused(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	door := x.asked("same")
	rep, err := door.Apply(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleAdmin}, x.member.ID)
	require.NoError(t, err)
	require.NoError(t, rep.Err())
	before, entries := stateOf(t, w, x.ID), w.Trail(x.ID)
	calls := map[string]func() error{
		"another value": func() error {
			_, err := door.Apply(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleMember}, x.member.ID)
			return err
		},
		"another person": func() error {
			_, err := door.Apply(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleAdmin}, x.admin.ID)
			return err
		},
		"one person more": func() error {
			_, err := door.Apply(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleAdmin}, x.member.ID, x.admin.ID)
			return err
		},
		"another operation": func() error { return door.Do(world.Ctx(), orgusers.Remove{}, x.member.ID) },
		"another method":    func() error { _, err := door.CreateStack(world.Ctx(), "Website"); return err },
		"another actor": func() error {
			_, err := w.Svc.Admin(request(w.Actor(x.admin.User), "same"), x.ID).Apply(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleAdmin}, x.member.ID)
			return err
		},
		"support": func() error {
			return w.Svc.Operator(orgusers.Actor{User: "support-1", Request: "same"}).RenameOrganization(world.Ctx(), x.ID, "Other")
		},
	}
	for name, call := range calls {
		require.ErrorIs(t, call(), orgusers.ErrRequestReused, name)
	}
	x.same(before)
	require.Equal(t, entries, w.Trail(x.ID), "a slip of the caller is nobody's history")

	again, err := door.Apply(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleAdmin}, x.member.ID)
	require.NoError(t, err)
	require.True(t, again.Replayed, "the first answer stands")

	// Operations without input differ by what they do, and by nothing else.
	door = x.asked("plain")
	require.NoError(t, door.Do(world.Ctx(), orgusers.EndSessions{}, x.member.ID))
	for _, op := range []orgusers.Operation{orgusers.Remove{}, orgusers.Deactivate{}, orgusers.Delete{}, orgusers.ForcePasswordReset{}} {
		require.ErrorIs(t, door.Do(world.Ctx(), op, x.member.ID), orgusers.ErrRequestReused, "%T", op)
	}
	require.Equal(t, orgusers.StatusActive, x.row("member").Status)
}

func scopedByOrganization(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x, y := newTeam(t, w, "acme"), newTeam(t, w, "other")
	for _, z := range []team{x, y} {
		rep, err := z.asked("same").Invite(world.Ctx(), orgusers.Invitation{To: "pat@shared.example"})
		require.NoError(t, err)
		require.False(t, rep.Replayed)
		require.NoError(t, rep.Err())
	}
	// Calls that concern no organization have a scope of their own.
	vendor := w.Svc.Operator(orgusers.Actor{User: "support-1", Request: "same"})
	n := orgusers.NewOrganization{Name: "Third", Owner: x.email("owner")}
	id, err := vendor.CreateOrganization(world.Ctx(), n)
	require.NoError(t, err)
	require.NotEqual(t, x.ID, id)
	again, err := vendor.CreateOrganization(world.Ctx(), n)
	require.NoError(t, err)
	require.Equal(t, id, again)
	n.Name = "Fourth"
	_, err = vendor.CreateOrganization(world.Ctx(), n)
	require.ErrorIs(t, err, orgusers.ErrRequestReused)
	orgs, err := w.Operator().Organizations(world.Ctx(), "", 100)
	require.NoError(t, err)
	require.Len(t, orgs, 3)
}

func sixtyFourAtOnce(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	second := w.Second()
	before := x.Record()
	var wg sync.WaitGroup
	reports := make([]orgusers.Report, 64)
	errs := make([]error, 64)
	for i := range 64 {
		svc := w.Svc
		if i%2 == 1 {
			svc = second.Svc
		}
		wg.Go(func() {
			reports[i], errs[i] = svc.Admin(request(x.Owner, "same"), x.ID).Invite(world.Ctx(), orgusers.Invitation{To: "a@acme.example, b@acme.example"})
		})
	}
	wg.Wait()
	done := 0
	for i := range 64 {
		require.NoError(t, errs[i])
		require.NoError(t, reports[i].Err())
		done += b2i(!reports[i].Replayed)
		require.Equal(t, reports[0].Operation, reports[i].Operation)
	}
	require.Equal(t, 1, done, "one of them did it")
	require.Equal(t, before.Version+1, x.Record().Version)
	require.Equal(t, before.Tally.Pending+2, x.Record().Tally.Pending)
	require.Equal(t, 2, dispatch(t, w))

	// The same where nothing is written but the answer.
	var fresh atomic.Int64
	for i := range 64 {
		svc := w.Svc
		if i%2 == 1 {
			svc = second.Svc
		}
		wg.Go(func() {
			rep, err := svc.Admin(request(x.Owner, "skips"), x.ID).Apply(world.Ctx(), orgusers.ResendInvitation{}, x.member.ID)
			if err != nil {
				t.Errorf("call %d: %v", i, err)
			}
			fresh.Add(int64(b2i(!rep.Replayed)))
		})
	}
	wg.Wait()
	require.Equal(t, int64(1), fresh.Load())
}

func nothingDoneIsAnswered(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	for name, call := range map[string]func(door orgusers.Admin) (orgusers.Report, error){
		"all skipped": func(door orgusers.Admin) (orgusers.Report, error) {
			return door.Apply(world.Ctx(), orgusers.Remove{}, x.owner.ID)
		},
		"all refused": func(door orgusers.Admin) (orgusers.Report, error) {
			return door.Apply(world.Ctx(), orgusers.Remove{}, "nobody", "no-one")
		},
		"all so already": func(door orgusers.Admin) (orgusers.Report, error) {
			return door.Apply(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleMember}, x.member.ID)
		},
		"nobody to invite": func(door orgusers.Admin) (orgusers.Report, error) {
			return door.Invite(world.Ctx(), orgusers.Invitation{To: "nonsense, " + x.email("member")})
		},
	} {
		version := x.Record().Version
		door := x.asked(strings.ReplaceAll(name, " ", "-"))
		first, err := call(door)
		require.NoError(t, err, name)
		entries := len(w.Trail(x.ID))
		again, err := call(door)
		require.NoError(t, err, name)
		require.True(t, again.Replayed, name)
		again.Replayed = false
		require.Equal(t, first, again, name)
		require.Len(t, w.Trail(x.ID), entries, name)
		require.Equal(t, version, x.Record().Version, name)
	}
	// The answer is the first one, whatever has become of the people since.
	door := x.asked("gone")
	_, err := door.Apply(world.Ctx(), orgusers.ResendInvitation{}, x.member.ID)
	require.NoError(t, err)
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.Remove{}, x.member.ID))
	again, err := door.Apply(world.Ctx(), orgusers.ResendInvitation{}, x.member.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"skipped not_pending"}, outcomes(again))
}

func refusedMayBeTriedAgain(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	door := x.asked("same")
	inv := orgusers.Invitation{To: "a@acme.example"}
	op := w.Operator()
	must := func(err error) { t.Helper(); require.NoError(t, err) }

	must(op.SetPlan(world.Ctx(), x.ID, seats(3)))
	_, err := door.Invite(world.Ctx(), inv)
	require.ErrorIs(t, err, orgusers.ErrSeats)
	must(op.SetPlan(world.Ctx(), x.ID, orgusers.Plan{}))
	must(op.SetGates(world.Ctx(), x.ID, orgusers.ActionInvite))
	_, err = door.Invite(world.Ctx(), inv)
	require.ErrorIs(t, err, orgusers.ErrGate)
	must(op.SetGates(world.Ctx(), x.ID))
	must(op.DisableOrganization(world.Ctx(), x.ID))
	_, err = door.Invite(world.Ctx(), inv)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonOrgDisabled)
	must(op.EnableOrganization(world.Ctx(), x.ID))
	_, err = door.Invite(world.Ctx(), orgusers.Invitation{To: "a@acme.example", Role: "owner"})
	require.ErrorIs(t, err, orgusers.ErrInvalid)
	ctx, cancel := context.WithCancel(world.Ctx())
	cancel()
	_, err = door.Invite(ctx, inv)
	require.ErrorIs(t, err, context.Canceled)

	rep, err := door.Invite(world.Ctx(), inv)
	require.NoError(t, err)
	require.False(t, rep.Replayed, "only what was answered is answered again")
	require.NoError(t, rep.Err())
}

func unknownOutcome(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	x := newTeam(t, w, "acme")
	for name, carriedOut := range map[string]bool{"it happened": true, "it did not": false} {
		lost := fmt.Errorf("%w: connection lost", orgusers.ErrUnknownOutcome)
		fault := failing(lost, "Commit")
		store.with(func(f *faulty) {
			if carriedOut {
				f.after = fault
			} else {
				f.before = fault
			}
		})
		pending := x.Record().Tally.Pending
		door := x.asked(strings.ReplaceAll(name, " ", "-"))
		inv := orgusers.Invitation{To: strings.ReplaceAll(name, " ", "") + "@acme.example"}
		_, err := door.Invite(world.Ctx(), inv)
		require.ErrorIs(t, err, orgusers.ErrUnknownOutcome, name)
		require.NotErrorIs(t, err, orgusers.ErrStore)
		store.heal()
		rep, err := door.Invite(world.Ctx(), inv)
		require.NoError(t, err, name)
		require.NoError(t, rep.Err())
		require.Equal(t, carriedOut, rep.Replayed, name)
		require.Equal(t, pending+1, x.Record().Tally.Pending, "%s: once", name)
	}
	require.Equal(t, 2, dispatch(t, w))
}

func answersForgotten(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	call := func() bool {
		t.Helper()
		rep, err := x.asked("same").Apply(world.Ctx(), orgusers.ResendInvitation{}, x.member.ID)
		require.NoError(t, err)
		return rep.Replayed
	}
	require.False(t, call())
	w.Clock.Tick(24 * time.Hour)
	require.NoError(t, w.Operator().Prune(world.Ctx(), time.Second), "raised to a day")
	require.True(t, call())
	w.Clock.Tick(time.Microsecond)
	require.NoError(t, w.Operator().Prune(world.Ctx(), 48*time.Hour))
	require.True(t, call())
	require.NoError(t, w.Operator().Prune(world.Ctx(), -time.Hour))
	require.False(t, call())
}

func answersNeedRights(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	actor := request(w.Actor(x.admin.User), "same")
	call := func() (orgusers.Report, error) {
		return w.Svc.Admin(actor, x.ID).Invite(world.Ctx(), orgusers.Invitation{To: "a@acme.example"})
	}
	_, err := call()
	require.NoError(t, err)
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleMember}, x.admin.ID))
	rep, err := call()
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonNotAdministrator)
	require.Empty(t, rep.Outcomes, "a report is for administrators")
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.Remove{}, x.admin.ID))
	_, err = call()
	fails(t, err, orgusers.ErrNotFound, "")
}

// leavingIsAnswered: leaving ends the right to leave, but not the right to hear that one has left.
func leavingIsAnswered(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x, y := newTeam(t, w, "acme"), newTeam(t, w, "other")
	leave := func(by orgusers.UserID, id string, org orgusers.OrgID) error {
		return w.Svc.Account(request(w.Actor(by), id)).Leave(world.Ctx(), org)
	}
	actor := request(w.Actor(x.member.User), "bye")
	require.NoError(t, w.Svc.Account(actor).Leave(world.Ctx(), x.ID))
	x.gone("member")
	before, entries := stateOf(t, w, x.ID), w.Trail(x.ID)
	for range 2 {
		w.Clock.Tick(time.Minute)
		require.NoError(t, w.Svc.Account(actor).Leave(world.Ctx(), x.ID), "with the session that leaving has ended, too")
		require.NoError(t, w.Second().Svc.Account(actor).Leave(world.Ctx(), x.ID))
	}
	fails(t, leave(x.member.User, "bye-again", x.ID), orgusers.ErrNotFound, "")
	fails(t, leave(x.member.User, "", x.ID), orgusers.ErrNotFound, "")
	fails(t, leave(x.member.User, "bye", y.ID), orgusers.ErrNotFound, "")
	for _, stranger := range []orgusers.UserID{y.member.User, y.owner.User, "nobody"} {
		fails(t, leave(stranger, "bye", x.ID), orgusers.ErrNotFound, "")
	}
	_, err := w.Svc.Admin(actor, x.ID).Members(world.Ctx(), orgusers.List{})
	fails(t, err, orgusers.ErrNotFound, "")
	_, err = w.Svc.Admin(actor, x.ID).CreateStack(world.Ctx(), "Mine")
	fails(t, err, orgusers.ErrNotFound, "")
	fails(t, leave(x.admin.User, "bye", x.ID), orgusers.ErrRequestReused, "")
	x.same(before)
	require.Equal(t, entries, w.Trail(x.ID), "an answer is no event")

	rejoined := Add(t, w, x.ID, Person{Email: x.email("member")})[0]
	require.NoError(t, leave(rejoined.User, "bye", x.ID))
	require.Equal(t, rejoined.ID, x.memberOf(x.email("member")).ID, "nothing is done a second time")
}

func previewsTakeNoID(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	door := x.asked("same")
	for range 2 {
		rep, err := door.PreviewInvite(world.Ctx(), orgusers.Invitation{To: "a@acme.example"})
		require.NoError(t, err)
		require.False(t, rep.Replayed)
		_, err = door.Preview(world.Ctx(), orgusers.Remove{}, x.member.ID)
		require.NoError(t, err)
		d, err := door.Permit(world.Ctx(), orgusers.Remove{}, x.member.ID)
		require.NoError(t, err)
		require.True(t, d.Allowed)
	}
	rep, err := door.Invite(world.Ctx(), orgusers.Invitation{To: "a@acme.example"})
	require.NoError(t, err)
	require.False(t, rep.Replayed)
	rep, err = door.PreviewInvite(world.Ctx(), orgusers.Invitation{To: "a@acme.example"})
	require.NoError(t, err)
	require.Equal(t, []string{"skipped cooldown"}, outcomes(rep), "a preview looks at what is, not at what was answered")
}

func requestSyntax(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	before := stateOf(t, w, x.ID)
	for _, id := range []string{" ", "a b", "a\tb", "a\nb", "a\x00", "é", "\xff", "\u202e", strings.Repeat("x", 129), strings.Repeat("x", 1<<20)} {
		err := x.asked(id).Do(world.Ctx(), orgusers.Remove{}, x.member.ID)
		require.Equal(t, orgusers.ReasonSyntax, field(t, err, "actor.request"), "%.20q", id)
		_, err = x.asked(id).Members(world.Ctx(), orgusers.List{})
		require.Equal(t, orgusers.ReasonSyntax, field(t, err, "actor.request"), "%.20q", id)
	}
	x.same(before)
	longest := strings.Repeat("~", 128)
	require.NoError(t, x.asked(longest).Do(world.Ctx(), orgusers.Remove{}, x.member.ID))
	require.NoError(t, x.asked(longest).Do(world.Ctx(), orgusers.Remove{}, x.member.ID))
	require.Equal(t, longest, w.Trail(x.ID)[len(w.Trail(x.ID))-1].Request)
}
