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

var _ engine.Planner = (*Undistribute)(nil)

// Plan reads the state of the tables and of what foreign keys tie to them.
func (u *Undistribute) Plan(ctx context.Context, env *engine.PlanEnv) (engine.Forecast, error) {
	f := engine.Forecast{Kind: engine.EffectDDL, Undo: "distribute"}
	for _, argument := range []string{"table", "tables"} {
		if waits := env.Waits(argument); waits != nil {
			f.Notes = append(f.Notes, fmt.Sprintf("%s known when it runs: depends on %s", argument, strings.Join(waits, ", ")))
			return f, nil
		}
	}
	if !env.Online() || env.Run().Engine == "postgresql" {
		for _, name := range u.named() {
			addLock(&f, name, postgres.AccessExclusive, copiedBack)
		}
		if env.Online() {
			addFindings(&f, []finding{{"this database has no Citus, so no table is distributed", "CREATE EXTENSION citus, or rehearse with --sandbox", []string{"extension citus"}}})
		}
		return f, nil
	}
	families, err := u.families(ctx, planned{env})
	var failed *engine.Failed
	if errors.As(err, &failed) {
		addFindings(&f, []finding{absent(strings.Join(u.named(), " "), failed)})
		return f, nil
	} else if err != nil {
		return f, err
	}
	return f, u.foresee(ctx, env, &f, families)
}

// copiedBack is who waits, and how long.
const copiedBack = "while its rows are copied to the coordinator: readers and writers wait"

// foresee completes the forecast, and tells later steps of it.
func (u *Undistribute) foresee(ctx context.Context, env *engine.PlanEnv, f *engine.Forecast, families []family) error {
	var undo, holding []string
	for _, tied := range families {
		if !tied.todo() {
			holding = append(holding, tied.names())
			continue
		}
		found, err := u.findings(ctx, planned{env}, tied)
		if err != nil {
			return err
		}
		addFindings(f, found)
		for _, view := range tied.views {
			addLock(f, view, postgres.AccessExclusive, "while the tables that it reads are copied")
		}
		for _, t := range tied.tables {
			addLock(f, t.Name, postgres.AccessExclusive, copiedBack)
			if t.Kind == local {
				continue
			}
			f.Notes = append(f.Notes, fmt.Sprintf("%s is %s now", bare(t.Name), t.describe()))
			undo = append(undo, bare(t.Name))
			t.Kind, t.Column, t.Shards, t.Colocation = local, "", 0, 0
			engine.Foresee(env, foreseenTable{t})
		}
	}
	if undo == nil {
		f.Undo, f.Holds = "", "local already"
		return nil
	}
	if holding != nil {
		f.Notes = append(f.Notes, "local already: "+strings.Join(holding, ", "))
	}
	f.Undo = "distribute " + strings.Join(undo, ", ")
	f.Notes = append(f.Notes, fmt.Sprintf("the first lock gives way after %s, and is tried for %.0fs; the coordinator needs room for all rows", round(u.LockTimeout), u.LockFor.Seconds()))
	u.restore(env, f)
	return nil
}

// restore tells of the foreign keys that earlier steps take away and this one
// brings back.
func (u *Undistribute) restore(env *engine.PlanEnv, f *engine.Forecast) {
	for _, k := range (planned{env}).away() {
		if !carries(env, k) {
			continue
		}
		engine.Foresee(env, foreseenKey{k, false})
		env.Settle(k.obligation().ID)
		for _, table := range slices.Compact([]string{k.Child, k.Parent}) {
			addLock(f, table, postgres.ShareRowExclusive, "briefly, when a foreign key comes back")
		}
	}
}
