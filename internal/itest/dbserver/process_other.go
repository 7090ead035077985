//go:build !linux

package dbserver

import (
	"errors"
	"os"
	"syscall"
)

// Elsewhere than on Linux the servers run as the developer, who is not root, and a test binary that is
// killed leaves them running.

type owner struct{ uid, gid int }

func unprivileged(...string) (*owner, error) {
	if os.Geteuid() == 0 {
		return nil, errors.New("database servers do not run as root")
	}
	return nil, nil
}

func attributes(*owner, syscall.Signal) *syscall.SysProcAttr { return nil }

func detached() *syscall.SysProcAttr { return nil }

func kill(p *os.Process, signal syscall.Signal) { _ = p.Signal(signal) }

func memory() (string, bool) { return fallback, false }

// tryLock takes no lock: a folder in use is never mistaken for one left behind.
func tryLock(*os.File) bool { return false }
