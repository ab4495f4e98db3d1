-- Functions of Citus that plain PostgreSQL cannot stand in for. They exist to say so: "function does not exist" would send the
-- author of a runbook looking for a typing error.

CREATE FUNCTION standin.refuse(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stand-in: % needs Citus', name USING ERRCODE = '0A000', HINT = 'Rehearse this step with Citus itself.';
END $$;

CREATE FUNCTION citus_standin.create_reference_table(table_name regclass) RETURNS void
LANGUAGE sql AS $$ SELECT standin.refuse('create_reference_table') $$;

CREATE FUNCTION citus_standin.alter_distributed_table(table_name regclass, distribution_column text DEFAULT NULL, shard_count int DEFAULT NULL, colocate_with text DEFAULT NULL, cascade_to_colocated bool DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$ SELECT standin.refuse('alter_distributed_table') $$;

CREATE FUNCTION citus_standin.isolate_tenant_to_new_shard(table_name regclass, tenant_id anyelement, cascade_option text DEFAULT '', shard_transfer_mode text DEFAULT 'auto')
RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM standin.refuse('isolate_tenant_to_new_shard'); END $$;

CREATE FUNCTION citus_standin.citus_rebalance_start() RETURNS bigint
LANGUAGE plpgsql AS $$ BEGIN PERFORM standin.refuse('citus_rebalance_start'); END $$;

CREATE FUNCTION citus_standin.rebalance_table_shards(relation regclass DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$ SELECT standin.refuse('rebalance_table_shards') $$;

CREATE FUNCTION citus_standin.run_command_on_workers(command text, parallel bool DEFAULT true, OUT nodename text, OUT nodeport int, OUT success bool, OUT result text)
RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN PERFORM standin.refuse('run_command_on_workers'); END $$;
