-- The COPYs that fill the shards of the call, as JSON. Citus's sessions carry
-- the name of their caller, which tells them from the application's COPYs.
SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
           'oid', p.relid::bigint, 'rows', p.tuples_processed, 'bytes', p.bytes_processed)), '[]')::text
FROM pg_catalog.pg_stat_progress_copy p
JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid
WHERE p.command = 'COPY FROM' AND p.relid <> 0 AND p.tuples_processed IS NOT NULL
  AND (a.application_name = '{CALL}' OR a.pid = {PID})
