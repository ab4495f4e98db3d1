package actions

import (
	"context"

	"runbook/engine"
)

// withProgress gives signs of life while do runs a statement that may take long: what
// it does to which table, for how long, and who is in its way.
func withProgress(ctx context.Context, env *engine.Env, table, doing string, do func() error) error {
	stop := newCallProgress(env, table, callPhase(doing)).follow(ctx)
	defer stop()
	return do()
}
