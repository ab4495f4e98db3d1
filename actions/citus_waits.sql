-- Who waits for whom on any node, as Citus' deadlock detector sees it. This is
-- what citus_lock_waits is made of, at a fiftieth of its cost. A global pid is the
-- pid on the node where the client is, and that node.
WITH own AS (
    SELECT pg_catalog.citus_backend_gpid() / 10000000000 * 10000000000 AS base
)
SELECT g.waiting_global_pid                      AS blocked_gpid,
       g.waiting_pid                             AS waiting_pid,
       EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.pid = g.waiting_pid AND a.wait_event_type = 'Lock') AS here,
       g.waiting_global_pid % 10000000000        AS blocked_pid,
       w.application_name                        AS blocked_app,
       w.query                                   AS blocked_query,
       pg_catalog.clock_timestamp() - w.query_start AS waiting,
       g.blocking_global_pid                     AS blocking_gpid,
       g.blocking_global_pid % 10000000000       AS blocking_pid,
       b.application_name                        AS blocking_app,
       b.state                                   AS blocking_state,
       b.query                                   AS blocking_query,
       pg_catalog.clock_timestamp() - b.xact_start AS blocking_age
FROM pg_catalog.citus_internal_global_blocked_processes() g
CROSS JOIN own
LEFT JOIN pg_catalog.pg_stat_activity w ON w.pid + own.base = g.waiting_global_pid
LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid + own.base = g.blocking_global_pid
WHERE g.waiting_global_pid <> 0 AND g.blocking_global_pid <> 0 AND g.waiting_global_pid <> g.blocking_global_pid
LIMIT 200
