package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

// ParallelMonitor runs steps while probes and load run beside them. A probe is a
// query repeated on a connection of its own; a sighting is a sample that its
// condition holds for. A load runs a statement again and again, as an
// application would, so that a rehearsal has users who could notice.
//
// Probes do no harm: they run in autocommit with a short statement_timeout, hold
// no snapshot, and when one costs more than 2 % of the time it samples less
// often.
//
//	steps:
//	  - parallel-monitor:
//	      load:
//	        shops: {sql: "SELECT create_orders(200)", connections: 2, pause: 500ms}
//	        readers: {sql: SELECT count(*) FROM orders WHERE store_id = $1, args: ["random(1, 100)"], connections: 4, rate: 50}
//	      baseline: 10s
//	      probes:
//	        activity:
//	          sql: SELECT wait_event_type, count(*) FROM pg_stat_activity WHERE state <> 'idle' GROUP BY 1
//	          sighting: any(rows, .wait_event_type == 'Lock')
//	        blockers: {builtin: blockers, every: 50ms}
//	      abort_if: probes.blockers.longest > duration('5s') or load.readers.stall > duration('5s')
//	      steps:
//	        - distribute: {table: line_items, column: store_id, concurrently: true}
//	    register: watched
type ParallelMonitor struct {
	// What is watched.
	Steps engine.Steps `arg:"required"`
	// Queries that look at the database while the steps run, by names that
	// expressions and the report use.
	Probes engine.Map[Probe]
	// Statements that run again and again while the steps run, by names likewise.
	Load engine.Map[Load]
	// How long load and probes run alone before the steps begin and after they
	// ended, so that there is something to compare with.
	Baseline time.Duration
	// Cancels the steps through the server, and fails, as soon as it holds. It sees
	// `probes.NAME` and `load.NAME` as they are so far. Where it holds before the
	// steps, they do not begin.
	AbortIf engine.Expr[bool]
	// While it holds, no further one of the steps begins, nor the next turn or
	// attempt of one; what is under way goes on. Steps go on when it has not held for
	// a second. It sees what `abort_if` sees. A transaction that is open is not
	// paused. Bound the pause by the `timeout` of the step.
	PauseIf engine.Expr[bool]
}

// MonitorResult is what was seen.
type MonitorResult struct {
	// What each probe saw, by name.
	Probes map[string]ProbeResult `expr:"probes" json:"probes"`
	// How each load fared, by name.
	Load map[string]LoadResult `expr:"load" json:"load"`
	// How long the steps took, pauses among it.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
	// For how much of it pause_if kept a step from beginning.
	Paused time.Duration `expr:"paused" json:"paused_ns,omitempty"`
	// How often it did.
	Pauses int `expr:"pauses" json:"pauses,omitempty"`
	// How long after abort_if was seen to hold the statement under way had stopped.
	CancelledAfter time.Duration `expr:"cancelled_after" json:"cancelled_after_ns,omitempty"`
}

// ExprNames gives abort_if and pause_if what has been seen so far.
func (m *ParallelMonitor) ExprNames(string) engine.Names {
	probes, load := engine.Names{}, engine.Names{}
	for _, p := range m.Probes {
		probes[p.Key] = ProbeResult{}
	}
	for _, l := range m.Load {
		load[l.Key] = LoadResult{}
	}
	return engine.Names{"probes": probes, "load": load}
}

// Changes says whether a load may change anything; the steps speak for
// themselves.
func (m *ParallelMonitor) Changes() bool {
	for _, l := range m.Load {
		if l.Value.SQL.Changes() {
			return true
		}
	}
	return false
}

// Applied is false: the steps inside know what became of them, and the load has
// no end that could be missed.
func (m *ParallelMonitor) Applied(context.Context, *engine.Env) (bool, error) { return false, nil }

// Run starts the watchers, runs the steps, and stops the watchers.
func (m *ParallelMonitor) Run(ctx context.Context, env *engine.Env) (MonitorResult, error) {
	stepsCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watch{args: m, env: env, stop: make(chan struct{})}
	w.guards = newGuards(m, env, w.names, cancel)
	if err := w.open(ctx); err != nil {
		return MonitorResult{}, err
	}
	w.start(ctx)
	took, stepsErr := w.steps(ctx, stepsCtx)
	w.halt()
	w.running.Wait()
	r := w.result()
	r.Duration = took
	if err := w.showLoad(r.Load); err != nil {
		stepsErr = errors.Join(stepsErr, err)
	}
	r.Paused, r.Pauses, r.CancelledAfter = w.guards.paused, w.guards.pauses, w.cancelled
	return r, errors.Join(stepsErr, w.tooManyErrors())
}

// watch is one execution of a parallel-monitor.
type watch struct {
	args    *ParallelMonitor
	env     *engine.Env
	probers []*prober
	loads   []*loader
	stop    chan struct{} // closed when the steps and the baseline after them are over
	running sync.WaitGroup

	guards    *guards
	cancelled time.Duration // after abort_if was seen to hold
}

// open connects everything and has each probe ask once, so that a broken one
// fails before a step has begun.
func (w *watch) open(ctx context.Context) error {
	for _, p := range w.args.Probes {
		prober, err := newProber(ctx, w.env, p.Key, p.Value, w.guards.sampled)
		if err != nil {
			return err
		}
		w.probers = append(w.probers, prober)
	}
	for _, l := range w.args.Load {
		loader, err := newLoader(ctx, w.env, l.Key, l.Value)
		if err != nil {
			return err
		}
		w.loads = append(w.loads, loader)
	}
	for _, p := range w.probers {
		p.loads = w.loads
	}
	return nil
}

