-- Who waits for whom, taken in one sample. Waits of type "extend" are short
-- relation extensions and no conflict. pg_blocking_pids is only asked for the
-- sessions that wait, since it stops the lock manager for a moment.
SELECT w.pid                                     AS blocked_pid,
       w.application_name                        AS blocked_app,
       coalesce(caller.query, w.query)           AS blocked_query,
       b.pid                                     AS blocking_pid,
       h.application_name                        AS blocking_app,
       h.state                                   AS blocking_state,
       coalesce(holder.query, h.query)           AS blocking_query,
       l.relation::regclass::text                AS relation,
       l.mode                                    AS mode,
       w.wait_event                              AS wait_event,
       clock_timestamp() - l.waitstart           AS waiting
FROM pg_catalog.pg_stat_activity w
CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b (pid)
LEFT JOIN pg_catalog.pg_stat_activity h ON h.pid = b.pid
-- Citus does parts of a call in sessions of its own, which name their caller.
LEFT JOIN pg_catalog.pg_stat_activity caller
       ON caller.pid = substring(w.application_name FROM '^citus_internal gpid=(\d+)')::bigint % 10000000000
LEFT JOIN pg_catalog.pg_stat_activity holder
       ON holder.pid = substring(h.application_name FROM '^citus_internal gpid=(\d+)')::bigint % 10000000000
LEFT JOIN LATERAL (
    SELECT relation, mode, waitstart FROM pg_catalog.pg_locks WHERE pid = w.pid AND NOT granted LIMIT 1
) l ON true
WHERE w.wait_event_type = 'Lock' AND w.wait_event <> 'extend'
LIMIT 200
