package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

func (x *executor) results() []any { return slices.Clone(x.left) }
