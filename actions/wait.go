package actions

import (
	"context"
	"fmt"
	"time"

	"runbook/engine"
	"runbook/engine/event"
)

// Wait asks a person to do something, and waits until it was done. A query shows
// whether it was; when it was already, nobody is asked. Give the step a timeout:
// without one it waits until it is interrupted.
//
//	vars: {workers_wanted: 4}
//	steps:
//	  - wait:
//	      for: at least ${workers_wanted} active workers
//	      tell: On Azure, open Scale, choose ${workers_wanted} nodes and save.
//	      sql: SELECT count(*) FROM citus_get_active_worker_nodes()
//	      until: value >= workers_wanted
//	    timeout: 30m
type Wait struct {
	// What is waited for, in a few words: “waiting for …”.
	For string `arg:"required,label"`
	// What the person is to do, step by step.
	Tell string `arg:"required"`
	// The query that shows whether it was done, one statement.
	SQL engine.SQL `arg:"sql,required"`
	// Ends the wait when it holds; sees the query's `rows`, its one `row`, and that
	// one's one `value`.
	Until engine.Expr[bool] `arg:"required"`
	// The time from one look to the next.
	Every time.Duration `default:"5s"`
}

// WaitResult is how the wait went.
type WaitResult struct {
	// How long it took; next to nothing when it held already.
	Waited time.Duration `expr:"waited" json:"waited_ns"`
	// How often the query ran.
	Polls int `expr:"polls" json:"polls"`
}

// patience is how long nobody is asked yet: what an earlier step has set off may
// be done by then.
const patience = time.Second

// ExprNames gives `until` the query's result.
func (w *Wait) ExprNames(string) engine.Names {
	return engine.Names{"rows": []engine.Row{}, "row": engine.Row{}, "value": nil}
}

// Check wants one statement and a rest between two polls.
func (w *Wait) Check(at *engine.Places) {
	if n := len(w.SQL.Statements()); n != 1 && w.SQL.Text != "" {
		at.Problem("sql", "wait/statements", fmt.Sprintf("wait polls one statement, and here are %d", n), "ask for all of it in one query")
	}
	if w.Every <= 0 {
		at.Problem("every", "schema/type", "every is longer than nothing, for example 5s", "")
	}
}

// Changes says whether the polled query may change anything.
func (w *Wait) Changes() bool { return w.SQL.Changes() }

// Applied is false: it can always be waited for again.
func (w *Wait) Applied(context.Context, *engine.Env) (bool, error) { return false, nil }

// Run polls.
func (w *Wait) Run(ctx context.Context, env *engine.Env) (WaitResult, error) {
	began := time.Now()
	session, err := env.Quiet(ctx)
	if err != nil {
		return WaitResult{}, err
	}
	statements := w.SQL.Statements()
	told := false
	for polls := 1; ; polls++ {
		r, err := session.Query(ctx, statements[0].Text)
		if err != nil {
			return WaitResult{}, &engine.StatementError{Statement: statements[0], Connection: "main", Err: err}
		}
		names := resultNames(engine.NewRows(r), engine.ColumnNames(r.Columns))
		holds, err := w.Until.Eval(names)
		if err != nil || holds {
			return WaitResult{Waited: time.Since(began), Polls: polls}, err
		}
		if !told && (w.Every >= patience || time.Since(began) >= patience) {
			told = true
			if err := env.Emit(event.Instruction{Step: env.Step(), For: w.For, Tell: w.Tell}); err != nil {
				return WaitResult{}, err
			}
		}
		if err := env.Emit(event.Progress{Step: env.Step(), Phase: "waiting for " + w.For, Elapsed: event.Duration(time.Since(began))}); err != nil {
			return WaitResult{}, err
		}
		select {
		case <-ctx.Done():
			return WaitResult{}, &engine.Failed{
				Message: "still waiting for " + w.For, Err: context.Cause(ctx), Operands: w.Until.Operands(names),
			}
		case <-time.After(w.Every):
		}
	}
}

// resultNames are rows, row and value of a query's result. row and value are
// nil when the result does not have exactly one.
func resultNames(rows []engine.Row, columns []string) engine.Names {
	names := engine.Names{"rows": rows, "row": nil, "value": nil}
	if len(rows) != 1 {
		return names
	}
	names["row"] = rows[0]
	if len(columns) == 1 {
		names["value"] = rows[0][columns[0]]
	}
	return names
}

// Summary says how long it took.
func (r WaitResult) Summary() string {
	if r.Polls == 1 {
		return "held already"
	}
	return fmt.Sprintf("waited %s", round(r.Waited))
}
