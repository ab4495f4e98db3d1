package actions

import (
	"context"
	"fmt"

	"runbook/engine"
)

// column is what the checks need to know of the distribution column.
func (x *distribution) column(ctx context.Context, table, column string) (engine.Row, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT a.attnum::int AS number, a.attnotnull AS not_null, a.attgenerated <> '' AS generated,
		       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type
		FROM pg_catalog.pg_attribute a
		WHERE a.attrelid = $1::regclass AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped`, table, column)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

func (x *distribution) checkColumn(ctx context.Context) ([]finding, error) {
	c, err := x.column(ctx, x.table.Name, x.Column)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return []finding{{fmt.Sprintf("it has no column %s", x.Column), "name a column of the table", []string{bare(x.table.Name) + " " + x.Column}}}, nil
	case c["generated"] == true:
		return []finding{{fmt.Sprintf("column %s is generated", x.Column), "distribute by a stored column", []string{bare(x.table.Name) + " " + x.Column}}}, nil
	case c["not_null"] == true:
		return nil, nil
	}
	rows, err := x.catalog.Rows(ctx, fmt.Sprintf("SELECT 1 FROM %s WHERE %s IS NULL LIMIT 1", x.table.Name, quoteName(x.Column)))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return []finding{{fmt.Sprintf("column %s has NULLs", x.Column), "fill or delete those rows, then SET NOT NULL", []string{bare(x.table.Name) + " " + x.Column}}}, nil
}

func (x *distribution) checkUnique(ctx context.Context) ([]finding, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT i.indexrelid::regclass::text AS name
		FROM pg_catalog.pg_index i
		WHERE i.indrelid = $1::regclass AND (i.indisunique OR i.indisexclusion)
		  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a
		                  WHERE a.attrelid = i.indrelid AND a.attname = $2 AND a.attnum = ANY (i.indkey))
		ORDER BY 1`, x.table.Name, x.Column)
	var found []finding
	for _, r := range rows {
		found = append(found, finding{
			fmt.Sprintf("unique index %s does not include %s", r["name"], x.Column),
			"replace it by one that does, or distribute by one of its columns",
			[]string{bare(r["name"].(string))},
		})
	}
	return found, err
}

func (x *distribution) checkTriggers(ctx context.Context) ([]finding, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT tgname::text AS name FROM pg_catalog.pg_trigger
		WHERE tgrelid = $1::regclass AND NOT tgisinternal AND tgname NOT LIKE 'citus\_%' ORDER BY 1`, x.table.Name)
	var found []finding
	for _, r := range rows {
		found = append(found, finding{fmt.Sprintf("trigger %s is on it", r["name"]), "drop the trigger; Citus refuses tables that have one", []string{r["name"].(string)}})
	}
	return found, err
}

func (x *distribution) checkColocation(ctx context.Context) ([]finding, error) {
	if x.ColocateWith == "" {
		return nil, nil
	}
	other, err := readTable(ctx, x.catalog, x.ColocateWith)
	if err != nil {
		return nil, err
	}
	if other.Kind != distributed {
		return []finding{{fmt.Sprintf("%s, which it is to be placed with, is %s", other.Name, other.describe()), "distribute that table first", distributing(other.Name)}}, nil
	}
	mine, err := x.column(ctx, x.table.Name, x.Column)
	if err != nil || mine == nil {
		return nil, err
	}
	theirs, err := x.column(ctx, other.Name, other.Column)
	if err != nil || theirs == nil || mine["type"] == theirs["type"] {
		return nil, err
	}
	return []finding{{
		fmt.Sprintf("%s is %s, and %s of %s is %s", x.Column, mine["type"], other.Column, other.Name, theirs["type"]),
		"give both the same type",
		[]string{bare(x.table.Name) + " type", bare(other.Name) + " type"},
	}}, nil
}

// checkKeys looks at the foreign keys that stay in place.
func (x *distribution) checkKeys(ctx context.Context, keys []foreignKey) ([]finding, error) {
	if x.ForeignKeys == "detach" {
		return nil, nil
	}
	var found []finding
	for _, k := range keys {
		if x.Concurrently {
			found = append(found, finding{
				fmt.Sprintf("foreign key %s (%s → %s) is in the way of a concurrent distribution", k.Name, k.Child, k.Parent),
				"foreign_keys: detach takes it away and brings it back",
				[]string{k.Name},
			})
			continue
		}
		if k.Child != x.table.Name || k.Parent == x.table.Name {
			continue
		}
		parent, err := readTable(ctx, x.catalog, k.Parent)
		if err != nil {
			return nil, err
		}
		if parent.Kind != distributed && parent.Kind != reference {
			found = append(found, finding{fmt.Sprintf("foreign key %s references %s, which is %s", k.Name, k.Parent, parent.Kind), "distribute that table first", append(distributing(parent.Name), k.Name)})
		}
	}
	return found, nil
}

func (x *distribution) checkIdentity(ctx context.Context) ([]finding, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT c.relpersistence = 'u' AS unlogged,
		       c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS (
		           SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS nameless
		FROM pg_catalog.pg_class c WHERE c.oid = $1::regclass`, x.table.Name)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var found []finding
	if rows[0]["nameless"] == true {
		found = append(found, finding{"it has neither a primary key nor a replica identity, so UPDATE and DELETE would fail while rows are copied", "add a primary key, or ALTER TABLE … REPLICA IDENTITY", []string{bare(x.table.Name) + " primary", bare(x.table.Name) + " replica"}})
	}
	if rows[0]["unlogged"] == true {
		found = append(found, finding{"it is unlogged, which replication does not carry", "ALTER TABLE … SET LOGGED", []string{bare(x.table.Name) + " logged"}})
	}
	return found, nil
}
