package dbserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// nodes are the least for a cluster in which one can be lost and two still agree.
const nodes = 3

func startGalera() (*server, error) {
	programs, err := findMariaDB()
	if err != nil {
		return nil, err
	}
	// By these a node that joins gets its data.
	for _, program := range []string{"wsrep_sst_rsync", "rsync"} {
		if _, err := installed(program); err != nil {
			return nil, err
		}
	}
	library, err := newest("/usr/lib/galera/libgalera_smm.so", "/usr/lib/libgalera_smm.so",
		"/usr/lib64/galera*/libgalera_smm.so", "/usr/local/lib/libgalera_smm.so")
	if err != nil {
		return nil, err
	}
	return launch("mysql", 4*nodes, func(ctx context.Context, f *folder, ports []int) (*server, error) {
		var cluster [nodes]*mariadbNode
		for i := range cluster {
			cluster[i] = &mariadbNode{folder: f, programs: programs, name: "node" + strconv.Itoa(i), port: ports[4*i]}
			if err := cluster[i].configure(clusterSettings(library, i, ports)...); err != nil {
				return nil, err
			}
		}
		s := newMySQL("Galera", cluster[0].admin(), cluster[0].dsn, cluster[1].dsn, cluster[2].dsn)
		if err := s.form(ctx, cluster); err != nil {
			return nil, err
		}
		if err := s.openMySQL(ctx); err != nil {
			return nil, err
		}
		provider, err := s.status(ctx, "wsrep_provider_version")
		s.version += " with Galera " + provider
		return s, err
	})
}

// form starts the nodes. The first founds the cluster with data of its own; the others begin empty
// and copy it. One joins after the other, because two that ask at once make each other wait.
func (s *server) form(ctx context.Context, cluster [nodes]*mariadbNode) error {
	for i, n := range cluster {
		var args []string
		if i == 0 {
			if err := n.install(ctx); err != nil {
				return err
			}
			args = []string{"--wsrep-new-cluster"}
		}
		if err := n.start(args...); err != nil {
			return err
		}
		node := newMySQL(n.name, n.admin())
		s.members = append(s.members, node)
		if err := eventually(ctx, n.process, func() error {
			state, err := node.status(ctx, "wsrep_local_state_comment")
			if err == nil && state != "Synced" {
				err = fmt.Errorf("%s is %s", n.name, state)
			}
			return err
		}); err != nil {
			return err
		}
	}
	size, err := s.status(ctx, "wsrep_cluster_size")
	if err == nil && size != strconv.Itoa(nodes) {
		err = fmt.Errorf("the cluster has %s nodes", size)
	}
	return err
}

// status is one of the server's figures about itself.
func (s *server) status(ctx context.Context, name string) (string, error) {
	value, err := s.text(ctx,
		"SELECT variable_value FROM information_schema.global_status WHERE variable_name = '"+name+"'")
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("%s is not known yet", name)
	}
	return value, err
}

// clusterSettings are those of node i. Each has four ports: for clients, for the group, and for the
// two ways of receiving data.
func clusterSettings(library string, i int, ports []int) []string {
	var group []string
	for j := range nodes {
		group = append(group, local(ports[4*j+1]))
	}
	options := []string{
		"gmcast.listen_addr=tcp://" + local(ports[4*i+1]),
		"ist.recv_addr=" + local(ports[4*i+2]),
		"gcache.size=64M",
		// Joining is quick, and losing a node slow: on a busy machine a node that is late must not be
		// taken for one that is dead.
		"pc.announce_timeout=PT0.2S",
		"evs.join_retrans_period=PT0.2S",
		"evs.inactive_check_period=PT0.2S",
		"evs.suspect_timeout=PT30S",
		"evs.inactive_timeout=PT60S",
	}
	return []string{
		"wsrep_on=ON",
		"wsrep_provider=" + library,
		`wsrep_provider_options="` + strings.Join(options, ";") + `"`,
		"wsrep_cluster_name=orgusers-" + strconv.Itoa(ports[0]),
		"wsrep_cluster_address=gcomm://" + strings.Join(group, ","),
		"wsrep_node_name=node" + strconv.Itoa(i),
		"wsrep_node_address=127.0.0.1",
		"wsrep_node_incoming_address=" + local(ports[4*i]),
		"wsrep_sst_method=rsync",
		"wsrep_sst_receive_address=" + local(ports[4*i+3]),
		"binlog_format=ROW",
		"innodb_autoinc_lock_mode=2",
		// Now and then a node does not undo a transaction that stands in the way of what another has
		// committed, and applies nothing until this time is over (seen in 10.11, where the default is 50 s).
		"innodb_lock_wait_timeout=2",
	}
}
