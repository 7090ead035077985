package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Outbox checks how consequences of changes leave the house: after the commit, at least once, and
// nothing that is void by then.
func Outbox(t *testing.T, open Opener) {
	for name, f := range map[string]func(*testing.T, Opener){
		"S218_MailFollowsTheCommit":           mailFollowsCommit,
		"S218_NothingVoidIsMailed":            nothingVoid,
		"S219_CrashBetweenSendAndSettle":      crashAfterSend,
		"S222_FailuresBackOffUntilDead":       failuresBackOff,
		"S222_OneAddressDoesNotHoldUpOthers":  othersFlow,
		"S222_RequeueTriesAgain":              requeueTriesAgain,
		"S223_WorkersNeverShareAMail":         workersNeverShare,
		"S223_GivingWayIsNoFailure":           givingWay,
		"S223_LateWorkerSettlesNothing":       lateWorker,
		"S223_LeaseIsGivenBack":               leaseIsGivenBack,
		"S196_S198_NamesTravelAsTheyAre":      namesTravelRaw,
		"S229_PortsAreHeldOutsideAndInBounds": portsInBounds,
		"S230_RunEndsWithItsContext":          runEnds,
		"S230_RunOutlivesAFailingStore":       runOutlives,
		"StoppingIsNotAFailure":               stoppingIsNoFailure,
		"S030_DisabledOrganizationWaits":      disabledWaits,
		"EndSessionsIsRetried":                endSessionsRetried,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, open)
		})
	}
}

// send is a mailer made of a function.
type send func(ctx context.Context, m orgusers.Mail) error

// Send calls the function.
func (f send) Send(ctx context.Context, m orgusers.Mail) error { return f(ctx, m) }

func mailing(f send) func(*orgusers.Config) {
	return func(c *orgusers.Config) { c.Mailer = f }
}

// dispatch runs one round and returns how many effects were settled.
func dispatch(t testing.TB, w *world.World) int {
	t.Helper()
	n, err := w.Svc.Dispatch(world.Ctx(), 500)
	require.NoError(t, err)
	return n
}

func invite(t testing.TB, org world.Org, to string) {
	t.Helper()
	rep, err := org.Admin().Invite(world.Ctx(), orgusers.Invitation{To: to})
	require.NoError(t, err)
	require.NoError(t, rep.Err())
}

func mailFollowsCommit(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	org := NewOrg(t, w, "Acme", "owner@acme.example")

	// The commit fails: no mail ever.
	down := errors.New("connection reset")
	store.with(func(f *faulty) {
		f.before = func(m string) error {
			if m == "Commit" {
				return down
			}
			return nil
		}
	})
	_, err := org.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "a@acme.example"})
	require.ErrorIs(t, err, orgusers.ErrStore)
	store.heal()
	require.Zero(t, dispatch(t, w))
	require.Empty(t, w.Inbox.All())

	// The commit is under way: nothing goes out before it is through.
	reached, carryOn := make(chan struct{}), make(chan struct{})
	store.with(func(f *faulty) {
		f.before = func(m string) error {
			if m == "Commit" {
				close(reached)
				<-carryOn
			}
			return nil
		}
	})
	done := make(chan error)
	go func() {
		_, err := org.Admin().Invite(world.Ctx(), orgusers.Invitation{To: "b@acme.example"})
		done <- err
	}()
	<-reached
	require.Zero(t, dispatch(t, w.Second()))
	require.Empty(t, w.Inbox.All())
	close(carryOn)
	require.NoError(t, <-done)
	store.heal()

	// The process that committed dies here; another one sends the mail.
	require.Equal(t, 1, dispatch(t, w.Second()))
	require.Len(t, w.Inbox.All(), 1)
	require.Equal(t, "b@acme.example", w.Inbox.All()[0].To)
	require.Zero(t, dispatch(t, w))
	require.Empty(t, w.Outbox(false))
	require.Empty(t, w.Outbox(true))
}

