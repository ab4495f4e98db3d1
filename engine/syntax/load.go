package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// MaxFile is how large a runbook may be, in bytes. The largest sensible one has
// a tenth of it; what is larger is a dump or the wrong file.
const MaxFile = 16 << 20

// ReadFile reads a runbook's text from fsys, with os.DirFS's rules for name. What
// stops it is one problem whose place is shown, the name as the user wrote it.
func ReadFile(fsys fs.FS, name, shown string) ([]byte, Problems) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, unreadable(shown, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(shown, err)
	}
	if info.IsDir() {
		return nil, Problems{{Pos: Pos{File: shown}, Code: "file/directory", Message: "this is a directory, a runbook is one file"}}
	}
	// The size is not believed, only hoped for: a pipe or a device has none.
	var b bytes.Buffer
	b.Grow(int(min(info.Size(), MaxFile)) + bytes.MinRead)
	if _, err := b.ReadFrom(io.LimitReader(f, MaxFile+1)); err != nil {
		return nil, unreadable(shown, err)
	}
	src := b.Bytes()
	if len(src) > MaxFile {
		return nil, Problems{{
			Pos: Pos{File: shown}, Code: "file/size",
			Message: fmt.Sprintf("the file is larger than %d MB, the limit for a runbook", MaxFile>>20),
			Hint:    "put data into a file that a sql step reads with file:",
		}}
	}
	return src, nil
}

func unreadable(name string, err error) Problems {
	p := Problem{Pos: Pos{File: name}, Code: "file/unreadable", Message: err.Error()}
	var path *fs.PathError
	if errors.As(err, &path) {
		p.Message = path.Err.Error()
	}
	if errors.Is(err, fs.ErrNotExist) {
		p.Code, p.Message = "file/missing", "there is no such file"
	}
	return Problems{p}
}
