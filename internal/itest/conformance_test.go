package itest

import (
	"testing"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/storetest"
)

// The suite that every store runs, on every kind of database.
func TestConformance(t *testing.T) {
	t.Parallel()
	onEachKind(t, func(t *testing.T, make func(testing.TB) database) {
		databases := newShelf(t, make)
		storetest.Run(t, func(t *testing.T) orgusers.Store {
			t.Parallel()
			return databases.store(t, way{conns: 8})
		})
	})
}
