package report

import (
	"testing"

	"runbook/engine/event"
)

// retried is a group whose step fails n times, half a second each, before what
// follows.
func retried(n int, then ...event.Record) []event.Record {
	locked := &event.Failure{Message: "canceling statement due to lock timeout", SQLState: "55P03", Condition: "lock_not_available"}
	records := []event.Record{one(0, started("g", "keys", 0))}
	for i := range n {
		at := float64(i) / 2
		failed := finished("g/1", "drop", 1, event.Failed)
		failed.Failure = locked
		records = append(records, one(at, started("g/1", "drop", 1)), one(at+0.2, failed),
			one(at+0.2, event.StepRetrying{Step: "g", Attempt: i + 1, Delay: seconds(0.3), Failure: locked}))
	}
	return append(records, then...)
}

func TestRetriesAreOneLine(t *testing.T) {
	expect(t, retried(40,
		one(20, started("g/1", "drop", 1)), one(20.1, finished("g/1", "drop", 1, event.Done)), one(20.1, finished("g", "keys", 0, event.Done)),
	), `
>> keys
retry attempt 1
retry attempts 2
retry attempts 12
retry attempts 22
ok drop 3ms
ok keys 3ms`)
}

func TestTheLastAttemptIsShownInFull(t *testing.T) {
	failed := finished("g/1", "drop", 1, event.Failed)
	failed.Failure = &event.Failure{Message: "gone for good"}
	outer := finished("g", "keys", 0, event.Failed)
	outer.Failure = failed.Failure
	expect(t, retried(2, one(2, started("g/1", "drop", 1)), one(2, failed), one(2, outer)), `
>> keys
retry attempt 1
FAIL drop 3ms
gone for good
FAIL keys 3ms`)
}

func TestARescueShowsTheFailureFirst(t *testing.T) {
	failed := finished("g/1", "drop", 1, event.Failed)
	failed.Failure = &event.Failure{Message: "no such table"}
	expect(t, []event.Record{
		one(0, started("g", "keys", 0)), one(0, started("g/1", "drop", 1)), one(0, failed),
		one(0, started("g/rescue/1", "look", 1)), one(0, finished("g/rescue/1", "look", 1, event.Done)),
	}, `
>> keys
FAIL drop 3ms
no such table
ok look 3ms`)
}

func TestAnAttemptThatTakesLongIsShown(t *testing.T) {
	expect(t, retried(1,
		one(1, started("g/1", "drop", 1)), one(4, event.Notice{Step: "g/1", Severity: "WARNING", Message: "slow"}),
		one(9, event.Progress{Step: "g/1", Phase: "waiting"}),
	), `
>> keys
retry attempt 1
>> drop
warn WARNING slow
.. waiting`)
}

// turn is the nth turn of a group that repeats a step, and not the last one.
func turn(at float64, group string, depth, n int) []event.Record {
	step := group + "/1"
	return []event.Record{
		one(at, started(step, "batch", depth)), one(at, finished(step, "batch", depth, event.Done)),
		one(at, event.StepRepeating{Step: group, Iteration: n, Until: "left == 0", Operands: []event.Operand{{Text: "left", Value: "9"}}}),
	}
}

func TestTurnsAreCounted(t *testing.T) {
	records := []event.Record{one(0, started("g", "backfill", 0))}
	for i := range 100 {
		records = append(records, turn(float64(i)/10, "g", 1, i+1)...)
	}
	records = append(records, one(10, started("g/1", "batch", 1)), one(10, finished("g/1", "batch", 1, event.Done)), one(10, finished("g", "backfill", 0, event.Done)))
	expect(t, records, `
>> backfill
ok batch 3ms
again turn 1:
again turn 51:
ok batch 3ms
ok backfill 3ms`)
	expectAmong(t, shown(t, records, PlainOptions{}), "101 turns", "turn 1: left is 9; until left == 0")
}
