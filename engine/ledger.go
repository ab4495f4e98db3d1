package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"runbook/engine/event"
)

// ledger holds what the run has taken away and not yet brought back.
type ledger struct {
	mu  sync.Mutex
	due []event.Obligation
}

// open adds an entry; one that is there already is owed once.
func (l *ledger) open(o event.Obligation) {
	l.settle(o.ID)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = append(l.due, o)
}

func (l *ledger) settle(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = slices.DeleteFunc(l.due, func(o event.Obligation) bool { return o.ID == id })
}

func (l *ledger) entries() []event.Obligation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.due)
}

// ids names the entries.
func ids(list []event.Obligation) string {
	names := make([]string, len(list))
	for i, o := range list {
		names[i] = o.ID
	}
	return strings.Join(names, ", ")
}

// Owe opens a ledger entry for an object of the step's database. When it returns
// nil the entry is on disk and the object may be dropped.
func (e *Env) Owe(o event.Obligation) error {
	if o.Connection = e.elsewhere(); o.Connection != "" {
		o.ID += " (connection " + o.Connection + ")"
	}
	if err := e.Emit(event.ObligationOpened{Step: e.path, Obligation: o}); err != nil {
		return err
	}
	e.x.ledger.open(o)
	return nil
}

// Owed are the open ledger entries of the step's database, oldest first.
func (e *Env) Owed() []event.Obligation {
	here := e.elsewhere()
	return slices.DeleteFunc(e.x.ledger.entries(), func(o event.Obligation) bool { return o.Connection != here })
}

// elsewhere names the step's connection if it leads to another database than
// main.
func (e *Env) elsewhere() string {
	if e.x.conns.where[e.step.connection] == nil {
		return ""
	}
	return e.step.connection
}

// Settle closes a ledger entry whose object was seen in the catalog again.
func (e *Env) Settle(id string) error { return e.x.settle(e.path, id) }

func (x *executor) settle(step, id string) error {
	if err := x.emit(event.ObligationClosed{Step: step, ID: id}); err != nil {
		return err
	}
	x.ledger.settle(id)
	return nil
}

// SettleReturned closes the ledger entries whose object is in the catalog again,
// whoever brought it back.
func (e *Env) SettleReturned(ctx context.Context) error { return e.x.settleReturned(ctx, e.path) }

// settleReturned looks at every open entry. While a transaction of the run is
// open its end can still change the answer, so nothing is closed.
func (x *executor) settleReturned(ctx context.Context, step string) error {
	for _, o := range x.ledger.entries() {
		if x.anyTransaction() {
			return nil
		}
		back, err := x.isBack(ctx, o)
		if err != nil {
			return fmt.Errorf("look for %s: %w", o.ID, err)
		}
		if !back {
			continue
		}
		if err := x.settle(step, o.ID); err != nil {
			return err
		}
	}
	return nil
}

// forgo gives up the open entries that cannot come back since the column that took
// them along is gone for good, and says so: whoever drops a column means it, and
// may not know what hangs on it.
func (x *executor) forgo(ctx context.Context) error {
	for _, o := range x.ledger.entries() {
		if o.Column == nil {
			continue
		}
		gone, err := x.isGone(ctx, o)
		if err != nil {
			return fmt.Errorf("look for column %s: %w", o.Column, err)
		}
		if !gone {
			continue
		}
		if err := x.emit(event.Warning{Text: fmt.Sprintf("%s went with column %s and cannot come back without it", o.ID, o.Column)}); err != nil {
			return err
		}
		if err := x.emit(event.ObligationClosed{ID: o.ID, Waived: true}); err != nil {
			return err
		}
		x.ledger.settle(o.ID)
	}
	return nil
}

// isGone says whether the column that an entry hangs on is there no more.
func (x *executor) isGone(ctx context.Context, o event.Obligation) (bool, error) {
	there, err := x.inCatalog(ctx, o, `
		SELECT 1 FROM pg_catalog.pg_attribute
		WHERE attrelid = pg_catalog.to_regclass($1) AND attname = $2 AND NOT attisdropped`,
		o.Column.Table, o.Column.Name)
	return err == nil && !there, err
}

// isBack says whether the constraint of an entry is in the catalog, and valid
// unless it was not before.
func (x *executor) isBack(ctx context.Context, o event.Obligation) (bool, error) {
	return x.inCatalog(ctx, o, `
		SELECT 1 FROM pg_catalog.pg_constraint
		WHERE conrelid = pg_catalog.to_regclass($1) AND conname = $2 AND (convalidated OR $3)`,
		o.Table, o.Name, strings.HasSuffix(o.Restore, " NOT VALID"))
}

// inCatalog says whether a query of the catalog finds anything in the database
// of an entry.
func (x *executor) inCatalog(ctx context.Context, o event.Obligation, sql string, args ...any) (bool, error) {
	s, err := x.conns.session(ctx, cmp.Or(o.Connection, "main"))
	if err != nil {
		return false, err
	}
	defer s.use("", nil)() // a question of the engine's own, and no event
	r, err := s.Query(ctx, sql, args...)
	if err != nil {
		return false, err
	}
	return len(r.Rows) > 0, nil
}
