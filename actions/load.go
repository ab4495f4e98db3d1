package actions

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/postgres"
)

// Load is a statement that runs again and again beside the watched steps. Without
// `rate` each connection sends its next execution when the last has ended, as a
// batch job does; a load that is held up is then held up once, and does not show
// how many users would have been. With `rate` executions are due at even
// intervals, as those of many users are, whether or not the earlier ones have
// ended: those that find no free connection wait for one, and their latency counts
// from when they were due. After a standstill they are sent as fast as the
// connections can, until none is overdue.
//
// It starts before the steps and stops with them. What is due by then is still
// sent, for 5 s at most, and what is under way has 30 s to end. A connection that
// is lost is opened again, after 100 ms, then 200 ms, up to 2 s; the wait is part
// of the execution that needs it. What is kept of a load takes 1 MB, for however
// many hours it runs.
type Load struct {
	// The statement. A value inserted by `${…}` is the same at every execution, `args`
	// are not.
	SQL engine.SQL `arg:"sql,main,required"`
	// Expressions for $1, $2, …, evaluated at every execution.
	Args []engine.Expr[any]
	// How many connections run it; 0 switches the load off.
	Connections int `default:"1"`
	// How many executions are due a second, over all connections together; may be a
	// fraction.
	Rate float64
	// How long each connection rests after an execution; for a load without `rate`.
	Pause time.Duration
	// How many executions may fail; one more fails the step when it ends. Without it
	// errors are counted and fail nothing.
	MaxErrors *int
}

// LoadResult is how a load fared.
type LoadResult struct {
	// Executions that ended well.
	Executions int `expr:"executions" json:"executions"`
	// Executions that failed.
	Errors int `expr:"errors" json:"errors"`
	// How many of them had which SQLSTATE; where the server said none, `connection`,
	// or `expression` for one of `args`.
	ErrorsByState map[string]int `expr:"errors_by_sqlstate" json:"errors_by_sqlstate"`
	// The first failure of each SQLSTATE.
	FirstErrors map[string]LoadError `expr:"first_errors" json:"first_errors"`
	// The message of the last.
	LastError string `expr:"last_error" json:"last_error"`
	// The sum of what the executions returned, where each returns one number, such
	// as the rows it wrote.
	Sum int64 `expr:"sum" json:"sum"`
	// With a rate: executions that are due and wait for a connection; at the end,
	// those that were never sent. They are in no other figure.
	Unsent int `expr:"unsent" json:"unsent"`
	// How often a lost connection was opened again.
	Reconnects int `expr:"reconnects" json:"reconnects"`
	// How long the load has stood still now, for `abort_if`: something was due or
	// under way, or has failed, and nothing has ended well since.
	Stall time.Duration `expr:"stall" json:"stall_ns"`
	// What ended before the steps began.
	Before LoadFigures `expr:"before" json:"before"`
	// What was due or under way while they ran.
	During LoadFigures `expr:"during" json:"during"`
	// What was due or under way in a window of any probe: `blockers` and those with
	// a `sighting`. It is part of the others.
	InWindows LoadFigures `expr:"in_windows" json:"in_windows"`
	// What was due after the steps ended.
	After LoadFigures `expr:"after" json:"after"`
}

// LoadFigures are how a load fared in a phase. Latencies are those of executions
// that ended well, up to the answer: from when one was sent, or with a rate, where
// no connection was free, from when it was due.
type LoadFigures struct {
	// Executions that ended well.
	N int `expr:"n" json:"n"`
	// Half of them took no longer. Up to an hour it is right to three digits, as are
	// the next two.
	P50 time.Duration `expr:"p50" json:"p50_ns"`
	// 95 of 100 took no longer.
	P95 time.Duration `expr:"p95" json:"p95_ns"`
	// 99 of 100.
	P99 time.Duration `expr:"p99" json:"p99_ns"`
	// The slowest.
	Max time.Duration `expr:"max" json:"max_ns"`
	// Executions that ended well in this time, a second.
	TPS float64 `expr:"tps" json:"tps"`
	// Executions that failed.
	Errors int `expr:"errors" json:"errors"`
	// How many of them had which SQLSTATE.
	ErrorsByState map[string]int `expr:"errors_by_sqlstate" json:"errors_by_sqlstate"`
	// The longest time in which nothing ended well although something was due or
	// under way, or had failed: the application stood still.
	LongestStall time.Duration `expr:"longest_stall" json:"longest_stall_ns"`
	// When that began.
	StalledAt time.Time `expr:"stalled_at" json:"stalled_at,omitzero"`
}

