package engine

import (
	"slices"
	"sync"

	"runbook/engine/event"
)

// ledger holds what the run has taken away and not yet brought back.
type ledger struct {
	mu  sync.Mutex
	due []event.Obligation
}

func (l *ledger) open(o event.Obligation) {
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
