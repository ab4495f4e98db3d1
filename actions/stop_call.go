package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"runbook/engine/event"
)

// stopping is a concurrent call that is to end before it is done.
type stopping struct {
	x      *distribution
	pid    uint32 // of its backend
	cancel context.CancelCauseFunc
	ended  chan error // takes the call's error
}

// switchGrace is how long a switch-over that holds the writers may take to end by
// itself. It takes a moment, and stopping it would hold them for longer.
const switchGrace = 15 * time.Second

// stop ends the call because ctx has ended, and returns what became of it.
//
// Until all rows are copied nothing replicates, and the call is cancelled at
// once. From then on the replication is ended first: see replication.end. Where
// the role may not do that, the call is left to end by itself.
func (s *stopping) stop(ctx context.Context) error {
	cause := context.Cause(ctx)
	ctx = context.WithoutCancel(ctx)
	replicating := []callPhase{catchingUp, holding, switching}
	if !slices.Contains(replicating, s.x.progress.phase()) || s.x.env.Run().Engine != "citus" { // the stand-in replicates nothing
		return s.cancelled(cause)
	}
	db, err := newBeside(ctx, s.x.env, 5*time.Second)
	if err == nil && s.holdsWriters(ctx, db) {
		s.tell("letting the switch-over end, which is under way")
		select {
		case err := <-s.ended:
			return s.cameToEnd(cause, err)
		case <-time.After(switchGrace):
		}
	}
	s.tell("ending the replication, then cancelling the call")
	if err == nil {
		err = s.endReplication(ctx, db)
	}
	if err != nil {
		s.warn(fmt.Sprintf("not cancelled, since that can crash the coordinator while rows are replicated: %s. The call is left to end by itself", err))
		return s.cameToEnd(cause, <-s.ended)
	}
	return s.cancelled(cause)
}

// holdsWriters says whether the call has the lock that stops writers, which it
// waits for as long as transactions that have written are open.
func (s *stopping) holdsWriters(ctx context.Context, db catalog) bool {
	rows, err := db.Rows(ctx, `
		SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks
		               WHERE pid = $1 AND locktype = 'advisory' AND objsubid = 4 AND mode = 'ExclusiveLock' AND granted) AS holds`, int64(s.pid))
	return err == nil && rows[0]["holds"] == true
}

func (s *stopping) endReplication(ctx context.Context, db catalog) error {
	r, err := replicationOf(ctx, db, s.pid)
	if err != nil {
		return err
	}
	return r.end(ctx, db)
}

// cancelled cancels the call through the server and waits until it has stopped.
func (s *stopping) cancelled(cause error) error {
	s.cancel(cause)
	return s.cameToEnd(cause, <-s.ended)
}

// cameToEnd is what became of a call that was to be stopped for cause. One that
// has succeeded all the same stops the step nevertheless.
func (s *stopping) cameToEnd(cause, err error) error {
	switch {
	case err == nil:
		return fmt.Errorf("%w: the call had ended well before it could be cancelled", cause)
	case errors.Is(err, cause):
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// tell and warn put something on record; a sink's error stops the run anyway.
func (s *stopping) tell(phase string) {
	_ = s.x.env.Emit(event.Progress{Step: s.x.env.Step(), Phase: phase})
}

func (s *stopping) warn(text string) {
	_ = s.x.env.Emit(event.Warning{Step: s.x.env.Step(), Text: text})
}