// voids are ways in which a mail that waits becomes void. Each does something that queues mails, then
// something that makes them void, and names what still goes out.
func voids() map[string]func(x team) (want []string) {
	day := 24 * time.Hour
	invited := func(x team) orgusers.MemberID {
		x.t.Helper()
		return x.Invite(x.email("pat"), orgusers.RoleMember).ID
	}
	return map[string]func(x team) []string{
		"invitation cancelled": func(x team) []string {
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.Remove{}, invited(x)))
			return nil
		},
		"invitation resent": func(x team) []string {
			id := invited(x)
			x.w.Clock.Tick(2 * time.Minute)
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.ResendInvitation{}, id))
			return []string{"invitation"}
		},
		"invited again": func(x team) []string {
			invited(x)
			x.w.Clock.Tick(2 * time.Minute)
			invited(x)
			return []string{"invitation"}
		},
		"cancelled and invited again": func(x team) []string {
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.Remove{}, invited(x)))
			invited(x)
			return []string{"invitation"}
		},
		"invitation expired": func(x team) []string {
			invited(x)
			x.w.Clock.Tick(7 * day)
			return nil
		},
		"invitation about to expire": func(x team) []string {
			invited(x)
			x.w.Clock.Tick(7*day - time.Microsecond)
			return []string{"invitation"}
		},
		"inviter removed": func(x team) []string {
			_, err := x.As(x.admin).Invite(world.Ctx(), orgusers.Invitation{To: x.email("pat")})
			require.NoError(x.t, err)
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.Remove{}, x.admin.ID))
			return nil
		},
		"inviter demoted": func(x team) []string {
			_, err := x.As(x.admin).Invite(world.Ctx(), orgusers.Invitation{To: x.email("pat")})
			require.NoError(x.t, err)
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.SetRole{Role: orgusers.RoleMember}, x.admin.ID))
			return nil
		},
		"inviter deactivated": func(x team) []string {
			_, err := x.As(x.admin).Invite(world.Ctx(), orgusers.Invitation{To: x.email("pat")})
			require.NoError(x.t, err)
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.Deactivate{}, x.admin.ID))
			return nil
		},
		"domain forbidden": func(x team) []string {
			invited(x)
			require.NoError(x.t, x.Admin().SetAllowedDomains(world.Ctx(), "elsewhere.example"))
			return nil
		},
		"offer cancelled": func(x team) []string {
			require.NoError(x.t, x.Admin().OfferOwnership(world.Ctx(), x.email("admin")))
			require.NoError(x.t, x.Admin().CancelOwnership(world.Ctx()))
			return nil
		},
		"offer replaced": func(x team) []string {
			require.NoError(x.t, x.Admin().OfferOwnership(world.Ctx(), x.email("admin")))
			require.NoError(x.t, x.Admin().OfferOwnership(world.Ctx(), x.email("member")))
			return []string{"ownership_offer"}
		},
		"offer resent": func(x team) []string {
			require.NoError(x.t, x.Admin().OfferOwnership(world.Ctx(), x.email("admin")))
			x.w.Clock.Tick(2 * time.Minute)
			require.NoError(x.t, x.Admin().ResendOwnership(world.Ctx()))
			return []string{"ownership_offer"}
		},
		"offer expired": func(x team) []string {
			require.NoError(x.t, x.Admin().OfferOwnership(world.Ctx(), x.email("admin")))
			x.w.Clock.Tick(3 * day)
			return nil
		},
		"recipient removed": func(x team) []string {
			require.NoError(x.t, x.Admin().OfferOwnership(world.Ctx(), x.email("admin")))
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.Remove{}, x.admin.ID))
			return nil
		},
		"owner replaced by support": func(x team) []string {
			require.NoError(x.t, x.Admin().OfferOwnership(world.Ctx(), x.email("admin")))
			require.NoError(x.t, x.w.Operator().RestoreOwner(world.Ctx(), x.ID, x.member.ID))
			return []string{"ownership_taken"}
		},
		"reset asked for again": func(x team) []string {
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.member.ID))
			x.w.Clock.Tick(time.Minute)
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.member.ID))
			return []string{"password_reset"}
		},
		"reset expired": func(x team) []string {
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.member.ID))
			x.w.Clock.Tick(day)
			return nil
		},
		"reset of an account deactivated": func(x team) []string {
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.member.ID))
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.Deactivate{}, x.member.ID))
			return nil
		},
		"reset of an account deleted": func(x team) []string {
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.member.ID))
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.Delete{}, x.member.ID))
			return nil
		},
		"MFA reset asked for again": func(x team) []string {
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.ResetMFA{}, x.member.ID))
			x.w.Clock.Tick(time.Minute)
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.ResetMFA{}, x.member.ID))
			return []string{"mfa_reset"}
		},
		"MFA reset expired": func(x team) []string {
			require.NoError(x.t, x.Admin().Do(world.Ctx(), orgusers.ResetMFA{}, x.member.ID))
			x.w.Clock.Tick(time.Hour)
			return nil
		},
	}
}

