package report

import (
	"fmt"
	"time"

	"runbook/engine/event"
)

// phase is where the present phase of a step began, to tell how much longer it
// will take.
type phase struct {
	name  string
	began time.Time
	done  int64
}

// enter begins a phase, or the same one anew.
func (f *phase) enter(e event.Progress, now time.Time) {
	if f.name != e.Phase || e.Done < f.done {
		*f = phase{e.Phase, now, e.Done}
	}
}

// counted is how much is done: 1,204,000 of 4,002,959 rows (30%).
func counted(e event.Progress) string {
	unit := e.Unit
	if unit != "" {
		unit = " " + unit
	}
	switch {
	case e.Total > 0:
		return fmt.Sprintf("%s of %s%s (%d%%)", grouped(e.Done), grouped(e.Total), unit, percent(e.Done, e.Total))
	case e.Done > 0:
		return grouped(e.Done) + unit
	default:
		return ""
	}
}

// left is the time that the rest of the phase will take at the pace it had so
// far; empty where that cannot be said.
func (f phase) left(e event.Progress, now time.Time) string {
	spent, did := now.Sub(f.began), e.Done-f.done
	if spent < calm || did <= 0 || e.Total <= e.Done {
		return ""
	}
	left := time.Duration(float64(spent) / float64(did) * float64(e.Total-e.Done))
	if left < time.Second {
		return ""
	}
	return remaining(left)
}
