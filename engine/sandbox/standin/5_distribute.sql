-- create_distributed_table blocks writers as with Citus. Unlike with Citus, readers wait, too, for the moment of the exchange
-- at the end, and foreign keys from tables that are not distributed are checked again.
CREATE FUNCTION citus_standin.create_distributed_table(
    table_name regclass, distribution_column text, distribution_type citus.distribution_type DEFAULT 'hash',
    colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    colocation int;
    twin regclass;
    has_rows bool;
BEGIN
    IF distribution_type <> 'hash' THEN
        RAISE EXCEPTION 'stand-in: cannot distribute by %', distribution_type USING ERRCODE = '0A000', HINT = 'Citus can.';
    END IF;
    PERFORM standin.check_table(table_name, distribution_column);
    colocation := standin.colocation(table_name, distribution_column, colocate_with, shard_count);
    PERFORM standin.check_foreign_keys(table_name, distribution_column, colocation);
    PERFORM standin.check_contents(table_name, distribution_column);

    EXECUTE format('LOCK TABLE %s IN EXCLUSIVE MODE', table_name);
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', table_name) INTO has_rows;
    IF has_rows THEN
        RAISE NOTICE 'Copying data from local table...';
    END IF;
    twin := standin.build_twin(table_name, distribution_column, standin.shard_count(colocation));
    PERFORM standin.copy_rows(table_name, twin);
    IF has_rows THEN
        RAISE NOTICE 'copying the data has completed'
            USING DETAIL = 'The local data in the table is no longer visible, but is still on disk.',
            HINT = format('To remove the local data, run: SELECT truncate_local_data_after_distributing_table($$%s$$)', standin.full_name(table_name));
    END IF;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', table_name);
    PERFORM standin.record_distributed(standin.take_place(table_name, twin), distribution_column, colocation);
END $body$;

CREATE FUNCTION standin.shard_count(colocation int) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT shardcount FROM citus_standin.pg_dist_colocation WHERE colocationid = colocation
$$;

CREATE FUNCTION standin.record_distributed(t regclass, distribution_column text, colocation int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO citus_standin.pg_dist_partition (logicalrelid, partmethod, partkey, colocationid)
    VALUES (t, 'h', distribution_column, colocation)
$$;

-- truncate_local_data_after_distributing_table has nothing to remove here; it checks and says what it does with Citus.
CREATE FUNCTION citus_standin.truncate_local_data_after_distributing_table(function_name regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    child regclass;
BEGIN
    IF NOT standin.is_distributed(function_name) THEN
        RAISE EXCEPTION 'supplied parameter is not a distributed relation'
            USING ERRCODE = 'XX000', DETAIL = 'This UDF only truncates local records of distributed tables.';
    END IF;
    FOR child IN
        WITH RECURSIVE reached(t) AS (
            SELECT function_name::oid
            UNION
            SELECT k.conrelid FROM reached r JOIN pg_constraint k ON k.confrelid = r.t AND k.contype = 'f' AND k.conparentid = 0
        )
        SELECT t FROM reached WHERE t <> function_name
        ORDER BY standin.is_distributed(t) -- what is refused comes before the first notice
    LOOP
        IF NOT standin.is_distributed(child) THEN
            RAISE EXCEPTION 'cannot truncate a table referenced in a foreign key constraint by a local table'
                USING ERRCODE = 'XX000', DETAIL = format('Table "%s" references "%s"', standin.bare_name(child), standin.bare_name(function_name));
        END IF;
        RAISE NOTICE 'truncate cascades to table "%"', standin.bare_name(child);
    END LOOP;
END $$;

-- undistribute_table makes a plain table of a distributed or local one, with cascade of all that foreign keys tie to it.
CREATE FUNCTION citus_standin.undistribute_table(table_name regclass, cascade_via_foreign_keys bool DEFAULT false) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    places text[] := ARRAY[standin.full_name(table_name)];
    place text;
BEGIN
    IF NOT standin.is_distributed(table_name) AND NOT standin.is_local(table_name) THEN
        RAISE EXCEPTION 'cannot undistribute table because the table is not distributed' USING ERRCODE = 'XX000';
    END IF;
    IF cascade_via_foreign_keys THEN
        WITH RECURSIVE tied(t) AS (
            SELECT table_name::oid
            UNION
            SELECT CASE k.conrelid WHEN t THEN k.confrelid ELSE k.conrelid END
            FROM tied JOIN pg_constraint k ON t IN (k.conrelid, k.confrelid) AND k.contype = 'f' AND k.conparentid = 0
        )
        SELECT array_agg(standin.full_name(t) ORDER BY t <> table_name, t) INTO places
        FROM tied WHERE standin.is_distributed(t) OR standin.is_local(t);
    ELSIF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND conrelid = table_name) THEN
        RAISE EXCEPTION 'cannot complete operation because table % has a foreign key', standin.bare_name(table_name) USING ERRCODE = 'XX000';
    ELSIF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND confrelid = table_name) THEN
        RAISE EXCEPTION 'cannot complete operation because table % is referenced by a foreign key', standin.bare_name(table_name) USING ERRCODE = 'XX000';
    END IF;
    FOREACH place IN ARRAY places LOOP
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', place);
        PERFORM standin.bring_back(place);
    END LOOP;
END $$;

CREATE FUNCTION standin.bring_back(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    twin regclass;
BEGIN
    RAISE NOTICE 'creating a new table for %', place;
    twin := standin.build_twin(place::regclass, NULL, NULL);
    RAISE NOTICE 'moving the data of %', place;
    PERFORM standin.copy_rows(place::regclass, twin);
    RAISE NOTICE 'dropping the old %', place;
    RAISE NOTICE 'renaming the new table to %', place;
    PERFORM standin.take_place(place::regclass, twin);
END $$;