func nothingVoid(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	for name, do := range voids() {
		sent := len(w.Inbox.All())
		x := newTeam(t, w, strings.ToLower(strings.ReplaceAll(name, " ", "-")))
		w.PatchUser(x.member.User, orgusers.UserPatch{MFA: orgusers.Some(orgusers.MFA{Secret: "v1.x", EnrolledAt: w.Clock.Now()})})
		want := do(x)
		queued := w.Outbox(false)
		require.NotEmpty(t, queued, name)
		require.Equal(t, len(queued), dispatch(t, w), "%s: void is settled too", name)
		var got []string
		for _, m := range w.Inbox.All()[sent:] {
			got = append(got, string(m.Kind))
		}
		require.Equal(t, want, got, name)
		require.Empty(t, w.Outbox(false), "%s: what is void is forgotten", name)
		require.Empty(t, w.Outbox(true), "%s: void is not a failure", name)
	}

	// What goes out after a resend is the link that works.
	x := newTeam(t, w, "resent")
	m := x.Invite(x.email("pat"), orgusers.RoleMember)
	Account(t, w, x.email("pat"))
	w.Clock.Tick(2 * time.Minute)
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.ResendInvitation{}, m.ID))
	w.Dispatch()
	require.Len(t, w.Inbox.To(x.email("pat")), 1)
	require.NoError(t, accept(w, w.Token(x.email("pat"))))
}

// While an organization is disabled its links open nothing, so they are not mailed; they are when it is
// enabled again, without having used up a try (S-030).
func disabledWaits(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	x := newTeam(t, w, "acme")
	x.Invite(x.email("pat"), orgusers.RoleMember)
	require.NoError(t, x.Admin().OfferOwnership(world.Ctx(), x.email("admin")))
	require.NoError(t, w.Operator().DisableOrganization(world.Ctx(), x.ID))
	for range 20 {
		w.Dispatch()
		w.Clock.Tick(time.Hour)
	}
	require.Empty(t, w.Inbox.All())
	require.Len(t, w.Outbox(false), 2)
	require.NoError(t, w.Operator().EnableOrganization(world.Ctx(), x.ID))
	w.Clock.Tick(time.Hour)
	w.Dispatch()
	require.Len(t, w.Inbox.To(x.email("pat")), 1)
	require.Len(t, w.Inbox.To(x.email("admin")), 1)
	Account(t, w, x.email("pat"))
	require.NoError(t, accept(w, w.Token(x.email("pat"))))
}

func crashAfterSend(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	w := world.New(t, store)
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example")
	crashed := errors.New("the process is gone")
	store.with(func(f *faulty) {
		f.before = func(m string) error {
			if m == "Settle" {
				return crashed
			}
			return nil
		}
	})
	n, err := w.Svc.Dispatch(world.Ctx(), 10)
	require.ErrorIs(t, err, crashed)
	require.ErrorIs(t, err, orgusers.ErrStore)
	require.Zero(t, n)
	require.Len(t, w.Inbox.All(), 1)
	store.heal()

	second := w.Second()
	require.Zero(t, dispatch(t, second), "the lease of the dead process still lasts")
	w.Clock.Tick(2*time.Minute - time.Microsecond)
	require.Zero(t, dispatch(t, second))
	require.Len(t, w.Inbox.All(), 1)
	w.Clock.Tick(time.Microsecond)
	require.Equal(t, 1, dispatch(t, second))
	mails := w.Inbox.All()
	require.Len(t, mails, 2)
	require.Equal(t, mails[0], mails[1], "the same id, the same link, the same words")
	require.NotEmpty(t, mails[0].ID)
	require.Zero(t, dispatch(t, w))
	require.Empty(t, w.Outbox(false))
}

