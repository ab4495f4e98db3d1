package postgres_test

import (
	"strings"
	"testing"

	"runbook/engine/postgres"
)

func TestParseTarget(t *testing.T) {
	t.Setenv("PGUSER", "env")
	for dsn, want := range map[string]string{
		"postgres://u:secret@h:6432/d?sslmode=require":         "u@h:6432/d",
		"host=a,b port=1,2 user=u dbname=d password=secret":    "u@a:1,b:2/d",
		"postgres://[::1]/d":                                   "env@[::1]:5432/d",
		"host=/tmp user=u":                                     "u@/tmp:5432/u",
		"host=h gssencmode=disable keepalives=1 password='s '": "env@h:5432/env",
	} {
		target, err := postgres.ParseTarget(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if target.String() != want {
			t.Errorf("%s: got %s, want %s", dsn, target, want)
		}
		if strings.Contains(dsn, "secret") && target.Password() != "secret" {
			t.Errorf("%s: password %q", dsn, target.Password())
		}
	}
	for _, dsn := range []string{"host=h hostaddr=10.0.0.1", "host=h sslcrl=f", "host=h gssencmode=require", "postgres://u:secret@h:port/d", "host="} {
		_, err := postgres.ParseTarget(dsn)
		if dsn != "host=" && err == nil {
			t.Errorf("%s: no error", dsn)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("password in %v", err)
		}
	}
}

func TestStrippedOptions(t *testing.T) {
	sep := "?"
	if strings.Contains(server.DSN(), "?") {
		sep = "&"
	}
	s := connectTo(t, server.DSN()+sep+"gssencmode=disable&load_balance_hosts=random&keepalives_idle=10", postgres.Options{})
	query(t, s, "SELECT 1")
}
