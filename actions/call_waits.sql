-- Who is in the way of the call's sessions, as JSON. A prepared transaction has
-- pid 0. pg_blocking_pids is only asked for sessions that wait, since it stops
-- the lock manager for a moment.
SELECT coalesce(pg_catalog.json_agg(w), '[]')::text
FROM (
    SELECT b.pid,
           p.gid,
           h.application_name AS application,
           h.datname          AS database,
           h.state,
           pg_catalog.left(coalesce(caller.query, h.query), 500) AS statement,
           CASE WHEN l.database = me.database THEN l.relation::pg_catalog.regclass::text END AS relation,
           l.mode,
           l.locktype         AS lock,
           coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(h.xact_start, p.prepared)), 0) AS transaction,
           coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - l.waitstart), 0) AS waiting
    FROM (SELECT oid AS database FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) me
    CROSS JOIN pg_catalog.pg_stat_activity a
    JOIN pg_catalog.pg_locks l ON l.pid = a.pid AND NOT l.granted
    CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(a.pid)) AS b (pid)
    LEFT JOIN pg_catalog.pg_stat_activity h ON h.pid = b.pid
    -- Citus does parts of a statement in sessions of its own, which name their caller.
    LEFT JOIN pg_catalog.pg_stat_activity caller
           ON caller.pid = pg_catalog.substring(h.application_name, '^citus_internal gpid=(\d{1,18})$')::bigint % 10000000000
    LEFT JOIN LATERAL (
        SELECT x.gid, x.prepared
        FROM pg_catalog.pg_prepared_xacts x
        WHERE b.pid = 0
          AND (x.transaction = l.transactionid
               OR EXISTS (SELECT FROM pg_catalog.pg_locks k
                          WHERE k.pid IS NULL AND k.virtualtransaction = '-1/' || x.transaction::text
                            AND k.locktype = l.locktype AND k.database IS NOT DISTINCT FROM l.database
                            AND k.relation IS NOT DISTINCT FROM l.relation
                            AND k.objid IS NOT DISTINCT FROM l.objid AND k.classid IS NOT DISTINCT FROM l.classid))
        ORDER BY x.prepared
    ) p ON true
    WHERE a.wait_event_type = 'Lock'
      AND (a.application_name = '{CALL}' OR a.pid = {PID})
      AND b.pid <> {PID} AND h.application_name IS DISTINCT FROM '{CALL}'
    ORDER BY coalesce(h.xact_start, p.prepared)
    LIMIT 20
) w
