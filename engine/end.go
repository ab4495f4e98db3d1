package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"runbook/engine/event"
)

// settled looks at what the steps have left behind: a run cannot end well with
// an open transaction or an open ledger entry.
func (x *executor) settled(ctx context.Context, err error) error {
	left := x.openTransactions(ctx)
	checking, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	checkErr := x.settleReturned(checking, "")
	if err != nil {
		return err // what the catalog check found is on record; if it failed, the entries stay open
	}
	if checkErr == nil {
		checkErr = x.forgo(checking)
	}
	if checkErr != nil {
		return checkErr
	}
	if left != "" {
		return &Failed{Message: fmt.Sprintf("the steps left a transaction open on connection %s; it was rolled back", left), Hint: "add a step that says COMMIT"}
	}
	if open := x.ledger.entries(); len(open) > 0 {
		return &Failed{
			Message: fmt.Sprintf("the steps dropped what they did not bring back: %s", ids(open)),
			Hint:    "add the step that brings it back; where a constraint is to be gone, say for_good: true beside the statement that drops it",
		}
	}
	return nil
}

// openTransactions rolls back what is open and names one connection of it.
func (x *executor) openTransactions(ctx context.Context) string {
	found := ""
	for _, name := range x.conns.names() {
		if s := x.conns.existing(name); s != nil && s.InTransaction() {
			found = name
			_ = x.rollback(ctx, name) // a session that cannot is closed, which rolls back too
		}
	}
	return found
}

// finish puts the end on record and says by its error how it was.
func (x *executor) finish(err error) error {
	end := x.counts
	end.Duration = event.Duration(time.Since(x.began))
	end.Open = x.ledger.entries()
	if err != nil {
		end.Left = x.account.left()
	}
	var sentinel error
	end.Status, sentinel = outcome(err)
	var told *toldError
	if err != nil && !errors.As(err, &told) {
		end.Failure = failureOf(nil, err)
	}
	if sinkErr := x.emit(end); sinkErr != nil {
		return fmt.Errorf("%w: %w", ErrFailed, sinkErr)
	}
	if sentinel != nil {
		return fmt.Errorf("%w: %w", sentinel, err)
	}
	return nil
}

// outcome is how a run or a setup with this error ended, and what its error can
// be tested for.
func outcome(err error) (event.Status, error) {
	switch {
	case err == nil:
		return event.Done, nil
	case lost(err), errors.Is(err, ErrInDoubt):
		return event.Unknown, ErrInDoubt
	case errors.Is(err, ErrInterrupted):
		return event.Interrupted, ErrInterrupted
	case errors.Is(err, ErrNotReady):
		return event.Failed, ErrNotReady
	default:
		return event.Failed, ErrFailed
	}
}

// toldError is a failure that is on record already.
type toldError struct {
	err  error
	step string // its id, or where it stands
}

func (e *toldError) Error() string { return e.err.Error() }
func (e *toldError) Unwrap() error { return e.err }
