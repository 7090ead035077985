package scssession_test

import (
	"testing"

	"github.com/orgusers/go-orgusers/session/scssession"
	"github.com/orgusers/go-orgusers/session/scssession/indextest"
)

func TestMemoryIndex(t *testing.T) {
	t.Parallel()
	indextest.Run(t, func(*testing.T) scssession.Index { return scssession.NewMemoryIndex() })
}
