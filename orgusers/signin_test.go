package orgusers_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := world.New(t, memstore.New())
	acme := w.NewOrg("Acme", "olga@acme.example")
	in, err := w.Visitor().SignIn(world.Ctx(), "Olga@ACME.example", world.Password)
	require.NoError(t, err)
	require.Equal(t, orgusers.StepDone, in.Step)
	actor, err := w.Svc.Authenticate(world.Ctx(), in.Token, orgusers.Actor{})
	require.NoError(t, err)
	_, err = w.Svc.Access(world.Ctx(), actor, acme.ID)
	require.NoError(t, err)
	_, err = w.Visitor().SignIn(world.Ctx(), "olga@acme.example", world.Password+"x")
	require.ErrorIs(t, err, orgusers.ErrDenied)
	e, err := w.Svc.Account(actor).BeginMFA(world.Ctx())
	require.NoError(t, err)
	t.Log(e.URI(), e.Text())
	w.Clock.Tick(time.Hour)
	_, err = w.Svc.Authenticate(world.Ctx(), in.Token, orgusers.Actor{})
	require.ErrorIs(t, err, orgusers.ErrDenied)
}
