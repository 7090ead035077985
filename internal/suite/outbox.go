package suite

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	store.with(func(f *faulty) { f.before = failing(down, "Commit") })
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
	NewOrg(t, w, "Other", x.email("admin"))
	require.NoError(t, x.Admin().OfferOwnership(world.Ctx(), x.email("admin")))
	require.NoError(t, x.Admin().Do(world.Ctx(), orgusers.ForcePasswordReset{}, x.member.ID))
	require.NoError(t, w.Operator().DisableOrganization(world.Ctx(), x.ID))
	require.NoError(t, w.Visitor().ForgotPassword(world.Ctx(), x.email("admin")))
	for range 20 {
		w.Dispatch()
		w.Clock.Tick(time.Hour)
	}
	require.Len(t, w.Inbox.To(x.email("admin")), 1, "what people ask for themselves is not held")
	require.Len(t, w.Inbox.All(), 1)
	require.Len(t, w.Outbox(false), 3)
	require.NoError(t, w.Operator().EnableOrganization(world.Ctx(), x.ID))
	w.Clock.Tick(time.Hour)
	w.Dispatch()
	require.Len(t, w.Inbox.To(x.email("pat")), 1)
	require.Len(t, w.Inbox.To(x.email("admin")), 2)
	require.Len(t, w.Inbox.To(x.email("member")), 1, "R7.18: a reset mail neither")
	Account(t, w, x.email("pat"))
	require.NoError(t, accept(w, w.Token(x.email("pat"))))
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
