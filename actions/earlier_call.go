package actions

import (
	"context"
	"time"

	"runbook/engine"
	"runbook/engine/event"
)

// outlastEarlier waits for a concurrent call on one of the tables that runs
// already, its client gone, and clears what failed calls have left. Both give
// signs of life, and have no end of their own but the step's timeout.
//
// A call on another table is left to the preflight, which refuses.
func outlastEarlier(ctx context.Context, env *engine.Env, tables []string) error {
	db, err := newBeside(ctx, env, 0)
	if err != nil {
		return err
	}
	l, err := readLeftovers(ctx, db)
	if mayNot(err) { // a role may be meant to distribute tables and nothing else
		return env.Emit(event.Warning{Step: env.Step(), Text: err.Error() + ". A call that runs, or has left something, will show itself"})
	}
	if err != nil {
		return err
	}
	if l, err = outlastRunning(ctx, env, db, tables, l); err != nil {
		return err
	}
	if len(l.Running) > 0 || len(l.Failed) == 0 {
		return nil
	}
	if err := env.Emit(event.Progress{Step: env.Step(), Phase: "clearing what a failed call has left: " + list(l.Failed)}); err != nil {
		return err
	}
	if left, err := clearLeftovers(ctx, db, l.Failed); err != nil {
		return &engine.Failed{Message: "clear what a failed call has left: " + list(left), Err: err, Notes: []string{byHand}}
	}
	return nil
}

// outlastRunning waits until no call on the tables runs, and returns what there is
// then.
func outlastRunning(ctx context.Context, env *engine.Env, db catalog, tables []string, l leftovers) (leftovers, error) {
	began, told := time.Now(), time.Time{}
	for {
		call, runs, err := l.ofAny(ctx, db, tables)
		if err != nil || !runs {
			return l, err
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			phase := "waiting for the call on this table that runs already: " + call.String()
			if err := env.Emit(event.Progress{Step: env.Step(), Phase: phase, Elapsed: event.Duration(time.Since(began))}); err != nil {
				return l, err
			}
		}
		select {
		case <-ctx.Done():
			return l, context.Cause(ctx)
		case <-time.After(250 * time.Millisecond):
		}
		if l, err = readLeftovers(ctx, db); err != nil {
			return l, err
		}
	}
}

// ofAny is the call on one of the tables, which are named as a person does.
func (l leftovers) ofAny(ctx context.Context, db catalog, tables []string) (runningCall, bool, error) {
	for _, name := range tables {
		rows, err := db.Rows(ctx, `
			SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
			FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE c.oid = pg_catalog.to_regclass($1)`, name)
		if err != nil {
			return runningCall{}, false, err
		}
		if len(rows) == 0 {
			continue // the preflight says so
		}
		if call, runs := l.of(rows[0]["name"].(string)); runs {
			return call, true, nil
		}
	}
	return runningCall{}, false, nil
}
