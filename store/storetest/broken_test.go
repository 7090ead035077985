package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/orgusers/go-orgusers/orgusers"
)

// broken is a store that breaks the contract in one way, as stores have, and the checks that must
// notice, as patterns.
type broken struct {
	name string
	by   []string
	of   func(s orgusers.Store) orgusers.Store
}

func brokenStores() []broken {
	return slices.Concat(brokenReads(), brokenCommits(), brokenGuards(), brokenFields(), brokenGrants(), brokenListings(), brokenOutbox(), brokenSessions(), brokenValues())
}

var errEngine = errors.New("engine: 1062 duplicate entry")

// with makes a spy.
func with(set func(s *spy)) func(orgusers.Store) orgusers.Store {
	return func(inner orgusers.Store) orgusers.Store {
		s := &spy{Store: inner}
		set(s)
		return s
	}
}

// organizations lists all organizations of a store.
func organizations(s orgusers.Store) []orgusers.Organization {
	list, _ := s.Organizations(context.Background(), orgusers.OrgQuery{Limit: 1000})
	return list
}
