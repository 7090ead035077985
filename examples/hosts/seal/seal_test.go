package seal_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/examples/hosts/seal"
	"github.com/orgusers/go-orgusers/orgusers"
)

type send func(m orgusers.Mail) error

func (f send) Send(_ context.Context, m orgusers.Mail) error { return f(m) }

func box(t *testing.T, first byte) seal.Box {
	t.Helper()
	key := make([]byte, 32)
	key[0] = first
	b, err := seal.New(key)
	require.NoError(t, err)
	return b
}

var mail = orgusers.Mail{
	ID: "effect-1", Org: "o", Link: "https://app.example.com/invitation?token=verysecret",
	MailData: orgusers.MailData{Kind: orgusers.MailInvitation, To: "ann@acme.example", Message: "Welcome"},
}

func TestWhatIsClosedOpensWhole(t *testing.T) {
	t.Parallel()
	closed, err := box(t, 1).Close(mail)
	require.NoError(t, err)
	require.NotContains(t, string(closed), "verysecret")
	require.NotContains(t, string(closed), "ann@")
	var got orgusers.Mail
	require.NoError(t, box(t, 1).Deliver(t.Context(), send(func(m orgusers.Mail) error { got = m; return nil }), "effect-1", closed))
	require.Equal(t, mail, got)
}

// Another key, another id, or another text: nothing is sent, and trying again is of no use.
func TestWhatDoesNotFitIsNotSent(t *testing.T) {
	t.Parallel()
	closed, err := box(t, 1).Close(mail)
	require.NoError(t, err)
	bent := append([]byte(nil), closed...)
	bent[len(bent)-1] ^= 1
	never := send(func(orgusers.Mail) error { t.Error("sent"); return nil })
	require.ErrorIs(t, box(t, 2).Deliver(t.Context(), never, "effect-1", closed), orgusers.ErrPermanent)
	require.ErrorIs(t, box(t, 1).Deliver(t.Context(), never, "effect-2", closed), orgusers.ErrPermanent)
	require.ErrorIs(t, box(t, 1).Deliver(t.Context(), never, "effect-1", bent), orgusers.ErrPermanent)
	require.ErrorIs(t, box(t, 1).Deliver(t.Context(), never, "effect-1", nil), orgusers.ErrPermanent)
	_, err = seal.New([]byte("short"))
	require.Error(t, err)
}

func TestErrorsLoseTheSecret(t *testing.T) {
	t.Parallel()
	closed, err := box(t, 1).Close(mail)
	require.NoError(t, err)
	down := errors.New("down")
	err = box(t, 1).Deliver(t.Context(), send(func(m orgusers.Mail) error { return errors.Join(down, errors.New(m.Link)) }), "effect-1", closed)
	require.ErrorIs(t, err, down)
	require.NotContains(t, err.Error(), "verysecret")
}
