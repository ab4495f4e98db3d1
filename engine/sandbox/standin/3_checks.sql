-- What Citus refuses, the stand-in refuses with the same SQLSTATE and text, as far as it can be decided on one server. What
-- Citus can do and the stand-in cannot, it refuses with a text that begins with "stand-in".

-- check_table refuses what is no table to distribute, and a column that cannot be the distribution column.
CREATE FUNCTION standin.check_table(t regclass, distribution_column text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    relation pg_class;
    attribute pg_attribute;
BEGIN
    SELECT * INTO relation FROM pg_class WHERE oid = t;
    IF standin.is_distributed(t) THEN
        RAISE EXCEPTION 'table "%" is already distributed', relation.relname USING ERRCODE = '42P16';
    END IF;
    IF relation.relkind NOT IN ('r', 'p', 'f') THEN
        RAISE EXCEPTION '% is not a regular, foreign or partitioned table', relation.relname USING ERRCODE = '42809';
    END IF;
    IF relation.relpersistence = 't' THEN
        RAISE EXCEPTION 'cannot distribute a temporary table' USING ERRCODE = '0A000';
    END IF;
    SELECT * INTO attribute FROM pg_attribute WHERE attrelid = t AND attname = distribution_column AND attnum > 0 AND NOT attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "%" of relation "%" does not exist', distribution_column, relation.relname USING ERRCODE = '42703';
    END IF;
    IF attribute.attgenerated <> '' THEN
        RAISE EXCEPTION 'cannot distribute relation: %', relation.relname
            USING ERRCODE = '0A000', DETAIL = 'Distribution column must not use GENERATED ALWAYS AS (...) STORED.';
    END IF;
    PERFORM standin.refuse_what_only_citus_can(t);
END $$;

CREATE FUNCTION standin.refuse_what_only_citus_can(t regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    obstacle text;
BEGIN
    SELECT what INTO obstacle
    FROM (VALUES
        ('it is a partitioned or foreign table',
         (SELECT relkind <> 'r' FROM pg_class WHERE oid = t)),
        ('it inherits or is inherited',
         EXISTS (SELECT FROM pg_inherits WHERE t IN (inhparent, inhrelid))),
        ('a view or a rule depends on it',
         EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = t)),
        ('it has row-level security',
         EXISTS (SELECT FROM pg_class WHERE oid = t AND relrowsecurity) OR EXISTS (SELECT FROM pg_policy WHERE polrelid = t)),
        ('a publication lists it',
         EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = t))
    ) AS obstacles(what, present)
    WHERE present LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'stand-in: cannot convert "%": %', standin.bare_name(t), obstacle
            USING ERRCODE = '0A000', HINT = 'Citus can. Rehearse this table with Citus itself.';
    END IF;
END $$;

-- check_contents refuses what Citus finds out only after it has begun; the concurrent call has made the table local by then.
CREATE FUNCTION standin.check_contents(t regclass, distribution_column text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    index_name name;
    has_null bool;
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t AND NOT tgisinternal AND tgname <> 'citus_standin_capture') THEN
        RAISE EXCEPTION 'cannot distribute relation "%" because it has triggers', standin.bare_name(t)
            USING ERRCODE = 'XX000', HINT = format('Consider dropping all the triggers on "%s" and retry.', standin.bare_name(t));
    END IF;
    SELECT i.indexrelid::regclass::name INTO index_name
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = distribution_column
    WHERE i.indrelid = t AND (i.indisunique OR i.indisexclusion) AND NOT a.attnum = ANY (i.indkey::smallint[]) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'cannot create constraint on "%"', standin.bare_name(t)
            USING ERRCODE = '0A000', DETAIL = 'Distributed relations cannot have UNIQUE, EXCLUDE, or PRIMARY KEY constraints that do not include the partition column (with an equality operator if EXCLUDE).';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I IS NULL)', t, distribution_column) INTO has_null;
    IF has_null THEN
        RAISE EXCEPTION 'the partition column of table % cannot be NULL', standin.full_name(t) USING ERRCODE = '22004';
    END IF;
END $$;

