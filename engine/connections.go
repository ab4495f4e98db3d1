package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

// Connections are the sessions of a run: main, the named ones, and side
// sessions of actions. A named session is opened when a step first uses it, and
// opened again after it was lost.
type Connections struct {
	target *postgres.Target
	app    string // application_name

	mu    sync.Mutex
	open  map[string]*session
	where map[string]*postgres.Target // of named connections that lead elsewhere

	pidsMu sync.Mutex
	pids   []int64 // backends of all sessions that were opened
}

// session is a postgres.Session with what the engine needs to watch it. step
// and emit belong to the step that uses it now.
type session struct {
	*postgres.Session
	name string

	mu   sync.Mutex
	step string
	emit func(event.Event) error
	wake chan postgres.Notice // an action listens for notices
	set  bool                 // a statement of a step has set something that a new session would not have
}

// NewConnections are the connections of one run to target; app is what
// pg_stat_activity shows.
func NewConnections(target *postgres.Target, app string) *Connections {
	return &Connections{target: target, app: app, open: map[string]*session{}, where: map[string]*postgres.Target{}}
}

// Target is where main leads.
func (c *Connections) Target() *postgres.Target { return c.target }

// server is the connection to ask about what another has sent: that itself where it
// leads elsewhere, else main.
func (c *Connections) server(name string) string {
	if c.where[name] == nil {
		return "main"
	}
	return name
}

// session returns the named session, connecting when there is none.
func (c *Connections) session(ctx context.Context, name string) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.open[name]; s != nil && !s.Closed() {
		return s, nil
	}
	target := c.target
	if t := c.where[name]; t != nil {
		target = t
	}
	s, err := c.connect(ctx, target, name, true)
	if err != nil {
		return nil, err
	}
	c.open[name] = s
	return s, nil
}

func (c *Connections) opened(pid uint32) {
	c.pidsMu.Lock()
	defer c.pidsMu.Unlock()
	c.pids = append(c.pids, int64(pid))
}

// disown takes the backend of a session that was lost from this process's own,
// so that outlast waits for it too.
func (c *Connections) disown(pid uint32) {
	c.pidsMu.Lock()
	defer c.pidsMu.Unlock()
	c.pids = slices.DeleteFunc(c.pids, func(own int64) bool { return own == int64(pid) })
}

// lostSession is the named session when it ended by accident, else nil.
func (c *Connections) lostSession(name string) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.open[name]; s != nil && s.Closed() {
		return s
	}
	return nil
}

// ownPIDs are the backends of this process's sessions, as an array for SQL.
func (c *Connections) ownPIDs() []any {
	c.pidsMu.Lock()
	defer c.pidsMu.Unlock()
	out := make([]any, len(c.pids))
	for i, pid := range c.pids {
		out[i] = pid
	}
	return out
}

// existing is the named session if it is open.
func (c *Connections) existing(name string) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.open[name]; s != nil && !s.Closed() {
		return s
	}
	return nil
}

// names are the connections opened so far.
func (c *Connections) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.open))
}

// connect opens a session. A watched one reports its statements as events.
func (c *Connections) connect(ctx context.Context, target *postgres.Target, name string, watched bool) (*session, error) {
	s := &session{name: name}
	// A cancelled distribution cleans up on every node before it answers.
	options := postgres.Options{ApplicationName: c.app + "/" + name, CancelWait: 30 * time.Second}
	if watched {
		options.Begin, options.Observe, options.OnNotice = s.begin, s.observe, s.notice
	}
	inner, err := postgres.Connect(ctx, target, options)
	if err != nil {
		return nil, fmt.Errorf("connection %s: %w", name, err)
	}
	s.Session = inner
	c.opened(inner.PID())
	if !watched {
		return s, nil
	}
	if err := s.durable(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connection %s: %w", name, err), s.Close(ctx))
	}
	return s, nil
}

// durable makes an answered COMMIT one that a crash of the server cannot undo:
// the journal says done from then on. A step's settings go before it.
func (s *session) durable(ctx context.Context) error {
	_, err := s.Query(ctx, "SELECT pg_catalog.set_config('synchronous_commit', 'on', false) WHERE pg_catalog.current_setting('synchronous_commit') = 'off'")
	return err
}

