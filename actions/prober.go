package actions

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

// Bounds on what a probe keeps, so that hours of samples fit into memory.
const (
	maxWindows   = 1000
	maxConflicts = 100
	maxCaptures  = 50
)

// prober is a running probe.
type prober struct {
	name    string
	args    Probe
	env     *engine.Env
	session *postgres.Session
	sql     string
	trip    time.Duration      // of a round trip
	sampled func(at time.Time) // told of every sample
	loads   []*loader          // told of the windows
	capture *capturer          // nil where nothing is captured
	cluster *clusterWaits      // nil where there are no other nodes
	first   chan struct{}      // closed after the first sample
	clear   time.Time          // the last sample that was no sighting

	mu        sync.Mutex
	pace      pace
	result    ProbeResult
	window    *Window // the open one
	conflicts conflictList
}

func newProber(ctx context.Context, env *engine.Env, name string, args Probe, sampled func(time.Time)) (*prober, error) {
	p := &prober{
		name: name, args: args, env: env, sql: args.SQL.Text, sampled: sampled, first: make(chan struct{}),
		pace: pace{every: args.Every},
	}
	if p.blockers() {
		p.sql = "EXECUTE runbook_blockers"
	}
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	if _, err := p.session.Query(ctx, p.sql); err != nil {
		return nil, engine.Explain("probe "+name, &engine.StatementError{Statement: args.SQL.Statement(), Connection: "probe " + name, Err: err})
	}
	if err := p.beside(ctx); err != nil {
		return nil, err
	}
	return p, p.warnOfBlindness(ctx)
}

func (p *prober) blockers() bool { return p.args.Builtin == "blockers" }

// beside opens what works beside the samples.
func (p *prober) beside(ctx context.Context) (err error) {
	if len(p.args.Capture) > 0 {
		if p.capture, err = newCapturer(ctx, p); err != nil {
			return err
		}
	}
	if p.blockers() && p.env.Run().Engine == "citus" {
		p.cluster, err = newClusterWaits(ctx, p)
	}
	return err
}

// warnOfBlindness tells of a role that cannot see what others wait for.
func (p *prober) warnOfBlindness(ctx context.Context) error {
	if !p.blockers() {
		return nil
	}
	r, err := p.session.Query(ctx, "SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'usage'), current_user::text")
	if err != nil {
		return engine.Explain("probe "+p.name, err)
	}
	if r.Rows[0][0] == true {
		return nil
	}
	return p.env.Emit(event.Warning{Step: p.env.Step(), Text: fmt.Sprintf(
		"probe %s sees only the sessions of %s: GRANT pg_read_all_stats TO %[2]s lets it see all", p.name, r.Rows[0][1])})
}

func (p *prober) connect(ctx context.Context) error {
	session, err := p.side(ctx, "probe-"+p.name)
	if err != nil {
		return err
	}
	p.session = session
	if p.trip, err = roundTrip(ctx, session); err != nil {
		return err
	}
	if !p.blockers() {
		return nil
	}
	// To plan it takes longer than to run it, and to compile it longer still.
	if _, err := session.Query(ctx, "SELECT pg_catalog.set_config('jit', 'off', false)"); err != nil {
		return err
	}
	_, err = session.Query(ctx, "PREPARE runbook_blockers AS "+blockersSQL)
	return err
}

// side opens a session in which nothing takes longer than the probe's timeout.
func (p *prober) side(ctx context.Context, name string) (*postgres.Session, error) {
	session, err := p.env.Side(ctx, name)
	if err != nil {
		return nil, err
	}
	_, err = session.Query(ctx, "SELECT pg_catalog.set_config('statement_timeout', $1, false), pg_catalog.set_config('lock_timeout', $1, false)",
		fmt.Sprintf("%dms", p.args.Timeout.Milliseconds()))
	return session, err
}

// roundTrip is the time that a statement takes which costs the server nothing.
func roundTrip(ctx context.Context, s *postgres.Session) (time.Duration, error) {
	shortest := time.Hour
	for range 5 {
		r, err := s.Query(ctx, "SELECT 1")
		if err != nil {
			return 0, err
		}
		shortest = min(shortest, r.Duration)
	}
	return shortest, nil
}

