//go:build linux || darwin

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/journal"
	"runbook/engine/postgres"
)

// A run is killed at every record of its journal, just before the record is
// written and just after, and resumed. In the end the database must be the one
// that an undisturbed run leaves: nothing missing, nothing done twice.

// child is the environment variable that makes the test binary a run which
// kills itself: BEFORE or AFTER, and the number of the record.
const child = "RUNBOOK_TEST_DIE"

// killer is a sink that kills its own process at a record.
type killer struct{ at int }

func (k killer) Write(r event.Record) error {
	if r.Seq == k.at {
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			return err
		}
		time.Sleep(time.Minute) // the signal comes first
	}
	return nil
}

// dyingRun runs the runbook of the command line, with the variables NAME=VALUE
// behind it, until the record where it dies.
func dyingRun(side string, at int) int {
	ctx := context.Background()
	plan, err := load(locate(os.Args[1]))
	if err != nil {
		return exitCode(err, os.Stderr)
	}
	vars, err := variables(nil, os.Args[2:])
	if err == nil {
		err = override(vars, plan, nil)
	}
	if err != nil {
		return exitCode(err, os.Stderr)
	}
	target, err := postgres.ParseTarget(os.Getenv("DATABASE_URL"))
	if err != nil {
		return exitCode(err, os.Stderr)
	}
	const id = "20260102-030405-kill"
	j, err := journal.Create(".runbook", id)
	if err != nil {
		return exitCode(err, os.Stderr)
	}
	sinks := []event.Sink{killer{at}, j}
	if side == "AFTER" {
		sinks = []event.Sink{j, killer{at}}
	}
	err = plan.Run(ctx, engine.NewConnections(target, "runbook/"+id), event.NewStream(nil, time.Now, sinks...), engine.Options{
		Info: engine.RunInfo{ID: id, Started: time.Now()},
	})
	return exitCode(err, os.Stderr)
}

// crashBook changes things in every way that a crash can fall into.
const crashBook = `
runbook: v1
vars: {shops: [a, b]}
steps:
  - name: A table
    sql: CREATE TABLE t (n int, note text)
  - name: Several statements, each for itself
    sql: |
      INSERT INTO t VALUES (1, 'one');
      INSERT INTO t VALUES (2, 'two');
      SELECT count(*) FROM t;
  - name: Several in one transaction
    sql:
      transaction: true
      statements: |
        INSERT INTO t VALUES (3, 'three');
        ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0);
  - group: A transaction over several steps
    steps:
      - sql: BEGIN
      - sql: INSERT INTO t VALUES (4, 'four')
      - sql: INSERT INTO t VALUES (5, 'five')
      - sql: COMMIT
  - for_each: {shop: shops}
    sql: INSERT INTO t VALUES (6, ${shop})
  - id: known
    sql: SELECT count(*) FROM t
    register: rows_so_far
  - group: In batches
    repeat: {until: filled >= 3, every: 0s, for: 1m}
    steps:
      - sql: INSERT INTO t VALUES (7, 'batch')
      - sql: SELECT count(*) FROM t WHERE n = 7
        register: filled
  - group: With a rescue
    rescue:
      recovered: true
      steps:
        - sql: INSERT INTO t VALUES (8, 'rescued')
    steps:
      - sql: SELECT 1 / 0
  - sql: SELECT 0::bigint
    register: key
  - group: By key, each turn from where the one before ended
    repeat: {until: key >= 3, every: 0s, for: 1m}
    steps:
      - sql: INSERT INTO t VALUES (100 + ${key}, 'keyed')
      - sql: SELECT ${key} + 1
        register: key
  - sql: UPDATE t SET n = n + ${rows_so_far} WHERE n = 1
  - assert:
      - rows_so_far == 7 and steps.known.rows[0].count == 7
      - filled == 3 and key == 3
`

