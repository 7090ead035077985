package suite_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestS082_Rush: a thousand sign-ins at once are answered or told to come again, and none is lost:
// as many sessions are there as were promised.
func TestS082_Rush(t *testing.T) {
	t.Parallel()
	w := world.New(t, inMemory(t))
	people := make([]suite.Person, 100)
	for i := range people {
		people[i] = suite.Person{Email: fmt.Sprintf("p%d@acme.example", i), Change: func(u *orgusers.User) { u.Password = world.CheapHash() }}
	}
	suite.NewOrg(t, w, "acme", "owner@acme.example", people...)
	ins, errs := make([]orgusers.SignIn, 1000), make([]error, 1000)
	var wg sync.WaitGroup
	for i := range ins {
		wg.Go(func() {
			ins[i], errs[i] = w.Visitor().SignIn(world.Ctx(), people[i%len(people)].Email, world.Password)
		})
	}
	wg.Wait()
	done, busy := 0, 0
	for i := range ins {
		if errs[i] != nil {
			require.ErrorIs(t, errs[i], orgusers.ErrBusy)
			require.True(t, errors.As(errs[i], new(*orgusers.Error)))
			busy++
			continue
		}
		require.Equal(t, orgusers.StepDone, ins[i].Step)
		_, err := w.Svc.Authenticate(world.Ctx(), ins[i].Token, orgusers.Actor{})
		require.NoError(t, err)
		done++
	}
	t.Logf("%d signed in, %d busy", done, busy)
	require.GreaterOrEqual(t, done, 50)
	in := w.SignIn(people[0].Email)
	require.Equal(t, orgusers.StepDone, in.Step, "and afterwards it is open again")
}
