package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	met         []holder // who was in the way, of all runs
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
	hurry := false    // an autovacuum out of the way
	var seen []holder // when somebody last was
	for try := 1; ; try++ {
		held := a.holders.during(ctx, a.lockTimeout)
		err := a.once(ctx, hurry, statements)
		inTheWay := held()
		if err == nil || !givesWay(err) {
			return err
		}
		if len(inTheWay) > 0 {
			seen, a.met = inTheWay, append(a.met, inTheWay...)
		}
		left := a.limit - time.Since(began)
		if left < between {
			return a.gaveUp(what, try, seen, err)
		}
		a.retries++
		if err := a.env.Retrying(a.retries, between, err); err != nil {
			return err
		}
		if hurry = a.holders.superuser && yielding(inTheWay); hurry {
			inTheWay = nil
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

func (a *attempts) once(ctx context.Context, hurry bool, statements []string) error {
	err := a.env.Exec(ctx, slices.Concat([]string{"BEGIN"}, a.bounded(hurry, statements))...)
	if err == nil {
		err = a.env.Exec(ctx, "COMMIT")
	}
	if err != nil {
		return errors.Join(saidThere(err), a.env.Rollback(ctx))
	}
	return nil
}

// bounded adds to the statements the settings that bound how long an attempt waits
// for a lock. Citus sends DDL of distributed tables to their shards, and LOCK TABLE
// to all nodes, where somebody who reads or writes through another node is in the
// way and not here; told to, it sends the bound along.
//
// Note: a call that copies rows is not bound there. Late in it Citus asks for locks
// of shards and of referenced rows; giving up then would lose the copy, which the
// next attempt would make again. A conversion asks for none there. So what comes
// before a call is bound, and the bound lifted where it was sent to.
//
// An autovacuum gives way to whom the server finds waiting for deadlock_timeout,
// 1 s, and to nobody before. To hurry, that time is made a part of lock_timeout:
// then it gives way within the attempt. Only a superuser may.
func (a *attempts) bounded(hurry bool, statements []string) []string {
	bound := fmt.Sprintf("SET LOCAL lock_timeout = %d", a.lockTimeout.Milliseconds())
	list := []string{bound}
	if hurry {
		list = append(list, fmt.Sprintf("SET LOCAL deadlock_timeout = %d", max(a.lockTimeout.Milliseconds()/4, 1)))
	}
	call := slices.IndexFunc(statements, func(sql string) bool { return strings.HasPrefix(sql, "SELECT ") })
	locks := func(sql string) bool { return !strings.HasPrefix(sql, "SET LOCAL ") }
	if a.env.Run().Engine != "citus" || call >= 0 && !slices.ContainsFunc(statements[:call], locks) {
		return append(list, statements...)
	}
	list = append([]string{"SET LOCAL citus.propagate_set_commands = 'local'"}, list...)
	if call < 0 {
		return append(list, statements...)
	}
	lift := []string{"SET LOCAL lock_timeout = 0", "SET LOCAL citus.propagate_set_commands = 'none'", bound}
	return slices.Concat(list, statements[:call], lift, statements[call:])
}

// yielding says whether nobody is in the way but autovacuums that give way. Right
// after rows were copied to new shards there is one on each.
func yielding(list []holder) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(h holder) bool { return !h.Yields })
}

// givesWay says that a statement failed because someone else held the lock, here or
// on a worker: what was said there has the same SQLSTATE here, and the worker as
// its context.
func givesWay(err error) bool {
	var pg *postgres.Error
	return errors.As(err, &pg) && (pg.SQLSTATE == "55P03" || pg.SQLSTATE == "40P01")
}

// saidThere is an error of LOCK TABLE in the words of the worker that the lock was
// not had on. Citus makes a warning of them, and then fails with an XX000 that
// stands for whatever can go wrong on a node, and names it.
func saidThere(err error) error {
	var st *engine.StatementError
	if !errors.As(err, &st) {
		return err
	}
	pg, answered := st.Err.(*postgres.Error)
	if !answered || pg.SQLSTATE != "XX000" {
		return err
	}
	for _, w := range pg.Warnings {
		if w.SQLSTATE == "55P03" {
			there := &postgres.Error{SQLSTATE: w.SQLSTATE, Severity: pg.Severity, Message: w.Message, Where: pg.Message, Statement: pg.Statement}
			return &engine.StatementError{Statement: st.Statement, Connection: st.Connection, Err: there}
		}
	}
	return err
}
