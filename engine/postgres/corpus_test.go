package postgres_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"runbook/engine/postgres"
)

// psqlCommand is a line that psql would take for itself.
var psqlCommand = regexp.MustCompile(`(?m)^\\.*$`)

// TestSplitAgainstServer lets the server parse each piece of the SQL that comes
// with it: a wrong cut would be a syntax error.
func TestSplitAgainstServer(t *testing.T) {
	var files []string
	for _, pattern := range []string{"/usr/share/postgresql/*/*.sql", "/usr/share/postgresql/*/extension/*.sql"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skip("no SQL files of PostgreSQL on this machine")
	}
	s := connect(t, postgres.Options{})
	pieces := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("@extschema@", "public", "@extowner@", "CURRENT_USER").
			Replace(psqlCommand.ReplaceAllString(string(src), ""))
		for _, stmt := range postgres.Split(text) {
			if strings.HasPrefix(stmt.Text, "PERFORM") { // two of Citus's scripts have this mistake
				continue
			}
			pieces++
			var e *postgres.Error
			if _, err := s.Describe(t.Context(), stmt.Text); errors.As(err, &e) && e.SQLSTATE == "42601" {
				t.Errorf("%s: %v in\n%s", file, err, stmt.Text)
			}
		}
	}
	t.Logf("%d statements of %d files", pieces, len(files))
}

// TestSplitBodies creates routines in the SQL standard's form, which the server
// knows since version 14.
func TestSplitBodies(t *testing.T) {
	s := connect(t, postgres.Options{})
	if s.Parameter("server_version") < "14" {
		t.Skip("no BEGIN ATOMIC")
	}
	for _, stmt := range postgres.Split(`
		CREATE OR REPLACE FUNCTION atomic_f(n int) RETURNS text BEGIN ATOMIC
			SELECT 'a;'; SELECT CASE WHEN n > 1 THEN CASE n WHEN 2 THEN 'two;' END ELSE 'one' END;
		END;
		CREATE OR REPLACE PROCEDURE atomic_p() BEGIN ATOMIC SELECT 1; END; SELECT atomic_f(2)`) {
		query(t, s, stmt.Text)
	}
}
