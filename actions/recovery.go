package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"runbook/engine"
)

// recoveryLimit bounds what is done after a failure, before the step ends.
const recoveryLimit = 2 * time.Minute

// left says in which state a failed call has left the table, clears what it has
// left beside it, and brings back the foreign keys if the table is the one from
// before.
func (x *distribution) left(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recoveryLimit)
	defer cancel()
	f := &engine.Failed{Message: "distribute " + x.table.Name, Err: err}
	var inner *engine.Failed // who was in the way, for one
	if errors.As(err, &inner) {
		f.Hint, f.Operands, f.Notes = inner.Hint, inner.Operands, slices.Clone(inner.Notes)
	}
	if rollbackErr := x.env.Rollback(ctx); rollbackErr != nil {
		return err
	}
	db, lookErr := newBeside(ctx, x.env, 30*time.Second)
	var now tableState
	if lookErr == nil {
		now, lookErr = readTable(ctx, db, x.Table)
	}
	if lookErr != nil {
		f.Notes = append(f.Notes,
			"its state now could not be read: "+lookErr.Error(),
			"the step can be run again when the server answers: it reads the state, waits for a call that runs, and clears what a failed one has left")
		return f
	}
	x.result.After = now.Kind
	f.Notes = append(f.Notes, fmt.Sprintf("state now: %s is %s (it was %s)", now.Name, now.describe(), x.table.describe()))
	running, notes := x.recover(ctx, db, now)
	f.Notes = append(f.Notes, notes...)
	if running { // nothing of it is to be touched
		return f
	}
	if restored, restoreErr := restoreKeys(ctx, x.env, x.attempts); restoreErr != nil {
		f.Notes = append(f.Notes, "foreign keys not brought back: "+restoreErr.Error())
	} else if len(restored) > 0 {
		x.result.Restored = restored
		f.Notes = append(f.Notes, "brought back: "+strings.Join(restored, ", "))
	}
	return f
}

// recover clears what the failed call has left, unless it runs on without its
// client, and says what is to be done.
func (x *distribution) recover(ctx context.Context, db catalog, now tableState) (running bool, notes []string) {
	l, err := x.settled(ctx, db)
	if err != nil {
		return false, []string{"what the call has left could not be read: " + err.Error()}
	}
	if call, runs := l.of(now.Name); runs {
		return true, []string{
			fmt.Sprintf("the call runs on without its client, in %s, and ends by itself; until then %s takes reads and writes, and no DDL", call, now.Name),
			"the step can be run again: it waits for that call",
		}
	}
	if note := clearNote(ctx, db, l.Failed); note != "" {
		notes = append(notes, note)
	}
	switch now.Kind {
	case distributed:
		notes = append(notes, "the call has done its work; run again, the step checks it and goes on")
	case citusLocal:
		notes = append(notes, "reads and writes go on as before, no row is lost; the step can be run again, and undistribute makes it an ordinary table")
	case local:
		notes = append(notes, "nothing has changed; the step can be run again")
	}
	return false, notes
}

// settled reads the leftovers when the failed call has gone from the server, or
// after a moment when it has not: a backend that was terminated needs one.
func (x *distribution) settled(ctx context.Context, db catalog) (leftovers, error) {
	const moment, every = 3 * time.Second, 100 * time.Millisecond
	for began := time.Now(); ; {
		l, err := readLeftovers(ctx, db)
		if err != nil {
			return l, err
		}
		if _, runs := l.of(x.table.Name); !runs || time.Since(began) > moment {
			return l, nil
		}
		select {
		case <-ctx.Done():
			return l, context.Cause(ctx)
		case <-time.After(every):
		}
	}
}
