package actions

import (
	"context"
	"fmt"
	"slices"

	"runbook/engine"
)

// checkKeys looks at the foreign keys: those that stay must not be in the way, and
// those that are taken away must be able to come back.
func (x *distribution) checkKeys(ctx context.Context, keys []foreignKey) ([]finding, error) {
	away, err := x.inTheWay(ctx, keys)
	if err != nil {
		return nil, err
	}
	var found []finding
	for _, k := range keys {
		f, err := x.checkKey(ctx, k, slices.Contains(away, k))
		if err != nil {
			return nil, err
		}
		found = append(found, f...)
	}
	return found, nil
}

func (x *distribution) checkKey(ctx context.Context, k foreignKey, away bool) ([]finding, error) {
	other := k.Parent
	if k.Parent == x.table.Name {
		other = k.Child
	}
	end := x.table
	if other != x.table.Name {
		var err error
		if end, err = readTable(ctx, x.catalog, other); err != nil {
			return nil, err
		}
	}
	stays := !away && !x.obstructs(k, end)
	if stays && k.Child != x.table.Name {
		return nil, nil // and goes on being checked
	}
	if why, err := x.never(ctx, k, end); err != nil {
		return nil, err
	} else if why != "" {
		x.hopeless = append(x.hopeless, k)
		return []finding{neverBack(k, why, k.Child == x.table.Name && end.Kind == local)}, nil
	}
	if away || stays {
		return nil, nil
	}
	if x.Concurrently {
		return []finding{{
			fmt.Sprintf("foreign key %s (%s → %s) is in the way of a concurrent distribution", k.Name, k.Child, k.Parent),
			"foreign_keys: detach takes it away and brings it back",
			[]string{k.Name},
		}}, nil
	}
	if k.Child != x.table.Name {
		return []finding{{
			fmt.Sprintf("foreign key %s is on %s, which is %s", k.Name, k.Child, end.Kind),
			"foreign_keys: detach takes it away and brings it back",
			[]string{k.Name},
		}}, nil
	}
	return []finding{{
		fmt.Sprintf("foreign key %s references %s, which is %s", k.Name, k.Parent, end.Kind),
		"distribute that table first", append(distributing(k.Parent), k.Name),
	}}, nil
}

// obstructs says whether a key that stays makes Citus refuse. A key to the table
// itself never does. A concurrent distribution bears one to a reference table when
// the key has made a Citus table of this one already.
func (x *distribution) obstructs(k foreignKey, end tableState) bool {
	switch {
	case k.Child == k.Parent:
		return false
	case x.Concurrently:
		return k.Child != x.table.Name || end.Kind != reference || x.table.Kind != citusLocal || !x.onCitus()
	}
	if k.Child != x.table.Name {
		return end.Kind == citusLocal || end.Kind == reference
	}
	return end.Kind != distributed && end.Kind != reference
}

// neverBack is the finding of a key that distributed tables cannot carry. To a
// reference table they can more.
func neverBack(k foreignKey, why string, toLocal bool) finding {
	f := finding{
		fmt.Sprintf("foreign key %s (%s → %s) cannot hold on distributed tables: %s", k.Name, k.Child, k.Parent, why),
		"replace it or drop it for good",
		[]string{k.Name},
	}
	if toLocal && k.Child != k.Parent {
		f.fix = "replace it, drop it for good, or make a reference table of " + k.Parent + " before"
		f.words = append(f.words, "create_reference_table "+bare(k.Parent))
	}
	return f
}

