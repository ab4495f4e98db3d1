//go:build linux || darwin

package main

import (
	"context"
	"fmt"
	"os"
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

// crashState is all of a database that the book can have changed.
var crashState = []string{
	"SELECT n, note, count(*) FROM t GROUP BY 1, 2 ORDER BY 1, 2",
	"SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1",
	"SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
}

func TestKilledAtEveryRecord(t *testing.T) {
	e := &exercise{box: sharedServer(t), text: crashBook, template: "template0", state: crashState}
	whole, want := e.undisturbed(t)
	total := len(whole.journal())
	step := 1
	if testing.Short() {
		step = 7
	}
	for at := 1; at <= total; at += step {
		for _, side := range []string{"BEFORE", "AFTER"} {
			e.survives(t, fmt.Sprintf("killed %s record %d", side, at), want, func(t *testing.T, l *life) {
				if !l.dieAt(t, side, at) && !l.ended() {
					t.Error("it neither died nor came to its end")
				}
			})
		}
	}
	if e.asked > 0 {
		t.Errorf("a person was asked %d times about what the database knows", e.asked)
	}
	t.Logf("figures: a plain runbook, at every record: %d records, %d kills, no person asked", total, e.kills)
}
