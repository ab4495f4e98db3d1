-- Who waits for whom on any node, by the view, where Citus has no cheaper way.
SELECT v.waiting_gpid                            AS blocked_gpid,
       NULL::integer                             AS waiting_pid,
       false                                     AS here,
       v.waiting_gpid % 10000000000              AS blocked_pid,
       w.application_name                        AS blocked_app,
       v.blocked_statement                       AS blocked_query,
       pg_catalog.clock_timestamp() - w.query_start AS waiting,
       v.blocking_gpid                           AS blocking_gpid,
       v.blocking_gpid % 10000000000             AS blocking_pid,
       b.application_name                        AS blocking_app,
       b.state                                   AS blocking_state,
       v.current_statement_in_blocking_process   AS blocking_query,
       pg_catalog.clock_timestamp() - b.xact_start AS blocking_age
FROM pg_catalog.citus_lock_waits v
LEFT JOIN pg_catalog.pg_stat_activity w ON w.pid + pg_catalog.citus_backend_gpid() / 10000000000 * 10000000000 = v.waiting_gpid
LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid + pg_catalog.citus_backend_gpid() / 10000000000 * 10000000000 = v.blocking_gpid
LIMIT 200
