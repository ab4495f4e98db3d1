package actions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"runbook/actions"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
	"runbook/engine/sandbox"
	"runbook/engine/syntax"
)

const watching = `
runbook: v1
steps:
  - parallel-monitor:
      probes:
        blockers: {builtin: blockers, every: 100ms}
      steps:
        - name: Until the test says stop
          sql: SELECT count(*) FROM stop
          register: stopped
          repeat: {until: stopped > 0, every: 20ms, for: 1m}
`

// trial is one wait that the probe may see.
type trial struct {
	name             string
	blocked, blocker int64
	lasted           time.Duration // at least, as the server measured it
	over             time.Duration // at most, as the one who waited did
}

// TestWaitsAreSeenAsOftenAsTheIntervalPromises has sessions wait for each other
// at moments that have nothing to do with the probe's. What is shorter than the
// interval is seen as often as its share of it, and what is longer always; and
// who blocks is who does.
func TestWaitsAreSeenAsOftenAsTheIntervalPromises(t *testing.T) {
	s, err := sandbox.Start(t.Context(), sandbox.Options{Engine: "stand-in"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	target, err := postgres.ParseTarget(s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	main := connected(t, target)
	mustQuery(t, main, "CREATE TABLE stop (n int)")
	monitored := watched(t, target)

	const pairs = 4
	var all sync.WaitGroup
	trials := make([][]trial, pairs)
	for i := range pairs {
		table := fmt.Sprintf("t%d", i)
		mustQuery(t, main, "CREATE TABLE "+table+" (n int)")
		p := &pair{holder: connected(t, target), waiter: connected(t, target), table: table}
		all.Go(func() {
			for range 20 {
				trials[i] = append(trials[i], p.try(t, 50*time.Millisecond))
			}
			trials[i] = append(trials[i], p.try(t, 200*time.Millisecond), p.try(t, 200*time.Millisecond), p.try(t, time.Second))
		})
	}
	all.Wait()
	mustQuery(t, main, "INSERT INTO stop VALUES (1)")
	probe := monitored().Probes["blockers"]

	seen := map[string]actions.Conflict{}
	for _, c := range probe.Conflicts {
		seen[c.BlockedQuery] = c
	}
	var promised []float64
	found, known, incomplete := 0, 0, 0
	for _, list := range trials {
		for _, one := range list {
			c, ok := seen[one.name]
			if ok {
				known++
				if !one.matches(t, c) {
					incomplete++
				}
			}
			if one.lasted < 150*time.Millisecond {
				// A sample may be anywhere in the time that it took, and gaps vary.
				promised = append(promised, min(1, 0.9*float64(one.lasted)/float64(probe.Interval)))
				if ok {
					found++
				}
				continue
			}
			if longest := probe.LongestGap + 5*time.Millisecond + probe.Cost; !ok && one.lasted > longest {
				t.Errorf("%s lasted %s and was not seen, although no two samples were further apart than %s", one.name, one.lasted, probe.LongestGap)
			}
		}
	}
	if known != len(probe.Conflicts) {
		t.Errorf("%d conflicts were seen, %d of them are those of the test", len(probe.Conflicts), known)
	}
	if incomplete*10 > known {
		t.Errorf("%d of %d conflicts lack a lock mode or the blocker's state", incomplete, known)
	}
	least := least(promised, 1e-6)
	t.Logf("%d of %d short waits were seen, at least %d are promised; interval %s, p99 of the lateness %s, longest gap %s, a sample cost %s",
		found, len(promised), least, probe.Interval, probe.LatenessP99, probe.LongestGap, probe.Cost)
	if found < least {
		t.Errorf("%d of %d short waits were seen, want at least %d", found, len(promised), least)
	}
	if len(promised) > 0 && least == 0 && probe.Interval < 150*time.Millisecond {
		t.Errorf("nothing was promised at an interval of %s", probe.Interval)
	}
}

// matches says whether the sample had all facts: a lock that was released while it
// was taken is in pg_blocking_pids and not in pg_locks.
func (one trial) matches(t *testing.T, c actions.Conflict) bool {
	t.Helper()
	whole := c.BlockingMode != "" && c.Mode != "" && c.BlockingState != ""
	if c.BlockedPID != one.blocked || c.BlockingPID != one.blocker {
		t.Errorf("%s: %d waits for %d, want %d for %d", one.name, c.BlockedPID, c.BlockingPID, one.blocked, one.blocker)
	}
	if whole && (c.BlockingMode != "AccessExclusiveLock" || c.Mode != "RowExclusiveLock" || c.Queued) {
		t.Errorf("%s: %+v", one.name, c)
	}
	if c.Waiting > one.over {
		t.Errorf("%s: waiting %s of %s", one.name, c.Waiting, one.over)
	}
	return whole
}

// pair are two sessions of which one waits for the other.
type pair struct {
	holder, waiter *postgres.Session
	table          string
	n              int
}

func (p *pair) try(t *testing.T, hold time.Duration) trial {
	time.Sleep(rand.N(100 * time.Millisecond))
	p.n++
	name := fmt.Sprintf("UPDATE %s SET n = n /* trial %d, %s */", p.table, p.n, hold)
	one := trial{name: name, blocked: int64(p.waiter.PID()), blocker: int64(p.holder.PID())}
	mustQuery(t, p.holder, "BEGIN")
	mustQuery(t, p.holder, "LOCK TABLE "+p.table+" IN ACCESS EXCLUSIVE MODE")
	waited := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(waited)
		mustQuery(t, p.waiter, name)
	}()
	for one.lasted < hold {
		r := mustQuery(t, p.holder, "SELECT clock_timestamp() - waitstart FROM pg_locks WHERE pid = $1 AND NOT granted", one.blocked)
		if r != nil && len(r.Rows) == 1 && r.Rows[0][0] != nil {
			one.lasted = r.Rows[0][0].(time.Duration)
			time.Sleep(hold - one.lasted)
		}
	}
	mustQuery(t, p.holder, "COMMIT")
	<-waited
	one.over = time.Since(began)
	return one
}

// least is the number of successes that trials of these probabilities fall
// short of with a probability of at most alarm.
func least(probabilities []float64, alarm float64) int {
	dist := []float64{1} // of the number of successes so far
	for _, p := range probabilities {
		next := make([]float64, len(dist)+1)
		for n, d := range dist {
			next[n] += d * (1 - p)
			next[n+1] += d * p
		}
		dist = next
	}
	below := 0.0
	for n, d := range dist {
		if below += d; below > alarm {
			return n
		}
	}
	return len(probabilities)
}

func connected(t *testing.T, target *postgres.Target) *postgres.Session {
	t.Helper()
	s, err := postgres.Connect(t.Context(), target, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func mustQuery(t *testing.T, s *postgres.Session, sql string, args ...any) *postgres.Result {
	r, err := s.Query(t.Context(), sql, args...)
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return &postgres.Result{}
	}
	return r
}

// watched runs the runbook beside the test. What it returns waits for the run's
// end and tells what the monitor saw. The first sample was taken before.
func watched(t *testing.T, target *postgres.Target) func() actions.MonitorResult {
	t.Helper()
	rb, problems := syntax.Parse("watching.yaml", []byte(watching))
	if problems != nil {
		t.Fatal(problems)
	}
	plan, problems := engine.Compile(rb, actions.All(), engine.Files{FS: os.DirFS(t.TempDir()), Base: "."})
	if plan == nil {
		t.Fatal(problems)
	}
	sink := &monitorSink{watching: make(chan struct{}), result: make(chan actions.MonitorResult, 1)}
	conns := engine.NewConnections(target, "detect")
	ended := make(chan error, 1)
	go func() {
		ended <- plan.Run(t.Context(), conns, event.NewStream(nil, time.Now, sink), engine.Options{Info: engine.RunInfo{Sandbox: true}})
	}()
	end := sync.OnceValue(func() error { return <-ended })
	t.Cleanup(func() {
		_ = end() // the run uses the connections until then
		_ = conns.Close(context.Background())
	})
	select {
	case <-sink.watching:
	case err := <-ended:
		ended <- err
		t.Fatal("the monitor began nothing: ", err)
	}
	return func() actions.MonitorResult {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		return <-sink.result
	}
}

// monitorSink hears when the watched step begins, and what the monitor's result is.
type monitorSink struct {
	watching chan struct{}
	once     sync.Once
	result   chan actions.MonitorResult
}

func (s *monitorSink) Write(r event.Record) error {
	switch e := r.Event.(type) {
	case event.StepStarted:
		if e.Action == "sql" {
			s.once.Do(func() { close(s.watching) })
		}
	case event.StepFinished:
		if e.Action != "parallel-monitor" {
			return nil
		}
		var result actions.MonitorResult
		if err := json.Unmarshal(e.Result, &result); err != nil {
			return err
		}
		s.result <- result
	}
	return nil
}
