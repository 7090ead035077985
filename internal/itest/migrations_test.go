package itest

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// Each migration on its own, on each kind of database: it leads to its version, Check finds everything
// that it should have made, and nothing leads back.
func TestMigrateTo(t *testing.T) {
	t.Parallel()
	onEachGood(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := newStore(t, db, d)
		latest := status(t, s).Latest
		for _, target := range []int{-1, 0, latest + 1} {
			require.ErrorIs(t, s.MigrateTo(t.Context(), target), sqlstore.ErrTarget)
		}
		require.Empty(t, schemaOf(t, db, d), "a refusal touches nothing")
		for v := 1; v <= latest; v++ {
			require.NoError(t, s.MigrateTo(t.Context(), v))
			require.NoError(t, s.MigrateTo(t.Context(), v), "again")
			require.Equal(t, sqlstore.Status{Version: v, Latest: latest, Safe: true}, status(t, s))
			want := []sqlstore.Code{}
			if v < latest {
				want = append(want, sqlstore.CodeOlder)
				_, err := s.View(t.Context(), orgusers.ViewQuery{Org: "o"})
				require.ErrorIs(t, err, sqlstore.ErrNotMigrated)
			}
			require.Equal(t, want, codes(findings(t, s)))
			if v > 1 {
				require.ErrorIs(t, s.MigrateTo(t.Context(), v-1), sqlstore.ErrTarget)
			}
		}
		works(t, s)

		// A database of a newer release is left alone, whatever the target.
		_, err := db.Exec("UPDATE orgusers_schema_version SET version = version + 1 WHERE id = 1")
		require.NoError(t, err)
		require.ErrorIs(t, s.MigrateTo(t.Context(), latest), sqlstore.ErrNewerSchema)
		_, err = s.DryRun(t.Context(), 0)
		require.ErrorIs(t, err, sqlstore.ErrNewerSchema)
	})
}

// A dry run runs nothing, and what it returns, run by hand, is the migration.
func TestDryRun(t *testing.T) {
	t.Parallel()
	onEachKind(t, func(t *testing.T, make func(testing.TB) database) {
		want, d := checked(t, make(t)), checked(t, make(t))
		migrated := want.open(t, 4)
		want.store(t, migrated)
		db := d.open(t, 4)
		s := newStore(t, db, d)
		latest := status(t, s).Latest
		for _, target := range []int{-1, latest + 1} {
			_, err := s.DryRun(t.Context(), target)
			require.ErrorIs(t, err, sqlstore.ErrTarget)
		}
		for v := 1; v <= latest; v++ {
			before := schemaOf(t, db, d)
			statements, err := s.DryRun(t.Context(), v)
			require.NoError(t, err)
			require.NotEmpty(t, statements)
			require.Equal(t, before, schemaOf(t, db, d))
			require.Equal(t, v-1, status(t, s).Version)
			run(t, db, statements...)
			require.Equal(t, v, status(t, s).Version)
		}
		require.Equal(t, schemaOf(t, migrated, want), schemaOf(t, db, d))
		require.Empty(t, findings(t, s))
		statements, err := s.DryRun(t.Context(), 0)
		require.NoError(t, err)
		require.Empty(t, statements, "nothing to do")
		works(t, s)
	})
}

// What an interrupted migration has left to do is what a dry run says then.
func TestDryRunOfTheRest(t *testing.T) {
	t.Parallel()
	onEachGood(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := newStore(t, db, d)
		all, err := s.DryRun(t.Context(), 1)
		require.NoError(t, err)
		const making, done = 4, 7 // the tables of the version and of the lock; statements of the migration
		run(t, db, all[:making+done]...)
		run(t, db, fmt.Sprintf("UPDATE orgusers_schema_version SET step = %d WHERE id = 1", done))
		require.True(t, status(t, s).Halfway)
		require.Contains(t, codes(findings(t, s)), sqlstore.CodeHalfway)
		rest, err := s.DryRun(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, append(all[:making:making], all[making+done:]...), rest)
		run(t, db, rest...)
		require.NoError(t, s.Migrate(t.Context()))
		require.Empty(t, findings(t, s))
	})
}

// The exported files make the same schema when goose itself runs them, or anything else that splits
// at semicolons; with a prefix, too.
func TestMigrationFiles(t *testing.T) {
	t.Parallel()
	onEachGood(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		for _, prefix := range []string{"goose_x_", "plain_x_"} {
			s := newStore(t, db, d, sqlstore.Options{Prefix: prefix})
			files, err := s.Migrations()
			require.NoError(t, err)
			names, err := fs.Glob(files, "*")
			require.NoError(t, err)
			require.Len(t, names, status(t, s).Latest)
			if prefix == "goose_x_" {
				dialect := map[string]goose.Dialect{"sqlite": goose.DialectSQLite3, "postgresql": goose.DialectPostgres, "mysql": goose.DialectMySQL}
				p, err := goose.NewProvider(dialect[d.dialect.String()], db, files)
				require.NoError(t, err)
				_, err = p.Up(t.Context())
				require.NoError(t, err)
				version, err := p.GetDBVersion(t.Context())
				require.NoError(t, err)
				require.Equal(t, int64(len(names)), version)
			} else {
				for _, name := range names {
					data, err := fs.ReadFile(files, name)
					require.NoError(t, err)
					for statement := range strings.SplitSeq(string(data), ";\n") {
						if strings.TrimSpace(statement) != "" {
							run(t, db, statement)
						}
					}
				}
			}
			require.Empty(t, findings(t, s))
			works(t, s)
			require.NoError(t, s.Migrate(t.Context()))
		}
	})
}

func run(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), statement)
		require.NoError(t, err, statement)
	}
}
