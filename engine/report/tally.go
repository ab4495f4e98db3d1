package report

import (
	"time"

	"runbook/engine/event"
)

// tally is what a run amounts to beyond what RunFinished says, counted from the
// records; every report that sums up uses it. What a sandbox's setup did does
// not count.
type tally struct {
	unknown int
	ledger  map[string]bool // by the obligation's id: it is open
	waived  int             // closed because they cannot come back, or are not to
	windows []windows       // in the order of the probes' first windows
	steps   []event.StepStarted
	seeing  map[[2]string]string // step and probe: what ran when the window began
	inSetup bool

	notReached []string // titles
}

// windows are those of one probe.
type windows struct {
	probe   string
	count   int
	longest time.Duration
	during  string // title of the step that ran when the longest one began
}

// continued begins the count of a run that is started again; what its first
// part opened and closed still counts.
func (t *tally) continued() {
	t.steps, t.seeing, t.inSetup, t.unknown, t.notReached = nil, nil, false, 0, nil
}

func (t *tally) add(e event.Event) {
	switch e.(type) {
	case event.SetupStarted:
		t.inSetup = true
		return
	case event.SetupFinished:
		t.inSetup = false
		t.steps = nil
		return
	}
	if t.inSetup {
		return
	}
	switch e := e.(type) {
	case event.StepStarted:
		t.steps = append(t.steps, e)
	case event.StepFinished:
		t.left(e.Step)
		if e.Status == event.Unknown && e.Action != "group" {
			t.unknown++
		}
	case event.StepSkipped:
		if e.Status == event.NotReached {
			t.notReached = append(t.notReached, e.Title)
		}
	case event.Sighting:
		if t.seeing == nil {
			t.seeing = map[[2]string]string{}
		}
		if key := [2]string{e.Step, e.Probe}; t.seeing[key] == "" { // else the window is open already
			t.seeing[key] = t.current()
		}
	case event.WindowClosed:
		w := t.of(e.Probe)
		w.count++
		if d := duration(e.Duration); w.count == 1 || d > w.longest {
			w.longest = d
			w.during = t.seeing[[2]string{e.Step, e.Probe}]
		}
		delete(t.seeing, [2]string{e.Step, e.Probe})
	case event.ObligationOpened:
		t.owe(e.Obligation.ID, true)
	case event.ObligationClosed:
		t.owe(e.ID, false)
		if e.Waived {
			t.waived++
		}
	}
}

// left takes a step that ended, and all in it, from the steps that run.
func (t *tally) left(path event.Step) {
	for i, s := range t.steps {
		if s.Step == path {
			t.steps = t.steps[:i]
			return
		}
	}
}

// current is the title of the innermost step that runs.
func (t *tally) current() string {
	if len(t.steps) == 0 {
		return ""
	}
	return t.steps[len(t.steps)-1].Title
}

func (t *tally) of(probe string) *windows {
	for i := range t.windows {
		if t.windows[i].probe == probe {
			return &t.windows[i]
		}
	}
	t.windows = append(t.windows, windows{probe: probe})
	return &t.windows[len(t.windows)-1]
}

func (t *tally) owe(id string, open bool) {
	if t.ledger == nil {
		t.ledger = map[string]bool{}
	}
	t.ledger[id] = open
}

// restored is how many of the ledger's entries are back.
func (t *tally) restored() int {
	n := 0
	for _, open := range t.ledger {
		if !open {
			n++
		}
	}
	return n - t.waived
}
