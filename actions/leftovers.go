package actions

import (
	"context"
	"fmt"
	"strings"
	"time"

	"runbook/engine"
)

// leftovers are what concurrent distributions have in the cluster beside the
// tables themselves.
type leftovers struct {
	Running []runningCall // at most one, while Citus allows no more
	Failed  []failedCall  // what calls that have ended without success have left
}

// runningCall is a concurrent distribution that is under way, its client there or
// gone.
type runningCall struct {
	PID         int64
	Table       string // its full name, "" until the call has locked it
	Application string // "" where the role may not see it
	For         time.Duration
}

// failedCall is what one operation of Citus has left, by kind.
type failedCall struct {
	Operation     int64
	Table         string   // its full name, "" when Citus does not know it any more
	Shards        int64    // the copies that it had begun, whole or not
	Subscriptions []string // the names of those of the workers to the table's changes; several have the same
	Slots         []string // that the changes come from
	Active        int64    // slots that a worker reads from now
	Others        int64    // subscriptions, publications and roles
}

// readLeftovers asks what concurrent distributions of this database run and what
// failed ones have left. It only reads, and any role may.
//
// Note: that a call runs is asked of pg_locks. Its text in pg_stat_activity is
// hidden from other roles, and is not there when a function makes the call.
func readLeftovers(ctx context.Context, db catalog) (leftovers, error) {
	var l leftovers
	var err error
	if l.Running, err = runningCalls(ctx, db); err != nil {
		return l, engine.Explain("look for concurrent distributions that run", err)
	}
	if db.Run().Engine != "citus" { // the stand-in works in one transaction and leaves nothing
		return l, nil
	}
	l.Failed, err = failedCalls(ctx, db, notUnderWay)
	return l, engine.Explain("look for what failed concurrent distributions have left", err)
}

// callLocks are the conditions on pg_locks that tell the lock of a concurrent
// distribution, which a database has one of: the number 2 among Citus's
// operations, and the hash that the stand-in takes.
var callLocks = map[string]string{
	"citus": "l.classid = 0 AND l.objid = 2 AND l.objsubid = 9",
	"stand-in": `l.objsubid = 1 AND l.classid::bigint = pg_catalog.hashtext('create_distributed_table_concurrently')::bigint >> 32 & 4294967295
		AND l.objid::bigint = pg_catalog.hashtext('create_distributed_table_concurrently')::bigint & 4294967295`,
}

func runningCalls(ctx context.Context, db catalog) ([]runningCall, error) {
	lock, known := callLocks[db.Run().Engine]
	if !known {
		return nil, nil
	}
	// The table is the one that the call keeps other DDL from.
	rows, err := db.Rows(ctx, `
		SELECT l.pid::bigint AS pid, coalesce(a.application_name, '') AS application, clock_timestamp() - a.query_start AS age,
		       coalesce((SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
		                 FROM pg_catalog.pg_locks r JOIN pg_catalog.pg_class c ON c.oid = r.relation
		                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		                 WHERE r.pid = l.pid AND r.locktype = 'relation' AND r.database = l.database
		                   AND r.mode = 'ShareUpdateExclusiveLock' AND c.relkind IN ('r', 'p') AND n.nspname <> 'pg_catalog'
		                 ORDER BY c.oid LIMIT 1), '') AS table
		FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted
		  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
		  AND `+lock)
	if err != nil {
		return nil, err
	}
	var calls []runningCall
	for _, r := range rows {
		c := runningCall{PID: r["pid"].(int64), Table: r["table"].(string), Application: r["application"].(string)}
		c.For, _ = r["age"].(time.Duration)
		calls = append(calls, c)
	}
	return calls, nil
}

// notUnderWay are the records of operations that have ended: one that is under way
// holds an advisory lock on its number, and so does whoever clears what it left.
const notUnderWay = `NOT EXISTS (
	SELECT 1 FROM pg_catalog.pg_locks l
	WHERE l.locktype = 'advisory' AND l.objsubid = 10 AND l.classid::bigint << 32 | l.objid::bigint = c.operation_id
	  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))`

// failedCalls reads the records c that Citus keeps for its clean-up. Those of
// policy 2 are of calls that ended well.
func failedCalls(ctx context.Context, db catalog, condition string, args ...any) ([]failedCall, error) {
	rows, err := db.Rows(ctx, `
		SELECT c.operation_id AS operation,
		       count(*) FILTER (WHERE c.object_type = 1) AS shards,
		       array_agg(DISTINCT c.object_name) FILTER (WHERE c.object_type = 2) AS subscriptions,
		       array_agg(DISTINCT c.object_name) FILTER (WHERE c.object_type = 3) AS slots,
		       count(*) FILTER (WHERE c.object_type IN (2, 4, 5)) AS others,
		       (SELECT count(*) FROM pg_catalog.pg_replication_slots s
		        WHERE s.active AND s.database = pg_catalog.current_database()
		          AND s.slot_name = ANY (array_agg(c.object_name) FILTER (WHERE c.object_type = 3))) AS active,
		       coalesce((SELECT pg_catalog.format('%I.%I', n.nspname, t.relname)
		                 FROM pg_dist_shard d JOIN pg_catalog.pg_class t ON t.oid = d.logicalrelid
		                 JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
		                 WHERE d.shardid::text = ANY (array_agg(substring(c.object_name FROM '_(\d+)"?$')) FILTER (WHERE c.object_type = 1))
		                 LIMIT 1), '') AS table
		FROM pg_dist_cleanup c
		WHERE c.policy_type IN (0, 1) AND `+condition+`
		GROUP BY c.operation_id ORDER BY c.operation_id`, args...)
	if err != nil {
		return nil, err
	}
	var calls []failedCall
	for _, r := range rows {
		c := failedCall{Operation: r["operation"].(int64), Table: r["table"].(string), Subscriptions: texts(r["subscriptions"]), Slots: texts(r["slots"])}
		c.Shards, c.Others, c.Active = r["shards"].(int64), r["others"].(int64), r["active"].(int64)
		calls = append(calls, c)
	}
	return calls, nil
}

// texts are the elements of a text array, none of NULL.
func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, e.(string))
	}
	return out
}

// of is the call on a table, or one whose table is not known yet.
func (l leftovers) of(table string) (runningCall, bool) {
	for _, c := range l.Running {
		if c.Table == table || c.Table == "" {
			return c, true
		}
	}
	return runningCall{}, false
}

// String says who it is: backend 7414 (runbook/…), for 2m10s.
func (c runningCall) String() string {
	text := fmt.Sprintf("backend %d", c.PID)
	if c.Application != "" {
		text += " (" + c.Application + ")"
	}
	if c.For > 0 {
		text += fmt.Sprintf(", for %s", round(c.For))
	}
	return text
}

// String says what there is: 66 unfinished shards, 2 replication slots (2 in use),
// 6 other objects of the call on public.orders.
func (c failedCall) String() string {
	var parts []string
	add := func(n int64, noun string) {
		if n > 0 {
			parts = append(parts, count(n, noun))
		}
	}
	add(c.Shards, "unfinished shard")
	add(int64(len(c.Slots)), "replication slot")
	if c.Active > 0 && len(parts) > 0 {
		parts[len(parts)-1] += fmt.Sprintf(" (%d in use)", c.Active)
	}
	add(c.Others, "other object")
	text := strings.Join(parts, ", ")
	if c.Table != "" {
		text += " of the call on " + c.Table
	}
	return text
}
