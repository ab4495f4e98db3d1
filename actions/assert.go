package actions

import (
	"context"
	"fmt"
	"slices"

	"runbook/engine"
	"runbook/engine/event"
)

// Assert states what must hold. It takes one expression, or a list of which all
// must hold, and a failure shows every operand with the value it had.
//
//	steps:
//	  - sql: SHOW citus.stat_statements_track
//	    register: stat_track
//	  - assert: stat_track == 'all'
//	  - id: check
//	    sql: SELECT table_name, shard_count FROM citus_tables ORDER BY 1
//	  - assert:
//	      - len(steps.check.rows) == 4
//	      - all(steps.check.rows, .shard_count == 32)
//	    message: all four tables are distributed
type Assert struct {
	// What must hold.
	That []engine.Expr[bool] `arg:"that,main,required"`
	// What must hold in plain words, for whoever reads the failure at night.
	Message string
}

// AssertResult says how many expressions held.
type AssertResult struct {
	// How many expressions there were; all of them held.
	Passed int `expr:"passed" json:"passed"`
}

// Check refuses an empty list: it would hold of nothing. What holds of everything
// is a warning.
func (a *Assert) Check(at *engine.Places) {
	if at.Has("that") && len(a.That) == 0 {
		at.Problem("that", "assert/empty", "this assertion states nothing", "")
	}
	for _, e := range a.That {
		if e.Always() {
			at.Add(e.Problem("assert/always", "this cannot fail, whatever the values are", "compare what was found with what is wanted").Warning())
		}
	}
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
		for _, o := range e.Operands(nil) {
			if !slices.Contains(operands, o) {
				operands = append(operands, o)
			}
		}
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
