package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"runbook/engine/event"
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
// its `retry`. A lost connection is an unknown outcome and never tried again.
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
	for attempt := 1; ; attempt++ {
		result, err := t.attempt(ctx, inner, attempt)
		if err == nil || r == nil || ctx.Err() != nil || t.undone() || !r.again(err) || bounds.attempts > 0 && attempt >= bounds.attempts {
			return result, err
		}
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
	}
}

// again says whether a failure is one to try again after.
func (r *retry) again(err error) bool {
	if lost(err) || errors.Is(err, ErrInterrupted) {
		return false
	}
	return r.on == nil || r.on[sqlState(err)]
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
