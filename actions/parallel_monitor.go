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
//	      probes:
//	        activity:
//	          sql: SELECT wait_event_type, count(*) FROM pg_stat_activity WHERE state <> 'idle' GROUP BY 1
//	          sighting: any(rows, .wait_event_type == 'Lock')
//	        blockers: {builtin: blockers, every: 50ms}
//	      abort_if: probes.blockers.longest > duration('5s')
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
	// `probes.NAME` and `load.NAME` as they are so far.
	AbortIf engine.Expr[bool]
}

// MonitorResult is what was seen.
type MonitorResult struct {
	// What each probe saw, by name.
	Probes map[string]ProbeResult `expr:"probes" json:"probes"`
	// How each load fared, by name.
	Load map[string]LoadResult `expr:"load" json:"load"`
	// How long the steps took.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
}

// AbortError is why watched steps were cancelled.
type AbortError struct {
	Condition string
	Operands  []event.Operand
}

func (e *AbortError) Error() string { return "abort_if held: " + e.Condition }

// ExprNames gives abort_if what has been seen so far.
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
	w := &watch{args: m, env: env, stop: make(chan struct{})}
	if err := w.open(ctx); err != nil {
		return MonitorResult{}, err
	}
	w.start(ctx)
	took, stepsErr := w.steps(ctx)
	close(w.stop)
	w.running.Wait()
	r := w.result()
	r.Duration = took
	var abort *AbortError
	if errors.As(stepsErr, &abort) {
		stepsErr = &engine.Failed{Message: stepsErr.Error(), Operands: abort.Operands, Err: nil}
	}
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

	mu    sync.Mutex
	abort context.CancelCauseFunc // of the steps, while they run
}

// open connects everything and takes each probe's first sample, so that a
// broken probe fails before a step has begun.
func (w *watch) open(ctx context.Context) error {
	for _, p := range w.args.Probes {
		prober, err := newProber(ctx, w.env, p.Key, p.Value, w.sampled)
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
	return nil
}

func (w *watch) start(ctx context.Context) {
	for _, l := range w.loads {
		for i := range l.sessions {
			w.running.Go(func() { l.run(ctx, i, w.stop) })
		}
	}
	for _, p := range w.probers {
		w.running.Go(func() { p.run(ctx, w.stop) })
	}
}

// steps runs the watched steps between two baselines.
func (w *watch) steps(ctx context.Context) (time.Duration, error) {
	if err := w.alone(ctx, "measuring the load before the steps"); err != nil {
		return 0, err
	}
	w.phase(during)
	stepsCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w.mu.Lock()
	w.abort = cancel
	w.mu.Unlock()
	began := time.Now()
	err := w.env.RunSteps(stepsCtx, w.args.Steps)
	took := time.Since(began)
	w.mu.Lock()
	w.abort = nil
	w.mu.Unlock()
	w.phase(after)
	var abort *AbortError
	if cause := context.Cause(stepsCtx); errors.As(cause, &abort) {
		err = errors.Join(cause, err)
	}
	if err != nil {
		return took, err
	}
	return took, w.alone(ctx, "measuring the load after the steps")
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

// sampled is called after every sample of a probe.
func (w *watch) sampled() {
	if !w.args.AbortIf.Set() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.abort == nil {
		return
	}
	names := w.names()
	holds, err := w.args.AbortIf.Eval(names)
	switch {
	case err != nil:
		w.abort(err)
	case holds:
		w.abort(&AbortError{Condition: w.args.AbortIf.Text(), Operands: w.args.AbortIf.Operands(names)})
	default:
		return
	}
	w.abort = nil
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
		r.Probes[p.name] = p.snapshot()
	}
	for _, l := range w.loads {
		r.Load[l.name] = l.snapshot()
	}
	return r
}

// tooManyErrors fails the step for a load with more errors than it may have.
func (w *watch) tooManyErrors() error {
	var errs []error
	for _, l := range w.loads {
		r := l.snapshot()
		if r.Errors > l.args.MaxErrors {
			errs = append(errs, &engine.Failed{
				Message: fmt.Sprintf("load %s had %s (%s), max_errors is %d", l.name, count(int64(r.Errors), "error"), statesText(r.ErrorsByState), l.args.MaxErrors),
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
			parts = append(parts, fmt.Sprintf("%s: %d windows, longest %s", name, p.WindowCount, round(p.Longest)))
		}
	}
	for _, name := range sortedKeys(r.Load) {
		l := r.Load[name]
		parts = append(parts, fmt.Sprintf("%s: %s, %s, %s", name, count(int64(l.Executions), "execution"), l.p95(), count(int64(l.Errors), "error")))
	}
	return strings.Join(parts, "; ")
}
