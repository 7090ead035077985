package itest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// What was acknowledged is there, and what was refused is not, whole, whichever of three nodes three
// writers of one organization are at. A node that undoes a transaction for another node's sake forgets
// to say so when a prepared SELECT is closed just then (MariaDB 10.11): one COMMIT in some hundreds
// succeeded with nothing written.
func galeraAcknowledged(t *testing.T) {
	c := galeraNodes(t).cluster(t)
	_, err := c.dbs[0].Exec("CREATE TABLE host (id VARBINARY(64) NOT NULL, PRIMARY KEY (id))")
	require.NoError(t, err)
	const orgs = 4
	for i := range orgs {
		small(t, c.Nodes[0], fmt.Sprint("o", i), 1)
	}
	c.Settle(t)
	for name, commit := range map[string]func(s *sqlstore.Store, db *sql.DB, org orgusers.OrgID, id string) error{
		// A commit with a counter that has a bound reads it at its end.
		"own": func(s *sqlstore.Store, _ *sql.DB, org orgusers.OrgID, id string) error {
			return write(s, org, id)
		},
		// In a host's transaction the host's row comes first, then the store's reads.
		"host's": func(s *sqlstore.Store, db *sql.DB, org orgusers.OrgID, id string) error {
			tx, err := db.Begin()
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if _, err := tx.Exec("INSERT INTO host (id) VALUES (?)", id); err != nil {
				return errors.Join(orgusers.ErrConflict, err)
			}
			if err := write(s.WithTx(tx), org, id); err != nil {
				return err
			}
			return s.CommitError(tx.Commit())
		},
	} {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			var acknowledged, refused, wrong atomic.Int64
			deadline := time.Now().Add(5 * time.Second)
			enough := func() bool { return acknowledged.Load() > 1000 && refused.Load() > 1000 && !soaking }
			for i := range orgs * len(c.Nodes) {
				db, s := c.dbs[i%len(c.Nodes)], c.Nodes[i%len(c.Nodes)].(*sqlstore.Store)
				org := orgusers.OrgID(fmt.Sprint("o", i/len(c.Nodes)))
				wg.Go(func() {
					for k := 0; time.Now().Before(deadline) && !enough(); k++ {
						id := fmt.Sprint(name, "-", i, "-", k)
						err := commit(s, db, org, id)
						var n int
						ask := "SELECT (SELECT COUNT(*) FROM orgusers_audit WHERE org_id = ? AND id = ?) + (SELECT COUNT(*) FROM orgusers_counters WHERE name = ?) + (SELECT COUNT(*) FROM host WHERE id = ?)"
						if e := db.QueryRow(ask, string(org), id, id, id).Scan(&n); e != nil {
							t.Error(e)
							return
						}
						want := map[string]int{"own": 2, "host's": 3}[name]
						switch {
						case err == nil:
							acknowledged.Add(1)
						case errors.Is(err, orgusers.ErrConflict):
							refused.Add(1)
							want = 0
						default:
							t.Error(err)
							return
						}
						if n != want {
							wrong.Add(1)
							t.Logf("%s: %v, and %d of %d rows", id, err, n, want)
						}
					}
				})
			}
			wg.Wait()
			t.Logf("%d acknowledged, %d refused", acknowledged.Load(), refused.Load())
			require.Zero(t, wrong.Load())
			require.Greater(t, acknowledged.Load(), int64(20))
			require.Greater(t, refused.Load(), int64(20), "they met")
		})
	}
}

// write looks at the organization and commits an entry and a counter.
func write(s *sqlstore.Store, org orgusers.OrgID, id string) error {
	v, err := s.View(context.Background(), orgusers.ViewQuery{Org: org, Owner: true})
	if err != nil {
		return err
	}
	v.Org.AuditSeq++
	return s.Commit(context.Background(), orgusers.Changes{
		Org:      &v.Org,
		Audit:    []orgusers.AuditEntry{{ID: orgusers.EntryID(id), Org: org, Seq: v.Org.AuditSeq, Chained: true}},
		Counters: []orgusers.Counter{{Key: id, Add: 1, Most: 5, ExpiresAt: at(0)}},
	})
}
