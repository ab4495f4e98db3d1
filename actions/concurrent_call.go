package actions

import (
	"context"

	"runbook/engine"
)

// concurrently converts the table under its own short lock_timeout, then lets
// the call run as long as it takes.
func (x *distribution) concurrently(ctx context.Context) error {
	if x.table.Kind == local {
		x.progress.enter(converting)
		convert := "SELECT citus_add_local_table_to_metadata(" + x.literal(x.table.Name) + ")"
		if err := x.attempts.run(ctx, x.table.Name, convert); err != nil {
			return engine.Explain("convert "+x.table.Name, err)
		}
	}
	x.progress.enter(preparing)
	// The call tells its phases at this level.
	if err := x.env.Exec(ctx, "SET client_min_messages = log"); err != nil {
		return err
	}
	err := x.stoppable(ctx, x.call("create_distributed_table_concurrently"))
	if _, resetErr := x.env.Rows(context.WithoutCancel(ctx), "RESET client_min_messages"); err == nil && resetErr != nil {
		return resetErr
	}
	return err
}

// stoppable lets a call run to its end, or stops it when ctx ends before. The
// context of the statement is not ctx: what ends ctx must not cancel it at any
// moment.
func (x *distribution) stoppable(ctx context.Context, call string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	session, err := x.env.Quiet(ctx)
	if err != nil {
		return err
	}
	callCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	freed := x.holdSwitch(ctx, session)
	s := &stopping{x: x, pid: session.PID(), cancel: cancel, ended: make(chan error, 1)}
	go func() {
		_, err := x.env.Rows(callCtx, call)
		s.ended <- err
	}()
	select {
	case err := <-s.ended:
		freed()
		return err
	case <-ctx.Done():
		freed() // what stops the call needs the catalog that is held
		return s.stop(ctx)
	}
}
