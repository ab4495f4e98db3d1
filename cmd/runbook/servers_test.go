//go:build linux || darwin

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/engine/sandbox"
)

// sharedServer is the server of the scripts: what harms it harms them.
func sharedServer(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	box, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// ownServer is a server that a test may harm.
func ownServer(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	return startSandbox(t, sandbox.Options{Engine: "stand-in"})
}

// ownCluster is a Citus cluster that a test may harm. The test is skipped where
// Citus is not installed.
func ownCluster(t *testing.T, workers int) *sandbox.Sandbox {
	t.Helper()
	if testing.Short() {
		t.Skip("a cluster takes its time")
	}
	if !citusInstalled() {
		t.Skip("Citus is not installed")
	}
	return startSandbox(t, sandbox.Options{Engine: "citus", Workers: workers})
}

func startSandbox(t *testing.T, options sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	options.CacheDir = cacheDir()
	box, err := sandbox.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Stop() })
	return box
}

// loadPlugins lets the servers of Citus load the output plugins that a concurrent
// distribution needs: PostgreSQL loads only the listed ones, since its latest
// minor versions.
const loadPlugins = "ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, citus; SELECT pg_reload_conf(); SELECT pg_sleep(0.2)"

// workersOf is the variable that names the workers to a runbook.
func workersOf(box *sandbox.Sandbox) string {
	var nodes []string
	for _, n := range box.Workers() {
		nodes = append(nodes, fmt.Sprintf("{host: %s, port: %d}", n.Host, n.Port))
	}
	return "workers=[" + strings.Join(nodes, ", ") + "]"
}

// dataDirOf is the data directory of the server that listens at a port.
func dataDirOf(t *testing.T, box *sandbox.Sandbox, port int) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(box.Dir(), "*", "postmaster.pid"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if lines := strings.Split(string(b), "\n"); err == nil && len(lines) > 3 && lines[3] == strconv.Itoa(port) {
			return filepath.Dir(f)
		}
	}
	t.Fatalf("no server at port %d in %v", port, files)
	return ""
}

// stopServer ends the server of a data directory at once, as pg_ctl stop -m
// immediate does.
func stopServer(t *testing.T, dir string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return // it does not run
	}
	pid, err := strconv.Atoi(strings.SplitN(string(b), "\n", 2)[0])
	if err != nil {
		t.Error(err)
		return
	}
	_ = syscall.Kill(pid, syscall.SIGQUIT)
	for range 200 {
		if syscall.Kill(pid, 0) != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("server %d does not end", pid)
}

// startServer starts it as it was started before.
func startServer(t *testing.T, dir string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "postmaster.opts"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "exec "+string(b))
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "PGPASSFILE=" + filepath.Join(filepath.Dir(dir), "pgpass")}
	if owner := info.Sys().(*syscall.Stat_t); os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }()
}
