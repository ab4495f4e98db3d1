package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"runbook/engine/event"
	"runbook/engine/journal"
	"runbook/engine/postgres"
)

// Options say how to run a plan. The zero value runs all of it.
type Options struct {
	Info RunInfo  // what the run knows of itself; Engine is found out
	Tags []string // only steps with one of these, or inside or around one
	From string   // the id of the step to begin with

	// Before is a plan that builds the starting point, nil for none. Its records
	// are enclosed in those of a setup.
	Before *Plan

	// Past is what an earlier process of the run has left, nil for a run's first.
	Past *journal.State
	// Assume answers for steps in doubt, by id or path: true for done.
	Assume map[string]bool

	// LockWait is how long to wait for another run of this runbook on this
	// database to end; 0 gives up at once.
	LockWait time.Duration
}

// afterwards bounds what may still run once a run was stopped: always, and
// putting back what was taken away.
const afterwards = 10 * time.Minute

// Run executes the plan on the target of conns and says what happens on out.
// The error can be tested for ErrFailed, ErrNotReady, ErrInDoubt and
// ErrInterrupted; what led to it is on out already.
func (p *Plan) Run(ctx context.Context, conns *Connections, out *event.Stream, o Options) error {
	x := &executor{plan: p, conns: conns, out: out, options: o, info: o.Info, began: time.Now(), assumed: map[string]bool{}}
	id, err := conns.identify(ctx)
	if err != nil {
		return &StartError{fmt.Errorf("%w: %w", ErrNotReady, err)}
	}
	x.info.Engine = id.engine
	x.scope = newScope(x.info)
	if err := x.variables(); err != nil {
		return &StartError{err}
	}
	secrets := x.secretValues()
	var setup *executor
	if o.Before != nil {
		setup = &executor{plan: o.Before, conns: conns, out: out, info: x.info, began: time.Now(), scope: newScope(x.info)}
		if err := setup.variables(); err != nil {
			return &StartError{fmt.Errorf("setup: %w", err)}
		}
		secrets = append(secrets, setup.secretValues()...)
	}
	out.Hide(event.NewMask(secrets))
	if !x.info.Sandbox { // no one else knows a sandbox
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		grace := lockGrace
		if o.Past != nil {
			grace = lockGraceResume
		}
		lock, err := conns.acquireLock(ctx, p.Name, o.LockWait, grace, cancel)
		if err != nil {
			return &StartError{fmt.Errorf("%w: %w", ErrNotReady, err)}
		}
		defer func() { _ = lock.release(context.WithoutCancel(ctx)) }() // its session ends either way
	}
	if err := x.sameTarget(id); err != nil {
		return &StartError{err}
	}
	if err := x.start(id); err != nil {
		return &StartError{err}
	}
	if o.Past != nil {
		if err := x.takeOver(ctx); err != nil {
			return x.finish(err)
		}
	}
	if setup != nil {
		if err := setup.setUp(ctx); err != nil {
			return x.finish(errors.Join(err, x.notReached(p.steps, frame{}, "the setup did not end well")))
		}
	}
	err = x.steps(ctx, p.steps, frame{})
	return x.finish(errors.Join(x.settled(ctx, err), x.unasked()))
}

// sameTarget refuses to go on with a run on another database than it began on.
func (x *executor) sameTarget(id identity) error {
	past := x.options.Past
	if past == nil {
		return nil
	}
	was := past.Run
	if was.SystemID == id.systemID && was.Database == id.database && was.Instance == id.instance {
		return nil
	}
	return fmt.Errorf("%w: run %s began on database %s of system %s%s, this is database %s of system %s%s",
		ErrNotReady, x.info.ID, was.Database, was.SystemID, named(was.Instance), id.database, id.systemID, named(id.instance))
}

func named(instance string) string {
	if instance == "" {
		return ""
	}
	return " (" + instance + ")"
}

