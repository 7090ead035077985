package itest

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/itest/dbserver"
	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
	"github.com/orgusers/go-orgusers/store/storetest"
)

// TestGalera are the tests of the cluster, one after the other beside those of other engines: each is
// alone there with its CREATE TABLE.
func TestGalera(t *testing.T) {
	t.Parallel()
	t.Run("Races", galeraRaces)
	t.Run("Acknowledged", galeraAcknowledged)
	t.Run("Certification", galeraCertification)
	t.Run("NodeNotReady", galeraNodeNotReady)
	t.Run("SyncWait", galeraSyncWait)
	t.Run("Migrate", galeraMigrate)
	t.Run("Check", galeraCheck)
	t.Run("Conformance", galeraConformance)
}

// nodes are the three databases of one test, which are one.
type nodes [3]database

func galeraNodes(t testing.TB) (n nodes) {
	t.Helper()
	for i, node := range dbserver.Galera(t) {
		n[i] = database{driver: "mysql", dsn: node.DSN, dialect: sqlstore.MySQL()}
	}
	return n
}

// with is the database with a setting of the session.
func (d database) with(t testing.TB, name, value string) database {
	t.Helper()
	config, err := mysql.ParseDSN(d.dsn)
	require.NoError(t, err)
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params[name] = value
	d.dsn = config.FormatDSN()
	return d
}

// cluster is a store at each node.
type cluster struct {
	suite.Cluster
	dbs [3]*sql.DB
}

func (n nodes) cluster(t testing.TB) (c cluster) {
	t.Helper()
	var synced [3]*sql.DB
	for i, d := range n {
		c.dbs[i] = d.open(t, 8)
		s, err := sqlstore.New(c.dbs[i], d.dialect)
		require.NoError(t, err)
		if i == 0 {
			require.NoError(t, s.Migrate(context.Background()))
		}
		c.Nodes = append(c.Nodes, s)
		synced[i] = d.with(t, "wsrep_sync_wait", "1").open(t, 1)
	}
	c.Settle = func(t testing.TB) {
		t.Helper()
		for _, db := range synced {
			var n int
			require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM orgusers_schema_version").Scan(&n))
		}
	}
	c.Settle(t)
	return c
}

// pool are clusters for the tests below one, each used by one at a time. They are made before the
// first of them begins: the whole cluster stands still for every CREATE TABLE, and a commit that is
// under way then may wait longer than anybody is willing to.
type pool chan cluster

func newPool(t testing.TB, n int) pool {
	t.Helper()
	p := make(pool, n)
	for range n {
		p <- galeraNodes(t).cluster(t)
	}
	return p
}

func (p pool) take(t testing.TB) suite.Cluster {
	t.Helper()
	c := <-p
	t.Cleanup(func() { p <- c })
	for _, table := range tables {
		_, err := c.dbs[0].Exec("DELETE FROM orgusers_" + table)
		require.NoError(t, err)
	}
	c.Settle(t)
	return c.Cluster
}

// The races between services on different nodes, of which none waits for what the others have
// written (wsrep_sync_wait is 0, Galera's default).
func galeraRaces(t *testing.T) {
	suite.RacesAcross(t, newPool(t, 8).take)
}

// A node that finds at COMMIT, or at any statement before it, that another was faster says deadlock
// (1213). That is a conflict, also for a host whose own transaction it is.
func galeraCertification(t *testing.T) {
	c := galeraNodes(t).cluster(t)
	small(t, c.Nodes[0], "o", 2)
	c.Settle(t)
	first, db := c.Nodes[0], c.dbs[1]
	second := c.Nodes[1].(*sqlstore.Store)
	for i := range 20 {
		v := organization(t, first, "o")
		c.Settle(t)
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		in := second.WithTx(tx)
		late := organization(t, in, "o")
		require.Equal(t, v.Version, late.Version)
		late.Name = "lost update"
		require.NoError(t, in.Commit(t.Context(), orgusers.Changes{Org: &late}), "here nothing stands against it")
		require.NoError(t, first.Commit(t.Context(), orgusers.Changes{Org: &v}), "nor there")
		if i%2 == 0 {
			c.Settle(t) // the transaction is undone before it goes on
			require.ErrorIs(t, in.Touch(t.Context(), "o-u1", at(i)), orgusers.ErrConflict)
			require.NoError(t, tx.Rollback())
			continue
		}
		err = second.CommitError(tx.Commit())
		require.ErrorIs(t, err, orgusers.ErrConflict)
		require.NotErrorIs(t, err, orgusers.ErrUnknownOutcome)
	}
	require.Equal(t, "o", organization(t, first, "o").Name)
	require.NoError(t, second.CommitError(nil))
}

