package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"runbook/engine/event"
	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// items evaluates what for_each goes through.
func (l *loop) items(s *scope) ([]any, error) {
	v, err := l.list.run(s.values(l.list.uses))
	if err != nil {
		return nil, err
	}
	rv := reflect.ValueOf(v)
	if !rv.IsValid() || !isList(rv) {
		return nil, l.list.fault(0, fmt.Sprintf("for_each goes through a list, %s is %s", l.list.text, typeName(v)))
	}
	items := make([]any, rv.Len())
	for i := range items {
		items[i] = rv.Index(i).Interface()
	}
	return items, nil
}

// turn is one execution of a step, with its condition, repetitions and retries.
type turn struct {
	x     *executor
	s     *step
	path  string
	depth int
	title string
	began time.Time
}

// turn runs the step once if its condition holds.
func (x *executor) turn(ctx context.Context, s *step, f frame, key string) error {
	if s.when != nil {
		holds, err := s.when.condition(x.scope, nil)
		if err != nil {
			return x.broken(s, f, err)
		}
		if !holds {
			return x.skip(s, f, "when: "+s.when.text)
		}
	}
	t := &turn{x: x, s: s, path: f.path + key, depth: f.depth, title: s.label, began: time.Now()}
	if title, err := s.title.get(x.scope); err == nil {
		t.title = title.String()
	}
	result, err := t.repeated(ctx)
	return t.finish(ctx, result, err)
}

// condition evaluates an expression that must be true or false.
func (p *program) condition(s *scope, extra map[string]any) (bool, error) {
	env := s.values(p.uses)
	if env == nil {
		env = map[string]any{}
	}
	for k, v := range extra {
		env[k] = v
	}
	v, err := p.run(env)
	if err != nil {
		return false, err
	}
	holds, ok := v.(bool)
	if !ok {
		f := p.fault(0, fmt.Sprintf("%s is %s, want true or false", p.text, typeName(v)))
		f.Operands = p.operands(env)
		return false, f
	}
	return holds, nil
}

