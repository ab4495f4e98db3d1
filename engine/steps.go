package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"runbook/engine/event"
)

// frame is where steps run: their path so far and how deep they are.
type frame struct {
	path  string
	depth int
	whole bool // all steps run, whatever Options leave out: what is around them runs
	gate  Gate // holds them back, nil for none
}

// steps runs steps in order. After the first failure the rest is not reached.
func (x *executor) steps(ctx context.Context, list []*step, f frame) error {
	for i, s := range list {
		if err := x.held(ctx, f.gate); err != nil {
			return errors.Join(err, x.notReached(list[i:], f, err.Error()))
		}
		err := x.step(ctx, s, f)
		if err == nil && ctx.Err() != nil {
			err = stopped(ctx)
		}
		if err == nil {
			continue
		}
		if sinkErr := x.notReached(list[i+1:], f, "an earlier step did not end well"); sinkErr != nil {
			return sinkErr
		}
		return err
	}
	return nil
}

func (x *executor) notReached(list []*step, f frame, reason string) error {
	for _, s := range list {
		x.counts.NotReached += s.size()
		if err := x.emit(s.skippedAs(f, event.NotReached, reason)); err != nil {
			return err
		}
	}
	return nil
}

// step runs a step for each turn of its loop, or once.
func (x *executor) step(ctx context.Context, s *step, f frame) error {
	if reason := x.passedOver(s); reason != "" && !f.whole {
		return x.skip(s, f, reason)
	}
	if s.loop == nil {
		return x.turn(ctx, s, f, s.key())
	}
	items, err := s.loop.items(x.scope)
	if err != nil {
		return x.broken(s, f, err)
	}
	if len(items) == 0 {
		return x.skip(s, f, "for_each: "+s.loop.list.text+" is empty")
	}
	defer x.scope.unset(s.loop.name)
	for i, item := range items {
		if err := x.held(ctx, f.gate); err != nil {
			return err
		}
		x.scope.set(s.loop.name, item)
		if err := x.turn(ctx, s, f, fmt.Sprintf("%s[%d]", s.key(), i+1)); err != nil {
			return err
		}
	}
	return nil
}

// passedOver says why Options leave the step out, "" when they do not.
func (x *executor) passedOver(s *step) string {
	if x.options.From != "" && !x.reached {
		if !hasStep([]*step{s}, x.options.From) {
			return "before --from " + x.options.From
		}
		x.reached = s.id() == x.options.From
	}
	if len(x.options.Tags) > 0 && !s.tagged && !hasTag(s, x.options.Tags) {
		return "none of the tags " + strings.Join(x.options.Tags, ", ")
	}
	return ""
}

func (x *executor) skip(s *step, f frame, reason string) error {
	x.counts.Skipped += s.size()
	return x.emit(s.skippedAs(f, event.Skipped, reason))
}

// broken records a step that failed before it could start.
func (x *executor) broken(s *step, f frame, err error) error {
	x.counts.Failed++
	sinkErr := x.emit(event.StepFinished{
		Step: f.path + s.key(), Title: s.label, Action: s.verb(), Depth: f.depth,
		Status: event.Failed, Failure: failureOf(s, err),
	})
	return errors.Join(&toldError{err, cmp.Or(s.id(), f.path+s.key())}, sinkErr)
}

func (s *step) skippedAs(f frame, status event.Status, reason string) event.StepSkipped {
	return event.StepSkipped{Step: f.path + s.key(), Title: s.label, Action: s.verb(), Depth: f.depth, Status: status, Reason: reason}
}

// key is the step's own part of its path.
func (s *step) key() string { return s.path[s.prefix:] }

func (s *step) verb() string {
	if s.action == nil {
		return "group"
	}
	return s.action.Name
}

func (s *step) id() string {
	if s.node.ID == nil {
		return ""
	}
	return s.node.ID.Text
}

// size is how many steps a step is, groups not counted.
func (s *step) size() int {
	if s.group == nil {
		return 1
	}
	n := 0
	for _, in := range s.group.steps {
		n += in.size()
	}
	return n
}

// inner are the steps of a group; those inside an action are its own affair.
func (s *step) inner() []*step {
	if s.group == nil {
		return nil
	}
	return slices.Concat(s.group.steps, s.group.rescue, s.group.always)
}

func hasStep(list []*step, id string) bool {
	return slices.ContainsFunc(list, func(s *step) bool {
		return s.id() == id || s.group != nil && hasStep(s.group.steps, id)
	})
}

// hasTag says whether the step or one inside has a tag. Steps inside a tagged
// one go with it.
func hasTag(s *step, tags []string) bool {
	for _, t := range s.tags {
		if slices.Contains(tags, t) {
			for _, in := range s.inner() {
				in.markTagged()
			}
			return true
		}
	}
	return slices.ContainsFunc(s.inner(), func(in *step) bool { return hasTag(in, tags) })
}

// stopped is the error of a step that did not run because its context is over:
// the run was interrupted, or a step around it timed out or was aborted.
func stopped(ctx context.Context) error {
	if interrupted(ctx) {
		return ErrInterrupted
	}
	return context.Cause(ctx)
}

// interrupted says that a person or a signal stopped the whole run.
func interrupted(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return errors.Is(cause, ErrInterrupted) || cause == context.Canceled
}
