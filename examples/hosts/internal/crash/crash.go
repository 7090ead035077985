// Package crash is for the tests of the queues: a host whose process dies at the worst moment.
package crash

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/examples/hosts/seal"
	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// People are who is invited.
var People = []string{"ann@acme.example", "bob@acme.example", "cyd@acme.example"}

// Host is a host with an organization, whose mails go into a queue.
type Host struct {
	*world.World
	Org   world.Org
	store *store
}

// store cannot note what was handed over, while it is down.
type store struct {
	orgusers.Store
	down atomic.Bool
}

func (s *store) Settle(ctx context.Context, settled []orgusers.Settlement) error {
	if s.down.Load() {
		return errors.New("the process is gone")
	}
	return s.Store.Settle(ctx, settled)
}

// Box is the box of all tests.
func Box(t *testing.T) seal.Box {
	t.Helper()
	box, err := seal.New([]byte("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)
	return box
}

// New invites people and has the mails wait in the outbox. They are to be sent by queue.
func New(t *testing.T, s orgusers.Store, queue orgusers.Mailer) *Host {
	t.Helper()
	h := &Host{store: &store{Store: s}}
	h.World = world.New(t, h.store, func(c *orgusers.Config) { c.Mailer = queue })
	h.Org = suite.NewOrg(t, h.World, "Acme", "owner@acme.example")
	for _, email := range People {
		h.Org.Invite(email, orgusers.RoleMember)
	}
	return h
}

// HandOver hands every mail over three times: at first the process dies each time before that is noted.
func (h *Host) HandOver() {
	h.T.Helper()
	h.store.down.Store(true)
	for range 2 {
		for range People { // the first error ends a Dispatch
			_, err := h.Svc.Dispatch(h.T.Context(), 1)
			require.ErrorIs(h.T, err, orgusers.ErrStore)
		}
		h.Clock.Tick(2*time.Minute + time.Second) // the leases of the dead end
	}
	h.store.down.Store(false)
	n, err := h.Svc.Dispatch(h.T.Context(), 10)
	require.NoError(h.T, err)
	require.Equal(h.T, len(People), n)
	require.Empty(h.T, h.Outbox(false))
}

// Delivered waits until the mails have come, and demands that each has come once and that the links
// open what they should.
func (h *Host) Delivered(inbox *world.Inbox) {
	h.T.Helper()
	require.Eventually(h.T, func() bool { return len(inbox.All()) >= len(People) }, 30*time.Second, 10*time.Millisecond)
	time.Sleep(300 * time.Millisecond) // for one too many
	seen := map[orgusers.EffectID]bool{}
	for _, m := range inbox.All() {
		require.False(h.T, seen[m.ID], "%s came twice", m.To)
		seen[m.ID] = true
		_, err := h.Visitor().AcceptInvitation(h.T.Context(), world.Token(m), world.NewAccount(m.To))
		require.NoError(h.T, err)
	}
	require.Len(h.T, seen, len(People))
	for _, email := range People {
		require.Equal(h.T, orgusers.StatusActive, h.Org.Member(email).Status)
	}
}

// Secrets are what no queue may show: the tokens of the links that were sent.
func Secrets(inbox *world.Inbox) (tokens []string) {
	for _, m := range inbox.All() {
		tokens = append(tokens, world.Token(m))
	}
	return tokens
}
