package dbserver

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
)

// watchdogScript waits until the test process closes its end of the pipe, which the kernel does for a
// process that is killed. Then it gives what still works in the folder a few seconds to end, ends it,
// and removes the folder. The servers themselves are ended by the kernel or by stop; this is for what
// they have started, such as the script by which a node of a cluster copies its data to another.
const watchdogScript = `
read -r _
left() { ls -l /proc/[0-9]*/cwd 2>/dev/null | sed 's|$|/|' | grep -F -- "-> $1/" | sed 's|.*/proc/\([0-9]*\)/cwd .*|\1|'; }
for round in $(seq 100); do
	pids=$(left "$1")
	[ -n "$pids" ] || break
	[ "$round" -le 20 ] || kill -KILL $pids
	sleep 0.1
done
rm -rf -- "$1"
`

// watchdog is the process that cleans up, even if ours cannot.
type watchdog struct {
	path    string
	command *exec.Cmd
	pipe    io.Closer
}

func watch(path string) (*watchdog, error) {
	w := &watchdog{path: path, command: exec.Command("/bin/sh", "-c", watchdogScript, "sh", path)}
	w.command.Dir = "/"
	w.command.SysProcAttr = detached()
	pipe, err := w.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	w.pipe = pipe
	if err := w.command.Start(); err != nil {
		return nil, err
	}
	return w, nil
}

// cleanUp returns when the folder is gone.
func (w *watchdog) cleanUp() error {
	err := errors.Join(w.pipe.Close(), w.command.Wait())
	if _, stat := os.Stat(w.path); !errors.Is(stat, fs.ErrNotExist) {
		return fmt.Errorf("%s was left behind: %w", w.path, errors.Join(stat, err))
	}
	return nil
}
