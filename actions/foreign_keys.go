package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

// foreignKey is a constraint from or to a table, with all it takes to bring it
// back.
type foreignKey struct {
	Name       string
	Child      string // the table it is on; names are schema-qualified and quoted where needed
	Parent     string // the table it references
	Definition string // pg_get_constraintdef with an empty search_path
}

// foreignKeys lists the foreign keys from and to a table.
func foreignKeys(ctx context.Context, env catalog, table string) ([]foreignKey, error) {
	keys, err := keysWhere(ctx, env, "$1::regclass IN (c.conrelid, c.confrelid)", table)
	return keys, engine.Explain("list the foreign keys of "+table, err)
}

// keysWhere lists foreign keys by a condition on pg_constraint c, those of table,
// which is $1, first.
func keysWhere(ctx context.Context, env catalog, condition string, table any, args ...any) ([]foreignKey, error) {
	rows, err := qualified(ctx, env, `
		SELECT c.conname::text AS name, c.conrelid::regclass::text AS child, c.confrelid::regclass::text AS parent,
		       pg_catalog.pg_get_constraintdef(c.oid) AS definition
		FROM pg_catalog.pg_constraint c
		WHERE c.contype = 'f' AND c.conparentid = 0 AND (`+condition+`)
		ORDER BY c.conrelid = $1::regclass DESC, c.conname`, append([]any{table}, args...)...)
	if err != nil {
		return nil, err
	}
	keys := make([]foreignKey, len(rows))
	for i, r := range rows {
		keys[i] = foreignKey{Name: r["name"].(string), Child: r["child"].(string), Parent: r["parent"].(string), Definition: r["definition"].(string)}
	}
	return keys, nil
}

// qualified runs a query with an empty search_path, so that PostgreSQL writes
// every name in full; what it writes can then be run under any search_path.
// Inside a transaction it is changed for that only, since the path there may
// itself be one of SET LOCAL.
func qualified(ctx context.Context, env catalog, sql string, args ...any) ([]engine.Row, error) {
	inside, err := env.InTransaction(ctx)
	if err != nil {
		return nil, err
	}
	before, err := env.Rows(ctx, fmt.Sprintf("SELECT pg_catalog.current_setting('search_path') AS path, pg_catalog.set_config('search_path', '', %t)", inside))
	if err != nil {
		return nil, err
	}
	rows, err := env.Rows(ctx, sql, args...)
	if failed := env.Rollback; err != nil {
		err = errors.Join(err, failed(ctx))
	}
	_, resetErr := env.Rows(context.WithoutCancel(ctx), fmt.Sprintf("SELECT pg_catalog.set_config('search_path', $1, %t)", inside), before[0]["path"])
	return rows, errors.Join(err, resetErr)
}

func (k foreignKey) drop() string {
	return fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", k.Child, quoteName(k.Name))
}

func (k foreignKey) obligation() event.Obligation {
	return event.Obligation{
		ID:    fmt.Sprintf("foreign key %s on %s", k.Name, k.Child),
		Table: k.Child, Name: k.Name, References: k.Parent,
		Restore: fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", k.Child, quoteName(k.Name), k.Definition),
	}
}

// quoteName quotes one name; postgres.Ident would take a dot in it for a
// separator.
func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// keyExists says whether a constraint is in the catalog, and whether it is valid
// there.
func keyExists(ctx context.Context, env *engine.Env, table, name string) (there, valid bool, err error) {
	rows, err := env.Rows(ctx, "SELECT convalidated AS valid FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conrelid = to_regclass($1) AND conname = $2", table, name)
	if err != nil || len(rows) == 0 {
		return false, false, err
	}
	return true, rows[0]["valid"] == true, nil
}

// restoreKeys brings back every foreign key of the ledger whose two tables can
// carry it by now, and names them.
func restoreKeys(ctx context.Context, env *engine.Env, a *attempts) ([]string, error) {
	var restored []string
	for _, o := range env.Owed() {
		gone, err := columnGone(ctx, env, o)
		if err != nil {
			return restored, err
		}
		ready, err := canCarry(ctx, env, o)
		if err != nil {
			return restored, err
		}
		if gone || !ready {
			continue
		}
		if err := restoreKey(ctx, env, a, o); err != nil {
			return restored, engine.Explain("bring back "+o.ID, err)
		}
		restored = append(restored, o.Name)
	}
	return restored, nil
}

// canCarry says whether a foreign key between the two tables is possible: both
// ordinary, or distributed side by side, or to a reference table.
func canCarry(ctx context.Context, env *engine.Env, o event.Obligation) (bool, error) {
	if env.Run().Engine == "postgresql" {
		return true, nil
	}
	child, err := readTable(ctx, env, o.Table)
	if err != nil {
		return false, err
	}
	parent, err := readTable(ctx, env, o.References)
	if err != nil {
		return false, err
	}
	switch {
	case child.Kind == local && parent.Kind == local:
		return true, nil
	case parent.Kind == reference:
		return child.Kind != local, nil
	default:
		return child.Kind == distributed && parent.Kind == distributed && child.Colocation == parent.Colocation, nil
	}
}

// restoreKey adds the constraint without looking at the rows, which locks for a
// moment, and validates it afterwards, which stalls no one. What an earlier
// attempt has done of the two is not done again. Each is a transaction of its own,
// and each constraint a statement: Citus refuses two in one.
func restoreKey(ctx context.Context, env *engine.Env, a *attempts, o event.Obligation) error {
	there, valid, err := keyExists(ctx, env, o.Table, o.Name)
	if err != nil {
		return err
	}
	if !there {
		if err := withProgress(ctx, env, o.Table, "adding "+o.Name, func() error { return addKey(ctx, a, o) }); err != nil {
			return broken(ctx, env, o, err)
		}
	}
	if !valid && wasValid(o) {
		if err := withProgress(ctx, env, o.Table, "validating "+o.Name, func() error { return validateKey(ctx, env, a, o) }); err != nil {
			return broken(ctx, env, o, err)
		}
	}
	if there, valid, err = keyExists(ctx, env, o.Table, o.Name); err != nil {
		return err
	}
	if !there || !valid && wasValid(o) {
		return errors.New("the constraint was added and is not in the catalog as it was")
	}
	return env.Settle(o.ID)
}

// wasValid says whether the constraint held for all rows before it was dropped.
func wasValid(o event.Obligation) bool { return !strings.HasSuffix(o.Restore, " NOT VALID") }

func addKey(ctx context.Context, a *attempts, o event.Obligation) error {
	if !wasValid(o) {
		return a.run(ctx, o.Table, o.Restore)
	}
	err := a.run(ctx, o.Table, o.Restore+" NOT VALID")
	var pg *postgres.Error
	if errors.As(err, &pg) && pg.SQLSTATE == "42809" {
		// A partitioned table, and so one of the stand-in, takes it only whole.
		return a.run(ctx, o.Table, o.Restore)
	}
	return err
}

// validateKey validates the constraint, unless it was added whole. What it waits
// for, another ALTER or a VACUUM, stalls no one, and with the time between two
// attempts it would never make an autovacuum give way. So it waits on.
func validateKey(ctx context.Context, env *engine.Env, a *attempts, o event.Obligation) error {
	if _, valid, err := keyExists(ctx, env, o.Table, o.Name); err != nil || valid {
		return err
	}
	patient := attempts{env: env, lockTimeout: a.limit, limit: a.limit, holders: a.holders}
	return patient.run(ctx, o.Table, fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", o.Table, quoteName(o.Name)))
}
