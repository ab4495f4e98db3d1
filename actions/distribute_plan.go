package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"runbook/engine"
	"runbook/engine/postgres"
)

var _ engine.Planner = (*Distribute)(nil)

// unforeseen is the colocation id of a table that an earlier step of a plan will
// distribute.
const unforeseen = -1

// foreseenTable is what a distribute step of a plan will have made of a table.
type foreseenTable struct{ state tableState }

// foreseenKey is a foreign key that a step will have taken away, or brought back.
type foreseenKey struct {
	key  foreignKey
	away bool
}

// planned is the catalog as it will be when the earlier steps of a plan have run.
type planned struct{ *engine.PlanEnv }

func (p planned) foretell(t tableState) tableState {
	for _, f := range engine.Foreseen[foreseenTable](p.PlanEnv) {
		if f.state.Name == t.Name {
			t = f.state
		}
	}
	return t
}

// away are the foreign keys that earlier steps will have taken and not brought
// back.
func (p planned) away() []foreignKey {
	var out []foreignKey
	for _, f := range engine.Foreseen[foreseenKey](p.PlanEnv) {
		out = slices.DeleteFunc(out, func(k foreignKey) bool { return k == f.key })
		if f.away {
			out = append(out, f.key)
		}
	}
	return out
}

// Plan reads the table's state and looks for what Citus would refuse.
func (d *Distribute) Plan(ctx context.Context, env *engine.PlanEnv) (engine.Forecast, error) {
	x := &distribution{Distribute: d, catalog: planned{env}, table: tableState{Name: d.Table, Kind: local}}
	f := engine.Forecast{Kind: engine.EffectDDL, Undo: "undistribute_table"}
	if d.Concurrently {
		f.Kind = engine.EffectPermanent
	}
	for _, argument := range []string{"table", "column", "colocate_with", "shard_count"} {
		if waits := env.Waits(argument); waits != nil {
			f.Notes = append(f.Notes, fmt.Sprintf("%s known when it runs: depends on %s", argument, strings.Join(waits, ", ")))
		}
	}
	if !env.Online() || f.Notes != nil {
		if env.Waits("table") == nil {
			x.locks(&f, nil)
		}
		return f, nil
	}
	return f, x.foresee(ctx, env, &f)
}

// foresee completes the forecast by what the catalog says, and tells later steps
// of it.
func (x *distribution) foresee(ctx context.Context, env *engine.PlanEnv, f *engine.Forecast) error {
	if env.Run().Engine == "postgresql" {
		x.locks(f, nil)
		f.Findings = append(f.Findings, engine.Finding{
			What: "this database has no Citus, so no table can be distributed", Fix: "CREATE EXTENSION citus, or rehearse with --sandbox",
			Words: []string{"extension citus"},
		})
		engine.Foresee(env, foreseenTable{tableState{Name: x.Table, Kind: distributed, Column: x.Column, Colocation: unforeseen}})
		return nil
	}
	table, err := readTable(ctx, x.catalog, x.Table)
	if err != nil {
		return x.missing(f, err)
	}
	x.table = table
	if holds, err := x.holds(ctx); err != nil {
		return err
	} else if holds {
		f.Undo, f.Holds = "", fmt.Sprintf("distributed by %s already, %s", x.table.Column, count(x.table.Shards, "shard"))
		if x.table.Colocation == unforeseen {
			f.Holds = "an earlier step distributes it"
		}
		return nil
	}
	keys, err := foreignKeys(ctx, x.catalog, x.table.Name)
	if err != nil {
		return err
	}
	away := x.catalog.(planned).away()
	keys = slices.DeleteFunc(keys, func(k foreignKey) bool { return slices.Contains(away, k) })
	x.examine(ctx, f, keys)
	x.become(env, f, keys, away)
	f.Notes = append(f.Notes, x.table.describe()+" now, "+bytesText(x.table.Bytes))
	return nil
}

// missing makes a finding of a table that is not there: an earlier step may
// create it.
func (x *distribution) missing(f *engine.Forecast, err error) error {
	var failed *engine.Failed
	if !errors.As(err, &failed) {
		return err
	}
	x.locks(f, nil)
	f.Findings = append(f.Findings, engine.Finding{
		What: failed.Message, Fix: failed.Hint, Words: []string{"create table " + bare(x.Table), "rename " + bare(x.Table)},
	})
	return nil
}

