//go:build linux || darwin

package main

import (
	"context"
	"errors"
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

// faultBook has a slow step in its middle, for a fault to fall into.
const faultBook = `
runbook: v1
vars: {seconds: 0}
steps:
  - sql: CREATE TABLE t (n int)
  - sql: INSERT INTO t VALUES (1)
  - id: slow
    sql: INSERT INTO t SELECT 2 FROM pg_sleep(${seconds})
  - sql: INSERT INTO t VALUES (3)
`

var faultState = []string{"SELECT n, count(*) FROM t GROUP BY 1 ORDER BY 1"}

const faultWant = "1|1\n2|1\n3|1\n"

// ownServer is a server that a test may harm.
func ownServer(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Engine: "stand-in", CacheDir: cacheDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Stop() })
	return box
}

func faultLife(t *testing.T, box *sandbox.Sandbox, seconds int) *life {
	t.Helper()
	e := &exercise{
		box: box, text: faultBook, state: faultState, vars: []string{"seconds=" + strconv.Itoa(seconds)},
		prepare: func(string) error { return nil },
	}
	return e.newLife(t)
}

// during starts the run, and harm once the slow statement is under way. It
// returns the exit code and what the run said.
func (l *life) during(t *testing.T, harm func()) (code int, said string) {
	t.Helper()
	go func() {
		for !l.sent("pg_sleep") {
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		harm()
	}()
	out, err := inDir(l.dir, l.dsn, child+"=", l.runArgs()...)
	return codeOf(err), string(out)
}

func codeOf(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// TestServerCrash kills a backend so that the server drops all sessions and
// recovers. What the slow step did is gone, and the journal's evidence says so.
func TestServerCrash(t *testing.T) {
	l := faultLife(t, ownServer(t), 20)
	code, said := l.during(t, func() {
		s, err := connect(context.Background(), l.dsn)
		if err != nil {
			t.Error(err)
			return
		}
		defer s.Close(context.Background())
		_, _ = query(context.Background(), s, []string{
			`DO $$ DECLARE p text; BEGIN
			   SELECT 'kill -9 ' || pid INTO p FROM pg_stat_activity WHERE application_name LIKE 'runbook/%/main';
			   EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', p);
			 END $$`,
		})
	})
	if code != exitInDoubt || !strings.Contains(said, "next     runbook resume ") {
		t.Errorf("the run ends with %d\n%s", code, said)
	}
	l.resumeWith(t, "seconds=0")
	if got := l.end(t); got != faultWant {
		t.Errorf("it ends as\n%s", got)
	}
}

// resumeWith resumes with a variable given anew, waiting for the server.
func (l *life) resumeWith(t *testing.T, variable string) {
	t.Helper()
	var out []byte
	var err error
	for range 100 {
		if out, err = inDir(l.dir, l.dsn, child+"=", "resume", "--var", variable); codeOf(err) != exitNotReady {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("resume: %v\n%s", err, out)
	}
}

// TestServerStopped shuts the server down at once, resumes without it, and starts
// it again.
func TestServerStopped(t *testing.T) {
	box := ownServer(t)
	l := faultLife(t, box, 20)
	dir := filepath.Dir(onlyFile(t, filepath.Join(box.Dir(), "*", "postmaster.opts")))
	stopped := make(chan struct{})
	code, said := l.during(t, func() {
		defer close(stopped)
		stopServer(t, dir)
	})
	<-stopped
	if code != exitInDoubt || !strings.Contains(said, "next     runbook resume ") {
		t.Errorf("the run ends with %d\n%s", code, said)
	}
	out, err := inDir(l.dir, l.dsn, child+"=", "resume", "--var", "seconds=0")
	if codeOf(err) != exitNotReady || !strings.Contains(string(out), "cannot connect") && !strings.Contains(string(out), "connect to") {
		t.Errorf("resume without a server: %v\n%s", err, out)
	}
	startServer(t, dir)
	defer stopServer(t, dir)
	l.resumeWith(t, "seconds=0")
	if got := l.end(t); got != faultWant {
		t.Errorf("it ends as\n%s", got)
	}
}

func onlyFile(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: %v %v", pattern, files, err)
	}
	return files[0]
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

// TestJournalDisk has the disk of the journal full in the middle of a run: the
// run stops before its next change, says why, and goes on when there is room.
func TestJournalDisk(t *testing.T) {
	box, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	l := faultLife(t, box, 0)
	disk := filepath.Join(l.dir, "small")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("no small disk can be mounted here: %s", strings.TrimSpace(string(out)))
	}
	t.Cleanup(func() { _ = exec.Command("umount", disk).Run() })
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 28<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := inDir(l.dir, l.dsn, child+"=", append(l.runArgs(), "--dir", disk)...)
	if codeOf(err) != exitFailed || !strings.Contains(strings.Join(strings.Fields(string(out)), " "), "no space left on device") {
		t.Errorf("full disk: %v\n%s", err, out)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if out, err := inDir(l.dir, l.dsn, child+"=", "resume", "--dir", disk); err != nil {
		t.Errorf("resume: %v\n%s", err, out)
	}
	s, err := connect(t.Context(), l.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if got, err := query(t.Context(), s, faultState); err != nil || got != faultWant {
		t.Errorf("it ends as %v\n%s", err, got)
	}
}

// TestJournalDirectory has a directory that no journal can be made in: nothing is
// done.
func TestJournalDirectory(t *testing.T) {
	box, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	l := faultLife(t, box, 0)
	if err := os.WriteFile(filepath.Join(l.dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := inDir(l.dir, l.dsn, child+"=", append(l.runArgs(), "--dir", "file/runs")...)
	if codeOf(err) != exitFailed || !strings.Contains(string(out), "create journal") {
		t.Errorf("%v\n%s", err, out)
	}
	s, err := connect(t.Context(), l.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if got, err := query(t.Context(), s, []string{"SELECT to_regclass('t') IS NULL"}); err != nil || got != "t\n" {
		t.Errorf("%v %s", err, got)
	}
}
