package actions

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

// Probe is a query repeated on a connection of its own. It has `sql` or
// `builtin`.
type Probe struct {
	// The query, one statement.
	SQL engine.SQL `arg:"sql,main"`
	// A probe that comes with the program: `blockers` sees who waits for whom, and
	// a sighting is that someone waits.
	Builtin string `enum:"blockers"`
	// The time from one sample to the next; longer when the query costs more than
	// 2 % of it.
	Every time.Duration `default:"100ms"`
	// The statement_timeout of the query: a sample that takes longer is an error,
	// which is counted.
	Timeout time.Duration `default:"1s"`
	// What makes a sample a sighting; sees the query's `rows`, its one `row`, and
	// that one's one `value`.
	Sighting engine.Expr[bool]
	// Queries that run at a sighting, at most once a second, to keep what was going
	// on.
	Capture engine.Map[engine.SQL]
}

// ProbeResult is what a probe saw.
type ProbeResult struct {
	// How often it sampled.
	Samples int `expr:"samples" json:"samples"`
	// How many of the samples were sightings.
	Sightings int `expr:"sightings" json:"sightings"`
	// How many windows there were: stretches in which every sample was a sighting.
	WindowCount int `expr:"window_count" json:"window_count"`
	// The windows, the first thousand of them.
	Windows []Window `expr:"windows" json:"windows"`
	// How long the longest window was, from its first to its last sighting.
	Longest time.Duration `expr:"longest" json:"longest_ns"`
	// Who was seen waiting for whom, each pair of statements once; the first
	// hundred.
	Conflicts []Conflict `expr:"conflicts" json:"conflicts"`
	// What capture queries returned, the first fifty sightings of them.
	Captures []Capture `expr:"captures" json:"captures"`
	// Samples that failed, for instance by the probe's timeout.
	Errors int `expr:"errors" json:"errors"`
	// Why the last of them failed.
	LastError string `expr:"last_error" json:"last_error"`
	// What a sample cost on average.
	Cost time.Duration `expr:"cost" json:"cost_ns"`
}

// Window is a stretch of time in which every sample was a sighting.
type Window struct {
	// When the first sighting was.
	From time.Time `expr:"from" json:"from"`
	// When the last was.
	To time.Time `expr:"to" json:"to"`
	// The time between the two.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
	// How many sightings it has.
	Samples int `expr:"samples" json:"samples"`
}

// Conflict is one session waiting for another.
type Conflict struct {
	// Process id of the session that waits.
	BlockedPID int64 `expr:"blocked_pid" json:"blocked_pid"`
	// Its application_name.
	BlockedApp string `expr:"blocked_app" json:"blocked_app"`
	// Its statement.
	BlockedQuery string `expr:"blocked_query" json:"blocked_query"`
	// Process id of the session that it waits for.
	BlockingPID int64 `expr:"blocking_pid" json:"blocking_pid"`
	// Its application_name.
	BlockingApp string `expr:"blocking_app" json:"blocking_app"`
	// What it is doing: active, idle in transaction, ….
	BlockingState string `expr:"blocking_state" json:"blocking_state"`
	// Its statement.
	BlockingQuery string `expr:"blocking_query" json:"blocking_query"`
	// The table of the lock, if it is one of a table.
	Relation string `expr:"relation" json:"relation"`
	// The lock mode that is waited for.
	Mode string `expr:"mode" json:"mode"`
	// PostgreSQL's wait event: relation, transactionid, tuple, advisory, ….
	WaitEvent string `expr:"wait_event" json:"wait_event"`
	// How long it had been waiting when it was last seen.
	Waiting time.Duration `expr:"waiting" json:"waiting_ns"`
	// In how many samples it was seen.
	Samples int `expr:"samples" json:"samples"`
}

// Capture is what a capture query returned at a sighting.
type Capture struct {
	// Name of the capture query.
	Name string `expr:"name" json:"name"`
	// When it ran.
	At time.Time `expr:"at" json:"at"`
	// Its rows.
	Rows []engine.Row `expr:"rows" json:"rows"`
}

// Bounds on what a probe keeps, so that hours of samples fit into memory.
const (
	maxWindows   = 1000
	maxConflicts = 100
	maxCaptures  = 50
)

// dutyCycle is how much of its time a probe may spend sampling: one in fifty.
const dutyCycle = 50

