package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// checkReplication counts what logical replication needs of the coordinator and of
// each node that gets shards. Where a replication slot is missing Citus says so
// after it has converted the table; where any of the others is missing, the call
// waits for it without end.
func (x *distribution) checkReplication(ctx context.Context) ([]finding, error) {
	if !x.onCitus() {
		return nil, nil
	}
	receivers, err := x.receivers(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := x.catalog.Rows(ctx, `
		SELECT current_setting('max_replication_slots')::bigint AS max_slots, current_setting('max_wal_senders')::bigint AS max_senders,
		       (SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE slot_name NOT LIKE 'citus\_shard\_split\_slot\_%') AS slots,
		       (SELECT count(*) FROM pg_catalog.pg_stat_replication
		        WHERE coalesce(application_name, '') NOT LIKE 'citus\_shard\_split\_subscription\_%') AS senders`)
	if err != nil {
		return nil, err
	}
	row, needed := rows[0], int64(len(receivers))
	var found []finding
	if maxSlots := row["max_slots"].(int64); maxSlots-row["slots"].(int64) < needed {
		found = append(found, finding{
			fmt.Sprintf("the coordinator has %s free of %d, and each of the %s that get shards takes one", count(maxSlots-row["slots"].(int64), "replication slot"), maxSlots, count(needed, "node")),
			"drop slots that nobody uses, or raise max_replication_slots and restart the coordinator",
			[]string{"max_replication_slots", "pg_drop_replication_slot"},
		})
	}
	// The one more exports the snapshot that is copied.
	if maxSenders := row["max_senders"].(int64); maxSenders-row["senders"].(int64) < needed+1 && needed > 0 {
		found = append(found, finding{
			fmt.Sprintf("the coordinator has %s free of %d, and the call takes %d", count(maxSenders-row["senders"].(int64), "WAL sender"), maxSenders, needed+1),
			"raise max_wal_senders and restart the coordinator",
			[]string{"max_wal_senders"},
		})
	}
	more, err := x.checkSubscribers(ctx, receivers)
	return append(found, more...), err
}

// receivers are the groups of the nodes that get shards, each with the part of the
// table's rows that it gets if all shards are alike: where the table's neighbours
// lie, else all that take shards.
func (x *distribution) receivers(ctx context.Context) (map[int64]float64, error) {
	parts := map[int64]float64{}
	rows, err := x.catalog.Rows(ctx, `
		WITH placed AS (
		    SELECT s.shardid, p.groupid FROM pg_dist_shard s JOIN pg_dist_placement p USING (shardid)
		    WHERE s.logicalrelid = (SELECT t.logicalrelid FROM pg_dist_partition t WHERE t.logicalrelid = to_regclass(nullif($1, '')) AND t.partmethod = 'h'))
		SELECT groupid::bigint AS group, count(*)::float8 / (SELECT count(DISTINCT shardid) FROM placed) AS part FROM placed GROUP BY groupid`, x.ColocateWith)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		parts[r["group"].(int64)] = r["part"].(float64)
	}
	if len(parts) > 0 {
		return parts, nil
	}
	nodes, err := x.nodes(ctx)
	nodes = slices.DeleteFunc(nodes, func(n node) bool { return !n.Active || !n.Receives })
	for _, n := range nodes {
		parts[n.Group] = 1 / float64(len(nodes))
	}
	return parts, err
}

// capacity is what a node has free for a subscription, which takes one of each.
type capacity struct {
	Group          int64  `json:"group"`
	Workers        int64  `json:"workers"`
	MaxWorkers     int64  `json:"max_workers"`
	Origins        int64  `json:"origins"`
	MaxOrigins     int64  `json:"max_origins"`
	OriginsSetting string `json:"origins_setting"`
	Processes      *int64 `json:"processes"` // nil: the role may not see them
	MaxProcesses   int64  `json:"max_processes"`
}

// capacityQuery does not count what failed calls have left: a step clears that.
const capacityQuery = `
	SELECT json_build_object(
	    'group', (SELECT groupid FROM pg_dist_local_group),
	    'max_workers', current_setting('max_logical_replication_workers')::int,
	    'workers', current_setting('max_logical_replication_workers')::int
	        - (SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL AND subname NOT LIKE 'citus\_shard\_split\_subscription\_%'),
	    'origins_setting', CASE WHEN current_setting('max_active_replication_origins', true) IS NULL THEN 'max_replication_slots' ELSE 'max_active_replication_origins' END,
	    'max_origins', coalesce(current_setting('max_active_replication_origins', true), current_setting('max_replication_slots'))::int,
	    'origins', coalesce(current_setting('max_active_replication_origins', true), current_setting('max_replication_slots'))::int
	        - (SELECT count(*) FROM pg_replication_origin o WHERE NOT EXISTS (
	               SELECT FROM pg_stat_subscription s WHERE o.roname = 'pg_' || s.subid AND s.subname LIKE 'citus\_shard\_split\_subscription\_%')),
	    'max_processes', current_setting('max_worker_processes')::int,
	    'processes', CASE WHEN pg_has_role('pg_read_all_stats', 'usage') THEN current_setting('max_worker_processes')::int
	        - (SELECT count(*) FROM pg_stat_activity
	           WHERE backend_type NOT IN ('client backend', 'walsender', 'autovacuum launcher', 'autovacuum worker', 'background writer', 'checkpointer',
	                                      'walwriter', 'walsummarizer', 'slotsync worker', 'io worker', 'startup', 'archiver', 'walreceiver', 'parallel worker')
	             AND pid NOT IN (SELECT s.pid FROM pg_stat_subscription s WHERE s.pid IS NOT NULL AND s.subname LIKE 'citus\_shard\_split\_subscription\_%')) END)::text AS capacity`

// checkSubscribers looks at the nodes that would follow the table's changes.
func (x *distribution) checkSubscribers(ctx context.Context, receivers map[int64]float64) ([]finding, error) {
	answers, err := x.ask(ctx, capacityQuery)
	if err != nil {
		return nil, err
	}
	var found []finding
	for _, a := range answers {
		var c capacity
		if err := a.decode(&c); err != nil {
			return nil, err
		}
		if a.ok && receivers[c.Group] > 0 {
			found = append(found, x.short("worker "+a.node, c)...)
		}
	}
	if receivers[0] == 0 {
		return found, nil
	}
	rows, err := x.catalog.Rows(ctx, capacityQuery)
	if err != nil {
		return nil, err
	}
	var c capacity
	if err := json.Unmarshal([]byte(rows[0]["capacity"].(string)), &c); err != nil {
		return nil, fmt.Errorf("read the coordinator's capacity: %w", err)
	}
	return append(found, x.short("the coordinator", c)...), nil
}

// short lists what a node has none left of.
func (x *distribution) short(node string, c capacity) []finding {
	var found []finding
	lack := func(what, setting string, limit int64) {
		found = append(found, finding{
			fmt.Sprintf("%s has no %s free (%s = %d): the call would wait for one without end", node, what, setting, limit),
			fmt.Sprintf("raise %s there and restart it", setting),
			[]string{setting},
		})
	}
	if c.Workers < 1 {
		lack("logical replication worker", "max_logical_replication_workers", c.MaxWorkers)
	}
	if c.Origins < 1 {
		lack("replication origin", c.OriginsSetting, c.MaxOrigins)
	}
	switch {
	case c.Processes == nil:
		x.note("this role may not see the processes of %s, which has to have one of max_worker_processes (%d) free", node, c.MaxProcesses)
	case *c.Processes < 1:
		lack("background worker", "max_worker_processes", c.MaxProcesses)
	}
	return found
}
