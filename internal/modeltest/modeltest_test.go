package modeltest_test

import (
	"testing"

	"github.com/orgusers/go-orgusers/internal/modeltest"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// Two stores of a kind show that nothing depends on the order of a map. It is not parallel, because
// rapid reads its flags from package variables.
func TestModel(t *testing.T) {
	open := func(testing.TB) orgusers.Store { return memstore.New() }
	modeltest.Run(t, map[string]func(testing.TB) orgusers.Store{"memory": open, "memory again": open})
}
