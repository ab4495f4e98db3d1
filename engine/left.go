package engine

import (
	"context"
	"errors"
	"slices"
	"sync"

	"runbook/engine/event"
	"runbook/engine/journal"
	"runbook/engine/postgres"
)

// account follows the steps that are under way, by the fold that a resumed run
// would go by, so that the end of the run can say what it leaves.
type account struct {
	mu    sync.Mutex
	state journal.State
	cut   map[event.Step]bool // stopped in the middle
}

// cutShort says that a step was stopped in the middle.
func (a *account) cutShort(path event.Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cut == nil {
		a.cut = map[event.Step]bool{}
	}
	a.cut[path] = true
}

func (a *account) add(e event.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.Add(event.Record{Event: e})
	switch e := e.(type) {
	case event.StepFinished:
		if e.Action == "group" && e.Status == event.Done {
			a.state.Forget(e.Step) // what failed in there was rescued
		}
		a.state.Trim()
	case event.StepSkipped:
		a.state.Trim()
	}
}

// left are the steps that were cut short, and those that simply failed of which
// not all is undone.
func (a *account) left() []event.Left {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.Abandon()
	var out []event.Left
	for _, s := range a.state.Steps() {
		if s.Started == nil || s.Started.Action == "group" || a.surrounds(s) {
			continue
		}
		l := event.Left{
			Step: s.Path, Title: s.Started.Title, Cut: a.cut[s.Path], Lost: s.Status() == event.Unknown, Reads: !s.Started.Changes,
			Done: s.Done, Unknown: s.Unanswered, Committing: s.Committing(),
		}
		for _, sql := range s.Undone {
			if selfCommitting(sql) {
				l.Broken = append(l.Broken, sql)
			} else {
				l.Undone = append(l.Undone, sql)
			}
		}
		if l.Cut || l.Lost || len(l.Done) > 0 || len(l.Unknown) > 0 || l.Committing {
			out = append(out, l)
		}
	}
	return out
}

// surrounds says whether a step has sent nothing itself and others stand in it.
func (a *account) surrounds(s *journal.Step) bool {
	if s.Sent > 0 {
		return false
	}
	for _, in := range a.state.Steps() {
		if journal.Within(in.Path, s.Path) {
			return true
		}
	}
	return false
}

// selfCommitting says whether a statement that ended early may have left
// something: it commits as it goes, or cannot be rolled back.
func selfCommitting(sql string) bool {
	switch firstWord(sql) {
	case "DO":
		words := wordsOf(sql)
		return slices.Contains(words, "commit") || slices.Contains(words, "call")
	case "CALL":
		return true
	}
	return postgres.Classify(sql) == postgres.NonTransactional
}

// cancelled says whether a step failed because it was stopped.
func cancelled(err error) bool {
	var timeout *TimeoutError
	return errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout)
}
