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
		       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, pg_catalog.format_type(a.atttypid, NULL) AS plain_type,
		       NOT coalesce(l.collisdeterministic, true) AS vague,
		       a.atttypid = 'numeric'::regtype AND a.atttypmod >= 4 AND (a.atttypmod - 4) & 1024 <> 0 AS coarse,
		       EXISTS (SELECT FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
		               WHERE m.amname = 'hash' AND o.opcdefault AND (
		                   o.opcintype = b.oid
		                   OR o.opcintype = CASE b.typtype WHEN 'e' THEN 'anyenum'::regtype WHEN 'r' THEN 'anyrange'::regtype WHEN 'c' THEN 'record'::regtype END
		                   OR o.opcintype = to_regtype(CASE WHEN b.typtype = 'm' THEN 'anymultirange' END)
		                   OR b.typcategory = 'A' AND o.opcintype = 'anyarray'::regtype
		                   OR EXISTS (SELECT FROM pg_catalog.pg_cast k
		                              WHERE k.castsource = b.oid AND k.casttarget = o.opcintype AND k.castmethod = 'b' AND k.castcontext = 'i'))) AS hashes
		FROM pg_catalog.pg_attribute a
		JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
		JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
		LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
		WHERE a.attrelid = $1::regclass AND a.attname = $2 AND NOT a.attisdropped`, table, column)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

func (x *distribution) checkColumn(ctx context.Context) ([]finding, error) {
	c, err := x.column(ctx, x.table.Name, x.Column)
	words := []string{bare(x.table.Name) + " " + x.Column}
	one := func(fix, format string, args ...any) ([]finding, error) {
		return []finding{{fmt.Sprintf(format, args...), fix, words}}, nil
	}
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		x.noColumn = true
		return one("name a column of the table", "it has no column %s", x.Column)
	case c["number"].(int64) < 0:
		x.noColumn = true
		return one("distribute by a column of its own", "%s is a system column", x.Column)
	case c["generated"] == true:
		return one("distribute by a stored column", "column %s is generated", x.Column)
	case c["coarse"] == true:
		return one("give it a type whose scale is not negative", "column %s is %s", x.Column, c["type"])
	case c["hashes"] != true:
		return one("distribute by a column of another type", "column %s is %s, which cannot be hashed", x.Column, c["type"])
	case c["vague"] == true:
		return one("give it a deterministic collation", "column %s has a collation in which unlike values are equal", x.Column)
	case c["not_null"] == true:
		return nil, nil
	}
	rows, err := x.catalog.Rows(ctx, fmt.Sprintf("SELECT 1 FROM %s WHERE %s IS NULL LIMIT 1", x.table.Name, quoteName(x.Column)))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return one("fill or delete those rows, then SET NOT NULL", "column %s has NULLs", x.Column)
}

// checkColocation looks at the table that it is to be placed with.
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
	found, err := x.checkCopies(ctx, other)
	if err != nil {
		return nil, err
	}
	mine, err := x.column(ctx, x.table.Name, x.Column)
	if err != nil || mine == nil {
		return found, err
	}
	theirs, err := x.column(ctx, other.Name, other.Column)
	if err != nil || theirs == nil || mine["plain_type"] == theirs["plain_type"] {
		return found, err
	}
	return append(found, finding{
		fmt.Sprintf("%s is %s, and %s of %s is %s", x.Column, mine["type"], other.Column, other.Name, theirs["type"]),
		"give both the same type",
		[]string{bare(x.table.Name) + " type", bare(other.Name) + " type"},
	}), nil
}

// checkCopies finds a group of tables whose shards have several copies, beside
// which no table can be put concurrently.
func (x *distribution) checkCopies(ctx context.Context, other tableState) ([]finding, error) {
	if !x.Concurrently || !x.onCitus() || other.Colocation == unforeseen {
		return nil, nil
	}
	rows, err := x.catalog.Rows(ctx, "SELECT replicationfactor::bigint AS copies FROM pg_dist_colocation WHERE colocationid = $1 AND replicationfactor > 1", other.Colocation)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return []finding{{fmt.Sprintf("the shards of %s have %d copies each", other.Name, rows[0]["copies"]), "distribute the table without concurrently", nil}}, nil
}