// Check wants a query or a builtin.
func (p *Probe) Check(at *engine.Places) {
	switch {
	case at.Has("sql") == at.Has("builtin"):
		at.Problem("builtin", "probe/source", "a probe has either sql or builtin", "give it one of them")
	case at.Has("builtin") && at.Has("sighting"):
		at.Problem("sighting", "probe/sighting", "a builtin probe knows its sightings", "leave it out, or write the query as sql")
	}
	if p.Every < time.Millisecond {
		at.Problem("every", "schema/type", "every is at least 1ms", "")
	}
}

// ExprNames gives `sighting` the sample.
func (p *Probe) ExprNames(string) engine.Names {
	return engine.Names{"rows": []engine.Row{}, "row": engine.Row{}, "value": nil}
}

//go:embed blockers.sql
var blockersSQL string

// prober is a running probe.
type prober struct {
	name    string
	args    Probe
	env     *engine.Env
	session *postgres.Session
	sql     string
	sampled func()

	mu       sync.Mutex
	result   ProbeResult
	window   *Window // the open one
	seen     map[conflictKey]int
	captured time.Time
	spent    time.Duration
}

// conflictKey is what makes two sightings of a conflict the same one.
type conflictKey struct {
	blocked, blocking int64
	query             string
}

func newProber(ctx context.Context, env *engine.Env, name string, args Probe, sampled func()) (*prober, error) {
	p := &prober{name: name, args: args, env: env, sql: args.SQL.Text, sampled: sampled, seen: map[conflictKey]int{}}
	if args.Builtin == "blockers" {
		p.sql = blockersSQL
	}
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	if _, err := p.session.Query(ctx, p.sql); err != nil {
		return nil, engine.Explain("probe "+name, &engine.StatementError{Statement: args.SQL.Statement(), Connection: "probe " + name, Err: err})
	}
	return p, nil
}

func (p *prober) connect(ctx context.Context) error {
	session, err := p.env.Side(ctx, "probe-"+p.name)
	if err != nil {
		return err
	}
	p.session = session
	_, err = session.Query(ctx, "SELECT pg_catalog.set_config('statement_timeout', $1, false), pg_catalog.set_config('lock_timeout', $1, false)",
		fmt.Sprintf("%dms", p.args.Timeout.Milliseconds()))
	return err
}

// run samples until stop is closed. A sample that is under way is let finish:
// its statement_timeout bounds it.
func (p *prober) run(ctx context.Context, stop <-chan struct{}) {
	defer p.closeWindow()
	for next := time.Now(); ; {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next)):
		}
		began := time.Now()
		p.sample(ctx, began)
		p.sampled()
		cost := time.Since(began)
		interval := max(p.args.Every, p.average(cost)*dutyCycle)
		if next = next.Add(interval); next.Before(time.Now()) {
			next = time.Now() // late: go on from here rather than catch up
		}
	}
}

// average is the mean cost of the samples so far, with this one.
func (p *prober) average(cost time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spent += cost
	p.result.Cost = p.spent / time.Duration(max(p.result.Samples+p.result.Errors, 1))
	return p.result.Cost
}

func (p *prober) sample(ctx context.Context, at time.Time) {
	if p.session.Closed() {
		if err := p.connect(ctx); err != nil {
			p.failed(err)
			return
		}
	}
	r, err := p.session.QueryLimit(ctx, 1000, p.sql)
	if err != nil {
		p.failed(err)
		return
	}
	rows := engine.NewRows(r)
	names := resultNames(rows, engine.ColumnNames(r.Columns))
	sighted, err := p.sighted(rows, names)
	if err != nil {
		p.failed(err)
		return
	}
	p.mu.Lock()
	p.result.Samples++
	p.mu.Unlock()
	if !sighted {
		p.closeWindow()
		return
	}
	p.sighting(at, rows)
	p.capture(ctx, at)
}

func (p *prober) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Errors++
	p.result.LastError = err.Error()
}

func (p *prober) sighted(rows []engine.Row, names engine.Names) (bool, error) {
	switch {
	case p.args.Builtin != "":
		return len(rows) > 0, nil
	case p.args.Sighting.Set():
		return p.args.Sighting.Eval(names)
	default:
		return false, nil
	}
}

