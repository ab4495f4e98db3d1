package actions

import (
	"context"

	"runbook/engine"
	"runbook/engine/postgres"
)

// oweDropped puts every foreign key that a statement is about to drop on the
// ledger, with its definition. It knows what the text names: a constraint, and
// with CASCADE the foreign keys that lead to a dropped constraint or table. A
// column or a table that goes takes its own constraints along, which is what the
// statement says.
func oweDropped(ctx context.Context, env *engine.Env, sql string) error {
	for _, d := range postgres.Drops(sql) {
		if d.Constraint == "" && !d.Cascade {
			continue
		}
		keys, err := droppedKeys(ctx, silent{env}, d)
		if err != nil {
			return engine.Explain("put on record what the statement drops", err)
		}
		for _, k := range keys {
			if err := env.Owe(k.obligation()); err != nil {
				return err
			}
		}
	}
	return nil
}

// droppedKeys are the foreign keys that go with d; none if it is not there.
func droppedKeys(ctx context.Context, env catalog, d postgres.Drop) ([]foreignKey, error) {
	rows, err := env.Rows(ctx, `
		SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid = pg_catalog.to_regclass($1)`, d.Table)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return keysWhere(ctx, env, `
		$2::text <> '' AND c.conrelid = $1::regclass AND c.conname = $2::text
		OR $3::boolean AND c.confrelid = $1::regclass AND c.conrelid <> c.confrelid AND ($2::text = '' OR c.conindid =
			(SELECT u.conindid FROM pg_catalog.pg_constraint u WHERE u.conrelid = $1::regclass AND u.conname = $2::text AND u.contype IN ('p', 'u')))`,
		rows[0]["name"], d.Constraint, d.Cascade)
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
