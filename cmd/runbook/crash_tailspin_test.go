//go:build linux || darwin

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/engine/event"
	"runbook/engine/journal"
	"runbook/engine/postgres"
	"runbook/engine/sandbox"
	"runbook/runbooks"
)

// Tailspin, the whole exercise, is killed at records of its journal and at
// random instants, and resumed. The end must be that of an undisturbed run.

var (
	everyKill = flag.Bool("every-kill", false, "kill tailspin at every record, not at a sample of them")
	killPart  = flag.String("kill-part", "1/1", "of -every-kill, only every Nth record from the Kth on: K/N, for several runs beside each other")
	killSeed  = flag.Uint64("kill-seed", 1, "where the sample begins and the random instants fall")
)

// exercise is a runbook that is run, killed and resumed, each time in a fresh
// copy of a database.
type exercise struct {
	box      *sandbox.Sandbox
	text     string   // of the runbook
	vars     []string // NAME=VALUE
	template string   // the database to copy; "" makes one with prepare
	prepare  func(dsn string) error
	state    []string // queries that tell the end state

	lives int
	kills int
	asked int // times that a person was asked, and said not-done
}

// life is one run from its beginning to its end, with what happens to it.
type life struct {
	*exercise
	dir, dsn, name string
}

func (e *exercise) newLife(t *testing.T) *life {
	t.Helper()
	e.lives++
	l := &life{exercise: e, dir: t.TempDir(), name: fmt.Sprintf("%s_%d", strings.ToLower(t.Name()[4:12]), e.lives)}
	var err error
	if e.template != "" {
		l.dsn, err = copyDatabase(e.box, l.name, e.template)
	} else {
		l.dsn, err = e.box.NewDatabase(t.Context(), l.name)
		if err == nil {
			err = e.prepare(l.dsn)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.box.DropDatabase(context.Background(), l.name) })
	if err := os.WriteFile(filepath.Join(l.dir, "book.yaml"), []byte(e.text), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *life) over() { _ = l.box.DropDatabase(context.Background(), l.name) }

// copyDatabase makes a database that holds what template holds.
func copyDatabase(box *sandbox.Sandbox, name, template string) (string, error) {
	ctx := context.Background()
	s, err := connect(ctx, box.DSN())
	if err != nil {
		return "", err
	}
	defer s.Close(ctx)
	if _, err := s.Query(ctx, "CREATE DATABASE "+postgres.Ident(name)+" TEMPLATE "+postgres.Ident(template)); err != nil {
		return "", err
	}
	return strings.Replace(box.DSN(), "/runbook?", "/"+name+"?", 1), nil
}

// runArgs are the arguments of an undisturbed run.
func (e *exercise) runArgs() []string {
	args := []string{"run", "book.yaml"}
	for _, v := range e.vars {
		args = append(args, "--var", v)
	}
	return args
}

// dieAt runs until the process kills itself at a record. It says whether it came
// to that.
func (l *life) dieAt(t *testing.T, side string, at int) bool {
	t.Helper()
	out, err := inDir(l.dir, l.dsn, child+"="+side+" "+strconv.Itoa(at), append([]string{"book.yaml"}, l.vars...)...)
	return l.killed(t, out, err)
}

// dieAfter runs and is killed from outside after a time.
func (l *life) dieAfter(t *testing.T, d time.Duration, args ...string) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.dir, &out, &out
	cmd.Env = append(os.Environ(), "DATABASE_URL="+l.dsn, child+"=NEVER 0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(d, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	defer timer.Stop()
	err := cmd.Wait() // the output is whole only then
	return l.killed(t, out.Bytes(), err)
}

// dieWhen runs and is killed from outside some time after the journal says that a
// statement with the text was sent.
func (l *life) dieWhen(t *testing.T, text string, later time.Duration) bool {
	t.Helper()
	stop := make(chan struct{})
	defer close(stop)
	cmd := exec.Command(os.Args[0], l.runArgs()...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.dir, &out, &out
	cmd.Env = append(os.Environ(), "DATABASE_URL="+l.dsn, child+"=NEVER 0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for !l.sent(text) {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
		time.Sleep(later)
		_ = cmd.Process.Signal(syscall.SIGKILL)
	}()
	err := cmd.Wait() // the output is whole only then
	return l.killed(t, out.Bytes(), err)
}

// sent says whether the journal has a statement with the text.
func (l *life) sent(text string) bool {
	return slices.ContainsFunc(l.journal(), func(r event.Record) bool {
		e, ok := r.Event.(event.StatementStarted)
		return ok && strings.Contains(e.SQL, text)
	})
}

// waited says whether a resumed run waited for a statement of the killed one.
func (l *life) waited() bool {
	return slices.ContainsFunc(l.journal(), func(r event.Record) bool {
		e, ok := r.Event.(event.Progress)
		return ok && strings.HasPrefix(e.Phase, "waiting for a statement of the interrupted run")
	})
}

// journal is what the one journal of the life holds so far.
func (l *life) journal() []event.Record {
	files, _ := filepath.Glob(filepath.Join(l.dir, ".runbook", "runs", "*", "journal.jsonl"))
	if len(files) != 1 {
		return nil
	}
	records, _ := journal.ReadFile(files[0])
	return records
}

func (l *life) killed(t *testing.T, out []byte, err error) bool {
	t.Helper()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitInDoubt {
		return false // a person is asked before the time to die has come
	}
	if !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v\n%s", err, out)
		return false
	}
	l.kills++
	return true
}

var question = regexp.MustCompile(`--assume (\S+=not-done)`)

// goOn resumes until the run is done. A person who is asked says not-done: all
// that tailspin asks about can be done twice.
func (l *life) goOn(t *testing.T) {
	t.Helper()
	args := []string{"resume"}
	if begun(l.dir) == 0 {
		args = l.runArgs()
		_ = os.RemoveAll(filepath.Join(l.dir, ".runbook"))
	}
	for range 5 {
		out, err := inDir(l.dir, l.dsn, child+"=", args...)
		if err == nil || strings.Contains(string(out), "is done, there is nothing to resume") {
			return
		}
		var exit *exec.ExitError
		asked := question.FindStringSubmatch(string(out))
		if !errors.As(err, &exit) || exit.ExitCode() != exitInDoubt || asked == nil {
			t.Errorf("%v: %v\n%s", args, err, out)
			return
		}
		l.asked++
		args = []string{"resume", "--assume", asked[1]}
	}
	t.Error("five resumes were not enough")
}

// end is the state of the database, and wants the journal to say that the run
// is done and owes nothing.
func (l *life) end(t *testing.T) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(l.dir, ".runbook", "runs", "*", "journal.jsonl"))
	if len(files) != 1 {
		t.Fatalf("%d journals", len(files))
	}
	records, err := journal.ReadFile(files[0])
	if err != nil {
		t.Error(err)
	}
	past := journal.Fold(records)
	if past.End == nil || past.End.Status != event.Done || len(past.Ledger) > 0 || len(past.InDoubt()) > 0 {
		t.Errorf("the journal says end %+v, ledger %v, in doubt %v", past.End, past.Ledger, past.InDoubt())
	}
	ctx := t.Context()
	s, err := connect(ctx, l.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(ctx)
	noLockLeft(t, s)
	state, err := query(ctx, s, l.state)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// records of the life's journal.
func (l *life) records() int { return begun(l.dir) }

// tailspinState is the catalog, and the rows that no shop touches.
var tailspinState = []string{
	"SELECT conrelid::regclass, conname, contype, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conparentid = 0 AND confrelid::regclass::text !~ '^standin' ORDER BY 1, 2",
	"SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '_[0-9]{6,}' ORDER BY 1",
	"SELECT table_name::text, citus_table_type, distribution_column, shard_count, colocation_id = min(colocation_id) OVER () FROM citus_tables ORDER BY 1",
	"SELECT count(*) FROM citus_get_active_worker_nodes()",
	"SELECT count(*), md5(string_agg(s::text, ',' ORDER BY s::text)) FROM stores s",
	"SELECT count(*), md5(string_agg(s::text, ',' ORDER BY s::text)) FROM products s",
}

// quietState has the rows that shops would touch too.
var quietState = append([]string{
	"SELECT count(*), md5(string_agg(s::text, ',' ORDER BY s::text)) FROM orders s",
	"SELECT count(*), md5(string_agg(s::text, ',' ORDER BY s::text)) FROM line_items s",
}, tailspinState...)

// tailspin is the shipped runbook at a tiny scale.
func tailspin(t *testing.T, box *sandbox.Sandbox, shops int) *exercise {
	t.Helper()
	text, err := runbooks.FS.ReadFile("tailspin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var nodes []string
	for _, n := range box.Workers() {
		nodes = append(nodes, fmt.Sprintf("{host: %s, port: %d}", n.Host, n.Port))
	}
	e := &exercise{
		box: box, text: strings.NewReplacer("baseline: 2s", "baseline: 100ms", "  setup: tailspin/prepare.yaml\n", "").Replace(string(text)), state: quietState,
		vars: []string{"samples=6", fmt.Sprintf("shops=%d", shops), "batch=2", "workers=[" + strings.Join(nodes, ", ") + "]"},
	}
	if shops > 0 {
		e.state = tailspinState
	}
	e.prepare = func(dsn string) error {
		out, err := inDir(t.TempDir(), dsn, child+"=", "run", "tailspin/prepare.yaml", "--var", "scale=0.0002")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	}
	return e
}

func TestTailspinKilled(t *testing.T) {
	box, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	e := tailspin(t, box, 0)
	template := e.newLife(t)
	e.template = template.name
	whole := e.newLife(t)
	began := time.Now()
	whole.goOn(t)
	took, want, total := time.Since(began), whole.end(t), whole.records()
	if t.Failed() {
		return
	}
	random := rand.New(rand.NewPCG(*killSeed, 0)) //nolint:gosec // chooses instants, keeps no secret
	step := max(1, total/7)
	first := 1 + random.IntN(step)
	instants := 3
	if *everyKill {
		first, step, instants = 1, 1, 40
		if _, err := fmt.Sscanf(*killPart, "%d/%d", &first, &step); err != nil || first < 1 || step < first {
			t.Fatalf("-kill-part is K/N, not %q", *killPart)
		}
		instants /= step
	}
	for at, turn := first, 0; at <= total; at, turn = at+step, turn+1 {
		for i, side := range []string{"BEFORE", "AFTER"} {
			if !*everyKill && turn%2 != i {
				continue
			}
			l := e.newLife(t)
			l.dieAt(t, side, at)
			l.goOn(t)
			if got := l.end(t); got != want {
				t.Errorf("killed %s record %d of %d and resumed, it ends as\n%s\nwant\n%s", side, at, total, got, want)
			}
			l.over()
		}
	}
	// With shops that write, at random instants, and killed again while it goes on.
	e.vars[1], e.state = "shops=1", tailspinState
	wantQuiet := whole
	wantQuiet.state = tailspinState
	want = wantQuiet.end(t)
	for range instants {
		l := e.newLife(t)
		first, second := time.Duration(random.Int64N(int64(took))), time.Duration(random.Int64N(int64(took)))
		if l.dieAfter(t, first, l.runArgs()...) && begun(l.dir) > 0 && !ended(l.dir) {
			l.dieAfter(t, second, "resume")
		}
		l.goOn(t)
		if got := l.end(t); got != want {
			t.Errorf("killed after %s and %s and resumed, it ends as\n%s\nwant\n%s", first, second, got, want)
		}
		l.over()
	}
	t.Logf("figures: tailspin on the stand-in: %d records, %d kills, a person asked %d times", total, e.kills, e.asked)
}
