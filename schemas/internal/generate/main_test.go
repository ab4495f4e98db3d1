package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runbook/actions"
	"runbook/engine"
	"runbook/engine/syntax"
)

// root is where the module begins, seen from this package.
const root = "../../.."

func TestFresh(t *testing.T) {
	files, err := generate(root, actions.All())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s does not say what the actions say of themselves; run: go generate ./schemas", name)
		}
	}
	old, err := stalePages(root, files)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range old {
		t.Errorf("%s is the page of no action; run: go generate ./schemas", name)
	}
}

// TestExamples holds the examples of the reference to the program and to the
// schema.
func TestExamples(t *testing.T) {
	schema := compiled(t)
	described, err := describe(root, actions.All())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range described {
		examples := a.comment(a.Args).examples
		if len(examples) == 0 {
			t.Errorf("%s has no example", a.Name)
		}
		for _, text := range examples {
			src := exampleRunbook(text)
			if problems := problemsOf(a.Name, src, engine.Files{FS: os.DirFS(root), Base: "."}); len(problems) > 0 {
				t.Errorf("the example of %s does not compile:\n%s", a.Name, printed(a.Name, src, problems))
			}
			if err := schema.Validate(instance(t, src)); err != nil {
				t.Errorf("the schema refuses the example of %s: %s", a.Name, err)
			}
		}
	}
}

// TestStepKeys holds language.json to the parser.
func TestStepKeys(t *testing.T) {
	properties := languageTree(t).at("definitions", "step", "properties").keys
	if got, want := strings.Join(properties, " "), strings.Join(syntax.StepKeys(), " "); got != want {
		t.Errorf("language.json gives a step the keys\n%s, the parser\n%s", got, want)
	}
}

func problemsOf(file, src string, files engine.Files) syntax.Problems {
	rb, problems := syntax.Parse(file, []byte(src))
	if rb == nil {
		return problems
	}
	_, more := engine.Compile(rb, actions.All(), files)
	return append(problems, more...).Errors()
}

func printed(file, src string, problems syntax.Problems) string {
	var b strings.Builder
	_ = problems.Print(&b, map[string]*syntax.Source{file: syntax.NewSource(file, []byte(src))})
	return b.String()
}
