package engine

import (
	"io/fs"
	"path"
)

// Files is where a runbook's own files are: what it names is found relative to
// it.
type Files struct {
	FS   fs.FS  // the directory the runbook stands in
	Dir  string // how messages show that directory; "" shows names bare
	Base string // inside FS: where relative names begin, "." for its root
}

func (f Files) name(rel string) string { return path.Join(f.Base, rel) }

func (f Files) shown(rel string) string { return path.Join(f.Dir, rel) }
