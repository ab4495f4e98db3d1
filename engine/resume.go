package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"runbook/engine/event"
	"runbook/engine/journal"
	"runbook/engine/postgres"
)

// Prober is an action that can tell what became of a step that was cut off.
// Applied is true when the step has happened. False lets it run again: either
// nothing of it happened, or Run goes on from what Env.Before says or from what
// it finds in the database. ErrCannotKnow leaves it to a person.
type Prober interface {
	Applied(ctx context.Context, env *Env) (bool, error)
}

// Repeater is an action that can tell whether running the step twice is the same
// as running it once, whatever became of the first time. Only such a step is
// tried again after a lost connection.
type Repeater interface {
	Repeats() bool
}

// ErrCannotKnow is what a Prober returns when the database does not tell either.
var ErrCannotKnow = errors.New("the database does not tell whether it happened")

// Before is what the journal knows of a step that was cut off.
type Before struct {
	Done       []string // changing statements that have happened, in their order
	Unanswered []string // statements that were sent and whose answer never came
}

// ChangedError says that steps which are done read otherwise in the runbook now.
type ChangedError struct {
	Edited []string // titles of steps whose text is another one
	Gone   []string // titles of steps that the runbook has no more
}

func (e *ChangedError) Error() string {
	var parts []string
	if len(e.Edited) > 0 {
		parts = append(parts, fmt.Sprintf("edited since they were done: %s", strings.Join(e.Edited, "; ")))
	}
	if len(e.Gone) > 0 {
		parts = append(parts, fmt.Sprintf("done, and no longer in the runbook: %s", strings.Join(e.Gone, "; ")))
	}
	return "the runbook has changed: " + strings.Join(parts, ", and ")
}

// Restore gives the variables the values that an earlier process of the run had
// put on record, except those given anew. A secret is not on record and must be
// given again.
func (p *Plan) Restore(vars map[string]json.RawMessage) error {
	if p.overrides == nil {
		p.overrides = map[string]any{}
	}
	for _, v := range p.vars {
		name := v.node.Text
		raw, recorded := vars[name]
		if _, given := p.overrides[name]; given || !recorded {
			continue
		}
		if slices.Contains(p.Secrets, name) {
			return fmt.Errorf("variable %s is a secret, which the journal does not hold; give it again with --var", name)
		}
		value, err := postgres.DecodeValue(raw)
		if err != nil {
			return fmt.Errorf("read variable %s of the journal: %w", name, err)
		}
		p.overrides[name] = value
	}
	return nil
}

// turns are what a step's path has more while it runs: "backfill#3", "add[1]".
var turns = regexp.MustCompile(`(#\d+|\[\d+\])`)

// Unchanged checks that every step which is done still reads as it did. The
// error is a *ChangedError.
func (p *Plan) Unchanged(past *journal.State) error {
	var e ChangedError
	for _, done := range past.Steps() {
		if !done.IsDone() || done.Started == nil {
			continue
		}
		s := p.index[turns.ReplaceAllString(done.Path, "")]
		switch {
		case s == nil:
			e.Gone = append(e.Gone, done.Started.Title)
		case s.digest() != done.Digest() && s.group == nil:
			e.Edited = append(e.Edited, fmt.Sprintf("%s (line %d)", done.Started.Title, s.node.Pos().Line))
		}
	}
	if e.Edited != nil || e.Gone != nil {
		return &e
	}
	return nil
}