// examine runs the checks of the preflight. One that the role may not make, or
// that takes too long, is noted.
func (x *distribution) examine(ctx context.Context, f *engine.Forecast, keys []foreignKey) {
	for _, check := range x.checks(keys) {
		found, err := check(ctx)
		var pg *postgres.Error
		if errors.As(err, &pg) {
			f.Notes = append(f.Notes, "not everything could be checked: "+pg.Message)
		} else if err != nil {
			f.Notes = append(f.Notes, "not everything could be checked: "+err.Error())
		}
		for _, n := range found {
			f.Findings = append(f.Findings, engine.Finding{What: n.what, Fix: n.fix, Words: n.words})
		}
	}
	f.Notes = append(f.Notes, x.notes...)
}

// become tells later steps what will have changed, and adds the locks on the
// way.
func (x *distribution) become(env *engine.PlanEnv, f *engine.Forecast, keys, away []foreignKey) {
	after := x.table
	after.Kind, after.Column, after.Colocation = distributed, x.Column, unforeseen
	var detached []foreignKey
	if x.ForeignKeys == "detach" {
		detached = keys
	}
	x.locks(f, detached)
	engine.Foresee(env, foreseenTable{after})
	for _, k := range detached {
		engine.Foresee(env, foreseenKey{k, true})
		env.Owe(k.obligation().ID)
	}
	restored := 0
	for _, k := range append(away, detached...) {
		if !x.carries(env, k) {
			continue
		}
		restored++
		engine.Foresee(env, foreseenKey{k, false})
		env.Settle(k.obligation().ID)
		addLock(f, k.Child, postgres.ShareRowExclusive, "briefly, when its foreign key comes back")
		addLock(f, k.Parent, postgres.ShareRowExclusive, "briefly, when a foreign key to it comes back")
	}
	if len(detached) > 0 {
		f.Undo += "; ledger of " + count(int64(len(detached)), "foreign key")
		f.Notes = append(f.Notes, "takes away: "+keyNames(detached))
	}
	if left := len(away) + len(detached) - restored; left > 0 {
		f.Notes = append(f.Notes, count(int64(left), "foreign key")+" stays away until a later step")
	}
}

// carries says whether both tables of a foreign key will be distributed.
func (x *distribution) carries(env *engine.PlanEnv, k foreignKey) bool {
	for _, table := range []string{k.Child, k.Parent} {
		if !slices.ContainsFunc(engine.Foreseen[foreseenTable](env), func(f foreseenTable) bool { return f.state.Name == table }) && !x.isDistributed(env, table) {
			return false
		}
	}
	return true
}

func (x *distribution) isDistributed(env *engine.PlanEnv, table string) bool {
	t, err := readTable(context.Background(), planned{env}, table)
	return err == nil && (t.Kind == distributed || t.Kind == reference)
}

func keyNames(keys []foreignKey) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return strings.Join(names, ", ")
}

// locks are those of create_distributed_table and its concurrent form, as seen
// in pg_locks on Citus 13.2.
func (x *distribution) locks(f *engine.Forecast, detached []foreignKey) {
	briefly := fmt.Sprintf("briefly: gives way after %s, tries again for %.0fs", round(x.LockTimeout), x.LockFor.Seconds())
	for _, k := range detached {
		addLock(f, k.Child, postgres.AccessExclusive, briefly)
		addLock(f, k.Parent, postgres.AccessExclusive, briefly)
	}
	if !x.Concurrently {
		addLock(f, x.table.Name, postgres.Exclusive, "while its rows are copied: writers wait, readers do not")
		return
	}
	if x.table.Kind == local {
		addLock(f, x.table.Name, postgres.AccessExclusive, briefly)
	}
	addLock(f, x.table.Name, postgres.ShareUpdateExclusive, "while its rows are copied: DDL waits, and writers at the end for a moment")
	f.Notes = append(f.Notes, "after a failure the table is a Citus local one, in use as before; the step can be run again")
}

// addLock adds a lock once.
func addLock(f *engine.Forecast, table string, mode postgres.LockMode, note string) {
	l := engine.LockForecast{Table: table, Mode: mode, Note: note}
	if !slices.Contains(f.Locks, l) {
		f.Locks = append(f.Locks, l)
	}
}
