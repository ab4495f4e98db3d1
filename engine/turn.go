package engine

import (
	"cmp"
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
	v, err := s.eval(l.list)
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
	whole bool // see frame

	before    Before // of a resumed run
	turnsDone int    // turns of `repeat` that an earlier process has ended

	inside bool // the step began inside a transaction of an earlier step
}

// undone says that the transaction which an earlier step had opened is over.
// Its rollback took that step's work too: to try again, to allow the failure or
// to call it recovered would go on without it.
func (t *turn) undone() bool { return t.inside && !t.x.inTransaction(t.s.connection) }

// turn runs the step once if its condition holds.
func (x *executor) turn(ctx context.Context, s *step, f frame, key string) error {
	t := &turn{x: x, s: s, path: f.path + key, depth: f.depth, title: s.label, began: time.Now(), whole: f.whole}
	if title, err := s.title.get(x.scope); err == nil {
		t.title = title.String()
	}
	if handled, err := t.resumed(ctx); handled || err != nil {
		return err
	}
	if s.when != nil {
		holds, err := s.when.condition(x.scope, nil)
		if err != nil {
			return x.broken(s, f, err)
		}
		if !holds {
			return t.skip("when: " + s.when.text)
		}
	}
	result, err := t.repeated(ctx)
	return t.finish(ctx, result, err)
}

// condition evaluates an expression that must be true or false.
func (p *program) condition(s *scope, extra map[string]any) (bool, error) {
	if names := s.waits(p); names != nil {
		return false, &unknownError{names}
	}
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
		return t.retried(ctx, frame{t.path + "/", t.depth + 1, t.whole})
	}
	every, err := r.every.get(t.x.scope)
	if err != nil {
		return nil, err
	}
	limit, err := r.limit.get(t.x.scope)
	if err != nil {
		return nil, err
	}
	for i := t.turnsDone + 1; ; i++ {
		result, err := t.retried(ctx, frame{fmt.Sprintf("%s#%d/", t.path, i), t.depth + 1, t.whole})
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
		t.before = Before{} // a new attempt is all of the step again
	}
	started.Continues = len(t.before.Done) > 0
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
		return nil, errors.Join(err, x.rollback(ctx, s.connection))
	}
	t.inside = x.inTransaction(s.connection)
	var result any
	if s.group != nil {
		err = t.group(ctx, inner)
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
	ctx, cancel := context.WithTimeoutCause(ctx, limit, &TimeoutError{After: limit.String(), Step: t.title})
	return ctx, cancel, nil
}

func (t *turn) env() *Env {
	return &Env{x: t.x, step: t.s, path: t.path, depth: t.depth, before: t.before}
}

// act runs the action.
func (t *turn) act(ctx context.Context, args reflect.Value) (any, error) {
	env := t.env()
	defer env.closeSides(ctx)
	return t.s.action.run(ctx, env, args)
}

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
	return errors.Join(err, x.steps(after, g.always, frame{f.path + "always/", f.depth, true}))
}

// rescue runs the steps for a failed group. A failure whose outcome is unknown,
// or that undid more than the group, stays one.
func (t *turn) rescue(ctx context.Context, f frame, err error) error {
	x, g := t.x, t.s.group
	undone := t.undone()
	x.scope.set("failure", failureInfo(err))
	defer x.scope.unset("failure")
	rescueErr := x.steps(ctx, g.rescue, frame{f.path + "rescue/", f.depth, true})
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
	case lost(err):
		e.Status = event.Unknown
	case errors.Is(err, ErrInterrupted):
		e.Status = event.Interrupted
	case interrupted(ctx):
		e.Status = event.Interrupted
		err = fmt.Errorf("%w: %w", ErrInterrupted, err)
	default:
		e.Status = event.Failed
		e.Allowed, err = t.allowed(err)
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

// allowed says whether the run goes on after the failure.
func (t *turn) allowed(failure error) (bool, error) {
	v, err := t.s.allowFailure.get(t.x.scope)
	if err != nil {
		return false, errors.Join(failure, err)
	}
	return v.Bool() && !t.undone(), failure
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
	if t.undone() {
		e.Failure.Notes = append(e.Failure.Notes, "the transaction that an earlier step began was rolled back, and with it what that step did")
	}
	return &toldError{err, cmp.Or(t.s.id(), t.path)}
}

func (t *turn) count(e event.StepFinished) {
	if t.s.group != nil {
		return
	}
	switch e.Status {
	case event.Done:
		t.x.counts.Done++
	case event.Failed:
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
		if _, selects := result.(Selector); selects && r.Part != syntax.PartRows {
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
