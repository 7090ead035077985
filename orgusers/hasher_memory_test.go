package orgusers

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A thousand sign-ins at the same moment, in a process of their own so that its memory is theirs
// alone. Memory is what the process has from the operating system, which only grows, so that it shows
// the most there ever was. Sixteen processors, so that the number of slots is what the budget gives,
// and a host with much memory in use, which makes the garbage collector lazy.
func TestS082_AThousandSignInsStayUnderTheBudget(t *testing.T) {
	t.Parallel()
	if os.Getenv("ORGUSERS_S082") != "" {
		thousandSignIns(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "ORGUSERS_S082=1", "GOMAXPROCS=16")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "above idle", "it ran")
	t.Log(string(out))
}

func thousandSignIns(t *testing.T) {
	h := newHasher(0, rand.Reader)
	p := phc{memory: argonMemory, time: 1, threads: 1, salt: testKey(1, 16)} // of full size, in half the time
	p.key = h.argon(1, "correct horse battery staple", p, argonKey)
	stored := PasswordHash(p.String())
	inUse := bytes.Repeat([]byte("in use by the host "), 20<<20) // 380 MiB
	runtime.GC()
	idle := memoryFromSystem()

	const calls = 1000
	var right, wrong, busy, ended, other atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range calls {
		all.Go(func() {
			ctx, cancel := context.Background(), func() {}
			if i%10 == 0 { // some lose patience in the queue
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
			}
			defer cancel()
			password := "correct horse battery staple"
			if i%2 == 0 {
				password = "not the password"
			}
			<-start
			ok, _, err := h.verify(ctx, stored, password)
			switch {
			case errors.Is(err, ErrBusy):
				busy.Add(1)
			case errors.Is(err, context.DeadlineExceeded):
				ended.Add(1)
			case err != nil, ok == (i%2 == 0):
				other.Add(1)
			case ok:
				right.Add(1)
			default:
				wrong.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	require.Zero(t, other.Load(), "no other answer")
	require.EqualValues(t, calls, right.Load()+wrong.Load()+busy.Load()+ended.Load(), "none is lost")
	require.Positive(t, right.Load())
	require.Positive(t, busy.Load())
	require.Equal(t, h.slots.total, h.slots.free, "every slot came back")
	require.Empty(t, h.slots.queue)

	above := memoryFromSystem() - idle
	fmt.Printf("%d slots: %d right, %d wrong, %d busy, %d gave up; %d MiB above idle\n",
		h.slots.total, right.Load(), wrong.Load(), busy.Load(), ended.Load(), above>>20)
	require.Less(t, above, uint64(256<<20))
	runtime.KeepAlive(inUse)
}

func memoryFromSystem() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}
