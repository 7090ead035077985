package itest

import (
	"database/sql"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// runScript runs one exported migration as another tool would.
func runScript(t testing.TB, db *sql.DB, files fs.FS, name string) {
	t.Helper()
	data, err := fs.ReadFile(files, name)
	require.NoError(t, err)
	for statement := range strings.SplitSeq(string(data), ";\n") {
		if strings.TrimSpace(statement) != "" {
			_, err := db.Exec(statement)
			require.NoError(t, err, statement)
		}
	}
}

// A database of the first version, with people in it, becomes one of today's: everybody is still
// there, with no failure and no subject, and can sign in.
func TestUpgradeFromTheFirstVersion(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := newStore(t, db, d)
		files, err := s.Migrations()
		require.NoError(t, err)
		runScript(t, db, files, "0001_init.sql")
		require.Equal(t, 1, status(t, s).Version)
		for _, row := range []string{
			`INSERT INTO orgusers_organizations VALUES ('o', 'Acme', 0, 'u', '{"domains":["x.example"],"sso":true}', '', '', 1, 0, 1, 0, 0, '', -62135596800000000, 5, 7)`,
			`INSERT INTO orgusers_users VALUES ('u', 'U@x.example', 'u@x.example', 'Ann', 'Lee', 1, 'hash', 0, '', 0, '', -62135596800000000, 0, '', '', 0, 0, 5, 0, 1, 5, 3)`,
			`INSERT INTO orgusers_stack_roles VALUES ('o', 'r', 'Editor', 'Writes', 'a:b c:d', 1)`,
			`INSERT INTO orgusers_members VALUES ('o', 'm', 'u', 'U@x.example', 'u@x.example', 'admin', 'active', 0, '', '', 5, '', '', 0, 0, 0, 5, 'Ann', 'Lee', 'lee ann', 0, 5, -62135596800000000, 1)`,
		} {
			_, err := db.Exec(row)
			require.NoError(t, err, row)
		}
		require.NoError(t, s.Migrate(t.Context()))
		require.Equal(t, status(t, s).Latest, status(t, s).Version)

		require.Equal(t, []orgusers.StackRole{{ID: "r", Org: "o", Name: "Editor", Description: "Writes", Permissions: []orgusers.Permission{"a:b", "c:d"}}},
			view(t, s, orgusers.ViewQuery{Org: "o", Roles: true}).Roles)
		v := view(t, s, orgusers.ViewQuery{Person: orgusers.PersonQuery{Key: "u@x.example"}})
		require.NotNil(t, v.Person)
		require.Equal(t, orgusers.PasswordHash("hash"), v.Person.User.Password)
		require.Zero(t, v.Person.User.Failures)
		require.Len(t, v.Person.Memberships, 1)
		require.Empty(t, v.Person.Memberships[0].Member.Subject)
		require.Equal(t, orgusers.Settings{AllowedDomains: []string{"x.example"}, SSO: orgusers.SSO{Enabled: true}}, v.Person.Memberships[0].Settings)
		n := filledSession("n", "u")
		require.NoError(t, s.Commit(t.Context(), orgusers.Changes{
			Users:       []orgusers.UserUpdate{{ID: "u", Version: 3, Patch: orgusers.UserPatch{Failures: orgusers.Some(2)}}},
			Profiles:    []orgusers.Profile{{User: "u", Name: v.Person.User.Name, LastLogin: at(1)}},
			NewSessions: []orgusers.Session{n},
		}))
		v = view(t, s, orgusers.ViewQuery{Person: orgusers.PersonQuery{Token: n.Token}})
		require.Equal(t, 2, v.Person.User.Failures)
		require.Equal(t, at(1), v.Person.Memberships[0].Member.LastLogin)
		require.Equal(t, []orgusers.Session{n}, v.Person.Sessions)
	})
}
