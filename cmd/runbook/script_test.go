//go:build linux || darwin

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"runbook/engine/postgres"
	"runbook/engine/sandbox"
)

// The scripts in testdata/scripts say what a user sees, the expectation beside
// the input. The first word of a name is the command that it is about. Each
// script has a database of its own, on plain PostgreSQL, in $DATABASE_URL.
//
// Beside the commands of testscript there are:
//
//	sql STATEMENT…       runs the statements on the script's database and prints rows, a|b
//	plain stdout|stderr|FILE  writes a copy, of the same name with .plain, without what varies; see varying
//	until FILE TEXT      waits until the file, of a background command mostly, holds the text
//	fails CODE COMMAND…  wants the command to end with that exit code
//	start COMMAND…       starts a command, its output in the files out and err
//	signal INT|TERM|KILL sends it a signal
//	ends CODE            waits for its end and wants that exit code
//	hold STATEMENT…      runs the statements on a session that stays open
//	release [AFTER]      ends all such sessions, now or in a while
//	stand-in             makes $DATABASE_URL a database with the stand-in
//	citus                makes $DATABASE_URL a database with Citus and two workers
//
// UPDATE=1 go test ./cmd/runbook writes what came out into the scripts.

func TestMain(m *testing.M) {
	switch side, at, _ := strings.Cut(os.Getenv(child), " "); side {
	case "BEFORE", "AFTER":
		n, _ := strconv.Atoi(at)
		os.Exit(dyingRun(side, n))
	case "NEVER":
		main()
	}
	testscript.Main(&tests{m: m}, map[string]func(){"runbook": main})
}

// tests runs the tests and stops the server that they shared.
type tests struct{ m *testing.M }

var server struct {
	sync.Once
	box *sandbox.Sandbox
	err error
}

func (t *tests) Run() (code int) {
	defer stopCitus()
	defer func() {
		if server.box == nil {
			return
		}
		if err := server.box.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return t.m.Run()
}

// shared is the server that every script has a database on.
func shared() (*sandbox.Sandbox, error) {
	server.Do(func() {
		server.box, server.err = sandbox.Start(context.Background(), sandbox.Options{Engine: "stand-in", Workers: 2, CacheDir: cacheDir()})
	})
	return server.box, server.err
}

// cacheDir is where sandboxes keep their templates, those that scripts start
// too: one initdb serves all.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "runbook", "sandbox")
}

var only = flag.String("script", "", "run the scripts whose names match this pattern of file names, without .txtar")

func TestScripts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "scripts", or(*only, "*")+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		Setup:               setUp,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sql":      sqlCommand,
			"plain":    plainCommand,
			"until":    untilCommand,
			"fails":    failsCommand,
			"start":    startCommand,
			"signal":   signalCommand,
			"ends":     endsCommand,
			"stand-in": standInCommand,
			"citus":    citusCommand,
			"hold":     holdCommand,
			"release":  releaseCommand,
		},
	})
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// setUp gives a script its database and its environment.
func setUp(e *testscript.Env) error {
	box, err := shared()
	if err != nil {
		return err
	}
	s := &script{name: regexp.MustCompile(`\W+`).ReplaceAllString(filepath.Base(e.WorkDir), "_")}
	dsn, err := copyDatabase(box.DSN(), s.name, "template0") // without the stand-in
	if err != nil {
		return err
	}
	e.Defer(func() { _ = box.DropDatabase(context.Background(), s.name) })
	e.Values[scriptKey{}] = s
	e.Defer(s.end)
	program, err := exec.LookPath("runbook")
	if err != nil {
		return err
	}
	cache := filepath.Dir(filepath.Dir(cacheDir()))
	e.Vars = append(
		e.Vars,
		"DATABASE_URL="+dsn,
		"XDG_CACHE_HOME="+cache,
		"RUNBOOK="+program, // for where PATH is empty
		"CLOSED=postgres://postgres@127.0.0.1:1/nowhere?connect_timeout=2", // nothing listens there
		"TMPDIR="+os.TempDir(), // a socket's path is short, and its user is another one
		"NO_COLOR=1", "TZ=UTC", "LC_ALL=C.UTF-8", "PGPASSFILE=/nonexistent", "PGSERVICEFILE=/nonexistent",
		"GORACE=exitcode=66",
	)
	s.env = e.Vars
	return nil
}

