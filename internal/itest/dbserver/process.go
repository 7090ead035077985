package dbserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// errEnded says that a server process ended by itself.
var errEnded = errors.New("the server ended")

// process is a program of a database server, running as the owner of its folder.
type process struct {
	command *exec.Cmd
	signal  syscall.Signal // what ends it, and what the kernel sends when the test process is gone
	logPath string
	done    chan struct{} // closed when it has ended
	err     error         // of its end; to be read after done
}

// serve starts a server, which runs until the folder is closed.
func (f *folder) serve(signal syscall.Signal, logName, program string, args ...string) (*process, error) {
	p, err := f.run(signal, logName, program, args...)
	if err == nil {
		f.servers = append(f.servers, p)
	}
	return p, err
}

// run starts a program in the folder, with its output going to a log there.
func (f *folder) run(signal syscall.Signal, logName, program string, args ...string) (*process, error) {
	p := &process{
		command: exec.Command(program, args...), signal: signal,
		logPath: filepath.Join(f.path, logName), done: make(chan struct{}),
	}
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.command.Dir = f.path // a server's account may have no right to the test's own folder
	p.command.Env = environment(filepath.Dir(program), f.path)
	p.command.Stdout, p.command.Stderr = log, log
	p.command.SysProcAttr = attributes(f.owner, signal)

	started := make(chan error)
	go func() {
		// To the kernel the parent is the thread that started the process. Locked and waiting, it
		// lives as long as the process does; any other thread might end earlier and take it along.
		runtime.LockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			p.err = p.command.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	return p, nil
}

// finish runs a program to its end.
func (f *folder) finish(ctx context.Context, logName, program string, args ...string) error {
	p, err := f.run(syscall.SIGKILL, logName, program, args...)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.stop()
		return fmt.Errorf("%s: %w\n%s", program, ctx.Err(), p.tail())
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w\n%s", program, p.err, p.tail())
	}
	return nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop ends the process and returns when it is gone.
func (p *process) stop() {
	if !p.ended() {
		kill(p.command.Process, p.signal)
	}
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		kill(p.command.Process, syscall.SIGKILL)
		<-p.done
	}
}

// tail is the end of the log, for a message about what went wrong.
func (p *process) tail() string {
	text, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	lines = lines[max(0, len(lines)-40):]
	return "the end of " + p.logPath + ":\n" + string(bytes.Join(lines, []byte("\n"))) + "\n"
}

// environment is all that a server sees of ours: nothing that would change its settings, such as
// PGDATA, or its language, by which errors are recognised here.
func environment(programs, home string) []string {
	path := []string{programs, os.Getenv("PATH"), "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
	return []string{
		"PATH=" + strings.Join(path, string(filepath.ListSeparator)),
		"HOME=" + home, "TMPDIR=" + home, "LC_ALL=C",
	}
}
