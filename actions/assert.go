package actions

import (
	"context"
	"fmt"

	"runbook/engine"
	"runbook/engine/event"
)

// Assert states what must hold: one expression, or a list of which all must
// hold. A failure shows every operand with the value it had.
//
//	steps:
//	  - assert: stat_track == 'all'
//	  - assert:
//	      - watched.load.shops.errors == 0
//	      - steps.check.rows[0].shard_count == 32
//	    message: the shops must not notice
type Assert struct {
	// The expressions; each is true or false.
	That []engine.Expr[bool] `arg:"that,main,required"`
	// What a failure means, for whoever reads it at night.
	Message string
}

// AssertResult says how many expressions held.
type AssertResult struct {
	// How many expressions held: all of them.
	Passed int `expr:"passed" json:"passed"`
}

// Changes is false: an assertion only looks.
func (a *Assert) Changes() bool { return false }

// Run evaluates every expression, so that a failure tells of all that do not
// hold.
func (a *Assert) Run(_ context.Context, _ *engine.Env) (AssertResult, error) {
	var first error
	var broken []string
	var operands []event.Operand
	for _, e := range a.That {
		holds, err := e.Eval(nil)
		if err != nil {
			return AssertResult{}, err
		}
		if holds {
			continue
		}
		if first == nil {
			first = e.Fault("this does not hold: " + e.Text())
		}
		broken = append(broken, e.Text())
		operands = append(operands, e.Operands(nil)...)
	}
	if len(broken) == 0 {
		return AssertResult{Passed: len(a.That)}, nil
	}
	f := &engine.Failed{Message: a.Message, Operands: operands, Err: first}
	if len(broken) > 1 {
		for _, text := range broken[1:] {
			f.Notes = append(f.Notes, "nor does this: "+text)
		}
	}
	return AssertResult{}, f
}

// Summary says how many held.
func (r AssertResult) Summary() string {
	if r.Passed == 1 {
		return "holds"
	}
	return fmt.Sprintf("all %d hold", r.Passed)
}
