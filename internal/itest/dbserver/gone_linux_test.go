package dbserver

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// childEnd tells this test binary, started by itself, how to end.
const childEnd = "ORGUSERS_DBSERVER_CHILD_END"

// TestChild is the test process of TestNothingIsLeft, and nothing else.
func TestChild(t *testing.T) {
	end := os.Getenv(childEnd)
	if end == "" {
		return
	}
	t.Log(PostgreSQL(t).DSN)
	t.Log(MariaDB(t).DSN)
	switch end {
	case "panic":
		panic("as a test does that is broken")
	case "kill":
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGKILL))
	}
}

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"return", "panic", "kill"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			temp, err := os.MkdirTemp("/tmp", "dbserver-test-") //nolint:usetesting // t.TempDir is closed to the accounts that servers run as
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(temp) })
			require.NoError(t, os.Chmod(temp, 0o755))

			program, err := os.Executable()
			require.NoError(t, err)
			child := exec.CommandContext(t.Context(), program, "-test.run=^TestChild$", "-test.v")
			child.Env = append(os.Environ(), childEnd+"="+end, "TMPDIR="+temp)
			out, err := child.CombinedOutput()
			// Two servers were there indeed.
			require.Len(t, regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAll(out, -1), 2, string(out))

			if end == "return" {
				require.NoError(t, err, string(out))
				require.Empty(t, processes(t, temp), "stopped before the test process ends")
				require.Empty(t, entries(t, temp))
				return
			}
			require.Error(t, err)
			require.Eventually(t, func() bool {
				return len(processes(t, temp)) == 0 && len(entries(t, temp)) == 0
			}, 30*time.Second, 20*time.Millisecond)
		})
	}
}

// Helpers of a server are not ended by the kernel, and need not notice that it is gone.
func TestAStrayHelperIsEnded(t *testing.T) {
	t.Parallel()
	o, err := unprivileged()
	require.NoError(t, err)
	f, err := newFolder(o)
	require.NoError(t, err)
	require.NoError(t, f.subfolder("data"))
	stray := exec.CommandContext(t.Context(), "/bin/sleep", "600")
	stray.Dir = f.in("data")
	require.NoError(t, stray.Start())
	ended := make(chan error, 1)
	go func() { ended <- stray.Wait() }()
	require.Len(t, processes(t, f.path), 2, "the helper and the watchdog")
	require.NoError(t, f.close())
	require.Empty(t, processes(t, f.path))
	require.NoDirExists(t, f.path)
	require.ErrorContains(t, <-ended, "killed")
}

func TestOnlyAFolderLeftBehindIsSwept(t *testing.T) {
	t.Parallel()
	o, err := unprivileged()
	require.NoError(t, err)
	used, err := newFolder(o)
	require.NoError(t, err)
	base := filepath.Dir(used.path)
	left, err := os.MkdirTemp(base, folderName) //nolint:usetesting // it stands for one left by another process
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(left, "lock"), nil, 0o600))
	sweep(base)
	require.NoDirExists(t, left)
	require.FileExists(t, used.in("lock"))
	require.NoError(t, used.close())
	require.NoDirExists(t, used.path)
}

func entries(t *testing.T, folder string) []fs.DirEntry {
	t.Helper()
	found, err := os.ReadDir(folder)
	require.NoError(t, err)
	return found
}

// processes are those with the text in their command line or their working folder.
func processes(t *testing.T, text string) (found []string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		cwd, _ := os.Readlink(filepath.Join(filepath.Dir(path), "cwd"))
		if bytes.Contains(line, []byte(text)) || strings.Contains(cwd, text) {
			found = append(found, cwd+": "+string(line))
		}
	}
	return found
}
