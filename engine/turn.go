package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"runbook/engine/event"
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
	gate  Gate // likewise

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
	t := &turn{x: x, s: s, path: f.path + key, depth: f.depth, title: s.label, began: time.Now(), whole: f.whole, gate: f.gate}
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
		return t.retried(ctx, frame{t.path + "/", t.depth + 1, t.whole, t.gate})
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
		result, err := t.retried(ctx, frame{fmt.Sprintf("%s#%d/", t.path, i), t.depth + 1, t.whole, t.gate})
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
		if err := t.x.held(ctx, t.gate); err != nil {
			return nil, err
		}
	}
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
		Digest: s.digest(), Changes: s.changes(args),
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
	return &Env{x: t.x, step: t.s, path: t.path, depth: t.depth, before: t.before, gate: t.gate}
}

// act runs the action.
func (t *turn) act(ctx context.Context, args reflect.Value) (any, error) {
	env := t.env()
	defer env.closeSides(ctx)
	return t.s.action.run(ctx, env, args)
}
