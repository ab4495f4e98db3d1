package actions

import (
	"context"
	"fmt"
	"strings"

	"runbook/engine"
)

// longestShard is the length in bytes from which on Citus shortens the name of a
// table for its shards. It asks for that on a second connection, which the call
// then waits for itself when it creates shards in parallel.
const longestShard = 56

// checkRelation looks at what kind of table it is. What cannot be distributed at
// all is one finding.
func (x *distribution) checkRelation(ctx context.Context) ([]finding, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT c.relkind::text AS kind, c.relpersistence = 't' AS temporary, c.reloftype <> 0 AS typed, n.nspname = 'pg_catalog' AS system,
		       CASE WHEN c.relispartition THEN (SELECT i.inhparent::regclass::text FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid) END AS parent,
		       c.relkind = 'r' AND NOT c.relispartition
		           AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhparent, i.inhrelid)) AS inherits,
		       (SELECT p.oid::regclass::text FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhrelid
		        WHERE i.inhparent = c.oid AND p.relkind = 'p' LIMIT 1) AS level,
		       (SELECT e.extname::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
		        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' LIMIT 1) AS extension
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid = $1::regclass`, x.table.Name)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if f, ok := x.unfit(rows[0]); ok {
		x.noTable, x.noColumn = true, true
		return []finding{f}, nil
	}
	var found []finding
	if rows[0]["typed"] == true && x.Concurrently {
		found = append(found, finding{"it is a table of a composite type (CREATE TABLE … OF)", "ALTER TABLE … NOT OF", []string{bare(x.table.Name) + " not of"}})
	}
	if name, ok := rows[0]["extension"].(string); ok && !x.Concurrently && x.onCitus() {
		found = append(found, finding{
			"it belongs to the extension " + name + ", so Citus expects to find it on the workers",
			fmt.Sprintf("ALTER EXTENSION %s DROP TABLE %s, or concurrently: true", quoteName(name), x.table.Name),
			[]string{"alter extension drop " + bare(x.table.Name)},
		})
	}
	long, err := x.checkName(ctx)
	return append(found, long...), err
}

// kinds are the relations that are no tables, by pg_class.relkind.
var kinds = map[string]string{"v": "a view", "m": "a materialized view", "f": "a foreign table", "i": "an index", "I": "an index", "S": "a sequence", "c": "a composite type"}

// unfit is the finding of what cannot be distributed whatever else holds.
func (x *distribution) unfit(row engine.Row) (finding, bool) {
	name := bare(x.table.Name)
	kind, other := kinds[row["kind"].(string)]
	parent, partition := row["parent"].(string)
	level, nested := row["level"].(string)
	switch {
	case other:
		return finding{what: "it is " + kind, fix: "only tables can be distributed"}, true
	case row["system"] == true:
		return finding{what: "it is a table of the system catalog", fix: "only tables of your own can be distributed"}, true
	case row["temporary"] == true:
		return finding{"it is a temporary table", "make it an ordinary one", []string{"create table " + name}}, true
	case partition:
		return finding{fmt.Sprintf("it is a partition of %s, and would wait for itself", parent), fmt.Sprintf("distribute %s: its partitions go along", parent), []string{"detach partition " + name}}, true
	case nested:
		return finding{fmt.Sprintf("its partition %s is partitioned again", level), "keep one level of partitions", []string{bare(level)}}, true
	case row["inherits"] == true:
		return finding{"it inherits from a table, or one inherits from it", "ALTER TABLE … NO INHERIT, or partition the table instead", []string{"no inherit " + name}}, true
	}
	return finding{}, false
}

// checkName finds names for which the shards cannot be made in parallel.
func (x *distribution) checkName(ctx context.Context) ([]finding, error) {
	if x.Concurrently || !x.onCitus() {
		return nil, nil
	}
	rows, err := x.catalog.Rows(ctx, `
		SELECT c.relname::text AS name FROM pg_catalog.pg_class c
		WHERE (c.oid = $1::regclass OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::regclass)))
		  AND octet_length(c.relname::text) >= $2 AND pg_catalog.current_setting('citus.multi_shard_modify_mode') <> 'sequential'
		ORDER BY 1`, x.table.Name, longestShard)
	var found []finding
	for _, r := range rows {
		name := r["name"].(string)
		found = append(found, finding{
			fmt.Sprintf("the name %s is so long (%d bytes) that the call would deadlock with itself", name, len(name)),
			fmt.Sprintf("rename it to less than %d bytes, or concurrently: true", longestShard),
			[]string{"rename " + name},
		})
	}
	return found, err
}

// checkRights looks at what the role may do. A plan only notes it: it may be made
// by a role that is meant to read.
func (x *distribution) checkRights(ctx context.Context) ([]finding, error) {
	functions := []string{"create_distributed_table"}
	if x.Concurrently {
		functions = []string{"create_distributed_table_concurrently"}
		if x.table.Kind == local {
			functions = append(functions, "citus_add_local_table_to_metadata")
		}
	}
	rows, err := x.catalog.Rows(ctx, `
		SELECT current_user::text AS role, r.rolname::text AS owner, n.nspname::text AS schema, r.rolcanlogin AS can_login,
		       pg_catalog.pg_has_role(c.relowner, 'usage') AS owns, pg_catalog.has_schema_privilege(r.oid, n.oid, 'create') AS may_create,
		       (SELECT string_agg(f, ', ' ORDER BY f) FROM unnest($2::text[]) AS f
		        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.proname = f AND pg_catalog.has_function_privilege(p.oid, 'execute'))) AS refused
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
		WHERE c.oid = $1::regclass`, x.table.Name, "{"+strings.Join(functions, ",")+"}")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	row := rows[0]
	role, owner, schema := row["role"].(string), row["owner"].(string), row["schema"].(string)
	var found []finding
	if row["owns"] != true {
		found = append(found, finding{
			fmt.Sprintf("it belongs to %s, and this role, %s, is not a member of that", owner, role), "connect as its owner",
			[]string{bare(x.table.Name) + " owner", "grant " + owner + " " + role},
		})
	}
	if refused, ok := row["refused"].(string); ok {
		found = append(found, finding{fmt.Sprintf("role %s may not execute %s", role, refused), "GRANT EXECUTE ON FUNCTION …", []string{"grant execute " + functions[0]}})
	}
	if inPlan(x.catalog) {
		for _, f := range found {
			x.notes = append(x.notes, f.what+"; the run needs a role that may")
		}
		found = nil
	}
	return append(found, x.ownerRights(row, owner, schema)...), nil
}

// ownerRights are what the owner of the table needs, whoever makes the call: the
// shards are made, and concurrently filled, in its name.
func (x *distribution) ownerRights(row engine.Row, owner, schema string) []finding {
	var found []finding
	if row["may_create"] != true {
		found = append(found, finding{
			fmt.Sprintf("its owner %s may not create tables in schema %s, where the shards will be", owner, schema),
			fmt.Sprintf("GRANT CREATE ON SCHEMA %s TO %s", quoteName(schema), quoteName(owner)),
			[]string{"grant " + schema + " " + owner, bare(x.table.Name) + " owner"},
		})
	}
	if row["can_login"] != true && x.Concurrently && x.onCitus() {
		found = append(found, finding{
			fmt.Sprintf("its owner %s may not log in, which the workers do to follow its changes", owner),
			"give it an owner that may, or distribute it without concurrently",
			[]string{bare(x.table.Name) + " owner", "alter role " + owner + " login"},
		})
	}
	return found
}
