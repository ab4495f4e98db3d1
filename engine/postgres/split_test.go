package postgres

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		src  string
		want []string
	}{
		{"", nil},
		{" ;; -- nothing\n /* at all */ ;", nil},
		{"SELECT 1", []string{"SELECT 1"}},
		{"-- a\nSELECT 1 ; /* b */ SELECT 2 -- c\n;", []string{"SELECT 1", "SELECT 2"}},
		{"SELECT ';', ';;' ';'; SELECT \";\"", []string{"SELECT ';', ';;' ';'", `SELECT ";"`}},
		{`SELECT 'a\'; SELECT E'b\';'; SELECT e'c''\\';`, []string{`SELECT 'a\'`, `SELECT E'b\';'`, `SELECT e'c''\\'`}},
		{"SELECT E'a'\n -- more\n 'b\\';'; SELECT 1", []string{"SELECT E'a'\n -- more\n 'b\\';'", "SELECT 1"}},
		{`SELECT fooE'a\'; SELECT 1`, []string{`SELECT fooE'a\'`, "SELECT 1"}},
		{`SELECT U&'\0441;' UESCAPE '!', U&";", B'1', X'F', N';'; x`, []string{`SELECT U&'\0441;' UESCAPE '!', U&";", B'1', X'F', N';'`, "x"}},
		{"SELECT $$;$$, $a$;$$;$b$;$a$; SELECT 2", []string{"SELECT $$;$$, $a$;$$;$b$;$a$", "SELECT 2"}},
		{"SELECT a$1; SELECT b$x$;", []string{"SELECT a$1", "SELECT b$x$"}},
		{"SELECT $1$;$1$", []string{"SELECT $1$", "$1$"}},
		{"SELECT $1$a$;$a$; SELECT 2", []string{"SELECT $1$a$;$a$", "SELECT 2"}},
		{"SELECT 1$$;$$", []string{"SELECT 1$$;$$"}},
		{"SELECT $é$;$é$", []string{"SELECT $é$;$é$"}},
		{"a /* x /* ; */ ; */ b; c", []string{"a /* x /* ; */ ; */ b", "c"}},
		{"a */* ; */ b; c", []string{"a */* ; */ b", "c"}},
		{"a 'open; b", []string{"a 'open; b"}},
		{"a; /* open; b", []string{"a", "/* open; b"}},
		{"a $x$ open; b $$", []string{"a $x$ open; b $$"}},
		{`a "open; b`, []string{`a "open; b`}},
		{"CREATE RULE r AS ON INSERT TO t DO (a; b); c)", []string{"CREATE RULE r AS ON INSERT TO t DO (a; b)", "c)"}},
		{
			"create or replace function f() returns int begin atomic select 1; select case when a then 2 end; end; select 2",
			[]string{"create or replace function f() returns int begin atomic select 1; select case when a then 2 end; end", "select 2"},
		},
		{
			"CREATE PROCEDURE begin(x int) BEGIN ATOMIC INSERT INTO t SELECT (CASE WHEN x = 1 THEN 2 END); END; COMMIT",
			[]string{"CREATE PROCEDURE begin(x int) BEGIN ATOMIC INSERT INTO t SELECT (CASE WHEN x = 1 THEN 2 END); END", "COMMIT"},
		},
		{"BEGIN; UPDATE t SET a = 1; END; BEGIN", []string{"BEGIN", "UPDATE t SET a = 1", "END", "BEGIN"}},
		{"CREATE TABLE atomic (begin int); SELECT 1", []string{"CREATE TABLE atomic (begin int)", "SELECT 1"}},
		{"/*+ SeqScan(a) */ SELECT 1; /*+ x */;", []string{"/*+ SeqScan(a) */ SELECT 1"}},
		{"SELEC 1;\r\nCREATE TABL t\r\n", []string{"SELEC 1", "CREATE TABL t"}},
	} {
		got := Split(test.src)
		texts := make([]string, len(got))
		for i, s := range got {
			texts[i] = s.Text
			if test.src[s.Offset:s.Offset+len(s.Text)] != s.Text {
				t.Errorf("%q: offset %d", test.src, s.Offset)
			}
		}
		if !slices.Equal(texts, test.want) && len(texts)+len(test.want) > 0 {
			t.Errorf("%q:\ngot  %q\nwant %q", test.src, texts, test.want)
		}
	}
}

func TestZones(t *testing.T) {
	src := `SELECT 'a', $x$b$x$ AS "c" -- d`
	spans := Zones(src)
	for text, zone := range map[string]Zone{"SEL": Code, "'a": String, "b$": Dollar, "c\"": QuotedIdent, "d": Comment, " AS": Code} {
		if got := ZoneAt(spans, strings.Index(src, text)); got.Zone != zone {
			t.Errorf("%q: zone %v, want %v", text, got.Zone, zone)
		}
	}
	if got := ZoneAt(spans, strings.Index(src, "b")); got.Tag != "$x$" || got.Open {
		t.Errorf("got %+v", got)
	}
	if got := ZoneAt(Zones("SELECT '"), 7); got.Zone != String || !got.Open {
		t.Errorf("got %+v", got)
	}
	if got := ZoneAt(spans, 99); got.Zone != Code {
		t.Errorf("beyond the end: %+v", got)
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"SELECT 1; SELECT $a$;$a$", "create function f() begin atomic; end;", "E'\\';'/*--*/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		checkSplit(t, src)
		Classify(src)
	})
}

// checkSplit proves that nothing is lost: what is between the statements is
// semicolons, blanks and comments, and splitting a statement again changes
// nothing.
func checkSplit(t *testing.T, src string) {
	t.Helper()
	at := 0
	rest := func(to int) {
		for _, span := range Zones(src) {
			start, end := max(span.Start, at), min(span.End, to)
			if start < end && span.Zone != Comment && strings.Trim(src[start:end], "; \t\n\v\f\r") != "" {
				t.Errorf("dropped %q", src[start:end])
			}
		}
	}
	for _, s := range Split(src) {
		rest(s.Offset)
		at = s.Offset + len(s.Text)
		if again := Split(s.Text); len(again) != 1 || again[0].Text != s.Text {
			t.Errorf("%q splits into %v", s.Text, again)
		}
	}
	rest(len(src))
	end := 0
	for _, span := range Zones(src) {
		if span.Start != end {
			t.Errorf("gap before %+v", span)
		}
		end = span.End
	}
	if end != len(src) {
		t.Errorf("zones end at %d of %d", end, len(src))
	}
}

func TestSplitCorpus(t *testing.T) {
	for _, file := range corpus(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(src) < 100_000 { // the check is quadratic
			checkSplit(t, string(src))
		}
	}
}

func corpus(t testing.TB) []string {
	t.Helper()
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
	return files
}

func BenchmarkSplit(b *testing.B) {
	src := strings.Repeat("INSERT INTO t (a, b) VALUES (1, 'it''s'), (2, $$x$$); -- next\nSELECT count(*) FROM t WHERE a > 1;\n", 10_000)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		Split(src)
	}
}
