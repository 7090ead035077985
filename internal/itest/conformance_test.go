package itest

import (
	"testing"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/storetest"
)

// The suite that every store runs, on every kind of database, each test with a database of its own.
func TestConformance(t *testing.T) {
	t.Parallel()
	onEachKind(t, func(t *testing.T, make func(testing.TB) database) {
		storetest.Run(t, func(t *testing.T) orgusers.Store {
			t.Parallel()
			d := make(t)
			return d.store(t, d.open(t, 8))
		})
	})
}
