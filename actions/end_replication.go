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

// errMayNot says that the role may not end the replication of a call.
var errMayNot = errors.New("only a superuser may end the replication between the nodes")

// replication is what carries the changes of a table to the shards that a
// concurrent distribution fills.
type replication struct{ subscriptions, slots []string }

// replicationOf is that of the call which a backend runs; empty when it has ended
// or has not come so far.
func replicationOf(ctx context.Context, db catalog, pid uint32) (replication, error) {
	rows, err := db.Rows(ctx, `
		SELECT array_agg(DISTINCT c.object_name) FILTER (WHERE c.object_type = 2) AS subscriptions,
		       array_agg(DISTINCT c.object_name) FILTER (WHERE c.object_type = 3) AS slots
		FROM pg_dist_cleanup c JOIN pg_catalog.pg_locks l ON l.classid::bigint << 32 | l.objid::bigint = c.operation_id
		WHERE l.locktype = 'advisory' AND l.objsubid = 10 AND l.pid = $1
		  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`, int64(pid))
	if err != nil {
		return replication{}, engine.Explain("look for the replication of the call", err)
	}
	return replication{texts(rows[0]["subscriptions"]), texts(rows[0]["slots"])}, nil
}

// end ends it for good: the subscriptions are disabled on every node and the
// slots dropped, so that nothing decodes changes for the call any more. It is
// errMayNot when the role may not and something still reads.
//
// Note: Citus drops the shards first, then the subscriptions, then the slots. A
// slot that is read from then decodes the next write to the table for a shard that
// is not there, and the coordinator crashes with all its sessions (13.2.2, 3 of 5
// trials with busy writers). Disabled alone, a subscription whose worker waits for
// a lock goes on reading; and a node that does not answer now cannot be told, but
// without its slot it has nothing to read from when it is back.
func (r replication) end(ctx context.Context, db catalog) error {
	if len(r.subscriptions)+len(r.slots) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("it did not end in 30s"))
	defer cancel()
	disableErr := r.disable(ctx, db)
	for {
		there, active, err := r.drop(ctx, db)
		switch {
		case err == nil && there == 0, mayNot(err) && disableErr == nil && active == 0:
			return nil
		case mayNot(err) && disableErr != nil:
			return r.idle(ctx, db, active, errors.Join(errMayNot, err, disableErr))
		case err != nil && !inUse(err) && !mayNot(err):
			return engine.Explain("end the replication of the call", errors.Join(err, disableErr))
		}
		select {
		case <-ctx.Done():
			return engine.Explain("end the replication of the call", errors.Join(context.Cause(ctx), err, disableErr))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// disable disables the subscriptions on every node. Its error says where that did
// not work and why.
func (r replication) disable(ctx context.Context, db catalog) error {
	rows, err := db.Rows(ctx, "SELECT n.nodeid::bigint AS node, n.success AS done, n.result AS said FROM run_command_on_all_nodes($1) n", r.inEach(
		"EXECUTE pg_catalog.format('ALTER SUBSCRIPTION %I DISABLE', s);"))
	if err != nil {
		return err
	}
	var errs []error
	for _, row := range rows {
		if row["done"] != true {
			errs = append(errs, fmt.Errorf("node %d: %v", row["node"], row["said"]))
		}
	}
	return errors.Join(errs...)
}

// inEach is a DO block that does something with each subscription s that the node
// has. The names in pg_subscription are those of all databases.
func (r replication) inEach(do string) string {
	return `DO $runbook$ DECLARE s name; BEGIN
		FOR s IN SELECT subname FROM pg_catalog.pg_subscription
			WHERE subname IN (` + literals(r.subscriptions) + `) AND subenabled
			  AND subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
		LOOP ` + do + ` END LOOP; END $runbook$`
}

// drop ends who reads from the slots and drops those that nobody reads from, and
// counts what there is then.
func (r replication) drop(ctx context.Context, db catalog) (there, active int64, err error) {
	slots := "slot_name IN (" + literals(r.slots) + ") AND database = pg_catalog.current_database()"
	for _, sql := range []string{
		"SELECT pg_catalog.pg_terminate_backend(active_pid) FROM pg_catalog.pg_replication_slots WHERE active AND " + slots,
		"SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE NOT active AND " + slots,
	} {
		if _, sqlErr := db.Rows(ctx, sql); sqlErr != nil {
			err = sqlErr
		}
	}
	rows, countErr := db.Rows(ctx, "SELECT count(*) AS there, count(*) FILTER (WHERE active) AS active FROM pg_catalog.pg_replication_slots WHERE "+slots)
	if countErr != nil {
		return 0, 0, countErr
	}
	return rows[0]["there"].(int64), rows[0]["active"].(int64), err
}

// idle takes the error back when nothing reads from the slots, nor will: all
// subscriptions are disabled as they are until a call has copied all rows.
func (r replication) idle(ctx context.Context, db catalog, active int64, mayNot error) error {
	if active > 0 {
		return mayNot
	}
	rows, err := db.Rows(ctx, "SELECT bool_and(n.success) AS idle FROM run_command_on_all_nodes($1) n", r.inEach("RAISE '% is enabled', s;"))
	if err != nil {
		return errors.Join(mayNot, err)
	}
	if rows[0]["idle"] != true {
		return mayNot
	}
	return nil
}

// literals are names as a list for IN, which is not empty.
func literals(names []string) string {
	list := []string{"NULL"}
	for _, n := range names {
		if text, err := postgres.Literal(n); err == nil { // a name with a NUL byte is none
			list = append(list, text)
		}
	}
	return strings.Join(list, ", ")
}

// inUse says that somebody began to read from a slot before it could be dropped.
func inUse(err error) bool {
	var pg *postgres.Error
	return errors.As(err, &pg) && pg.SQLSTATE == "55006"
}

// mayNot says that the role lacks a right.
func mayNot(err error) bool {
	var pg *postgres.Error
	return errors.As(err, &pg) && pg.SQLSTATE == "42501"
}
