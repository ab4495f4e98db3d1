//go:build linux || darwin

package main

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

// TestCitusPhases harms a concurrent distribution in each of its phases: its
// client dies, its backend is terminated, a worker is restarted. Whatever that
// leaves, resumed the run must end as an undisturbed one does.
func TestCitusPhases(t *testing.T) {
	e := concurrentExercise(ownCluster(t, 1), 150000)
	_, want := e.undisturbed(t)
	struck, resumes := 0, 0
	for i, m := range moments {
		for j, h := range harms {
			if !*everyKill && (i+2)%len(harms) != j { // the client is killed while it holds
				continue
			}
			t.Run(h.name+" while "+m.name, func(t *testing.T) {
				l := e.newLife(t)
				said, hit := l.strike(t, m, h)
				if !hit {
					t.Fatalf("the run never came to that\n%s", said)
				}
				struck++
				if m.held {
					l.soon(t, "the call has ended", ended)
				}
				resumes += l.recover(t)
				if l.mustEnd(t, want); t.Failed() {
					t.Logf("the run said\n%s", said)
				}
			})
		}
	}
	t.Logf("figures: on Citus, in the phases of a concurrent distribution: %d harms, %d resumes, a person asked %d times", struck, resumes, e.asked)
}

// moment is a phase of the call, held where it would be over too soon.
type moment struct {
	name    string
	hold    string // a statement in a transaction that stays open
	when    string // the phase in which that begins, "" for before the run
	phase   string // reached when the run tells of it, or
	visible string // reached when this query has a row
	args    []string
	held    bool // by the run, which keeps the call from going on
}

// The recognition of the phases is that of pg_stat_activity and of the messages
// that Citus sends its client.
var moments = []moment{
	{name: "converting the table", phase: "converting"},
	{
		name: "waiting for open transactions", hold: "SELECT pg_current_xact_id()", when: "creating shards",
		visible: "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT citus_shard_split%' AND wait_event = 'transactionid'",
	},
	{name: "copying", phase: "copying"},
	{name: "catching up", phase: "catching up"},
	{
		name: "holding the switch-over back", hold: "INSERT INTO orders VALUES (0, 1, 'held')", when: "copying",
		phase: "holding the switch-over back", held: true,
	},
	{
		name: "switching over", hold: "INSERT INTO orders VALUES (0, 1, 'held')", when: "copying", args: []string{"--var", "hold=0s"},
		visible: "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT create_distributed_table_concurrently%' AND wait_event = 'advisory'",
	},
}

const (
	// unheld has a row when no worker has the lock that holds a switch-over back, nor
	// anybody who waits for it.
	unheld = `
		SELECT 1 FROM run_command_on_workers($$
			SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE l.relation = 'pg_stat_subscription'::regclass AND l.mode = 'AccessExclusiveLock' AND a.application_name LIKE 'citus_run_command %'
		$$) HAVING bool_and(success AND result = '0')`
	ended = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT create_distributed_table_concurrently%' AND state = 'active' HAVING count(*) = 0"
)

// harm is what happens at a moment.
type harm struct {
	name  string
	do    func(t *testing.T, l *life, client *os.Process)
	lifts bool // a hold; a backend that is held notices nothing until it is let go
}

var harms = []harm{
	{"client killed", func(_ *testing.T, _ *life, client *os.Process) { _ = client.Signal(syscall.SIGKILL) }, true},
	{"backend terminated", func(t *testing.T, l *life, _ *os.Process) {
		l.ask(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'runbook/%/main' AND state = 'active'")
	}, false},
	{"worker restarted", func(t *testing.T, l *life, _ *os.Process) {
		dir := dataDirOf(t, l.box, l.box.Workers()[0].Port)
		stopServer(t, dir)
		startServer(t, dir)
	}, true},
}

// ask runs a query of the test and says whether it has rows.
func (l *life) ask(t *testing.T, sql string) bool {
	t.Helper()
	s, err := connect(context.Background(), l.dsn)
	if err != nil {
		return false // the server may be starting
	}
	defer s.Close(context.Background())
	r, err := s.Query(context.Background(), sql)
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return false
	}
	return len(r.Rows) > 0
}

// soon wants a query to have rows within a few seconds.
func (l *life) soon(t *testing.T, what, sql string) {
	t.Helper()
	for began := time.Now(); !l.ask(t, sql); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Errorf("it is not so after 10s: %s", what)
			return
		}
	}
}

// tells says whether the journal has come to a phase of the concurrent call; the
// other one has phases too.
func (l *life) tells(phase string) bool {
	return has(l.journal(), func(e event.Progress) bool { return e.Phase == phase && strings.HasPrefix(e.Step, "3/") })
}

// strike runs, and does harm at the moment. What was held is let go after it.
func (l *life) strike(t *testing.T, m moment, h harm) (said string, hit bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := program(ctx, l.dir, l.dsn, append(l.runArgs(), m.args...)...)
	out := saidBy(cmd)
	holder := &holder{l: l, m: m}
	if m.when == "" {
		holder.take(t)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer holder.release()
	for {
		select {
		case <-ended:
			return out.String(), hit
		case <-time.After(5 * time.Millisecond):
		}
		if hit {
			continue
		}
		if m.when != "" && l.tells(m.when) {
			holder.take(t)
		}
		if m.phase != "" && l.tells(m.phase) || m.visible != "" && l.ask(t, m.visible) {
			hit = true
			h.do(t, l, cmd.Process)
			if m.held && h.lifts { // the writer is there still
				l.soon(t, "no worker has a hold", unheld)
			}
			holder.release()
		}
	}
}

// holder is a transaction that stays open.
type holder struct {
	l *life
	m moment
	s *postgres.Session
}

func (h *holder) take(t *testing.T) {
	if h.s != nil || h.m.hold == "" {
		return
	}
	s, err := connect(context.Background(), h.l.dsn)
	if err == nil {
		_, err = query(context.Background(), s, []string{"BEGIN", h.m.hold})
	}
	if err != nil {
		t.Errorf("hold %s: %v", h.m.name, err)
		return
	}
	h.s = s
}

func (h *holder) release() {
	if h.s != nil {
		_ = h.s.Close(context.Background())
	}
}

// recover resumes until the run is done, and counts. A server that is not back
// yet is waited for; a person who is asked says not-done, which distribute can be
// told of anything, since it reads the state of the table.
func (l *life) recover(t *testing.T) (resumes int) {
	t.Helper()
	args := []string{"resume"}
	for resumes < 6 {
		resumes++
		out, err := inDir(l.dir, l.dsn, args...)
		if err == nil || isDone(out) {
			return resumes
		}
		args = []string{"resume"}
		if asked := question.FindStringSubmatch(string(out)); asked != nil {
			l.asked++
			args = append(args, "--assume", asked[1])
		}
		t.Logf("resume %d ends with %v\n%s", resumes, err, out)
		time.Sleep(500 * time.Millisecond)
	}
	t.Error("six resumes were not enough")
	return resumes
}
