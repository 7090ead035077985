package dbserver

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The names of the temporary folders. One is made under the second name and gets the first when it is
// locked, so that who cleans up never meets a folder that is in use and not locked yet.
const (
	folderName    = "orgusers-dbserver-"
	newFolderName = "orgusers-new-dbserver-"
)

// longestPath keeps the socket's path within what the kernel takes, 108 bytes.
const longestPath = 70

// fallback is short, and open to every account.
const fallback = "/tmp"

// folder holds all files of one server or cluster, and its processes. It is locked as long as the test
// process lives, which tells the folder of another process from one that was left behind.
type folder struct {
	path     string
	owner    *owner
	lock     *os.File
	servers  []*process
	watchdog *watchdog
}

// newFolder makes a folder that belongs to the owner and that nobody else can look into.
func newFolder(o *owner) (*folder, error) {
	inMemory, _ := memory()
	for _, base := range []string{os.TempDir(), inMemory, fallback} {
		sweep(base)
	}
	base := place(o)
	path, err := os.MkdirTemp(base, newFolderName)
	if err != nil {
		return nil, err
	}
	f := &folder{path: path, owner: o}
	if err := f.settle(filepath.Join(base, folderName+strings.TrimPrefix(filepath.Base(path), newFolderName))); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// settle locks the folder, gives it its name, and sees to its end.
func (f *folder) settle(path string) (err error) {
	if f.lock, err = os.Create(f.in("lock")); err != nil {
		return err
	}
	tryLock(f.lock)
	if err := os.Rename(f.path, path); err != nil {
		return err
	}
	f.path = path
	if f.watchdog, err = watch(path); err != nil {
		return err
	}
	return f.give(path)
}

// in is the path of a file in the folder.
func (f *folder) in(name string) string { return filepath.Join(f.path, name) }

// give hands a file or folder to the owner.
func (f *folder) give(path string) error {
	if f.owner == nil {
		return nil
	}
	return os.Chown(path, f.owner.uid, f.owner.gid)
}

// write makes a file that the owner can read.
func (f *folder) write(name, text string) error {
	if err := os.WriteFile(f.in(name), []byte(text), 0o600); err != nil {
		return err
	}
	return f.give(f.in(name))
}

// subfolder makes a folder of the owner's.
func (f *folder) subfolder(name string) error {
	if err := os.Mkdir(f.in(name), 0o700); err != nil {
		return err
	}
	return f.give(f.in(name))
}

// logs are the ends of the servers' logs, for a message about what went wrong.
func (f *folder) logs() string {
	var b strings.Builder
	for _, p := range f.servers {
		b.WriteString(p.tail())
	}
	return b.String()
}

// close stops the servers and removes the folder.
func (f *folder) close() error {
	for _, p := range f.servers {
		p.stop()
	}
	var err error
	if f.watchdog != nil {
		err = f.watchdog.cleanUp()
	} else {
		err = os.RemoveAll(f.path)
	}
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	return err
}

// place chooses where a folder goes. Memory is several times quicker than a disk at what a test asks of
// a server, which is to make and drop databases of hundreds of small files; a TMPDIR that somebody has
// set is respected all the same.
func place(o *owner) string {
	places := []string{os.TempDir()}
	if folder, roomy := memory(); roomy && os.Getenv("TMPDIR") == "" {
		places = append(places, folder)
	}
	chosen := fallback
	for _, base := range places {
		if len(base)+len(folderName)+10 <= longestPath && (o == nil || open(base)) {
			chosen = base
		}
	}
	return chosen
}

// sweep removes what test processes left in a folder that were killed together with their watchdogs.
// What it cannot remove, such as another user's, is not its business.
func sweep(base string) {
	left, _ := filepath.Glob(filepath.Join(base, folderName+"*"))
	for _, path := range left {
		lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if tryLock(lock) {
			_ = os.RemoveAll(path)
		}
		_ = lock.Close()
	}
}

// open tells whether every account can pass through the folder, as a server must that runs as another.
func open(path string) bool {
	for {
		info, err := os.Stat(path)
		if err != nil || info.Mode()&fs.FileMode(0o001) == 0 {
			return false
		}
		parent := filepath.Dir(path)
		if parent == path {
			return true
		}
		path = parent
	}
}
