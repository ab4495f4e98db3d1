package postgres_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
			case expected.fails(stmt.Text) || onlyPsql(stmt.Text):
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
	psqlVariable = regexp.MustCompile(`(?:^|[^:]):['"]?[A-Za-z_]`)
	copyStdin    = regexp.MustCompile(`(?i)^\s*\\?copy\b.*\bfrom\s+stdin\b`)
	psqlSend     = regexp.MustCompile(`\\(g|gx|gset|gexec|gdesc|crosstabview|watch|bind)\b.*$`)
	psqlLine     = regexp.MustCompile(`^\s*\\[a-z!?]`)
)

// withoutPsql leaves out what psql keeps for itself, and the data of COPY.
func withoutPsql(text string) string {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		data := copyStdin.MatchString(lines[i])
		lines[i] = psqlSend.ReplaceAllString(strings.ReplaceAll(lines[i], `\;`, ";"), ";")
		if psqlLine.MatchString(lines[i]) || lines[i] == `\.` {
			lines[i] = ""
		}
		end := slices.Index(lines[i:], `\.`)
		for ; data && end > 0; end-- {
			lines[i+end] = ""
		}
	}
	return strings.Join(lines, "\n")
}

// onlyPsql says that psql, or a setting, makes something else of a text.
func onlyPsql(stmt string) bool {
	return slices.ContainsFunc([]string{
		`\COPY stream_test`, "1\tbaz", "2\n\nselect * from test3", // data of a COPY in two lines
		"not okay", "still not okay", // in an \if
		"** Remember the delete rule", // taken back by \r
		`select 'a\\bcd' as f1`,       // with standard_conforming_strings off
	}, func(beginning string) bool { return strings.HasPrefix(stmt, beginning) })
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