func (w *watch) start(ctx context.Context) {
	for _, l := range w.loads {
		l.begin()
		for i := range l.sessions {
			w.running.Go(func() { l.run(ctx, i, w.stop) })
		}
	}
	for _, p := range w.probers {
		w.running.Go(func() { p.run(ctx, w.stop) })
	}
	w.running.Go(func() { w.guards.run(w.stop) })
}

// steps runs the watched steps between two baselines. Inner is the context that
// the guards cancel.
func (w *watch) steps(ctx, inner context.Context) (time.Duration, error) {
	if err := w.ready(inner); err != nil && inner.Err() == nil {
		return 0, err
	}
	w.phase(during)
	began := time.Now()
	err := w.env.RunSteps(inner, w.args.Steps, w.guards.gate) // where inner is over, it says that none is reached
	took := time.Since(began)
	w.phase(after)
	if abort := w.guards.ended(); abort != nil {
		return took, w.abortedBy(abort, err)
	}
	if err != nil {
		return took, err
	}
	return took, w.alone(ctx, "measuring the load after the steps")
}

// ready waits until every probe has sampled once, and for the baseline.
func (w *watch) ready(ctx context.Context) error {
	for _, p := range w.probers {
		select {
		case <-p.first:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return w.alone(ctx, "measuring the load before the steps")
}

// abortedBy is the failure of steps that a guard cancelled. What became of the
// statement is told at its step; that it is not known goes on up.
func (w *watch) abortedBy(abort *AbortError, err error) error {
	at, ok := postgres.StoppedAt(err)
	if !ok {
		at = time.Now()
	}
	w.cancelled = max(at.Sub(abort.Seen), 0)
	f := &engine.Failed{Message: abort.Error(), Operands: abort.Operands}
	var fault *engine.Fault
	if errors.As(abort.Err, &fault) {
		f.Message, f.Err = abort.undecided(), fault
	}
	if !abort.Early {
		f.Notes = []string{fmt.Sprintf("cancelled %s after the condition was seen", round(w.cancelled))}
		w.guards.tell(event.GuardEnded{Step: w.env.Step(), Guard: abort.Guard, Duration: event.Duration(w.cancelled)})
	}
	var lost *postgres.LostError
	switch {
	case errors.As(err, &lost):
		return errors.Join(f, err)
	case errors.Is(err, engine.ErrInDoubt):
		return errors.Join(f, engine.ErrInDoubt)
	}
	return f
}

// alone lets the watchers run without the steps for the baseline's time.
func (w *watch) alone(ctx context.Context, phase string) error {
	if w.args.Baseline == 0 || len(w.loads) == 0 {
		return nil
	}
	if err := w.env.Emit(event.Progress{Step: w.env.Step(), Phase: phase}); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(w.args.Baseline):
		return nil
	}
}

func (w *watch) phase(p phase) {
	for _, l := range w.loads {
		l.enter(p)
	}
}

func (w *watch) names() engine.Names {
	probes, load := engine.Names{}, engine.Names{}
	for _, p := range w.probers {
		probes[p.name] = p.snapshot()
	}
	for _, l := range w.loads {
		load[l.name] = l.snapshot()
	}
	return engine.Names{"probes": map[string]any(probes), "load": map[string]any(load)}
}

func (w *watch) result() MonitorResult {
	r := MonitorResult{Probes: map[string]ProbeResult{}, Load: map[string]LoadResult{}}
	for _, p := range w.probers {
		seen := p.snapshot()
		for i := range seen.Windows {
			seen.Windows[i].Load = windowLoads(w.loads, func(l *loader) LoadWindow { return l.window(p.name, i) })
		}
		r.Probes[p.name] = seen
	}
	for _, l := range w.loads {
		r.Load[l.name] = l.snapshot()
	}
	return r
}

// halt stops load and probes. What is under way ends by itself.
func (w *watch) halt() {
	for _, l := range w.loads {
		l.halt()
	}
	close(w.stop)
}

// tooManyErrors fails the step for a load with more errors than it may have.
func (w *watch) tooManyErrors() error {
	var errs []error
	for _, l := range w.loads {
		r, most := l.snapshot(), l.args.MaxErrors
		if most != nil && r.Errors > *most {
			errs = append(errs, &engine.Failed{
				Message: fmt.Sprintf("load %s had %s (%s), max_errors is %d", l.name, count(int64(r.Errors), "error"), statesText(r.ErrorsByState), *most),
				Hint:    r.LastError,
			})
		}
	}
	return errors.Join(errs...)
}

// Summary says what the probes saw and how the load fared.
func (r MonitorResult) Summary() string {
	var parts []string
	for _, name := range sortedKeys(r.Probes) {
		p := r.Probes[name]
		if p.Sightings > 0 {
			parts = append(parts, fmt.Sprintf("%s: %s, longest %s", name, count(int64(p.WindowCount), "window"), round(p.Longest)))
		}
	}
	for _, name := range sortedKeys(r.Load) {
		if l := r.Load[name]; l.Executions+l.Errors+l.Unsent > 0 {
			parts = append(parts, name+": "+l.text())
		}
	}
	return strings.Join(parts, "; ")
}
