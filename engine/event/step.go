package event

import "encoding/json"

// Step names one execution of a step: its path in the runbook and, inside
// loops, which turn it is: "backfill#3/2", "add-workers[1]".
type Step = string

// Place is where in a file something stands; Line and Col count from 1, Col in
// characters.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
}

// StepStarted comes before anything a step does. When Changes is set it is on
// disk before the step's first statement is sent.
type StepStarted struct {
	Step    Step   `json:"step"`
	ID      string `json:"id,omitempty"`
	Title   string `json:"title"`
	Action  string `json:"action"` // "group" for a group
	Depth   int    `json:"depth"`  // how many groups and watched steps enclose it
	Place   Place  `json:"place"`
	Digest  string `json:"digest"` // of the step's text, so that an edited step is known again
	Changes bool   `json:"changes"`
	Attempt int    `json:"attempt,omitempty"` // 2 and up after a retry

	// Continues says that a resumed run goes on with what this step has done.
	Continues bool `json:"continues,omitempty"`
}

// StepFinished closes a StepStarted. Result is the action's typed result,
// Registered what `register` put into scope.
type StepFinished struct {
	Step       Step                       `json:"step"`
	Title      string                     `json:"title"`
	Action     string                     `json:"action"`
	Depth      int                        `json:"depth"`
	Status     Status                     `json:"status"`
	Duration   Duration                   `json:"duration"`
	Summary    string                     `json:"summary,omitempty"` // one line for a person
	Result     json.RawMessage            `json:"result,omitempty"`
	Registered map[string]json.RawMessage `json:"registered,omitempty"`
	Allowed    bool                       `json:"allowed,omitempty"` // it failed and allow_failure let the run go on
	Failure    *Failure                   `json:"failure,omitempty"`
}

// StepSkipped says that a step did not run and why; Status is Skipped or
// NotReached.
type StepSkipped struct {
	Step   Step   `json:"step"`
	Title  string `json:"title"`
	Action string `json:"action"`
	Depth  int    `json:"depth"`
	Status Status `json:"status"`
	Reason string `json:"reason"`
}

// StepRetrying says that an attempt failed and another will be made.
type StepRetrying struct {
	Step    Step     `json:"step"`
	Attempt int      `json:"attempt"` // the one that failed, from 1
	Delay   Duration `json:"delay"`
	Failure *Failure `json:"failure"`
}

// StepRepeating says that a repeated step's `until` did not hold yet.
type StepRepeating struct {
	Step      Step      `json:"step"`
	Iteration int       `json:"iteration"` // the one that ended, from 1
	Delay     Duration  `json:"delay"`
	Until     string    `json:"until"`
	Operands  []Operand `json:"operands,omitempty"`
}
