//go:build linux || darwin

package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

func supported() error { return nil }

// An account is the user whom servers run as when that is not our own: PostgreSQL refuses to run as root. A nil account is
// ourselves, and its methods do nothing.
type account struct{ uid, gid int }

// serverUser returns the account for the servers: nil unless we are root.
func serverUser() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		return &account{uid, gid}, errors.Join(err1, err2)
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as")
}

func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

func (a *account) ownFile(f *os.File) error {
	if a == nil {
		return nil
	}
	return f.Chown(a.uid, a.gid)
}

// owns reports whether a file belongs to the account.
func (a *account) owns(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if a == nil {
		return ok && int(stat.Uid) == os.Geteuid()
	}
	return ok && int(stat.Uid) == a.uid
}

// childAttributes put a child into a session of its own, so that Ctrl-C at the terminal does not reach it before we have
// decided what to stop, and make it run as the account.
func childAttributes(a *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if a != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid), Groups: []uint32{}}
	}
	return attr
}

// killGroup kills a child of ours with its children.
func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }

// tryLock takes the lock of a file if nobody has it. It ends when the file is closed.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return true, nil
}

// longestSocket is the longest path of a socket that all systems take.
const longestSocket = 103

// parentDir is where sandboxes are made: the usual directory for temporary files, unless the path of a socket in it would
// be too long or the account cannot get there.
func parentDir(a *account) string {
	dir := os.TempDir()
	if len(filepath.Join(dir, dirPrefix+"1234567890", ".s.PGSQL.65535")) > longestSocket || !a.reaches(dir) {
		return "/tmp"
	}
	return dir
}

// reaches reports whether everybody may pass through a directory and all above it.
func (a *account) reaches(dir string) bool {
	if a == nil {
		return true
	}
	for ; dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
	}
	return true
}
