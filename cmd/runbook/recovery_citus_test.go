//go:build linux || darwin

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"runbook/engine/postgres"
	"runbook/engine/sandbox"
)

// A concurrent distribution is stopped in each of its phases, in each of the ways
// that it can be, while writers are busy. The coordinator must live on, nothing
// may be left behind, and the step run again ends with every row in place.

var stops = flag.Int("stops", 0, "how often each way to stop a concurrent distribution is tried in each phase; 0 tries a sample")

const stopBook = `
runbook: v1
steps:
  - distribute: {table: orders, column: shop, concurrently: true}
`

// stopPhases are the phases to stop in, as the run's own output calls them, and
// how the call is held there.
var stopPhases = []struct {
	name, progress string
	hold           func(*stopped) (release func())
}{
	{"copying", "copying", (*stopped).lockShard},
	{"catching up", "catching up", (*stopped).lockShard},
	{"cut-over", "copying", (*stopped).openWriter},
}

// stopWays are how a distribution ends before it is done.
var stopWays = []struct {
	name string
	stop func(*stopped)
	exit int
	says string
}{
	{"SIGINT", (*stopped).interrupt, exitInterrupted, "canceling statement due to user request"},
	{"pg_cancel_backend", func(s *stopped) { s.tell("pg_cancel_backend") }, exitFailed, "canceling statement due to user request"},
	{"pg_terminate_backend", func(s *stopped) { s.tell("pg_terminate_backend") }, exitInDoubt, "terminating connection"},
}

func TestCitusStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes its time")
	}
	if !citusInstalled() {
		t.Skip("Citus is not installed")
	}
	c, err := newStopCluster(t), error(nil)
	n := 0
	for i := range max(1, *stops) {
		for p, phase := range stopPhases {
			for w, way := range stopWays {
				if *stops == 0 && w != p%2 { // a sample; that a backend is terminated comes below
					continue
				}
				n++
				t.Run(fmt.Sprintf("%s/%s/%d", phase.name, way.name, i), func(t *testing.T) {
					s := c.begin(t, phase.progress)
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
				})
			}
		}
	}
	t.Run("client killed", func(t *testing.T) {
		s := c.begin(t, "copying")
		s.kill()
		if out := c.again(t); !strings.Contains(out, "waiting for the call on this table that runs already: backend ") {
			t.Errorf("another run does not wait for the call\n%s", out)
		}
	})
	t.Run("client and backend killed", func(t *testing.T) {
		// Citus would clear what is left after a while, whoever else does.
		c.sql(t, "ALTER SYSTEM SET citus.defer_shard_delete_interval = -1; SELECT pg_reload_conf(); SELECT pg_sleep(0.2)")
		s := c.begin(t, "copying")
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
	})
	t.Run("by a role that may not end the replication", func(t *testing.T) {
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
		c.nothingLeft(t)
		c.again(t)
	})
	t.Run("before its conversion", func(t *testing.T) {
		s := &stopped{t: t, c: c}
		defer s.openWriter()()
		s = c.start(t, strings.Replace(stopBook, "true}", "true, lock_for: 1s}", 1), "")
		out, code := s.end()
		if code != exitFailed || !strings.Contains(out, "held by pid ") || !strings.Contains(out, "INSERT INTO orders") || !strings.Contains(out, "state now: public.orders is local") {
			t.Errorf("it ends with %d\n%s", code, out)
		}
		c.nothingLeft(t)
	})
	t.Run("by a crash of the server", func(t *testing.T) {
		s := c.begin(t, "copying")
		release := s.lockShard()
		defer release()
		time.AfterFunc(time.Second, release)
		_, _ = query(t.Context(), c.admin, []string{`DO $$ BEGIN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'kill -9 ' || pg_backend_pid()); END $$`})
		out, code := s.end()
		if code != exitInDoubt || !strings.Contains(out, "state now: public.orders is citus-local") {
			t.Errorf("it ends with %d\n%s", code, out)
		}
		if c.admin, err = connect(t.Context(), c.box.DSN()); err != nil {
			t.Fatal(err)
		}
		if c.cleared(t); t.Failed() {
			t.Log(out)
		}
	})
	t.Logf("figures: %d distributions stopped, %d rows written meanwhile, %d errors of writers", n+5, c.total+c.written.Load(), c.failed.Load())
}

// stopCluster is a cluster with a table that writers are busy with.
type stopCluster struct {
	box             *sandbox.Sandbox
	dsn             string            // as the runs connect
	admin           *postgres.Session // a crash would end it
	written, failed atomic.Int64
	total           int64        // written before the last time that the table was emptied of it
	paused          sync.RWMutex // held by each writer while it writes
}

const stopRows = 20000

