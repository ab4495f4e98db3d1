package actions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"runbook/engine"
	"runbook/engine/postgres"
)

// Load is a statement that runs again and again beside the watched steps.
type Load struct {
	// The statement. A value inserted by `${…}` is the same at every execution, `args`
	// are not.
	SQL engine.SQL `arg:"sql,main,required"`
	// Expressions for $1, $2, …, evaluated at every execution.
	Args []engine.Expr[any]
	// How many connections run it; 0 switches the load off.
	Connections int `default:"1"`
	// How long each connection rests after an execution.
	Pause time.Duration
	// How many executions may fail; one more fails the step.
	MaxErrors int `default:"1000000"`
}

// LoadResult is how a load fared.
type LoadResult struct {
	// Executions that ended well.
	Executions int `expr:"executions" json:"executions"`
	// Executions that failed.
	Errors int `expr:"errors" json:"errors"`
	// How many of them had which SQLSTATE.
	ErrorsByState map[string]int `expr:"errors_by_sqlstate" json:"errors_by_sqlstate"`
	// The message of the last.
	LastError string `expr:"last_error" json:"last_error"`
	// The sum of what the executions returned, where each returns one number, such
	// as the rows it wrote.
	Sum int64 `expr:"sum" json:"sum"`
	// Latencies before the steps began.
	Before Latency `expr:"before" json:"before"`
	// Latencies while they ran.
	During Latency `expr:"during" json:"during"`
	// Latencies after they ended.
	After Latency `expr:"after" json:"after"`
}

// Latency is how long executions of a load took.
type Latency struct {
	// How many began in this phase.
	N int `expr:"n" json:"n"`
	// Half of them took no longer.
	P50 time.Duration `expr:"p50" json:"p50_ns"`
	// 95 of 100 took no longer.
	P95 time.Duration `expr:"p95" json:"p95_ns"`
	// 99 of 100.
	P99 time.Duration `expr:"p99" json:"p99_ns"`
	// The slowest.
	Max time.Duration `expr:"max" json:"max_ns"`
	// Executions a second.
	TPS float64 `expr:"tps" json:"tps"`
}

// Check looks at the numbers.
func (l *Load) Check(at *engine.Places) {
	if l.Connections < 0 || l.Connections > 100 {
		at.Problem("connections", "schema/type", "connections is a number from 0 to 100", "")
	}
	if n := len(l.SQL.Statements()); n > 1 {
		at.Problem("sql", "load/statements", fmt.Sprintf("a load is one statement, this is %d", n), "put them into a function")
	}
}

// phase is the part of a watch that an execution began in.
type phase int

const (
	before phase = iota
	during
	after
)

// loader is a running load.
type loader struct {
	name     string
	args     Load
	env      *engine.Env
	sessions []*postgres.Session

	mu      sync.Mutex
	phase   phase
	entered time.Time
	lasted  [3]time.Duration // phases that are over
	took    [3][]time.Duration
	result  LoadResult
}

// grace is how long a load's last statement may take to end by itself. A
// statement cut off in the middle would be counted neither as done nor as lost.
const grace = 30 * time.Second

func newLoader(ctx context.Context, env *engine.Env, name string, args Load) (*loader, error) {
	l := &loader{name: name, args: args, env: env, entered: time.Now(), result: LoadResult{ErrorsByState: map[string]int{}}}
	for i := range args.Connections {
		s, err := env.Side(ctx, fmt.Sprintf("load-%s-%d", name, i+1))
		if err != nil {
			return nil, err
		}
		l.sessions = append(l.sessions, s)
	}
	return l, nil
}

// run executes the statement on one connection until stop is closed.
func (l *loader) run(ctx context.Context, i int, stop <-chan struct{}) {
	ctx, cancel := outlive(ctx, stop)
	defer cancel()
	for {
		select {
		case <-stop:
			return
		default:
		}
		l.execute(ctx, i)
		select {
		case <-stop:
			return
		case <-time.After(l.args.Pause):
		}
	}
}

