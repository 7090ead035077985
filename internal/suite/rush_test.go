package suite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestS082_Rush: a thousand sign-ins at once, of people, of strangers and of some who lose patience, are
// answered or told to come again within 256 MiB, and none is lost: as many sessions are there as were
// promised. It has a process of its own, so that the memory is that of the sign-ins alone, with sixteen
// processors, so that the budget decides how many hash at a time, and with a host that has much memory in
// use, which makes the garbage collector lazy.
func TestS082_Rush(t *testing.T) {
	t.Parallel()
	if os.Getenv("ORGUSERS_RUSH") != "" {
		rush(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "ORGUSERS_RUSH=1", "GOMAXPROCS=16")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "above idle", "it ran")
	t.Log(string(out))
}

func rush(t *testing.T) {
	w := world.New(t, inMemory(t), func(c *orgusers.Config) { c.PasswordMemory = 0 }) // the default
	people := make([]suite.Person, 100)
	hash := world.GoodHash()
	for i := range people {
		people[i] = suite.Person{Email: fmt.Sprintf("p%d@acme.example", i), Change: func(u *orgusers.User) { u.Password = hash }}
	}
	suite.NewOrg(t, w, "acme", "owner@acme.example", people...)
	ins, errs := make([]orgusers.SignIn, 1000), make([]error, 1000)
	inUse := bytes.Repeat([]byte("in use by the host "), 20<<20) // 380 MiB
	runtime.GC()
	idle := fromSystem()
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range ins {
		wg.Go(func() {
			ctx, cancel := world.Ctx(), func() {}
			email := people[i%len(people)].Email
			switch i % 10 {
			case 0:
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
			case 1, 2, 3, 4:
				email = fmt.Sprintf("stranger%d@acme.example", i)
			}
			defer cancel()
			<-start
			ins[i], errs[i] = w.Visitor().SignIn(ctx, email, world.Password)
		})
	}
	close(start)
	wg.Wait()
	above := fromSystem() - idle
	runtime.KeepAlive(inUse)
	var done, strangers, busy, gaveUp int
	for i, err := range errs {
		var e *orgusers.Error
		switch {
		case err == nil:
			require.Equal(t, orgusers.StepDone, ins[i].Step)
			_, err := w.Svc.Authenticate(world.Ctx(), ins[i].Token, orgusers.Actor{})
			require.NoError(t, err)
			done++
		case errors.Is(err, orgusers.ErrBusy):
			require.ErrorAs(t, err, &e)
			busy++
		case i%10 == 0 && errors.Is(err, context.DeadlineExceeded):
			gaveUp++
		default:
			require.ErrorAs(t, err, &e)
			require.Equal(t, orgusers.ReasonCredentials, e.Reason)
			require.Contains(t, []int{1, 2, 3, 4}, i%10)
			strangers++
		}
	}
	t.Logf("%d signed in, %d strangers, %d busy, %d gave up; %d MiB above idle", done, strangers, busy, gaveUp, above>>20)
	require.GreaterOrEqual(t, done+strangers, 50)
	require.Positive(t, min(done, strangers, busy, gaveUp))
	require.Less(t, above, uint64(256<<20))
	in := w.SignIn(people[0].Email)
	require.Equal(t, orgusers.StepDone, in.Step, "and afterwards it is open again")
}

// fromSystem is what the process has from the operating system: it only grows, and so shows the most there was.
func fromSystem() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}
