-- The stand-in for Citus: the functions and views of Citus that a migration uses, on a plain PostgreSQL server.
-- Nothing is distributed. A "distributed" table is a table with native hash partitions on this one server.
--
-- Three schemas:
--   citus          holds the one type that lives there with Citus, too
--   citus_standin  what a runbook may call; on the search path. With Citus it would be pg_catalog, which is closed to us
--   standin        helpers, partitions, logs; not on the search path

CREATE SCHEMA citus;
CREATE SCHEMA citus_standin;
CREATE SCHEMA standin;
GRANT USAGE ON SCHEMA citus, citus_standin, standin TO PUBLIC;

CREATE EXTENSION dblink SCHEMA standin;
CREATE EXTENSION pg_stat_statements;

CREATE TYPE citus.distribution_type AS ENUM ('hash', 'range', 'append');

-- The tables of the catalogue have the columns that they have in Citus, so that queries on them work; more columns follow.

CREATE TABLE citus_standin.pg_dist_node (
    nodeid           serial PRIMARY KEY,
    groupid          int  NOT NULL,           -- 0 is the coordinator
    nodename         text NOT NULL,
    nodeport         int  NOT NULL,
    noderack         text NOT NULL DEFAULT 'default',
    hasmetadata      bool NOT NULL DEFAULT true,
    isactive         bool NOT NULL DEFAULT true,
    noderole         text NOT NULL DEFAULT 'primary',
    nodecluster      name NOT NULL DEFAULT 'default',
    metadatasynced   bool NOT NULL DEFAULT true,
    shouldhaveshards bool NOT NULL,
    UNIQUE (nodename, nodeport)
);

CREATE TABLE citus_standin.pg_dist_colocation (
    colocationid           serial PRIMARY KEY,
    shardcount             int NOT NULL,
    distributioncolumntype oid NOT NULL,
    is_default             bool NOT NULL      -- not in Citus: whether tables that name no other table join this group
);

CREATE TABLE citus_standin.pg_dist_partition (
    logicalrelid  regclass PRIMARY KEY,
    partmethod    "char" NOT NULL,            -- h distributed, n local
    partkey       text,                       -- the column's name; with Citus a tree that only it can read
    colocationid  int    NOT NULL,
    repmodel      "char" NOT NULL DEFAULT 's',
    autoconverted bool   NOT NULL DEFAULT false,
    local_shard   bigint                      -- not in Citus: the one shard of a local table
);

-- What an interrupted operation left. The stand-in leaves nothing, because it works in one transaction; so this is always
-- empty, and clean-up has nothing to do.
CREATE TABLE citus_standin.pg_dist_cleanup (
    record_id     bigint,
    operation_id  bigint,
    object_type   int,
    object_name   text,
    node_group_id int,
    policy_type   int
);

CREATE PROCEDURE citus_standin.citus_cleanup_orphaned_resources() LANGUAGE sql AS '';

CREATE SEQUENCE standin.shard_id START 102008;

CREATE FUNCTION citus_standin.citus_version() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'stand-in on PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1) || ' (not Citus: nothing is distributed)'
$$;

-- bare_name is how the messages of Citus name a table.
CREATE FUNCTION standin.bare_name(t regclass) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT relname::text FROM pg_class WHERE oid = t
$$;

CREATE FUNCTION standin.full_name(t regclass) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = t
$$;

CREATE FUNCTION standin.is_distributed(t regclass) RETURNS bool LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM citus_standin.pg_dist_partition WHERE logicalrelid = t AND partmethod = 'h')
$$;

CREATE FUNCTION standin.is_local(t regclass) RETURNS bool LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM citus_standin.pg_dist_partition WHERE logicalrelid = t AND partmethod = 'n')
$$;

CREATE FUNCTION standin.primary_key(t regclass) RETURNS name[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(a.attname ORDER BY k.position)
    FROM pg_index i
         CROSS JOIN unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, position)
         JOIN pg_attribute a ON a.attrelid = t AND a.attnum = k.attnum
    WHERE i.indrelid = t AND i.indisprimary AND k.position <= i.indnkeyatts
$$;
