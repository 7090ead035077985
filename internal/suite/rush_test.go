package suite_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestS082_Rush: a thousand sign-ins at once are answered or told to come again within 256 MiB, and none
// is lost: as many sessions are there as were promised. It has a process of its own, so that the memory is
// that of the sign-ins alone, with sixteen processors, so that the budget decides how many hash at a time.
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
	w := world.New(t, inMemory(t))
	people := make([]suite.Person, 100)
	hash := world.GoodHash()
	for i := range people {
		people[i] = suite.Person{Email: fmt.Sprintf("p%d@acme.example", i), Change: func(u *orgusers.User) { u.Password = hash }}
	}
	suite.NewOrg(t, w, "acme", "owner@acme.example", people...)
	ins, errs := make([]orgusers.SignIn, 1000), make([]error, 1000)
	runtime.GC()
	idle := fromSystem()
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range ins {
		wg.Go(func() {
			<-start
			ins[i], errs[i] = w.Visitor().SignIn(world.Ctx(), people[i%len(people)].Email, world.Password)
		})
	}
	close(start)
	wg.Wait()
	above := fromSystem() - idle
	done, busy := 0, 0
	for i := range ins {
		if errs[i] != nil {
			require.ErrorIs(t, errs[i], orgusers.ErrBusy)
			require.ErrorAs(t, errs[i], new(*orgusers.Error))
			busy++
			continue
		}
		require.Equal(t, orgusers.StepDone, ins[i].Step)
		_, err := w.Svc.Authenticate(world.Ctx(), ins[i].Token, orgusers.Actor{})
		require.NoError(t, err)
		done++
	}
	t.Logf("%d signed in, %d busy; %d MiB above idle", done, busy, above>>20)
	require.GreaterOrEqual(t, done, 50)
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