-- check_foreign_keys looks at the keys of a table that is about to be distributed: each must lead to a table that is
-- distributed the same way, and hold the distribution columns of both at the same place.
CREATE FUNCTION standin.check_foreign_keys(t regclass, distribution_column text, colocation int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    key record;
BEGIN
    FOR key IN
        SELECT confrelid::regclass AS parent, confrelid = t AS to_itself, p.colocationid,
               EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS pair(own, other)
                       JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.own
                       JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.other
                       WHERE a.attname = distribution_column AND b.attname = coalesce(p.partkey, distribution_column)) AS aligned
        FROM pg_constraint k LEFT JOIN citus_standin.pg_dist_partition p ON p.logicalrelid = k.confrelid AND p.partmethod = 'h'
        WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = t
    LOOP
        IF NOT key.to_itself AND key.colocationid IS NULL THEN
            RAISE EXCEPTION 'referenced table "%" must be a distributed table or a reference table', standin.bare_name(key.parent)
                USING ERRCODE = '42P16', DETAIL = 'To enforce foreign keys, the referencing and referenced rows need to be stored on the same node.',
                HINT = format('You could use SELECT create_reference_table(''%s'') to replicate the referenced table to all nodes or consider dropping the foreign key', standin.bare_name(key.parent));
        ELSIF key.colocationid <> colocation THEN
            RAISE EXCEPTION 'cannot create foreign key constraint since relations are not colocated or not referencing a reference table'
                USING ERRCODE = '0A000', DETAIL = 'A distributed table can only have foreign keys if it is referencing another colocated hash distributed table or a reference table';
        ELSIF NOT key.aligned THEN
            RAISE EXCEPTION 'cannot create foreign key constraint'
                USING ERRCODE = '0A000', DETAIL = 'Foreign keys are supported in two cases, either in between two colocated tables including partition column in the same ordinal in the both tables or from distributed to reference tables';
        END IF;
    END LOOP;
END $$;

-- check_no_foreign_keys_to_regular_tables is what the concurrent call refuses before it begins. Keys between the table and
-- distributed tables it refuses a moment later, see citus_add_local_table_to_metadata.
CREATE FUNCTION standin.check_no_foreign_keys_to_regular_tables(t regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    key record;
BEGIN
    FOR key IN
        SELECT conrelid::regclass AS child, confrelid::regclass AS parent
        FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND t IN (conrelid, confrelid) AND conrelid <> confrelid
    LOOP
        IF key.child = t AND NOT standin.is_distributed(key.parent) THEN
            RAISE EXCEPTION 'relation % is referenced by a foreign key from %', standin.bare_name(key.parent), standin.bare_name(key.child)
                USING ERRCODE = '0A000', DETAIL = 'foreign keys from a distributed table to a regular table are not supported.';
        ELSIF key.parent = t AND NOT standin.is_distributed(key.child) THEN
            RAISE EXCEPTION 'relation % is referenced by a foreign key from %', standin.bare_name(key.parent), standin.bare_name(key.child)
                USING ERRCODE = '0A000', DETAIL = 'foreign keys from a regular table to a distributed table are not supported.';
        END IF;
    END LOOP;
END $$;

-- colocation returns the group that a table is going to be in, and creates it when there is none yet.
CREATE FUNCTION standin.colocation(t regclass, distribution_column text, colocate_with text, shard_count int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    shards int := coalesce(shard_count, nullif(current_setting('citus.shard_count', true), '')::int, 32);
    wish text := lower(colocate_with);
    column_type oid := (SELECT atttypid FROM pg_attribute WHERE attrelid = t AND attname = distribution_column);
    model regclass;
    found_type oid;
    id int;
BEGIN
    IF shard_count IS NOT NULL AND wish NOT IN ('default', 'none') THEN
        RAISE EXCEPTION 'Cannot use colocate_with with a table and shard_count at the same time' USING ERRCODE = 'XX000';
    END IF;
    IF shards NOT BETWEEN 1 AND 64000 THEN
        RAISE EXCEPTION '% is outside the valid range for parameter "shard_count" (1 .. 64000)', shards USING ERRCODE = 'XX000';
    END IF;
    IF wish = 'default' THEN
        SELECT colocationid INTO id FROM citus_standin.pg_dist_colocation
        WHERE is_default AND shardcount = shards AND distributioncolumntype = column_type;
    ELSIF wish <> 'none' THEN
        model := colocate_with::regclass;
        SELECT c.colocationid, c.distributioncolumntype INTO id, found_type
        FROM citus_standin.pg_dist_partition p JOIN citus_standin.pg_dist_colocation c USING (colocationid)
        WHERE p.logicalrelid = model AND p.partmethod = 'h';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'relation % is not distributed', standin.bare_name(model) USING ERRCODE = 'XX000';
        END IF;
        IF found_type <> column_type THEN
            RAISE EXCEPTION 'cannot colocate tables % and %', standin.bare_name(model), standin.bare_name(t)
                USING ERRCODE = 'XX000', DETAIL = format('Distribution column types don''t match for %s and %s.', standin.bare_name(model), standin.bare_name(t));
        END IF;
    END IF;
    IF id IS NULL THEN
        INSERT INTO citus_standin.pg_dist_colocation (shardcount, distributioncolumntype, is_default)
        VALUES (shards, column_type, wish = 'default') RETURNING colocationid INTO id;
    END IF;
    RETURN id;
END $$;
