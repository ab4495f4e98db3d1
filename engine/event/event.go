// Package event says what can happen in a run. Events are the only output of
// the engine: the terminal, the JSON lines, the journal and every report are
// made from them and from nothing else.
//
// The package knows no step, action or database; it holds the types, the
// stream that numbers them, the mask that hides secrets, and their JSON form.
package event

import "time"

// Event is one thing that happened. The set is sealed: a sink can switch over
// it and be told by a test when it misses one.
type Event interface{ event() }

func (RunStarted) event()        {}
func (RunFinished) event()       {}
func (SetupStarted) event()      {}
func (SetupFinished) event()     {}
func (StepStarted) event()       {}
func (StepFinished) event()      {}
func (StepSkipped) event()       {}
func (StepRetrying) event()      {}
func (StepRepeating) event()     {}
func (StatementStarted) event()  {}
func (StatementFinished) event() {}
func (Committing) event()        {}
func (Notice) event()            {}
func (Progress) event()          {}
func (Instruction) event()       {}
func (Sighting) event()          {}
func (WindowClosed) event()      {}
func (GuardHeld) event()         {}
func (GuardEnded) event()        {}
func (Shown) event()             {}
func (Measured) event()          {}
func (LoadMeasured) event()      {}
func (ObligationOpened) event()  {}
func (ObligationClosed) event()  {}
func (Warning) event()           {}

// Record is an event with its number in the run, counted from 1, and the time
// it happened.
type Record struct {
	Seq   int
	Time  time.Time
	Event Event
}

// Sink takes the records of a run, one at a time and in order. Its first error
// stops the run before its next step.
type Sink interface {
	Write(Record) error
}

// Status is how a step or a run ended.
type Status string

const (
	Done        Status = "done"
	Failed      Status = "failed"
	Skipped     Status = "skipped"     // its condition did not hold, or its tag was not asked for
	NotReached  Status = "not reached" // an earlier step failed
	Unknown     Status = "unknown"     // the connection was lost: it may or may not have happened
	Interrupted Status = "interrupted" // a person or a signal stopped it
)
