// Package journal keeps the records of a run on disk, one JSON object a line,
// and folds them into what a later process must know: which steps are done,
// which are in doubt, and what the run still owes.
//
// A journal is only ever appended to. The package does not decide what to do
// about a step in doubt, knows no action and no database, and takes no lock:
// the run lock on the target is what keeps two processes off one run.
package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"runbook/engine/event"
)

// Journal is the sink that writes one run's journal.
type Journal struct {
	path     string
	file     file
	size     int64 // of the whole lines in the file
	changing changing
	err      error // the first one; nothing is written after it
}

var (
	_ event.Sink = (*Journal)(nil)
	_ file       = (*os.File)(nil)
)

// file is what a Journal needs of an *os.File.
type file interface {
	Write([]byte) (int, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

// Create makes the journal of a new run, <dir>/runs/<run>/journal.jsonl, with
// the directories it needs. Only their owner can read them, since results of
// statements are in them; where it makes dir, a .gitignore in it keeps them out
// of a repository for the same reason. It is an error that the run has a journal
// already.
func Create(dir, run string) (*Journal, error) {
	path, err := Path(dir, run)
	if err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	if err := makeDirs(dir, filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("create journal %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create journal %s: %w", path, cause(err))
	}
	// The file's name must survive a power failure as well as its lines do:
	// each directory holds the entry of the one below it.
	for _, d := range []string{filepath.Dir(path), filepath.Join(dir, "runs"), dir, filepath.Dir(dir)} {
		if err := syncDir(d); err != nil {
			return nil, errors.Join(fmt.Errorf("create journal %s: %w", path, err), f.Close())
		}
	}
	return &Journal{path: path, file: f, changing: changing{}}, nil
}

// makeDirs makes dir and the one of the run in it. A directory that was there
// already is its owner's affair, and gets no .gitignore.
func makeDirs(dir, run string) error {
	_, err := os.Stat(dir)
	made := errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(run, 0o700); err != nil {
		return err
	}
	if !made {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o600)
}

// Open continues the journal of an earlier run and returns the records that it
// holds. A torn last line is cut off. The next record's number must be one
// above the last one's; see event.Stream.Continue.
func Open(dir, run string) (*Journal, []event.Record, error) {
	path, err := Path(dir, run)
	if err != nil {
		return nil, nil, fmt.Errorf("open journal: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open journal %s: %w", path, cause(err))
	}
	records, size, err := read(f)
	if errors.Is(err, ErrTorn) {
		err = f.Truncate(size)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open journal %s: %w", path, cause(err)), f.Close())
	}
	return &Journal{path: path, file: f, size: size, changing: changing{}}, records, nil
}

// Path is where the journal is.
func (j *Journal) Path() string { return j.path }

// Write appends r. What must be on disk before the run goes on is there when
// Write returns nil; see durable.
//
// After an error the journal says no more and Write repeats it: the file ends
// with the last whole record, and an end that came early is safe to resume
// from, which a gap would not be.
func (j *Journal) Write(r event.Record) error {
	if j.err == nil {
		j.err = j.write(r)
	}
	return j.err
}

func (j *Journal) write(r event.Record) error {
	line, err := r.MarshalJSON()
	if err != nil {
		return fmt.Errorf("write journal %s: %w", j.path, err)
	}
	line = append(line, '\n')
	if n, err := j.file.Write(line); err != nil {
		if n > 0 {
			err = errors.Join(cause(err), j.cut())
		}
		return fmt.Errorf("write journal %s: %w", j.path, cause(err))
	}
	j.size += int64(len(line))
	if j.changing.durable(r.Event) {
		if err := j.file.Sync(); err != nil {
			return fmt.Errorf("write journal %s to disk: %w", j.path, cause(err))
		}
	}
	return nil
}

// cut takes away the piece of a line that a failed write left.
func (j *Journal) cut() error {
	if err := j.file.Truncate(j.size); err != nil {
		return fmt.Errorf("cut its torn last line: %w", cause(err))
	}
	return nil
}

// Close closes the file. It does not write: a journal needs no ending.
func (j *Journal) Close() error {
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("close journal %s: %w", j.path, cause(err))
	}
	return nil
}

// cause is err without the path and the system call that os puts before it; the
// messages here name the path themselves.
func cause(err error) error {
	if p, ok := err.(*fs.PathError); ok {
		return p.Err
	}
	return err
}