// A node outside the cluster (1047) is a failure of the store, known to have changed nothing; what a
// person may do there is nothing, and all is well when it is back.
func galeraNodeNotReady(t *testing.T) {
	c := galeraNodes(t).cluster(t)
	s := c.Nodes[1]
	w := world.New(t, s)
	org := suite.NewOrg(t, w, "Acme", "owner@acme.example")
	v := organization(t, s, org.ID)
	_, err := w.Svc.Access(t.Context(), org.Owner, org.ID)
	require.NoError(t, err)

	again := dbserver.GaleraRefuses(t, 1)
	for name, call := range map[string]func() error{
		"view":    func() error { _, err := s.View(t.Context(), orgusers.ViewQuery{Org: org.ID}); return err },
		"commit":  func() error { return s.Commit(t.Context(), orgusers.Changes{Org: &v}) },
		"access":  func() error { _, err := w.Svc.Access(t.Context(), org.Owner, org.ID); return err },
		"command": func() error { return w.Operator().DisableOrganization(t.Context(), org.ID) },
		"worker":  func() error { _, err := w.Svc.Dispatch(t.Context(), 1); return err },
	} {
		err := call()
		var cause *mysql.MySQLError
		require.ErrorAs(t, err, &cause, name)
		require.Equal(t, uint16(1047), cause.Number, name)
		require.NotErrorIs(t, err, orgusers.ErrConflict, name)
		require.NotErrorIs(t, err, orgusers.ErrUnknownOutcome, name)
		require.NotErrorIs(t, err, orgusers.ErrNotFound, name)
		if name != "view" && name != "commit" {
			require.ErrorIs(t, err, orgusers.ErrStore, name)
		}
	}
	require.Equal(t, v, organization(t, c.Nodes[0], org.ID), "nothing was written, and the others go on")

	again()
	require.NoError(t, w.Operator().DisableOrganization(t.Context(), org.ID))
}

// What a host must set: a node that lags shows the old state to who does not wait for the rest of the
// cluster, and lets nobody act on it; with wsrep_sync_wait=1 what one node has acknowledged holds on
// every other at once (S-041, promise 3).
func galeraSyncWait(t *testing.T) {
	n := galeraNodes(t)
	c := n.cluster(t)
	lax := world.New(t, c.Nodes[1])
	org := suite.NewOrg(t, lax, "Acme", "owner@acme.example", suite.Person{Email: "ann@acme.example"})
	ann := org.Member("ann@acme.example")
	d := n[1].with(t, "wsrep_sync_wait", "1")
	strict := lax.On(d.store(t, d.open(t, 4)))
	actor := lax.Actor(ann.User)
	access := func(w *world.World) error { _, err := w.Svc.Access(t.Context(), actor, org.ID); return err }
	require.NoError(t, access(lax))
	require.NoError(t, access(strict))

	release := dbserver.GaleraLags(t, 1)
	require.NoError(t, lax.On(c.Nodes[0]).Svc.Admin(org.Owner, org.ID).Do(t.Context(), orgusers.Remove{}, ann.ID))
	require.NoError(t, access(lax), "the node has not heard of it")
	stale := organization(t, c.Nodes[1], org.ID)
	refused := make(chan error)
	go func() { refused <- access(strict) }()
	select {
	case err := <-refused:
		require.Fail(t, "answered before the node had caught up", "%v", err)
	case <-time.After(100 * time.Millisecond):
	}
	release()
	require.ErrorIs(t, <-refused, orgusers.ErrNotFound)
	require.ErrorIs(t, c.Nodes[1].Commit(t.Context(), orgusers.Changes{Org: &stale}), orgusers.ErrConflict)
}

// Three hosts, each at its own node, migrate at once.
func galeraMigrate(t *testing.T) {
	var wg sync.WaitGroup
	for _, d := range galeraNodes(t) {
		s, err := sqlstore.New(d.open(t, 4), d.dialect)
		require.NoError(t, err)
		wg.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// On a cluster a node may be behind, unless it is told to wait.
func galeraCheck(t *testing.T) {
	d := galeraNodes(t)[0]
	list := findings(t, d.store(t, d.open(t, 4)))
	require.Equal(t, []sqlstore.Code{sqlstore.CodeSyncWait}, codes(list))
	d = d.with(t, "wsrep_sync_wait", "1")
	require.Empty(t, findings(t, newStore(t, d.open(t, 4), d)))
}

// The suite that every store runs, on one node.
func galeraConformance(t *testing.T) {
	databases := newShelf(t, func(t testing.TB) database { return galeraNodes(t)[0] })
	storetest.Share(t, share(), func(t *testing.T) orgusers.Store {
		t.Parallel()
		return databases.store(t, way{conns: 8})
	})
}
