package engine

import (
	"context"
	"fmt"
	"slices"

	"runbook/engine/postgres"
)

// Planner is an action that can say what it would do. Its arguments have the
// values that are known; those left open are zero, and PlanEnv.Waits tells what
// they wait for. It must not change anything: PlanEnv only reads.
//
// Of an action that is none, a plan says whether it changes anything: Changer.
type Planner interface {
	Plan(ctx context.Context, env *PlanEnv) (Forecast, error)
}

// PlanEnv is what an action can reach while it is planned.
type PlanEnv struct {
	v      *previewer
	step   *step
	at     *StepPreview
	number string
	path   string
	open   map[string][]string
}

// Run is what is known of a run to come. Without a target its engine is "".
func (e *PlanEnv) Run() RunInfo { return e.v.x.info }

// Online says whether there is a target to ask.
func (e *PlanEnv) Online() bool { return e.v.online }

// Waits is what an argument's value waits for, nil when it is known. Arguments
// inside others are named by a path, such as "load.shops.connections".
func (e *PlanEnv) Waits(argument string) []string { return e.open[e.step.action.Name+"."+argument] }

// Rows reads on the step's connection, in a READ ONLY transaction of its own.
func (e *PlanEnv) Rows(ctx context.Context, sql string, args ...any) ([]Row, error) {
	s, err := e.v.session(ctx, e.step.connection)
	if err != nil {
		return nil, err
	}
	var r *postgres.Result
	err = readOnly(ctx, s, func() error {
		r, err = s.Query(ctx, sql, args...)
		return err
	})
	if err != nil {
		return nil, &StatementError{Statement: Plain(sql), Connection: e.step.connection, Err: err}
	}
	return NewRows(r), nil
}

// InTransaction is false: what earlier steps would have opened is not known.
func (e *PlanEnv) InTransaction(context.Context) (bool, error) { return false, nil }

// Rollback does nothing: every read has a transaction of its own.
func (e *PlanEnv) Rollback(context.Context) error { return nil }

// Steps plans steps of the action's arguments.
func (e *PlanEnv) Steps(ctx context.Context, s Steps) error {
	inner, err := e.v.steps(ctx, s.steps, place{number: e.number + ".", path: e.path + "/", depends: e.at.Decision == Depends, failure: e.at.Decision == OnFailure})
	e.at.Steps = append(e.at.Steps, inner...)
	return err
}

// Guard says that the steps that follow run only when what the text looks at has
// come to hold, so that it stands for a repair.
func (e *PlanEnv) Guard(sql SQL) { e.v.mends(e.number, sql.Text) }

// Owe says that the step will have opened a ledger entry. One that no later step
// settles is a finding, since the run could not end well; fix is what such a step
// would do.
func (e *PlanEnv) Owe(id, fix string) { e.v.owed = append(e.v.owed, debt{id, e.number, fix}) }

// Settle says that the step will have closed a ledger entry.
func (e *PlanEnv) Settle(id string) {
	e.v.owed = slices.DeleteFunc(e.v.owed, func(d debt) bool { return d.id == id })
}

// debt is a ledger entry that a step will have opened.
type debt struct{ id, number, fix string }

// owing puts the ledger entries that stay open on the steps that open them.
func (v *previewer) owing(steps []StepPreview) {
	for i := range steps {
		s := &steps[i]
		for _, d := range v.owed {
			if d.number == s.Number {
				s.Findings = append(s.Findings, Finding{
					What: d.id + " would not be brought back by any step, so the run could not end well",
					Fix:  d.fix,
				})
			}
		}
		v.owing(s.Steps)
	}
}

// Foresee remembers what a step will have brought about, for the steps after it.
func Foresee[T any](e *PlanEnv, fact T) { e.v.facts = append(e.v.facts, fact) }

// Foreseen are the facts of type T that earlier steps will have brought about,
// oldest first.
func Foreseen[T any](e *PlanEnv) []T {
	var out []T
	for _, f := range e.v.facts {
		if t, ok := f.(T); ok {
			out = append(out, t)
		}
	}
	return out
}

// readOnly runs f between BEGIN READ ONLY and COMMIT.
func readOnly(ctx context.Context, s *session, f func() error) error {
	if _, err := s.Query(ctx, "BEGIN READ ONLY"); err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	if err := f(); err != nil {
		if s.Closed() {
			return err
		}
		if rollbackErr := s.Rollback(context.WithoutCancel(ctx)); rollbackErr != nil {
			return rollbackErr
		}
		return err
	}
	_, err := s.Query(ctx, "COMMIT")
	return err
}
