package itest

import (
	"testing"

	"github.com/orgusers/go-orgusers/internal/modeltest"
	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// How the library behaves, seen through its doors, on each kind of database.
func TestBehaviour(t *testing.T) {
	t.Parallel()
	onEachKind(t, func(t *testing.T, make func(testing.TB) database) {
		databases := newShelf(t, make)
		suite.Run(t, func(t testing.TB) orgusers.Store { return databases.store(t, way{conns: 8}) })
	})
}

// The model, memory and each kind of database in lock-step.
func TestModel(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			databases := newShelf(t, kind.make)
			modeltest.Run(t, map[string]func(testing.TB) orgusers.Store{
				"memory":  func(testing.TB) orgusers.Store { return memstore.New() },
				kind.name: func(t testing.TB) orgusers.Store { return databases.store(t, way{conns: 4}) },
			})
		})
	}
}
