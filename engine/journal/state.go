package journal

import (
	"slices"
	"time"

	"runbook/engine/event"
)

// State is what a journal says, folded over its records. Its zero value is that
// of an empty journal. A State of any prefix of a journal is a true account of
// what a process killed at that instant left behind.
type State struct {
	Seq     int                // number of the last record
	Began   time.Time          // when the run started
	Updated time.Time          // when the last record was written
	Run     *event.RunStarted  // the latest; nil before there is one
	Resumed int                // how often the run was started again
	End     *event.RunFinished // nil while the run goes on, and for ever when it was killed

	// InSetup says that building the sandbox's starting point had begun and
	// not ended. Its own steps and obligations are passed over: such a sandbox
	// is thrown away, not resumed.
	InSetup bool

	// Ledger holds the obligations that are open, the oldest first.
	Ledger []event.Obligation

	steps []*Step // in the order of their first mention
	index map[event.Step]*Step
	open  map[backend]*transaction
}

// transaction is one that a connection has open.
type transaction struct {
	committing *event.Committing // its COMMIT was announced and not answered
}

// Fold is the State after records.
func Fold(records []event.Record) State {
	var s State
	for _, r := range records {
		s.Add(r)
	}
	return s
}

// Steps are the steps that the journal speaks of, in the order of their first
// mention. Attempts that were given up, and turns of a loop before its last
// one, are not among them.
func (s *State) Steps() []*Step { return s.steps }

// Step is the step of that path, or nil.
func (s *State) Step(path event.Step) *Step { return s.index[path] }

// InDoubt are the steps that may or may not have happened.
func (s *State) InDoubt() []*Step {
	var steps []*Step
	for _, step := range s.steps {
		if step.InDoubt() {
			steps = append(steps, step)
		}
	}
	return steps
}

// Add folds in the next record.
func (s *State) Add(r event.Record) {
	s.Seq, s.Updated = r.Seq, r.Time
	s.fold(r.Time, r.Event)
}

// fold reports whether it knows e's type; a test asks.
func (s *State) fold(now time.Time, e event.Event) bool {
	switch e := e.(type) {
	case event.RunStarted:
		if s.Run == nil {
			s.Began = now
		} else {
			s.Resumed++
		}
		s.Run, s.End, s.InSetup = &e, nil, false
		s.Abandon()
		return true
	case event.RunFinished:
		s.End = &e
		return true
	case event.SetupStarted:
		s.InSetup = true
		return true
	case event.SetupFinished:
		s.InSetup = false
		return true
	}
	if s.InSetup {
		return true
	}
	switch e := e.(type) {
	case event.ObligationOpened:
		s.close(e.Obligation.ID) // opened twice is owed once
		s.Ledger = append(s.Ledger, e.Obligation)
	case event.ObligationClosed:
		s.close(e.ID)
	case event.StepStarted:
		s.at(e.Step).start(e)
	case event.StepFinished:
		s.at(e.Step).Finished = &e
		if e.Status == event.Failed || e.Status == event.Interrupted {
			s.undo(e.Step, e.Failure)
		}
	case event.StepSkipped:
		s.at(e.Step).skip(e)
	case event.StepRetrying:
		s.undo(e.Step, e.Failure)
		s.forget(e.Step)
		s.at(e.Step).retry(e)
	case event.StepRepeating:
		s.at(e.Step).leave(s.forget(e.Step))
		s.at(e.Step).repeat(e)
	case event.StatementStarted:
		s.at(e.Step).sent(e, s.open[backend{e.Connection, e.PID}] != nil)
	case event.StatementFinished:
		if step := s.Step(e.Step); step != nil {
			step.answered(e)
		}
		s.transact(e)
	case event.Committing:
		if t := s.open[backend{e.Connection, e.PID}]; t != nil {
			t.committing = &e
		}
	case event.Notice, event.Progress, event.Instruction, event.Sighting, event.WindowClosed, event.GuardHeld, event.GuardEnded, event.Shown, event.Measured, event.LoadMeasured, event.Warning:
		// They tell of the run and change nothing about where it stands.
	default:
		return false
	}
	return true
}

// at is the step of that path, made where it is new.
func (s *State) at(path event.Step) *Step {
	if step := s.index[path]; step != nil {
		return step
	}
	if s.index == nil {
		s.index = map[event.Step]*Step{}
	}
	step := &Step{Path: path}
	s.index[path] = step
	s.steps = append(s.steps, step)
	return step
}

// forget drops the steps inside the one of that path, and returns them: they
// will start over. A doubt is never dropped.
func (s *State) forget(path event.Step) []*Step {
	var dropped []*Step
	s.steps = slices.DeleteFunc(s.steps, func(step *Step) bool {
		drop := Within(step.Path, path) && !step.InDoubt()
		if drop {
			delete(s.index, step.Path)
			dropped = append(dropped, step)
		}
		return drop
	})
	return dropped
}

// Forget drops the steps inside the one of that path, but those in doubt.
func (s *State) Forget(path event.Step) { s.forget(path) }

// Trim drops the steps that are over and leave nothing open, for whoever follows a
// run only to know what is under way.
func (s *State) Trim() {
	s.steps = slices.DeleteFunc(s.steps, func(step *Step) bool {
		over := step.IsDone() || step.Finished == nil && step.Skipped != nil || step.Finished != nil && step.Finished.Allowed
		if over {
			delete(s.index, step.Path)
		}
		return over
	})
}

// Left are the steps inside the one of that path whose results were in scope
// when the journal ended, the latest of each, in the order in which they were
// left: those of its earlier turns, then those of the last one.
func (s *State) Left(path event.Step) []*Step {
	var left []*Step
	for _, step := range s.steps {
		if step.Path == path || Within(step.Path, path) {
			left = append(left, step.Left...)
		}
		if Within(step.Path, path) && step.IsDone() {
			left = append(left, step)
		}
	}
	return left
}

func (s *State) close(id string) {
	s.Ledger = slices.DeleteFunc(s.Ledger, func(o event.Obligation) bool { return o.ID == id })
}
