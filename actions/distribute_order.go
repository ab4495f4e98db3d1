package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"runbook/engine"
	"runbook/engine/event"
)

// lineup is the tables of a distribute step in the order in which they are
// distributed, with what was found out on the way.
type lineup struct {
	several  bool // the runbook has `tables`
	tables   []*distribution
	missing  []finding    // tables that are not there
	circle   []foreignKey // keys that no order satisfies
	examined bool         // what holds for the whole server
}

// lineUp reads the tables and puts them in order. Keys that are away for now count
// too: an interrupted step is to go on in the order in which it began.
func lineUp(ctx context.Context, d *Distribute, db catalog, away []foreignKey) (*lineup, error) {
	l := &lineup{several: d.Tables != nil}
	names := d.Tables
	if !l.several {
		names = []string{d.Table}
	}
	var states []tableState
	keys := away
	for _, name := range names {
		t, err := readTable(ctx, db, name)
		var failed *engine.Failed
		if l.several && errors.As(err, &failed) {
			l.missing = append(l.missing, absent(name, failed))
			continue
		} else if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(states, func(s tableState) bool { return s.Name == t.Name }) {
			continue
		}
		states = append(states, t)
		if !l.several {
			break
		}
		more, err := foreignKeys(ctx, db, t.Name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, more...)
	}
	states, l.circle = inOrder(states, keys)
	l.arrange(d, db, states)
	return l, nil
}

// arrange makes a distribution of each table, which sees those before it as
// distributed already.
func (l *lineup) arrange(d *Distribute, db catalog, states []tableState) {
	beside := d.ColocateWith
	if beside == "" && len(states) > 1 {
		beside = anchor(states).Name
	}
	promises := map[string]tableState{}
	for _, t := range states {
		own := *d
		own.Table, own.Tables = t.Name, nil
		if !l.several {
			own.Table = d.Table
		} else if beside != t.Name {
			own.ColocateWith = beside
		}
		if own.ColocateWith != "" {
			own.ShardCount = 0 // that of the table beside it
		}
		l.tables = append(l.tables, &distribution{
			Distribute: &own, table: t,
			catalog: promised{db, promises},
			result:  DistributedTable{Table: t.Name, Before: t.Kind, Bytes: t.Bytes},
		})
	}
}

// anchor is the table that the others lie beside: the first, unless one is
// distributed already.
func anchor(states []tableState) tableState {
	if i := slices.IndexFunc(states, func(t tableState) bool { return t.Kind == distributed }); i >= 0 {
		return states[i]
	}
	return states[0]
}

// promised is a catalog in which tables are as a step will have made them.
type promised struct {
	catalog
	tables map[string]tableState
}

func (p promised) foretell(t tableState) tableState {
	if f, ok := p.catalog.(foreteller); ok {
		t = f.foretell(t)
	}
	if promise, ok := p.tables[t.Name]; ok {
		return promise
	}
	return t
}

// promise lets what is looked at later see the table as distributed.
func (x *distribution) promise() {
	after := x.table
	after.Kind, after.Column, after.Colocation = distributed, x.Column, unforeseen
	x.catalog.(promised).tables[x.table.Name] = after
}

// findings are those of all tables, each in the state in which those before it
// are distributed.
func (l *lineup) findings(ctx context.Context) ([]finding, error) {
	out := l.general()
	for _, x := range l.tables {
		todo, found, err := l.todo(ctx, x)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
		if !todo {
			continue
		}
		keys, err := foreignKeys(ctx, x.catalog, x.table.Name)
		if err != nil {
			return nil, err
		}
		server, own, err := l.examine(ctx, x, keys, func(err error) error { return engine.Explain("preflight of "+x.table.Name, err) })
		if err != nil {
			return nil, err
		}
		out = append(append(out, server...), own...)
		x.promise()
	}
	return out, nil
}

// general are the findings that belong to no table.
func (l *lineup) general() []finding {
	if len(l.circle) == 0 || l.tables[0].ForeignKeys == "detach" {
		return l.missing
	}
	return append(l.missing, finding{
		what:  "each of these foreign keys wants its own table to come after another one of the list: " + keyNames(l.circle),
		fix:   "foreign_keys: detach takes them away and brings them back",
		words: []string{l.circle[0].Name},
	})
}

