package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Path is where the journal of a run is: <dir>/runs/<run>/journal.jsonl. Any
// run that is not the name of a directory is an error; people type them.
func Path(dir, run string) (string, error) {
	if run == "." || filepath.Base(run) != run || !filepath.IsLocal(run) {
		return "", fmt.Errorf("%q is not the id of a run", run)
	}
	return filepath.Join(dir, "runs", run, "journal.jsonl"), nil
}

// Runs lists the ids of the runs that have a journal in dir, the newest first.
// A dir that is not there has none.
func Runs(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "runs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var runs []string
	for _, e := range entries {
		if path, err := Path(dir, e.Name()); err == nil {
			if _, err := os.Stat(path); err == nil {
				runs = append(runs, e.Name())
			}
		}
	}
	slices.Sort(runs)
	slices.Reverse(runs)
	return runs, nil
}

// letters are the digits of a run id's ending: those of Crockford's base 32,
// which leaves out what is read wrong over the telephone.
const letters = "0123456789abcdefghjkmnpqrstvwxyz"

// NewID makes a run id like 20260102-150405-k3f9: the second in UTC, so that
// ids sort by age whatever the clock's zone, two digits for the part of the
// second, so that runs of one second do too, and two of rand against runs of
// the same moment. Create refuses an id that is taken.
func NewID(now time.Time, rand io.Reader) string {
	var b [2]byte
	// What can't be read stays zero: an id is still made, and still checked.
	_, _ = io.ReadFull(rand, b[:])
	moment := int(int64(now.Nanosecond()) * int64(len(letters)*len(letters)) / int64(time.Second))
	return now.UTC().Format("20060102-150405-") + string([]byte{
		letters[moment/len(letters)], letters[moment%len(letters)],
		letters[int(b[0])%len(letters)], letters[int(b[1])%len(letters)],
	})
}