func newStopCluster(t *testing.T) *stopCluster {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Engine: "citus", Workers: 2, CacheDir: cacheDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Stop() })
	c := &stopCluster{box: box, dsn: box.DSN()}
	if c.admin, err = connect(t.Context(), box.DSN()); err != nil {
		t.Fatal(err)
	}
	for _, w := range box.Workers() {
		c.sql(t, fmt.Sprintf("SELECT citus_add_node('%s', %d)", w.Host, w.Port))
	}
	// PostgreSQL loads only the listed output plugins, since its latest minor versions.
	c.sql(t, "ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, citus; SELECT pg_reload_conf(); SELECT pg_sleep(0.2)")
	_, password := c.owner(t)
	c.sql(t, "CREATE ROLE shopkeeper LOGIN; GRANT ALL ON SCHEMA public TO shopkeeper")
	c.sql(t, fmt.Sprintf("SELECT run_command_on_all_nodes($$ALTER ROLE shopkeeper PASSWORD '%s'$$)", password))
	c.sql(t, "SET ROLE shopkeeper; CREATE TABLE orders (id bigserial, shop int, note text, PRIMARY KEY (shop, id)); RESET ROLE")
	c.sql(t, fmt.Sprintf("INSERT INTO orders (shop, note) SELECT 1 + i %% 200, repeat('x', 100) FROM generate_series(1, %d) i", stopRows))
	writing, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() { c.write(writing) })
	}
	t.Cleanup(func() { stop(); writers.Wait() })
	return c
}

// write inserts rows until ctx is over.
func (c *stopCluster) write(ctx context.Context) {
	s, err := connect(context.Background(), c.box.DSN())
	if err != nil {
		c.failed.Add(1)
		return
	}
	defer s.Close(context.Background())
	for n := 0; ctx.Err() == nil; n++ {
		c.paused.RLock()
		_, err := s.Query(context.Background(), "INSERT INTO orders (shop, note) VALUES ($1, 'written')", int64(1+n%200))
		if err == nil {
			c.written.Add(1)
		} else {
			c.failed.Add(1)
		}
		c.paused.RUnlock()
		if s.Closed() {
			return
		}
		time.Sleep(4 * time.Millisecond)
	}
}

// owner is how the table's owner connects, who is nobody otherwise.
func (c *stopCluster) owner(t *testing.T) (dsn, password string) {
	t.Helper()
	u, err := url.Parse(c.box.DSN())
	if err != nil {
		t.Fatal(err)
	}
	password, _ = u.User.Password()
	u.User = url.UserPassword("shopkeeper", password)
	return u.String(), password
}

func (c *stopCluster) sql(t *testing.T, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := query(ctx, c.admin, []string{text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return strings.TrimSpace(out)
}

// worker connects to a worker.
func (c *stopCluster) worker(t *testing.T, i int) *postgres.Session {
	t.Helper()
	u, err := url.Parse(c.box.DSN())
	if err != nil {
		t.Fatal(err)
	}
	n := c.box.Workers()[i]
	u.Host = net.JoinHostPort(n.Host, strconv.Itoa(n.Port))
	s, err := connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// nothingLeft wants the coordinator to have lived on and everything of the failed
// call to be gone, at once and not only after Citus's own clean-up.
func (c *stopCluster) nothingLeft(t *testing.T) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(c.box.Dir(), "coordinator.log"))
	if err != nil {
		t.Fatal(err)
	}
	if c.admin.Closed() || bytes.Contains(log, []byte("terminated by signal")) {
		t.Fatal("the coordinator has crashed")
	}
	c.cleared(t)
}

// cleared wants everything of the failed call to be gone.
func (c *stopCluster) cleared(t *testing.T) {
	t.Helper()
	if got := c.sql(t, "SELECT count(*) FROM pg_dist_cleanup WHERE policy_type < 2; SELECT count(*) FROM pg_replication_slots"); got != "0\n0" {
		t.Errorf("records of clean-up and slots: %q", got)
	}
	if got := c.sql(t, "SELECT sum(result::int) FROM run_command_on_all_nodes('SELECT count(*) FROM pg_subscription')"); got != "0" {
		t.Errorf("%s subscriptions are left", got)
	}
}

// again runs the step to its end, wants every row, and makes the table an
// ordinary one for the next time.
func (c *stopCluster) again(t *testing.T) (said string) {
	t.Helper()
	s := c.begin(t, "")
	said, code := s.end()
	if code != exitDone {
		t.Fatalf("run again, it ends with %d\n%s", code, said)
	}
	if got := c.sql(t, "SELECT citus_table_type || ' by ' || distribution_column FROM citus_tables WHERE table_name = 'orders'::regclass"); got != "distributed by shop" {
		t.Errorf("orders is %s", got)
	}
	c.paused.Lock()
	defer c.paused.Unlock()
	want := strconv.FormatInt(stopRows+c.written.Load(), 10)
	if got := c.sql(t, "SELECT count(*) FROM orders WHERE note <> 'held'"); got != want {
		t.Errorf("there are %s rows, want %s", got, want)
	}
	c.sql(t, "SELECT undistribute_table('orders')")
	c.sql(t, "DELETE FROM orders WHERE note IN ('written', 'held')")
	c.total += c.written.Swap(0)
	return said
}

// stopped is a run that is to be stopped.
type stopped struct {
	t       *testing.T
	c       *stopCluster
	cmd     *exec.Cmd
	out     bytes.Buffer // written by lines until read is closed
	reached chan struct{}
	read    chan struct{}
}

// begin starts the run and returns when its progress has come to the phase.
func (c *stopCluster) begin(t *testing.T, phase string) *stopped {
	t.Helper()
	return c.start(t, stopBook, phase)
}

func (c *stopCluster) start(t *testing.T, book, phase string) *stopped {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "book.yaml"), []byte(book), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &stopped{t: t, c: c, reached: make(chan struct{}), read: make(chan struct{})}
	s.cmd = exec.Command(os.Args[0], "run", "book.yaml", "--output", "jsonl")
	s.cmd.Dir, s.cmd.Stderr = dir, os.Stderr
	s.cmd.Env = append(os.Environ(), "DATABASE_URL="+c.dsn, child+"=NEVER 0")
	pipe, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	go s.follow(bufio.NewScanner(pipe), phase)
	if phase == "" {
		return s
	}
	select {
	case <-s.reached:
	case <-s.read:
		t.Fatalf("it ended before %s\n%s", phase, s.out.String())
	case <-time.After(2 * time.Minute):
		_ = s.cmd.Process.Kill()
		t.Fatalf("it does not come to %s", phase)
	}
	return s
}

