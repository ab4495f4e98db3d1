package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// A server is one PostgreSQL server of a sandbox. It runs postgres itself rather than pg_ctl, so that it owns the process.
type server struct {
	bin     string // directory of initdb and postgres
	user    *account
	sandbox string // directory of the sandbox; the sockets are in it
	name    string // names the data directory and the log
	host    string // where it listens; empty means on the socket only
	port    int
	env     []string // beyond the environment that every server has

	process *os.Process
	exited  chan struct{} // closed when the process has ended
}

func (v *server) data() string { return filepath.Join(v.sandbox, v.name) }
func (v *server) log() string  { return filepath.Join(v.sandbox, v.name+".log") }

// node is the address of the server; the directory of the socket stands for a host, as everywhere in PostgreSQL.
func (v *server) node() Node {
	if v.host == "" {
		return Node{Host: v.sandbox, Port: v.port}
	}
	return Node{Host: v.host, Port: v.port}
}

// command is a program of PostgreSQL, run as the user that servers run as. The environment is a new one: a stray PGDATA or
// PGHOST would lead it somewhere else.
func (v *server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(v.bin, program), args...)
	cmd.Dir = v.sandbox
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}, v.env...)
	cmd.SysProcAttr = childAttributes(v.user)
	return cmd
}

// initdb makes an empty cluster with the settings.
func (v *server) initdb(ctx context.Context, settings string) error {
	cmd := v.command(ctx, "initdb", "-D", v.data(), "-U", superuser, "-A", "trust", "--locale=C", "-E", "UTF8", "--no-sync", "--no-instructions")
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) } // initdb has children of its own
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return appendFile(filepath.Join(v.data(), "postgresql.conf"), settings)
}

// start runs the server and returns when it takes connections.
func (v *server) start(ctx context.Context) error {
	log, err := os.OpenFile(v.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// Not ctx: the server outlives the call that starts it.
	cmd := v.command(context.Background(), "postgres", "-D", v.data(),
		"-k", v.sandbox, "-p", strconv.Itoa(v.port), "-c", "listen_addresses="+v.host,
		"-c", "cluster_name=runbook-sandbox-"+strings.TrimPrefix(filepath.Base(v.sandbox), dirPrefix))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	v.process, v.exited = cmd.Process, exited
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(exited)
	}()
	if err := v.ready(ctx); err != nil {
		return fmt.Errorf("start %s: %w", v.name, err)
	}
	return nil
}

// ready waits until the server says in postmaster.pid that it takes connections. Trying to connect would do as well, but
// fill its log with refusals.
func (v *server) ready(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-v.exited:
			return fmt.Errorf("postgres ended at once; its log ends with\n%s", tail(v.log(), 15))
		case <-tick.C:
			pidfile, _ := os.ReadFile(filepath.Join(v.data(), "postmaster.pid"))
			lines := strings.Split(string(pidfile), "\n")
			if len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready" && lines[0] == strconv.Itoa(v.process.Pid) {
				return nil
			}
		}
	}
}

// The ways to stop a server.
const (
	cleanly = syscall.SIGINT  // writes everything to disk: the directory is going to be copied
	atOnce  = syscall.SIGQUIT // the directory is going to be deleted, so there is nothing to write
)

// stop ends the server and waits until it is gone.
func (v *server) stop(how syscall.Signal) error {
	if v.process == nil {
		return nil
	}
	for _, signal := range []syscall.Signal{how, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := v.process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop %s: %w", v.name, err)
		}
		select {
		case <-v.exited:
			v.process = nil
			return nil
		case <-time.After(10 * time.Second):
		}
	}
	return fmt.Errorf("stop %s: process %d does not end", v.name, v.process.Pid)
}

// connect opens a session over the socket, which needs no password.
func (v *server) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig("sslmode=disable connect_timeout=10")
	if err != nil {
		return nil, err
	}
	c.Host, c.Port, c.User, c.Database = v.sandbox, uint16(v.port), superuser, database
	c.Password, c.Fallbacks, c.RuntimeParams = "", nil, nil // whatever the environment says
	return pgx.ConnectConfig(ctx, c)
}

// exec runs statements in a database, in a session of its own.
func (v *server) exec(ctx context.Context, database string, statements ...string) error {
	conn, err := v.connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range statements {
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

// tail is the end of a file, for an error message.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func appendFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
