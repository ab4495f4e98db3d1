//go:build linux || darwin

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/engine/event"
	"runbook/engine/postgres"
	"runbook/engine/sandbox"
)

// TestCitusPhases harms a concurrent distribution in each of its phases: its
// client dies, its backend is terminated, a worker is restarted. Whatever that
// leaves, resumed the run must end as an undisturbed one does.
func TestCitusPhases(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes its time")
	}
	if !citusInstalled() {
		t.Skip("Citus is not installed")
	}
	box, err := sandbox.Start(t.Context(), sandbox.Options{Engine: "citus", Workers: 1, CacheDir: cacheDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Stop() })
	e := concurrentExercise(box, 150000)
	whole := e.newLife(t)
	whole.goOn(t)
	want := whole.end(t)
	if t.Failed() {
		return
	}
	struck, resumes := 0, 0
	for i, m := range moments {
		for j, h := range harms {
			if !*everyKill && i%len(harms) != j {
				continue
			}
			l := e.newLife(t)
			said, hit := l.strike(t, m, h)
			if !hit {
				t.Errorf("%s while %s: the run never came to that\n%s", h.name, m.name, said)
				l.over()
				continue
			}
			struck++
			resumes += l.recover(t)
			if got := l.end(t); got != want {
				t.Errorf("%s while %s and resumed, it ends as\n%s\nwant\n%s\nthe run said\n%s", h.name, m.name, got, want, said)
			}
			l.over()
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
		name: "switching over", hold: "INSERT INTO orders VALUES (0, 1, 'held')", when: "copying",
		visible: "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT create_distributed_table_concurrently%' AND wait_event = 'advisory'",
	},
}

// harm is what happens at a moment.
type harm struct {
	name string
	do   func(t *testing.T, l *life, client *os.Process)
}

var harms = []harm{
	{"client killed", func(_ *testing.T, _ *life, client *os.Process) { _ = client.Signal(syscall.SIGKILL) }},
	{"backend terminated", func(t *testing.T, l *life, _ *os.Process) {
		l.ask(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'runbook/%/main' AND state = 'active'")
	}},
	{"worker restarted", func(t *testing.T, l *life, _ *os.Process) {
		dir := dataDirOf(t, l.box, l.box.Workers()[0].Port)
		stopServer(t, dir)
		startServer(t, dir)
	}},
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

// tells says whether the journal has come to a phase of the concurrent call; the
// other one has phases too.
func (l *life) tells(phase string) bool {
	return slices.ContainsFunc(l.journal(), func(r event.Record) bool {
		e, ok := r.Event.(event.Progress)
		return ok && e.Phase == phase && strings.HasPrefix(e.Step, "3/")
	})
}

// strike runs, and does harm at the moment. What was held is let go after it.
func (l *life) strike(t *testing.T, m moment, h harm) (said string, hit bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], l.runArgs()...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.dir, &out, &out
	cmd.Env = append(os.Environ(), "DATABASE_URL="+l.dsn, child+"=NEVER 0")
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
		out, err := inDir(l.dir, l.dsn, child+"=", args...)
		if err == nil || strings.Contains(string(out), "is done, there is nothing to resume") {
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

// concurrentExercise distributes a table of so many rows concurrently.
func concurrentExercise(box *sandbox.Sandbox, rows int) *exercise {
	n := box.Workers()[0]
	return &exercise{
		box: box, text: strings.ReplaceAll(concurrentBook, "60000", strconv.Itoa(rows)), state: concurrentState,
		vars: []string{"workers=[{host: " + n.Host + ", port: " + strconv.Itoa(n.Port) + "}]"},
		prepare: func(dsn string) error {
			s, err := connect(context.Background(), dsn)
			if err != nil {
				return err
			}
			defer s.Close(context.Background())
			_, err = query(context.Background(), s, []string{
				// PostgreSQL loads only the listed output plugins, since its latest minor versions.
				"ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, citus", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)",
				"CREATE TABLE shops (shop int PRIMARY KEY)", "INSERT INTO shops SELECT generate_series(1, 200)",
				"CREATE TABLE orders (id int, shop int CONSTRAINT orders_shop_fkey REFERENCES shops ON DELETE CASCADE, note text, PRIMARY KEY (shop, id))",
				fmt.Sprintf("INSERT INTO orders SELECT i, 1 + i %% 200, repeat('x', 100) FROM generate_series(1, %d) i", rows),
			})
			return err
		},
	}
}
