package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"runbook/engine/event"
)

// ErrTorn says that a journal ends in the middle of a line: its writer was
// killed while it wrote. The records before that line are whole, and nothing
// that the torn one announced was done.
var ErrTorn = errors.New("the last line is torn")

// Read returns the records of a journal. Beside an error stand the records
// before the place it speaks of; with ErrTorn those are all there are.
//
// It is an error that a line is not a record, or that the records are not
// numbered from 1 without a gap.
func Read(r io.Reader) ([]event.Record, error) {
	records, _, err := read(r)
	if err != nil {
		return records, fmt.Errorf("read journal: %w", err)
	}
	return records, nil
}

// ReadFile is Read for the journal at path.
func ReadFile(path string) ([]event.Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read journal %s: %w", path, cause(err))
	}
	defer f.Close()
	records, _, err := read(f)
	if err != nil {
		return records, fmt.Errorf("read journal %s: %w", path, cause(err))
	}
	return records, nil
}

// read also returns the size of the lines it made records of.
func read(r io.Reader) (records []event.Record, size int64, err error) {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		switch {
		case err == io.EOF && len(line) == 0:
			return records, size, nil
		case err == io.EOF:
			// A line without its break is torn even where it reads well: Write
			// had not returned, so nobody has acted on it.
			return records, size, fmt.Errorf("line %d: %w", len(records)+1, ErrTorn)
		case err != nil:
			return records, size, err
		}
		var record event.Record
		if err := record.UnmarshalJSON(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return records, size, fmt.Errorf("line %d: %w", len(records)+1, err)
		}
		if want := len(records) + 1; record.Seq != want {
			return records, size, fmt.Errorf("line %d: record %d, want %d", want, record.Seq, want)
		}
		records = append(records, record)
		size += int64(len(line))
	}
}
