//go:build linux || darwin

package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func tryConnect(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func TestStartTimes(t *testing.T) {
	for _, o := range []Options{{Engine: engineStandIn}, {Engine: engineCitus, Workers: 2}} {
		t.Run(o.Engine, func(t *testing.T) {
			o.CacheDir = t.TempDir()
			for _, start := range []string{"cold", "warm"} {
				began := time.Now()
				s := startSandbox(t, o)
				started := time.Now()
				if err := tryConnect(t.Context(), s.DSN()); err != nil {
					t.Fatal(err)
				}
				stopping := time.Now()
				if err := s.Stop(); err != nil {
					t.Fatal(err)
				}
				t.Logf("%s: start %v, stop %v", start, started.Sub(began).Round(time.Millisecond), time.Since(stopping).Round(time.Millisecond))
			}
		})
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	s := startSandbox(t, Options{Engine: engineStandIn})
	want := "stand-in on PostgreSQL "
	if s.Engine() != "stand-in" || !strings.HasPrefix(s.Banner(), want) {
		t.Errorf("engine %s, banner %s", s.Engine(), s.Banner())
	}
	pids := serverPids(t, s.Dir())
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
	wantGone(t, s.Dir(), pids)
}

func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	cache := t.TempDir() // so that both want to make the template
	type result struct {
		s   *Sandbox
		err error
	}
	results := make(chan result)
	for range 2 {
		go func() {
			s, err := Start(t.Context(), Options{Engine: engineStandIn, CacheDir: cache})
			results <- result{s, err}
		}()
	}
	names := map[string]bool{}
	for range 2 {
		r := <-results
		if r.err != nil {
			t.Fatal(r.err)
		}
		defer r.s.Stop()
		c := connect(t, r.s.DSN())
		c.run("CREATE TABLE t (id int)")
		names[c.rows("SHOW cluster_name")] = true
	}
	if len(names) != 2 {
		t.Errorf("cluster names %v, want two", names)
	}
}

func TestBrokenTemplateIsMadeAnew(t *testing.T) {
	t.Parallel()
	o := Options{Engine: engineStandIn, CacheDir: t.TempDir()}
	if err := startSandbox(t, o).Stop(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(o.CacheDir, "*/data/global/pg_control"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 100); err != nil {
		t.Fatal(err)
	}
	if err := tryConnect(t.Context(), startSandbox(t, o).DSN()); err != nil {
		t.Error(err)
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("TMPDIR", openTempDir(t))
	for i, after := range []time.Duration{0, 5 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		s, err := Start(ctx, Options{Engine: engineStandIn, CacheDir: filepath.Join(cache, strconv.Itoa(i))})
		cancel()
		if err == nil {
			_ = s.Stop()
			t.Fatal("started")
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v", after, err)
		}
		if left, _ := filepath.Glob(os.Getenv("TMPDIR") + "/*"); len(left) > 0 {
			t.Errorf("after %v: left %v", after, left)
		}
	}
}

func TestFailedStartShowsLog(t *testing.T) {
	t.Parallel()
	s := startSandbox(t, Options{Engine: engineStandIn})
	v := s.servers[0]
	if err := v.stop(cleanly); err != nil {
		t.Fatal(err)
	}
	if err := appendFile(filepath.Join(v.data(), "postgresql.conf"), "\nno_such_setting = 1\n"); err != nil {
		t.Fatal(err)
	}
	if err := v.start(t.Context()); err == nil || !strings.Contains(err.Error(), `unrecognized configuration parameter "no_such_setting"`) {
		t.Errorf("got %v", err)
	}
}

func TestUnknownEngine(t *testing.T) {
	_, err := Start(t.Context(), Options{Engine: "mysql"})
	if want := `start sandbox: unknown engine "mysql", want auto, citus or stand-in`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNewDatabaseIsItsOwn(t *testing.T) {
	t.Parallel()
	s, dsn := newDatabase(t)
	c := connect(t, dsn)
	c.run("CREATE TABLE t (id int PRIMARY KEY)", "SELECT create_distributed_table('t', 'id')")
	other, err := s.NewDatabase(t.Context(), `odd "name"`)
	if err != nil {
		t.Fatal(err)
	}
	connect(t, other).want("SELECT current_database(), (SELECT count(*) FROM citus_tables), to_regclass('t')", `odd "name"|0|`)
	if err := s.DropDatabase(t.Context(), `odd "name"`); err != nil {
		t.Error(err)
	}
	if err := tryConnect(t.Context(), other); err == nil {
		t.Error("database is still there")
	}
}

func TestServersAreNotRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	s := startSandbox(t, Options{Engine: engineStandIn})
	c := connect(t, s.DSN())
	c.run("CREATE TABLE whoami (uid text)", "COPY whoami FROM PROGRAM 'id -u'")
	if got := c.rows("SELECT uid FROM whoami"); got == "0" || got == "" {
		t.Errorf("servers run as user %q", got)
	}
	info, err := os.Stat(s.Dir())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %v, %v", info.Mode(), err)
	}
}