// takeOver makes sure that the earlier process of the run has no statement
// running any more, and settles what became of the COMMITs it had sent.
func (x *executor) takeOver(ctx context.Context) error {
	past := x.options.Past
	x.ledger.due = slices.Clone(past.Ledger) // however this ends
	for _, connection := range x.atWork(past) {
		if err := x.outlast(ctx, connection); err != nil {
			return err
		}
	}
	for _, c := range past.Commits() {
		s, err := x.conns.session(ctx, x.conns.server(c.Connection))
		if err != nil {
			return err
		}
		r, err := s.Query(ctx, "SELECT pg_catalog.pg_xact_status($1::xid8)", c.XID)
		if err != nil {
			return fmt.Errorf("ask for the outcome of transaction %s: %w", c.XID, err)
		}
		var tag string
		switch r.Rows[0][0] {
		case "committed":
			tag = "COMMIT"
		case "aborted":
			tag = "ROLLBACK"
		default:
			return fmt.Errorf("%w: transaction %s, which step %s was committing, is too old for the server to know", ErrInDoubt, c.XID, c.Step)
		}
		if err := x.emit(event.StatementFinished{Step: c.Step, Connection: c.Connection, PID: c.PID, SQL: tag, Tag: tag}); err != nil {
			return err
		}
		past.Settle(c, tag == "COMMIT")
	}
	past.Abandon()
	return nil
}

