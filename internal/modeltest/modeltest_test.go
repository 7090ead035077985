package modeltest_test

import (
	"testing"

	"github.com/orgusers/go-orgusers/internal/modeltest"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

func TestModel(t *testing.T) {
	open := func(testing.TB) orgusers.Store { return memstore.New() }
	modeltest.Run(t, map[string]func(testing.TB) orgusers.Store{"memory": open, "memory again": open})
}
