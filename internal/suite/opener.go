package suite

import (
	"testing"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Opener opens an empty store for one test and closes it when the test ends.
type Opener = func(t testing.TB) orgusers.Store

// Cluster is an empty database with several nodes.
type Cluster struct {
	Nodes []orgusers.Store // one for each
	// Settle returns when every node has what any of them has acknowledged. nil: they are one.
	Settle func(testing.TB)
}

// ClusterOpener is an Opener of clusters.
type ClusterOpener = func(t testing.TB) Cluster

// twice is a store to which two services are connected.
func twice(open Opener) ClusterOpener {
	return func(t testing.TB) Cluster {
		s := open(t)
		return Cluster{Nodes: []orgusers.Store{s, s}}
	}
}
