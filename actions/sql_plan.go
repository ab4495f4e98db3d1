package actions

import (
	"context"
	"fmt"
	"slices"

	"runbook/engine"
	"runbook/engine/postgres"
)

var (
	_ engine.Planner  = (*SQL)(nil)
	_ engine.Returner = (*SQL)(nil)
)

// Returns is the text whose rows are the result.
func (a *SQL) Returns() *engine.SQL { return a.text() }

// Plan tells what the statements would do, and what the run would owe for it.
func (a *SQL) Plan(ctx context.Context, env *engine.PlanEnv) (engine.Forecast, error) {
	f := a.text().Forecast()
	switch f.Kind {
	case engine.EffectRead, engine.EffectSession:
	case engine.EffectPermanent:
		f.Undo = "none"
	case engine.EffectUnknown:
		f.Undo = "unknown"
	default:
		f.Undo = "whole or not at all"
		if n := len(f.Statements); n > 1 && !a.Transaction {
			f.Undo = fmt.Sprintf("none between its %d statements", n)
		}
	}
	if !env.Online() {
		return f, nil
	}
	for _, st := range a.text().Statements() {
		if err := a.foreseeKeys(ctx, planned{env}, st.Text, &f); err != nil {
			return f, err
		}
	}
	return f, nil
}

// foreseeKeys tells later steps which foreign keys a statement will have taken
// away, and which it will have brought back.
func (a *SQL) foreseeKeys(ctx context.Context, env planned, sql string, f *engine.Forecast) error {
	for _, d := range postgres.Drops(sql) {
		dropped, err := droppedKeys(ctx, env, d)
		if err != nil {
			return engine.Explain("see what the statement drops", err)
		}
		for _, k := range dropped {
			if slices.Contains(env.away(), k.foreignKey) {
				continue
			}
			engine.Foresee(env.PlanEnv, foreseenKey{k.foreignKey, true})
			f.Notes = append(f.Notes, a.owing(env, k))
		}
	}
	for _, added := range postgres.Adds(sql) {
		table, err := fullName(ctx, env, added.Table)
		if err != nil {
			return engine.Explain("see what the statement adds", err)
		}
		for _, k := range env.away() {
			if k.Child == table && k.Name == added.Constraint {
				engine.Foresee(env.PlanEnv, foreseenKey{k, false})
				env.Settle(k.obligation().ID)
				f.Notes = append(f.Notes, "brings back: "+k.Name)
			}
		}
	}
	return nil
}

// owing puts a foreign key on the ledger of the plan where the run will owe it,
// and says how it is.
func (a *SQL) owing(env planned, k droppedKey) string {
	o := k.obligation()
	switch {
	case a.ForGood:
		return "drops for good: " + o.ID
	case k.column != nil:
		return fmt.Sprintf("takes along: %s, which is owed if %s is there again in the end", o.ID, k.column)
	}
	env.Owe(o.ID, "add the step that brings it back; where it is to be gone, say for_good: true beside the statement")
	return "takes away: " + o.ID
}
