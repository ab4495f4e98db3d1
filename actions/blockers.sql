-- Who waits for whom, taken in one sample. pg_blocking_pids is only asked for
-- the sessions that wait, since it stops the lock manager for a moment, and
-- pg_locks is only read when somebody does. "harmless" says why a wait is no
-- conflict.
WITH waiting AS MATERIALIZED (
    SELECT pid, coalesce(leader_pid, pid) AS lead, application_name, query, wait_event
    FROM pg_catalog.pg_stat_activity
    WHERE wait_event_type = 'Lock' AND (datname = pg_catalog.current_database() OR backend_type = 'walsender')
    LIMIT 200
), edges AS MATERIALIZED (
    SELECT DISTINCT w.pid, b.pid AS blocker
    FROM waiting w
    LEFT JOIN LATERAL unnest(CASE WHEN w.wait_event <> 'extend' THEN pg_catalog.pg_blocking_pids(w.pid) END) AS b (pid) ON true
    WHERE b.pid IS NOT NULL OR w.wait_event = 'extend'
), locks AS MATERIALIZED (
    SELECT * FROM pg_catalog.pg_locks WHERE EXISTS (SELECT FROM edges WHERE blocker IS NOT NULL)
), pairs AS (
    SELECT w.lead                              AS blocked_pid,
           w.application_name                  AS blocked_app,
           coalesce(caller.query, w.query)     AS blocked_query,
           e.blocker                           AS blocking_pid,
           h.application_name                  AS blocking_app,
           coalesce(h.state, prepared.state)   AS blocking_state,
           coalesce(holder.query, h.query, prepared.query) AS blocking_query,
           held.mode                           AS blocking_mode,
           coalesce(held.queued, false)        AS blocking_queued,
           pg_catalog.clock_timestamp() - coalesce(h.xact_start, prepared.since) AS blocking_age,
           -- Who waits for a row's writer holds the lock of the row's place meanwhile.
           CASE WHEN l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) OR l.relation IS NULL
                THEN coalesce(l.relation, place.relation)::regclass::text END AS relation,
           l.mode                              AS mode,
           w.wait_event                        AS wait_event,
           pg_catalog.clock_timestamp() - l.waitstart AS waiting,
           coalesce(h.leader_pid, h.pid) = w.lead AS same_group,
           h.backend_type = 'autovacuum worker' AND h.query NOT LIKE '%(to prevent wraparound)%' AS yields
    FROM edges e
    JOIN waiting w ON w.pid = e.pid
    LEFT JOIN pg_catalog.pg_stat_activity h ON h.pid = e.blocker
    -- Citus does parts of a call in sessions of its own, which name their caller.
    LEFT JOIN pg_catalog.pg_stat_activity caller
           ON caller.pid = substring(w.application_name FROM '^citus_internal gpid=(\d+)')::bigint % 10000000000
    LEFT JOIN pg_catalog.pg_stat_activity holder
           ON holder.pid = substring(h.application_name FROM '^citus_internal gpid=(\d+)')::bigint % 10000000000
    LEFT JOIN LATERAL (SELECT * FROM locks WHERE pid = w.pid AND NOT granted LIMIT 1) l ON true
    LEFT JOIN LATERAL (SELECT relation FROM locks WHERE pid = w.pid AND locktype = 'tuple' LIMIT 1) place ON l.relation IS NULL
    LEFT JOIN LATERAL (
        SELECT string_agg(DISTINCT o.mode, ', ' ORDER BY o.mode) AS mode, bool_and(NOT o.granted) AS queued
        FROM locks o
        WHERE coalesce(o.pid, 0) = e.blocker
          AND (o.locktype, o.database, o.relation, o.page, o.tuple, o.virtualxid, o.transactionid, o.classid, o.objid, o.objsubid)
              IS NOT DISTINCT FROM
              (l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid, l.objsubid)
    ) held ON true
    -- A prepared transaction has no process: it blocks as number 0.
    LEFT JOIN LATERAL (
        SELECT 'prepared' AS state, x.prepared AS since, 'PREPARE TRANSACTION ' || quote_literal(x.gid) AS query
        FROM locks o JOIN pg_catalog.pg_prepared_xacts x ON '-1/' || x.transaction::text = o.virtualtransaction
        WHERE o.pid IS NULL AND o.granted
          AND (o.locktype, o.database, o.relation, o.transactionid) IS NOT DISTINCT FROM (l.locktype, l.database, l.relation, l.transactionid)
        LIMIT 1
    ) prepared ON e.blocker = 0
)
SELECT p.*,
       CASE WHEN wait_event = 'extend' THEN 'extend'
            WHEN same_group THEN 'parallel'
            -- The deadlock detector of who waits cancels such a vacuum.
            WHEN yields AND waiting < 2 * pg_catalog.current_setting('deadlock_timeout')::interval THEN 'autovacuum'
       END AS harmless
FROM pairs p
ORDER BY waiting DESC NULLS LAST
LIMIT 200