// repeated runs the step until its `until` holds.
func (t *turn) repeated(ctx context.Context) (any, error) {
	r := t.s.repeat
	if r == nil {
		return t.retried(ctx, frame{t.path + "/", t.depth + 1})
	}
	every, err := r.every.get(t.x.scope)
	if err != nil {
		return nil, err
	}
	limit, err := r.limit.get(t.x.scope)
	if err != nil {
		return nil, err
	}
	for i := 1; ; i++ {
		result, err := t.retried(ctx, frame{fmt.Sprintf("%s#%d/", t.path, i), t.depth + 1})
		if err != nil {
			return nil, err
		}
		if err := t.keep(result); err != nil {
			return nil, err
		}
		holds, err := r.until.condition(t.x.scope, nil)
		if err != nil || holds {
			return result, err
		}
		operands := r.until.operands(t.x.scope.values(r.until.uses))
		if time.Since(t.began)+durationOf(every) > durationOf(limit) {
			return nil, &Failed{
				Message:  fmt.Sprintf("after %s and %d times, this still did not hold: %s", durationOf(limit), i, r.until.text),
				Operands: operands,
			}
		}
		if err := t.x.emit(event.StepRepeating{
			Step: t.path, Iteration: i, Delay: event.Duration(durationOf(every)), Until: r.until.text, Operands: operands,
		}); err != nil {
			return nil, err
		}
		if err := sleep(ctx, durationOf(every)); err != nil {
			return nil, err
		}
	}
}

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
	for attempt := 1; ; attempt++ {
		result, err := t.attempt(ctx, inner, attempt)
		if err == nil || r == nil || ctx.Err() != nil || !r.again(err, attempt) {
			return result, err
		}
		delay := r.wait(attempt)
		if r.limit > 0 && time.Since(began)+delay > r.limit {
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
func (r *retry) again(err error, attempt int) bool {
	switch {
	case lost(err), errors.Is(err, ErrInterrupted):
		return false
	case r.attempts > 0 && attempt >= r.attempts:
		return false
	}
	return r.on == nil || r.on[sqlState(err)]
}

// wait is the delay after an attempt, up to a tenth longer or shorter so that
// two runs do not stay in step.
func (r *retry) wait(attempt int) time.Duration {
	d := float64(r.delay)
	for range attempt - 1 {
		d *= r.backoff
		if r.maxDelay > 0 && d > float64(r.maxDelay) {
			d = float64(r.maxDelay)
			break
		}
	}
	return time.Duration(d * (0.9 + 0.2*rand.Float64())) //nolint:gosec // spreads load, keeps no secret
}

// attempt runs the step's action or group once, with its settings and timeout.
func (t *turn) attempt(ctx context.Context, inner frame, attempt int) (any, error) {
	s, x := t.s, t.x
	args := reflect.Value{}
	var argsErr error
	if s.action != nil {
		args, argsErr = s.arguments(x.scope)
	}
	started := event.StepStarted{
		Step: t.path, ID: s.id(), Title: t.title, Action: s.verb(), Depth: t.depth, Place: placeOf(s.node.Pos()),
		Digest: s.digest, Changes: s.changes(args),
	}
	if attempt > 1 {
		started.Attempt = attempt
	}
	if err := x.emit(started); err != nil {
		return nil, err
	}
	if argsErr != nil {
		return nil, argsErr
	}
	ctx, cancel, err := t.deadline(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	restore, err := x.apply(ctx, s)
	if err != nil {
		return nil, err
	}
	var result any
	if s.group != nil {
		err = x.group(ctx, s, inner)
	} else {
		result, err = t.act(ctx, args)
	}
	if err != nil {
		err = errors.Join(err, x.rollback(ctx, s.connection))
	}
	return result, errors.Join(err, restore())
}

// arguments makes a fresh argument struct for one execution.
func (s *step) arguments(sc *scope) (reflect.Value, error) {
	v, err := s.args.get(sc)
	if err != nil {
		return reflect.Value{}, err
	}
	fresh := reflect.New(s.action.args).Elem()
	fresh.Set(v)
	return fresh, nil
}

// changes says whether the step may change anything. A group's steps speak for
// themselves.
func (s *step) changes(args reflect.Value) bool {
	if s.group != nil {
		return false
	}
	if !args.IsValid() {
		return false // it will not run
	}
	if c, ok := args.Addr().Interface().(Changer); ok {
		return c.Changes()
	}
	return true
}

func (t *turn) deadline(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if t.s.timeout == nil {
		return ctx, func() {}, nil
	}
	d, err := t.s.timeout.get(t.x.scope)
	if err != nil {
		return nil, nil, err
	}
	limit := durationOf(d)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, &TimeoutError{After: limit.String()})
	return ctx, cancel, nil
}

// act runs the action.
func (t *turn) act(ctx context.Context, args reflect.Value) (any, error) {
	env := &Env{x: t.x, step: t.s, path: t.path, depth: t.depth}
	defer env.closeSides(ctx)
	return t.s.action.run(ctx, env, args)
}

// group runs a group's steps, its rescue when one failed, and always in any
// case.
func (x *executor) group(ctx context.Context, s *step, f frame) error {
	g := s.group
	err := x.steps(ctx, g.steps, f)
	if err != nil && len(g.rescue) > 0 && ctx.Err() == nil {
		x.scope.set("failure", FailureInfo{Step: s.id(), Message: rootFailure(err), SQLState: sqlState(err)})
		rescueErr := x.steps(ctx, g.rescue, frame{f.path + "rescue/", f.depth})
		if rescueErr == nil && g.recovered && !lost(err) {
			err = nil
		} else {
			err = errors.Join(err, rescueErr)
		}
		x.scope.unset("failure")
	}
	if len(g.always) == 0 {
		return err
	}
	if ctx.Err() != nil {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
		defer cancel()
		ctx = bounded
	}
	return errors.Join(err, x.steps(ctx, g.always, frame{f.path + "always/", f.depth}))
}

func rootFailure(err error) string { return failureOf(nil, err).Message }

// keep puts a result into scope.
func (t *turn) keep(result any) error {
	s := t.s
	if s.action == nil || result == nil {
		return nil
	}
	if id := s.id(); id != "" {
		t.x.scope.setStep(id, result)
	}
	if r := s.register; r != nil {
		v, err := selected(result, r.Part)
		if err != nil {
			return &Failed{Message: fmt.Sprintf("register %s: %s", r.Name.Text, err)}
		}
		t.x.scope.set(r.Name.Text, v)
	}
	return nil
}

func selected(result any, part syntax.Part) (any, error) {
	if s, ok := result.(Selector); ok {
		return s.Select(part)
	}
	return result, nil
}

// finish puts the step's end on record.
func (t *turn) finish(ctx context.Context, result any, err error) error {
	s, x := t.s, t.x
	if err == nil {
		err = t.keep(result)
	}
	e := event.StepFinished{
		Step: t.path, Title: t.title, Action: s.verb(), Depth: t.depth,
		Status: event.Done, Duration: event.Duration(time.Since(t.began)),
	}
	if err == nil {
		err = t.record(&e, result)
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrInterrupted):
		e.Status = event.Interrupted
	case interrupted(ctx):
		e.Status = event.Interrupted
		err = fmt.Errorf("%w: %w", ErrInterrupted, err)
	case lost(err):
		e.Status = event.Unknown
	default:
		e.Status = event.Failed
		e.Allowed = s.allowFailure
	}
	if err != nil {
		e.Result = evidence(result)
		err = t.tell(&e, err)
	}
	t.count(e)
	if sinkErr := x.emit(e); sinkErr != nil {
		return sinkErr
	}
	if e.Allowed {
		return nil
	}
	return err
}

// evidence is what a failed action left behind, if it left anything.
func evidence(result any) json.RawMessage {
	if result == nil || reflect.ValueOf(result).IsZero() {
		return nil
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return nil
	}
	return raw
}

// tell puts a failure into the event, unless a step inside has told it.
func (t *turn) tell(e *event.StepFinished, err error) error {
	var told *toldError
	if errors.As(err, &told) {
		return err
	}
	e.Failure = failureOf(t.s, err)
	return &toldError{err}
}

func (t *turn) count(e event.StepFinished) {
	if t.s.group != nil {
		return
	}
	if e.Status == event.Done {
		t.x.counts.Done++
	} else {
		t.x.counts.Failed++
	}
}

// record writes the result into the event, exactly enough to restore it.
func (t *turn) record(e *event.StepFinished, result any) error {
	if result == nil {
		return nil
	}
	t.x.left = append(t.x.left, result)
	raw, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("record the result: %w", err)
	}
	e.Result = raw
	if r := t.s.register; r != nil {
		v, err := selected(result, r.Part)
		if err != nil {
			return err
		}
		value, err := encode(v)
		if err != nil {
			return fmt.Errorf("record %s: %w", r.Name.Text, err)
		}
		e.Registered = map[string]json.RawMessage{r.Name.Text: value}
		if _, selects := result.(Selector); selects {
			e.Summary = r.Name.Text + " = " + shown(v)
		}
	}
	if s, ok := result.(Summarizer); ok && e.Summary == "" {
		e.Summary = s.Summary()
	}
	return nil
}

// encode writes a value of the language so that it can be read back exactly.
func encode(v any) (json.RawMessage, error) {
	switch v.(type) {
	case Row, []Row:
		return json.Marshal(v)
	}
	if raw, err := postgres.EncodeValue(v); err == nil {
		return raw, nil
	}
	return json.Marshal(v)
}
