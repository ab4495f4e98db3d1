package actions

import (
	"context"
	"fmt"
)

// parts is the table $1 and, of a partitioned one, all its partitions, as a
// condition on an oid.
func parts(oid string) string {
	return "(" + oid + " = $1::regclass OR " + oid + " IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::regclass)))"
}

// checkUnique looks at what is to be unique: shards can see to it only when equal
// values are in one shard. Citus does not mind a column of INCLUDE, and keeps the
// values unique in each shard only.
func (x *distribution) checkUnique(ctx context.Context) ([]finding, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT i.indexrelid::regclass::text AS name, a.attnum = ANY (i.indkey) AS covered, i.indisexclusion AS exclusion
		FROM pg_catalog.pg_index i
		JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
		LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attname = $2
		WHERE `+parts("i.indrelid")+` AND (i.indisunique OR i.indisexclusion)
		  AND NOT EXISTS (
		      SELECT FROM generate_series(0, i.indnkeyatts - 1) AS at
		      WHERE i.indkey[at] = a.attnum AND (NOT i.indisexclusion OR EXISTS (
		          SELECT FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_operator o ON o.oid = k.conexclop[at + 1]
		          WHERE k.conindid = i.indexrelid AND k.contype = 'x' AND o.oprname = '=')))
		ORDER BY 1`, x.table.Name, x.Column)
	var found []finding
	for _, r := range rows {
		f := finding{
			fmt.Sprintf("unique index %s does not include %s", r["name"], x.Column),
			"replace it by one that does, or distribute by one of its columns",
			[]string{bare(r["name"].(string))},
		}
		switch {
		case r["exclusion"] == true:
			f.what = fmt.Sprintf("exclusion constraint %s does not compare %s by =", r["name"], x.Column)
			f.fix = "replace it by one that does"
		case r["covered"] == true:
			f.what = fmt.Sprintf("unique index %s only INCLUDEs %s: each shard would be unique by itself, and no more", r["name"], x.Column)
			f.fix = "make the column part of its key"
		}
		found = append(found, f)
	}
	return found, err
}

func (x *distribution) checkTriggers(ctx context.Context) ([]finding, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT DISTINCT t.tgname::text AS name FROM pg_catalog.pg_trigger t
		WHERE `+parts("t.tgrelid")+` AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgname <> 'citus_standin_capture'
		  AND coalesce(pg_catalog.current_setting('citus.enable_unsafe_triggers', true), '') <> 'on'
		ORDER BY 1`, x.table.Name)
	var found []finding
	for _, r := range rows {
		found = append(found, finding{fmt.Sprintf("trigger %s is on it", r["name"]), "drop the trigger; Citus refuses tables that have one", []string{r["name"].(string)}})
	}
	return found, err
}

// checkPolicies finds row-level security that asks other tables.
func (x *distribution) checkPolicies(ctx context.Context) ([]finding, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT DISTINCT p.polname::text AS name FROM pg_catalog.pg_policy p
		WHERE `+parts("p.polrelid")+` AND concat(p.polqual::text, p.polwithcheck::text) LIKE '%{SUBLINK %'
		ORDER BY 1`, x.table.Name)
	var found []finding
	for _, r := range rows {
		found = append(found, finding{fmt.Sprintf("policy %s has a subquery", r["name"]), "write it without one", []string{"policy " + r["name"].(string)}})
	}
	return found, err
}

// checkSequences finds a sequence that columns of two types take their values
// from.
func (x *distribution) checkSequences(ctx context.Context) ([]finding, error) {
	if !x.onCitus() {
		return nil, nil
	}
	rows, err := x.catalog.Rows(ctx, `
		WITH uses AS (
		    SELECT d.adrelid AS relation, a.attname AS name, a.atttypid AS type, p.refobjid AS sequence
		    FROM pg_catalog.pg_attrdef d
		    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
		    JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid
		    JOIN pg_catalog.pg_class s ON s.oid = p.refobjid AND p.refclassid = 'pg_catalog.pg_class'::regclass AND s.relkind = 'S')
		SELECT DISTINCT u.sequence::regclass::text AS sequence, u.name::text AS column, format_type(u.type, NULL) AS type,
		       o.relation::regclass::text AS other, o.name::text AS other_column, format_type(o.type, NULL) AS other_type
		FROM uses u JOIN uses o ON o.sequence = u.sequence AND o.type <> u.type AND o.relation <> u.relation
		WHERE u.relation = $1::regclass AND o.relation IN (SELECT logicalrelid FROM pg_dist_partition)
		ORDER BY 1, 2, 4, 5 LIMIT 10`, x.table.Name)
	var found []finding
	for _, r := range rows {
		found = append(found, finding{
			fmt.Sprintf("column %s takes its values as %s from sequence %s, and column %s of %s as %s", r["column"], r["type"], r["sequence"], r["other_column"], r["other"], r["other_type"]),
			"give it a sequence of its own, or both columns one type",
			[]string{bare(x.table.Name) + " " + r["column"].(string)},
		})
	}
	return found, err
}

// checkIdentity looks at what logical replication wants of each table that holds
// rows.
func (x *distribution) checkIdentity(ctx context.Context) ([]finding, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT c.oid::regclass::text AS name, c.oid = $1::regclass AS itself, c.relpersistence = 'u' AS unlogged,
		       c.relreplident = 'n'
		       OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate)
		       OR c.relreplident = 'i' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisreplident) AS nameless
		FROM pg_catalog.pg_class c WHERE `+parts("c.oid")+` AND c.relkind = 'r' ORDER BY c.relname`, x.table.Name)
	var found []finding
	for _, r := range rows {
		it, name := "it", bare(r["name"].(string))
		if r["itself"] != true {
			it = "its partition " + r["name"].(string)
		}
		if r["nameless"] == true {
			found = append(found, finding{
				it + " has neither a primary key nor a replica identity, so UPDATE and DELETE would fail while rows are copied",
				"add a primary key that is not deferrable, or ALTER TABLE … REPLICA IDENTITY",
				[]string{name + " primary", name + " replica"},
			})
		}
		if r["unlogged"] == true {
			found = append(found, finding{it + " is unlogged, which replication does not carry", "ALTER TABLE … SET LOGGED", []string{name + " logged"}})
		}
	}
	return found, err
}