// sighting extends the open window or opens one.
func (p *prober) sighting(at time.Time, rows []engine.Row) {
	p.mu.Lock()
	p.result.Sightings++
	conflicts := p.conflicts(rows)
	opened := p.window == nil
	if opened {
		p.window = &Window{From: at}
		p.result.WindowCount++
	}
	w := p.window
	w.To, w.Duration = at, at.Sub(w.From)
	w.Samples++
	p.result.Longest = max(p.result.Longest, w.Duration)
	p.mu.Unlock()
	if !opened {
		return
	}
	e := event.Sighting{Step: p.env.Step(), Probe: p.name, Conflicts: conflicts}
	if p.args.Builtin == "" {
		e.Text = p.args.Sighting.Text()
	}
	_ = p.env.Emit(e) // a sink's error stops the run at its next step
}

// conflicts adds what a blockers sample saw to what is known. Every conflict
// is kept once, with the longest wait that was seen.
func (p *prober) conflicts(rows []engine.Row) []event.Conflict {
	if p.args.Builtin == "" {
		return nil
	}
	var out []event.Conflict
	for _, row := range rows {
		c := conflictOf(row)
		out = append(out, c.event())
		key := conflictKey{c.BlockedPID, c.BlockingPID, c.BlockedQuery}
		if i, known := p.seen[key]; known {
			old := &p.result.Conflicts[i]
			old.Samples++
			old.Waiting = max(old.Waiting, c.Waiting)
			continue
		}
		if len(p.result.Conflicts) < maxConflicts {
			c.Samples = 1
			p.seen[key] = len(p.result.Conflicts)
			p.result.Conflicts = append(p.result.Conflicts, c)
		}
	}
	return out
}

func conflictOf(row engine.Row) Conflict {
	text := func(name string) string {
		if row[name] == nil {
			return ""
		}
		return postgres.FormatValue(row[name])
	}
	number := func(name string) int64 { n, _ := row[name].(int64); return n }
	waiting, _ := row["waiting"].(time.Duration)
	return Conflict{
		BlockedPID: number("blocked_pid"), BlockedApp: text("blocked_app"), BlockedQuery: text("blocked_query"),
		BlockingPID: number("blocking_pid"), BlockingApp: text("blocking_app"), BlockingState: text("blocking_state"), BlockingQuery: text("blocking_query"),
		Relation: text("relation"), Mode: text("mode"), WaitEvent: text("wait_event"), Waiting: max(waiting, 0),
	}
}

func (c Conflict) event() event.Conflict {
	return event.Conflict{
		BlockedPID: c.BlockedPID, BlockedApp: c.BlockedApp, BlockedQuery: c.BlockedQuery,
		BlockingPID: c.BlockingPID, BlockingApp: c.BlockingApp, BlockingState: c.BlockingState, BlockingQuery: c.BlockingQuery,
		Relation: c.Relation, Mode: c.Mode, WaitEvent: c.WaitEvent, Waiting: event.Duration(c.Waiting),
	}
}

// capture runs the capture queries, at most once a second.
func (p *prober) capture(ctx context.Context, at time.Time) {
	if len(p.args.Capture) == 0 || at.Sub(p.captured) < time.Second {
		return
	}
	p.captured = at
	for _, q := range p.args.Capture {
		r, err := p.session.QueryLimit(ctx, 100, q.Value.Text)
		if err != nil {
			p.failed(errors.Join(fmt.Errorf("capture %s", q.Key), err))
			continue
		}
		p.mu.Lock()
		if len(p.result.Captures) < maxCaptures && len(r.Rows) > 0 {
			p.result.Captures = append(p.result.Captures, Capture{Name: q.Key, At: at, Rows: engine.NewRows(r)})
		}
		p.mu.Unlock()
	}
}

func (p *prober) closeWindow() {
	p.mu.Lock()
	w := p.window
	if w != nil && len(p.result.Windows) < maxWindows {
		p.result.Windows = append(p.result.Windows, *w)
	}
	p.window = nil
	p.mu.Unlock()
	if w != nil {
		_ = p.env.Emit(event.WindowClosed{Step: p.env.Step(), Probe: p.name, Duration: event.Duration(w.Duration), Samples: w.Samples})
	}
}

// snapshot is the result so far, the open window among the others.
func (p *prober) snapshot() ProbeResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.result
	r.Windows, r.Conflicts, r.Captures = slices.Clone(r.Windows), slices.Clone(r.Conflicts), slices.Clone(r.Captures)
	if p.window != nil {
		r.Windows = append(r.Windows, *p.window)
	}
	return r
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
