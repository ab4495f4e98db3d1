package actions

import (
	"context"
	"sync"
	"time"

	"runbook/engine"
	"runbook/engine/event"
)

const (
	// guardEvery is how often the guards are looked at when no probe samples: a
	// load changes without one.
	guardEvery = 100 * time.Millisecond
	// pauseCalm is for how long pause_if must not have held before steps go on, so
	// that a value that swings about its limit does not let them in and out.
	pauseCalm = time.Second
	// pauseSign is how often a pause gives a sign of life.
	pauseSign = 10 * time.Second
)

const (
	abortIf = "abort_if"
	pauseIf = "pause_if"
)

// AbortError is why watched steps were cancelled, or did not begin.
type AbortError struct {
	Guard     string // abort_if, or pause_if which could not be decided
	Condition string
	Operands  []event.Operand
	Early     bool      // before a step had begun
	Seen      time.Time // when the sample was taken that decided it
	Err       error     // why it could not be decided, nil where it holds
}

func (e *AbortError) Error() string {
	switch {
	case e.Err != nil:
		return e.undecided() + ": " + e.Err.Error()
	case e.Early:
		return e.Guard + " held before the steps began: " + e.Condition
	default:
		return e.Guard + " held: " + e.Condition
	}
}

func (e *AbortError) Unwrap() error { return e.Err }

func (e *AbortError) undecided() string {
	if e.Early {
		return e.Guard + " could not be decided, so the steps did not begin"
	}
	return e.Guard + " could not be decided, so the steps were cancelled"
}

func (e *AbortError) event(step event.Step) event.GuardHeld {
	out := event.GuardHeld{Step: step, Guard: e.Guard, Early: e.Early, Condition: e.Condition, Operands: e.Operands}
	if e.Err != nil {
		out.Undecided = e.Err.Error()
	}
	return out
}

// guards decide abort_if and pause_if, after every sample of a probe and ten
// times a second.
type guards struct {
	args   *ParallelMonitor
	env    *engine.Env
	names  func() engine.Names
	wake   chan time.Time // of a sample
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	began   bool // the first step was let in
	over    bool // the steps have ended, or are cancelled
	aborted *AbortError
	held    time.Time // when pause_if held last
	why     []event.Operand
	paused  time.Duration
	pauses  int
}

func newGuards(args *ParallelMonitor, env *engine.Env, names func() engine.Names, cancel context.CancelCauseFunc) *guards {
	return &guards{args: args, env: env, names: names, wake: make(chan time.Time, 1), cancel: cancel}
}

func (g *guards) set() bool { return g.args.AbortIf.Set() || g.args.PauseIf.Set() }

// sampled asks for a look. Samples that come while one is under way are looked
// at together.
func (g *guards) sampled(at time.Time) {
	select {
	case g.wake <- at:
	default:
	}
}

// run looks until stop is closed.
func (g *guards) run(stop <-chan struct{}) {
	if !g.set() {
		return
	}
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case at := <-g.wake:
			g.look(at)
		case at := <-tick.C:
			g.look(at)
		}
	}
}

// look decides both conditions by what was seen up to that moment.
func (g *guards) look(at time.Time) {
	g.mu.Lock()
	if g.over || !g.set() {
		g.mu.Unlock()
		return
	}
	names := g.names()
	abort := g.decide(names, at)
	if abort != nil {
		abort.Early = !g.began
		g.aborted, g.over = abort, true
		g.cancel(abort)
	}
	g.mu.Unlock()
	if abort != nil {
		g.tell(abort.event(g.env.Step()))
	}
}

func (g *guards) decide(names engine.Names, at time.Time) *AbortError {
	if c := g.args.AbortIf; c.Set() {
		holds, err := c.Eval(names)
		if err != nil || holds {
			return &AbortError{Guard: abortIf, Condition: c.Text(), Operands: c.Operands(names), Seen: at, Err: err}
		}
	}
	if c := g.args.PauseIf; c.Set() {
		holds, err := c.Eval(names)
		if err != nil {
			return &AbortError{Guard: pauseIf, Condition: c.Text(), Operands: c.Operands(names), Seen: at, Err: err}
		}
		if holds {
			g.held, g.why = time.Now(), c.Operands(names)
		}
	}
	return nil
}

// gate lets a step begin when pause_if has not held for a while.
func (g *guards) gate(ctx context.Context) error {
	g.look(time.Now())
	why, pausing := g.pausing()
	if pausing && ctx.Err() == nil {
		g.pause(ctx, why)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.began = true
	return nil
}

func (g *guards) pausing() (why []event.Operand, pausing bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.why, !g.held.IsZero() && time.Since(g.held) < pauseCalm
}

// pause waits until steps may go on, or ctx is over.
func (g *guards) pause(ctx context.Context, why []event.Operand) {
	began := time.Now()
	condition := g.args.PauseIf.Text()
	g.tell(event.GuardHeld{Step: g.env.Step(), Guard: pauseIf, Condition: condition, Operands: why})
	tick := time.NewTicker(guardEvery / 2)
	defer tick.Stop()
	for sign := began; ; {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		if _, pausing := g.pausing(); !pausing || ctx.Err() != nil {
			break
		}
		if time.Since(sign) > pauseSign {
			sign = time.Now()
			g.tell(event.Progress{Step: g.env.Step(), Phase: "paused while " + condition, Elapsed: event.Duration(time.Since(began))})
		}
	}
	took := time.Since(began)
	g.mu.Lock()
	g.paused += took
	g.pauses++
	g.mu.Unlock()
	g.tell(event.GuardEnded{Step: g.env.Step(), Guard: pauseIf, Duration: event.Duration(took)})
}

// tell puts an event on record. A sink's error stops the run at its next step.
func (g *guards) tell(e event.Event) { _ = g.env.Emit(e) }

// ended says that the steps have ended by themselves or were aborted, nil for
// the former.
func (g *guards) ended() *AbortError {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	return g.aborted
}
