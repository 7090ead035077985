package ownstore_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/examples/ownstore"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) orgusers.Store {
		t.Helper()
		t.Parallel()
		return open(t, filepath.Join(t.TempDir(), "users.gob"))
	})
}

func open(t *testing.T, path string) *ownstore.Store {
	t.Helper()
	s, err := ownstore.Open(path)
	require.NoError(t, err)
	return s
}

// people has one of everything that a file format may lose.
func people() orgusers.Changes {
	at := time.Date(2031, 2, 3, 4, 5, 6, 7000, time.UTC)
	org := orgusers.Organization{ID: "o", Name: "Acme", OwnerID: "u", Settings: orgusers.Settings{AllowedDomains: []string{"example.com"}}}
	ann := orgusers.Address{Email: "Ann@example.com", Key: "ann@example.com"}
	return orgusers.Changes{
		Org: &org, NewOrg: true,
		NewUsers: []orgusers.User{{
			ID: "u", Address: ann, Password: "$argon2id$made-up", MFA: orgusers.MFA{Secret: "sealed", EnrolledAt: at, Recovery: "a b"},
		}},
		NewMembers: []orgusers.Member{{ID: "m", Org: "o", User: "u", Address: ann, Role: orgusers.RoleAdmin, Status: orgusers.StatusActive, JoinedAt: at}},
		NewSessions: []orgusers.Session{{
			ID: "n", User: "u", Token: "hash", Step: orgusers.StepDone, IP: netip.MustParseAddr("192.0.2.1"), CreatedAt: at, Idle: time.Hour,
		}},
		Request: &orgusers.Request{Org: "o", ID: "r", Report: []byte("{}"), At: at},
	}
}

func TestWhatWasAcknowledgedIsThereAfterARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.gob")
	s := open(t, path)
	require.NoError(t, s.Commit(t.Context(), people()))
	q := orgusers.ViewQuery{Org: "o", Request: "r", Joined: []orgusers.UserID{"u"}, Person: orgusers.PersonQuery{User: "u"}}
	before, err := s.View(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, "sealed", before.Users[0].MFA.Secret)
	require.Equal(t, "hash", before.Person.Sessions[0].Token)
	after, err := open(t, path).View(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, before, after, "secrets and times included")
}

func TestADiskThatFailsWritesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.gob")
	s := open(t, path)
	require.NoError(t, os.Mkdir(path+".new", 0o700)) // where the next state would be written
	require.Error(t, s.Commit(t.Context(), people()))
	_, err := s.View(t.Context(), orgusers.ViewQuery{Org: "o"})
	require.ErrorIs(t, err, orgusers.ErrNotFound)

	require.NoError(t, os.Remove(path+".new"))
	require.NoError(t, s.Commit(t.Context(), people()), "and the store goes on")
	require.ErrorIs(t, s.Commit(t.Context(), people()), orgusers.ErrConflict)
}

func TestADamagedFileIsNotTakenForAnEmptyOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.gob")
	require.NoError(t, os.WriteFile(path, []byte("not a state"), 0o600))
	_, err := ownstore.Open(path)
	require.Error(t, err)
}
