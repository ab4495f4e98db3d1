package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/event"
)

// placement is one execution of distribute, with its tables in their order.
type placement struct {
	*Distribute
	env      *engine.Env
	attempts *attempts
	tables   []*distribution
	owed     []string
	began    time.Time
}

func (p *placement) run(ctx context.Context) error {
	if err := wantCitus(p.env); err != nil {
		return err
	}
	if err := wantNoTransaction(ctx, p.env); err != nil {
		return err
	}
	back, err := reachStandIn(ctx, p.env)
	if err != nil {
		return err
	}
	defer back()
	if err := outlastEarlier(ctx, p.env, p.named()); err != nil {
		return err
	}
	l, err := lineUp(ctx, p.Distribute, silent{p.env}, owedKeys(p.env.Owed()))
	if err != nil {
		return err
	}
	p.tables = l.tables
	if err := p.preflight(ctx, l); err != nil {
		return err
	}
	for i, x := range p.tables {
		x.env, x.attempts = p.env, p.attempts
		if err := x.run(ctx); err != nil {
			return p.stopped(ctx, i, err)
		}
	}
	return p.settled(ctx)
}

// named are the tables as the runbook names them.
func (p *placement) named() []string {
	if p.Table != "" {
		return []string{p.Table}
	}
	return p.Tables
}

// wantNoTransaction refuses an open transaction: the COMMIT of a part would end
// it.
func wantNoTransaction(ctx context.Context, env *engine.Env) error {
	open, err := env.InTransaction(ctx)
	if err != nil || !open {
		return err
	}
	return &engine.Failed{
		Message: "a transaction is open on this connection", Err: engine.ErrNotReady,
		Hint: "COMMIT before this step: it has transactions of its own",
	}
}

// preflight reports at once why the tables could not be distributed.
func (p *placement) preflight(ctx context.Context, l *lineup) error {
	if len(p.tables) == 1 && l.missing == nil {
		// A table that holds, or is distributed otherwise, needs no preflight.
		x := p.tables[0]
		if holds, err := x.holds(ctx); holds || err != nil {
			return err
		}
	}
	found, err := l.findings(ctx)
	if err != nil || len(found) == 0 {
		return err
	}
	names := p.Tables
	if names == nil {
		names = []string{p.tables[0].table.Name}
	}
	return notReady(strings.Join(names, ", ")+" cannot be distributed", found)
}

// notReady makes an error of findings.
func notReady(what string, found []finding) error {
	f := &engine.Failed{Message: what + ": " + count(int64(len(found)), "finding"), Err: engine.ErrNotReady}
	for _, n := range found {
		note := n.what
		if n.fix != "" {
			note += " → " + n.fix
		}
		f.Notes = append(f.Notes, note)
	}
	return f
}

// stopped adds to a failure in the middle how far the tables have come.
func (p *placement) stopped(ctx context.Context, at int, err error) error {
	if len(p.tables) == 1 {
		return err
	}
	out := &engine.Failed{Err: err}
	var inner *engine.Failed
	if errors.As(err, &inner) {
		out.Notes, out.Hint, out.Operands = slices.Clone(inner.Notes), inner.Hint, inner.Operands
	}
	if at > 0 {
		out.Notes = append(out.Notes, "done: "+tableNames(p.tables[:at]))
	}
	out.Notes = append(out.Notes, p.tables[at].stateNow(ctx))
	if at+1 < len(p.tables) {
		out.Notes = append(out.Notes, "untouched: "+tableNames(p.tables[at+1:]))
	}
	out.Notes = append(out.Notes, "when the cause is gone the step can be run again: it passes over what is done")
	return out
}

// stateNow says in which state a failure has left the table.
func (x *distribution) stateNow(ctx context.Context) string {
	if x.result.After != "" { // it was read after the failure
		return fmt.Sprintf("failed: %s, now %s", x.table.Name, x.result.After)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	now, err := readTable(ctx, x.env, x.Table)
	if err != nil {
		return "failed: " + x.table.Name + ", whose state now could not be read: " + err.Error()
	}
	x.result.After = now.Kind
	return fmt.Sprintf("failed: %s, now %s", now.Name, now.describe())
}

// settled wants every foreign key that was taken away to be back, or on the
// ledger for a later step.
func (p *placement) settled(ctx context.Context) error {
	owed := p.env.Owed()
	for _, x := range p.tables {
		for _, k := range x.detached {
			if slices.ContainsFunc(owed, func(o event.Obligation) bool { return o.Table == k.Child && o.Name == k.Name }) {
				continue
			}
			there, _, err := keyExists(ctx, p.env, k.Child, k.Name)
			if err != nil {
				return err
			}
			if !there {
				return &engine.Failed{
					Message: fmt.Sprintf("foreign key %s of %s was taken away, and is neither back nor on the ledger", k.Name, k.Child),
					Hint:    "someone else drops it; bring it back: " + k.obligation().Restore,
				}
			}
		}
		for _, o := range owed {
			if (o.Table == x.table.Name || o.References == x.table.Name) && !slices.Contains(p.owed, o.Name) {
				p.owed = append(p.owed, o.Name)
			}
		}
	}
	return nil
}

// result sums up the tables.
func (p *placement) result() DistributeResult {
	r := DistributeResult{LockRetries: p.attempts.retries, Duration: time.Since(p.began), Owed: p.owed}
	var phases stages
	for i, x := range p.tables {
		t := x.result
		r.Tables = append(r.Tables, t)
		r.Bytes += t.Bytes
		r.Changed = r.Changed || t.Changed
		r.Detached = append(r.Detached, t.Detached...)
		r.Restored = append(r.Restored, t.Restored...)
		for _, phase := range t.Phases {
			phases.add(callPhase(phase.Name), phase.Duration)
		}
		if i == 0 {
			r.Table, r.Before, r.After, r.ShardCount, r.ColocationID = t.Table, t.Before, t.After, t.ShardCount, t.ColocationID
			continue
		}
		r.Table += ", " + t.Table
		r.Before, r.After = common(r.Before, t.Before), common(r.After, t.After)
	}
	r.Phases = phases
	return r
}

// common is what two tables both are.
func common(a, b string) string {
	if a == b {
		return a
	}
	return "mixed"
}

func tableNames(list []*distribution) string {
	names := make([]string, len(list))
	for i, x := range list {
		names[i] = x.table.Name
	}
	return strings.Join(names, ", ")
}
