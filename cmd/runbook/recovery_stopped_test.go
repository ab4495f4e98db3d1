//go:build linux || darwin

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

// stopped is a run that is to be stopped.
type stopped struct {
	t       *testing.T
	c       *stopCluster
	cmd     *exec.Cmd
	out     bytes.Buffer   // what it says, and
	records []event.Record // the records of that; both grow until read is closed
	phases  chan string    // that the call comes to
	read    chan struct{}
}

// begin starts the run and returns when its progress has come to the phase, at
// once where that is "".
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
	s := &stopped{t: t, c: c, phases: make(chan string, 100), read: make(chan struct{})}
	s.cmd = program(context.Background(), dir, c.dsn, "run", "book.yaml", "--output", "jsonl")
	s.cmd.Stderr = os.Stderr
	pipe, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	go s.follow(bufio.NewScanner(pipe))
	if phase != "" {
		s.await(phase)
	}
	return s
}

// await returns when the progress has come to a phase.
func (s *stopped) await(phase string) {
	s.t.Helper()
	late := time.After(2 * time.Minute)
	for {
		select {
		case reached := <-s.phases:
			if reached == phase {
				return
			}
		case <-s.read:
			s.t.Fatalf("it ended before %s\n%s", phase, s.out.String())
		case <-late:
			_ = s.cmd.Process.Kill()
			s.t.Fatalf("it does not come to %s", phase)
		}
	}
}

func (s *stopped) follow(lines *bufio.Scanner) {
	defer close(s.read)
	phase := ""
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.out.Write(append(lines.Bytes(), '\n'))
		var r event.Record
		if r.UnmarshalJSON(lines.Bytes()) != nil {
			continue // an error that ends the program is no record
		}
		s.records = append(s.records, r)
		if e, ok := r.Event.(event.Progress); ok && e.Phase != phase {
			phase = e.Phase
			s.phases <- phase
		}
	}
}

// callEnded is how long after an instant the answer to the call came.
func (s *stopped) callEnded(began time.Time) time.Duration {
	for _, r := range s.records {
		if e, ok := r.Event.(event.StatementFinished); ok && strings.Contains(e.SQL, "_concurrently(") {
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
	switch phase {
	case "cut-over":
		s.awaitSwitch()
	case "held back":
		s.await("holding the switch-over back")
	default:
		time.Sleep(500 * time.Millisecond)
	}
}

func (s *stopped) awaitSwitch() {
	s.t.Helper()
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
