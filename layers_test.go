package runbook_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// layers says which of our packages each of them imports. The way of the data is
// the order of the table: file, tree, plan, run, events, journal and reports.
// Tests may import more.
var layers = map[string][]string{
	"engine/syntax":   {},
	"engine/event":    {},
	"engine/postgres": {},
	"engine/sandbox":  {},
	"engine/stats":    {},
	"engine/wording":  {},
	"engine/explain":  {},
	"runbooks":        {},
	"docs":            {},

	"engine/journal": {"engine/event", "engine/stats"},
	"engine/report":  {"engine/event", "engine/stats", "engine/wording"},
	"engine":         {"engine/syntax", "engine/event", "engine/journal", "engine/postgres"},
	"actions":        {"engine", "engine/event", "engine/postgres", "engine/stats", "engine/syntax", "engine/wording"},

	"schemas": {"engine", "actions"},
	"cmd/runbook": {
		"actions", "docs", "engine", "engine/event", "engine/explain", "engine/journal", "engine/postgres", "engine/report",
		"engine/sandbox", "engine/stats", "engine/syntax", "runbooks", "schemas",
	},
}

// tools are programs that make files of the repository and helpers of tests;
// nothing but tests imports them.
var tools = []string{"engine/postgres/internal/gensqlstate", "schemas/internal", "internal/faulty"}

// owners says which packages may import a library, so that it can be exchanged
// in one place.
var owners = map[string][]string{
	"gopkg.in/yaml.v3":              {"engine/syntax"},
	"github.com/jackc/pgx/v5":       {"engine/postgres", "engine/sandbox"},
	"github.com/expr-lang/expr":     {"engine"},
	"github.com/urfave/cli/v2":      {"cmd/runbook"},
	"golang.org/x/perf":             {"engine/stats"},
	"golang.org/x/term":             {"cmd/runbook"},
	"github.com/shopspring/decimal": {"engine", "engine/postgres", "actions"},

	"github.com/HdrHistogram/hdrhistogram-go": {"actions"},
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		if slices.ContainsFunc(tools, func(tool string) bool { return p.name == tool || strings.HasPrefix(p.name, tool+"/") }) {
			continue
		}
		allowed, known := layers[p.name]
		if !known {
			t.Errorf("package %s is not in the table of layers", p.name)
			continue
		}
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, "runbook/"); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s must not import %s", p.name, ours)
			}
			for library, by := range owners {
				if (imported == library || strings.HasPrefix(imported, library+"/")) && !slices.Contains(by, p.name) {
					t.Errorf("%s must not import %s; that is for %s", p.name, imported, strings.Join(by, ", "))
				}
			}
		}
	}
}

// TestHabits looks for what the design rules out: exits below main, registration
// by init, and output that is no event.
func TestHabits(t *testing.T) {
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		positions := token.NewFileSet()
		tree, err := parser.ParseFile(positions, file, nil, 0)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: func init", positions.Position(n.Pos()))
				}
			case *ast.CallExpr:
				called := name(n.Fun)
				isMain := tree.Name.Name == "main" && filepath.Base(file) == "main.go"
				if (called == "os.Exit" || strings.HasPrefix(called, "log.Fatal")) && !isMain {
					t.Errorf("%s: %s; only main ends the program", positions.Position(n.Pos()), called)
				}
				prints := strings.HasPrefix(called, "fmt.Print") || strings.HasPrefix(called, "log.Print") || called == "print" || called == "println"
				if prints && (strings.HasPrefix(dir, "engine") || dir == "actions") && tree.Name.Name != "main" {
					t.Errorf("%s: %s; events are the only output", positions.Position(n.Pos()), called)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// name is what a call calls, as written: os.Exit.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	}
	return ""
}

type goPackage struct {
	name       string
	ImportPath string
	GoFiles    []string
	Imports    []string
}

// packages lists ours that are more than tests.
func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,GoFiles,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p goPackage
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		p.name = strings.TrimPrefix(p.ImportPath, "runbook/")
		if len(p.GoFiles) > 0 {
			list = append(list, p)
		}
	}
	return list
}