func failuresBackOff(t *testing.T, open Opener) {
	huge := errors.New("550\x1b[2J " + strings.Repeat("no ", 1<<10))
	var ids []orgusers.EffectID
	w := world.New(t, open(t), mailing(func(_ context.Context, m orgusers.Mail) error {
		ids = append(ids, m.ID)
		return huge
	}))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example")
	minutes := []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360}
	total := time.Duration(0)
	for i, wait := range minutes {
		require.Zero(t, dispatch(t, w))
		require.Len(t, ids, i+1)
		waiting := w.Outbox(false)
		require.Len(t, waiting, 1)
		require.Equal(t, i+1, waiting[0].Attempts)
		due := waiting[0].DueAt.Sub(w.Clock.Now())
		require.Equal(t, time.Duration(wait)*time.Minute, due, "after try %d", i+1)
		require.Empty(t, waiting[0].Lease)
		total += due
		w.Clock.Tick(due - time.Microsecond)
		require.Zero(t, dispatch(t, w))
		require.Len(t, ids, i+1, "not a moment too early")
		w.Clock.Tick(time.Microsecond)
	}
	require.Zero(t, dispatch(t, w))
	require.Len(t, ids, 12)
	require.Empty(t, w.Outbox(false), "given up")
	dead, err := w.Operator().DeadLetters(world.Ctx(), "", 10)
	require.NoError(t, err)
	require.Len(t, dead, 1, "and visible")
	require.Equal(t, 12, dead[0].Attempts)
	require.LessOrEqual(t, len(dead[0].LastError), 512)
	require.True(t, strings.HasPrefix(dead[0].LastError, "550?[2J no no"), "%q", dead[0].LastError)
	require.Greater(t, total, 20*time.Hour)
	require.Less(t, total, 26*time.Hour)
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	w.Clock.Tick(24 * time.Hour)
	require.Zero(t, dispatch(t, w))
	require.Len(t, ids, 12, "nothing brings it back by itself")
}

func othersFlow(t *testing.T, open Opener) {
	var delivered []string
	w := world.New(t, open(t), func(c *orgusers.Config) {
		c.SendTimeout = 500 * time.Millisecond // a database is asked first whether a link is still good
		c.Mailer = send(func(ctx context.Context, m orgusers.Mail) error {
			switch {
			case strings.HasPrefix(m.To, "hang"):
				<-ctx.Done() // would be ten minutes
				return ctx.Err()
			case strings.HasPrefix(m.To, "panic"):
				panic("the template is nil")
			case strings.HasPrefix(m.To, "permanent"):
				return fmt.Errorf("%w: no such mailbox", orgusers.ErrPermanent)
			case strings.HasPrefix(m.To, "later"):
				return errors.New("try later")
			}
			delivered = append(delivered, m.To)
			return nil
		})
	})
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, hang@acme.example, b@acme.example, panic@acme.example, permanent@acme.example, later@acme.example, c@acme.example")
	require.Equal(t, 3, dispatch(t, w))
	require.ElementsMatch(t, []string{"a@acme.example", "b@acme.example", "c@acme.example"}, delivered)

	last := map[string]string{}
	for _, e := range w.Outbox(false) {
		last[e.Mail.To] = e.LastError
		require.Equal(t, 1, e.Attempts)
		require.Equal(t, time.Minute, e.DueAt.Sub(w.Clock.Now()))
	}
	require.Equal(t, map[string]string{
		"hang@acme.example": "context deadline exceeded", "panic@acme.example": "panic: the template is nil", "later@acme.example": "try later",
	}, last)
	dead := w.Outbox(true)
	require.Len(t, dead, 1, "a permanent failure is given up at once")
	require.Equal(t, "permanent@acme.example", dead[0].Mail.To)
	require.Equal(t, "permanent failure: no such mailbox", dead[0].LastError)
	require.Equal(t, 1, dead[0].Attempts)

	invite(t, org, "d@acme.example")
	require.Equal(t, 1, dispatch(t, w))
	require.Len(t, delivered, 4)
}

