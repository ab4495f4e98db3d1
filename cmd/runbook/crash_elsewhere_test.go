//go:build linux || darwin

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"runbook/engine/sandbox"
)

// elsewhereBook changes a server that is not the target.
const elsewhereBook = `
runbook: v1
connections: {elsewhere: {dsn: "${env.ELSEWHERE}"}}
steps:
  - name: Tell the other server
    connection: elsewhere
    sql: INSERT INTO told VALUES (1)
  - sql: SELECT 1
`

// A transaction's id means something on the server that gave it alone: the outcome of
// a COMMIT elsewhere is asked for there.
func TestKilledElsewhere(t *testing.T) {
	target, other := sharedServer(t), ownServer(t)
	t.Setenv("ELSEWHERE", other.DSN())
	onServer(t, other, "CREATE TABLE told (n int)")
	const records = 9 // up to the end of the first step, and more
	for at := 3; at <= records; at++ {
		for _, side := range []string{"BEFORE", "AFTER"} {
			onServer(t, other, "TRUNCATE told")
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "book.yaml"), []byte(elsewhereBook), 0o600); err != nil {
				t.Fatal(err)
			}
			dying := program(t.Context(), dir, target.DSN(), "book.yaml")
			dying.Env = append(dying.Env, fmt.Sprintf("%s=%s %d", child, side, at))
			if said, err := dying.CombinedOutput(); codeOf(err) != -1 {
				t.Fatalf("%s %d: it did not die: %v\n%s", side, at, err, said)
			}
			if said, err := inDir(dir, target.DSN(), "resume"); err != nil {
				t.Errorf("%s %d: resume: %v\n%s", side, at, err, said)
			}
			if got := onServer(t, other, "SELECT count(*) FROM told"); got != "1\n" {
				t.Errorf("%s %d: the other server was told %q times, want once", side, at, got)
			}
		}
	}
}

// onServer runs a statement on a server and returns what it says.
func onServer(t *testing.T, box *sandbox.Sandbox, statement string) string {
	t.Helper()
	s, err := connect(t.Context(), box.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	said, err := query(t.Context(), s, []string{statement})
	if err != nil {
		t.Fatal(err)
	}
	return said
}
