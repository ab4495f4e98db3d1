//go:build linux || darwin

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"runbook/engine/event"
	"runbook/engine/journal"
	"runbook/engine/postgres"
	"runbook/engine/sandbox"
	"runbook/internal/faulty"
)

// exercise is a runbook that is run, killed and resumed, each time in a fresh
// copy of a database.
type exercise struct {
	box      *sandbox.Sandbox
	text     string                 // of the runbook
	vars     []string               // NAME=VALUE
	template string                 // the database to copy; "" makes one with prepare
	prepare  func(dsn string) error // nil where an empty one will do
	state    []string               // queries that tell the end state

	lives int
	kills int
	asked int // times that a person was asked, and said not-done
}

// life is one run from its beginning to its end, with what happens to it.
type life struct {
	*exercise
	dir, dsn, name string        // name is the database's
	took           time.Duration // of an undisturbed one
}

// newLife has a database of its own until t ends.
func (e *exercise) newLife(t *testing.T) *life {
	t.Helper()
	e.lives++
	name := fmt.Sprintf("%s_%d", strings.ToLower(t.Name()[4:12]), e.lives)
	dsn, err := e.newDatabase(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.box.DropDatabase(context.Background(), name) })
	l := &life{exercise: e, dir: t.TempDir(), dsn: dsn, name: name}
	if err := os.WriteFile(filepath.Join(l.dir, "book.yaml"), []byte(e.text), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

func (e *exercise) newDatabase(name string) (dsn string, err error) {
	if e.template != "" {
		return copyDatabase(e.box.DSN(), name, e.template)
	}
	dsn, err = e.box.NewDatabase(context.Background(), name)
	if err == nil && e.prepare != nil {
		err = e.prepare(dsn)
	}
	return dsn, err
}

// executing prepares a database with statements.
func executing(list ...string) func(dsn string) error {
	return func(dsn string) error {
		ctx := context.Background()
		s, err := connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer s.Close(ctx)
		_, err = query(ctx, s, list)
		return err
	}
}

// undisturbed is a life in which nothing happens, and its end.
func (e *exercise) undisturbed(t *testing.T) (whole *life, end string) {
	t.Helper()
	whole = e.newLife(t)
	began := time.Now()
	whole.goOn(t)
	whole.took = time.Since(began)
	end = whole.end(t)
	if t.Failed() {
		t.FailNow()
	}
	return whole, end
}

// survives wants a life that is harmed, and goes on, to end as wanted. It returns
// the records of its journal.
func (e *exercise) survives(t *testing.T, name, want string, harm func(*testing.T, *life)) (records []event.Record) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		l := e.newLife(t)
		harm(t, l)
		l.goOn(t)
		l.mustEnd(t, want)
		records = l.journal()
	})
	return records
}

// runArgs are the arguments of an undisturbed run.
func (e *exercise) runArgs() []string {
	args := []string{"run", "book.yaml"}
	for _, v := range e.vars {
		args = append(args, "--var", v)
	}
	return args
}

// runThrough runs over a network that breaks, and wants it to have done so and
// the run to end well or with one of the exit codes.
func (l *life) runThrough(t *testing.T, network *faulty.Proxy, exits ...int) (said string, err error) {
	t.Helper()
	dsn, err := network.Start(l.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	out, err := inDir(l.dir, dsn, l.runArgs()...)
	if !network.Struck() {
		t.Errorf("the run never sent it\n%s", out)
	}
	if err != nil && !slices.Contains(exits, codeOf(err)) {
		t.Errorf("%v\n%s", err, out)
	}
	return string(out), err
}

var question = regexp.MustCompile(`--assume (\S+=not-done)`)

// goOn resumes until the run is done. A person who is asked says not-done: all
// that is asked about can be done twice.
func (l *life) goOn(t *testing.T) {
	t.Helper()
	args := []string{"resume"}
	if len(l.journal()) == 0 { // killed before there was anything to resume
		args = l.runArgs()
		_ = os.RemoveAll(filepath.Join(l.dir, ".runbook"))
	}
	for range 5 {
		said, err := inDir(l.dir, l.dsn, args...)
		if err == nil || isDone(said) {
			return
		}
		asked := question.FindStringSubmatch(string(said))
		if codeOf(err) != exitInDoubt || asked == nil {
			t.Errorf("%v: %v\n%s", args, err, said)
			return
		}
		l.asked++
		args = []string{"resume", "--assume", asked[1]}
	}
	t.Error("five resumes were not enough")
}

func isDone(said []byte) bool {
	return strings.Contains(string(said), "is done, there is nothing to resume")
}

// mustEnd wants the end of the life to be that.
func (l *life) mustEnd(t *testing.T, want string) {
	t.Helper()
	if got := l.end(t); got != want {
		t.Errorf("it ends as\n%s\nwant\n%s", got, want)
	}
}

// end is the state of the database, and wants the journal to say that the run
// is done and owes nothing.
func (l *life) end(t *testing.T) string {
	t.Helper()
	records, err := l.readJournal()
	if err != nil {
		t.Error(err)
	}
	past := journal.Fold(records)
	if past.End == nil || past.End.Status != event.Done || len(past.Ledger) > 0 || len(past.InDoubt()) > 0 {
		t.Errorf("the journal says end %+v, ledger %v, in doubt %v", past.End, past.Ledger, past.InDoubt())
	}
	s := l.connect(t)
	defer s.Close(t.Context())
	noLockLeft(t, s)
	state, err := query(t.Context(), s, l.state)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// mustHold wants the rows of queries to be these, whatever the journal says.
func (l *life) mustHold(t *testing.T, want string, queries ...string) {
	t.Helper()
	s := l.connect(t)
	defer s.Close(t.Context())
	if got, err := query(t.Context(), s, queries); err != nil || got != want {
		t.Errorf("the database holds %v\n%s\nwant\n%s", err, got, want)
	}
}

func (l *life) connect(t *testing.T) *postgres.Session {
	t.Helper()
	s, err := connect(t.Context(), l.dsn)
	if err != nil {
		t.Fatal(err)
	}
	return s
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