func requeueTriesAgain(t *testing.T, open Opener) {
	fail := true
	w := world.New(t, open(t))
	w.Inbox.Fail = func(orgusers.Mail) error {
		if fail {
			return orgusers.ErrPermanent
		}
		return nil
	}
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, b@acme.example")
	require.Zero(t, dispatch(t, w))
	dead := w.Outbox(true)
	require.Len(t, dead, 2)
	fail = false
	require.Zero(t, dispatch(t, w))

	n, err := w.Operator().Requeue(world.Ctx(), dead[0].ID, "no-such-effect", dead[0].ID)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	backlog, err := w.Operator().Backlog(world.Ctx(), "", 10)
	require.NoError(t, err)
	require.Len(t, backlog, 1)
	require.Zero(t, backlog[0].Attempts)
	require.Empty(t, backlog[0].LastError)
	require.Equal(t, 1, dispatch(t, w))
	require.Equal(t, dead[0].Mail.To, w.Inbox.All()[0].To)
	require.Equal(t, dead[0].ID, w.Inbox.All()[0].ID, "still the same mail")

	// What is alive or gone cannot be requeued.
	n, err = w.Operator().Requeue(world.Ctx(), dead[0].ID)
	require.NoError(t, err)
	require.Zero(t, n)
	// What became void while it was dead is still not mailed.
	w.Clock.Tick(8 * 24 * time.Hour)
	n, err = w.Operator().Requeue(world.Ctx(), dead[1].ID)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 1, dispatch(t, w))
	require.Len(t, w.Inbox.All(), 1)
	require.Empty(t, w.Outbox(true))
}

