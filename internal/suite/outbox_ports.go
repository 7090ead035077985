package suite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

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
