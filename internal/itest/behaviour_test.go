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
		suite.Run(t, func(t testing.TB) orgusers.Store {
			d := make(t)
			return d.store(t, d.open(t, 8))
		})
	})
}

// The model, memory and SQLite in lock-step.
func TestModel(t *testing.T) {
	modeltest.Run(t, map[string]func(testing.TB) orgusers.Store{
		"memory": func(testing.TB) orgusers.Store { return memstore.New() },
		"SQLite": func(t testing.TB) orgusers.Store {
			d := sqliteDatabase(t)
			return d.store(t, d.open(t, 4))
		},
	})
}