// setUp runs the plan as the setup of another one. Its sessions are closed
// afterwards: what it set for the database holds only for new ones.
func (x *executor) setUp(ctx context.Context) error {
	p := x.plan
	if err := x.emit(event.SetupStarted{Runbook: p.Name, File: p.File}); err != nil {
		return err
	}
	err := x.settled(ctx, x.steps(ctx, p.steps, frame{path: "setup/"}))
	status, _ := outcome(err)
	if err := x.emit(event.SetupFinished{Status: status, Duration: event.Duration(time.Since(x.began))}); err != nil {
		return err
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(err, x.conns.Close(closing))
}

// HasStep says whether a step that a run could begin with has the id.
func (p *Plan) HasStep(id string) bool { return hasStep(p.steps, id) }

// executor is one run of a plan.
type executor struct {
	plan    *Plan
	conns   *Connections
	out     *event.Stream
	options Options
	info    RunInfo
	began   time.Time
	scope   *scope
	ledger  ledger
	left    []any // results of the steps, in order
	reached bool  // the step of Options.From
	counts  event.RunFinished
	account account
	assumed map[string]bool // answers of Options.Assume that were asked for
}

func (x *executor) emit(e event.Event) error {
	x.account.add(e)
	return x.out.Emit(e)
}

// variables gives every variable its value: the override, else what a rehearsal
// has, else the default.
func (x *executor) variables() error {
	for _, v := range x.plan.vars {
		name, source := v.node.Text, v.value
		if v.sandbox != nil && x.info.Sandbox {
			source = *v.sandbox
		}
		value, given := x.plan.overrides[name]
		if !given {
			var err error
			if value, err = source.eval(x.scope); waitsFor(err) != nil {
				continue // a plan does without
			} else if err != nil {
				return fmt.Errorf("variable %s: %w", name, err)
			}
		}
		x.scope.set(name, value)
	}
	for _, k := range x.plan.conns {
		if k.dsn == nil {
			continue
		}
		v, err := k.dsn.get(x.scope)
		if waitsFor(err) != nil {
			continue
		} else if err != nil {
			return fmt.Errorf("connection %s: %w", k.name, err)
		}
		target, err := postgres.ParseTarget(v.String())
		if err != nil {
			return faultAt(k.node, 0, fmt.Sprintf("connection %s: %s", k.name, err))
		}
		x.conns.where[k.name] = target
	}
	return nil
}

func (x *executor) start(id identity) error {
	vars := map[string]json.RawMessage{}
	for _, name := range x.plan.varNames() {
		raw, err := encode(x.scope.names[name])
		if err != nil {
			return fmt.Errorf("variable %s: %w", name, err)
		}
		vars[name] = raw
	}
	return x.emit(event.RunStarted{
		Version: event.Version, Run: x.info.ID, Runbook: x.plan.Name, File: x.plan.File, Digest: x.plan.Digest,
		Target: x.conns.target.String(), Database: id.database, SystemID: id.systemID, Instance: id.instance,
		Server: id.server, Engine: id.engine, EngineLabel: id.label, Sandbox: x.info.Sandbox,
		Vars: vars, Steps: x.plan.count, Tags: x.options.Tags, From: x.options.From, Resumed: x.options.Past != nil,
	})
}

// settled looks at what the steps have left behind: a run cannot end well with
// an open transaction or an open ledger entry.
func (x *executor) settled(ctx context.Context, err error) error {
	left := x.openTransactions(ctx)
	checking, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	checkErr := x.settleReturned(checking, "")
	if err != nil {
		return err // what the catalog check found is on record; if it failed, the entries stay open
	}
	if checkErr == nil {
		checkErr = x.forgo(checking)
	}
	if checkErr != nil {
		return checkErr
	}
	if left != "" {
		return &Failed{Message: fmt.Sprintf("the steps left a transaction open on connection %s; it was rolled back", left), Hint: "add a step that says COMMIT"}
	}
	if open := x.ledger.entries(); len(open) > 0 {
		return &Failed{
			Message: fmt.Sprintf("the steps dropped what they did not bring back: %s", ids(open)),
			Hint:    "add the step that brings it back; where a constraint is to be gone, say for_good: true beside the statement that drops it",
		}
	}
	return nil
}

// openTransactions rolls back what is open and names one connection of it.
func (x *executor) openTransactions(ctx context.Context) string {
	found := ""
	for _, name := range x.conns.names() {
		if s := x.conns.existing(name); s != nil && s.InTransaction() {
			found = name
			_ = x.rollback(ctx, name) // a session that cannot is closed, which rolls back too
		}
	}
	return found
}

// finish puts the end on record and says by its error how it was.
func (x *executor) finish(err error) error {
	end := x.counts
	end.Duration = event.Duration(time.Since(x.began))
	end.Open = x.ledger.entries()
	if err != nil {
		end.Left = x.account.left()
	}
	var sentinel error
	end.Status, sentinel = outcome(err)
	var told *toldError
	if err != nil && !errors.As(err, &told) {
		end.Failure = failureOf(nil, err)
	}
	if sinkErr := x.emit(end); sinkErr != nil {
		return fmt.Errorf("%w: %w", ErrFailed, sinkErr)
	}
	if sentinel != nil {
		return fmt.Errorf("%w: %w", sentinel, err)
	}
	return nil
}

// outcome is how a run or a setup with this error ended, and what its error can
// be tested for.
func outcome(err error) (event.Status, error) {
	switch {
	case err == nil:
		return event.Done, nil
	case lost(err), errors.Is(err, ErrInDoubt):
		return event.Unknown, ErrInDoubt
	case errors.Is(err, ErrInterrupted):
		return event.Interrupted, ErrInterrupted
	case errors.Is(err, ErrNotReady):
		return event.Failed, ErrNotReady
	default:
		return event.Failed, ErrFailed
	}
}

// toldError is a failure that is on record already.
type toldError struct {
	err  error
	step string // its id, or where it stands
}

func (e *toldError) Error() string { return e.err.Error() }
func (e *toldError) Unwrap() error { return e.err }

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

func (s *step) id() string {
	if s.node.ID == nil {
		return ""
	}
	return s.node.ID.Text
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

func (x *executor) results() []any { return slices.Clone(x.left) }

// inTransaction says whether a transaction is open on a connection.
func (x *executor) inTransaction(connection string) bool {
	s := x.conns.existing(connection)
	return s != nil && s.InTransaction()
}

// rollback ends an open transaction on a connection, even when ctx is over.
func (x *executor) rollback(ctx context.Context, connection string) error {
	s := x.conns.existing(connection)
	if s == nil || !s.InTransaction() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := s.Rollback(ctx); err != nil {
		return errors.Join(fmt.Errorf("roll back on connection %s: %w", connection, err), s.Close(ctx))
	}
	return nil
}
