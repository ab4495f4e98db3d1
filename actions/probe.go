package actions

import (
	"time"

	"runbook/engine"
)

// Probe is a query repeated on a connection of its own. It has `sql` or
// `builtin`.
type Probe struct {
	// The query, one statement.
	SQL engine.SQL `arg:"sql,main"`
	// A probe that comes with the program: `blockers` sees who waits for whom, and
	// a sighting is that someone waits. On Citus it asks the workers too, twice a
	// second at most.
	Builtin string `enum:"blockers"`
	// The time from one sample to the next; longer when the query costs more than
	// 2 % of it, of late.
	Every time.Duration `default:"100ms"`
	// The statement_timeout of the query: a sample that takes longer is an error,
	// which is counted.
	Timeout time.Duration `default:"1s"`
	// What makes a sample a sighting; sees the query's `rows`, its one `row`, and
	// that one's one `value`.
	Sighting engine.Expr[bool]
	// Queries that run at a sighting, at most once a second, to keep what was going
	// on. They have a connection of their own and do not hold up the samples.
	Capture engine.Map[engine.SQL]
}

// Check wants a query or a builtin.
func (p *Probe) Check(at *engine.Places) {
	switch {
	case at.Has("sql") == at.Has("builtin"):
		at.Problem("builtin", "probe/source", "a probe has either sql or builtin", "give it one of them")
	case at.Has("builtin") && at.Has("sighting"):
		at.Problem("sighting", "probe/sighting", "a builtin probe knows its sightings", "leave it out, or write the query as sql")
	}
	if p.Every < time.Millisecond {
		at.Problem("every", "schema/type", "every is at least 1ms", "")
	}
}

// ExprNames gives `sighting` the sample.
func (p *Probe) ExprNames(string) engine.Names {
	return engine.Names{"rows": []engine.Row{}, "row": engine.Row{}, "value": nil}
}
