-- The rows that come to the coordinator, as JSON: how much is in the files of the
-- tables that the call fills, and as table 0 how much it has collected in a
-- temporary file before it writes. Nobody else sees such a table yet, nor asks for
-- its size without waiting for the call. Its file is named by its OID, until
-- something rewrites it.
WITH RECURSIVE filled AS (
    SELECT DISTINCT l.relation AS oid, 'base/' || l.database || '/' || l.relation AS path
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = pg_catalog.current_database()
    WHERE l.pid = {PID} AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = l.relation)
), segments AS (
    SELECT f.oid, f.path, 0 AS n, s.size
    FROM filled f CROSS JOIN LATERAL pg_catalog.pg_stat_file(f.path, true) s
    WHERE s.size IS NOT NULL
    UNION ALL
    SELECT g.oid, g.path, g.n + 1, s.size
    FROM segments g CROSS JOIN LATERAL pg_catalog.pg_stat_file(g.path || '.' || g.n + 1, true) s
    WHERE g.size >= pg_catalog.pg_size_bytes(pg_catalog.current_setting('segment_size')) AND s.size IS NOT NULL
)
SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('oid', oid, 'bytes', bytes)), '[]')::text
FROM (
    SELECT oid::bigint, pg_catalog.sum(size) AS bytes FROM segments GROUP BY oid
    UNION ALL
    SELECT 0, pg_catalog.sum(size) FROM pg_catalog.pg_ls_tmpdir() WHERE name LIKE 'pgsql\_tmp{PID}.%' HAVING pg_catalog.count(*) > 0
) f
