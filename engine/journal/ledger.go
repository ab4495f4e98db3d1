package journal

import (
	"time"

	"runbook/engine/event"
)

// Entry is one obligation of a run with what became of it.
type Entry struct {
	event.Obligation
	Step   event.Step // that opened it last
	Opened time.Time
	Closed time.Time // zero while it is open
	Waived bool      // closed because a person gave it up
}

// Open says whether the obligation is still owed.
func (e *Entry) Open() bool { return e.Closed.IsZero() }

// Ledger lists every obligation that records tell of, in the order of their
// first opening. Those of a setup are left out, as State does.
func Ledger(records []event.Record) []*Entry {
	var list []*Entry
	index := map[string]*Entry{}
	inSetup := false
	for _, r := range records {
		switch e := r.Event.(type) {
		case event.RunStarted:
			inSetup = false
		case event.SetupStarted:
			inSetup = true
		case event.SetupFinished:
			inSetup = false
		case event.ObligationOpened:
			if inSetup {
				continue
			}
			entry := index[e.Obligation.ID]
			if entry == nil {
				entry = &Entry{}
				index[e.Obligation.ID] = entry
				list = append(list, entry)
			}
			*entry = Entry{Obligation: e.Obligation, Step: e.Step, Opened: r.Time}
		case event.ObligationClosed:
			if entry := index[e.ID]; entry != nil && entry.Open() {
				entry.Closed, entry.Waived = r.Time, e.Waived
			}
		}
	}
	return list
}
