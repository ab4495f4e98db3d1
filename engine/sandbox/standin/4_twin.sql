-- A plain table cannot become a partitioned one in place. So a twin is built in the schema standin, filled, and put in the
-- place of the table, with everything that is attached to it. Unlike with Citus the table gets a new OID in any case.

-- build_twin creates the empty twin, under the table's own name and with indexes of the same names: they only move to the
-- table's schema when the table has left it. Without a shard count the twin is a plain table.
CREATE FUNCTION standin.build_twin(t regclass, distribution_column text, shard_count int) RETURNS regclass
LANGUAGE plpgsql SET search_path = '' SET client_min_messages = warning AS $$
DECLARE
    own_name name := standin.bare_name(t);
    twin text := format('standin.%I', own_name);
    index record;
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)', twin, t)
        || CASE WHEN shard_count IS NOT NULL THEN format(' PARTITION BY HASH (%I)', distribution_column) ELSE '' END;
    FOR remainder IN 0 .. coalesce(shard_count, 0) - 1 LOOP
        EXECUTE format('CREATE TABLE standin.%I PARTITION OF %s FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
            left(own_name, 50) || '_' || nextval('standin.shard_id'), twin, shard_count, remainder);
    END LOOP;
    FOR index IN
        SELECT c.relname, k.oid AS constraint_oid, k.conname, pg_get_indexdef(c.oid) AS definition,
               -- what every definition begins with; the search path is empty, so the table is always qualified
               format('CREATE %sINDEX %I ON %s%s USING ', CASE WHEN i.indisunique THEN 'UNIQUE ' END, c.relname,
                      CASE c.relkind WHEN 'I' THEN 'ONLY ' END, standin.full_name(t)) AS beginning
        FROM pg_index i
             JOIN pg_class c ON c.oid = i.indexrelid
             LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = t AND k.contype IN ('p', 'u', 'x')
        WHERE i.indrelid = t AND i.indisvalid
    LOOP
        IF index.conname IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', twin, index.conname, pg_get_constraintdef(index.constraint_oid));
        ELSE
            EXECUTE format('CREATE %sINDEX %I ON %s USING ', CASE WHEN index.definition LIKE 'CREATE UNIQUE%' THEN 'UNIQUE ' END, index.relname, twin)
                || substr(index.definition, length(index.beginning) + 1);
        END IF;
    END LOOP;
    RETURN twin;
END $$;

-- columns lists the columns that can be written.
CREATE FUNCTION standin.columns(t regclass, prefix text DEFAULT '') RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(prefix || quote_ident(attname), ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = t AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
$$;

CREATE FUNCTION standin.copy_rows(source regclass, target regclass) RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    EXECUTE format('INSERT INTO %s (%s) SELECT %2$s FROM %3$s', target, standin.columns(source), source);
    EXECUTE format('ANALYZE %s', target);
END $$;

-- take_place drops the table and gives its place to the twin: identity, sequences, owner, grants, comment, foreign keys.
-- The caller holds ACCESS EXCLUSIVE on the table. The old rows go with it: what Citus keeps on disk until
-- truncate_local_data_after_distributing_table is gone at once.
CREATE FUNCTION standin.take_place(t regclass, twin regclass) RETURNS regclass
LANGUAGE plpgsql SET search_path = '' SET allow_system_table_mods = on AS $$
DECLARE
    old pg_class;
    place text := standin.full_name(t);
    namespace name;
    table_comment text := obj_description(t, 'pg_class');
    foreign_keys text[];
    item record;
    statement text;
BEGIN
    SELECT * INTO old FROM pg_class WHERE oid = t;
    SELECT nspname INTO namespace FROM pg_namespace WHERE oid = old.relnamespace;

    FOR item IN
        SELECT conname, conrelid::regclass AS child, conrelid = t AS own, convalidated, pg_get_constraintdef(oid) AS definition
        FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND t IN (conrelid, confrelid)
    LOOP
        foreign_keys := foreign_keys || format('ALTER TABLE %s ADD CONSTRAINT %I %s', standin.full_name(item.child), item.conname,
            -- PostgreSQL has no NOT VALID keys on partitioned tables
            CASE WHEN item.own THEN regexp_replace(item.definition, ' NOT VALID$', '') ELSE item.definition END);
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', item.child, item.conname);
    END LOOP;

    FOR item IN
        SELECT attname, CASE attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END AS kind, s.*
        FROM pg_attribute a JOIN pg_sequences s
             ON format('%I.%I', s.schemaname, s.sequencename) = pg_get_serial_sequence(place, a.attname)
        WHERE a.attrelid = t AND a.attidentity <> ''
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I ADD GENERATED %s AS IDENTITY (START WITH %s INCREMENT BY %s CACHE %s)',
            twin, item.attname, item.kind, coalesce(item.last_value + item.increment_by, item.start_value), item.increment_by, item.cache_size);
    END LOOP;

    -- The sequences of serial columns go over to the twin. Not by ALTER SEQUENCE: its lock would wait for every transaction
    -- that has called nextval, and those may be waiting for the table. They do not count as owned while the twin moves,
    -- or it would try to take them along to the schema that they are in.
    UPDATE pg_depend d
    SET refobjid = twin, refobjsubid = b.attnum, deptype = 'n'
    FROM pg_attribute a JOIN pg_attribute b ON b.attrelid = twin AND b.attname = a.attname
    WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'a' AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = t AND a.attrelid = t AND a.attnum = d.refobjsubid
      AND EXISTS (SELECT FROM pg_class s WHERE s.oid = d.objid AND s.relkind = 'S');

    PERFORM standin.forget(t);
    EXECUTE format('DROP TABLE %s', t);
    EXECUTE format('ALTER TABLE %s SET SCHEMA %I', twin, namespace);
    UPDATE pg_depend d
    SET deptype = 'a'
    WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'n' AND d.refclassid = 'pg_class'::regclass AND d.refobjid = twin
      AND EXISTS (SELECT FROM pg_class s WHERE s.oid = d.objid AND s.relkind = 'S');

    EXECUTE format('ALTER TABLE %s OWNER TO %I', place, pg_get_userbyid(old.relowner));
    FOR item IN SELECT * FROM aclexplode(old.relacl) LOOP
        EXECUTE format('GRANT %s ON %s TO %s %s', item.privilege_type, place,
            CASE WHEN item.grantee = 0 THEN 'PUBLIC' ELSE item.grantee::regrole::text END,
            CASE WHEN item.is_grantable THEN 'WITH GRANT OPTION' END);
    END LOOP;
    IF table_comment IS NOT NULL THEN
        EXECUTE format('COMMENT ON TABLE %s IS %L', place, table_comment);
    END IF;
    FOREACH statement IN ARRAY coalesce(foreign_keys, '{}') LOOP
        EXECUTE statement;
    END LOOP;
    RETURN twin;
END $$;

-- forget removes what the stand-in has recorded of a table.
CREATE FUNCTION standin.forget(t regclass) RETURNS void LANGUAGE plpgsql SET client_min_messages = warning AS $$
BEGIN
    DELETE FROM citus_standin.pg_dist_partition WHERE logicalrelid = t;
    EXECUTE format('DROP TRIGGER IF EXISTS citus_standin_capture ON %s', t);
    EXECUTE format('DROP TABLE IF EXISTS %s', standin.changes_of(t));
END $$;
