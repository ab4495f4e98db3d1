package actions

import (
	"context"
	"fmt"

	"runbook/engine"
)

var (
	_ engine.Planner  = (*SQL)(nil)
	_ engine.Returner = (*SQL)(nil)
)

// Returns is the text whose rows are the result.
func (a *SQL) Returns() *engine.SQL { return a.text() }

// Plan tells what the statements would do.
func (a *SQL) Plan(_ context.Context, _ *engine.PlanEnv) (engine.Forecast, error) {
	f := a.text().Forecast()
	switch f.Kind {
	case engine.EffectRead, engine.EffectSession:
	case engine.EffectPermanent:
		f.Undo = "none"
	case engine.EffectUnknown:
		f.Undo = "unknown"
	default:
		f.Undo = "whole or not at all"
		if n := len(f.Statements); n > 1 && !a.Transaction {
			f.Undo = fmt.Sprintf("none between its %d statements", n)
		}
	}
	return f, nil
}
