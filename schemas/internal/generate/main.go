// Command generate writes what the actions say of themselves: the JSON Schema
// of the language, and a reference page for each action. Its one argument is
// the module's root.
//
// What an action takes and gives comes from the engine, which reads it off the
// Go types; the texts are their doc comments. What the language has beside its
// actions stands in language.json.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"runbook/actions"
	"runbook/engine"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: generate ROOT")
		return 2
	}
	if err := write(args[0]); err != nil {
		fmt.Fprintf(stderr, "generate: %s\n", err)
		return 1
	}
	return 0
}

// write replaces the generated files, and removes pages of actions that are no
// more.
func write(root string) error {
	files, err := generate(root, actions.All())
	if err != nil {
		return err
	}
	old, err := stalePages(root, files)
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			return err
		}
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate makes the files by their names below the root.
func generate(root string, all []engine.Action) (map[string][]byte, error) {
	described, err := describe(root, all)
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(described)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		"schemas/runbook.schema.json": schema,
		"docs/actions/README.md":      index(described),
		"docs/problems.md":            problems(),
	}
	for _, a := range described {
		files["docs/actions/"+a.Name+".md"] = page(a)
	}
	return files, nil
}

// stalePages are the pages that are there and were not generated.
func stalePages(root string, files map[string][]byte) ([]string, error) {
	there, err := filepath.Glob(filepath.Join(root, "docs/actions/*.md"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, path := range there {
		name := "docs/actions/" + filepath.Base(path)
		if _, ok := files[name]; !ok {
			out = append(out, name)
		}
	}
	return out, nil
}