// LoadError is a failure of a load.
type LoadError struct {
	// When it came.
	At time.Time `expr:"at" json:"at"`
	// Where it is counted: before, during or after.
	Phase string `expr:"phase" json:"phase"`
	// What the server said.
	Message string `expr:"message" json:"message"`
	// And what it added, for a deadlock who waited for whom.
	Detail string `expr:"detail" json:"detail"`
}

// LoadWindow is how a load fared in a window of a probe.
type LoadWindow struct {
	// Executions that were due or under way in it and ended well, then or later.
	Executions int `expr:"executions" json:"executions"`
	// Those that failed.
	Errors int `expr:"errors" json:"errors"`
	// How long the slowest of them all took.
	Longest time.Duration `expr:"longest" json:"longest_ns"`
	// Executions that ended well in the window, a second; 0 where it has no length.
	TPS float64 `expr:"tps" json:"tps"`
}

const maxRate = 100_000 // a second; more than a connection a statement can do

// Check looks at the numbers.
func (l *Load) Check(at *engine.Places) {
	if l.Connections < 0 || l.Connections > 100 {
		at.Problem("connections", "schema/type", "connections is a number from 0 to 100", "")
	}
	if at.Has("rate") && !(l.Rate > 0 && l.Rate <= maxRate) {
		at.Problem("rate", "schema/type", fmt.Sprintf("rate is a number above 0, at most %d", maxRate), "to switch the load off: connections: 0")
	}
	if l.Pause < 0 {
		at.Problem("pause", "schema/type", "pause is at least 0s", "")
	}
	if l.MaxErrors != nil && *l.MaxErrors < 0 {
		at.Problem("max_errors", "schema/type", "max_errors is at least 0", "without it errors fail nothing")
	}
	if at.Has("rate") && at.Has("pause") {
		at.Problem("pause", "load/pace", "a load has either a rate or a pause", "a rate says by itself when the next is due")
	}
	if n := len(l.SQL.Statements()); n > 1 {
		at.Problem("sql", "load/statements", fmt.Sprintf("a load is one statement, this is %d", n), "put them into a function")
	}
}

// text is the load in a few words, such as: p99 1.1s (before 3ms), stall 1s, 2
// errors (2 deadlock_detected). Its table says the rest.
func (r LoadResult) text() string {
	words := "nothing ended well"
	if r.During.N > 0 {
		words = "p99 " + round(r.During.P99).String()
	}
	if r.During.N > 0 && r.Before.N > 0 {
		words += fmt.Sprintf(" (before %s)", round(r.Before.P99))
	}
	words += fmt.Sprintf(", stall %s, %s", round(r.During.LongestStall), count(int64(r.Errors), "error"))
	if r.Errors > 0 {
		words += fmt.Sprintf(" (%s)", statesText(r.ErrorsByState))
	}
	if r.Unsent > 0 {
		words += fmt.Sprintf(", %s never sent", grouped(int64(r.Unsent)))
	}
	return words
}

func statesText(states map[string]int) string {
	var parts []string
	for _, s := range sortedKeys(states) {
		parts = append(parts, fmt.Sprintf("%d %s", states[s], stateName(s)))
	}
	return strings.Join(parts, ", ")
}

// stateName is what PostgreSQL calls a SQLSTATE, or what went wrong where there
// was none.
func stateName(state string) string {
	if c := postgres.ConditionName(state); c != "" {
		return c
	}
	if state == noState {
		return "connection_lost"
	}
	return state
}

// cloned is a copy of a map, and never nil.
func cloned[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

// round keeps three digits of a duration.
func round(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Microsecond, 10 * time.Microsecond, 100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond} {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
	return d.Round(time.Second)
}
