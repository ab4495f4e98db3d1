package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"runbook/actions"
	"runbook/engine"
	"runbook/engine/explain"
	"runbook/engine/syntax"
)

// withoutExample are the codes that no short text can show.
var withoutExample = []string{"file/size", "file/unreadable", "yaml/encoding", explain.FromServer}

// TestExplainExamples wants of every wrong example exactly its code, and of every
// right one nothing.
func TestExplainExamples(t *testing.T) {
	for _, p := range explain.All() {
		wrong, right := p.Examples()
		if (wrong == "") != slices.Contains(withoutExample, p.Code) {
			t.Errorf("%s: example %q", p.Code, wrong)
		}
		if wrong == "" {
			continue
		}
		found := problemsIn(wrong)
		if len(found) != 1 || found[0].Code != p.Code || found[0].Severity.String() != p.Severity() {
			t.Errorf("the wrong example of %s[%s] has\n%s", p.Severity(), p.Code, shownProblems(wrong, found))
		}
		if found := problemsIn(right); len(found) > 0 {
			t.Errorf("the right example of %s has\n%s", p.Code, shownProblems(right, found))
		}
	}
}

func problemsIn(src string) syntax.Problems {
	rb, problems := syntax.Parse("example.yaml", []byte(src))
	if rb != nil {
		_, more := engine.Compile(rb, actions.All(), engine.Files{FS: fstest.MapFS{}, Base: "."})
		problems = append(problems, more...)
	}
	return problems.Sort()
}

func shownProblems(src string, problems syntax.Problems) string {
	var b strings.Builder
	_ = problems.Print(&b, map[string]*syntax.Source{"example.yaml": syntax.NewSource("example.yaml", []byte(src))})
	return b.String()
}

// TestExplainCodes holds the catalogue to the sources: every code that they
// report is in it once, and no other.
func TestExplainCodes(t *testing.T) {
	reported := codesIn(t, "../../engine", "../../actions")
	var known []string
	for _, p := range explain.All() {
		if slices.Contains(known, p.Code) {
			t.Errorf("%s is in the catalogue twice", p.Code)
		}
		known = append(known, p.Code)
		if !reported[p.Code] && p.Code != explain.FromServer {
			t.Errorf("nothing reports %s", p.Code)
		}
		if p.Title == "" || strings.HasSuffix(p.Title, ".") || len(p.Text()) < 60 {
			t.Errorf("%s has a poor title or text", p.Code)
		}
	}
	for code := range reported {
		if !slices.Contains(known, code) {
			t.Errorf("%s is not in the catalogue", code)
		}
	}
}

// codesIn are the literals of that form in the sources, imports aside.
func codesIn(t *testing.T, dirs ...string) map[string]bool {
	t.Helper()
	form := regexp.MustCompile(`^[a-z]+/[a-z]+(-[a-z]+)*$`)
	out := map[string]bool{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if d.IsDir() && slices.Contains([]string{"explain", "internal", "sandbox", "testdata"}, d.Name()) {
				return fs.SkipDir
			}
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			file.Decls = slices.DeleteFunc(file.Decls, func(d ast.Decl) bool {
				g, ok := d.(*ast.GenDecl)
				return ok && g.Tok == token.IMPORT
			})
			for _, d := range file.Decls {
				ast.Inspect(d, func(n ast.Node) bool {
					if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
						if text, err := strconv.Unquote(l.Value); err == nil && form.MatchString(text) {
							out[text] = true
						}
					}
					return true
				})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
