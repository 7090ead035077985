package riverqueue_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/examples/hosts/internal/crash"
	"github.com/orgusers/go-orgusers/examples/hosts/riverqueue"
	"github.com/orgusers/go-orgusers/internal/itest/dbserver"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

func TestMain(m *testing.M) { os.Exit(dbserver.Main(m)) }

// start returns a host on PostgreSQL with River in the same database. The worker sends by the mailer.
func start(t *testing.T, mailer orgusers.Mailer) (*crash.Host, *river.Client[pgx.Tx], *pgxpool.Pool) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), dbserver.PostgreSQL(t).DSN)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	require.NoError(t, err)
	_, err = migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)
	box := crash.Box(t)
	workers := river.NewWorkers()
	river.AddWorker(workers, riverqueue.NewWorker(box, mailer))
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}}, Workers: workers,
		FetchPollInterval: 100 * time.Millisecond,
	})
	require.NoError(t, err)

	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	store, err := sqlstore.New(db, sqlstore.PostgreSQL())
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	return crash.New(t, store, riverqueue.New(client, box)), client, pool
}

func run(t *testing.T, client *river.Client[pgx.Tx]) {
	t.Helper()
	require.NoError(t, client.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, client.Stop(context.Background())) })
}

// S-219: handed over three times, each mail is one job and comes once, before and after it is done.
func TestRiverRefusesDuplicates(t *testing.T) {
	t.Parallel()
	inbox := &world.Inbox{}
	h, client, pool := start(t, inbox)
	h.HandOver()
	count := func() (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT COUNT(*) FROM river_job").Scan(&n))
		return n
	}
	require.Equal(t, len(crash.People), count())
	run(t, client)
	h.Delivered(inbox)
	require.Eventually(t, func() bool {
		var n int
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT COUNT(*) FROM river_job WHERE state = 'completed'").Scan(&n))
		return n == len(crash.People)
	}, 10*time.Second, 10*time.Millisecond)

	// The process that handed over died, and the next one was late: the job is done already.
	queue := riverqueue.New(client, crash.Box(t))
	for _, m := range inbox.All() {
		require.NoError(t, queue.Send(t.Context(), m))
	}
	require.Equal(t, len(crash.People), count())
	require.Len(t, inbox.All(), len(crash.People))

	// River keeps the jobs for a day: no link can be read there.
	var dump string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT string_agg(river_job::text, '') FROM river_job").Scan(&dump))
	for _, secret := range crash.Secrets(inbox) {
		require.NotContains(t, dump, secret)
	}
}

// A mailer that fails is tried again by River; what can never be sent is not; neither error keeps the
// secret in the link.
func TestRiverTriesAgain(t *testing.T) {
	t.Parallel()
	inbox := &world.Inbox{}
	failed := map[string]bool{}
	inbox.Fail = func(m orgusers.Mail) error {
		switch {
		case m.To == crash.People[0]:
			return fmt.Errorf("%w: no such mailbox, for %s", orgusers.ErrPermanent, m.Link)
		case !failed[m.To]:
			failed[m.To] = true
			return errors.New("try later: " + world.Token(m))
		}
		return nil
	}
	h, client, pool := start(t, inbox)
	h.HandOver()
	run(t, client)
	require.Eventually(t, func() bool { return len(inbox.All()) == len(crash.People)-1 }, 30*time.Second, 10*time.Millisecond)
	var state, problems string
	require.Eventually(t, func() bool {
		err := pool.QueryRow(t.Context(), "SELECT state, errors::text FROM river_job WHERE attempt = 1").Scan(&state, &problems)
		return err == nil && state == string(rivertype.JobStateCancelled)
	}, 10*time.Second, 10*time.Millisecond)
	require.Contains(t, problems, "/invitation?token=***")
	var all string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT string_agg(array_to_string(errors, ''), '') FROM river_job").Scan(&all))
	require.Contains(t, all, "try later: ***")
}