// Close closes every session. Transactions that are still open are rolled back
// by the server.
func (c *Connections) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for name, s := range c.open {
		errs = append(errs, s.Close(ctx))
		delete(c.open, name)
	}
	return errors.Join(errs...)
}

// use makes the session's statements events of a step until the returned
// function is called.
func (s *session) use(step string, emit func(event.Event) error) (back func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, beforeEmit := s.step, s.emit
	s.step, s.emit = step, emit
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.step, s.emit = before, beforeEmit
	}
}

func (s *session) user() (string, func(event.Event) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.step, s.emit
}

// begin puts a changing statement on record before it is sent.
func (s *session) begin(x postgres.Execution) error {
	step, emit := s.user()
	if emit == nil {
		return nil
	}
	switch postgres.Classify(x.SQL) {
	case postgres.Read, postgres.Setting, postgres.Transaction: // a COMMIT has its own record, see Committing
		return nil
	}
	return emit(event.StatementStarted{Step: step, Connection: s.name, PID: x.PID, SQL: x.SQL})
}

func (s *session) observe(x postgres.Execution) {
	step, emit := s.user()
	if emit == nil {
		return
	}
	if x.Err == nil && (postgres.Classify(x.SQL) == postgres.Setting || strings.Contains(x.SQL, "set_config")) {
		s.markSet()
	}
	e := event.StatementFinished{
		Step: step, Connection: s.name, PID: x.PID, SQL: x.SQL, Tag: x.Tag,
		Rows: x.Rows, Affected: x.Affected, Duration: event.Duration(x.Duration),
	}
	if x.Err != nil {
		e.Error = x.Err.Error()
		if !lost(x.Err) { // the reason for a lost connection is no answer to the statement
			e.SQLState = sqlState(x.Err)
		}
	}
	// A sink's error stops the run at its next step; here there is no one to tell.
	_ = emit(e)
}

// markSet remembers that a new session would not be as this one is.
func (s *session) markSet() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = true
}

func (s *session) notice(n postgres.Notice) {
	step, emit := s.user()
	s.mu.Lock()
	wake := s.wake
	s.mu.Unlock()
	if wake != nil {
		select {
		case wake <- n:
		default: // the listener is slow; the event below still tells
		}
	}
	if severity := n.Severity; severity == "LOG" || strings.HasPrefix(severity, "DEBUG") {
		return // asked for by an action, which tells what it means
	}
	if emit != nil {
		_ = emit(event.Notice{
			Step: step, Connection: s.name, Severity: n.Severity, SQLState: n.SQLSTATE,
			Message: n.Message, Detail: n.Detail, Hint: n.Hint,
		})
	}
}

// identity is what tells a target from another one.
type identity struct {
	server, engine, label, systemID, instance, database string
}

// identify asks the target what it is. Roles that may not read the control file
// get an empty system identifier.
func (c *Connections) identify(ctx context.Context) (identity, error) {
	s, err := c.session(ctx, "main")
	if err != nil {
		return identity{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := s.Query(ctx, `
		SELECT current_setting('server_version'), current_database(),
		       coalesce(current_setting('cluster_name', true), ''),
		       CASE WHEN has_function_privilege('pg_catalog.pg_control_system()', 'execute')
		            THEN (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) ELSE '' END,
		       (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'citus'),
		       to_regproc('citus_standin.citus_version') IS NOT NULL`)
	if err != nil {
		return identity{}, fmt.Errorf("ask the server what it is: %w", err)
	}
	row := r.Rows[0]
	text := func(i int) string { return postgres.FormatValue(row[i]) }
	id := identity{server: "PostgreSQL " + text(0), database: text(1), instance: text(2), systemID: text(3), engine: "postgresql"}
	switch {
	case row[4] != nil:
		id.engine, id.label = "citus", "Citus "+text(4)
	case row[5] == true:
		id.engine, id.label = "stand-in", "stand-in: nothing is distributed"
	}
	return id, nil
}
