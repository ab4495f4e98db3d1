-- Who is in the way of a session on this node, as JSON: of the session itself,
-- where it is on this node, and of those that Citus has here on its behalf. One
-- that prevents wraparound is the autovacuum that does not give way.
SELECT coalesce(pg_catalog.json_agg(x), '[]')::text
FROM (
    SELECT DISTINCT a.pid,
           coalesce(a.application_name, '') AS application,
           coalesce(a.state, '') AS state,
           coalesce(a.query, '') AS query,
           a.xact_start::text  AS began,
           extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8 AS age,
           a.backend_type = 'autovacuum worker' AND a.query NOT LIKE '%(to prevent wraparound)%' AS yields
    FROM pg_catalog.pg_stat_activity w
    CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b (pid)
    JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
    WHERE w.wait_event_type = 'Lock' AND (w.pid = {PID} OR w.application_name = '{CALL}')
      AND a.xact_start IS NOT NULL AND a.pid <> {PID} AND a.application_name IS DISTINCT FROM '{CALL}'
) x
