package actions

import (
	"context"
	"fmt"

	"runbook/engine"
)

var _ engine.Planner = (*Benchmark)(nil)

// Plan tells how much would be measured, and warns of queries that change
// something: they run many times.
func (b *Benchmark) Plan(_ context.Context, env *engine.PlanEnv) (engine.Forecast, error) {
	f := engine.Forecast{Kind: engine.EffectRead}
	for _, q := range b.Queries {
		f = f.With(q.SQL.Forecast())
	}
	if f.Kind != engine.EffectRead && f.Kind != engine.EffectSession {
		f.Undo = "none between executions"
	}
	samples := count(int64(b.Samples), "sample") + " each"
	if env.Waits("samples") != nil {
		samples = "samples known when it runs"
	}
	size := fmt.Sprintf("%s, %s", queriesText(len(b.Queries)), samples)
	if b.Clients > 1 {
		size += fmt.Sprintf(", %d clients", b.Clients)
	}
	f.Notes = append([]string{size}, f.Notes...)
	return f, nil
}