// atWork are the connections to the databases where a backend of the earlier
// process may still be at work: main, and those elsewhere that it waited for.
func (x *executor) atWork(past *journal.State) []string {
	out := []string{"main"}
	for _, c := range past.Commits() {
		out = append(out, x.conns.server(c.Connection))
	}
	for _, s := range past.Steps() {
		for _, u := range s.Unanswered {
			out = append(out, x.conns.server(u.Connection))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// outlast waits until every session of the run that this process does not have
// open is gone from where the connection leads: a backend does not notice the end
// of its client before its statement ends.
func (x *executor) outlast(ctx context.Context, connection string) error {
	began := time.Now()
	for {
		s, err := x.conns.session(ctx, connection)
		if err != nil {
			return err
		}
		r, err := s.Query(ctx, `
			SELECT left(query, 80) FROM pg_catalog.pg_stat_activity
			WHERE application_name LIKE $1 AND datname = current_database() AND pid <> ALL ($2::bigint[])
			ORDER BY backend_start LIMIT 1`,
			strings.ReplaceAll(x.conns.app, "_", `\_`)+"/%", x.conns.ownPIDs())
		if err != nil {
			return fmt.Errorf("look for earlier sessions of the run: %w", err)
		}
		if len(r.Rows) == 0 {
			return nil
		}
		phase := "waiting for a statement of the interrupted run to end: " + postgres.FormatValue(r.Rows[0][0])
		if err := x.emit(event.Progress{Phase: phase, Elapsed: event.Duration(time.Since(began))}); err != nil {
			return err
		}
		if err := sleep(ctx, lockPoll); err != nil {
			return err
		}
	}
}

// recall brings back what steps had left in scope that are not come to again.
func (x *executor) recall(left []*journal.Step) error {
	for _, past := range left {
		s := x.plan.index[turns.ReplaceAllString(past.Path, "")]
		if s == nil || s.action == nil || past.Result() == nil {
			continue
		}
		result, err := s.action.decode(past.Result())
		if err != nil {
			return fmt.Errorf("restore step %s: %w", past.Path, err)
		}
		if err := (&turn{x: x, s: s}).keep(result); err != nil {
			return err
		}
		x.left = append(x.left, result)
	}
	return nil
}

// resumed looks at what the journal says of a step before it would run. handled
// means that it is not to run.
func (t *turn) resumed(ctx context.Context) (handled bool, err error) {
	x := t.x
	if x.options.Past == nil {
		return false, nil
	}
	past := x.options.Past.Step(t.path)
	switch {
	case past == nil:
		return false, nil
	case past.IsDone():
		return true, t.restore(past)
	case past.Finished != nil && past.Finished.Allowed:
		return true, t.skip("failed before, which was allowed")
	case t.s.group != nil:
		t.turnsDone = past.Turns
		return false, x.recall(past.Left)
	}
	t.before = Before{Done: past.Done}
	for _, u := range past.Unanswered {
		t.before.Unanswered = append(t.before.Unanswered, u.SQL)
	}
	if !past.InDoubt() {
		t.turnsDone = past.Turns
		return false, x.recall(past.Left)
	}
	return t.decide(ctx, past)
}

// restore brings back what a done step, and those inside, had left in scope.
func (t *turn) restore(past *journal.Step) error {
	if err := t.x.recall(t.x.options.Past.Left(t.path)); err != nil {
		return err
	}
	if t.s.action != nil && past.Result() != nil {
		result, err := t.s.action.decode(past.Result())
		if err != nil {
			return fmt.Errorf("restore step %s: %w", t.path, err)
		}
		if err := t.keep(result); err != nil {
			return err
		}
		t.x.left = append(t.x.left, result)
	}
	return t.skip("done before")
}

// skip passes over this turn of the step.
func (t *turn) skip(reason string) error {
	t.x.counts.Skipped += t.s.size()
	return t.x.emit(event.StepSkipped{Step: t.path, Title: t.title, Action: t.s.verb(), Depth: t.depth, Status: event.Skipped, Reason: reason})
}

// decide settles a step in doubt: by what the operator says, by what its action
// finds out, or not at all.
func (t *turn) decide(ctx context.Context, past *journal.Step) (handled bool, err error) {
	name := cmp.Or(t.s.id(), t.path)
	if done, said := t.x.options.Assume[name]; said {
		t.x.assumed[name] = true
		t.before.Unanswered = nil
		if !done {
			return false, nil
		}
		return true, t.happened("assumed to be done, by --assume")
	}
	applied, err := t.probe(ctx)
	switch {
	case errors.Is(err, ErrCannotKnow):
		return true, t.doubt(past, name)
	case err != nil:
		return true, fmt.Errorf("find out whether step %s happened: %w", name, err)
	case applied:
		return true, t.happened("had happened before the run was cut off")
	}
	return false, nil
}

// unasked warns of answers to questions that did not come up: a name that was
// mistyped would else be lost.
func (x *executor) unasked() error {
	for _, name := range slices.Sorted(maps.Keys(x.options.Assume)) {
		if x.assumed[name] {
			continue
		}
		if err := x.emit(event.Warning{Text: fmt.Sprintf("--assume %s: no step of that name was in doubt", name)}); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) probe(ctx context.Context) (bool, error) {
	args, err := t.s.arguments(t.x.scope)
	if err != nil {
		return false, err
	}
	prober, ok := args.Addr().Interface().(Prober)
	if !ok {
		return false, ErrCannotKnow
	}
	env := t.env()
	defer env.closeSides(ctx)
	return prober.Applied(ctx, env)
}

// happened closes a step that was in doubt as done. It leaves no result.
func (t *turn) happened(how string) error {
	t.x.counts.Done++
	return t.x.emit(event.StepFinished{Step: t.path, Title: t.title, Action: t.s.verb(), Depth: t.depth, Status: event.Done, Summary: how})
}

// doubt stops the run with the question, the evidence, and how to answer.
func (t *turn) doubt(past *journal.Step, name string) error {
	f := &Failed{Message: fmt.Sprintf("it is not known whether step %s happened", name)}
	for _, u := range past.Unanswered {
		f.Notes = append(f.Notes, fmt.Sprintf("sent on connection %s, backend %d, and never answered: %s", u.Connection, u.PID, shortened(u.SQL)))
	}
	for _, sql := range past.Done {
		f.Notes = append(f.Notes, "done for certain: "+shortened(sql))
	}
	f.Notes = append(f.Notes,
		"look at the database, then say which it is:",
		fmt.Sprintf("runbook resume %s --assume %s=done", t.x.info.ID, name),
		fmt.Sprintf("runbook resume %s --assume %s=not-done", t.x.info.ID, name))
	if t.s.repeater() {
		f.Notes = append(f.Notes, "where running it twice is the same as once, idempotent: true in the step says so, and no one is asked")
	}
	failure := failureOf(t.s, f)
	failure.Unknown = true
	if err := t.x.emit(event.StepFinished{
		Step: t.path, Title: t.title, Action: t.s.verb(), Depth: t.depth, Status: event.Unknown, Failure: failure,
	}); err != nil {
		return err
	}
	return &toldError{fmt.Errorf("%w: %w", ErrInDoubt, f), name}
}

// Before is what is known of this step from a process that was cut off; empty
// when it runs for the first time.
func (e *Env) Before() Before { return e.before }
