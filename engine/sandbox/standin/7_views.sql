-- The views of Citus. citus_tables is in public, the others are in pg_catalog with Citus.

-- shards lists the tables that hold the rows of a table: its partitions, or itself when it is local.
CREATE FUNCTION standin.shards(t regclass) RETURNS SETOF oid LANGUAGE sql STABLE AS $$
    SELECT relid FROM pg_partition_tree(t) WHERE isleaf
    UNION ALL
    SELECT oid FROM pg_class WHERE oid = t AND relkind <> 'p'
$$;

CREATE VIEW public.citus_tables AS
SELECT p.logicalrelid AS table_name,
       CASE p.partmethod WHEN 'h' THEN 'distributed' ELSE 'local' END AS citus_table_type,
       coalesce(p.partkey, '<none>') AS distribution_column,
       p.colocationid AS colocation_id,
       pg_size_pretty(size.bytes) AS table_size,
       size.shards AS shard_count,
       pg_get_userbyid(c.relowner) AS table_owner,
       'heap'::name AS access_method
FROM citus_standin.pg_dist_partition p
     JOIN pg_class c ON c.oid = p.logicalrelid
     CROSS JOIN LATERAL (SELECT sum(pg_total_relation_size(id)) AS bytes, count(*) AS shards
                         FROM standin.shards(p.logicalrelid) AS id) AS size
ORDER BY p.logicalrelid::text;
GRANT SELECT ON public.citus_tables TO PUBLIC;

-- citus_shards attributes the shards to the workers in turn, shards of the same rank to the same worker in all tables. That
-- is where Citus might put them; here all of them are on this server, and with no worker recorded it says so.
CREATE VIEW citus_standin.citus_shards AS
WITH worker AS (
    SELECT row_number() OVER (ORDER BY nodeid) - 1 AS rank, count(*) OVER () AS workers, nodename, nodeport
    FROM citus_standin.pg_dist_node WHERE groupid > 0 AND isactive
), coordinator AS (
    SELECT nodename, nodeport FROM citus_standin.pg_dist_node WHERE groupid = 0
    UNION ALL SELECT 'localhost', current_setting('port')::int
    LIMIT 1
), shard AS (
    SELECT p.logicalrelid, p.partmethod, p.colocationid, s.oid, s.relname,
           coalesce(p.local_shard, substring(s.relname FROM '\d+$')::bigint) AS id,
           row_number() OVER (PARTITION BY p.logicalrelid ORDER BY s.oid) - 1 AS rank
    FROM citus_standin.pg_dist_partition p
         JOIN pg_class c ON c.oid = p.logicalrelid
         CROSS JOIN LATERAL standin.shards(p.logicalrelid) AS shard_oid
         JOIN pg_class s ON s.oid = shard_oid
)
SELECT s.logicalrelid AS table_name, s.id AS shardid,
       CASE WHEN s.partmethod = 'n' THEN s.relname || '_' || s.id ELSE s.relname::text END AS shard_name,
       CASE s.partmethod WHEN 'h' THEN 'distributed' ELSE 'local' END AS citus_table_type,
       s.colocationid AS colocation_id,
       coalesce(w.nodename, c.nodename) AS nodename, coalesce(w.nodeport, c.nodeport) AS nodeport,
       pg_total_relation_size(s.oid) AS shard_size
FROM shard s
     CROSS JOIN coordinator c
     LEFT JOIN worker w ON s.partmethod = 'h' AND w.rank = s.rank % w.workers
ORDER BY s.logicalrelid::text, s.id;

-- A session that the stand-in opened itself counts as the session that opened it, as with Citus.
CREATE VIEW standin.activity AS
SELECT pid, query, coalesce(substring(application_name FROM '^citus_internal gpid=(\d+)$')::bigint, 10000000000 + pid) AS gpid
FROM pg_stat_activity
WHERE datname = current_database();

CREATE VIEW citus_standin.citus_lock_waits AS
SELECT DISTINCT waiting.gpid AS waiting_gpid, blocking.gpid AS blocking_gpid,
       waiting.query AS blocked_statement, blocking.query AS current_statement_in_blocking_process,
       1 AS waiting_nodeid, 1 AS blocking_nodeid
FROM standin.activity AS waiter
     CROSS JOIN LATERAL unnest(pg_blocking_pids(waiter.pid)) AS blocking_pid
     JOIN standin.activity AS blocker ON blocker.pid = blocking_pid
     JOIN standin.activity AS waiting ON waiting.pid = waiter.gpid - 10000000000
     JOIN standin.activity AS blocking ON blocking.pid = blocker.gpid - 10000000000
WHERE waiter.gpid <> blocker.gpid;

CREATE VIEW citus_standin.citus_stat_activity AS
SELECT 10000000000 + pid AS global_pid, 1 AS nodeid, application_name LIKE 'citus_internal gpid=%' AS is_worker_query, a.*
FROM pg_stat_activity a;

-- citus_stat_statements has what PostgreSQL counts, while citus.stat_statements_track is on. Unlike with Citus it has every
-- statement, not only those on distributed tables, and it does not know the tenant.
CREATE VIEW citus_standin.citus_stat_statements AS
SELECT queryid, userid, dbid, query, 'stand-in'::text AS executor, NULL::text AS partition_key, calls
FROM pg_stat_statements
WHERE lower(current_setting('citus.stat_statements_track', true)) = 'all'
  AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database());

CREATE FUNCTION citus_standin.citus_stat_statements_reset() RETURNS void LANGUAGE sql AS $$
    SELECT pg_stat_statements_reset()
$$;

GRANT SELECT ON ALL TABLES IN SCHEMA citus_standin TO PUBLIC;
GRANT SELECT ON standin.activity TO PUBLIC;
