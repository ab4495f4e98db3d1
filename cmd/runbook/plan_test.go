//go:build linux || darwin

package main

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"runbook/engine/postgres"
	"runbook/engine/sandbox"
)

// TestPlanOnlyReads plans and inspects by a role that owns nothing, on a server
// of the test's own: every transaction was READ ONLY, and not one was given a
// transaction id, which PostgreSQL does before the first change.
func TestPlanOnlyReads(t *testing.T) {
	ctx := context.Background()
	box, err := sandbox.Start(ctx, sandbox.Options{Engine: "stand-in", Workers: 2, CacheDir: cacheDir()})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := box.Stop(); err != nil {
			t.Error(err)
		}
	})
	owner, err := connect(ctx, box.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(ctx)
	ask := func(statements ...string) string {
		t.Helper()
		out, err := query(ctx, owner, statements)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	ask(
		"ALTER SYSTEM SET autovacuum = off", "ALTER SYSTEM SET log_statement = 'all'", "ALTER SYSTEM SET log_line_prefix = '%u '",
		"SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)", "CREATE ROLE reader LOGIN",
	)
	runProgram(t, 0, "run", "tailspin/prepare.yaml", "--var", "scale=0.001", "--dsn", box.DSN(), "--dir", t.TempDir())
	ask("CREATE TABLE loose (id bigint)", "VACUUM")
	reader := withUser(t, box.DSN(), "reader")
	logged := logSize(t, box.Dir())

	before := ask("SELECT pg_snapshot_xmax(pg_current_snapshot())")
	runProgram(t, 0, "plan", "tailspin", "--dsn", reader)
	runProgram(t, 0, "validate", "tailspin", "quickstart", "--dsn", reader)
	book := filepath.Join(t.TempDir(), "loose.yaml")
	if err := os.WriteFile(book, []byte(wishes), 0o600); err != nil {
		t.Fatal(err)
	}
	out := runProgram(t, 0, "plan", book, "--dsn", reader)
	if !strings.Contains(out, "not everything could be checked: permission denied for table loose") {
		t.Errorf("what the role may not read is not told:\n%s", out)
	}
	runProgram(t, 0, "validate", book, "--dsn", reader)
	if after := ask("SELECT pg_snapshot_xmax(pg_current_snapshot())"); after != before {
		t.Errorf("a transaction id was given: %s before, %s after", before, after)
	}
	checkLog(t, box.Dir(), logged)
}

const wishes = `runbook: v1
steps:
  - sql: INSERT INTO loose VALUES (1)
  - sql: DROP TABLE loose
  - sql: SELECT setval('stores_store_id_seq', 1), pg_advisory_lock(1)
  - sql: VACUUM loose
  - distribute: {table: loose, column: id}
`

// runProgram runs the program in this process.
func runProgram(t *testing.T, want int, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := run(context.Background(), append([]string{"runbook"}, args...), &stdout, &stderr); got != want {
		t.Fatalf("%s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, want, stdout.String(), stderr.String())
	}
	return stdout.String()
}

func withUser(t *testing.T, dsn, user string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("user", user)
	u.RawQuery = q.Encode()
	return u.String()
}

// logs are the logs of a sandbox's servers.
func logs(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(d.Name(), "log") && d.Name() != "pg_log" {
			if b, err := os.ReadFile(path); err == nil {
				all.Write(b)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func logSize(t *testing.T, dir string) int { return len(logs(t, dir)) }

// checkLog wants every statement of the reader to be a read, a setting of the
// session, or to stand between BEGIN READ ONLY and its end.
func checkLog(t *testing.T, dir string, from int) {
	t.Helper()
	seen := 0
	text := strings.ReplaceAll(logs(t, dir)[from:], "\n\t", " ") // a statement of several lines
	for _, m := range sent.FindAllStringSubmatch(text, -1) {
		statement := m[1]
		seen++
		if c := postgres.Classify(statement); c != postgres.Read && c != postgres.Transaction && !strings.Contains(statement, "set_config") {
			t.Errorf("the plan sent %q", statement)
		}
	}
	if seen == 0 {
		t.Error("the server's log has no statement of the reader")
	}
}

var sent = regexp.MustCompile(`(?m)^reader LOG:  (?:statement|execute [^:]*): (.*)$`)
