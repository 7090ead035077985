package itest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
	"github.com/orgusers/go-orgusers/orgusers"
)

// S-226: who gives up while the COMMIT is under way is told what became of it, if that does not take
// long; after five seconds the outcome is unknown to him, and certain for whoever writes next.
func TestS226_SlowCommit(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(testing.TB) database{"pgx": postgresDatabase, "lib-pq": pqDatabase} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := make(t)
			db, control := faultdriver.Open(d.driver, d.dsn)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			s := d.store(t, db)
			o := prepared(t, s)
			for _, statement := range []string{
				`CREATE TABLE pace (seconds FLOAT)`,
				`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(seconds) FROM pace; RETURN NULL; END $$`,
				`CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON orgusers_organizations DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION slow()`,
			} {
				_, err := db.Exec(statement)
				require.NoError(t, err)
			}
			commit := func(seconds float64) (time.Duration, error) {
				_, err := db.Exec(fmt.Sprintf(`WITH gone AS (DELETE FROM pace) INSERT INTO pace VALUES (%f)`, seconds))
				require.NoError(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var begun time.Time
				control.OnCall(func(_ int, call string) {
					if call == faultdriver.Commit {
						begun = time.Now()
						time.AfterFunc(100*time.Millisecond, cancel)
					}
				})
				err = s.Commit(ctx, orgusers.Changes{Org: &o})
				control.OnCall(nil)
				require.Error(t, ctx.Err(), "it was given up meanwhile")
				return time.Since(begun), err
			}

			_, err := commit(0.5)
			require.NoError(t, err)
			require.Equal(t, o.Version+1, organization(t, s, "o").Version)

			o.Version++
			took, err := commit(12)
			require.ErrorIs(t, err, orgusers.ErrUnknownOutcome)
			require.Greater(t, took, 5*time.Second)
			// It waits for the other one's end, and either fails for it or excludes it.
			_, err = db.Exec(`DELETE FROM pace`)
			require.NoError(t, err)
			if err := s.Commit(t.Context(), orgusers.Changes{Org: &o}); err != nil {
				require.ErrorIs(t, err, orgusers.ErrConflict)
			}
			require.Equal(t, o.Version+1, organization(t, s, "o").Version, "once")
			idle(t, db)
		})
	}
}
