package orgusers_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// corpus answers as a breach corpus does, and notes what it was asked.
type corpus struct {
	asked  []string
	answer func(ctx context.Context, prefix string) ([]string, error)
}

func (c *corpus) Range(ctx context.Context, prefix string) ([]string, error) {
	c.asked = append(c.asked, prefix)
	return c.answer(ctx, prefix)
}

func corpusLines(text ...string) func(context.Context, string) ([]string, error) {
	return func(context.Context, string) ([]string, error) { return text, nil }
}

// resetting is somebody with a mailed link in hand: each call sets the password given, or fails to.
func resetting(t testing.TB, c *corpus, options ...func(*orgusers.Config)) func(ctx context.Context, password string) error {
	t.Helper()
	w := world.New(t, memstore.New(), append(options, func(conf *orgusers.Config) { conf.Breached = c })...)
	_, err := w.Operator().CreateOrganization(t.Context(), orgusers.NewOrganization{Name: "Acme", Owner: "olive@acme.example", OwnerName: orgusers.Name{First: "Olive"}})
	require.NoError(t, err)
	w.Dispatch()
	token := w.Token("olive@acme.example")
	return func(ctx context.Context, password string) error {
		_, err := w.Visitor().ResetPassword(ctx, token, password)
		return err
	}
}

func passwordReason(t testing.TB, err error) orgusers.Reason {
	t.Helper()
	var e *orgusers.Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Fields, 1)
	require.Equal(t, "password", e.Fields[0].Field)
	return e.Fields[0].Reason
}

func TestC2_BreachedPasswords(t *testing.T) {
	t.Parallel()
	const password = "my dog eats two shoes a caf\u00e9"
	sum := sha1.Sum([]byte(password))
	digits := strings.Map(func(r rune) rune {
		if r >= 'a' {
			r += 'A' - 'a'
		}
		return r
	}, hex.EncodeToString(sum[:]))
	other := strings.Repeat("0", 35)
	c := &corpus{}
	reset := resetting(t, c)
	for _, seen := range [][]string{
		{digits[5:] + ":3"}, {other + ":1", digits[5:] + ":12\r"}, {strings.ToLower(digits[5:])}, {" " + digits[5:] + ":100 ", other},
	} {
		c.answer, c.asked = corpusLines(seen...), nil
		err := reset(t.Context(), "my dog eats two shoes a cafe\u0301") // looked up in the form that is hashed
		require.ErrorIs(t, err, orgusers.ErrInvalid)
		require.Equal(t, orgusers.ReasonBreached, passwordReason(t, err))
		require.Equal(t, []string{digits[:5]}, c.asked, "once, and five digits are all that leaves")
		require.NotContains(t, err.Error(), digits[5:12])
	}
	// Short of the end, of another password, or padding: not this one. The link is still good.
	c.answer, c.asked = corpusLines(digits[5:39]+":3", other+":7", digits[5:]+":0", "", ":", digits[4:]+":1"), nil
	require.NoError(t, reset(t.Context(), password))
	require.Len(t, c.asked, 1)
}

func TestC2_BreachCorpusIsNotAskedInVain(t *testing.T) {
	t.Parallel()
	c := &corpus{answer: corpusLines()}
	reset := resetting(t, c)
	for password, want := range map[string]orgusers.Reason{"": orgusers.ReasonRequired, "short": orgusers.ReasonTooShort, "iloveyouforever": orgusers.ReasonCommon} {
		require.Equal(t, want, passwordReason(t, reset(t.Context(), password)))
	}
	require.Empty(t, c.asked)
	// Eight are enough for those with a second factor; the command knows that this person has none.
	require.Equal(t, orgusers.ReasonTooShort, passwordReason(t, reset(t.Context(), "Xk3?vB9m")))
	require.Equal(t, orgusers.ReasonContextWord, passwordReason(t, reset(t.Context(), "0live@acme.example")))
}

func TestC2_BreachCorpusFails(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ string) ([]string, error) { <-ctx.Done(); return nil, ctx.Err() }
	for name, fail := range map[string]func(context.Context, string) ([]string, error){
		"an error": func(context.Context, string) ([]string, error) { return nil, errors.New("corpus-7 is down") },
		"a panic":  func(context.Context, string) ([]string, error) { panic("corpus-7 is down") },
		"too slow": hang,
	} {
		for _, refuse := range []bool{false, true} {
			t.Run(fmt.Sprint(name, refuse), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var logged bytes.Buffer
					c := &corpus{answer: fail}
					reset := resetting(t, c, func(conf *orgusers.Config) {
						conf.Policy.RefuseUnchecked = refuse
						conf.Logger = slog.New(slog.NewTextHandler(&logged, nil))
					})
					start := time.Now()
					err := reset(t.Context(), "my dog eats two shoes a day")
					if name == "too slow" {
						require.Equal(t, 2*time.Second, time.Since(start))
					} else {
						require.Zero(t, time.Since(start))
					}
					require.Len(t, c.asked, 1)
					require.NotContains(t, logged.String(), "my dog")
					if !refuse {
						require.NoError(t, err, "allowed")
						require.Contains(t, logged.String(), "breach corpus", "and logged")
						return
					}
					require.ErrorIs(t, err, orgusers.ErrBusy)
					require.NotContains(t, err.Error(), "corpus-7", "the cause is for the host's log")
					c.answer = corpusLines()
					require.NoError(t, reset(t.Context(), "my dog eats two shoes a day"), "later, with the same link")
				})
			})
		}
	}
	t.Run("the caller gives up", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		c := &corpus{answer: func(context.Context, string) ([]string, error) { cancel(); return nil, errors.New("cancelled") }}
		reset := resetting(t, c, func(conf *orgusers.Config) { conf.Policy.RefuseUnchecked = true })
		require.ErrorIs(t, reset(ctx, "my dog eats two shoes a day"), context.Canceled)
		c.answer = corpusLines()
		require.NoError(t, reset(t.Context(), "my dog eats two shoes a day"), "nothing was changed")
	})
}

func TestC2_BreachCorpusIsAskedByEveryDoor(t *testing.T) {
	t.Parallel()
	c := &corpus{answer: corpusLines()}
	w := world.New(t, memstore.New(), func(conf *orgusers.Config) { conf.Breached = c })
	org := w.NewOrg("Acme", "owner@acme.example")
	require.Len(t, c.asked, 1, "setting the first password")
	org.Join("jane@acme.example", orgusers.RoleMember)
	require.Len(t, c.asked, 2, "accepting an invitation")
}

func TestS086_TheProductsName(t *testing.T) {
	t.Parallel()
	c := &corpus{answer: corpusLines()}
	reset := resetting(t, c, func(conf *orgusers.Config) { conf.Policy.Product = "EntryStack Cloud" })
	for _, password := range []string{"EntryStack Cloud 2026", "entryst4ckentryst4ck"} {
		require.Equal(t, orgusers.ReasonContextWord, passwordReason(t, reset(t.Context(), password)))
	}
	require.Empty(t, c.asked, "known before anything is looked up")
	require.NoError(t, reset(t.Context(), "I do my work in EntryStack Cloud"))
}
