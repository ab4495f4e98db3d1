package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"runbook/actions"
	"runbook/engine"
	"runbook/engine/syntax"
	"runbook/runbooks"
)

// FuzzCompile checks that no file makes the compiler panic, whatever is missing
// from its tree, and that what is not compiled has a problem. It begins with the
// runbooks of all scripts.
func FuzzCompile(f *testing.F) {
	scripts, err := filepath.Glob("../../testdata/scripts/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range scripts {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if filepath.Ext(file.Name) == ".yaml" && len(file.Data) < 4096 {
				f.Add(file.Data)
			}
		}
	}
	for _, text := range []string{
		"steps: [{group: [], rescue: 1, always: {}, register: {rows: }, name: {}}]",
		"steps: [{sql: , for_each: {a: }, retry: [], repeat: {}, when: [], connection: {}, settings: 1}]",
		"steps: [{parallel-monitor: {probes: [], load: {a: 1}, steps: [{id: 1}]}, distribute: [], wait: x}]",
	} {
		f.Add([]byte(text))
	}
	files := engine.Files{FS: fstest.MapFS{"x.sql": {Data: []byte("SELECT 1")}}, Base: "."}
	f.Fuzz(func(t *testing.T, src []byte) {
		rb, problems := syntax.Parse("f", src)
		if rb == nil {
			return
		}
		plan, more := engine.Compile(rb, actions.All(), files)
		if plan == nil && len(more) == 0 {
			t.Fatal("neither a plan nor a problem")
		}
		all := append(problems, more...)
		if err := all.Print(io.Discard, map[string]*syntax.Source{"f": rb.Source}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestShipped checks the runbooks that ship with the program.
func TestShipped(t *testing.T) {
	t.Chdir(t.TempDir())
	files, err := runbooks.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Ext(file.Name()) != ".yaml" {
			continue
		}
		plan, err := load(locate(file.Name()))
		if err != nil {
			t.Errorf("%s: %v", file.Name(), err)
			continue
		}
		if plan.Setup != "" {
			if _, err := loadSetup(locate(file.Name()), plan.Setup); err != nil {
				t.Errorf("setup of %s: %v", file.Name(), err)
			}
		}
	}
	if _, err := os.Stat("quickstart.yaml"); err == nil {
		t.Error("the test found files instead of what is shipped")
	}
}