func (s *stopped) follow(lines *bufio.Scanner, phase string) {
	defer close(s.read)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.out.Write(append(lines.Bytes(), '\n'))
		var r struct{ Phase string }
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Phase == phase && phase != "" {
			close(s.reached)
			phase = ""
		}
	}
}

// callEnded is how long after an instant the answer to the call came.
func (s *stopped) callEnded(began time.Time) time.Duration {
	for line := range strings.Lines(s.out.String()) {
		var r struct {
			Event, SQL string
			Time       time.Time
		}
		if json.Unmarshal([]byte(line), &r) == nil && r.Event == "statement_finished" && strings.Contains(r.SQL, "_concurrently(") {
			return r.Time.Sub(began).Round(time.Millisecond)
		}
	}
	s.t.Error("no answer to the call is on record")
	return 0
}

// end waits until the program has ended.
func (s *stopped) end() (said string, code int) {
	s.t.Helper()
	killer := time.AfterFunc(2*time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer killer.Stop()
	<-s.read
	return s.out.String(), codeOf(s.cmd.Wait())
}

func (s *stopped) interrupt() {
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		s.t.Error(err)
	}
}

func (s *stopped) kill() {
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Error(err)
	}
	s.end()
}

// tell calls a function of the server with the backend of the call.
func (s *stopped) tell(function string) {
	if got := s.c.sql(s.t, "SELECT "+function+"(pid) FROM pg_stat_activity WHERE application_name LIKE 'runbook/%/main'"); got != "t" {
		s.t.Errorf("%s: %q", function, got)
	}
}

// lockShard locks one of the shards that the call fills, so that neither the copy
// nor the replication goes on.
func (s *stopped) lockShard() (release func()) {
	s.t.Helper()
	shard := s.c.sql(s.t, fmt.Sprintf(`SELECT object_name FROM pg_dist_cleanup c JOIN pg_dist_node n ON n.groupid = c.node_group_id
		WHERE policy_type = 1 AND object_type = 1 AND nodeport = %d ORDER BY record_id DESC LIMIT 1`, s.c.box.Workers()[0].Port))
	w := s.c.worker(s.t, 0)
	return s.hold(w, "SET citus.enable_manual_changes_to_shards = on; BEGIN; LOCK TABLE "+shard+" IN ACCESS EXCLUSIVE MODE")
}

// openWriter writes a row and does not commit, which is what the cut-over waits
// for.
func (s *stopped) openWriter() (release func()) {
	s.t.Helper()
	w, err := connect(s.t.Context(), s.c.box.DSN())
	if err != nil {
		s.t.Fatal(err)
	}
	return s.hold(w, "BEGIN; INSERT INTO orders (shop, note) VALUES (5, 'held')")
}

func (s *stopped) hold(w *postgres.Session, text string) (release func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := query(ctx, w, []string{text}); err != nil {
		s.t.Fatal(err)
	}
	return func() { _ = w.Close(context.Background()) }
}

// awaitHold waits until the call has run into what holds it.
func (s *stopped) awaitHold(phase string) {
	s.t.Helper()
	if phase != "cut-over" {
		time.Sleep(500 * time.Millisecond)
		return
	}
	for range 1000 {
		// Writers that are about to commit hold it up too, for a moment.
		if s.c.sql(s.t, `SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)
			WHERE application_name LIKE 'runbook/%/main' AND locktype = 'advisory' AND NOT granted AND waitstart < now() - interval '200 ms'`) == "1" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatal("the call does not come to its cut-over")
}