func TestKilledAtEveryRecord(t *testing.T) {
	box, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	lives := 0
	// life runs the book in a database of its own, dying where it is told to, and
	// resumes it. It returns the records of the journal and the state it left.
	life := func(t *testing.T, side string, at int) (records int, state string) {
		lives++
		name := fmt.Sprintf("crash_%d", lives)
		dsn, err := plainDatabase(box.DSN(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = box.DropDatabase(context.Background(), name) }()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "book.yaml"), []byte(crashBook), 0o600); err != nil {
			t.Fatal(err)
		}
		if at > 0 {
			out, err := inDir(dir, dsn, child+"="+side+" "+strconv.Itoa(at), "book.yaml")
			if err == nil {
				return 0, "" // the run was over before that record
			}
			if !strings.Contains(err.Error(), "killed") {
				t.Fatalf("%s %d: %v\n%s", side, at, err, out)
			}
		}
		args := []string{"resume"}
		if _, err := os.Stat(filepath.Join(dir, ".runbook")); err != nil || begun(dir) == 0 {
			args = []string{"run", "book.yaml"} // killed before there was anything to resume
			_ = os.RemoveAll(filepath.Join(dir, ".runbook"))
		}
		if out, err := inDir(dir, dsn, child+"=", args...); err != nil && !strings.Contains(string(out), "is done, there is nothing to resume") {
			t.Errorf("killed %s record %d, then: %v\n%s", side, at, err, out)
		}
		return begun(dir), contents(t, dsn)
	}
	total, want := life(t, "", 0)
	step := 1
	if testing.Short() {
		step = 7
	}
	for at := 1; at <= total; at += step {
		for _, side := range []string{"BEFORE", "AFTER"} {
			if records, got := life(t, side, at); records > 0 && got != want {
				t.Errorf("killed %s record %d and resumed, the database holds\n%s\nwant\n%s", side, at, got, want)
			}
		}
	}
	t.Logf("figures: a plain runbook, at every record: %d records, %d kills, no person asked", total, lives-1)
}

// inDir runs the test binary as the program.
func inDir(dir, dsn, env string, args ...string) ([]byte, error) {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DATABASE_URL="+dsn, env)
	if strings.HasSuffix(env, "=") {
		cmd.Env = append(cmd.Env, child+"=NEVER 0")
	}
	return cmd.CombinedOutput()
}

// begun counts the whole records of the one journal in dir.
func begun(dir string) int {
	files, _ := filepath.Glob(filepath.Join(dir, ".runbook", "runs", "*", "journal.jsonl"))
	if len(files) != 1 {
		return 0
	}
	records, _ := journal.ReadFile(files[0])
	return len(records)
}

// ended says whether the one run came to its end: a kill can come after that.
func ended(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, ".runbook", "runs", "*", "journal.jsonl"))
	if len(files) != 1 {
		return false
	}
	records, _ := journal.ReadFile(files[0])
	if len(records) == 0 {
		return false
	}
	e, last := records[len(records)-1].Event.(event.RunFinished)
	return last && e.Status == event.Done
}

// contents is all of a database that the book can have changed.
func contents(t *testing.T, dsn string) string {
	t.Helper()
	target, err := postgres.ParseTarget(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Connect(t.Context(), target, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	var b strings.Builder
	for _, sql := range []string{
		"SELECT n, note, count(*) FROM t GROUP BY 1, 2 ORDER BY 1, 2",
		"SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1",
		"SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
	} {
		r, err := s.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range r.Rows {
			for _, v := range row {
				b.WriteString(postgres.FormatValue(v) + " ")
			}
			b.WriteByte('\n')
		}
	}
	noLockLeft(t, s)
	return b.String()
}

// noLockLeft wants the run lock to be gone as soon as the server has noticed
// the end of its session.
func noLockLeft(t *testing.T, s *postgres.Session) {
	t.Helper()
	for range 100 {
		r, err := s.Query(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
		if err != nil {
			t.Fatal(err)
		}
		if r.Rows[0][0] == int64(0) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the run lock is still held")
}
