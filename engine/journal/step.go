package journal

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"runbook/engine/event"
)

// Step is what a journal says of one step: its latest start and how it ended.
type Step struct {
	Path     event.Step
	Started  *event.StepStarted  // the latest attempt; nil where it never started
	Finished *event.StepFinished // nil where that attempt has not ended
	Skipped  *event.StepSkipped  // nil where it was not skipped

	// Turns counts the turns of its `repeat` that ended.
	Turns int

	// Left are the steps inside of turns that ended, with the results that the
	// next turn could read: the latest of each.
	Left []*Step

	// Sent counts the statements of the latest attempt that could change
	// something; Unanswered are those whose outcome the journal does not know.
	Sent       int
	Unanswered []event.StatementStarted

	// Done are the changing statements of the latest attempt that are known to
	// have happened, in their order.
	Done []string

	// Undone are those that the server refused, cancelled or rolled back.
	Undone []string

	pending []pending // sent inside a transaction that has not ended
	between bool      // attempts or turns: the last one ended and its end is known
}

// pending is a changing statement inside an open transaction.
type pending struct {
	event.StatementStarted
	answered bool
}

// IsDone says that the step finished well and that no end of a transaction can
// undo it any more.
func (s *Step) IsDone() bool {
	return s.Status() == event.Done && s.Finished != nil && len(s.pending) == 0
}

// Status is how the step ended; empty where it has not, or not started.
func (s *Step) Status() event.Status {
	switch {
	case s.Finished != nil:
		return s.Finished.Status
	case s.Skipped != nil:
		return s.Skipped.Status
	default:
		return ""
	}
}

// Digest is that of the step's text when it started; empty where it did not.
func (s *Step) Digest() string {
	if s.Started == nil {
		return ""
	}
	return s.Started.Digest
}

// Attempt counts from 1; it is 0 where the step did not start.
func (s *Step) Attempt() int {
	if s.Started == nil {
		return 0
	}
	return max(s.Started.Attempt, 1)
}

// Result is the typed result of a step that finished, or nil.
func (s *Step) Result() json.RawMessage {
	if s.Finished == nil {
		return nil
	}
	return s.Finished.Result
}

// Registered is what a step that finished put into scope.
func (s *Step) Registered() map[string]json.RawMessage {
	if s.Finished == nil {
		return nil
	}
	return s.Finished.Registered
}

// InDoubt says that the step may or may not have happened: it can change
// something and did not end, or it ended without knowing. It stays in doubt
// until it starts again or is finished. A group is never in doubt itself, only
// what is in it.
func (s *Step) InDoubt() bool {
	switch {
	case s.Started == nil, s.Started.Action == "group", s.between:
		return false
	case s.Finished == nil:
		return s.Started.Changes || len(s.Unanswered) > 0
	case s.Finished.Status == event.Done:
		return false // a transaction around it is the doubt of its COMMIT
	default:
		f := s.Finished.Failure
		return s.Finished.Status == event.Unknown || f != nil && f.Unknown || len(s.Unanswered) > 0
	}
}

// Committing says that the step has changed something in a transaction whose end
// is not known.
func (s *Step) Committing() bool { return len(s.pending) > 0 }

func (s *Step) start(e event.StepStarted) {
	before := *s
	*s = Step{Path: s.Path, Started: &e, Turns: s.Turns, Left: s.Left}
	if e.Continues {
		s.Done = before.Done
	}
}

// skip keeps what a done step left, which a resumed run passes over, and keeps
// a doubt: that a step was not come to again says nothing about its first time.
func (s *Step) skip(e event.StepSkipped) {
	if s.Status() != event.Done && !s.InDoubt() {
		*s = Step{Path: s.Path, Skipped: &e}
	}
}

func (s *Step) retry(e event.StepRetrying) {
	s.between = e.Failure == nil || !e.Failure.Unknown
	s.Finished = nil
}

func (s *Step) repeat(e event.StepRepeating) {
	s.between = true
	s.Turns = e.Iteration
	s.Finished = nil
}

// turn is what a path has more in the turns of a loop.
var turn = regexp.MustCompile(`#\d+`)

// leave keeps the results of a turn, in place of those of the turn before.
func (s *Step) leave(inside []*Step) {
	for _, in := range inside {
		for _, left := range append(in.Left, in) {
			if !left.IsDone() {
				continue
			}
			name := turn.ReplaceAllString(left.Path, "")
			s.Left = slices.DeleteFunc(s.Left, func(old *Step) bool { return turn.ReplaceAllString(old.Path, "") == name })
			s.Left = append(s.Left, left)
		}
	}
}

func (s *Step) sent(e event.StatementStarted, inside bool) {
	s.between = false
	s.Sent++
	if inside {
		s.pending = append(s.pending, pending{StatementStarted: e})
		return
	}
	s.Unanswered = append(s.Unanswered, e)
}

// answered takes the statement off the list, unless what came was no answer of
// the server: an error without a SQLSTATE is one of the connection.
func (s *Step) answered(e event.StatementFinished) {
	if e.Error != "" && e.SQLState == "" {
		return
	}
	same := func(u event.StatementStarted) bool {
		return u.Connection == e.Connection && u.PID == e.PID && u.SQL == e.SQL
	}
	for i := range s.pending {
		if p := &s.pending[i]; !p.answered && same(p.StatementStarted) {
			p.answered = e.Error == ""
			return
		}
	}
	if i := slices.IndexFunc(s.Unanswered, same); i >= 0 {
		s.Unanswered = slices.Delete(slices.Clone(s.Unanswered), i, i+1)
		if e.Error == "" {
			s.Done = append(s.Done, e.SQL)
		} else {
			s.Undone = append(s.Undone, e.SQL)
		}
	}
}

// settle ends the step's part in the transaction of a session.
func (s *Step) settle(b backend, committed bool) {
	var rest []pending
	undone := false
	for _, p := range s.pending {
		switch {
		case b != backend{p.Connection, p.PID}:
			rest = append(rest, p)
		case committed && p.answered:
			s.Done = append(s.Done, p.SQL)
		default:
			s.Undone = append(s.Undone, p.SQL)
			undone = true
		}
	}
	s.pending = rest
	if undone && !committed && s.Status() == event.Done {
		s.Finished = nil // what it did went with the transaction
		s.between = true
	}
}

// Within reports whether the step of path is inside the one of outer: a step of
// its group, or one of its turns.
func Within(path, outer event.Step) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && rest != "" && strings.ContainsRune("/#[", rune(rest[0]))
}