// outlive is a context that ends grace after stop is closed; when the run is
// interrupted there is less of it.
func outlive(parent context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	go func() {
		select {
		case <-ctx.Done():
			return
		case <-stop:
		}
		left := grace
		if parent.Err() != nil {
			left = time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(left):
			cancel()
		}
	}()
	return ctx, cancel
}

func (l *loader) execute(ctx context.Context, i int) {
	if l.sessions[i].Closed() {
		s, err := l.env.Side(ctx, fmt.Sprintf("load-%s-%d", l.name, i+1))
		if err != nil {
			l.failed(err)
			time.Sleep(100 * time.Millisecond) // a server that is down is not hammered
			return
		}
		l.sessions[i] = s
	}
	args, err := evaluate(l.args.Args)
	if err != nil {
		l.failed(err)
		return
	}
	l.mu.Lock()
	in := l.phase
	l.mu.Unlock()
	began := time.Now()
	r, err := l.sessions[i].QueryLimit(ctx, 1, l.args.SQL.Text, args...)
	took := time.Since(began)
	if err != nil {
		l.failed(err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.result.Executions++
	l.result.Sum += numberIn(r)
	l.took[in] = append(l.took[in], took)
}

// numberIn is the one number of a result, 0 if it is something else.
func numberIn(r *postgres.Result) int64 {
	if len(r.Rows) != 1 || len(r.Columns) != 1 {
		return 0
	}
	switch n := r.Rows[0][0].(type) {
	case int64:
		return n
	case decimal.Decimal:
		return n.IntPart()
	}
	return 0
}

func (l *loader) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := "connection"
	var pg *postgres.Error
	if errors.As(err, &pg) {
		state = pg.SQLSTATE
	}
	l.result.Errors++
	l.result.ErrorsByState[state]++
	l.result.LastError = err.Error()
}

// enter begins the next phase.
func (l *loader) enter(p phase) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.lasted[l.phase] = now.Sub(l.entered)
	l.phase, l.entered = p, now
}

func (l *loader) snapshot() LoadResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.result
	r.ErrorsByState = maps.Clone(r.ErrorsByState)
	for p, to := range map[phase]*Latency{before: &r.Before, during: &r.During, after: &r.After} {
		lasted := l.lasted[p]
		if p == l.phase {
			lasted = time.Since(l.entered)
		}
		*to = latencyOf(l.took[p], lasted)
	}
	return r
}

func latencyOf(took []time.Duration, lasted time.Duration) Latency {
	if len(took) == 0 {
		return Latency{}
	}
	s := slices.Sorted(slices.Values(took))
	// The smallest value that at least p of all are not above.
	at := func(p float64) time.Duration { return s[min(int(p*float64(len(s))), len(s)-1)] }
	l := Latency{N: len(s), P50: at(0.50), P95: at(0.95), P99: at(0.99), Max: s[len(s)-1]}
	if lasted > 0 {
		l.TPS = float64(len(s)) / lasted.Seconds()
	}
	return l
}

// p95 tells the latency while the steps ran, and beside it that of the baseline.
func (r LoadResult) p95() string {
	if r.Before.N == 0 {
		return fmt.Sprintf("p95 %s", round(r.During.P95))
	}
	return fmt.Sprintf("p95 %s (before %s, after %s)", round(r.During.P95), round(r.Before.P95), round(r.After.P95))
}

func statesText(states map[string]int) string {
	var parts []string
	for _, s := range sortedKeys(states) {
		name := s
		if c := postgres.ConditionName(s); c != "" {
			name = c
		}
		parts = append(parts, fmt.Sprintf("%d %s", states[s], name))
	}
	return strings.Join(parts, ", ")
}

// round keeps three digits of a duration.
func round(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Microsecond, 10 * time.Microsecond, 100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond} {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
	return d.Round(time.Second)
}
