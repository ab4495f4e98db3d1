//go:build linux || darwin

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"runbook/engine/event"
	"runbook/engine/journal"
)

// readJournal is the one journal of the life. Beside an error stand the records
// before it: a killed writer leaves a torn line, and so may one that still writes.
func (l *life) readJournal() ([]event.Record, error) {
	pattern := filepath.Join(l.dir, ".runbook", "runs", "*", "journal.jsonl")
	files, err := filepath.Glob(pattern)
	if err == nil && len(files) != 1 {
		err = fmt.Errorf("%d journals %s, want 1", len(files), pattern)
	}
	if err != nil {
		return nil, err
	}
	return journal.ReadFile(files[0])
}

// journal is what the journal holds so far: nothing where there is none yet.
func (l *life) journal() []event.Record {
	records, _ := l.readJournal()
	return records
}

// ended says whether the run came to its end: a kill can come after that.
func (l *life) ended() bool {
	past := journal.Fold(l.journal())
	return past.End != nil && past.End.Status == event.Done
}

// sent says whether the journal has a statement with the text.
func (l *life) sent(text string) bool {
	return has(l.journal(), func(e event.StatementStarted) bool { return strings.Contains(e.SQL, text) })
}

// hasWaited says whether a resumed run waited for a statement of the killed one.
func hasWaited(records []event.Record) bool {
	return has(records, func(e event.Progress) bool {
		return strings.HasPrefix(e.Phase, "waiting for a statement of the interrupted run")
	})
}

// has says whether one of the records is such an event.
func has[E event.Event](records []event.Record, such func(E) bool) bool {
	return slices.ContainsFunc(records, func(r event.Record) bool {
		e, ok := r.Event.(E)
		return ok && such(e)
	})
}
