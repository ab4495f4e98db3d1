package report

import (
	"fmt"
	"io"

	"runbook/engine/event"
)

// JSONLines writes each record as one line of JSON, the form of the journal,
// as soon as it comes. A writer that buffers is flushed after every line if it
// has a Flush method like bufio.Writer's.
type JSONLines struct {
	out output
}

var _ event.Sink = (*JSONLines)(nil)

func NewJSONLines(w io.Writer) *JSONLines {
	return &JSONLines{output{w: w}}
}

// Write returns the first error of the writer, once; nothing is written after
// it.
func (j *JSONLines) Write(r event.Record) error {
	line, err := r.MarshalJSON()
	if err != nil {
		return fmt.Errorf("write JSON lines: %w", err)
	}
	if err := j.out.write(append(line, '\n')); err != nil {
		return fmt.Errorf("write JSON lines: %w", err)
	}
	return nil
}
