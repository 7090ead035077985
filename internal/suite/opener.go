package suite

import (
	"testing"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Opener opens an empty store for one test and closes it when the test ends.
type Opener = func(t testing.TB) orgusers.Store
