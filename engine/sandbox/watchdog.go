package sandbox

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// watchdogScript removes a sandbox whose owner died.
//
//go:embed watchdog.sh
var watchdogScript string

// dirPrefix begins the name of every sandbox directory. It is short because the path of a socket may have 107 bytes.
const dirPrefix = "runbook-sb-"

// ownerFile marks a directory as a sandbox. Its owner holds a lock on it, which ends with the owner in whatever way: a
// process id in it would be given to somebody else one day, and means nothing in another container.
const ownerFile = "owner"

// A watchdog is a process that outlives this one just long enough to remove the sandbox. It reads from a pipe that only we
// hold open, so it learns of our end even if that was a SIGKILL.
type watchdog struct {
	owner *os.File
	pipe  io.WriteCloser
	cmd   *exec.Cmd
}

// watch marks the directory as ours and starts its watchdog.
func watch(dir string, user *account) (*watchdog, error) {
	owner, err := markOwned(dir)
	if err != nil {
		return nil, err
	}
	w := &watchdog{owner: owner, cmd: watchdogCommand(context.Background(), dir, user)}
	if w.pipe, err = w.cmd.StdinPipe(); err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start watchdog: %w", errors.Join(err, owner.Close()))
	}
	return w, nil
}

// dismiss tells the watchdog that there is nothing left to do.
func (w *watchdog) dismiss() error {
	_, _ = io.WriteString(w.pipe, "done\n") // it may have been killed, which is no loss now
	_ = w.pipe.Close()
	_ = w.cmd.Wait()
	return w.owner.Close()
}

func watchdogCommand(ctx context.Context, dir string, user *account) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", watchdogScript, "runbook-watchdog", dir)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"}
	cmd.SysProcAttr = childAttributes(user)
	return cmd
}

// markOwned creates the owner file. It gets its name only when it is locked, so nobody ever sees it unlocked before we die.
func markOwned(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ownerFile+"-")
	if err != nil {
		return nil, err
	}
	taken, err := tryLock(f)
	if err == nil && !taken {
		err = errors.New("lock of a new file is taken")
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, ownerFile))
	}
	if err != nil {
		return nil, fmt.Errorf("mark sandbox: %w", errors.Join(err, f.Close()))
	}
	return f, nil
}

// sweep removes the sandboxes whose owner and watchdog were both killed. It does the watchdog's work, with the watchdog's
// script. What it cannot remove does not keep a new sandbox from starting, so it reports nothing.
func sweep(ctx context.Context, parent string, user *account) {
	dirs, _ := filepath.Glob(filepath.Join(parent, dirPrefix+"*")) // the pattern is right unless parent is odd
	for _, dir := range dirs {
		if orphaned(dir, user) {
			_ = watchdogCommand(ctx, dir, user).Run() // its standard input is at its end: the owner is dead
		}
	}
}

// orphaned reports whether a directory is a sandbox of ours that nobody owns any more.
func orphaned(dir string, user *account) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || !user.owns(info) {
		return false
	}
	f, err := os.OpenFile(filepath.Join(dir, ownerFile), os.O_RDWR, 0)
	if err != nil {
		return false // not marked yet, or no sandbox
	}
	defer f.Close()
	taken, err := tryLock(f)
	return err == nil && taken
}
