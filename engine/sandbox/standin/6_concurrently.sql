-- create_distributed_table_concurrently lets writers go on. It has the phases of the real one:
--
--   convert   a second session makes the table "local", under ACCESS EXCLUSIVE; from here on a trigger notes changed rows
--   copy      the rows are copied to a twin
--   catch up  rows that changed meanwhile are copied again, until few are left
--   cut over  under ACCESS EXCLUSIVE the last ones, then the twin takes the table's place. With Citus readers go on here
--
-- Citus also waits, before it copies, for every transaction of the server; there is no need for that here. The conversion is
-- committed before the rest begins, so, as with Citus, a call that fails later leaves the table local: usable as
-- before, and ready for another call. Unlike with Citus it leaves nothing else behind.

CREATE FUNCTION standin.changes_of(t regclass) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT format('standin.changes_%s', t::oid)
$$;

-- note_change is the trigger: it notes the key of a changed row. The arguments are the columns of the key.
CREATE FUNCTION standin.note_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    statement text := format('INSERT INTO %s SELECT $1.%s', standin.changes_of(TG_RELID), array_to_string(TG_ARGV, ', $1.'));
BEGIN
    IF TG_OP <> 'INSERT' THEN
        EXECUTE statement USING OLD;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE statement USING NEW;
    END IF;
    RETURN NULL;
END $$;

-- citus_add_local_table_to_metadata makes a table "local": known to Citus, but with its one shard on the coordinator. It
-- takes ACCESS EXCLUSIVE on the table and then locks its sequences, as with Citus, and so it meets the same deadlock with a
-- writer that calls nextval first. The short deadlock_timeout makes it the one that gives up, as with Citus.
CREATE FUNCTION citus_standin.citus_add_local_table_to_metadata(table_name regclass, cascade_via_foreign_keys bool DEFAULT false)
RETURNS void LANGUAGE plpgsql SET deadlock_timeout = '10ms' AS $body$
DECLARE
    key name[] := standin.primary_key(table_name);
    sequence record;
BEGIN
    IF cascade_via_foreign_keys THEN
        RAISE EXCEPTION 'stand-in: citus_add_local_table_to_metadata cannot cascade' USING ERRCODE = '0A000', HINT = 'Citus can.';
    END IF;
    IF standin.is_distributed(table_name) THEN
        RAISE EXCEPTION 'table "%" is already distributed', standin.bare_name(table_name) USING ERRCODE = '42P16';
    END IF;
    IF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND table_name IN (conrelid, confrelid)) THEN
        RAISE EXCEPTION 'relation % is involved in a foreign key relationship with another table', standin.full_name(table_name)
            USING ERRCODE = '0A000', HINT = format('Use cascade_via_foreign_keys option to add all the relations involved in a foreign key relationship to citus metadata by executing SELECT citus_add_local_table_to_metadata($$%s$$, cascade_via_foreign_keys=>true)', standin.full_name(table_name));
    END IF;
    PERFORM standin.refuse_what_only_citus_can(table_name);

    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', table_name);
    IF standin.is_local(table_name) THEN
        RETURN;
    END IF;
    FOR sequence IN
        SELECT d.objid::regclass AS id, a.attname
        FROM pg_depend d
             JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
             JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = table_name AND d.deptype = 'a'
    LOOP
        EXECUTE format('ALTER SEQUENCE %s OWNED BY %s.%I', sequence.id, table_name, sequence.attname); -- changes nothing, locks
    END LOOP;
    IF key IS NOT NULL THEN
        EXECUTE format('CREATE UNLOGGED TABLE %s AS SELECT %s, false AS taken FROM %s WITH NO DATA',
            standin.changes_of(table_name), (SELECT string_agg(format('%I AS k%s', c, n), ', ') FROM unnest(key) WITH ORDINALITY AS u(c, n)), table_name);
        EXECUTE format('ALTER TABLE %s ALTER taken SET DEFAULT false', standin.changes_of(table_name));
        EXECUTE format('CREATE TRIGGER citus_standin_capture AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION standin.note_change(%s)',
            table_name, (SELECT string_agg(quote_literal(quote_ident(c)), ', ') FROM unnest(key) AS c));
    END IF;
    INSERT INTO citus_standin.pg_dist_partition (logicalrelid, partmethod, colocationid, local_shard)
    VALUES (table_name, 'n', 0, nextval('standin.shard_id'));
END $body$;