// copyDatabase creates a database that holds what template holds.
func copyDatabase(dsn, name, template string) (string, error) {
	ctx := context.Background()
	s, err := connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer s.Close(ctx)
	if _, err := s.Query(ctx, "CREATE DATABASE "+postgres.Ident(name)+" TEMPLATE "+postgres.Ident(template)); err != nil {
		return "", err
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// script is what the commands of one script share.
type script struct {
	name     string
	env      []string
	sessions []*postgres.Session // held open
	running  *exec.Cmd           // by start
}

type scriptKey struct{}

func of(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

func (s *script) end() {
	s.release()
	if s.running != nil {
		_ = s.running.Process.Kill()
		_ = s.running.Wait()
	}
}

func (s *script) release() {
	for _, session := range s.sessions {
		_ = session.Close(context.Background())
	}
	s.sessions = nil
}

func failsCommand(ts *testscript.TestScript, _ bool, args []string) {
	wantExit(ts, ts.Exec(args[1], args[2:]...), args[0])
}

func wantExit(ts *testscript.TestScript, err error, want string) {
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != want {
		ts.Fatalf("exit code %d, want %s", got, want)
	}
}

func startCommand(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), append(slices.Clone(s.env), "DATABASE_URL="+ts.Getenv("DATABASE_URL"))
	out, err := os.Create(ts.MkAbs("out"))
	ts.Check(err)
	defer out.Close()
	stderr, err := os.Create(ts.MkAbs("err"))
	ts.Check(err)
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = out, stderr
	ts.Check(cmd.Start())
	s.running = cmd
}

func signalCommand(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
	ts.Check(of(ts).running.Process.Signal(signals[args[0]]))
}

func endsCommand(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts)
	timer := time.AfterFunc(time.Minute, func() { _ = s.running.Process.Kill() })
	defer timer.Stop()
	err := s.running.Wait()
	s.running = nil
	wantExit(ts, err, args[0])
}

func standInCommand(ts *testscript.TestScript, _ bool, _ []string) {
	name := of(ts).name + "_standin"
	dsn, err := server.box.NewDatabase(context.Background(), name)
	ts.Check(err)
	ts.Defer(func() { _ = server.box.DropDatabase(context.Background(), name) })
	ts.Setenv("DATABASE_URL", dsn)
}

func condition(name string) (bool, error) {
	if name != "citus" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return citusInstalled(), nil
}

// citusInstalled says whether a sandbox could run Citus here.
var citusInstalled = sync.OnceValue(func() bool {
	box, err := sandbox.Start(context.Background(), sandbox.Options{Engine: "citus", CacheDir: cacheDir()})
	if err != nil {
		return false
	}
	_ = box.Stop()
	return true
})

// query runs statements one after the other and returns the rows, a|b.
func query(ctx context.Context, s *postgres.Session, statements []string) (string, error) {
	var b strings.Builder
	for _, sql := range statements {
		for _, st := range postgres.Split(sql) {
			r, err := s.Query(ctx, st.Text)
			if err != nil {
				return b.String(), err
			}
			for _, row := range r.Rows {
				for i, v := range row {
					if i > 0 {
						b.WriteByte('|')
					}
					b.WriteString(postgres.FormatValue(v))
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String(), nil
}

func connect(ctx context.Context, dsn string) (*postgres.Session, error) {
	target, err := postgres.ParseTarget(dsn)
	if err != nil {
		return nil, err
	}
	return postgres.Connect(ctx, target, postgres.Options{ApplicationName: "script"})
}

func sqlCommand(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := connect(ctx, ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	defer s.Close(ctx)
	out, err := query(ctx, s, args)
	fmt.Fprint(ts.Stdout(), out)
	var server *postgres.Error
	if errors.As(err, &server) {
		fmt.Fprintln(ts.Stderr(), server)
	}
	if neg == (err == nil) {
		ts.Fatalf("sql: %v", err)
	}
}

func holdCommand(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts)
	session, err := connect(context.Background(), ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	s.sessions = append(s.sessions, session)
	_, err = query(context.Background(), session, args)
	ts.Check(err)
}

func releaseCommand(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts)
	if len(args) == 0 {
		s.release()
		return
	}
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	held := &script{sessions: s.sessions}
	s.sessions = nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(d)
		held.release()
	}()
	ts.Defer(func() { <-done })
}

// varying is what differs between two runs of the same thing, with what stands
// for it.
var varying = []struct {
	pattern *regexp.Regexp
	instead string
}{
	// a run's id
	{regexp.MustCompile(`\b\d{8}-\d{6}-[0-9a-z]+\b`), "RUN"},
	// the target, its server and its process ids
	{regexp.MustCompile(`(?m)^target   .*$`), "target   TARGET"},
	{regexp.MustCompile(`\bpostgres@[^\s,"]*runbook-sb-[^\s,"]+`), "TARGET"},
	{regexp.MustCompile(`PostgreSQL \d+(?:\.\d+|beta\d|rc\d)+( \([^)]*\))?`), "PostgreSQL NN"},
	{regexp.MustCompile(`\b((?:main_)?pid(?: |": ?| = ))\d+`), "${1}PID"},
	{regexp.MustCompile(`\bbackend \d+\b`), "backend PID"},
	// the time that a step took, in its column
	{regexp.MustCompile(`(?m)^( *(?:ok|FAIL|fail|STOP|\?\?\?\?) .*?) {2,}(?:\d+(?:\.\d)?(?:µs|ms|s)|\d+m\d\ds)(  .*)?$`), "$1  TIME$2"},
	{regexp.MustCompile(`(?m)^( *(?:skip|--) +\S.*?) {2,}(\S.*)$`), "$1  $2"},
	// the time that the run took
	{regexp.MustCompile(`(?m)^((?:DONE|FAILED|STOPPED|UNKNOWN) .* in )\S+$`), "${1}TIME"},
	{regexp.MustCompile(`\(\d+\.\d s\)`), "(TIME)"},
	{regexp.MustCompile(`\(\d+ ms, `), "(TIME, "},
	{regexp.MustCompile(`\bagain in \S+`), "again in TIME"},
}

func plainCommand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := ts.ReadFile(name)
		text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
		for _, v := range varying {
			text = v.pattern.ReplaceAllString(text, v.instead)
		}
		ts.Check(os.WriteFile(ts.MkAbs(name+".plain"), []byte(text), 0o600))
	}
}

func untilCommand(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: until FILE TEXT")
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		b, _ := os.ReadFile(ts.MkAbs(args[0]))
		if strings.Contains(string(b), args[1]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never held %q:\n%s", args[0], args[1], b)
		}
	}
}
