package main

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
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

// checked is a runbook that was looked at, with all that was found.
type checked struct {
	plan     *engine.Plan // nil when there is an error
	problems syntax.Problems
	sources  map[string]*syntax.Source
	steps    int
}

// check reads, parses and compiles a runbook.
func check(b book) checked {
	src, problems := syntax.ReadFile(b.files.FS, b.name, b.shown)
	if problems != nil {
		if problems[0].Code == "file/missing" {
			problems[0].Hint = nearFile(b.shown)
		}
		return checked{problems: problems}
	}
	rb, problems := syntax.Parse(b.shown, src)
	if rb == nil {
		return checked{problems: problems, sources: map[string]*syntax.Source{b.shown: syntax.NewSource(b.shown, src)}}
	}
	out := checked{problems: problems, sources: map[string]*syntax.Source{b.shown: rb.Source}}
	plan, more := engine.Compile(rb, actions.All(), b.files)
	out.problems = append(out.problems, more...)
	out.steps = rb.Size()
	if len(out.problems.Errors()) == 0 {
		out.plan = plan
	}
	return out
}

// mention says in one line that there are warnings: a run is not the time to
// read them.
func (c checked) mention(stderr io.Writer, name string) {
	if n := len(c.problems.Warnings().Sort()); n > 0 {
		fmt.Fprintf(stderr, "%s; see: runbook validate %s\n", counted(n, "warning"), name)
	}
}

// load is the plan of a runbook without errors.
func load(b book) (*engine.Plan, error) {
	c := check(b)
	if c.plan == nil {
		return nil, &problemsError{problems: c.problems, sources: c.sources}
	}
	return c.plan, nil
}

// loadSetup compiles the runbook that builds a plan's starting point.
func loadSetup(b book, setup string) (*engine.Plan, error) {
	name := path.Join(b.files.Base, setup)
	files := b.files
	files.Base, files.Dir = path.Dir(name), path.Join(b.files.Dir, path.Dir(setup))
	return load(book{shown: path.Join(b.files.Dir, setup), files: files, name: name})
}

// nearFile names a runbook that a missing file may have been meant for. Only the
// names count: a common ending makes no two files alike.
func nearFile(name string) string {
	shipped, err := fs.Glob(runbooks.FS, "*.yaml")
	if err != nil {
		return ""
	}
	files := map[string]string{} // by name without ending
	for _, file := range shipped {
		files[stem(file)] = file
	}
	if beside, err := filepath.Glob(filepath.Join(filepath.Dir(name), "*.y*ml")); err == nil {
		for _, file := range beside {
			files[stem(file)] = file
		}
	}
	wanted := stem(name)
	if file, there := files[wanted]; there { // the ending is the mistake
		return fmt.Sprintf("did you mean %q?", file)
	}
	if near := syntax.Nearest(wanted, slices.Sorted(maps.Keys(files))); near != "" {
		return fmt.Sprintf("did you mean %q?", files[near])
	}
	return "runbooks that ship with the program: " + strings.Join(shipped, ", ")
}

func stem(file string) string {
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