-- in_second_session runs a statement in a session of its own, which commits at once. The session is named like the ones that
-- Citus opens to its own node. It is polled because waiting for it could not be cancelled, and ends when we are gone.
CREATE FUNCTION standin.in_second_session(statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    session CONSTANT text := 'standin';
BEGIN
    PERFORM standin.dblink_connect(session, format(
        'host=%s port=%s dbname=''%s'' user=''%s'' application_name=''citus_internal gpid=%s'' options=''-c client_connection_check_interval=100''',
        split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database(), current_user,
        10000000000 + pg_backend_pid()));
    PERFORM standin.dblink_send_query(session, statement);
    WHILE standin.dblink_is_busy(session) = 1 LOOP
        PERFORM pg_sleep(0.005);
    END LOOP;
    PERFORM * FROM standin.dblink_get_result(session) AS result(value text);
    PERFORM standin.dblink_disconnect(session);
EXCEPTION WHEN query_canceled OR OTHERS THEN
    IF session = ANY (standin.dblink_get_connections()) THEN
        PERFORM standin.dblink_cancel_query(session);
        PERFORM standin.dblink_disconnect(session);
    END IF;
    RAISE;
END $$;

-- refuse_transaction_block refuses like Citus, as well as a function can tell: that the transaction is older than the
-- statement, or has done something. A BEGIN less than 100 ms ago goes unnoticed; the extended protocol needs some of that.
CREATE FUNCTION standin.refuse_transaction_block(t regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF statement_timestamp() - transaction_timestamp() > interval '100 milliseconds'
       OR pg_current_xact_id_if_assigned() IS NOT NULL
       OR EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND relation = t)
    THEN
        RAISE EXCEPTION 'create_distributed_table_concurrently cannot run inside a transaction block' USING ERRCODE = '25001';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'stand-in: create_distributed_table_concurrently needs the isolation level READ COMMITTED' USING ERRCODE = '0A000', HINT = 'Citus does not.';
    END IF;
END $$;

-- replay copies the rows again that changed since they were copied, and returns how many keys it looked at. It takes each
-- row as it is now: that may be newer than the note of it, and then there is another note.
CREATE FUNCTION standin.replay(t regclass, twin regclass) RETURNS bigint LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    changes text := standin.changes_of(t);
    keys text := (SELECT string_agg('k' || n, ', ') FROM generate_series(1, cardinality(standin.primary_key(t))) AS n);
    same_key text := (SELECT string_agg(format('r.%I = c.k%s', k, n), ' AND ') FROM unnest(standin.primary_key(t)) WITH ORDINALITY AS u(k, n));
    taken bigint;
BEGIN
    EXECUTE format('UPDATE %s SET taken = true', changes);
    GET DIAGNOSTICS taken = ROW_COUNT;
    EXECUTE format('DELETE FROM %s r USING (SELECT DISTINCT %s FROM %s WHERE taken) c WHERE %s', twin, keys, changes, same_key);
    EXECUTE format('INSERT INTO %s (%s) SELECT %s FROM %s r JOIN (SELECT DISTINCT %s FROM %s WHERE taken) c ON %s',
        twin, standin.columns(t), standin.columns(t, 'r.'), t, keys, changes, same_key);
    EXECUTE format('DELETE FROM %s WHERE taken', changes);
    RETURN taken;
END $$;

CREATE FUNCTION citus_standin.create_distributed_table_concurrently(
    table_name regclass, distribution_column text, distribution_type citus.distribution_type DEFAULT 'hash',
    colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    colocation int;
    twin regclass;
BEGIN
    PERFORM standin.refuse_transaction_block(table_name);
    IF distribution_type <> 'hash' THEN
        RAISE EXCEPTION 'only hash-distributed tables can be distributed without blocking writes' USING ERRCODE = '22023';
    END IF;
    PERFORM standin.check_table(table_name, distribution_column);
    PERFORM standin.check_no_foreign_keys_to_regular_tables(table_name);
    IF standin.primary_key(table_name) IS NULL THEN
        RAISE EXCEPTION 'stand-in: cannot distribute "%" concurrently: it has no PRIMARY KEY', standin.bare_name(table_name)
            USING ERRCODE = '0A000', HINT = 'Citus can, but UPDATE and DELETE fail meanwhile.';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtext('create_distributed_table_concurrently')) THEN
        RAISE EXCEPTION 'another create_distributed_table_concurrently operation is in progress'
            USING ERRCODE = 'XX000', HINT = 'Make sure that the concurrent operation has finished and re-run the command';
    END IF;

    RAISE LOG 'performing non-blocking create_distributed_table_concurrently';
    IF NOT standin.is_local(table_name) THEN
        PERFORM standin.in_second_session(format('SELECT citus_standin.citus_add_local_table_to_metadata(%L)', standin.full_name(table_name)));
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', table_name);

    PERFORM standin.check_contents(table_name, distribution_column);
    IF (SELECT relpersistence = 'u' FROM pg_class WHERE oid = table_name) THEN
        RAISE EXCEPTION 'cannot add relation "%_%" to publication', standin.bare_name(table_name), nextval('standin.shard_id')
            USING ERRCODE = '22023', DETAIL = 'This operation is not supported for unlogged tables.';
    END IF;
    colocation := standin.colocation(table_name, distribution_column, colocate_with, shard_count);

    RAISE LOG 'creating child shards for create_distributed_table_concurrently';
    twin := standin.build_twin(table_name, distribution_column, standin.shard_count(colocation));
    RAISE LOG 'performing copy for create_distributed_table_concurrently';
    PERFORM standin.copy_rows(table_name, twin);
    RAISE LOG 'replicating changes for create_distributed_table_concurrently';
    FOR attempt IN 1 .. 20 LOOP
        EXIT WHEN standin.replay(table_name, twin) < 500;
    END LOOP;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', table_name);
    PERFORM standin.replay(table_name, twin);
    PERFORM standin.record_distributed(standin.take_place(table_name, twin), distribution_column, colocation);
END $$;
