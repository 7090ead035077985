package dbserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"
)

// attempts is how often a server is started anew when somebody else took one of its ports first.
const attempts = 5

// launch starts a server that needs n ports, in a new folder that belongs to the account. Whatever
// build has started or written is gone after a failure, and after Main.
func launch(account string, n int, build func(ctx context.Context, f *folder, ports []int) (*server, error)) (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	owner, err := unprivileged(account)
	if err != nil {
		return nil, err
	}
	for range attempts {
		var ports []int
		if ports, err = freePorts(n); err != nil {
			return nil, err
		}
		var f *folder
		if f, err = newFolder(owner); err != nil {
			return nil, err
		}
		var s *server
		if s, err = build(ctx, f, ports); err == nil {
			s.log = f.logs
			s.remark = fmt.Sprintf("started in %.1f s", time.Since(began).Seconds())
			atEnd(f.close)
			return s, nil
		}
		err = errors.Join(fmt.Errorf("%w\n%s", err, f.logs()), f.close())
		if !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			return nil, err
		}
	}
	return nil, err
}

// freePorts picks loopback ports on which nobody listens. They lie below the range from which the
// kernel takes ports for outgoing connections, so the tests' own connections cannot take one between
// this look and the server's start; another server can, which is what attempts are for.
func freePorts(n int) ([]int, error) {
	const lowest, highest = 15000, 32000
	var ports []int
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest)
		listener, err := net.Listen("tcp4", local(port))
		if err != nil {
			continue
		}
		// It stays open until all are found, so that none is picked twice.
		defer listener.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no free loopback port")
}

// local is the address of a port of this machine.
func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
