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

func (p *Plain) progress(e event.Progress) {
	r := p.steps.find(e.Step)
	if r == nil {
		return
	}
	if r.phase.name != e.Phase || e.Done < r.phase.done {
		r.phase = phase{e.Phase, p.now, e.Done}
	}
	if !r.progress.pass(p.now) {
		return
	}
	body := text(e.Phase)
	if what := amount(e); what != "" {
		body = body.add(plain, "  "+what)
	}
	if left := r.phase.left(e, p.now); left != "" {
		body = body.add(plain, ", about "+left+" left")
	}
	if e.Elapsed > 0 {
		body = body.add(faint, "  "+rough(duration(e.Elapsed)))
	}
	p.beneath(e.Step, "..", accent, body)
}

// amount is how much is done: 1,204,000 of 4,002,959 rows (30%).
func amount(e event.Progress) string {
	unit := e.Unit
	if unit != "" {
		unit = " " + unit
	}
	switch {
	case e.Total > 0:
		return fmt.Sprintf("%s of %s%s (%d%%)", grouped(e.Done), grouped(e.Total), unit, min(int64(float64(e.Done)/float64(e.Total)*100), 100))
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
	switch {
	case left < time.Second:
		return ""
	case left < time.Minute:
		return rough(left)
	case left < time.Hour:
		return fmt.Sprintf("%dm", (left+time.Minute/2)/time.Minute)
	default:
		return human(left)
	}
}
