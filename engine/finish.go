package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"runbook/engine/event"
	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

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
	if err != nil && s.group == nil && (ctx.Err() != nil || cancelled(err)) {
		x.account.cutShort(t.path)
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
