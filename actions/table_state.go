package actions

import (
	"context"
	"fmt"

	"runbook/engine"
	"runbook/engine/syntax"
)

// The states of a table that are told apart.
const (
	local       = "local"       // an ordinary PostgreSQL table
	citusLocal  = "citus-local" // one shard on the coordinator; also what a failed concurrent call leaves
	reference   = "reference"   // copied to every node
	distributed = "distributed"
	schemaTable = "schema" // distributed with its schema, which alone has a say
)

// tableState is what the catalog knows of a table.
type tableState struct {
	Name       string // schema-qualified, quoted where needed
	Kind       string
	Column     string // the distribution column
	Colocation int64
	Shards     int64
	Bytes      int64
}

func (t tableState) describe() string {
	switch t.Kind {
	case distributed:
		return "distributed by " + t.Column
	case schemaTable:
		return "distributed with its schema"
	}
	return t.Kind
}

// catalog is where the state of tables is read: the step's connection, or for a
// plan a connection that can only read.
type catalog interface {
	Run() engine.RunInfo
	Rows(ctx context.Context, sql string, args ...any) ([]engine.Row, error)
	InTransaction(ctx context.Context) (bool, error)
	Rollback(ctx context.Context) error
}

// foreteller is a catalog that knows what earlier steps of a plan will have made
// of a table.
type foreteller interface {
	foretell(tableState) tableState
}

// citusTables are, by engine, the tables that Citus knows, as its view
// citus_tables has them. bytes is what a table has in files that are not its own.
//
// Note: the view itself is in public, or in citus where a database has no public,
// and a search_path need not have either. It also asks every node for sizes.
var citusTables = map[string]string{
	"citus": `
		SELECT p.logicalrelid::oid AS oid,
		       CASE WHEN p.colocationid IN (SELECT s.colocationid FROM pg_catalog.pg_dist_schema s) THEN 'schema'
		            WHEN p.partkey IS NULL AND p.repmodel = 't' THEN 'reference'
		            WHEN p.partkey IS NULL AND p.colocationid = 0 THEN 'local'
		            ELSE 'distributed' END AS kind,
		       coalesce(pg_catalog.column_to_column_name(p.logicalrelid, p.partkey), '<none>') AS distribution_column, p.colocationid AS colocation_id,
		       (SELECT count(*) FROM pg_catalog.pg_dist_shard s WHERE s.logicalrelid = p.logicalrelid) AS shard_count,
		       CASE WHEN p.partkey IS NULL AND p.colocationid = 0 THEN
		           (SELECT sum(pg_catalog.pg_total_relation_size(pg_catalog.to_regclass(pg_catalog.format('%I.%I', n.nspname, c.relname || '_' || s.shardid))))
		            FROM pg_catalog.pg_dist_shard s
		            JOIN pg_catalog.pg_class c ON c.oid = s.logicalrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		            WHERE s.logicalrelid = p.logicalrelid) END AS bytes
		FROM pg_catalog.pg_dist_partition p`,
	"stand-in": `
		SELECT v.table_name::oid AS oid, v.citus_table_type AS kind, v.distribution_column, v.colocation_id, v.shard_count, 0 AS bytes
		FROM public.citus_tables v`,
}

// readTable reads the state of a table by name; a table that is not there is an
// error with the near miss. Its size is what it takes on this server, with its
// indexes and partitions.
func readTable(ctx context.Context, env catalog, name string) (tableState, error) {
	rows, err := env.Rows(ctx, `
		WITH citus AS NOT MATERIALIZED (`+citusTables[env.Run().Engine]+`)
		SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
		       (SELECT sum(pg_catalog.pg_total_relation_size(part.oid) + coalesce(t.bytes, 0))
		        FROM (SELECT c.oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)) AS part (oid)
		        LEFT JOIN citus t ON t.oid = part.oid)::bigint AS bytes,
		       t.kind AS kind, t.distribution_column AS column, t.colocation_id::bigint AS colocation, t.shard_count AS shards
		FROM pg_catalog.pg_class c
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN citus t ON t.oid = c.oid
		WHERE c.oid = pg_catalog.to_regclass($1)`, name)
	if err != nil {
		return tableState{}, err
	}
	if len(rows) == 0 {
		return tableState{}, noTable(ctx, env, name)
	}
	row := rows[0]
	t := tableState{Name: row["name"].(string), Kind: local}
	t.Bytes, _ = row["bytes"].(int64)
	t.Colocation, _ = row["colocation"].(int64)
	t.Shards, _ = row["shards"].(int64)
	switch row["kind"] {
	case "distributed":
		t.Kind = distributed
		t.Column, _ = row["column"].(string)
	case "reference":
		t.Kind = reference
	case "local":
		t.Kind = citusLocal
	case "schema":
		t.Kind = schemaTable
	}
	if f, ok := env.(foreteller); ok {
		t = f.foretell(t)
	}
	return t, nil
}

func noTable(ctx context.Context, env catalog, name string) error {
	f := &engine.Failed{Message: fmt.Sprintf("there is no table %s", name), Err: engine.ErrNotReady}
	rows, err := env.Rows(ctx, "SELECT relname::text AS name FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(oid) LIMIT 1000")
	if err != nil {
		return f
	}
	var names []string
	for _, r := range rows {
		names = append(names, r["name"].(string))
	}
	f.Hint = syntax.DidYouMean(name, names)
	return f
}
