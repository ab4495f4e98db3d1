package actions

import (
	"context"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

// oweDropped puts every foreign key that a statement is about to drop on the
// ledger, with its definition. It knows what the text names: a constraint or a
// column, and with CASCADE the foreign keys that lead to a dropped constraint,
// column or table. A table that goes takes its own constraints along, which is
// what the statement says. So does a column; but another one often takes its name
// afterwards, and then the key is missed.
func oweDropped(ctx context.Context, env *engine.Env, sql string) error {
	for _, d := range postgres.Drops(sql) {
		dropped, err := droppedKeys(ctx, silent{env}, d)
		if err != nil {
			return engine.Explain("put on record what the statement drops", err)
		}
		for _, o := range dropped {
			if err := env.Owe(o.obligation()); err != nil {
				return err
			}
		}
	}
	return nil
}

// droppedKey is a foreign key that a statement drops.
type droppedKey struct {
	foreignKey
	column *event.Column // that takes it along, nil for none
}

func (k droppedKey) obligation() event.Obligation {
	o := k.foreignKey.obligation()
	o.Column = k.column
	return o
}

// droppedKeys are the foreign keys that go with d; none if it is not there.
func droppedKeys(ctx context.Context, env catalog, d postgres.Drop) ([]droppedKey, error) {
	if d.Constraint == "" && d.Column == "" && !d.Cascade {
		return nil, nil
	}
	table, err := fullName(ctx, env, d.Table)
	if err != nil || table == "" {
		return nil, err
	}
	keys, err := keysWhere(ctx, env, whichGo, table, d.Constraint, d.Cascade, d.Column)
	if err != nil {
		return nil, err
	}
	dropped := make([]droppedKey, len(keys))
	for i, k := range keys {
		dropped[i].foreignKey = k
		if d.Column != "" {
			dropped[i].column = &event.Column{Table: table, Name: d.Column}
		}
	}
	return dropped, nil
}

// whichGo finds the foreign keys that are dropped with constraint $2 of table $1,
// with its column $4, or with all of it; $3 is CASCADE.
const whichGo = `
	CASE WHEN $4::text <> '' THEN
		(SELECT a.attnum FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::regclass AND a.attname = $4::text AND NOT a.attisdropped)
		= ANY (CASE WHEN c.conrelid = $1::regclass THEN c.conkey END || CASE WHEN $3::boolean AND c.confrelid = $1::regclass THEN c.confkey END)
	ELSE
		$2::text <> '' AND c.conrelid = $1::regclass AND c.conname = $2::text
		OR $3::boolean AND c.confrelid = $1::regclass AND c.conrelid <> c.confrelid AND ($2::text = '' OR c.conindid =
			(SELECT u.conindid FROM pg_catalog.pg_constraint u WHERE u.conrelid = $1::regclass AND u.conname = $2::text AND u.contype IN ('p', 'u')))
	END`

// fullName is the name of a table with its schema, "" if there is none.
func fullName(ctx context.Context, env catalog, table string) (string, error) {
	rows, err := env.Rows(ctx, `
		SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid = pg_catalog.to_regclass($1)`, table)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0]["name"].(string), nil
}

// columnGone says whether an entry cannot come back, since the column that took
// it along is not there.
func columnGone(ctx context.Context, env catalog, o event.Obligation) (bool, error) {
	if o.Column == nil {
		return false, nil
	}
	rows, err := env.Rows(ctx, "SELECT 1 FROM pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass($1) AND attname = $2 AND NOT attisdropped", o.Column.Table, o.Column.Name)
	return len(rows) == 0, err
}

// silent reads on the step's connection without a word in the journal: what is
// read here is no work of the step.
type silent struct{ *engine.Env }

func (s silent) Rows(ctx context.Context, sql string, args ...any) ([]engine.Row, error) {
	session, err := s.Quiet(ctx)
	if err != nil {
		return nil, err
	}
	r, err := session.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return engine.NewRows(r), nil
}
