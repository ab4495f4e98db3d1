package postgres_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"runbook/engine/postgres"
	"runbook/engine/sandbox"
)

// server is the one cluster of these tests.
var server *sandbox.Sandbox

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	server, err = sandbox.Start(context.Background(), sandbox.Options{Engine: "stand-in"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Stop()
	return m.Run()
}

func connect(t testing.TB, options postgres.Options) *postgres.Session {
	t.Helper()
	return connectTo(t, server.DSN(), options)
}

func connectTo(t testing.TB, dsn string, options postgres.Options) *postgres.Session {
	t.Helper()
	target, err := postgres.ParseTarget(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Connect(t.Context(), target, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// query runs statements that must succeed and returns the result of the last.
func query(t testing.TB, s *postgres.Session, statements ...string) *postgres.Result {
	t.Helper()
	var result *postgres.Result
	for _, sql := range statements {
		var err error
		if result, err = s.Query(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return result
}

// value runs a statement that must return one value.
func value(t testing.TB, s *postgres.Session, sql string) any {
	t.Helper()
	r := query(t, s, sql)
	if len(r.Rows) != 1 || len(r.Rows[0]) != 1 {
		t.Fatalf("%s: %d rows, want one value", sql, len(r.Rows))
	}
	return r.Rows[0][0]
}
