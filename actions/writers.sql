-- Who has written to shards in a transaction that is still open, as JSON. Citus
-- has each writer share a lock for the shard, and takes it alone to switch over. A
-- prepared transaction has no pid.
SELECT coalesce(pg_catalog.json_agg(w), '[]')::text
FROM (
    SELECT l.pid,
           p.gid,
           a.application_name AS application,
           coalesce(a.datname, p.database) AS database,
           a.state,
           pg_catalog.left(a.query, 500) AS statement,
           l.locktype AS lock,
           coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.xact_start, p.prepared)), 0) AS transaction,
           CASE WHEN a.state = 'active' THEN extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start) ELSE 0 END AS running
    FROM pg_catalog.pg_locks l
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN pg_catalog.pg_prepared_xacts p ON l.pid IS NULL AND l.virtualtransaction = '-1/' || p.transaction::text
    WHERE l.locktype = 'advisory' AND l.objsubid = 4 AND l.granted
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      AND l.classid::bigint << 32 | l.objid::bigint IN ({SHARDS})
      AND l.pid IS DISTINCT FROM {PID} AND a.application_name IS DISTINCT FROM '{CALL}'
    ORDER BY coalesce(a.xact_start, p.prepared)
    LIMIT 100
) w