// never says why distributed tables cannot carry a foreign key whatever happens,
// "" when they can. end is the table at its other end; one that is local is taken
// for one that will be distributed by the column that the key pairs with this
// one's.
//
// What such a key would be taken away for is never brought back, so it is looked
// at before.
func (x *distribution) never(ctx context.Context, k foreignKey, end tableState) (string, error) {
	mine := k.Child == x.table.Name
	if end.Kind == reference && !mine {
		return k.Child + " is a reference table, which can only reference such", nil
	}
	pairs, err := x.pairs(ctx, k)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(pairs, func(p pair) bool { return mine && p.child == x.Column || !mine && p.parent == x.Column })
	if i < 0 {
		switch {
		case end.Kind == reference:
			return "", nil
		case mine && end.Kind != distributed && k.Child != k.Parent:
			return fmt.Sprintf("it does not include %s, and %s is no reference table", x.Column, k.Parent), nil
		}
		return "it does not include " + x.Column, nil
	}
	p := pairs[i]
	if p.action != "" {
		return fmt.Sprintf("%s would change %s, by which %s is placed", p.action, p.child, k.Child), nil
	}
	if end.Kind == reference {
		return "", nil
	}
	if k.Child == k.Parent {
		end.Kind, end.Column = distributed, x.Column
	}
	theirs := p.parent
	if !mine {
		theirs = p.child
	}
	switch {
	case end.Kind == distributed && theirs != end.Column:
		return fmt.Sprintf("it pairs %s with %s, and %s is distributed by %s", x.Column, theirs, end.Name, end.Column), nil
	case !p.sameType:
		return fmt.Sprintf("%s of %s and %s of %s have two types", p.child, k.Child, p.parent, k.Parent), nil
	}
	return x.apart(ctx, k, end)
}

// apart says that the two tables will not lie side by side, as far as that is
// known.
func (x *distribution) apart(ctx context.Context, k foreignKey, end tableState) (string, error) {
	if k.Child == k.Parent || end.Kind != distributed || end.Colocation == unforeseen {
		return "", nil
	}
	if x.ShardCount != 0 && end.Shards != int64(x.ShardCount) {
		return fmt.Sprintf("%s has %d shards, this table is to have %d", end.Name, end.Shards, x.ShardCount), nil
	}
	if x.ColocateWith == "" {
		return "", nil
	}
	model, err := readTable(ctx, x.catalog, x.ColocateWith)
	if err != nil || model.Kind != distributed || model.Colocation == unforeseen || model.Colocation == end.Colocation {
		return "", err
	}
	return fmt.Sprintf("%s does not lie beside %s", end.Name, model.Name), nil
}

// pair is a column of a foreign key with the one that it references.
type pair struct {
	child, parent string
	action        string // what would change the child's column, "" when nothing does
	sameType      bool
}

// pairs are the columns of a foreign key, in its order.
func (x *distribution) pairs(ctx context.Context, k foreignKey) ([]pair, error) {
	rows, err := x.catalog.Rows(ctx, `
		SELECT a.attname::text AS child, b.attname::text AS parent, a.atttypid = b.atttypid AS same_type,
		       CASE WHEN c.confdeltype = 'n' THEN 'ON DELETE SET NULL' WHEN c.confdeltype = 'd' THEN 'ON DELETE SET DEFAULT'
		            WHEN c.confupdtype = 'n' THEN 'ON UPDATE SET NULL' WHEN c.confupdtype = 'd' THEN 'ON UPDATE SET DEFAULT'
		            WHEN c.confupdtype = 'c' THEN 'ON UPDATE CASCADE' ELSE '' END AS action
		FROM pg_catalog.pg_constraint c, unnest(c.conkey, c.confkey) WITH ORDINALITY AS u (own, other, at)
		JOIN pg_catalog.pg_attribute a ON a.attnum = u.own JOIN pg_catalog.pg_attribute b ON b.attnum = u.other
		WHERE c.contype = 'f' AND c.conrelid = $1::regclass AND c.conname = $2 AND a.attrelid = c.conrelid AND b.attrelid = c.confrelid
		ORDER BY u.at`, k.Child, k.Name)
	var out []pair
	for _, r := range rows {
		out = append(out, pair{child: r["child"].(string), parent: r["parent"].(string), action: r["action"].(string), sameType: r["same_type"] == true})
	}
	return out, engine.Explain("read the columns of foreign key "+k.Name, err)
}