// todo says whether a table is to be distributed. Of several, one that is
// distributed otherwise is a finding.
func (l *lineup) todo(ctx context.Context, x *distribution) (bool, []finding, error) {
	holds, err := x.holds(ctx)
	var otherwise *engine.Failed
	if l.several && errors.As(err, &otherwise) {
		return false, []finding{{otherwise.Message, otherwise.Hint, []string{"undistribute_table " + bare(x.table.Name)}}}, nil
	}
	return err == nil && !holds, nil, err
}

// examine runs the checks of the preflight for a table, those of the server only
// with the first, together with the look for room for all of them. unseen is told
// what could not be checked; its error ends it.
func (l *lineup) examine(ctx context.Context, x *distribution, keys []foreignKey, unseen func(error) error) (server, own []finding, err error) {
	keys = slices.DeleteFunc(keys, func(k foreignKey) bool { return slices.Contains(l.circle, k) })
	if !l.examined {
		l.examined = true
		if server, err = gather(ctx, x.serverChecks(), unseen); err != nil {
			return nil, nil, err
		}
		room := func(ctx context.Context) ([]finding, error) { return l.checkDisk(ctx, x) }
		if own, err = gather(ctx, []check{room}, unseen); err != nil {
			return nil, nil, err
		}
	}
	found, err := gather(ctx, x.tableChecks(keys), unseen)
	for _, f := range found {
		if l.several {
			f.what = bare(x.table.Name) + ": " + f.what
		}
		own = append(own, f)
	}
	return server, own, err
}

// gather runs checks and collects what they find.
func gather(ctx context.Context, checks []check, unseen func(error) error) ([]finding, error) {
	var out []finding
	for _, look := range checks {
		found, err := look(ctx)
		if err != nil {
			if err = unseen(err); err != nil {
				return nil, err
			}
		}
		out = append(out, found...)
	}
	return out, nil
}

// absent is the finding of a table that is not there: an earlier step may create
// it.
func absent(name string, failed *engine.Failed) finding {
	return finding{what: failed.Message, fix: failed.Hint, words: []string{"create table " + bare(name), "rename " + bare(name)}}
}

// owedKeys are the foreign keys of ledger entries.
func owedKeys(owed []event.Obligation) []foreignKey {
	var out []foreignKey
	for _, o := range owed {
		_, definition, _ := strings.Cut(o.Restore, fmt.Sprintf(" ADD CONSTRAINT %s ", quoteName(o.Name)))
		out = append(out, foreignKey{Name: o.Name, Child: o.Table, Parent: o.References, Definition: definition})
	}
	return out
}

// inOrder puts a referenced table before those that reference it, and leaves the
// tables as they are written otherwise. Keys that go round in a circle are
// returned: no order satisfies all of them.
func inOrder(tables []tableState, keys []foreignKey) (sorted []tableState, circle []foreignKey) {
	left := slices.Clone(tables)
	for len(left) > 0 {
		i := slices.IndexFunc(left, func(t tableState) bool { return len(bound(t, left, keys)) == 0 })
		if i < 0 {
			core := inCircles(left, keys)
			for _, t := range core {
				for _, k := range bound(t, core, keys) {
					if !slices.Contains(circle, k) {
						circle = append(circle, k)
					}
				}
			}
			i = slices.Index(left, core[0])
		}
		sorted = append(sorted, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return sorted, circle
}

// bound are the foreign keys of a table to others of the list.
func bound(t tableState, list []tableState, keys []foreignKey) []foreignKey {
	var out []foreignKey
	for _, k := range keys {
		if k.Child == t.Name && k.Parent != t.Name && slices.ContainsFunc(list, func(o tableState) bool { return o.Name == k.Parent }) {
			out = append(out, k)
		}
	}
	return out
}

// inCircles are the tables of the list that are left when those are taken out,
// again and again, that no other one references.
func inCircles(list []tableState, keys []foreignKey) []tableState {
	core := slices.Clone(list)
	for {
		i := slices.IndexFunc(core, func(t tableState) bool {
			return !slices.ContainsFunc(keys, func(k foreignKey) bool {
				return k.Parent == t.Name && k.Child != t.Name && slices.ContainsFunc(core, func(o tableState) bool { return o.Name == k.Child })
			})
		})
		if i < 0 {
			return core
		}
		core = slices.Delete(core, i, i+1)
	}
}
