package actions

import (
	"context"

	"runbook/engine"
)

var _ engine.Planner = (*Wait)(nil)

// Plan tells what is waited for. The steps after it can count on that.
func (w *Wait) Plan(_ context.Context, env *engine.PlanEnv) (engine.Forecast, error) {
	f := w.SQL.Forecast()
	f.Notes = append([]string{"polls every " + round(w.Every).String() + "; a person may have to act"}, f.Notes...)
	env.Guard(w.SQL)
	return f, nil
}
