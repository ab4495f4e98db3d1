package postgres_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"runbook/engine/postgres"
)

// TestSplitRegress lets the server parse each piece of the regression tests of
// PostgreSQL's own source, which hold about every statement there is and many
// wrong ones. A piece that is a syntax error must be one in the expected output
// too: a wrong cut would be one that is not. RUNBOOK_POSTGRES_SOURCE names the
// source, of the server's major version.
func TestSplitRegress(t *testing.T) {
	source := os.Getenv("RUNBOOK_POSTGRES_SOURCE")
	if source == "" {
		t.Skip("RUNBOOK_POSTGRES_SOURCE does not name PostgreSQL's source")
	}
	s := connect(t, postgres.Options{})
	var files, pieces, variables, deliberate int
	err := filepath.WalkDir(source, func(file string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".sql" || filepath.Base(filepath.Dir(file)) != "sql" {
			return err
		}
		files++
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		expected := expectedOutput(t, file)
		for _, stmt := range postgres.Split(withoutPsql(string(src))) {
			if psqlVariable.MatchString(stmt.Text) {
				variables++
				continue
			}
			pieces++
			_, err := s.Describe(t.Context(), stmt.Text)
			var e *postgres.Error
			switch {
			case err == nil || errors.As(err, &e) && !syntaxError.MatchString(e.Message):
			case e == nil:
				return err
			case expected.fails(stmt.Text):
				deliberate++
			default:
				t.Errorf("%s: %v in\n%s", file, err, stmt.Text)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d statements of %d files, %d of them wrong on purpose; %d left out for psql's variables", pieces, files, deliberate, variables)
}

var (
	syntaxError  = regexp.MustCompile(`^(syntax error|unterminated|trailing junk)`)
	psqlVariable = regexp.MustCompile(`[^:]:['"]?[A-Za-z_]`)
	copyData     = regexp.MustCompile(`(?ims)^([^\n]*copy\b[^;]*from\s+stdin\b[^;]*;)[^\n]*\n.*?^\\\.$`)
	copyEmpty    = regexp.MustCompile(`(?m)^\\\.$`)
	psqlSend     = regexp.MustCompile(`\\(g|gx|gset|gexec|gdesc|crosstabview|watch|bind)\b[^\n]*`)
	psqlLine     = regexp.MustCompile(`(?m)^\s*\\[a-z!?][^\n]*$`)
)

// withoutPsql leaves out what psql keeps for itself.
func withoutPsql(text string) string {
	text = copyData.ReplaceAllString(text, "$1")
	text = copyEmpty.ReplaceAllString(text, "")
	text = psqlLine.ReplaceAllString(psqlSend.ReplaceAllString(text, ";"), "")
	return strings.ReplaceAll(text, `\;`, ";")
}

// output is what a regression test is expected to print, all variants of it.
type output string

func expectedOutput(t *testing.T, file string) output {
	t.Helper()
	name := strings.TrimSuffix(filepath.Base(file), ".sql")
	variants, err := filepath.Glob(filepath.Join(filepath.Dir(file), "..", "expected", name+"*.out"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, variant := range variants {
		text, err := os.ReadFile(variant)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return output(b.String())
}

// fails says whether a syntax error follows the statement, which psql echoes
// line by line.
func (o output) fails(stmt string) bool {
	for rest := string(o); ; {
		i := strings.Index(rest, stmt)
		if i < 0 {
			return false
		}
		rest = rest[i+len(stmt):]
		_, message, found := strings.Cut(rest, "\nERROR:  ")
		if found && len(rest)-len(message) < 300 && syntaxError.MatchString(message) {
			return true
		}
	}
}