func workersNeverShare(t *testing.T, open Opener) {
	var mu sync.Mutex
	sent, inFlight := map[orgusers.EffectID]int{}, map[orgusers.EffectID]bool{}
	var fail atomic.Bool
	fail.Store(true)
	w := world.New(t, open(t), mailing(func(_ context.Context, m orgusers.Mail) error {
		mu.Lock()
		defer mu.Unlock()
		if inFlight[m.ID] {
			t.Errorf("%s is sent by two at once", m.ID)
		}
		inFlight[m.ID] = true
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		inFlight[m.ID] = false
		sent[m.ID]++
		return nil
	}))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	const mails = 60
	var to strings.Builder
	for i := range mails {
		fmt.Fprintf(&to, "p%d@acme.example\n", i)
	}
	invite(t, org, to.String())
	second := w.Second()
	var settled atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		svc := w.Svc
		if i%2 == 1 {
			svc = second.Svc
		}
		wg.Go(func() {
			for range 500 {
				n, err := svc.Dispatch(world.Ctx(), 3)
				if err != nil {
					t.Errorf("dispatch: %v", err)
					return
				}
				settled.Add(int64(n))
				if settled.Load() == mails {
					return
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(mails), settled.Load())
	require.Len(t, sent, mails)
	for id, n := range sent {
		require.Equal(t, 1, n, "%s was sent more than once", id)
	}
	require.Empty(t, w.Outbox(false))
}

func lateWorker(t *testing.T, open Opener) {
	reached, carryOn := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	w := world.New(t, open(t), mailing(func(_ context.Context, m orgusers.Mail) error {
		if calls.Add(1) == 1 {
			close(reached)
			<-carryOn // the first worker hangs past its lease
			return nil
		}
		return errors.New("try later")
	}))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example")
	done := make(chan error)
	go func() {
		_, err := w.Svc.Dispatch(world.Ctx(), 1)
		done <- err
	}()
	<-reached
	second := w.Second()
	require.Zero(t, dispatch(t, second), "the lease lasts")
	w.Clock.Tick(2 * time.Minute)
	require.Zero(t, dispatch(t, second), "taken over, and failed")
	require.Equal(t, int64(2), calls.Load())
	close(carryOn)
	require.NoError(t, <-done)
	left := w.Outbox(false)
	require.Len(t, left, 1, "who lost the lease has no say: once too often is better than never")
	require.Equal(t, 2, left[0].Attempts)
	require.Equal(t, "try later", left[0].LastError)
	require.Equal(t, w.Clock.Now().Add(2*time.Minute), left[0].DueAt)
}

func leaseIsGivenBack(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	slow := 50 * time.Second
	w.Inbox.Fail = func(orgusers.Mail) error {
		w.Clock.Tick(slow)
		return nil
	}
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, b@acme.example, c@acme.example, d@acme.example, e@acme.example")
	due := w.Outbox(false)[0].DueAt
	// A send may take 30 s; after two that took 50 s each a third could outlast the lease of 2 min.
	require.Equal(t, 2, dispatch(t, w))
	left := w.Outbox(false)
	require.Len(t, left, 3)
	for _, e := range left {
		require.Zero(t, e.Attempts, "not tried")
		require.Empty(t, e.Lease)
		require.Equal(t, due, e.DueAt)
	}
	slow = 0
	require.Equal(t, 3, dispatch(t, w.Second()), "free for anybody at once")
	require.Len(t, w.Inbox.All(), 5)
}

func namesTravelRaw(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	hostile := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=y>`, `{{.Link}}`, `{{template "x"}}`, `${jndi:ldap://x}`, `%s%n%d`,
		`https://evil.example/`, `Bobby'); DROP TABLE members;--`, `=HYPERLINK("x")`,
	}
	for i, name := range hostile {
		x := newTeam(t, w, fmt.Sprintf("names%d", i))
		require.NoError(t, w.Operator().RenameOrganization(world.Ctx(), x.ID, name))
		require.NoError(t, w.Svc.Account(w.Actor(x.admin.User)).Rename(world.Ctx(), orgusers.Name{First: name, Last: name}))
		message := name + "\n.\nBcc: all@acme.example"
		_, err := x.As(x.row("admin")).Invite(world.Ctx(), orgusers.Invitation{To: x.email("pat"), Message: message})
		require.NoError(t, err)
		w.Dispatch()
		m, ok := w.Inbox.Last(x.email("pat"))
		require.True(t, ok)
		require.Equal(t, name, m.OrgName, "mailers escape; here a name is a name")
		require.Equal(t, name+" "+name, m.ActorName)
		require.Equal(t, message, m.Message)
		require.True(t, strings.HasPrefix(m.Link, "https://app.example.com/users/invitation?token="), "no data in the link")
		require.NotContains(t, m.Link, "evil")
	}
	// Line ends and invisible characters never get in (S-195), so no mailer meets them in a name.
	x := newTeam(t, w, "lines")
	for _, name := range []string{"a\r\nBcc: x@y.example", "a\nb", "a\x00b", "a\u0085b", "a\u2028b", "a\u202eb", "a\x1b[2Jb", "a\u200bb", "a\xffb"} {
		err := w.Operator().RenameOrganization(world.Ctx(), x.ID, name)
		require.Equal(t, orgusers.ReasonCharacter, field(t, err, "name"), "%q", name)
		err = w.Svc.Account(w.Actor(x.admin.User)).Rename(world.Ctx(), orgusers.Name{First: name})
		require.Equal(t, orgusers.ReasonCharacter, field(t, err, "name.first"), "%q", name)
	}
}

// portSessions is a host's session store made of functions.
type portSessions struct {
	active func(context.Context, []orgusers.UserID) (map[orgusers.UserID]int, error)
	end    func(context.Context, []orgusers.UserID, time.Time) error
}

// Active calls the function.
func (s portSessions) Active(ctx context.Context, users []orgusers.UserID) (map[orgusers.UserID]int, error) {
	return s.active(ctx, users)
}

// End calls the function.
func (s portSessions) End(ctx context.Context, users []orgusers.UserID, before time.Time) error {
	return s.end(ctx, users, before)
}

type portMeter func(context.Context) (map[orgusers.Resource]int64, error)

// Usage calls the function.
func (m portMeter) Usage(ctx context.Context, _ orgusers.OrgID) (map[orgusers.Resource]int64, error) {
	return m(ctx)
}

func portsInBounds(t *testing.T, open Opener) {
	// A mailer may use the service: neither a lock nor a transaction is held while it runs.
	var w *world.World
	var x team
	var inside error
	w = world.New(t, open(t), func(c *orgusers.Config) {
		inbox := c.Mailer
		c.Mailer = send(func(ctx context.Context, m orgusers.Mail) error {
			if m.To == x.email("first") {
				_, inside = x.Admin().Invite(ctx, orgusers.Invitation{To: x.email("second")})
			}
			return inbox.Send(ctx, m)
		})
	})
	x = newTeam(t, w, "inside")
	invite(t, x.Org, x.email("first"))
	w.Dispatch()
	require.NoError(t, inside)
	require.Len(t, w.Inbox.All(), 2)

	// Ports that panic or hang have failed, within bounds, and change nothing.
	ports := map[string]struct {
		active func(context.Context, []orgusers.UserID) (map[orgusers.UserID]int, error)
		meter  portMeter
	}{
		"panic": {
			func(context.Context, []orgusers.UserID) (map[orgusers.UserID]int, error) { panic("no pool") },
			func(context.Context) (map[orgusers.Resource]int64, error) { panic("no pool") },
		},
		"hang": {
			func(ctx context.Context, _ []orgusers.UserID) (map[orgusers.UserID]int, error) {
				<-ctx.Done()
				return nil, fmt.Errorf("sessions: %w", ctx.Err())
			},
			func(ctx context.Context) (map[orgusers.Resource]int64, error) {
				<-ctx.Done()
				return nil, fmt.Errorf("meter: %w", ctx.Err())
			},
		},
	}
	for name, p := range ports {
		w := world.New(t, open(t), func(c *orgusers.Config) {
			c.SendTimeout = 500 * time.Millisecond // a database is asked first whether a link is still good
			c.Sessions = portSessions{active: p.active}
			c.Meter = p.meter
		})
		x := newTeam(t, w, name)
		before := stateOf(t, w, x.ID)
		_, err := x.Admin().Apply(world.Ctx(), orgusers.EndSessions{}, x.member.ID)
		require.ErrorIs(t, err, orgusers.ErrStore, name)
		_, err = x.Admin().Usage(world.Ctx())
		require.ErrorIs(t, err, orgusers.ErrStore, name)
		x.same(before)
		require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.Remove{}, x.member.ID), "%s: the organization is free", name)
	}
}

// leftover counts goroutines that carry a label and are in the library's code. Those of a database's
// connections inherit the label too, and live on in its pool.
func leftover(label string) int {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	n := 0
	for _, stack := range strings.Split(b.String(), "\n\n") {
		if strings.Contains(stack, label) && strings.Contains(stack, "/orgusers.(*Service)") {
			n++
		}
	}
	return n
}

func runEnds(t *testing.T, open Opener) {
	w := world.New(t, open(t))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, b@acme.example, c@acme.example")
	ctx, cancel := context.WithCancel(world.Ctx())
	defer cancel()
	label := fmt.Sprintf("run-%p", w)
	done := make(chan error, 3)
	// Whatever Run starts inherits the label, so that nothing can hide among other tests.
	pprof.Do(ctx, pprof.Labels("test", label), func(ctx context.Context) {
		for range 3 {
			go func() { done <- w.Svc.Run(ctx, 0) }()
		}
	})
	require.Eventually(t, func() bool { return len(w.Inbox.All()) == 3 }, 10*time.Second, time.Millisecond)
	require.Positive(t, leftover(label), "the label shows")
	cancel()
	for range 3 {
		select {
		case err := <-done:
			require.ErrorIs(t, err, context.Canceled)
		case <-time.After(4 * time.Second): // the interval is 5 s
			require.Fail(t, "Run goes on after its context")
		}
	}
	require.Eventually(t, func() bool { return leftover(label) == 0 }, 5*time.Second, time.Millisecond, "Run leaves nothing behind")
	require.Len(t, w.Inbox.All(), 3)

	ended, end := context.WithCancel(world.Ctx())
	end()
	require.ErrorIs(t, w.Svc.Run(ended, 0), context.Canceled)
}

// lockedBuffer is a buffer for a logger that is used by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String is what was written so far.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func runOutlives(t *testing.T, open Opener) {
	store := newFaulty(open(t))
	log := &lockedBuffer{}
	w := world.New(t, store, func(c *orgusers.Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example")
	var failed atomic.Bool
	store.with(func(f *faulty) {
		f.before = func(m string) error {
			if m == "Claim" && !failed.Swap(true) {
				return errors.New("no route to db-7.internal")
			}
			return nil
		}
	})
	ctx, cancel := context.WithCancel(world.Ctx())
	defer cancel()
	done := make(chan error)
	go func() { done <- w.Svc.Run(ctx, time.Nanosecond) }() // raised to a second
	begin := time.Now()
	require.Eventually(t, func() bool { return len(w.Inbox.All()) == 1 }, 10*time.Second, time.Millisecond)
	require.Greater(t, time.Since(begin), 900*time.Millisecond, "no hot loop around a store that is down")
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Contains(t, log.String(), "no route to db-7.internal", "the host's log has the cause")
}

func stoppingIsNoFailure(t *testing.T, open Opener) {
	ctx, cancel := context.WithCancel(world.Ctx())
	defer cancel()
	sends := 0
	w := world.New(t, open(t), mailing(func(ctx context.Context, _ orgusers.Mail) error {
		sends++
		if sends == 2 {
			cancel() // the host shuts down while a mail is under way
			return ctx.Err()
		}
		return nil
	}))
	org := NewOrg(t, w, "Acme", "owner@acme.example")
	invite(t, org, "a@acme.example, b@acme.example, c@acme.example, d@acme.example")
	n, err := w.Svc.Dispatch(ctx, 10)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, n)
	require.Equal(t, 2, sends)
	left := w.Outbox(false)
	require.Len(t, left, 3)
	for _, e := range left {
		require.Zero(t, e.Attempts, "no try is lost")
		require.Empty(t, e.Lease, "and no time")
		require.Empty(t, e.LastError)
	}
	require.Equal(t, 3, dispatch(t, w.Second()))
	require.Equal(t, 5, sends)

	// Delivered is delivered, even if the host stopped in the same moment.
	invite(t, org, "e@acme.example")
	ctx, cancel = context.WithCancel(world.Ctx())
	late := world.New(t, w.Store, mailing(func(context.Context, orgusers.Mail) error { cancel(); return nil }), func(c *orgusers.Config) { c.Now = w.Clock.Now })
	n, _ = late.Svc.Dispatch(ctx, 10)
	require.Equal(t, 1, n)
	require.Empty(t, w.Outbox(false))
}

func endSessionsRetried(t *testing.T, open Opener) {
	type call struct {
		users  []orgusers.UserID
		before time.Time
	}
	var calls []call
	down := true
	w := world.New(t, open(t), func(c *orgusers.Config) {
		c.Sessions = portSessions{
			active: func(_ context.Context, users []orgusers.UserID) (map[orgusers.UserID]int, error) {
				return map[orgusers.UserID]int{users[0]: 1, users[len(users)-1]: 1}, nil
			},
			end: func(_ context.Context, users []orgusers.UserID, before time.Time) error {
				calls = append(calls, call{users, before})
				if down {
					return errors.New("redis is down")
				}
				return nil
			},
		}
	})
	x := newTeam(t, w, "acme")
	actor := w.Actor(x.member.User)
	_, err := w.Svc.Access(world.Ctx(), actor, x.ID)
	require.NoError(t, err)
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.EndSessions{}, x.member.ID))
	epoch := w.Clock.Now()
	_, err = w.Svc.Access(world.Ctx(), actor, x.ID)
	fails(t, err, orgusers.ErrDenied, orgusers.ReasonSessionEnded) // before the host's store knows of it
	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		require.Zero(t, dispatch(t, w))
		require.Len(t, w.Outbox(false), 1)
		w.Clock.Tick(wait)
	}
	down = false
	require.Equal(t, 1, dispatch(t, w))
	require.Empty(t, w.Outbox(false))
	require.Len(t, calls, 4)
	for _, c := range calls {
		require.Equal(t, call{[]orgusers.UserID{x.member.User}, epoch}, c)
	}

	// A host without a session store of its own has nothing to be told.
	plain := world.New(t, open(t))
	y := newTeam(t, plain, "plain")
	require.NoError(t, y.Admin().Do(world.Ctx(), orgusers.EndSessions{}, y.member.ID))
	require.Equal(t, 1, dispatch(t, plain))
	require.Empty(t, plain.Outbox(false))
	require.Empty(t, plain.Outbox(true))
}
