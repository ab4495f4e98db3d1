package actions

import (
	"context"
	"fmt"

	"runbook/engine"
)

var _ engine.Planner = (*ParallelMonitor)(nil)

// Plan tells what runs beside the steps, and plans the steps.
func (m *ParallelMonitor) Plan(ctx context.Context, env *engine.PlanEnv) (engine.Forecast, error) {
	f := engine.Forecast{Kind: engine.EffectRead}
	for _, p := range m.Probes {
		source := p.Value.Builtin
		if source == "" {
			source = "its query"
			f = f.With(p.Value.SQL.Forecast())
		}
		for _, q := range p.Value.Capture {
			f = f.With(q.Value.Forecast())
		}
		f.Notes = append(f.Notes, fmt.Sprintf("probe %s: %s every %s", p.Key, source, round(p.Value.Every)))
	}
	for _, l := range m.Load {
		connections := count(int64(l.Value.Connections), "connection")
		switch {
		case env.Waits("load."+l.Key+".connections") != nil:
			connections = "connections known when it runs"
		case l.Value.Connections == 0:
			f.Notes = append(f.Notes, fmt.Sprintf("load %s: switched off", l.Key))
			continue
		}
		if l.Value.Rate > 0 {
			connections += fmt.Sprintf(", %v executions a second", l.Value.Rate)
		}
		f = f.With(l.Value.SQL.Forecast())
		f.Notes = append(f.Notes, fmt.Sprintf("load %s: %s", l.Key, connections))
	}
	if f.Kind != engine.EffectRead && f.Kind != engine.EffectSession {
		f.Undo = "none: the load stays written"
	}
	return f, env.Steps(ctx, m.Steps)
}
