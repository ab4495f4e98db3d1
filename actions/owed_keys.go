package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"runbook/engine"
)

// RestoreOwed brings back what a run owes, entry by entry, and goes on behind one
// that does not work. The error joins why some are still open.
func RestoreOwed(ctx context.Context, env *engine.Env) error {
	if err := env.SettleReturned(ctx); err != nil {
		return err
	}
	a := &attempts{env: env, lockTimeout: 200 * time.Millisecond, limit: 2 * time.Minute}
	var open []error
	for _, o := range env.Owed() {
		gone, err := columnGone(ctx, env, o)
		if err == nil && gone {
			err = fmt.Errorf("it went with column %s and cannot come back without it; `runbook ledger waive` gives it up", o.Column)
		}
		ready := err == nil
		if ready {
			ready, err = canCarry(ctx, env, o)
		}
		if err == nil && !ready {
			err = fmt.Errorf("%s and %s cannot carry it: they must be distributed side by side, or both be ordinary tables", o.Table, o.References)
		}
		if err == nil {
			err = restoreKey(ctx, env, a, o)
		}
		if err != nil {
			open = append(open, engine.Explain(o.ID, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(open...)
}
