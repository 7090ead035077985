package pgxhost_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/orgusers/go-orgusers/examples/hosts/pgxhost"
	"github.com/orgusers/go-orgusers/internal/itest/dbserver"
	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

func TestMain(m *testing.M) { os.Exit(dbserver.Main(m)) }

// PostgreSQL through the host's own pool.
func fromPool(t *testing.T) (*sql.DB, sqlstore.Dialect) {
	pool, err := pgxpool.New(t.Context(), dbserver.PostgreSQL(t).DSN)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return stdlib.OpenDBFromPool(pool), sqlstore.PostgreSQL()
}

func sqlite(t *testing.T) (*sql.DB, sqlstore.Dialect) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "users.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
	require.NoError(t, err)
	return db, sqlstore.SQLite()
}

// onBoth runs a test with a host that has an organization, on both databases.
func onBoth(t *testing.T, test func(t *testing.T, h *pgxhost.Host, w *world.World, org world.Org)) {
	for name, open := range map[string]func(*testing.T) (*sql.DB, sqlstore.Dialect){"PostgreSQL": fromPool, "SQLite": sqlite} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, dialect := open(t)
			t.Cleanup(func() { require.NoError(t, db.Close()) }) // before the pool
			store, err := sqlstore.New(db, dialect)
			require.NoError(t, err)
			require.NoError(t, store.Migrate(t.Context()))
			_, err = db.Exec(pgxhost.Schema)
			require.NoError(t, err)
			w := world.New(t, store)
			org := suite.NewOrg(t, w, "Acme", "owner@acme.example", suite.Person{Email: "member@acme.example"})
			test(t, &pgxhost.Host{DB: db, Store: store, Users: w.Svc}, w, org)
		})
	}
}

// projects are the host's rows, and stacks those of orgusers: by name.
func projects(t *testing.T, h *pgxhost.Host) (names []string) {
	t.Helper()
	rows, err := h.DB.Query("SELECT name FROM projects ORDER BY name")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	return names
}

func stacks(t *testing.T, org world.Org) (names []string) {
	t.Helper()
	list, err := org.Admin().Stacks(context.Background())
	require.NoError(t, err)
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names
}

func TestCommitsTogether(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, h *pgxhost.Host, w *world.World, org world.Org) {
		require.NoError(t, h.NewProject(t.Context(), org.Owner, org.ID, "Website"))
		require.Equal(t, []string{"Website"}, projects(t, h))
		require.Equal(t, []string{"Website"}, stacks(t, org))
		suite.CheckOrg(t, w, org.ID)
	})
}

func TestRollsBackTogether(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, h *pgxhost.Host, w *world.World, org world.Org) {
		// The host's own row is refused after orgusers has written.
		_, err := h.DB.Exec("INSERT INTO projects (name, stack) VALUES ('Website', '')")
		require.NoError(t, err)
		require.Error(t, h.NewProject(t.Context(), org.Owner, org.ID, "Website"))
		require.Empty(t, stacks(t, org))
		// orgusers refuses, and the host's row goes with it.
		member := w.Actor(org.Member("member@acme.example").User)
		require.ErrorIs(t, h.NewProject(t.Context(), member, org.ID, "Shop"), orgusers.ErrDenied)
		require.Equal(t, []string{"Website"}, projects(t, h))
		require.Empty(t, stacks(t, org))
		suite.CheckOrg(t, w, org.ID)
	})
}

func TestImportUsesPgxInTheSameTransaction(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, h *pgxhost.Host, w *world.World, org world.Org) {
		err := h.Import(t.Context(), org.Owner, org.ID, "Old", []string{"a", "b", "c"})
		if t.Name() == "TestImportUsesPgxInTheSameTransaction/SQLite" {
			require.ErrorContains(t, err, "needs PostgreSQL")
			require.Empty(t, stacks(t, org))
			return
		}
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b", "c"}, projects(t, h))
		require.Equal(t, []string{"Old"}, stacks(t, org))
		require.Error(t, h.Import(t.Context(), org.Owner, org.ID, "New", []string{"d", "a"}), "a is there already")
		require.Equal(t, []string{"a", "b", "c"}, projects(t, h))
		require.Equal(t, []string{"Old"}, stacks(t, org))
		suite.CheckOrg(t, w, org.ID)
	})
}

// Many at once get in each other's way; each starts over and none is half done.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, h *pgxhost.Host, w *world.World, org world.Org) {
		const n = 4
		var wg sync.WaitGroup
		errs := make([]error, n)
		for i := range n {
			wg.Go(func() { errs[i] = h.NewProject(context.Background(), org.Owner, org.ID, fmt.Sprint("Project ", i)) })
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		require.Len(t, projects(t, h), n)
		require.Len(t, stacks(t, org), n)
		suite.CheckOrg(t, w, org.ID)
	})
}
