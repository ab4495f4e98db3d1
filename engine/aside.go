package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"runbook/engine/event"
)

// aside is the connection, and the step in events, of what is done for a run
// outside of its steps.
const aside = "ledger"

// Aside lets do work off what a run owes, outside of its steps. What it does goes
// into the run's journal, under the run's lock, on the run's target; whatever
// the earlier process had running there has ended first. It has a connection
// of its own name, so that its transactions are not taken for those of the
// run.
func Aside(ctx context.Context, conns *Connections, out *event.Stream, o Options, do func(ctx context.Context, env *Env) error) error {
	x := &executor{conns: conns, out: out, options: o, info: o.Info, began: time.Now()}
	id, err := conns.identify(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	x.info.Engine = id.engine
	if err := x.sameTarget(id); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lock, err := conns.acquireLock(ctx, o.Past.Run.Runbook, o.LockWait, lockGraceResume, cancel)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	defer func() { _ = lock.release(context.WithoutCancel(ctx)) }() // its session ends either way
	x.ledger.due = append(x.ledger.due, o.Past.Ledger...)
	if err := x.outlast(ctx, "main"); err != nil {
		return err
	}
	err = do(ctx, &Env{x: x, step: &step{connection: aside}, path: aside})
	if rollbackErr := x.rollback(ctx, aside); rollbackErr != nil {
		err = errors.Join(err, rollbackErr)
	}
	switch {
	case err != nil && interrupted(ctx):
		return fmt.Errorf("%w: %w", ErrInterrupted, err)
	case lost(err):
		return fmt.Errorf("%w: %w", ErrInDoubt, err)
	}
	return err
}

// Waive closes the ledger entries of a constraint that is not to come back, and
// says whether there were any.
func (e *Env) Waive(name string) (bool, error) {
	found := false
	for _, o := range e.x.ledger.entries() {
		if o.Name != name && o.ID != name {
			continue
		}
		found = true
		if err := e.Emit(event.ObligationClosed{Step: e.path, ID: o.ID, Waived: true}); err != nil {
			return found, err
		}
		e.x.ledger.settle(o.ID)
	}
	return found, nil
}
