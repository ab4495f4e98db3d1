package actions

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"runbook/engine"
	"runbook/engine/postgres"
	"runbook/engine/wording"
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

// movedBefore is the size of the tables that earlier steps of a plan will have
// distributed, in bytes; of no plan it is 0.
func movedBefore(db catalog) int64 {
	switch c := db.(type) {
	case promised:
		return movedBefore(c.catalog)
	case planned:
		sizes := map[string]int64{}
		for _, f := range engine.Foreseen[foreseenTable](c.PlanEnv) {
			sizes[f.state.Name] = 0
			if f.state.Kind == distributed {
				sizes[f.state.Name] = f.state.Bytes
			}
		}
		var sum int64
		for _, size := range sizes {
			sum += size
		}
		return sum
	}
	return 0
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

// Plan reads the state of the tables and looks for what Citus would refuse.
func (d *Distribute) Plan(ctx context.Context, env *engine.PlanEnv) (engine.Forecast, error) {
	f := engine.Forecast{Kind: engine.EffectDDL}
	if d.Concurrently {
		f.Kind = engine.EffectPermanent
	}
	for _, argument := range []string{"table", "tables", "column", "colocate_with", "shard_count"} {
		if waits := env.Waits(argument); waits != nil {
			f.Notes = append(f.Notes, fmt.Sprintf("%s known when it runs: depends on %s", argument, strings.Join(waits, ", ")))
		}
	}
	names := d.Tables
	if env.Waits("table") == nil && d.Table != "" {
		names = []string{d.Table}
	}
	f.Undo = strings.TrimSpace("undistribute " + strings.Join(names, ", "))
	if env.Online() && f.Notes == nil && env.Run().Engine != "postgresql" {
		return f, d.foresee(ctx, env, &f)
	}
	for _, name := range names {
		own := *d
		own.Table = name
		x := &distribution{Distribute: &own, table: tableState{Name: name, Kind: local}}
		x.locks(&f, nil)
		if env.Online() {
			engine.Foresee(env, foreseenTable{tableState{Name: name, Kind: distributed, Column: d.Column, Colocation: unforeseen}})
		}
	}
	if env.Run().Engine == "postgresql" {
		f.Findings = append(f.Findings, engine.Finding{
			What: "this database has no Citus, so no table can be distributed", Fix: "CREATE EXTENSION citus, or rehearse with --sandbox",
			Words: []string{"extension citus"},
		})
	}
	return f, nil
}

// foresee completes the forecast by what the catalog says, and tells later steps
// of it.
func (d *Distribute) foresee(ctx context.Context, env *engine.PlanEnv, f *engine.Forecast) error {
	l, err := lineUp(ctx, d, planned{env}, nil)
	var failed *engine.Failed
	if errors.As(err, &failed) {
		x := &distribution{Distribute: d, table: tableState{Name: d.Table, Kind: local}}
		x.locks(f, nil)
		addFindings(f, []finding{absent(d.Table, failed)})
		return nil
	} else if err != nil {
		return err
	}
	if l.several {
		f.Notes = append(f.Notes, "in this order: "+tableNames(l.tables))
	}
	addFindings(f, l.general())
	o := outlook{lineup: l, Distribute: d, env: env, f: f}
	for _, x := range l.tables {
		if err := o.add(ctx, x); err != nil {
			return err
		}
	}
	o.close()
	return nil
}

// outlook is the forecast of a distribute step while its tables are gone through.
type outlook struct {
	*lineup
	*Distribute
	env      *engine.PlanEnv
	f        *engine.Forecast
	changes  bool     // there is something to do
	holding  []string // why there is nothing to do for a table
	detached []foreignKey
}

// add says what would be done with a table.
func (o *outlook) add(ctx context.Context, x *distribution) error {
	todo, found, err := o.todo(ctx, x)
	if err != nil {
		return err
	}
	addFindings(o.f, found)
	if !todo {
		if found == nil {
			o.holding = append(o.holding, x.holdsText())
		}
		return nil
	}
	o.changes = true
	keys, err := foreignKeys(ctx, x.catalog, x.table.Name)
	if err != nil {
		return err
	}
	away := planned{o.env}.away()
	keys = slices.DeleteFunc(keys, func(k foreignKey) bool { return slices.Contains(away, k) })
	server, own, err := o.examine(ctx, x, keys, func(err error) error {
		text := err.Error()
		var pg *postgres.Error
		if errors.As(err, &pg) {
			text = pg.Message
		}
		x.notes = append(x.notes, "not everything could be checked: "+text)
		return nil
	})
	if err != nil {
		return err
	}
	addServerFindings(o.f, server)
	addFindings(o.f, own)
	o.f.Notes = append(o.f.Notes, x.notes...)
	detached, err := x.inTheWay(ctx, keys)
	if err != nil {
		return err
	}
	o.become(x, detached, away)
	state := x.table.describe() + " now, " + wording.Bytes(x.table.Bytes)
	if o.several {
		state = bare(x.table.Name) + " is " + state
	}
	o.f.Notes = append(o.f.Notes, state)
	return nil
}

func (x *distribution) holdsText() string {
	if x.table.Colocation == unforeseen {
		return "an earlier step distributes it"
	}
	return fmt.Sprintf("distributed by %s already, %s", x.table.Column, count(x.table.Shards, "shard"))
}

// addFindings adds findings of the preflight to a forecast.
func addFindings(f *engine.Forecast, found []finding) {
	for _, n := range found {
		f.Findings = append(f.Findings, engine.Finding{What: n.what, Fix: n.fix, Words: n.words})
	}
}

// addServerFindings adds those about the server, which every step like this one
// would have. A time in one, which goes on from step to step, does not make another
// of it.
func addServerFindings(f *engine.Forecast, found []finding) {
	for _, n := range found {
		f.Findings = append(f.Findings, engine.Finding{What: n.what, Fix: n.fix, Words: n.words, Common: lapse.ReplaceAllString(n.what, "for")})
	}
}

// lapse is how long something has lasted.
var lapse = regexp.MustCompile(`for [0-9][0-9.a-zµ]*`)

// become tells later tables and steps what will have changed, and adds the locks
// on the way.
func (o *outlook) become(x *distribution, detached, away []foreignKey) {
	after := x.table
	after.Kind, after.Column, after.Colocation = distributed, x.Column, unforeseen
	x.locks(o.f, detached)
	engine.Foresee(o.env, foreseenTable{after})
	for _, k := range detached {
		engine.Foresee(o.env, foreseenKey{k, true})
		if !slices.Contains(x.hopeless, k) { // that is a finding already
			o.env.Owe(k.obligation().ID, "distribute the table at its other end too, in a later step")
		}
	}
	o.detached = append(o.detached, detached...)
	for _, k := range append(away, detached...) {
		if !carries(o.env, k) {
			continue
		}
		engine.Foresee(o.env, foreseenKey{k, false})
		o.env.Settle(k.obligation().ID)
		addLock(o.f, k.Child, postgres.ShareRowExclusive, "briefly, when its foreign key comes back")
		addLock(o.f, k.Parent, postgres.ShareRowExclusive, "briefly, when a foreign key to it comes back")
	}
}

// close says what holds for the step as a whole.
func (o *outlook) close() {
	if !o.changes && len(o.holding) > 0 && len(o.f.Findings) == 0 {
		o.f.Undo, o.f.Holds = "", strings.Join(slices.Compact(o.holding), "; ")
		o.f.Notes = nil
		return
	}
	if len(o.holding) > 0 {
		o.f.Notes = append(o.f.Notes, fmt.Sprintf("%d of %s already distributed so", len(o.holding), count(int64(len(o.lineup.tables)), "table")))
	}
	if o.Concurrently && o.changes {
		o.f.Notes = append(o.f.Notes, "after a failure the table is a Citus local one, in use as before; the step can be run again")
	}
	if len(o.detached) > 0 {
		o.f.Undo += "; ledger of " + count(int64(len(o.detached)), "foreign key")
		o.f.Notes = append(o.f.Notes, "takes away: "+keyNames(o.detached))
	}
	if left := len(planned{o.env}.away()); left > 0 {
		o.f.Notes = append(o.f.Notes, count(int64(left), "foreign key")+" stays away until a later step")
	}
}

// carries says whether both tables of a foreign key will be distributed, or will
// both be ordinary ones again.
func carries(env *engine.PlanEnv, k foreignKey) bool {
	child, err := readTable(context.Background(), planned{env}, k.Child)
	if err != nil {
		return false
	}
	parent, err := readTable(context.Background(), planned{env}, k.Parent)
	if err != nil {
		return false
	}
	if parent.Kind == reference {
		return child.Kind != local
	}
	return child.Kind == parent.Kind && (child.Kind == distributed || child.Kind == local)
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
}

// addLock adds a lock once.
func addLock(f *engine.Forecast, table string, mode postgres.LockMode, note string) {
	l := engine.LockForecast{Table: table, Mode: mode, Note: note}
	if !slices.Contains(f.Locks, l) {
		f.Locks = append(f.Locks, l)
	}
}
