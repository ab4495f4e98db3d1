package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/postgres"
)

// hold keeps a concurrent call from seeing that the new shards have caught up, by
// a lock on the catalog of subscriptions on every worker: the call asks the view
// of it once a second, and goes no further until it gets an answer. Replication
// goes on meanwhile, and so do reads and writes of tables; what waits is whoever
// else reads that catalog. It is let go when its session ends, should this program
// be killed.
type hold struct {
	session *postgres.Session
	name    string // of its sessions on the workers
	cancel  context.CancelFunc
	ended   chan error // takes what became of it
}

// holdTimeout is how long a hold may take to be in the queue for its lock.
const holdTimeout = 10 * time.Second

// newHold connects, and holds nothing.
func newHold(ctx context.Context, env *engine.Env, name string) (*hold, error) {
	session, err := env.Side(ctx, name)
	if err != nil {
		return nil, err
	}
	// The step's timeouts are made for its statements. A server looks after a
	// client that is gone only if it is told to.
	r, err := session.Query(ctx, `
		SELECT 'citus_run_command gpid=' || pg_catalog.citus_backend_gpid(),
		       pg_catalog.set_config('statement_timeout', '0', false), pg_catalog.set_config('lock_timeout', '0', false),
		       pg_catalog.set_config('client_connection_check_interval', '500ms', false)`)
	if err != nil {
		return nil, err
	}
	return &hold{session: session, name: postgres.FormatValue(r.Rows[0][0])}, nil
}

// take returns when every worker has the hold, or has it in the queue behind one
// that it has.
func (h *hold) take(ctx context.Context, observer *postgres.Session) error {
	holding, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.cancel, h.ended = cancel, make(chan error, 1)
	ended := h.ended
	go func() { ended <- h.lock(holding) }()
	ctx, done := context.WithTimeoutCause(ctx, holdTimeout, errors.New("not every worker was in the queue for the lock in time"))
	defer done()
	for {
		there, err := h.there(ctx, observer)
		if there || err != nil && !passing(err) {
			return err
		}
		select {
		case err := <-ended:
			h.ended = nil
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// lock returns when the hold has ended. A worker begins to look after its client, and
// lets go of statement_timeout, when a statement begins: the one that waits is
// therefore the second of two. Only of the first does Citus say how it failed.
func (h *hold) lock(ctx context.Context) error {
	r, err := h.session.Query(ctx, "SELECT nodename || ':' || nodeport, success, result FROM pg_catalog.run_command_on_workers($1)", `
		DO $runbook$ BEGIN
			SET LOCAL client_connection_check_interval = '500ms';
			SET LOCAL statement_timeout = 0;
			SET LOCAL lock_timeout = 0;
			LOCK TABLE pg_catalog.pg_subscription IN ACCESS EXCLUSIVE MODE;
		END $runbook$;
		DO $runbook$ BEGIN
			PERFORM pg_catalog.pg_sleep('infinity'::float8);
		END $runbook$`)
	if err != nil {
		return err
	}
	for _, row := range r.Rows {
		if row[1] != true {
			return fmt.Errorf("%s: %s", row[0], strings.TrimPrefix(postgres.FormatValue(row[2]), "ERROR:  "))
		}
	}
	return errors.New("it ended by itself")
}

// there says whether every worker has the hold, or has it in the queue.
func (h *hold) there(ctx context.Context, observer *postgres.Session) (bool, error) {
	r, err := observer.Query(ctx, "SELECT coalesce(pg_catalog.bool_and(success AND result = '1'), false) FROM pg_catalog.run_command_on_workers($1)", `
		SELECT count(*) FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		WHERE l.relation = 'pg_catalog.pg_subscription'::pg_catalog.regclass AND l.mode = 'AccessExclusiveLock'
		  AND a.application_name = '`+h.name+`'`)
	return err == nil && r.Rows[0][0] == true, err
}

// end lets go, and returns when the workers have. It is in order to end a hold
// that is none.
func (h *hold) end() {
	if h == nil || h.ended == nil {
		return
	}
	h.cancel()
	<-h.ended
	h.ended = nil
}
