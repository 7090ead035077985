// Package suite holds the library to its threat catalogue: how it behaves through its doors, on any
// store. A case is named by its number there (S-007); a race is run many times over by two services
// on one store, as two processes would.
package suite

import (
	"testing"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Run runs every group on the store: what a store must pass before anybody trusts it with people.
func Run(t *testing.T, open Opener) {
	t.Helper()
	Share(t, 1, open)
}

// Share is Run with one in so many of the rounds of each race, for stores of which there are many.
func Share(t *testing.T, share int, open Opener) {
	t.Helper()
	for _, group := range []struct {
		name string
		run  func(*testing.T, Opener)
	}{
		{"Invitations", Invitations},
		{"Roles", Roles},
		{"Ownership", Ownership},
		{"Removal", Removal},
		{"Tenants", Tenants},
		{"SSO", SSO},
		{"Listing", Listing},
		{"Export", Export},
		{"Audit", Audit},
		{"Requests", Requests},
		{"Outbox", Outbox},
		{"IPRules", IPRules},
		{"Races", func(t *testing.T, open Opener) { Races(t, share, open) }},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.run(t, open)
		})
	}
}

// cases runs the cases of one group, each in a world of its own.
type cases struct {
	t    *testing.T
	open Opener
}

func (c cases) run(name string, f func(t *testing.T, w *world.World)) {
	c.t.Helper()
	c.t.Run(name, func(t *testing.T) {
		t.Parallel()
		f(t, world.New(t, c.open(t)))
	})
}

// with is run with another configuration.
func (c cases) with(name string, change func(*orgusers.Config), f func(t *testing.T, w *world.World)) {
	c.t.Helper()
	c.t.Run(name, func(t *testing.T) {
		t.Parallel()
		f(t, world.New(t, c.open(t), change))
	})
}
