package actions

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"runbook/engine"
	"runbook/engine/postgres"
)

// family is a table with all that foreign keys tie it to. Citus brings them back
// together.
type family struct {
	tables  []tableState // the first is one that the runbook names
	keys    []foreignKey
	views   []string // of the tables, those of a view before it
	unnamed []string // tables that the runbook does not name
}

func (f family) names() string {
	return strings.Join(tableNamesOf(f.tables), ", ")
}

func (f family) has(name string) bool {
	return slices.ContainsFunc(f.tables, func(t tableState) bool { return t.Name == name })
}

// todo says whether there is anything to bring back.
func (f family) todo() bool {
	return slices.ContainsFunc(f.tables, func(t tableState) bool { return t.Kind != local })
}

// readFamily follows the foreign keys in both directions. A table that is an
// ordinary one is left alone, whatever is tied to it.
func readFamily(ctx context.Context, db catalog, t tableState) (family, error) {
	f := family{tables: []tableState{t}}
	if t.Kind == local {
		return f, nil
	}
	for i := 0; i < len(f.tables); i++ {
		keys, err := foreignKeys(ctx, db, f.tables[i].Name)
		if err != nil {
			return f, err
		}
		for _, k := range keys {
			if slices.Contains(f.keys, k) {
				continue
			}
			f.keys = append(f.keys, k)
			for _, name := range []string{k.Child, k.Parent} {
				if f.has(name) {
					continue
				}
				tied, err := readTable(ctx, db, name)
				if err != nil {
					return f, err
				}
				f.tables = append(f.tables, tied)
			}
		}
	}
	var err error
	f.views, err = viewsOf(ctx, db, f.tables)
	return f, err
}

// viewsOf lists the views that read the tables, a view of a view before it.
func viewsOf(ctx context.Context, db catalog, tables []tableState) ([]string, error) {
	rows, err := db.Rows(ctx, `
		WITH RECURSIVE above (oid, depth) AS (
			SELECT to_regclass(t)::oid, 0 FROM unnest($1::text[]) AS t
			UNION
			SELECT r.ev_class, a.depth + 1
			FROM above a
			JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.oid AND d.classid = 'pg_rewrite'::regclass
			JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND r.ev_class <> a.oid
			WHERE a.depth < 32)
		SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
		FROM above a JOIN pg_catalog.pg_class c ON c.oid = a.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'v' GROUP BY 1 ORDER BY max(a.depth) DESC, 1`, tableNamesOf(tables))
	var out []string
	for _, r := range rows {
		out = append(out, r["name"].(string))
	}
	return out, err
}

func tableNamesOf(tables []tableState) []string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Name
	}
	return names
}

// todoNames are the names of the tables that there is something to bring back
// of.
func (f family) todoNames() []string {
	var names []string
	for _, t := range f.tables {
		if t.Kind != local {
			names = append(names, t.Name)
		}
	}
	return names
}

// keepsakes are statements that bring back what Citus gives up when it puts
// another table in the place of one: comments, and the grants on views.
func keepsakes(ctx context.Context, db catalog, f family) ([]string, error) {
	rows, err := db.Rows(ctx, `
		WITH given AS (
			SELECT c.oid, c.relkind, c.relowner, c.relacl, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
			FROM unnest($1::text[]) AS t JOIN pg_catalog.pg_class c ON c.oid = to_regclass(t) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
		SELECT CASE WHEN d.objsubid > 0 THEN pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', g.name, a.attname, d.description)
		            ELSE pg_catalog.format('COMMENT ON %s %s IS %L', CASE g.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, g.name, d.description) END AS statement
		FROM given g
		JOIN pg_catalog.pg_description d ON d.objoid = g.oid AND d.classoid = 'pg_class'::regclass
		LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = g.oid AND a.attnum = d.objsubid
		UNION ALL
		SELECT pg_catalog.format('GRANT %s ON %s TO %s%s', p.privilege_type, g.name,
		                         CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE p.grantee::regrole::text END, CASE WHEN p.is_grantable THEN ' WITH GRANT OPTION' END)
		FROM given g CROSS JOIN LATERAL pg_catalog.aclexplode(g.relacl) p
		WHERE g.relkind = 'v' AND p.grantee <> g.relowner
		ORDER BY 1`, append(slices.Clone(f.views), tableNamesOf(f.tables)...))
	var out []string
	for _, r := range rows {
		out = append(out, r["statement"].(string))
	}
	return out, err
}

// statements are those of one attempt.
//
// Note: Citus by itself locks out only writers while it copies a table without
// foreign keys, and asks for ACCESS EXCLUSIVE at the end. By then transactions that
// have read the table wait to write to it, which is a deadlock, and the copy is
// lost. Views come first because a reader locks them first.
func (f family) statements() []string {
	lock := "LOCK TABLE " + strings.Join(append(slices.Clone(f.views), tableNamesOf(f.tables)...), ", ") + " IN ACCESS EXCLUSIVE MODE"
	first := f.tables[slices.IndexFunc(f.tables, func(t tableState) bool { return t.Kind != local })]
	name, err := postgres.Literal(first.Name)
	if err != nil { // a name with a NUL byte, which no table has
		name = "NULL"
	}
	call := "SELECT undistribute_table(" + name + ")"
	if len(f.keys) > 0 {
		call = "SELECT undistribute_table(" + name + ", cascade_via_foreign_keys => true)"
	}
	return []string{lock, call}
}

// sameKeys wants every foreign key to be there as it was.
func (f family) sameKeys(ctx context.Context, env *engine.Env) error {
	for _, k := range f.keys {
		there, valid, err := keyExists(ctx, env, k.Child, k.Name)
		if err != nil {
			return err
		}
		if !there || !valid && wasValid(k.obligation()) {
			return &engine.Failed{
				Message: fmt.Sprintf("%s was brought back without its foreign key %s", k.Child, k.Name),
				Hint:    "bring it back: " + k.obligation().Restore,
			}
		}
	}
	return nil
}
