package actions

import (
	"context"

	"runbook/engine"
)

var _ engine.Planner = (*Assert)(nil)

// Plan says that an assertion only looks; what it looks at is known when it runs.
func (a *Assert) Plan(_ context.Context, _ *engine.PlanEnv) (engine.Forecast, error) {
	return engine.Forecast{Kind: engine.EffectRead}, nil
}
