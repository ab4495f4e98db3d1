//go:build linux || darwin

package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// ownerVariable makes the test binary own a sandbox, of the engine that it names, until it is killed.
const ownerVariable = "RUNBOOK_TEST_OWN_SANDBOX"

func beOwner() int {
	s, err := Start(context.Background(), Options{Engine: os.Getenv(ownerVariable), CacheDir: os.Getenv("RUNBOOK_TEST_CACHE"), Workers: 1})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(s.Dir(), s.watchdog.cmd.Process.Pid)
	select {}
}

// startOwner runs another process that owns a sandbox.
func startOwner(t *testing.T, engineName string) (owner *os.Process, dir string, watchdog int) {
	t.Helper()
	if _, err := find(t.Context(), thisMachine(), "", engineName); err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ownerVariable+"="+engineName, "RUNBOOK_TEST_CACHE="+tests.cache)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(line, &dir, &watchdog); err != nil {
		t.Fatal(err)
	}
	return cmd.Process, dir, watchdog
}

func TestGoneAfterKill(t *testing.T) {
	for _, engineName := range []string{engineStandIn, engineCitus} {
		t.Run(engineName, func(t *testing.T) {
			t.Parallel()
			owner, dir, _ := startOwner(t, engineName)
			pids := serverPids(t, dir)
			if err := owner.Kill(); err != nil {
				t.Fatal(err)
			}
			wantGone(t, dir, pids)
		})
	}
}

func TestSweptAfterKillOfWatchdog(t *testing.T) {
	t.Setenv("TMPDIR", openTempDir(t))
	owner, dir, watchdog := startOwner(t, engineStandIn)
	_, living, _ := startOwner(t, engineStandIn)
	pids := serverPids(t, dir)
	if err := syscall.Kill(watchdog, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := owner.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = owner.Wait()
	notOurs := filepath.Join(os.Getenv("TMPDIR"), dirPrefix+"of-somebody-else")
	if err := os.Mkdir(notOurs, 0o700); err != nil {
		t.Fatal(err)
	}
	startSandbox(t, Options{Engine: engineStandIn})
	wantGone(t, dir, pids)
	for _, kept := range []string{living, notOurs} {
		if _, err := os.Stat(kept); err != nil {
			t.Error(err)
		}
	}
}

// serverPids returns the process ids of the servers of a sandbox.
func serverPids(t *testing.T, dir string) []int {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*/postmaster.pid"))
	var pids []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if len(pids) == 0 {
		t.Fatal("no server runs in " + dir)
	}
	return pids
}

func wantGone(t *testing.T, dir string, pids []int) {
	t.Helper()
	eventually(t, "the directory is gone", func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	})
	for _, pid := range pids {
		eventually(t, "the servers are gone", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
	}
}

// openTempDir is a directory for sandboxes that the user of the servers can get to.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "rb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}
