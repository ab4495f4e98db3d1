package postgres_test

import (
	"testing"

	"runbook/internal/faulty"
)

// through starts a network that breaks at a statement with the text, and returns
// the connection string that leads through it.
func through(t *testing.T, fault faulty.Fault, text string) string {
	t.Helper()
	proxy := &faulty.Proxy{Fault: fault, Text: text}
	dsn, err := proxy.Start(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	return dsn
}
