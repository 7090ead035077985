package dbserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeTB notes how a test was ended instead of ending it.
type fakeTB struct {
	testing.TB
	fatal, skipped string
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.fatal = fmt.Sprintf(format, args...)
	panic(f)
}

func (f *fakeTB) Skipf(format string, args ...any) {
	f.skipped = fmt.Sprintf(format, args...)
	panic(f)
}

func TestAnAbsentEngine(t *testing.T) {
	_, absent := newest("/nowhere/mariadbd")
	require.ErrorIs(t, absent, errNotInstalled)
	broken := errors.New("exit status 1")

	for _, c := range []struct {
		name, ci, demand string
		err              error
		fatal, skipped   string
	}{
		{"is skipped, loudly", "", "", absent, "", "*** NOT TESTED ON Oracle: mariadbd: not installed"},
		{"fails under CI", "true", "", absent, "Oracle must be tested here, but: mariadbd: not installed", ""},
		{"fails where demanded", "", "1", absent, "Oracle must be tested here, but: mariadbd: not installed", ""},
		{"that is not wanted is skipped, loudly", "", "", errUnwanted, "", "*** NOT TESTED ON Oracle: ORGUSERS_WITHOUT_SERVERS is 1"},
		{"that is not wanted fails under CI", "true", "", errUnwanted, "Oracle must be tested here, but: ORGUSERS_WITHOUT_SERVERS is 1", ""},
		{"that is there and broken always fails", "", "", broken, "Oracle does not start: exit status 1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("CI", c.ci)
			t.Setenv("ORGUSERS_REQUIRE_DATABASES", c.demand)
			f := &fakeTB{TB: t}
			require.PanicsWithValue(t, f, func() { unavailable(f, "Oracle", c.err) })
			if c.fatal == "" {
				require.Empty(t, f.fatal)
			}
			require.Contains(t, f.fatal, c.fatal)
			require.Contains(t, f.skipped, c.skipped)
			require.Equal(t, c.skipped == "", f.skipped == "")
		})
	}
}

func TestAGivenServerIsUsed(t *testing.T) {
	t.Parallel()
	pg, err := postgreSQL()
	require.NoError(t, err)
	my, err := mariaDB()
	require.NoError(t, err)
	config, err := postgresSocket(pg.admin)
	require.NoError(t, err)

	for _, c := range []struct {
		name, driver, query, dsn string
		given                    func(string) (*server, error)
	}{
		{"PostgreSQL by keywords", "pgx", "SELECT current_database()", pg.admin, givenPostgreSQL},
		{"PostgreSQL by address", "pgx", "SELECT current_database()", config, givenPostgreSQL},
		{"MariaDB", "mysql", "SELECT DATABASE()", my.admin, givenMySQL},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := c.given(c.dsn)
			require.NoError(t, err)
			require.NotEmpty(t, s.version)
			made := s.database(t)
			require.Len(t, made, 1)
			db, err := sql.Open(c.driver, made[0].DSN)
			require.NoError(t, err)
			defer db.Close()
			var name string
			require.NoError(t, db.QueryRowContext(t.Context(), c.query).Scan(&name))
			require.Regexp(t, "^"+prefix+"[a-z0-9]{26}$", name)
		})
	}
}

// postgresSocket is the data source name of keywords as an address.
func postgresSocket(keywords string) (string, error) {
	var host, user, database string
	var port int
	if _, err := fmt.Sscanf(keywords, "host=%s port=%d user=%s dbname=%s", &host, &port, &user, &database); err != nil {
		return "", err
	}
	return fmt.Sprintf("postgres:///%s?host=%s&port=%d&user=%s", database, host, port, user), nil
}

// Between the choice of a port and the start of the server, another process may take it.
func TestATakenPortIsToldFromOtherFailures(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	_, text, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)

	programs, err := findMariaDB()
	require.NoError(t, err)
	initdb, err := installed("initdb")
	require.NoError(t, err)
	initdb, err = filepath.EvalSymlinks(initdb)
	require.NoError(t, err)

	for _, c := range []struct {
		account string
		build   func(context.Context, *folder) (*server, error)
	}{
		{"postgres", func(ctx context.Context, f *folder) (*server, error) {
			return ownPostgreSQL(ctx, f, initdb, filepath.Join(filepath.Dir(initdb), "postgres"), text)
		}},
		{"mysql", func(ctx context.Context, f *folder) (*server, error) {
			return ownMariaDB(ctx, f, programs, port)
		}},
	} {
		t.Run(c.account, func(t *testing.T) {
			t.Parallel()
			var folders []string
			s, err := launch(c.account, 1, func(ctx context.Context, f *folder, _ []int) (*server, error) {
				folders = append(folders, f.path)
				if len(folders) == 1 {
					return c.build(ctx, f)
				}
				return nil, errors.New("something else")
			})
			require.Nil(t, s)
			require.ErrorContains(t, err, "something else", "the first failure was followed by another attempt, the second was not")
			require.Len(t, folders, 2)
			for _, path := range folders {
				_, err := os.Stat(path)
				require.ErrorIs(t, err, os.ErrNotExist)
			}
		})
	}
}
