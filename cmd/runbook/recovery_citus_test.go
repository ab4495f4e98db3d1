//go:build linux || darwin

package main

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A concurrent distribution is stopped in each of its phases, in each of the ways
// that it can be, while writers are busy. The coordinator must live on, nothing
// may be left behind, and the step run again ends with every row in place.

var stops = flag.Int("stops", 0, "how often each way to stop a concurrent distribution is tried in each phase; 0 tries a sample")

const (
	stopBook = `
runbook: v1
steps:
  - distribute: {table: orders, column: shop, concurrently: true}
`
	// stopSwitchBook switches over, and waits there, whoever is writing.
	stopSwitchBook = `
runbook: v1
steps:
  - distribute: {table: orders, column: shop, concurrently: true, hold_switch_over: 0s}
`
)

// stopPhase is a phase to stop in, after which phase of the run's own output the
// call is made to stay in it, and how.
type stopPhase struct {
	name, book, progress string
	hold                 func(*stopped) (release func())
}

var stopPhases = []stopPhase{
	{"copying", stopBook, "copying", (*stopped).lockShard},
	{"catching up", stopBook, "catching up", (*stopped).lockShard},
	{"held back", stopBook, "copying", (*stopped).openWriter},
	{"cut-over", stopSwitchBook, "copying", (*stopped).openWriter},
}

// stopWay is how a distribution ends before it is done.
type stopWay struct {
	name string
	stop func(*stopped)
	exit int
	says string
}

var stopWays = []stopWay{
	{"SIGINT", (*stopped).interrupt, exitInterrupted, "canceling statement due to user request"},
	{"pg_cancel_backend", func(s *stopped) { s.tell("pg_cancel_backend") }, exitFailed, "canceling statement due to user request"},
	{"pg_terminate_backend", func(s *stopped) { s.tell("pg_terminate_backend") }, exitInDoubt, "terminating connection"},
}

func TestCitusStopped(t *testing.T) {
	c := newStopCluster(t)
	n := 0
	for i := range max(1, *stops) {
		for p, phase := range stopPhases {
			for w, way := range stopWays {
				if *stops == 0 && w != p%2 { // a sample; that a backend is terminated comes below
					continue
				}
				n++
				t.Run(fmt.Sprintf("%s/%s/%d", phase.name, way.name, i), func(t *testing.T) { c.stopIn(t, phase, way) })
			}
		}
	}
	others := []struct {
		name string
		stop func(t *testing.T)
	}{
		{"client killed", c.clientKilled},
		{"client and backend killed", c.clientAndBackendKilled},
		{"by a role that may not end the replication", c.byOwner},
		{"before its conversion", c.beforeConversion},
		{"by a crash of the server", c.byCrash},
	}
	for _, other := range others {
		t.Run(other.name, other.stop)
	}
	t.Logf("figures: %d distributions stopped, %d rows written meanwhile, %d errors of writers", n+len(others), c.total+c.written.Load(), c.failed.Load())
}

func (c *stopCluster) stopIn(t *testing.T, phase stopPhase, way stopWay) {
	s := c.start(t, phase.book, phase.progress)
	release := phase.hold(s)
	s.awaitHold(phase.name)
	began := time.Now()
	way.stop(s)
	// What holds the call is of another user, who goes on for some time.
	time.AfterFunc(time.Second, release)
	out, code := s.end()
	t.Logf("figures: the call ended after %s, the run after %s", s.callEnded(began), time.Since(began).Round(time.Millisecond))
	if code != way.exit || !strings.Contains(out, way.says) || !strings.Contains(out, "state now: public.orders is citus-local") {
		t.Errorf("it ends with %d, want %d\n%s", code, way.exit, out)
	}
	if !strings.Contains(out, "cleared: ") {
		t.Errorf("nothing is said to be cleared\n%s", out)
	}
	c.nothingLeft(t)
	c.again(t)
}

func (c *stopCluster) clientKilled(t *testing.T) {
	s := c.begin(t, "copying")
	s.kill()
	if out := c.again(t); !strings.Contains(out, "waiting for the call on this table that runs already: backend ") {
		t.Errorf("another run does not wait for the call\n%s", out)
	}
}

func (c *stopCluster) clientAndBackendKilled(t *testing.T) {
	// Citus would clear what is left after a while, whoever else does.
	c.sql(t, "ALTER SYSTEM SET citus.defer_shard_delete_interval = -1; SELECT pg_reload_conf(); SELECT pg_sleep(0.2)")
	s := c.start(t, stopSwitchBook, "copying")
	release := s.openWriter()
	defer release()
	s.awaitHold("cut-over")
	s.kill()
	s.tell("pg_terminate_backend")
	release()
	out := c.again(t)
	if !strings.Contains(out, "clearing what a failed call has left: ") || !strings.Contains(out, "2 replication slots (2 in use)") {
		t.Errorf("another run does not clear what is left\n%s", out)
	}
	c.nothingLeft(t)
}

// byOwner stops it as the owner of the table, who may neither end the replication
// nor hold the switch-over back.
func (c *stopCluster) byOwner(t *testing.T) {
	c.dsn, _ = c.owner(t)
	defer func() { c.dsn = c.box.DSN() }()
	s := c.begin(t, "copying")
	release := s.openWriter()
	defer release()
	s.awaitHold("cut-over")
	s.interrupt()
	time.AfterFunc(2*time.Second, release)
	out, code := s.end()
	if code != exitInterrupted || !strings.Contains(out, "not cancelled, since that can crash the coordinator") || !strings.Contains(out, "the call had ended well before it could be cancelled") {
		t.Errorf("it ends with %d\n%s", code, out)
	}
	if !strings.Contains(out, "the switch-over is not held back for long writers: ") || !strings.Contains(out, "permission denied to set parameter ") {
		t.Errorf("it is not said why the switch-over is not held back\n%s", out)
	}
	c.nothingLeft(t)
	c.again(t)
}

func (c *stopCluster) beforeConversion(t *testing.T) {
	s := &stopped{t: t, c: c}
	defer s.openWriter()()
	s = c.start(t, strings.Replace(stopBook, "true}", "true, lock_for: 1s}", 1), "")
	out, code := s.end()
	if code != exitFailed || !strings.Contains(out, "held by pid ") || !strings.Contains(out, "INSERT INTO orders") || !strings.Contains(out, "state now: public.orders is local") {
		t.Errorf("it ends with %d\n%s", code, out)
	}
	c.nothingLeft(t)
}

// byCrash comes last: the writers are gone after it.
func (c *stopCluster) byCrash(t *testing.T) {
	s := c.begin(t, "copying")
	release := s.lockShard()
	defer release()
	time.AfterFunc(time.Second, release)
	_, _ = query(t.Context(), c.admin, []string{`DO $$ BEGIN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'kill -9 ' || pg_backend_pid()); END $$`})
	out, code := s.end()
	if code != exitInDoubt || !strings.Contains(out, "state now: public.orders is citus-local") {
		t.Errorf("it ends with %d\n%s", code, out)
	}
	c.connect(t)
	if c.cleared(t); t.Failed() {
		t.Log(out)
	}
}
