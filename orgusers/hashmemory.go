package orgusers

import (
	"runtime"
	"runtime/metrics"
	"sync"
)

// hashMemory counts the memory of hashes in units of one new hash: what is in use, and what is done
// with but not yet collected. Without it the garbage collector lets as much lie as the whole process
// has in use, so that a busy minute would take a multiple of the budget (S-082).
type hashMemory struct {
	mu    sync.Mutex
	most  int
	inUse int
	spent []spentMemory
}

type spentMemory struct {
	units int
	cycle uint64 // collections that had ended by then
}

// take is called before n units are allocated. If there would be more than most, it has what is spent
// collected first; hashes under way go on meanwhile, new ones wait.
func (m *hashMemory) take(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inUse += n
	if m.inUse+m.waiting() > m.most {
		runtime.GC()
		m.spent = m.spent[:0]
	}
}

// give is called when n units are no longer needed.
func (m *hashMemory) give(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inUse -= n
	m.spent = append(m.spent, spentMemory{n, collections()})
}

// waiting counts the units that may lie uncollected still. The collection under way when a hash ended
// may have passed it by; the one after it did not.
func (m *hashMemory) waiting() int {
	ended, n, kept := collections(), 0, m.spent[:0]
	for _, s := range m.spent {
		if ended < s.cycle+2 {
			kept = append(kept, s)
			n += s.units
		}
	}
	m.spent = kept
	return n
}

func collections() uint64 {
	sample := [1]metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}
