package engine

import (
	"context"
	"errors"
	"time"
)

// group runs a group's steps, its rescue when one failed, and always in any
// case.
func (t *turn) group(ctx context.Context, f frame) error {
	x, g := t.x, t.s.group
	err := x.steps(ctx, g.steps, f)
	after, cancel := sheltered(ctx)
	defer cancel()
	if err != nil && len(g.rescue) > 0 && !interrupted(ctx) {
		err = t.rescue(after, f, err)
	}
	return errors.Join(err, x.steps(after, g.always, frame{path: f.path + "always/", depth: f.depth, whole: true}))
}

// rescue runs the steps for a failed group. A failure whose outcome is unknown,
// or that undid more than the group, stays one.
func (t *turn) rescue(ctx context.Context, f frame, err error) error {
	x, g := t.x, t.s.group
	undone := t.undone()
	x.scope.set("failure", failureInfo(err))
	defer x.scope.unset("failure")
	rescueErr := x.steps(ctx, g.rescue, frame{path: f.path + "rescue/", depth: f.depth, whole: true})
	if rescueErr == nil && g.recovered && !lost(err) && !undone {
		return nil
	}
	return errors.Join(err, rescueErr)
}

// sheltered is a context for what must still run: the end of ctx does not end
// it, it only begins a deadline.
func sheltered(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-ctx.Done():
		case <-out.Done():
			return
		}
		select {
		case <-out.Done():
		case <-time.After(afterwards):
			cancel(&TimeoutError{After: afterwards.String()})
		}
	}()
	return out, func() { cancel(nil) }
}

// failureInfo is what a rescue sees of a failure.
func failureInfo(err error) FailureInfo {
	info := FailureInfo{Message: failureOf(nil, err).Message, SQLState: sqlState(err)}
	var told *toldError
	if errors.As(err, &told) {
		info.Step = told.step
	}
	return info
}
