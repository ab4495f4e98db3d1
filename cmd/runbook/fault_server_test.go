//go:build linux || darwin

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

func faultLife(t *testing.T, box *sandbox.Sandbox, seconds int) *life {
	t.Helper()
	e := &exercise{box: box, text: faultBook, state: faultState, vars: []string{"seconds=" + strconv.Itoa(seconds)}}
	return e.newLife(t)
}

// during starts the run, and harm once the slow statement is under way. It
// returns the exit code and what the run said, when both are over.
func (l *life) during(t *testing.T, harm func()) (code int, said string) {
	t.Helper()
	stop := l.whenSent("pg_sleep", 50*time.Millisecond, harm)
	defer stop()
	out, err := inDir(l.dir, l.dsn, l.runArgs()...)
	return codeOf(err), string(out)
}

// mustStopInDoubt wants a run to have ended so and to say how to go on.
func mustStopInDoubt(t *testing.T, code int, said string) {
	t.Helper()
	if code != exitInDoubt || !strings.Contains(said, "next     runbook resume ") {
		t.Errorf("the run ends with %d\n%s", code, said)
	}
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
	mustStopInDoubt(t, code, said)
	l.resumeWith(t, "seconds=0")
	l.mustEnd(t, faultWant)
}

// resumeWith resumes with a variable given anew, waiting for the server.
func (l *life) resumeWith(t *testing.T, variable string) {
	t.Helper()
	var out []byte
	var err error
	for range 100 {
		if out, err = inDir(l.dir, l.dsn, "resume", "--var", variable); codeOf(err) != exitNotReady {
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
	dir := dataDirOf(t, box, box.Coordinator().Port)
	code, said := l.during(t, func() { stopServer(t, dir) })
	mustStopInDoubt(t, code, said)
	out, err := inDir(l.dir, l.dsn, "resume", "--var", "seconds=0")
	if codeOf(err) != exitNotReady || !strings.Contains(string(out), "cannot connect") && !strings.Contains(string(out), "connect to") {
		t.Errorf("resume without a server: %v\n%s", err, out)
	}
	startServer(t, dir)
	defer stopServer(t, dir)
	l.resumeWith(t, "seconds=0")
	l.mustEnd(t, faultWant)
}

// TestJournalDisk has the disk of the journal full in the middle of a run: the
// run stops before its next change, says why, and goes on when there is room.
func TestJournalDisk(t *testing.T) {
	l := faultLife(t, sharedServer(t), 0)
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
	out, err := inDir(l.dir, l.dsn, append(l.runArgs(), "--dir", disk)...)
	if codeOf(err) != exitFailed || !strings.Contains(strings.Join(strings.Fields(string(out)), " "), "no space left on device") {
		t.Errorf("full disk: %v\n%s", err, out)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if out, err := inDir(l.dir, l.dsn, "resume", "--dir", disk); err != nil {
		t.Errorf("resume: %v\n%s", err, out)
	}
	l.mustHold(t, faultWant, faultState...)
}

// TestJournalDirectory has a directory that no journal can be made in: nothing is
// done.
func TestJournalDirectory(t *testing.T) {
	l := faultLife(t, sharedServer(t), 0)
	if err := os.WriteFile(filepath.Join(l.dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := inDir(l.dir, l.dsn, append(l.runArgs(), "--dir", "file/runs")...)
	if codeOf(err) != exitFailed || !strings.Contains(string(out), "create journal") {
		t.Errorf("%v\n%s", err, out)
	}
	l.mustHold(t, "t\n", "SELECT to_regclass('t') IS NULL")
}
