// Package storetest is the contract of [orgusers.Store] as tests: what any store must pass before a
// service may trust it. A store's own test is three lines:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) orgusers.Store { return open(t) })
//	}
//
// There is a test for each sentence of the contract and for the failures that stores are known for;
// those that meet a case of the threat list carry its number (S-175). With -short the races run a
// twentieth of their rounds.
//
// The suite writes what a store may be given and not only what the rules allow: an organization
// whose owner has no account, an entry about nobody. A store knows no rules, so it must not mind.
// References inside one organization are kept, from a role on a stack to the stack and the member,
// so foreign keys on those are fine.
//
// Package store's documentation says how to write a store, and where authors go wrong.
package storetest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Run runs the suite. Each test calls open once, for a store of its own that must be empty, and
// leaves closing it to open's t.Cleanup. Whether tests run side by side is for open to say, by
// calling t.Parallel first.
func Run(t *testing.T, open func(t *testing.T) orgusers.Store) {
	t.Helper()
	share := 1
	if testing.Short() {
		share = 20
	}
	Share(t, share, open)
}

// Share is Run with one in so many of the rounds that the races run, for a store that is tested in many
// ways: over each driver, at each isolation level.
func Share(t *testing.T, share int, open func(t *testing.T) orgusers.Store) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, open(t))
			w.share = share
			c.run(w)
		})
	}
}

// check is one test of the suite.
type check struct {
	name string
	run  func(w *world)
}

func checks() []check {
	return slices.Concat(
		viewChecks(),
		accessChecks(),
		sessionChecks(),
		ipRuleChecks(),
		commitChecks(),
		refusalChecks(),
		patchChecks(),
		grantChecks(),
		rosterChecks(),
		organizationChecks(),
		auditChecks(),
		outboxChecks(),
		counterChecks(),
		valueChecks(),
		collationChecks(),
		aliasingChecks(),
		contextChecks(),
		raceChecks(),
	)
}

// tester is what a check needs of a [testing.T]. It is an interface so that the suite's own tests
// can run it on stores that it must catch.
type tester interface {
	require.TestingT
	Helper()
	Context() context.Context
}