// run samples until stop is closed, and then once more: a window that the steps
// leave open is closed by what was seen, not cut.
func (p *prober) run(ctx context.Context, stop <-chan struct{}) {
	var beside sync.WaitGroup
	if p.capture != nil {
		beside.Go(func() { p.capture.run(ctx, stop) })
	}
	if p.cluster != nil {
		beside.Go(func() { p.cluster.run(ctx, stop) })
	}
	p.pace.begins(time.Now())
	for p.waitsUntilDue(ctx, stop) {
		p.sample(ctx)
	}
	beside.Wait()
	p.last(ctx)
}

func (p *prober) waitsUntilDue(ctx context.Context, stop <-chan struct{}) bool {
	timer := time.NewTimer(time.Until(p.pace.due))
	defer timer.Stop()
	select {
	case <-stop:
		return false
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// last takes the sample after the steps. The end of ctx does not prevent it, but
// shortens it.
func (p *prober) last(ctx context.Context) {
	limit := p.args.Timeout + time.Second
	if ctx.Err() != nil {
		limit = min(limit, time.Second)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if p.cluster != nil && p.window != nil {
		p.cluster.ask(ctx, time.Now())
	}
	p.take(ctx, time.Now())
	p.closeWindow(time.Time{})
	p.tellPace()
}

// sample takes one that is due. One that is under way when the steps end is let
// finish: its statement_timeout bounds it.
func (p *prober) sample(ctx context.Context) {
	at := time.Now()
	p.mu.Lock()
	p.pace.sends(at)
	p.mu.Unlock()
	took := p.take(ctx, at)
	p.mu.Lock()
	p.pace.took(max(took-p.trip, 0), time.Now())
	p.mu.Unlock()
	p.sampled(at)
	select {
	case <-p.first:
	default:
		close(p.first)
	}
}

// take asks once, and says how long the answer took.
func (p *prober) take(ctx context.Context, at time.Time) time.Duration {
	if p.session.Closed() {
		if err := p.connect(ctx); err != nil {
			p.failed("", err)
			return 0
		}
	}
	began := time.Now()
	r, err := p.session.QueryLimit(ctx, 1000, p.sql)
	took := time.Since(began)
	if err != nil {
		p.failed("", err)
		return took
	}
	p.look(at, r)
	return took
}

func (p *prober) look(at time.Time, r *postgres.Result) {
	rows := engine.NewRows(r)
	s := sight{at: at}
	if p.blockers() {
		s = p.conflictsAt(at, rows)
	} else if holds, err := p.sighted(rows, r.Columns); err != nil {
		p.failed("", err)
		return
	} else {
		s.holds = holds
	}
	p.mu.Lock()
	p.result.Samples++
	p.result.Seeing = s.holds
	if p.result.Row = nil; len(rows) > 0 {
		p.result.Row = rows[0]
	}
	p.mu.Unlock()
	if !s.holds {
		p.closeWindow(at)
		p.clear = at
		return
	}
	p.sighting(s)
	p.capture.sighted()
}

func (p *prober) failed(of string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Errors++
	p.result.LastError = of + err.Error()
}

func (p *prober) sighted(rows []engine.Row, columns []postgres.Column) (bool, error) {
	if !p.args.Sighting.Set() {
		return false, nil
	}
	return p.args.Sighting.Eval(resultNames(rows, engine.ColumnNames(columns)))
}

// sight is what a sample saw.
type sight struct {
	at        time.Time // when it is known to have been so
	since     time.Time // when it had begun, as far as the server says
	holds     bool
	conflicts []Conflict
}

// conflictsAt is what a sample of blockers saw, here and on other nodes.
func (p *prober) conflictsAt(at time.Time, rows []engine.Row) sight {
	local, harmless := conflictsIn(rows)
	all, elsewhere := p.cluster.merge(local)
	s := sight{at: at, holds: len(all) > 0, conflicts: all}
	if len(local) == 0 && s.holds {
		s.at = elsewhere
	}
	var longest time.Duration
	for _, c := range all {
		longest = max(longest, c.Waiting)
	}
	s.since = s.at.Add(-longest)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.LongestWait = max(p.result.LongestWait, longest)
	for kind := range harmless {
		if p.result.Harmless == nil {
			p.result.Harmless = map[string]int{}
		}
		p.result.Harmless[kind]++
	}
	return s
}

// sighting extends the open window or opens one.
func (p *prober) sighting(s sight) {
	p.mu.Lock()
	p.result.Sightings++
	fresh := p.conflicts.add(s.conflicts)
	opened := p.window == nil
	if opened {
		p.window = p.newWindow(s)
		p.result.WindowCount++
		fresh = s.conflicts
	}
	w := p.window
	if s.at.After(w.To) {
		w.To = s.at
	}
	if s.since.Before(w.From) && s.since.After(p.clear) && !s.since.IsZero() { // it had gone unseen
		w.From = s.since
	}
	w.Duration = w.To.Sub(w.From)
	w.Samples++
	p.result.Longest = max(p.result.Longest, w.Duration)
	p.mu.Unlock()
	for _, l := range p.loads {
		l.sighting(p.name, w.From, w.To)
	}
	if !opened && len(fresh) == 0 {
		return
	}
	e := event.Sighting{Step: p.env.Step(), Probe: p.name}
	for _, c := range fresh {
		e.Conflicts = append(e.Conflicts, c.event())
	}
	if !p.blockers() {
		e.Text = p.args.Sighting.Text()
	}
	_ = p.env.Emit(e) // a sink's error stops the run at its next step
}

// newWindow begins where the server says that the wait did, else at the sighting;
// then it may have begun right after the sample before.
func (p *prober) newWindow(s sight) *Window {
	w := &Window{From: s.at, To: s.at}
	switch {
	case !s.since.IsZero() && s.since.Before(s.at):
		w.From = s.since
	case !p.clear.IsZero():
		w.Margin = s.at.Sub(p.clear)
	}
	return w
}

// closeWindow ends the open window, if there is one, because of a sample that
// was no sighting; at zero time because the watch ends.
func (p *prober) closeWindow(at time.Time) {
	w := p.window // only this goroutine changes it
	if w == nil {
		return
	}
	fared := windowLoads(p.loads, func(l *loader) LoadWindow { return l.closeWindow(p.name) })
	p.mu.Lock()
	w.Load = fared
	if w.Open = at.IsZero(); !w.Open {
		w.Margin += max(at.Sub(w.To), 0)
	}
	if len(p.result.Windows) < maxWindows {
		p.result.Windows = append(p.result.Windows, *w)
	}
	p.window = nil
	p.mu.Unlock()
	_ = p.env.Emit(event.WindowClosed{
		Step: p.env.Step(), Probe: p.name, Duration: event.Duration(w.Duration), Margin: event.Duration(w.Margin),
		Samples: w.Samples, Open: w.Open,
	})
}

// keep keeps what a capture returned.
func (p *prober) keep(name string, at time.Time, r *postgres.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.result.Captures) < maxCaptures && len(r.Rows) > 0 {
		p.result.Captures = append(p.result.Captures, Capture{Name: name, At: at, Rows: engine.NewRows(r)})
	}
}

// snapshot is the result so far, the open window among the others.
func (p *prober) snapshot() ProbeResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.result
	r.Windows, r.Conflicts, r.Captures = slices.Clone(r.Windows), slices.Clone(p.conflicts.list), slices.Clone(r.Captures)
	r.Harmless = maps.Clone(r.Harmless)
	if p.window != nil {
		open := *p.window
		open.Open, r.Window = true, open.Duration
		r.Windows = append(r.Windows, open)
	}
	r.Cost, r.Interval, r.Stretched, r.LongestGap = p.pace.cost(), p.pace.held(), p.pace.stretched, p.pace.gap
	r.LatenessP99 = p.pace.late.quantiles().p99
	return r
}

// tellPace says where a probe could not do what was asked of it.
func (p *prober) tellPace() {
	r := p.snapshot()
	tell := func(text string) {
		_ = p.env.Emit(event.Warning{Step: p.env.Step(), Text: "probe " + p.name + ": " + text})
	}
	if r.Errors > 0 {
		tell(fmt.Sprintf("%s beside %s: %s", count(int64(r.Errors), "failure"), count(int64(r.Samples), "sample"), r.LastError))
	}
	every := p.args.Every
	switch {
	case r.Interval < every*3/2:
	case r.Stretched*2 > p.pace.samples:
		tell(fmt.Sprintf("every %s became %s: a sample cost up to %s and took %s on average", every, round(r.Interval), round(p.pace.dearest), round(r.Cost)))
	default:
		tell(fmt.Sprintf("every %s became %s: samples were late, and once %s apart", every, round(r.Interval), round(r.LongestGap)))
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
