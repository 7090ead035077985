package suite_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

func inMemory(testing.TB) orgusers.Store { return memstore.New() }

func TestListing(t *testing.T)  { t.Parallel(); suite.Listing(t, inMemory) }
func TestExport(t *testing.T)   { t.Parallel(); suite.Export(t, inMemory) }
func TestAudit(t *testing.T)    { t.Parallel(); suite.Audit(t, inMemory) }
func TestRequests(t *testing.T) { t.Parallel(); suite.Requests(t, inMemory) }
func TestOutbox(t *testing.T)   { t.Parallel(); suite.Outbox(t, inMemory) }

// gauge is a writer that looks at the heap now and then.
type gauge struct {
	every, next, written int
	peak                 uint64
}

func (g *gauge) Write(p []byte) (int, error) {
	if g.written += len(p); g.written >= g.next {
		g.next += g.every
		g.peak = max(g.peak, heap())
	}
	return len(p), nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestS206_ExportHeap is not parallel: others would use the heap at the same time.
func TestS206_ExportHeap(t *testing.T) {
	n := 5_000
	if os.Getenv("ORGUSERS_SOAK") == "1" {
		n = 100_000
	}
	w := world.New(t, memstore.New())
	org := suite.NewOrg(t, w, "Acme", "owner@acme.example")
	for have := 0; have < n; have += 1000 {
		suite.Seed(t, w, org.ID, 1000)
	}
	g := &gauge{every: n * 100 / 8} // a line has about 100 bytes
	g.next = g.every
	before := heap()
	require.NoError(t, org.Admin().ExportCSV(world.Ctx(), g, orgusers.ExportOptions{}))
	require.Greater(t, g.written, n*90)
	require.Positive(t, g.peak, "the heap was looked at")
	grown := int64(g.peak) - int64(before)
	require.Less(t, grown, int64(3<<20), "%s for %d people", fmt.Sprint(grown>>10, " KiB"), n)
	runtime.KeepAlive(w)
}
