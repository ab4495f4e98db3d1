-- Who waits for whom on any node. A global pid is the pid on the node where the
-- client is, and that node.
WITH waits AS (
    {WAITS}
), own AS (
    SELECT pg_catalog.citus_backend_gpid() / 10000000000 * 10000000000 AS base
)
SELECT g.waiting_gpid                            AS blocked_gpid,
       g.waiting_pid                             AS waiting_pid,
       g.here                                    AS here,
       g.waiting_gpid % 10000000000              AS blocked_pid,
       w.application_name                        AS blocked_app,
       coalesce(g.waiting_query, w.query)        AS blocked_query,
       pg_catalog.clock_timestamp() - w.query_start AS waiting,
       g.blocking_gpid                           AS blocking_gpid,
       g.blocking_gpid % 10000000000             AS blocking_pid,
       b.application_name                        AS blocking_app,
       b.state                                   AS blocking_state,
       coalesce(g.blocking_query, b.query)       AS blocking_query,
       pg_catalog.clock_timestamp() - b.xact_start AS blocking_age
FROM waits g
CROSS JOIN own
LEFT JOIN pg_catalog.pg_stat_activity w ON w.pid + own.base = g.waiting_gpid
LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid + own.base = g.blocking_gpid
LIMIT 200
