package dbserver

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// owner is the account that servers run as; nil is our own.
type owner struct{ uid, gid int }

// unprivileged picks the account for a server. Database servers refuse to run as root, and would be
// wrong not to, so root lends them the first of these accounts that the machine has, or nobody's.
func unprivileged(names ...string) (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range append(names, "nobody") {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(found.Uid)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.Atoi(found.Gid)
		if err != nil {
			return nil, err
		}
		return &owner{uid: uid, gid: gid}, nil
	}
	return nil, fmt.Errorf("no unprivileged account to run a server as: %q, nobody", names)
}

// attributes have the kernel end the process with ours, and keep an interrupt at the terminal from
// ending it before us.
func attributes(o *owner, signal syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: signal}
	if o != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
	}
	return attr
}

// detached keeps a process from the signals of our terminal.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// kill signals the process and the helpers in its group. An error means that they are gone.
func kill(p *os.Process, signal syscall.Signal) {
	_ = syscall.Kill(-p.Pid, signal)
}

// memory is the folder that lies in memory, and whether it has room for the servers of several test
// binaries. By default it may take half of the memory, so that such a machine has 16 GiB or more.
func memory() (folder string, roomy bool) {
	const enough = 8 << 30 // bytes
	folder = "/dev/shm"
	var fs syscall.Statfs_t
	err := syscall.Statfs(folder, &fs)
	return folder, err == nil && fs.Bavail*uint64(fs.Bsize) >= enough
}

// tryLock takes the lock on an open file unless another process has it. It is released when the file
// is closed, at the latest by the end of the process.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
