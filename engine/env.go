package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

// Env is what an action can reach while it runs: the step's session, sessions
// beside it, events, and the results of earlier steps. It belongs to one
// execution of one step.
type Env struct {
	x      *executor
	step   *step
	path   string // of this execution
	depth  int
	before Before
	gate   Gate // of the steps around

	mu           sync.Mutex
	sides        []*session
	sideSettings []sideSetting
}

// Run is the run that the step belongs to.
func (e *Env) Run() RunInfo { return e.x.info }

// Step is this execution's name in events.
func (e *Env) Step() string { return e.path }

// Emit puts an event on record. An error means that a sink failed: stop.
func (e *Env) Emit(ev event.Event) error { return e.x.emit(ev) }

// Query runs one statement on the step's connection and keeps the first limit
// rows; 0 keeps all. Its error is a *StatementError.
func (e *Env) Query(ctx context.Context, limit int, st Statement, args ...any) (*postgres.Result, error) {
	s, err := e.x.conns.session(ctx, e.step.connection)
	if err != nil {
		return nil, err
	}
	return e.queryOn(ctx, s, limit, st, args...)
}

func (e *Env) queryOn(ctx context.Context, s *session, limit int, st Statement, args ...any) (*postgres.Result, error) {
	defer s.use(e.path, e.x.emit)()
	var r *postgres.Result
	err := e.committed(ctx, s, st, func() (err error) {
		if limit > 0 {
			r, err = s.QueryLimit(ctx, limit, st.Text, args...)
		} else {
			r, err = s.Query(ctx, st.Text, args...)
		}
		return err
	})
	if err != nil {
		return nil, &StatementError{Statement: st, Connection: s.name, Err: err}
	}
	return r, nil
}

// Exec runs statements of the action's own making, one after the other, on the
// step's connection.
func (e *Env) Exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := e.Query(ctx, 0, Plain(sql)); err != nil {
			return err
		}
	}
	return nil
}

// Rows runs a query of the action's own making on the step's connection.
func (e *Env) Rows(ctx context.Context, sql string, args ...any) ([]Row, error) {
	r, err := e.Query(ctx, 0, Plain(sql), args...)
	if err != nil {
		return nil, err
	}
	return NewRows(r), nil
}

// InTransaction says whether the step's connection has a transaction open.
func (e *Env) InTransaction(ctx context.Context) (bool, error) {
	s, err := e.x.conns.session(ctx, e.step.connection)
	if err != nil {
		return false, err
	}
	return s.InTransaction(), nil
}

// Rollback ends an open transaction of the step's connection, also when ctx is
// over: what failed must not stay half open.
func (e *Env) Rollback(ctx context.Context) error {
	return e.x.rollback(ctx, e.step.connection)
}

// Notices delivers the notices of the step's connection until stop is called.
func (e *Env) Notices(ctx context.Context) (notices <-chan postgres.Notice, stop func(), err error) {
	s, err := e.x.conns.session(ctx, e.step.connection)
	if err != nil {
		return nil, nil, err
	}
	ch := make(chan postgres.Notice, 64)
	s.mu.Lock()
	s.wake = ch
	s.mu.Unlock()
	return ch, func() {
		s.mu.Lock()
		s.wake = nil
		s.mu.Unlock()
	}, nil
}

// Quiet is the step's session, for statements that are measured and not
// reported one by one.
func (e *Env) Quiet(ctx context.Context) (*postgres.Session, error) {
	s, err := e.x.conns.session(ctx, e.step.connection)
	if err != nil {
		return nil, err
	}
	return s.Session, nil
}

// Side opens another session on the target for this execution, with the step's
// settings. It reports no statements and is closed when the step ends. name
// shows in pg_stat_activity.
func (e *Env) Side(ctx context.Context, name string) (*postgres.Session, error) {
	s, err := e.x.conns.connect(ctx, e.x.conns.target, name, false)
	if err != nil {
		return nil, err
	}
	settings, err := e.keepSide(s)
	if err != nil {
		return nil, err
	}
	for _, set := range settings {
		if _, err := s.Query(ctx, "SELECT pg_catalog.set_config($1, $2, false)", set.name, set.value); err != nil {
			return nil, fmt.Errorf("setting %s on %s: %w", set.name, name, err)
		}
	}
	return s.Session, nil
}

// sideSetting is a setting of the step with the value it had when the first side
// session was opened: later ones are opened while steps change the scope.
type sideSetting struct{ name, value string }

// keepSide remembers a session until the step ends, and returns the settings that
// it is to have.
func (e *Env) keepSide(s *session) ([]sideSetting, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sides = append(e.sides, s)
	if len(e.sideSettings) == len(e.step.settings) {
		return e.sideSettings, nil
	}
	list := make([]sideSetting, len(e.step.settings))
	for i, set := range e.step.settings {
		v, err := set.value.get(e.x.scope)
		if err != nil {
			return nil, err
		}
		list[i] = sideSetting{set.name, v.String()}
	}
	e.sideSettings = list
	return list, nil
}

func (e *Env) closeSides(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, s := range e.sides {
		_ = s.Close(ctx) // an answer is not waited for; the server ends the session
	}
	e.sides = nil
}

// RunSteps runs steps of the action's arguments, each when gate lets it begin;
// nil lets all. Its error says that one failed, which is on record already, or is
// that of gate.
func (e *Env) RunSteps(ctx context.Context, s Steps, gate Gate) error {
	return e.x.steps(ctx, s.steps, frame{path: e.path + "/", depth: e.depth + 1, whole: true, gate: e.gate.and(gate)})
}

// Retrying records that an attempt of the action's own failed and that it will
// try again after delay.
func (e *Env) Retrying(attempt int, delay time.Duration, err error) error {
	e.x.counts.Retried++
	s := e.step
	if s.node == nil { // not of the runbook, see Aside
		s = nil
	}
	return e.Emit(event.StepRetrying{Step: e.path, Attempt: attempt, Delay: event.Duration(delay), Failure: failureOf(s, err)})
}

// Earlier are the results of type R that steps of the run have left so far,
// oldest first; a repeated step left its last.
func Earlier[R any](e *Env) []R {
	var out []R
	for _, v := range e.x.results() {
		if r, ok := v.(R); ok {
			out = append(out, r)
		}
	}
	return out
}

// Explain adds the operation to an error, keeping its facts.
func Explain(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", operation, err)
}
