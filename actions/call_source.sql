-- How large the table is whose rows are copied: the table itself, or the shard
-- that holds its rows once Citus knows it, of a partitioned table all
-- partitions. The number of rows goes by those per page when it was last
-- analyzed, as the planner's does.
SELECT pg_catalog.sum(CASE WHEN c.reltuples > 0 AND c.relpages > 0
                           THEN c.reltuples / c.relpages * (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int)
                      END)::bigint AS rows,
       pg_catalog.bool_and(c.reltuples > 0 AND c.relpages > 0 OR pg_catalog.pg_relation_size(c.oid) = 0) AS analyzed,
       pg_catalog.sum(pg_catalog.pg_table_size(c.oid))::bigint AS bytes
FROM (
    SELECT $1::pg_catalog.regclass AS relid
    UNION
    SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass)
) t
JOIN pg_catalog.pg_class c ON c.oid = coalesce(
    (SELECT pg_catalog.to_regclass(pg_catalog.shard_name(s.logicalrelid, pg_catalog.min(s.shardid)))
     FROM pg_catalog.pg_dist_shard s WHERE s.logicalrelid = t.relid GROUP BY s.logicalrelid)::oid,
    t.relid)
WHERE c.relkind = 'r'
