package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"runbook/actions"
	"runbook/engine"
	"runbook/engine/syntax"
	"runbook/runbooks"
)

// book is a runbook that was found, with what it takes to read its neighbours.
type book struct {
	shown string // how messages call the file
	files engine.Files
	name  string // inside files.FS
}

// locate finds a runbook: a file, or one that ships with the program when there
// is no such file.
func locate(name string) book {
	info, err := os.Stat(name)
	if shipped, ok := shippedName(name); ok && (err != nil || info.IsDir()) {
		return book{shown: shipped, files: engine.Files{FS: runbooks.FS, Base: "."}, name: shipped}
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		abs = name // the read will say what is wrong
	}
	abs = filepath.ToSlash(abs)
	root, inside := rootOf(abs)
	dir := path.Dir(filepath.ToSlash(name))
	if dir == "." {
		dir = ""
	}
	return book{
		shown: name,
		files: engine.Files{FS: os.DirFS(root), Dir: dir, Base: path.Dir(inside)},
		name:  inside,
	}
}

// rootOf cuts an absolute path into its file system's root and the rest, so
// that names with .. stay inside.
func rootOf(abs string) (root, inside string) {
	volume := filepath.VolumeName(abs)
	return volume + "/", strings.TrimPrefix(abs[len(volume):], "/")
}

func shippedName(name string) (string, bool) {
	for _, candidate := range []string{name, name + ".yaml"} {
		if fs.ValidPath(candidate) && path.Ext(candidate) == ".yaml" {
			if _, err := fs.Stat(runbooks.FS, candidate); err == nil {
				return candidate, true
			}
		}
	}
	return "", false
}

// load reads, parses and compiles a runbook.
func load(b book) (*engine.Plan, error) {
	src, problems := syntax.ReadFile(b.files.FS, b.name, b.shown)
	if problems != nil {
		if problems[0].Code == "file/missing" {
			problems[0].Hint = nearFile(b.shown)
		}
		return nil, &problemsError{problems: problems}
	}
	rb, problems := syntax.Parse(b.shown, src)
	sources := map[string]*syntax.Source{b.shown: syntax.NewSource(b.shown, src)}
	if rb == nil {
		return nil, &problemsError{problems: problems, sources: sources}
	}
	plan, more := engine.Compile(rb, actions.All(), b.files)
	if problems = append(problems, more...); len(problems) > 0 {
		return nil, &problemsError{problems: problems, sources: sources}
	}
	return plan, nil
}

// loadSetup compiles the runbook that builds a plan's starting point.
func loadSetup(b book, setup string) (*engine.Plan, error) {
	name := path.Join(b.files.Base, setup)
	files := b.files
	files.Base, files.Dir = path.Dir(name), path.Join(b.files.Dir, path.Dir(setup))
	return load(book{shown: path.Join(b.files.Dir, setup), files: files, name: name})
}

// nearFile names a runbook that a missing file may have been meant for.
func nearFile(name string) string {
	var candidates []string
	if beside, err := filepath.Glob(filepath.Join(filepath.Dir(name), "*.y*ml")); err == nil {
		candidates = append(candidates, beside...)
	}
	shipped, err := fs.Glob(runbooks.FS, "*.yaml")
	if err == nil {
		candidates = append(candidates, shipped...)
	}
	for _, file := range shipped {
		candidates = append(candidates, strings.TrimSuffix(file, ".yaml"))
	}
	if hint := syntax.DidYouMean(name, candidates); hint != "" {
		return hint
	}
	return "runbooks that ship with the program: " + strings.Join(shipped, ", ")
}
