package postgres

import "strings"

// isPure says whether a function is known to change nothing, neither data nor
// the session nor another one. nextval, set_config, pg_advisory_lock and
// pg_terminate_backend are not here, and neither is whatever runs SQL given as
// text.
func isPure(name string) bool {
	return pureFunctions[name] || strings.HasPrefix(name, "pg_get_") || strings.HasPrefix(name, "pg_stat_get_")
}

// nonTransactionalFunctions are functions that refuse to run in a transaction
// block.
var nonTransactionalFunctions = set(`
	create_distributed_table_concurrently
`)

// notCalled are keywords that an opening parenthesis can follow in a query
// without a call of a function of that name: without quotes no function of a user
// can have one.
var notCalled = set(`
	all and any array as between case cross distinct else except exists from
	full group having ilike in inner intersect is join lateral left like limit not
	offset on only or right select similar some then union using values when where
	with natural fetch for returning collate check window
	row cast treat interval
`)

// pureFunctions are all built in, or Citus's.
var pureFunctions = set(`
	count sum avg min max every bool_and bool_or bit_and bit_or bit_xor string_agg array_agg
	json_agg jsonb_agg json_object_agg jsonb_object_agg xmlagg range_agg any_value
	stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop covar_samp
	regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy
	percentile_cont percentile_disc mode grouping
	cube rollup
	row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value

	coalesce nullif greatest least num_nulls num_nonnulls pg_typeof

	abs cbrt ceil ceiling degrees div exp factorial floor gcd lcm ln log log10 mod pi power
	radians random round scale min_scale trim_scale sign sqrt trunc width_bucket
	acos asin atan atan2 cos cot sin tan sinh cosh tanh

	ascii bit_length btrim char_length character_length chr concat concat_ws convert convert_from
	convert_to decode encode format initcap left length lower lpad ltrim md5 normalize
	octet_length overlay parse_ident position quote_ident quote_literal quote_nullable
	regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
	regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right rpad
	rtrim sha224 sha256 sha384 sha512 split_part starts_with string_to_array string_to_table
	strpos substr substring to_hex translate trim upper to_char to_number to_date to_timestamp
	get_bit get_byte set_bit set_byte bit_count

	age clock_timestamp date_bin date_part date_trunc extract isfinite justify_days justify_hours
	justify_interval make_date make_interval make_time make_timestamp make_timestamptz now
	statement_timestamp timeofday transaction_timestamp timezone pg_sleep pg_sleep_for
	current_time current_timestamp localtime localtimestamp

	array_append array_cat array_dims array_fill array_length array_lower array_ndims
	array_position array_positions array_prepend array_remove array_replace array_to_string
	array_upper cardinality trim_array unnest generate_series generate_subscripts
	lower_inc lower_inf upper_inc upper_inf isempty range_merge
	int4range int8range numrange tsrange tstzrange daterange

	to_json to_jsonb array_to_json row_to_json json_build_array jsonb_build_array
	json_build_object jsonb_build_object json_object jsonb_object json_array_elements
	jsonb_array_elements json_array_elements_text jsonb_array_elements_text json_array_length
	jsonb_array_length json_each jsonb_each json_each_text jsonb_each_text json_extract_path
	jsonb_extract_path json_extract_path_text jsonb_extract_path_text json_object_keys
	jsonb_object_keys json_populate_record jsonb_populate_record json_populate_recordset
	jsonb_populate_recordset json_to_record jsonb_to_record json_to_recordset jsonb_to_recordset
	json_strip_nulls jsonb_strip_nulls jsonb_set jsonb_insert jsonb_pretty json_typeof
	jsonb_typeof jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
	jsonb_path_query_first

	to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_headline
	host hostmask masklen netmask network text family broadcast
	gen_random_uuid hashtext hashint8 hash_record

	current_database current_schema current_schemas current_setting current_user session_user
	inet_client_addr inet_client_port inet_server_addr inet_server_port pg_backend_pid
	pg_blocking_pids pg_safe_snapshot_blocking_pids pg_conf_load_time pg_postmaster_start_time
	pg_is_in_recovery pg_is_wal_replay_paused pg_last_wal_receive_lsn pg_last_wal_replay_lsn
	pg_last_xact_replay_timestamp pg_current_wal_lsn pg_current_wal_insert_lsn
	pg_current_wal_flush_lsn pg_walfile_name pg_wal_lsn_diff pg_control_system
	pg_control_checkpoint pg_control_init pg_current_snapshot txid_current_snapshot
	txid_status pg_xact_status pg_current_xact_id_if_assigned txid_current_if_assigned
	pg_my_temp_schema pg_is_other_temp_schema pg_jit_available pg_trigger_depth version
	has_any_column_privilege has_column_privilege has_database_privilege has_function_privilege
	has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege
	has_tablespace_privilege has_type_privilege pg_has_role row_security_active
	pg_table_is_visible pg_type_is_visible pg_function_is_visible pg_operator_is_visible
	pg_lock_status pg_prepared_xact pg_show_all_settings pg_settings_get_flags
	format_type to_regclass to_regcollation to_regnamespace to_regoper to_regoperator to_regproc
	to_regprocedure to_regrole to_regtype col_description obj_description shobj_description
	pg_describe_object pg_identify_object pg_identify_object_as_address pg_index_column_has_property
	pg_index_has_property pg_indexam_has_property pg_column_compression pg_column_size
	pg_database_size pg_indexes_size pg_relation_size pg_size_bytes pg_size_pretty pg_table_size
	pg_tablespace_size pg_total_relation_size pg_relation_filenode pg_relation_filepath
	pg_filenode_relation pg_partition_tree pg_partition_ancestors pg_partition_root
	pg_options_to_table pg_encoding_to_char pg_char_to_encoding pg_client_encoding
	pg_tablespace_location aclexplode acldefault makeaclitem pg_sequence_parameters pg_sequence_last_value
	mxid_age pg_timezone_names pg_timezone_abbrevs

	citus_version citus_get_active_worker_nodes citus_table_size citus_relation_size
	citus_total_relation_size citus_shard_sizes citus_backend_gpid citus_calculate_gpid
	citus_nodeid_for_gpid citus_pid_for_gpid citus_nodename_for_nodeid citus_nodeport_for_nodeid
	citus_is_coordinator citus_check_cluster_node_health citus_check_connection_to_node
	citus_remote_connection_stats citus_stat_statements citus_dist_stat_activity
	column_to_column_name get_shard_id_for_distribution_column get_rebalance_progress
	get_rebalance_table_shards_plan master_get_active_worker_nodes

	bool int2 int4 int8 float4 float8 numeric decimal varchar char bpchar name oid regclass
	date time timestamp timestamptz uuid json jsonb bytea point
`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		m[word] = true
	}
	return m
}
