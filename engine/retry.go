package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return stopped(ctx)
	case <-timer.C:
		return nil
	}
}

// retried runs the step until an attempt does not fail, within the bounds of
// its `retry`. A lost connection is an unknown outcome, and tried again only
// where twice is the same as once.
func (t *turn) retried(ctx context.Context, inner frame) (any, error) {
	r := t.s.retry
	began := time.Now()
	var bounds limits
	if r != nil {
		var err error
		if bounds, err = r.limits(t.x.scope); err != nil {
			return nil, err
		}
	}
	var failure error
	for attempt := 1; ; attempt++ {
		result, err := t.attemptAfter(ctx, failure, inner, attempt)
		if err == nil || r == nil || ctx.Err() != nil || t.undone() || !t.again(err) || bounds.attempts > 0 && attempt >= bounds.attempts {
			return result, err
		}
		failure = err
		delay := bounds.wait(attempt)
		if bounds.limit > 0 && time.Since(began)+delay > bounds.limit {
			return nil, err
		}
		t.x.counts.Retried++
		if sinkErr := t.x.emit(event.StepRetrying{Step: t.path, Attempt: attempt, Delay: event.Duration(delay), Failure: failureOf(t.s, err)}); sinkErr != nil {
			return nil, sinkErr
		}
		if err := sleep(ctx, delay); err != nil {
			return nil, err
		}
		if err := t.x.held(ctx, t.gate); err != nil {
			return nil, err
		}
	}
}

// attemptAfter is an attempt after one that failed, if any did: after a lost
// connection only when the backend of the one before is gone.
func (t *turn) attemptAfter(ctx context.Context, failure error, inner frame, attempt int) (any, error) {
	if lost(failure) {
		if s := t.x.conns.lostSession(t.s.connection); s != nil {
			t.x.conns.disown(s.PID())
		}
		if err := t.x.outlast(ctx, t.s.connection); err != nil {
			return nil, errors.Join(failure, err) // still not known
		}
	}
	return t.attempt(ctx, inner, attempt)
}

// again says whether a failure is one to try again after.
func (t *turn) again(err error) bool {
	const connectionFailure = "08006"
	on := t.s.retry.on
	switch {
	case errors.Is(err, ErrInterrupted), lost(err) && !t.repeats():
		return false
	case on == nil:
		return true
	}
	return postgres.MatchCode(on, sqlState(err)) || lost(err) && postgres.MatchCode(on, connectionFailure)
}

// repeats says whether the step can be run again without knowing what became of
// it: its action says so, and a new session would be as good as the lost one.
func (t *turn) repeats() bool {
	if !t.s.repeater() {
		return false
	}
	if s := t.x.conns.lostSession(t.s.connection); s == nil || s.set {
		return false
	}
	args, err := t.s.arguments(t.x.scope)
	return err == nil && args.Addr().Interface().(Repeater).Repeats()
}

// repeater says whether the step's action is a Repeater.
func (s *step) repeater() bool {
	return s.action != nil && reflect.PointerTo(s.action.args).Implements(reflect.TypeFor[Repeater]())
}

// limits are the bounds of a retry for one execution.
type limits struct {
	attempts               int
	delay, maxDelay, limit time.Duration
	backoff                float64
}

func (r *retry) limits(s *scope) (limits, error) {
	var l limits
	for _, f := range []struct {
		from bound
		to   any
	}{{r.attempts, &l.attempts}, {r.delay, &l.delay}, {r.maxDelay, &l.maxDelay}, {r.limit, &l.limit}, {r.backoff, &l.backoff}} {
		v, err := f.from.get(s)
		if err != nil {
			return l, err
		}
		reflect.ValueOf(f.to).Elem().Set(v)
	}
	if l.attempts < 1 && l.limit == 0 {
		return l, &Failed{Message: fmt.Sprintf("retry: attempts is at least 1, not %d", l.attempts)}
	}
	return l, nil
}

// wait is the delay after an attempt, up to a tenth longer or shorter so that
// two runs do not stay in step.
func (l limits) wait(attempt int) time.Duration {
	d := float64(l.delay)
	for range attempt - 1 {
		d *= max(l.backoff, 1)
		if d > float64(l.maxDelay) {
			break
		}
	}
	d = min(d, float64(max(l.maxDelay, l.delay)))
	return time.Duration(d * (0.9 + 0.2*rand.Float64())) //nolint:gosec // spreads load, keeps no secret
}
