//go:build linux || darwin

package sandbox

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// tests has what all tests share: a cache, and one stand-in sandbox for those that only need a database.
var tests struct {
	cache   string
	standIn func() (*Sandbox, error)
}

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(ownerVariable) != "" {
		os.Exit(beOwner())
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "runbook-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	var running *Sandbox
	tests.cache = dir
	tests.standIn = sync.OnceValues(func() (*Sandbox, error) {
		var err error
		running, err = Start(context.Background(), Options{Engine: engineStandIn, CacheDir: dir, Workers: 2})
		return running, err
	})
	code := m.Run()
	if running != nil {
		if err := running.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// startSandbox starts a sandbox for one test.
func startSandbox(t *testing.T, o Options) *Sandbox {
	t.Helper()
	if o.CacheDir == "" {
		o.CacheDir = tests.cache
	}
	s, err := Start(t.Context(), o)
	if err != nil {
		var missing *NotFoundError
		if errors.As(err, &missing) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newDatabase gives a test a database of its own with the stand-in.
func newDatabase(t *testing.T) (s *Sandbox, dsn string) {
	t.Helper()
	s, err := tests.standIn()
	if err != nil {
		var missing *NotFoundError
		if errors.As(err, &missing) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	name := strings.ToLower(regexp.MustCompile(`\W+`).ReplaceAllString(t.Name(), "_"))
	dsn, err = s.NewDatabase(t.Context(), name[:min(len(name), 60)])
	if err != nil {
		t.Fatal(err)
	}
	return s, dsn
}

// A session is a connection whose failures are failures of the test. It keeps the notices.
type session struct {
	t       *testing.T
	conn    *pgx.Conn
	notices []string
}

func connect(t *testing.T, dsn string) *session {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t}
	c.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		s.notices = append(s.notices, strings.TrimSpace(n.Severity+": "+n.Message+"\n"+n.Hint))
	}
	if s.conn, err = pgx.ConnectConfig(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close(context.Background()) })
	return s
}

// run runs statements as psql does, one message each.
func (s *session) run(statements ...string) {
	s.t.Helper()
	for _, sql := range statements {
		if err := s.try(sql); err != nil {
			s.t.Fatalf("%s\n%v", sql, err)
		}
	}
}

func (s *session) try(sql string) error {
	_, err := s.conn.PgConn().Exec(s.t.Context(), sql).ReadAll()
	return err
}

// runFile runs a file of testdata.
func (s *session) runFile(name string) {
	s.t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.run(string(text))
}

// rows returns what a query returns, one line a row.
func (s *session) rows(sql string) string {
	s.t.Helper()
	results, err := s.conn.PgConn().Exec(s.t.Context(), sql).ReadAll()
	if err != nil {
		s.t.Fatalf("%s\n%v", sql, err)
	}
	var lines []string
	for _, row := range results[len(results)-1].Rows {
		var values []string
		for _, v := range row {
			values = append(values, string(v))
		}
		lines = append(lines, strings.Join(values, "|"))
	}
	return strings.Join(lines, "\n")
}

func (s *session) want(sql, want string) {
	s.t.Helper()
	if got := s.rows(sql); got != want {
		s.t.Errorf("%s\n got: %s\nwant: %s", sql, got, want)
	}
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never happened: " + what)
		}
	}
}
