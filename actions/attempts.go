package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"runbook/engine"
	"runbook/engine/postgres"
)

// attempts runs DDL that stalls the application while it waits for its lock: it
// waits a moment only, gives up, lets the application go on, and tries again when
// the transactions that were in its way are over. The lock_timeout stays below
// deadlock_timeout, so that in a deadlock this side gives up and never a writer
// of the application.
type attempts struct {
	env         *engine.Env
	lockTimeout time.Duration
	limit       time.Duration
	retries     int // attempts given up, of all runs
	holders     *holders
}

// between is the least rest between two attempts, in which the queue behind the
// lock drains.
const between = 250 * time.Millisecond

// run executes the statements in one transaction, again until it gets its locks
// or the limit is over.
func (a *attempts) run(ctx context.Context, what string, statements ...string) error {
	if err := a.openHolders(ctx); err != nil {
		return err
	}
	began := time.Now()
	for try := 1; ; try++ {
		held := a.holders.during(ctx, a.lockTimeout/2)
		err := a.once(ctx, statements)
		inTheWay := held()
		if err == nil || !givesWay(err) {
			return err
		}
		left := a.limit - time.Since(began)
		if left < between {
			return a.gaveUp(what, try, inTheWay, err)
		}
		a.retries++
		if err := a.env.Retrying(a.retries, between, err); err != nil {
			return err
		}
		if err := a.holders.outlast(ctx, inTheWay, left); err != nil {
			return err
		}
	}
}

// openHolders connects the session that looks who is in the way, once for all
// attempts.
func (a *attempts) openHolders(ctx context.Context) (err error) {
	if a.holders == nil {
		a.holders, err = newHolders(ctx, a.env)
	}
	return err
}

func (a *attempts) gaveUp(what string, tries int, inTheWay []holder, err error) error {
	f := &engine.Failed{
		Message: fmt.Sprintf("no moment in %s in which %s could be locked, in %s", a.limit, what, count(int64(tries), "attempt")), Err: err,
		Hint: "pause the longest writers for a moment, or raise lock_for",
	}
	for _, h := range inTheWay {
		f.Notes = append(f.Notes, "held by "+h.String())
	}
	return f
}

func (a *attempts) once(ctx context.Context, statements []string) error {
	err := a.env.Exec(ctx, append([]string{"BEGIN", fmt.Sprintf("SET LOCAL lock_timeout = %d", a.lockTimeout.Milliseconds())}, statements...)...)
	if err == nil {
		err = a.env.Exec(ctx, "COMMIT")
	}
	if err != nil {
		return errors.Join(err, a.env.Rollback(ctx))
	}
	return nil
}

// givesWay says that a statement failed because someone else held the lock.
func givesWay(err error) bool {
	var pg *postgres.Error
	return errors.As(err, &pg) && (pg.SQLSTATE == "55P03" || pg.SQLSTATE == "40P01")
}
