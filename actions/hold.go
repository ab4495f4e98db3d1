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
// a lock on the view pg_stat_subscription on every worker: the call asks that once a
// second, and goes no further until it gets an answer. Replication goes on
// meanwhile, and so do reads and writes of tables; what waits is whoever else reads
// that view. It is let go when its session ends, should this program be killed.
//
// Note: the catalog under the view must stay free. A session that begins when the
// server's cache of catalogs has just been dropped, as after an ANALYZE of one,
// opens them all, and would wait for as long as the hold lasts; with it the
// application, whose statements reach the workers in sessions of Citus. LOCK TABLE
// takes what is under a view as well, giving the view to the owner that it has
// takes the view alone and changes nothing. As ALTER VIEW, Citus would have it wait
// for a weaker lock first, together with the call.
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

// take returns when one worker, or every worker where that is "", has the hold, or
// has it in the queue behind one that it has.
func (h *hold) take(ctx context.Context, observer *postgres.Session, worker string) error {
	holding, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.cancel, h.ended = cancel, make(chan error, 1)
	ended := h.ended
	go func() { ended <- h.lock(holding, worker) }()
	ctx, done := context.WithTimeoutCause(ctx, holdTimeout, errors.New("not every worker was in the queue for the lock in time"))
	defer done()
	for {
		there, err := h.there(ctx, observer, worker)
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
func (h *hold) lock(ctx context.Context, worker string) error {
	mine := "true"
	if text, err := postgres.Literal(worker); err == nil && worker != "" {
		mine = text + ` = (SELECT nodename || ':' || nodeport FROM pg_catalog.pg_dist_node JOIN pg_catalog.pg_dist_local_group USING (groupid) WHERE noderole = 'primary')`
	}
	r, err := h.session.Query(ctx, "SELECT nodename || ':' || nodeport, success, result FROM pg_catalog.run_command_on_workers($1)", `
		DO $runbook$ BEGIN
			IF NOT (`+mine+`) THEN RETURN; END IF;
			SET LOCAL client_connection_check_interval = '500ms';
			SET LOCAL statement_timeout = 0;
			SET LOCAL lock_timeout = 0;
			SET LOCAL allow_system_table_mods = on;
			SET LOCAL session_replication_role = replica; -- no event triggers
			EXECUTE pg_catalog.format('ALTER TABLE pg_catalog.pg_stat_subscription OWNER TO %I',
				(SELECT pg_catalog.pg_get_userbyid(relowner) FROM pg_catalog.pg_class WHERE oid = 'pg_catalog.pg_stat_subscription'::pg_catalog.regclass));
		END $runbook$;
		DO $runbook$ BEGIN
			IF `+mine+` THEN PERFORM pg_catalog.pg_sleep('infinity'::float8); END IF;
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

// there says whether the worker, or every one, has the hold, or has it in the queue.
func (h *hold) there(ctx context.Context, observer *postgres.Session, worker string) (bool, error) {
	r, err := observer.Query(ctx, `
		SELECT coalesce(pg_catalog.bool_and(success AND result = '1'), false)
		FROM pg_catalog.run_command_on_workers($1) WHERE $2 IN ('', nodename || ':' || nodeport)`, `
		SELECT count(*) FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		WHERE l.relation = 'pg_catalog.pg_stat_subscription'::pg_catalog.regclass AND l.mode = 'AccessExclusiveLock'
		  AND a.application_name = '`+h.name+`'`, worker)
	return err == nil && r.Rows[0][0] == true, err
}

// letGo has the workers let go, which they have done within milliseconds; that all
// is cleared away takes ten times as long.
func (h *hold) letGo() { h.cancel() }

// end lets go, and returns when all is cleared away. It is in order to end a hold
// that is none.
func (h *hold) end() {
	if h == nil || h.ended == nil {
		return
	}
	h.letGo()
	<-h.ended
	h.ended = nil
}
