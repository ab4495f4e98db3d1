package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"runbook/engine"
	"runbook/engine/postgres"
)

// beside is the catalog as another session sees it, in autocommit: while the
// step's connection is busy, and when it is lost.
type beside struct {
	*engine.Env
	session *postgres.Session
}

var _ catalog = beside{}

// newBeside connects. A server that does not take connections is tried again
// until limit is over: after a crash it takes none for a moment.
func newBeside(ctx context.Context, env *engine.Env, limit time.Duration) (beside, error) {
	const pause = 250 * time.Millisecond
	began := time.Now()
	for {
		session, err := env.Side(ctx, "recovery")
		if err == nil {
			b := beside{env, session}
			// The step's own are made for its statements and would end these.
			_, err = b.Rows(ctx, "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)")
			return b, err
		}
		if !errors.Is(err, postgres.ErrConnect) || time.Since(began)+pause > limit {
			return beside{}, err
		}
		select {
		case <-ctx.Done():
			return beside{}, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(pause):
		}
	}
}

// Rows runs a statement of the action's own, without a word in the journal.
func (b beside) Rows(ctx context.Context, sql string, args ...any) ([]engine.Row, error) {
	r, err := b.session.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return engine.NewRows(r), nil
}

// InTransaction is false: this session has none.
func (b beside) InTransaction(context.Context) (bool, error) { return false, nil }

// Rollback has nothing to do.
func (b beside) Rollback(context.Context) error { return nil }
