package actions

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"runbook/engine"
	"runbook/engine/postgres"
)

const (
	// grace is how long a load's last statement may take to end by itself. A
	// statement cut off in the middle would be counted neither as done nor as lost.
	grace = 30 * time.Second
	// drain is how long what is due when the load stops is still sent: a step that
	// stalls the load and ends would otherwise hide whom it held up.
	drain = 5 * time.Second

	// timerSlack is how late a timer wakes a connection that has nothing else to do.
	// It is often half a millisecond, which is not the database's.
	timerSlack = 5 * time.Millisecond

	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 2 * time.Second
)

// loader is a running load.
type loader struct {
	name     string
	args     Load
	env      *engine.Env
	start    time.Time
	sessions []*postgres.Session
	refused  []int // by connection: how often in a row it could not be opened again

	mu         sync.Mutex
	meter      *meter
	first      map[string]LoadError
	last       string
	sum        int64
	reconnects int
}

func newLoader(ctx context.Context, env *engine.Env, name string, args Load) (*loader, error) {
	l := &loader{name: name, args: args, env: env, refused: make([]int, args.Connections), first: map[string]LoadError{}}
	for i := range args.Connections {
		s, err := env.Side(ctx, l.sessionName(i))
		if err != nil {
			return nil, err
		}
		l.sessions = append(l.sessions, s)
	}
	return l, nil
}

func (l *loader) sessionName(i int) string { return fmt.Sprintf("load-%s-%d", l.name, i+1) }

// begin starts the clock. It comes before run and after everything else is
// connected.
func (l *loader) begin() {
	l.start = time.Now()
	var s *schedule
	if l.args.Rate > 0 && l.args.Connections > 0 {
		s = &schedule{rate: l.args.Rate}
	}
	l.meter = newMeter(l.start, max(l.args.Connections, 1), s)
}

func (l *loader) now() moment { return time.Since(l.start) }

// run executes the statement on one connection until stop is closed.
func (l *loader) run(ctx context.Context, i int, stop <-chan struct{}) {
	interrupted := ctx
	ctx, cancel := outlive(ctx, stop)
	defer cancel()
	for l.next(interrupted, i, stop) {
		l.execute(ctx, i)
		if l.args.Pause == 0 {
			continue
		}
		select {
		case <-stop:
		case <-time.After(l.args.Pause):
		}
	}
}

// next waits until the connection is to execute, and says whether it is.
func (l *loader) next(ctx context.Context, i int, stop <-chan struct{}) bool {
	l.mu.Lock()
	if l.meter.schedule == nil {
		defer l.mu.Unlock()
		if l.meter.halted != never {
			return false
		}
		l.meter.begin(i, l.now())
		return true
	}
	due := l.meter.schedule.take()
	l.mu.Unlock()
	free := due > l.now()
	select {
	case <-stop:
	case <-time.After(due - l.now()):
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if due > l.meter.halted || ctx.Err() != nil || l.meter.halted != never && now > l.meter.halted+drain {
		return false
	}
	if free && now-due < timerSlack {
		due = now
	}
	l.meter.begin(i, due)
	return true
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
	r, err := l.send(ctx, i)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if err == nil {
		l.meter.end(i, now, "")
		l.sum += numberIn(r)
		return
	}
	state := stateOf(err)
	in := l.meter.end(i, now, state)
	if _, known := l.first[state]; !known {
		l.first[state] = failureOf(err, l.start.Add(now), in)
	}
	l.last = err.Error()
}

func (l *loader) send(ctx context.Context, i int) (*postgres.Result, error) {
	if err := l.reconnect(ctx, i); err != nil {
		return nil, err
	}
	args, err := evaluate(l.args.Args)
	if err != nil {
		return nil, err
	}
	return l.sessions[i].QueryLimit(ctx, 1, l.args.SQL.Text, args...)
}

// reconnect opens a connection that was lost. A server that is down is not
// hammered.
func (l *loader) reconnect(ctx context.Context, i int) error {
	if !l.sessions[i].Closed() {
		return nil
	}
	select {
	case <-ctx.Done():
	case <-time.After(backoff(l.refused[i])):
	}
	s, err := l.env.Side(ctx, l.sessionName(i))
	if err != nil {
		l.refused[i]++
		return err
	}
	l.sessions[i], l.refused[i] = s, 0
	l.mu.Lock()
	l.reconnects++
	l.mu.Unlock()
	return nil
}

// backoff is how long to wait before a connection is opened that was refused
// that often.
func backoff(refused int) time.Duration {
	if refused == 0 {
		return 0
	}
	return min(firstBackoff<<min(refused-1, 10), maxBackoff)
}

func failureOf(err error, at time.Time, in phase) LoadError {
	var pg *postgres.Error
	if errors.As(err, &pg) {
		return LoadError{At: at, Phase: in.String(), Message: pg.Message, Detail: pg.Detail}
	}
	return LoadError{At: at, Phase: in.String(), Message: err.Error()}
}

// noState stands for the SQLSTATE of a failure that the server did not tell of.
const noState = "connection"

// stateOf is the SQLSTATE of an error, or what went wrong where the server said
// none.
func stateOf(err error) string {
	var pg *postgres.Error
	var fault *engine.Fault
	switch {
	case errors.As(err, &pg):
		return pg.SQLSTATE
	case errors.As(err, &fault):
		return "expression"
	default:
		return noState
	}
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

// enter begins the next phase.
func (l *loader) enter(p phase) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.meter.enter(p, l.now())
}

// halt comes before stop is closed: nothing falls due any more.
func (l *loader) halt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.meter.halt(l.now())
}

// sighting tells how far the open window of a probe reaches now.
func (l *loader) sighting(probe string, from, to time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.meter.windows.sighting(probe, from.Sub(l.start), to.Sub(l.start))
}

// closeWindow tells that a probe's window is over, and says how the load fared
// in it so far.
func (l *loader) closeWindow(probe string) LoadWindow {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.meter.windows.close(probe, l.meter.oldest(l.now()))
}

// window is how the load fared in one of the windows that a probe keeps.
func (l *loader) window(probe string, i int) LoadWindow {
	l.mu.Lock()
	defer l.mu.Unlock()
	if closed := l.meter.windows.closed[probe]; i < len(closed) {
		return closed[i].read()
	}
	return LoadWindow{}
}

// snapshot is the result so far.
func (l *loader) snapshot() LoadResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	m := l.meter
	r := LoadResult{
		ErrorsByState: map[string]int{}, FirstErrors: cloned(l.first), LastError: l.last, Sum: l.sum,
		Unsent: int(m.unsent(now)), Reconnects: l.reconnects, Stall: m.standsSince(now),
		Before: m.read(before, now), During: m.read(during, now), After: m.read(after, now), InWindows: m.readWindows(now),
	}
	for _, f := range []LoadFigures{r.Before, r.During, r.After} {
		r.Executions += f.N
		r.Errors += f.Errors
		for state, n := range f.ErrorsByState {
			r.ErrorsByState[state] += n
		}
	}
	return r
}
